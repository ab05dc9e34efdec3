import MatrixCore
import ServerKit
import Store

/// A conversation of one contact with one inbox: one Matrix room, made by the desk's bot, and what the desk knows of it.
struct Conversation: Sendable, Hashable {
    enum Priority: String, Sendable, CaseIterable {
        case none, low, normal, high, urgent

        /// Which part of the queue: a lower one is served first.
        var rank: Int64 {
            switch self {
            case .urgent: 0
            case .high: 1
            case .none, .normal: 2
            case .low: 3
            }
        }
    }

    var id: String
    var number: Int64
    /// Grows with each change that an agent could want to make; not with messages.
    var version: Int64
    var roomID: String
    var brandID: String, inboxID: String, contactID: String
    /// The contact's newest conversation in this inbox: at most one.
    var isCurrent: Bool
    var state: StatusRules.State
    var priority: Priority
    var language: String?
    var isEncrypted: Bool
    var assignee: String?
    /// Who of the agents was made a member of the room by assignment.
    var joinedAgent: String?
    var declinedBy: String?
    var firstReplyMS: Int64?
    var lastMessage: Int64?
    var messageCount: Int64
    var contactReadAt: Int64?
    var contactReadEvent: String?
    var pageURL: String?, pageTitle: String?
    var activityAt: Int64
    var createdPosition: Int64
    var createdAt: Int64, updatedAt: Int64
    /// Only members of it are given the conversation.
    var team: String?
    /// Only who has all of them is given the conversation.
    var skills: [String] = []
    /// Who had it last, also when nobody has it now.
    var lastAgent: String?
    /// Colleagues who want to hear of it.
    var followers: [String] = []
    /// What was promised for it, while that is counted.
    var slaText: String?
    /// What it was like before it was found to be spam; nil: it is none.
    var spam: String? = nil
    /// The conversation that goes on instead of this one.
    var mergedInto: String? = nil
    /// Where the customer is answered, of the rooms that it has since a merge; nil: it has only its own.
    var talkRoom: String? = nil
    var sla: SLAClock? {
        get { slaText.flatMap(SLAClock.init(text:)) }
        set { slaText = newValue?.text }
    }
    /// What the customer said of it last; only `Surveys` writes it.
    var rating: String?

    var room: RoomID { RoomID(trusted: talkRoom ?? roomID) }
    var status: ConversationStatus { state.status }

