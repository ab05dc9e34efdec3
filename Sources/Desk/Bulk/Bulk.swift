import MatrixCore
import ServerKit
import Store

/// One change of many conversations: what fails is told one by one and stops nothing; the rest can be undone for a day.
///
/// Invariants: a conversation is changed whole or not at all; undoing touches only what nobody has changed since; the writer is held for a few
/// conversations at a time.
enum Bulk {
    static let most = 200
    /// So many in one transaction.
    static let atOnce = 20
    static let undoneFor: Int64 = 86_400_000

    static let routes: [DeskRoute] = [
        DeskRoute(.post, "/conversations/bulk", .conversationsWrite) { call in
            var fields = try call.fields()
            let ids = fields.strings("ids", max: most, each: 40, required: true) ?? []
            if ids.isEmpty, fields.errors.isEmpty { fields.refuse("ids", en: "Name at least one conversation.", fr: "Indiquez au moins une conversation.") }
            let deeds = Deeds(&fields)
            if deeds.isEmpty, fields.errors.isEmpty { fields.refuse("status", en: "Say what to do.", fr: "Indiquez ce qu’il faut faire.") }
            try fields.check()
            return .json(try await change(call, ids) { unit, _, it in _ = try deeds.apply(unit, it, by: call.me) })
        },
        DeskRoute(.post, "/bulk/{id}/undo", .conversationsWrite) { call in
            let id = try call.param("id")
            let ids = try await call.read { reader in
                guard try reader.tx.exists("SELECT 1 FROM desk_bulk WHERE id = ? AND agent_id = ?", id, call.me.id) else { throw DeskError.notFound }
                return try reader.tx.all("SELECT conversation_id FROM desk_bulk_entry WHERE bulk_id = ? ORDER BY conversation_id", id) { $0.text(0) }
            }
            let results = try await each(call, ids) { unit, reader, conversation in
                let now = try reader.visible(conversation)
                guard let (version, before) = try unit.tx.first("SELECT version, before FROM desk_bulk_entry WHERE bulk_id = ? AND conversation_id = ?", id, conversation, row: {
                    ($0.int(0), JSONObject(column: $0.text(1)))
                }), version == now.version else {
                    throw DeskError(.conflict, en: "Somebody has changed this conversation meanwhile.", fr: "Quelqu’un a modifié cette conversation entre-temps.")
                }
                try Before.restore(unit, now, before, by: call.me)
                try unit.tx.run("DELETE FROM desk_bulk_entry WHERE bulk_id = ? AND conversation_id = ?", id, conversation)
                return conversation
            } then: { _, _ in }
            return .json(.object(results))
        },
    ]

    /// Changes each. What was written to a customer cannot be undone, nor that he does not wait any more.
    static func change(_ call: DeskCall, _ ids: [String], canUndo: Bool = true, _ work: @escaping @Sendable (Unit, Reader, Conversation) throws -> Void) async throws -> JSON {
        let bulk = try await !canUndo ? nil : call.plainWrite { unit in
            let id = unit.newID("bk")
            try unit.tx.run("INSERT INTO desk_bulk(id, agent_id, at) VALUES (?, ?, ?)", id, call.me.id, unit.now)
            return id
        }
        let results = try await each(call, ids) { unit, reader, id in
            let before = try Before(unit.tx, try reader.visible(id))
            try work(unit, reader, before.row)
            return before
        } then: { unit, done in
            for before in done {
                guard let bulk, let now = try Conversations.load(unit.tx, before.row.id), now.version != before.row.version else { continue }
                try unit.tx.run("INSERT INTO desk_bulk_entry(bulk_id, conversation_id, version, before) VALUES (?, ?, ?, ?)", bulk, now.id, now.version, before.json.columnText)
            }
        }
        return .object(bulk.map { results.merging(["undo": .string($0)]) } ?? results)
    }
    /// Each in a savepoint of its own; `then` gets those of a transaction that went well, after the routing that follows.
    private static func each<T: Sendable>(_ call: DeskCall, _ ids: [String], _ work: @escaping @Sendable (Unit, Reader, String) throws -> T,
                                          then: @escaping @Sendable (Unit, [T]) throws -> Void) async throws -> JSONObject {
        var results: [JSON] = [], failed: Int64 = 0
        for start in stride(from: 0, to: ids.count, by: atOnce) {
            let some = Array(ids[start..<min(start + atOnce, ids.count)])
            let (told, wrong) = try await call.write { unit in
                let reader = call.reader(unit)
                var done: [T] = [], refused: [String: DeskError] = [:]
                for id in some {
                    do {
                        done.append(try unit.tx.attempt { _ in try work(unit, reader, id) })
                    } catch let error as DeskError {
                        refused[id] = error
                    } catch let error as MatrixError {
                        refused[id] = DeskError(error)
                    }
                }
                if !done.isEmpty { try Dispatch.settle(unit) }
                try then(unit, done)
                let fresh = call.reader(unit)
                return (try some.map { id -> JSON in
                    let error: JSON = refused[id].map { ["code": .string($0.code.rawValue), "detail": .string($0.detail.text(call.language))] } ?? .null
                    return ["id": .string(id), "error": error, "conversation": try fresh.conversation(id) ?? .null]
                }, Int64(refused.count))
            }
            results += told
            failed += wrong
        }
        return ["results": .array(results), "done": .int(Int64(ids.count) - failed), "failed": .int(failed)]
    }

