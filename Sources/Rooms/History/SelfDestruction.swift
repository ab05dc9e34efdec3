import MatrixCore
import ServerKit
import Store

/// Messages that say themselves when they end: `org.matrix.self_destruct_after`, a time in milliseconds, in their content. What they said
/// is then emptied as by a redaction, without one. Clients see no event; those that understand the field hide the message by themselves.
/// https://github.com/matrix-org/matrix-spec-proposals/pull/2228
enum SelfDestruction {
    static func time(_ content: JSONObject) -> Int64? { content["org.matrix.self_destruct_after"]?.intValue }

    static func run(_ c: Context, _ next: Lookout<Int64>) async throws {
        let now = c.clock.now
        guard try await next.look(c, { tx in (try tx.first(SQL.next) { $0.intOrNil(0) } ?? nil) ?? .max }) <= now else { return }
        while try await c.db.write({ tx in
            let due = try tx.all(SQL.due, now, 100) { $0.int(0) }
            for pos in due {
                try tx.run(SQL.delete, pos)
                guard let event = try EventStore.event(tx, at: pos), event.redactedBy == nil else { continue }
                try SearchIndex.remove(tx, event)
                try tx.run(SQL.empty, pos)
                try MediaMentions.replaced(c, tx, at: pos, by: event.sender, event.content, with: [])
            }
            return due.count == 100
        }) {}
    }

    enum SQL {
        static let insert = "INSERT INTO event_expiry (pos, at) VALUES (?, ?)"
        static let due = "SELECT pos FROM event_expiry WHERE at <= ? ORDER BY at LIMIT ?"
        static let next = "SELECT MIN(at) FROM event_expiry"
        static let delete = "DELETE FROM event_expiry WHERE pos = ?"
        /// What it related to goes as well: an edit must not show what it said.
        static let empty = "UPDATE event SET content = CAST('{}' AS BLOB), relates_to = NULL, rel_type = NULL, thread = NULL, notifies = 0 WHERE pos = ?"
        static let all = [insert, due, next, delete, empty]
    }
}
