import MatrixCore
import ServerKit
import Store

/// The log that reports are computed from: what happened to conversations, as it happens, in the transaction that does it. It is only ever added to.
///
/// Invariants: a fact says everything that a report needs of its moment (inbox, team, agent, how much open time had passed by the hours of then), so what
/// changes later changes no number of the past; a customer's message on an open conversation adds none; no name, no text.
struct Fact: Sendable, Hashable {
    enum Kind: String, Sendable, CaseIterable { case opened, reopened, assigned, replied, resolved, breached, surveyed, rated, dropped, restored }
    var id: Int64, conversation: String, kind: Kind, at: Int64, inbox: String, team: String?, agent: String?
    /// replied: since when the customer waited; resolved: since when the case was open. And how much of that was open time.
    var since: Int64?, openMS: Int64?
    /// What was promised was due then.
    var due: Int64?
    /// rated: the score.
    var value: Int64?
    /// breached: which promise; surveyed, rated: which survey.
    var ref: String?, scale: String?
}

enum Facts {
    static func add(_ unit: Unit, _ it: Conversation, _ kind: Fact.Kind, agent: String? = nil, since: Int64? = nil, due: Int64? = nil, value: Int64? = nil, ref: String? = nil, scale: SurveyRules.Scale? = nil) throws {
        var since = since
        if kind == .resolved { since = try unit.tx.first(lastOpening, it.id) { $0.intOrNil(0) } ?? nil ?? it.createdAt }
        let open = since.map { since in unit.live.promises.hours(of: it).map { $0.amount(from: since, to: unit.now) } ?? max(0, unit.now - since) }
        let id = unit.tx.nextPosition()
        try insert(unit.tx, Fact(id: id, conversation: it.id, kind: kind, at: unit.now, inbox: it.inboxID, team: it.team, agent: agent, since: since, openMS: open, due: due, value: value,
                                 ref: ref, scale: scale?.rawValue))
        unit.live.cases.ring(id, after: unit.tx)
    }
    /// An agent has written to the customer: an answer, if somebody waits for one.
    static func wrote(_ unit: Unit, before: Conversation, now: Conversation, agent: String) throws {
        if before.status == .resolved { try add(unit, now, .reopened) }
        guard let since = before.state.waitingSince ?? (before.firstReplyMS == nil ? before.createdAt : nil) else { return }
        try add(unit, now, .replied, agent: agent, since: since, due: before.sla?.replyDue)
    }
    static func statusChanged(_ unit: Unit, before: Conversation, now: Conversation) throws {
        if before.status != .resolved, now.status == .resolved {
            let actor: String? = if case .agent(let id) = unit.actor { id } else { nil }
            try add(unit, now, .resolved, agent: before.assignee ?? actor, due: before.sla?.resolveDue)
        } else if before.status == .resolved, now.status != .resolved {
            try add(unit, now, .reopened)
        }
    }

    /// What was spam, or in another conversation, is a case again; and open again, if somebody has written meanwhile.
    static func restored(_ unit: Unit, _ it: Conversation) throws {
        try add(unit, it, .restored)
        if it.status != .resolved { try add(unit, it, .reopened) }
    }

