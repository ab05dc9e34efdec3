import Foundation
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

/// A day at a desk of thirty agents, through the routes of the server and with its clock in hand: shifts, breaks, agents who vanish; three
/// inboxes, two teams, skills, languages, priorities. After every single event nobody may wait while somebody who could serve him is free,
/// and whoever is given to an agent must have been the first whom that agent could serve. What "could serve" means is written down here once
/// more, not taken from the rules that are tested.
@Suite struct SimulationTests {
    /// `COMPTOIR_SIMULATION` customers; `make simulation` takes a thousand.
    static let customers = ProcessInfo.processInfo.environment["COMPTOIR_SIMULATION"].flatMap(Int.init) ?? (TestBackend.preferred == .sqlite ? 100 : 40)

    @Test func nobodyWaitsWhileACapableAgentIsFree() async throws {
        var day = try await Day(customers: Self.customers, seed: 5)
        try await day.run()
        #expect(day.served.count == Self.customers)
        // A day in which nothing happens would prove nothing.
        #expect(day.queued > Self.customers / 10 && day.requeued > 0 && day.vanished > 3)
        print("simulation: \(Self.customers) customers, \(day.checks) states checked, \(day.given) given, \(day.queued) queued, \(day.requeued) requeued, longest wait \(day.longest / 1000) s, \(day.vanished) agents vanished")
    }
}

private struct Day {
    enum Event {
        case arrives(Int)
        case answers(agent: Int, conversation: String)
        case resolves(agent: Int, conversation: String)
        case writesAgain(Int, room: String, conversation: String)
        case goes(Int, String)
        case vanishes(Int)
        case returns(Int)
        case tick
    }
    final class Person { var wanted = "offline", isThere = true; let user: TestUser; init(_ user: TestUser) { self.user = user } }
    struct Facts { var availability: String, capacity: Int64, load: Int64, languages: Set<String>, skills: Set<String>, inboxes: Set<String>, teams: Set<String> }
    struct Waiter { var id: String, inbox: String, team: String?, skills: Set<String>, language: String?, isStrict: Bool, rank: Int, since: Int64, number: Int64, declined: String? }

    let shop: Shop
    let customers: Int
    var random: SplitMix64
    var people: [Person] = []
    var indexes: [String: Int] = [:]
    var visitors: [Int: (user: TestUser, room: String)] = [:]
    var byConversation: [String: Int] = [:]
    var events: [(at: Int64, order: Int, event: Event)] = []
    var order = 0, lastItem: Int64 = 0
    var served: Set<String> = [], checks = 0, given = 0, queued = 0, requeued = 0, vanished = 0, longest: Int64 = 0, unanswered: Set<String> = []
    let inboxes = ["web", "sales", "care"]

    init(customers: Int, seed: UInt64) async throws {
        self.customers = customers
        random = SplitMix64(seed: seed)
        shop = try await Shop()
        let brand = try await shop.call(.get, "/inboxes/" + shop.inbox, as: shop.owner).expect(200).string("brand_id") ?? ""
        var ids = [shop.inbox]
        for key in ["sales", "care"] {
            ids.append(try await shop.call(.post, "/inboxes", as: shop.owner, ["brand_id": .string(brand), "key": .string(key), "name": .string(key), "members": []]).expect(201).string("id") ?? "")
        }
        for index in 0..<30 {
            // The first three can do everything and are there all day.
            let all = index < 3
            let languages = all ? ["fr", "en", "de"] : random.subset(["fr", "en", "de"]).sorted(), skills = all ? ["returns", "vip"] : random.subset(["returns", "vip"]).sorted()
            let user = try await shop.agent("agent\(index)", capacity: Int64(random.below(3) + 1), languages: languages.isEmpty ? ["fr"] : languages, online: false,
                                            inboxes: all ? ids : ids.filter { _ in random.below(3) > 0 })
            try await shop.call(.patch, "/agents/" + user.path, as: shop.owner, ["skills": JSON(skills)]).expect(200)
            people.append(Person(user))
            indexes[user.id.rawValue] = index
        }
        for (inbox, key, strategy) in [(ids[1], "sales", "least_busy"), (ids[2], "care", "sticky")] {
            let members = people.indices.filter { $0 < 3 || random.below(2) == 0 }.map { people[$0].user.id.rawValue }
            let team = try await shop.call(.post, "/teams", as: shop.owner, ["name": .string(key), "strategy": .string(strategy), "members": JSON(members)]).expect(201).string("id") ?? ""
            let change: JSONObject = key == "care" ? ["team": .string(team), "skills": ["returns"], "language_rule": "require"] : ["team": .string(team)]
            try await shop.call(.patch, "/inboxes/" + inbox, as: shop.owner, .object(change)).expect(200)
        }
        // Eight hours for a thousand customers, a third of them in three rushes.
        let start = shop.app.clock.now, length = Int64(customers) * 28_800
        func during(_ day: inout Day) -> Int64 { start + Int64(day.random.below(Int(length / 1000))) * 1000 }
        for number in 0..<customers {
            let at = random.below(3) == 0 ? start + length / 4 * Int64(random.below(3) + 1) + Int64(random.below(60)) * 500 : during(&self)
            plan(at, .arrives(number))
        }
        for index in people.indices {
            guard index >= 3 else { plan(start, .goes(index, "online")); continue }
            let begins = start + Int64(random.below(Int(length / 2000))) * 1000, ends = begins + length / 3
            plan(begins, .goes(index, "online"))
            plan(ends, .goes(index, "offline"))
            if random.below(2) == 0 {
                let pause = begins + Int64(random.below(Int(length / 3000))) * 1000
                plan(pause, .goes(index, random.below(2) == 0 ? "away" : "away_reassigning"))
                plan(pause + length / 40, .goes(index, "online"))
            }
            if index % 4 == 0 {
                let at = begins + Int64(random.below(Int(length / 3000))) * 1000
                plan(at, .vanishes(index))
                if index % 8 == 0 { plan(at + 900_000, .returns(index)) }
            }
        }
        plan(start + 15_000, .tick)
    }
    mutating func plan(_ at: Int64, _ event: Event) {
        order += 1
        // From the back: the next one is the last.
        var low = 0, high = events.count
        while low < high {
            let middle = (low + high) / 2
            if (events[middle].at, events[middle].order) > (at, order) { low = middle + 1 } else { high = middle }
        }
        events.insert((at, order, event), at: low)
    }
    mutating func soon(_ seconds: ClosedRange<Int>, _ event: Event) {
        plan(shop.app.clock.now + Int64(seconds.lowerBound + random.below(seconds.count)) * 1000 + Int64(random.below(1000)), event)
    }

