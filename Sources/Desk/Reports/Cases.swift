import Logging
import MatrixCore
import ServerKit
import Store
import Synchronization

/// A conversation from its opening, or opening again, to its resolution: what reports count. Pure: a conversation's facts in, its cases out.
struct Case: Sendable, Hashable {
    var conversation: String
    /// 1 is the first; a conversation that is opened again has one more.
    var number: Int64
    var inbox: String, team: String?, agent: String?, openedAt: Int64
    var firstAgent: String? = nil, firstAt: Int64? = nil, firstMS: Int64? = nil, firstOpenMS: Int64? = nil
    var replies: Int64 = 0, waitMS: Int64 = 0, waitOpenMS: Int64 = 0
    var resolvedAt: Int64? = nil, resolveMS: Int64? = nil, resolveOpenMS: Int64? = nil
    /// 1: kept, 0: broken, nil: nothing was promised, or it is not decided.
    var slaFirst: Int64? = nil, slaNextKept: Int64 = 0, slaNextBroken: Int64 = 0, slaResolution: Int64? = nil
    /// Spam, or merged into another conversation: not counted.
    var isDropped = false
    var surveyedAt: Int64? = nil, scale: String? = nil, score: Int64? = nil, ratedAt: Int64? = nil

    static func fold(_ facts: [Fact]) -> [Case] {
        var cases: [Case] = [], isAnswered = false, isNextBroken = false
        var surveys: [String: Int] = [:]
        for fact in facts {
            if fact.kind == .opened || fact.kind == .reopened {
                guard cases.last.map({ $0.resolvedAt != nil }) ?? true else { continue }
                cases.append(Case(conversation: fact.conversation, number: Int64(cases.count + 1), inbox: fact.inbox, team: fact.team, agent: cases.last?.agent, openedAt: fact.at))
                isNextBroken = false
                continue
            }
            guard var it = cases.last else { continue }
            let last = cases.count - 1
            switch fact.kind {
            case .opened, .reopened: break
            case .dropped: it.isDropped = true
            case .restored: it.isDropped = false
            case .assigned:
                it.agent = fact.agent ?? it.agent
                it.team = fact.team
            case .replied:
                let wait = max(0, fact.at - (fact.since ?? fact.at)), isKept = fact.due.map { fact.at <= $0 }
                if it.firstAt == nil { (it.firstAgent, it.firstAt, it.firstMS, it.firstOpenMS) = (fact.agent, fact.at, wait, fact.openMS) }
                it.replies += 1
                it.waitMS += wait
                it.waitOpenMS += fact.openMS ?? 0
                if !isAnswered {
                    if let isKept, it.slaFirst == nil { it.slaFirst = isKept ? 1 : 0 }
                } else if let isKept, !isNextBroken {
                    if isKept { it.slaNextKept += 1 } else { it.slaNextBroken += 1 }
                }
                (isAnswered, isNextBroken) = (true, false)
                it.team = fact.team
            case .resolved:
                guard it.resolvedAt == nil else { continue }
                it.resolvedAt = fact.at
                it.resolveMS = max(0, fact.at - it.openedAt)
                it.resolveOpenMS = fact.openMS
                it.agent = fact.agent ?? it.agent
                it.team = fact.team
                if it.slaResolution == nil, let due = fact.due { it.slaResolution = fact.at <= due ? 1 : 0 }
            case .breached:
                switch fact.ref.flatMap(SLARules.Kind.init(rawValue:)) {
                case .first: it.slaFirst = 0
                case .next: if !isNextBroken { it.slaNextBroken += 1; isNextBroken = true }
                case .resolution: it.slaResolution = 0
                case nil: break
                }
            case .surveyed:
                it.surveyedAt = fact.at
                it.scale = fact.scale
                if let id = fact.ref { surveys[id] = last }
            case .rated:
                // The customer may have written again meanwhile: what he rates is what he was asked about.
                let index = fact.ref.flatMap { surveys[$0] } ?? last
                cases[index].score = fact.value
                cases[index].scale = fact.scale
                cases[index].ratedAt = cases[index].ratedAt ?? fact.at
                continue
            }
            cases[last] = it
        }
        return cases.filter { !$0.isDropped }
    }
}

/// The cases as they are kept for reports: follows the log, a little at a time, and can be made anew from all of it.
///
/// Invariant: what is kept of a conversation is what its facts fold to, as of the fact that `desk_case_progress` names.
final class Cases: Sendable {
    private static let batch = 500
    private let known = Mutex<(latest: Int64, through: Int64?)>((0, nil))
    struct Recount: Sendable { var isRunning = false, done: Int64 = 0, total: Int64 = 0, facts: Int64 = 0, cases: Int64 = 0, corrected: Int64 = 0, finishedAt: Int64? = nil }
    private let state = Mutex(Recount())
    var recount: Recount { state.withLock { $0 } }

    /// There are new facts once this is committed.
    func ring(_ fact: Int64, after tx: WriteTx) {
        tx.afterCommit { self.known.withLock { $0.latest = max($0.latest, fact) } }
    }

