import MatrixCore
import ServerKit
import Store

/// Who changed what at the desk, and who read a conversation that is not his.
///
/// Invariants: an administrative act and its entry are one transaction; every route that changes something under an administrative permission has one,
/// without being told to (`DeskCall.write`); entries are only ever added, and go by age alone (`audit_retention`); secrets are not in them.
enum Audit {
    /// What was done by routes that ask for one of these is kept.
    static let administrative: Set<Permission> = [.agentsAvailability, .agentsManage, .settingsManage, .rolesManage, .tokensManage, .tagsManage, .contactsMerge, .cannedTeam, .viewsTeam, .auditRead, .webhooksManage, .rulesManage]
    /// One entry an hour for the same reader and conversation.
    static let readEvery: Int64 = 3_600_000
    static let exported = 100_000

    /// `/inboxes/{id}/identity-secret` by POST: `inboxes.identity-secret.create`.
    static func action(_ method: Method, _ path: String) -> String {
        let verb = switch method {
        case .post: "create"
        case .delete: "delete"
        case .put: "set"
        default: "update"
        }
        return (path.split(separator: "/").filter { $0.first != "{" }.map(String.init) + [verb]).joined(separator: ".")
    }
    static func add(_ unit: Unit, by agent: Agent, _ action: String, target: String, name: String?, _ data: JSONObject = [:]) throws {
        let token = agent.isService ? try unit.tx.first("SELECT token_id FROM desk_agent WHERE id = ?", agent.id) { $0.textOrNil(0) } ?? nil : nil
        try unit.tx.run("INSERT INTO desk_audit(id, at, actor_id, actor_name, token_id, action, target, target_name, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        unit.tx.nextPosition(), unit.now, agent.id, agent.name, token, action, target, name, data.columnText)
    }
    /// What was sent, without what nobody may read later.
    static func clean(_ object: JSONObject) -> JSONObject {
        var out: JSONObject = [:]
        for (key, value) in object {
            let low = key.lowercased()
            out[key] = ["password", "secret", "token", "authorization"].contains { low.contains($0) } ? "…" : value.objectValue.map { .object(clean($0)) } ?? value
        }
        return out
    }
    private static let names = ["agents": ("desk_agent", "name"), "brands": ("desk_brand", "name"), "inboxes": ("desk_inbox", "name"), "roles": ("desk_role", "name"), "teams": ("desk_team", "name"),
                                "segments": ("desk_segment", "name"), "companies": ("desk_company", "name"), "contacts": ("desk_contact", "name"), "tokens": ("desk_token", "name"), "webhooks": ("desk_webhook", "name"), "macros": ("desk_macro", "name"), "rules": ("desk_rule", "name"), "canned": ("desk_canned", "shortcut"), "views": ("desk_view", "name")]
    /// What a thing is called, before it may be gone.
    static func name(_ tx: ReadTx, _ path: String, _ id: String) throws -> String? {
        guard let first = path.split(separator: "/").first, let (table, column) = names[String(first)] else { return nil }
        return try tx.first("SELECT \(column) FROM \(table) WHERE id = ?", id) { $0.textOrNil(0) } ?? nil
    }

    // MARK: reading others' conversations

    /// Whoever reads a conversation of an inbox that he is not a member of, and that is not given to him.
    static func read(_ call: DeskCall, _ conversation: Conversation) async throws {
        guard call.me.isService || !call.me.inboxes.contains(conversation.inboxID), conversation.assignee != call.me.id,
              call.live.firstLook(call.me.id, conversation.id, now: call.now, every: readEvery) else { return }
        try await call.plainWrite { unit in
            try add(unit, by: call.me, "conversations.read", target: conversation.id, name: "#\(conversation.number)", ["inbox": .string(conversation.inboxID)])
        }
    }

    static func forgetOld(_ unit: Unit) throws {
        guard let kept = unit.c.config.auditRetention else { return }
        try unit.tx.run("DELETE FROM desk_audit WHERE at < ?", unit.c.clock.now - kept)
    }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/audit", .auditRead) { call in
            let limit = try call.limit(), cursor = try Cursor.of(call), filter = try Filter(call)
            try call.me.checkUnlimited()
            return try await call.read { reader in
                let rows = try lines(reader.tx, filter, before: cursor?.key ?? Int64.max, limit: limit + 1)
                return .page(rows.prefix(limit).map { $0.json(call.language) }, next: rows.count > limit ? Cursor(key: rows[limit - 1].id, number: 0).text : nil)
            }
        },
        DeskRoute(.get, "/audit/export", .auditRead, limit: .search) { call in
            let filter = try Filter(call)
            try call.me.checkUnlimited()
            let rows = try await call.read { try lines($0.tx, filter, before: Int64.max, limit: exported) }
            // Taking the log away is itself in the log.
            try await call.plainWrite { try add($0, by: call.me, "audit.export.create", target: "", name: nil, ["rows": .int(Int64(rows.count))]) }
            var out = CSV.line(["id", "time", "actor", "actor_name", "token", "action", "target", "target_name", "data"])
            for row in rows {
                out += CSV.line([String(row.id), ISOTime.of(row.at), row.actor, row.actorName, row.token ?? "", row.action, row.target, row.targetName ?? "", row.data.columnText])
            }
            return Response(200, headers: ["Content-Type": "text/csv; charset=utf-8", "Content-Disposition": "attachment; filename=\"audit.csv\"", "Cache-Control": "no-store"], body: .bytes(Array(out.utf8)))
        },
    ]

    struct Line: Sendable {
        let id: Int64, at: Int64, actor: String, actorName: String, token: String?, action: String, target: String, targetName: String?, data: JSONObject
        func json(_ language: String) -> JSON {
            ["id": .string(String(id)), "at": .int(at), "actor": ["id": .string(actor), "name": .string(actorName)], "token": .of(token), "action": .string(action),
             "label": .string(Audit.label(action).text(language)), "target": .string(target), "target_name": .of(targetName), "data": .object(data)]
        }
    }
    struct Filter: Sendable {
        let actor: String?, action: String?, target: String?, from: Int64?, before: Int64?
        init(_ call: DeskCall) throws {
            actor = try call.text(query: "actor", max: 255)
            action = try call.text(query: "action", max: 100)
            target = try call.text(query: "target", max: 255)
            from = try call.position(query: "from")
            before = try call.position(query: "before")
        }
    }
    private static func lines(_ tx: ReadTx, _ filter: Filter, before id: Int64, limit: Int) throws -> [Line] {
        var sql = "SELECT id, at, actor_id, actor_name, token_id, action, target, target_name, data FROM desk_audit WHERE id < ?", binds: [any Bindable] = [id]
        func add(_ condition: String, _ value: (any Bindable)?) {
            guard let value else { return }
            sql += " AND " + condition
            binds.append(value)
        }
        add("actor_id = ?", filter.actor)
        // "agents" finds all that was done with agents
        add("action LIKE ? ESCAPE '\\'", filter.action.map { Words.escaped($0) + "%" })
        add("target = ?", filter.target)
        add("at >= ?", filter.from)
        add("at < ?", filter.before)
        binds.append(limit)
        return try tx.all(sql + " ORDER BY id DESC LIMIT ?", array: binds) {
            Line(id: $0.int(0), at: $0.int(1), actor: $0.text(2), actorName: $0.text(3), token: $0.textOrNil(4), action: $0.text(5), target: $0.text(6), targetName: $0.textOrNil(7), data: JSONObject(column: $0.text(8)))
        }
    }

    // MARK: for people

    static func label(_ action: String) -> Phrase {
        var parts = action.split(separator: ".").map(String.init)
        let verb = verbs[parts.popLast() ?? ""] ?? Phrase(en: "changed", fr: "modification")
        let named = parts.map { nouns[$0] ?? Phrase(en: $0, fr: $0) }
        return Phrase(en: named.map(\.en).joined(separator: ", ") + ": " + verb.en, fr: named.map(\.fr).joined(separator: ", ") + " : " + verb.fr)
    }
    private static let verbs = [
        "create": Phrase(en: "made", fr: "création"), "update": Phrase(en: "changed", fr: "modification"), "set": Phrase(en: "set", fr: "définition"),
        "delete": Phrase(en: "deleted", fr: "suppression"), "read": Phrase(en: "read", fr: "lecture"),
    ]
    private static let nouns = [
        "agents": Phrase(en: "Agent", fr: "Conseiller"), "brands": Phrase(en: "Brand", fr: "Marque"), "inboxes": Phrase(en: "Inbox", fr: "Boîte"), "roles": Phrase(en: "Role", fr: "Rôle"),
        "teams": Phrase(en: "Team", fr: "Équipe"), "tokens": Phrase(en: "Token", fr: "Jeton"), "tags": Phrase(en: "Tag", fr: "Étiquette"), "canned": Phrase(en: "Canned reply", fr: "Réponse type"),
        "views": Phrase(en: "View", fr: "Vue"), "picture": Phrase(en: "picture", fr: "photo"), "logo": Phrase(en: "logo", fr: "logo"), "identity-secret": Phrase(en: "identity secret", fr: "secret d’identité"),
        "conversations": Phrase(en: "Conversation", fr: "Conversation"), "notes": Phrase(en: "note", fr: "note"), "audit": Phrase(en: "Audit log", fr: "Journal"), "export": Phrase(en: "export", fr: "export"),
        "webhooks": Phrase(en: "Webhook", fr: "Webhook"), "secret": Phrase(en: "secret", fr: "secret"), "test": Phrase(en: "test", fr: "essai"), "active": Phrase(en: "switched off by itself", fr: "désactivation automatique"), "deliveries": Phrase(en: "delivery", fr: "envoi"), "replay": Phrase(en: "replay", fr: "renvoi"),
        "retention": Phrase(en: "Retention", fr: "Conservation"), "hours": Phrase(en: "Business hours", fr: "Horaires"), "sla-policies": Phrase(en: "Promise", fr: "Engagement"), "macros": Phrase(en: "Macro", fr: "Macro"),
        "attributes": Phrase(en: "Attribute", fr: "Attribut"), "contacts": Phrase(en: "Customer", fr: "Client"), "companies": Phrase(en: "Company", fr: "Entreprise"), "segments": Phrase(en: "Segment", fr: "Segment"),
        "merge": Phrase(en: "merge", fr: "fusion"), "merges": Phrase(en: "merge", fr: "fusion"), "undo": Phrase(en: "taken back", fr: "annulation"), "duplicates": Phrase(en: "suggestion", fr: "suggestion"), "dismissed": Phrase(en: "dismissed", fr: "rejet"),
        "rules": Phrase(en: "Rule", fr: "Règle"), "order": Phrase(en: "order", fr: "ordre"), "dry-run": Phrase(en: "dry run", fr: "simulation"), "automations": Phrase(en: "Automation", fr: "Automatisation"), "holidays": Phrase(en: "Holidays", fr: "Jours fériés"),
    ]
}