    mutating func run() async throws {
        let end = shop.app.clock.now + Int64(customers) * 28_800 * 3
        while let next = events.popLast(), next.at < end {
            let now = shop.app.clock.now
            shop.app.clock.advance(max(0, next.at - now))
            for person in people where person.isThere && person.wanted != "offline" { shop.desk.live.beat(person.user.id.rawValue, now: shop.app.clock.now) }
            try await happen(next.event)
            await shop.desk.live.settled()
            try await check()
            if served.count == customers, unanswered.isEmpty { break }
        }
    }
    private mutating func happen(_ event: Event) async throws {
        switch event {
        case .arrives(let number):
            let language = ["fr", "fr", "en", "de"][random.below(4)]
            let customer = try await shop.customer("question \(number)", lang: language, inbox: inboxes[random.below(3)])
            visitors[number] = (customer.visitor.user, customer.room)
            byConversation[customer.conversation] = number
            unanswered.insert(customer.conversation)
            if random.below(8) == 0 {
                let priority = ["urgent", "high", "low"][random.below(3)]
                try await shop.call(.put, "/conversations/\(customer.conversation)/priority", as: shop.owner, ["priority": .string(priority)]).expect(200)
            }
        case .answers(let agent, let conversation):
            guard try await isHis(agent, conversation) else { return }
            let person = people[agent]
            guard person.wanted == "online" else { return soon(60...60, event) }
            try await shop.say("réponse \(order)", in: conversation, as: person.user)
            served.insert(conversation)
            unanswered.remove(conversation)
            let number = byConversation[conversation] ?? 0
            if random.below(3) == 0, let room = visitors[number]?.room { soon(20...200, .writesAgain(number, room: room, conversation: conversation)) } else { soon(30...400, .resolves(agent: agent, conversation: conversation)) }
        case .resolves(let agent, let conversation):
            guard try await isHis(agent, conversation) else { return }
            try await shop.call(.put, "/conversations/\(conversation)/status", as: people[agent].user, ["status": "resolved"]).expect(200)
            if random.below(6) == 0, let number = byConversation[conversation], let room = visitors[number]?.room { soon(60...900, .writesAgain(number, room: room, conversation: conversation)) }
        case .writesAgain(let number, let room, let conversation):
            guard let visitor = visitors[number] else { return }
            try await shop.send("encore \(order)", room: room, as: visitor.user)
            unanswered.insert(conversation)
            if let agent = try await shop.conversation(conversation).string("assignee.id").flatMap({ indexes[$0] }) { soon(20...180, .answers(agent: agent, conversation: conversation)) }
        case .goes(let agent, let availability):
            guard people[agent].isThere else { return }
            people[agent].wanted = availability
            try await shop.available(people[agent].user, availability)
        case .vanishes(let agent):
            guard people[agent].wanted != "offline" else { return }
            vanished += 1
            people[agent].isThere = false
        case .returns(let agent):
            people[agent].isThere = true
            try await shop.call(.post, "/me/heartbeat", as: people[agent].user).expect(200)
        case .tick:
            try await shop.app.run(job: "desk.timers")
            plan(shop.app.clock.now + 15_000, .tick)
        }
    }
    private func isHis(_ agent: Int, _ conversation: String) async throws -> Bool {
        guard people[agent].isThere else { return false }
        return try await shop.conversation(conversation).string("assignee.id") == people[agent].user.id.rawValue
    }

    // MARK: what must hold

