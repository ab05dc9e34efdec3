import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#password-management
extension Accounts {
    var passwordRoutes: [Route] {
        [Route(.post, "/_matrix/client/v3/account/password", limit: .login, changePassword)]
    }

    private func changePassword(_ req: Request, _ c: Context) async throws -> Response {
        let body = try req.json()
        let logoutDevices = try body.bool("logout_devices") ?? true
        let session = req.user
        let proof = try await authenticate(c, req, body, operation: "POST /account/password", needsPassword: true)
        let password = try proof.params.required(string: "new_password", max: PasswordRules.maxBytes)
        try PasswordRules.check(password, c.config)
        let hash = try await hasher.hash(c, password)
        try await c.db.write { tx in
            try AccountStore.setPassword(tx, session.userID, hash: hash)
            if logoutDevices { try Devices.deleteAll(c, tx, self, user: session.userID, except: session.deviceID) }
        }
        return .empty
    }
}
