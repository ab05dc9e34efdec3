import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct RegistrationTests {
    let path = v3 + "/register"

    @Test func asksForTheDummyStageAndRemembersTheParameters() async throws {
        let world = try await World()
        let first = await world.app.call(.post, path, json: ["username": "alice", "password": "sn33k1t", "device_id": "xyzzy", "initial_device_display_name": "Phone"])
        let challenge = try first.expect(401)
        #expect(challenge["flows"] == [["stages": ["m.login.dummy"]]])
        #expect(challenge["completed"] == [])
        #expect(challenge["params"] == [:])
        let session = try #require(challenge["session"]?.stringValue)
        let stored = try await world.c.db.read { tx in try tx.first("SELECT params FROM uia_session") { String(decoding: $0.bytes(0), as: UTF8.self) } }
        #expect(stored?.contains("sn33k1t") == false)
        let done = try await world.app.call(.post, path, json: ["auth": ["type": "m.login.dummy", "session": .string(session)]]).expect(200)
        #expect(done["user_id"] == "@alice:test")
        #expect(done["device_id"] == "xyzzy")
        let alice = try TestUser(done, password: "sn33k1t")
        #expect(await world.app.call(.get, v3 + "/devices/xyzzy", as: alice)["display_name"] == "Phone")
        _ = try await world.app.login(alice)
    }

    @Test func isIdempotentWithinItsSession() async throws {
        let world = try await World()
        for name in [JSON.string("alice"), nil] {
            var body: JSONObject = ["password": "sn33k1t"]
            if let name { body["username"] = name }
            let session = try await world.app.call(.post, path, json: .object(body)).expect(401)["session"]
            body["auth"] = ["type": "m.login.dummy", "session": session ?? .null]
            let one = try await world.app.call(.post, path, json: .object(body)).expect(200)
            let two = try await world.app.call(.post, path, json: .object(body)).expect(200)
            #expect(one["user_id"] == two["user_id"])
            #expect(one["access_token"] != two["access_token"])
            if name != nil {
                body["username"] = "other"
                try await world.app.call(.post, path, json: .object(body)).expect(400, "M_USER_IN_USE")
            }
        }
    }

    @Test func lowersCapitalsAndGivesADisplayName() async throws {
        let world = try await World()
        let alice = try await world.app.register("Alice-UPPER")
        #expect(alice.id.rawValue == "@alice-upper:test")
        #expect(await world.app.call(.get, v3 + "/profile/" + alice.path)["displayname"] == "Alice-UPPER")
    }

    @Test(arguments: Array("!\":?\\@[]{|}£é\n'\u{0}") + [" "])
    func refusesSigns(_ sign: Character) async throws {
        let world = try await World()
        let body: JSON = ["auth": ["type": "m.login.dummy"], "username": .string("user" + String(sign)), "password": "sn33k1t"]
        try await world.app.call(.post, path, json: body).expect(400, "M_INVALID_USERNAME")
        try await world.app.call(.get, path + "/available?username=user" + Percent.encode(String(sign))).expect(400, "M_INVALID_USERNAME")
    }

    @Test(arguments: Array("q3._=-/+"))
    func takesSigns(_ sign: Character) async throws {
        let world = try await World()
        _ = try await world.app.register("user" + String(sign))
    }

    @Test func refusesTakenAndLongNames() async throws {
        let world = try await World()
        _ = try await world.app.register("alice")
        let auth: JSON = ["type": "m.login.dummy"]
        try await world.app.call(.post, path, json: ["auth": auth, "username": "ALICE", "password": "x"]).expect(400, "M_USER_IN_USE")
        try await world.app.call(.post, path, json: ["username": "alice", "password": "x"]).expect(400, "M_USER_IN_USE")
        try await world.app.call(.get, path + "/available?username=alice").expect(400, "M_USER_IN_USE")
        #expect(try await world.app.call(.get, path + "/available?username=bob").expect(200)["available"] == true)
        try await world.app.call(.get, path + "/available").expect(400, "M_MISSING_PARAM")
        try await world.app.call(.post, path, json: ["auth": auth, "username": .string(String(repeating: "a", count: 250)), "password": "x"]).expect(400, "M_INVALID_USERNAME")
    }

    @Test func inhibitsTheLogin() async throws {
        let world = try await World()
        let done = try await world.app.call(.post, path, json: ["auth": ["type": "m.login.dummy"], "username": "alice", "password": "sn33k1t", "inhibit_login": true]).expect(200)
        #expect(done["user_id"] == "@alice:test")
        #expect(done["access_token"] == nil && done["device_id"] == nil)
    }

    @Test func wantsAPasswordAndRefusesAWeakOne() async throws {
        let world = try await World { $0.cheapPasswordHashing = false }
        let auth: JSON = ["type": "m.login.dummy"]
        try await world.app.call(.post, path, json: ["auth": auth, "username": "alice"]).expect(400, "M_MISSING_PARAM")
        try await world.app.call(.post, path, json: ["auth": auth, "username": "alice", "password": "short"]).expect(400, "M_WEAK_PASSWORD")
        try await world.app.call(.post, path, json: ["auth": auth, "username": "alice", "password": .string(String(repeating: "x", count: 513))]).expect(400, "M_INVALID_PARAM")
        try await world.app.call(.post, path, json: ["auth": auth, "username": "alice", "password": "übers3kr1t"]).expect(200)
    }

    @Test func aClosedServerAdmitsWhoHasAToken() async throws {
        let world = try await World { $0.openRegistration = false; $0.guestRegistration = false }
        try await world.app.call(.post, path, json: [:]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.post, path + "?kind=guest", json: [:]).expect(403, "M_FORBIDDEN")
        let token = try await AccountAdmin.makeRegistrationToken(world.c, uses: 1)
        let validity = v1 + "/register/m.login.registration_token/validity?token="
        #expect(await world.app.call(.get, validity + token)["valid"] == true)
        #expect(await world.app.call(.get, validity + "other")["valid"] == false)
        try await world.app.call(.get, v1 + "/register/m.login.registration_token/validity").expect(400, "M_MISSING_PARAM")

        let challenge = try await world.app.call(.post, path, json: ["username": "alice", "password": "sn33k1t"]).expect(401)
        #expect(challenge["flows"] == [["stages": ["m.login.registration_token"]]])
        let session = challenge["session"] ?? .null
        let wrong = try await world.app.call(.post, path, json: ["auth": ["type": "m.login.registration_token", "token": "nope", "session": session]]).expect(401, "M_UNAUTHORIZED")
        #expect(wrong["session"] == session)
        try await world.app.call(.post, path, json: ["auth": ["type": "m.login.dummy", "session": session]]).expect(401, "M_FORBIDDEN")
        try await world.app.call(.post, path, json: ["auth": ["type": "m.login.registration_token", "token": .string(token), "session": session]]).expect(200)
        #expect(await world.app.call(.get, validity + token)["valid"] == false)
        try await world.app.call(.post, path, json: ["username": "bob", "password": "sn33k1t"]).expect(403, "M_FORBIDDEN")
    }

    @Test func aTokenThatEndsIsNotValid() async throws {
        let world = try await World { $0.openRegistration = false }
        let token = try await AccountAdmin.makeRegistrationToken(world.c, token: "summer-2030", validFor: 1000)
        let auth: JSON = ["type": "m.login.registration_token", "token": .string(token)]
        world.app.clock.advance(1000)
        #expect(await world.app.call(.get, v1 + "/register/m.login.registration_token/validity?token=summer-2030")["valid"] == false)
        try await world.app.call(.post, path, json: ["auth": auth, "username": "alice", "password": "sn33k1t"]).expect(403)
        for bad in ["", "é", String(repeating: "x", count: 65)] {
            await #expect(throws: MatrixError.self) { try await AccountAdmin.makeRegistrationToken(world.c, token: bad) }
        }
    }

    @Test func admitsGuestsAndKeepsThemFromWhatIsNotForThem() async throws {
        let world = try await World()
        let answer = try await world.app.call(.post, path + "?kind=guest", json: ["initial_device_display_name": "Browser"]).expect(200)
        let guest = try TestUser(answer, password: "")
        #expect(await world.app.call(.get, v3 + "/account/whoami", as: guest)["is_guest"] == true)
        try await world.app.call(.post, v3 + "/account/password", as: guest, json: [:]).expect(403, "M_GUEST_ACCESS_FORBIDDEN")
        let profile = v3 + "/profile/\(guest.path)/"
        try await world.app.call(.put, profile + "displayname", as: guest, json: ["displayname": "Ann"]).expect(200)
        try await world.app.call(.put, profile + "avatar_url", as: guest, json: ["avatar_url": "mxc://test/a"]).expect(403, "M_GUEST_ACCESS_FORBIDDEN")
        try await world.app.call(.delete, profile + "m.tz", as: guest).expect(403, "M_GUEST_ACCESS_FORBIDDEN")
        try await world.app.call(.post, path + "?kind=robot", json: [:]).expect(400, "M_INVALID_PARAM")
    }

    /// https://spec.matrix.org/v1.1/client-server-api/#guest-access: a guest may become a full account under its own name.
    @Test func aGuestBecomesTheUserThatItIs() async throws {
        let world = try await World()
        let guest = try await self.guest(world), other = try await self.guest(world)
        func body(_ name: TestUser, _ token: TestUser, _ auth: JSON? = nil) -> JSON {
            var body: JSONObject = ["username": .string(name.id.localpart), "password": "correct horse", "guest_access_token": .string(token.token)]
            body["auth"] = auth
            return .object(body)
        }
        try await world.app.call(.post, path, json: body(guest, other)).expect(403, "M_FORBIDDEN")
        try await world.app.call(.post, path, json: ["username": "fresh", "password": "correct horse", "guest_access_token": .string(guest.token)]).expect(403, "M_FORBIDDEN")
        let session = try await world.app.call(.post, path, json: body(guest, guest)).expect(401)["session"] ?? .null
        let user = try TestUser(try await world.app.call(.post, path, json: ["auth": ["type": "m.login.dummy", "session": session]]).expect(200), password: "correct horse")
        #expect(user.id == guest.id)
        #expect(await world.app.call(.get, v3 + "/account/whoami", as: user)["is_guest"] != true)
        try await world.app.call(.get, v3 + "/account/whoami", as: guest).expect(401, "M_UNKNOWN_TOKEN")
        _ = try await world.app.login(user)
        let kept = try await world.c.db.read { tx in try tx.all("SELECT params FROM uia_session") { String(decoding: $0.bytes(0), as: UTF8.self) } }
        #expect(!kept.contains { $0.contains(guest.token) }, "a secret was kept")
    }
    private func guest(_ world: World) async throws -> TestUser { try TestUser(try await world.app.call(.post, path + "?kind=guest", json: [:]).expect(200), password: "") }

    @Test func limitsRegistrationsByAddress() async throws {
        let world = try await World { $0.noRateLimits = false }
        for _ in 0..<10 { try await world.app.call(.post, path, json: [:]).expect(401) }
        let refused = try await world.app.call(.post, path, json: [:]).expect(429, "M_LIMIT_EXCEEDED")
        #expect((refused["retry_after_ms"]?.intValue ?? 0) > 0)
        try await world.app.call(.post, path, json: [:], remote: "10.0.0.9").expect(401)
    }
}

