package import MatrixCore
package import ServerKit
package import Store

/// What a device is told of an event when its turn comes, which may be long after the event.
extension RoomService: Notices {
    package func notice(_ c: Context, _ tx: ReadTx, room: RoomID, event: EventID, for user: UserID) throws -> Notice? {
        guard let head = try RoomStore.head(tx, room), let row = try EventStore.event(tx, room: head.nid, event), row.redactedBy == nil,
              let member = try MembershipStore.member(tx, room: head.nid, user) else { return nil }
        switch member.membership {
        case "join": if try Unread.isRead(tx, row, by: user) { return nil }
        case "invite": guard member.pos == row.pos else { return nil }
        default: return nil
        }
        let ignored = try Ignored(c, tx, by: user)
        if ignored.hides(row) || member.membership == "invite" && ignored.hidesInvite(from: row.sender) { return nil }
        let summary = try RoomStore.summary(tx, nid: head.nid)
        let sender = try MembershipStore.member(tx, room: head.nid, row.sender)
        return Notice(type: row.type, sender: row.sender, stateKey: row.stateKey, content: row.content, senderName: sender?.displayName,
                      roomName: summary?.name, roomAlias: summary?.canonicalAlias,
                      isEncrypted: summary?.encryption != nil)
    }

    package func unread(_ tx: ReadTx, user: UserID) throws -> Int64 { try Unread.total(tx, of: user) }
}

/// How far a user's receipts reach in one room.
struct ReadUpTo {
    /// By thread as receipts name it: "" for all, "main", or a root.
    private var positions: [String: Int64] = [:]
    init() {}
    init(_ tx: ReadTx, room nid: Int64, _ user: UserID) throws {
        try tx.each(NoticeSQL.receipts, nid, user) { add($0.text(0), $0.int(1)) }
    }
    mutating func add(_ thread: String, _ position: Int64) { positions[thread] = max(positions[thread] ?? 0, position) }
    func covers(_ event: EventRow) -> Bool { max(positions[""] ?? 0, positions[event.thread ?? "main"] ?? 0) >= event.pos }
}

/// `GET /notifications`: what the user was told of, or would have been with his present rules, the newest first.
/// https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3notifications
///
/// Nothing is stored for it: the events of his rooms are judged again, from the end backwards in windows of positions that grow.
struct NotificationRoutes: Sendable {
    static let defaultLimit: Int64 = 20, greatestLimit: Int64 = 100
    /// So many events are looked at for one answer; the next one goes on from there.
    static let mostExamined = 2000

    var routes: [Route] { [Route(.get, "/_matrix/client/v3/notifications", get)] }

    private func get(_ request: Request, _ c: Context) async throws -> Response {
        let limit = min(Self.greatestLimit, try request.query.int("limit", in: 1...Int64.max, default: Self.defaultLimit))
        let from = try request.query.int("from", in: 1...Int64.max, default: Int64.max)
        let only = request.query["only"]
        let user = request.user.userID
        return try await c.db.read { tx in
            try Search(c: c, tx: tx, user: user, onlyHighlights: only == "highlight").answer(limit: Int(limit), before: from)
        }
    }

    private struct Search {
        let c: Context
        let tx: ReadTx
        let user: UserID
        let onlyHighlights: Bool

        private struct Place { let room: RoomID; let memberCount: Int64; let displayName: String?; let levels: PowerLevels?; let read: ReadUpTo }

        func answer(limit: Int, before: Int64) throws -> Response {
            var found: [JSON] = [], places: [Int64: Place] = [:], examined = 0
            let ignored = try Ignored(c, tx, by: user)
            var upper = min(before, try tx.position + 1), width: Int64 = 1024
            var next: Int64?
            search: while upper > 1 {
                let lower = max(0, upper - width)
                let batch = try EventStore.all(tx, NoticeSQL.window, user, lower, upper, Self.batch)
                for event in batch {
                    examined += 1
                    if found.count == limit || examined > NotificationRoutes.mostExamined { next = event.pos + 1; break search }
                    guard event.sender != user, event.redactedBy == nil, !ignored.hides(event) else { continue }
                    let place = try places[event.roomNID] ?? place(event.roomNID)
                    guard let place else { continue }
                    places[event.roomNID] = place
                    let seen = PushEvent(type: event.type, stateKey: event.stateKey, sender: event.sender, room: place.room, id: event.id, content: event.contentObject)
                    let around = PushSurroundings(memberCount: place.memberCount, displayName: place.displayName, levels: place.levels)
                    let verdict = try c.ports.push.judge(c, tx, seen, for: user, around).verdict
                    guard verdict.notifies, verdict.highlights || !onlyHighlights else { continue }
                    let view = EventJSON.View(room: place.room, user: user, now: c.clock.now)
                    found.append(["room_id": JSON(place.room), "profile_tag": "", "actions": .array(verdict.actions), "ts": .int(event.timestamp),
                                  "read": .bool(place.read.covers(event)), "event": .raw(EventJSON.bytes(event, view))])
                }
                if batch.count == Self.batch, let last = batch.last { upper = last.pos } else { upper = lower + 1; width *= 4 }
                if lower == 0, batch.count < Self.batch { break }
            }
            var body: JSONObject = ["notifications": .array(found)]
            if let next { body["next_token"] = .string(String(next)) }
            return .json(.object(body))
        }
        private static let batch = 200

        private func place(_ nid: Int64) throws -> Place? {
            guard let head = try RoomStore.head(tx, nid: nid), let version = RoomVersion.named(head.version), let summary = try RoomStore.summary(tx, nid: nid) else { return nil }
            let member = try MembershipStore.member(tx, room: nid, user)
            return Place(room: head.id, memberCount: summary.joinedCount, displayName: member?.displayName, levels: try RoomAuth(tx, head, version).levels,
                         read: try ReadUpTo(tx, room: nid, user))
        }
    }
}

enum NoticeSQL {
    static let receipts = "SELECT thread, event_pos FROM receipt WHERE room_nid = ? AND user_id = ? AND kind IN ('m.read', 'm.read.private')"
    /// What happened in the rooms of a user since he came, and his open invites: `?2 <= pos < ?3`.
    static let window = "SELECT " + EventSQL.columns + " FROM membership m JOIN event e ON e.room_nid = m.room_nid AND e.pos >= ?2 AND e.pos < ?3 AND e.pos >= m.since_pos"
        + EventSQL.replaced + """
        WHERE m.user_id = ?1 AND (m.membership = 'join' OR (m.membership = 'invite' AND e.pos = m.pos)) AND e.sender <> ?1 \
        ORDER BY e.pos DESC LIMIT ?4
        """
    static let all = [receipts, window]
}
