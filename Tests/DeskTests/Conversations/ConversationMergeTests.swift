import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct ConversationMergeTests {
    struct Two { let shop: Shop, anna: TestUser, one: Shop.Visitor, two: Shop.Visitor, first: String, second: String, rooms: (String, String) }
    /// Julie's two browsers, which are one contact, each with its conversation.
    static func two() async throws -> Two {
        let shop = try await Shop(), anna = try await shop.agent("anna", role: "supervisor", online: false)
        let (one, first, room) = try await shop.customer("lamp flickers")
        shop.app.clock.advance(1000)
        let (two, second, other) = try await shop.customer("lantern flickers too")
        try await shop.call(.post, "/contacts/\(one.contact)/merge", as: anna, ["other": .string(two.contact)]).expect(200)
        return Two(shop: shop, anna: anna, one: one, two: two, first: first, second: second, rooms: (room, other))
    }
    static func bodies(_ t: Two, _ id: String) async throws -> [String] { try await t.shop.timeline(id).compactMap { $0.string("message.body") ?? $0.string("note.body") } }

    @Test func oneGoesOnWithAllThatWasSaidAndBack() async throws {
        let t = try await Self.two(), (shop, anna) = (t.shop, t.anna)
        try await shop.call(.post, "/conversations/\(t.second)/notes", as: anna, ["key": "n", "body": "a note on the lantern"]).expect(201)
        try await shop.call(.put, "/conversations/\(t.second)/tags", as: anna, ["tags": ["lantern"]]).expect(200)
        let since = try await shop.conversation(t.first).int("waiting_since"), later = try await shop.conversation(t.second).int("waiting_since")
        let kept = try await shop.call(.post, "/conversations/\(t.second)/merge", as: anna, ["into": .string(t.first)]).expect(200)
        #expect(kept.string("id") == t.first && kept.int("message_count") == 2 && kept.int("waiting_since") == since && kept["tags"] == ["lantern"])
        #expect(try await Self.bodies(t, t.first) == ["lamp flickers", "lantern flickers too", "a note on the lantern"])
        // one in every list, count and search; who asks for the other gets this one
        #expect(try await shop.list("view=unassigned").compactMap { $0.string("id") } == [t.first])
        #expect(try await shop.call(.get, "/counts", as: anna).expect(200).int("unassigned") == 1)
        #expect(try await shop.conversation(t.second).string("id") == t.first)
        #expect(try await shop.call(.get, "/search?q=lantern", as: anna).expect(200)["results"]?.arrayValue?.compactMap { $0.string("conversation.id") } == [t.first])
        #expect(try await shop.list("view=any&contact=" + t.one.contact).count == 1)
        // the customer is answered in the room that he writes in
        try await shop.say("an answer", in: t.first, as: anna)
        #expect(try await shop.roomBodies(t.rooms.1, as: t.two.user).contains("an answer"))
        #expect(try await !shop.roomBodies(t.rooms.0, as: t.one.user).contains("an answer"))
        try await shop.send("thanks, the lamp", room: t.rooms.0, as: t.one.user)
        try await shop.say("you are welcome", in: t.first, as: anna)
        #expect(try await shop.roomBodies(t.rooms.0, as: t.one.user).contains("you are welcome"))
        #expect(try await shop.write("and the lantern", as: t.two).string("room_id") == t.rooms.1)
        #expect(try await shop.conversation(t.first).int("message_count") == 6)
        // taken apart: each has its own, also what came since
        let merge = try await shop.timeline(t.first).compactMap { $0.string("system.data.merge") }.first ?? ""
        let apart = try await shop.call(.post, "/conversations/\(t.first)/merges/\(merge)/undo", as: anna).expect(200)
        #expect(apart.string("other.id") == t.second && apart["conversation"]?["tags"] == [])
        #expect(try await Self.bodies(t, t.first) == ["lamp flickers", "thanks, the lamp", "you are welcome"])
        #expect(try await Self.bodies(t, t.second) == ["lantern flickers too", "a note on the lantern", "an answer", "and the lantern"])
        let back = try await shop.conversation(t.second)
        #expect(back.string("status") == "open" && back.int("waiting_since") == later && back["tags"] == ["lantern"] && back.int("message_count") == 3)
        #expect(try await shop.call(.get, "/search?q=lantern", as: anna).expect(200)["results"]?.arrayValue?.compactMap { $0.string("conversation.id") } == [t.second])
        #expect(await shop.call(.post, "/conversations/\(t.first)/merges/\(merge)/undo", as: anna).status == 404)
        try await shop.send("again the lantern", room: t.rooms.1, as: t.two.user)
        #expect(try await Self.bodies(t, t.second).last == "again the lantern")
    }
    @Test func aMergeHoldsOverARestartAndChains() async throws {
        let t = try await Self.two(), (shop, anna) = (t.shop, t.anna)
        shop.app.clock.advance(1000)
        for id in [t.first, t.second] { try await shop.call(.put, "/conversations/\(id)/status", as: anna, ["status": "resolved"]).expect(200) }
        shop.app.clock.advance(40 * 86_400_000)
        let third = try await shop.write("weeks later", as: t.two).string("conversation_id") ?? ""
        try await shop.call(.post, "/conversations/\(t.first)/merge", as: anna, ["into": .string(t.second)]).expect(200)
        let all = try await shop.call(.post, "/conversations/\(t.second)/merge", as: anna, ["into": .string(third)]).expect(200)
        #expect(all.int("message_count") == 3 && all.string("status") == "open")
        let live = DeskLive()
        try await Desk.start(shop.app.context, live)
        #expect(live.place(ofRoom: t.rooms.0)?.conversation == third && live.place(ofRoom: t.rooms.1)?.conversation == third)
        try await shop.send("from the first room", room: t.rooms.0, as: t.one.user)
        #expect(try await Self.bodies(t, third).count == 4)
        let merge = try await shop.timeline(third).compactMap { $0.string("system.data.merge") }.last ?? ""
        try await shop.call(.post, "/conversations/\(third)/merges/\(merge)/undo", as: anna).expect(200)
        #expect(try await Self.bodies(t, third) == ["weeks later"])
        #expect(try await Self.bodies(t, t.second).sorted() == ["from the first room", "lamp flickers", "lantern flickers too"])
    }
    @Test func onlyOneCustomersConversationsAreMerged() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (_, id, _) = try await shop.customer(), (_, other, _) = try await shop.customer("autre")
        #expect(await shop.call(.post, "/conversations/\(id)/merge", as: anna, ["into": .string(other)])["code"] == "conflict")
        #expect(await shop.call(.post, "/conversations/\(id)/merge", as: anna, ["into": .string(id)])["errors"]?[0]?["field"] == "into")
        #expect(await shop.call(.post, "/conversations/\(id)/merge", as: anna, ["into": "cv_x"])["errors"]?[0]?["field"] == "into")
        let far = try await shop.agent("far", inboxes: [])
        #expect(await shop.call(.post, "/conversations/\(id)/merge", as: far, ["into": .string(other)]).status == 404)
    }
}
