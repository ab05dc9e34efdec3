import MatrixCore
import ServerKit
import Store

/// `GET /initialSync` and `GET /rooms/{roomId}/initialSync`: all at once, as clients began before there was /sync.
/// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3initialsync (deprecated)
struct InitialSync: Sendable {
    var routes: [Route] {
        [
            Route(.get, "/_matrix/client/v3/initialSync", limit: .sync) { try await everything($0, $1) },
            Route(.get, "/_matrix/client/v3/rooms/{roomId}/initialSync", auth: .guest, limit: .sync) { try await room($0, $1) },
        ]
    }

    private static func limit(_ request: Request) throws -> Int { Int(min(try request.query.int("limit", default: 10), 500)) }

    private func began(_ c: Context, _ session: Session) async throws {
        for source in c.syncSources { try await source.began(c, user: session.userID, device: session.deviceID, presence: "online") }
    }

    /// GET /initialSync?limit&archived
    private func everything(_ request: Request, _ c: Context) async throws -> Response {
        let session = request.user, user = session.userID
        let limit = try Self.limit(request), archived = try request.query.bool("archived")
        try await began(c, session)
        let ephemeral = c.hub.ephemeral   // before the snapshot: what changes between is told again, never lost
        return try await c.db.read { tx in
            let now = SyncToken(position: try tx.position, ephemeral: ephemeral)
            let memberships = try tx.all(SyncSQL.membersOfUser, user, Int64.max) { SyncReader.Membership($0) }
            let joined = Set(memberships.filter { $0.member.membership == "join" }.map(\.room))
            var parts = SyncParts()
            let scope = SyncScope(user: user, device: session.deviceID, since: nil, now: now, joined: joined, fresh: joined, touched: nil)
            for source in c.syncSources { try source.contribute(c, tx, scope, into: &parts) }

            var rooms: [[UInt8]] = [], receipts: [[UInt8]] = []
            for membership in memberships {
                let member = membership.member, room = membership.room
                var body = JSONBytes()
                switch member.membership {
                case "join":
                    let part = parts.rooms[room] ?? SyncParts.Room()
                    try write(c, tx, session, membership.member.room, room, member, end: nil, limit: limit, now: now, into: &body)
                    body.raw(",\"account_data\":"); body.list(part.accountData); body.raw("}")
                    receipts += part.ephemeral.map { OldFormat.inRoom($0, room) }
                case "invite", "knock":
                    body.raw("{\"room_id\":"); body.raw(JSON(room).encoded())
                    body.raw(",\"membership\":"); body.raw(JSON.string(member.membership).encoded())
                    body.raw(",\"inviter\":"); body.raw(JSON(member.sender).encoded())
                    if let event = try EventStore.event(tx, at: member.pos) {
                        body.raw(",\"invite\":"); body.raw(OldFormat.event(EventJSON.bytes(event, EventJSON.View(room: room, user: user, now: c.clock.now))))
                    }
                    body.raw("}")
                default:
                    guard archived, let head = try RoomStore.head(tx, nid: member.room) else { continue }
                    let reader: Access.Reader
                    do { reader = try Access.reader(tx, room: head, user) } catch is MatrixError { continue }   // who never was in the room sees nothing of it
                    try write(c, tx, session, member.room, room, member, end: reader.end, limit: limit, now: now, into: &body)
                    body.raw(",\"account_data\":[]}")
                }
                rooms.append(body.bytes)
            }
            var body = JSONBytes()
            body.raw("{\"end\":\""); body.raw(now.description)
            body.raw("\",\"rooms\":"); body.list(rooms)
            body.raw(",\"presence\":"); body.list(parts.presence.map(OldFormat.presence))
            body.raw(",\"receipts\":"); body.list(receipts)
            body.raw(",\"account_data\":"); body.list(parts.accountData.filter { !$0.ends(with: Self.pushRules) })   // clients of that time ask /pushrules
            body.raw("}")
            return .json(bytes: body.bytes)
        }
    }

    /// How the event ends: its members are sorted.
    private static let pushRules = Array(#""type":"m.push_rules"}"#.utf8)

    /// GET /rooms/{roomId}/initialSync?limit: also for those who left, and for anyone in world-readable rooms.
    private func room(_ request: Request, _ c: Context) async throws -> Response {
        let session = request.user, room: RoomID = try request.id("roomId")
        let limit = try Self.limit(request)
        try await began(c, session)
        let ephemeral = c.hub.ephemeral
        return try await c.db.read { tx in
            let reader = try Access.reader(tx, room: room, session.userID)
            let now = SyncToken(position: try tx.position, ephemeral: ephemeral)
            var parts = SyncParts()
            if reader.end == nil {
                // Of everything but this room the client is taken to know all.
                let scope = SyncScope(user: session.userID, device: session.deviceID, since: now, now: now, joined: [room], fresh: [room], touched: [room])
                for source in c.syncSources { try source.contribute(c, tx, scope, into: &parts) }
            }
            let part = parts.rooms[room] ?? SyncParts.Room()
            var body = JSONBytes()
            try write(c, tx, session, reader.room.nid, room, reader.member, end: reader.end, limit: limit, now: now, into: &body)
            body.raw(",\"account_data\":"); body.list(part.accountData)
            body.raw(",\"presence\":"); body.list(parts.presence.map(OldFormat.presence))
            body.raw(",\"receipts\":"); body.list(part.ephemeral.map { OldFormat.inRoom($0, room) })
            body.raw("}")
            return .json(bytes: body.bytes)
        }
    }

    /// `{"room_id", "membership", "visibility", "messages", "state"`, without the closing brace.
    private func write(_ c: Context, _ tx: ReadTx, _ session: Session, _ nid: Int64, _ room: RoomID, _ member: Member?, end: Int64?, limit: Int,
                       now: SyncToken, into body: inout JSONBytes) throws {
        let view = EventJSON.View(room: room, user: session.userID, device: session.deviceID, now: c.clock.now)
        let history = try Access.history(tx, room: nid, session.userID)
        var messages: [EventRow] = [], edge = (end ?? now.position) + 1
        while messages.count < limit {
            let batch = try EventStore.page(tx, room: nid, before: edge, newestFirst: true, limit: limit)
            messages += batch.filter { history.canSee($0) }
            guard batch.count == limit, let oldest = batch.last else { break }
            edge = oldest.pos
        }
        messages = messages.prefix(limit).reversed()
        let last = end ?? now.position, start = messages.first.map { $0.pos - 1 } ?? last
        let state = if let end { try StateStore.all(tx, room: nid, at: end) } else { try StateStore.all(tx, room: nid) }
        let isPublic = try RoomStore.summary(tx, nid: nid)?.isPublic == true

        body.raw("{\"room_id\":"); body.raw(JSON(room).encoded())
        if let member { body.raw(",\"membership\":"); body.raw(JSON.string(member.membership).encoded()) }
        body.raw(isPublic ? ",\"visibility\":\"public\"" : ",\"visibility\":\"private\"")
        body.raw(",\"messages\":{\"chunk\":"); body.list(OldFormat.events(messages, view))
        body.raw(",\"start\":\""); body.raw(PageToken(start).description)
        body.raw("\",\"end\":\""); body.raw(SyncToken(position: last, ephemeral: now.ephemeral).description); body.raw("\"}")
        body.raw(",\"state\":"); body.list(OldFormat.events(state, view))
    }
}

extension [UInt8] {
    fileprivate func ends(with tail: [UInt8]) -> Bool { suffix(tail.count).elementsEqual(tail) }
}
