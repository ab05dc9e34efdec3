import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct SessionTests {
    @Test func refusesMissingAndUnknownTokens() async throws {
        let world = try await World()
        try await world.app.call(.get, v3 + "/account/whoami").expect(401, "M_MISSING_TOKEN")
        try await world.app.call(.get, v3 + "/account/whoami", token: "an/invalid/token").expect(401, "M_UNKNOWN_TOKEN")
        let alice = try await world.app.register("alice")
        #expect(try await world.app.call(.get, v3 + "/account/whoami?access_token=" + alice.token).expect(200)
            == ["user_id": "@alice:test", "device_id": JSON(alice.device), "is_guest": false])
        #expect(try await world.app.call(.get, v3 + "/account/3pid", as: alice).expect(200) == ["threepids": []])
    }

    @Test func logoutEndsTheDeviceAndNoOther() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), other = try await world.app.login(alice)
        try await world.app.call(.post, v3 + "/logout", as: alice, json: [:]).expect(200)
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(401, "M_UNKNOWN_TOKEN")
        let devices = try await world.app.call(.get, v3 + "/devices", as: other).expect(200)["devices"]?.arrayValue
        #expect(devices?.map { $0["device_id"] } == [JSON(other.device)])
    }

    @Test func logoutAllEndsEverything() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), other = try await world.app.login(alice)
        try await world.app.call(.get, v3 + "/account/whoami", as: other).expect(200)
        try await world.app.call(.post, v3 + "/logout/all", as: alice).expect(200)
        for user in [alice, other] { try await world.app.call(.get, v3 + "/account/whoami", as: user).expect(401, "M_UNKNOWN_TOKEN") }
    }

    @Test func aKnownTokenReadsNoDatabase() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(200)
        let before = world.c.db.statistics.reads
        for _ in 0..<20 { try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(200) }
        #expect(world.c.db.statistics.reads == before)
    }

    @Test func takesNoticeOfAnotherProcessWithinAMinute() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(200)
        try await world.c.db.write { tx in try tx.run("DELETE FROM access_token") }
        world.app.clock.advance(60_000)
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(401)
    }

    private func refreshable(_ world: World) async throws -> TestUser {
        let body: JSON = ["auth": ["type": "m.login.dummy"], "username": "alice", "password": "sn33k1t", "refresh_token": true]
        let answer = try await world.app.call(.post, v3 + "/register", json: body).expect(200)
        #expect(answer["expires_in_ms"] == 3_600_000)
        return try TestUser(answer, password: "sn33k1t")
    }
    private func refresh(_ world: World, _ token: String?) async -> TestResponse {
        await world.app.call(.post, v3 + "/refresh", json: ["refresh_token": .string(token ?? "")])
    }

    @Test func anExpiredTokenIsASoftLogoutAndIsRefreshed() async throws {
        let world = try await World()
        let alice = try await refreshable(world)
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(200)
        world.app.clock.advance(3_600_000)
        for _ in 0..<2 { #expect(try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(401, "M_UNKNOWN_TOKEN")["soft_logout"] == true) }
        let new = try await refresh(world, alice.refreshToken).expect(200)
        #expect(new["user_id"] == nil)
        try await world.app.call(.get, v3 + "/account/whoami", token: new["access_token"]?.stringValue).expect(200)
    }

    @Test func aLostAnswerCanBeAskedForAgainUntilTheNewTokenIsUsed() async throws {
        let world = try await World()
        let alice = try await refreshable(world)
        let lost = try await refresh(world, alice.refreshToken).expect(200)
        let got = try await refresh(world, alice.refreshToken).expect(200)
        try await world.app.call(.get, v3 + "/account/whoami", token: lost["access_token"]?.stringValue).expect(401)
        try await refresh(world, lost["refresh_token"]?.stringValue).expect(401, "M_UNKNOWN_TOKEN")
        // The old access token works until the new one is used.
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(200)
        try await world.app.call(.get, v3 + "/account/whoami", token: got["access_token"]?.stringValue).expect(200)
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(401, "M_UNKNOWN_TOKEN")
        try await refresh(world, alice.refreshToken).expect(401, "M_UNKNOWN_TOKEN")
    }

    @Test func usingTheNewRefreshTokenEndsTheOld() async throws {
        let world = try await World()
        let alice = try await refreshable(world)
        let second = try await refresh(world, alice.refreshToken).expect(200)
        let third = try await refresh(world, second["refresh_token"]?.stringValue).expect(200)
        try await refresh(world, alice.refreshToken).expect(401, "M_UNKNOWN_TOKEN")
        try await world.app.call(.get, v3 + "/account/whoami", token: third["access_token"]?.stringValue).expect(200)
        try await world.app.call(.post, v3 + "/logout", token: third["access_token"]?.stringValue, json: [:]).expect(200)
        try await refresh(world, third["refresh_token"]?.stringValue).expect(401)
        let left = try await world.c.db.read { tx in try tx.first("SELECT (SELECT COUNT(*) FROM access_token) + (SELECT COUNT(*) FROM refresh_token)") { $0.int(0) } }
        #expect(left == 0)
    }
}