    private func mayServe(_ agent: Facts, _ id: String, _ it: Waiter) -> Bool {
        guard agent.availability == "online", agent.inboxes.contains(it.inbox), it.declined != id, it.skills.isSubset(of: agent.skills) else { return false }
        if let team = it.team, !agent.teams.contains(team) { return false }
        if it.isStrict, let language = it.language, !agent.languages.contains(language) { return false }
        return true
    }
    private mutating func check() async throws {
        checks += 1
        let since = lastItem, now = shop.app.clock.now
        let (agents, waiting, turns, back, forsaken) = try await shop.app.context.db.read { tx in
            var agents: [String: Facts] = [:]
            try tx.each("""
                SELECT a.id, a.availability, a.capacity, a.languages, a.skills, (SELECT COUNT(*) FROM desk_conversation c WHERE c.assignee_id = a.id AND c.status = 'open'), a.reassigning
                FROM desk_agent a WHERE a.active = 1
                """) { row in
                agents[row.text(0)] = Facts(availability: row.text(1), capacity: row.int(2), load: row.int(5), languages: Set(TextList.decode(row.text(3))),
                                            skills: Set(TextList.decode(row.text(4))), inboxes: [], teams: [])
            }
            try tx.each("SELECT agent_id, inbox_id FROM desk_inbox_member") { agents[$0.text(0)]?.inboxes.insert($0.text(1)) }
            try tx.each("SELECT agent_id, team_id FROM desk_team_member") { agents[$0.text(0)]?.teams.insert($0.text(1)) }
            let waiting = try tx.all("""
                SELECT c.id, c.inbox_id, c.team_id, c.skills, c.language, i.language_rule, c.priority, c.waiting_since, c.number, c.declined_by
                FROM desk_conversation c JOIN desk_inbox i ON i.id = c.inbox_id WHERE c.status = 'open' AND c.assignee_id IS NULL AND c.waiting_since IS NOT NULL
                """) { row in
                Waiter(id: row.text(0), inbox: row.text(1), team: row.textOrNil(2), skills: Set(TextList.decode(row.text(3))), language: row.textOrNil(4), isStrict: row.text(5) == "require",
                       rank: ["urgent": 0, "high": 1, "low": 3][row.text(6)] ?? 2, since: row.int(7), number: row.int(8), declined: row.textOrNil(9))
            }
            func system(_ variant: String) throws -> [(id: Int64, conversation: String, to: String)] {
                try tx.all("SELECT id, conversation_id, content FROM desk_item WHERE id > ? AND kind = 'system' AND content LIKE ? ORDER BY id", since, "%\"variant\":\"\(variant)\"%") { row in
                    (row.int(0), row.text(1), JSONObject(column: row.text(2))["data"]?["to"]?.stringValue ?? "")
                }
            }
            let forsaken = try tx.all("""
                SELECT c.id FROM desk_conversation c JOIN desk_agent a ON a.id = c.assignee_id WHERE c.status = 'open' AND c.waiting_since IS NOT NULL AND a.availability = 'offline'
                """) { $0.text(0) }
            return (agents, waiting, try system("assignedAutomatically"), try system("requeuedOffline"), forsaken)
        }
        for it in waiting {
            let idle = agents.first { $0.value.load < $0.value.capacity && mayServe($0.value, $0.key, it) }
            #expect(idle == nil, "at \(now): \(it.id) waits while \(idle?.key ?? "") is free")
            longest = max(longest, now - it.since)
        }
        #expect(forsaken == [], "at \(now) somebody waits for an agent who has gone")
        for turn in turns {
            lastItem = max(lastItem, turn.id)
            given += 1
            guard let agent = agents[turn.to], let index = indexes[turn.to] else { Issue.record("given to nobody"); continue }
            #expect(agent.load <= agent.capacity, "\(turn.to) has more than he can take")
            let it = try await shop.app.context.db.read { tx in
                try tx.first("""
                    SELECT c.inbox_id, c.team_id, c.skills, c.language, i.language_rule, c.priority, c.waiting_since, c.number FROM desk_conversation c JOIN desk_inbox i ON i.id = c.inbox_id WHERE c.id = ?
                    """, turn.conversation) { row in
                    Waiter(id: turn.conversation, inbox: row.text(0), team: row.textOrNil(1), skills: Set(TextList.decode(row.text(2))), language: row.textOrNil(3), isStrict: row.text(4) == "require",
                           rank: ["urgent": 0, "high": 1, "low": 3][row.text(5)] ?? 2, since: row.intOrNil(6) ?? 0, number: row.int(7), declined: nil)
                }
            }
            guard let it else { continue }
            #expect(mayServe(agent, turn.to, it), "\(turn.to) was given what he may not have")
            for other in waiting where mayServe(agent, turn.to, other) {
                #expect((it.rank, it.since, it.number) < (other.rank, other.since, other.number), "\(turn.to) got \(it.id) before \(other.id)")
            }
            soon(20...180, .answers(agent: index, conversation: turn.conversation))
        }
        requeued += back.count
        lastItem = max(lastItem, back.last?.id ?? 0)
        for it in waiting where it.since == now { queued += 1 }
    }
}
