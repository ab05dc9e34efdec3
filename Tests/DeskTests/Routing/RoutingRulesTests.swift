import TestKit
import Testing
@testable import Desk

private typealias Agent = RoutingRules.Agent
private typealias Waiting = RoutingRules.Waiting

private func agent(_ id: String, _ availability: Availability = .online, capacity: Int = 5, load: Int = 0, languages: Set<String> = ["fr", "en"],
                   inboxes: Set<String> = ["web"], lastTurn: Int64 = 0, teams: Set<String> = [], skills: Set<String> = []) -> Agent {
    Agent(id: id, availability: availability, capacity: capacity, load: load, languages: languages, inboxes: inboxes, lastTurn: lastTurn, teams: teams, skills: skills)
}
private func waiting(_ id: String, since: Int64 = 1, inbox: String = "web", language: String? = nil, rule: LanguageRule = .prefer, rank: Int64 = 2,
                     number: Int64 = 0, declinedBy: String? = nil, team: String? = nil, skills: Set<String> = [], by strategy: RoutingRules.Strategy = .roundRobin,
                     last: String? = nil) -> Waiting {
    Waiting(id: id, inbox: inbox, language: language, languageRule: rule, rank: rank, since: since, number: number, declinedBy: declinedBy,
            team: team, skills: skills, strategy: strategy, lastAgent: last)
}

/// A named case of the table: who waits, who is there, who must get what.
struct RoutingCase: Sendable, CustomTestStringConvertible {
    let name: String, waiting: [RoutingRules.Waiting], agents: [RoutingRules.Agent], turns: [String]
    var testDescription: String { name }
}

@Suite struct RoutingRulesTests {
    static let cases: [RoutingCase] = [
        RoutingCase(name: "nobody there", waiting: [waiting("a")], agents: [], turns: []),
        RoutingCase(name: "one and one", waiting: [waiting("a")], agents: [agent("x")], turns: ["a>x"]),
        RoutingCase(name: "the longest waiting first", waiting: [waiting("b", since: 2), waiting("a", since: 1), waiting("c", since: 3)], agents: [agent("x", capacity: 2)], turns: ["a>x", "b>x"]),
        RoutingCase(name: "equal waits go by number", waiting: [waiting("b", number: 2), waiting("a", number: 1)], agents: [agent("x", capacity: 1)], turns: ["a>x"]),
        RoutingCase(name: "urgent before older", waiting: [waiting("a", since: 1), waiting("b", since: 9, rank: 0)], agents: [agent("x", capacity: 1)], turns: ["b>x"]),
        RoutingCase(name: "agents take turns", waiting: [waiting("a", since: 1), waiting("b", since: 2), waiting("c", since: 3)], agents: [agent("x"), agent("y")], turns: ["a>x", "b>y", "c>x"]),
        RoutingCase(name: "whose turn is longest ago comes first", waiting: [waiting("a")], agents: [agent("x", lastTurn: 7), agent("y", lastTurn: 3)], turns: ["a>y"]),
        RoutingCase(name: "a full agent gets nothing", waiting: [waiting("a")], agents: [agent("x", capacity: 2, load: 2), agent("y", lastTurn: 9)], turns: ["a>y"]),
        RoutingCase(name: "away and offline get nothing", waiting: [waiting("a")], agents: [agent("x", .away), agent("y", .offline)], turns: []),
        RoutingCase(name: "only members of the inbox", waiting: [waiting("a", inbox: "phone")], agents: [agent("x"), agent("y", inboxes: ["phone"])], turns: ["a>y"]),
        RoutingCase(name: "who speaks the language is preferred", waiting: [waiting("a", language: "en")], agents: [agent("x", languages: ["fr"]), agent("y", languages: ["en"], lastTurn: 9)], turns: ["a>y"]),
        RoutingCase(name: "nobody waits for a language that is only preferred", waiting: [waiting("a", language: "en")], agents: [agent("x", languages: ["fr"])], turns: ["a>x"]),
        RoutingCase(name: "a required language is required", waiting: [waiting("a", language: "en", rule: .require)], agents: [agent("x", languages: ["fr"])], turns: []),
        RoutingCase(name: "a required language does not block those behind", waiting: [waiting("a", since: 1, language: "de", rule: .require), waiting("b", since: 2, language: "fr", rule: .require)],
                    agents: [agent("x", languages: ["fr"])], turns: ["b>x"]),
        RoutingCase(name: "not back to who has put it back", waiting: [waiting("a", declinedBy: "x")], agents: [agent("x"), agent("y", lastTurn: 9)], turns: ["a>y"]),
        RoutingCase(name: "priorities one after the other, each by time", waiting: [waiting("a", since: 1, rank: 3), waiting("b", since: 2), waiting("c", since: 4, rank: 1), waiting("d", since: 3, rank: 1), waiting("e", since: 5, rank: 0)],
                    agents: [agent("x", capacity: 9)], turns: ["e>x", "d>x", "c>x", "b>x", "a>x"]),
        RoutingCase(name: "away and reassigning gets nothing", waiting: [waiting("a")], agents: [agent("x", .awayReassigning)], turns: []),
        RoutingCase(name: "a team's are its members'", waiting: [waiting("a", team: "t")], agents: [agent("x"), agent("y", lastTurn: 9, teams: ["t", "u"])], turns: ["a>y"]),
        RoutingCase(name: "nobody's are everybody's", waiting: [waiting("a")], agents: [agent("x", teams: ["t"])], turns: ["a>x"]),
        RoutingCase(name: "a team without anybody there does not block those behind", waiting: [waiting("a", since: 1, team: "t"), waiting("b", since: 2)], agents: [agent("x")], turns: ["b>x"]),
        RoutingCase(name: "every skill is needed", waiting: [waiting("a", skills: ["returns", "vip"])], agents: [agent("x", skills: ["returns"]), agent("y", lastTurn: 9, skills: ["returns", "vip", "repairs"])], turns: ["a>y"]),
        RoutingCase(name: "the least busy by part of his capacity", waiting: [waiting("a", by: .leastBusy)], agents: [agent("x", capacity: 2, load: 1), agent("y", capacity: 10, load: 3, lastTurn: 9)], turns: ["a>y"]),
        RoutingCase(name: "equally busy ones take turns", waiting: [waiting("a", by: .leastBusy)], agents: [agent("x", capacity: 4, load: 2, lastTurn: 9), agent("y", capacity: 2, load: 1)], turns: ["a>y"]),
        RoutingCase(name: "the one he knows", waiting: [waiting("a", by: .sticky, last: "y")], agents: [agent("x"), agent("y", lastTurn: 9)], turns: ["a>y"]),
        RoutingCase(name: "the one he knows before the one who speaks his language", waiting: [waiting("a", language: "en", by: .sticky, last: "y")], agents: [agent("x"), agent("y", languages: ["fr"])], turns: ["a>y"]),
        RoutingCase(name: "nobody waits for the one he knows", waiting: [waiting("a", by: .sticky, last: "y")], agents: [agent("x"), agent("y", capacity: 1, load: 1)], turns: ["a>x"]),
        RoutingCase(name: "no capacity, no work", waiting: [waiting("a")], agents: [agent("x", capacity: 0)], turns: []),
    ]

