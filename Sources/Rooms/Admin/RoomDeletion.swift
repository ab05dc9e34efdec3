import MatrixCore
import ServerKit
import Store
import Synchronization

/// Deleting a room, for administrators: everybody leaves it, its names lead nowhere, and its history is purged.
/// https://element-hq.github.io/synapse/latest/admin_api/rooms.html#delete-room-api
///
/// Invariants: everybody is told by a leave event of his own, so no client goes on showing the room; the room's state without its history is
/// kept, because those who sync later must still hear that they are out; a room that another feature needs is refused as a whole.
enum RoomDeletion {
    static let batch = 200

    struct Result: Sendable {
        var kicked: [UserID] = []
        var aliases: [RoomAlias] = []
        var newRoom: RoomID?
        /// Of the purge; nil when the history stays.
        var purge: String?

        var json: JSONObject {
            ["kicked_users": .array(kicked.map { JSON($0) }), "failed_to_kick_users": [], "local_aliases": .array(aliases.map { JSON($0) }),
             "new_room_id": newRoom.map { JSON($0) } ?? .null]
        }
    }

    enum SQL {
        static let present = "SELECT user_id FROM membership WHERE room_nid = ? AND membership IN ('join', 'invite', 'knock') ORDER BY pos LIMIT ?"
        static let aliases = "DELETE FROM room_alias WHERE room_nid = ?"
        static let purges = "SELECT id, status, error FROM purge WHERE room_nid = ? ORDER BY created"
        static let purge = "SELECT p.status, p.error, r.room_id FROM purge p JOIN room r ON r.room_nid = p.room_nid WHERE p.id = ?"
        static let all = [present, aliases, purges, purge]
    }
}

/// What the deletions of this process have done. In memory: the purge itself is in the database.
final class DeletionLog: Sendable {
    private let results = Mutex<[String: RoomDeletion.Result]>([:])
    func keep(_ result: RoomDeletion.Result, id: String) { results.withLock { if $0.count > 1000 { $0.removeAll() }; $0[id] = result } }
    func find(_ id: String) -> RoomDeletion.Result? { results.withLock { $0[id] } }
}

extension RoomService {
    var roomDeletionRoutes: [Route] {
        let v1 = "/_synapse/admin/v1/rooms", v2 = "/_synapse/admin/v2/rooms"
        return [
            Route(.delete, v1 + "/{roomId}", auth: .admin) { request, c in .json(.object(try await self.deleteRoom(request, c).json)) },
            Route(.delete, v2 + "/{roomId}", auth: .admin) { request, c in
                let result = try await self.deleteRoom(request, c), id = result.purge ?? c.entropy.token(16)
                self.deletions.keep(result, id: id)
                return .json(["delete_id": .string(id)])
            },
            Route(.get, v2 + "/{roomId}/delete_status", auth: .admin) { request, c in
                let room: RoomID = try request.id("roomId")
                let found = try await c.db.read { tx in
                    guard let head = try RoomStore.head(tx, room) else { throw MatrixError.notFound("No delete task for room_id '\(room)' found") }
                    return try tx.all(RoomDeletion.SQL.purges, head.nid) { (id: $0.text(0), status: $0.text(1), error: $0.textOrNil(2)) }
                }
                guard !found.isEmpty else { throw MatrixError.notFound("No delete task for room_id '\(room)' found") }
                return .json(["results": .array(found.map { .object(self.status($0.id, $0.status, $0.error)) })])
            },
            Route(.get, v2 + "/delete_status/{deleteId}", auth: .admin) { request, c in
                let id = try request.param("deleteId")
                let found = try await c.db.read { tx in try tx.first(RoomDeletion.SQL.purge, id) { (status: $0.text(0), error: $0.textOrNil(1)) } }
                if let found { return .json(.object(self.status(id, found.status, found.error))) }
                guard self.deletions.find(id) != nil else { throw MatrixError.notFound("delete id '\(id)' not found") }
                return .json(.object(self.status(id, "complete", nil)))
            },
        ]
    }

    private func status(_ id: String, _ status: String, _ error: String?) -> JSONObject {
        var body: JSONObject = ["delete_id": .string(id), "status": .string(status == "active" ? "purging" : status),
                                "shutdown_room": .object((deletions.find(id) ?? RoomDeletion.Result()).json)]
        body["error"] = error.map(JSON.string)
        return body
    }

    private func deleteRoom(_ request: Request, _ c: Context) async throws -> RoomDeletion.Result {
        let room: RoomID = try request.id("roomId"), body = try request.json()
        let purges = try body.bool("purge") ?? true
        _ = try body.bool("force_purge")
        guard try body.bool("block") != true else { throw MatrixError.invalidParam("Blocking rooms is not supported: nobody is left who could invite into this one.") }
        let host: UserID? = try body.id("new_room_user_id")
        let name = try body.string("room_name", max: 255) ?? "Content Violation Notification"
        let message = try body.string("message") ?? "Sharing illegal content on this server is not permitted and rooms in violation will be blocked."
        guard let head = try await c.db.read({ tx in try RoomStore.head(tx, room) }) else { throw MatrixError.notFound("Room not found") }
        if let host, try await !c.db.read({ tx in try c.ports.users.exists(tx, host) }) { throw MatrixError.invalidParam("'new_room_user_id' is no user of this server.") }
        var result = RoomDeletion.Result()
        // Refused before anything is changed.
        try await c.db.write { tx in for observer in c.observers { try observer.willDelete(c, tx, room: room) } }
        result.aliases = try await c.db.write { tx in
            let aliases = try Aliases.of(tx, room: head.nid)
            try tx.run(RoomDeletion.SQL.aliases, head.nid)
            try tx.run(RoomSQL.setPublic, false, head.nid)
            try c.ports.bridges.changed(c, tx, .aliases(of: room))
            return aliases
        }
        while true {
            let some = try await c.db.write { tx in
                let present = try tx.all(RoomDeletion.SQL.present, head.nid, RoomDeletion.batch) { UserID(trusted: $0.text(0)) }
                for user in present { _ = try self.setMembership(c, tx, room: room, target: user, membership: "leave", by: user, content: [:], timestamp: nil) }
                return present
            }
            result.kicked += some
            if some.count < RoomDeletion.batch { break }
        }
        let kicked = result.kicked
        (result.purge, result.newRoom) = try await c.db.write { tx in
            var purge: String?, new: RoomID?
            if purges, let head = try RoomStore.head(tx, room) {
                let id = c.entropy.token(16)
                try tx.run(Purge.SQL.order, id, head.nid, head.lastPos, c.clock.now)
                purge = id
            }
            if let host {
                let creation = RoomCreation(creator: host, name: name, invite: kicked.filter { $0 != host }, powerLevels: ["users_default": -10])
                let id = try self.create(c, tx, creation)
                _ = try self.append(c, tx, NewEvent(room: id, sender: host, type: EventType.message, content: ["msgtype": "m.text", "body": .string(message)]))
                new = id
            }
            return (purge, new)
        }
        return result
    }
}
