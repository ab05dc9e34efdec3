internal import CSQLite
import Glibc

/// One connection to an SQLite file: write-ahead log, every commit fsynced, foreign keys enforced.
final class SQLiteConnection: Connection {
    struct Options {
        var isWriter = true
        /// False only for temporary databases, which nobody needs after a crash.
        var isDurable = true
    }

    private var database: OpaquePointer?
    private var statements: [String: Prepared] = [:]
    private static let maximumStatements = 400

    private final class Prepared {
        let pointer: OpaquePointer
        var isInUse = false
        init(_ pointer: OpaquePointer) { self.pointer = pointer }
        deinit { sqlite3_finalize(pointer) }
    }

    init(path: String, options: Options) throws(StoreError) {
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let status = sqlite3_open_v2(path, &database, flags, nil)
        guard status == SQLITE_OK, let database else {
            let error = SQLiteError.error(status, database)
            sqlite3_close_v2(database)
            throw error
        }
        do {
            sqlite3_busy_timeout(database, 5_000)
            try check(comptoir_sqlite_configure(database))
            try setUp(options)
        } catch {
            close()
            throw error
        }
    }

    deinit { close() }

    private func setUp(_ options: Options) throws(StoreError) {
        // Before anything is in the file; one that is older takes it with its next VACUUM.
        if options.isWriter { try execute("PRAGMA auto_vacuum = INCREMENTAL") }
        var mode = ""
        try rows("PRAGMA journal_mode = WAL") { mode = $0.text(0) }
        guard mode == "wal" else { throw .io("the file system cannot keep a write-ahead log (journal mode \(mode))") }
        try execute("""
            PRAGMA synchronous = \(options.isDurable ? "FULL" : "OFF");
            PRAGMA foreign_keys = ON;
            PRAGMA case_sensitive_like = ON;
            PRAGMA secure_delete = FAST;
            PRAGMA temp_store = MEMORY;
            PRAGMA mmap_size = 0;
            PRAGMA journal_size_limit = 67108864;
            PRAGMA wal_autocheckpoint = 4000;
            PRAGMA cache_size = \(options.isWriter ? -8192 : -2048);
            PRAGMA query_only = \(options.isWriter ? "OFF" : "ON")
            """)
        statements.removeAll()
    }

    // MARK: transactions

    func beginWrite() throws(StoreError) -> Int64 {
        _ = try run("BEGIN IMMEDIATE")
        do {
            return try firstInt(PositionSQL.read) ?? 0
        } catch {
            rollBack()
            throw error
        }
    }

    func beginRead() throws(StoreError) { _ = try run("BEGIN DEFERRED") }

    func commit(position: Int64?) throws(StoreError) {
        if let position { _ = try run(PositionSQL.write, [position]) }
        _ = try run("COMMIT")
    }

    /// There is no connection that could be lost: an error of COMMIT is a transaction that was not kept.
    func wasKept() throws(StoreError) -> Bool { false }

    func savepoint(_ depth: Int) throws(StoreError) { _ = try run("SAVEPOINT s\(depth)") }
    func release(_ depth: Int) throws(StoreError) { _ = try run("RELEASE s\(depth)") }

    func rollBack(to depth: Int) throws(StoreError) {
        _ = try run("ROLLBACK TO s\(depth)")
        _ = try run("RELEASE s\(depth)")
    }

    func rollBack() {
        guard let database, isInTransaction else { return }
        // ROLLBACK itself fails only where SQLite has already ended the transaction.
        sqlite3_exec(database, "ROLLBACK", nil, nil, nil)
    }

    var isInTransaction: Bool {
        guard let database else { return false }
        return sqlite3_get_autocommit(database) == 0
    }

    var isLost: Bool { false }

    // MARK: statements

    func query(_ sql: String, _ binds: [any Bindable], _ row: (Row) throws -> Bool) throws -> Int {
        guard let database else { throw StoreError.closed }
        let statement = try prepared(sql)
        let pointer = statement.pointer
        statement.isInUse = true
        defer {
            sqlite3_reset(pointer)
            // Bound values are set anew each time; what was large is not kept for the next.
            if !binds.isEmpty { sqlite3_clear_bindings(pointer) }
            statement.isInUse = false
        }
        try bind(binds, to: pointer, sql)
        let changesBefore = sqlite3_total_changes64(database)
        let columns = sqlite3_column_count(pointer)
        while true {
            let status = sqlite3_step(pointer)
            if status == SQLITE_ROW {
                // The first step of a statement with RETURNING does all its work: it may be left at any row.
                if try !row(Row(source: .sqlite(pointer), columns: columns)) { break }
            } else if status == SQLITE_DONE {
                break
            } else {
                throw SQLiteError.error(status, database)
            }
        }
        // The total count is also moved by foreign-key actions; the plain one is that of the statement alone.
        return sqlite3_total_changes64(database) == changesBefore ? 0 : Int(sqlite3_changes64(database))
    }

