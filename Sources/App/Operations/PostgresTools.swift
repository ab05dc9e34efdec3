import Glibc
import ServerKit
import Store

/// PostgreSQL's own programs for saving and restoring. A password travels in the environment, never among the arguments.
enum PostgresTools {
    /// The whole database, or the schema that the URL's search_path names: others in it may be another server's.
    static func save(_ url: String, to path: String) throws {
        let db = try Database.openExisting(.postgres(url: url), migrations: [])
        defer { db.close() }
        let schema = try db.readNow { try $0.first("SELECT CAST(current_schema() AS TEXT)") { $0.text(0) } } ?? "public"
        let part = schema == "public" ? [] : ["--schema=\"\(schema)\""]
        try run("pg_dump", url) { ["--format=custom", "--no-owner", "--no-privileges", "--file=\(path)", "--dbname=\($0)"] + part }
    }

    static func restore(_ path: String, to url: String) throws {
        try run("pg_restore", url) { ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--dbname=\($0)", path] }
    }

    /// The URL without its password, and the password.
    static func split(_ url: String) -> (url: String, password: String?) {
        guard let scheme = url.firstRange(of: "://") else { return (url, nil) }
        let rest = url[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else { return (url, nil) }
        let password = Percent.decode(authority[authority.index(after: colon)..<at])
        return (String(url[..<colon]) + url[at...], password)
    }

    private static func run(_ program: String, _ url: String, _ arguments: (String) -> [String]) throws {
        let (address, password) = split(url)
        guard let path = find(program) else {
            throw Backup.Failure("\(program) is not installed: it saves and restores PostgreSQL databases. Install postgresql-client of the database's version, or use your PostgreSQL's own backups together with a copy of the media directory.")
        }
        var environment: [String] = []
        var entry = environ
        while let text = entry.pointee {
            environment.append(String(cString: text))
            entry += 1
        }
        if let password { environment.append("PGPASSWORD=" + password) }

        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0, ends.allSatisfy({ fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }) else { throw Backup.Failure("\(program) cannot be started: no file descriptors are left.") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments(address)).map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for text in words + settings { free(text) } }
        var child = pid_t()
        let status = posix_spawn(&child, path, &actions, nil, &words, &settings)
        close(ends[1])
        defer { close(ends[0]) }
        guard status == 0 else { throw Backup.Failure("\(path) cannot be started: \(String(cString: strerror(status))).") }
        var said: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(ends[0], &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            if said.count < 16_384 { said += buffer[..<count] }
        }
        var result: Int32 = 0
        while waitpid(child, &result, 0) < 0, errno == EINTR {}
        guard result == 0 else {
            var text = String(decoding: said, as: UTF8.self)
            while text.last?.isNewline == true { text.removeLast() }
            throw Backup.Failure("\(program) failed: \(text.isEmpty ? "it gave no reason" : text)")
        }
    }

    static func find(_ program: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
    }
}