    /// True to what was committed before the call.
    func catchUp(_ c: Context) async throws {
        while known.withLock({ known in known.through.map { $0 < known.latest } ?? true }) {
            let after = known.withLock { $0.through }
            let reached = try await c.db.write { tx in try Self.step(tx, after: after) }
            known.withLock { $0.through = max($0.through ?? 0, reached) }
        }
    }
    private static func step(_ tx: WriteTx, after known: Int64?) throws -> Int64 {
        let after = try known ?? tx.first("SELECT facts FROM desk_case_progress WHERE id = 1") { $0.int(0) } ?? 0
        let facts = try tx.all("SELECT id, conversation_id FROM desk_fact WHERE id > ? ORDER BY id LIMIT ?", after, batch) { ($0.int(0), $0.text(1)) }
        for conversation in Set(facts.map(\.1)).sorted() { try keep(tx, conversation, try Case.fold(try Facts.of(tx, conversation))) }
        if let last = facts.last?.0 { try tx.run("UPDATE desk_case_progress SET facts = ? WHERE id = 1", last) }
        return try facts.count < batch ? tx.position : facts.last?.0 ?? after
    }
    private static func keep(_ tx: WriteTx, _ conversation: String, _ cases: [Case]) throws {
        try tx.run("DELETE FROM desk_case WHERE conversation_id = ?", conversation)
        for it in cases {
            try tx.run("INSERT INTO desk_case(\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", array: [
                it.conversation, it.number, it.inbox, it.team, it.agent, it.openedAt, it.firstAgent, it.firstAt, it.firstMS, it.firstOpenMS, it.replies, it.waitMS, it.waitOpenMS,
                it.resolvedAt, it.resolveMS, it.resolveOpenMS, it.slaFirst, it.slaNextKept, it.slaNextBroken, it.slaResolution, it.surveyedAt, it.scale, it.score, it.ratedAt] as [any Bindable])
        }
    }
    static let columns = """
        conversation_id, number, inbox_id, team_id, agent_id, opened_at, first_agent, first_at, first_ms, first_open_ms, replies, wait_ms, wait_open_ms, resolved_at, resolve_ms, resolve_open_ms,
        sla_first, sla_next_kept, sla_next_broken, sla_resolution, surveyed_at, scale, score, rated_at
        """
    static func row(_ row: Row, from i: Int = 0) -> Case {
        Case(conversation: row.text(i), number: row.int(i + 1), inbox: row.text(i + 2), team: row.textOrNil(i + 3), agent: row.textOrNil(i + 4), openedAt: row.int(i + 5), firstAgent: row.textOrNil(i + 6),
             firstAt: row.intOrNil(i + 7), firstMS: row.intOrNil(i + 8), firstOpenMS: row.intOrNil(i + 9), replies: row.int(i + 10), waitMS: row.int(i + 11), waitOpenMS: row.int(i + 12),
             resolvedAt: row.intOrNil(i + 13), resolveMS: row.intOrNil(i + 14), resolveOpenMS: row.intOrNil(i + 15), slaFirst: row.intOrNil(i + 16), slaNextKept: row.int(i + 17), slaNextBroken: row.int(i + 18),
             slaResolution: row.intOrNil(i + 19), surveyedAt: row.intOrNil(i + 20), scale: row.textOrNil(i + 21), score: row.intOrNil(i + 22), ratedAt: row.intOrNil(i + 23))
    }
    static func of(_ tx: ReadTx, _ conversation: String) throws -> [Case] { try tx.all("SELECT \(columns) FROM desk_case WHERE conversation_id = ? ORDER BY number", conversation) { row($0) } }

    // MARK: everything anew

    /// Begins to compute every case from the log; false when that is being done already. Reports may be asked for meanwhile.
    func begin(_ c: Context, _ live: DeskLive) -> Bool {
        guard state.withLock({ state in
            guard !state.isRunning else { return false }
            state = Recount(isRunning: true)
            return true
        }) else { return false }
        live.begin()
        Task {
            defer { live.end() }
            do { try await recompute(c) } catch { c.log.error("reports could not be recomputed", metadata: ["error": "\(error)"]) }
            state.withLock { $0.isRunning = false; $0.finishedAt = c.clock.now }
        }
        return true
    }
    private func recompute(_ c: Context) async throws {
        try await catchUp(c)
        let total = try await c.db.read { try $0.first("SELECT COUNT(DISTINCT conversation_id) FROM desk_fact") { $0.int(0) } ?? 0 }
        state.withLock { $0.total = total }
        // Cases of conversations without a fact have nothing to stand on.
        let strays = try await c.db.write { tx in try tx.run("DELETE FROM desk_case WHERE NOT EXISTS (SELECT 1 FROM desk_fact f WHERE f.conversation_id = desk_case.conversation_id)") }
        state.withLock { $0.corrected += Int64(strays) }
        var last: String? = ""
        while let from = last {
            let (next, done, facts, cases, corrected) = try await c.db.write { tx in
                let some = try tx.all("SELECT DISTINCT conversation_id FROM desk_fact WHERE conversation_id > ? ORDER BY conversation_id LIMIT 200", from) { $0.text(0) }
                var counts = (facts: 0, cases: 0, corrected: 0)
                for conversation in some {
                    let facts = try Facts.of(tx, conversation), right = Case.fold(facts)
                    counts.facts += facts.count
                    counts.cases += right.count
                    if try Self.of(tx, conversation) != right {
                        counts.corrected += 1
                        try Self.keep(tx, conversation, right)
                    }
                }
                return (some.last, some.count, counts.facts, counts.cases, counts.corrected)
            }
            state.withLock { $0.done += Int64(done); $0.facts += Int64(facts); $0.cases += Int64(cases); $0.corrected += Int64(corrected) }
            last = next
        }
    }
}
