import MatrixCore
import ServerKit
import Store

/// https://element-hq.github.io/synapse/latest/admin_api/rooms.html#delete-room-api
/// Version 1 answers when all is done, version 2 at once: `delete_status` then says how it goes.
extension RoomService {
    var roomDeletionRoutes: [Route] {
        let v1 = "/_synapse/admin/v1/rooms", v2 = "/_synapse/admin/v2/rooms"
        return [
            Route(.delete, v1 + "/{roomId}", auth: .admin) { request, c in try await self.deleteAndWait(request, c) },
            Route(.delete, v2 + "/{roomId}", auth: .admin) { request, c in
                guard let id = try await self.orderDeletion(request, c, id: c.entropy.token(16)) else { throw MatrixError.notFound("Room not found") }
                return .json(["delete_id": .string(id)])
            },
            Route(.get, v2 + "/{roomId}/delete_status", auth: .admin) { request, c in
                let room: RoomID = try request.id("roomId")
                let orders = try await c.db.read { tx in try RoomDeletion.orders(tx, room: room) }
                guard !orders.isEmpty else { throw MatrixError.notFound("No delete task for room_id '\(room)' found") }
                return .json(["results": .array(orders.map { .object($0.json) })])
            },
            Route(.get, v2 + "/delete_status/{deleteId}", auth: .admin) { request, c in
                let id = try request.param("deleteId")
                guard let order = try await c.db.read({ tx in try RoomDeletion.order(tx, id) }) else { throw MatrixError.notFound("delete id '\(id)' not found") }
                return .json(.object(order.json))
            },
        ]
    }

    /// Writes the order down. nil when there is no such room.
    private func orderDeletion(_ request: Request, _ c: Context, id: String) async throws -> String? {
        let room: RoomID = try request.id("roomId"), wish = try RoomDeletion.Wish(try request.json()), administrator = request.user.userID, now = c.clock.now
        if let host = wish.host, try await !c.db.read({ tx in try c.ports.users.exists(tx, host) }) { throw MatrixError.invalidParam("'new_room_user_id' is no user of this server.") }
        return try await c.db.write { tx in
            for observer in c.observers { try observer.willDelete(c, tx, room: room) }
            return try RoomDeletion.put(tx, id: id, room, wish, by: administrator, now: now)
        }
    }

    private func deleteAndWait(_ request: Request, _ c: Context) async throws -> Response {
        let id = c.entropy.token(16)
        // Before it is written down: the job must not take it.
        guard deletions.begin(id) else { throw MatrixError.overloaded() }
        defer { deletions.end(id) }
        guard try await orderDeletion(request, c, id: id) != nil else {
            // A room that is not here can be blocked before it comes.
            let room: RoomID = try request.id("roomId"), administrator = request.user.userID, now = c.clock.now
            guard try request.json().bool("block") == true else { throw MatrixError.notFound("Room not found") }
            try await c.db.write { tx in try RoomBlocks.set(tx, room, by: administrator, now: now) }
            return .json(.object(RoomDeletion.Result().json))
        }
        try await deletions.carryOut(c, self, id)
        guard let order = try await c.db.read({ tx in try RoomDeletion.order(tx, id) }), order.status == "complete" else {
            let error = try await c.db.read { tx in try RoomDeletion.order(tx, id)?.error }
            throw MatrixError(500, "M_UNKNOWN", error ?? "The room was not deleted.")
        }
        return .json(.object(order.result.json))
    }
}
