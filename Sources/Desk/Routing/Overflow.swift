import MatrixCore
import ServerKit
import Store

/// What happens to those of a team's customers whom nobody has taken for too long, counted in the team's open time: they go to another team, and their
/// priority is raised.
///
/// Invariants: each happens once while a customer waits; a ring of teams ends where it began, not never; what is due is found from the database alone, so a
/// restart loses nothing.
enum Overflow {
    struct Due: Sendable {
        let conversation: String
        let team: String
        /// nil: the priority is raised.
        let to: String?
        let at: Int64
    }

    /// What will be due, when nothing changes, for all who wait in teams that have such a rule.
    static func due(_ tx: ReadTx) throws -> [Due] {
        var hours: [String: HoursRules] = [:]
        let rows = try tx.all("""
            SELECT c.id, c.team_id, c.waiting_since, t.overflow_team, t.overflow_after, t.escalate_after, c.overflowed_at, c.escalated_at, COALESCE(t.hours_id, i.hours_id), c.priority
            FROM desk_team t JOIN desk_conversation c ON c.team_id = t.id JOIN desk_inbox i ON i.id = c.inbox_id
            WHERE (t.overflow_after IS NOT NULL OR t.escalate_after IS NOT NULL) AND c.status = 'open' AND c.assignee_id IS NULL AND c.waiting_since IS NOT NULL
            """) { row in
            (id: row.text(0), team: row.text(1), since: row.int(2), to: row.textOrNil(3), overflow: row.intOrNil(4), escalate: row.intOrNil(5),
             overflowed: row.intOrNil(6), escalated: row.intOrNil(7), hours: row.textOrNil(8), priority: row.text(9))
        }
        for id in Set(rows.compactMap(\.hours)) { hours[id] = try BusinessHours.load(tx, id)?.rules }
        var found: [Due] = []
        for row in rows {
            let rules = row.hours.flatMap { hours[$0] }
            func at(_ seconds: Int64) -> Int64? { rules.map { $0.after(seconds * 1000, from: row.since) } ?? row.since + seconds * 1000 }
            if let seconds = row.overflow, let to = row.to, row.overflowed ?? 0 < row.since, let at = at(seconds) { found.append(Due(conversation: row.id, team: row.team, to: to, at: at)) }
            if let seconds = row.escalate, row.escalated ?? 0 < row.since, row.priority != "urgent", let at = at(seconds) { found.append(Due(conversation: row.id, team: row.team, to: nil, at: at)) }
        }
        return found
    }
    static func carryOut(_ unit: Unit) throws {
        for due in try due(unit.tx).filter({ $0.at <= unit.now }).sorted(by: { ($0.at, $0.conversation) < ($1.at, $1.conversation) }) {
            guard var it = try Conversations.load(unit.tx, due.conversation), it.team == due.team else { continue }
            let name = try Teams.load(unit.tx, due.team)?.name ?? ""
            if let to = due.to {
                try unit.tx.run("UPDATE desk_conversation SET overflowed_at = ? WHERE id = ?", unit.now, it.id)
                guard let team = try? Teams.check(unit.tx, to, serves: it.inboxID) else { continue }   // nobody of it is there any more
                it.team = team.id
                try Items.system(unit, it, .overflowed, data: ["value": .string(team.name), "team": .string(team.id), "of": .string(name)])
            } else {
                try unit.tx.run("UPDATE desk_conversation SET escalated_at = ? WHERE id = ?", unit.now, it.id)
                it.priority = .urgent
                try Items.system(unit, it, .escalated, data: ["value": .string(name)])
            }
            _ = try Conversations.save(unit, it)
        }
    }
}
