import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#getting-events-for-a-room
extension RoomService {
    var stateRoutes: [Route] {
        let path = "/_matrix/client/v3/rooms/{roomId}/state"
        return [
            Route(.get, path, auth: .guest) { request, c in
                let room: RoomID = try request.id("roomId"), user = request.user
                let view = EventJSON.View(room: room, user: user.userID, device: user.deviceID, now: c.clock.now)
                return try await c.db.read { tx in
                    let reader = try Access.reader(tx, room: room, user.userID)
                    let events = if let end = reader.end {
                        try StateStore.all(tx, room: reader.room.nid, at: end)
                    } else {
                        try StateStore.all(tx, room: reader.room.nid)
                    }
                    return .json(bytes: EventJSON.array(events, view))
                }
            },
            Route(.get, path + "/{eventType}", auth: .guest) { request, c in try await self.getState(request, c, "") },
            Route(.get, path + "/{eventType}/{stateKey}", auth: .guest) { request, c in try await self.getState(request, c, request.params["stateKey"] ?? "") },
            Route(.put, path + "/{eventType}", auth: .guest, limit: .message) { request, c in try await self.putState(request, c, "") },
            Route(.put, path + "/{eventType}/{stateKey}", auth: .guest, limit: .message) { request, c in
                try await self.putState(request, c, request.params["stateKey"] ?? "")
            },
        ]
    }

    private func getState(_ request: Request, _ c: Context, _ stateKey: String) async throws -> Response {
        let room: RoomID = try request.id("roomId"), type = try request.param("eventType"), user = request.user
        let format = request.query["format"] ?? "content"
        guard format == "content" || format == "event" else { throw MatrixError.invalidParam("'format' must be content or event.") }
        let view = EventJSON.View(room: room, user: user.userID, device: user.deviceID, now: c.clock.now)
        return try await c.db.read { tx in
            let reader = try Access.reader(tx, room: room, user.userID)
            let event = if let end = reader.end {
                try StateStore.event(tx, room: reader.room.nid, type, stateKey, at: end)
            } else {
                try StateStore.event(tx, room: reader.room.nid, type, stateKey)
            }
            guard let event else { throw MatrixError.notFound("The room has no such state.") }
            return .json(bytes: format == "event" ? EventJSON.bytes(event, view) : event.content)
        }
    }

    private func putState(_ request: Request, _ c: Context, _ stateKey: String) async throws -> Response {
        let room: RoomID = try request.id("roomId"), type = try request.param("eventType"), session = request.user
        try request.refuseSuspended()
        let content = try request.json(), timestamp = try request.massagedTimestamp()
        if let delay = try DelayedEvents.delay(request) {
            if type == EventType.member { throw MatrixError.invalidParam("Memberships cannot be delayed.") }
            return try await delayed.schedule(c, NewEvent(room: room, sender: session.userID, type: type, stateKey: stateKey, content: .object(content)), session: session, delay: delay)
        }
        let id = try await c.db.write { tx in
            if type == EventType.member { try self.checkGuest(tx, session, room, content) }
            return try self.append(c, tx, NewEvent(room: room, sender: session.userID, type: type, stateKey: stateKey, content: .object(content), timestamp: timestamp))
        }
        return .json(["event_id": JSON(id)])
    }

    /// A guest cannot come in by the state endpoint where the join endpoint would refuse him.
    private func checkGuest(_ tx: ReadTx, _ session: Session, _ room: RoomID, _ content: JSONObject) throws {
        guard session.isGuest, content["membership"]?.stringValue == "join", let head = try RoomStore.head(tx, room) else { return }
        if try MembershipStore.membership(tx, room: head.nid, session.userID) == "join" { return }
        guard try RoomStore.summary(tx, nid: head.nid)?.guestAccess == GuestAccess.canJoin.rawValue else { throw MatrixError.guestForbidden() }
    }
}
