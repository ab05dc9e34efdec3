import Glibc

// What the command line needs besides reading and writing: backup, checks, the schema as text.

extension Database {
    /// Copies the database to a new file while it is in use: one consistent state, checked, durable, never half there.
    /// It blocks this thread until the copy is complete.
    package func backup(to path: String) throws(StoreError) { try backend.backup(to: path) }

    /// The same without opening the database, and so without bringing its schema up to date.
    package static func backup(_ location: Location, to path: String) throws(StoreError) {
        switch location {
        case .sqlite(let source): try SQLiteBackend(path: source, temporaryDirectory: nil).backup(to: path)
        case .postgres(let url): try PostgresBackend(url: url).backup(to: path)
        case .temporary: throw .unsupported("a temporary database that is not open holds nothing")
        }
    }

    /// Puts a backup file in the place of a database that is not there yet: checked, durable, never half there.
    package static func restore(from backup: String, toSQLite path: String) throws(StoreError) {
        try SQLiteBackend(path: backup, temporaryDirectory: nil).backup(to: path)
    }

    /// Looks for damage. An empty answer means that none was found. It reads the whole database and blocks this thread.
    package func integrityCheck() throws -> [String] {
        let backend = backend, migrator = migrator
        return try readNow { tx in
            var problems = try backend.problems(tx.connection)
            problems += try migrator.problems(tx.connection)
            if try tx.connection.firstInt("SELECT COUNT(*) FROM change_position") != 1 {
                problems.append("the change position is missing")
            }
            return problems
        }
    }

    /// The schema as the database itself tells it, the same however it came to be.
    package func schemaDump() throws -> String {
        let backend = backend
        return try readNow { try backend.schema($0.connection) }
    }

    /// The tables that the statement reads from end to end, without an index. Only SQLite can tell: PostgreSQL chooses by
    /// what the tables hold, and answers with none.
    package func fullScans(_ sql: String) throws -> [String] {
        guard case .sqlite = backend.dialect else { return [] }
        return try readNow { tx in
            var tables: [String] = []
            let count = Dialect.postgres(sql).parameters
            let binds = [any Bindable](repeating: DatabaseValue.null, count: count)
            try tx.connection.rows("EXPLAIN QUERY PLAN " + sql, binds) { row in
                let words = row.text(3).split(separator: " ")
                if words.count == 2, words[0] == "SCAN" { tables.append(String(words[1])) }
            }
            return tables
        }
    }
}

extension Database {
    /// Gives the room of deleted rows back to the file system, so that what was deleted is in no file any more. It works in small steps
    /// between other writes; only an embedded database that an older version made is rewritten once as a whole, and holds writers up
    /// meanwhile. `tables`: where rows were deleted.
    package func reclaim(_ tables: [String]) async throws {
        switch backend.dialect {
        case .sqlite: try await shrink()
        case .postgres:
            try await onConnection { connection in
                try connection.execute("SET statement_timeout = 0")
                for table in tables { try connection.execute("VACUUM \(table)") }
            }
        }
    }

    private func shrink() async throws {
        func number(_ name: String) async throws -> Int64 { try await read { try $0.connection.firstInt("PRAGMA \(name)") ?? 0 } }
        if try await number("auto_vacuum") == 2 {
            // A step may find the free pages gone to a write that came between: then there is nothing left to do.
            while try await number("freelist_count") > 0 { try await write { try $0.connection.execute("PRAGMA incremental_vacuum(500)") } }
        } else if try await number("freelist_count") * 4 > number("page_count") {
            try await exclusively { connection in
                try connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                try connection.execute("VACUUM")
            }
        }
        // The log still holds old pages. Readers that are busy with it put this off to the next time.
        try await onConnection { connection in
            try connection.execute("PRAGMA busy_timeout = 200")
            try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        }
    }

    /// Runs on the writer's thread, outside any transaction.
    private func exclusively(_ body: @escaping @Sendable (any Connection) throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            writer.submit(exclusive: { result in continuation.resume(with: Result { try body(try result.get()) }) })
        }
    }

    /// Runs on a thread and a connection of its own.
    private func onConnection(_ body: @escaping @Sendable (any Connection) throws -> Void) async throws {
        let backend = backend
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            _ = WorkerThread {
                defer { pthread_detach(pthread_self()) }   // nobody joins it
                continuation.resume(with: Result {
                    let connection = try backend.connect(isWriter: true)
                    defer { connection.close() }
                    try body(connection)
                })
            }
        }
    }
}

extension Migrator {
    /// What the ledger of the database and this program do not agree on.
    func problems(_ connection: any Connection) throws(StoreError) -> [String] {
        var applied: [Int: String] = [:]
        try connection.rows("SELECT id, checksum FROM schema_migration") { applied[Int($0.int(0))] = $0.text(1) }
        var problems: [String] = []
        for migration in migrations {
            switch applied.removeValue(forKey: migration.id) {
            case nil: problems.append("migration \(migration.id) \"\(migration.name)\" is not applied")
            case migration.checksum: break
            default: problems.append("migration \(migration.id) \"\(migration.name)\" was applied with another text")
            }
        }
        problems += applied.keys.sorted().map { "migration \($0) is not known to this program" }
        return problems
    }
}
