import Logging
import MatrixCore
import ServerKit
import Store

/// What is promised to customers: how soon they have an answer, the next one, and are done. The first policy that fits holds.
///
/// Invariants: a conversation's clock is changed in the transaction that changes what it depends on; what is due is in the database, so timers outlive a
/// restart; without a policy nothing is counted or looked at; what policies say is known in memory from committed rows only, and a change of it is
/// followed by a look at all open conversations.
struct SLAPolicy: Sendable, Hashable {
    var id: String
    var name: String
    /// The lowest is asked first.
    var position: Int64
    /// Empty: any.
    var inboxes: [String], teams: [String], priorities: [String]
    var targets: SLARules.Targets
    /// Counts open time only, of the team's or the inbox's hours.
    var usesHours: Bool
    var createdAt: Int64

    var json: JSON {
        func seconds(_ ms: Int64?) -> JSON { .of(ms.map { $0 / 1000 }) }
        return ["id": .string(id), "name": .string(name), "position": .int(position), "inboxes": .of(inboxes), "teams": .of(teams), "priorities": .of(priorities),
                "first_response": seconds(targets.first), "next_response": seconds(targets.next), "resolution": seconds(targets.resolution), "warn_at": .int(targets.warnAt),
                "business_hours": .bool(usesHours), "created_at": .int(createdAt)]
    }
    func fits(_ it: Conversation) -> Bool {
        (inboxes.isEmpty || inboxes.contains(it.inboxID)) && (teams.isEmpty || it.team.map(teams.contains) ?? false) && (priorities.isEmpty || priorities.contains(it.priority.rawValue))
    }
}

struct SLACatalog: Sendable {
    var policies: [SLAPolicy] = []
    private var ofInbox: [String: HoursRules] = [:], ofTeam: [String: HoursRules] = [:]

    init() {}
    init(_ tx: ReadTx) throws {
        policies = try SLA.all(tx)
        var rules: [String: HoursRules] = [:]
        for hours in try BusinessHours.all(tx) { rules[hours.id] = hours.rules }
        try tx.each("SELECT id, hours_id FROM desk_inbox WHERE hours_id IS NOT NULL") { ofInbox[$0.text(0)] = rules[$0.text(1)] }
        try tx.each("SELECT id, hours_id FROM desk_team WHERE hours_id IS NOT NULL") { ofTeam[$0.text(0)] = rules[$0.text(1)] }
    }
    func policy(for it: Conversation) -> SLAPolicy? { policies.first { $0.fits(it) } }
    func hours(_ policy: SLAPolicy, _ it: Conversation) -> HoursRules? { policy.usesHours ? hours(of: it) : nil }
    func hours(of it: Conversation) -> HoursRules? { it.team.flatMap { ofTeam[$0] } ?? ofInbox[it.inboxID] }
}

enum SLA {
    // MARK: clocks

    /// The conversation's clock for the state that it is in now, and when something is to be told of it.
    @discardableResult
    static func wind(_ unit: Unit, _ it: inout Conversation, isNew: Bool = false) -> Int64? {
        let catalog = unit.live.promises
        guard let policy = catalog.policy(for: it) else { it.slaText = nil; return nil }
        let hours = catalog.hours(policy, it)
        let clock = SLARules.after(it.sla, policy: policy.id, policy.targets, hours: hours, state: it.state, isAnswered: it.firstReplyMS != nil, isNew: isNew, now: unit.now)
        it.sla = clock
        return SLARules.next(clock, policy.targets, hours: hours)
    }
    /// Warnings and breaches whose time has come.
    static func tell(_ unit: Unit) throws {
        let system = unit.acting(as: .system)
        for id in try unit.tx.all("SELECT id FROM desk_conversation WHERE sla_next_at <= ? ORDER BY sla_next_at, number LIMIT 500", unit.now, row: { $0.text(0) }) {
            guard var it = try Conversations.load(unit.tx, id) else { continue }
            if let clock = it.sla, let policy = unit.live.promises.policy(for: it), policy.id == clock.policy {
                let told = SLARules.tell(clock, policy.targets, hours: unit.live.promises.hours(policy, it), now: unit.now)
                it.sla = told.clock
                for news in told.news {
                    if news.isBreach { try Facts.add(system, it, .breached, ref: news.kind.rawValue) }
                    try Items.system(system, it, news.isBreach ? .slaBreached : .slaWarning, data: ["value": .string(news.kind.rawValue), "due_at": .int(news.due), "policy": .string(policy.name)])
                }
            }
            _ = try Conversations.save(system, it, newVersion: false)
        }
    }
    /// What was promised has changed, or the hours in which it counts: after the commit all that is open is looked at, some at a time.
    static func changed(_ unit: Unit, onlyHours: Bool) {
        let (c, live) = (unit.c, unit.live)
        unit.tx.afterCommit {
            live.begin()
            Task {
                defer { live.end() }
                do {
                    if onlyHours { try await c.db.write { live.promises = try SLACatalog($0) } } else { try await rewind(c, live) }
                } catch { c.log.error("promises could not be read anew; the next start does it", metadata: ["error": "\(error)"]) }
            }
        }
    }
    /// At a start what is stored is right already, unless the program ended between a change and this.
    static func rewind(_ c: Context, _ live: DeskLive, onlyNew: Bool = false) async throws {
        try await c.db.write { live.promises = try SLACatalog($0) }
        if onlyNew, live.promises.policies.isEmpty, try await !c.db.read({ try $0.exists("SELECT 1 FROM desk_conversation WHERE sla_next_at IS NOT NULL") }) { return }
        var last: Int64? = -1
        while let from = last {
            last = try await c.db.write { tx in
                let unit = Unit(c, tx, live, actor: .system)
                let some = try tx.all("SELECT id, number FROM desk_conversation WHERE status <> 'resolved' AND number > ? ORDER BY number LIMIT 200", from) { ($0.text(0), $0.int(1)) }
                for (id, _) in some {
                    guard let before = try Conversations.load(tx, id) else { continue }
                    var it = before
                    wind(unit, &it, isNew: !onlyNew)
                    if it.slaText != before.slaText { _ = try Conversations.save(unit, it, newVersion: false) }
                }
                return some.last?.1
            }
        }
    }
    static func json(_ it: Conversation, _ live: DeskLive) -> JSON {
        guard let clock = it.sla, let shown = SLARules.shown(clock) else { return .null }
        let name = live.promises.policies.first { $0.id == clock.policy }?.name ?? ""
        return ["policy": ["id": .string(clock.policy), "name": .string(name)], "kind": .string(shown.kind.rawValue), "due_at": .of(shown.due), "state": .string(shown.state.rawValue)]
    }

