import MatrixCore
import ServerKit
import Store

/// What agents write to each other beside a conversation.
///
/// Invariant: a note lives in the desk's tables only; no part of it ever goes into a room.
enum Notes {
    static let longest = 8000

    static func add(_ unit: Unit, _ conversation: Conversation, body: String, mentions: [String], key: String?, by agent: String) throws -> Item {
        try add(unit, conversation, body: body, mentions: mentions, key: key, author: .agent(agent))
    }
    static func add(_ unit: Unit, _ conversation: Conversation, body: String, mentions: [String], key: String?, author: Actor) throws -> Item {
        let note = unit.newID("nt")
        let item = try Items.add(unit, conversation, kind: .note, author: author, noteID: note, key: key, body: body, content: ["mentions": .of(mentions)])
        for mention in mentions where mention != author.id {
            try unit.tx.run("INSERT INTO desk_mention(agent_id, item_id, conversation_id, is_read) VALUES (?, ?, ?, 0)", mention, item.id, conversation.id)
        }
        if !mentions.isEmpty { try unit.tell(.conversationUpdated, conversation: conversation.id, inbox: conversation.inboxID) }
        return item
    }

    static let routes: [DeskRoute] = [
        DeskRoute(.post, "/conversations/{id}/notes", .conversationsWrite, limit: .message) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let key = fields.key("key"), body = fields.text("body", max: longest, required: true, lines: true)
            let mentions = fields.strings("mentions", max: 50, each: 255) ?? []
            try fields.check()
            let text = try Fields.must(body, "body"), idempotency = try Fields.must(key, "key")
            let owner = "n:" + call.me.id + ":" + id, digest = Idempotency.digest([.of(body), .of(mentions)])
            let (item, isNew) = try await call.write { unit in
                let reader = call.reader(unit), it = try reader.visible(id)
                if let answer = try Idempotency.answer(unit.tx, owner: owner, key: idempotency, digest: digest) {
                    guard let item = try answer["item"]?.intValue.flatMap({ try Items.load(unit.tx, $0) }) else { throw DeskError.keyReused }
                    return (try reader.item(item), false)
                }
                for mention in mentions {
                    guard try Agents.load(unit.tx, mention)?.sees(inbox: it.inboxID) == true else {
                        throw DeskError.invalid("mentions", en: "“\(mention)” is no agent who sees this conversation.", fr: "« \(mention) » n’est pas un agent qui voit cette conversation.")
                    }
                }
                let item = try add(unit, it, body: text, mentions: mentions, key: key, by: call.me.id)
                try Idempotency.keep(unit, owner: owner, key: idempotency, digest: digest, answer: ["item": .int(item.id)])
                return (try reader.item(item), true)
            }
            return .json(item, status: isNew ? 201 : 200)
        },
        DeskRoute(.delete, "/conversations/{id}/notes/{note}", .conversationsWrite) { call in
            let id = try call.param("id"), note = try call.param("note")
            try await call.write { unit in
                let it = try call.reader(unit).visible(id)
                guard let item = try Items.load(unit.tx, note: note), item.conversationID == id else { throw DeskError.notFound }
                guard item.authorID == call.me.id || call.me.role.may(.notesModerate) else { throw DeskError.forbidden }
                if item.authorID != call.me.id { try Audit.add(unit, by: call.me, "conversations.notes.delete", target: id, name: "#\(it.number)", ["author": .string(item.authorID)]) }
                try unit.tx.run("DELETE FROM desk_mention WHERE item_id = ?", item.id)
                try unit.tx.run("DELETE FROM desk_item WHERE id = ?", item.id)
                try unit.tx.run("DELETE FROM desk_change WHERE position = ?", item.id)
                try DeskIndex.forget(unit, item, of: it)
                try unit.tell(.noteDeleted, conversation: id, inbox: it.inboxID, ref: note)
                try unit.tell(.conversationUpdated, conversation: id, inbox: it.inboxID)
            }
            return .noContent
        },
        DeskRoute(.get, "/mentions", .conversationsRead) { call in
            let limit = try call.limit(), cursor = try Cursor.of(call), unreadOnly = call.request.query["unread"] == "true"
            return try await call.read { reader in
                let rows = try reader.tx.all("""
                    SELECT item_id, conversation_id, is_read FROM desk_mention WHERE agent_id = ? AND item_id < ?\(unreadOnly ? " AND is_read = 0" : "") ORDER BY item_id DESC LIMIT ?
                    """, call.me.id, cursor?.key ?? .max, limit + 1) { ($0.int(0), $0.text(1), $0.bool(2)) }
                let items: [JSON] = try rows.prefix(limit).compactMap { id, conversation, isRead in
                    guard let item = try Items.load(reader.tx, id), let it = try reader.conversation(conversation) else { return nil }
                    return ["note": try reader.item(item), "conversation": it, "read": .bool(isRead)]
                }
                return .page(items, next: rows.count > limit ? Cursor(key: rows[limit - 1].0, number: 0).text : nil)
            }
        },
    ]
}
