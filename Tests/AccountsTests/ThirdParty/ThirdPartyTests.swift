@testable import Accounts
import MatrixCore
import ServerKit
import Store
import Synchronization
import TestKit
import Testing

/// Addresses are proved by real mails to a real SMTP server on loopback.
@Suite struct ThirdPartyTests {
    private struct Post {
        let mails: MailServer, world: World
        init() async throws {
            let mails = try MailServer()
            self.mails = mails
            world = try await World {
                $0.smtpURL = mails.url
                $0.smtpTLS = false
                $0.publicURL = "https://chat.example"
            }
        }
        func call(_ path: String, _ body: JSON, as user: TestUser? = nil) async -> TestResponse { await world.app.call(.post, v3 + path, as: user, json: body) }
        func ask(_ path: String, _ address: String, secret: String = "s3cret", attempt: Int = 1, link: String? = nil, language: String = "en") async -> TestResponse {
            var body: JSONObject = ["client_secret": .string(secret), "email": .string(address), "send_attempt": JSON(attempt)]
            body["next_link"] = link.map { .string($0) }
            return await world.app.call(.post, v3 + path + "/email/requestToken", json: .object(body), headers: ["Accept-Language": language])
        }
        /// The link of the newest mail, as a path.
        func link() async throws -> String {
            try await world.app.run(job: "outbox.mail")
            let link = try #require(mails.mails.last?.link)
            #expect(link.hasPrefix("https://chat.example/_comptoir/email/confirm?sid="))
            return String(link.dropFirst("https://chat.example".count))
        }
        /// Asks, reads the mail, opens the link; gives the proof.
        func prove(_ path: String, _ address: String, secret: String = "s3cret") async throws -> JSON {
            let sid = try await ask(path, address, secret: secret).expect(200)["sid"] ?? .null
            let link = try await link()
            let page = await world.app.call(.get, link)
            #expect(page.status == 200)
            if path == "/account/password" { try await world.app.call(.post, "/_comptoir/email/confirm", body: Array(link.split(separator: "?")[1].utf8)).expect(200) }
            return ["sid": sid, "client_secret": .string(secret)]
        }
        func add(_ address: String, to user: TestUser, secret: String = "s3cret") async throws {
            let proof = try await prove("/account/3pid", address, secret: secret).objectValue ?? [:]
            try await call("/account/3pid/add", .object(proof.merging(["auth": user.auth()])), as: user).expect(200)
        }
    }

    @Test func anAddressIsAddedAfterItsLinkWasOpened() async throws {
        let post = try await Post(), alice = try await post.world.app.register("alice")
        let sid = try await post.ask("/account/3pid", "Alice@Example.org").expect(200)["sid"] ?? .null
        let proof: JSONObject = ["sid": sid, "client_secret": "s3cret", "auth": alice.auth()]
        try await post.call("/account/3pid/add", .object(proof), as: alice).expect(400, "M_THREEPID_AUTH_FAILED")
        let link = try await post.link()
        #expect(await post.world.app.call(.get, link.replacing("token=", with: "token=x")).status == 400)
        #expect(await post.world.app.call(.get, link).status == 200)
        try await post.call("/account/3pid/add", .object(proof.merging(["client_secret": "other"])), as: alice).expect(400, "M_THREEPID_AUTH_FAILED")
        try await post.call("/account/3pid/add", .object(proof), as: alice).expect(200)
        let contacts = try await post.world.app.call(.get, v3 + "/account/3pid", as: alice).expect(200)["threepids"]
        #expect(contacts?[0]?["address"] == "alice@example.org" && contacts?[0]?["validated_at"]?.intValue == post.world.app.clock.now)
        try await post.call("/account/3pid/add", .object(proof), as: alice).expect(400, "M_THREEPID_AUTH_FAILED")   // the proof served once
        try await post.ask("/account/3pid", "ALICE@example.org", secret: "x").expect(400, "M_THREEPID_IN_USE")
        try await post.ask("/register", "alice@example.org", secret: "x").expect(400, "M_THREEPID_IN_USE")
        #expect(try await post.call("/account/3pid/delete", ["medium": "email", "address": "alice@example.org"], as: alice).expect(200)["id_server_unbind_result"] == "no-support")
        #expect(try await post.world.app.call(.get, v3 + "/account/3pid", as: alice).expect(200)["threepids"] == [])
    }

    @Test func aMailIsSentOncePerAttempt() async throws {
        let post = try await Post()
        let sid = try await post.ask("/register", "bob@example.org").expect(200)["sid"]
        #expect(try await post.ask("/register", "bob@example.org").expect(200)["sid"] == sid)
        _ = try await post.link()
        #expect(post.mails.mails.count == 1)
        #expect(try await post.ask("/register", "bob@example.org", attempt: 2, language: "fr").expect(200)["sid"] == sid)
        _ = try await post.link()
        #expect(post.mails.mails.count == 2 && post.mails.mails[1].body.contains("valable un jour") && post.mails.mails[0].link == post.mails.mails[1].link)
    }

