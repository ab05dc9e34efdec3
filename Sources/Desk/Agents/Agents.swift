import MatrixCore
import ServerKit
import Store

/// People who answer. An agent is a Matrix user with a role; the customer sees only the public name and picture.
///
/// Invariants: there is always an active owner once there was one; only an owner makes owners; the effective availability is
/// the wanted one while the agent's console is alive, else offline. Who is away keeps his customers; who is away and
/// reassigning, or offline, gives those back who wait for him, now and when they write again.
struct Agent: Sendable, Hashable {
    var id: String
    var name: String
    var publicName: String
    var email: String?
    var role: Role
    var picture: String?
    var pictureMXC: String?
    var wanted: Availability
    var availability: Availability
    var capacity: Int64
    var languages: [String]
    var isActive: Bool
    var lastSeenAt: Int64?
    var lastTurn: Int64
    var createdAt: Int64
    var inboxes: [String]
    var load: Int64
    var skills: [String] = []
    var teams: [String] = []

    /// For endpoints without sign-in.
    static let nobody = Agent(id: "", name: "", publicName: "", email: nil, role: .agent, picture: nil, pictureMXC: nil, wanted: .offline, availability: .offline,
                              capacity: 0, languages: [], isActive: false, lastSeenAt: nil, lastTurn: 0, createdAt: 0, inboxes: [], load: 0)

    var json: JSON {
        ["id": .string(id), "name": .string(name), "public_name": .string(publicName), "email": .of(email), "role": .string(role.rawValue),
         "picture": .of(Pictures.path(picture)), "availability": .string(availability.rawValue), "wanted_availability": .string(wanted.rawValue),
         "capacity": .int(capacity), "load": .int(load), "languages": .of(languages), "skills": .of(skills), "inboxes": .of(inboxes), "teams": .of(teams), "active": .bool(isActive),
         "last_seen_at": .of(lastSeenAt), "created_at": .int(createdAt)]
    }
    var ref: JSON { ["id": .string(id), "name": .string(publicName), "picture": .of(Pictures.path(picture))] }
    /// Sees conversations of every inbox.
    var seesAll: Bool { role.may(.conversationsAll) }
    func sees(inbox: String) -> Bool { seesAll || inboxes.contains(inbox) }
}

enum Agents {
    // MARK: who asks

    /// The agent of a session. The first server administrator who comes to an empty desk becomes its owner.
    static func signedIn(_ c: Context, _ live: DeskLive, _ session: Session) async throws -> Agent {
        let id = session.userID.rawValue
        if let agent = try await c.db.read({ try load($0, id) }) {
            guard agent.isActive else { throw DeskError(.forbidden, en: "Your agent account is switched off.", fr: "Votre compte d’agent est désactivé.") }
            return agent
        }
        if session.isAdmin, try await !c.db.read({ try $0.exists("SELECT 1 FROM desk_agent") }) {
            return try await c.db.write { tx in
                let unit = Unit(c, tx, live, actor: .system)
                return try Desk.firstOwner(unit, user: session.userID)
            }
        }
        throw DeskError(.forbidden, en: "This account is not an agent of the desk.", fr: "Ce compte n’est pas celui d’un agent.")
    }

    // MARK: writes

