import MatrixCore
package import ServerKit
import Store

/// A way in: a widget on a site, with its own languages, members and rules of assignment.
struct Inbox: Sendable, Hashable {
    enum Assignment: String, Sendable, CaseIterable { case automatic, manual }
    enum IdentityRule: String, Sendable, CaseIterable { case optional, required }

    var id: String
    /// Stands in the page's script tag; never changes meaning.
    var key: String
    var brandID: String
    var name: String
    var channel: String
    var languages: [String]
    var defaultLanguage: String
    var assignment: Assignment
    var languageRule: LanguageRule
    var identity: IdentityRule
    var identitySecret: String?
    var allowedOrigins: [String]
    /// A customer who writes again within so many days goes on in his last conversation.
    var reopenDays: Int64
    var createdAt: Int64
    var members: [String]
    /// New conversations are this team's.
    var team: String?
    /// How they are given out where no team is.
    var strategy = RoutingRules.Strategy.roundRobin
    /// What an agent must be able to do to be given them.
    var skills: [String] = []
    /// When somebody is there; always when nothing is said.
    var hours: String?

    func json(for agent: Agent) -> JSON {
        ["id": .string(id), "key": .string(key), "brand_id": .string(brandID), "name": .string(name), "channel": .string(channel),
         "languages": .of(languages), "default_language": .string(defaultLanguage), "assignment": .string(assignment.rawValue),
         "language_rule": .string(languageRule.rawValue), "identity": .string(identity.rawValue),
         "identity_secret": .of(agent.role.may(.settingsManage) ? identitySecret : nil), "allowed_origins": .of(allowedOrigins),
         "reopen_days": .int(reopenDays), "members": .of(members), "team": .of(team), "strategy": .string(strategy.rawValue), "skills": .of(skills), "hours": .of(hours), "created_at": .int(createdAt)]
    }
}

