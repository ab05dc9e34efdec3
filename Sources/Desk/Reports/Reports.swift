import MatrixCore
import ServerKit
import Store

/// The numbers of supervisors, from the cases. Everything that is shown comes from the same sums over the same rows, so a total, a chart, a table of agents and the
/// list behind a number cannot disagree.
///
/// Invariants: only conversations of inboxes that the caller sees are counted; each number is whole (milliseconds, per mille, hundredths), so the same log gives the
/// same answer on both databases.
struct Reports {
    typealias Metric = ReportRules.Metric

    /// What is asked of which cases.
    struct Filter: Sendable {
        var inbox: String?, team: String?, agent: String?, tag: String?, channel: String?
        /// One of `parts(of:)`: which cases stand behind a single number.
        var part: String?
    }
    let reader: Reader
    let metric: Metric
    let filter: Filter

    /// Which time of a case decides whether it is in the period.
    static func anchor(_ metric: Metric) -> String {
        switch metric {
        case .volume, .backlog, .response, .sla: "k.opened_at"
        case .firstResponse: "k.first_at"
        case .resolution: "k.resolved_at"
        case .csat, .nps: "k.rated_at"
        }
    }
    static func sums(_ metric: Metric) -> [String] {
        func count(_ condition: String) -> String { "COALESCE(SUM(CASE WHEN \(condition) THEN 1 ELSE 0 END), 0)" }
        func sum(_ column: String) -> String { "COALESCE(SUM(\(column)), 0)" }
        return switch metric {
        case .volume: ["COUNT(*)", count("k.number = 1")]
        case .backlog: ["COUNT(*)"]
        case .firstResponse: ["COUNT(*)", sum("k.first_ms"), sum("k.first_open_ms")]
        case .response: ["COUNT(*)", sum("k.replies"), sum("k.wait_ms"), sum("k.wait_open_ms")]
        case .resolution: ["COUNT(*)", sum("k.resolve_ms"), sum("k.resolve_open_ms")]
        case .sla: [count("k.sla_first = 1"), count("k.sla_first = 0"), sum("k.sla_next_kept"), sum("k.sla_next_broken"), count("k.sla_resolution = 1"), count("k.sla_resolution = 0")]
        case .csat: ["COUNT(*)", count("k.score >= 4"), sum("k.score")] + (1...5).map { count("k.score = \($0)") }
        case .nps: ["COUNT(*)", count("k.score >= 9"), count("k.score <= 6")]
        }
    }
    /// The columns of times whose medians are told: plain and open.
    static func times(_ metric: Metric) -> (plain: String, open: String)? {
        switch metric {
        case .firstResponse: ("k.first_ms", "k.first_open_ms")
        case .resolution: ("k.resolve_ms", "k.resolve_open_ms")
        default: nil
        }
    }
    /// The cases behind single numbers of a metric.
    static func parts(_ metric: Metric) -> [String: String] {
        switch metric {
        case .volume: ["new": "k.number = 1", "returning": "k.number > 1"]
        case .sla: ["first_kept": "k.sla_first = 1", "first_broken": "k.sla_first = 0", "next_kept": "k.sla_next_kept > 0", "next_broken": "k.sla_next_broken > 0",
                    "resolution_kept": "k.sla_resolution = 1", "resolution_broken": "k.sla_resolution = 0"]
        case .response: ["replies": "k.replies > 0"]
        case .csat: ["satisfied": "k.score >= 4"].merging((1...5).map { ("score_\($0)", "k.score = \($0)") }) { $1 }
        case .nps: ["promoters": "k.score >= 9", "passives": "k.score IN (7, 8)", "detractors": "k.score <= 6"]
        default: [:]
        }
    }
    private var agentColumn: String { metric == .firstResponse ? "k.first_agent" : "k.agent_id" }

    struct Condition: Sendable {
        var sql: String
        var binds: [any Bindable & Sendable]
        mutating func add(_ more: String, _ values: any Bindable & Sendable...) {
            sql += " AND " + more
            binds += values
        }
    }
    /// The cases of the metric in a period, as the filter has them.
    /// `byValue`: the rows are walked in the order of another column, so the index of the times is of no use (a unary plus hides a column from it).
    func condition(_ from: Int64, _ to: Int64, anchor: String? = nil, byValue: Bool = false) -> Condition {
        let anchor = (byValue ? "+" : "") + (anchor ?? Self.anchor(metric)), mine = reader.viewer.rows(inbox: "k.inbox_id")
        var it = Condition(sql: mine.sql, binds: mine.binds)
        if metric == .backlog { it.add("k.opened_at < ? AND (k.resolved_at IS NULL OR k.resolved_at >= ?)", to, to) } else { it.add("\(anchor) >= ? AND \(anchor) < ?", from, to) }
        if metric == .csat { it.add("k.scale IN ('faces', 'stars')") }
        if metric == .nps { it.add("k.scale = 'nps'") }
        if let inbox = filter.inbox { it.add("k.inbox_id = ?", inbox) }
        if let team = filter.team { if team == "none" { it.add("k.team_id IS NULL") } else { it.add("k.team_id = ?", team) } }
        if let agent = filter.agent { if agent == "nobody" { it.add("\(agentColumn) IS NULL") } else { it.add("\(agentColumn) = ?", agent) } }
        if let channel = filter.channel { it.add("k.inbox_id IN (SELECT id FROM desk_inbox WHERE channel = ?)", channel) }
        if let tag = filter.tag { it.add("EXISTS (SELECT 1 FROM desk_conversation_tag t WHERE t.conversation_id = k.conversation_id AND t.tag = ?)", tag) }
        if let part = filter.part.flatMap({ Self.parts(metric)[$0] }) { it.add(part) }
        return it
    }

