import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct LoginTests {
    let path = v3 + "/login"

    @Test func namesItsFlows() async throws {
        let world = try await World()
        let flows = try await world.app.call(.get, path).expect(200)["flows"]?.arrayValue?.compactMap { $0["type"]?.stringValue }
        #expect(flows == ["m.login.password", "m.login.token", "m.login.application_service"])
        try await world.app.call(.get, "/_matrix/client/r0/login").expect(200)
    }

    @Test(arguments: ["alice", "ALICE", "@alice:test"])
    func takesEveryFormOfTheName(_ name: String) async throws {
        let world = try await World { $0.publicURL = "https://chat.example" }
        let alice = try await world.app.register("alice")
        for body: JSONObject in [["identifier": ["type": "m.id.user", "user": .string(name)]], ["user": .string(name)]] {
            var body = body
            body["type"] = "m.login.password"
            body["password"] = .string(alice.password)
            let answer = try await world.app.call(.post, path, json: .object(body)).expect(200)
            #expect(answer["user_id"] == "@alice:test")
            #expect(answer["well_known"] == ["m.homeserver": ["base_url": "https://chat.example"]])
            #expect(try await world.app.call(.get, v3 + "/account/whoami", token: answer["access_token"]?.stringValue).expect(200)["device_id"] == answer["device_id"])
        }
    }

    @Test(arguments: [
        ("alice", "wrong", 403, "M_FORBIDDEN"), ("nobody", "x", 403, "M_FORBIDDEN"), ("@alice:other", "correct horse", 403, "M_FORBIDDEN"), ("a b", "x", 403, "M_FORBIDDEN"),
        ("", "x", 403, "M_FORBIDDEN"),
    ])
    func refusesWhoIsNotKnown(_ name: String, _ password: String, _ status: Int, _ code: String) async throws {
        let world = try await World()
        _ = try await world.app.register("alice")
        let body: JSON = ["type": "m.login.password", "identifier": ["type": "m.id.user", "user": .string(name)], "password": .string(password)]
        try await world.app.call(.post, path, json: body).expect(status, code)
    }

    @Test func refusesOtherIdentifiersAndTypes() async throws {
        let world = try await World()
        let mail: JSON = ["type": "m.id.thirdparty", "medium": "email", "address": "a@example.com"]
        try await world.app.call(.post, path, json: ["type": "m.login.password", "identifier": mail, "password": "x"]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.post, path, json: ["type": "m.login.password", "medium": "email", "address": "a@example.com", "password": "x"]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.post, path, json: ["type": "m.login.password", "identifier": ["type": "x"], "password": "x"]).expect(400, "M_INVALID_PARAM")
        try await world.app.call(.post, path, json: ["type": "m.login.password", "password": "x"]).expect(400, "M_MISSING_PARAM")
        try await world.app.call(.post, path, json: ["type": "m.login.password", "user": "alice"]).expect(400, "M_MISSING_PARAM")
        try await world.app.call(.post, path, json: ["type": "m.login.smoke"]).expect(400, "M_UNKNOWN")
        try await world.app.call(.post, path, json: [:]).expect(400, "M_MISSING_PARAM")
        try await world.app.call(.post, path, json: ["type": "m.login.password", "user": "alice", "password": "x", "device_id": ""]).expect(400, "M_INVALID_PARAM")
    }

    @Test func anExistingDeviceGetsANewTokenAndKeepsItsName() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice", device: "PHONE")
        try await world.app.call(.put, v3 + "/devices/PHONE", as: alice, json: ["display_name": "Phone"]).expect(200)
        let again = try await world.app.login(alice, device: "PHONE")
        #expect(again.device == alice.device)
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(401, "M_UNKNOWN_TOKEN")
        #expect(await world.app.call(.get, v3 + "/devices/PHONE", as: again)["display_name"] == "Phone")
    }

    @Test func guessingIsSlowedDownFromEveryAddress() async throws {
        let world = try await World { $0.noRateLimits = false }
        _ = try await world.app.register("alice")
        let body: JSON = ["type": "m.login.password", "user": "alice", "password": "wrong"]
        for index in 0..<10 { try await world.app.call(.post, path, json: body, remote: "10.0.0.\(index)").expect(403) }
        try await world.app.call(.post, path, json: body, remote: "10.0.1.1").expect(429, "M_LIMIT_EXCEEDED")
        world.app.clock.advance(5_000)
        try await world.app.call(.post, path, json: ["type": "m.login.password", "user": "alice", "password": "correct horse"], remote: "10.0.1.2").expect(200)
    }

    @Test func aLoginTokenServesOnceAndTwoMinutes() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), get = v1 + "/login/get_token"
        try await world.app.call(.post, get, as: alice, json: [:]).expect(401)
        func token() async throws -> JSON { try await world.app.call(.post, get, as: alice, json: ["auth": alice.auth()]).expect(200)["login_token"] ?? .null }
        let one = try await token()
        let answer = try await world.app.call(.post, path, json: ["type": "m.login.token", "token": one, "device_id": "NEW"]).expect(200)
        #expect(answer["user_id"] == "@alice:test" && answer["device_id"] == "NEW")
        try await world.app.call(.post, path, json: ["type": "m.login.token", "token": one]).expect(403, "M_FORBIDDEN")
        let two = try await token()
        world.app.clock.advance(120_000)
        try await world.app.call(.post, path, json: ["type": "m.login.token", "token": two]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.post, path, json: ["type": "m.login.token"]).expect(400, "M_MISSING_PARAM")
    }

    @Test func noSecretIsStored() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        let stored = try await world.c.db.read { tx in
            try tx.all("SELECT password_hash FROM account") { $0.text(0) } + (try tx.all("SELECT hash FROM access_token") { Hex.encode($0.bytes(0)) })
        }
        #expect(stored.count == 2)
        #expect(stored[0].hasPrefix("$argon2id$"))
        #expect(stored[1] == Hex.encode(SHA256.hash(Array(alice.token.utf8))))
    }
}
