import MatrixCore
import ServerKit
import Store
import Synchronization

/// Which words stand in which events: one narrow row for each, the same on both databases.
///
/// Invariants: an event is indexed in the transaction that appends it, by one statement unless it is very long; what is redacted, purged,
/// retained no longer or ended by itself is in no index; encrypted events never are, for the server cannot read them.
enum SearchIndex {
    /// The text of an event that can be found; nil for all others.
    static func text(type: String, stateKey: String?, _ content: JSONObject) -> String? {
        let text: String?
        switch type {
        case EventType.message where stateKey == nil: text = content["body"]?.stringValue
        case EventType.name where stateKey == "": text = content["name"]?.stringValue
        case EventType.topic where stateKey == "": text = content["topic"]?.stringValue
        default: return nil
        }
        return text?.isEmpty == true ? nil : text
    }

    static func add(_ tx: WriteTx, room nid: Int64, pos: Int64, _ text: String) throws {
        let terms = SearchText.terms(text)
        guard !terms.isEmpty else { return }
        let length = terms.reduce(0) { $0 + $1.count }
        var rest = terms[...]
        while !rest.isEmpty {
            let part = rest.prefix(SQL.widest)
            rest = rest.dropFirst(SQL.widest)
            var binds: [any Bindable] = []
            binds.reserveCapacity(part.count * 4)
            for (term, count) in part {
                binds.append(nid)
                binds.append(term)
                binds.append(pos)
                binds.append(weight(count, of: length))
            }
            try tx.run(SQL.inserts[part.count - 1], array: binds)
        }
    }

    /// More for a word that comes again, less in a long text; thousandths.
    static func weight(_ count: Int, of length: Int) -> Int64 {
        let frequency = Double(count)
        return Int64(1000 * frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * Double(length) / 20)))
    }

    static func remove(_ tx: WriteTx, room nid: Int64, pos: Int64, type: String, stateKey: String?, content: JSONObject) throws {
        guard let text = text(type: type, stateKey: stateKey, content) else { return }
        for (term, _) in SearchText.terms(text) { try tx.run(SQL.delete, nid, term, pos) }
    }
    static func remove(_ tx: WriteTx, _ event: EventRow) throws {
        try remove(tx, room: event.roomNID, pos: event.pos, type: event.type, stateKey: event.stateKey, content: event.contentObject)
    }

    /// Takes out what stands between two positions of a room.
    static func remove(_ tx: WriteTx, room nid: Int64, from first: Int64, through last: Int64) throws {
        let found = try tx.all(SQL.between, nid, first, last) { row in
            (pos: row.int(0), type: row.text(1), stateKey: row.textOrNil(2), content: try JSONObject.parse(row.bytes(3)))
        }
        for event in found { try remove(tx, room: nid, pos: event.pos, type: event.type, stateKey: event.stateKey, content: event.content) }
    }

    // MARK: what was there before the index

    /// Indexes the events of a database that is older than the index, the newest first, a little at a time.
    final class Backfill: Sendable {
        private let isDone = Mutex(false)

        func run(_ c: Context) async throws {
            while !isDone.withLock({ $0 }) {
                let isOver = try await c.db.write { tx in try Self.step(tx, limit: 500) }
                if isOver { isDone.withLock { $0 = true } }
            }
        }

        static func step(_ tx: WriteTx, limit: Int) throws -> Bool {
            guard let before = try tx.first(SQL.mark, row: { $0.int(0) }) else { return true }
            let events = try tx.all(SQL.older, before, limit) { row in
                (pos: row.int(0), nid: row.int(1), type: row.text(2), stateKey: row.textOrNil(3), content: row.bytes(4))
            }
            for event in events where event.nid > 0 && [EventType.message, EventType.name, EventType.topic].contains(event.type) {
                if let text = text(type: event.type, stateKey: event.stateKey, try JSONObject.parse(event.content)) { try add(tx, room: event.nid, pos: event.pos, text) }
            }
            guard let last = events.last else {
                try tx.run(SQL.unmark)
                return true
            }
            try tx.run(SQL.move, last.pos)
            return false
        }
    }

    enum SQL {
        static let widest = 32
        /// For 1 to `widest` words.
        static let inserts: [String] = (1...widest).map { count in
            "INSERT INTO search_posting (room_nid, term, pos, weight) VALUES " + Array(repeating: "(?, ?, ?, ?)", count: count).joined(separator: ", ")
                + " ON CONFLICT (room_nid, term, pos) DO NOTHING"
        }
        static let delete = "DELETE FROM search_posting WHERE room_nid = ? AND term = ? AND pos = ?"
        static let between = """
            SELECT pos, type, state_key, content FROM event WHERE room_nid = ? AND pos >= ? AND pos <= ? \
            AND type IN ('m.room.message', 'm.room.name', 'm.room.topic')
            """
        static let mark = "SELECT before_pos FROM search_backfill WHERE id = 1"
        static let move = "UPDATE search_backfill SET before_pos = ? WHERE id = 1"
        static let unmark = "DELETE FROM search_backfill WHERE id = 1"
        static let older = "SELECT pos, room_nid, type, state_key, content FROM event WHERE pos < ? ORDER BY pos DESC LIMIT ?"
        static let all = [inserts[0], inserts[widest - 1], delete, between, mark, move, unmark, older]
    }
}
