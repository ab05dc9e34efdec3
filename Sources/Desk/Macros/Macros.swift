import MatrixCore
import ServerKit
import Store

/// Several things at once under one name: an agent's own, a team's, or everybody's.
///
/// Invariants: a macro does nothing that whoever runs it may not do by hand; run under a key it is carried out once for each conversation; others' personal ones do
/// not exist for anyone, and one that names people or teams is for those who know them.
struct Macro: Sendable, Hashable {
    enum Scope: String, Sendable, CaseIterable { case personal, team, all }
    var id: String, name: String, scope: Scope, owner: String?, team: String?
    /// Of everybody's: nil for every brand.
    var brand: String?
    var deeds: Deeds
    var updatedAt: Int64

    var json: JSON {
        ["id": .string(id), "name": .string(name), "scope": .string(scope.rawValue), "owner": .of(owner), "team_id": .of(team), "brand_id": .of(brand), "deeds": .object(deeds.json), "updated_at": .int(updatedAt)]
    }
}

enum Macros {
    static let most = 500

    /// Older binaries run on it: they have no macros.
    static let migrations: [Migration] = [
        Migration(100, "desk macros", """
        CREATE TABLE desk_macro(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, scope TEXT NOT NULL, owner_id TEXT, team_id TEXT, brand_id TEXT, deeds TEXT NOT NULL, updated_at INTEGER NOT NULL,
          CHECK (scope IN ('personal', 'team', 'all')));
        CREATE INDEX desk_macro_owner ON desk_macro(scope, owner_id)
        """),
    ]

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/macros", .conversationsWrite) { call in
            .json(["items": .array(try await call.read { try known($0).map(\.json) })])
        },
        DeskRoute(.post, "/macros", .conversationsWrite) { call in
            let input = try Input(call, isNew: true)
            return .json(try await call.write { unit in
                guard try unit.tx.first("SELECT COUNT(*) FROM desk_macro WHERE scope <> 'personal' OR owner_id = ?", call.me.id, row: { $0.int(0) }) ?? 0 < most else {
                    throw DeskError(.conflict, en: "There are \(most) macros already: delete one first.", fr: "Il y a déjà \(most) macros : supprimez-en une d’abord.")
                }
                let made = try input.applied(unit, to: Macro(id: unit.newID("mc"), name: "", scope: .personal, owner: call.me.id, team: nil, brand: nil, deeds: Deeds(), updatedAt: unit.now), call)
                try unit.tx.run("INSERT INTO desk_macro(name, scope, owner_id, team_id, brand_id, deeds, updated_at, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", array: values(made))
                try told(unit, call, made, "macros.create")
                return made.json
            }, status: 201)
        },
        DeskRoute(.patch, "/macros/{id}", .conversationsWrite) { call in
            let id = try call.param("id"), input = try Input(call, isNew: false)
            return .json(try await call.write { unit in
                let old = try his(call.reader(unit), id)
                try mayWrite(old.scope, brand: old.brand, call.me)
                let changed = try input.applied(unit, to: old, call)
                try unit.tx.run("UPDATE desk_macro SET name = ?, scope = ?, owner_id = ?, team_id = ?, brand_id = ?, deeds = ?, updated_at = ? WHERE id = ?", array: values(changed))
                try told(unit, call, changed, "macros.update")
                return changed.json
            })
        },
        DeskRoute(.delete, "/macros/{id}", .conversationsWrite) { call in
            let id = try call.param("id")
            try await call.write { unit in
                let old = try his(call.reader(unit), id)
                try mayWrite(old.scope, brand: old.brand, call.me)
                try unit.tx.run("DELETE FROM desk_macro WHERE id = ?", id)
                try told(unit, call, old, "macros.delete")
            }
            return .noContent
        },
        DeskRoute(.post, "/macros/{id}/run", .conversationsWrite, limit: .message) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let ids = fields.strings("ids", max: Bulk.most, each: 40, required: true) ?? [], key = fields.key("key")
            if ids.isEmpty, fields.errors.isEmpty { fields.refuse("ids", en: "Name at least one conversation.", fr: "Indiquez au moins une conversation.") }
            try fields.check()
            let run = try Fields.must(key, "key"), macro = try await call.read { try his($0, id) }
            return .json(try await Bulk.change(call, ids, canUndo: macro.deeds.reply == nil) { unit, reader, it in
                // Asked for again because the answer was lost: what was done is not done twice.
                let owner = "x:" + call.me.id + ":" + it.id
                if try Idempotency.answer(unit.tx, owner: owner, key: run, digest: macro.id) != nil { return }
                _ = try macro.deeds.apply(unit, it, by: call.me, key: "m-" + run) { try CannedReplies.values(reader, conversation: it.id) }
                try Idempotency.keep(unit, owner: owner, key: run, digest: macro.id, answer: [:])
            })
        },
    ]

    // MARK: whose

    private static func known(_ reader: Reader) throws -> [Macro] {
        try known(reader, try reader.tx.all("SELECT \(columns) FROM desk_macro WHERE scope <> 'personal' OR owner_id = ? ORDER BY name, id", reader.viewer.id, row: macro))
    }
    private static func known(_ reader: Reader, _ macros: [Macro]) throws -> [Macro] {
        let me = reader.viewer
        let some = macros.filter { it in
            switch it.scope {
            case .personal: it.owner == me.id
            case .team: it.team.map(me.teams.contains) ?? false || me.role.may(.macrosTeam)
            case .all: it.brand.map(me.knows(brand:)) ?? true
            }
        }
        guard me.knownBrands != nil, some.contains(where: { $0.scope != .personal && ($0.team ?? $0.deeds.team.id != nil || !$0.deeds.people.isEmpty) }) else { return some }
        let people = Set(try Agents.all(reader.tx).filter { me.knows($0) }.map(\.id)), teams = Set(try Teams.known(reader).compactMap { $0["id"]?.stringValue })
        return some.filter { it in it.scope == .personal || [it.team, it.deeds.team.id].compactMap(\.self).allSatisfy(teams.contains) && it.deeds.people.allSatisfy(people.contains) }
    }
    private static func his(_ reader: Reader, _ id: String) throws -> Macro {
        guard let found = try reader.tx.first("SELECT \(columns) FROM desk_macro WHERE id = ?", id, row: macro), try known(reader, [found]).count == 1 else { throw DeskError.notFound }
        return found
    }
    private static func mayWrite(_ scope: Macro.Scope, brand: String?, _ me: Agent) throws(DeskError) {
        guard scope != .personal else { return }
        guard me.role.may(.macrosTeam) else {
            throw DeskError(.forbidden, en: "Macros of teams and of everybody are made by supervisors.", fr: "Les macros des équipes et de tout le monde sont faites par les superviseurs.")
        }
        if scope == .all, brand == nil { try me.checkUnlimited() }
    }
    private static func told(_ unit: Unit, _ call: DeskCall, _ it: Macro, _ action: String) throws {
        if it.scope != .personal { try Audit.add(unit, by: call.me, action, target: it.id, name: it.name) }
        try unit.tell(.settingsUpdated, ref: "macros")
    }

    private struct Input: Sendable {
        let name: Fields.Change<String>, scope: Macro.Scope?, team: Fields.Change<String>, brand: Fields.Change<String>, deeds: Deeds?

        init(_ call: DeskCall, isNew: Bool) throws {
            var fields = try call.fields()
            name = isNew ? .set(fields.text("name", max: 80, required: true)) : fields.requiredChange("name", max: 80)
            scope = fields.choice("scope")
            (team, brand) = (fields.change("team_id", max: 40), fields.change("brand_id", max: 40))
            if let object = fields.object("deeds") {
                var inner = Fields(object, prefix: "deeds.")
                let wanted = Deeds(steps: &inner, needsFallback: false)
                if wanted.isEmpty, inner.errors.isEmpty { fields.refuse("deeds", en: "Say what to do.", fr: "Indiquez ce qu’il faut faire.") }
                fields.take(errorsOf: inner)
                deeds = wanted
            } else {
                deeds = nil
                if isNew, fields.errors.isEmpty { fields.refuse("deeds", en: "Say what to do.", fr: "Indiquez ce qu’il faut faire.") }
            }
            try fields.check()
        }
        func applied(_ unit: Unit, to old: Macro, _ call: DeskCall) throws -> Macro {
            let me = call.me
            var it = old
            it.name = name.required(it.name)
            it.scope = scope ?? it.scope
            it.deeds = deeds ?? it.deeds
            it.owner = it.scope == .personal ? it.owner ?? me.id : nil
            it.team = it.scope == .team ? team.applied(to: it.team) : nil
            it.brand = it.scope == .all ? brand.applied(to: it.brand) ?? (me.brands?.count == 1 ? me.brands?.first : nil) : nil
            it.updatedAt = unit.now
            try mayWrite(it.scope, brand: it.brand, me)
            if let brand = it.brand, try !me.knows(brand: brand) || Brands.load(unit.tx, brand) == nil { throw DeskError.invalid("brand_id", en: "There is no such brand.", fr: "Cette marque n’existe pas.") }
            let teams = Set(try Teams.known(call.reader(unit)).compactMap { $0["id"]?.stringValue })
            if it.scope == .team {
                guard let team = it.team else { throw DeskError.invalid("team_id", en: "Say which team.", fr: "Indiquez l’équipe.") }
                guard teams.contains(team) else { throw DeskError.invalid("team_id", en: "There is no such team.", fr: "Cette équipe n’existe pas.") }
            }
            if deeds != nil { try check(unit.tx, it.deeds, teams: teams, by: me) }
            return it
        }
    }
    /// That all whom it names are there, for whoever names them.
    static func check(_ tx: ReadTx, _ deeds: Deeds, teams: Set<String>, by me: Agent) throws {
        for id in deeds.people {
            guard let agent = try Agents.load(tx, id), agent.isActive, !agent.isService, me.knows(agent) else {
                throw DeskError.invalid(deeds.assign.id == id ? "deeds.assign" : "deeds.mentions", en: "There is no agent “\(id)”.", fr: "Il n’y a pas de conseiller « \(id) ».")
            }
        }
        if let team = deeds.team.id, !teams.contains(team) { throw DeskError.invalid("deeds.team", en: "There is no such team.", fr: "Cette équipe n’existe pas.") }
    }

    // MARK: SQL

    private static let columns = "id, name, scope, owner_id, team_id, brand_id, deeds, updated_at"
    private static func macro(_ row: Row) -> Macro {
        Macro(id: row.text(0), name: row.text(1), scope: Macro.Scope(rawValue: row.text(2)) ?? .personal, owner: row.textOrNil(3), team: row.textOrNil(4), brand: row.textOrNil(5),
              deeds: Deeds(column: JSONObject(column: row.text(6))), updatedAt: row.int(7))
    }
    private static func values(_ it: Macro) -> [any Bindable] { [it.name, it.scope.rawValue, it.owner, it.team, it.brand, it.deeds.json.columnText, it.updatedAt, it.id] }
}

