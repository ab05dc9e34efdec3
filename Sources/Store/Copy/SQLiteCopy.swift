import Glibc

extension SQLiteBackend {
    /// A file that is there; opening it would otherwise make it.
    static func existing(_ path: String) throws(StoreError) -> SQLiteBackend {
        guard access(path, F_OK) == 0 else { throw .unavailable("there is no database at \(path)") }
        return SQLiteBackend(path: path, temporaryDirectory: nil)
    }

    func prepareForCopy(_ connection: any Connection) throws(StoreError) {}

    func tables(_ connection: any Connection) throws(StoreError) -> [TableShape] {
        var tables: [TableShape] = []
        try connection.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name") {
            tables.append(TableShape(name: $0.text(0)))
        }
        for index in tables.indices {
            var unknown: String?
            try connection.rows("SELECT name, type FROM pragma_table_info(?)", [tables[index].name]) { row in
                let kind: TableShape.Kind? = switch row.text(1) {
                case "INTEGER": .int
                case "REAL": .real
                case "TEXT": .text
                case "BLOB": .bytes
                default: nil
                }
                if let kind { tables[index].columns.append(.init(name: row.text(0), kind: kind)) } else { unknown = "\(row.text(0)) \(row.text(1))" }
            }
            if let unknown { throw .unsupported("table \(tables[index].name) has a column that cannot be copied: \(unknown)") }
            try connection.rows("SELECT \"table\" FROM pragma_foreign_key_list(?)", [tables[index].name]) { tables[index].parents.insert($0.text(0)) }
        }
        return tables
    }

    func stream(_ connection: any Connection, _ table: TableShape, _ row: (Row) throws -> Void) throws {
        _ = try connection.query("SELECT \(table.quotedColumns) FROM \(table.quotedName)", []) {
            try row($0)
            return true
        }
    }
}

/// A new file beside its place, which gets its name at the end.
final class SQLiteCopyTarget: CopyTarget {
    let backend: any Backend
    let connection: any Connection
    private let path: String
    private let part: String
    private var pending = 0
    /// So many rows go into one transaction: the log beside the file stays small.
    private static let batch = 20_000

    init(_ path: String, _ migrator: Migrator) throws(StoreError) {
        guard access(path, F_OK) != 0 else { throw .unsupported("\(path) is there already: a copy never overwrites a database. Move it away first") }
        part = path + ".copying"
        self.path = path
        Self.remove(part)
        let backend = SQLiteBackend(path: part, temporaryDirectory: nil)
        try backend.createPrivately()
        do throws(StoreError) {
            connection = try SQLiteConnection(path: part, options: .init(isWriter: true, isDurable: false))   // it is flushed as a whole
            _ = try backend.migrate(connection, migrator)
            try connection.execute("PRAGMA foreign_keys = OFF")   // checked at the end
        } catch {
            Self.remove(part)
            throw error
        }
        self.backend = backend
    }

    func fill(_ table: TableShape, _ rows: (_ put: (Row, [UInt8]) throws -> Void) throws -> Void) throws {
        let places = Placeholders.list(table.columns.count)
        let insert = "INSERT INTO \(table.quotedName) (\(table.quotedColumns)) VALUES (\(places))"
        try connection.execute("BEGIN")
        try rows { row, _ in
            let values = table.columns.enumerated().map { index, column -> any Bindable in
                if row.isNull(index) { return DatabaseValue.null }
                return switch column.kind {
                case .int: row.int(index)
                case .real: row.real(index)
                case .text: row.text(index)
                case .bytes: row.bytes(index)
                }
            }
            _ = try connection.run(insert, values)
            pending += 1
            if pending >= Self.batch {
                pending = 0
                try connection.execute("COMMIT; BEGIN")
            }
        }
        try connection.execute("COMMIT")
    }

    func finish() throws(StoreError) {
        let damage = try backend.problems(connection)
        guard damage.isEmpty else { throw .corrupt("the copy is not sound: \(damage.prefix(3).joined(separator: "; "))") }
        try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        var mode = ""
        try connection.rows("PRAGMA journal_mode = DELETE") { mode = $0.text(0) }
        guard mode == "delete" else { throw .io("the copy at \(part) cannot be closed") }
        connection.close()
        try SQLiteBackend.synchronise(part)
        guard link(part, path) == 0 else { throw SQLiteBackend.failure("\(path) cannot be named") }   // never overwrites, unlike rename
        unlink(part)
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        try SQLiteBackend.synchronise(slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".")
    }

    func abandon() {
        connection.close()
        Self.remove(part)
    }

    private static func remove(_ path: String) { for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) } }
}
