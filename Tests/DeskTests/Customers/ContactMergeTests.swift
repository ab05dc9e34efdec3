import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct ContactMergeTests {
    struct Pair { let shop: Shop, anna: TestUser, one: Shop.Visitor, two: Shop.Visitor, first: String, second: String }
    /// Julie on her computer, and Julie on her phone; a supervisor.
    static func pair(_ change: JSONObject = ["name": "Julie Martin", "email": "julie@example.org"]) async throws -> Pair {
        let shop = try await Shop(), anna = try await shop.agent("anna", role: "supervisor")
        let (one, first, _) = try await shop.customer("from the computer")
        shop.app.clock.advance(1000)
        let (two, second, _) = try await shop.customer("from the phone")
        for visitor in [one, two] { try await shop.call(.patch, "/contacts/" + visitor.contact, as: anna, .object(change)).expect(200) }
        return Pair(shop: shop, anna: anna, one: one, two: two, first: first, second: second)
    }
    static func contact(_ p: Pair, _ id: String) async throws -> JSON { try await p.shop.call(.get, "/contacts/" + id, as: p.anna).expect(200) }

    @Test func whatTwoKnowIsOne() {
        func contact(_ name: String?, _ email: String?, _ proved: Bool, _ notes: String, _ attributes: JSONObject) -> Contact {
            Contact(id: name ?? "x", brandID: "b", number: 1, name: name, email: email, emailVerified: proved, phone: nil, company: nil, location: nil, language: nil, externalID: nil, notes: notes,
                    attributes: attributes, picture: nil, pageURL: nil, pageTitle: nil, firstSeenAt: 1, lastSeenAt: 1, version: 1)
        }
        let both = ContactMerge.merged(contact("A", nil, false, "one", ["x": "1"]), contact("B", "b@x.org", true, "two", ["x": "2", "y": "3"]))
        #expect(both.name == "A" && both.email == "b@x.org" && both.emailVerified && both.notes == "one\n\ntwo" && both.attributes == ["x": "1", "y": "3"])
    }

    @Test func twoBecomeOneAndTwoAgain() async throws {
        let p = try await Self.pair(), (shop, anna) = (p.shop, p.anna)
        try await shop.call(.patch, "/contacts/" + p.two.contact, as: anna, ["phone": "+33 6 01", "email": "julie@work.example", "attributes": ["size": "40"], "company": "Lumen"]).expect(200)
        let before = (try await Self.contact(p, p.one.contact), try await Self.contact(p, p.two.contact))
        let answer = try await shop.call(.post, "/contacts/\(p.one.contact)/merge", as: anna, ["other": .string(p.two.contact)]).expect(200)
        #expect(answer.string("contact.id") == p.one.contact && answer.string("contact.email") == "julie@example.org" && answer.string("contact.phone") == "+33 6 01")
        #expect(answer.string("contact.company") == "Lumen" && answer.string("contact.attributes.size") == "40" && answer.int("contact.conversations") == 2)
        // one in lists and search; who asks for the other gets this one; both addresses are there
        #expect(try await shop.call(.get, "/contacts", as: anna).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } == [p.one.contact])
        #expect(try await shop.call(.get, "/search?q=julie", as: anna).expect(200)["contacts"]?.arrayValue?.count == 1)
        #expect(try await Self.contact(p, p.two.contact).string("id") == p.one.contact)
        let known = try await shop.call(.get, "/contacts/\(p.one.contact)/identities", as: anna).expect(200)["items"]?.arrayValue ?? []
        #expect(known.compactMap { $0.string("value") }.filter { $0.contains("@") && !$0.hasPrefix("@") } == ["julie@example.org", "julie@work.example"])
        #expect(known.filter { $0["kind"] == "browser" }.count == 2)
        #expect(try await shop.conversation(p.second, as: anna).string("contact.display_name") == "Julie Martin")
        let story = try await shop.call(.get, "/contacts/\(p.one.contact)/timeline", as: anna).expect(200)["items"]?.arrayValue ?? []
        #expect(story.first?.string("text") == "Anna merged Julie Martin into this customer." && story.filter { $0["kind"] == "conversation" }.count == 2)
        #expect(story.contains { $0.string("text")?.contains("company") == true })   // the other's ledger is part of it
        #expect(try await shop.call(.get, "/audit?action=contacts.merge", as: shop.owner).expect(200)["items"]?.arrayValue?.count == 1)
        // both go on in their own conversations, and a name that the agent changes since stays changed
        #expect(try await shop.write("again from the phone", as: p.two).string("conversation_id") == p.second)
        #expect(try await shop.write("again from the computer", as: p.one).string("conversation_id") == p.first)
        try await shop.call(.patch, "/contacts/" + p.one.contact, as: anna, ["location": "Lyon"]).expect(200)
        let merge = try await shop.call(.get, "/contacts/\(p.one.contact)/merges", as: anna).expect(200)["items"]?[0]?.string("id") ?? ""
        #expect(merge == answer.string("merge"))
        let apart = try await shop.call(.post, "/contacts/\(p.one.contact)/merges/\(merge)/undo", as: anna).expect(200)
        #expect(apart.string("other.id") == p.two.contact)
        let after = (try await Self.contact(p, p.one.contact), try await Self.contact(p, p.two.contact))
        func same(_ a: JSON, _ b: JSON, except: Set<String>) -> [String] { (a.objectValue ?? [:]).keys.filter { !except.contains($0) && a[$0] != b[$0] }.sorted() }
        #expect(same(before.0, after.0, except: ["version", "location", "last_seen_at"]) == [] && after.0.string("location") == "Lyon")
        #expect(same(before.1, after.1, except: ["version", "last_seen_at"]) == [])
        #expect(try await shop.list("view=any&contact=" + p.one.contact).compactMap { $0.string("id") } == [p.first])
        #expect(try await shop.list("view=any&contact=" + p.two.contact).compactMap { $0.string("id") } == [p.second])
        #expect(try await shop.call(.get, "/contacts?q=work.example", as: anna).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } == [p.two.contact])
        #expect(await shop.call(.post, "/contacts/\(p.one.contact)/merges/\(merge)/undo", as: anna).status == 404)
        #expect(try await shop.write("and again", as: p.two).string("conversation_id") == p.second)
    }

    @Test func whatCameSinceGoesToWhoseItIs() async throws {
        let p = try await Self.pair(), (shop, anna) = (p.shop, p.anna)
        let merge = try await shop.call(.post, "/contacts/\(p.one.contact)/merge", as: anna, ["other": .string(p.two.contact)]).expect(200).string("merge") ?? ""
        for id in [p.first, p.second] { try await shop.call(.put, "/conversations/\(id)/status", as: anna, ["status": "resolved"]).expect(200) }
        shop.app.clock.advance(40 * 86_400_000)
        try await shop.available(anna, "online")
        let new = try await shop.write("weeks later", as: p.two).string("conversation_id") ?? ""
        #expect(new != p.second && new != p.first)
        #expect(try await shop.conversation(new, as: anna).string("contact.id") == p.one.contact)
        try await shop.call(.post, "/contacts/\(p.one.contact)/merges/\(merge)/undo", as: anna).expect(200)
        #expect(try await shop.conversation(new, as: anna).string("contact.id") == p.two.contact)
        #expect(try await shop.list("view=any&contact=" + p.one.contact).compactMap { $0.string("id") } == [p.first])
        #expect(try await shop.write("and now", as: p.two).string("conversation_id") == new)
    }

    @Test func nobodyIsShownAnothersThingsByAMerge() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", role: "supervisor")
        let secret = try await shop.call(.get, "/inboxes/" + shop.inbox, as: shop.owner).expect(200).string("identity_secret") ?? ""
        func signed(_ user: String) -> JSON { ["user_id": .string(user), "hash": .string(Hex.encode(HMAC.sha256(key: Array(secret.utf8), Array(user.utf8)))), "name": "Julie Signed", "email": "julie@example.org"] }
        let shopUser = try await shop.visitor(["identity": signed("u1")])
        let mine = try await shop.write("signed in", as: shopUser)
        let (stranger, _, room) = try await shop.customer("just a browser")
        // merged by an agent: the one that the shop has signed is kept, whichever was meant
        let answer = try await shop.call(.post, "/contacts/\(stranger.contact)/merge", as: anna, ["other": .string(shopUser.contact)]).expect(200)
        #expect(answer.string("contact.id") == shopUser.contact && answer.string("contact.external_id") == "u1")
        // the browser goes on as itself: no name, no address, its own room
        let again = try await shop.app.call(.post, Shop.widget + "/session", json: ["inbox": "web", "resume_token": .string(stranger.resume)], remote: "192.0.2.1").expect(200)
        #expect(again.string("user_id") == stranger.user.id.rawValue && again.string("room_id") == room && again.at("contact.name")?.isNull == true && again.at("contact.email")?.isNull == true && again["contact"]?["verified"] == false)
        let back = try Shop.Visitor(again)
        #expect(try await shop.app.call(.get, "/_matrix/client/v3/rooms/\(Percent.encode(mine.string("room_id") ?? ""))/messages?dir=b", as: back.user).status == 403)
        // and the shop's user is still who he was, in a new browser too
        let other = try await shop.visitor(["identity": signed("u1")])
        #expect(other.user.id == shopUser.user.id && other.room == mine.string("room_id") && other.contact == shopUser.contact)
        // a second account of the shop, merged: each signs in as itself
        let second = try await shop.visitor(["identity": signed("u2")])
        try await shop.write("second account", as: second)
        try await shop.call(.post, "/contacts/\(shopUser.contact)/merge", as: anna, ["other": .string(second.contact)]).expect(200)
        let fresh = try await shop.visitor(["identity": signed("u2")])
        #expect(fresh.user.id == second.user.id && fresh.room != other.room)
        #expect(try await shop.visitor(["identity": signed("u1")]).user.id == shopUser.user.id)
        #expect(try await shop.call(.get, "/contacts/" + shopUser.contact, as: anna).expect(200).string("external_id") == "u1")
        let shops = try await shop.call(.get, "/contacts/\(shopUser.contact)/identities", as: anna).expect(200)["items"]?.arrayValue?.filter { $0["kind"] == "shop" }
        #expect(shops?.compactMap { $0.string("value") } == ["u1", "u2"])
    }

    @Test func whoMayBeTheSameIsSuggestedAndNothingElse() async throws {
        let p = try await Self.pair(), (shop, anna) = (p.shop, p.anna), ben = try await shop.agent("ben")
        _ = try await shop.customer("somebody else")
        let path = "/contacts/\(p.one.contact)/duplicates"
        let found = try await shop.call(.get, path, as: anna).expect(200)["items"]?.arrayValue ?? []
        #expect(found.map { $0.string("contact.id") } == [p.two.contact])
        #expect(found.first?["reasons"]?.arrayValue?.compactMap { $0.string("kind") }.sorted() == ["email", "name"])
        #expect(found.first?["reasons"]?.arrayValue?.allSatisfy { $0["proved"] == false } == true)
        // by a further address too
        try await shop.call(.patch, "/contacts/" + p.two.contact, as: anna, ["name": "J.", "email": "else@example.org"]).expect(200)
        #expect(try await shop.call(.get, path, as: anna).expect(200)["items"] == [])
        try await shop.call(.post, "/contacts/\(p.two.contact)/addresses", as: anna, ["kind": "email", "value": "JULIE@example.org"]).expect(201)
        #expect(try await shop.call(.get, path, as: anna).expect(200)["items"]?.arrayValue?.count == 1)
        // who may
        #expect(await shop.call(.post, "/contacts/\(p.one.contact)/merge", as: ben, ["other": .string(p.two.contact)]).status == 403)
        #expect(await shop.call(.post, "/contacts/\(p.one.contact)/merge", as: anna, ["other": .string(p.one.contact)])["errors"]?[0]?["field"] == "other")
        try await shop.call(.put, path + "/\(p.two.contact)/dismissed", as: anna).expect(204)
        #expect(try await shop.call(.get, path, as: anna).expect(200)["items"] == [])
        #expect(try await shop.call(.get, "/contacts/\(p.two.contact)/duplicates", as: anna).expect(200)["items"] == [])
    }
}
