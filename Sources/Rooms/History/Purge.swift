import Logging
import MatrixCore
import ServerKit
import Store

/// Deleting a room's history up to an event, for administrators: the interface is Synapse's, so that its tools work here.
/// https://element-hq.github.io/synapse/latest/admin_api/purge_history_api.html
///
/// Invariants: the room's state, and what it was at every event that is left, stays as it was; the last event is never deleted. What is
/// deleted is in no file of the database afterwards. A purge goes on after a restart. There is no other copy of an event that was sent
/// here, and a purge deletes it nevertheless: `delete_local_events` makes no difference.
enum Purge {
    static let batch = 500
    struct Order { let id: String, nid: Int64, end: Int64 }
    /// Where rows are deleted.
    static let tables = ["event", "room_state", "unread_highlight", "thread_step", "search_posting", "event_media"]

    /// Deletes what is before `end`, at most `batch` events. False when nothing is left.
    static func step(_ c: Context, _ tx: WriteTx, room nid: Int64, before end: Int64) throws -> Bool {
        guard let range = try tx.first(SQL.range, nid, end, batch, row: { (first: $0.int(0), last: $0.int(1), count: $0.int(2)) }), range.count > 0 else { return false }
        try SearchIndex.remove(tx, room: nid, from: range.first, through: range.last)
        try tx.run(SQL.keepState, nid, range.first, range.last, end)
        try tx.run(SQL.dropState, nid, range.first, range.last, end)
        try tx.run(SQL.dropHighlights, nid, range.first, range.last)
        try tx.run(SQL.dropExpiry, range.first, range.last, nid)
        try MediaMentions.deleting(c, tx, room: nid, from: range.first, through: range.last)
        try tx.run(SQL.dropEvents, nid, range.first, range.last)
        return true
    }

    /// Works off the purges that were ordered.
    static func run(_ c: Context, _ orders: Lookout<[Order]>) async throws {
        let orders = try await orders.look(c) { tx in
            try tx.all(SQL.active) { Order(id: $0.text(0), nid: $0.int(1), end: $0.int(2)) }
        }
        guard !orders.isEmpty else { return }
        for order in orders {
            do {
                while try await c.db.write({ tx in try step(c, tx, room: order.nid, before: order.end) }) {}
                try await c.db.write { tx in
                    try finish(tx, room: order.nid, end: order.end)
                    try tx.run(SQL.end, "complete", nil as String?, order.id)
                }
            } catch let error as StoreError {
                c.log.error("purge failed", metadata: ["purge.id": "\(order.id)", "error": "\(error)"])
                try await c.db.write { tx in _ = try tx.run(SQL.end, "failed", "\(error)", order.id) }
            }
        }
        try await c.db.reclaim(tables)
    }

    /// What was counted as unread and is gone is not unread any more; whoever syncs from before hears of a gap.
    private static func finish(_ tx: WriteTx, room nid: Int64, end: Int64) throws {
        for user in try tx.all(SQL.unreadUsers, nid, row: { UserID(trusted: $0.text(0)) }) { try Unread.reset(tx, room: nid, user, upTo: end - 1, .all) }
        try Unread.forgetHistory(tx, room: nid, before: end)
        try tx.run(SQL.mark, tx.nextPosition(), nid)
        if let room = try RoomStore.head(tx, nid: nid) { tx.touch(.room(room.id.rawValue)) }
    }