    /// One number by which the queue is sorted: by priority, then who waits longest, then those who wait for nothing, the most
    /// recent first. Times have 41 bits.
    var queueKey: Int64 {
        let part = priority.rank << 52
        if let since = state.waitingSince { return part + since }
        return part + 1 << 50 + (1 << 45 - activityAt)
    }
    static func == (a: Conversation, b: Conversation) -> Bool { a.id == b.id && a.version == b.version && a.updatedAt == b.updatedAt }
    func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

extension Conversations {
    static let columns = written + ", followers"
    private static let written = """
        id, number, version, room_id, brand_id, inbox_id, contact_id, is_current, status, waiting_since, snoozed_until, resolved_at, priority, language, encrypted,
        assignee_id, joined_agent, declined_by, first_reply_ms, last_message_id, message_count, contact_read_at, contact_read_event, page_url, page_title,
        activity_at, created_position, created_at, updated_at, team_id, skills, last_agent, sla, spam, merged_into, talk_room, rating
        """
    static func conversation(_ row: Row) -> Conversation {
        Conversation(
            id: row.text(0), number: row.int(1), version: row.int(2), roomID: row.text(3), brandID: row.text(4), inboxID: row.text(5), contactID: row.text(6),
            isCurrent: row.bool(7),
            state: StatusRules.State(status: ConversationStatus(rawValue: row.text(8)) ?? .open, waitingSince: row.intOrNil(9), snoozedUntil: row.intOrNil(10), resolvedAt: row.intOrNil(11)),
            priority: Conversation.Priority(rawValue: row.text(12)) ?? .none, language: row.textOrNil(13), isEncrypted: row.bool(14), assignee: row.textOrNil(15),
            joinedAgent: row.textOrNil(16), declinedBy: row.textOrNil(17), firstReplyMS: row.intOrNil(18), lastMessage: row.intOrNil(19), messageCount: row.int(20),
            contactReadAt: row.intOrNil(21), contactReadEvent: row.textOrNil(22), pageURL: row.textOrNil(23), pageTitle: row.textOrNil(24),
            activityAt: row.int(25), createdPosition: row.int(26), createdAt: row.int(27), updatedAt: row.int(28),
            team: row.textOrNil(29), skills: TextList.decode(row.text(30)), lastAgent: row.textOrNil(31), followers: TextList.decode(row.text(37)), slaText: row.textOrNil(32), spam: row.textOrNil(33), mergedInto: row.textOrNil(34), talkRoom: row.textOrNil(35), rating: row.textOrNil(36))
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> Conversation? {
        try tx.first("SELECT \(columns) FROM desk_conversation WHERE id = ?", id, row: conversation)
    }
    static func load(_ tx: ReadTx, room: String) throws -> Conversation? {
        try tx.first("SELECT \(columns) FROM desk_conversation WHERE room_id = ?", room, row: conversation)
    }
    static func insert(_ unit: Unit, _ it: Conversation) throws {
        try unit.tx.run("""
            INSERT INTO desk_conversation(\(written), queue_key)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, array: [it.id, it.number, it.version, it.roomID, it.brandID, it.inboxID, it.contactID, it.isCurrent, it.state.status.rawValue, it.state.waitingSince,
                         it.state.snoozedUntil, it.state.resolvedAt, it.priority.rawValue, it.language, it.isEncrypted, it.assignee, it.joinedAgent, it.declinedBy,
                         it.firstReplyMS, it.lastMessage, it.messageCount, it.contactReadAt, it.contactReadEvent, it.pageURL, it.pageTitle, it.activityAt,
                         it.createdPosition, it.createdAt, it.updatedAt, it.team, TextList.encode(it.skills), it.lastAgent, it.slaText, it.spam, it.mergedInto, it.talkRoom, it.rating, it.queueKey] as [any Bindable])
    }
    /// Writes all that can change and tells the stream.
    static func save(_ unit: Unit, _ changed: Conversation, newVersion: Bool = true) throws -> Conversation {
        var it = changed
        if newVersion { it.version += 1 }
        it.updatedAt = unit.now
        let next = SLA.wind(unit, &it), shown = it.sla.flatMap(SLARules.shown)
        try unit.tx.run("""
            UPDATE desk_conversation SET version = ?, is_current = ?, status = ?, waiting_since = ?, snoozed_until = ?, resolved_at = ?, priority = ?, language = ?,
              encrypted = ?, assignee_id = ?, joined_agent = ?, declined_by = ?, first_reply_ms = ?, last_message_id = ?, message_count = ?, contact_read_at = ?,
              contact_read_event = ?, page_url = ?, page_title = ?, activity_at = ?, updated_at = ?, queue_key = ?,
              team_id = ?, skills = ?, last_agent = ?, sla = ?, sla_next_at = ?, sla_due_at = ?, sla_state = ?, spam = ?, merged_into = ?, talk_room = ? WHERE id = ?
            """, array: [it.version, it.isCurrent, it.state.status.rawValue, it.state.waitingSince, it.state.snoozedUntil, it.state.resolvedAt, it.priority.rawValue, it.language,
                         it.isEncrypted, it.assignee, it.joinedAgent, it.declinedBy, it.firstReplyMS, it.lastMessage, it.messageCount, it.contactReadAt,
                         it.contactReadEvent, it.pageURL, it.pageTitle, it.activityAt, it.updatedAt, it.queueKey,
                         it.team, TextList.encode(it.skills), it.lastAgent, it.slaText, next, shown?.due, shown?.state.rawValue, it.spam, it.mergedInto, it.talkRoom, it.id] as [any Bindable])
        try unit.tell(.conversationUpdated, conversation: it.id, inbox: it.inboxID)
        return it
    }
}

/// One entry of a conversation's timeline.
struct Item: Sendable, Hashable {
    enum Kind: String, Sendable { case message, note, system }
    /// The change position at which it was written: orders the timeline.
    var id: Int64
    var conversationID: String
    var kind: Kind
    var at: Int64
    var authorKind: String, authorID: String
    var eventID: String?, noteID: String?, key: String?
    /// Plain text, for previews.
    var body: String
    /// message: what `Item.message` says; note: mentions; system: type and data.
    var content: JSONObject
}

enum Items {
    static func add(_ unit: Unit, _ conversation: Conversation, kind: Item.Kind, author: Actor, authorKind: String? = nil, at: Int64? = nil, eventID: String? = nil,
                    noteID: String? = nil, key: String? = nil, body: String, content: JSONObject) throws -> Item {
        let item = Item(id: unit.tx.nextPosition(), conversationID: conversation.id, kind: kind, at: at ?? unit.now, authorKind: authorKind ?? author.kind, authorID: author.id,
                        eventID: eventID, noteID: noteID, key: key, body: body, content: content)
        try unit.tx.run("""
            INSERT INTO desk_item(id, conversation_id, kind, at, author_kind, author_id, event_id, note_id, key, body, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, item.id, item.conversationID, item.kind.rawValue, item.at, item.authorKind, item.authorID, item.eventID, item.noteID, item.key, item.body, item.content.columnText)
        let change: ChangeKind = switch kind {
        case .message: .messageCreated
        case .note: .noteCreated
        case .system: .systemCreated
        }
        try unit.log(item.id, change, conversation: conversation.id, inbox: conversation.inboxID, ref: String(item.id))
        return item
    }
    /// "Anna has taken the conversation." and the like.
    @discardableResult
    static func system(_ unit: Unit, _ conversation: Conversation, _ type: SystemText, data: JSONObject) throws -> Item {
        try add(unit, conversation, kind: .system, author: unit.actor, body: "", content: ["type": .string(type.wireType), "variant": .string(type.rawValue), "data": .object(data)])
    }

    static let columns = "id, conversation_id, kind, at, author_kind, author_id, event_id, note_id, key, body, content"
    static func item(_ row: Row) -> Item {
        Item(id: row.int(0), conversationID: row.text(1), kind: Item.Kind(rawValue: row.text(2)) ?? .system, at: row.int(3), authorKind: row.text(4), authorID: row.text(5),
             eventID: row.textOrNil(6), noteID: row.textOrNil(7), key: row.textOrNil(8), body: row.text(9), content: JSONObject(column: row.text(10)))
    }
    static func load(_ tx: ReadTx, _ id: Int64) throws -> Item? { try tx.first("SELECT \(columns) FROM desk_item WHERE id = ?", id, row: item) }
    static func load(_ tx: ReadTx, event: String) throws -> Item? { try tx.first("SELECT \(columns) FROM desk_item WHERE event_id = ?", event, row: item) }
    static func load(_ tx: ReadTx, note: String) throws -> Item? { try tx.first("SELECT \(columns) FROM desk_item WHERE note_id = ?", note, row: item) }
}

/// The sentences of system items, built when they are read, in the reader's language.
enum SystemText: String, Sendable, CaseIterable {
    case created, taken, takenOver, assigned, assignedAutomatically, requeued, requeuedOffline, opened, reopened, pending, snoozed, woken, resolved
    case priority, tags, contact, language, team, noTeam, skills, overflowed, escalated, slaWarning, slaBreached, ruled, spam, notSpam, merged, unmerged, rated, ratingChanged

    var wireType: String {
        switch self {
        case .created: "created"
        case .taken, .takenOver, .assigned, .assignedAutomatically: "assigned"
        case .requeued, .requeuedOffline: "unassigned"
        case .opened, .reopened, .pending, .snoozed, .woken, .resolved, .spam, .notSpam: "status"
        case .merged, .unmerged: "merge"
        case .priority: "priority"
        case .tags: "tags"
        case .contact: "contact"
        case .language: "language"
        case .team, .noTeam, .overflowed: "team"
        case .escalated: "priority"
        case .slaWarning, .slaBreached: "sla"
        case .skills: "skills"
        case .ruled: "rule"
        case .rated, .ratingChanged: "rating"
        }
    }
    /// `by`, `to`, `from`: names of people; `value`: what was set.
    func phrase(by: String, to: String, from: String, value: String) -> Phrase {
        switch self {
        case .created: Phrase(en: "Conversation opened.", fr: "Conversation ouverte.")
        case .taken: Phrase(en: "\(to) took the conversation.", fr: "\(to) a pris la conversation.")
        case .takenOver: Phrase(en: "\(to) took the conversation over from \(from).", fr: "\(to) a repris la conversation de \(from).")
        case .assigned: Phrase(en: "\(by) assigned the conversation to \(to).", fr: "\(by) a confié la conversation à \(to).")
        case .assignedAutomatically: Phrase(en: "Assigned to \(to).", fr: "Attribuée à \(to).")
        case .requeued: Phrase(en: "\(by) put the conversation back into the queue.", fr: "\(by) a remis la conversation dans la file.")
        case .requeuedOffline: Phrase(en: "\(from) is not available: back into the queue.", fr: "\(from) n’est pas disponible : retour dans la file.")
        case .opened: Phrase(en: "\(by) opened the conversation.", fr: "\(by) a ouvert la conversation.")
        case .reopened: Phrase(en: "The customer wrote again: the conversation is open.", fr: "Le client a réécrit : la conversation est rouverte.")
        case .pending: Phrase(en: "\(by) is waiting for the customer.", fr: "\(by) attend une réponse du client.")
        case .snoozed: Phrase(en: "\(by) snoozed the conversation.", fr: "\(by) a mis la conversation en veille.")
        case .woken: Phrase(en: "The snooze is over.", fr: "La veille est terminée.")
        case .resolved: Phrase(en: "\(by) resolved the conversation.", fr: "\(by) a résolu la conversation.")
        case .merged: Phrase(en: "\(by) merged \(value) into this conversation.", fr: "\(by) a fusionné \(value) avec cette conversation.")
        case .unmerged: Phrase(en: "\(by) took \(value) out again.", fr: "\(by) a ressorti \(value).")
        case .spam: Phrase(en: "\(by) moved the conversation to spam.", fr: "\(by) a placé la conversation dans les indésirables.")
        case .notSpam: Phrase(en: "\(by) took the conversation out of spam.", fr: "\(by) a retiré la conversation des indésirables.")
        case .priority: Phrase(en: "\(by) set the priority to \(Self.priorities[value]?.en ?? value).", fr: "\(by) a changé la priorité : \(Self.priorities[value]?.fr ?? value).")
        case .tags: value.isEmpty ? Phrase(en: "\(by) removed the tags.", fr: "\(by) a retiré les étiquettes.")
            : Phrase(en: "\(by) set the tags: \(value).", fr: "\(by) a mis les étiquettes : \(value).")
        case .contact: Phrase(en: "The customer gave a name or an e-mail address.", fr: "Le client a donné un nom ou une adresse e-mail.")
        case .language: Phrase(en: "\(by) set the language to \(value).", fr: "\(by) a changé la langue : \(value).")
        case .team: Phrase(en: "\(by) handed the conversation to the team \(value).", fr: "\(by) a confié la conversation à l’équipe \(value).")
        case .noTeam: Phrase(en: "\(by) took the conversation out of its team.", fr: "\(by) a retiré la conversation de son équipe.")
        case .overflowed: Phrase(en: "Nobody was free in time: handed to the team \(value).", fr: "Personne n’a pu répondre à temps : confiée à l’équipe \(value).")
        case .escalated: Phrase(en: "Waiting too long: the priority is urgent now.", fr: "Attente trop longue : la priorité passe à urgente.")
        case .rated: Phrase(en: "\(by) rated the conversation: \(value).", fr: "\(by) a noté la conversation : \(value).")
        case .ratingChanged: Phrase(en: "\(by) changed the rating: \(value).", fr: "\(by) a changé sa note : \(value).")
        case .slaWarning: switch value {
            case "first_response": Phrase(en: "The first reply is due soon.", fr: "La première réponse est attendue bientôt.")
            case "next_response": Phrase(en: "The next reply is due soon.", fr: "La prochaine réponse est attendue bientôt.")
            default: Phrase(en: "The resolution is due soon.", fr: "La résolution est attendue bientôt.")
            }
        case .slaBreached: switch value {
            case "first_response": Phrase(en: "The first reply is overdue.", fr: "La première réponse est en retard.")
            case "next_response": Phrase(en: "The next reply is overdue.", fr: "La prochaine réponse est en retard.")
            default: Phrase(en: "The resolution is overdue.", fr: "La résolution est en retard.")
            }
        case .ruled: Phrase(en: "Rule “\(value)”.", fr: "Règle « \(value) ».")
        case .skills: value.isEmpty ? Phrase(en: "\(by) removed the skills that were needed.", fr: "\(by) a retiré les compétences requises.")
            : Phrase(en: "\(by) set the skills needed: \(value).", fr: "\(by) a fixé les compétences requises : \(value).")
        }
    }
    static let priorities: [String: Phrase] = [
        "none": Phrase(en: "none", fr: "aucune"), "low": Phrase(en: "low", fr: "basse"), "normal": Phrase(en: "normal", fr: "normale"),
        "high": Phrase(en: "high", fr: "haute"), "urgent": Phrase(en: "urgent", fr: "urgente"),
    ]
    /// Who did it when nobody in person did.
    static let desk = Phrase(en: "The desk", fr: "Le comptoir")
}
