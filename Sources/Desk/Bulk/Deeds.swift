import MatrixCore
import ServerKit
import Store

/// Several things done to a conversation at once, by an agent: each with the rules that it has by itself.
struct Deeds: Sendable, Hashable {
    /// An agent; `.set(nil)` is the queue.
    var assign = Assignment.keep
    var status: ConversationStatus?, until: Int64?
    var priority: Conversation.Priority?
    var spam: Bool?
    /// A team; `.to(nil)` is every member of the inbox.
    var team = Assignment.keep
    var addTags: [String] = [], removeTags: [String] = []

    enum Assignment: Sendable, Hashable { case keep, to(String?) }
    /// In `assign`: whoever does it.
    static let me = "me"

    var isEmpty: Bool { self == Deeds() }

    init() {}
    init(_ fields: inout Fields) {
        if fields.has("assign") { assign = .to(fields.text("assign", max: 255)) }
        if fields.has("team") { team = .to(fields.text("team", max: 40)) }
        status = fields.choice("status")
        until = fields.int("until", 0...Int64.max)
        priority = fields.choice("priority")
        spam = fields.bool("spam")
        addTags = (fields.strings("add_tags", max: 20, each: Tags.longest) ?? []).map(Tags.normalised)
        removeTags = (fields.strings("remove_tags", max: 20, each: Tags.longest) ?? []).map(Tags.normalised)
        if status == .snoozed, until == nil, fields.errors.isEmpty { fields.refuse("until", en: "Say until when to snooze.", fr: "Indiquez jusqu’à quand mettre en veille.") }
    }

    /// The routing that may follow is the caller's: once, when all is done.
    func apply(_ unit: Unit, _ conversation: Conversation, by me: Agent) throws -> Conversation {
        var it = conversation
        if let spam { it = spam ? try Spam.mark(unit, it, why: "marked") : try Spam.unmark(unit, it) }
        if !addTags.isEmpty || !removeTags.isEmpty {
            let now = try unit.tx.all("SELECT tag FROM desk_conversation_tag WHERE conversation_id = ?", it.id) { $0.text(0) }
            let next = Set(now).subtracting(removeTags).union(addTags).sorted()
            guard next.count <= 20 else { throw DeskError.invalid("add_tags", en: "A conversation has at most 20 tags.", fr: "Une conversation a au plus 20 étiquettes.") }
            it = try Conversations.setTags(unit, it, next)
        }
        if case .to(let id) = team { it = try Teams.hand(unit, it, to: id.map { try Teams.check(unit.tx, $0, serves: it.inboxID) }) }
        if let priority { it = try Conversations.setPriority(unit, it, priority) }
        if case .to(let agent) = assign { it = try Conversations.assign(unit, it, to: agent == Self.me ? me.id : agent, by: me) }
        if let status { it = try Conversations.setStatus(unit, it, status, until: until) }
        return it
    }
}
