package import MatrixCore
package import Store

/// The state of rooms, now and at any position. See ``EventSchema`` for what the intervals mean.
package enum StateStore {
    /// The event that holds a key now.
    package static func event(_ tx: ReadTx, room nid: Int64, _ type: String, _ stateKey: String = "") throws -> EventRow? {
        try EventStore.all(tx, StateSQL.one, nid, type, stateKey).first
    }
    /// Position and event id of the event that holds a key now: two index reads, no content.
    package static func pointer(_ tx: ReadTx, room nid: Int64, _ type: String, _ stateKey: String = "") throws -> (pos: Int64, id: String)? {
        try tx.first(StateSQL.pointer, nid, type, stateKey) { (pos: $0.int(0), id: $0.text(1)) }
    }
    /// The whole state now.
    package static func all(_ tx: ReadTx, room nid: Int64) throws -> [EventRow] {
        try EventStore.all(tx, StateSQL.all, nid)
    }
    /// All events of one type that hold now (all members, all children of a space).
    package static func ofType(_ tx: ReadTx, room nid: Int64, _ type: String) throws -> [EventRow] {
        try EventStore.all(tx, StateSQL.ofType, nid, type)
    }
    /// The whole state after the event at `pos`.
    package static func all(_ tx: ReadTx, room nid: Int64, at pos: Int64) throws -> [EventRow] {
        try EventStore.all(tx, StateSQL.allAt, nid, pos, pos)
    }
    /// The event that held a key after the event at `pos`.
    package static func event(_ tx: ReadTx, room nid: Int64, _ type: String, _ stateKey: String = "", at pos: Int64) throws -> EventRow? {
        try EventStore.all(tx, StateSQL.oneAt, nid, type, stateKey, pos, pos).first
    }
    /// Events of one type that held after the event at `pos`.
    package static func ofType(_ tx: ReadTx, room nid: Int64, _ type: String, at pos: Int64) throws -> [EventRow] {
        try EventStore.all(tx, StateSQL.ofTypeAt, nid, type, pos, pos)
    }
    /// State that holds after the event at `to` and did not hold after the one at `from`: what a client that knew the state at
    /// `from` must be told.
    package static func changes(_ tx: ReadTx, room nid: Int64, after from: Int64, to: Int64) throws -> [EventRow] {
        try EventStore.all(tx, StateSQL.changes, nid, from, to, to)
    }
    /// All the values that a key has had, oldest first: intervals with the events' content.
    package static func history(_ tx: ReadTx, room nid: Int64, _ type: String, _ stateKey: String) throws -> [(from: Int64, to: Int64?, content: [UInt8])] {
        try tx.all(StateSQL.history, nid, type, stateKey) { (from: $0.int(0), to: $0.intOrNil(1), content: $0.bytes(2)) }
    }
}

package enum StateSQL {
    private static let joined = "SELECT " + EventSQL.columns + " FROM room_state s JOIN event e ON e.pos = s.valid_from" + EventSQL.replaced
    static let one = EventSQL.select + """
        WHERE e.pos = (SELECT s.valid_from FROM room_state s WHERE s.room_nid = ? AND s.type = ? AND s.state_key = ? AND s.valid_to IS NULL)
        """
    static let pointer = "SELECT valid_from, event_id FROM room_state WHERE room_nid = ? AND type = ? AND state_key = ? AND valid_to IS NULL"
    static let all = joined + "WHERE s.room_nid = ? AND s.valid_to IS NULL ORDER BY s.valid_from"
    static let ofType = joined + "WHERE s.room_nid = ? AND s.type = ? AND s.valid_to IS NULL ORDER BY s.valid_from"
    static let allAt = joined + "WHERE s.room_nid = ? AND s.valid_from <= ? AND (s.valid_to IS NULL OR s.valid_to > ?) ORDER BY s.valid_from"
    static let oneAt = joined + """
        WHERE s.room_nid = ? AND s.type = ? AND s.state_key = ? AND s.valid_from <= ? AND (s.valid_to IS NULL OR s.valid_to > ?)
        """
    static let ofTypeAt = joined + """
        WHERE s.room_nid = ? AND s.type = ? AND s.valid_from <= ? AND (s.valid_to IS NULL OR s.valid_to > ?) ORDER BY s.valid_from
        """
    static let changes = joined + """
        WHERE s.room_nid = ? AND s.valid_from > ? AND s.valid_from <= ? AND (s.valid_to IS NULL OR s.valid_to > ?) ORDER BY s.valid_from
        """
    static let history = """
        SELECT s.valid_from, s.valid_to, e.content FROM room_state s JOIN event e ON e.pos = s.valid_from \
        WHERE s.room_nid = ? AND s.type = ? AND s.state_key = ? ORDER BY s.valid_from
        """
    static let close = "UPDATE room_state SET valid_to = ? WHERE room_nid = ? AND type = ? AND state_key = ? AND valid_to IS NULL"
    static let open = "INSERT INTO room_state (room_nid, type, state_key, valid_from, valid_to, event_id) VALUES (?, ?, ?, ?, NULL, ?)"

    package static let statements = [one, pointer, all, ofType, allAt, oneAt, ofTypeAt, changes, history, close, open]
}
