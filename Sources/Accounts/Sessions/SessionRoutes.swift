import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3logout, #get_matrixclientv3accountwhoami, #post_matrixclientv3refresh
extension Accounts {
    var sessionRoutes: [Route] {
        [
            Route(.post, "/_matrix/client/v3/logout", auth: .guest, logout),
            Route(.post, "/_matrix/client/v3/logout/all", auth: .guest, logoutAll),
            Route(.get, "/_matrix/client/v3/account/whoami", auth: .guest, whoami),
            Route(.get, "/_matrix/client/v3/account/3pid", thirdPartyIDs),
            Route(.post, "/_matrix/client/v3/refresh", auth: .none, limit: .login, refresh),
        ]
    }

    private func logout(_ req: Request, _ c: Context) async throws -> Response {
        let session = req.user
        try await c.db.write { tx in try Devices.delete(c, tx, self, user: session.userID, devices: [session.deviceID]) }
        return .empty
    }

    private func logoutAll(_ req: Request, _ c: Context) async throws -> Response {
        let session = req.user
        try await c.db.write { tx in try Devices.deleteAll(c, tx, self, user: session.userID) }
        return .empty
    }

    private func whoami(_ req: Request, _ c: Context) async throws -> Response {
        var body: JSONObject = ["user_id": JSON(req.user.userID), "is_guest": .bool(req.user.isGuest)]
        if req.user.hasDevice { body["device_id"] = JSON(req.user.deviceID) }
        return .json(.object(body))
    }

    /// Addresses of other kinds are not bound to accounts.
    private func thirdPartyIDs(_ req: Request, _ c: Context) async throws -> Response { .json(["threepids": []]) }

    private func refresh(_ req: Request, _ c: Context) async throws -> Response {
        let token = try req.json().required(string: "refresh_token", max: 255)
        let session = try await Sessions.refresh(c, self, token: token)
        var body = session.json(c)
        for key in ["user_id", "device_id", "home_server"] { body[key] = nil }
        return .json(.object(body))
    }
}
