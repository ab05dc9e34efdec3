@testable import App
import Glibc
import Logging
import ServerKit
import Store
import TestKit
import Testing

@Suite struct UpgradeBackupTests {
    private static let old = [Migration(1000, "old", "CREATE TABLE thing (id INTEGER PRIMARY KEY)")]
    private static let new = old + [Migration(1001, "new", "CREATE TABLE other (id INTEGER PRIMARY KEY)")]
    private let now: Int64 = 1_770_000_000_000
    private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func place(_ backend: TestBackend) throws -> (TestDatabase, Config, Database.Location) {
        let place = try backend.fresh()
        var config = Config()
        config.dataDirectory = place.directory
        if case .postgres(let url) = place.location { config.databaseURL = url }
        try place.open(Self.old).close()
        return (place, config, place.location)
    }

    @Test(arguments: TestBackend.available)
    func theDatabaseIsSavedBeforeItIsBroughtUpToDate(_ backend: TestBackend) throws {
        let (place, config, location) = try place(backend)
        try UpgradeBackup.take(config, location, migrations: Self.old, now: now, log: log)
        #expect(UpgradeBackup.list(config).isEmpty, "there is nothing to bring up to date")
        try UpgradeBackup.take(config, location, migrations: Self.new, now: now, log: log)
        let copies = UpgradeBackup.list(config)
        #expect(copies == ["20260202-024000-before-\(System.version)-at-0." + (backend == .sqlite ? "db" : "dump")])
        let path = config.dataDirectory + "/backups/" + copies[0]
        #expect(Files.info(path)?.mode == 0o600)
        if backend == .sqlite {
            let copy = try Database.openExisting(.sqlite(path: path), migrations: Self.old)
            defer { copy.close() }
            #expect(try copy.integrityCheck().isEmpty)
        } else {
            #expect(try Files.read(path, max: 1 << 20).starts(with: "PGDMP".utf8))
        }
        // A start that fails and comes again writes no second one; an hour later it does.
        try UpgradeBackup.take(config, location, migrations: Self.new, now: now + 1000, log: log)
        #expect(UpgradeBackup.list(config) == copies)
        try UpgradeBackup.take(config, location, migrations: Self.new, now: now + 3_700_000, log: log)
        #expect(UpgradeBackup.list(config).count == 2)
        withExtendedLifetime(place) {}
    }

    @Test func anEmptyPlaceNeedsNoCopyAndWhoSwitchesItOffGetsNone() throws {
        let fresh = try TestBackend.sqlite.fresh()
        var empty = Config()
        empty.dataDirectory = fresh.directory
        try UpgradeBackup.take(empty, fresh.location, migrations: Self.new, now: now, log: log)
        try put("", fresh.path)   // a start that was cut off before it had made anything
        try UpgradeBackup.take(empty, fresh.location, migrations: Self.new, now: now, log: log)
        #expect(!Files.exists(fresh.directory + "/backups"))

        var (place, config, location) = try place(.sqlite)
        config.upgradeBackups = 0
        try UpgradeBackup.take(config, location, migrations: Self.new, now: now, log: log)
        #expect(UpgradeBackup.list(config).isEmpty)
        withExtendedLifetime(place) {}
    }

    @Test func aDatabaseOfANewerVersionIsRefusedBeforeAnythingIsWritten() throws {
        let (place, config, location) = try place(.sqlite)
        try place.open(Self.new).close()
        #expect(throws: StoreError.self) { try UpgradeBackup.take(config, location, migrations: Self.old, now: now, log: log) }
        #expect(UpgradeBackup.list(config).isEmpty)
    }

    @Test func onlyTheNewestStayAndNoneForLongerThanAMonth() throws {
        var (place, config, _) = try place(.sqlite)
        let directory = config.dataDirectory + "/backups"
        for day in [1, 5, 20, 28] { try put("x", "\(directory)/\(Backup.stamp(now - Int64(30 - day) * 86_400_000))-before-0.0.\(day)-at-1.db") }
        try put("mine", directory + "/by-hand.db")
        config.upgradeBackups = 3
        UpgradeBackup.prune(config, now: now)
        #expect(UpgradeBackup.list(config).map { $0.split(separator: "-")[3] } == ["0.0.5", "0.0.20", "0.0.28"])
        UpgradeBackup.prune(config, now: now + 10 * 86_400_000)
        #expect(UpgradeBackup.list(config).count == 2, "older than 30 days")
        config.upgradeBackups = 0
        UpgradeBackup.prune(config, now: now + 10 * 86_400_000)
        #expect(UpgradeBackup.list(config).count == 2)
        config.upgradeBackups = 1
        UpgradeBackup.prune(config, now: now)
        #expect(UpgradeBackup.list(config).count == 1)
        #expect(Files.exists(directory + "/by-hand.db"))
        withExtendedLifetime(place) {}
    }

    @Test func withoutRoomNothingIsBegun() {
        #expect(UpgradeBackup.lack(of: 100, free: 100, "d") == nil)
        let text = UpgradeBackup.lack(of: 5 << 30, free: 1 << 30, "/data/backups")?.description ?? ""
        #expect(text.contains("/data/backups") && text.contains("5120 MiB") && text.contains("1024 MiB") && text.contains("Nothing was changed"))
    }
}