    static func insert(_ tx: WriteTx, _ it: Fact) throws {
        try tx.run("""
            INSERT INTO desk_fact(id, conversation_id, kind, at, inbox_id, team_id, agent_id, since, open_ms, due, value, ref, scale) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, it.id, it.conversation, it.kind.rawValue, it.at, it.inbox, it.team, it.agent, it.since, it.openMS, it.due, it.value, it.ref, it.scale)
    }
    static let columns = "id, conversation_id, kind, at, inbox_id, team_id, agent_id, since, open_ms, due, value, ref, scale"
    static func fact(_ row: Row) -> Fact {
        Fact(id: row.int(0), conversation: row.text(1), kind: Fact.Kind(rawValue: row.text(2)) ?? .assigned, at: row.int(3), inbox: row.text(4), team: row.textOrNil(5), agent: row.textOrNil(6),
             since: row.intOrNil(7), openMS: row.intOrNil(8), due: row.intOrNil(9), value: row.intOrNil(10), ref: row.textOrNil(11), scale: row.textOrNil(12))
    }
    static func of(_ tx: ReadTx, _ conversation: String) throws -> [Fact] { try tx.all("SELECT \(columns) FROM desk_fact WHERE conversation_id = ? ORDER BY id", conversation, row: fact) }
    private static let lastOpening = "SELECT MAX(at) FROM desk_fact WHERE conversation_id = ? AND kind IN ('opened', 'reopened')"

    // MARK: conversations from before the log

    /// Once, at the first start with this log: the facts of conversations that are older than it, from their timelines. Open time is counted by the hours of now.
    static func catchUp(_ c: Context, _ live: DeskLive) async throws {
        if try await c.db.read({ try $0.exists("SELECT 1 FROM desk_counter WHERE name = 'facts'") }) { return }
        var last: Int64? = -1
        while let from = last {
            last = try await c.db.write { tx in
                let unit = Unit(c, tx, live, actor: .system)
                let some = try tx.all("SELECT \(Conversations.columns) FROM desk_conversation WHERE number > ? ORDER BY number LIMIT 100", from, row: Conversations.conversation)
                for it in some where try !tx.exists("SELECT 1 FROM desk_fact WHERE conversation_id = ?", it.id) {
                    for var fact in try fromTimeline(tx, it, hours: live.promises.hours(of: it)) {
                        fact.id = unit.tx.nextPosition()
                        try insert(tx, fact)
                        live.cases.ring(fact.id, after: tx)
                    }
                }
                if some.isEmpty { try tx.run("INSERT INTO desk_counter(name, value) VALUES ('facts', 1) ON CONFLICT (name) DO NOTHING") }
                return some.last?.number
            }
        }
    }
    static func fromTimeline(_ tx: ReadTx, _ it: Conversation, hours: HoursRules?) throws -> [Fact] {
        var facts: [Fact] = [], waiting: Int64?, opened = it.createdAt, isResolved = false, isAnswered = false
        func add(_ kind: Fact.Kind, _ at: Int64, agent: String? = nil, since: Int64? = nil, ref: String? = nil) {
            let open = since.map { since in hours.map { $0.amount(from: since, to: at) } ?? max(0, at - since) }
            facts.append(Fact(id: 0, conversation: it.id, kind: kind, at: at, inbox: it.inboxID, team: it.team, agent: agent, since: since, openMS: open, due: nil, value: nil, ref: ref, scale: nil))
        }
        add(.opened, it.createdAt)
        let items = try tx.all("SELECT kind, at, author_kind, author_id, CASE WHEN kind = 'system' THEN content ELSE '' END FROM desk_item WHERE conversation_id = ? AND kind <> 'note' ORDER BY id", it.id) { row in
            (kind: row.text(0), at: row.int(1), author: row.text(2), id: row.text(3), content: row.text(4))
        }
        for item in items {
            let at = max(item.at, facts.last?.at ?? item.at)
            func reopen() {
                guard isResolved else { return }
                (isResolved, opened) = (false, at)
                add(.reopened, at)
            }
            if item.kind == "message" {
                if item.author == "contact" {
                    reopen()
                    waiting = waiting ?? at
                } else if item.author == "agent" {
                    reopen()
                    if let since = waiting ?? (isAnswered ? nil : it.createdAt) { add(.replied, at, agent: item.id, since: since) }
                    (waiting, isAnswered) = (nil, true)
                }
                continue
            }
            let content = JSONObject(column: item.content), data = content["data"]?.objectValue ?? [:]
            switch content["variant"]?.stringValue.flatMap(SystemText.init(rawValue:)) {
            case .taken, .takenOver, .assigned, .assignedAutomatically, .requeued, .requeuedOffline: add(.assigned, at, agent: data["to"]?.stringValue)
            case .resolved where !isResolved:
                let last = facts.last { $0.kind == .assigned }?.agent
                add(.resolved, at, agent: last ?? (item.author == "agent" ? item.id : nil), since: opened)
                (isResolved, waiting) = (true, nil)
            case .pending: reopen(); waiting = nil
            case .opened, .snoozed: reopen()
            case .slaBreached: add(.breached, at, ref: data["value"]?.stringValue)
            default: break
            }
        }
        return facts
    }

    /// Older binaries run on it, and add nothing to the log.
    static let migrations: [Migration] = [
        Migration(112, "desk facts and cases", """
        CREATE TABLE desk_fact(
          id INTEGER NOT NULL PRIMARY KEY, conversation_id TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, inbox_id TEXT NOT NULL, team_id TEXT, agent_id TEXT,
          since INTEGER, open_ms INTEGER, due INTEGER, value INTEGER, ref TEXT, scale TEXT);
        CREATE INDEX desk_fact_conversation ON desk_fact(conversation_id, id);
        CREATE TABLE desk_case(
          conversation_id TEXT NOT NULL, number INTEGER NOT NULL, inbox_id TEXT NOT NULL, team_id TEXT, agent_id TEXT, opened_at INTEGER NOT NULL,
          first_agent TEXT, first_at INTEGER, first_ms INTEGER, first_open_ms INTEGER, replies INTEGER NOT NULL, wait_ms INTEGER NOT NULL, wait_open_ms INTEGER NOT NULL,
          resolved_at INTEGER, resolve_ms INTEGER, resolve_open_ms INTEGER,
          sla_first INTEGER, sla_next_kept INTEGER NOT NULL, sla_next_broken INTEGER NOT NULL, sla_resolution INTEGER,
          surveyed_at INTEGER, scale TEXT, score INTEGER, rated_at INTEGER, PRIMARY KEY (conversation_id, number));
        CREATE INDEX desk_case_opened ON desk_case(opened_at, inbox_id, team_id, agent_id, number, replies, wait_ms, wait_open_ms, resolved_at, conversation_id);
        CREATE INDEX desk_case_promised ON desk_case(opened_at, inbox_id, team_id, agent_id, sla_first, sla_next_kept, sla_next_broken, sla_resolution, conversation_id);
        CREATE INDEX desk_case_first ON desk_case(first_at, inbox_id, team_id, first_agent, first_ms, first_open_ms, conversation_id) WHERE first_at IS NOT NULL;
        CREATE INDEX desk_case_resolved ON desk_case(resolved_at, inbox_id, team_id, agent_id, resolve_ms, resolve_open_ms, conversation_id) WHERE resolved_at IS NOT NULL;
        CREATE INDEX desk_case_rated ON desk_case(rated_at, inbox_id, team_id, agent_id, scale, score, conversation_id) WHERE rated_at IS NOT NULL;
        CREATE INDEX desk_case_surveyed ON desk_case(surveyed_at, inbox_id, team_id, agent_id, scale, conversation_id) WHERE surveyed_at IS NOT NULL;
        CREATE INDEX desk_case_first_ms ON desk_case(first_ms, first_at, inbox_id, team_id, first_agent, conversation_id);
        CREATE INDEX desk_case_first_open ON desk_case(first_open_ms, first_at, inbox_id, team_id, first_agent, conversation_id);
        CREATE INDEX desk_case_first_agent ON desk_case(first_agent, first_ms, first_at, inbox_id, team_id, conversation_id);
        CREATE INDEX desk_case_resolve_ms ON desk_case(resolve_ms, resolved_at, inbox_id, team_id, agent_id, conversation_id);
        CREATE INDEX desk_case_resolve_open ON desk_case(resolve_open_ms, resolved_at, inbox_id, team_id, agent_id, conversation_id);
        CREATE INDEX desk_case_resolve_agent ON desk_case(agent_id, resolve_ms, resolved_at, inbox_id, team_id, conversation_id);
        CREATE TABLE desk_case_progress(id INTEGER NOT NULL PRIMARY KEY, facts INTEGER NOT NULL);
        INSERT INTO desk_case_progress(id, facts) VALUES (1, 0)
        """),
    ]
}