    struct New: Sendable {
        var id: String, name: String, publicName: String, email: String?, role: Role
        var languages: [String], capacity: Int64, inboxes: [String]
        var skills: [String] = [], teams: [String] = []
    }
    static func add(_ unit: Unit, _ new: New) throws -> Agent {
        guard try load(unit.tx, new.id) == nil else {
            throw DeskError(.conflict, en: "This account is an agent already.", fr: "Ce compte est déjà celui d’un agent.")
        }
        try unit.tx.run("""
            INSERT INTO desk_agent(id, name, public_name, email, role, wanted, availability, capacity, languages, skills, active, last_turn, created_at)
            VALUES (?, ?, ?, ?, ?, 'online', 'offline', ?, ?, ?, 1, 0, ?)
            """, new.id, new.name, new.publicName, new.email, new.role.rawValue, new.capacity, TextList.encode(new.languages), TextList.encode(new.skills), unit.now)
        try setInboxes(unit, agent: new.id, to: new.inboxes)
        try setTeams(unit, agent: new.id, to: new.teams)
        return try changed(unit, new.id)
    }
    static func save(_ unit: Unit, _ agent: Agent) throws -> Agent {
        try unit.tx.run("""
            UPDATE desk_agent SET name = ?, public_name = ?, email = ?, role = ?, picture = ?, picture_mxc = ?, wanted = ?, availability = ?,
              capacity = ?, languages = ?, active = ?, last_seen_at = ?, last_turn = ?, skills = ?, reassigning = ? WHERE id = ?
            """, agent.name, agent.publicName, agent.email, agent.role.rawValue, agent.picture, agent.pictureMXC, agent.wanted.stored,
            agent.availability.stored, agent.capacity, TextList.encode(agent.languages), agent.isActive, agent.lastSeenAt, agent.lastTurn,
            TextList.encode(agent.skills), agent.wanted == .awayReassigning, agent.id)
        if agent.role != .owner || !agent.isActive, try !unit.tx.exists("SELECT 1 FROM desk_agent WHERE role = 'owner' AND active = 1") {
            throw DeskError(.conflict, en: "The desk needs at least one active owner.", fr: "Le comptoir a besoin d’au moins un propriétaire actif.")
        }
        return try changed(unit, agent.id)
    }
    static func setInboxes(_ unit: Unit, agent: String, to inboxes: [String]) throws {
        try unit.tx.run("DELETE FROM desk_inbox_member WHERE agent_id = ?", agent)
        for inbox in inboxes {
            guard try unit.tx.exists("SELECT 1 FROM desk_inbox WHERE id = ?", inbox) else {
                throw DeskError.invalid("inboxes", en: "There is no inbox “\(inbox)”.", fr: "Il n’y a pas de boîte « \(inbox) ».")
            }
            try unit.tx.run("INSERT INTO desk_inbox_member(inbox_id, agent_id) VALUES (?, ?)", inbox, agent)
        }
    }
    static func setTeams(_ unit: Unit, agent: String, to teams: [String]) throws {
        let before = try unit.tx.all("SELECT team_id FROM desk_team_member WHERE agent_id = ?", agent) { $0.text(0) }
        guard Set(before) != Set(teams) else { return }
        try unit.tx.run("DELETE FROM desk_team_member WHERE agent_id = ?", agent)
        for team in teams {
            guard try unit.tx.exists("SELECT 1 FROM desk_team WHERE id = ?", team) else {
                throw DeskError.invalid("teams", en: "There is no team “\(team)”.", fr: "Il n’y a pas d’équipe « \(team) ».")
            }
            try unit.tx.run("INSERT INTO desk_team_member(team_id, agent_id) VALUES (?, ?)", team, agent)
        }
        try unit.tell(.settingsUpdated, ref: "teams")
    }
    /// Something visible of an agent is different now: tell the stream, and remember his public name.
    @discardableResult
    static func changed(_ unit: Unit, _ id: String) throws -> Agent {
        guard let agent = try load(unit.tx, id) else { throw DeskError.notFound }
        try unit.tell(.agentUpdated, ref: id)
        let live = unit.live
        unit.tx.afterCommit { live.learn(agent: agent.id, name: agent.publicName, picture: Pictures.path(agent.picture)) }
        return agent
    }
    /// What the agent wants; the effective state follows, and so does the queue.
    static func want(_ unit: Unit, _ id: String, _ wanted: Availability) throws -> Agent {
        guard var agent = try load(unit.tx, id) else { throw DeskError.notFound }
        agent.wanted = wanted
        agent.availability = wanted == .offline || !unit.live.isAlive(id, now: unit.c.clock.now) && unit.actor != .agent(id) && !unit.isPast ? .offline : wanted
        agent.lastSeenAt = unit.now
        agent = try save(unit, agent)
        try Dispatch.leave(unit, id, isLeaving: agent.availability == .offline || agent.availability == .awayReassigning)
        try Dispatch.settle(unit)
        return try load(unit.tx, id) ?? agent
    }
    /// The console is alive: an agent whose heartbeat was lost comes back.
    static func revive(_ unit: Unit, _ id: String) throws {
        guard var agent = try load(unit.tx, id), agent.isActive else { return }
        agent.lastSeenAt = unit.now
        guard agent.availability != agent.wanted else {
            try unit.tx.run("UPDATE desk_agent SET last_seen_at = ? WHERE id = ?", unit.now, id)
            return
        }
        agent.availability = agent.wanted
        _ = try save(unit, agent)
        try Dispatch.settle(unit)
    }
    /// Those whose console has gone: offline, and their waiting customers back into the queue.
    static func timeOut(_ unit: Unit) throws {
        var gone = false
        for var agent in try all(unit.tx) where agent.availability != .offline && !unit.live.isAlive(agent.id, now: unit.c.clock.now) {
            agent.availability = .offline
            _ = try save(unit, agent)
            try Dispatch.release(unit, agent.id)
            gone = true
        }
        if gone { try Dispatch.settle(unit) }
    }

