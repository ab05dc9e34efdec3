import Logging
import MatrixCore
import ServerKit
import Store
import Synchronization

/// Rules that act by themselves, after what happens.
///
/// Invariants: what happens is read from the desk's change log, from a cursor that moves in the transaction in which the rules act: over a crash each acts once and in
/// order; nothing that a rule has done is read as something that happened; a rule does to a conversation all that it says or nothing, and why it did or did not is
/// written down with it; whoever writes pays no statement for rules, and without any nothing is read at all.
final class Automation: Sendable {
    /// So many things that happened in one transaction: a writer is held for a moment.
    static let batch = 20
    static let looksEvery: Int64 = 15_000, looksAgainAfter: Int64 = 600_000
    /// The log: what was done for a month; what was not for three days, and of each rule the last ones only.
    static let kept: Int64 = 30 * 86_400_000, keptRefusals: Int64 = 3 * 86_400_000
    static let most = 200

    /// Older binaries run on it: they have no rules.
    static let migrations: [Migration] = [
        Migration(101, "desk automation rules", """
        CREATE TABLE desk_rule(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, brand_id TEXT, event TEXT NOT NULL, minutes INTEGER, matching TEXT NOT NULL, conditions TEXT NOT NULL, actions TEXT NOT NULL,
          every TEXT NOT NULL, stops INTEGER NOT NULL, position INTEGER NOT NULL, active INTEGER NOT NULL, since INTEGER NOT NULL, updated_at INTEGER NOT NULL);
        CREATE TABLE desk_rule_state(
          rule_id TEXT NOT NULL, conversation_id TEXT NOT NULL, fired_at INTEGER, hour_at INTEGER NOT NULL, hour_count INTEGER NOT NULL, answered_at INTEGER,
          mark INTEGER, mark_fired INTEGER NOT NULL, looked_at INTEGER NOT NULL, PRIMARY KEY (rule_id, conversation_id));
        CREATE TABLE desk_rule_log(
          id INTEGER NOT NULL PRIMARY KEY, rule_id TEXT NOT NULL, conversation_id TEXT NOT NULL, event TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL, at INTEGER NOT NULL,
          CHECK (outcome IN ('fired', 'not', 'limited', 'failed')));
        CREATE INDEX desk_rule_log_rule ON desk_rule_log(rule_id, id);
        CREATE INDEX desk_rule_log_conversation ON desk_rule_log(conversation_id, id);
        CREATE INDEX desk_rule_log_at ON desk_rule_log(outcome, at);
        CREATE TABLE desk_rule_own(first_position INTEGER NOT NULL PRIMARY KEY, last_position INTEGER NOT NULL);
        CREATE INDEX desk_conversation_since ON desk_conversation(waiting_since) WHERE waiting_since IS NOT NULL
        """),
    ]

    enum Outcome: String, Sendable, CaseIterable { case fired, not, limited, failed }

    // MARK: in memory

    private let hasNews = Atomic<Bool>(true)
    private let nextLook = Atomic<Int64>(0)
    private struct Known { var rules: [Rule]?; var cursor: Int64 }
    /// The active rules, in their order; nil: to be read. `cursor`: how far the log has been read, at least.
    private let known = Mutex(Known(rules: nil, cursor: 0))

    /// The desk's log has grown.
    func ring() { hasNews.store(true, ordering: .sequentiallyConsistent) }
    func changed() {
        known.withLock { $0.rules = nil }
        nextLook.store(0, ordering: .sequentiallyConsistent)
        ring()
    }
    private func rules(_ c: Context) async throws -> [Rule] {
        if let rules = known.withLock({ $0.rules }) { return rules }
        let rules = try await c.db.read { try Rule.all($0).filter(\.isActive) }
        known.withLock { $0.rules = rules }
        return rules
    }

    /// One look; an idle server without rules does not touch its database.
    func tick(_ c: Context, _ live: DeskLive) async throws {
        if hasNews.exchange(false, ordering: .sequentiallyConsistent) {
            do { try await follow(c, live) } catch {
                ring()
                throw error
            }
        }
        let now = c.clock.now
        guard nextLook.load(ordering: .sequentiallyConsistent) <= now, known.withLock({ $0.rules?.contains { $0.event.isTimed } ?? false }) else { return }
        nextLook.store(now + Self.looksEvery, ordering: .sequentiallyConsistent)
        do { if try await look(c, live) { nextLook.store(0, ordering: .sequentiallyConsistent) } } catch {
            nextLook.store(0, ordering: .sequentiallyConsistent)
            throw error
        }
    }

