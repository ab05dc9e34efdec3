@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct PasswordTests {
    let path = v3 + "/account/password"

    @Test func aNewPasswordReplacesTheOldAndEndsOtherSessions() async throws {
        let world = try await World()
        var alice = try await world.app.register("alice")
        let other = try await world.app.login(alice)
        try await world.app.call(.get, v3 + "/account/whoami", as: other).expect(200)
        try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth(), "new_password": "my new password"]).expect(200)
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(200)
        try await world.app.call(.get, v3 + "/account/whoami", as: other).expect(401, "M_UNKNOWN_TOKEN")
        await #expect(throws: TestFailure.self) { try await world.app.login(alice) }
        alice.password = "my new password"
        _ = try await world.app.login(alice)
    }

    @Test func otherSessionsCanBeKept() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), other = try await world.app.login(alice)
        try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth(), "new_password": "my new password", "logout_devices": false]).expect(200)
        try await world.app.call(.get, v3 + "/account/whoami", as: other).expect(200)
    }

    @Test func theSessionRemembersTheNewPasswordOnlyWhenSentAgain() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        let challenge = try await world.app.call(.post, path, as: alice, json: ["new_password": "my new password"]).expect(401)
        try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth(session: challenge["session"]?.stringValue), "new_password": "my new password"]).expect(200)
        let kept = try await world.c.db.read { tx in try tx.all("SELECT params FROM uia_session") { String(decoding: $0.bytes(0), as: UTF8.self) } }
        #expect(!kept.contains { $0.contains("my new password") })
    }

    @Test func refusesBadInput() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth()]).expect(400, "M_MISSING_PARAM")
        try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth(), "new_password": 5]).expect(400, "M_BAD_JSON")
        try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth(), "new_password": "x", "logout_devices": "no"]).expect(400, "M_BAD_JSON")
        try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth(), "new_password": ""]).expect(400, "M_WEAK_PASSWORD")
        try await world.app.call(.post, path, json: [:]).expect(401, "M_MISSING_TOKEN")
    }

    @Test func hashesDifferAndFitTheirPassword() async throws {
        let world = try await World()
        let one = try await world.accounts.hash(world.c, password: "secret"), two = try await world.accounts.hash(world.c, password: "secret")
        #expect(one != two)
        #expect(try await world.accounts.hasher.verify("secret", one))
        #expect(try await !world.accounts.hasher.verify("Secret", one))
    }

    @Test func aFloodOfHashesIsRefusedInsteadOfQueuedWithoutEnd() async throws {
        let world = try await World { $0.cheapPasswordHashing = false }
        let hasher = PasswordHasher(threads: 1, maxWaiting: 2)
        let refused = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask { do { _ = try await hasher.hash(world.c, "x"); return false } catch { return true } }
            }
            var count = 0
            for await isRefused in group where isRefused { count += 1 }
            return count
        }
        #expect(refused > 0 && refused < 20)
        _ = try await hasher.hash(world.c, "x")
    }
}