    @Test(arguments: cases) func table(_ it: RoutingCase) {
        var agents = it.agents
        #expect(RoutingRules.plan(it.waiting, agents: &agents).map { "\($0.conversation)>\($0.agent)" } == it.turns)
    }

    /// A desk that lives for 600 events: customers come, agents come and go, resolve, put back. After each event and the plan
    /// that follows it nobody waits while somebody who may serve him is free, nobody is overfull, and whoever was left waiting is
    /// younger than everyone who was served in his place.
    @Test(arguments: 1...8) func nobodyWaitsWhileACapableAgentIsFree(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let inboxes = ["web", "shop", "phone"], languages = ["fr", "en", "de"]
        var agents = (0..<8).map { index in
            agent("agent\(index)", capacity: random.below(4), languages: random.subset(languages), inboxes: random.subset(inboxes),
                  teams: random.subset(["t", "u"]), skills: random.subset(["vip", "returns"]))
        }
        var queue: [Waiting] = [], assigned: [(waiting: Waiting, agent: String)] = [], time: Int64 = 0
        for step in 0..<600 {
            time += 1
            switch random.below(10) {
            case 0...3:
                queue.append(waiting("c\(step)", since: time, inbox: inboxes[random.below(3)], language: random.below(4) == 0 ? nil : languages[random.below(3)],
                                     rule: random.below(2) == 0 ? .prefer : .require, rank: Int64(random.below(4)), number: Int64(step),
                                     team: [nil, nil, "t", "u"][random.below(4)], skills: random.below(3) == 0 ? random.subset(["vip", "returns"]) : [],
                                     by: RoutingRules.Strategy.allCases[random.below(3)], last: random.below(2) == 0 ? "agent\(random.below(8))" : nil))
            case 4...6 where !assigned.isEmpty:   // resolved
                let done = assigned.remove(at: random.below(assigned.count))
                if let index = agents.firstIndex(where: { $0.id == done.agent }) { agents[index].load -= 1 }
            case 7:   // an agent changes his mind
                let index = random.below(agents.count)
                agents[index].availability = Availability.allCases[random.below(4)]
                if agents[index].availability == .offline || agents[index].availability == .awayReassigning {
                    let gone = agents[index].id
                    queue += assigned.filter { $0.agent == gone }.map(\.waiting)
                    assigned.removeAll { $0.agent == gone }
                    agents[index].load = 0
                }
            case 8 where !assigned.isEmpty:   // put back
                var back = assigned.remove(at: random.below(assigned.count))
                if let index = agents.firstIndex(where: { $0.id == back.agent }) { agents[index].load -= 1 }
                back.waiting.declinedBy = back.agent
                queue.append(back.waiting)
            default: break
            }
            let before = agents
            let turns = RoutingRules.plan(queue.shuffled(using: &random), agents: &agents)
            for turn in turns {
                guard let index = queue.firstIndex(where: { $0.id == turn.conversation }), let server = agents.first(where: { $0.id == turn.agent }) else {
                    Issue.record("a turn about nobody")
                    return
                }
                #expect(RoutingRules.mayServe(server, queue[index]))
                for other in queue where other.id != queue[index].id && !turns.contains(where: { $0.conversation == other.id }) && other.rank == queue[index].rank {
                    // Whoever was passed over by the same agent had waited less.
                    if RoutingRules.mayServe(server, other) { #expect(RoutingRules.isServedBefore(queue[index], other)) }
                }
                assigned.append((queue.remove(at: index), turn.agent))
            }
            for agent in agents { #expect(agent.load <= max(agent.capacity, before.first { $0.id == agent.id }?.load ?? 0)) }
            for left in queue { #expect(!agents.contains { RoutingRules.isFree($0) && RoutingRules.mayServe($0, left) }, "\(left.id) waits at step \(step)") }
        }
    }
}