    enum SQL {
        static let range = """
            SELECT COALESCE(MIN(derived.pos), 0), COALESCE(MAX(derived.pos), 0), COUNT(*) FROM \
            (SELECT pos FROM event WHERE room_nid = ? AND pos < ? ORDER BY pos LIMIT ?) derived
            """
        /// What is state at `?4` or later leaves the timeline and stays.
        static let keepState = """
            UPDATE event SET room_nid = -room_nid WHERE room_nid = ?1 AND pos >= ?2 AND pos <= ?3 AND pos IN (SELECT valid_from FROM room_state \
            WHERE room_nid = ?1 AND valid_from >= ?2 AND valid_from <= ?3 AND (valid_to IS NULL OR valid_to >= ?4))
            """
        static let dropState = "DELETE FROM room_state WHERE room_nid = ? AND valid_from >= ? AND valid_from <= ? AND valid_to < ?"
        static let dropHighlights = "DELETE FROM unread_highlight WHERE room_nid = ? AND pos >= ? AND pos <= ?"
        static let dropExpiry = "DELETE FROM event_expiry WHERE pos >= ?1 AND pos <= ?2 AND pos IN (SELECT pos FROM event WHERE room_nid = ?3 AND pos >= ?1 AND pos <= ?2)"
        static let dropEvents = "DELETE FROM event WHERE room_nid = ? AND pos >= ? AND pos <= ?"
        static let unreadUsers = "SELECT m.user_id FROM membership m WHERE m.room_nid = ? AND m.membership = 'join' ORDER BY m.pos"
        static let mark = "UPDATE room SET purged_pos = ? WHERE room_nid = ?"
        static let order = "INSERT INTO purge (id, room_nid, before_pos, status, created) VALUES (?, ?, ?, 'active', ?)"
        static let active = "SELECT id, room_nid, before_pos FROM purge WHERE status = 'active' ORDER BY created"
        static let end = "UPDATE purge SET status = ?, error = ? WHERE id = ?"
        static let status = "SELECT status, error FROM purge WHERE id = ?"
        static let isActive = "SELECT 1 FROM purge WHERE status = 'active' AND room_nid = ?"
        static let firstSince = "SELECT MIN(e.pos) FROM event e WHERE e.room_nid = ? AND e.ts >= ?"
        static let all = [range, keepState, dropState, dropHighlights, dropExpiry, dropEvents, unreadUsers, mark, order, active, end, status, isActive, firstSince]
    }
}

extension RoomService {
    var purgeRoutes: [Route] {
        let path = "/_synapse/admin/v1/purge_history"
        return Route.all(.post, [path + "/{roomId}/{eventId}", path + "/{roomId}"], auth: .admin) { try await self.orderPurge($0, $1) } + [
            Route(.get, "/_synapse/admin/v1/purge_history_status/{purgeId}", auth: .admin) { request, c in
                let id = try request.param("purgeId")
                guard let found = try await c.db.read({ tx in try tx.first(Purge.SQL.status, id, row: { (status: $0.text(0), error: $0.textOrNil(1)) }) }) else {
                    throw MatrixError.notFound("There is no purge '\(id)'.")
                }
                var body: JSONObject = ["status": .string(found.status)]
                body["error"] = found.error.map(JSON.string)
                return .json(.object(body))
            },
        ]
    }

    /// Up to an event, named in the path or in `purge_up_to_event_id`, or to a time: `purge_up_to_ts`.
    private func orderPurge(_ request: Request, _ c: Context) async throws -> Response {
        let room: RoomID = try request.id("roomId")
        let body = try request.json()
        _ = try body.bool("delete_local_events")
        let named: EventID? = request.params["eventId"] == nil ? try body.id("purge_up_to_event_id") : try request.id("eventId")
        let time = try body.int("purge_up_to_ts")
        guard named != nil || time != nil else { throw MatrixError.missingParam("'purge_up_to_ts' or 'purge_up_to_event_id' is required.") }
        let id = c.entropy.token(16)
        try await c.db.write { tx in
            guard let head = try RoomStore.head(tx, room) else { throw MatrixError.notFound("There is no room \(room).") }
            if try tx.exists(Purge.SQL.isActive, head.nid) { throw MatrixError.badRequest("A purge of this room is going on already.") }
            var end = head.lastPos
            if let named {
                guard let event = try EventStore.event(tx, room: head.nid, named), event.isInTimeline else { throw MatrixError.notFound("There is no such event in this room.") }
                end = event.pos
            } else if let time, let first = try tx.first(Purge.SQL.firstSince, head.nid, time, row: { $0.intOrNil(0) }) ?? nil {
                end = first
            }
            try tx.run(Purge.SQL.order, id, head.nid, min(end, head.lastPos), c.clock.now)
        }
        return .json(["purge_id": .string(id)])
    }
}
