@testable import Accounts
import MatrixCore
import ServerKit
import TestKit
import Testing

@Suite struct StagesTests {
    @Test(arguments: [
        ([], false, false, [["m.login.dummy"]]), ([], true, false, [["m.login.dummy"], ["m.login.email.identity"]]),
        (["email"], true, false, [["m.login.email.identity"]]), (["recaptcha", "terms"], false, false, [["m.login.recaptcha", "m.login.terms", "m.login.dummy"]]),
        ([], true, true, [["m.login.registration_token"], ["m.login.registration_token", "m.login.email.identity"]]),
    ] as [([String], Bool, Bool, [[String]])]) func theSettingsMakeTheFlows(_ needs: [String], _ mail: Bool, _ token: Bool, _ expected: [[String]]) {
        var config = Config()
        config.registrationRequires = needs
        if mail { config.smtpURL = "smtp://x" }
        #expect(Stage.registration(config, token: token) == expected)
    }

    @Test(arguments: ["email", "recaptcha", "terms"]) func aStageWithoutItsSettingsStopsTheStart(_ stage: String) async {
        await #expect(throws: Stage.Misconfigured.self) { _ = try await World { $0.registrationRequires = [stage] } }
    }

    @Test func aCaptchaIsCheckedByItsService() async throws {
        let server = try LocalServer { call in
            .init(body: Array((String(decoding: call.body, as: UTF8.self) == "secret=s%26cret&response=right" ? "{\"success\":true}" : "{\"success\":false}").utf8))
        }
        let world = try await World {
            $0.recaptchaPublicKey = "public"
            $0.recaptchaPrivateKey = "s&cret"
            $0.recaptchaURL = server.url + "/siteverify"
            $0.registrationRequires = ["recaptcha", "terms"]
            $0.termsURL = "https://shop.example/terms"
        }
        let body: JSONObject = ["username": "alice", "password": "correct horse"]
        let challenge = try await world.app.call(.post, v3 + "/register", json: .object(body)).expect(401)
        #expect(challenge["params"]?["m.login.recaptcha"]?["public_key"] == "public")
        #expect(challenge["params"]?["m.login.terms"]?["policies"]?["terms_of_service"]?["fr"]?["url"] == "https://shop.example/terms")
        let session = challenge["session"] ?? .null
        func auth(_ fields: JSONObject) -> JSON { .object(["auth": .object(fields.merging(["session": session]))]) }
        #expect(try await world.app.call(.post, v3 + "/register", json: auth(["type": "m.login.recaptcha", "response": "wrong"])).expect(401, "M_UNAUTHORIZED")["completed"] == [])
        #expect(try await world.app.call(.post, v3 + "/register", json: auth(["type": "m.login.recaptcha", "response": "right"])).expect(401)["completed"] == ["m.login.recaptcha"])
        _ = try await world.app.call(.post, v3 + "/register", json: auth(["type": "m.login.terms"])).expect(401)
        #expect(try await world.app.call(.post, v3 + "/register", json: auth(["type": "m.login.dummy"])).expect(200)["user_id"] == "@alice:test")
    }

    @Test func termsMayBeAcceptedOnAPage() async throws {
        let world = try await World {
            $0.registrationRequires = ["terms"]
            $0.termsURL = "https://shop.example/terms"
        }
        let id = try await world.app.call(.post, v3 + "/register", json: ["username": "bob", "password": "correct horse"]).expect(401)["session"]?.stringValue ?? ""
        let page = await world.app.call(.get, v3 + "/auth/m.login.terms/fallback/web?session=" + id, headers: ["Accept-Language": "fr"])
        #expect(page.status == 200 && String(decoding: page.bytes, as: UTF8.self).contains("J’accepte"))
        try await world.app.call(.post, v3 + "/auth/m.login.terms/fallback/web", body: Array("session=\(id)".utf8)).expect(200)
        try await world.app.call(.post, v3 + "/register", json: ["auth": ["session": .string(id), "type": "m.login.dummy"]]).expect(200)
        try await world.app.call(.get, v3 + "/auth/m.login.terms/fallback/web?session=nope").expect(400)
        try await world.app.call(.get, v3 + "/auth/m.login.other/fallback/web?session=" + id).expect(404)
    }

    /// What stages have found out cannot come from the client.
    @Test func aClientCannotClaimAProof() async throws {
        let world = try await World { $0.smtpURL = "smtp://127.0.0.1:1" }
        let found: JSON = ["threepid": ["medium": "email", "address": "eve@example.org"], "registration_token": "x"]
        let user = try await world.app.call(.post, v3 + "/register", json: ["username": "eve", "password": "correct horse", "_found": found, "auth": ["type": "m.login.dummy"]]).expect(200)
        let eve = try TestUser(user, password: "correct horse")
        #expect(try await world.app.call(.get, v3 + "/account/3pid", as: eve).expect(200)["threepids"] == [])
        let session = try await world.app.call(.post, v3 + "/register", json: ["username": "eve2", "password": "correct horse", "_found": found]).expect(401)["session"] ?? .null
        let second = try TestUser(try await world.app.call(.post, v3 + "/register", json: ["auth": ["type": "m.login.dummy", "session": session]]).expect(200), password: "")
        #expect(try await world.app.call(.get, v3 + "/account/3pid", as: second).expect(200)["threepids"] == [])
    }
}