    @Test func anAddressMakesAnAccountThatSignsInByIt() async throws {
        let post = try await Post()
        let session = try await post.call("/register", ["username": "bob", "password": "correct horse"]).expect(401)["session"] ?? .null
        let early: JSON = ["auth": ["type": "m.login.email.identity", "session": session, "threepid_creds": ["sid": "x", "client_secret": "y"]]]
        try await post.call("/register", early).expect(401, "M_UNAUTHORIZED")
        let proof = try await post.prove("/register", "bob@example.org")
        let bob = try TestUser(try await post.call("/register", ["auth": ["type": "m.login.email.identity", "session": session, "threepid_creds": proof]]).expect(200), password: "correct horse")
        let identifier: JSON = ["type": "m.id.thirdparty", "medium": "email", "address": "BOB@example.org"]
        #expect(try await post.call("/login", ["type": "m.login.password", "identifier": identifier, "password": "correct horse"]).expect(200)["user_id"] == JSON(bob.id))
        #expect(try await post.call("/login", ["type": "m.login.password", "medium": "email", "address": "bob@example.org", "password": "correct horse"]).expect(200)["user_id"] == JSON(bob.id))
        try await post.call("/login", ["type": "m.login.password", "identifier": ["type": "m.id.thirdparty", "medium": "email", "address": "eve@example.org"], "password": "x"]).expect(403, "M_FORBIDDEN")
    }

    @Test func anAddressResetsThePasswordOfItsAccount() async throws {
        let post = try await Post(), alice = try await post.world.app.register("alice")
        try await post.ask("/account/password", "nobody@example.org").expect(400, "M_THREEPID_NOT_FOUND")
        try await post.add("alice@example.org", to: alice)
        let sid = try await post.ask("/account/password", "alice@example.org", secret: "z").expect(200)["sid"] ?? .null
        let link = try await post.link()
        let auth: JSON = ["type": "m.login.email.identity", "threepid_creds": ["sid": sid, "client_secret": "z"]]
        // A program that opens links is no person.
        #expect(String(decoding: await post.world.app.call(.get, link).bytes, as: UTF8.self).contains("<form"))
        try await post.call("/account/password", ["new_password": "a better one", "auth": auth]).expect(401)
        try await post.world.app.call(.post, "/_comptoir/email/confirm", body: Array(link.split(separator: "?")[1].utf8)).expect(200)
        try await post.call("/account/password", ["new_password": "a better one", "auth": auth]).expect(200)
        try await post.world.app.call(.get, v3 + "/account/whoami", as: alice).expect(401, "M_UNKNOWN_TOKEN")
        try await post.call("/login", ["type": "m.login.password", "user": "alice", "password": "a better one"]).expect(200)
        try await post.call("/account/password", ["new_password": "once more", "auth": auth]).expect(401)
    }

    @Test func aResetMayLeaveDevicesSignedIn() async throws {
        let post = try await Post(), alice = try await post.world.app.register("alice")
        try await post.add("alice@example.org", to: alice)
        let proof = try await post.prove("/account/password", "alice@example.org", secret: "z")
        try await post.call("/account/password", ["new_password": "a better one", "logout_devices": false, "auth": ["type": "m.login.email.identity", "threepid_creds": proof]]).expect(200)
        try await post.world.app.call(.get, v3 + "/account/whoami", as: alice).expect(200)
    }

    @Test func proofForOnePurposeServesNoOther() async throws {
        let post = try await Post(), alice = try await post.world.app.register("alice"), eve = try await post.world.app.register("eve")
        try await post.add("alice@example.org", to: alice)
        let added = try await post.prove("/account/3pid", "eve@example.org", secret: "e")
        try await post.call("/account/password", ["new_password": "x", "auth": ["type": "m.login.email.identity", "threepid_creds": added]]).expect(401)
        let reset = try await post.prove("/account/password", "alice@example.org", secret: "r").objectValue ?? [:]
        try await post.call("/account/3pid/add", .object(reset.merging(["auth": eve.auth()])), as: eve).expect(400, "M_THREEPID_AUTH_FAILED")
        // Whoever is signed in proves his own account only.
        try await post.add("eve2@example.org", to: eve, secret: "f")
        try await post.call("/account/password", ["new_password": "x", "auth": ["type": "m.login.email.identity", "threepid_creds": .object(reset)]], as: eve).expect(403, "M_FORBIDDEN")
    }

    @Test func aLinkIsGoodForADay() async throws {
        let post = try await Post()
        try await post.ask("/register", "bob@example.org").expect(200)
        let link = try await post.link()
        post.world.app.clock.advance(ThirdPartyRules.lifetime + 1)
        #expect(await post.world.app.call(.get, link).status == 400)
        try await post.world.app.run(job: "accounts.cleanup")
        #expect(try await post.world.c.db.read { try $0.exists("SELECT 1 FROM validation_session") } == false)
    }