    // MARK: numbers

    func sums(_ from: Int64, _ to: Int64) throws -> [Int64] {
        let it = condition(from, to), columns = Self.sums(metric)
        return try reader.tx.first("SELECT \(columns.joined(separator: ", ")) FROM desk_case k WHERE \(it.sql)", array: it.binds) { row in columns.indices.map { row.int($0) } } ?? columns.map { _ in 0 }
    }
    /// Surveys that were sent.
    func asked(_ from: Int64, _ to: Int64) throws -> Int64 {
        guard metric == .csat || metric == .nps else { return 0 }
        let it = condition(from, to, anchor: "k.surveyed_at")
        return try reader.tx.first("SELECT COUNT(*) FROM desk_case k WHERE \(it.sql)", array: it.binds) { $0.int(0) } ?? 0
    }
    /// More are not sorted but walked in the order of an index.
    private static let fewest: Int64 = 20_000

    /// The value at a place of so many, the smallest first.
    func value(_ column: String, _ from: Int64, _ to: Int64, percent: Int64, of count: Int64, group: (sql: String, binds: [any Bindable & Sendable])? = nil, isWalked: Bool? = nil) throws -> Int64? {
        guard count > 0 else { return nil }
        var it = condition(from, to, byValue: isWalked ?? (count > Self.fewest))
        if let group {
            it.sql += " AND " + group.sql
            it.binds += group.binds
        }
        return try reader.tx.first("SELECT \(column) FROM desk_case k WHERE \(it.sql) ORDER BY \(column) LIMIT 1 OFFSET ?", array: it.binds + [ReportRules.place(percent, of: count) - 1]) { $0.int(0) }
    }
    /// Everything that is told of one period.
    func told(_ from: Int64, _ to: Int64, isWhole: Bool) throws -> [(key: String, unit: ReportRules.Unit, value: Int64?)] {
        let sums = try sums(from, to)
        var told = ReportRules.values(metric, sums, asked: try asked(from, to))
        guard let (plain, open) = Self.times(metric) else { return told }
        func add(_ key: String, _ value: Int64?) { told.append((key, .ms, value)) }
        for (key, percent) in isWhole ? [("median", 50), ("p90", 90)] : [("median", 50)] as [(String, Int64)] {
            add(key, try value(plain, from, to, percent: percent, of: sums[0]))
            add(key + "_open", try value(open, from, to, percent: percent, of: sums[0]))
        }
        return told
    }
    func series(_ parts: [(start: Int64, end: Int64)], isOpenTime: Bool) throws -> [JSON] {
        var backlog: [Int64]?
        if metric == .backlog { backlog = try self.backlog(parts) }
        return try parts.enumerated().map { index, part in
            let sums = try backlog.map { [$0[index]] } ?? sums(part.start, part.end)
            var values = JSONObject(ReportRules.values(metric, sums).map { (key: $0.key, value: .of($0.value)) })
            if let (plain, open) = Self.times(metric) {
                values["median"] = .of(try value(isOpenTime ? open : plain, part.start, part.end, percent: 50, of: sums[0]))
            }
            return ["start": .int(part.start), "end": .int(part.end), "values": .object(values)]
        }
    }
    /// How many are open at the end of each part: those before the first, and what came and went in each.
    private func backlog(_ parts: [(start: Int64, end: Int64)]) throws -> [Int64] {
        guard let first = parts.first else { return [] }
        func count(_ column: String, _ from: Int64, _ to: Int64) throws -> Int64 {
            var it = Reports(reader: reader, metric: .volume, filter: filter).condition(from, to, anchor: column)
            if column == "k.resolved_at" { it.add("k.resolved_at IS NOT NULL") }
            return try reader.tx.first("SELECT COUNT(*) FROM desk_case k WHERE \(it.sql)", array: it.binds) { $0.int(0) } ?? 0
        }
        var open = try count("k.opened_at", 0, first.start) - count("k.resolved_at", 0, first.start)
        return try parts.map { part in
            open += try count("k.opened_at", part.start, part.end) - count("k.resolved_at", part.start, part.end)
            return open
        }
    }

