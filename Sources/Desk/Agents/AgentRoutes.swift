import MatrixCore
import ServerKit
import Store

extension Agents {
    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/me", .deskUse, me),
        DeskRoute(.patch, "/me", .deskUse, patchMe),
        DeskRoute(.get, "/counts", .conversationsRead) { call in .json(try await call.read { try Counts.of($0) }) },
        DeskRoute(.put, "/me/availability", .deskUse) { call in
            var fields = try call.fields()
            let wanted: Availability? = fields.choice("availability", required: true)
            try fields.check()
            return .json(try await call.write { try want($0, call.me.id, try Fields.must(wanted, "availability")).json })
        },
        DeskRoute(.post, "/me/heartbeat", .deskUse) { call in
            if call.me.availability != call.me.wanted || (call.me.lastSeenAt ?? 0) + 60_000 < call.now {
                try await call.write { try revive($0, call.me.id) }
            }
            return .json(["availability": .string(call.me.wanted.rawValue), "next_ms": 20_000])
        },
        DeskRoute(.put, "/me/picture", .deskUse, limit: .media, bodyBytes: Pictures.largest) { try await putPicture($0, $0.me.id) },
        DeskRoute(.delete, "/me/picture", .deskUse) { try await deletePicture($0, $0.me.id) },
        DeskRoute(.get, "/agents", .agentsRead) { call in
            .json(["items": .array(try await call.read { try all($0.tx).map(\.json) })])
        },
        DeskRoute(.get, "/agents/{id}", .agentsRead) { call in
            let id = try call.param("id")
            guard let agent = try await call.read({ try load($0.tx, id) }) else { throw DeskError.notFound }
            return .json(agent.json)
        },
        DeskRoute(.post, "/agents", .agentsManage, create),
        // Who may change what is refined inside: a supervisor changes availability only.
        DeskRoute(.patch, "/agents/{id}", .agentsAvailability, patch),
        DeskRoute(.put, "/agents/{id}/picture", .agentsManage, limit: .media, bodyBytes: Pictures.largest) { try await putPicture($0, $0.param("id")) },
        DeskRoute(.delete, "/agents/{id}/picture", .agentsManage) { try await deletePicture($0, $0.param("id")) },
    ]

    private static let me: DeskRoute.Handler = { call in
        .json(try await call.read { reader in
            ["agent": call.me.json, "permissions": .of(call.me.role.permissions.map(\.rawValue).sorted()), "server_name": .string(call.c.serverName),
             "position": .int(try reader.tx.position), "brands": .array(try Brands.all(reader.tx).map(\.json)), "teams": .array(try Teams.all(reader.tx).map(\.json)),
             "inboxes": .array(try Inboxes.all(reader.tx).filter { call.me.sees(inbox: $0.id) }.map { $0.json(for: call.me) }), "counts": try Counts.of(reader)]
        })
    }

    private static let patchMe: DeskRoute.Handler = { call in
        var fields = try call.fields()
        let name = fields.requiredChange("name", max: 80), publicName = fields.requiredChange("public_name", max: 80), languages = fields.languages("languages")
        try fields.check()
        return .json(try await call.write { unit in
            guard var agent = try load(unit.tx, call.me.id) else { throw DeskError.notFound }
            agent.name = name.required(agent.name)
            agent.publicName = publicName.required(agent.publicName)
            agent.languages = languages ?? agent.languages
            agent = try save(unit, agent)
            if languages != nil { try Dispatch.settle(unit) }
            if publicName.isChange { try Conversations.renamed(unit, agent) }
            return agent.json
        })
    }

    private static let create: DeskRoute.Handler = { call in
        var fields = try call.fields()
        let name = fields.text("name", max: 80, required: true), publicName = fields.text("public_name", max: 80)
        let role: Role = fields.choice("role") ?? .agent
        let languages = fields.languages("languages") ?? ["fr", "en"], capacity = fields.int("capacity", 0...100) ?? 5
        let skills = fields.strings("skills", max: 50, each: 40) ?? [], teams = fields.strings("teams", max: 200, each: 40) ?? []
        let inboxes = fields.strings("inboxes", max: 200, each: 40) ?? [], email = fields.email("email")
        let existing = fields.text("user_id", max: 255)
        let username = existing == nil ? fields.text("username", max: 100, required: true) : nil
        let password = existing == nil ? fields.text("password", max: 200, required: true) : nil
        if let existing, UserID(rawValue: existing)?.server != call.c.serverName {
            fields.refuse("user_id", en: "This is not an account of this server.", fr: "Ce n’est pas un compte de ce serveur.")
        }
        if let username, !UserID.isValidLocalpart(username) {
            fields.refuse("username", en: "A user name has only a-z, 0-9 and ._=-/+.", fr: "Un nom d’utilisateur ne comporte que a-z, 0-9 et ._=-/+.")
        }
        if let password, password.count < 8 {
            fields.refuse("password", en: "A password has at least 8 characters.", fr: "Un mot de passe comporte au moins 8 caractères.")
        }
        try fields.check()
        guard role != .owner || call.me.role == .owner else { throw DeskError(.forbidden, en: "Only an owner makes owners.", fr: "Seul un propriétaire nomme des propriétaires.") }
        let hash = if let password { try await call.c.ports.users.hash(call.c, password: password) } else { String?.none }
        let shown = try Fields.must(name, "name")
        return .json(try await call.write { unit in
            let id: String
            if let existing {
                guard try unit.c.ports.users.exists(unit.tx, UserID(trusted: existing)),
                      try !unit.tx.exists("SELECT 1 FROM desk_contact_user WHERE user_id = ?", existing) else {
                    throw DeskError.invalid("user_id", en: "There is no such account.", fr: "Ce compte n’existe pas.")
                }
                id = existing
            } else {
                id = try unit.c.ports.users.create(unit.c, unit.tx, NewAccount(localpart: try Fields.must(username, "username"), kind: .person, displayName: publicName ?? shown), passwordHash: hash).rawValue
            }
            return try add(unit, New(id: id, name: shown, publicName: publicName ?? shown, email: email.applied(to: nil), role: role,
                                     languages: languages, capacity: capacity, inboxes: inboxes, skills: Teams.normalised(skills), teams: teams)).json
        }, status: 201)
    }

    private static let patch: DeskRoute.Handler = { call in
        let id = try call.param("id")
        var fields = try call.fields()
        let name = fields.requiredChange("name", max: 80), publicName = fields.requiredChange("public_name", max: 80), email = fields.email("email")
        let role: Role? = fields.choice("role"), languages = fields.languages("languages"), capacity = fields.int("capacity", 0...100)
        let inboxes = fields.strings("inboxes", max: 200, each: 40), active = fields.bool("active")
        let skills = fields.strings("skills", max: 50, each: 40), teams = fields.strings("teams", max: 200, each: 40)
        let availability: Availability? = fields.choice("availability")
        try fields.check()
        let isMore = ["name", "public_name", "email", "role", "languages", "capacity", "inboxes", "active", "skills", "teams"].contains { fields.has($0) }
        guard !isMore || call.me.role.may(.agentsManage) else { throw DeskError.forbidden }
        return .json(try await call.write { unit in
            guard var agent = try load(unit.tx, id) else { throw DeskError.notFound }
            if (role == .owner) != (agent.role == .owner), role != nil, call.me.role != .owner {
                throw DeskError(.forbidden, en: "Only an owner makes or unmakes owners.", fr: "Seul un propriétaire nomme ou destitue des propriétaires.")
            }
            if agent.role == .owner, call.me.role != .owner, active == false { throw DeskError.forbidden }
            agent.name = name.required(agent.name)
            agent.publicName = publicName.required(agent.publicName)
            agent.email = email.applied(to: agent.email)
            agent.role = role ?? agent.role
            agent.languages = languages ?? agent.languages
            agent.capacity = capacity ?? agent.capacity
            agent.skills = skills.map(Teams.normalised) ?? agent.skills
            if let teams { try setTeams(unit, agent: id, to: teams) }
            if let active {
                agent.isActive = active
                if !active { agent.availability = .offline }
            }
            if let inboxes {
                try setInboxes(unit, agent: id, to: inboxes)
                try unit.tell(.settingsUpdated, ref: "inboxes")
            }
            agent = try save(unit, agent)
            if publicName.isChange { try Conversations.renamed(unit, agent) }
            if let availability { agent = try want(unit, id, availability) }
            try Dispatch.settle(unit)
            return (try load(unit.tx, id) ?? agent).json
        })
    }

    private static func putPicture(_ call: DeskCall, _ id: String) async throws -> Response {
        let type = try Pictures.check(call.request.body)
        guard try await call.read({ try load($0.tx, id) }) != nil else { throw DeskError.notFound }
        // In the media store too: the customer's Matrix app shows it beside the agent's name.
        let mxc = try await call.c.ports.media.store(call.c, bytes: call.request.body, contentType: type, fileName: nil, owner: UserID(trusted: id))
        return .json(try await call.write { unit in
            guard var agent = try load(unit.tx, id) else { throw DeskError.notFound }
            let old = agent.picture
            agent.picture = try Pictures.add(unit, bytes: call.request.body, type: type)
            agent.pictureMXC = mxc.rawValue
            agent = try save(unit, agent)
            try Pictures.remove(unit, old)
            try Conversations.renamed(unit, agent)
            return ["picture": .of(Pictures.path(agent.picture))]
        })
    }
    private static func deletePicture(_ call: DeskCall, _ id: String) async throws -> Response {
        try await call.write { unit in
            guard var agent = try load(unit.tx, id) else { throw DeskError.notFound }
            let old = agent.picture
            agent.picture = nil
            agent.pictureMXC = nil
            agent = try save(unit, agent)
            try Pictures.remove(unit, old)
            try Conversations.renamed(unit, agent)
        }
        return .noContent
    }
}
