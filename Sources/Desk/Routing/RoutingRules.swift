/// Who gets which waiting conversation. Pure: a plan from a picture of the desk.
///
/// Invariants, each a test:
/// - after a plan is carried out, no conversation waits while an agent who may have it is free;
/// - within a priority the conversation that has waited longest is served first, whatever the order of the input;
/// - nobody is filled beyond his capacity, nobody away, offline, outside the inbox or the team, or without the skills gets anything;
/// - which of those who may have it gets it is the strategy's choice: it never makes anybody wait.
package enum RoutingRules {
    package struct Agent: Sendable, Hashable {
        package var id: String
        package var availability: Availability
        /// Open conversations that he may have at the same time.
        package var capacity: Int
        package var load: Int
        package var languages: Set<String>
        package var inboxes: Set<String>
        /// Grows with each turn; 0 for an agent who never had one.
        package var lastTurn: Int64
        package var teams: Set<String>
        package var skills: Set<String>

        package init(id: String, availability: Availability = .online, capacity: Int = 5, load: Int = 0, languages: Set<String> = [],
                     inboxes: Set<String> = [], lastTurn: Int64 = 0, teams: Set<String> = [], skills: Set<String> = []) {
            self.id = id; self.availability = availability; self.capacity = capacity; self.load = load
            self.languages = languages; self.inboxes = inboxes; self.lastTurn = lastTurn; self.teams = teams; self.skills = skills
        }
    }

    package struct Waiting: Sendable, Hashable {
        package var id: String
        package var inbox: String
        package var language: String?
        package var languageRule: LanguageRule
        /// Of the priority: a lower one is served first.
        package var rank: Int64
        package var since: Int64
        /// Breaks ties of `since`: the number of the conversation.
        package var number: Int64
        /// Who has put it back into the queue: it is offered to others until the customer writes again.
        package var declinedBy: String?
        package var team: String?
        package var skills: Set<String>
        package var strategy: Strategy
        /// Whom the customer knows; looked up where the strategy asks for it.
        package var lastAgent: String?

        package init(id: String, inbox: String, language: String? = nil, languageRule: LanguageRule = .prefer, rank: Int64 = 2, since: Int64, number: Int64 = 0,
                     declinedBy: String? = nil, team: String? = nil, skills: Set<String> = [], strategy: Strategy = .roundRobin, lastAgent: String? = nil) {
            self.id = id; self.inbox = inbox; self.language = language; self.languageRule = languageRule; self.rank = rank
            self.since = since; self.number = number; self.declinedBy = declinedBy; self.team = team; self.skills = skills; self.strategy = strategy; self.lastAgent = lastAgent
        }
    }

    /// Which of the agents who may have a conversation gets it.
    package enum Strategy: String, Sendable, Hashable, CaseIterable {
        /// Whose last turn is longest ago.
        case roundRobin = "round_robin"
        /// Who has the smallest part of his capacity in use.
        case leastBusy = "least_busy"
        /// Who had this customer last, if he may have him now; else by turns.
        case sticky
    }

    package struct Turn: Sendable, Hashable {
        package var conversation: String
        package var agent: String
        package init(conversation: String, agent: String) { self.conversation = conversation; self.agent = agent }
    }

    /// May this agent ever have this conversation, free or not?
    package static func mayServe(_ agent: Agent, _ waiting: Waiting) -> Bool {
        guard agent.availability == .online, agent.inboxes.contains(waiting.inbox), waiting.declinedBy != agent.id else { return false }
        guard waiting.team.map(agent.teams.contains) ?? true, waiting.skills.isSubset(of: agent.skills) else { return false }
        guard waiting.languageRule == .require, let language = waiting.language else { return true }
        return agent.languages.contains(language)
    }

    package static func isFree(_ agent: Agent) -> Bool { agent.load < agent.capacity }

    /// One turn for each conversation that can be served now. `agents` afterwards is what it will be once the plan is carried out.
    package static func plan(_ waiting: [Waiting], agents: inout [Agent]) -> [Turn] {
        var turn = (agents.map(\.lastTurn).max() ?? 0)
        var turns: [Turn] = []
        for conversation in waiting.sorted(by: isServedBefore) {
            var best: Int?
            for index in agents.indices where isFree(agents[index]) && mayServe(agents[index], conversation) {
                if let current = best, !isPreferred(agents[index], to: agents[current], for: conversation) { continue }
                best = index
            }
            guard let best else { continue }
            turn += 1
            agents[best].load += 1
            agents[best].lastTurn = turn
            turns.append(Turn(conversation: conversation.id, agent: agents[best].id))
        }
        return turns
    }

    static func isServedBefore(_ a: Waiting, _ b: Waiting) -> Bool {
        if a.rank != b.rank { return a.rank < b.rank }
        if a.since != b.since { return a.since < b.since }
        return a.number < b.number
    }

    /// Whom the customer knows, where the strategy asks for it; someone who speaks the customer's language; then the least busy or whose turn
    /// is longest ago; then by id, so that the same picture always gives the same plan.
    static func isPreferred(_ a: Agent, to b: Agent, for waiting: Waiting) -> Bool {
        if waiting.strategy == .sticky, (a.id == waiting.lastAgent) != (b.id == waiting.lastAgent) { return a.id == waiting.lastAgent }
        if let language = waiting.language {
            let speaksA = a.languages.contains(language), speaksB = b.languages.contains(language)
            if speaksA != speaksB { return speaksA }
        }
        // Shares of the capacity, without a division.
        if waiting.strategy == .leastBusy, a.load * b.capacity != b.load * a.capacity { return a.load * b.capacity < b.load * a.capacity }
        if a.lastTurn != b.lastTurn { return a.lastTurn < b.lastTurn }
        if a.load != b.load { return a.load < b.load }
        return a.id < b.id
    }
}

package enum Availability: String, Sendable, Hashable, CaseIterable { 
    case online, away
    /// Away, and whoever waits for him or writes to him again goes back into the queue.
    case awayReassigning = "away_reassigning"
    case offline

    /// The database holds it as "away" and a mark.
    init(stored: String, isReassigning: Bool) {
        let plain = Availability(rawValue: stored) ?? .offline
        self = plain == .away && isReassigning ? .awayReassigning : plain
    }
    var stored: String { self == .awayReassigning ? Availability.away.rawValue : rawValue }
}

/// Whether an agent who does not speak the customer's language may get the conversation when nobody else is free.
package enum LanguageRule: String, Sendable, Hashable, CaseIterable { case prefer, require }
