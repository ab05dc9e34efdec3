import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct LaterTests {
    private func later(_ shop: Shop, _ text: String, in id: String, as user: TestUser, _ more: JSONObject, key: String? = nil) async throws -> JSON {
        try await shop.call(.post, "/conversations/\(id)/later", as: user, with(more, key ?? "k-" + text, text)).expect(201)
    }
    private func with(_ more: JSONObject, _ key: String, _ body: String) -> JSON {
        var all = more
        all["key"] = .string(key)
        all["body"] = .string(body)
        return .object(all)
    }
    private func bodies(_ shop: Shop, _ id: String) async throws -> [String] {
        try await shop.timeline(id).filter { $0.string("kind") == "message" }.compactMap { $0.string("message.body") }
    }
    private func waiting(_ shop: Shop, _ id: String) async throws -> [JSON] { try await shop.call(.get, "/conversations/\(id)/later", as: shop.owner).expect(200)["items"]?.arrayValue ?? [] }
    private func tick(_ shop: Shop) async throws { try await Desk.tick(shop.app.context, shop.desk.live) }

    @Test func itLeavesAtItsTimeOnceAndInItsAuthorsName() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, id, room) = try await shop.customer("Bonjour")
        let now = shop.app.clock.now
        let first = try await later(shop, "plus tard", in: id, as: anna, ["at": .int(now + 60_000)])
        _ = try await later(shop, "plus tôt", in: id, as: anna, ["delay_ms": 5000])
        #expect(try await waiting(shop, id).compactMap { $0.string("body") } == ["plus tôt", "plus tard"])
        #expect(first.string("state") == "waiting" && first.string("agent.id") == anna.id.rawValue)
        shop.app.clock.advance(4_000)
        try await tick(shop)
        #expect(try await bodies(shop, id) == ["Bonjour"])
        shop.app.clock.advance(1_000)
        try await tick(shop)
        try await tick(shop)
        #expect(try await bodies(shop, id) == ["Bonjour", "plus tôt"])
        shop.app.clock.advance(60_000)
        shop.desk.live.beat(anna.id.rawValue, now: shop.app.clock.now)
        try await tick(shop)
        try await tick(shop)
        #expect(try await bodies(shop, id) == ["Bonjour", "plus tôt", "plus tard"])
        #expect(try await shop.roomBodies(room, as: visitor.user).suffix(2) == ["plus tôt", "plus tard"])
        let item = try await shop.timeline(id).last { $0.string("kind") == "message" }
        #expect(item?.string("author.id") == anna.id.rawValue && item?.string("message.key") == "k-plus tard")
        #expect(try await waiting(shop, id).isEmpty)
        // The same request again, after it has left: no second message.
        let again = await shop.call(.post, "/conversations/\(id)/later", as: anna, ["key": "k-plus tard", "body": "plus tard", "at": .int(now + 60_000)])
        #expect(again.status == 200 && again.json?.string("id") == first.string("id"))
        shop.app.clock.advance(600_000)
        try await tick(shop)
        #expect(try await bodies(shop, id).count == 3)
    }

    @Test func whenTheCustomerWritesFirstItIsHeldSentOrDroppedAsItsAuthorSaid() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, id, room) = try await shop.customer("Bonjour")
        let at: JSON = .int(shop.app.clock.now + 60_000)
        let held = try await later(shop, "held", in: id, as: anna, ["at": at])
        _ = try await later(shop, "sent", in: id, as: anna, ["at": at, "if_written": "send"])
        _ = try await later(shop, "dropped", in: id, as: anna, ["at": at, "if_written": "cancel"])
        try await shop.send("Attendez", room: room, as: visitor.user)
        shop.app.clock.advance(61_000)
        shop.desk.live.beat(anna.id.rawValue, now: shop.app.clock.now)
        try await tick(shop)
        #expect(try await bodies(shop, id) == ["Bonjour", "Attendez", "sent"])
        #expect(try await waiting(shop, id).map { [$0.string("body"), $0.string("state"), $0.string("held")] } == [["held", "held", "customer_wrote"]])
        // A new time ends that, for what the customer has written is known now.
        let one = held.string("id") ?? ""
        let again = try await shop.call(.patch, "/later/\(one)", as: anna, ["at": .int(shop.app.clock.now + 1000), "body": "after all"]).expect(200)
        #expect(again.string("state") == "waiting" && again["held"]?.isNull == true)
        shop.app.clock.advance(1_000)
        try await tick(shop)
        #expect(try await bodies(shop, id).last == "after all")
    }

    @Test func itIsTakenBackOrSentAtOnce() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim"), chief = try await shop.agent("chief", role: "supervisor")
        let (_, id, _) = try await shop.customer("Bonjour")
        func make(_ text: String) async throws -> String { try await later(shop, text, in: id, as: anna, ["at": .int(shop.app.clock.now + 60_000)]).string("id") ?? "" }
        let a = try await make("a"), b = try await make("b"), c = try await make("c")
        for (method, path) in [(.delete, "/later/\(a)"), (.patch, "/later/\(a)"), (.post, "/later/\(a)/now")] as [(ServerKit.Method, String)] {
            #expect(await shop.call(method, path, as: karim, method == .delete ? nil : [:]).status == 403)
        }
        try await shop.call(.delete, "/later/\(a)", as: anna).expect(204)
        try await shop.call(.delete, "/later/\(c)", as: chief).expect(204)
        try await shop.call(.post, "/later/\(b)/now", as: anna, [:]).expect(204)
        #expect(await shop.call(.post, "/later/\(b)/now", as: anna, [:]).status == 404)
        #expect(try await bodies(shop, id) == ["Bonjour", "b"])
        shop.app.clock.advance(120_000)
        try await tick(shop)
        #expect(try await bodies(shop, id) == ["Bonjour", "b"])
        #expect(try await shop.call(.get, "/later", as: anna).expect(200)["items"]?.arrayValue?.isEmpty == true)
    }

    @Test func whoMayNoLongerWriteSendsNothing() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (_, id, _) = try await shop.customer("Bonjour")
        _ = try await later(shop, "x", in: id, as: anna, ["delay_ms": 5000])
        try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["inboxes": []]).expect(200)
        #expect(await shop.call(.get, "/conversations/\(id)/later", as: anna).status == 404)
        #expect(try await shop.call(.get, "/later", as: anna).expect(200)["items"]?.arrayValue?.isEmpty == true)
        shop.app.clock.advance(5_000)
        try await tick(shop)
        #expect(try await bodies(shop, id) == ["Bonjour"])
        #expect(try await waiting(shop, id).compactMap { $0.string("held") } == ["refused"])
    }

    @Test func timesThatMakeNoSenseAreRefused() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), (_, id, _) = try await shop.customer("Bonjour")
        for more in [[:], ["at": 5], ["at": .int(shop.app.clock.now + Later.longestWait + 1)], ["delay_ms": 10], ["delay_ms": 5000, "if_written": "maybe"], ["delay_ms": 5000, "reply_to": "$none"]] as [JSONObject] {
            #expect(await shop.call(.post, "/conversations/\(id)/later", as: anna, with(more, "k", "x")).status == 400, "\(more)")
        }
    }

    @Test func draftsAreOnesOwnOnEveryDevice() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim")
        let (_, id, _) = try await shop.customer("Bonjour")
        func mine(_ user: TestUser) async throws -> [JSON] { try await shop.call(.get, "/drafts", as: user).expect(200)["items"]?.arrayValue ?? [] }
        let one = shop.desk.live.open(agent: anna.id.rawValue), other = shop.desk.live.open(agent: karim.id.rawValue)
        try await shop.call(.put, "/conversations/\(id)/draft", as: anna, ["reply": "Bonjour, je ", "note": "", "mode": "reply", "device": "d1"]).expect(200)
        #expect(try await mine(anna).map { $0.string("reply") } == ["Bonjour, je "])
        #expect(try await mine(karim).isEmpty)
        let told = await shop.desk.live.wait(stream: one, milliseconds: 100).volatile.filter { $0.event == "draft" }
        #expect(told.first?.data.string("draft.reply") == "Bonjour, je " && told.first?.data.string("device") == "d1")
        #expect(await shop.desk.live.wait(stream: other, milliseconds: 1).volatile.filter { $0.event == "draft" }.isEmpty)
        try await shop.call(.put, "/conversations/\(id)/draft", as: anna, ["reply": "", "note": "", "mode": "reply"]).expect(200)
        #expect(try await mine(anna).isEmpty)
        #expect(await shop.call(.put, "/conversations/\(id)/draft", as: anna, ["reply": .string(String(repeating: "x", count: Conversations.longestMessage + 1)), "mode": "reply"]).status == 400)
        try await shop.call(.put, "/conversations/\(id)/draft", as: anna, ["reply": "old", "mode": "note"]).expect(200)
        shop.app.clock.advance(Drafts.kept + 1)
        try await shop.app.context.db.write { try Drafts.forgetOld(Unit(shop.app.context, $0, shop.desk.live, actor: .system)) }
        #expect(try await mine(anna).isEmpty)
    }
}
