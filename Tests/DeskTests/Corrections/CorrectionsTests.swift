import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct CorrectionsTests {
    private func path(_ conversation: String, _ item: JSON) -> String { "/conversations/\(conversation)/messages/\(Percent.encode(item.string("message.event_id") ?? ""))" }

    @Test func aCorrectionIsSeenByTheCustomerAndInTheTimelineOnce() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0), (visitor, a, room) = try await shop.customer("a")
        let said = try await shop.say("Bonjuor", in: a, as: anna)
        let fixed = try await shop.call(.patch, path(a, said), as: anna, ["body": "Bonjour"]).expect(200)
        #expect(fixed.string("id") == said.string("id") && fixed.string("message.body") == "Bonjour" && fixed.at("message.edited") == true)
        let messages = try await shop.timeline(a).filter { $0["kind"] == "message" }
        #expect(messages.map { $0.string("message.body") } == ["a", "Bonjour"])
        #expect(try await shop.conversation(a).string("last_message.preview") == "Bonjour")
        let chunk = try await shop.app.call(.get, "/_matrix/client/v3/rooms/\(Percent.encode(room))/messages?dir=f&limit=500", as: visitor.user).expect(200)["chunk"]?.arrayValue ?? []
        #expect(chunk.contains { $0.at("content.m.new_content")?["body"] == nil && $0["content"]?["m.new_content"]?["body"] == "Bonjour" })
    }
    @Test func onesOwnAloneAndWhoHasLeftDoesNotComeBack() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0), karim = try await shop.agent("karim", role: "supervisor", capacity: 0)
        let (_, a, room) = try await shop.customer("a"), said = try await shop.say("Bonjuor", in: a, as: anna)
        let theirs = try #require(try await shop.timeline(a).first { $0.string("author.kind") == "contact" && $0["kind"] == "message" })
        for (item, who) in [(said, karim), (theirs, anna)] {
            #expect(await shop.call(.patch, path(a, item), as: who, ["body": "x"]).status == 403)
            #expect(await shop.call(.delete, path(a, item), as: who).status == 403)
        }
        #expect(await shop.call(.patch, "/conversations/\(a)/messages/%24none", as: anna, ["body": "x"]).status == 404)
        try await shop.call(.put, "/conversations/\(a)/status", as: anna, ["status": "resolved"]).expect(200)
        try await shop.call(.patch, path(a, said), as: anna, ["body": "Bonjour"]).expect(200)
        let now = try await shop.conversation(a)
        #expect(now["status"] == "resolved")
        let members = try await shop.app.context.db.read { try shop.app.context.ports.timelines.joinedMembers($0, room: RoomID(trusted: room)) }
        #expect(!members.contains(anna.id))
    }
    @Test func whatIsDeletedIsGoneForEverybody() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0), (visitor, a, room) = try await shop.customer("a")
        let said = try await shop.say("secret", in: a, as: anna)
        try await shop.call(.delete, path(a, said), as: anna).expect(204)
        #expect(try await shop.timeline(a).contains { $0.string("id") == said.string("id") && $0.at("message.redacted") == true && $0.string("message.body") == "" })
        #expect(try await shop.roomBodies(room, as: visitor.user) == ["a"])
        #expect(await shop.call(.delete, path(a, said), as: anna).status == 409)
        #expect(await shop.call(.patch, path(a, said), as: anna, ["body": "x"]).status == 409)
    }
    /// What was said in the room of a conversation that was merged into another is corrected and deleted there.
    @Test func inTheRoomInWhichItWasSaid() async throws {
        let t = try await ConversationMergeTests.two(), (shop, anna) = (t.shop, t.anna)
        let fixed = try await shop.say("Bonjuor", in: t.first, as: anna), deleted = try await shop.say("secret", in: t.second, as: anna)
        try await shop.call(.post, "/conversations/\(t.first)/merge", as: anna, ["into": .string(t.second)]).expect(200)
        try await shop.call(.patch, path(t.second, fixed), as: anna, ["body": "Bonjour"]).expect(200)
        try await shop.call(.delete, path(t.second, deleted), as: anna).expect(204)
        func events(_ room: String, _ user: TestUser) async throws -> [JSON] {
            try await shop.app.call(.get, "/_matrix/client/v3/rooms/\(Percent.encode(room))/messages?dir=f&limit=500", as: user).expect(200)["chunk"]?.arrayValue ?? []
        }
        #expect(try await events(t.rooms.0, t.one.user).contains { $0["content"]?["m.new_content"]?["body"] == "Bonjour" })
        #expect(try await !shop.roomBodies(t.rooms.1, as: t.two.user).contains("secret"))
        #expect(try await !events(t.rooms.1, t.two.user).contains { $0["content"]?["m.new_content"] != nil })
        let now = try await shop.timeline(t.second)
        #expect(now.contains { $0.string("message.body") == "Bonjour" && $0.at("message.edited") == true } && now.contains { $0.string("id") == deleted.string("id") && $0.at("message.redacted") == true })
    }
}
