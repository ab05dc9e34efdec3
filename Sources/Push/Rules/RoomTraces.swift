import MatrixCore
import ServerKit
import Store

/// What push keeps of rooms, and deletes when a room is deleted: people's rules for the room, notifications of it that still wait, and
/// when it was last told of by mail.
struct RoomTraces: RoomObserver {
    let watch: Watch

    func appended(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {}

    func deleted(_ c: Context, room: RoomID) async throws {
        let users = try await c.db.read { tx in
            try PushRuleStore.users(tx).map(\.user).filter { user in
                let rules = try PushRuleStore.rules(tx, of: user)
                return rules.without(room) != rules
            }
        }
        let watch = watch
        for user in users {
            try await c.db.write { tx in
                let rules = try PushRuleStore.rules(tx, of: user), rest = rules.without(room)
                if rest != rules { try PushRuleStore.put(tx, watch, user, rest) }
            }
        }
        let waiting = try await c.db.read { tx in try tx.all(SQL.waiting, room) { (user: $0.text(0), pos: $0.int(1)) } }
        for start in stride(from: 0, to: waiting.count, by: 500) {
            let some = waiting[start..<min(start + 500, waiting.count)]
            try await c.db.write { tx in for notice in some { try tx.run(SQL.delete, notice.user, notice.pos) } }
        }
        let mailed = try await c.db.read { tx in try tx.all(SQL.mailed, room) { $0.int(0) } }
        for start in stride(from: 0, to: mailed.count, by: 500) {
            let some = mailed[start..<min(start + 500, mailed.count)]
            try await c.db.write { tx in for pusher in some { try tx.run(SQL.deleteMailed, pusher, room) } }
        }
    }

    enum SQL {
        /// Reads the table whole, in a snapshot: no writer waits for it.
        static let waiting = "SELECT user_id, pos FROM push_notice WHERE room_id = ?"
        static let delete = "DELETE FROM push_notice WHERE user_id = ? AND pos = ?"
        /// The same.
        static let mailed = "SELECT pusher FROM push_mail WHERE room_id = ?"
        static let deleteMailed = "DELETE FROM push_mail WHERE pusher = ? AND room_id = ?"
        static let all = [waiting, delete, mailed, deleteMailed]
    }
}

extension PushRuleSet {
    fileprivate func without(_ room: RoomID) -> PushRuleSet {
        var rest = self
        rest.removeRoom(room)
        return rest
    }
}
