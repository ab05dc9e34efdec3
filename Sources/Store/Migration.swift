/// One step of the schema. Append-only: once released, a migration is never changed. Numbers are unique across the server.
package struct Migration: Sendable {
    package let id: Int
    package let name: String
    /// One or more statements, separated by semicolons, in the words that both databases accept.
    package let sql: String

    package init(_ id: Int, _ name: String, _ sql: String) {
        (self.id, self.name, self.sql) = (id, name, sql)
    }

    /// FNV-1a over the text: it guards against accidents, not against intent.
    var checksum: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in sql.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let hex = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - hex.count) + hex
    }
}

/// Brings a database to the schema of this program, in one transaction: all of it or nothing.
struct Migrator: Sendable {
    let dialect: Dialect
    let migrations: [Migration]

    init(_ dialect: Dialect, _ migrations: [Migration]) throws(StoreError) {
        self.dialect = dialect
        self.migrations = (Self.own + migrations).sorted { $0.id < $1.id }
        for (one, next) in zip(self.migrations, self.migrations.dropFirst()) where one.id == next.id {
            throw .migration("two migrations have the number \(one.id): \"\(one.name)\" and \"\(next.name)\"; give one of them another number")
        }
    }

    /// The migrations of the store itself: 1-9.
    static let own: [Migration] = [
        Migration(1, "change position", """
            CREATE TABLE change_position (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                position INTEGER NOT NULL
            );
            INSERT INTO change_position (id, position) VALUES (1, 0);
            """),
        DurableQueue.migration,
    ]

    static let ledger = """
        CREATE TABLE IF NOT EXISTS schema_migration (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            applied INTEGER NOT NULL,
            checksum TEXT NOT NULL
        )
        """

    /// Called inside a write transaction of the connection. Gives the number of migrations applied.
    func run(on connection: any Connection) throws(StoreError) -> Int {
        try connection.execute(dialect.migration(Self.ledger))
        let applied = try checked(connection)
        var count = 0
        for migration in migrations where applied[migration.id] == nil {
            for statement in Dialect.statements(migration.sql) {
                do {
                    try connection.execute(dialect.migration(statement))
                } catch {
                    throw .migration("migration \(migration.id) \"\(migration.name)\" failed and nothing was changed: \(error)")
                }
            }
            _ = try connection.run(
                "INSERT INTO schema_migration (id, name, applied, checksum) VALUES (?, ?, ?, ?)",
                [migration.id, migration.name, SystemClock.wallMilliseconds(), migration.checksum])
            count += 1
        }
        return count
    }

    /// The numbers of those that are not applied yet. Throws when the database and this program do not belong together.
    func pending(_ connection: any Connection) throws(StoreError) -> [Int] {
        let applied = try checked(connection)
        return applied.isEmpty ? [] : migrations.map(\.id).filter { applied[$0] == nil }
    }

    private func checked(_ connection: any Connection) throws(StoreError) -> [Int: (name: String, checksum: String)] {
        var applied: [Int: (name: String, checksum: String)] = [:]
        try connection.rows("SELECT id, name, checksum FROM schema_migration") {
            applied[Int($0.int(0))] = ($0.text(1), $0.text(2))
        }
        try check(applied)
        return applied
    }

    private func check(_ applied: [Int: (name: String, checksum: String)]) throws(StoreError) {
        let known = Dictionary(uniqueKeysWithValues: migrations.map { ($0.id, $0) })
        for (id, entry) in applied.sorted(by: { $0.key < $1.key }) {
            guard let migration = known[id] else {
                throw .migration("""
                    this database was made by a newer version: it has migration \(id) "\(entry.name)", which this program does \
                    not know. Start that newer version, or restore the backup taken before the upgrade.
                    """)
            }
            guard migration.checksum == entry.checksum else {
                throw .migration("""
                    migration \(id) "\(entry.name)" is not the one that was applied to this database. A released migration is \
                    never changed: start the version of the program that made this database, or put the old text back and \
                    write the change as a new migration.
                    """)
            }
        }
    }
}
