import MatrixCore
import ServerKit
import Store

/// Search over everything that an agent may see: contacts, and conversations with the messages and notes that have the words.
enum DeskSearch {
    static let hitsShown = 3, contactsShown = 5

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/search", .conversationsRead, limit: .search) { call in
            let q = try call.text(query: "q"), limit = try call.limit(default: 20, max: 50), cursor = try Cursor.of(call)
            let within = try call.choice(query: "in", default: Finder.Within.all)
            var filter = ViewFilter()
            if let status = try call.text(query: "status") {
                guard let status = ConversationStatus(rawValue: status) else { throw DeskError.invalid("status", en: "There is no such status.", fr: "Cet état n’existe pas.") }
                filter.statuses = [status]
            }
            if let priority = try call.text(query: "priority") {
                guard let priority = Conversation.Priority(rawValue: priority) else { throw DeskError.invalid("priority", en: "There is no such priority.", fr: "Cette priorité n’existe pas.") }
                filter.priorities = [priority]
            }
            filter.inboxes = [try call.text(query: "inbox")].compactMap(\.self)
            filter.assignees = [try call.text(query: "assignee", max: 255)].compactMap(\.self)
            filter.tags = [try call.text(query: "tag")].compactMap(\.self).map(Tags.normalised)
            filter.languages = [try call.text(query: "language")].compactMap(\.self)
            filter.createdFrom = try call.position(query: "from")
            filter.createdBefore = try call.position(query: "to")
            let wanted = filter
            guard let q else { return .json(["contacts": [], "results": [], "next_cursor": .null, "complete": true]) }
            // The rest of an old database is indexed meanwhile; nobody waits for that.
            let isComplete = try await call.live.index.catchUp(call.c, steps: 20)
            return .json(try await call.read { reader in
                let tx = reader.tx, finder = try Finder(tx, q, within: within)
                let condition = Views.condition(reader, wanted)
                var (numbers, next) = try finder.conversations(tx, condition, before: cursor?.number ?? .max, limit: limit)
                if cursor == nil, let number = number(q) {
                    var one = condition
                    one.add("c.number = ?", number)
                    if try tx.exists("SELECT 1 FROM desk_conversation c WHERE \(one.sql)", array: one.binds) { numbers = [number] + numbers.filter { $0 != number } }
                }
                let results: [JSON] = try numbers.compactMap { number in
                    guard let it = try tx.first("SELECT \(Conversations.columns) FROM desk_conversation WHERE number = ?", number, row: Conversations.conversation) else { return nil }
                    let (items, isContact) = try finder.hits(tx, conversation: number, most: hitsShown)
                    let hits: [JSON] = try items.compactMap { id in
                        guard let item = try Items.load(tx, id) else { return nil }
                        return ["id": .string(String(id)), "kind": .string(item.kind.rawValue), "at": .int(item.at), "author": try reader.author(item),
                                "pieces": .array(finder.pieces(item.body).map { ["text": .string($0.text), "found": .bool($0.isFound)] })]
                    }
                    return ["conversation": try reader.conversation(it), "by_contact": .bool(isContact), "hits": .array(hits)]
                }
                var contacts: [JSON] = []
                if cursor == nil, within == .all, wanted == ViewFilter() {
                    for number in try finder.contacts(tx, limit: 50) where contacts.count < contactsShown {
                        guard let id = try tx.first("SELECT id FROM desk_contact WHERE number = ?", number, row: { $0.text(0) }),
                              try Contacts.isVisible(tx, id, to: reader.viewer), let contact = try Contacts.load(tx, id) else { continue }
                        contacts.append(try reader.contact(contact))
                    }
                }
                return ["contacts": .array(contacts), "results": .array(results), "next_cursor": .of(next.map { Cursor(key: 0, number: $0).text }), "complete": .bool(isComplete)]
            })
        },
    ]

    /// `#1042`, or a number by itself.
    static func number(_ q: String) -> Int64? {
        guard q.hasPrefix("#") || q.count < 9 else { return nil }
        return Int64(q.hasPrefix("#") ? q.dropFirst() : q[...])
    }
}
