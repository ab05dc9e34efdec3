internal import CSQLite
import Glibc

extension SQLiteBackend {
    /// By SQLite's online backup: the copy is one snapshot, and writers go on meanwhile. It is written beside its place,
    /// checked and fsynced, and only then given its name.
    func backup(to target: String) throws(StoreError) {
        guard access(target, F_OK) != 0 else { throw .io("\(target) is there already; a backup never overwrites a file") }
        let part = target + ".part"
        let descriptor = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("\(part) cannot be made") }
        Glibc.close(descriptor)
        do throws(StoreError) {
            try copy(to: part)
            try Self.synchronise(part)
            guard rename(part, target) == 0 else { throw Self.failure("\(target) cannot be named") }
            let slash = target.utf8.lastIndex(of: UInt8(ascii: "/"))
            try Self.synchronise(slash.map { $0 == target.startIndex ? "/" : String(target[..<$0]) } ?? ".")
        } catch {
            for suffix in ["", "-journal", "-wal", "-shm"] { unlink(part + suffix) }
            throw error
        }
    }

    private func copy(to part: String) throws(StoreError) {
        // Neither made nor changed: it may be a database in use or an old backup.
        let source = try Self.openExisting(path)
        defer { sqlite3_close_v2(source) }
        sqlite3_busy_timeout(source, 5_000)
        let copy = try Self.openExisting(part)
        defer { sqlite3_close_v2(copy) }
        guard let backup = sqlite3_backup_init(copy, "main", source, "main") else {
            throw SQLiteError.error(sqlite3_extended_errcode(copy), copy)
        }
        let step = sqlite3_backup_step(backup, -1)
        let end = sqlite3_backup_finish(backup)
        guard step == SQLITE_DONE, end == SQLITE_OK else {
            throw SQLiteError.error(end == SQLITE_OK ? step : end, copy)
        }
        // One file, that needs nothing beside it.
        let status = sqlite3_exec(copy, "PRAGMA journal_mode = DELETE", nil, nil, nil)
        guard status == SQLITE_OK else { throw SQLiteError.error(status, copy) }
        guard try Self.first(copy, "PRAGMA quick_check(1)") == "ok" else {
            throw .corrupt("\(path) cannot be copied: the copy is not sound, and was removed")
        }
        let tables = "SELECT COUNT(*) FROM sqlite_master WHERE name IN ('schema_migration', 'change_position')"
        guard try Self.first(copy, tables) == "2" else { throw .corrupt("\(path) is not a database of this program") }
    }

    private static func openExisting(_ path: String) throws(StoreError) -> OpaquePointer {
        var database: OpaquePointer?
        let status = sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard status == SQLITE_OK, let database else {
            let error = SQLiteError.error(status, database)
            sqlite3_close_v2(database)
            throw error
        }
        return database
    }

    private static func first(_ database: OpaquePointer, _ sql: String) throws(StoreError) -> String {
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        var status = sqlite3_prepare_v2(database, sql, -1, &statement, nil)
        guard status == SQLITE_OK, let statement else { throw SQLiteError.error(status, database) }
        status = sqlite3_step(statement)
        guard status == SQLITE_ROW else { throw SQLiteError.error(status, database) }
        return SQLiteColumn.text(statement, 0) ?? ""
    }

    static func synchronise(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("\(path) cannot be opened") }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("\(path) cannot be made durable") }
    }

    static func failure(_ text: String) -> StoreError {
        let code = errno
        let message = "\(text): \(String(cString: strerror(code)))"
        return code == ENOSPC || code == EDQUOT ? .diskFull(message) : .io(message)
    }
}
