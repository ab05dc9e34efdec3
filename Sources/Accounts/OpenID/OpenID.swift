import MatrixCore
import ServerKit
import Store

/// Proof of identity for other services: a token that the service exchanges for the user id.
/// Spec: https://spec.matrix.org/latest/client-server-api/#openid, https://spec.matrix.org/latest/server-server-api/#openid
extension Accounts {
    var openIDRoutes: [Route] {
        [
            Route(.post, "/_matrix/client/v3/user/{userId}/openid/request_token", openIDToken),
            Route(.get, "/_matrix/federation/v1/openid/userinfo", auth: .none, openIDUser),
        ]
    }

    private func openIDToken(_ req: Request, _ c: Context) async throws -> Response {
        let user = try req.ownUserID()
        _ = try req.json()
        let token = "co_" + c.entropy.token(40), expires = c.clock.now + OpenIDTokens.lifetime
        try await c.db.write { tx in try OpenIDTokens.insert(tx, TokenHash(token), user, expires: expires) }
        return .json(["access_token": .string(token), "token_type": "Bearer", "matrix_server_name": .string(c.serverName), "expires_in": .int(OpenIDTokens.lifetime / 1000)])
    }

    private func openIDUser(_ req: Request, _ c: Context) async throws -> Response {
        guard let token = req.query["access_token"] else { throw MatrixError.missingToken() }
        let now = c.clock.now
        guard let user = try await c.db.read({ tx in try OpenIDTokens.user(tx, TokenHash(token), now: now) }) else { throw MatrixError.unknownToken() }
        return .json(["sub": JSON(user)])
    }
}

enum OpenIDTokens {
    static let lifetime: Int64 = 3_600_000
    static func insert(_ tx: WriteTx, _ hash: TokenHash, _ user: UserID, expires: Int64) throws { try tx.run(SQL.insert, hash.bytes, user, expires) }
    static func user(_ tx: ReadTx, _ hash: TokenHash, now: Int64) throws -> UserID? { try tx.first(SQL.user, hash.bytes, now) { UserID(trusted: $0.text(0)) } }
    static func deleteExpired(_ tx: WriteTx, now: Int64) throws { try tx.run(SQL.deleteExpired, now) }

    private enum SQL {
        static let insert = "INSERT INTO openid_token (hash, user_id, expires) VALUES (?, ?, ?)"
        static let user = "SELECT user_id FROM openid_token WHERE hash = ? AND expires > ?"
        static let deleteExpired = "DELETE FROM openid_token WHERE expires <= ?"
    }
}
