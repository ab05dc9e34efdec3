import MatrixCore
import ServerKit
import Store

/// A list of conversations that agents have put together: one's own, or the team's.
///
/// Invariants: a view shows nobody what he may not see otherwise, its filter only takes away; others' personal views do not exist for anyone.
struct SavedView: Sendable, Hashable {
    enum Scope: String, Sendable, CaseIterable { case personal, team }
    var id: String, name: String, scope: Scope, owner: String?, filter: ViewFilter, sort: Conversations.Sort, updatedAt: Int64

    var json: JSON {
        ["id": .string(id), "name": .string(name), "scope": .string(scope.rawValue), "owner": .of(owner), "filter": .object(filter.json), "sort": .string(sort.rawValue),
         "updated_at": .int(updatedAt)]
    }
}

enum Views {
    static let most = 100
    /// More than these nobody counts at a glance.
    static let countedUpTo: Int64 = 1000

    static let migrations: [Migration] = [
        Migration(92, "desk views", """
        CREATE TABLE desk_view(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, scope TEXT NOT NULL, owner_id TEXT, filter TEXT NOT NULL, sort TEXT NOT NULL, updated_at INTEGER NOT NULL,
          CHECK (scope IN ('personal', 'team')), CHECK (sort IN ('waiting', 'newest', 'oldest')));
        CREATE INDEX desk_view_owner ON desk_view(scope, owner_id);
        CREATE TABLE desk_bulk(id TEXT NOT NULL PRIMARY KEY, agent_id TEXT NOT NULL, at INTEGER NOT NULL);
        CREATE INDEX desk_bulk_at ON desk_bulk(at);
        CREATE TABLE desk_bulk_entry(
          bulk_id TEXT NOT NULL REFERENCES desk_bulk(id), conversation_id TEXT NOT NULL, version INTEGER NOT NULL, before TEXT NOT NULL,
          PRIMARY KEY (bulk_id, conversation_id))
        """),
    ]

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/views", .conversationsRead) { call in
            .json(["items": .array(try await call.read { try all($0.tx, for: call.me).map(\.json) })])
        },
        DeskRoute(.get, "/views/counts", .conversationsRead) { call in
            _ = try await call.live.index.catchUp(call.c, steps: 20)
            return .json(["counts": .object(try await call.read { reader in
                var counts: JSONObject = [:]
                for view in try all(reader.tx, for: call.me) { counts[view.id] = .int(try count(reader, view.filter)) }
                return counts
            })])
        },
        DeskRoute(.post, "/views/preview", .conversationsRead) { call in
            var fields = try call.fields()
            let filter = filter(&fields)
            if !fields.has("filter") { fields.refuse("filter", en: "This field is required.", fr: "Ce champ est obligatoire.") }
            try fields.check()
            _ = try await call.live.index.catchUp(call.c, steps: 20)
            return .json(["count": .int(try await call.read { try count($0, filter ?? ViewFilter()) })])
        },
        DeskRoute(.post, "/views", .conversationsRead) { call in
            var fields = try call.fields()
            let name = fields.text("name", max: 60, required: true), scope: SavedView.Scope = fields.choice("scope") ?? .personal
            let filter = filter(&fields) ?? ViewFilter(), sort: Conversations.Sort = fields.choice("sort") ?? .waiting
            try fields.check()
            try mayWrite(scope, filter, call.me)
            let title = try Fields.must(name, "name")
            return .json(try await call.write { unit in
                guard try all(unit.tx, for: call.me).count < most else {
                    throw DeskError(.invalid, en: "There are \(most) views already: delete one first.", fr: "Il y a déjà \(most) vues : supprimez-en une d’abord.")
                }
                let view = SavedView(id: unit.newID("vw"), name: title, scope: scope, owner: scope == .personal ? call.me.id : nil, filter: filter, sort: sort, updatedAt: unit.now)
                try unit.tx.run("INSERT INTO desk_view(id, name, scope, owner_id, filter, sort, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                                view.id, view.name, view.scope.rawValue, view.owner, view.filter.json.columnText, view.sort.rawValue, view.updatedAt)
                try unit.tell(.settingsUpdated, ref: "views")
                return view.json
            }, status: 201)
        },
        DeskRoute(.patch, "/views/{id}", .conversationsRead) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let name = fields.requiredChange("name", max: 60), scope: SavedView.Scope? = fields.choice("scope")
            let filter = filter(&fields), sort: Conversations.Sort? = fields.choice("sort")
            try fields.check()
            return .json(try await call.write { unit in
                var view = try load(unit.tx, id, for: call.me)
                try mayWrite(view.scope, view.filter, call.me)
                try mayWrite(scope ?? view.scope, filter ?? view.filter, call.me)
                view.name = name.required(view.name)
                view.scope = scope ?? view.scope
                view.owner = view.scope == .personal ? view.owner ?? call.me.id : nil
                view.filter = filter ?? view.filter
                view.sort = sort ?? view.sort
                view.updatedAt = unit.now
                try unit.tx.run("UPDATE desk_view SET name = ?, scope = ?, owner_id = ?, filter = ?, sort = ?, updated_at = ? WHERE id = ?",
                                view.name, view.scope.rawValue, view.owner, view.filter.json.columnText, view.sort.rawValue, view.updatedAt, view.id)
                try unit.tell(.settingsUpdated, ref: "views")
                return view.json
            })
        },
        DeskRoute(.delete, "/views/{id}", .conversationsRead) { call in
            let id = try call.param("id")
            try await call.write { unit in
                let view = try load(unit.tx, id, for: call.me)
                try mayWrite(view.scope, view.filter, call.me)
                try unit.tx.run("DELETE FROM desk_view WHERE id = ?", id)
                try unit.tell(.settingsUpdated, ref: "views")
            }
            return .noContent
        },
        DeskRoute(.get, "/views/{id}/conversations", .conversationsRead) { call in
            let id = try call.param("id"), limit = try call.limit(), cursor = try Cursor.of(call)
            _ = try await call.live.index.catchUp(call.c, steps: 20)
            return try await call.read { reader in
                let view = try load(reader.tx, id, for: call.me)
                return try Conversations.page(reader, condition(reader, view.filter), sort: view.sort, cursor: cursor, limit: limit)
            }
        },
    ]

    /// Without inboxes it is every brand's, for those to make who are limited to none.
    private static func mayWrite(_ scope: SavedView.Scope, _ filter: ViewFilter, _ agent: Agent) throws(DeskError) {
        try mayWrite(scope, agent)
        if scope == .team, filter.inboxes.isEmpty { try agent.checkUnlimited() }
        if scope == .team, let far = filter.inboxes.first(where: { !agent.sees(inbox: $0) }) {
            throw .invalid("filter.inboxes", en: "There is no inbox “\(far)”.", fr: "Il n’y a pas de boîte « \(far) ».")
        }
    }
    private static func mayWrite(_ scope: SavedView.Scope, _ agent: Agent) throws(DeskError) {
        guard scope == .personal || agent.role.may(.viewsTeam) else {
            throw DeskError(.forbidden, en: "Views of the team are made by supervisors.", fr: "Les vues de l’équipe sont faites par les superviseurs.")
        }
    }
    /// `filter` of a body; nil when it has none.
    private static func filter(_ fields: inout Fields) -> ViewFilter? {
        guard let object = fields.object("filter") else { return nil }
        var inner = Fields(object, prefix: "filter.")
        let filter = ViewFilter(&inner)
        fields.take(errorsOf: inner)
        return filter
    }
    static func condition(_ reader: Reader, _ filter: ViewFilter) -> Conversations.Filter {
        var whole = Conversations.Filter(visibleTo: reader.viewer)
        filter.add(to: &whole, viewer: reader.viewer, now: reader.c.clock.now)
        return whole
    }
    static func count(_ reader: Reader, _ filter: ViewFilter) throws -> Int64 {
        let whole = condition(reader, filter)
        return try reader.tx.first("SELECT COUNT(*) FROM (SELECT 1 FROM desk_conversation c WHERE \(whole.sql) LIMIT \(countedUpTo)) AS counted", array: whole.binds) { $0.int(0) } ?? 0
    }

    // MARK: SQL

    private static let columns = "id, name, scope, owner_id, filter, sort, updated_at"
    private static func view(_ row: Row) -> SavedView {
        SavedView(id: row.text(0), name: row.text(1), scope: SavedView.Scope(rawValue: row.text(2)) ?? .personal, owner: row.textOrNil(3), filter: ViewFilter(column: row.text(4)),
                  sort: Conversations.Sort(rawValue: row.text(5)) ?? .waiting, updatedAt: row.int(6))
    }
    /// The team's first, each by name.
    static func all(_ tx: ReadTx, for agent: Agent) throws -> [SavedView] {
        try known(tx, try tx.all("SELECT \(columns) FROM desk_view WHERE scope = 'team' OR owner_id = ? ORDER BY scope DESC, name, id LIMIT 500", agent.id, row: view), to: agent)
    }
    /// A team's view that names inboxes or people is for those who know them: its name alone may tell of a brand.
    private static func known(_ tx: ReadTx, _ views: [SavedView], to agent: Agent) throws -> [SavedView] {
        func people(_ view: SavedView) -> [String] { view.filter.assignees.filter { $0 != ViewFilter.me && $0 != ViewFilter.nobody } }
        guard !agent.isUnlimited else { return views }
        let colleagues = try views.contains { $0.scope == .team && !(people($0).isEmpty && $0.filter.teams.isEmpty) } ? Set(Agents.all(tx).filter { agent.knows($0) }.map(\.id)) : []
        // A team is known to whoever knows one of its people.
        let teams = try views.contains { $0.scope == .team && !$0.filter.teams.isEmpty } ? Set(Teams.all(tx).filter { $0.members.contains(where: colleagues.contains) }.map(\.id) + [ViewFilter.nobody]) : []
        return views.filter {
            $0.scope == .personal || $0.filter.inboxes.allSatisfy(agent.sees(inbox:)) && people($0).allSatisfy(colleagues.contains) && $0.filter.teams.allSatisfy(teams.contains)
        }
    }
    static func load(_ tx: ReadTx, _ id: String, for agent: Agent) throws -> SavedView {
        guard let view = try tx.first("SELECT \(columns) FROM desk_view WHERE id = ?", id, row: view), try known(tx, [view], to: agent).count == 1, view.scope == .team || view.owner == agent.id else { throw DeskError.notFound }
        return view
    }
}
