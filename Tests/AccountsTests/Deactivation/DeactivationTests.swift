import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct DeactivationTests {
    let path = v3 + "/account/deactivate"

    @Test func endsTheAccount() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), other = try await world.app.login(alice), room = RoomID(trusted: "!room:test")
        try await world.join(alice, room)
        try await world.app.call(.put, world.user("account_data/x", alice), as: alice, json: ["a": 1]).expect(200)
        try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth(password: "wrong")]).expect(401, "M_FORBIDDEN")
        let done = try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth(), "erase": true]).expect(200)
        #expect(done["id_server_unbind_result"] == "no-support")
        for user in [alice, other] { try await world.app.call(.get, v3 + "/account/whoami", as: user).expect(401) }
        #expect(world.rooms.members(room).isEmpty)
        let login: JSON = ["type": "m.login.password", "user": "alice", "password": .string(alice.password)]
        try await world.app.call(.post, v3 + "/login", json: login).expect(403, "M_USER_DEACTIVATED")
        try await world.app.call(.get, v3 + "/profile/" + alice.path).expect(404, "M_NOT_FOUND")
        try await world.app.call(.post, v3 + "/register", json: ["auth": ["type": "m.login.dummy"], "username": "alice", "password": "x"]).expect(400, "M_USER_IN_USE")
        let left = try await world.c.db.read { tx in try tx.exists("SELECT 1 FROM account_data") || tx.exists("SELECT 1 FROM device") }
        #expect(!left)
    }

    @Test func refusesBadInput() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth(), "erase": "yes"]).expect(400, "M_BAD_JSON")
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(200)
    }
}
