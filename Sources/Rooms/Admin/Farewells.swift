import MatrixCore
import Store

/// The last word on a room that was deleted, one row for each who was in it: that he is out.
///
/// A client that was away has not seen the leave, and the leave itself is gone with the room. Without this it would show the room for ever.
/// Invariants: a farewell is made in the transaction that takes the room away, of the leave that the room had; it holds nothing that was said in
/// the room; whoever syncs from before the leave is told of it, by both kinds of sync; it goes after ``lifetime``.
struct Farewell: Sendable {
    /// Milliseconds. A client that was away for longer is told nothing; its user sees a room that no longer answers.
    static let lifetime: Int64 = 30 * 24 * 3_600_000

    let user: UserID
    let room: RoomID
    /// "leave" or "ban".
    let membership: String
    /// Position of the leave.
    let pos: Int64
    /// Of the leave; nil when the room was deleted from under somebody who could not be made to leave.
    let event: String?
    let sender: UserID
    /// Of the leave, ms.
    let timestamp: Int64

    init(_ row: Row) {
        user = UserID(trusted: row.text(0)); room = RoomID(trusted: row.text(1)); membership = row.text(2); pos = row.int(3); event = row.textOrNil(4)
        sender = UserID(trusted: row.text(5)); timestamp = row.int(6)
    }

    /// The leave as clients see it.
    var json: [UInt8]? {
        guard let event else { return nil }
        let object: JSONObject = [
            "type": .string(EventType.member), "state_key": JSON(user), "sender": JSON(sender), "event_id": .string(event), "origin_server_ts": .int(timestamp),
            "content": ["membership": .string(membership)], "unsigned": [:],
        ]
        return object.encoded()
    }

    /// What /sync says.
    var left: SyncAnswer.LeftRoom {
        var left = SyncAnswer.LeftRoom()
        left.timeline.events = EventList(json)
        left.timeline.limited = true
        return left
    }

    /// What sliding sync says.
    var sliding: SlidingAnswer.Room {
        var told = SlidingAnswer.Room(bumpStamp: pos)
        told.membership = membership
        told.requiredState = EventList(json)
        told.timeline = told.requiredState
        told.limited = true
        told.live = told.timeline.count
        return told
    }
}

enum Farewells {
    static func of(_ tx: ReadTx, _ user: UserID, after position: Int64) throws -> [Farewell] { try tx.all(SQL.ofUser, user, position) { Farewell($0) } }
    static func one(_ tx: ReadTx, _ user: UserID, nid: Int64) throws -> Farewell? { try tx.first(SQL.one, user, nid) { Farewell($0) } }

    enum SQL {
        private static let columns = "user_id, room_id, membership, pos, event_id, sender, ts"
        static let ofUser = "SELECT \(columns) FROM room_farewell WHERE user_id = ? AND pos > ? ORDER BY pos"
        static let one = "SELECT \(columns) FROM room_farewell WHERE user_id = ? AND room_nid = ?"
        /// For those who left not longer ago than that a client may still ask.
        static let insert = """
            INSERT INTO room_farewell (user_id, room_nid, room_id, membership, pos, event_id, sender, ts, made) \
            SELECT m.user_id, m.room_nid, ?1, m.membership, m.pos, m.event_id, m.sender, m.ts, CAST(?2 AS INTEGER) FROM membership m \
            WHERE m.room_nid = ?3 AND m.membership IN ('leave', 'ban') AND m.ts > ?4
            """
        static let insertOne = """
            INSERT INTO room_farewell (user_id, room_nid, room_id, membership, pos, event_id, sender, ts, made) VALUES (?1, ?2, ?3, 'leave', ?4, NULL, ?1, ?5, ?5)
            """
        static let forget = "DELETE FROM room_farewell WHERE made < ?"
        static let all = [ofUser, one, insert, insertOne, forget]
    }
}
