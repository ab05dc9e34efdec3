package import MatrixCore
package import Store

/// What every message needs to know of its room: one narrow row.
package struct RoomHead: Sendable {
    package let nid: Int64
    package let id: RoomID
    package let version: String
    package let creator: UserID
    /// Milliseconds.
    package let created: Int64
    /// Of the last event.
    package var depth: Int64
    package var lastEvent: String
    package var lastPos: Int64
    /// Last event that moves the room up in a list of rooms.
    package var bumpPos: Int64
    /// Last change of power levels or join rules.
    package var authPos: Int64
    /// Last membership event.
    package var memberPos: Int64
    /// Last state event.
    package var statePos: Int64
    /// How many events of the main timeline have notified everybody; of them: how many as a highlight. See ``Unread``.
    package var notices: Int64
    package var calls: Int64
    /// Last event in a thread that counted as unread for anybody.
    package var threadPos: Int64

    /// How many columns it reads.
    static let columnCount = 15

    init(_ row: Row) {
        nid = row.int(0)
        id = RoomID(trusted: row.text(1))
        version = row.text(2)
        creator = UserID(trusted: row.text(3))
        created = row.int(4)
        depth = row.int(5)
        lastEvent = row.text(6)
        lastPos = row.int(7)
        bumpPos = row.int(8)
        authPos = row.int(9)
        memberPos = row.int(10)
        statePos = row.int(11)
        notices = row.int(12)
        calls = row.int(13)
        threadPos = row.int(14)
    }

    init(nid: Int64, id: RoomID, version: String, creator: UserID, created: Int64) {
        self.nid = nid; self.id = id; self.version = version; self.creator = creator; self.created = created
        depth = 0; lastEvent = ""; lastPos = 0; bumpPos = 0; authPos = 0; memberPos = 0; statePos = 0
        notices = 0; calls = 0; threadPos = 0
    }
}

/// What a list of rooms shows of a room; kept by state events, never computed when it is read.
package struct RoomSummary: Sendable, Hashable {
    package var name: String?
    package var topic: String?
    package var avatarURL: String?
    package var canonicalAlias: String?
    package var joinRule: String
    package var historyVisibility: String
    package var guestAccess: String
    /// Algorithm, nil for a room in clear.
    package var encryption: String?
    package var roomType: String?
    /// The room that replaces this one.
    package var successor: String?
    package var joinedCount: Int64
    package var invitedCount: Int64
    /// Listed in the room directory.
    package var isPublic: Bool

    init(_ row: Row, from column: Int = 0) {
        name = row.textOrNil(column)
        topic = row.textOrNil(column + 1)
        avatarURL = row.textOrNil(column + 2)
        canonicalAlias = row.textOrNil(column + 3)
        joinRule = row.text(column + 4)
        historyVisibility = row.text(column + 5)
        guestAccess = row.text(column + 6)
        encryption = row.textOrNil(column + 7)
        roomType = row.textOrNil(column + 8)
        successor = row.textOrNil(column + 9)
        joinedCount = row.int(column + 10)
        invitedCount = row.int(column + 11)
        isPublic = row.bool(column + 12)
    }
}

package enum RoomStore {
    package static func head(_ tx: ReadTx, _ room: RoomID) throws -> RoomHead? {
        try tx.first(RoomSQL.headByID, room) { RoomHead($0) }
    }
    package static func head(_ tx: ReadTx, nid: Int64) throws -> RoomHead? {
        try tx.first(RoomSQL.headByNumber, nid) { RoomHead($0) }
    }
    package static func summary(_ tx: ReadTx, nid: Int64) throws -> RoomSummary? {
        try tx.first(RoomSQL.summary, nid) { RoomSummary($0) }
    }
}

package enum RoomSQL {
    /// `r` is the room.
    package static let headColumns = """
        r.room_nid, r.room_id, r.version, r.creator, r.created, r.depth, r.last_event, r.last_pos, r.bump_pos, r.auth_pos, \
        r.member_pos, r.state_pos, r.notices, r.calls, r.thread_pos
        """
    /// `s` is the summary.
    package static let summaryColumns = """
        s.name, s.topic, s.avatar_url, s.canonical_alias, s.join_rule, s.history_visibility, s.guest_access, s.encryption, \
        s.room_type, s.successor, s.joined_count, s.invited_count, s.is_public
        """
    static let headByID = "SELECT \(headColumns) FROM room r WHERE r.room_id = ?"
    static let headByNumber = "SELECT \(headColumns) FROM room r WHERE r.room_nid = ?"
    static let summary = "SELECT \(summaryColumns) FROM room_summary s WHERE s.room_nid = ?"
    static let insert = """
        INSERT INTO room (room_nid, room_id, version, creator, created, depth, last_event, last_pos, bump_pos, auth_pos, member_pos, \
        state_pos) VALUES (?, ?, ?, ?, ?, 0, '', 0, 0, 0, 0, 0)
        """
    static let insertSummary = "INSERT INTO room_summary (room_nid) VALUES (?)"
    static let advance = """
        UPDATE room SET depth = ?, last_event = ?, last_pos = ?, bump_pos = ?, auth_pos = ?, member_pos = ?, state_pos = ?, \
        notices = ?, calls = ?, thread_pos = ? WHERE room_nid = ?
        """
    static let counts = "UPDATE room_summary SET joined_count = joined_count + ?, invited_count = invited_count + ? WHERE room_nid = ?"
    static let name = "UPDATE room_summary SET name = ? WHERE room_nid = ?"
    static let topic = "UPDATE room_summary SET topic = ? WHERE room_nid = ?"
    static let avatar = "UPDATE room_summary SET avatar_url = ? WHERE room_nid = ?"
    static let canonicalAlias = "UPDATE room_summary SET canonical_alias = ? WHERE room_nid = ?"
    static let joinRule = "UPDATE room_summary SET join_rule = ? WHERE room_nid = ?"
    static let historyVisibility = "UPDATE room_summary SET history_visibility = ? WHERE room_nid = ?"
    static let guestAccess = "UPDATE room_summary SET guest_access = ? WHERE room_nid = ?"
    static let encryption = "UPDATE room_summary SET encryption = ? WHERE room_nid = ?"
    static let roomType = "UPDATE room_summary SET room_type = ? WHERE room_nid = ?"
    static let successor = "UPDATE room_summary SET successor = ? WHERE room_nid = ?"
    static let setPublic = "UPDATE room_summary SET is_public = ? WHERE room_nid = ?"

    package static let all = [headByID, headByNumber, summary, insert, insertSummary, advance, counts, name, topic, avatar, canonicalAlias,
                              joinRule, historyVisibility, guestAccess, encryption, roomType, successor, setPublic]
}
