import MatrixCore
import ServerKit
import Store

/// Builds the JSON of conversations, items and contacts as one agent may see them, in his language. One per read; remembers
/// names and pictures that it has looked up.
final class Reader {
    let c: Context
    let tx: ReadTx
    let live: DeskLive
    let viewer: Agent
    let language: String
    private var agents: [String: Agent?] = [:]
    private var contacts: [String: Contact?] = [:]
    private var inboxNames: [String: String] = [:]
    private var teamNames: [String: String] = [:]
    private var attributes: [String: String]?

    init(_ c: Context, _ tx: ReadTx, _ live: DeskLive, viewer: Agent, language: String) {
        self.c = c; self.tx = tx; self.live = live; self.viewer = viewer; self.language = language
    }

    private func agent(_ id: String) throws -> Agent? {
        if let known = agents[id] { return known }
        let agent = try Agents.load(tx, id)
        agents[id] = .some(agent)
        return agent
    }
    private func loadContact(_ id: String) throws -> Contact? {
        if let known = contacts[id] { return known }
        var contact = try Contacts.load(tx, id)
        while let next = contact?.mergedInto { contact = try Contacts.load(tx, next) }
        contacts[id] = .some(contact)
        return contact
    }
    /// What attributes are called, by their keys.
    func attributeNames() throws -> [String: String] {
        if let attributes { return attributes }
        let all = Dictionary(uniqueKeysWithValues: try Attributes.all(tx).map { ($0.key, $0.name) })
        attributes = all
        return all
    }
    private func inboxName(_ id: String) throws -> String {
        if let known = inboxNames[id] { return known }
        let name = try tx.first("SELECT name FROM desk_inbox WHERE id = ?", id) { $0.text(0) } ?? ""
        inboxNames[id] = name
        return name
    }
    private func teamRef(_ id: String?) throws -> JSON {
        guard let id else { return .null }
        if teamNames[id] == nil { teamNames[id] = try tx.first("SELECT name FROM desk_team WHERE id = ?", id) { $0.text(0) } ?? "" }
        return ["id": .string(id), "name": .string(teamNames[id] ?? "")]
    }
    func agentRef(_ id: String?) throws -> JSON {
        guard let id else { return .null }
        return try agent(id)?.ref ?? ["id": .string(id), "name": .string(id), "picture": .null]
    }
    func name(_ kind: String, _ id: String) throws -> String {
        switch kind {
        case "contact": try loadContact(id)?.displayName(language) ?? ""
        case "agent": try agent(id)?.publicName ?? id
        default: SystemText.desk.text(language)
        }
    }

    // MARK: conversations

