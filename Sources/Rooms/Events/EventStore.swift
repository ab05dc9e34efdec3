package import MatrixCore
package import Store

/// An event as it lies in the database. `content` is JSON as bytes and stays so: answers are spliced, not encoded again.
///
/// A class, because events are handed on from list to list: a copy of twenty fields would cost more than reading them.
package final class EventRow: Sendable {
    package let pos: Int64
    package let roomNID: Int64
    /// False for a state event that outlives the history in which it was (see ``EventSchema``): it is state still, and in no timeline.
    package let isInTimeline: Bool
    package let id: EventID
    package let type: String
    package let stateKey: String?
    package let sender: UserID
    package let timestamp: Int64
    package let depth: Int64
    package let content: [UInt8]
    package let relatesTo: String?
    package let relType: String?
    /// Root of the thread that the event is in.
    package let thread: String?
    package let redacts: String?
    package let redactedBy: Int64?
    package let notifies: Bool
    package let device: String?
    package let transaction: String?
    /// The state event that this one replaced.
    package let replaced: Replaced?
    /// The redaction that emptied this event; filled in by ``EventStore``.
    package let redaction: Redaction?

    package struct Replaced: Sendable {
        package let id: String
        package let sender: String
        package let content: [UInt8]
    }
    package struct Redaction: Sendable {
        package let id: String
        package let sender: String
        package let timestamp: Int64
        package let content: [UInt8]
    }

    package var isState: Bool { stateKey != nil }
    /// The event with another content, for those who may not see all of it.
    func withContent(_ content: [UInt8]) -> EventRow { EventRow(self, content: content, replaced: nil, redaction: redaction) }
    fileprivate func with(_ redaction: Redaction?) -> EventRow { EventRow(self, content: content, replaced: replaced, redaction: redaction) }
    /// The content as a value. Stored content is always valid JSON; a damaged row reads as an empty object.
    package var contentObject: JSONObject {
        guard let object = try? JSONObject.parse(content) else { return [:] }   // checked when it was stored
        return object
    }

    private init(_ event: EventRow, content: [UInt8], replaced: Replaced?, redaction: Redaction?) {
        pos = event.pos; roomNID = event.roomNID; isInTimeline = event.isInTimeline; id = event.id; type = event.type; stateKey = event.stateKey; sender = event.sender
        timestamp = event.timestamp; depth = event.depth; relatesTo = event.relatesTo; relType = event.relType; thread = event.thread
        redacts = event.redacts; redactedBy = event.redactedBy; notifies = event.notifies; device = event.device; transaction = event.transaction
        self.content = content
        self.replaced = replaced
        self.redaction = redaction
    }

    /// - Parameter last: The row before: what is the same in both is kept once.
    package init(_ row: Row, like last: EventRow? = nil) {
        pos = row.int(0)
        let room = row.int(1)
        roomNID = abs(room)
        isInTimeline = room > 0
        id = EventID(trusted: row.text(2))
        type = row.text(3)
        stateKey = row.textOrNil(4)
        sender = UserID(trusted: last.map { row.text(5, like: $0.sender.rawValue) } ?? row.text(5))
        timestamp = row.int(6)
        depth = row.int(7)
        content = row.bytes(8)
        relatesTo = row.textOrNil(9)
        relType = row.textOrNil(10)
        thread = row.textOrNil(11)
        redacts = row.textOrNil(12)
        redactedBy = row.intOrNil(13)
        notifies = row.bool(14)
        device = row.textOrNil(15)
        transaction = row.textOrNil(16)
        replaced = row.isNull(17) ? nil : Replaced(id: row.text(17), sender: row.text(18), content: row.bytes(19))
        redaction = nil
    }
}

