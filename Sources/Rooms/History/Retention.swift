import MatrixCore
import ServerKit
import Store
import Synchronization

/// How long rooms keep their messages: `m.room.retention` of each room between the limits of the server, or the server's own limit where a
/// room says nothing. https://github.com/matrix-org/matrix-spec-proposals/pull/1763
///
/// Invariants: only messages go, never state; a room's last event stays; what goes is deleted, not hidden, and is in no file afterwards.
final class Retention: Sendable {
    static let batch = 200
    /// Up to which time each room was looked through since the start, so that what stays is not read again and again.
    private let done = Mutex<[Int64: Int64]>([:])

    /// How long a room with this policy keeps its messages; nil for ever.
    static func lifetime(_ policy: JSONObject?, _ config: Config) -> Int64? {
        guard var lifetime = policy?["max_lifetime"]?.intValue, lifetime > 0 else { return config.retentionMax }
        if let least = config.retentionMin { lifetime = max(lifetime, least) }
        if let most = config.retentionMax { lifetime = min(lifetime, most) }
        return lifetime
    }

    func run(_ c: Context) async throws {
        let now = c.clock.now, config = c.config
        var deleted = false, after: Int64 = 0
        while true {
            let from = after
            let rooms = try await c.db.read { tx -> [(nid: Int64, lifetime: Int64?)] in
                let sql = config.retentionMax == nil ? SQL.withPolicy : SQL.everyRoom
                return try tx.all(sql, from, 100) { row in
                    (nid: row.int(0), lifetime: Self.lifetime(try row.bytesOrNil(1).map { try JSONObject.parse($0) }, config))
                }
            }
            guard let last = rooms.last else { break }
            after = last.nid
            for room in rooms {
                guard let lifetime = room.lifetime else { continue }
                if try await clear(c, room.nid, before: now - lifetime) { deleted = true }
            }
        }
        if deleted { try await c.db.reclaim(Purge.tables) }
    }

    private func clear(_ c: Context, _ nid: Int64, before time: Int64) async throws -> Bool {
        let from = done.withLock { $0[nid] } ?? 0
        guard from < time else { return false }
        var deleted = false
        while try await c.db.write({ tx -> Int in
            guard let head = try RoomStore.head(tx, nid: nid) else { return 0 }
            let old = try tx.all(SQL.old, nid, from, time, head.lastPos, Self.batch) { $0.int(0) }
            for pos in old { try Self.delete(c, tx, room: nid, pos) }
            if !old.isEmpty { tx.touch(.room(head.id.rawValue)) }
            return old.count
        }) > 0 { deleted = true }
        // The last event stays for now: it is looked at again.
        let last = try await c.db.read { tx in try tx.first(SQL.lastTime, nid) { $0.int(0) } } ?? time
        done.withLock { $0[nid] = min(time, last) }
        return deleted
    }

    private static func delete(_ c: Context, _ tx: WriteTx, room nid: Int64, _ pos: Int64) throws {
        try SearchIndex.remove(tx, room: nid, from: pos, through: pos)
        try tx.run(WorkSQL.dropHighlights, nid, pos)
        try tx.run(UnreadSQL.dropStep, nid, pos)
        try tx.run(SelfDestruction.SQL.delete, pos)
        try MediaMentions.deleting(c, tx, room: nid, from: pos, through: pos)
        try tx.run(SQL.delete, pos)
    }

    enum SQL {
        static let withPolicy = """
            SELECT s.room_nid, e.content FROM room_state s JOIN event e ON e.pos = s.valid_from \
            WHERE s.type = 'm.room.retention' AND s.valid_to IS NULL AND s.state_key = '' AND s.room_nid > ? ORDER BY s.room_nid LIMIT ?
            """
        static let everyRoom = """
            SELECT r.room_nid, e.content FROM room r LEFT JOIN room_state s ON s.room_nid = r.room_nid AND s.type = 'm.room.retention' \
            AND s.state_key = '' AND s.valid_to IS NULL LEFT JOIN event e ON e.pos = s.valid_from WHERE r.room_nid > ? ORDER BY r.room_nid LIMIT ?
            """
        static let old = "SELECT pos FROM event WHERE room_nid = ? AND ts >= ? AND ts < ? AND state_key IS NULL AND pos <> ? ORDER BY ts LIMIT ?"
        static let lastTime = "SELECT e.ts FROM room r JOIN event e ON e.pos = r.last_pos WHERE r.room_nid = ?"
        static let delete = "DELETE FROM event WHERE pos = ?"
        static let all = [withPolicy, everyRoom, old, lastTime, delete]
    }
}
