import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct AccountDataTests {
    let room = RoomID(trusted: "!room:test")
    var roomPath: String { "rooms/%21room%3Atest/" }

    @Test func isKeptGloballyAndByRoom() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        for (path, animal) in [("account_data/my.type", "cats"), (roomPath + "account_data/my.type", "rats")] {
            try await world.app.call(.get, world.user(path, alice), as: alice).expect(404, "M_NOT_FOUND")
            try await world.app.call(.put, world.user(path, alice), as: alice, json: ["animal": "frogs"]).expect(200)
            try await world.app.call(.put, world.user(path, alice), as: alice, json: ["animal": .string(animal)]).expect(200)
            #expect(await world.app.call(.get, world.user(path, alice), as: alice).json == ["animal": .string(animal)])
        }
        try await world.app.call(.put, world.user("account_data/my.type", alice), as: alice, json: [:]).expect(200)
        #expect(await world.app.call(.get, world.user("account_data/my.type", alice), as: alice).json == [:])
    }

    @Test(arguments: ["account_data/", "rooms/%21room%3Atest/account_data/"])
    func refusesBadInput(_ prefix: String) async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), eve = try await world.app.register("eve")
        for type in ["m.fully_read", "m.push_rules"] { try await world.app.call(.put, world.user(prefix + type, alice), as: alice, json: [:]).expect(405, "M_BAD_JSON") }
        let path = world.user(prefix + "x", alice)
        try await world.app.call(.put, path, as: eve, json: [:]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.get, path, as: eve).expect(403, "M_FORBIDDEN")
        try await world.app.call(.put, path, as: alice, body: Array("[]".utf8)).expect(400, "M_BAD_JSON")
        try await world.app.call(.put, path, as: alice, body: Array("no".utf8)).expect(400, "M_NOT_JSON")
        try await world.app.call(.put, path, as: alice).expect(400, "M_NOT_JSON")
        try await world.app.call(.put, path, as: alice, json: ["x": .string(String(repeating: "x", count: 300_000))]).expect(413, "M_TOO_LARGE")
        try await world.app.call(.put, world.user(prefix + String(repeating: "x", count: 256), alice), as: alice, json: [:]).expect(400, "M_INVALID_PARAM")
        try await world.app.call(.get, world.user("rooms/nonsense/account_data/x", alice), as: alice).expect(400, "M_INVALID_PARAM")
    }

    @Test func tagsAreOneEntryOfTheRoom() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), eve = try await world.app.register("eve")
        let path = world.user(roomPath + "tags", alice)
        #expect(try await world.app.call(.get, path, as: alice).expect(200) == ["tags": [:]])
        try await world.app.call(.put, path + "/m.favourite", as: alice, json: ["order": 0.25]).expect(200)
        try await world.app.call(.put, path + "/u.work", as: alice).expect(200)
        #expect(await world.app.call(.get, path, as: alice).json == ["tags": ["m.favourite": ["order": 0.25], "u.work": [:]]])
        #expect(await world.app.call(.get, world.user(roomPath + "account_data/m.tag", alice), as: alice)["tags"]?.objectValue?.count == 2)
        try await world.app.call(.delete, path + "/u.work", as: alice, json: [:]).expect(200)
        try await world.app.call(.delete, path + "/never", as: alice, json: [:]).expect(200)
        #expect(await world.app.call(.get, path, as: alice).json == ["tags": ["m.favourite": ["order": 0.25]]])
        try await world.app.call(.put, path + "/x", as: alice, json: ["order": "first"]).expect(400, "M_BAD_JSON")
        try await world.app.call(.get, path, as: eve).expect(403, "M_FORBIDDEN")
        try await world.app.call(.put, path + "/x", as: eve, json: [:]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.delete, path + "/x", as: eve).expect(403, "M_FORBIDDEN")
    }

    @Test func deltasLeadToTheFreshState() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), other = RoomID(trusted: "!other:test")
        func put(_ path: String, _ value: JSON) async throws { try await world.app.call(.put, world.user(path, alice), as: alice, json: value).expect(200) }
        try await world.join(alice, room)
        try await put("account_data/kept", ["a": 1])
        try await put("account_data/changed", ["a": 1])
        try await put("rooms/%21other%3Atest/account_data/early", ["a": 1])
        try await world.app.expectConverges(alice) {
            try await put("account_data/changed", ["a": 2])
            try await put("account_data/new", ["a": 3])
            try await put(roomPath + "account_data/x", ["a": 4])
            try await put(roomPath + "tags/u.x", [:])
            try await world.join(alice, other)
        }
        try await world.app.expectConverges(alice) { try await world.leave(alice, room) }
        let picture = try await world.app.picture(alice).picture
        #expect(picture.rooms[other]?.accountData == ["early": ["a": 1]])
        #expect(picture.rooms[room] == nil)
        #expect(picture.extra["device_one_time_keys_count"] == ["signed_curve25519": 0])
        #expect(picture.extra["device_unused_fallback_key_types"] == [])
    }

    @Test func aDeltaHasOnlyWhatChangedAndWakesItsUser() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.put, world.user("account_data/a", alice), as: alice, json: [:]).expect(200)
        #expect(world.c.hub.prepare(alice.id.rawValue, now: 0))
        world.c.hub.listen(alice.id.rawValue, rooms: [])
        let token = world.c.hub.token
        try await world.app.call(.put, world.user("account_data/b", alice), as: alice, json: [:]).expect(200)
        guard case .keys(let keys) = world.c.hub.changes(for: alice.id.rawValue, since: token) else { Issue.record("the user was not told"); return }
        #expect(keys == [.user(alice.id.rawValue)])
        #expect(try await world.app.contributions(alice, since: token).parts.accountData.count == 1)
    }
}
