import MatrixCore
import ServerKit
import Store

/// Canned replies: a team's, or an agent's own.
struct Canned: Sendable, Hashable {
    enum Scope: String, Sendable, CaseIterable { case personal, team }
    var id: String, shortcut: String, title: String, language: String?, scope: Scope, owner: String?, body: String, updatedAt: Int64
    /// Of a team's reply: nil for every brand.
    var brand: String?

    var json: JSON {
        ["id": .string(id), "shortcut": .string(shortcut), "title": .string(title), "language": .of(language), "scope": .string(scope.rawValue),
         "owner": .of(owner), "brand_id": .of(brand), "body": .string(body), "updated_at": .int(updatedAt)]
    }
}

enum CannedReplies {
    static let longest = 4000

    static func add(_ unit: Unit, shortcut: String, title: String, language: String?, scope: Canned.Scope, owner: String?, brand: String? = nil, body: String) throws -> Canned {
        let it = Canned(id: unit.newID("ca"), shortcut: shortcut, title: title, language: language, scope: scope, owner: owner, body: body, updatedAt: unit.now, brand: brand)
        try unit.tx.run("INSERT INTO desk_canned(id, shortcut, title, language, scope, owner_id, body, updated_at, brand_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        it.id, it.shortcut, it.title, it.language, it.scope.rawValue, it.owner, it.body, it.updatedAt, it.brand)
        try unit.tell(.settingsUpdated, ref: "canned")
        return it
    }
    private static let columns = "id, shortcut, title, language, scope, owner_id, body, updated_at, brand_id"
    private static func canned(_ row: Row) -> Canned {
        Canned(id: row.text(0), shortcut: row.text(1), title: row.text(2), language: row.textOrNil(3), scope: Canned.Scope(rawValue: row.text(4)) ?? .personal,
               owner: row.textOrNil(5), body: row.text(6), updatedAt: row.int(7), brand: row.textOrNil(8))
    }
    /// The team's and one's own; others' personal ones do not exist for anyone else.
    private static func load(_ tx: ReadTx, _ id: String, for agent: Agent) throws -> Canned {
        guard let it = try tx.first("SELECT \(columns) FROM desk_canned WHERE id = ?", id, row: canned), isHis(it, agent) else { throw DeskError.notFound }
        return it
    }
    private static func isHis(_ it: Canned, _ agent: Agent) -> Bool { it.scope == .team ? it.brand.map(agent.knows(brand:)) ?? true : it.owner == agent.id }
    /// A reply of every brand is written by those who are limited to none.
    private static func brandToGive(_ unit: Unit, _ brand: String?, _ scope: Canned.Scope, _ agent: Agent) throws -> String? {
        guard scope == .team else { return nil }
        guard let brand else {
            if let only = agent.brands?.first, agent.brands?.count == 1 { return only }
            try agent.checkUnlimited()
            return nil
        }
        guard agent.knows(brand: brand), try Brands.load(unit.tx, brand) != nil else { throw DeskError.invalid("brand_id", en: "There is no such brand.", fr: "Cette marque n’existe pas.") }
        return brand
    }
    private static func mayChange(_ it: Canned, _ agent: Agent) throws(DeskError) {
        try mayWrite(it.scope, agent)
        if it.scope == .team, it.brand == nil { try agent.checkUnlimited() }
    }
    private static func mayWrite(_ scope: Canned.Scope, _ agent: Agent) throws(DeskError) {
        guard scope == .personal || agent.role.may(.cannedTeam) else {
            throw DeskError(.forbidden, en: "Canned replies of the team are written by supervisors.", fr: "Les réponses types de l’équipe sont écrites par les superviseurs.")
        }
    }
    /// Known of every conversation; the others want something to say instead where nobody looks before it is sent.
    private static let alwaysThere: Set<CannedTemplate.Variable> = [.brandName, .conversationNumber]
    static func check(template: String?, _ fields: inout Fields, key: String = "body", needsFallback: Bool = false) {
        guard let template else { return }
        do throws(CannedTemplate.Refusal) {
            for case .variable(let variable, nil) in try CannedTemplate(template).parts where needsFallback && !alwaysThere.contains(variable) {
                let name = variable.rawValue
                fields.refuse(key, en: "Say what stands there when “\(name)” is not known: {{\(name)|…}}.", fr: "Indiquez ce qui s’affiche quand « \(name) » n’est pas connu : {{\(name)|…}}.")
                return
            }
        } catch {
            switch error {
            case .unknownVariable(let name):
                let all = CannedTemplate.Variable.allCases.map(\.rawValue).joined(separator: ", ")
                fields.refuse(key, en: "There is no variable “\(name)”. There are: \(all).", fr: "La variable « \(name) » n’existe pas. Variables possibles : \(all).")
            case .unclosed: fields.refuse(key, en: "A variable is opened with {{ but not closed with }}.", fr: "Une variable est ouverte par {{ mais pas fermée par }}.")
            }
        }
    }

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/canned", .cannedUse) { call in
            let q = try call.text(query: "q").map { Fields.trimmed(Words.folded($0)) }, language = try call.text(query: "language")
            return .json(["items": .array(try await call.read { reader in
                try reader.tx.all("SELECT \(columns) FROM desk_canned WHERE scope = 'team' OR owner_id = ? ORDER BY shortcut, id LIMIT 2000", call.me.id, row: canned)
                    .filter { it in
                        isHis(it, call.me) && (language == nil || it.language == nil || it.language == language) && (q.map { Words.folded(it.shortcut + " " + it.title + " " + it.body).contains($0) } ?? true)
                    }.map(\.json)
            })])
        },
        DeskRoute(.post, "/canned", .cannedUse) { call in
            var fields = try call.fields()
            let shortcut = fields.text("shortcut", max: 40, required: true), title = fields.text("title", max: 120), language = fields.language("language")
            let scope: Canned.Scope = fields.choice("scope") ?? .personal, brand = fields.text("brand_id", max: 40), body = fields.text("body", max: longest, required: true, lines: true)
            check(template: body, &fields)
            try fields.check()
            try mayWrite(scope, call.me)
            let name = try Fields.must(shortcut, "shortcut"), text = try Fields.must(body, "body")
            return .json(try await call.write { unit in
                if scope == .team { try Audit.add(unit, by: call.me, "canned.create", target: "", name: name) }
                return try add(unit, shortcut: name, title: title ?? name, language: language, scope: scope, owner: scope == .personal ? call.me.id : nil, brand: try brandToGive(unit, brand, scope, call.me), body: text).json
            }, status: 201)
        },
        DeskRoute(.patch, "/canned/{id}", .cannedUse) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let shortcut = fields.requiredChange("shortcut", max: 40), title = fields.requiredChange("title", max: 120), body = fields.text("body", max: longest, required: fields.has("body"), lines: true)
            let language: Fields.Change<String> = fields.has("language") ? .set(fields.language("language")) : .keep, scope: Canned.Scope? = fields.choice("scope")
            let brand = fields.text("brand_id", max: 40), changesBrand = fields.has("brand_id")
            check(template: body, &fields)
            try fields.check()
            return .json(try await call.write { unit in
                var it = try load(unit.tx, id, for: call.me)
                try mayChange(it, call.me)
                if let scope { try mayWrite(scope, call.me) }
                if changesBrand || scope == .team && it.scope != .team { it.brand = try brandToGive(unit, brand, scope ?? it.scope, call.me) }
                it.shortcut = shortcut.required(it.shortcut)
                it.title = title.required(it.title)
                it.language = language.applied(to: it.language)
                it.body = body ?? it.body
                it.scope = scope ?? it.scope
                it.owner = it.scope == .personal ? it.owner ?? call.me.id : nil
                if it.scope == .personal { it.brand = nil }
                it.updatedAt = unit.now
                if it.scope == .team { try Audit.add(unit, by: call.me, "canned.update", target: id, name: it.shortcut) }
                try unit.tx.run("UPDATE desk_canned SET shortcut = ?, title = ?, language = ?, scope = ?, owner_id = ?, body = ?, updated_at = ?, brand_id = ? WHERE id = ?",
                                it.shortcut, it.title, it.language, it.scope.rawValue, it.owner, it.body, it.updatedAt, it.brand, it.id)
                try unit.tell(.settingsUpdated, ref: "canned")
                return it.json
            })
        },
        DeskRoute(.delete, "/canned/{id}", .cannedUse) { call in
            let id = try call.param("id")
            try await call.write { unit in
                let it = try load(unit.tx, id, for: call.me)
                try mayChange(it, call.me)
                if it.scope == .team { try Audit.add(unit, by: call.me, "canned.delete", target: id, name: it.shortcut) }
                try unit.tx.run("DELETE FROM desk_canned WHERE id = ?", id)
                try unit.tell(.settingsUpdated, ref: "canned")
            }
            return .noContent
        },
        DeskRoute(.post, "/canned/preview", .cannedUse) { call in
            var fields = try call.fields()
            let id = fields.text("id", max: 40), body = fields.text("body", max: longest, required: id == nil, lines: true), conversation = fields.text("conversation", max: 40)
            check(template: body, &fields)
            try fields.check()
            return .json(try await call.read { reader in
                let source = if let body { body } else { try load(reader.tx, try Fields.must(id, "id"), for: call.me).body }
                let (text, missing) = try CannedTemplate(source).render(try values(reader, conversation: conversation))
                return ["text": .string(text), "missing": .of(missing.map(\.rawValue))]
            })
        },
    ]

    static func values(_ reader: Reader, conversation: String?) throws -> [CannedTemplate.Variable: String] {
        var values: [CannedTemplate.Variable: String] = [.agentName: reader.viewer.publicName]
        guard let conversation else { return values }
        let it = try reader.visible(conversation)
        values[.conversationNumber] = String(it.number)
        values[.brandName] = try Brands.load(reader.tx, it.brandID)?.name
        let contact = try Contacts.load(reader.tx, it.contactID)
        values[.contactName] = contact?.name
        values[.contactFirstName] = CannedTemplate.firstName(contact?.name)
        values[.contactEmail] = contact?.email
        return values
    }
}
