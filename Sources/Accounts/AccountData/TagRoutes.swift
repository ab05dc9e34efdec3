import MatrixCore
import ServerKit
import Store

/// Room tags: the `m.tag` account data of a room, one tag at a time.
/// Spec: https://spec.matrix.org/latest/client-server-api/#room-tagging
extension Accounts {
    var tagRoutes: [Route] {
        let path = "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags"
        return [
            Route(.get, path, auth: .guest, tags),
            Route(.put, path + "/{tag}", auth: .guest, setTag),
            Route(.delete, path + "/{tag}", auth: .guest, deleteTag),
        ]
    }

    private static func tags(_ tx: ReadTx, _ user: UserID, _ room: RoomID) throws -> JSONObject {
        guard let content = try AccountDataStore.content(tx, user, room: room, type: "m.tag") else { return [:] }
        return try JSONObject.parse(content)["tags"]?.objectValue ?? [:]
    }

    private static func change(_ c: Context, _ user: UserID, _ room: RoomID, _ edit: @escaping @Sendable (inout JSONObject) -> Void) async throws {
        try await c.db.write { tx in
            var tags = try tags(tx, user, room)
            let before = tags
            edit(&tags)
            guard tags != before else { return }
            let content = JSON.object(["tags": .object(tags)]).encoded()
            try AccountDataRules.checkWritable("m.tag", content)
            try AccountData.set(tx, user, room: room, type: "m.tag", content)
        }
    }

    private func tags(_ req: Request, _ c: Context) async throws -> Response {
        let user = try req.ownUserID(), room: RoomID = try req.id("roomId")
        return .json(["tags": .object(try await c.db.read { tx in try Self.tags(tx, user, room) })])
    }

    private func setTag(_ req: Request, _ c: Context) async throws -> Response {
        let user = try req.ownUserID(), room: RoomID = try req.id("roomId"), tag = try req.param("tag")
        guard tag.utf8.count <= AccountDataRules.maxTypeBytes else { throw MatrixError.invalidParam("A tag has at most \(AccountDataRules.maxTypeBytes) bytes.") }
        let body = try req.json()
        if let order = body["order"], !order.isNull {
            guard let value = order.doubleValue else { throw MatrixError.badJSON("'order' must be a number.") }
            guard value.isFinite else { throw MatrixError.invalidParam("'order' must be a number.") }
        }
        try await Self.change(c, user, room) { $0[tag] = .object(body) }
        return .empty
    }

    private func deleteTag(_ req: Request, _ c: Context) async throws -> Response {
        let user = try req.ownUserID(), room: RoomID = try req.id("roomId"), tag = try req.param("tag")
        try await Self.change(c, user, room) { $0[tag] = nil }
        return .empty
    }
}
