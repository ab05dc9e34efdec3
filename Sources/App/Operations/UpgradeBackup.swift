import Glibc
import Logging
import ServerKit
import Store

/// Saves the database of a server before a new version brings its schema up to date, so that there is a way back.
///
///     DATA/backups/20260131-235959-before-0.2.0-at-12345.db     the database as it was (`.dump` of pg_dump with PostgreSQL), and its position
///
/// Invariants: nothing is migrated before the copy is complete, checked and flushed, or the operator has switched it off; of the copies the
/// newest `upgrade_backups` stay, and none for longer than 30 days: what people have deleted must not stay in them for ever.
enum UpgradeBackup {
    static let folder = "backups"
    static let longest: Int64 = 30 * 86_400_000

    static func location(_ config: Config) -> Database.Location {
        config.databaseURL.map { .postgres(url: $0) } ?? .sqlite(path: config.dataDirectory + "/" + Backup.databaseName)
    }

    /// Whether this program would change the schema of what is there.
    static func isDue(_ config: Config) throws -> Bool { try Database.pendingUpgrade(location(config), migrations: Inventory.migrations) != nil }

    /// Called by what serves, before the database is opened.
    static func take(_ config: Config, _ location: Database.Location, migrations: [Migration], now: Int64, log: Logger) throws {
        guard let upgrade = try Database.pendingUpgrade(location, migrations: migrations) else { return }
        let steps = upgrade.migrations.map(String.init).joined(separator: " ")
        guard config.upgradeBackups > 0 else {
            log.notice("the database is brought up to date without a copy of it: upgrade_backups is 0", metadata: ["migrations": "\(steps)"])
            return
        }
        let directory = config.dataDirectory + "/" + folder
        let what = "-before-\(System.version)-at-\(upgrade.position)"
        // A start that fails again and again must not fill the disk with the same.
        if let last = list(config).last, last.contains(what + "."), last > Backup.stamp(now - 3_600_000) {
            log.notice("the database was saved lately, before it is brought up to date", metadata: ["file": "\(directory)/\(last)", "migrations": "\(steps)"])
            return
        }
        let name = Backup.stamp(now) + what
        switch location {
        case .sqlite:
            try needs(upgrade.size + (64 << 20), directory, config)
            let path = "\(directory)/\(name).db"
            log.notice("the database is saved before it is brought up to date", metadata: ["file": "\(path)", "migrations": "\(steps)"])
            try Files.makeDirectory(directory)
            try Database.backup(location, to: path)
        case .postgres(let url):
            guard PostgresTools.find("pg_dump") != nil else {
                log.warning("pg_dump is not installed: the database is brought up to date without a copy of it", metadata: ["migrations": "\(steps)"])
                return
            }
            try needs(upgrade.size / 2 + (64 << 20), directory, config)   // pg_dump compresses, and leaves indexes out
            let path = "\(directory)/\(name).dump", part = path + ".part"
            log.notice("the database is saved before it is brought up to date", metadata: ["file": "\(path)", "migrations": "\(steps)"])
            try Files.makeDirectory(directory)
            do { try PostgresTools.save(url, to: part) } catch {
                Files.remove(part)
                throw Backup.Failure("The database must be saved before it is brought up to date, and that failed. \(error) Or save it yourself and start with upgrade_backups = 0.")
            }
            try Files.flush(part)
            guard chmod(part, 0o600) == 0, rename(part, path) == 0 else { throw Files.Failure(path) }
            try Files.flush(directory)
        case .temporary: return
        }
        prune(config, now: now)
    }

    private static func needs(_ bytes: Int64, _ directory: String, _ config: Config) throws {
        if let free = Files.freeBytes(config.dataDirectory), let lack = lack(of: bytes, free: free, directory) { throw lack }
    }

    static func lack(of bytes: Int64, free: Int64, _ directory: String) -> Backup.Failure? {
        guard free < bytes else { return nil }
        return Backup.Failure("""
            The database must be saved in \(directory) before it is brought up to date, which takes about \(Doctor.size(bytes)), and the disk has only \
            \(Doctor.size(free)) left. Nothing was changed. Make room; or save it elsewhere (`comptoir backup`) and start with upgrade_backups = 0.
            """)
    }

    /// The copies that are there, the oldest first: their names begin with their time.
    static func list(_ config: Config) -> [String] {
        ((try? Files.list(config.dataDirectory + "/" + folder)) ?? []).filter { $0.contains("-before-") && ($0.hasSuffix(".db") || $0.hasSuffix(".dump")) }   // no folder, no copies
    }

    static func prune(_ config: Config, now: Int64) {
        let copies = list(config), oldest = Backup.stamp(now - longest), kept = config.upgradeBackups > 0 ? config.upgradeBackups : copies.count
        for (index, name) in copies.enumerated() where name < oldest || index < copies.count - kept {
            Files.remove("\(config.dataDirectory)/\(folder)/\(name)")
        }
    }
}
