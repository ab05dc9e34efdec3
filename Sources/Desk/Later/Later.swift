import MatrixCore
import ServerKit
import Store

/// A message that leaves later: at a time that the agent chose, or after the seconds in which he may take it back.
///
/// Invariants: it is sent once or not at all, for sending and forgetting it are one transaction; what is written down survives the server; when the
/// customer has written since, it is sent, held until somebody decides, or dropped, as its author said; it goes in its author's name, and only while he sees the conversation.
struct LaterMessage: Sendable, Hashable {
    enum State: String, Sendable, CaseIterable { case waiting, held }
    enum IfWritten: String, Sendable, CaseIterable { case hold, send, cancel }
    enum Why: String, Sendable, CaseIterable { case customerWrote = "customer_wrote", refused }

    var id: String, conversation: String, agent: String, key: String, body: String, replyTo: String?
    var sendAt: Int64, state: State, why: Why?, ifWritten: IfWritten
    /// The newest item when it was written.
    var afterItem: Int64
    var createdAt: Int64

    var content: JSONObject {
        var content: JSONObject = ["msgtype": "m.text", "body": .string(body)]
        if let replyTo { content["m.relates_to"] = ["m.in_reply_to": ["event_id": .string(replyTo)]] }
        return content
    }
}

enum Later {
    static let longestWait: Int64 = 366 * 86_400_000
    static let mostOfAConversation = 20

    // MARK: when the time has come

    static func nextDue(_ tx: ReadTx) throws -> Int64? { try tx.first("SELECT MIN(send_at) FROM desk_later WHERE state = 'waiting'") { $0.intOrNil(0) } ?? nil }

