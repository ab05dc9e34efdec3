import MatrixCore
import ServerKit
import Store

/// Several things done to a conversation at once: by an agent to many, by a macro, by a rule; each with the rules that it has by itself.
struct Deeds: Sendable, Hashable {
    /// An agent; `.to(nil)` is the queue.
    var assign = Assignment.keep
    /// `.to(nil)` is no team.
    var team = Assignment.keep
    var status: ConversationStatus?, until: Int64?
    var priority: Conversation.Priority?
    var spam: Bool?
    var addTags: [String] = [], removeTags: [String] = []
    /// Of macros and rules: a snooze from then on, and texts with variables. The customer gets the reply, colleagues the note.
    var snoozeMinutes: Int64?, reply: String?, note: String?, mentions: [String] = []

    enum Assignment: Sendable, Hashable {
        case keep, to(String?)
        var id: String? { if case .to(let id) = self { id } else { nil } }
    }
    /// In `assign`: whoever does it. In `mentions`: whoever has it.
    static let me = "me", assignee = "assignee"

    var isEmpty: Bool { self == Deeds() }

    init() {}
    /// What can be done to many.
    init(_ fields: inout Fields) {
        self.init(common: &fields)
        until = fields.int("until", 0...Int64.max)
        spam = fields.bool("spam")
        if status == .snoozed, until == nil, fields.errors.isEmpty { fields.refuse("until", en: "Say until when to snooze.", fr: "Indiquez jusqu’à quand mettre en veille.") }
    }
    private init(common fields: inout Fields) {
        if fields.has("assign") { assign = .to(fields.text("assign", max: 255)) }
        if fields.has("team") { team = .to(fields.text("team", max: 40)) }
        status = fields.choice("status")
        priority = fields.choice("priority")
        addTags = (fields.strings("add_tags", max: 20, each: Tags.longest) ?? []).map(Tags.normalised)
        removeTags = (fields.strings("remove_tags", max: 20, each: Tags.longest) ?? []).map(Tags.normalised)
    }
    /// What a macro or a rule can do. `needsFallback`: nobody is there to see that a variable is missing.
    init(steps fields: inout Fields, needsFallback: Bool) {
        self.init(common: &fields)
        snoozeMinutes = fields.int("snooze_minutes", 1...525_600)
        reply = fields.text("reply", max: CannedReplies.longest, lines: true)
        note = fields.text("note", max: CannedReplies.longest, lines: true)
        mentions = fields.strings("mentions", max: 20, each: 255) ?? []
        CannedReplies.check(template: reply, &fields, key: "reply", needsFallback: needsFallback)
        CannedReplies.check(template: note, &fields, key: "note", needsFallback: needsFallback)
        if status == .snoozed, snoozeMinutes == nil, fields.errors.isEmpty { fields.refuse("snooze_minutes", en: "Say for how long to snooze.", fr: "Indiquez la durée de la mise en veille.") }
        if !mentions.isEmpty, note == nil, fields.errors.isEmpty { fields.refuse("note", en: "A mention needs a note.", fr: "Une mention demande une note.") }
    }
    /// From a column that this server wrote itself.
    init(column: JSONObject) {
        var fields = Fields(column)
        self.init(steps: &fields, needsFallback: false)
    }
    var json: JSONObject {
        var out: JSONObject = ["status": .of(status?.rawValue), "snooze_minutes": .of(snoozeMinutes), "priority": .of(priority?.rawValue), "add_tags": .of(addTags), "remove_tags": .of(removeTags),
                               "reply": .of(reply), "note": .of(note), "mentions": .of(mentions)]
        if case .to(let agent) = assign { out["assign"] = .of(agent) }
        if case .to(let id) = team { out["team"] = .of(id) }
        return out
    }
    /// Colleagues who are named.
    var people: [String] { ([assign.id].compactMap(\.self) + mentions).filter { $0 != Self.me && $0 != Self.assignee } }

    /// The routing that may follow is the caller's: once, when all is done. `key`: of what is written.
    func apply(_ unit: Unit, _ conversation: Conversation, by me: Agent, key: String = "", values: () throws -> [CannedTemplate.Variable: String] = { [:] }) throws -> Conversation {
        var it = conversation
        if let spam { it = spam ? try Spam.mark(unit, it, why: "marked") : try Spam.unmark(unit, it) }
        if !addTags.isEmpty || !removeTags.isEmpty {
            let now = try unit.tx.all("SELECT tag FROM desk_conversation_tag WHERE conversation_id = ?", it.id) { $0.text(0) }
            let next = Set(now).subtracting(removeTags).union(addTags).sorted()
            guard next.count <= 20 else { throw DeskError.invalid("add_tags", en: "A conversation has at most 20 tags.", fr: "Une conversation a au plus 20 étiquettes.") }
            it = try Conversations.setTags(unit, it, next)
        }
        if let priority { it = try Conversations.setPriority(unit, it, priority) }
        // A reply takes what is nobody's: given to somebody else it is given first, given back it is answered first.
        if case .to(let agent?) = assign { it = try Conversations.assign(unit, it, to: agent == Self.me ? me.id : agent, by: me) }
        if let reply {
            let text = try Self.filled(reply, try values(), "reply")
            _ = try Conversations.send(unit, it, Conversations.Outgoing(key: key, content: ["msgtype": "m.text", "body": .string(text)]), by: me.id)
            it = try Conversations.load(unit.tx, it.id) ?? it
        }
        if let note {
            let people = try Set(mentions.compactMap { $0 == Self.assignee ? it.assignee : $0 }).sorted().filter { try Agents.load(unit.tx, $0)?.sees(inbox: it.inboxID) == true }
            _ = try Notes.add(unit, it, body: try Self.filled(note, try values(), "note"), mentions: people, key: key, author: unit.actor)
        }
        if case .to(let id) = team { it = try Teams.hand(unit, it, to: try id.map { try Teams.check(unit.tx, $0, serves: conversation.inboxID) }) }
        if case .to(nil) = assign { it = try Conversations.assign(unit, it, to: nil, by: me) }
        if let status { it = try Conversations.setStatus(unit, it, status, until: status == .snoozed ? until ?? snoozeMinutes.map { unit.now + $0 * 60_000 } : nil) }
        return it
    }
    /// What is missing is told, never guessed.
    static func filled(_ template: String, _ values: [CannedTemplate.Variable: String], _ field: String) throws -> String {
        let (text, missing) = try CannedTemplate(template).render(values)
        guard missing.isEmpty else {
            let names = missing.map(\.rawValue).joined(separator: ", ")
            throw DeskError.invalid(field, en: "Unknown here: \(names). A default helps: {{\(missing[0].rawValue)|…}}.", fr: "Inconnu ici : \(names). Une valeur par défaut aide : {{\(missing[0].rawValue)|…}}.")
        }
        return text
    }
}
