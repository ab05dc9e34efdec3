import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct WidgetTests {
    @Test func theConfigSaysHowToLookInBothLanguages() async throws {
        let shop = try await Shop()
        let away = try await shop.app.call(.get, Shop.widget + "/config?inbox=web&lang=en").expect(200)
        #expect(away["online"] == false && away.string("language") == "en" && away["languages"] == ["fr", "en"])
        #expect(away.string("texts.fr.contact_form") == "Contactez-nous" && away.string("texts.en.contact_form") == "Contact us")
        try await shop.agent("anna")
        let here = try await shop.app.call(.get, Shop.widget + "/config?inbox=default", headers: ["Accept-Language": "fr"]).expect(200)
        #expect(here["online"] == true && here.string("language") == "fr" && here["agents"]?[0]?["name"] == "Anna")
        #expect(await shop.app.call(.get, Shop.widget + "/config?inbox=none")["code"] == "unknown_inbox")
    }

    @Test func aSessionIsResumedByItsTokenAndRotated() async throws {
        let shop = try await Shop(), visitor = try await shop.visitor()
        let sent = try await shop.write("Bonjour", as: visitor)
        let again = try await shop.visitor(["resume_token": .string(visitor.resume)])
        #expect(again.user.id == visitor.user.id && again.contact == visitor.contact && again.room == sent.string("room_id"))
        #expect(again.resume != visitor.resume && again.user.token != visitor.user.token)
        // Another tab may still hold the old one for ten minutes.
        #expect(try await shop.visitor(["resume_token": .string(visitor.resume)]).user.id == visitor.user.id)
        shop.app.clock.advance(601_000)
        #expect(try await shop.visitor(["resume_token": .string(visitor.resume)]).user.id != visitor.user.id)
        #expect(try await shop.visitor(["resume_token": .string(again.resume)]).user.id == visitor.user.id)
        #expect(try await shop.visitor(["resume_token": "guess"]).user.id != visitor.user.id)
    }

    /// A page with the widget costs the same however many have written and wait.
    @Test(.enabled(if: TestBackend.preferred == .sqlite)) func howFastTheLastWereAnsweredIsReadFromAnIndexOfThose() async throws {
        let shop = try await Shop()
        let plan = try await shop.app.context.db.read { try $0.all("EXPLAIN QUERY PLAN " + ReplyTime.lastReplies, "ib") { $0.text(3) } }
        #expect(plan.count == 1 && plan[0].contains("USING COVERING INDEX desk_conversation_answered"), "\(plan)")
    }

    @Test func endForgetsTheBrowser() async throws {
        let shop = try await Shop(), visitor = try await shop.visitor()
        try await shop.app.call(.post, Shop.widget + "/end", as: visitor.user).expect(204)
        #expect(await shop.app.call(.post, Shop.widget + "/page", as: visitor.user, json: ["url": "https://x.example/"]).status == 401)
        #expect(try await shop.visitor(["resume_token": .string(visitor.resume)]).user.id != visitor.user.id)
    }

    @Test func onlyTheNewestDevicesOfAVisitorLive() async throws {
        let shop = try await Shop()
        var visitor = try await shop.visitor(), users = [visitor.user]
        for _ in 0..<10 {
            shop.app.clock.advance(1000)
            visitor = try await shop.visitor(["resume_token": .string(visitor.resume)])
            users.append(visitor.user)
        }
        var alive = 0
        for user in users where await shop.app.call(.get, "/_matrix/client/v3/account/whoami", as: user).status == 200 { alive += 1 }
        #expect(alive == Widget.mostDevices)
    }

    @Test func aSignedIdentityIsTheSamePersonEverywhere() async throws {
        let shop = try await Shop()
        let secret = try await shop.call(.get, "/inboxes/" + shop.inbox, as: shop.owner).expect(200).string("identity_secret") ?? ""
        let claims: JSONObject = ["sub": "42", "exp": .int(shop.app.clock.now / 1000 + 60), "name": "Julie Martin", "email": "julie@example.org"]
        let token: JSON = ["token": .string(IdentityTests.token(claims, secret: secret))]
        let hash: JSON = ["user_id": "42", "hash": .string(Hex.encode(HMAC.sha256(key: Array(secret.utf8), Array("42".utf8))))]
        let phone = try await shop.visitor(["identity": token]), laptop = try await shop.visitor(["identity": hash])
        #expect(phone.user.id == laptop.user.id && phone.contact == laptop.contact && phone.user.device != laptop.user.device)
        let contact = try await shop.call(.get, "/contacts/" + phone.contact, as: shop.owner).expect(200)
        #expect(contact["verified"] == true && contact["email_verified"] == true && contact.string("name") == "Julie Martin" && contact.string("external_id") == "42")
        // He writes on one and reads on the other.
        let sent = try await shop.write("Bonjour", as: phone)
        #expect(try await shop.visitor(["identity": hash]).room == sent.string("room_id"))
        // What is signed is not overwritten by what is typed.
        #expect(await shop.app.call(.put, Shop.widget + "/me", as: phone.user, json: ["email": "other@example.org"])["code"] == "conflict")
        // Signed out, or somebody else: a new person.
        #expect(try await shop.visitor(["resume_token": .string(phone.resume)]).contact != phone.contact)
        for wrong: JSON in [["token": .string(IdentityTests.token(claims, secret: "wrong"))], ["user_id": "43", "hash": hash["hash"] ?? .null], ["user_id": "42", "hash": "00"]] {
            let answer = await shop.app.call(.post, Shop.widget + "/session", json: ["inbox": "web", "identity": wrong], headers: ["Accept-Language": "fr"])
            #expect(answer.status == 401 && answer["code"] == "identity_invalid")
        }
    }

    @Test func anAnonymousVisitorWhoSignsInKeepsHisConversation() async throws {
        let shop = try await Shop(), visitor = try await shop.visitor()
        let sent = try await shop.write("Bonjour", as: visitor)
        let secret = try await shop.call(.get, "/inboxes/" + shop.inbox, as: shop.owner).expect(200).string("identity_secret") ?? ""
        let token = IdentityTests.token(["sub": "7", "exp": .int(shop.app.clock.now / 1000 + 60)], secret: secret)
        let known = try await shop.visitor(["identity": ["token": .string(token)], "resume_token": .string(visitor.resume)])
        #expect(known.contact == visitor.contact && known.room == sent.string("room_id"))
        // An e-mail that was only typed never leads to somebody's conversations.
        let thief = try await shop.visitor()
        try await shop.app.call(.put, Shop.widget + "/me", as: thief.user, json: ["email": "julie@example.org"]).expect(200)
        #expect(thief.contact != known.contact)
    }

    @Test func aRequiredIdentityIsRequired() async throws {
        let shop = try await Shop(), before = try await shop.visitor()
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["identity": "required"]).expect(200)
        #expect(await shop.app.call(.post, Shop.widget + "/session", json: ["inbox": "web"])["code"] == "identity_required")
        #expect(await shop.app.call(.post, Shop.widget + "/conversations", as: before.user, json: ["inbox": "web", "txn_id": "t", "content": ["msgtype": "m.text", "body": "x"]])["code"] == "identity_required")
    }

    @Test func theContactFormMakesAConversationOnce() async throws {
        let shop = try await Shop(), visitor = try await shop.visitor()
        let form: JSON = ["inbox": "web", "key": "f1", "name": "Julie", "email": "julie@example.org", "message": "Rappelez-moi\ns'il vous plaît", "lang": "fr"]
        let one = try await shop.app.call(.post, Shop.widget + "/contact-form", as: visitor.user, json: form).expect(200)
        let two = try await shop.app.call(.post, Shop.widget + "/contact-form", as: visitor.user, json: form).expect(200)
        #expect(one == two)
        let it = try await shop.conversation(one.string("conversation_id") ?? "")
        #expect(it.int("message_count") == 1 && it.string("contact.name") == "Julie" && it.string("contact.email") == "julie@example.org" && it.at("contact.verified") == false)
        let bad = await shop.app.call(.post, Shop.widget + "/contact-form", as: visitor.user, json: ["inbox": "web", "key": "f2", "name": "Julie", "message": "x"])
        #expect(bad["errors"]?[0]?["field"] == "email")
    }

    @Test func thePageIsShownToAgentsAndForeignSitesAreRefused() async throws {
        let shop = try await Shop()
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["allowed_origins": ["https://Lumen.example/"]]).expect(200)
        #expect(try await shop.app.call(.get, Shop.widget + "/config?inbox=web").expect(200)["allowed_origins"] == ["https://lumen.example"])
        #expect(await shop.app.call(.post, Shop.widget + "/session", json: ["inbox": "web", "page": ["url": "https://evil.example/"]])["code"] == "origin_refused")
        let visitor = try await shop.visitor(["page": ["url": "https://lumen.example/lampes/7", "title": "Lampe Aube"]])
        let id = try await shop.write("Bonjour", as: visitor).string("conversation_id") ?? ""
        #expect(try await shop.conversation(id).string("page.title") == "Lampe Aube")
        try await shop.app.call(.post, Shop.widget + "/page", as: visitor.user, json: ["inbox": "web", "url": "https://lumen.example/panier", "title": "Panier"]).expect(204)
        #expect(try await shop.conversation(id).string("page.title") == "Panier")
        #expect(try await shop.conversation(id).at("contact.online") == true)
        shop.app.clock.advance(121_000)
        #expect(try await shop.conversation(id).at("contact.online") == false)
    }

    @Test func newVisitorsFromOneAddressAreLimited() async throws {
        let shop = try await Shop { $0.noRateLimits = false }
        var statuses: [Int] = []
        for _ in 0..<15 { statuses.append(await shop.app.call(.post, Shop.widget + "/session", json: ["inbox": "web"], remote: "198.51.100.7").status) }
        #expect(statuses.filter { $0 == 200 }.count == 10 && statuses.suffix(5) == [429, 429, 429, 429, 429])
        let limited = await shop.app.call(.post, Shop.widget + "/session", json: ["inbox": "web"], headers: ["Accept-Language": "fr"], remote: "198.51.100.7")
        #expect(limited["code"] == "rate_limited" && limited.headers["Retry-After"] != nil && (limited["retry_after_ms"]?.intValue ?? 0) > 0)
        #expect(await shop.app.call(.post, Shop.widget + "/session", json: ["inbox": "web"], remote: "198.51.100.8").status == 200)
    }

    @Test func aVisitorIsNoAgentAndNoOtherVisitor() async throws {
        let shop = try await Shop()
        let (_, _, room) = try await shop.customer("à moi"), other = try await shop.visitor()
        #expect(await shop.app.call(.get, "/_matrix/client/v3/rooms/\(Percent.encode(room))/messages?dir=b", as: other.user).status == 403)
        #expect(await shop.app.call(.post, "/_matrix/client/v3/join/\(Percent.encode(room))", as: other.user, json: [:]).status == 403)
        #expect(await shop.app.call(.post, "/_matrix/client/v3/createRoom", as: other.user, json: [:]).status == 403)
        #expect(await shop.call(.get, "/me", as: other.user).status == 403)
    }
}