    static func forgetOld(_ unit: Unit) throws {
        let before = unit.c.clock.now - undoneFor
        try unit.tx.run("DELETE FROM desk_bulk_entry WHERE bulk_id IN (SELECT id FROM desk_bulk WHERE at < ?)", before)
        try unit.tx.run("DELETE FROM desk_bulk WHERE at < ?", before)
    }

    /// What a conversation was like.
    struct Before: Sendable {
        let row: Conversation, tags: [String]
        init(_ tx: ReadTx, _ row: Conversation) throws {
            self.row = row
            tags = try tx.all("SELECT tag FROM desk_conversation_tag WHERE conversation_id = ? ORDER BY tag", row.id) { $0.text(0) }
        }
        var json: JSONObject {
            ["assignee": .of(row.assignee), "status": .string(row.status.rawValue), "waiting_since": .of(row.state.waitingSince), "snoozed_until": .of(row.state.snoozedUntil),
             "resolved_at": .of(row.state.resolvedAt), "priority": .string(row.priority.rawValue), "tags": .of(tags), "spam": .of(row.spam), "team": .of(row.team)]
        }
        static func restore(_ unit: Unit, _ conversation: Conversation, _ before: JSONObject, by me: Agent) throws {
            var it = conversation
            let wasSpam = before["spam"]?.stringValue != nil
            if wasSpam != (it.spam != nil) { it = wasSpam ? try Spam.mark(unit, it, why: "marked") : try Spam.unmark(unit, it) }
            it = try Conversations.setTags(unit, it, before["tags"]?.arrayValue?.compactMap(\.stringValue) ?? [])
            if let priority = before["priority"]?.stringValue.flatMap(Conversation.Priority.init(rawValue:)) { it = try Conversations.setPriority(unit, it, priority) }
            if wasSpam { return }
            let team = before["team"]?.stringValue
            if it.team != team { it = try Teams.hand(unit, it, to: team.flatMap { try Teams.load(unit.tx, $0) }) }
            // A snooze that is over by now has ended.
            let until = before["snoozed_until"]?.intValue.flatMap { $0 > unit.now ? $0 : nil }
            var status = before["status"]?.stringValue.flatMap(ConversationStatus.init(rawValue:)) ?? .open
            if status == .snoozed, until == nil { status = .open }
            it = try Conversations.setStatus(unit, it, status, until: until)
            let since = before["waiting_since"]?.intValue, resolved = before["resolved_at"]?.intValue
            if it.state.waitingSince != since || it.state.resolvedAt != resolved {
                it.state.waitingSince = since
                it.state.resolvedAt = resolved
                it = try Conversations.save(unit, it)
            }
            let agent = before["assignee"]?.stringValue
            if it.assignee != agent { try Conversations.assign(unit, it, to: agent, how: agent == nil ? .requeued : agent == me.id ? .taken : .assigned) }
        }
    }
}
