import Accounts
@testable import App
import Glibc
import Logging
import MatrixCore
import ServerKit
@testable import Store
import TestKit
import Testing

/// Every format that was ever released is brought up to date in one step, on both databases, and what clients of that time hold is still good.
/// `acceptance/make_format.py` writes a release's format down.
@Suite struct FormatTests {
    private static let directory = String(#filePath.dropLast("FormatTests.swift".utf8.count)) + "Formats/"
    static let names = ((try? Files.list(directory)) ?? []).filter { $0.hasSuffix(".sql") }.map { String($0.dropLast(4)) }
    private static let pairs = names.flatMap { name in TestBackend.available.map { (name, $0) } }

    /// The database as that release left it.
    private static func place(_ name: String, _ backend: TestBackend) throws -> (place: TestDatabase, config: Config, held: JSON) {
        let place = try backend.fresh()
        var config = Config()
        config.serverName = "format.test"
        config.dataDirectory = place.directory
        config.cheapPasswordHashing = true
        let file = place.directory + "/comptoir.db"
        let script = String(decoding: try Files.read(directory + name + ".sql", max: 10 << 20), as: UTF8.self)
        let connection = try SQLiteConnection(path: file, options: .init())
        try connection.execute(script)
        var ids: Set<Int64> = []
        try connection.rows("SELECT id FROM schema_migration") { ids.insert($0.int(0)) }
        connection.close()
        if case .postgres(let url) = place.location {
            // The same rows in the schema that this release made on PostgreSQL.
            let known = Inventory.migrations.filter { ids.contains(Int64($0.id)) }
            _ = try DatabaseCopy.run(from: .sqlite(path: file), to: place.location, migrations: known)
            config.databaseURL = url
            unlink(file)
        }
        return (place, config, try JSON.parse(try Files.read(directory + name + ".json", max: 1 << 20)))
    }
    private static func location(_ config: Config) -> Database.Location { config.databaseURL.map { .postgres(url: $0) } ?? .sqlite(path: config.dataDirectory + "/comptoir.db") }

    @Test func thereIsOne() { #expect(Self.names.contains("0.1")) }

    @Test(arguments: pairs)
    func aReleasedFormatIsBroughtUpToDateInOneStep(_ name: String, _ backend: TestBackend) async throws {
        let (place, config, held) = try Self.place(name, backend)
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let needsUpgrade = try Database.pendingUpgrade(Self.location(config), migrations: Inventory.migrations) != nil
        let server = try await Server.open(config, log: log)
        let c = server.context
        do {
            func text(_ key: String) -> String { held[key]?.stringValue ?? "" }
            func call(_ method: Method, _ path: String, _ token: String, _ body: JSON? = nil) async throws -> JSON {
                let halves = path.split(separator: "?", maxSplits: 1)
                let request = Request(method, Percent.decode(halves[0]) ?? "", query: halves.count > 1 ? Percent.query(halves[1]) ?? Query() : Query(),
                                      headers: ["Authorization": "Bearer " + text(token)], body: body?.encoded() ?? [], remote: "127.0.0.1")
                let response = TestResponse(await server.router.handle(request, rawPath: halves[0], context: c))
                try response.expect(200)
                return try #require(response.json)
            }
            let v3 = "/_matrix/client/v3", room = Percent.encode(text("room"))
            #expect(try await call(.get, v3 + "/account/whoami", "token")["user_id"]?.stringValue == text("user"))
            let news = try await call(.get, v3 + "/sync?since=" + text("since"), "token")
            let timeline = news["rooms"]?["join"]?[text("room")]?["timeline"]?["events"]?.arrayValue ?? []
            #expect(timeline.last?["event_id"]?.stringValue == text("unread"))
            #expect(news["to_device"]?["events"]?.arrayValue?.first?["content"]?["text"] == "waits")
            let all = try await call(.get, v3 + "/sync", "token")["rooms"]?["join"]?[text("room")]
            #expect((all?["unread_notifications"]?["notification_count"]?.intValue ?? 0) >= 1)
            let position = c.db.position
            let again = try await call(.put, v3 + "/rooms/\(room)/send/m.room.message/t3", "sender", ["msgtype": "m.text", "body": "message 3"])
            #expect(again["event_id"] == held["sent"]?["t3"])
            #expect(c.db.position == position)
            let new = try await call(.put, v3 + "/rooms/\(room)/send/m.room.message/new", "sender", ["msgtype": "m.text", "body": "new"])
            #expect(new["event_id"] != nil && c.db.position > position)
            let found = try await call(.post, v3 + "/search", "token", ["search_categories": ["room_events": ["search_term": "unread"]]])
            #expect(found["search_categories"]?["room_events"]?["count"]?.intValue == 1)
            #expect(try c.db.integrityCheck().isEmpty)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
        // Where something was to be done, the database was saved before.
        #expect(UpgradeBackup.list(config).count == (needsUpgrade ? 1 : 0))
        if needsUpgrade, backend == .sqlite, let copy = UpgradeBackup.list(config).first {
            #expect(try Database.pendingUpgrade(.sqlite(path: config.dataDirectory + "/backups/" + copy), migrations: Inventory.migrations) != nil)
        }
        withExtendedLifetime(place) {}
    }
}
