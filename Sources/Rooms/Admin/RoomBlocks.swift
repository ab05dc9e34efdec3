import MatrixCore
import ServerKit
import Store

/// Rooms that an administrator has closed: the interface is Synapse's.
/// https://element-hq.github.io/synapse/latest/admin_api/rooms.html#block-room-api
///
/// Invariants: a block is for an id, so it holds for a room that is not here yet as well as for one that was deleted; those who are in the room
/// stay in it and go on; nobody else comes in, by joining, by knocking or by an invite, and nobody looks in from outside.
enum RoomBlocks {
    static let schema = Migration(54, "blocked rooms", """
        CREATE TABLE room_block (
            room_id TEXT NOT NULL PRIMARY KEY,
            user_id TEXT NOT NULL, -- the administrator
            created INTEGER NOT NULL -- ms
        )
        """)

    static func contains(_ tx: ReadTx, _ room: RoomID) throws -> Bool { try tx.exists(SQL.one, room) }

    /// Throws M_FORBIDDEN for a room that is blocked.
    static func check(_ tx: ReadTx, _ room: RoomID) throws {
        if try contains(tx, room) { throw refusal(room) }
    }

    static func refusal(_ room: RoomID) -> MatrixError { .forbidden("The room \(room) has been blocked on this server: nobody can enter it any more.") }

    static func set(_ tx: WriteTx, _ room: RoomID, by administrator: UserID, now: Int64) throws { try tx.run(SQL.set, room, administrator, now) }

    enum SQL {
        static let one = "SELECT user_id FROM room_block WHERE room_id = ?"
        static let set = "INSERT INTO room_block (room_id, user_id, created) VALUES (?, ?, ?) ON CONFLICT (room_id) DO NOTHING"
        static let lift = "DELETE FROM room_block WHERE room_id = ?"
        static let all = [one, set, lift]
    }
}

extension RoomService {
    var roomBlockRoutes: [Route] {
        let path = "/_synapse/admin/v1/rooms/{roomId}/block"
        return [
            Route(.get, path, auth: .admin) { request, c in
                let room: RoomID = try request.id("roomId")
                guard let administrator = try await c.db.read({ tx in try tx.first(RoomBlocks.SQL.one, room) { $0.text(0) } }) else { return .json(["block": false]) }
                return .json(["block": true, "user_id": .string(administrator)])
            },
            Route(.put, path, auth: .admin) { request, c in
                let room: RoomID = try request.id("roomId"), administrator = request.user.userID, now = c.clock.now
                guard let isBlocked = try request.json().bool("block") else { throw MatrixError.missingParam("'block' is required.") }
                try await c.db.write { tx in
                    if isBlocked { try RoomBlocks.set(tx, room, by: administrator, now: now) } else { try tx.run(RoomBlocks.SQL.lift, room) }
                }
                return .json(["block": .bool(isBlocked)])
            },
        ]
    }
}