@Suite struct SharedSecretTests {
    let path = "/_synapse/admin/v1/register"

    private func mac(_ fields: [String], secret: String = "reg_secret") -> JSON {
        .string(Hex.encode(HMAC.sha1(key: Array(secret.utf8), Array(fields.joined(separator: "\0").utf8))))
    }

    @Test(arguments: [false, true])
    func registersWhoKnowsTheSecret(_ isAdmin: Bool) async throws {
        let world = try await World { $0.registrationSecret = "reg_secret" }
        let nonce = try #require(try await world.app.call(.get, path).expect(200)["nonce"]?.stringValue)
        let mac = mac([nonce, "aliceA", "an0th3r s3kr1t", isAdmin ? "admin" : "notadmin"])
        let body: JSON = ["nonce": .string(nonce), "username": "aliceA", "password": "an0th3r s3kr1t", "admin": .bool(isAdmin), "mac": mac]
        let alice = try TestUser(try await world.app.call(.post, path, json: body).expect(200), password: "an0th3r s3kr1t")
        #expect(alice.id.rawValue == "@alicea:test")
        #expect(try await AccountAdmin.list(world.c).first?.isAdmin == isAdmin)
        try await world.app.call(.post, path, json: body).expect(400)   // a nonce serves once
    }

    @Test func refusesAWrongMACAnOldNonceAndSigns() async throws {
        let world = try await World { $0.registrationSecret = "reg_secret" }
        func nonce() async throws -> String { try #require(await world.app.call(.get, path)["nonce"]?.stringValue) }
        func body(_ nonce: String, _ name: String, _ mac: JSON) -> JSON { ["nonce": .string(nonce), "username": .string(name), "password": "sn33k1t", "admin": false, "mac": mac] }
        let one = try await nonce()
        try await world.app.call(.post, path, json: body(one, "alice", mac([one, "bob", "sn33k1t", "notadmin"]))).expect(403, "M_FORBIDDEN")
        let two = try await nonce()
        world.app.clock.advance(60_001)
        try await world.app.call(.post, path, json: body(two, "alice", mac([two, "alice", "sn33k1t", "notadmin"]))).expect(400)
        let three = try await nonce()
        try await world.app.call(.post, path, json: body(three, "us,er", mac([three, "us,er", "sn33k1t", "notadmin"]))).expect(400, "M_INVALID_USERNAME")
        try await world.app.call(.post, path, json: body(three, "alice", "zz")).expect(400, "M_INVALID_PARAM")
        try await world.app.call(.post, path, json: ["nonce": .string(three)]).expect(400, "M_MISSING_PARAM")
    }

    @Test func isAbsentWithoutASecret() async throws {
        let world = try await World()
        try await world.app.call(.get, path).expect(400)
        try await world.app.call(.post, path, json: [:]).expect(400)
    }
}
