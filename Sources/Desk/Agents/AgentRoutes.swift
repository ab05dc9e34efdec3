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
            return .json(try await call.write { try want($0, call.me.id, try Fields.must(wanted, "availability")).json(for: call.me) })
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
            .json(["items": .array(try await call.read { try all($0.tx).filter { call.me.knows($0) }.map { $0.json(for: call.me) } })])
        },
        DeskRoute(.get, "/agents/{id}", .agentsRead) { call in
            let id = try call.param("id")
            guard let agent = try await call.read({ try load($0.tx, id) }), call.me.knows(agent) else { throw DeskError.notFound }
            return .json(agent.json(for: call.me))
        },
        DeskRoute(.post, "/agents", .agentsManage, create),
        // Who may change what is refined inside: a supervisor changes availability only.
        DeskRoute(.patch, "/agents/{id}", .agentsAvailability, patch),
        DeskRoute(.put, "/agents/{id}/picture", .agentsManage, limit: .media, bodyBytes: Pictures.largest) { try await putPicture($0, $0.param("id")) },
        DeskRoute(.delete, "/agents/{id}/picture", .agentsManage) { try await deletePicture($0, $0.param("id")) },
    ]

    private static let me: DeskRoute.Handler = { call in
        .json(try await call.read { reader in
            let inboxes = try Inboxes.all(reader.tx).filter { call.me.knows($0) }
            return ["agent": call.me.json(for: call.me), "permissions": .of(call.me.role.permissions.map(\.rawValue).sorted()), "server_name": .string(call.c.serverName),
             "position": .int(try reader.tx.position), "brands": .array(try Brands.all(reader.tx).filter { call.me.knows(brand: $0.id) }.map(\.json)),
             "teams": .array(try Teams.known(reader)),
             "inboxes": .array(inboxes.map { $0.json(for: call.me) }), "counts": try Counts.of(reader)]
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
            return agent.json(for: call.me)
        })
    }

    private static let create: DeskRoute.Handler = { call in
        var fields = try call.fields()
        let name = fields.text("name", max: 80, required: true), publicName = fields.text("public_name", max: 80)
        let role = role(&fields) ?? Role.agent.rawValue
        let languages = fields.languages("languages") ?? ["fr", "en"], capacity = fields.int("capacity", 0...100) ?? 5
        let skills = fields.strings("skills", max: 50, each: 40) ?? [], teams = fields.strings("teams", max: 200, each: 40) ?? []
        let inboxes = fields.strings("inboxes", max: 200, each: 40) ?? [], email = fields.email("email")
        let brands = fields.has("brands") ? fields.strings("brands", max: 200, each: 40) : call.me.brands
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
        let hash = if let password { try await call.c.ports.users.hash(call.c, password: password) } else { String?.none }
        let shown = try Fields.must(name, "name")
        return .json(try await call.write { unit in
            let role = try roleToGive(unit, role, by: call.me), brands = try brandsToGive(unit, brands, old: nil, by: call.me)
            try checkInboxes(unit, inboxes, by: call.me)
            let teams = try Teams.toGive(unit, teams, old: [], call)
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
                                     languages: languages, capacity: capacity, inboxes: inboxes, skills: Teams.normalised(skills), teams: teams,
                                     brands: role == .owner ? nil : brands)).json(for: call.me)
        }, status: 201)
    }

    /// Its form only; whether there is such a role is asked where it is given.
    private static func role(_ fields: inout Fields) -> String? {
        guard let id = fields.text("role", max: 40) else { return nil }
        if !id.hasPrefix("ro_"), !Role.builtIn.contains(where: { $0.rawValue == id }) {
            let all = Role.builtIn.map(\.rawValue).joined(separator: ", ")
            fields.refuse("role", en: "This must be \(all) or the id of a role.", fr: "Ce champ doit valoir \(all) ou l’identifiant d’un rôle.")
        }
        return id
    }
    private static func roleToGive(_ unit: Unit, _ id: String, by me: Agent) throws -> Role {
        guard let role = try Roles.load(unit.tx, id) else { throw DeskError.invalid("role", en: "There is no such role.", fr: "Ce rôle n’existe pas.") }
        guard role != .owner || me.role == .owner else { throw DeskError(.forbidden, en: "Only an owner makes owners.", fr: "Seul un propriétaire nomme des propriétaires.") }
        guard me.mayGive(role), role != .owner || me.isUnlimited else {
            throw DeskError(.forbidden, en: "You cannot give a role that may more than yours.", fr: "Vous ne pouvez pas donner un rôle qui peut plus que le vôtre.")
        }
        return role
    }
    /// What the giver does not know of the other's brands stays as it is.
    private static func brandsToGive(_ unit: Unit, _ wanted: [String]?, old: [String]?, by me: Agent) throws -> [String]? {
        guard let wanted else {
            try me.checkUnlimited()
            return nil
        }
        for brand in wanted {
            guard me.knows(brand: brand), try Brands.load(unit.tx, brand) != nil else {
                throw DeskError.invalid("brands", en: "There is no brand “\(brand)”.", fr: "Il n’y a pas de marque « \(brand) ».")
            }
        }
        return wanted + (old ?? []).filter { !me.knows(brand: $0) }
    }
    private static func checkInboxes(_ unit: Unit, _ wanted: [String], by me: Agent) throws {
        for id in wanted {
            guard let inbox = try Inboxes.load(unit.tx, id), me.knows(brand: inbox.brandID) else {
                throw DeskError.invalid("inboxes", en: "There is no inbox “\(id)”.", fr: "Il n’y a pas de boîte « \(id) ».")
            }
        }
    }

    private static let patch: DeskRoute.Handler = { call in
        let id = try call.param("id")
        var fields = try call.fields()
        let name = fields.requiredChange("name", max: 80), publicName = fields.requiredChange("public_name", max: 80), email = fields.email("email")
        let role = role(&fields), languages = fields.languages("languages"), capacity = fields.int("capacity", 0...100)
        let inboxes = fields.strings("inboxes", max: 200, each: 40), active = fields.bool("active")
        let skills = fields.strings("skills", max: 50, each: 40), teams = fields.strings("teams", max: 200, each: 40)
        let brands = fields.strings("brands", max: 200, each: 40)
        let availability: Availability? = fields.choice("availability")
        try fields.check()
        let isPlace = fields.has("inboxes") || fields.has("brands"), isMore = ["name", "public_name", "email", "role", "languages", "capacity", "active", "skills", "teams"].contains { fields.has($0) }
        guard !(isMore || isPlace) || call.me.role.may(.agentsManage) else { throw DeskError.forbidden }
        let changesBrands = fields.has("brands")
        return .json(try await call.write { unit in
            guard var agent = try load(unit.tx, id), call.me.knows(agent) else { throw DeskError.notFound }
            guard agent.role != .owner || call.me.role == .owner || !(isMore || isPlace) else {
                throw DeskError(.forbidden, en: "Only an owner changes owners.", fr: "Seul un propriétaire modifie les propriétaires.")
            }
            guard !isMore || call.me.mayManage(agent) else {
                throw DeskError(.forbidden, en: "This agent may more than you, or works for brands that are not yours.", fr: "Cet agent peut plus que vous, ou travaille pour des marques qui ne sont pas les vôtres.")
            }
            let before = agent
            agent.name = name.required(agent.name)
            agent.publicName = publicName.required(agent.publicName)
            agent.email = email.applied(to: agent.email)
            if let role { agent.role = try roleToGive(unit, role, by: call.me) }
            agent.languages = languages ?? agent.languages
            agent.capacity = capacity ?? agent.capacity
            agent.skills = skills.map(Teams.normalised) ?? agent.skills
            if let teams { try setTeams(unit, agent: id, to: try Teams.toGive(unit, teams, old: agent.teams, call)) }
            if let active {
                agent.isActive = active
                if !active { agent.availability = .offline }
            }
            if changesBrands { agent.brands = try brandsToGive(unit, brands, old: agent.brands, by: call.me) }
            if agent.role == .owner { agent.brands = nil }
            if let inboxes { try checkInboxes(unit, inboxes, by: call.me) }
            if inboxes != nil || changesBrands {
                // Memberships that the caller does not know of stay, and those in a brand that he takes away go.
                let kept = agent.inboxes.filter { inbox in agent.brandOfInbox[inbox].map { brand in (inboxes == nil || !call.me.knows(brand: brand)) && agent.brands?.contains(brand) ?? true } ?? false }
                try setInboxes(unit, agent: id, to: (inboxes ?? []) + kept, brands: agent.brands)
                try unit.tell(.settingsUpdated, ref: "inboxes")
            }
            agent = try save(unit, agent)
            if before.role != agent.role || before.brands != agent.brands || before.inboxes != agent.inboxes || before.isActive != agent.isActive { try loseSight(unit, id) }
            if publicName.isChange { try Conversations.renamed(unit, agent) }
            if let availability { agent = try want(unit, id, availability) }
            try Dispatch.settle(unit)
            return (try load(unit.tx, id) ?? agent).json(for: call.me)
        })
    }

    private static func mayPaint(_ me: Agent, _ agent: Agent?) throws(DeskError) {
        guard let agent, me.knows(agent) else { throw .notFound }
        guard agent.id == me.id || me.mayManage(agent) else { throw .forbidden }
    }
    private static func putPicture(_ call: DeskCall, _ id: String) async throws -> Response {
        let type = try Pictures.check(call.request.body)
        try mayPaint(call.me, try await call.read({ try load($0.tx, id) }))
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
            try mayPaint(call.me, agent)
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
