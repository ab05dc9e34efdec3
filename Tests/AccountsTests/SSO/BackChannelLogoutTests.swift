@testable import Accounts
import FoundationEssentials
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

/// The provider's documents are answered by a closure; a real one is in acceptance/test_identity.py.
@Suite struct BackChannelLogoutTests {
    private struct House {
        let world: World, provider: StubOutbound

        init() async throws {
            provider = StubOutbound { request in
                let issuer = "https://id.example"
                switch request.url {
                case issuer + "/.well-known/openid-configuration": return OutboundResponse(status: 200, headers: [:], body: Array(#"{"issuer": "https://id.example", "jwks_uri": "https://id.example/jwks"}"#.utf8))
                case issuer + "/jwks": return OutboundResponse(status: 200, headers: [:], body: Array(LogoutTokens.keys.utf8))
                default: throw OutboundError.unreachable("nobody is there")
                }
            }
            let file = FileManager.default.temporaryDirectory.appending(path: "provider-\(UInt64.random(in: 0 ... .max)).json")
            defer { try? FileManager.default.removeItem(at: file) }   // what is left over hurts nobody
            try Data(#"{"id": "work", "issuer": "https://id.example", "client_id": "comptoir"}"#.utf8).write(to: file)
            world = try await World(outbound: provider) { $0.oidcProviders = [file.path()] }
        }

        var app: TestApp { world.app }

        /// A login token as the provider's answer makes one.
        func token(_ user: TestUser, subject: String, sid: String?) async throws -> String {
            let token = "token-\(app.context.entropy.token(8))", id = user.id, expires = app.clock.now + 100_000
            try await world.c.db.write { tx in
                try LoginTokens.insert(tx, TokenHash(token), id, expires: expires, origin: SSOOrigin(provider: "work", subject: subject, sid: sid))
            }
            return token
        }
        func login(_ token: String) async -> TestResponse { await app.call(.post, v3 + "/login", json: ["type": "m.login.token", "token": .string(token)]) }
        func device(_ user: TestUser, subject: String, sid: String? = nil) async throws -> TestUser {
            try TestUser(try await login(try await token(user, subject: subject, sid: sid)).expect(200), password: user.password)
        }
        @discardableResult
        func logout(_ token: String) async -> TestResponse {
            await app.call(.post, Accounts.oidcLogoutPath, body: Array("logout_token=\(token)".utf8), headers: ["Content-Type": "application/x-www-form-urlencoded"])
        }
        func isIn(_ user: TestUser) async -> Bool { await app.call(.get, v3 + "/account/whoami", as: user).status == 200 }
    }

    @Test func aPersonsSessionsOfThatProviderEndAndNoOthers() async throws {
        let house = try await House(), alice = try await house.app.register("alice"), bob = try await house.app.register("bob")
        let phone = try await house.device(alice, subject: "u-1", sid: "s-1"), tablet = try await house.device(alice, subject: "u-1"), other = try await house.device(bob, subject: "u-2")
        #expect(await house.isIn(phone))
        let answer = await house.logout(LogoutTokens.sub)
        #expect(answer.status == 200 && answer.headers["Cache-Control"] == "no-store")
        for gone in [phone, tablet] { try await house.app.call(.get, v3 + "/account/whoami", as: gone).expect(401, "M_UNKNOWN_TOKEN") }
        for there in [alice, bob, other] { #expect(await house.isIn(there)) }
        #expect(try await house.app.call(.get, v3 + "/devices", as: alice).expect(200)["devices"]?.arrayValue?.count == 1)
    }

    @Test func aSessionOfTheProviderEndsAlone() async throws {
        let house = try await House(), alice = try await house.app.register("alice")
        let phone = try await house.device(alice, subject: "u-1", sid: "s-1"), tablet = try await house.device(alice, subject: "u-1", sid: "s-2"), old = try await house.device(alice, subject: "u-1")
        // Of somebody else, says the token: nothing ends.
        #expect(await house.logout(LogoutTokens.otherPerson).status == 200)
        #expect(await house.isIn(phone))
        #expect(await house.logout(LogoutTokens.sid).status == 200)
        #expect(await !house.isIn(phone))
        for there in [tablet, old] { #expect(await house.isIn(there)) }
    }

    @Test func aTokenServesOnce() async throws {
        let house = try await House(), alice = try await house.app.register("alice")
        _ = try await house.device(alice, subject: "u-1", sid: "s-1")
        #expect(await house.logout(LogoutTokens.both).status == 200)
        let back = try await house.device(alice, subject: "u-1", sid: "s-1")
        let again = await house.logout(LogoutTokens.both)
        #expect(again.status == 400 && again["error"] == "invalid_request" && again.headers["Cache-Control"] == "no-store")
        #expect(await house.isIn(back))
        // Its name is kept as long as the token itself would be taken.
        house.app.clock.advance(120_000 + IDToken.leeway - 1)
        try await house.app.run(job: "accounts.cleanup")
        #expect(await house.logout(LogoutTokens.both)["error_description"]?.stringValue?.contains("used") == true)
        house.app.clock.advance(2)
        try await house.app.run(job: "accounts.cleanup")
        #expect(await house.logout(LogoutTokens.both)["error_description"]?.stringValue?.contains("exp") == true)
        #expect(await house.isIn(back))
    }

    @Test func aLoginTokenThatWaitsEndsToo() async throws {
        let house = try await House(), alice = try await house.app.register("alice")
        let ends = try await house.token(alice, subject: "u-1", sid: "s-1"), stays = try await house.token(alice, subject: "u-1", sid: "s-2"), own = try await house.token(alice, subject: "u-2", sid: nil)
        await house.logout(LogoutTokens.sid)
        try await house.login(ends).expect(403)
        try await house.login(stays).expect(200)
        await house.logout(LogoutTokens.sub)
        try await house.login(own).expect(200)
    }

    /// The device is the same, but its session has come from another sign-in since.
    @Test func aDeviceThatSignedInByPasswordSinceStays() async throws {
        let house = try await House(), alice = try await house.app.register("alice")
        let phone = try await house.device(alice, subject: "u-1")
        let again = try await house.app.login(alice, device: phone.device.rawValue)
        await house.logout(LogoutTokens.sub)
        #expect(await house.isIn(again))
    }

    @Test(arguments: [LogoutTokens.iss, LogoutTokens.aud, LogoutTokens.exp, LogoutTokens.nonce, LogoutTokens.events, LogoutTokens.nobody, "", "a.b.c"])
    func whatIsNotGenuineEndsNothing(_ token: String) async throws {
        let house = try await House(), alice = try await house.app.register("alice"), phone = try await house.device(alice, subject: "u-1", sid: "s-1")
        let answer = await house.logout(token)
        #expect(answer.status == 400 && answer["error"] == "invalid_request")
        #expect(await house.app.call(.post, Accounts.oidcLogoutPath).status == 400)
        #expect(await house.isIn(phone))
    }

    /// Made-up keys do not make us flood the provider.
    @Test func newKeysAreAskedForNowAndThenAtMost() async throws {
        let house = try await House()
        let body = LogoutTokens.sub.split(separator: ".")[1], header = Base64.encodeURLSafe(Array(#"{"alg":"ES256","kid":"made-up"}"#.utf8))
        for _ in 0..<5 { #expect(await house.logout("\(header).\(body).AAAA").status == 400) }
        #expect(house.provider.requests.count { $0.url.hasSuffix("/jwks") } == 1)
        house.app.clock.advance(10_000)
        #expect(await house.logout("\(header).\(body).AAAA").status == 400)
        #expect(house.provider.requests.count { $0.url.hasSuffix("/jwks") } == 2)
    }
}
