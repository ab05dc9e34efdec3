import MatrixCore
import ServerKit
import Store

/// `GET /events`: how clients followed their rooms before there was /sync. Guests still look into world-readable rooms with it.
/// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3events (deprecated)
///
/// Invariants: events come in order and none is left out: an answer that is cut short names the position of its last event. Tokens are
/// those of /sync. To-device messages are not of this stream and are never acknowledged by it.
struct EventStream: Sendable {
    static let longest: Int64 = 60_000

    var routes: [Route] {
        [
            Route(.get, "/_matrix/client/v3/events", auth: .guest, limit: .sync) { try await events($0, $1) },
            Route(.get, "/_matrix/client/v3/events/{eventId}", auth: .guest) { try await event($0, $1) },
        ]
    }

    /// Someone who only looks in is not told by the hub of who is online there: he looks again after so long.
    private static let peekInterval: Int64 = 1000

    private func events(_ request: Request, _ c: Context) async throws -> Response {
        let session = request.user
        let room = try request.query["room_id"].map { text throws(MatrixError) in
            guard let id = RoomID(rawValue: text) else { throw .invalidParam("'room_id' is not a room id.") }
            return id
        }
        if session.isGuest, room == nil { throw MatrixError.missingParam("Guests must name one room by 'room_id'.") }
        var from: SyncToken?
        if let text = request.query["from"], !text.isEmpty {
            guard let token = SyncToken(text) else { throw MatrixError.invalidParam("'from' is not a token of this server.") }
            // A token of the future comes from a database that was put back; the database decides, the position in memory may lag.
            if token.position <= c.db.position { from = token } else if try await c.db.read({ try $0.position }) >= token.position { from = token }
        }
        let limit = Int(min(try request.query.int("limit", in: 1...Int64.max, default: 100), 500))
        let timeout = min(try request.query.int("timeout", default: 0), Self.longest)

        try await SyncEndpoint.listen(c, session)
        for source in c.syncSources { try await source.began(c, user: session.userID, device: session.deviceID, presence: "online") }
        // Who looks in from outside hears of the room by a listener of its own.
        var listener = session.userID.rawValue, isPeeking = false
        if let room, try await isOutside(c, room, session.userID) {
            listener = "room:" + room.rawValue
            isPeeking = true
            if c.hub.prepare(listener, now: c.clock.now) { c.hub.listen(listener, rooms: [room.rawValue]) }
        }
        let start = from ?? c.hub.token
        let deadline = c.clock.now + timeout
        var token = start
        while true {
            let ephemeral = c.hub.ephemeral   // before the snapshot: what changes between is told again, never lost
            if isPeeking || !c.hub.changes(for: listener, since: token).isNothing {
                let since = token
                let found = try await c.db.read { tx in
                    try StreamReader(c: c, session: session, room: room, since: since, limit: limit).read(tx, ephemeral: ephemeral)
                }
                token = found.next
                if !found.events.isEmpty { return Self.answer(found.events, start: start, end: token) }
            }
            let remaining = deadline - c.clock.now
            if remaining <= 0 || Task.isCancelled || c.hub.isClosed { return Self.answer([], start: start, end: token) }
            await c.hub.wait(listener, since: token, timeout: isPeeking ? min(remaining, Self.peekInterval) : remaining)
        }
    }

    private func isOutside(_ c: Context, _ room: RoomID, _ user: UserID) async throws -> Bool {
        try await c.db.read { tx in
            let reader = try Access.reader(tx, room: room, user)
            guard reader.end == nil else { throw Access.refusal(room) }
            return !reader.isJoined
        }
    }

    private static func answer(_ events: [[UInt8]], start: SyncToken, end: SyncToken) -> Response {
        var body = JSONBytes()
        body.raw("{\"chunk\":"); body.list(events)
        body.raw(",\"start\":\""); body.raw(start.description)
        body.raw("\",\"end\":\""); body.raw(end.description); body.raw("\"}")
        return .json(bytes: body.bytes)
    }