    // MARK: what happened

    private struct Happening: Sendable { let position: Int64, conversation: String, item: Int64 }

    private func follow(_ c: Context, _ live: DeskLive) async throws {
        let rules = try await rules(c)
        guard let first = rules.map(\.since).min() else { return }
        while true {
            let known = known.withLock { $0.cursor }
            let found = try await c.db.read { tx in
                let from = max(known, first, try Self.cursor(tx))
                return try tx.all("SELECT position, conversation_id, ref FROM desk_change WHERE position > ? AND kind IN ('message.created', 'system.created') ORDER BY position LIMIT ?", from, Self.batch) { row in
                    Happening(position: row.int(0), conversation: row.text(1), item: Int64(row.text(2)) ?? 0)
                }
            }
            guard let last = found.last else { return }
            try await c.db.write { tx in
                let unit = Unit(c, tx, live, actor: .system)
                // Another one has been here meanwhile, or the rules have changed: the next look sees it.
                guard try Self.cursor(tx) < last.position else { return }
                let from = try Self.cursor(tx), own = try tx.all("SELECT first_position, last_position FROM desk_rule_own ORDER BY first_position") { $0.int(0)...$0.int(1) }
                for happening in found where happening.position > from && !own.contains(where: { $0.contains(happening.position) }) {
                    guard let item = try Items.load(tx, happening.item), let event = Self.event(item) else { continue }
                    try Self.carryOut(unit, rules.filter { $0.event == event && $0.since < happening.position }, event, conversation: happening.conversation, item)
                }
                try tx.run("INSERT INTO desk_counter(name, value) VALUES ('rules', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", last.position)
                try tx.run("DELETE FROM desk_rule_own WHERE last_position <= ?", last.position)
            }
            self.known.withLock { $0.cursor = last.position }
            if found.count < Self.batch { return }
        }
    }
    private static func cursor(_ tx: ReadTx) throws -> Int64 { try tx.first("SELECT value FROM desk_counter WHERE name = 'rules'") { $0.int(0) } ?? 0 }

    static func event(_ item: Item) -> RuleEvent? {
        switch item.kind {
        case .message: item.authorKind == "contact" ? .customerWrote : item.authorKind == "agent" ? .agentWrote : nil
        case .note: nil
        case .system:
            switch item.content["variant"]?.stringValue.flatMap(SystemText.init(rawValue:)) {
            case .created: .opened
            case .taken, .takenOver, .assigned, .assignedAutomatically: .assigned
            case .requeued, .requeuedOffline: .unassigned
            case .opened, .reopened, .pending, .snoozed, .woken, .resolved: .statusChanged
            case .tags: (item.content["data"]?["added"]?.arrayValue ?? []).isEmpty ? nil : .tagAdded
            case .priority, .escalated: .priorityChanged
            case .team, .noTeam, .overflowed: .teamChanged
            case .slaWarning: .slaWarning
            case .slaBreached: .slaBreached
            default: nil
            }
        }
    }

    // MARK: what time brings

    /// True when there may be more.
    private func look(_ c: Context, _ live: DeskLive) async throws -> Bool {
        var isMore = false
        for rule in try await rules(c) where rule.event.isTimed {
            let found = try await c.db.read { try Self.due($0, rule, now: c.clock.now, limit: Self.batch) }
            guard !found.isEmpty else { continue }
            isMore = isMore || found.count == Self.batch
            try await c.db.write { tx in
                let unit = Unit(c, tx, live, actor: .system)
                // As it is now: somebody may have answered since the look.
                for (id, mark) in try Self.due(tx, rule, now: c.clock.now, limit: Self.batch) { try Self.carryOut(unit, [rule], rule.event, conversation: id, nil, mark: mark) }
            }
        }
        return isMore
    }
    /// Who waits long enough, or what has been left alone for long enough, and has not been dealt with. `mark` is since when: the next wait is another one. Where the
    /// conditions were not met they may be later.
    static func due(_ tx: ReadTx, _ rule: Rule, now: Int64, limit: Int, brandOnly: Bool = true) throws -> [(String, Int64)] {
        let column = rule.event == .waiting ? "c.waiting_since" : "c.activity_at"
        let open = rule.event == .waiting ? "c.status = 'open' AND c.waiting_since IS NOT NULL" : "c.status IN ('open', 'pending')"
        return try tx.all("""
            SELECT c.id, \(column) FROM desk_conversation c LEFT JOIN desk_rule_state s ON s.rule_id = ? AND s.conversation_id = c.id
            WHERE \(open) AND c.spam IS NULL AND c.merged_into IS NULL AND \(column) <= ? AND (? = '' OR c.brand_id = ?)
              AND (s.mark IS NULL OR s.mark <> \(column) OR (s.mark_fired = 0 AND s.looked_at <= ?))
            ORDER BY \(column), c.number LIMIT ?
            """, rule.id, now - (rule.minutes ?? 0) * 60_000, rule.brand ?? "", rule.brand ?? "", now - looksAgainAfter, limit) { ($0.text(0), $0.int(1)) }
    }

