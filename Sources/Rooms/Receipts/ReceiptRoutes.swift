import MatrixCore
import ServerKit
import Store

struct ReceiptRoutes: Sendable {
    var routes: [Route] {
        [
            Route(.post, "/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}", auth: .guest, Self.postReceipt),
            Route(.post, "/_matrix/client/v3/rooms/{roomId}/read_markers", auth: .guest, Self.postReadMarkers),
            Route(.get, "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/m.fully_read", auth: .guest, Self.getMarker),
        ]
    }

    /// POST /_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}, body `{"thread_id"?}`.
    /// Spec: https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3roomsroomidreceiptreceipttypeeventid
    static let postReceipt: Route.Handler = { request, c in
        let room: RoomID = try request.id("roomId"), event: EventID = try request.id("eventId")
        guard let kind = Receipts.Kind(rawValue: try request.param("receiptType")) else { throw MatrixError.invalidParam("The receipt type must be m.read, m.read.private or m.fully_read.") }
        let thread = try request.json().string("thread_id", max: 255)
        if thread == "" { throw MatrixError.invalidParam("'thread_id' must not be empty.") }
        if thread != nil, kind == .fullyRead { throw MatrixError.invalidParam("The fully-read marker has no threads.") }
        let user = request.user.userID
        try await c.db.write { tx in
            let head = try Access.joined(tx, room: room, user)
            if kind == .fullyRead { try Receipts.moveMarker(tx, room: head, user: user, event: event) }
            else { try Receipts.move(c, tx, room: head, user: user, kind: kind, event: event, thread: thread ?? "") }
        }
        return .empty
    }

    /// POST /_matrix/client/v3/rooms/{roomId}/read_markers, body `{"m.fully_read"?, "m.read"?, "m.read.private"?}`.
    static let postReadMarkers: Route.Handler = { request, c in
        let room: RoomID = try request.id("roomId")
        let body = try request.json(), user = request.user.userID
        let marker: EventID? = try body.id("m.fully_read"), read: EventID? = try body.id("m.read"), hidden: EventID? = try body.id("m.read.private")
        try await c.db.write { tx in
            let head = try Access.joined(tx, room: room, user)
            if let marker { try Receipts.moveMarker(tx, room: head, user: user, event: marker) }
            if let read { try Receipts.move(c, tx, room: head, user: user, kind: .read, event: read) }
            if let hidden { try Receipts.move(c, tx, room: head, user: user, kind: .privateRead, event: hidden) }
        }
        return .empty
    }

    /// GET .../account_data/m.fully_read: the marker, which is account data that only `read_markers` can write.
    static let getMarker: Route.Handler = { request, c in
        let room: RoomID = try request.id("roomId"), user: UserID = try request.id("userId")
        guard user == request.user.userID else { throw MatrixError.forbidden("That is another user's account data.") }
        let event = try await c.db.read { tx in try tx.first(Receipts.SQL.markerSince, user, room, 0, row: { $0.text(0) }) }
        guard let event else { throw MatrixError.notFound("No marker is set.") }
        return .json(["event_id": .string(event)])
    }

}
