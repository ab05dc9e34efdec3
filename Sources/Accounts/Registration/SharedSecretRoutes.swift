import MatrixCore
import ServerKit
import Store
import Synchronization

/// Registration by who knows the server's registration secret: scripts and provisioning. Answers only when the secret is set.
/// The protocol is that of other servers' `/_synapse/admin/v1/register`, which tools know.
///
/// Invariant: a nonce serves once and for one minute.
extension Accounts {
    var sharedSecretRoutes: [Route] {
        [
            Route(.get, "/_synapse/admin/v1/register", auth: .none, limit: .registration, nonce),
            Route(.post, "/_synapse/admin/v1/register", auth: .none, limit: .registration, registerBySecret),
        ]
    }

    private func secret(_ c: Context) throws(MatrixError) -> [UInt8] {
        guard let secret = c.config.registrationSecret, !secret.isEmpty else { throw .badRequest("Registration by shared secret is not enabled.") }
        return Array(secret.utf8)
    }

    private func nonce(_ req: Request, _ c: Context) async throws -> Response {
        _ = try secret(c)
        let nonce = Hex.encode(c.entropy.bytes(32))
        nonces.add(nonce, now: c.clock.now)
        return .json(["nonce": .string(nonce)])
    }

    private func registerBySecret(_ req: Request, _ c: Context) async throws -> Response {
        let secret = try secret(c), body = try req.json()
        let nonce = try body.required(string: "nonce", max: 255)
        let name = try body.required(string: "username", max: 1024)
        let password = try body.required(string: "password", max: PasswordRules.maxBytes)
        let isAdmin = try body.bool("admin") ?? false
        let displayName = try body.string("displayname", max: ProfileRules.maxNameBytes)
        guard let mac = Hex.decode(try body.required(string: "mac", max: 255)) else { throw MatrixError.invalidParam("'mac' must be hexadecimal.") }
        guard !name.utf8.contains(0), !password.utf8.contains(0) else { throw MatrixError.invalidParam("The text contains a NUL character.") }
        guard nonces.take(nonce, now: c.clock.now) else { throw MatrixError.badRequest("The nonce is not known.") }
        var fields = [nonce, name, password, isAdmin ? "admin" : "notadmin"]
        if let type = try body.string("user_type", max: 255) { fields.append(type) }
        let expected = HMAC.sha1(key: secret, Array(fields.joined(separator: "\0").utf8))
        guard constantTimeEqual(expected, mac) else { throw MatrixError.forbidden("The MAC is wrong.") }
        try c.ports.bridges.check(try AccountStore.newUserID(c, localpart: name), by: nil)
        try PasswordRules.check(password, c.config)
        let hash = try await hasher.hash(c, password)
        let session = try await c.db.write { tx in
            let account = NewAccount(localpart: name, kind: .person, displayName: displayName ?? name, isAdmin: isAdmin)
            let user = try AccountStore.create(c, tx, account, passwordHash: hash)
            return try Sessions.create(c, tx, self, user: user, device: nil, deviceName: nil, isRefreshable: false)
        }
        return .json(.object(answer(session, c)))
    }
}

/// Nonces that were given out. In memory: they live a minute.
final class NonceStore: Sendable {
    static let lifetime: Int64 = 60_000
    static let maxEntries = 10_000
    private let nonces = Mutex<[String: Int64]>([:])

    func add(_ nonce: String, now: Int64) {
        nonces.withLock { nonces in
            if nonces.count >= Self.maxEntries { nonces = nonces.filter { $1 > now } }
            if nonces.count < Self.maxEntries { nonces[nonce] = now + Self.lifetime }
        }
    }
    func take(_ nonce: String, now: Int64) -> Bool { nonces.withLock { $0.removeValue(forKey: nonce).map { $0 > now } ?? false } }
    func forgetOld(now: Int64) { nonces.withLock { $0 = $0.filter { $1 > now } } }
}