    // MARK: acting

    struct State: Sendable {
        var firedAt: Int64?, hourAt: Int64 = 0, hourCount: Int64 = 0, answeredAt: Int64?, mark: Int64?, markFired = false, lookedAt: Int64 = 0
    }
    /// The rules of one event, one after the other; each sees what those before it have done.
    private static func carryOut(_ unit: Unit, _ rules: [Rule], _ event: RuleEvent, conversation id: String, _ item: Item?, mark: Int64? = nil) throws {
        guard !rules.isEmpty else { return }
        let before = try unit.tx.position
        var hasActed = false, isAnswered = false
        for rule in rules {
            guard let it = try Conversations.load(unit.tx, id), it.spam == nil, it.mergedInto == nil else { break }
            guard rule.brand.map({ $0 == it.brandID }) ?? true else { continue }
            let facts = RuleFacts(unit.c, unit.tx, it, item), findings = try facts.findings(rule)
            var state = try load(unit.tx, rule.id, id) ?? State()
            let isKnown = mark != nil && state.mark == mark
            state.mark = mark ?? state.mark
            state.lookedAt = unit.now
            var entry: JSONObject = ["conditions": .array(findings.map { $0.json(kept: true) })], outcome = Outcome.not
            if rule.match.holds(findings.map(\.holds)) {
                if unit.now - state.hourAt >= 3_600_000 { (state.hourAt, state.hourCount) = (unit.now, 0) }
                if rule.every.allows(last: state.firedAt, inHour: state.hourCount, now: unit.now) {
                    let asItWas = (state, isAnswered)
                    do {
                        let done = try unit.tx.attempt { _ in try act(unit, rule, facts, state: &state, isAnswered: &isAnswered) }
                        entry["actions"] = .array(done.map(json))
                        outcome = .fired
                        (state.firedAt, state.hourCount, state.markFired) = (unit.now, state.hourCount + 1, true)
                        hasActed = true
                    } catch let error as DeskError {
                        (state, isAnswered) = asItWas
                        (outcome, entry["error"]) = (.failed, json(error.detail))
                    } catch let error as MatrixError {
                        (state, isAnswered) = asItWas
                        (outcome, entry["error"]) = (.failed, json(DeskError(error).detail))
                    }
                } else { outcome = .limited }
            }
            if outcome != .fired { state.markFired = false }
            try save(unit, rule.id, id, state)
            // Of a conversation that is looked at again and again the first refusal says it.
            if !(isKnown && outcome != .fired) {
                try unit.tx.run("INSERT INTO desk_rule_log(id, rule_id, conversation_id, event, outcome, detail, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                                try unit.next("rule log"), rule.id, id, event.rawValue, outcome.rawValue, entry.columnText, unit.now)
            }
            if outcome == .fired, rule.stops { break }
        }
        guard hasActed else { return }
        let after = try unit.tx.position
        if after > before { try unit.tx.run("INSERT INTO desk_rule_own(first_position, last_position) VALUES (?, ?)", before + 1, after) }
        Dispatch.soon(unit)
    }
    /// Whatever it may do is what a supervisor may.
    private static let hand: Agent = {
        var agent = Agent.nobody
        agent.role = .supervisor
        agent.brands = nil
        agent.visible = nil
        return agent
    }()
    private static func act(_ unit: Unit, _ rule: Rule, _ facts: RuleFacts, state: inout State, isAnswered: inout Bool) throws -> [Phrase] {
        let it = facts.conversation
        var done = try rule.plan(unit.tx, facts, answered: false)
        let before = try unit.tx.position
        _ = try rule.deeds.apply(unit, it, by: hand, key: "rule") { try facts.values() }
        if !rule.answer.isEmpty {
            let window = rule.answerHours * 3_600_000
            if let refusal = RuleFacts.refusal(it, facts.item) {
                done.append(refusal)
            } else if isAnswered {
                done.append(Phrase(en: "Not sent: another rule has answered already.", fr: "Non envoyée : une autre règle a déjà répondu."))
            } else if let last = state.answeredAt, unit.now - last < window {
                done.append(Phrase(en: "Not sent: answered within the last \(rule.answerHours) hours.", fr: "Non envoyée : déjà répondu dans les \(rule.answerHours) dernières heures."))
            } else if let text = try facts.answer(rule) {
                try say(unit, it, text)
                (state.answeredAt, isAnswered) = (unit.now, true)
                done.append(Phrase(en: "Answered.", fr: "Réponse envoyée."))
            }
        }
        if let webhook = rule.webhook {
            let told = try unit.live.webhooks.tell(unit, webhook, key: "r\(try unit.next("rule delivery"))", type: "rule.fired", conversation: try Conversations.load(unit.tx, it.id) ?? it,
                                                   ["rule": ["id": .string(rule.id), "name": .string(rule.name)]])
            if !told { done.append(Phrase(en: "The webhook is switched off, or not for this inbox.", fr: "Le webhook est désactivé, ou n’est pas pour cette boîte.")) }
        }
        if try unit.tx.position > before { try Items.system(unit, it, .ruled, data: ["value": .string(rule.name), "rule": .string(rule.id)]) }
        return done
    }
    /// By the desk's own account, under the brand's name, as a notice: what programs send, and programs do not answer to.
    private static func say(_ unit: Unit, _ it: Conversation, _ text: String) throws {
        let (c, bot) = (unit.c, Desk.bot(unit.c))
        if try !unit.tx.exists("SELECT 1 FROM desk_item WHERE conversation_id = ? AND author_kind = 'bot' AND kind = 'message'", it.id), let brand = try Brands.load(unit.tx, it.brandID) {
            _ = try c.ports.rooms.append(c, unit.tx, NewEvent(room: it.room, sender: bot, type: "m.room.member", stateKey: bot.rawValue,
                                                              content: ["membership": "join", "displayname": .string(brand.name)], timestamp: unit.eventTime))
        }
        _ = try c.ports.rooms.append(c, unit.tx, NewEvent(room: it.room, sender: bot, type: "m.room.message", content: ["msgtype": "m.notice", "body": .string(text)], timestamp: unit.eventTime))
    }
    private static func json(_ phrase: Phrase) -> JSON { ["en": .string(phrase.en), "fr": .string(phrase.fr)] }

    // MARK: SQL

    private static func load(_ tx: ReadTx, _ rule: String, _ conversation: String) throws -> State? {
        try tx.first("SELECT fired_at, hour_at, hour_count, answered_at, mark, mark_fired, looked_at FROM desk_rule_state WHERE rule_id = ? AND conversation_id = ?", rule, conversation) {
            State(firedAt: $0.intOrNil(0), hourAt: $0.int(1), hourCount: $0.int(2), answeredAt: $0.intOrNil(3), mark: $0.intOrNil(4), markFired: $0.bool(5), lookedAt: $0.int(6))
        }
    }
    private static func save(_ unit: Unit, _ rule: String, _ conversation: String, _ it: State) throws {
        try unit.tx.run("""
            INSERT INTO desk_rule_state(rule_id, conversation_id, fired_at, hour_at, hour_count, answered_at, mark, mark_fired, looked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (rule_id, conversation_id) DO UPDATE SET fired_at = excluded.fired_at, hour_at = excluded.hour_at, hour_count = excluded.hour_count,
              answered_at = excluded.answered_at, mark = excluded.mark, mark_fired = excluded.mark_fired, looked_at = excluded.looked_at
            """, rule, conversation, it.firedAt, it.hourAt, it.hourCount, it.answeredAt, it.mark, it.markFired, it.lookedAt)
    }
    static func forgetOld(_ unit: Unit) throws {
        let now = unit.c.clock.now
        try unit.tx.run("DELETE FROM desk_rule_log WHERE outcome = 'not' AND at < ?", now - keptRefusals)
        for outcome in Outcome.allCases { try unit.tx.run("DELETE FROM desk_rule_log WHERE outcome = ? AND at < ?", outcome.rawValue, now - kept) }
    }
}
