@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

/// Single sign-on with a CAS server on loopback. OpenID Connect is tested against a real provider in acceptance/test_identity.py.
@Suite struct SSOTests {
    private func cas(_ user: @escaping @Sendable () -> String) throws -> LocalServer {
        try LocalServer { call in
            call.path.hasPrefix("/cas/proxyValidate?ticket=gold") && call.path.contains("&service=http")
                ? .init(body: Array("<cas:serviceResponse><cas:authenticationSuccess><cas:user>\(user())</cas:user></cas:authenticationSuccess></cas:serviceResponse>".utf8))
                : .init(body: Array("<cas:serviceResponse><cas:authenticationFailure/></cas:serviceResponse>".utf8))
        }
    }
    private func world(_ server: LocalServer) async throws -> World {
        try await World {
            $0.casURL = server.url + "/cas"
            $0.publicURL = "https://chat.example"
        }
    }
    private let redirect = "redirectUrl=" + Percent.encode("https://client.example/?a=b")

    private func token(_ page: TestResponse) throws -> String {
        let text = String(decoding: page.bytes, as: UTF8.self)
        let end = try #require(text.range(of: "loginToken="))
        return String(text[end.upperBound...].prefix { $0 != "\"" && $0 != "&" })
    }
    private func signIn(_ world: World) async throws -> TestUser {
        let page = await world.app.call(.get, v3 + "/login/cas/ticket?\(redirect)&ticket=gold")
        try page.expect(200)
        return try TestUser(try await world.app.call(.post, v3 + "/login", json: ["type": "m.login.token", "token": .string(try token(page))]).expect(200), password: "")
    }

    @Test func theFlowsNameTheProviders() async throws {
        let server = try cas { "alice" }, world = try await world(server)
        let flows = try await world.app.call(.get, v3 + "/login").expect(200)["flows"]?.arrayValue ?? []
        #expect(flows.contains(["type": "m.login.sso", "identity_providers": [["id": "cas", "name": "CAS"]]]) && flows.contains(["type": "m.login.cas"]))
        let none = try await World()
        #expect(try await none.app.call(.get, v3 + "/login").expect(200)["flows"]?.arrayValue?.contains { $0["type"] == "m.login.sso" } == false)
        try await none.app.call(.get, v3 + "/login/sso/redirect?" + redirect).expect(404)
    }

    @Test func theBrowserIsSentToTheProviderAndBack() async throws {
        let server = try cas { "alice" }, world = try await world(server)
        for path in ["/login/sso/redirect", "/login/sso/redirect/cas", "/login/cas/redirect"] {
            let answer = await world.app.call(.get, v3 + path + "?" + redirect)
            #expect(answer.status == 302)
            let service = "https://chat.example/_matrix/client/r0/login/cas/ticket?redirectUrl=" + Percent.encode("https://client.example/?a=b")
            #expect(answer.headers["Location"] == server.url + "/cas/login?service=" + Percent.encode(service))
        }
        try await world.app.call(.get, v3 + "/login/sso/redirect").expect(400, "M_MISSING_PARAM")
        try await world.app.call(.get, v3 + "/login/sso/redirect?redirectUrl=javascript:alert(1)").expect(400, "M_INVALID_PARAM")
        try await world.app.call(.get, v3 + "/login/sso/redirect/other?" + redirect).expect(404)
    }

    @Test func aPersonIsAskedBeforeAnUnknownClientGetsAToken() async throws {
        let server = try cas { "Alice!" }, world = try await world(server)
        let page = await world.app.call(.get, v3 + "/login/cas/ticket?\(redirect)&ticket=gold", headers: ["Accept-Language": "fr"])
        try page.expect(200)
        #expect(String(decoding: page.bytes, as: UTF8.self).contains("https://client.example demande l’accès à votre compte @alice=21:test"))
        let own = await world.app.call(.get, v3 + "/login/cas/ticket?redirectUrl=\(Percent.encode("https://chat.example/app"))&ticket=gold")
        #expect(own.status == 302 && own.headers["Location"]?.hasPrefix("https://chat.example/app?loginToken=") == true)
    }

    @Test func theSamePersonIsTheSameAccountAndATokenServesOnce() async throws {
        let server = try cas { "alice" }, world = try await world(server)
        let page = await world.app.call(.get, v3 + "/login/cas/ticket?\(redirect)&ticket=gold")
        let body: JSON = ["type": "m.login.token", "token": .string(try token(page))]
        let first = try await world.app.call(.post, v3 + "/login", json: body).expect(200)["user_id"]
        try await world.app.call(.post, v3 + "/login", json: body).expect(403)
        #expect(try await signIn(world).id.rawValue == first?.stringValue)
        try await world.app.call(.get, v3 + "/login/cas/ticket?\(redirect)&ticket=lead").expect(401)
    }

    @Test func whoSignsInThatWayProvesHimselfThatWay() async throws {
        let who = Box("alice"), server = try cas { who.value }, world = try await world(server)
        let alice = try await signIn(world)
        let other = try await world.app.register("someone")
        let path = v3 + "/devices/ONE"
        let challenge = try await world.app.call(.delete, path, as: alice).expect(401)
        #expect(challenge["flows"] == [["stages": ["m.login.sso"]]])
        let id = challenge["session"]?.stringValue ?? ""
        try await world.app.call(.delete, path, as: alice, json: ["auth": ["type": "m.login.sso", "session": .string(id)]]).expect(401)
        let fallback = await world.app.call(.get, v3 + "/auth/m.login.sso/fallback/web?session=" + id)
        #expect(fallback.status == 200 && String(decoding: fallback.bytes, as: UTF8.self).contains("/cas/login?service="))
        try await world.app.call(.get, v3 + "/login/cas/ticket?session=\(id)&ticket=gold").expect(200)
        try await world.app.call(.delete, path, as: alice, json: ["auth": ["session": .string(id)]]).expect(200)
        // The proof served once, and another person's proof never.
        let second = try await world.app.call(.delete, path, as: alice).expect(401)["session"]?.stringValue ?? ""
        #expect(second != id)
        who.value = "someone"
        try await world.app.call(.get, v3 + "/login/cas/ticket?session=\(second)&ticket=gold").expect(200)
        try await world.app.call(.delete, path, as: alice, json: ["auth": ["session": .string(second)]]).expect(403, "M_FORBIDDEN")
        #expect(other.id.localpart == "someone")
    }

    @Test func aDeactivatedAccountStaysOut() async throws {
        let server = try cas { "alice" }, world = try await world(server)
        let alice = try await signIn(world)
        let c = world.c, id = alice.id
        try await c.db.write { tx in try Deactivation.deactivate(c, tx, world.accounts, user: id, erase: false) }
        #expect(await world.app.call(.get, v3 + "/login/cas/ticket?\(redirect)&ticket=gold").status == 403)
    }

    @Test(arguments: [
        "{}", "[]", "{\"id\": \"a b\", \"issuer\": \"https://x\", \"client_id\": \"c\"}", "{\"id\": \"a\", \"issuer\": \"ftp://x\", \"client_id\": \"c\"}",
        "{\"id\": \"a\", \"issuer\": \"https://x\", \"client_id\": \"c\", \"typo\": 1}",
    ]) func aProviderThatCannotBeUsedStopsTheStart(_ text: String) {
        #expect(throws: (any Error).self) { try OIDCProvider(try JSONObject.parse(Array(text.utf8))) }
    }

    @Test func everyStatementIsValid() async throws {
        let world = try await World()
        try world.c.db.prepareAll(SSOStore.SQL.all + SSOSessions.SQL.all + ThirdPartyStore.SQL.all)
    }
}
