package import MatrixCore
package import ServerKit
package import Store

/// How far users have read: one row for each (room, user, kind, thread); a receipt only moves forward.
/// Spec: https://spec.matrix.org/latest/client-server-api/#receipts
///
/// Invariants: a private receipt is told to its user alone; a receipt never names an event of another room; moving a
/// receipt and lowering the unread count is one transaction.
package enum Receipts {
    static let schema = Migration(45, "receipts and read markers", """
        CREATE TABLE receipt (
            room_nid INTEGER NOT NULL,
            user_id TEXT NOT NULL,
            kind TEXT NOT NULL, -- m.read or m.read.private
            thread TEXT NOT NULL, -- '' for unthreaded, 'main', or the root's event id
            event_id TEXT NOT NULL,
            event_pos INTEGER NOT NULL,
            ts INTEGER NOT NULL,
            pos INTEGER NOT NULL, -- change position
            PRIMARY KEY (room_nid, user_id, kind, thread)
        );
        CREATE INDEX receipt_room ON receipt (room_nid, pos);
        CREATE TABLE read_marker (
            user_id TEXT NOT NULL,
            room_nid INTEGER NOT NULL,
            event_id TEXT NOT NULL,
            event_pos INTEGER NOT NULL,
            pos INTEGER NOT NULL, -- change position
            PRIMARY KEY (user_id, room_nid)
        );
        CREATE INDEX read_marker_changed ON read_marker (user_id, pos);
        """)

    package enum Kind: String, Sendable {
        case read = "m.read", privateRead = "m.read.private", fullyRead = "m.fully_read"
    }

    // MARK: writes

    /// Moves a receipt forward; false when it stood there or further already.
    @discardableResult
    package static func move(_ c: Context, _ tx: WriteTx, room: RoomHead, user: UserID, kind: Kind, event id: EventID, thread: String = "") throws -> Bool {
        guard let event = try EventStore.event(tx, room: room.nid, id) else { throw MatrixError.notFound("There is no such event in this room.") }
        if thread != "", thread != "main", event.thread != thread, event.id.rawValue != thread {
            throw MatrixError.invalidParam("The event is not in that thread.")
        }
        if thread == "main", let root = event.thread, root != event.id.rawValue { throw MatrixError.invalidParam("The event is in a thread, not in the main timeline.") }
        if let old = try tx.first(SQL.position, room.nid, user, kind.rawValue, thread, row: { $0.int(0) }), old >= event.pos { return false }
        let now = c.clock.now
        try tx.run(SQL.put, room.nid, user, kind.rawValue, thread, id, event.pos, now, tx.nextPosition())
        let isRead = try Unread.reset(tx, room: room.nid, user, upTo: event.pos, thread.isEmpty ? .all : thread == "main" ? .main : .thread(EventID(trusted: thread)))
        if isRead, c.ports.push.watches(user) { try c.ports.push.countChanged(c, tx, user: user) }
        tx.touch(.receipts(room.id.rawValue))
        if kind == .read {
            for observer in c.observers { try observer.receiptMoved(c, tx, room: room.id, user: user, event: id, timestamp: now) }
        }
        return true
    }

    /// Moves the fully-read marker forward.
    static func moveMarker(_ tx: WriteTx, room: RoomHead, user: UserID, event id: EventID) throws {
        guard let event = try EventStore.event(tx, room: room.nid, id) else { throw MatrixError.notFound("There is no such event in this room.") }
        if let old = try tx.first(SQL.marker, user, room.nid, row: { $0.int(1) }), old >= event.pos { return }
        try tx.run(SQL.putMarker, user, room.nid, id, event.pos, tx.nextPosition())
        tx.touch(.receipts(room.id.rawValue))
    }

    // MARK: reads

    struct Row {
        let user: String, kind: String, thread: String, event: String
        let timestamp: Int64
    }

    /// The m.receipt events of `rows`: event -> kind -> user -> {ts, thread_id}. The format has room for one receipt of a user at an
    /// event; where he has several there (of the main timeline and of a thread), a further event carries the next one.
    static func ephemeral(_ rows: [Row]) -> [[UInt8]] {
        var contents: [JSONObject] = []
        for row in rows {
            var value: JSONObject = ["ts": .int(row.timestamp)]
            if !row.thread.isEmpty { value["thread_id"] = .string(row.thread) }
            let free = contents.firstIndex { $0[row.event]?[row.kind]?[row.user] == nil }
            var content = free.map { contents[$0] } ?? [:]
            var kinds = content[row.event]?.objectValue ?? [:]
            var users = kinds[row.kind]?.objectValue ?? [:]
            users[row.user] = .object(value)
            kinds[row.kind] = .object(users)
            content[row.event] = .object(kinds)
            if let free { contents[free] = content } else { contents.append(content) }
        }
        return contents.map { (["content": .object($0), "type": "m.receipt"] as JSONObject).encoded() }
    }

    package static func publicMain(_ tx: ReadTx, room nid: Int64) throws -> [(user: UserID, event: EventID, position: Int64, timestamp: Int64)] {
        try tx.all(SQL.publicMain, nid) { (user: UserID(trusted: $0.text(0)), event: EventID(trusted: $0.text(1)), position: $0.int(2), timestamp: $0.int(3)) }
    }

    struct Source: SyncSource {
        func isQuiet(_ c: Context, user: UserID, device: DeviceID, presence: String, through token: SyncToken) -> Bool { true }

        func contribute(_ c: Context, _ tx: ReadTx, _ scope: SyncScope, into parts: inout SyncParts) throws {
            let fresh = scope.joined.intersection(scope.fresh)
            try read(tx, scope, fresh, after: 0, into: &parts)
            let known = scope.joined.subtracting(fresh)
            try read(tx, scope, scope.receipts.map { known.intersection($0) } ?? known, after: scope.since?.position ?? 0, into: &parts)
        }

        /// A few rooms are read one by one, many in one go.
        private func read(_ tx: ReadTx, _ scope: SyncScope, _ rooms: Set<RoomID>, after from: Int64, into parts: inout SyncParts) throws {
            guard !rooms.isEmpty else { return }
            let wantsReceipts = scope.wanted.contains(.ephemeral), wantsMarkers = scope.wanted.contains(.accountData)
            let single = rooms.count <= 8 ? rooms : rooms.intersection(scope.peeked)
            for room in single {
                if wantsReceipts {
                    let rows = try tx.all(SQL.since, room, from, scope.user) {
                        Row(user: $0.text(0), kind: $0.text(1), thread: $0.text(2), event: $0.text(3), timestamp: $0.int(4))
                    }
                    if !rows.isEmpty { parts.rooms[room, default: .init()].ephemeral += ephemeral(rows) }
                }
                if wantsMarkers, let marker = try tx.first(SQL.markerSince, scope.user, room, from, row: { $0.text(0) }) {
                    parts.rooms[room, default: .init()].accountData.append(markerEvent(marker))
                }
            }
            guard single.count < rooms.count else { return }
            if wantsReceipts {
                var receipts: [RoomID: [Row]] = [:]
                try Batch.each(rooms.subtracting(single).map(\.rawValue), padding: "") { size, group in
                    try tx.each(SQL.sinceInRooms[size] ?? SQL.sinceIn(size), array: [scope.user, from] + group as [any Bindable]) { row in
                        let receipt = Row(user: row.text(1), kind: row.text(2), thread: row.text(3), event: row.text(4), timestamp: row.int(5))
                        receipts[RoomID(trusted: row.text(0)), default: []].append(receipt)
                    }
                }
                for (room, rows) in receipts { parts.rooms[room, default: .init()].ephemeral += ephemeral(rows) }
            }
            if wantsMarkers {
                try tx.each(SQL.markersSince, scope.user, from) { row in
                    let room = RoomID(trusted: row.text(0))
                    if rooms.contains(room), !single.contains(room) { parts.rooms[room, default: .init()].accountData.append(markerEvent(row.text(1))) }
                }
            }
        }
    }

    static func markerEvent(_ event: String) -> [UInt8] {
        (["type": "m.fully_read", "content": ["event_id": .string(event)]] as JSONObject).encoded()
    }

    package enum SQL {
        static let position = "SELECT event_pos FROM receipt WHERE room_nid = ? AND user_id = ? AND kind = ? AND thread = ?"
        static let put = """
            INSERT INTO receipt (room_nid, user_id, kind, thread, event_id, event_pos, ts, pos) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
            ON CONFLICT (room_nid, user_id, kind, thread) DO UPDATE SET event_id = excluded.event_id, event_pos = excluded.event_pos, \
            ts = excluded.ts, pos = excluded.pos
            """
        static let marker = "SELECT event_id, event_pos FROM read_marker WHERE user_id = ? AND room_nid = ?"
        static let putMarker = """
            INSERT INTO read_marker (user_id, room_nid, event_id, event_pos, pos) VALUES (?, ?, ?, ?, ?) \
            ON CONFLICT (user_id, room_nid) DO UPDATE SET event_id = excluded.event_id, event_pos = excluded.event_pos, pos = excluded.pos
            """
        static let since = """
            SELECT t.user_id, t.kind, t.thread, t.event_id, t.ts FROM receipt t JOIN room r ON r.room_nid = t.room_nid \
            WHERE r.room_id = ? AND t.pos > ? AND (t.kind = 'm.read' OR t.user_id = ?) ORDER BY t.pos
            """
        static let sinceInRooms = Dictionary(uniqueKeysWithValues: Batch.sizes.map { ($0, sinceIn($0)) })
        static func sinceIn(_ count: Int) -> String {
            """
            SELECT r.room_id, t.user_id, t.kind, t.thread, t.event_id, t.ts FROM room r JOIN receipt t ON t.room_nid = r.room_nid \
            WHERE r.room_id IN (\((0..<count).map { "?\($0 + 3)" }.joined(separator: ", "))) AND t.pos > ?2 \
            AND (t.kind = 'm.read' OR t.user_id = ?1) ORDER BY t.room_nid, t.pos
            """
        }
        static let markersSince = """
            SELECT r.room_id, t.event_id FROM read_marker t JOIN room r ON r.room_nid = t.room_nid WHERE t.user_id = ? AND t.pos > ?
            """
        static let markerSince = """
            SELECT t.event_id FROM read_marker t JOIN room r ON r.room_nid = t.room_nid WHERE t.user_id = ? AND r.room_id = ? AND t.pos > ?
            """
        static let publicMain = """
            SELECT user_id, event_id, event_pos, ts FROM receipt WHERE room_nid = ? AND kind = 'm.read' AND thread IN ('', 'main') ORDER BY event_pos
            """
        package static let all = [position, put, marker, putMarker, since, markersSince, markerSince, publicMain] + Batch.sizes.map(sinceIn)
    }
}