/// Comma-separated values (RFC 4180). A cell that a spreadsheet would calculate gets an apostrophe before it.
enum CSV {
    static func line(_ cells: [String]) -> String { cells.map(cell).joined(separator: ",") + "\r\n" }
    static func cell(_ raw: String) -> String {
        let text = raw.first.map { "=+-@\t\r".contains($0) } ?? false ? "'" + raw : raw
        return text.contains { $0 == "," || $0 == "\"" || $0.isNewline } ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
    }
}

/// `2026-11-30T20:15:00.000Z` of milliseconds since 1970. Pure.
enum ISOTime {
    static func of(_ ms: Int64) -> String {
        let days = Int64((Double(ms) / 86_400_000).rounded(.down)), rest = ms - days * 86_400_000
        // Days to a date, by the proleptic Gregorian calendar of 400-year eras that begin in March.
        let z = days + 719_468, era = (z >= 0 ? z : z - 146_096) / 146_097, dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100), m = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * m + 2) / 5 + 1, month = m < 10 ? m + 3 : m - 9, year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ n: Int64) -> String { n < 10 ? "0\(n)" : "\(n)" }
        let ms = String(rest % 1000)
        return "\(year)-\(two(month))-\(two(day))T\(two(rest / 3_600_000)):\(two(rest / 60_000 % 60)):\(two(rest / 1000 % 60)).\(String(repeating: "0", count: 3 - ms.count))\(ms)Z"
    }
}

extension OpenAPI {
    private static let filters: [(name: String, schema: JSON, description: String)] = [
        ("actor", string, "Only by this agent."), ("action", string, "Only actions that begin so, such as `agents`."), ("target", string, "Only about the thing with this id."),
        ("from", integer, "From this time on, in milliseconds since 1970."), ("before", integer, "Before this time."),
    ]
    static let auditOperations: [Operation] = [
        Operation(method: .get, path: "/audit", id: "listAudit", tag: "Audit", summary: "Administrative acts and reading of others' conversations, newest first.", query: [
            ("limit", ["type": "integer", "minimum": 1, "maximum": 100, "default": 30], "Most rows to give."), ("cursor", string, "`next_cursor` of the page before."),
        ] + filters, answer: .json(200, page("AuditEntry"))),
        Operation(method: .get, path: "/audit/export", id: "exportAudit", tag: "Audit", summary: "The same as CSV, at most 100,000 rows.", query: filters, answer: .csv),
    ]
    static let auditSchemas: JSONObject = [
        "AuditEntry": whole(["id": string, "at": time, "actor": whole(["id": string, "name": string]), "token": orNull("string"), "action": string, "label": string, "target": string,
                             "target_name": orNull("string"), "data": ["type": "object"]]),
    ]
}
