import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct DispatchTests {
    @Test func agentsTakeTurnsUpToTheirCapacity() async throws {
        let shop = try await Shop()
        let anna = try await shop.agent("anna", capacity: 2), karim = try await shop.agent("karim", capacity: 1)
        for number in 0..<4 { _ = try await shop.customer("question \(number)") }
        let list = try await shop.list("view=all&sort=oldest")
        #expect(list.map { $0.string("assignee.id") } == [anna.id.rawValue, karim.id.rawValue, anna.id.rawValue, nil])
        // Somebody is free again: the one who waits is served at once.
        try await shop.call(.put, "/conversations/\(list[0].string("id") ?? "")/status", as: anna, ["status": "resolved"]).expect(200)
        #expect(try await shop.conversation(list[3].string("id") ?? "").string("assignee.id") == anna.id.rawValue)
    }

    /// A storm of customers must not make each one dearer than the last: with nobody free, what a routing looks at does not grow with the queue.
    @Test func nobodyFreeMakesALongQueueCheap() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 1)
        for number in 0..<4 { _ = try await shop.customer("question \(number)") }
        let list = try await shop.list("view=all&sort=oldest")
        #expect(list.map { $0.string("assignee.id") } == [anna.id.rawValue, nil, nil, nil])
        let db = shop.app.context.db
        // The first message and its routing are one write, which no second one follows.
        let visitor = try await shop.visitor()
        await shop.desk.live.settled()
        let before = db.statistics.writes
        _ = try await shop.write("cinq", as: visitor)
        await shop.desk.live.settled()
        #expect(db.statistics.writes == before + 1)
        guard TestBackend.preferred == .sqlite else { return }
        for sql in Dispatch.looks {
            let plan = try await db.read { try $0.all("EXPLAIN QUERY PLAN " + sql) { $0.text(3) } }
            #expect(plan.contains { $0.contains("desk_conversation_served") }, "\(sql): \(plan)")
        }
    }

    @Test func customersOfAnAgentWhoLeavesGoBackIntoTheQueue() async throws {
        let shop = try await Shop()
        let anna = try await shop.agent("anna"), karim = try await shop.agent("karim", online: false)
        let (visitor, waiting, _) = try await shop.customer("en attente")
        let (_, answered, room) = try await shop.customer("servi")
        try await shop.say("Voilà", in: answered, as: anna)
        try await shop.available(anna, "offline")
        #expect(try await shop.conversation(waiting).at("assignee")?.isNull == true)
        #expect(try await shop.conversation(answered).string("assignee.id") == anna.id.rawValue)
        try await shop.available(karim, "online")
        #expect(try await shop.conversation(waiting).string("assignee.id") == karim.id.rawValue)
        // The one who had his answer asks again: his agent is gone, so somebody else gets him.
        let other = try await shop.list("view=any&q=servi")[0]
        #expect(other.string("id") == answered)
        _ = (visitor, room)
        try await shop.send("et encore", room: room, as: try await customerOf(shop, answered))
        #expect(try await shop.conversation(answered).string("assignee.id") == karim.id.rawValue)
    }
    private func customerOf(_ shop: Shop, _ conversation: String) async throws -> TestUser {
        let contact = try await shop.conversation(conversation).string("contact.id") ?? ""
        let user = try await shop.app.context.db.read { try Contacts.users($0, of: contact)[0] }
        let token = try await shop.app.context.db.write { [c = shop.app.context] in try c.ports.users.createSession(c, $0, user: user, deviceName: nil) }
        return TestUser(id: user, token: token.token, device: token.device)
    }

    @Test func aLostHeartbeatIsOfflineAndAComebackIsNot() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (_, id, _) = try await shop.customer()
        shop.app.clock.advance(59_000)
        try await shop.app.run(job: "desk.timers")
        #expect(try await shop.conversation(id).string("assignee.id") == anna.id.rawValue)
        shop.app.clock.advance(2_000)
        try await shop.app.run(job: "desk.timers")
        #expect(try await shop.conversation(id).at("assignee")?.isNull == true)
        let seen = try await shop.call(.get, "/agents/" + anna.path, as: shop.owner).expect(200)
        #expect(seen.string("availability") == "offline" && seen.string("wanted_availability") == "online")
        #expect(try await shop.app.call(.get, Shop.widget + "/config?inbox=web").expect(200)["online"] == false)
        #expect(try await shop.call(.post, "/me/heartbeat", as: anna).expect(200).string("availability") == "online")
        #expect(try await shop.conversation(id).string("assignee.id") == anna.id.rawValue)
    }

    @Test func awayKeepsWhatHeHasAndGetsNothingNew() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (_, mine, _) = try await shop.customer("un")
        try await shop.available(anna, "away")
        let (_, new, _) = try await shop.customer("deux")
        #expect(try await shop.conversation(mine).string("assignee.id") == anna.id.rawValue)
        #expect(try await shop.conversation(new).at("assignee")?.isNull == true)
    }

    @Test func whatIsPutBackGoesToSomebodyElse() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, id, room) = try await shop.customer()
        try await shop.call(.post, "/conversations/\(id)/assign", as: anna, ["agent": .null]).expect(200)
        #expect(try await shop.conversation(id).at("assignee")?.isNull == true)
        // Nobody gives a waiting customer to somebody who is not there.
        let gone = try await shop.agent("gone", online: false)
        #expect(await shop.call(.post, "/conversations/\(id)/assign", as: shop.owner, ["agent": .string(gone.id.rawValue)])["code"] == "invalid")
        // Until the customer writes again: then nobody else being there, he has it again.
        try await shop.send("Allô ?", room: room, as: visitor.user)
        #expect(try await shop.conversation(id).string("assignee.id") == anna.id.rawValue)
    }

    /// Resolving and coming back: the customer gets the agent he knows, unless that would make him wait while somebody else is free.
    @Test func aReopenedConversationGoesBackToItsAgentWhereHeTakesAny() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 1)
        let (first, id, room) = try await shop.customer("un")
        let karim = try await shop.agent("karim", capacity: 9)
        func resolve() async throws { try await shop.call(.put, "/conversations/\(id)/status", as: shop.owner, ["status": "resolved"]).expect(200) }
        func assignee() async throws -> String? { try await shop.conversation(id).string("assignee.id") }
        try await resolve()
        try await shop.send("encore", room: room, as: first.user)
        #expect(try await assignee() == anna.id.rawValue)
        // She has no room any more.
        try await resolve()
        let (_, other, _) = try await shop.customer("deux")
        try await shop.call(.post, "/conversations/\(other)/take", as: anna, ["force": true]).expect(200)
        try await shop.send("toujours là", room: room, as: first.user)
        #expect(try await assignee() == karim.id.rawValue)
        // He is having his lunch.
        try await resolve()
        try await shop.available(karim, "away")
        try await shop.call(.put, "/conversations/\(other)/status", as: shop.owner, ["status": "resolved"]).expect(200)
        try await shop.send("et encore", room: room, as: first.user)
        #expect(try await assignee() == anna.id.rawValue)
    }

    @Test func aManualInboxGivesNothingAway() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["assignment": "manual"]).expect(200)
        let (_, id, _) = try await shop.customer()
        #expect(try await shop.conversation(id).at("assignee")?.isNull == true)
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["assignment": "automatic"]).expect(200)
        #expect(try await shop.conversation(id).string("assignee.id") == anna.id.rawValue)
    }

    /// The whole server, not the rules alone: customers, agents and supervisors do what they like, and after each step nobody waits
    /// while a capable agent is free.
    @Test(arguments: [3, 11]) func nobodyWaitsWhateverHappens(seed: Int) async throws {
        let shop = try await Shop()
        var random = SplitMix64(seed: UInt64(seed)), agents: [TestUser] = [], customers: [(visitor: Shop.Visitor, conversation: String, room: String)] = []
        for number in 0..<4 { agents.append(try await shop.agent("agent\(number)", capacity: Int64(random.below(3) + 1), languages: [["fr"], ["en"], ["fr", "en"]][random.below(3)])) }
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["language_rule": "require"]).expect(200)
        for step in 0..<80 {
            shop.app.clock.advance(1000)
            for agent in agents where random.below(5) > 0 { await shop.call(.post, "/me/heartbeat", as: agent) }
            switch random.below(8) {
            case 0, 1: customers.append(try await shop.customer("question \(step)", lang: ["fr", "en"][random.below(2)]))
            case 2 where !customers.isEmpty:
                let customer = customers[random.below(customers.count)]
                try await shop.send("message \(step)", room: customer.room, as: customer.visitor.user)
            case 3: try await shop.available(agents[random.below(4)], ["online", "away", "offline"][random.below(3)])
            case 4 where !customers.isEmpty:
                let status = ["resolved", "pending", "open"][random.below(3)]
                try await shop.call(.put, "/conversations/\(customers[random.below(customers.count)].conversation)/status", as: shop.owner, ["status": .string(status)]).expect(200)
            case 5 where !customers.isEmpty: await shop.call(.post, "/conversations/\(customers[random.below(customers.count)].conversation)/take", as: agents[random.below(4)], ["force": true])
            case 6 where random.below(3) == 0:
                try await shop.call(.patch, "/agents/" + agents[random.below(4)].path, as: shop.owner, ["inboxes": random.below(3) == 0 ? [] : [.string(shop.inbox)]]).expect(200)
            case 6: try await shop.call(.patch, "/agents/" + agents[random.below(4)].path, as: shop.owner, ["capacity": .int(Int64(random.below(4)))]).expect(200)
            default:
                shop.app.clock.advance(20_000)
                try await shop.app.run(job: "desk.timers")
            }
            await shop.desk.live.settled()
            let (waiting, present) = try await shop.app.context.db.read { (try Dispatch.waiting($0), try Agents.all($0)) }
            for conversation in waiting {
                let idle = present.first { agent in
                    let it = RoutingRules.Agent(id: agent.id, availability: agent.availability, capacity: Int(agent.capacity), load: Int(agent.load), languages: Set(agent.languages), inboxes: Set(agent.inboxes))
                    return RoutingRules.isFree(it) && RoutingRules.mayServe(it, conversation)
                }
                #expect(idle?.id == nil, "step \(step): \(conversation.id) waits while \(idle?.id ?? "") is free")
            }
            // Nor does anybody wait for an agent who has gone.
            try await shop.app.run(job: "desk.timers")
            let (live, now) = (shop.desk.live, shop.app.clock.now)
            let forsaken = try await shop.app.context.db.read { tx in
                try Dispatch.agentsWithWaiting(tx).filter { id in try Agents.load(tx, id).map { Dispatch.hasGone($0, live, now: now) } ?? true }
            }
            #expect(forsaken == [], "step \(step)")
        }
    }
}
