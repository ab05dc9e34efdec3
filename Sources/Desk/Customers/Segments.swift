import MatrixCore
import ServerKit
import Store

/// Saved filters of customers: one's own, or the team's. As views do for conversations.
///
/// Invariants: a segment shows nobody whom he may not see otherwise; others' personal ones do not exist for anyone.
struct Segment: Sendable, Hashable {
    var id: String, name: String, scope: SavedView.Scope, owner: String?, filter: ContactFilter, updatedAt: Int64

    var json: JSON {
        ["id": .string(id), "name": .string(name), "scope": .string(scope.rawValue), "owner": .of(owner), "filter": .object(filter.json), "updated_at": .int(updatedAt)]
    }
}

enum Segments {
    static let most = 100
    static let countedUpTo: Int64 = 10_000

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/segments", .contactsRead) { call in
            .json(["items": .array(try await call.read { try all($0.tx, for: call.me).map(\.json) })])
        },
        DeskRoute(.post, "/segments", .contactsRead) { call in
            var fields = try call.fields()
            let name = fields.text("name", max: 60, required: true), scope: SavedView.Scope = fields.choice("scope") ?? .personal, filter = ContactFilter.of(&fields) ?? ContactFilter()
            try fields.check()
            try mayWrite(scope, filter, call.me)
            let title = try Fields.must(name, "name")
            return .json(try await call.write { unit in
                guard try all(unit.tx, for: call.me).count < most else {
                    throw DeskError(.invalid, en: "There are \(most) segments already: delete one first.", fr: "Il y a déjà \(most) segments : supprimez-en un d’abord.")
                }
                let it = Segment(id: unit.newID("sg"), name: title, scope: scope, owner: scope == .personal ? call.me.id : nil, filter: filter, updatedAt: unit.now)
                try unit.tx.run("INSERT INTO desk_segment(id, name, scope, owner_id, filter, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
                                it.id, it.name, it.scope.rawValue, it.owner, it.filter.json.columnText, it.updatedAt)
                try unit.tell(.settingsUpdated, ref: "segments")
                return it.json
            }, status: 201)
        },
        DeskRoute(.patch, "/segments/{id}", .contactsRead) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let name = fields.requiredChange("name", max: 60), scope: SavedView.Scope? = fields.choice("scope"), filter = ContactFilter.of(&fields)
            try fields.check()
            return .json(try await call.write { unit in
                var it = try load(unit.tx, id, for: call.me)
                try mayWrite(it.scope, it.filter, call.me)
                try mayWrite(scope ?? it.scope, filter ?? it.filter, call.me)
                it.name = name.required(it.name)
                it.scope = scope ?? it.scope
                it.owner = it.scope == .personal ? it.owner ?? call.me.id : nil
                it.filter = filter ?? it.filter
                it.updatedAt = unit.now
                try unit.tx.run("UPDATE desk_segment SET name = ?, scope = ?, owner_id = ?, filter = ?, updated_at = ? WHERE id = ?",
                                it.name, it.scope.rawValue, it.owner, it.filter.json.columnText, it.updatedAt, it.id)
                try unit.tell(.settingsUpdated, ref: "segments")
                return it.json
            })
        },
        DeskRoute(.delete, "/segments/{id}", .contactsRead) { call in
            let id = try call.param("id")
            try await call.write { unit in
                let it = try load(unit.tx, id, for: call.me)
                try mayWrite(it.scope, it.filter, call.me)
                try unit.tx.run("DELETE FROM desk_segment WHERE id = ?", id)
                try unit.tell(.settingsUpdated, ref: "segments")
            }
            return .noContent
        },
        // Who fits, and how many: of a filter that is still being put together, or of a segment.
        DeskRoute(.post, "/contacts/find", .contactsRead, limit: .search) { call in
            var fields = try call.fields()
            let wanted = ContactFilter.of(&fields) ?? ContactFilter(), limit = fields.int("limit", 1...100) ?? 30, text = fields.text("cursor", max: 60), counts = fields.bool("count") ?? false
            let cursor = text.flatMap(Cursor.init)
            if !fields.has("filter") { fields.refuse("filter", en: "This field is required.", fr: "Ce champ est obligatoire.") }
            if text != nil, cursor == nil { fields.refuse("cursor", en: "cursor is not one that this server gave.", fr: "cursor ne provient pas de ce serveur.") }
            try fields.check()
            return try await call.read { reader in
                let (items, next) = try Contacts.found(reader, wanted, cursor: cursor, limit: Int(limit))
                return .json(["items": .array(items), "next_cursor": .of(next), "count": .of(counts ? try Contacts.count(reader, wanted) : nil)])
            }
        },
    ]

    private static func mayWrite(_ scope: SavedView.Scope, _ filter: ContactFilter, _ agent: Agent) throws(DeskError) {
        guard scope == .team else { return }
        guard agent.role.may(.viewsTeam) else {
            throw DeskError(.forbidden, en: "Segments of the team are made by supervisors.", fr: "Les segments de l’équipe sont faits par les superviseurs.")
        }
        if filter.brands.isEmpty { try agent.checkUnlimited() }
        if let far = filter.brands.first(where: { !agent.knows(brand: $0) }) {
            throw .invalid("filter.brands", en: "There is no brand “\(far)”.", fr: "Il n’y a pas de marque « \(far) ».")
        }
    }

    // MARK: SQL

    private static let columns = "id, name, scope, owner_id, filter, updated_at"
    private static func segment(_ row: Row) -> Segment {
        Segment(id: row.text(0), name: row.text(1), scope: SavedView.Scope(rawValue: row.text(2)) ?? .personal, owner: row.textOrNil(3), filter: ContactFilter(column: row.text(4)), updatedAt: row.int(5))
    }
    /// The team's first, each by name. One that names another's brand does not exist.
    static func all(_ tx: ReadTx, for agent: Agent) throws -> [Segment] {
        try tx.all("SELECT \(columns) FROM desk_segment WHERE scope = 'team' OR owner_id = ? ORDER BY scope DESC, name, id LIMIT 500", agent.id, row: segment).filter { isKnown($0, agent) }
    }
    private static func isKnown(_ it: Segment, _ agent: Agent) -> Bool {
        it.scope == .personal ? it.owner == agent.id : it.filter.brands.allSatisfy(agent.knows(brand:))
    }
    static func load(_ tx: ReadTx, _ id: String, for agent: Agent) throws -> Segment {
        guard let it = try tx.first("SELECT \(columns) FROM desk_segment WHERE id = ?", id, row: segment), isKnown(it, agent) else { throw DeskError.notFound }
        return it
    }
}
