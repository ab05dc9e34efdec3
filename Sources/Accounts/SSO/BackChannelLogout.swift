import Logging
import MatrixCore
import ServerKit
import Store

/// The provider ends sessions: OpenID Connect Back-Channel Logout 1.0. https://openid.net/specs/openid-connect-backchannel-1_0.html
///
/// Invariants: only sessions that came from a sign-in at that provider end; a token serves once, and what it ends is ended by the transaction that
/// notes it; login tokens that have not been used yet end with the sessions.
extension Accounts {
    static let oidcLogoutPath = "/_comptoir/oidc/logout"

    var backChannelLogoutRoutes: [Route] {
        [Route(.post, Self.oidcLogoutPath, auth: .none, body: .collected(max: 1 << 16)) { req, c in try await self.backChannelLogout(req, c) }]
    }

    private func backChannelLogout(_ req: Request, _ c: Context) async throws -> Response {
        guard let token = (try? req.form())?["logout_token"] else { return Self.logoutAnswer(400, "There is no logout_token.") }   // no form: no token
        guard let names = LogoutToken.names(token), let provider = sso.provider(issuer: names.issuer, audience: names.audience) else {
            return Self.logoutAnswer(400, "The logout_token is of no provider that is known here.")
        }
        do {
            let document = try await sso.documents.discovery(c, provider)
            let order = try await sso.documents.checked(c, provider, document) { keys throws(IDToken.Failure) in
                try LogoutToken.order(token, keys: keys, issuer: provider.issuer, clientID: provider.clientID, now: c.clock.now)
            }
            let ended: Int? = try await c.db.write { tx in
                guard try SSOSessions.isNew(tx, provider: provider.id, order) else { return nil }
                let sessions = try SSOSessions.find(tx, provider: provider.id, order)
                for (user, device) in sessions { try Devices.delete(c, tx, self, user: user, devices: [device]) }
                try SSOSessions.deleteLoginTokens(tx, provider: provider.id, order)
                return sessions.count
            }
            guard let ended else { return Self.logoutAnswer(400, "This logout_token has been used.") }
            c.log.info("an identity provider has ended sessions", metadata: ["sso.provider": "\(provider.id)", "sessions": "\(ended)"])
            return Self.logoutAnswer(200, nil)
        } catch let failure as IDToken.Failure {
            c.log.warning("a logout token is refused", metadata: ["sso.provider": "\(provider.id)", "error": "\(failure)"])
            return Self.logoutAnswer(400, "The logout_token is refused: \(failure).")
        } catch where error is OIDCFailure || (error as? MatrixError)?.status == 502 {
            return Self.logoutAnswer(400, "The identity provider's keys cannot be read.")
        }
    }

    /// https://openid.net/specs/openid-connect-backchannel-1_0.html#BCResponse
    private static func logoutAnswer(_ status: Int, _ error: String?) -> Response {
        var response = error.map { Response.json(["error": "invalid_request", "error_description": .string($0)], status: status) } ?? .empty
        response.headers.set("Cache-Control", "no-store")
        return response
    }
}

/// The sign-in at a provider that a session came from.
struct SSOOrigin: Sendable, Hashable {
    var provider: String
    var subject: String
    /// The provider's name of its own session; nil where it names none.
    var sid: String?
}

enum SSOSessions {
    static let schema = Migration(22, "sessions that came from single sign-on", """
        CREATE TABLE sso_session (
            user_id TEXT NOT NULL,
            device_id TEXT NOT NULL,
            provider TEXT NOT NULL,
            subject TEXT NOT NULL,
            sid TEXT, -- the provider's own session
            PRIMARY KEY (user_id, device_id),
            FOREIGN KEY (user_id, device_id) REFERENCES device (user_id, device_id) ON DELETE CASCADE
        );
        CREATE INDEX sso_session_subject ON sso_session (provider, subject);
        CREATE INDEX sso_session_sid ON sso_session (provider, sid);
        CREATE TABLE logout_token (
            provider TEXT NOT NULL,
            jti TEXT NOT NULL,
            expires INTEGER NOT NULL, -- ms
            PRIMARY KEY (provider, jti)
        );
        CREATE INDEX logout_token_expires ON logout_token (expires);
        ALTER TABLE login_token ADD COLUMN provider TEXT; -- where it came from; NULL: from a device of the user's
        ALTER TABLE login_token ADD COLUMN subject TEXT;
        ALTER TABLE login_token ADD COLUMN sid TEXT;
        """)

    /// A device was signed in: what it came from before is forgotten.
    static func set(_ tx: WriteTx, _ user: UserID, _ device: DeviceID, _ origin: SSOOrigin?) throws {
        if let origin { try tx.run(SQL.put, user, device, origin.provider, origin.subject, origin.sid) } else { try tx.run(SQL.forget, user, device) }
    }
    static func find(_ tx: ReadTx, provider: String, _ order: LogoutToken.Order) throws -> [(user: UserID, device: DeviceID)] {
        func all(_ sql: String, _ name: String) throws -> [(user: UserID, device: DeviceID, subject: String)] {
            try tx.all(sql, provider, name) { (user: UserID(trusted: $0.text(0)), device: DeviceID(trusted: $0.text(1)), subject: $0.text(2)) }
        }
        let found = if let sid = order.sid { try all(SQL.ofSession, sid).filter { order.subject == nil || $0.subject == order.subject } } else {
            try all(SQL.ofSubject, order.subject ?? "")
        }
        return found.map { (user: $0.user, device: $0.device) }
    }
    static func deleteLoginTokens(_ tx: WriteTx, provider: String, _ order: LogoutToken.Order) throws {
        try tx.run(SQL.deleteLoginTokens, provider, order.subject, order.sid)
    }

    /// Notes a token. False when it has been here before.
    static func isNew(_ tx: WriteTx, provider: String, _ order: LogoutToken.Order) throws -> Bool {
        try tx.run(SQL.note, provider, order.id, order.expires + IDToken.leeway) == 1
    }
    static func deleteOldTokens(_ tx: WriteTx, now: Int64) throws { try tx.run(SQL.deleteOld, now) }

    enum SQL {
        static let all = [put, forget, ofSession, ofSubject, deleteLoginTokens, note, deleteOld]
        static let put = """
            INSERT INTO sso_session (user_id, device_id, provider, subject, sid) VALUES (?, ?, ?, ?, ?) \
            ON CONFLICT (user_id, device_id) DO UPDATE SET provider = excluded.provider, subject = excluded.subject, sid = excluded.sid
            """
        static let forget = "DELETE FROM sso_session WHERE user_id = ? AND device_id = ?"
        static let ofSession = "SELECT user_id, device_id, subject FROM sso_session WHERE provider = ? AND sid = ? ORDER BY user_id, device_id"
        static let ofSubject = "SELECT user_id, device_id, subject FROM sso_session WHERE provider = ? AND subject = ? ORDER BY user_id, device_id"
        /// Few are there at a time, each for two minutes.
        static let deleteLoginTokens = """
            DELETE FROM login_token WHERE provider = ?1 AND (CAST(?2 AS TEXT) IS NULL OR subject = ?2) AND (CAST(?3 AS TEXT) IS NULL OR sid = ?3)
            """
        static let note = "INSERT INTO logout_token (provider, jti, expires) VALUES (?, ?, ?) ON CONFLICT (provider, jti) DO NOTHING"
        static let deleteOld = "DELETE FROM logout_token WHERE expires < ?"
    }
}