    private func bind(_ binds: [any Bindable], to pointer: OpaquePointer, _ sql: String) throws(StoreError) {
        let expected = sqlite3_bind_parameter_count(pointer)
        guard binds.count == Int(expected) else {
            throw .statement("\(binds.count) values for \(expected) placeholders", sql: sql)
        }
        for (offset, bindable) in binds.enumerated() {
            let index = Int32(offset + 1)
            let status: Int32
            switch try bindable.databaseValue.checked() {
            case .null: status = sqlite3_bind_null(pointer, index)
            case .int(let number): status = sqlite3_bind_int64(pointer, index, number)
            case .real(let number): status = sqlite3_bind_double(pointer, index, number)
            case .text(var text):
                status = text.withUTF8 { utf8 in
                    utf8.withMemoryRebound(to: CChar.self) {
                        comptoir_sqlite_bind_text(pointer, index, $0.baseAddress, Int32($0.count))
                    }
                }
            case .bytes(let bytes):
                status = bytes.withUnsafeBytes {
                    comptoir_sqlite_bind_blob(pointer, index, $0.baseAddress, Int32($0.count))
                }
            }
            try check(status)
        }
    }

    private func prepared(_ sql: String) throws(StoreError) -> Prepared {
        if let known = statements[sql], !known.isInUse { return known }
        let isNested = statements[sql] != nil
        let statement = try compile(sql)
        if !isNested {
            if statements.count >= Self.maximumStatements { statements = statements.filter { $0.value.isInUse } }
            statements[sql] = statement
        }
        return statement
    }

    private func compile(_ sql: String) throws(StoreError) -> Prepared {
        guard let database else { throw .closed }
        var pointer: OpaquePointer?
        var hasMore = false
        let status = sql.withCString { start in
            var tail: UnsafePointer<CChar>?
            let status = sqlite3_prepare_v3(database, start, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, &tail)
            hasMore = tail.map { !String(cString: $0).allSatisfy { $0.isWhitespace || $0 == ";" } } ?? false
            return status
        }
        guard status == SQLITE_OK, let pointer else {
            if status & 0xFF == SQLITE_ERROR || status == SQLITE_OK {
                throw .statement(String(cString: sqlite3_errmsg(database)), sql: sql)
            }
            throw SQLiteError.error(status, database)
        }
        let statement = Prepared(pointer)
        if hasMore { throw .statement("more than one statement", sql: sql) }
        return statement
    }

    func prepare(_ sql: String) throws(StoreError) { _ = try compile(sql) }

    func execute(_ sql: String) throws(StoreError) {
        guard let database else { throw .closed }
        let status = sqlite3_exec(database, sql, nil, nil, nil)
        guard status == SQLITE_OK else {
            if status & 0xFF == SQLITE_ERROR { throw .statement(String(cString: sqlite3_errmsg(database)), sql: sql) }
            throw SQLiteError.error(status, database)
        }
    }

    private func check(_ status: Int32) throws(StoreError) {
        if status != SQLITE_OK { throw SQLiteError.error(status, database) }
    }

    func close() {
        statements.removeAll()
        if let database { sqlite3_close_v2(database) }
        database = nil
    }
}

/// Columns of the statement that is being stepped.
enum SQLiteColumn {
    static func isNull(_ statement: OpaquePointer, _ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }
    static func int(_ statement: OpaquePointer, _ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
    static func real(_ statement: OpaquePointer, _ column: Int32) -> Double { sqlite3_column_double(statement, column) }

    /// nil for NULL.
    static func text(_ statement: OpaquePointer, _ column: Int32) -> String? {
        utf8(statement, column).map { String(decoding: $0, as: UTF8.self) }
    }
    /// `last` itself where it is the same.
    static func text(_ statement: OpaquePointer, _ column: Int32, like last: String) -> String? {
        guard let utf8 = utf8(statement, column) else { return nil }
        var last = last
        let isSame = last.withUTF8 { old in
            guard old.count == utf8.count else { return false }
            guard let one = old.baseAddress, let other = utf8.baseAddress else { return true }   // both are empty
            return memcmp(one, other, old.count) == 0
        }
        if isSame { return last }
        return String(decoding: utf8, as: UTF8.self)
    }
    private static func utf8(_ statement: OpaquePointer, _ column: Int32) -> UnsafeBufferPointer<UInt8>? {
        guard let start = sqlite3_column_text(statement, column) else { return nil }
        return UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
    }

    static func bytes(_ statement: OpaquePointer, _ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(statement, column) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
    }
}

enum SQLiteError {
    /// SQLite's messages name tables and columns, never values.
    static func error(_ status: Int32, _ database: OpaquePointer?) -> StoreError {
        let message = database.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(status))
        // The five kinds of constraint are extended codes: primary code 19 with the kind in the second byte.
        switch status & 0xFF {
        case SQLITE_FULL: return .diskFull(message)
        case SQLITE_BUSY, SQLITE_LOCKED: return .busy(message)
        case SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH: return .readOnly(message)
        case SQLITE_CORRUPT, SQLITE_NOTADB: return .corrupt(message)
        case SQLITE_CANTOPEN: return .unavailable(message)
        case SQLITE_INTERRUPT: return .timeout(message)
        case SQLITE_CONSTRAINT:
            switch status >> 8 {
            case 1: return .constraint(.check, message)
            case 3: return .constraint(.foreignKey, message)
            case 5: return .constraint(.notNull, message)
            case 6, 8: return .constraint(.unique, message)
            default: return .constraint(.other, message)
            }
        case SQLITE_MISMATCH: return .constraint(.other, message)
        default: return .io(message)
        }
    }
}
