import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct SLATests {
    private func policy(_ shop: Shop, _ more: JSONObject = [:]) async throws -> String {
        var body: JSONObject = ["name": "Standard", "first_response": 600, "next_response": 1200, "business_hours": false]
        for (key, value) in more { body[key] = value }
        let id = try await shop.call(.post, "/sla-policies", as: shop.owner, .object(body)).expect(201).string("id") ?? ""
        await shop.desk.live.settled()
        return id
    }
    private func pass(_ shop: Shop, _ seconds: Int64, _ agents: TestUser...) async throws {
        shop.app.clock.advance(seconds * 1000)
        for agent in agents { try await shop.call(.post, "/me/heartbeat", as: agent).expect(200) }
        try await shop.app.run(job: "desk.timers")
    }
    private func told(_ shop: Shop, _ id: String) async throws -> [String] {
        try await shop.timeline(id).filter { $0.string("system.type") == "sla" }.compactMap { $0.string("system.text") }
    }

    @Test func aPromiseIsCountedWarnedOfAndBroken() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        _ = try await policy(shop)
        let (visitor, id, room) = try await shop.customer(), start = shop.app.clock.now
        var it = try await shop.conversation(id)
        #expect(it.string("sla.kind") == "first_response" && it.int("sla.due_at") == start + 600_000 && it.string("sla.state") == "ok" && it.string("sla.policy.name") == "Standard")
        #expect(try await shop.list("view=at_risk").isEmpty)
        try await pass(shop, 481, anna)
        #expect(try await shop.conversation(id).string("sla.state") == "warning")
        #expect(try await shop.list("view=at_risk").map { $0.string("id") } == [id])
        #expect(try await shop.call(.get, "/counts", as: anna).expect(200).int("at_risk") == 1)
        try await pass(shop, 120, anna)
        #expect(try await shop.conversation(id).string("sla.state") == "breached")
        try await pass(shop, 5, anna)
        #expect(try await told(shop, id) == ["The first reply is due soon.", "The first reply is overdue."])
        try await shop.say("Pardon", in: id, as: anna)
        it = try await shop.conversation(id)
        #expect(it.string("sla.state") == "paused" && it.at("sla.due_at")?.isNull == true)
        #expect(try await shop.list("view=at_risk").isEmpty)
        try await shop.send("et alors ?", room: room, as: visitor.user)
        it = try await shop.conversation(id)
        #expect(it.string("sla.kind") == "next_response" && it.int("sla.due_at") == shop.app.clock.now + 1_200_000 && it.string("sla.state") == "ok")
        try await shop.call(.put, "/conversations/\(id)/status", as: anna, ["status": "resolved"]).expect(200)
        #expect(try await shop.conversation(id).at("sla")?.isNull == true)
    }

    @Test func theFirstThatFitsHolds() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let strict = try await policy(shop, ["name": "Urgent", "first_response": 60, "priorities": ["urgent"], "position": 0]), usual = try await policy(shop, ["position": 5])
        let (_, id, _) = try await shop.customer(), start = shop.app.clock.now
        #expect(try await shop.conversation(id).string("sla.policy.id") == usual)
        try await shop.call(.put, "/conversations/\(id)/priority", as: anna, ["priority": "urgent"]).expect(200)
        var it = try await shop.conversation(id)
        #expect(it.string("sla.policy.id") == strict && it.int("sla.due_at") == start + 60_000)
        // What is open follows a change of the policy, and the end of it.
        try await shop.call(.patch, "/sla-policies/" + strict, as: shop.owner, ["first_response": 120]).expect(200)
        await shop.desk.live.settled()
        it = try await shop.conversation(id)
        #expect(it.int("sla.due_at") == start + 120_000)
        try await shop.call(.delete, "/sla-policies/" + strict, as: shop.owner).expect(204)
        await shop.desk.live.settled()
        it = try await shop.conversation(id)
        #expect(it.string("sla.policy.id") == usual && it.int("sla.due_at") == start + 600_000)
        try await shop.call(.delete, "/sla-policies/" + usual, as: shop.owner).expect(204)
        await shop.desk.live.settled()
        #expect(try await shop.conversation(id).at("sla")?.isNull == true)
        try await pass(shop, 5000, anna)
        #expect(try await told(shop, id) == [])
    }

    @Test func listsGoByWhatIsDueFirst() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        _ = try await policy(shop, ["priorities": ["urgent", "high"]])
        var ids: [String] = []
        for number in 0..<3 {
            ids.append(try await shop.customer("question \(number)").conversation)
            shop.app.clock.advance(1000)
        }
        for (id, priority) in [(ids[2], "high"), (ids[1], "urgent")] { try await shop.call(.put, "/conversations/\(id)/priority", as: anna, ["priority": .string(priority)]).expect(200) }
        #expect(try await shop.list("view=all&sort=due").map { $0.string("id") } == [ids[1], ids[2], ids[0]])
        // Page by page.
        let first = try await shop.call(.get, "/conversations?view=all&sort=due&limit=2", as: anna).expect(200)
        let second = try await shop.call(.get, "/conversations?view=all&sort=due&limit=2&cursor=" + Percent.encode(first.string("next_cursor") ?? ""), as: anna).expect(200)
        #expect(second["items"]?.arrayValue?.map { $0.string("id") } == [ids[0]])
    }

    /// The timers lie in the database: a server that starts anew tells what fell due meanwhile.
    @Test func aRestartLosesNoTimer() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        _ = try await policy(shop)
        let (_, id, _) = try await shop.customer()
        shop.app.clock.advance(700_000)
        let reborn = Desk()
        try await reborn.feature.start(shop.app.context)
        #expect(reborn.live.promises.policies.count == 1)
        try await Desk.tick(shop.app.context, reborn.live)
        #expect(try await told(shop, id) == ["The first reply is overdue."])
        _ = anna
    }

    @Test(arguments: [["first_response": .null, "next_response": .null], ["first_response": 0], ["inboxes": ["in_none"]], ["teams": ["tm_none"]], ["priorities": ["huge"]], ["warn_at": 0], ["name": ""]] as [JSONObject])
    func whatIsNoPromiseIsRefused(change: JSONObject) async throws {
        let shop = try await Shop(), id = try await policy(shop)
        #expect(await shop.call(.patch, "/sla-policies/" + id, as: shop.owner, .object(change))["code"] == "invalid")
    }
}
