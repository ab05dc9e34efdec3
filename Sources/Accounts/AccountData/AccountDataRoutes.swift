import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#client-config
extension Accounts {
    var accountDataRoutes: [Route] {
        let path = "/_matrix/client/v3/user/{userId}/account_data/{type}"
        let roomPath = "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}"
        return [
            Route(.get, path, auth: .guest) { req, c in try await accountData(req, c, room: nil) },
            Route(.put, path, auth: .guest) { req, c in try await setAccountData(req, c, room: nil) },
            Route(.get, roomPath, auth: .guest) { req, c in try await accountData(req, c, room: try req.id("roomId")) },
            Route(.put, roomPath, auth: .guest) { req, c in try await setAccountData(req, c, room: try req.id("roomId")) },
        ]
    }
}

private func accountData(_ req: Request, _ c: Context, room: RoomID?) async throws -> Response {
    let user = try req.ownUserID(), type = try req.param("type")
    guard let content = try await c.db.read({ tx in try AccountDataStore.content(tx, user, room: room, type: type) }) else {
        throw MatrixError.notFound("There is no account data of this type.")
    }
    return .json(bytes: content)
}

private func setAccountData(_ req: Request, _ c: Context, room: RoomID?) async throws -> Response {
    let user = try req.ownUserID(), type = try req.param("type")
    guard !req.body.isEmpty else { throw MatrixError.notJSON("The body is empty.") }
    let content = JSON.object(try req.json()).encoded()
    try AccountDataRules.checkWritable(type, content)
    try await c.db.write { tx in try AccountData.set(tx, user, room: room, type: type, content) }
    return .empty
}
