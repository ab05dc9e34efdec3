import Glibc

struct SQLiteBackend: Backend {
    let path: String
    let temporaryDirectory: String?

    var dialect: Dialect { .sqlite }

    /// On a memory file system where there is one: tests make thousands of these.
    static func temporary() throws(StoreError) -> SQLiteBackend {
        let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/comptoir-store-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .io("no temporary directory can be made in \(parent): \(String(cString: strerror(errno)))")
        }
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return SQLiteBackend(path: directory + "/store.db", temporaryDirectory: directory)
    }

    func connect(isWriter: Bool) throws(StoreError) -> any Connection {
        if isWriter { try createPrivately() }
        return try SQLiteConnection(path: path, options: .init(isWriter: isWriter, isDurable: temporaryDirectory == nil))
    }

    /// The file holds secrets: it is made for its owner alone, and SQLite gives the log beside it the same rights.
    func createPrivately() throws(StoreError) {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .unavailable("\(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        Glibc.close(descriptor)
    }

    func migrate(_ connection: any Connection, _ migrator: Migrator) throws(StoreError) -> Int64 {
        // Off while tables are rebuilt; the check at the end finds what would have been refused.
        try connection.execute("PRAGMA foreign_keys = OFF")
        try connection.execute("BEGIN IMMEDIATE")
        do throws(StoreError) {
            if try migrator.run(on: connection) > 0, let _ = try connection.firstInt("PRAGMA foreign_key_check") {
                throw StoreError.migration("the migrations leave rows that point to nothing, and nothing was changed; this is a fault of the program")
            }
            let position = try connection.firstInt(PositionSQL.read) ?? 0
            try connection.execute("COMMIT")
            try connection.execute("PRAGMA foreign_keys = ON")
            return position
        } catch {
            connection.rollBack()
            connection.close()
            throw error
        }
    }

    func problems(_ connection: any Connection) throws(StoreError) -> [String] {
        var problems: [String] = []
        try connection.rows("PRAGMA integrity_check") { if $0.text(0) != "ok" { problems.append($0.text(0)) } }
        try connection.rows("PRAGMA foreign_key_check") {
            problems.append("a row of \($0.text(0)) points to a row of \($0.text(2)) that is not there")
        }
        return problems
    }

    func schema(_ connection: any Connection) throws(StoreError) -> String {
        var output = ""
        try connection.rows("""
            SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
            ORDER BY CASE type WHEN 'table' THEN 0 ELSE 1 END, name
            """) { output += $0.text(0) + ";\n" }
        return output
    }

    func hasTable(_ name: String, _ connection: any Connection) throws(StoreError) -> Bool {
        try connection.firstInt("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?", [name]) == 1
    }

    func size(_ connection: any Connection) throws(StoreError) -> Int64 {
        (try connection.firstInt("PRAGMA page_count") ?? 0) * (try connection.firstInt("PRAGMA page_size") ?? 0)
    }

    func removeTemporaryFiles() {
        guard let temporaryDirectory else { return }
        for suffix in ["", "-wal", "-shm", "-journal"] { unlink(path + suffix) }
        rmdir(temporaryDirectory)
    }
}