    /// GET /events/{eventId}: an event without its room.
    private func event(_ request: Request, _ c: Context) async throws -> Response {
        let id: EventID = try request.id("eventId"), session = request.user
        return try await c.db.read { tx in
            guard let room = try tx.first(SQL.roomOf, id, row: { RoomID(trusted: $0.text(0)) }), let found = try Access.event(c, tx, room: room, id, session.userID) else {
                throw MatrixError.notFound("There is no such event, or you may not see it.")
            }
            let view = EventJSON.View(room: room, user: session.userID, device: session.deviceID, now: c.clock.now)
            return .json(bytes: OldFormat.event(EventJSON.bytes(found.event, view, membership: found.membership)))
        }
    }

    enum SQL {
        static let roomOf = "SELECT r.room_id FROM event e JOIN room r ON r.room_nid = e.room_nid WHERE e.event_id = ?"
        static let all = [roomOf]
    }
}

/// Reads one answer of the stream in one snapshot.
private struct StreamReader {
    let c: Context
    let session: Session
    /// Only this room.
    let room: RoomID?
    let since: SyncToken
    let limit: Int

    func read(_ tx: ReadTx, ephemeral: Int64) throws -> (events: [[UInt8]], next: SyncToken) {
        let user = session.userID, snapshot = try tx.position
        let ignored = try Ignored(c, tx, by: user)
        var joined: Set<RoomID> = [], rows: [(room: RoomID, event: EventRow)] = []
        for membership in try tx.all(SyncSQL.membersOfUser, user, since.position, row: { SyncReader.Membership($0) }) where room == nil || room == membership.room {
            let member = membership.member
            if member.membership == "invite", ignored.hidesInvite(from: member.sender) { continue }
            if member.membership == "join" { joined.insert(membership.room) }
            let last = member.membership == "join" ? membership.lastPos : member.pos
            guard last > since.position else { continue }
            rows += try events(tx, member.room, through: last, known: member.membership == "join" && member.sincePos <= since.position, ignored).map { (membership.room, $0) }
        }
        var peeked: Set<RoomID> = []
        if let room, !joined.contains(room), let head = try RoomStore.head(tx, room), try Access.reader(tx, room: head, user).end == nil {
            peeked.insert(room)
            rows += try events(tx, head.nid, through: head.lastPos, known: false, ignored).map { (room, $0) }
        }
        rows.sort { $0.event.pos < $1.event.pos }
        let isCut = rows.count >= limit
        if rows.count > limit { rows.removeLast(rows.count - limit) }
        // What is not an event is told whole each time: after a cut some of it comes again, nothing gets lost.
        let now = SyncToken(position: snapshot, ephemeral: max(ephemeral, since.ephemeral))
        let next = SyncToken(position: isCut ? rows.last?.event.pos ?? snapshot : snapshot, ephemeral: now.ephemeral)

        var parts = SyncParts()
        let scope = SyncScope(user: user, device: session.deviceID, since: since, now: now, joined: joined.union(peeked), fresh: [], touched: nil, peeked: peeked)
        for source in c.syncSources { try source.contribute(c, tx, scope, into: &parts) }
        var events = rows.map { row in
            OldFormat.event(EventJSON.bytes(row.event, EventJSON.View(room: row.room, user: user, device: session.deviceID, now: c.clock.now)))
        }
        events += parts.presence.map(OldFormat.presence)
        if room == nil { events += parts.accountData }
        for id in parts.rooms.keys.sorted() where scope.joined.contains(id) {
            guard let part = parts.rooms[id] else { continue }
            events += (part.ephemeral + part.accountData).map { OldFormat.inRoom($0, id) }
        }
        return (events, next)
    }

    /// The room's events after the token that the user may see, oldest first. `known`: he was in the room all the time since.
    private func events(_ tx: ReadTx, _ nid: Int64, through last: Int64, known: Bool, _ ignored: Ignored) throws -> [EventRow] {
        let history = known ? nil : try Access.history(tx, room: nid, session.userID)
        var found: [EventRow] = [], edge = since.position
        while found.count < limit {
            let batch = try EventStore.page(tx, room: nid, after: edge, before: last + 1, newestFirst: false, limit: limit)
            found += batch.filter { history?.canSee($0) != false && !ignored.hides($0) }
            guard batch.count == limit, let newest = batch.last else { break }
            edge = newest.pos
        }
        return found
    }
}

extension ChangeHub.Since {
    var isNothing: Bool { if case .nothing = self { true } else { false } }
}
