import MatrixCore
import ServerKit
import Store

/// Roles that were made here, beside the four that are built in. A role is a set of permissions.
///
/// Invariants: nobody makes or changes a role that may more than himself; a role that somebody has is not deleted; whoever loses sight of a
/// conversation by a change is out of its room in the same transaction.
enum Roles {
    static let most = 100

    static func load(_ tx: ReadTx, _ id: String) throws -> Role? {
        if let role = Role.builtIn.first(where: { $0.rawValue == id }) { return role }
        return try tx.first("SELECT id, name, permissions FROM desk_role WHERE id = ?", id, row: role)
    }
    static func all(_ tx: ReadTx) throws -> [Role] {
        Role.builtIn + (try tx.all("SELECT id, name, permissions FROM desk_role ORDER BY created_at, id", row: role))
    }
    private static func role(_ row: Row) -> Role { role(id: row.text(0), name: row.text(1), row.text(2)) }
    /// Permissions that this version does not know are left out.
    static func role(id: String, name: String, _ column: String) -> Role { Role(id, name: name, Set(TextList.decode(column).compactMap(Permission.init(rawValue:)))) }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/roles", .agentsRead) { call in
            .json(try await call.read { reader in
                let agents = try Agents.all(reader.tx).filter { call.me.knows($0) }
                return ["items": .array(try all(reader.tx).map { json($0, agents, call.language) }), "permissions": .array(Permission.allCases.map { $0.json(call.language) })]
            })
        },
        DeskRoute(.post, "/roles", .rolesManage) { call in
            let input = try Input(call, isNew: true)
            try call.me.checkUnlimited()
            return .json(try await call.write { unit in
                guard try unit.tx.first("SELECT COUNT(*) FROM desk_role", row: { $0.int(0) }) ?? 0 < most else {
                    throw DeskError(.conflict, en: "There are at most \(most) roles.", fr: "Il y a au plus \(most) rôles.")
                }
                let role = try input.role(unit, id: unit.newID("ro"), old: nil, by: call.me)
                try unit.tx.run("INSERT INTO desk_role(id, name, permissions, created_at) VALUES (?, ?, ?, ?)", role.rawValue, role.name, column(role), unit.now)
                try unit.tell(.settingsUpdated, ref: "roles")
                return json(role, [], call.language)
            }, status: 201)
        },
        DeskRoute(.patch, "/roles/{id}", .rolesManage) { call in
            let id = try call.param("id"), input = try Input(call, isNew: false)
            try call.me.checkUnlimited()
            return .json(try await call.write { unit in
                let old = try own(unit.tx, id)
                let role = try input.role(unit, id: id, old: old, by: call.me)
                try unit.tx.run("UPDATE desk_role SET name = ?, permissions = ? WHERE id = ?", role.name, column(role), id)
                try unit.tell(.settingsUpdated, ref: "roles")
                for agent in try Agents.all(unit.tx) where agent.role.rawValue == id {
                    try Agents.changed(unit, agent.id)
                    if !old.permissions.isSubset(of: role.permissions) { try Agents.loseSight(unit, agent.id) }
                }
                try Dispatch.settle(unit)
                return json(role, try Agents.all(unit.tx), call.language)
            })
        },
        DeskRoute(.delete, "/roles/{id}", .rolesManage) { call in
            let id = try call.param("id")
            try call.me.checkUnlimited()
            try await call.write { unit in
                let role = try own(unit.tx, id)
                guard call.me.mayGive(role) else { throw DeskError.forbidden }
                guard try !unit.tx.exists("SELECT 1 FROM desk_agent WHERE role_id = ?", id) else {
                    throw DeskError(.conflict, en: "Somebody still has this role.", fr: "Quelqu’un a encore ce rôle.")
                }
                try unit.tx.run("DELETE FROM desk_role WHERE id = ?", id)
                try unit.tell(.settingsUpdated, ref: "roles")
            }
            return .noContent
        },
    ]

    /// One that was made here.
    private static func own(_ tx: ReadTx, _ id: String) throws -> Role {
        guard let role = try load(tx, id) else { throw DeskError.notFound }
        guard role.name != nil else { throw DeskError(.conflict, en: "Built-in roles cannot be changed.", fr: "Les rôles intégrés ne se modifient pas.") }
        return role
    }
    private static func column(_ role: Role) -> String { TextList.encode(role.permissions.map(\.rawValue).sorted()) }
    private static func json(_ role: Role, _ agents: [Agent], _ language: String) -> JSON {
        ["id": .string(role.rawValue), "name": .string(role.shownName(language)), "built_in": .bool(role.name == nil), "permissions": .of(role.permissions.map(\.rawValue).sorted()),
         "agents": .int(Int64(agents.count { $0.role.rawValue == role.rawValue }))]
    }

    private struct Input: Sendable {
        let name: Fields.Change<String>, permissions: Set<Permission>?

        init(_ call: DeskCall, isNew: Bool) throws {
            var fields = try call.fields()
            name = isNew ? .set(fields.text("name", max: 80, required: true)) : fields.requiredChange("name", max: 80)
            var wanted: Set<Permission>?
            if let list = fields.strings("permissions", max: 200, each: 60, required: isNew) {
                wanted = []
                for entry in list {
                    guard let permission = Permission(rawValue: entry) else {
                        fields.refuse("permissions", en: "There is no permission “\(entry)”.", fr: "La permission « \(entry) » n’existe pas.")
                        break
                    }
                    wanted?.insert(permission)
                }
            }
            permissions = wanted
            try fields.check()
        }
        func role(_ unit: Unit, id: String, old: Role?, by me: Agent) throws -> Role {
            let role = Role(id, name: name.required(old?.name ?? ""), permissions ?? old?.permissions ?? [])
            guard me.mayGive(role), old.map(me.mayGive) ?? true else {
                throw DeskError(.forbidden, en: "A role that you make may not more than you.", fr: "Un rôle que vous créez ne peut pas plus que vous.")
            }
            let isTaken = try Roles.all(unit.tx).contains { other in
                other.rawValue != id && ["en", "fr"].contains { Words.folded(other.shownName($0)) == Words.folded(role.name ?? "") }
            }
            if isTaken { throw DeskError.invalid("name", en: "Another role has this name.", fr: "Un autre rôle porte ce nom.") }
            return role
        }
    }
}