    /// nil when it does not exist or the viewer may not see it.
    func conversation(_ id: String) throws -> JSON? {
        guard let row = try Conversations.load(tx, id), viewer.sees(inbox: row.inboxID) else { return nil }
        return try conversation(row)
    }
    func visible(_ id: String) throws -> Conversation {
        guard let row = try Conversations.load(tx, id).map({ try ConversationMerge.followed(tx, $0) }), viewer.sees(inbox: row.inboxID) else { throw DeskError.notFound }
        return row
    }
    func conversation(_ row: Conversation) throws -> JSON {
        let read = try tx.first("SELECT up_to FROM desk_read WHERE agent_id = ? AND conversation_id = ?", viewer.id, row.id) { $0.int(0) } ?? 0
        let mentioned = try tx.exists("SELECT 1 FROM desk_mention WHERE conversation_id = ? AND agent_id = ? AND is_read = 0", row.id, viewer.id)
        return Self.with(try common(row), unread: try unread(row.id, after: read), mentioned: mentioned)
    }
    /// Messages of the customer after an item, up to a hundred.
    func unread(_ conversation: String, after item: Int64) throws -> Int64 {
        try tx.first("""
            SELECT COUNT(*) FROM (SELECT 1 FROM desk_item WHERE conversation_id = ? AND author_kind = 'contact' AND kind = 'message' AND id > ? LIMIT 100) AS counted
            """, conversation, item) { $0.int(0) } ?? 0
    }
    /// For streams: everything about it that does not depend on who looks, and what that needs.
    func talk(_ row: Conversation) throws -> StreamCache.Moment.Talk {
        let read = try tx.all("SELECT agent_id, up_to FROM desk_read WHERE conversation_id = ?", row.id) { ($0.text(0), $0.int(1)) }
        let mentioned = try tx.all("SELECT DISTINCT agent_id FROM desk_mention WHERE conversation_id = ? AND is_read = 0", row.id) { $0.text(0) }
        return .init(row: row, common: try common(row), readUpTo: Dictionary(uniqueKeysWithValues: read), mentioned: Set(mentioned))
    }
    static func conversation(_ talk: StreamCache.Moment.Talk, unread: Int64, mentioned: Bool) -> JSON { with(talk.common, unread: unread, mentioned: mentioned) }
    private static func with(_ common: JSONObject, unread: Int64, mentioned: Bool) -> JSON {
        var all = common
        all["unread"] = .int(unread)
        all["mentioned"] = .bool(mentioned)
        return .object(all)
    }
    private func common(_ row: Conversation) throws -> JSONObject {
        let tags = try tx.all("SELECT tag FROM desk_conversation_tag WHERE conversation_id = ? ORDER BY tag", row.id) { $0.text(0) }
        var last = JSON.null
        if let id = row.lastMessage, let item = try Items.load(tx, id) {
            let type = item.content["type"]?.stringValue ?? "text"
            last = ["event_id": .of(item.eventID), "author": .string(item.authorKind), "author_name": .string(try name(item.authorKind, item.authorID)),
                    "type": .string(type), "preview": .string(Previews.of(item, language: language)), "at": .int(item.at)]
        }
        return [
            "id": .string(row.id), "number": .int(row.number), "version": .int(row.version), "room_id": .string(row.roomID), "brand_id": .string(row.brandID),
            "inbox": ["id": .string(row.inboxID), "name": .string(try inboxName(row.inboxID))], "status": .string(row.status.rawValue),
            "snoozed_until": .of(row.state.snoozedUntil), "priority": .string(row.priority.rawValue), "language": .of(row.language), "encrypted": .bool(row.isEncrypted),
            "contact": try contactRef(row.contactID), "assignee": try agentRef(row.assignee), "tags": .of(tags), "last_message": last,
            "team": try teamRef(row.team), "skills": .of(row.skills), "followers": .of(row.followers), "spam": .bool(row.spam != nil), "merged_into": .of(row.mergedInto), "sla": SLA.json(row, live), "rating": row.rating.map { .object(JSONObject(column: $0)) } ?? .null,
            "waiting_since": .of(row.state.waitingSince), "message_count": .int(row.messageCount),
            "contact_read_at": .of(row.contactReadAt), "page": row.pageURL.map { ["url": .string($0), "title": .of(row.pageTitle)] } ?? .null,
            "created_at": .int(row.createdAt), "updated_at": .int(row.updatedAt), "resolved_at": .of(row.state.resolvedAt),
        ]
    }
    func contactRef(_ id: String) throws -> JSON {
        guard let contact = try loadContact(id) else { return .null }
        return ["id": .string(id), "name": .of(contact.name), "display_name": .string(contact.displayName(language)), "email": .of(contact.email),
                "verified": .bool(contact.externalID != nil), "online": .bool(live.isContactOnline(id, now: c.clock.now))]
    }
    func contact(_ it: Contact) throws -> JSON {
        let mine = viewer.rows(inbox: "inbox_id"), binds: [any Bindable] = [it.id]
        let count = try tx.first("SELECT COUNT(*) FROM desk_conversation WHERE contact_id = ? AND merged_into IS NULL AND " + mine.sql, array: binds + mine.binds) { $0.int(0) } ?? 0
        return ["id": .string(it.id), "name": .of(it.name), "display_name": .string(it.displayName(language)), "email": .of(it.email), "email_verified": .bool(it.emailVerified),
                "phone": .of(it.phone), "company": .of(it.company), "company_id": .of(it.companyID), "brand_id": .string(it.brandID), "merged_into": .of(it.mergedInto), "blocked": .bool(it.blockedAt != nil), "location": .of(it.location), "language": .of(it.language), "external_id": .of(it.externalID),
                "verified": .bool(it.externalID != nil), "notes": .string(it.notes), "attributes": .object(it.attributes), "picture": .of(Pictures.path(it.picture)),
                "online": .bool(live.isContactOnline(it.id, now: c.clock.now)), "page": it.page, "conversations": .int(count),
                "first_seen_at": .int(it.firstSeenAt), "last_seen_at": .int(it.lastSeenAt), "version": .int(it.version)]
    }

    // MARK: items

