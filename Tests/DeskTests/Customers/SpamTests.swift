import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct SpamTests {
    private func counts(_ shop: Shop, _ user: TestUser) async throws -> (open: Int64, unassigned: Int64, resolved: Int64, spam: Int64) {
        let c = try await shop.call(.get, "/counts", as: user).expect(200)
        return (c.int("all") ?? -1, c.int("unassigned") ?? -1, c.int("resolved") ?? -1, c.int("spam") ?? -1)
    }

    @Test func spamIsInNoQueueAndComesBackAsItWouldBe() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false)
        let (visitor, id, room) = try await shop.customer("Buy now")
        let since = try await shop.conversation(id).int("waiting_since")
        let marked = try await shop.call(.put, "/conversations/\(id)/spam", as: anna, ["spam": true]).expect(200)
        #expect(marked["spam"] == true && marked.at("waiting_since")?.isNull == true)
        for view in ["mine", "unassigned", "all", "pending", "snoozed", "resolved", "at_risk"] { #expect(try await shop.list("view=" + view).isEmpty, "\(view)") }
        #expect(try await shop.list("view=spam").compactMap { $0.string("id") } == [id])
        let now = try await counts(shop, anna)
        #expect(now.open == 0 && now.unassigned == 0 && now.resolved == 0 && now.spam == 1)
        // what is written there is kept and wakes nobody, also when somebody is free
        shop.app.clock.advance(5000)
        try await shop.available(anna, "online")
        try await shop.send("Buy now!", room: room, as: visitor.user)
        #expect(try await shop.write("Buy!!", as: visitor).string("conversation_id") == id)
        let quiet = try await shop.conversation(id)
        #expect(quiet.string("status") == "resolved" && quiet.at("assignee")?.isNull == true && quiet.int("message_count") == 3 && quiet["spam"] == true)
        #expect(await shop.call(.post, "/conversations/\(id)/messages", as: anna, ["key": "k", "body": "x"])["code"] == "conflict")
        // saved views and promises do not have it
        #expect(try await shop.call(.post, "/views/preview", as: anna, ["filter": [:]]).expect(200).int("count") == 0)
        // taken out: the customer waits since he began to, and somebody free gets him at once
        let back = try await shop.call(.put, "/conversations/\(id)/spam", as: anna, ["spam": false]).expect(200)
        #expect(back["spam"] == false && back.string("status") == "open" && back.int("waiting_since") == since && back.string("assignee.name") == "Anna")
        #expect(try await shop.timeline(id).compactMap { $0.string("system.text") }.contains("Anna took the conversation out of spam."))
        let after = try await counts(shop, anna)
        #expect(after.open == 1 && after.spam == 0)
    }
    @Test func resolvedSpamComesBackResolvedUnlessTheCustomerWrote() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, id, room) = try await shop.customer()
        try await shop.call(.put, "/conversations/\(id)/status", as: anna, ["status": "resolved"]).expect(200)
        try await shop.call(.put, "/conversations/\(id)/spam", as: anna, ["spam": true]).expect(200)
        #expect(try await shop.call(.put, "/conversations/\(id)/spam", as: anna, ["spam": false]).expect(200).string("status") == "resolved")
        try await shop.call(.put, "/conversations/\(id)/spam", as: anna, ["spam": true]).expect(200)
        shop.app.clock.advance(1000)
        try await shop.send("encore", room: room, as: visitor.user)
        let back = try await shop.call(.put, "/conversations/\(id)/spam", as: anna, ["spam": false]).expect(200)
        #expect(back.string("status") == "open" && back.int("waiting_since") == shop.app.clock.now)
        // to work with it is to say that it is none
        try await shop.call(.put, "/conversations/\(id)/spam", as: anna, ["spam": true]).expect(200)
        #expect(try await shop.call(.put, "/conversations/\(id)/status", as: anna, ["status": "pending"]).expect(200)["spam"] == false)
    }
    @Test func manyAtOnceAndBack() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false)
        var ids: [String] = []
        for number in 0..<3 { ids.append(try await shop.customer("spam \(number)").conversation) }
        let done = try await shop.call(.post, "/conversations/bulk", as: anna, ["ids": JSON(ids), "spam": true]).expect(200)
        #expect(done.int("done") == 3)
        #expect(try await counts(shop, anna).spam == 3)
        try await shop.call(.post, "/bulk/\(done.string("undo") ?? "")/undo", as: anna).expect(200)
        let now = try await counts(shop, anna)
        #expect(now.spam == 0 && now.unassigned == 3)
        #expect(try await shop.list("view=unassigned").allSatisfy { $0.int("waiting_since") != nil })
    }

    @Test func teamsAreAskedForByViewsAndGivenToMany() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false)
        let team = try await shop.call(.post, "/teams", as: shop.owner, ["name": "Returns", "members": [.string(anna.id.rawValue)]]).expect(201).string("id") ?? ""
        var ids: [String] = []
        for number in 0..<3 { ids.append(try await shop.customer("return \(number)").conversation) }
        let done = try await shop.call(.post, "/conversations/bulk", as: anna, ["ids": JSON(Array(ids.prefix(2))), "team": .string(team)]).expect(200)
        #expect(done.int("done") == 2)
        func count(_ teams: JSON) async throws -> Int64? { try await shop.call(.post, "/views/preview", as: anna, ["filter": ["teams": teams]]).expect(200).int("count") }
        #expect(try await count([.string(team)]) == 2)
        #expect(try await count(["nobody"]) == 1)
        #expect(try await count([.string(team), "nobody"]) == 3)
        #expect(try await shop.call(.post, "/conversations/bulk", as: anna, ["ids": JSON(ids), "team": "tm_x"]).expect(200).int("failed") == 3)
        try await shop.call(.post, "/bulk/\(done.string("undo") ?? "")/undo", as: anna).expect(200)
        #expect(try await count([.string(team)]) == 0)
    }

    @Test func whoIsBlockedBothersNobodyUntilItIsTakenBack() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, id, room) = try await shop.customer("rude")
        let (other, kept, _) = try await shop.customer("polite")
        #expect(try await shop.call(.put, "/contacts/\(visitor.contact)/blocked", as: anna, ["blocked": true]).expect(200)["blocked"] == true)
        #expect(try await shop.conversation(id)["spam"] == true)
        #expect(try await shop.conversation(kept)["spam"] == false)
        // he is told nothing: what he writes is taken, here and in a conversation anew
        try await shop.send("ruder", room: room, as: visitor.user)
        shop.app.clock.advance(40 * 86_400_000)
        try await shop.available(anna, "online")
        let anew = try await shop.write("rude again", as: visitor)
        let second = anew.string("conversation_id") ?? ""
        await shop.desk.live.settled()
        #expect(second != id && anew["created"] == true)
        let spam = try await shop.conversation(second)
        #expect(spam["spam"] == true && spam.at("assignee")?.isNull == true)
        #expect(try await shop.list("view=unassigned").isEmpty)
        #expect(try await shop.write("still polite", as: other).string("conversation_id") != nil)
        let story = try await shop.call(.get, "/contacts/\(visitor.contact)/timeline?kind=changes", as: anna).expect(200)["items"]?.arrayValue ?? []
        #expect(story.first?.string("text") == "Anna blocked this customer.")
        #expect(try await shop.call(.get, "/audit?action=contacts.block", as: shop.owner).expect(200)["items"]?.arrayValue?.count == 1)
        #expect(try await shop.call(.post, "/contacts/find", as: anna, ["filter": ["blocked": true]]).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } == [visitor.contact])
        // over a restart
        let live = DeskLive()
        try await Desk.start(shop.app.context, live)
        #expect(live.isBlocked(visitor.contact) && !live.isBlocked(other.contact))
        // taken back: both come out, and he waits; what was marked by itself stays
        try await shop.call(.put, "/conversations/\(id)/spam", as: anna, ["spam": false]).expect(200)
        try await shop.call(.put, "/conversations/\(id)/spam", as: anna, ["spam": true]).expect(200)
        try await shop.call(.put, "/contacts/\(visitor.contact)/blocked", as: anna, ["blocked": false]).expect(200)
        #expect(try await shop.conversation(second)["spam"] == false)
        #expect(try await shop.conversation(second).string("assignee.name") == "Anna")
        #expect(try await shop.conversation(id)["spam"] == true)
        try await shop.write("thank you", as: visitor)
        #expect(try await shop.conversation(second).string("status") == "open")
    }

    @Test func consentsAreALedger() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, _, _) = try await shop.customer(), (other, _, _) = try await shop.customer("autre")
        let path = "/contacts/\(visitor.contact)/consents"
        func note(_ channel: String, _ purpose: String, _ state: String) async throws -> JSON {
            shop.app.clock.advance(1000)
            return try await shop.call(.post, path, as: anna, ["channel": .string(channel), "purpose": .string(purpose), "state": .string(state), "source": "in the chat", "wording": "Yes, please."]).expect(201)
        }
        _ = try await note("email", "Newsletter", "given")
        _ = try await note("phone", "offers", "given")
        let find: JSON = ["filter": ["consent": ["channel": "email", "purpose": "newsletter"]]]
        #expect(try await shop.call(.post, "/contacts/find", as: anna, find).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } == [visitor.contact])
        let all = try await note("email", "newsletter", "withdrawn")
        #expect(all["items"]?.arrayValue?.compactMap { ($0.string("channel") ?? "") + ":" + ($0.string("state") ?? "") } == ["email:withdrawn", "phone:given"])
        #expect(all["history"]?.arrayValue?.count == 3 && all["history"]?[2]?["wording"] == "Yes, please." && all["history"]?[2]?["by"]?["name"] == "Anna")
        #expect(try await shop.call(.post, "/contacts/find", as: anna, find).expect(200)["items"] == [])
        #expect(await shop.call(.post, path, as: anna, ["channel": "pigeon", "purpose": "", "state": "given"])["errors"]?.arrayValue?.count == 3)
        #expect(try await shop.call(.get, "/contacts/\(other.contact)/consents", as: anna).expect(200)["history"] == [])
        let story = try await shop.call(.get, "/contacts/\(visitor.contact)/timeline?kind=changes", as: anna).expect(200)["items"]?.arrayValue ?? []
        #expect(story.first?.string("text") == "Consent withdrawn: newsletter (email). Noted by Anna.")
        // those of a contact that was merged into him count too
        let boss = try await shop.agent("boss", role: "supervisor")
        try await shop.call(.post, "/contacts/\(other.contact)/merge", as: boss, ["other": .string(visitor.contact)]).expect(200)
        #expect(try await shop.call(.get, "/contacts/\(other.contact)/consents", as: anna).expect(200)["items"]?.arrayValue?.count == 2)
    }
}