enum Inboxes {
    static func add(_ unit: Unit, _ new: Inbox) throws -> Inbox {
        var inbox = new
        inbox.id = unit.newID("in")
        inbox.createdAt = unit.now
        guard try Brands.load(unit.tx, inbox.brandID) != nil else {
            throw DeskError.invalid("brand_id", en: "There is no such brand.", fr: "Cette marque n’existe pas.")
        }
        try checkKey(unit, inbox)
        try BusinessHours.check(unit.tx, inbox.hours)
        try unit.tx.run("""
            INSERT INTO desk_inbox(id, key, brand_id, name, channel, languages, default_language, assignment, language_rule, identity, identity_secret,
              allowed_origins, reopen_days, created_at, strategy, skills, hours_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, inbox.id, inbox.key, inbox.brandID, inbox.name, inbox.channel, TextList.encode(inbox.languages), inbox.defaultLanguage, inbox.assignment.rawValue,
            inbox.languageRule.rawValue, inbox.identity.rawValue, inbox.identitySecret, TextList.encode(inbox.allowedOrigins), inbox.reopenDays, inbox.createdAt,
            inbox.strategy.rawValue, TextList.encode(inbox.skills), inbox.hours)
        try setMembers(unit, inbox.id, inbox.members)
        if let team = inbox.team { try unit.tx.run("UPDATE desk_inbox SET team_id = ? WHERE id = ?", try Teams.check(unit.tx, team, serves: inbox.id).id, inbox.id) }
        try unit.tell(.settingsUpdated, ref: "inboxes")
        return inbox
    }
    static func save(_ unit: Unit, _ inbox: Inbox) throws {
        try checkKey(unit, inbox)
        try BusinessHours.check(unit.tx, inbox.hours)
        try unit.tx.run("""
            UPDATE desk_inbox SET key = ?, name = ?, languages = ?, default_language = ?, assignment = ?, language_rule = ?, identity = ?,
              identity_secret = ?, allowed_origins = ?, reopen_days = ?, team_id = ?, strategy = ?, skills = ?, hours_id = ? WHERE id = ?
            """, inbox.key, inbox.name, TextList.encode(inbox.languages), inbox.defaultLanguage, inbox.assignment.rawValue, inbox.languageRule.rawValue,
            inbox.identity.rawValue, inbox.identitySecret, TextList.encode(inbox.allowedOrigins), inbox.reopenDays,
            inbox.team, inbox.strategy.rawValue, TextList.encode(inbox.skills), inbox.hours, inbox.id)
        try unit.tell(.settingsUpdated, ref: "inboxes")
    }
    private static func checkKey(_ unit: Unit, _ inbox: Inbox) throws {
        guard try !unit.tx.exists("SELECT 1 FROM desk_inbox WHERE key = ? AND id <> ?", inbox.key, inbox.id) else {
            throw DeskError.invalid("key", en: "Another inbox has this key.", fr: "Une autre boîte a cette clé.")
        }
    }
    static func setMembers(_ unit: Unit, _ id: String, _ members: [String]) throws {
        try Agents.setMembers(unit, of: id, table: "desk_inbox_member", column: "inbox_id", members)
    }
    /// Members are people of the inbox's brand; whom the caller does not know does not exist.
    private static func checkMembers(_ unit: Unit, _ inbox: Inbox, _ members: [String], by me: Agent) throws {
        for id in members {
            guard let agent = try Agents.load(unit.tx, id), me.knows(agent) else { throw DeskError.invalid("members", en: "“\(id)” is not an agent.", fr: "« \(id) » n’est pas un agent.") }
            guard agent.brands?.contains(inbox.brandID) ?? true else {
                throw DeskError.invalid("members", en: "\(agent.publicName) does not work for this brand.", fr: "\(agent.publicName) ne travaille pas pour cette marque.")
            }
        }
    }
    static func newSecret(_ unit: Unit) -> String { unit.c.entropy.token(43) }

    private static let columns = """
        id, key, brand_id, name, channel, languages, default_language, assignment, language_rule, identity, identity_secret, allowed_origins, reopen_days, created_at,
        team_id, strategy, skills, hours_id
        """
    private static func inbox(_ row: Row) -> Inbox {
        Inbox(id: row.text(0), key: row.text(1), brandID: row.text(2), name: row.text(3), channel: row.text(4), languages: TextList.decode(row.text(5)),
              defaultLanguage: row.text(6), assignment: Inbox.Assignment(rawValue: row.text(7)) ?? .manual, languageRule: LanguageRule(rawValue: row.text(8)) ?? .prefer,
              identity: Inbox.IdentityRule(rawValue: row.text(9)) ?? .required, identitySecret: row.textOrNil(10),
              allowedOrigins: TextList.decode(row.text(11)), reopenDays: row.int(12), createdAt: row.int(13), members: [],
              team: row.textOrNil(14), strategy: RoutingRules.Strategy(rawValue: row.text(15)) ?? .roundRobin, skills: TextList.decode(row.text(16)), hours: row.textOrNil(17))
    }
    private static func withMembers(_ tx: ReadTx, _ inbox: Inbox) throws -> Inbox {
        var inbox = inbox
        inbox.members = try tx.all("SELECT agent_id FROM desk_inbox_member WHERE inbox_id = ? ORDER BY agent_id", inbox.id) { $0.text(0) }
        return inbox
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> Inbox? {
        try tx.first("SELECT \(columns) FROM desk_inbox WHERE id = ?", id, row: inbox).map { try withMembers(tx, $0) }
    }
    /// By the key of a script tag; "default" is the first inbox of the server.
    static func find(_ tx: ReadTx, key: String) throws -> Inbox? {
        if let found = try tx.first("SELECT \(columns) FROM desk_inbox WHERE key = ?", key, row: inbox) { return try withMembers(tx, found) }
        guard key == "default" else { return nil }
        return try tx.first("SELECT \(columns) FROM desk_inbox ORDER BY created_at, id LIMIT 1", row: inbox).map { try withMembers(tx, $0) }
    }
    static func all(_ tx: ReadTx) throws -> [Inbox] {
        try tx.all("SELECT \(columns) FROM desk_inbox ORDER BY created_at, id", row: inbox).map { try withMembers(tx, $0) }
    }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/inboxes", .settingsRead) { call in
            .json(["items": .array(try await call.read { try all($0.tx).filter { call.me.knows($0) }.map { $0.json(for: call.me) } })])
        },
        DeskRoute(.get, "/inboxes/{id}", .settingsRead) { call in
            let id = try call.param("id")
            guard let inbox = try await call.read({ try load($0.tx, id) }), call.me.knows(inbox) else { throw DeskError.notFound }
            return .json(inbox.json(for: call.me))
        },
        DeskRoute(.post, "/inboxes", .settingsManage) { call in
            let input = try Input(call, isNew: true)
            return .json(try await call.write { unit in
                var inbox = Inbox(id: "", key: input.key ?? unit.c.entropy.lowerToken(10), brandID: input.brand ?? "", name: "", channel: "web", languages: ["fr", "en"],
                                  defaultLanguage: "fr", assignment: .automatic, languageRule: .prefer, identity: .optional, identitySecret: newSecret(unit),
                                  allowedOrigins: [], reopenDays: 30, createdAt: 0, members: input.members ?? [])
                guard call.me.knows(brand: inbox.brandID) else { throw DeskError.invalid("brand_id", en: "There is no such brand.", fr: "Cette marque n’existe pas.") }
                try input.apply(to: &inbox)
                try checkMembers(unit, inbox, inbox.members, by: call.me)
                inbox = try add(unit, inbox)
                return (try load(unit.tx, inbox.id) ?? inbox).json(for: call.me)
            }, status: 201)
        },
        DeskRoute(.patch, "/inboxes/{id}", .settingsManage) { call in
            let id = try call.param("id"), input = try Input(call, isNew: false)
            return .json(try await call.write { unit in
                guard var inbox = try load(unit.tx, id), call.me.knows(inbox) else { throw DeskError.notFound }
                try input.apply(to: &inbox)
                if let key = input.key { inbox.key = key }
                try save(unit, inbox)
                if let members = input.members {
                    try checkMembers(unit, inbox, members, by: call.me)
                    try setMembers(unit, id, members)
                    for gone in Set(inbox.members).subtracting(members) { try Agents.loseSight(unit, gone) }
                }
                if let team = inbox.team, input.team.isChange { _ = try Teams.check(unit.tx, team, serves: id) }
                try Dispatch.settle(unit)
                return (try load(unit.tx, id) ?? inbox).json(for: call.me)
            })
        },
        DeskRoute(.delete, "/inboxes/{id}", .settingsManage) { call in
            let id = try call.param("id")
            try await call.write { unit in
                guard let inbox = try load(unit.tx, id), call.me.knows(inbox) else { throw DeskError.notFound }
                guard try !unit.tx.exists("SELECT 1 FROM desk_conversation WHERE inbox_id = ?", id) else {
                    throw DeskError(.conflict, en: "This inbox has conversations.", fr: "Cette boîte contient des conversations.")
                }
                try setMembers(unit, id, [])
                try unit.tx.run("DELETE FROM desk_visitor_session WHERE inbox_id = ?", id)
                try unit.tx.run("DELETE FROM desk_survey_setting WHERE inbox_id = ?", id)
                try unit.tx.run("DELETE FROM desk_inbox WHERE id = ?", id)
                try unit.tell(.settingsUpdated, ref: "inboxes")
            }
            return .noContent
        },
        DeskRoute(.post, "/inboxes/{id}/identity-secret", .settingsManage) { call in
            let id = try call.param("id")
            return .json(try await call.write { unit in
                guard var inbox = try load(unit.tx, id), call.me.knows(inbox) else { throw DeskError.notFound }
                inbox.identitySecret = newSecret(unit)
                try save(unit, inbox)
                return ["identity_secret": .of(inbox.identitySecret)]
            })
        },
    ]

    private struct Input: Sendable {
        let brand: String?, key: String?, name: Fields.Change<String>, languages: [String]?, defaultLanguage: String?
        let assignment: Inbox.Assignment?, languageRule: LanguageRule?, identity: Inbox.IdentityRule?, origins: [String]?, reopenDays: Int64?, members: [String]?
        let team: Fields.Change<String>, strategy: RoutingRules.Strategy?, skills: [String]?, hours: Fields.Change<String>

        init(_ call: DeskCall, isNew: Bool) throws {
            var fields = try call.fields()
            brand = isNew ? fields.text("brand_id", max: 40, required: true) : nil
            key = fields.text("key", max: 60)
            name = isNew ? .set(fields.text("name", max: 80, required: true)) : fields.requiredChange("name", max: 80)
            languages = fields.languages("languages")
            defaultLanguage = fields.language("default_language")
            assignment = fields.choice("assignment")
            languageRule = fields.choice("language_rule")
            identity = fields.choice("identity")
            reopenDays = fields.int("reopen_days", 0...3650)
            members = fields.strings("members", max: 1000, each: 255)
            team = fields.change("team", max: 40)
            strategy = fields.choice("strategy")
            skills = fields.strings("skills", max: 20, each: 40).map(Teams.normalised)
            hours = fields.change("hours", max: 40)
            var origins = fields.strings("allowed_origins", max: 50, each: 200)
            for (index, origin) in (origins ?? []).enumerated() {
                guard let clean = WebOrigin.of(origin) else {
                    fields.refuse("allowed_origins", en: "“\(origin)” is not an origin such as https://shop.example.", fr: "« \(origin) » n’est pas une origine telle que https://shop.example.")
                    break
                }
                origins?[index] = clean
            }
            self.origins = origins
            if let key, !key.utf8.allSatisfy({ $0 >= 97 && $0 <= 122 || $0 >= 48 && $0 <= 57 || $0 == 45 }) || key == "default" {
                fields.refuse("key", en: "A key has only a-z, 0-9 and -, and is not “default”.", fr: "Une clé ne comporte que a-z, 0-9 et -, et n’est pas « default ».")
            }
            if languages?.isEmpty == true { fields.refuse("languages", en: "At least one language.", fr: "Au moins une langue.") }
            try fields.check()
        }
        func apply(to inbox: inout Inbox) throws {
            inbox.name = name.required(inbox.name)
            inbox.languages = languages ?? inbox.languages
            inbox.defaultLanguage = defaultLanguage ?? (inbox.languages.contains(inbox.defaultLanguage) ? inbox.defaultLanguage : inbox.languages[0])
            guard inbox.languages.contains(inbox.defaultLanguage) else {
                throw DeskError.invalid("default_language", en: "The default language must be one of the languages.", fr: "La langue par défaut doit faire partie des langues.")
            }
            inbox.assignment = assignment ?? inbox.assignment
            inbox.languageRule = languageRule ?? inbox.languageRule
            inbox.identity = identity ?? inbox.identity
            inbox.allowedOrigins = origins ?? inbox.allowedOrigins
            inbox.reopenDays = reopenDays ?? inbox.reopenDays
            inbox.team = team.applied(to: inbox.team)
            inbox.strategy = strategy ?? inbox.strategy
            inbox.skills = skills ?? inbox.skills
            inbox.hours = hours.applied(to: inbox.hours)
        }
    }
}

/// `https://shop.example` of any address on that site; pure.
enum WebOrigin {
    static func of(_ url: String) -> String? {
        for scheme in ["https://", "http://"] where url.lowercased().hasPrefix(scheme) {
            let host = url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }.lowercased()
            guard !host.isEmpty, host.utf8.count <= 253, host.utf8.allSatisfy({
                $0 >= 97 && $0 <= 122 || $0 >= 48 && $0 <= 57 || "-.:[]".utf8.contains($0)
            }) else { return nil }
            // The default port is not part of an origin.
            let port = scheme == "https://" ? ":443" : ":80"
            return scheme + (host.hasSuffix(port) ? String(host.dropLast(port.count)) : host)
        }
        return nil
    }
}

extension Desk {
    /// The sites that may show the widget of an inbox; none means all, and so does an inbox that is not there.
    package static func allowedOrigins(_ c: Context, inboxKey: String) async throws -> [String] {
        try await c.db.read { try Inboxes.find($0, key: inboxKey)?.allowedOrigins ?? [] }
    }
}
