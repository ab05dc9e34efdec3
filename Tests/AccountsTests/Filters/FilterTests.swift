import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct FilterTests {
    @Test func aFilterIsKeptAndTheSameHasTheSameID() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), eve = try await world.app.register("eve")
        let filter: JSON = ["room": ["timeline": ["limit": 10, "org.example.own": true]], "event_fields": ["type", "content.body"]]
        let one = try await world.app.call(.post, world.user("filter", alice), as: alice, json: filter).expect(200)
        #expect(one == ["filter_id": "0"])
        #expect(await world.app.call(.post, world.user("filter", alice), as: alice, json: filter).json == one)
        #expect(await world.app.call(.post, world.user("filter", alice), as: alice, json: [:]).json == ["filter_id": "1"])
        #expect(await world.app.call(.get, world.user("filter/0", alice), as: alice).json == filter)
        try await world.app.call(.get, world.user("filter/7", alice), as: alice).expect(404, "M_NOT_FOUND")
        try await world.app.call(.get, world.user("filter/x", alice), as: alice).expect(404, "M_NOT_FOUND")
        try await world.app.call(.get, world.user("filter/0", alice), as: eve).expect(403, "M_FORBIDDEN")
        try await world.app.call(.post, world.user("filter", alice), as: eve, json: [:]).expect(403, "M_FORBIDDEN")
        let accounts = world.accounts
        #expect(try await world.c.db.read { tx in try accounts.filter(tx, user: alice.id, id: "0") } == filter.objectValue)
    }

    @Test(arguments: [
        ["room": []], ["room": ["rooms": "x"]], ["room": ["rooms": ["nonsense"]]], ["room": ["timeline": ["limit": "5"]]], ["room": ["timeline": ["limit": -1]]],
        ["presence": ["senders": ["nobody"]]], ["presence": ["types": [5]]], ["event_format": "xml"], ["event_fields": [1]], ["room": ["include_leave": 1]],
        ["room": ["state": ["lazy_load_members": "yes"]]], ["account_data": "x"],
    ] as [JSON])
    func refusesBadInput(_ filter: JSON) async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.post, world.user("filter", alice), as: alice, json: filter).expect(400, "M_BAD_JSON")
    }

    @Test func hasASize() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.post, world.user("filter", alice), as: alice, json: ["x": .string(String(repeating: "x", count: 70_000))]).expect(413, "M_TOO_LARGE")
    }
}
