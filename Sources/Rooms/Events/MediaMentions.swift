import Glibc
import MatrixCore
import ServerKit
package import Store
import Synchronization

/// Which events name which media of this server, so that media can go with the last event that names it.
///
/// Invariants: a row is written in the transaction of its event, and goes in the one that empties or deletes the event; every place of the content
/// counts, also text and HTML, for naming too much keeps media and naming too little would lose it; what encrypted events name is not known.
/// Events of before this table are looked through in the background, and until that is done everything counts as named.
enum MediaMentions {
    static let schema = Migration(56, "media that events name", """
        CREATE TABLE event_media (
            media_id TEXT NOT NULL,
            pos INTEGER NOT NULL, -- of the event
            PRIMARY KEY (media_id, pos)
        );
        CREATE INDEX event_media_event ON event_media (pos);
        CREATE TABLE event_media_progress (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            through_pos INTEGER NOT NULL, -- events up to it have been looked through
            end_pos INTEGER NOT NULL -- later ones are noted when they are written
        );
        INSERT INTO event_media_progress (id, through_pos, end_pos) SELECT 1, 0, COALESCE(MAX(e.pos), 0) FROM event e;
        """)
    static let batch = 500
    private static let scheme = Array("mxc://".utf8)

    /// Ids of the media that a content names. The content is canonical JSON: an address stands in it as it is.
    static func ids(in content: [UInt8], of server: String) -> Set<String> {
        var found: Set<String> = []
        content.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            var from = 0
            // The second letter of the scheme is the rare one.
            while from < bytes.count, let hit = memchr(base + from, Int32(scheme[1]), bytes.count - from) {
                let second = UnsafeRawPointer(hit) - base
                from = second + 1
                guard second > 0, bytes[(second - 1)...].starts(with: scheme) else { continue }
                from = second - 1 + scheme.count
                let place = "\(server)/".utf8
                guard bytes[from...].starts(with: place) else { continue }
                let start = from + place.count
                var end = start
                while end < bytes.count, isIDByte(bytes[end]) { end += 1 }
                if end > start { found.insert(String(decoding: bytes[start..<end], as: UTF8.self)) }
                from = end
            }
        }
        return found
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    static func note(_ c: Context, _ tx: WriteTx, at pos: Int64, _ content: [UInt8]) throws {
        for id in ids(in: content, of: c.serverName) { try tx.run(SQL.insert, id, pos) }
    }

    /// An event's content has become another.
    static func replaced(_ c: Context, _ tx: WriteTx, at pos: Int64, by sender: UserID, _ old: [UInt8], with new: [UInt8]) throws {
        let gone = ids(in: old, of: c.serverName)
        guard !gone.isEmpty else { return }
        try tx.run(SQL.delete, pos, pos)
        try note(c, tx, at: pos, new)
        try c.ports.media.released(c, tx, media: gone, by: sender)
    }

    /// The events of a room between two positions are about to be deleted.
    static func deleting(_ c: Context, _ tx: WriteTx, room nid: Int64, from first: Int64, through last: Int64) throws {
        var gone: [UserID: Set<String>] = [:]
        var positions: Set<Int64> = []
        try tx.each(SQL.between, nid, first, last) { row in
            positions.insert(row.int(0))
            gone[UserID(trusted: row.text(2)), default: []].insert(row.text(1))
        }
        for pos in positions.sorted() { try tx.run(SQL.delete, pos, pos) }
        for (sender, ids) in gone.sorted(by: { $0.key < $1.key }) { try c.ports.media.released(c, tx, media: ids, by: sender) }
    }

    // MARK: what was there before

    /// Looks through the events of before the table was made, some at a time, once.
    final class Backfill: Sendable {
        private let isDone = Atomic(false)

        func run(_ c: Context) async throws {
            while !isDone.load(ordering: .relaxed) {
                let done = try await c.db.write { tx in try MediaMentions.step(c, tx, limit: MediaMentions.batch) }
                if done { isDone.store(true, ordering: .relaxed) }
            }
        }
    }

    /// True when nothing was left.
    static func step(_ c: Context, _ tx: WriteTx, limit: Int) throws -> Bool {
        guard let at = try tx.first(SQL.progress, row: { (through: $0.int(0), end: $0.int(1)) }), at.through < at.end else { return true }
        let events = try tx.all(SQL.next, at.through, at.end, limit) { (pos: $0.int(0), content: $0.bytes(1)) }
        for event in events { try note(c, tx, at: event.pos, event.content) }
        try tx.run(SQL.move, events.count < limit ? at.end : events.last?.pos ?? at.end)
        return events.count < limit
    }

    enum SQL {
        static let insert = "INSERT INTO event_media (media_id, pos) VALUES (?, ?) ON CONFLICT (media_id, pos) DO NOTHING"
        static let delete = "DELETE FROM event_media WHERE pos >= ? AND pos <= ?"
        static let between = """
            SELECT e.pos, m.media_id, e.sender FROM event e JOIN event_media m ON m.pos = e.pos WHERE e.room_nid = ? AND e.pos >= ? AND e.pos <= ?
            """
        static let isNamed = "SELECT 1 FROM event_media WHERE media_id = ? LIMIT 1"
        static let progress = "SELECT through_pos, end_pos FROM event_media_progress WHERE id = 1"
        static let move = "UPDATE event_media_progress SET through_pos = ? WHERE id = 1"
        static let next = "SELECT pos, content FROM event WHERE pos > ? AND pos <= ? ORDER BY pos LIMIT ?"
        static let all = [insert, delete, between, isNamed, progress, move, next]
    }
}

extension RoomService {
    package func mentions(_ tx: ReadTx, media id: String) throws -> Bool {
        if try tx.exists(MediaMentions.SQL.isNamed, id) { return true }
        let progress = try tx.first(MediaMentions.SQL.progress) { (through: $0.int(0), end: $0.int(1)) }
        return progress.map { $0.through < $0.end } ?? true
    }
}
