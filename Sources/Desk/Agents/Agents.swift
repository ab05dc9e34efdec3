import MatrixCore
import ServerKit
import Store

/// People who answer. An agent is a Matrix user with a role; the customer sees only the public name and picture.
///
/// Invariants: he is a member of inboxes of his brands only; there is always an active owner once there was one; only an owner makes owners;
/// the effective availability is
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
    /// Inboxes that he is a member of.
    var inboxes: [String]
    var load: Int64
    var skills: [String] = []
    var teams: [String] = []
    /// The brands that he is limited to; nil: none, he may be put into inboxes of every brand.
    var brands: [String]?
    var brandOfInbox: [String: String] = [:]
    /// The inboxes whose conversations he sees; nil: all.
    var visible: Set<String>? = []
    /// Of a token: a program, not a person.
    var isService = false
    fileprivate var token: String?

    /// For endpoints without sign-in.
    static let nobody = Agent(id: "", name: "", publicName: "", email: nil, role: .agent, picture: nil, pictureMXC: nil, wanted: .offline, availability: .offline,
                              capacity: 0, languages: [], isActive: false, lastSeenAt: nil, lastTurn: 0, createdAt: 0, inboxes: [], load: 0, brands: [])

    /// As a colleague sees him: of brands and inboxes those only that he knows himself.
    func json(for viewer: Agent) -> JSON {
        let shown = inboxes.filter { viewer.id == id || brandOfInbox[$0].map(viewer.knows(brand:)) ?? false }
        let seen = viewer.visible.map { visible?.intersection($0) ?? $0 } ?? visible
        return ["id": .string(id), "name": .string(name), "public_name": .string(publicName), "email": .of(email), "role": .string(role.rawValue),
         "picture": .of(Pictures.path(picture)), "availability": .string(availability.rawValue), "wanted_availability": .string(wanted.rawValue),
         "capacity": .int(capacity), "load": .int(load), "languages": .of(languages), "skills": .of(skills), "inboxes": .of(shown), "teams": .of(teams),
         "brands": brands.map { JSON.of($0.filter(viewer.knows(brand:))) } ?? .null, "sees": seen.map { .of($0.sorted()) } ?? .null,
         "active": .bool(isActive),
         "last_seen_at": .of(lastSeenAt), "created_at": .int(createdAt)]
    }
    var ref: JSON { ["id": .string(id), "name": .string(publicName), "picture": .of(Pictures.path(picture))] }
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
        var brands: [String]?
    }
    static func add(_ unit: Unit, _ new: New) throws -> Agent {
        guard try load(unit.tx, new.id) == nil else {
            throw DeskError(.conflict, en: "This account is an agent already.", fr: "Ce compte est déjà celui d’un agent.")
        }
        try unit.tx.run("""
            INSERT INTO desk_agent(id, name, public_name, email, role, role_id, wanted, availability, capacity, languages, skills, active, last_turn, created_at, brands)
            VALUES (?, ?, ?, ?, ?, ?, 'online', 'offline', ?, ?, ?, 1, 0, ?, ?)
            """, new.id, new.name, new.publicName, new.email, base(new.role), own(new.role), new.capacity, TextList.encode(new.languages), TextList.encode(new.skills), unit.now,
            new.brands.map(TextList.encode))
        try setInboxes(unit, agent: new.id, to: new.inboxes)
        try setTeams(unit, agent: new.id, to: new.teams)
        return try changed(unit, new.id)
    }
    static func save(_ unit: Unit, _ agent: Agent) throws -> Agent {
        try unit.tx.run("""
            UPDATE desk_agent SET name = ?, public_name = ?, email = ?, role = ?, role_id = ?, picture = ?, picture_mxc = ?, wanted = ?, availability = ?,
              capacity = ?, languages = ?, active = ?, last_seen_at = ?, last_turn = ?, skills = ?, reassigning = ?, brands = ? WHERE id = ?
            """, agent.name, agent.publicName, agent.email, base(agent.role), own(agent.role), agent.picture, agent.pictureMXC, agent.wanted.stored,
            agent.availability.stored, agent.capacity, TextList.encode(agent.languages), agent.isActive, agent.lastSeenAt, agent.lastTurn,
            TextList.encode(agent.skills), agent.wanted == .awayReassigning, agent.brands.map(TextList.encode), agent.id)
        if agent.role != .owner || !agent.isActive, try !unit.tx.exists("SELECT 1 FROM desk_agent WHERE role = 'owner' AND active = 1") {
            throw DeskError(.conflict, en: "The desk needs at least one active owner.", fr: "Le comptoir a besoin d’au moins un propriétaire actif.")
        }
        return try changed(unit, agent.id)
    }
    /// A role that was made here stands in a column of its own, beside the least of the built-in ones.
    private static func base(_ role: Role) -> String { role.name == nil ? role.rawValue : Role.agent.rawValue }
    private static func own(_ role: Role) -> String? { role.name == nil ? nil : role.rawValue }

    /// He is a member of these and no other inboxes; `brands`: those that he is limited to.
    static func setInboxes(_ unit: Unit, agent: String, to inboxes: [String], brands: [String]? = nil) throws {
        try unit.tx.run("DELETE FROM desk_inbox_member WHERE agent_id = ?", agent)
        for inbox in inboxes {
            guard let brand = try unit.tx.first("SELECT brand_id FROM desk_inbox WHERE id = ?", inbox, row: { $0.text(0) }), brands?.contains(brand) ?? true else {
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
    /// He may no longer see some of what he saw, or is switched off: his conversations there go back to the queue, and he leaves their rooms, so that
    /// his Matrix apps show them no longer either.
    static func loseSight(_ unit: Unit, _ id: String) throws {
        guard let agent = try load(unit.tx, id) else { return }
        func isOut(_ inbox: String) -> Bool { !agent.isActive || !agent.sees(inbox: inbox) }
        let his = try unit.tx.all("SELECT id, inbox_id FROM desk_conversation WHERE assignee_id = ? AND status <> 'resolved' ORDER BY queue_key, number", id) { ($0.text(0), $0.text(1)) }
        for (conversation, inbox) in his where isOut(inbox) {
            guard let it = try Conversations.load(unit.tx, conversation) else { continue }
            try Conversations.assign(unit.acting(as: .system), it, to: nil, how: .requeuedOffline)
        }
        for room in try unit.c.ports.timelines.joinedRooms(unit.tx, user: UserID(trusted: id)) {
            guard let place = unit.live.place(ofRoom: room.rawValue), isOut(place.inbox), var it = try Conversations.load(unit.tx, place.conversation) else { continue }
            try Conversations.leave(unit, &it, id)
            try unit.tx.run("UPDATE desk_conversation SET joined_agent = NULL WHERE id = ? AND joined_agent = ?", it.id, id)
        }
        if !agent.isService { for service in try Tokens.services(unit.tx, of: id) { try loseSight(unit, service) } }
    }
    /// Who is in an inbox or a team, by the table that says so; those who came or went are told of.
    static func setMembers(_ unit: Unit, of id: String, table: String, column: String, _ members: [String]) throws {
        let before = try unit.tx.all("SELECT agent_id FROM \(table) WHERE \(column) = ?", id) { $0.text(0) }
        try unit.tx.run("DELETE FROM \(table) WHERE \(column) = ?", id)
        for member in members {
            guard try unit.tx.exists("SELECT 1 FROM desk_agent WHERE id = ?", member) else {
                throw DeskError.invalid("members", en: "“\(member)” is not an agent.", fr: "« \(member) » n’est pas un agent.")
            }
            try unit.tx.run("INSERT INTO \(table)(\(column), agent_id) VALUES (?, ?)", id, member)
        }
        for agent in Set(before).symmetricDifference(members).sorted() { try changed(unit, agent) }
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
        (SELECT COUNT(*) FROM desk_conversation c WHERE c.assignee_id = a.id AND c.status = 'open'), a.brands, a.role_id,
        (SELECT r.name FROM desk_role r WHERE r.id = a.role_id), (SELECT r.permissions FROM desk_role r WHERE r.id = a.role_id), a.token_id
        """
    private static func agent(_ row: Row) -> Agent {
        let own = row.textOrNil(19).map { Roles.role(id: $0, name: row.text(20), row.text(21)) }
        let role = own ?? Role.builtIn.first { $0.rawValue == row.text(4) } ?? .agent
        return Agent(id: row.text(0), name: row.text(1), publicName: row.text(2), email: row.textOrNil(3), role: role,
                     picture: row.textOrNil(5), pictureMXC: row.textOrNil(6), wanted: Availability(stored: row.text(7), isReassigning: row.bool(16)),
                     availability: Availability(stored: row.text(8), isReassigning: row.bool(16)), capacity: row.int(9), languages: TextList.decode(row.text(10)),
                     isActive: row.bool(11), lastSeenAt: row.intOrNil(12), lastTurn: row.int(13), createdAt: row.int(14), inboxes: [], load: row.int(17), skills: TextList.decode(row.text(15)),
                     brands: role == .owner ? nil : row.textOrNil(18).map(TextList.decode), token: row.textOrNil(22))
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> Agent? {
        guard var agent = try tx.first("SELECT \(columns) FROM desk_agent a WHERE a.id = ?", id, row: agent) else { return nil }
        var inboxes: [(id: String, brand: String)] = []
        try tx.each("""
            SELECT 0, m.inbox_id, i.brand_id FROM desk_inbox_member m JOIN desk_inbox i ON i.id = m.inbox_id WHERE m.agent_id = ?
            UNION ALL SELECT 1, team_id, '' FROM desk_team_member WHERE agent_id = ? ORDER BY 2
            """, id, id) {
            if $0.int(0) == 0 { inboxes.append(($0.text(1), $0.text(2))) } else { agent.teams.append($0.text(1)) }
        }
        try complete(&agent, tx, inboxes)
        if let token = agent.token { try Tokens.complete(&agent, tx, token: token) }
        return agent
    }
    private static func complete(_ agent: inout Agent, _ tx: ReadTx, _ inboxes: [(id: String, brand: String)]) throws {
        agent.inboxes = inboxes.map(\.id)
        agent.brandOfInbox = Dictionary(uniqueKeysWithValues: inboxes.map { ($0.id, $0.brand) })
        if !agent.role.may(.conversationsRead) {
            agent.visible = []
        } else if !agent.role.may(.conversationsAll) {
            agent.visible = Set(agent.inboxes)
        } else if let brands = agent.brands {
            agent.visible = Set(try tx.all("SELECT id, brand_id FROM desk_inbox") { ($0.text(0), $0.text(1)) }.filter { brands.contains($0.1) }.map(\.0))
        } else {
            agent.visible = nil
        }
    }
    static func all(_ tx: ReadTx) throws -> [Agent] {
        var agents = try tx.all("SELECT \(columns) FROM desk_agent a ORDER BY a.created_at, a.id", row: agent)
        var inboxes: [String: [(id: String, brand: String)]] = [:], teams: [String: [String]] = [:]
        try tx.each("""
            SELECT 0, m.agent_id, m.inbox_id, i.brand_id FROM desk_inbox_member m JOIN desk_inbox i ON i.id = m.inbox_id
            UNION ALL SELECT 1, agent_id, team_id, '' FROM desk_team_member ORDER BY 3
            """) { row in
            if row.int(0) == 0 { inboxes[row.text(1), default: []].append((row.text(2), row.text(3))) } else { teams[row.text(1), default: []].append(row.text(2)) }
        }
        for index in agents.indices {
            agents[index].teams = teams[agents[index].id] ?? []
            try complete(&agents[index], tx, inboxes[agents[index].id] ?? [])
            if let token = agents[index].token { try Tokens.complete(&agents[index], tx, token: token) }
        }
        return agents
    }
}
