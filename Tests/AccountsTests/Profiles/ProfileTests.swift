@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct ProfileTests {
    private func path(_ user: TestUser, _ key: String = "") -> String { v3 + "/profile/" + user.path + (key.isEmpty ? "" : "/" + key) }

    @Test func nameAndPictureAreSeenByAllAndReachTheRooms() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.put, path(alice, "displayname"), as: alice, json: ["displayname": "Alice ☕"]).expect(200)
        try await world.app.call(.put, path(alice, "avatar_url"), as: alice, json: ["avatar_url": "mxc://test/abc"]).expect(200)
        #expect(try await world.app.call(.get, path(alice)).expect(200) == ["displayname": "Alice ☕", "avatar_url": "mxc://test/abc"])
        #expect(try await world.app.call(.get, path(alice, "avatar_url")).expect(200) == ["avatar_url": "mxc://test/abc"])
        #expect(world.rooms.profileChanges == [alice.id, alice.id])
        try await world.app.call(.put, path(alice, "displayname"), as: alice, json: ["displayname": "Alice ☕"]).expect(200)
        #expect(world.rooms.profileChanges.count == 2)   // nothing has changed
        try await world.app.call(.delete, path(alice, "displayname"), as: alice).expect(200)
        #expect(try await world.app.call(.get, path(alice, "displayname")).expect(200) == [:], "every profile has a name, if only an empty one")
        try await world.app.call(.put, path(alice, "avatar_url"), as: alice, json: ["avatar_url": .null]).expect(200)
        #expect(try await world.app.call(.get, path(alice)).expect(200) == [:])
    }

    @Test func keepsFurtherFields() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        let value: JSON = ["of": ["any", 1, .null], "kind": true]
        try await world.app.call(.put, path(alice, "org.example.job_title"), as: alice, json: ["org.example.job_title": value]).expect(200)
        try await world.app.call(.put, path(alice, "m.tz"), as: alice, json: ["m.tz": "Europe/Paris"]).expect(200)
        #expect(await world.app.call(.get, path(alice, "org.example.job_title")).json == ["org.example.job_title": value])
        #expect(await world.app.call(.get, path(alice))["m.tz"] == "Europe/Paris")
        #expect(world.rooms.profileChanges.isEmpty)
        try await world.app.call(.delete, path(alice, "m.tz"), as: alice).expect(200)
        try await world.app.call(.delete, path(alice, "m.tz"), as: alice).expect(200)
        try await world.app.call(.get, path(alice, "m.tz")).expect(404)
    }

    @Test func isOnesOwn() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), eve = try await world.app.register("eve")
        try await world.app.call(.put, path(alice, "displayname"), as: eve, json: ["displayname": "x"]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.delete, path(alice, "displayname"), as: eve).expect(403, "M_FORBIDDEN")
        try await world.app.call(.put, path(alice, "displayname"), json: ["displayname": "x"]).expect(401, "M_MISSING_TOKEN")
        try await world.app.call(.get, v3 + "/profile/%40nobody%3Atest").expect(404, "M_NOT_FOUND")
        try await world.app.call(.get, v3 + "/profile/nobody").expect(400, "M_INVALID_PARAM")
    }

    @Test func refusesBadInput() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        func put(_ key: String, _ json: JSON) async -> TestResponse { await world.app.call(.put, path(alice, key), as: alice, json: json) }
        try await put("displayname", ["displayname": 5]).expect(400, "M_BAD_JSON")
        try await put("displayname", [:]).expect(400, "M_MISSING_PARAM")
        try await put("displayname", ["other": "x"]).expect(400, "M_MISSING_PARAM")
        try await put("displayname", ["displayname": .string(String(repeating: "x", count: 1025))]).expect(400, "M_INVALID_PARAM")
        try await put("displayname", ["displayname": "a\u{0}b"]).expect(400, "M_INVALID_PARAM")
        try await put("avatar_url", ["avatar_url": []]).expect(400, "M_BAD_JSON")
        try await put("m.tz", ["m.tz": 1]).expect(400, "M_BAD_JSON")
        try await put("Nonsense", ["Nonsense": 1]).expect(400, "M_INVALID_PARAM")
        try await put("nodots", ["nodots": 1]).expect(400, "M_INVALID_PARAM")
        let long = "m." + String(repeating: "x", count: 255)
        try await put(long, .object([long: 1])).expect(400, "M_KEY_TOO_LARGE")
        let big = JSON.string(String(repeating: "x", count: 40_000))
        try await put("m.one", ["m.one": big]).expect(200)
        try await put("m.two", ["m.two": big]).expect(400, "M_PROFILE_TOO_LARGE")
        try await world.app.call(.put, path(alice, "displayname"), as: alice, body: Array("{".utf8)).expect(400, "M_NOT_JSON")
        try await world.app.call(.put, path(alice, "displayname"), as: alice, body: Array("[1]".utf8)).expect(400, "M_BAD_JSON")
    }
}
