import Logging
import MatrixCore
import ServerKit
import Store

/// Carries out what `RoutingRules` decide, inside the transaction of whatever made it necessary.
///
/// Invariant: after every transaction of the desk that could matter, nobody waits in an automatic inbox while an agent who may
/// have him is free. A message that comes in by Matrix is followed at once by a transaction of its own (`soon`).
enum Dispatch {
    /// Takes waiting customers from agents who have gone, gives out the queue, and lets agents in and out of rooms. What it reads does not grow with
    /// the queue while nobody is free.
    static func settle(_ unit: Unit) throws {
        let system = unit.acting(as: .system)
        var agents = try Agents.all(unit.tx)
        var released = false
        let waitFor = agents.contains { hasGone($0, unit.live, now: unit.c.clock.now) } ? try agentsWithWaiting(unit.tx) : []
        for agent in agents where waitFor.contains(agent.id) && hasGone(agent, unit.live, now: unit.c.clock.now) {
            try release(unit, agent.id)
            released = true
        }
        released = try releaseLeft(unit) || released
        released = try releaseReopened(unit) || released
        if released { agents = try Agents.all(unit.tx) }
        var picture = agents.filter(\.isActive).map { agent in
            RoutingRules.Agent(id: agent.id, availability: agent.availability, capacity: Int(agent.capacity), load: Int(agent.load), languages: Set(agent.languages),
                               inboxes: Set(agent.inboxes), lastTurn: agent.lastTurn, teams: Set(agent.teams), skills: Set(agent.skills))
        }
        if picture.contains(where: { $0.availability == .online && RoutingRules.isFree($0) }) {
            for turn in RoutingRules.plan(try waiting(unit.tx), agents: &picture) {
                guard let conversation = try Conversations.load(unit.tx, turn.conversation) else { continue }
                if let lastTurn = picture.first(where: { $0.id == turn.agent })?.lastTurn {
                    try unit.tx.run("UPDATE desk_agent SET last_turn = ? WHERE id = ?", lastTurn, turn.agent)
                }
                try Conversations.assign(system, conversation, to: turn.agent, how: .assignedAutomatically)
            }
        }
        // Reopened by the customer: the assignee left the room when it was resolved.
        for id in try unit.tx.all(strangers, row: { $0.text(0) }) {
            guard var conversation = try Conversations.load(unit.tx, id), let assignee = conversation.assignee else { continue }
            try Conversations.join(system, &conversation, assignee)
            _ = try Conversations.save(system, conversation, newVersion: false)
        }
    }
    /// Offline, and no sign of life from his console either: whoever is "offline" but works on keeps what he has taken by hand.
    static func hasGone(_ agent: Agent, _ live: DeskLive, now: Int64) -> Bool {
        !agent.isActive || agent.availability == .offline && !live.isAlive(agent.id, now: now)
    }
    static func agentsWithWaiting(_ tx: ReadTx) throws -> [String] {
        try tx.all(agents) { $0.text(0) }
    }
    /// His waiting customers go back into the queue, the longest-waiting first.
    static func release(_ unit: Unit, _ agent: String) throws {
        let system = unit.acting(as: .system)
        for id in try unit.tx.all("SELECT id FROM desk_conversation WHERE assignee_id = ? AND status = 'open' AND waiting_since IS NOT NULL ORDER BY queue_key, number", agent, row: { $0.text(0) }) {
            guard let conversation = try Conversations.load(unit.tx, id) else { continue }
            try Conversations.assign(system, conversation, to: nil, how: .requeuedOffline)
        }
    }
    /// The same for those who wait in conversations that their agents have left by going offline (`leave`) and in which these have done nothing since.
    private static func releaseLeft(_ unit: Unit) throws -> Bool {
        let ids = try unit.tx.all(left) { $0.text(0) }
        for id in ids {
            guard let conversation = try Conversations.load(unit.tx, id) else { continue }
            try Conversations.assign(unit.acting(as: .system), conversation, to: nil, how: .requeuedOffline)
        }
        return !ids.isEmpty
    }
    /// A customer who comes back after his conversation was resolved gets the agent he knows, if that one takes conversations and has room.
    private static func releaseReopened(_ unit: Unit) throws -> Bool {
        var released = false
        for (id, agent) in try unit.tx.all(reopened, row: { ($0.text(0), $0.text(1)) }) {
            guard let agent = try Agents.load(unit.tx, agent), let conversation = try Conversations.load(unit.tx, id) else { continue }
            let mayHaveHim = agent.availability == .online && agent.load <= agent.capacity && agent.sees(inbox: conversation.inboxID)
            guard !mayHaveHim else { continue }
            try Conversations.assign(unit.acting(as: .system), conversation, to: nil, how: .requeuedOffline)
            released = true
        }
        return released
    }
    /// The agent says that he goes: his waiting customers are released now, the others when they write again. Coming back ends that.
    static func leave(_ unit: Unit, _ agent: String, isLeaving: Bool) throws {
        if isLeaving {
            try release(unit, agent)
            try unit.tx.run("UPDATE desk_conversation SET declined_by = assignee_id WHERE assignee_id = ?", agent)
        } else {
            try unit.tx.run("UPDATE desk_conversation SET declined_by = NULL WHERE assignee_id = ? AND declined_by = assignee_id", agent)
        }
    }
    static func waiting(_ tx: ReadTx) throws -> [RoutingRules.Waiting] {
        try tx.all("""
            SELECT c.id, c.inbox_id, c.language, i.language_rule, c.priority, COALESCE(c.waiting_since, c.activity_at), c.number, c.declined_by,
              c.team_id, c.skills, COALESCE(t.strategy, i.strategy), CASE WHEN COALESCE(t.strategy, i.strategy) = 'sticky' THEN COALESCE(c.last_agent, (
                SELECT p.last_agent FROM desk_conversation p WHERE p.contact_id = c.contact_id AND p.last_agent IS NOT NULL ORDER BY p.number DESC LIMIT 1)) END
            FROM desk_conversation c JOIN desk_inbox i ON i.id = c.inbox_id LEFT JOIN desk_team t ON t.id = c.team_id
            WHERE c.status = 'open' AND c.assignee_id IS NULL AND i.assignment = 'automatic'
            """) { row in
            RoutingRules.Waiting(id: row.text(0), inbox: row.text(1), language: row.textOrNil(2), languageRule: LanguageRule(rawValue: row.text(3)) ?? .prefer,
                                 rank: (Conversation.Priority(rawValue: row.text(4)) ?? .none).rank, since: row.int(5), number: row.int(6), declinedBy: row.textOrNil(7),
                                 team: row.textOrNil(8), skills: Set(TextList.decode(row.text(9))), strategy: RoutingRules.Strategy(rawValue: row.text(10)) ?? .roundRobin,
                                 lastAgent: row.textOrNil(11))
        }
    }
    /// Settles in a transaction that follows this one's commit: one for all that wait for it.
    static func soon(_ unit: Unit) {
        let (c, live) = (unit.c, unit.live)
        guard live.seedTime == nil, !live.isSettling else { return }   // the demo's past is told as it was
        unit.tx.afterCommit {
            guard live.claimRouting() else { return }   // one that has not begun will see this commit too
            live.begin()
            Task {
                defer { live.end() }
                do {
                    try await c.db.write { tx in
                        live.releaseRouting()
                        try settle(Unit(c, tx, live, actor: .system))
                    }
                } catch {
                    c.log.error("routing failed; tried again shortly", metadata: ["error": "\(error)"])
                    live.releaseRouting()
                    live.oweRouting()
                }
            }
        }
    }
    /// Does something that would settle `soon`, and settles at once.
    static func settling<T>(_ unit: Unit, _ body: () throws -> T) throws -> T {
        unit.live.isSettling = true
        defer { unit.live.isSettling = false }
        let result = try body()
        try settle(unit)
        return result
    }

    // What each routing looks at: conversations that agents serve, by an index of these alone, however long the queue is.
    private static let agents = "SELECT DISTINCT assignee_id FROM desk_conversation WHERE status = 'open' AND waiting_since IS NOT NULL AND assignee_id IS NOT NULL ORDER BY assignee_id"
    private static let left = """
        SELECT id FROM desk_conversation WHERE status = 'open' AND assignee_id IS NOT NULL AND waiting_since IS NOT NULL AND declined_by = assignee_id
        ORDER BY assignee_id, queue_key, number
        """
    private static let reopened = """
        SELECT c.id, c.assignee_id FROM desk_conversation c JOIN desk_inbox i ON i.id = c.inbox_id
        WHERE c.status = 'open' AND c.waiting_since IS NOT NULL AND c.assignee_id IS NOT NULL AND COALESCE(c.joined_agent, '') <> c.assignee_id
          AND i.assignment = 'automatic' ORDER BY c.number
        """
    private static let strangers = "SELECT id FROM desk_conversation WHERE status = 'open' AND assignee_id IS NOT NULL AND COALESCE(joined_agent, '') <> assignee_id"
    static let looks = [agents, left, reopened, strangers]
}