    struct GroupRow: Sendable { var id: String, values: [(key: String, unit: ReportRules.Unit, value: Int64?)] }
    func groups(_ group: ReportRules.Group, _ from: Int64, _ to: Int64) throws -> [GroupRow] {
        let it = condition(from, to), columns = Self.sums(metric)
        let (key, join) = switch group {
        case .agent: (agentColumn, "")
        case .team: ("k.team_id", "")
        case .inbox: ("k.inbox_id", "")
        case .channel: ("i.channel", "JOIN desk_inbox i ON i.id = k.inbox_id")
        case .tag: ("g.tag", "JOIN desk_conversation_tag g ON g.conversation_id = k.conversation_id")
        }
        var rows: [String: GroupRow] = [:]
        try reader.tx.each("SELECT COALESCE(\(key), ''), \(columns.joined(separator: ", ")) FROM desk_case k \(join) WHERE \(it.sql) GROUP BY COALESCE(\(key), '')", array: it.binds) { row in
            let id = row.text(0)
            rows[id] = GroupRow(id: id, values: ReportRules.values(metric, columns.indices.map { row.int($0 + 1) }))
        }
        if let (plain, _) = Self.times(metric) {
            let all = rows.values.reduce(0) { $0 + ($1.values.first?.value ?? 0) }
            for id in rows.keys {
                let count = rows[id]?.values.first?.value ?? 0
                let only: (sql: String, binds: [any Bindable & Sendable]) = switch group {
                case .channel: ("k.inbox_id IN (SELECT id FROM desk_inbox WHERE channel = ?)", [id])
                case .tag: ("k.conversation_id IN (SELECT conversation_id FROM desk_conversation_tag WHERE tag = ?)", [id])
                case .agent, .team, .inbox: id.isEmpty ? (key + " IS NULL", []) : (key + " = ?", [id])
                }
                // Those of one agent lie together, in order; those of a tag are looked up one by one and sorted. Neither needs the index of the times.
                let isWalked = group == .agent || group == .tag || all > Self.fewest
                rows[id]?.values.append(("median", .ms, try value(plain, from, to, percent: 50, of: count, group: only, isWalked: isWalked)))
            }
        }
        if metric == .csat || metric == .nps {
            let sent = condition(from, to, anchor: "k.surveyed_at")
            var asked: [String: Int64] = [:]
            try reader.tx.each("SELECT COALESCE(\(key), ''), COUNT(*) FROM desk_case k \(join) WHERE \(sent.sql) GROUP BY COALESCE(\(key), '')", array: sent.binds) { asked[$0.text(0)] = $0.int(1) }
            for id in rows.keys {
                guard let at = rows[id]?.values.firstIndex(where: { $0.key == "answered" }), let answers = rows[id]?.values.first(where: { $0.key == "answers" })?.value else { continue }
                rows[id]?.values[at].value = ReportRules.divided(1000 * answers, asked[id] ?? 0)
            }
        }
        return rows.values.sorted { ($0.values.first?.value ?? -1, $1.id) > ($1.values.first?.value ?? -1, $0.id) }
    }
    func name(_ group: ReportRules.Group, _ id: String) throws -> String {
        let language = reader.language
        guard !id.isEmpty else {
            return (group == .agent ? Phrase(en: "Nobody", fr: "Personne") : Phrase(en: "No team", fr: "Aucune équipe")).text(language)
        }
        return switch group {
        case .agent: try reader.agentRef(id)["name"]?.stringValue ?? id
        case .team: try reader.tx.first("SELECT name FROM desk_team WHERE id = ?", id) { $0.text(0) } ?? Phrase(en: "Deleted team", fr: "Équipe supprimée").text(language)
        case .inbox: try reader.tx.first("SELECT name FROM desk_inbox WHERE id = ?", id) { $0.text(0) } ?? id
        case .channel, .tag: id
        }
    }

    // MARK: what stands behind a number

    struct Line: Sendable { var it: Case, number: Int64, at: Int64 }
    func lines(_ from: Int64, _ to: Int64, after cursor: Cursor?, limit: Int) throws -> [Line] {
        var it = condition(from, to)
        let anchor = Self.anchor(metric)
        if let cursor { it.add("(\(anchor) < ? OR \(anchor) = ? AND c.number < ?)", cursor.key, cursor.key, cursor.number) }
        let columns = Cases.columns.split(separator: ",").map { "k." + Fields.trimmed(String($0)) }.joined(separator: ", ")
        return try reader.tx.all("""
            SELECT \(columns), c.number, \(anchor) FROM desk_case k JOIN desk_conversation c ON c.id = k.conversation_id WHERE \(it.sql) ORDER BY \(anchor) DESC, c.number DESC LIMIT ?
            """, array: it.binds + [limit]) { Line(it: Cases.row($0), number: $0.int(24), at: $0.int(25)) }
    }
}
