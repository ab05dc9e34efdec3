import MatrixCore
import ServerKit
import Store

/// The rooms that two users are both in. Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv1mutual_rooms
extension RoomService {
    var mutualRoomRoutes: [Route] {
        Route.all(.get, ["/_matrix/client/v1/mutual_rooms", "/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms"]) { request, c in
            guard let text = request.query["user_id"] else { throw MatrixError.missingParam("'user_id' is required.") }
            guard let other = UserID(rawValue: text) else { throw MatrixError.invalidParam("'user_id' is not a user id.") }
            let user = request.user.userID
            guard other != user else { throw MatrixError.invalidParam("'user_id' must be another user.") }
            // The token is the last room of the page before.
            let from = request.query["from"] ?? request.query["batch_token"] ?? ""
            guard from.isEmpty || RoomID(rawValue: from) != nil else { throw MatrixError.invalidParam("'from' is not a token of this server.") }
            return try await c.db.read { tx in
                let rooms = try tx.all(MutualSQL.rooms, user, other, from, MutualSQL.page + 1) { $0.text(0) }
                let count = try tx.first(MutualSQL.count, user, other) { $0.int(0) } ?? 0
                var body: JSONObject = ["joined": JSON(Array(rooms.prefix(MutualSQL.page))), "count": .int(count)]
                if rooms.count > MutualSQL.page {
                    body["next_batch"] = .string(rooms[MutualSQL.page - 1])
                    body["next_batch_token"] = body["next_batch"]   // its name before it was specified
                }
                return .json(.object(body))
            }
        }
    }
}

enum MutualSQL {
    static let page = 100
    private static let both = """
        FROM membership m JOIN membership o ON o.room_nid = m.room_nid AND o.user_id = ?2 AND o.membership = 'join' \
        JOIN room r ON r.room_nid = m.room_nid WHERE m.user_id = ?1 AND m.membership = 'join'
        """
    static let rooms = "SELECT r.room_id " + both + " AND r.room_id > ?3 ORDER BY r.room_id LIMIT ?4"
    static let count = "SELECT COUNT(*) " + both
    static let all = [rooms, count]
}