extension Role {
    func shownName(_ language: String) -> String { name ?? Self.names[rawValue]?.text(language) ?? rawValue }
    private static let names = [
        "owner": Phrase(en: "Owner", fr: "Propriétaire"), "admin": Phrase(en: "Administrator", fr: "Administrateur"),
        "supervisor": Phrase(en: "Supervisor", fr: "Superviseur"), "agent": Phrase(en: "Agent", fr: "Conseiller"),
    ]
}

extension Permission {
    func json(_ language: String) -> JSON {
        ["id": .string(rawValue), "name": .string(phrase.text(language)), "implies": .of(Permission.whole([self]).subtracting(Permission.whole([])).subtracting([self]).map(\.rawValue).sorted()),
         "always": .bool(Permission.whole([]).contains(self))]
    }
    private var phrase: Phrase {
        switch self {
        case .deskUse: Phrase(en: "Sign in to the desk", fr: "Se connecter au comptoir")
        case .conversationsRead: Phrase(en: "Read the conversations of own inboxes", fr: "Lire les conversations de ses boîtes")
        case .conversationsWrite: Phrase(en: "Answer, note, tag and resolve", fr: "Répondre, annoter, étiqueter et résoudre")
        case .conversationsAll: Phrase(en: "See the conversations of every inbox", fr: "Voir les conversations de toutes les boîtes")
        case .conversationsAssign: Phrase(en: "Give conversations to anyone, also those of colleagues", fr: "Confier les conversations à tous, même celles des collègues")
        case .contactsRead: Phrase(en: "See customers", fr: "Voir les clients")
        case .contactsWrite: Phrase(en: "Change customers", fr: "Modifier les clients")
        case .contactsExport: Phrase(en: "Export a customer’s data", fr: "Exporter les données d’un client")
        case .contactsMerge: Phrase(en: "Merge customers", fr: "Fusionner des clients")
        case .agentsRead: Phrase(en: "See colleagues", fr: "Voir les collègues")
        case .agentsAvailability: Phrase(en: "Change who is available", fr: "Changer la disponibilité des conseillers")
        case .agentsManage: Phrase(en: "Make, change and switch off agents", fr: "Créer, modifier et désactiver les conseillers")
        case .settingsRead: Phrase(en: "See brands and inboxes", fr: "Voir les marques et les boîtes")
        case .settingsManage: Phrase(en: "Change brands and inboxes", fr: "Modifier les marques et les boîtes")
        case .cannedUse: Phrase(en: "Use canned replies and write own ones", fr: "Utiliser les réponses types et écrire les siennes")
        case .cannedTeam: Phrase(en: "Write the team’s canned replies", fr: "Écrire les réponses types de l’équipe")
        case .viewsTeam: Phrase(en: "Make views for the team", fr: "Créer des vues pour l’équipe")
        case .tagsManage: Phrase(en: "Create, colour and delete tags", fr: "Créer, colorer et supprimer des étiquettes")
        case .notesModerate: Phrase(en: "Delete the notes of others", fr: "Supprimer les notes des autres")
        case .rolesManage: Phrase(en: "Make and change roles", fr: "Créer et modifier les rôles")
        case .tokensManage: Phrase(en: "Make and revoke API tokens", fr: "Créer et révoquer des jetons d’API")
        case .auditRead: Phrase(en: "Read the audit log", fr: "Lire le journal d’audit")
        case .macrosTeam: Phrase(en: "Write macros of teams and of everybody", fr: "Écrire les macros des équipes et de tout le monde")
        case .rulesManage: Phrase(en: "Manage automation rules", fr: "Gérer les règles d’automatisation")
        case .webhooksManage: Phrase(en: "Manage webhooks", fr: "Gérer les webhooks")
        case .reportsRead: Phrase(en: "See reports and the wallboard", fr: "Voir les rapports et le tableau de bord")
        }
    }
}
