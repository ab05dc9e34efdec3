import MatrixCore
import ServerKit
import Store

/// All that the desk holds about one customer, in one file: for the customer who asks for it, by an administrator.
///
/// Invariants: taking it away is itself in the audit log; it holds nothing of conversations that the caller may not see, and no notes that agents wrote to each other
/// in conversations, which are about the work and not the customer's words; notes about the customer are in it.
enum ContactExport {
    /// More than these are told to be missing.
    static let mostConversations = 2000, mostItems = 20_000

    static func json(_ reader: Reader, _ contact: Contact) throws -> JSON {
        let tx = reader.tx, mine = reader.viewer.rows(inbox: "inbox_id"), first: [any Bindable] = [contact.id]
        var conversations: [JSON] = [], left = mostItems, isWhole = true
        let ids = try tx.all("SELECT id FROM desk_conversation WHERE contact_id = ? AND \(mine.sql) ORDER BY number LIMIT ?", array: first + mine.binds + [mostConversations + 1]) { $0.text(0) }
        for id in ids.prefix(mostConversations) {
            guard let row = try Conversations.load(tx, id) else { continue }
            let items = try tx.all("SELECT \(Items.columns) FROM desk_item WHERE conversation_id = ? AND kind <> 'note' ORDER BY id LIMIT ?", id, left + 1, row: Items.item)
            if items.count > left { isWhole = false }
            conversations.append(["conversation": try reader.conversation(row), "items": .array(try items.prefix(left).map { try reader.item($0) })])
            left -= min(left, items.count)
        }
        var entries: [JSON] = [], before = Int64.max
        while true {
            let (page, next) = try ContactLog.timeline(reader, contact.id, .ledger, before: before, limit: 500)
            entries += page
            guard let next else { break }
            before = next
        }
        return ["contact": try reader.contact(contact), "identities": .array(try Identities.json(reader, contact)), "consents": try Consents.ledger(reader, contact.id)["history"] ?? [],
                "ledger": .array(entries), "conversations": .array(conversations), "complete": .bool(isWhole && ids.count <= mostConversations), "exported_at": .int(reader.c.clock.now)]
    }

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/contacts/{id}/export", .contactsExport, limit: .search) { call in
            let id = try call.param("id")
            let (json, contact) = try await call.read { reader in
                let contact = try Contacts.visible(try Contacts.load(reader.tx, id), reader)
                return (try Self.json(reader, contact), contact)
            }
            try await call.plainWrite { try Audit.add($0, by: call.me, "contacts.export.create", target: contact.id, name: contact.name) }
            var response = Response.json(json)
            response.headers.set("Content-Disposition", "attachment; filename=\"customer-\(contact.number).json\"")
            response.headers.set("Cache-Control", "no-store")
            return response
        },
    ]
}