extension OpenAPI {
    static let macroOperations: [Operation] = [
        Operation(method: .get, path: "/macros", id: "listMacros", tag: "Macros", summary: "My macros, those of my teams and everybody's.", answer: .json(200, list("Macro"))),
        Operation(method: .post, path: "/macros", id: "createMacro", tag: "Macros", summary: "Make a macro.", body: .json(ref("MacroInput")), answer: .json(201, ref("Macro"))),
        Operation(method: .patch, path: "/macros/{id}", id: "updateMacro", tag: "Macros", summary: "Change a macro; what it does is replaced whole.", body: .json(ref("MacroInput")), answer: .json(200, ref("Macro"))),
        Operation(method: .delete, path: "/macros/{id}", id: "deleteMacro", tag: "Macros", summary: "Delete a macro.", answer: .empty),
        Operation(method: .post, path: "/macros/{id}/run", id: "runMacro", tag: "Macros", summary: "Carry a macro out for one or many conversations; the same key does it once for each. One that replies cannot be undone.",
                  body: .json(object(["ids": ["type": "array", "items": string, "minItems": 1, "maxItems": .int(Int64(Bulk.most))], "key": text(100)], required: ["ids", "key"])), answer: .json(200, ref("BulkResult"))),
    ]
    static let steps: JSONObject = [
        "assign": ["type": ["string", "null"], "description": "An agent's id, `me` (whoever runs it), or null for the queue; absent: stays."],
        "team": ["type": ["string", "null"], "description": "A team's id, or null for none; absent: stays."],
        "status": ["type": ["string", "null"], "enum": .array(ConversationStatus.allCases.map { .string($0.rawValue) } + [.null])], "snooze_minutes": orNull("integer"),
        "priority": ["type": ["string", "null"], "enum": .array(Conversation.Priority.allCases.map { .string($0.rawValue) } + [.null])], "add_tags": strings, "remove_tags": strings,
        "reply": ["type": ["string", "null"], "maxLength": .int(Int64(CannedReplies.longest)), "description": "To the customer, with the variables of canned replies."],
        "note": ["type": ["string", "null"], "maxLength": .int(Int64(CannedReplies.longest)), "description": "For colleagues, with variables."],
        "mentions": ["type": "array", "items": string, "description": "Who is told of the note: agents' ids, `assignee`."],
    ]
    static let macroSchemas: JSONObject = [
        "Steps": object(steps),
        "Macro": whole(["id": string, "name": string, "scope": oneOf(Macro.Scope.self), "owner": orNull("string"), "team_id": orNull("string"), "brand_id": orNull("string"), "deeds": ref("Steps"), "updated_at": time]),
        "MacroInput": object(["name": text(80), "scope": oneOf(Macro.Scope.self), "team_id": orNull("string"), "brand_id": orNull("string"), "deeds": ref("Steps")]),
    ]
}