    // MARK: policies

    static func save(_ unit: Unit, _ it: SLAPolicy, isNew: Bool) throws {
        let values: [any Bindable] = [it.name, it.position, TextList.encode(it.inboxes), TextList.encode(it.teams), TextList.encode(it.priorities), it.targets.first, it.targets.next,
                                      it.targets.resolution, it.targets.warnAt, it.usesHours, it.createdAt, it.id]
        try unit.tx.run(isNew ? """
            INSERT INTO desk_sla_policy(name, position, inboxes, teams, priorities, first_response, next_response, resolution, warn_at, uses_hours, created_at, id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """ : """
            UPDATE desk_sla_policy SET name = ?, position = ?, inboxes = ?, teams = ?, priorities = ?, first_response = ?, next_response = ?, resolution = ?, warn_at = ?,
              uses_hours = ?, created_at = ? WHERE id = ?
            """, array: values)
        try unit.tell(.settingsUpdated, ref: "sla")
    }
    static func all(_ tx: ReadTx) throws -> [SLAPolicy] {
        try tx.all("""
            SELECT id, name, position, inboxes, teams, priorities, first_response, next_response, resolution, warn_at, uses_hours, created_at
            FROM desk_sla_policy ORDER BY position, created_at, id
            """) { row in
            SLAPolicy(id: row.text(0), name: row.text(1), position: row.int(2), inboxes: TextList.decode(row.text(3)), teams: TextList.decode(row.text(4)), priorities: TextList.decode(row.text(5)),
                      targets: SLARules.Targets(first: row.intOrNil(6), next: row.intOrNil(7), resolution: row.intOrNil(8), warnAt: row.int(9)), usesHours: row.bool(10), createdAt: row.int(11))
        }
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> SLAPolicy? { try all(tx).first { $0.id == id } }

    /// Older binaries run on it: they promise nothing.
    static let migrations: [Migration] = [
        Migration(89, "desk promises", """
        CREATE TABLE desk_sla_policy(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, position INTEGER NOT NULL, inboxes TEXT NOT NULL, teams TEXT NOT NULL, priorities TEXT NOT NULL,
          first_response INTEGER, next_response INTEGER, resolution INTEGER, warn_at INTEGER NOT NULL, uses_hours INTEGER NOT NULL, created_at INTEGER NOT NULL);
        ALTER TABLE desk_conversation ADD COLUMN sla TEXT;
        ALTER TABLE desk_conversation ADD COLUMN sla_next_at INTEGER;
        ALTER TABLE desk_conversation ADD COLUMN sla_due_at INTEGER;
        ALTER TABLE desk_conversation ADD COLUMN sla_state TEXT;
        CREATE INDEX desk_conversation_sla_next ON desk_conversation(sla_next_at) WHERE sla_next_at IS NOT NULL;
        CREATE INDEX desk_conversation_sla_due ON desk_conversation(sla_due_at, number) WHERE sla_due_at IS NOT NULL
        """),
    ]
}