    @Test func theReaderSeesWhereAForeignLinkLeads() async throws {
        let post = try await Post()
        try await post.ask("/register", "a@example.org", secret: "a", link: "https://evil.example/x").expect(200)
        let page = await post.world.app.call(.get, try await post.link())
        #expect(page.status == 200 && String(decoding: page.bytes, as: UTF8.self).contains("Continue to https://evil.example"))
        try await post.ask("/register", "b@example.org", secret: "b", link: "https://chat.example/app").expect(200)
        let own = await post.world.app.call(.get, try await post.link())
        #expect(own.status == 302 && own.headers["Location"] == "https://chat.example/app")
        try await post.ask("/register", "c@example.org", secret: "c", link: "javascript:alert(1)").expect(400, "M_INVALID_PARAM")
    }

    @Test func phonesAndServersWithoutMailSayThatTheyCannot() async throws {
        let post = try await Post(), silent = try await World()
        for path in ["/register", "/account/password", "/account/3pid"] {
            try await post.call(path + "/msisdn/requestToken", ["client_secret": "x", "country": "FR", "phone_number": "1", "send_attempt": 1]).expect(400, "M_THREEPID_MEDIUM_NOT_SUPPORTED")
            try await silent.app.call(.post, v3 + path + "/email/requestToken", json: ["client_secret": "x", "email": "a@b", "send_attempt": 1]).expect(400, "M_THREEPID_MEDIUM_NOT_SUPPORTED")
        }
        try await post.ask("/register", "no address").expect(400, "M_INVALID_PARAM")
        try await post.ask("/register", "a@b", secret: "not allowed!").expect(400, "M_INVALID_PARAM")
        try await silent.app.call(.post, v3 + "/account/password", json: ["new_password": "x"]).expect(401, "M_MISSING_TOKEN")
    }

    // MARK: identity servers

    private func identity(_ status: @escaping @Sendable (String) -> Int = { _ in 200 }) -> StubOutbound {
        StubOutbound { request in
            let isBind = request.url.hasSuffix("/3pid/bind")
            return OutboundResponse(status: status(request.url), body: Array((isBind ? "{\"medium\":\"email\",\"address\":\"alice@example.org\",\"mxid\":\"@alice:test\"}" : "{}").utf8))
        }
    }

    @Test func anAddressIsPublishedAndWithdrawn() async throws {
        let stub = identity(), accounts = Accounts(), rooms = ListedRooms()
        let app = try await TestApp([accounts.feature], ports: .testing(sessions: accounts, users: accounts, rooms: rooms, timelines: rooms), outbound: stub)
        let alice = try await app.register("alice")
        let body: JSON = ["id_server": "id.example", "id_access_token": "tok", "sid": "1", "client_secret": "s"]
        for path in [v3 + "/account/3pid/bind", "/_matrix/client/unstable/account/3pid/bind"] { try await app.call(.post, path, as: alice, json: body).expect(200) }
        #expect(stub.requests[0].url == "https://id.example/_matrix/identity/v2/3pid/bind" && stub.requests[0].headers.contains { $0 == (name: "Authorization", value: "Bearer tok") })
        let contact: JSON = ["medium": "email", "address": "alice@example.org"]
        #expect(try await app.call(.post, v3 + "/account/3pid/unbind", as: alice, json: contact).expect(200)["id_server_unbind_result"] == "success")
        let unbind = try #require(stub.requests.last)
        #expect(unbind.url == "https://id.example/_matrix/identity/v2/3pid/unbind" && unbind.headers.contains { $0.value.hasPrefix("X-Matrix origin=\"test\",destination=\"id.example\",key=\"ed25519:test\",sig=\"") })
        #expect(try JSON.parse(unbind.body) == ["mxid": "@alice:test", "threepid": contact])
        #expect(try await app.call(.post, v3 + "/account/3pid/unbind", as: alice, json: contact).expect(200)["id_server_unbind_result"] == "no-support")
        try await app.call(.post, v3 + "/account/3pid/bind", as: alice, json: ["id_server": "http://x/", "id_access_token": "t", "sid": "1", "client_secret": "s"]).expect(400, "M_INVALID_PARAM")
    }

    @Test func theEndOfAnAccountWithdrawsItsAddressesEvenLater() async throws {
        let state = Box("200"), stub = identity { Int($0.hasSuffix("unbind") ? state.value : "200") ?? 200 }, accounts = Accounts(), rooms = ListedRooms()
        let app = try await TestApp([accounts.feature], ports: .testing(sessions: accounts, users: accounts, rooms: rooms, timelines: rooms), outbound: stub)
        let alice = try await app.register("alice")
        try await app.call(.post, v3 + "/account/3pid/bind", as: alice, json: ["id_server": "id.example", "id_access_token": "tok", "sid": "1", "client_secret": "s"]).expect(200)
        state.value = "503"
        #expect(try await app.call(.post, v3 + "/account/deactivate", as: alice, json: ["auth": alice.auth()]).expect(200)["id_server_unbind_result"] == "no-support")
        let before = stub.requests.count
        state.value = "200"
        try await app.run(job: "outbox.unbind")
        #expect(stub.requests.count == before)
        app.clock.advance(60_000)
        try await app.run(job: "outbox.unbind")
        #expect(stub.requests.count == before + 1)
        #expect(try await app.context.db.read { try $0.exists("SELECT 1 FROM threepid_binding") } == false)
    }
}
