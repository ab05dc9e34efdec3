import Logging
import MatrixCore
import ServerKit
import Store

/// Carries out what `RoutingRules` decide, inside the transaction of whatever made it necessary.
///
/// Invariant: after every transaction of the desk that could matter, nobody waits in an automatic inbox while an agent who may
/// have him is free. A message that comes in by Matrix is followed at once by a transaction of its own (`soon`).
enum Dispatch {
    /// Takes waiting customers from agents who have gone, gives out the queue, and lets agents in and out of rooms.
    static func settle(_ unit: Unit) throws {
        let system = unit.acting(as: .system)
        for agent in try agentsWithWaiting(unit.tx) {
            guard let agent = try Agents.load(unit.tx, agent) else { continue }
            try release(unit, agent.id, onlyLeft: !hasGone(agent, unit.live, now: unit.c.clock.now))
        }
        try releaseReopened(unit)
        let waiting = try waiting(unit.tx)
        if !waiting.isEmpty {
            var agents = try Agents.all(unit.tx).filter(\.isActive).map { agent in
                RoutingRules.Agent(id: agent.id, availability: agent.availability, capacity: Int(agent.capacity), load: Int(agent.load), languages: Set(agent.languages),
                                   inboxes: Set(agent.inboxes), lastTurn: agent.lastTurn)
            }
            for turn in RoutingRules.plan(waiting, agents: &agents) {
                guard let conversation = try Conversations.load(unit.tx, turn.conversation) else { continue }
                if let lastTurn = agents.first(where: { $0.id == turn.agent })?.lastTurn {
                    try unit.tx.run("UPDATE desk_agent SET last_turn = ? WHERE id = ?", lastTurn, turn.agent)
                }
                try Conversations.assign(system, conversation, to: turn.agent, how: .assignedAutomatically)
            }
        }
        // Reopened by the customer: the assignee left the room when it was resolved.
        for id in try unit.tx.all("SELECT id FROM desk_conversation WHERE status = 'open' AND assignee_id IS NOT NULL AND COALESCE(joined_agent, '') <> assignee_id", row: { $0.text(0) }) {
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
        try tx.all("SELECT DISTINCT assignee_id FROM desk_conversation WHERE status = 'open' AND waiting_since IS NOT NULL AND assignee_id IS NOT NULL ORDER BY assignee_id") { $0.text(0) }
    }
    /// His waiting customers go back into the queue, the longest-waiting first. `onlyLeft`: only those of conversations that he has left
    /// by going offline (`leave`) and in which he has done nothing since.
    static func release(_ unit: Unit, _ agent: String, onlyLeft: Bool = false) throws {
        let system = unit.acting(as: .system)
        for id in try unit.tx.all("SELECT id FROM desk_conversation WHERE assignee_id = ? AND status = 'open' AND waiting_since IS NOT NULL\(onlyLeft ? " AND declined_by = assignee_id" : "") ORDER BY queue_key, number", agent, row: { $0.text(0) }) {
            guard let conversation = try Conversations.load(unit.tx, id) else { continue }
            try Conversations.assign(system, conversation, to: nil, how: .requeuedOffline)
        }
    }
    /// A customer who comes back after his conversation was resolved gets the agent he knows, if that one takes conversations and has room.
    static func releaseReopened(_ unit: Unit) throws {
        for (id, agent) in try unit.tx.all("""
            SELECT c.id, c.assignee_id FROM desk_conversation c JOIN desk_inbox i ON i.id = c.inbox_id
            WHERE c.status = 'open' AND c.waiting_since IS NOT NULL AND c.assignee_id IS NOT NULL AND COALESCE(c.joined_agent, '') <> c.assignee_id
              AND i.assignment = 'automatic' ORDER BY c.number
            """, row: { ($0.text(0), $0.text(1)) }) {
            guard let agent = try Agents.load(unit.tx, agent), let conversation = try Conversations.load(unit.tx, id) else { continue }
            let mayHaveHim = agent.availability == .online && agent.load <= agent.capacity && agent.sees(inbox: conversation.inboxID)
            if !mayHaveHim { try Conversations.assign(unit.acting(as: .system), conversation, to: nil, how: .requeuedOffline) }
        }
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
            SELECT c.id, c.inbox_id, c.language, i.language_rule, c.priority, COALESCE(c.waiting_since, c.activity_at), c.number, c.declined_by
            FROM desk_conversation c JOIN desk_inbox i ON i.id = c.inbox_id
            WHERE c.status = 'open' AND c.assignee_id IS NULL AND i.assignment = 'automatic'
            """) { row in
            RoutingRules.Waiting(id: row.text(0), inbox: row.text(1), language: row.textOrNil(2), languageRule: LanguageRule(rawValue: row.text(3)) ?? .prefer,
                                 urgent: row.text(4) == "urgent", since: row.int(5), number: row.int(6), declinedBy: row.textOrNil(7))
        }
    }
    /// Settles in a transaction that follows this one's commit.
    static func soon(_ unit: Unit) {
        let (c, live) = (unit.c, unit.live)
        guard live.seedTime == nil else { return }   // the demo's past is told as it was
        unit.tx.afterCommit {
            live.begin()
            Task {
                defer { live.end() }
                do {
                    try await c.db.write { tx in try settle(Unit(c, tx, live, actor: .system)) }
                } catch {
                    c.log.error("routing failed; tried again shortly", metadata: ["error": "\(error)"])
                    live.oweRouting()
                }
            }
        }
    }
}
