import MatrixCore
import ServerKit
import Store
import Synchronization

/// Which words stand in which events: one narrow row for each, the same on both databases.
///
/// Invariants: an event is indexed after it was appended, in the background, for its words are many rows in many places and would cost the
/// sender more than all the rest; whoever searches waits until all that was there before is indexed. What is redacted, purged, retained no
/// longer or ended by itself is in no index; encrypted events never are, for the server cannot read them.
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

    struct Posting: Sendable {
        let room: Int64, term: String, pos: Int64, weight: Int64
    }

    static func postings(room nid: Int64, pos: Int64, _ text: String) -> [Posting] {
        let terms = SearchText.terms(text)
        let length = terms.reduce(0) { $0 + $1.count }
        return terms.map { Posting(room: nid, term: $0.term, pos: pos, weight: weight($0.count, of: length)) }
    }

    static func add(_ tx: WriteTx, _ postings: ArraySlice<Posting>) throws {
        var rest = postings
        while !rest.isEmpty {
            let part = rest.prefix(SQL.widest)
            rest = rest.dropFirst(SQL.widest)
            var binds: [any Bindable] = []
            binds.reserveCapacity(part.count * 4)
            for posting in part {
                binds.append(posting.room)
                binds.append(posting.term)
                binds.append(posting.pos)
                binds.append(posting.weight)
            }
            try tx.run(SQL.inserts[part.count - 1], array: binds)
        }
    }

    /// More for a word that comes again, less in a long text; thousandths.
    static func weight(_ count: Int, of length: Int) -> Int64 {
        let frequency = Double(count)
        return Int64(1000 * frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * Double(length) / 20)))
    }

    static func remove(_ tx: WriteTx, _ event: EventRow) throws {
        guard let text = text(type: event.type, stateKey: event.stateKey, event.contentObject) else { return }
        try removing(tx)
        for (term, _) in SearchText.terms(text) { try tx.run(SQL.delete, event.roomNID, term, event.pos) }
    }

    /// Takes out what stands between two positions of a room.
    static func remove(_ tx: WriteTx, room nid: Int64, from first: Int64, through last: Int64) throws {
        try removing(tx)
        let found = try tx.all(SQL.between, nid, first, last) { row in
            (pos: row.int(0), type: row.text(1), stateKey: row.textOrNil(2), content: try JSONObject.parse(row.bytes(3)))
        }
        for event in found {
            guard let text = text(type: event.type, stateKey: event.stateKey, event.content) else { continue }
            for (term, _) in SearchText.terms(text) { try tx.run(SQL.delete, nid, term, event.pos) }
        }
    }

    /// Something is deleted that the indexer may have read already and not yet written down.
    static func removing(_ tx: WriteTx) throws { try tx.run(SQL.removal) }

    // MARK: keeping up

    /// Follows the change position through the events, the oldest first, up to two thousand at a time.
    ///
    /// The words are made by a reader, for the writer has better things to do, and written in the order of the table: the words of many events of a
    /// room lie together, so that a page of the file is written once for all of them. If anything was deleted meanwhile, they are made anew.
    final class Indexer: Sendable {
        private static let batch = 2_000, few = 250
        /// Of the words of a batch, as many as are written without keeping others waiting.
        private static let portion = 32 * SQL.widest
        /// Everything through this position is indexed; nil until it was read.
        private let through = Mutex<Int64?>(nil)

        /// Returns when all that was committed before the call is indexed. Costs nothing when it is.
        func catchUp(_ c: Context) async throws {
            let target = c.db.position
            while through.withLock({ ($0 ?? -1) < target }) {
                let known = through.withLock(\.self)
                let found = try await c.db.read { tx in try Self.look(tx, after: known, limit: Self.batch) }
                let reached = try await Self.write(c, found) ? found.reached : c.db.write { tx in try Self.step(tx, after: known, limit: Self.few) }
                through.withLock { $0 = max($0 ?? 0, reached) }
            }
        }

        struct Found: Sendable {
            /// In the order of the table.
            var postings: [Posting]
            /// The position through which nothing is left.
            var reached: Int64
            /// How often something had been deleted.
            var removals: Int64
        }

        static func look(_ tx: ReadTx, after known: Int64?, limit: Int) throws -> Found {
            let state = try tx.first(SQL.progress) { (through: $0.int(0), removals: $0.int(1)) } ?? (through: 0, removals: 0)
            let after = known ?? state.through
            let events = try tx.all(SQL.next, after, limit) { row in
                (pos: row.int(0), nid: row.int(1), type: row.text(2), stateKey: row.textOrNil(3), content: row.bytes(4))
            }
            var postings: [Posting] = []
            // A negative room: a state event that outlived a purge.
            for event in events where event.nid > 0 && [EventType.message, EventType.name, EventType.topic].contains(event.type) {
                guard let text = text(type: event.type, stateKey: event.stateKey, try JSONObject.parse(event.content)) else { continue }
                postings += SearchIndex.postings(room: event.nid, pos: event.pos, text)
            }
            postings.sort { ($0.room, $0.term, $0.pos) < ($1.room, $1.term, $1.pos) }
            return Found(postings: postings, reached: try events.count < limit ? tx.position : events.last?.pos ?? after, removals: state.removals)
        }

        /// False when something was deleted since the look: it may be one of these words, and what is written of them already is gone as well.
        static func write(_ c: Context, _ found: Found) async throws -> Bool {
            var rest = found.postings[...]
            while !rest.isEmpty {
                let portion = rest.prefix(portion)
                rest = rest.dropFirst(portion.count)
                let isLast = rest.isEmpty
                let isStillTrue = try await c.db.write { tx in
                    guard try tx.first(SQL.progress, row: { $0.int(1) }) == found.removals else { return false }
                    try add(tx, portion)
                    if isLast { try tx.run(SQL.move, found.reached) }
                    return true
                }
                guard isStillTrue else { return false }
            }
            return true
        }

        /// Indexes the next events at once. Gives the position through which nothing is left.
        static func step(_ tx: WriteTx, after known: Int64?, limit: Int) throws -> Int64 {
            let found = try look(tx, after: known, limit: limit)
            if !found.postings.isEmpty {
                try add(tx, found.postings[...])
                try tx.run(SQL.move, found.reached)
            }
            return found.reached
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
        static let progress = "SELECT through_pos, removals FROM search_progress WHERE id = 1"
        static let move = "UPDATE search_progress SET through_pos = ? WHERE id = 1"
        static let removal = "UPDATE search_progress SET removals = removals + 1 WHERE id = 1"
        static let next = "SELECT pos, room_nid, type, state_key, content FROM event WHERE pos > ? ORDER BY pos LIMIT ?"
        static let all = [inserts[0], inserts[widest - 1], delete, between, progress, move, removal, next]
    }
}
