@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct PresenceTests {
    let room = RoomID(trusted: "!room:test")
    private func path(_ user: TestUser) -> String { v3 + "/presence/\(user.path)/status" }
    private func sync(_ world: World, _ user: TestUser, _ presence: String = "online") async throws {
        for source in world.c.syncSources { try await source.began(world.c, user: user.id, device: user.device, presence: presence) }
    }

    @Test func isSetAndReadByOneselfAndNeighbours() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob"), eve = try await world.app.register("eve")
        for user in [alice, bob] { try await world.join(user, room) }
        #expect(await world.app.call(.get, path(alice), as: alice)["presence"] == "offline")
        try await world.app.call(.put, path(alice), as: alice, json: ["presence": "online", "status_msg": "Here"]).expect(200)
        world.app.clock.advance(1000)
        #expect(try await world.app.call(.get, path(alice), as: bob).expect(200)
            == ["presence": "online", "status_msg": "Here", "last_active_ago": 1000, "currently_active": true])
        try await world.app.call(.get, path(alice), as: eve).expect(403, "M_FORBIDDEN")
        try await world.app.call(.put, path(alice), as: bob, json: ["presence": "online"]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.put, path(alice), as: alice, json: ["presence": "unavailable"]).expect(200)
        #expect(await world.app.call(.get, path(alice), as: alice)["status_msg"] == "Here")
        try await world.app.call(.put, path(alice), as: alice, json: ["presence": "offline", "status_msg": .null]).expect(200)
        #expect(await world.app.call(.get, path(alice), as: alice)["status_msg"] == nil)
    }

    @Test func refusesBadInput() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.put, path(alice), as: alice, json: [:]).expect(400, "M_MISSING_PARAM")
        try await world.app.call(.put, path(alice), as: alice, json: ["presence": "busy"]).expect(400, "M_INVALID_PARAM")
        try await world.app.call(.put, path(alice), as: alice, json: ["presence": "online", "status_msg": 5]).expect(400, "M_BAD_JSON")
        try await world.app.call(.put, path(alice), as: alice, json: ["presence": "online", "status_msg": .string(String(repeating: "x", count: 1025))]).expect(400, "M_INVALID_PARAM")
        await #expect(throws: MatrixError.self) { try await sync(world, alice, "busy") }
    }

    @Test func syncingMakesOnlineUnlessItSaysOffline() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await sync(world, alice, "offline")
        #expect(await world.app.call(.get, path(alice), as: alice)["presence"] == "offline")
        try await sync(world, alice)
        #expect(await world.app.call(.get, path(alice), as: alice)["presence"] == "online")
        let quiet = world.c.hub.ephemeral
        for _ in 0..<5 { try await sync(world, alice) }
        #expect(world.c.hub.ephemeral == quiet)   // nothing that others would see
        try await sync(world, alice, "unavailable")
        #expect(try await world.app.picture(alice).picture.presence["@alice:test"]?["presence"] == "unavailable")
    }

    @Test func theSilentBecomeOffline() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        for user in [alice, bob] { try await world.join(user, room); try await sync(world, user) }
        world.app.clock.advance(100_000)
        try await sync(world, bob)
        world.app.clock.advance(60_000)
        try await world.app.expectConverges(bob) { try await world.app.run(job: "accounts.presence") }
        #expect(await world.app.call(.get, path(alice), as: bob)["presence"] == "offline")
        #expect(await world.app.call(.get, path(bob), as: bob)["presence"] == "online")
    }

    @Test func deltasLeadToTheFreshState() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob"), carol = try await world.app.register("carol")
        for user in [alice, bob] { try await world.join(user, room) }
        try await sync(world, carol)
        try await world.app.expectConverges(alice) {
            try await sync(world, alice)
            try await world.app.call(.put, path(bob), as: bob, json: ["presence": "online", "status_msg": "hi"]).expect(200)
            try await world.join(carol, room)   // online before she was a neighbour
        }
        #expect(try await world.app.picture(alice).picture.presence.keys.sorted() == ["@alice:test", "@bob:test", "@carol:test"])
        let dave = try await world.app.register("dave")
        try await world.app.expectConverges(dave) { try await world.join(dave, room) }
        try await world.app.expectConverges(alice) { try await world.app.call(.put, path(bob), as: bob, json: ["presence": "offline", "status_msg": ""]).expect(200) }
    }

    /// Whoever meets somebody learns that he is away, too: of people who were there before him, and of those who come.
    @Test func awayIsToldToThoseWhoMeet() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        try await world.join(alice, room)
        let before = world.c.hub.token
        try await world.join(bob, room)
        func seen(by user: TestUser) async throws -> [String] {
            try await world.app.contributions(user, since: before, known: user == alice ? [room] : []).parts.presence
                .map { try JSON.parse($0) }.map { "\($0["sender"]?.stringValue ?? "") \($0["content"]?["presence"]?.stringValue ?? "")" }
        }
        #expect(try await seen(by: alice).contains("@bob:test offline"))
        #expect(try await seen(by: bob).contains("@alice:test offline"))
        #expect(try await world.app.picture(alice).picture.presence.isEmpty, "a fresh client is told only who is there")
    }

    /// Who looks into a room from outside sees who is there.
    @Test func isSeenInRoomsThatAreLookedInto() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), eve = try await world.app.register("eve"), c = world.c, room = room
        try await world.join(alice, room)
        let since = c.hub.token
        try await sync(world, alice)
        func parts(_ peeked: Set<RoomID>) async throws -> SyncParts {
            try await c.db.read { tx in
                let now = SyncToken(position: try tx.position, ephemeral: c.hub.ephemeral)
                var parts = SyncParts()
                let scope = SyncScope(user: eve.id, device: eve.device, since: since, now: now, joined: peeked, fresh: [], touched: nil, peeked: peeked)
                for source in c.syncSources { try source.contribute(c, tx, scope, into: &parts) }
                return parts
            }
        }
        #expect(try await parts([room]).presence.count == 1)
        #expect(try await parts([]).presence.isEmpty)
    }

    @Test func neighboursAreWoken() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob"), eve = try await world.app.register("eve")
        for user in [alice, bob] { try await world.join(user, room) }
        let hub = world.c.hub
        for user in [bob, eve] {
            #expect(hub.prepare(user.id.rawValue, now: 0))
            hub.listen(user.id.rawValue, rooms: [])
        }
        let token = hub.token
        try await sync(world, alice)
        guard case .keys = hub.changes(for: bob.id.rawValue, since: token) else { Issue.record("the neighbour was not told"); return }
        guard case .nothing = hub.changes(for: eve.id.rawValue, since: token) else { Issue.record("a stranger was told"); return }
    }

    @Test func whatWasSaidSurvivesARestart() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.put, path(alice), as: alice, json: ["presence": "online", "status_msg": "Back soon"]).expect(200)
        let board = PresenceBoard()
        try await Presence.load(world.c, into: board)
        let entry = try #require(board.entry(alice.id))
        #expect(entry.mood == .offline && entry.status == "Back soon" && entry.lastActive == world.app.clock.now)
    }
}

@Suite struct PresenceBoardTests {
    @Test func forgetsOldChangesWithoutLosingAny() {
        let board = PresenceBoard(), hub = ChangeHub(position: 0, ephemeral: 100)
        var positions: [UserID: Int64] = [:]
        for index in 0..<25_000 {
            let user = UserID(trusted: "@u\(index % 50):test")
            board.set(user, index % 2 == 0 ? .online : .unavailable, status: nil, now: 1, hub: hub, keys: [])
            positions[user] = hub.ephemeral
        }
        for since in [100, 12_000, 25_000, 25_090, 25_100] as [Int64] {
            let expected = Set(positions.filter { $1 > since }.map(\.key))
            #expect(Set((board.changed(since: since) ?? [:]).keys) == expected)
        }
    }
}
