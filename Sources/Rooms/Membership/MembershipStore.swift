package import MatrixCore
package import Store

/// A user's place in a room, now.
package struct Member: Sendable {
    package let user: UserID
    package let room: Int64
    /// "join", "invite", "knock", "leave" or "ban".
    package let membership: String
    /// Of the member event.
    package let pos: Int64
    package let event: String
    package let sender: UserID
    package let timestamp: Int64
    /// Position of the event with which the present membership began (a join is not begun anew by a change of name).
    package let sincePos: Int64
    package let displayName: String?
    package let avatarURL: String?
    package let isForgotten: Bool
    /// When the present stay began, ms; nil for those who are not joined.
    package let joinedAt: Int64?

    init(_ row: Row, from column: Int = 0) {
        user = UserID(trusted: row.text(column))
        room = row.int(column + 1)
        membership = row.text(column + 2)
        pos = row.int(column + 3)
        event = row.text(column + 4)
        sender = UserID(trusted: row.text(column + 5))
        timestamp = row.int(column + 6)
        sincePos = row.int(column + 7)
        displayName = row.textOrNil(column + 8)
        avatarURL = row.textOrNil(column + 9)
        isForgotten = row.bool(column + 10)
        joinedAt = row.intOrNil(column + 11)
    }

    init(user: UserID, room: Int64, membership: String, pos: Int64, event: String, sender: UserID, timestamp: Int64, sincePos: Int64,
         displayName: String?, avatarURL: String?, isForgotten: Bool, joinedAt: Int64?) {
        self.user = user; self.room = room; self.membership = membership; self.pos = pos; self.event = event; self.sender = sender
        self.timestamp = timestamp; self.sincePos = sincePos; self.displayName = displayName; self.avatarURL = avatarURL
        self.isForgotten = isForgotten; self.joinedAt = joinedAt
    }
}

package enum MembershipStore {
    package static func member(_ tx: ReadTx, room nid: Int64, _ user: UserID) throws -> Member? {
        try tx.first(MembershipSQL.one, user, nid) { Member($0) }
    }
    /// "join", "invite", ...; nil for a user who never had to do with the room.
    package static func membership(_ tx: ReadTx, room nid: Int64, _ user: UserID) throws -> String? {
        try tx.first(MembershipSQL.membership, user, nid) { $0.text(0) }
    }
    /// All rooms of a user that he has not forgotten, whatever his membership.
    package static func rooms(_ tx: ReadTx, of user: UserID) throws -> [Member] {
        try tx.all(MembershipSQL.ofUser, user) { Member($0) }
    }
    package static func members(_ tx: ReadTx, room nid: Int64, _ membership: String) throws -> [Member] {
        try tx.all(MembershipSQL.ofRoom, nid, membership) { Member($0) }
    }
    /// The list of stripped state events that was made at the time of the invite or knock, as JSON.
    package static func stripped(_ tx: ReadTx, room nid: Int64, _ user: UserID) throws -> [UInt8]? {
        try tx.first(MembershipSQL.stripped, user, nid) { $0.bytesOrNil(0) } ?? nil
    }
    package static func joinedRooms(_ tx: ReadTx, of user: UserID) throws -> [(nid: Int64, id: RoomID)] {
        try tx.all(MembershipSQL.joinedRooms, user) { (nid: $0.int(0), id: RoomID(trusted: $0.text(1))) }
    }
}

package enum MembershipSQL {
    package static let columns = """
        m.user_id, m.room_nid, m.membership, m.pos, m.event_id, m.sender, m.ts, m.since_pos, m.display_name, m.avatar_url, \
        m.forgotten, m.joined_ts
        """
    /// How many they are: what a query selects besides comes after them.
    package static let count = 12
    static let one = "SELECT \(columns) FROM membership m WHERE m.user_id = ? AND m.room_nid = ?"
    static let membership = "SELECT membership FROM membership WHERE user_id = ? AND room_nid = ?"
    static let ofUser = "SELECT \(columns) FROM membership m WHERE m.user_id = ? AND m.forgotten = 0 ORDER BY m.room_nid"
    static let ofRoom = "SELECT \(columns) FROM membership m WHERE m.room_nid = ? AND m.membership = ? ORDER BY m.pos"
    static let stripped = "SELECT stripped FROM membership WHERE user_id = ? AND room_nid = ?"
    static let joinedRooms = """
        SELECT r.room_nid, r.room_id FROM membership m JOIN room r ON r.room_nid = m.room_nid \
        WHERE m.user_id = ? AND m.membership = 'join' ORDER BY r.room_nid
        """
    static let neighbours = """
        SELECT DISTINCT o.user_id FROM membership m JOIN membership o ON o.room_nid = m.room_nid AND o.membership = 'join' \
        WHERE m.user_id = ?1 AND m.membership = 'join' AND o.user_id <> ?1
        """
    static let upsert = """
        INSERT INTO membership (user_id, room_nid, membership, pos, event_id, sender, ts, since_pos, joined_ts, display_name, avatar_url, \
        forgotten, stripped) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT (user_id, room_nid) DO UPDATE SET \
        membership = excluded.membership, pos = excluded.pos, event_id = excluded.event_id, sender = excluded.sender, ts = excluded.ts, \
        since_pos = excluded.since_pos, joined_ts = excluded.joined_ts, display_name = excluded.display_name, \
        avatar_url = excluded.avatar_url, forgotten = 0, stripped = excluded.stripped
        """
    static let joinedUsers = "SELECT user_id FROM membership WHERE room_nid = ? AND membership = 'join' ORDER BY pos"
    static let events = "SELECT " + EventSQL.columns + " FROM membership m JOIN event e ON e.pos = m.pos" + EventSQL.replaced + "WHERE m.room_nid = ? ORDER BY m.pos"
    static let eventsOf = "SELECT " + EventSQL.columns + " FROM membership m JOIN event e ON e.pos = m.pos" + EventSQL.replaced + """
        WHERE m.room_nid = ? AND m.membership = ? ORDER BY m.pos
        """
    static let forget = "UPDATE membership SET forgotten = 1 WHERE user_id = ? AND room_nid = ?"

    package static let all = [one, membership, ofUser, ofRoom, stripped, joinedRooms, neighbours, upsert, joinedUsers,
                              events, eventsOf, forget]
}
