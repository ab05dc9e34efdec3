import MatrixCore
import Store

package enum SlidingSQL {
    // Connections
    static let load = "SELECT state FROM sliding_connection WHERE user_id = ? AND device_id = ? AND conn_id = ? AND version = ?"
    static let insert = "INSERT INTO sliding_connection (user_id, device_id, conn_id, version, state, used) VALUES (?, ?, ?, ?, ?, ?)"
    static let deleteOthers = "DELETE FROM sliding_connection WHERE user_id = ? AND device_id = ? AND conn_id = ? AND version <> ?"
    static let deleteSurplus = """
        DELETE FROM sliding_connection WHERE user_id = ?1 AND device_id = ?2 AND conn_id NOT IN (SELECT o.conn_id FROM sliding_connection o \
        WHERE o.user_id = ?1 AND o.device_id = ?2 GROUP BY o.conn_id ORDER BY MAX(o.used) DESC, o.conn_id LIMIT ?3)
        """
    static let touch = "UPDATE sliding_connection SET used = ? WHERE user_id = ? AND device_id = ? AND conn_id = ? AND used < ?"
    static let expire = "DELETE FROM sliding_connection WHERE used < ?"

    // The list of rooms
    private static let selectEntry = """
        SELECT \(MembershipSQL.columns), r.room_id, r.last_pos, r.bump_pos, r.member_pos, r.state_pos, s.name, s.avatar_url, s.encryption, \
        s.room_type, s.joined_count, s.invited_count, r.purged_pos FROM membership m JOIN room r ON r.room_nid = m.room_nid \
        JOIN room_summary s ON s.room_nid = m.room_nid
        """ + " "
    static let entries = selectEntry + "WHERE m.user_id = ? AND m.forgotten = 0"
    static let entry = selectEntry + "WHERE m.user_id = ? AND r.room_id = ? AND m.forgotten = 0"
    static let changedEntries = selectEntry + "WHERE m.user_id = ? AND m.pos > ? AND m.forgotten = 0"
    static let forgotten = """
        SELECT room_nid FROM membership WHERE user_id = ?1 AND forgotten = 1 UNION ALL SELECT room_nid FROM room_farewell WHERE user_id = ?1
        """
    static let spaceChildren = """
        SELECT s.state_key FROM room_state s JOIN event e ON e.pos = s.valid_from WHERE s.room_nid = ? AND s.type = 'm.space.child' \
        AND s.valid_to IS NULL AND e.content <> ?
        """
    static let ownReceiptSince = "SELECT 1 FROM receipt WHERE room_nid = ? AND user_id = ? AND pos > ? LIMIT 1"
    static let ownReceiptsSince = """
        SELECT DISTINCT t.room_nid FROM membership m JOIN receipt t ON t.room_nid = m.room_nid AND t.user_id = m.user_id \
        WHERE m.user_id = ? AND m.membership = 'join' AND t.pos > ?
        """

    // Many rooms at once: the statements take a fixed number of rooms, see ``Batch``.
    private static func rows(_ count: Int, _ row: (Int) -> String) -> String { "(VALUES " + (0..<count).map(row).joined(separator: ", ") + ")" }
    private static func numbers(_ count: Int) -> String { "(" + Placeholders.list(count) + ")" }

    /// Without an order, like `states`: to sort the rows, the database would write each of them down once more. Binds: limit, then (room, after) for each.
    static func timelines(_ count: Int) -> String {
        "SELECT " + EventSQL.columns + ", CASE WHEN e.redacted_by IS NULL AND EXISTS (SELECT 1 FROM event y WHERE y.relates_to = e.event_id) THEN 1 ELSE 0 END FROM "
            + rows(count) { "(CAST(?\($0 * 2 + 2) AS INTEGER), CAST(?\($0 * 2 + 3) AS INTEGER))" }
            + " v CROSS JOIN event e" + EventSQL.replaced + """
            WHERE e.room_nid = v.column1 AND e.pos > v.column2 AND e.pos >= COALESCE((SELECT x.pos FROM event x WHERE x.room_nid = v.column1 \
            ORDER BY x.pos DESC LIMIT 1 OFFSET ?1), 0)
            """
    }
    /// Present state but the members. Binds: rooms.
    static func states(_ count: Int) -> String {
        "SELECT " + EventSQL.columns + " FROM room_state s JOIN event e ON e.pos = s.valid_from" + EventSQL.replaced
            + "WHERE s.room_nid IN " + numbers(count) + " AND s.type <> 'm.room.member' AND s.valid_to IS NULL"
    }
    /// Binds: (user, room) for each.
    static func members(_ count: Int) -> String {
        "SELECT " + EventSQL.columns + " FROM " + rows(count) { "(CAST(?\($0 * 2 + 1) AS TEXT), CAST(?\($0 * 2 + 2) AS INTEGER))" }
            + " v CROSS JOIN membership m JOIN event e ON e.pos = m.pos" + EventSQL.replaced + "WHERE m.user_id = v.column1 AND m.room_nid = v.column2"
    }
    /// What the user was, and what the history's visibility was. Binds: user, then rooms.
    static func histories(_ count: Int) -> String {
        let rooms = "(" + (0..<count).map { "?\($0 + 2)" }.joined(separator: ", ") + ")"
        return """
            SELECT s.room_nid, s.type, s.valid_from, s.valid_to, e.content FROM room_state s JOIN event e ON e.pos = s.valid_from \
            WHERE s.room_nid IN \(rooms) AND s.type = 'm.room.member' AND s.state_key = ?1 UNION ALL \
            SELECT s.room_nid, s.type, s.valid_from, s.valid_to, e.content FROM room_state s JOIN event e ON e.pos = s.valid_from \
            WHERE s.room_nid IN \(rooms) AND s.type = 'm.room.history_visibility' AND s.state_key = '' ORDER BY 1, 3
            """
    }
    /// People after whom a room without a name is called. Binds: user, then rooms. For small rooms only.
    static func heroes(_ count: Int) -> String {
        """
        SELECT m.room_nid, m.user_id, m.display_name, m.avatar_url, CASE WHEN m.membership IN ('join', 'invite') THEN 1 ELSE 0 END FROM membership m \
        WHERE m.user_id <> ? AND m.room_nid IN \(numbers(count)) AND m.membership IN ('join', 'invite', 'leave', 'ban') ORDER BY m.room_nid, m.since_pos
        """
    }
    static let heroesOfLargeRoom = """
        SELECT m.user_id, m.display_name, m.avatar_url FROM membership m WHERE m.room_nid = ? AND m.membership = 'join' AND m.user_id <> ? \
        ORDER BY m.pos LIMIT 5
        """

    package static let all = [load, insert, deleteOthers, deleteSurplus, touch, expire, entries, entry, changedEntries, forgotten, spaceChildren,
                              ownReceiptSince, ownReceiptsSince, heroesOfLargeRoom]
        + Batch.sizes.flatMap { [timelines($0), states($0), members($0), histories($0), heroes($0)] }
}

/// The statements of ``SlidingSQL`` by size, put together once.
enum SlidingBatches {
    // One declaration each: the compiler (6.3.1) gives all of one declaration the value of its first.
    static let timelines = made(SlidingSQL.timelines)
    static let states = made(SlidingSQL.states)
    static let members = made(SlidingSQL.members)
    static let histories = made(SlidingSQL.histories)
    static let heroes = made(SlidingSQL.heroes)
    private static func made(_ make: (Int) -> String) -> [Int: String] { Dictionary(uniqueKeysWithValues: Batch.sizes.map { ($0, make($0)) }) }
}

/// Rooms in groups of a few fixed sizes, so that the statements can be kept prepared.
enum Batch {
    static let sizes = [1, 8, largest]
    static let largest = 64
    /// Calls `body` with groups that are filled up with `padding`.
    static func each<T>(_ all: [T], padding: T, _ body: (_ size: Int, _ group: [T]) throws -> Void) rethrows {
        var rest = all[...]
        while !rest.isEmpty {
            let size = sizes.first { $0 >= rest.count } ?? sizes[sizes.count - 1]
            let group = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            try body(size, group + Array(repeating: padding, count: size - group.count))
        }
    }
}