    func item(_ item: Item) throws -> JSON {
        var out: JSONObject = [
            "id": .string(String(item.id)), "kind": .string(item.kind.rawValue), "at": .int(item.at), "author": try author(item),
        ]
        switch item.kind {
        case .message:
            let it = item.content
            out["message"] = [
                "event_id": .of(item.eventID), "type": it["type"] ?? "text", "body": .string(item.body), "html": it["html"] ?? .null, "media": it["media"] ?? .null,
                "edited": it["edited"] ?? false, "redacted": it["redacted"] ?? false, "reply_to": it["reply_to"] ?? .null, "key": .of(item.key),
            ]
        case .note:
            out["note"] = ["id": .of(item.noteID), "body": .string(item.body), "mentions": item.content["mentions"] ?? [], "edited": item.content["edited"] ?? false]
        case .system:
            let data = item.content["data"]?.objectValue ?? [:]
            let type = item.content["variant"]?.stringValue.flatMap(SystemText.init(rawValue:)) ?? .created
            func person(_ key: String) throws -> String { try data[key]?.stringValue.map { try name("agent", $0) } ?? SystemText.desk.text(language) }
            let phrase = type.phrase(by: try name(item.authorKind, item.authorID), to: try person("to"), from: try person("from"), value: data["value"]?.stringValue ?? "")
            out["system"] = ["type": item.content["type"] ?? "created", "text": .string(phrase.text(language)), "data": .object(data)]
        }
        return .object(out)
    }
    func author(_ item: Item) throws -> JSON {
        let picture: String? = switch item.authorKind {
        case "agent": Pictures.path(try agent(item.authorID)?.picture)
        case "contact": Pictures.path(try loadContact(item.authorID)?.picture)
        default: nil
        }
        return ["kind": .string(item.authorKind), "id": .string(item.authorID), "name": .string(try name(item.authorKind, item.authorID)), "picture": .of(picture)]
    }
}

/// One line of a message, for lists and notifications.
enum Previews {
    static func of(_ item: Item, language: String) -> String {
        if item.content["redacted"]?.boolValue == true { return Phrase(en: "Message deleted", fr: "Message supprimé").text(language) }
        let body = String(item.body.prefix(140).map { $0.isNewline ? " " : $0 })
        let word: Phrase? = switch item.content["type"]?.stringValue {
        case "image": Phrase(en: "📷 Picture", fr: "📷 Photo")
        case "video": Phrase(en: "🎬 Video", fr: "🎬 Vidéo")
        case "audio": Phrase(en: "🎤 Audio", fr: "🎤 Audio")
        case "file": Phrase(en: "📎 File", fr: "📎 Fichier")
        case "location": Phrase(en: "📍 Location", fr: "📍 Position")
        case "encrypted": Phrase(en: "🔒 Encrypted message", fr: "🔒 Message chiffré")
        default: nil
        }
        guard let word else { return body }
        return item.content["type"]?.stringValue == "file" && !body.isEmpty ? word.text(language) + " : " + body : word.text(language)
    }
}

/// How many conversations stand where.
enum Counts {
    static func of(_ reader: Reader) throws -> JSON {
        let me = reader.viewer
        var atRisk: Int64 = 0, open: Int64 = 0, unassigned: Int64 = 0, mine: Int64 = 0, pending: Int64 = 0, snoozed: Int64 = 0, resolved: Int64 = 0, spam: Int64 = 0
        var sql = """
            SELECT status, CASE WHEN assignee_id IS NULL THEN 0 WHEN assignee_id = ? THEN 1 ELSE 2 END AS whose, CASE WHEN spam IS NULL THEN 0 ELSE 1 END AS is_spam, COUNT(*), SUM(CASE WHEN sla_state IN ('warning', 'breached') THEN 1 ELSE 0 END) FROM desk_conversation
            """
        let his = me.rows(inbox: "inbox_id")
        sql += " WHERE merged_into IS NULL"
        if !me.seesAll { sql += " AND " + his.sql }
        sql += " GROUP BY status, whose, is_spam"
        let binds: [any Bindable] = [me.id]
        try reader.tx.each(sql, array: binds + his.binds) { row in
            let count = row.int(3)
            if row.bool(2) { spam += count; return }
            atRisk += row.int(4)
            switch ConversationStatus(rawValue: row.text(0)) {
            case .open:
                open += count
                if row.int(1) == 0 { unassigned += count }
                if row.int(1) == 1 { mine += count }
            case .pending: pending += count
            case .snoozed: snoozed += count
            case .resolved: resolved += count
            case nil: break
            }
        }
        let seen = me.rows(inbox: "c.inbox_id")
        let mentions = try reader.tx.first(me.seesAll ? "SELECT COUNT(*) FROM desk_mention WHERE agent_id = ? AND is_read = 0"
            : "SELECT COUNT(*) FROM desk_mention m JOIN desk_conversation c ON c.id = m.conversation_id WHERE m.agent_id = ? AND m.is_read = 0 AND " + seen.sql,
            array: binds + seen.binds) { $0.int(0) } ?? 0
        return ["mine": .int(mine), "unassigned": .int(unassigned), "all": .int(open), "pending": .int(pending), "snoozed": .int(snoozed),
                "resolved": .int(resolved), "mentions": .int(mentions), "at_risk": .int(atRisk), "spam": .int(spam)]
    }
}
