import MatrixCore
import ServerKit
import Store

/// Who waits and since when, who is free, and the day so far, on one page that hangs on a wall.
///
/// Invariants: it shows what the caller sees and no more, and no customer's name; it asks nothing of the past but today's cases, so it costs the same on a large desk.
enum Wallboard {
    static let longestLine = 12

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/wallboard", .reportsRead) { call in
            let zone = try call.text(query: "time_zone", max: 60) ?? "UTC"
            guard let file = Zones.named(zone) else { throw DeskError.invalid("time_zone", en: "There is no such time zone.", fr: "Ce fuseau horaire n’existe pas.") }
            let inbox = try call.text(query: "inbox", max: 40), team = try call.text(query: "team", max: 40)
            try await call.live.cases.catchUp(call.c)
            return .json(try await call.read { try now($0, file, inbox: inbox, team: team) })
        },
    ]

    private struct Count { var waiting: Int64 = 0, unassigned: Int64 = 0, since: Int64? }

    private static func now(_ reader: Reader, _ zone: ZoneFile, inbox: String?, team: String?) throws -> JSON {
        let tx = reader.tx, moment = reader.c.clock.now
        var filter = Conversations.Filter(visibleTo: reader.viewer)
        filter.add("c.spam IS NULL")
        if let inbox { filter.add("c.inbox_id = ?", inbox) }
        if let team { filter.add("c.team_id = ?", team) }
        var all = Count(), byInbox: [String: Count] = [:], byTeam: [String: Count] = [:]
        try tx.each("""
            SELECT c.inbox_id, c.team_id, COUNT(*), COALESCE(SUM(CASE WHEN c.assignee_id IS NULL THEN 1 ELSE 0 END), 0), MIN(c.waiting_since) FROM desk_conversation c
            WHERE c.status = 'open' AND c.waiting_since IS NOT NULL AND \(filter.sql) GROUP BY c.inbox_id, c.team_id
            """, array: filter.binds) { row in
            func add(_ count: inout Count) {
                count.waiting += row.int(2)
                count.unassigned += row.int(3)
                count.since = [count.since, row.intOrNil(4)].compactMap(\.self).min()
            }
            add(&all)
            add(&byInbox[row.text(0), default: Count()])
            if let team = row.textOrNil(1) { add(&byTeam[team, default: Count()]) }
        }
        let atRisk = try tx.first("SELECT COUNT(*) FROM desk_conversation c WHERE c.sla_due_at IS NOT NULL AND c.sla_state IN ('warning', 'breached') AND \(filter.sql)", array: filter.binds) { $0.int(0) } ?? 0
        let line = try tx.all("""
            SELECT c.id, c.number, i.name, c.priority, c.waiting_since, c.assignee_id, c.sla_state FROM desk_conversation c JOIN desk_inbox i ON i.id = c.inbox_id
            WHERE c.status = 'open' AND c.waiting_since IS NOT NULL AND \(filter.sql) ORDER BY c.waiting_since, c.number LIMIT ?
            """, array: filter.binds + [longestLine]) { row -> JSON in
            ["id": .string(row.text(0)), "number": .int(row.int(1)), "inbox": .string(row.text(2)), "priority": .string(row.text(3)), "since": .int(row.int(4)),
             "assignee": try reader.agentRef(row.textOrNil(5)), "sla": .of(row.textOrNil(6))]
        }
        func json(_ id: String, _ name: String, _ count: Count?) -> JSON {
            ["id": .string(id), "name": .string(name), "waiting": .int(count?.waiting ?? 0), "unassigned": .int(count?.unassigned ?? 0), "since": .of(count?.since)]
        }
        let inboxes = try Inboxes.all(tx).filter { reader.viewer.sees(inbox: $0.id) && (inbox ?? $0.id) == $0.id }
        let teams = try Teams.known(reader).compactMap { it in it["id"]?.stringValue.map { ($0, it["name"]?.stringValue ?? "", it["members"]?.arrayValue?.compactMap(\.stringValue) ?? []) } }
            .filter { (team ?? $0.0) == $0.0 }
        let people = try Agents.all(tx).filter { agent in
            agent.isActive && !agent.isService && agent.availability != .offline && reader.viewer.knows(agent) && inboxes.contains { agent.inboxes.contains($0.id) }
                && (team == nil || teams.contains { $0.2.contains(agent.id) })
        }
        let free = people.filter { $0.availability == .online }.reduce(Int64(0)) { $0 + max(0, $1.capacity - $1.load) }
        let day = Civil(day: floorDivide(moment / 1000 + zone.offset(at: moment / 1000), 86_400)), today = ReportRules.Period(first: day, last: day, zone: zone)
        func told(_ metric: ReportRules.Metric, _ key: String) throws -> JSON {
            .of(try Reports(reader: reader, metric: metric, filter: Reports.Filter(inbox: inbox, team: team)).told(today.start, today.end, isWhole: false).first { $0.key == key }?.value ?? nil)
        }
        return [
            "now": .int(moment), "waiting": .int(all.waiting), "unassigned": .int(all.unassigned), "since": .of(all.since), "at_risk": .int(atRisk), "free": .int(free), "line": .array(line),
            "inboxes": .array(inboxes.map { json($0.id, $0.name, byInbox[$0.id]) }), "teams": .array(teams.map { json($0.0, $0.1, byTeam[$0.0]) }),
            "agents": .array(people.map { ["id": .string($0.id), "name": .string($0.publicName), "picture": .of(Pictures.path($0.picture)), "availability": .string($0.availability.rawValue), "load": .int($0.load), "capacity": .int($0.capacity)] }),
            "today": ["opened": try told(.volume, "opened"), "resolved": try told(.resolution, "count"), "first_response_ms": try told(.firstResponse, "median"), "satisfied": try told(.csat, "satisfied")],
        ]
    }
}

extension OpenAPI {
    static let wallboardOperations: [Operation] = [
        Operation(method: .get, path: "/wallboard", id: "getWallboard", tag: "Reports", summary: "Who waits and since when, who is free, and the day so far.", query: [
            ("time_zone", string, "In which today is, such as Europe/Paris; UTC."), ("inbox", string, "Only of this inbox."), ("team", string, "Only of this team."),
        ], answer: .json(200, ref("Wallboard"))),
    ]
    private static let line: JSON = whole(["id": string, "name": string, "waiting": integer, "unassigned": integer, "since": timeOrNull])
    static let wallboardSchemas: JSONObject = [
        "Wallboard": whole(["now": time, "waiting": integer, "unassigned": integer, "since": timeOrNull, "at_risk": integer, "free": ["type": "integer", "description": "Conversations that those who are online could still take."],
                            "line": ["type": "array", "description": "The longest waiting, first.", "items": whole([
                                "id": string, "number": integer, "inbox": string, "priority": oneOf(Conversation.Priority.self), "since": time, "assignee": ["anyOf": [ref("AgentRef"), ["type": "null"]]], "sla": orNull("string")])],
                            "inboxes": ["type": "array", "items": line], "teams": ["type": "array", "items": line],
                            "agents": ["type": "array", "items": whole(["id": string, "name": string, "picture": orNull("string"), "availability": oneOf(Availability.self), "load": integer, "capacity": integer])],
                            "today": whole(["opened": orNull("integer"), "resolved": orNull("integer"), "first_response_ms": orNull("integer"), "satisfied": ["type": ["integer", "null"], "description": "Per mille."]])]),
    ]
}