    // MARK: reads

    private static let columns = """
        a.id, a.name, a.public_name, a.email, a.role, a.picture, a.picture_mxc, a.wanted, a.availability, a.capacity, a.languages, a.active,
        a.last_seen_at, a.last_turn, a.created_at, a.skills, a.reassigning,
        (SELECT COUNT(*) FROM desk_conversation c WHERE c.assignee_id = a.id AND c.status = 'open')
        """
    private static func agent(_ row: Row) -> Agent {
        Agent(id: row.text(0), name: row.text(1), publicName: row.text(2), email: row.textOrNil(3), role: Role(rawValue: row.text(4)) ?? .agent,
              picture: row.textOrNil(5), pictureMXC: row.textOrNil(6), wanted: Availability(stored: row.text(7), isReassigning: row.bool(16)),
              availability: Availability(stored: row.text(8), isReassigning: row.bool(16)), capacity: row.int(9), languages: TextList.decode(row.text(10)),
              isActive: row.bool(11), lastSeenAt: row.intOrNil(12), lastTurn: row.int(13), createdAt: row.int(14), inboxes: [], load: row.int(17), skills: TextList.decode(row.text(15)))
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> Agent? {
        guard var agent = try tx.first("SELECT \(columns) FROM desk_agent a WHERE a.id = ?", id, row: agent) else { return nil }
        try tx.each("SELECT 0, inbox_id FROM desk_inbox_member WHERE agent_id = ? UNION ALL SELECT 1, team_id FROM desk_team_member WHERE agent_id = ? ORDER BY 2", id, id) {
            if $0.int(0) == 0 { agent.inboxes.append($0.text(1)) } else { agent.teams.append($0.text(1)) }
        }
        return agent
    }
    static func all(_ tx: ReadTx) throws -> [Agent] {
        var agents = try tx.all("SELECT \(columns) FROM desk_agent a ORDER BY a.created_at, a.id", row: agent)
        var inboxes: [String: [String]] = [:], teams: [String: [String]] = [:]
        try tx.each("SELECT 0, agent_id, inbox_id FROM desk_inbox_member UNION ALL SELECT 1, agent_id, team_id FROM desk_team_member ORDER BY 3") { row in
            if row.int(0) == 0 { inboxes[row.text(1), default: []].append(row.text(2)) } else { teams[row.text(1), default: []].append(row.text(2)) }
        }
        for index in agents.indices {
            agents[index].inboxes = inboxes[agents[index].id] ?? []
            agents[index].teams = teams[agents[index].id] ?? []
        }
        return agents
    }
}
