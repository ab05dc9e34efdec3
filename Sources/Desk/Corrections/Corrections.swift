import MatrixCore
import ServerKit
import Store

/// An agent corrects or deletes what he has written to a customer.
///
/// Invariants: only one's own messages, and of those that are corrected only texts; the room says it too, so that each of the customer's apps shows it; whoever is not in
/// the room is not in it afterwards either.
enum Corrections {
    static let routes: [DeskRoute] = [
        DeskRoute(.patch, "/conversations/{id}/messages/{event}", .conversationsWrite, limit: .message) { call in
            let id = try call.param("id"), event = try call.param("event")
            var fields = try call.fields()
            let body = fields.text("body", max: Conversations.longestMessage, required: true, lines: true)
            try fields.check()
            let text = try Fields.must(body, "body")
            return .json(try await call.write { unit in
                let it = try call.reader(unit).visible(id), item = try own(unit.tx, event, of: it, by: call.me)
                guard item.content["type"] == "text" else { throw DeskError.invalid("body", en: "Only texts can be corrected.", fr: "Seuls les textes se corrigent.") }
                guard item.body != text else { return try call.reader(unit).item(item) }
                let user = UserID(trusted: call.me.id), room = try room(unit.tx, of: item)
                let wasThere = try unit.c.ports.timelines.membership(unit.tx, room: room, user: user) == "join"
                try Conversations.ensureMember(unit, room, call.me.id)
                _ = try unit.c.ports.rooms.append(unit.c, unit.tx, NewEvent(room: room, sender: user, type: "m.room.message", content: [
                    "msgtype": "m.text", "body": .string("* " + text), "m.new_content": ["msgtype": "m.text", "body": .string(text)],
                    "m.relates_to": ["rel_type": "m.replace", "event_id": .string(event)]], timestamp: unit.eventTime))
                if !wasThere { try Conversations.leave(unit, room, call.me.id) }
                return try call.reader(unit).item(try Items.load(unit.tx, item.id) ?? item)
            })
        },
        DeskRoute(.delete, "/conversations/{id}/messages/{event}", .conversationsWrite, limit: .message) { call in
            let id = try call.param("id"), event = try call.param("event")
            try await call.write { unit in
                let it = try call.reader(unit).visible(id), item = try own(unit.tx, event, of: it, by: call.me)
                _ = try unit.c.ports.rooms.redact(unit.c, unit.tx, room: try room(unit.tx, of: item), event: EventID(trusted: event), by: Desk.bot(unit.c), reason: nil)
            }
            return .noContent
        },
    ]

    /// Where it was written: after a merge a conversation is talked in several rooms.
    private static func room(_ tx: ReadTx, of item: Item) throws -> RoomID {
        let room = try tx.first("SELECT c.room_id FROM desk_item i JOIN desk_conversation c ON c.id = COALESCE(i.origin, i.conversation_id) WHERE i.id = ?", item.id) { RoomID(trusted: $0.text(0)) }
        guard let room else { throw DeskError.notFound }
        return room
    }

    private static func own(_ tx: ReadTx, _ event: String, of it: Conversation, by me: Agent) throws -> Item {
        guard let item = try Items.load(tx, event: event), item.conversationID == it.id, item.kind == .message else { throw DeskError.notFound }
        guard item.authorKind == "agent", item.authorID == me.id else {
            throw DeskError(.forbidden, en: "This message is not yours.", fr: "Ce message n’est pas de vous.")
        }
        guard item.content["redacted"]?.boolValue != true else { throw DeskError(.conflict, en: "This message is deleted.", fr: "Ce message est supprimé.") }
        return item
    }
}

extension OpenAPI {
    static let correctionOperations: [Operation] = [
        Operation(method: .patch, path: "/conversations/{id}/messages/{event}", id: "correctMessage", tag: "Conversations", summary: "Correct a text of mine; the customer sees the new one, marked as edited.",
                  body: .json(object(["body": text(Conversations.longestMessage)], required: ["body"])), answer: .json(200, ref("Item"))),
        Operation(method: .delete, path: "/conversations/{id}/messages/{event}", id: "deleteMessage", tag: "Conversations", summary: "Delete a message of mine, for the customer too.", answer: .empty),
    ]
}
