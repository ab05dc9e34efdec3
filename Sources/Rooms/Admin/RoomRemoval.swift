import MatrixCore
import ServerKit
import Store

/// Takes the rows of a room out of all tables of this feature.
///
/// Invariants: with its first transaction the room is gone for everybody: its row, its members and its names; those who were in it have a
/// ``Farewell``. What is left then can be reached by nobody and goes a few rows at a time, so that no writer waits for long; done again, it goes on.
enum RoomRemoval {
    static let batch = 500
    /// Where many rows are deleted.
    static let tables = Purge.tables + ["membership", "receipt"]

    static func run(_ c: Context, _ order: RoomDeletion.Order) async throws {
        let nid = order.nid
        try await c.db.write { tx in try vanish(c, tx, order.room, nid) }
        while try await c.db.write({ tx in try events(c, tx, nid) }) {}
        // After the last event nothing is indexed any more.
        while try await c.db.write({ tx in try words(tx, nid) }) {}
        for (first, delete) in SQL.ordered {
            while try await c.db.write({ tx in
                guard let last = try tx.all(first, nid, batch, row: { $0.int(0) }).last else { return false }
                try tx.run(delete, nid, last)
                return true
            }) {}
        }
        try await c.db.write { tx in
            _ = try tx.run(RoomDeletion.SQL.move, RoomDeletion.Stage.traces.rawValue, JSON.object(order.result.json).encoded(), order.id)
        }
    }

    private static func vanish(_ c: Context, _ tx: WriteTx, _ room: RoomID, _ nid: Int64) throws {
        guard try RoomStore.head(tx, nid: nid) != nil else { return }
        let position = tx.nextPosition(), now = c.clock.now
        try tx.run(Farewells.SQL.insert, room, now, nid, now - Farewell.lifetime)
        for user in try tx.all(SQL.present, nid, row: { UserID(trusted: $0.text(0)) }) {
            try tx.run(Farewells.SQL.insertOne, user, nid, room, position, now)
            try Unread.forget(tx, room: nid, user)
            if c.ports.push.watches(user) { try c.ports.push.countChanged(c, tx, user: user) }
            let hub = c.hub
            tx.afterCommit { hub.left(user.rawValue, room: room.rawValue) }
        }
        for user in try tx.all(SQL.members, nid, row: { $0.text(0) }) {
            try tx.run(SQL.marker, user, nid)
            try tx.run(SQL.delayed, user, room)
            tx.touch(.user(user))
        }
        for sql in SQL.room { try tx.run(sql, nid) }
        try c.ports.bridges.changed(c, tx, .aliases(of: room))
    }

    /// False when nothing was left.
    private static func events(_ c: Context, _ tx: WriteTx, _ nid: Int64) throws -> Bool {
        // State that outlived a purge is under the negative number.
        for number in [nid, -nid] {
            guard let range = try tx.first(SQL.events, number, batch, row: { (first: $0.int(0), last: $0.int(1), count: $0.int(2)) }), range.count > 0 else { continue }
            try SearchIndex.removing(tx)
            try tx.run(Purge.SQL.dropExpiry, range.first, range.last, number)
            try MediaMentions.deleting(c, tx, room: number, from: range.first, through: range.last)
            try tx.run(Purge.SQL.dropEvents, number, range.first, range.last)
            return true
        }
        return false
    }

    private static func words(_ tx: WriteTx, _ nid: Int64) throws -> Bool {
        guard let last = try tx.all(SQL.words, nid, batch * 4, row: { (term: $0.text(0), pos: $0.int(1)) }).last else { return false }
        try tx.run(SQL.dropWords, nid, last.term, last.pos)
        return true
    }

    enum SQL {
        static let present = "SELECT user_id FROM membership WHERE room_nid = ? AND membership IN ('join', 'invite', 'knock') ORDER BY pos"
        static let members = "SELECT user_id FROM membership WHERE room_nid = ?"
        static let marker = "DELETE FROM read_marker WHERE user_id = ? AND room_nid = ?"
        static let room = ["membership", "room_alias", "purge", "room_summary", "room"].map { "DELETE FROM \($0) WHERE room_nid = ?" }
        static let delayed = "DELETE FROM delayed_event WHERE user_id = ? AND room_id = ?"
        static let events = """
            SELECT COALESCE(MIN(derived.pos), 0), COALESCE(MAX(derived.pos), 0), COUNT(*) FROM \
            (SELECT pos FROM event WHERE room_nid = ? ORDER BY pos LIMIT ?) derived
            """
        static let words = "SELECT term, pos FROM search_posting WHERE room_nid = ? ORDER BY term, pos LIMIT ?"
        static let dropWords = "DELETE FROM search_posting WHERE room_nid = ? AND (term, pos) <= (?, ?)"
        /// The place of the last row of a batch, and what deletes up to there.
        static let ordered = [
            ("SELECT valid_from FROM room_state WHERE room_nid = ? ORDER BY valid_from LIMIT ?", "DELETE FROM room_state WHERE room_nid = ? AND valid_from <= ?"),
            ("SELECT pos FROM receipt WHERE room_nid = ? ORDER BY pos LIMIT ?", "DELETE FROM receipt WHERE room_nid = ? AND pos <= ?"),
            ("SELECT pos FROM thread_step WHERE room_nid = ? ORDER BY pos LIMIT ?", "DELETE FROM thread_step WHERE room_nid = ? AND pos <= ?"),
            ("SELECT pos FROM thread_line WHERE room_nid = ? ORDER BY pos LIMIT ?", "DELETE FROM thread_line WHERE room_nid = ? AND pos <= ?"),
            ("SELECT pos FROM unread_highlight WHERE room_nid = ? ORDER BY pos LIMIT ?", "DELETE FROM unread_highlight WHERE room_nid = ? AND pos <= ?"),
        ]
        static let all = [present, members, marker, delayed] + room + [events, words, dropWords] + ordered.flatMap { [$0.0, $0.1] }
    }
}
