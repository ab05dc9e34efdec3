package import ServerKit
import Glibc
package import Logging
package import Store

/// Moves a stopped server from one kind of database to the other. Media and keys stay where they are.
///
/// Invariants: no server runs on either of the two meanwhile; the database that is left is never lost, and an embedded one gets another name,
/// so that nobody starts on it by mistake.
package enum DatabaseMove {
    package struct Summary: Sendable, Equatable {
        package var copied: DatabaseCopy.Summary
        /// What the embedded database that was left is called now; nil when it was PostgreSQL that was left.
        package var left: String?
    }

    /// `target`: a PostgreSQL URL, or `sqlite` for the embedded database of the data directory.
    package static func run(_ config: Config, to target: String, now: Int64, log: Logger, progress: DatabaseCopy.Progress) throws -> Summary {
        let file = config.dataDirectory + "/" + Backup.databaseName
        let from: Database.Location, to: Database.Location
        var both = config
        if target == "sqlite" {
            guard let url = config.databaseURL else { throw Backup.Failure("The server is on the embedded database already. Name the PostgreSQL database to copy from with --database URL.") }
            (from, to) = (.postgres(url: url), .sqlite(path: file))
        } else {
            guard target.hasPrefix("postgresql://") || target.hasPrefix("postgres://") else {
                throw Backup.Failure("--to must be 'sqlite', or a URL that starts with postgresql://.")
            }
            guard config.databaseURL == nil else { throw Backup.Failure("Both databases are PostgreSQL: use pg_dump and pg_restore between them.") }
            guard Files.exists(file) else { throw Backup.Failure("There is no database at \(file). Name the data directory with --data.") }
            (from, to) = (.sqlite(path: file), .postgres(url: target))
            both.databaseURL = target
        }
        let claim = try Claim(both, log)
        defer { claim.release() }
        let copied = try DatabaseCopy.run(from: from, to: to, migrations: Inventory.migrations, progress: progress)
        guard case .sqlite = from else { return Summary(copied: copied, left: nil) }
        let left = "\(file).copied-\(Backup.stamp(now))"
        for suffix in ["-wal", "-shm", ""] where Files.exists(file + suffix) {
            guard rename(file + suffix, left + suffix) == 0 else { throw Files.Failure(file + suffix) }
        }
        try Files.flush(config.dataDirectory)
        return Summary(copied: copied, left: left)
    }
}
