import MatrixCore
import ServerKit
import Store

/// Sending, redacting and getting one event. https://spec.matrix.org/latest/client-server-api/#sending-events-to-a-room
extension RoomService {
    var eventRoutes: [Route] {
        let room = "/_matrix/client/v3/rooms/{roomId}"
        return [
            Route(.get, room + "/event/{eventId}", auth: .guest) { request, c in
                let id: RoomID = try request.id("roomId"), event: EventID = try request.id("eventId"), session = request.user
                return try await c.db.read { tx in
                    guard let found = try Access.event(c, tx, room: id, event, session.userID) else {
                        throw MatrixError.notFound("There is no such event, or you may not see it.")
                    }
                    let view = EventJSON.View(room: id, user: session.userID, device: session.deviceID, now: c.clock.now)
                    let relations = try Bundles.of(tx, [found.event], user: session.userID)[found.event.pos]
                    return .json(bytes: EventJSON.bytes(found.event, view, membership: found.membership, relations: relations))
                }
            },
            Route(.put, room + "/send/{eventType}/{txnId}", auth: .guest, limit: .message, direct: { request, c, reply in
                // A large body is not parsed on the thread of the connections.
                guard request.body.count <= 16 << 10, try DelayedEvents.delay(request) == nil else { return .no }
                let event = try Self.event(request, transaction: Self.transaction(request)), language = request.language
                c.db.write { try self.append(c, $0, event) } then: { result in
                    switch result {
                    case .success(let id): reply.send(Self.answer(id))
                    case .failure(let error): reply.send(Router.failure(error, "PUT " + room + "/send/{eventType}/{txnId}", language: language, c))
                    }
                }
                return .works
            }, { request, c in
                let event = try Self.event(request, transaction: Self.transaction(request))
                if let delay = try DelayedEvents.delay(request) { return try await self.delayed.schedule(c, event, session: request.user, delay: delay) }
                return try await self.answer(c) { try self.append(c, $0, event) }
            }),
            // Without a transaction id, as in old versions of the API: some clients still do.
            Route(.post, room + "/send/{eventType}", auth: .guest, limit: .message) { request, c in
                let event = try Self.event(request, transaction: nil)
                return try await self.answer(c) { try self.append(c, $0, event) }
            },
            Route(.post, room + "/redact/{eventId}", auth: .guest, limit: .message) { request, c in
                let id: RoomID = try request.id("roomId"), event: EventID = try request.id("eventId"), user = request.user.userID
                try await Self.refuseSuspended(request, c, room: id, redacting: event)
                let content = try Self.redactionContent(try request.json())
                return try await self.answer(c) { try self.redact(c, $0, room: id, event: event, by: user, content: content, transaction: nil) }
            },
            Route(.put, room + "/redact/{eventId}/{txnId}", auth: .guest, limit: .message) { request, c in
                let id: RoomID = try request.id("roomId"), event: EventID = try request.id("eventId"), user = request.user
                try await Self.refuseSuspended(request, c, room: id, redacting: event)
                let content = try Self.redactionContent(try request.json())
                let transaction = try Self.transaction(request)
                return try await self.answer(c) { tx in
                    try self.redact(c, tx, room: id, event: event, by: user.userID, content: content,
                                    transaction: (device: user.deviceID, id: transaction))
                }
            },
        ]
    }

    /// All of the body but what the server itself says: bridges mark what they have done in it.
    private static func redactionContent(_ body: JSONObject) throws(MatrixError) -> JSONObject {
        _ = try body.string("reason")
        return body.filter { $0.key != "redacts" }
    }

    /// Suspended users may take back what they have said themselves.
    private static func refuseSuspended(_ request: Request, _ c: Context, room: RoomID, redacting event: EventID) async throws {
        guard request.user.isSuspended else { return }
        let user = request.user.userID
        let isOwn = try await c.db.read { tx in
            guard let head = try RoomStore.head(tx, room) else { return false }
            return try EventStore.event(tx, room: head.nid, event)?.sender == user
        }
        if !isOwn { try request.refuseSuspended() }
    }

    private static func transaction(_ request: Request) throws -> String {
        let id = try request.param("txnId")
        guard id.utf8.count <= 255 else { throw MatrixError.invalidParam("A transaction id has at most 255 bytes.") }
        return id
    }

    private func answer(_ c: Context, _ append: @escaping @Sendable (WriteTx) throws -> EventID) async throws -> Response {
        Self.answer(try await c.db.write(append))
    }

    private static func event(_ request: Request, transaction: String?) throws -> NewEvent {
        try request.refuseSuspended()
        return NewEvent(room: try request.id("roomId"), sender: request.user.userID, type: try request.param("eventType"),
                        content: .object(try request.json()), transaction: transaction.map { (device: request.user.deviceID, id: $0) },
                        timestamp: try request.massagedTimestamp())
    }

    private static func answer(_ id: EventID) -> Response {
        var out: [UInt8] = []
        JSONWriter.ascii("{\"event_id\":", &out)
        JSONWriter.string(id.rawValue, &out)
        JSONWriter.ascii("}", &out)
        return .json(bytes: out)
    }
}
