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
        let source = try SQLiteConnection(path: path, options: .init(isWriter: false))
        defer { source.close() }
        var copy: OpaquePointer?
        defer { sqlite3_close_v2(copy) }
        var status = sqlite3_open_v2(part, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, nil)
        guard status == SQLITE_OK else { throw SQLiteError.error(status, copy) }
        guard let backup = sqlite3_backup_init(copy, "main", source.handle, "main") else {
            throw SQLiteError.error(sqlite3_extended_errcode(copy), copy)
        }
        status = sqlite3_backup_step(backup, -1)
        let end = sqlite3_backup_finish(backup)
        guard status == SQLITE_DONE, end == SQLITE_OK else {
            throw SQLiteError.error(end == SQLITE_OK ? status : end, copy)
        }
        // One file, that needs nothing beside it.
        status = sqlite3_exec(copy, "PRAGMA journal_mode = DELETE", nil, nil, nil)
        guard status == SQLITE_OK else { throw SQLiteError.error(status, copy) }
        try Self.check(copy)
    }

    private static func check(_ database: OpaquePointer?) throws(StoreError) {
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        let status = sqlite3_prepare_v2(database, "PRAGMA quick_check(1)", -1, &statement, nil)
        guard status == SQLITE_OK, let statement else { throw SQLiteError.error(status, database) }
        guard sqlite3_step(statement) == SQLITE_ROW, SQLiteColumn.text(statement, 0) == "ok" else {
            throw .corrupt("the copy is not sound, and was removed")
        }
    }

    private static func synchronise(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("\(path) cannot be opened") }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("\(path) cannot be made durable") }
    }

    private static func failure(_ text: String) -> StoreError {
        let code = errno
        let message = "\(text): \(String(cString: strerror(code)))"
        return code == ENOSPC || code == EDQUOT ? .diskFull(message) : .io(message)
    }
}
