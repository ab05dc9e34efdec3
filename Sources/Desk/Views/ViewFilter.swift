import MatrixCore
import ServerKit
import Store

/// What a saved view asks for. A list that is empty, or a value that is not there, asks for nothing.
struct ViewFilter: Sendable, Hashable {
    enum TagRule: String, Sendable, CaseIterable { case any, all }
    /// Whoever looks, and nobody; anything else in `assignees` is an agent's id.
    static let me = "me", nobody = "nobody"

    var statuses: [ConversationStatus] = []
    /// `nobody`: in the hands of no team.
    var teams: [String] = []
    var inboxes: [String] = [], assignees: [String] = [], tags: [String] = []
    var tagRule = TagRule.any
    var priorities: [Conversation.Priority] = []
    var languages: [String] = []
    var text: String?
    /// The customer waits at least so long.
    var waitingMinutes: Int64?
    /// When the conversation was opened: from this moment on, and before that one.
    var createdFrom: Int64?, createdBefore: Int64?
    /// What is asked of the customer.
    var companies: [String] = [], attributes: [AttributeTest] = []

    var isTimed: Bool { waitingMinutes != nil }

    /// The conditions in SQL. Whether the viewer may see what fits is not said here.
    func add(to filter: inout Conversations.Filter, viewer: Agent, now: Int64) {
        func among(_ column: String, _ values: [String]) {
            guard !values.isEmpty else { return }
            filter.add("\(column) IN (\(Placeholders.list(values.count)))", array: values)
        }
        filter.add("c.spam IS NULL")
        among("c.status", statuses.map(\.rawValue))
        among("c.inbox_id", inboxes)
        among("c.priority", priorities.map(\.rawValue))
        among("c.language", languages)
        if !assignees.isEmpty {
            let people = Set(assignees.filter { $0 != Self.nobody }.map { $0 == Self.me ? viewer.id : $0 }).sorted()
            var parts: [String] = []
            if assignees.contains(Self.nobody) { parts.append("c.assignee_id IS NULL") }
            if !people.isEmpty { parts.append("c.assignee_id IN (\(Placeholders.list(people.count)))") }
            filter.add("(" + parts.joined(separator: " OR ") + ")", array: people)
        }
        switch tagRule {
        case _ where tags.isEmpty: break
        case .any: filter.add("EXISTS (SELECT 1 FROM desk_conversation_tag t WHERE t.conversation_id = c.id AND t.tag IN (\(Placeholders.list(tags.count))))", array: tags)
        case .all: for tag in tags { filter.add("EXISTS (SELECT 1 FROM desk_conversation_tag t WHERE t.conversation_id = c.id AND t.tag = ?)", tag) }
        }
        for (term, _) in SearchText.terms(text ?? "") {
            filter.add("EXISTS (SELECT 1 FROM desk_posting p WHERE p.term = ? AND p.conversation = c.number)", term)
        }
        if !teams.isEmpty {
            let some = teams.filter { $0 != Self.nobody }
            var parts = some.isEmpty ? [] : ["c.team_id IN (\(Placeholders.list(some.count)))"]
            if teams.contains(Self.nobody) { parts.append("c.team_id IS NULL") }
            filter.add("(" + parts.joined(separator: " OR ") + ")", array: some)
        }
        if !companies.isEmpty {
            filter.add("EXISTS (SELECT 1 FROM desk_contact vk WHERE vk.id = c.contact_id AND vk.company_id IN (\(Placeholders.list(companies.count))))", array: companies)
        }
        for test in attributes {
            let one = test.condition("c.contact_id")
            filter.add(one.sql, array: one.binds)
        }
        if let waitingMinutes { filter.add("c.waiting_since <= ?", now - waitingMinutes * 60_000) }
        if let createdFrom { filter.add("c.created_at >= ?", createdFrom) }
        if let createdBefore { filter.add("c.created_at < ?", createdBefore) }
    }

    // MARK: on the wire and in the column

    var json: JSONObject {
        ["statuses": .of(statuses.map(\.rawValue)), "inboxes": .of(inboxes), "assignees": .of(assignees), "tags": .of(tags), "tags_rule": .string(tagRule.rawValue),
         "priorities": .of(priorities.map(\.rawValue)), "languages": .of(languages), "text": .of(text), "waiting_minutes": .of(waitingMinutes),
         "created_from": .of(createdFrom), "created_before": .of(createdBefore), "teams": .of(teams), "companies": .of(companies), "attributes": .array(attributes.map(\.json))]
    }
    init() {}
    /// From a request: what is wrong is told by `fields`.
    init(_ fields: inout Fields) {
        statuses = fields.choices("statuses")
        inboxes = fields.strings("inboxes", max: 100, each: 40) ?? []
        assignees = fields.strings("assignees", max: 100, each: 255) ?? []
        tags = (fields.strings("tags", max: 20, each: Tags.longest) ?? []).map(Tags.normalised)
        tagRule = fields.choice("tags_rule") ?? .any
        priorities = fields.choices("priorities")
        languages = fields.languages("languages") ?? []
        text = fields.text("text", max: 200)
        waitingMinutes = fields.int("waiting_minutes", 1...525_600)
        createdFrom = fields.int("created_from", 0...(1 << 45))
        createdBefore = fields.int("created_before", 0...(1 << 45))
        teams = fields.strings("teams", max: 100, each: 40) ?? []
        companies = fields.strings("companies", max: 100, each: 60) ?? []
        attributes = AttributeTest.list(&fields, "attributes")
        if let createdFrom, let createdBefore, createdBefore <= createdFrom {
            fields.refuse("created_before", en: "The end is before the beginning.", fr: "La fin est avant le début.")
        }
    }
    /// From a column that this server wrote itself; damage reads as a filter that asks for less.
    init(column: String) {
        var fields = Fields(JSONObject(column: column))
        self.init(&fields)
    }
}

extension Fields {
    /// A list of values of a kind; each once.
    mutating func choices<T: RawRepresentable<String> & CaseIterable>(_ key: String, _ type: T.Type = T.self) -> [T] {
        guard let texts = strings(key, max: 50, each: 40) else { return [] }
        var found: [T] = []
        for text in texts {
            guard let value = T(rawValue: text) else {
                let all = T.allCases.map(\.rawValue).joined(separator: ", ")
                refuse(key, en: "Each must be one of: \(all).", fr: "Chacun doit valoir : \(all).")
                return []
            }
            found.append(value)
        }
        return found
    }
}