/// Reads events. Every query selects ``EventSQL/columns``, so that a row always reads the same way.
package enum EventStore {
    /// Runs a query that begins with ``EventSQL/select`` (or selects ``EventSQL/columns``).
    package static func all(_ tx: ReadTx, _ sql: String, _ binds: any Bindable...) throws -> [EventRow] {
        try all(tx, sql, array: binds)
    }
    package static func all(_ tx: ReadTx, _ sql: String, array binds: [any Bindable]) throws -> [EventRow] {
        var last: EventRow?
        var events = try tx.all(sql, array: binds) { row in
            let event = EventRow(row, like: last)
            last = event
            return event
        }
        for index in events.indices where events[index].redactedBy != nil { try addRedaction(tx, &events[index]) }
        return events
    }
    /// The same for a query that selects a number after the columns.
    static func withNumber(_ tx: ReadTx, _ sql: String, _ binds: any Bindable...) throws -> [(event: EventRow, number: Int64)] {
        var events = try tx.all(sql, array: binds) { (event: EventRow($0), number: $0.int(EventSQL.columnCount)) }
        for index in events.indices where events[index].event.redactedBy != nil { try addRedaction(tx, &events[index].event) }
        return events
    }
    /// For a query that selects a truth value after the columns: by room, the newest first. The query need not sort; where the rows come by an
    /// index, which they do mostly, they are in order already.
    static func flagged(_ tx: ReadTx, _ sql: String, array binds: [any Bindable]) throws -> [Int64: [(event: EventRow, flag: Bool)]] {
        var rooms: [Int64: [(event: EventRow, flag: Bool)]] = [:], run: [(event: EventRow, flag: Bool)] = []
        func keep() {
            guard let nid = run.first?.event.roomNID else { return }
            rooms[nid, default: []] += run
            run.removeAll(keepingCapacity: true)
        }
        try tx.each(sql, array: binds) { row in
            let event = EventRow(row, like: run.last?.event)
            if let last = run.last, last.event.roomNID != event.roomNID { keep() }
            run.append((event: event, flag: row.bool(EventSQL.columnCount)))
        }
        keep()
        for nid in rooms.keys {
            guard var events = rooms.updateValue([], forKey: nid) else { continue }
            if isRising(events) { events.reverse() } else { events.sort { $0.event.pos > $1.event.pos } }
            for index in events.indices where events[index].event.redactedBy != nil { try addRedaction(tx, &events[index].event) }
            rooms[nid] = events
        }
        return rooms
    }
    private static func isRising(_ events: [(event: EventRow, flag: Bool)]) -> Bool {
        for index in events.indices.dropFirst() where events[index - 1].event.pos > events[index].event.pos { return false }
        return true
    }
    /// State of several rooms: by room, the oldest first. The query need not sort.
    static func states(_ tx: ReadTx, _ sql: String, array binds: [any Bindable], into rooms: inout [Int64: [EventRow]]) throws {
        var found: [Int64: [EventRow]] = [:]
        for event in try all(tx, sql, array: binds) { found[event.roomNID, default: []].append(event) }
        for (nid, events) in found { rooms[nid] = events.sorted { $0.pos < $1.pos } }
    }
    private static func addRedaction(_ tx: ReadTx, _ event: inout EventRow) throws {
        guard let redactedBy = event.redactedBy else { return }
        event = event.with(try tx.first(EventSQL.redaction, redactedBy) {
            EventRow.Redaction(id: $0.text(0), sender: $0.text(1), timestamp: $0.int(2), content: $0.bytes(3))
        })
    }
    package static func event(_ tx: ReadTx, room nid: Int64, _ id: EventID) throws -> EventRow? {
        try all(tx, EventSQL.byID, id, nid).first
    }
    package static func event(_ tx: ReadTx, at pos: Int64) throws -> EventRow? {
        try all(tx, EventSQL.byPosition, pos).first
    }
    /// Events of a room with `after < pos < before`, oldest first or newest first.
    package static func page(_ tx: ReadTx, room nid: Int64, after: Int64 = 0, before: Int64 = .max, newestFirst: Bool, limit: Int) throws -> [EventRow] {
        try all(tx, newestFirst ? EventSQL.pageDown : EventSQL.pageUp, nid, after, before, limit)
    }
}

package enum EventSQL {
    /// `e` is the event, `p` the state event it replaced. Order matters to ``EventRow``.
    package static let columns = """
        e.pos, e.room_nid, e.event_id, e.type, e.state_key, e.sender, e.ts, e.depth, e.content, e.relates_to, e.rel_type, e.thread, \
        e.redacts, e.redacted_by, e.notifies, e.txn_device, e.txn_id, p.event_id, p.sender, p.content
        """
    static let columnCount = 20
    package static let replaced = " LEFT JOIN event p ON p.pos = e.replaces "
    package static let select = "SELECT " + columns + " FROM event e" + replaced
    package static let byID = select + "WHERE e.event_id = ? AND ABS(e.room_nid) = ?"
    package static let byPosition = select + "WHERE e.pos = ?"
    static let manyCount = 50
    static let many = select + "WHERE e.pos IN (" + Placeholders.list(manyCount) + ")"
    package static let pageDown = select + "WHERE e.room_nid = ? AND e.pos > ? AND e.pos < ? ORDER BY e.pos DESC LIMIT ?"
    package static let pageUp = select + "WHERE e.room_nid = ? AND e.pos > ? AND e.pos < ? ORDER BY e.pos LIMIT ?"
    static let redaction = "SELECT event_id, sender, ts, content FROM event WHERE pos = ?"
    static let anywhere = "SELECT 1 FROM event WHERE event_id = ?"
    /// The signed fields that clients do not see.
    static let rest = "SELECT rest FROM event WHERE pos = ?"
    static let position = "SELECT pos FROM event WHERE event_id = ? AND room_nid = ?"
    static let insert = """
        INSERT INTO event (pos, room_nid, event_id, type, state_key, sender, ts, depth, content, rest, relates_to, rel_type, thread, \
        redacts, replaces, notifies, txn_device, txn_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    /// One room of a transaction id may hold several events (different endpoints); there are never many.
    static let ofTransaction = "SELECT txn_device, room_nid, type, redacts, event_id FROM event WHERE sender = ? AND txn_id = ?"
    static let redact = "UPDATE event SET content = ?, redacted_by = ?, redacts = ?, relates_to = NULL, rel_type = NULL, thread = NULL, notifies = 0 WHERE pos = ?"
    static let threadOf = "SELECT thread, pos FROM event WHERE event_id = ? AND room_nid = ?"

    package static let all = [byID, byPosition, many, pageDown, pageUp, redaction, anywhere, rest, position, insert, ofTransaction, redact, threadOf]
}
