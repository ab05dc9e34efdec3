import MatrixCore
import ServerKit

/// Where clients find help for calls: TURN servers, and the LiveKit service for calls of many.
/// https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3voipturnserver, MSC4143
extension Accounts {
    var callRoutes: [Route] {
        [
            Route(.get, "/_matrix/client/v3/voip/turnServer", auth: .guest, turnServer),
            Route(.get, "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports", auth: .guest, transports),
        ]
    }

    private func turnServer(_ req: Request, _ c: Context) async throws -> Response {
        guard !c.config.turnURIs.isEmpty else { return .empty }
        let uris = JSON(c.config.turnURIs), lifetime = Int64(c.config.turnLifetime)
        guard let secret = c.config.turnSecret else { return .json(["uris": uris, "ttl": .int(lifetime), "username": "", "password": ""]) }
        let credentials = Turn.credentials(secret: secret, user: req.user.userID, until: c.clock.now / 1000 + lifetime)
        return .json(["uris": uris, "ttl": .int(lifetime), "username": .string(credentials.name), "password": .string(credentials.password)])
    }

    private func transports(_ req: Request, _ c: Context) async throws -> Response {
        .json(["rtc_transports": .array(c.config.livekitURL.map { [["type": "livekit", "livekit_service_url": .string($0)]] } ?? [])])
    }
}

enum Turn {
    /// Time-limited credentials, as coturn checks them (`use-auth-secret`). `until` in seconds.
    static func credentials(secret: String, user: UserID, until: Int64) -> (name: String, password: String) {
        let name = "\(until):\(user)"
        return (name, Base64.encodePadded(HMAC.sha1(key: Array(secret.utf8), Array(name.utf8))))
    }
}