    /// In the order of their times, those of one time in the order in which they were written.
    static func sendDue(_ unit: Unit) throws {
        for id in try unit.tx.all("SELECT id FROM desk_later WHERE state = 'waiting' AND send_at <= ? ORDER BY send_at, created_at, id LIMIT 100", unit.now, row: { $0.text(0) }) {
            guard let it = try load(unit.tx, id) else { continue }
            try send(unit, it, asking: it.ifWritten)
        }
    }
    private static func send(_ unit: Unit, _ it: LaterMessage, asking: LaterMessage.IfWritten) throws {
        guard let conversation = try Conversations.load(unit.tx, it.conversation) else { return try drop(unit, it, inbox: nil) }
        let hasWritten = try asking != .send && unit.tx.exists(
            "SELECT 1 FROM desk_item WHERE conversation_id = ? AND author_kind = 'contact' AND kind = 'message' AND id > ? LIMIT 1", it.conversation, it.afterItem)
        if hasWritten {
            guard asking == .hold else { return try drop(unit, it, inbox: conversation.inboxID) }
            return try hold(unit, it, .customerWrote, inbox: conversation.inboxID)
        }
        do {
            guard let agent = try Agents.load(unit.tx, it.agent), agent.isActive, agent.sees(inbox: conversation.inboxID) else { throw DeskError.forbidden }
            _ = try unit.tx.attempt { _ in
                try Conversations.send(unit.acting(as: .agent(it.agent)), conversation, Conversations.Outgoing(key: it.key, content: it.content), by: it.agent)
            }
            try drop(unit, it, inbox: conversation.inboxID)
        } catch is DeskError {
            try hold(unit, it, .refused, inbox: conversation.inboxID)
        } catch is MatrixError {
            try hold(unit, it, .refused, inbox: conversation.inboxID)
        }
    }
    private static func drop(_ unit: Unit, _ it: LaterMessage, inbox: String?) throws {
        try unit.tx.run("DELETE FROM desk_later WHERE id = ?", it.id)
        tell(unit, it, inbox: inbox)
    }
    private static func hold(_ unit: Unit, _ it: LaterMessage, _ why: LaterMessage.Why, inbox: String) throws {
        try unit.tx.run("UPDATE desk_later SET state = 'held', held_why = ? WHERE id = ?", why.rawValue, it.id)
        tell(unit, it, inbox: inbox, held: why)
    }
    /// Consoles that show the conversation ask again.
    private static func tell(_ unit: Unit, _ it: LaterMessage, inbox: String?, held: LaterMessage.Why? = nil) {
        let live = unit.live
        guard let inbox else { return }
        unit.tx.afterCommit {
            live.send(DeskLive.Volatile(event: "later", key: "l" + it.conversation + (held == nil ? "" : it.id), inboxes: [inbox], data: [
                "conversation_id": .string(it.conversation), "agent": .string(it.agent), "held": .of(held?.rawValue)]))
        }
    }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/later", .conversationsRead) { call in
            .json(["items": .array(try await call.read { reader in
                let mine = call.me.rows(inbox: "c.inbox_id"), first: [any Bindable] = [call.me.id]
                return try reader.tx.all("SELECT \(columns("l.")) FROM desk_later l JOIN desk_conversation c ON c.id = l.conversation_id WHERE l.agent_id = ? AND \(mine.sql) ORDER BY l.send_at, l.created_at, l.id LIMIT 200",
                                         array: first + mine.binds, row: message).map { try json(reader, $0) }
            })])
        },
        DeskRoute(.get, "/conversations/{id}/later", .conversationsRead) { call in
            let id = try call.param("id")
            return .json(["items": .array(try await call.read { reader in
                _ = try reader.visible(id)
                return try reader.tx.all("SELECT \(columns()) FROM desk_later WHERE conversation_id = ? ORDER BY send_at, created_at, id LIMIT 500", id, row: message).map { try json(reader, $0) }
            })])
        },
        DeskRoute(.post, "/conversations/{id}/later", .conversationsWrite, limit: .message) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let key = fields.key("key"), body = fields.text("body", max: Conversations.longestMessage, required: true, lines: true), reply = fields.text("reply_to", max: 255)
            // A time, or so many milliseconds from now by the server's own clock.
            let at = fields.int("at", 0...Int64.max), delay = fields.int("delay_ms", 1000...60_000), ifWritten: LaterMessage.IfWritten = fields.choice("if_written") ?? .hold
            if at == nil, delay == nil, fields.errors.isEmpty { fields.refuse("at", en: "This field is required.", fr: "Ce champ est obligatoire.") }
            try fields.check()
            let text = try Fields.must(body, "body"), name = try Fields.must(key, "key")
            let owner = "l:" + call.me.id + ":" + id, digest = Idempotency.digest([.string(text), .of(at), .of(delay), .of(reply)])
            let (it, isNew) = try await call.write { unit in
                let reader = call.reader(unit), conversation = try reader.visible(id)
                // Also when it has left meanwhile: the same answer, and no second message.
                if let answer = try Idempotency.answer(unit.tx, owner: owner, key: name, digest: digest) { return (JSON.object(answer), false) }
                let time = try time(at ?? unit.now + (delay ?? 0), now: unit.now)
                if let reply, try Items.load(unit.tx, event: reply)?.conversationID != id { throw DeskError.invalid("reply_to", en: "There is no such message here.", fr: "Ce message n’existe pas ici.") }
                guard try unit.tx.first("SELECT COUNT(*) FROM desk_later WHERE conversation_id = ?", id, row: { $0.int(0) }) ?? 0 < mostOfAConversation else {
                    throw DeskError(.invalid, en: "Too many messages wait in this conversation already.", fr: "Trop de messages attendent déjà dans cette conversation.")
                }
                let last = try unit.tx.first("SELECT MAX(id) FROM desk_item WHERE conversation_id = ?", id) { $0.intOrNil(0) } ?? nil
                let it = LaterMessage(id: unit.newID("la"), conversation: id, agent: call.me.id, key: name, body: text, replyTo: reply, sendAt: time, state: .waiting, why: nil, ifWritten: ifWritten,
                                      afterItem: last ?? 0, createdAt: unit.now)
                try unit.tx.run("""
                    INSERT INTO desk_later(id, conversation_id, agent_id, key, body, reply_to, send_at, state, held_why, if_written, after_item, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """, it.id, it.conversation, it.agent, it.key, it.body, it.replyTo, it.sendAt, it.state.rawValue, it.why?.rawValue, it.ifWritten.rawValue, it.afterItem, it.createdAt)
                tell(unit, it, inbox: conversation.inboxID)
                let answer = try json(reader, it)
                try Idempotency.keep(unit, owner: owner, key: name, digest: digest, answer: answer.objectValue ?? [:])
                return (answer, true)
            }
            return .json(it, status: isNew ? 201 : 200)
        },
        DeskRoute(.patch, "/later/{id}", .conversationsWrite) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let body = fields.text("body", max: Conversations.longestMessage, required: fields.has("body"), lines: true), at = fields.int("at", 0...Int64.max)
            let ifWritten: LaterMessage.IfWritten? = fields.choice("if_written")
            try fields.check()
            return .json(try await call.write { unit in
                var (it, conversation) = try own(unit, call, id)
                it.body = body ?? it.body
                it.ifWritten = ifWritten ?? it.ifWritten
                if let at {
                    // A new time is a new decision: what the customer has written until now is known.
                    it.sendAt = try time(at, now: unit.now)
                    it.state = .waiting
                    it.why = nil
                    let last = try unit.tx.first("SELECT MAX(id) FROM desk_item WHERE conversation_id = ?", it.conversation) { $0.intOrNil(0) } ?? nil
                    it.afterItem = last ?? it.afterItem
                }
                try unit.tx.run("UPDATE desk_later SET body = ?, send_at = ?, state = ?, held_why = ?, if_written = ?, after_item = ? WHERE id = ?",
                                it.body, it.sendAt, it.state.rawValue, it.why?.rawValue, it.ifWritten.rawValue, it.afterItem, it.id)
                tell(unit, it, inbox: conversation.inboxID)
                return try json(call.reader(unit), it)
            })
        },
        DeskRoute(.post, "/later/{id}/now", .conversationsWrite, limit: .message) { call in
            let id = try call.param("id")
            try await call.write { unit in
                let (it, conversation) = try own(unit, call, id)
                _ = try Conversations.send(unit, conversation, Conversations.Outgoing(key: it.key, content: it.content), by: call.me.id)
                try drop(unit, it, inbox: conversation.inboxID)
                if conversation.assignee == nil { try Dispatch.settle(unit) }
            }
            return .noContent
        },
        DeskRoute(.delete, "/later/{id}", .conversationsWrite) { call in
            let id = try call.param("id")
            try await call.write { unit in
                guard let it = try load(unit.tx, id) else { throw DeskError.notFound }
                let conversation = try call.reader(unit).visible(it.conversation)
                guard it.agent == call.me.id || call.me.role.may(.conversationsAssign) else { throw DeskError.forbidden }
                try drop(unit, it, inbox: conversation.inboxID)
            }
            return .noContent
        },
    ]

    private static func own(_ unit: Unit, _ call: DeskCall, _ id: String) throws -> (LaterMessage, Conversation) {
        guard let it = try load(unit.tx, id) else { throw DeskError.notFound }
        let conversation = try call.reader(unit).visible(it.conversation)
        guard it.agent == call.me.id else { throw DeskError.forbidden }
        return (it, conversation)
    }
    private static func time(_ at: Int64, now: Int64) throws(DeskError) -> Int64 {
        guard at > now else { throw .invalid("at", en: "This time is past.", fr: "Cette heure est déjà passée.") }
        guard at - now <= longestWait else { throw .invalid("at", en: "A message waits at most a year.", fr: "Un message attend au plus un an.") }
        return at
    }
    private static func json(_ reader: Reader, _ it: LaterMessage) throws -> JSON {
        ["id": .string(it.id), "conversation_id": .string(it.conversation), "agent": try reader.agentRef(it.agent), "key": .string(it.key), "body": .string(it.body), "reply_to": .of(it.replyTo),
         "at": .int(it.sendAt), "state": .string(it.state.rawValue), "held": .of(it.why?.rawValue), "if_written": .string(it.ifWritten.rawValue), "created_at": .int(it.createdAt)]
    }

    // MARK: SQL

    private static func columns(_ table: String = "") -> String {
        ["id", "conversation_id", "agent_id", "key", "body", "reply_to", "send_at", "state", "held_why", "if_written", "after_item", "created_at"].map { table + $0 }.joined(separator: ", ")
    }
    private static func message(_ row: Row) -> LaterMessage {
        LaterMessage(id: row.text(0), conversation: row.text(1), agent: row.text(2), key: row.text(3), body: row.text(4), replyTo: row.textOrNil(5), sendAt: row.int(6),
                     state: LaterMessage.State(rawValue: row.text(7)) ?? .held, why: row.textOrNil(8).flatMap(LaterMessage.Why.init(rawValue:)),
                     ifWritten: LaterMessage.IfWritten(rawValue: row.text(9)) ?? .hold, afterItem: row.int(10), createdAt: row.int(11))
    }
    private static func load(_ tx: ReadTx, _ id: String) throws -> LaterMessage? { try tx.first("SELECT \(columns()) FROM desk_later WHERE id = ?", id, row: message) }
}
