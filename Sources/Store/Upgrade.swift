extension Database {
    /// Numbers of the store's own migrations.
    package static var ownMigrations: [Int] { Migrator.own.map(\.id) }

    /// What `open` would do to a database that holds something.
    package struct PendingUpgrade: Sendable, Equatable {
        /// Numbers of the migrations that it lacks.
        package let migrations: [Int]
        package let position: Int64
        /// How many bytes it takes up.
        package let size: Int64
    }

    /// nil for a database that is new, empty, or up to date. Throws as `open` would when it is of a newer version. It changes nothing.
    package static func pendingUpgrade(_ location: Location, migrations: [Migration]) throws(StoreError) -> PendingUpgrade? {
        let backend: any Backend
        switch location {
        case .sqlite(let path):
            guard let existing = try? SQLiteBackend.existing(path) else { return nil }   // not there: it will be made
            backend = existing
        case .postgres(let url): backend = try PostgresBackend(url: url)
        case .temporary: return nil
        }
        let connection = try backend.connect(isWriter: false)
        defer { connection.close() }
        guard try backend.hasTable("schema_migration", connection) else { return nil }
        let pending = try Migrator(backend.dialect, migrations).pending(connection)
        if pending.isEmpty { return nil }
        return PendingUpgrade(migrations: pending, position: try connection.firstInt(PositionSQL.read) ?? 0, size: try backend.size(connection))
    }
}
