import MatrixCore
import ServerKit
import Store

/// Agents who share a queue. An inbox may be routed to a team; a conversation may be handed to one.
///
/// Invariants: a team's conversation is given to members of the team only; membership of a team shows nobody an inbox that he is not a
/// member of, so a team can have a conversation only if one of its members is a member of its inbox.
struct Team: Sendable, Hashable {
    var id: String
    var name: String
    var strategy: RoutingRules.Strategy
    var createdAt: Int64
    var members: [String]
    /// When its people are there; the inbox's when nothing is said.
    var hours: String?
    /// Where those go whom nobody has taken after so many seconds of open time.
    var overflowTeam: String?, overflowAfter: Int64?
    /// After so many seconds of open time those whom nobody has taken become urgent.
    var escalateAfter: Int64?

    var json: JSON {
        ["id": .string(id), "name": .string(name), "strategy": .string(strategy.rawValue), "members": .of(members), "created_at": .int(createdAt),
         "hours": .of(hours), "overflow_team": .of(overflowTeam), "overflow_after": .of(overflowAfter), "escalate_after": .of(escalateAfter)]
    }
}

enum Teams {
    // MARK: writes

    static func save(_ unit: Unit, _ team: Team, isNew: Bool) throws {
        try BusinessHours.check(unit.tx, team.hours)
        if let other = team.overflowTeam, try other == team.id || load(unit.tx, other) == nil {
            throw DeskError.invalid("overflow_team", en: "This must be another team.", fr: "Ce doit être une autre équipe.")
        }
        if isNew {
            try unit.tx.run("INSERT INTO desk_team(id, name, strategy, created_at, hours_id, overflow_team, overflow_after, escalate_after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                            team.id, team.name, team.strategy.rawValue, team.createdAt, team.hours, team.overflowTeam, team.overflowAfter, team.escalateAfter)
        } else {
            try unit.tx.run("UPDATE desk_team SET name = ?, strategy = ?, hours_id = ?, overflow_team = ?, overflow_after = ?, escalate_after = ? WHERE id = ?",
                            team.name, team.strategy.rawValue, team.hours, team.overflowTeam, team.overflowAfter, team.escalateAfter, team.id)
        }
        try unit.tell(.settingsUpdated, ref: "teams")
    }
    static func setMembers(_ unit: Unit, _ id: String, _ members: [String]) throws {
        try Agents.setMembers(unit, of: id, table: "desk_team_member", column: "team_id", members)
    }
    /// Its conversations and inboxes are everybody's again.
    static func remove(_ unit: Unit, _ team: Team) throws {
        try setMembers(unit, team.id, [])
        for id in try unit.tx.all("SELECT id FROM desk_conversation WHERE team_id = ? AND status <> 'resolved' ORDER BY number", team.id, row: { $0.text(0) }) {
            guard let it = try Conversations.load(unit.tx, id) else { continue }
            _ = try hand(unit, it, to: nil)
        }
        try unit.tx.run("UPDATE desk_conversation SET team_id = NULL WHERE team_id = ?", team.id)
        if try unit.tx.exists("SELECT 1 FROM desk_inbox WHERE team_id = ?", team.id) {
            try unit.tx.run("UPDATE desk_inbox SET team_id = NULL WHERE team_id = ?", team.id)
            try unit.tell(.settingsUpdated, ref: "inboxes")
        }
        try unit.tx.run("UPDATE desk_team SET overflow_team = NULL, overflow_after = NULL WHERE overflow_team = ?", team.id)
        try unit.tx.run("DELETE FROM desk_team WHERE id = ?", team.id)
        try unit.tell(.settingsUpdated, ref: "teams")
    }
    /// From now on this team's. Whoever has it and is no member gives it back to the queue.
    static func hand(_ unit: Unit, _ conversation: Conversation, to team: Team?) throws -> Conversation {
        guard conversation.team != team?.id else { return conversation }
        var it = conversation
        it.team = team?.id
        try Items.system(unit, it, team == nil ? .noTeam : .team, data: ["value": .of(team?.name), "team": .of(team?.id)])
        it = try Conversations.save(unit, it)
        if let team, it.status != .resolved, let assignee = it.assignee, !team.members.contains(assignee) {
            it = try Conversations.assign(unit, it, to: nil, how: .requeued)
        }
        return it
    }
    static func setSkills(_ unit: Unit, _ conversation: Conversation, _ skills: [String]) throws -> Conversation {
        guard conversation.skills != skills else { return conversation }
        var it = conversation
        it.skills = skills
        try Items.system(unit, it, .skills, data: ["value": .string(skills.joined(separator: ", ")), "skills": .of(skills)])
        return try Conversations.save(unit, it)
    }

    // MARK: checks

    /// Lower case, in order, each once.
    static func normalised(_ skills: [String]) -> [String] { Set(skills.map { Fields.trimmed($0).lowercased() }).subtracting([""]).sorted() }
    static func check(_ tx: ReadTx, _ id: String, serves inbox: String) throws -> Team {
        guard let team = try load(tx, id) else { throw DeskError.invalid("team", en: "There is no such team.", fr: "Cette équipe n’existe pas.") }
        guard try tx.exists("""
            SELECT 1 FROM desk_team_member t JOIN desk_inbox_member i ON i.agent_id = t.agent_id JOIN desk_agent a ON a.id = t.agent_id
            WHERE t.team_id = ? AND i.inbox_id = ? AND a.active = 1
            """, id, inbox) else {
            throw DeskError.invalid("team", en: "Nobody of the team “\(team.name)” is a member of this inbox.", fr: "Personne de l’équipe « \(team.name) » n’est membre de cette boîte.")
        }
        return team
    }

    // MARK: reads

    private static let columns = "id, name, strategy, created_at, hours_id, overflow_team, overflow_after, escalate_after"
    private static func team(_ row: Row) -> Team {
        Team(id: row.text(0), name: row.text(1), strategy: RoutingRules.Strategy(rawValue: row.text(2)) ?? .roundRobin, createdAt: row.int(3), members: [],
             hours: row.textOrNil(4), overflowTeam: row.textOrNil(5), overflowAfter: row.intOrNil(6), escalateAfter: row.intOrNil(7))
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> Team? {
        guard var found = try tx.first("SELECT \(columns) FROM desk_team WHERE id = ?", id, row: team) else { return nil }
        found.members = try tx.all("SELECT agent_id FROM desk_team_member WHERE team_id = ? ORDER BY agent_id", id) { $0.text(0) }
        return found
    }
    static func all(_ tx: ReadTx) throws -> [Team] {
        var members: [String: [String]] = [:]
        try tx.each("SELECT team_id, agent_id FROM desk_team_member ORDER BY agent_id") { members[$0.text(0), default: []].append($0.text(1)) }
        return try tx.all("SELECT \(columns) FROM desk_team ORDER BY name, id", row: team).map { found in
            var found = found
            found.members = members[found.id] ?? []
            return found
        }
    }
}
