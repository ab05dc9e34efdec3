import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3register
///
/// Invariant: what a registration needs is checked before anybody is asked to prove anything, and once more in the
/// transaction that makes the account. The answer of a finished session may be asked for again.
extension Accounts {
    var registrationRoutes: [Route] {
        [
            Route(.post, "/_matrix/client/v3/register", auth: .none, limit: .registration, register),
            Route(.get, "/_matrix/client/v3/register/available", auth: .none, limit: .registration, isAvailable),
            Route(.get, "/_matrix/client/v1/register/m.login.registration_token/validity", auth: .none, limit: .registration, tokenValidity),
        ]
    }

    private func register(_ req: Request, _ c: Context) async throws -> Response {
        let body = try req.json()
        if body["type"]?.stringValue == Self.serviceLogin || body["auth"]?["type"]?.stringValue == Self.serviceLogin {
            return try await registerForService(req, c, body)
        }
        switch req.query["kind"] ?? "user" {
        case "user": return try await registerUser(req, c, body)
        case "guest": return try await registerGuest(c, body)
        default: throw MatrixError.invalidParam("'kind' must be user or guest.")
        }
    }

    /// What a registration asks for. The password is there once it is hashed only.
    private struct Wanted: Sendable {
        var localpart: String?
        var passwordHash: String?
        /// The guest who becomes this account and keeps its user id.
        var guest: UserID?
        var device: DeviceID?
        var deviceName: String?
        var inhibitLogin: Bool
        var isRefreshable: Bool

        init(_ body: JSONObject) throws(MatrixError) {
            localpart = try body.string("username", max: 1024)
            passwordHash = try body.string("password_hash")
            guest = try body.id("upgraded_guest")
            device = try LoginRules.device(body)
            deviceName = try LoginRules.deviceName(body)
            inhibitLogin = try body.bool("inhibit_login") ?? false
            isRefreshable = try body.bool("refresh_token") ?? false
        }
    }

    private func registerUser(_ req: Request, _ c: Context, _ body: JSONObject) async throws -> Response {
        var kept: JSONObject?, finished: UserID?
        if let id = try body.object("auth")?.string("session", max: 255), let session = try await UIAStore.session(c, id) {
            kept = session.params
            finished = session.result
        }
        var params = UIARules.params(of: body, kept: kept)
        if let password = try params.string("password", max: PasswordRules.maxBytes) {
            try PasswordRules.check(password, c.config)
        }
        params["password_hash"] = kept?["password_hash"]
        params["upgraded_guest"] = kept?["upgraded_guest"]
        if let token = try params.string("guest_access_token", max: 255) {
            params["upgraded_guest"] = JSON(try await guest(req, c, token, named: try params.string("username", max: 1024)))
            params["guest_access_token"] = nil   // a secret is not kept
        }
        let wanted = try Wanted(params)
        if let finished { return try await answerAgain(c, finished, wanted) }

        let flows = try await registrationFlows(c)
        if let name = wanted.localpart, wanted.guest == nil {
            let id = try AccountStore.newUserID(c, localpart: name)
            guard try await c.db.read({ tx in try !AccountStore.exists(tx, id) }) else { throw MatrixError.userInUse() }
            try c.ports.bridges.check(id, by: nil)
        }
        // Hashed before it is kept; a hash that the session has already is not made again.
        if let password = params["password"]?.stringValue {
            if params["password_hash"] == nil { params["password_hash"] = .string(try await hasher.hash(c, password)) }
            params["password"] = nil
        }
        let proof = try await authenticate(c, body, operation: "POST /register", user: nil, flows: flows, keep: params)
        var complete = try Wanted(proof.params)
        guard let passwordHash = complete.passwordHash else { throw MatrixError.missingParam("'password' is required.") }
        if complete.localpart == nil { complete.localpart = c.entropy.lowerToken(12) }
        return try await finish(c, complete, passwordHash, proof)
    }

    /// The guest whose token this is, and whose name is asked for.
    private func guest(_ req: Request, _ c: Context, _ token: String, named localpart: String?) async throws -> UserID {
        let session = try await Sessions.check(c, self, token: token, request: req)
        guard session.isGuest, session.userID.localpart == localpart?.lowercased() else { throw MatrixError.forbidden("A guest can become only the user that it is.") }
        return session.userID
    }

    private func finish(_ c: Context, _ wanted: Wanted, _ passwordHash: String, _ proof: UIAProof) async throws -> Response {
        let now = c.clock.now
        let (user, session) = try await c.db.write { tx in
            if let token = proof.registrationToken, try !RegistrationTokens.use(tx, token, now: now) {
                throw MatrixError(401, "M_UNAUTHORIZED", "This registration token is not valid any more.")
            }
            let name = wanted.localpart ?? ""
            let user: UserID
            if let guest = wanted.guest {
                guard try AccountStore.upgradeGuest(tx, guest, passwordHash: passwordHash) else { throw MatrixError.userInUse() }
                try Devices.deleteAll(c, tx, self, user: guest)
                tx.afterCommit { self.cache.forget(guest) }
                user = guest
            } else {
                user = try AccountStore.create(c, tx, NewAccount(localpart: name, kind: .person, displayName: name), passwordHash: passwordHash)
            }
            if let id = proof.session?.id { try UIAStore.finish(tx, id, result: user) }
            guard !wanted.inhibitLogin else { return (user, NewSession?.none) }
            return (user, try Sessions.create(c, tx, self, user: user, device: wanted.device, deviceName: wanted.deviceName, isRefreshable: wanted.isRefreshable))
        }
        return registered(c, user, session)
    }

    private func registered(_ c: Context, _ user: UserID, _ session: NewSession?) -> Response {
        guard let session else { return .json(["user_id": JSON(user), "home_server": .string(c.serverName)]) }
        return .json(.object(answer(session, c)))
    }

    /// The answer to a finished registration was lost: a session of the account that it made.
    private func answerAgain(_ c: Context, _ user: UserID, _ wanted: Wanted) async throws -> Response {
        if let name = wanted.localpart, try AccountStore.newUserID(c, localpart: name) != user { throw MatrixError.userInUse() }
        if wanted.inhibitLogin { return registered(c, user, nil) }
        let session = try await c.db.write { tx in
            try Sessions.create(c, tx, self, user: user, device: wanted.device, deviceName: wanted.deviceName, isRefreshable: wanted.isRefreshable)
        }
        return registered(c, user, session)
    }

    /// Open registration asks for nothing; a closed one for a token, if there are any.
    private func registrationFlows(_ c: Context) async throws -> [[String]] {
        if c.config.openRegistration { return [["m.login.dummy"]] }
        let now = c.clock.now
        guard try await c.db.read({ tx in try RegistrationTokens.exist(tx, now: now) }) else { throw MatrixError.forbidden("Registration is closed on this server.") }
        return [["m.login.registration_token"]]
    }

    private func registerGuest(_ c: Context, _ body: JSONObject) async throws -> Response {
        guard c.config.guestRegistration || c.config.openRegistration else { throw MatrixError.forbidden("Guests are not admitted on this server.") }
        let name = try LoginRules.deviceName(body), localpart = "guest-" + c.entropy.lowerToken(12)
        let session = try await c.db.write { tx in
            let user = try AccountStore.create(c, tx, NewAccount(localpart: localpart, kind: .guest), passwordHash: nil)
            return try Sessions.create(c, tx, self, user: user, device: nil, deviceName: name, isRefreshable: false)
        }
        return .json(.object(answer(session, c)))
    }

    private func isAvailable(_ req: Request, _ c: Context) async throws -> Response {
        guard let name = req.query["username"] else { throw MatrixError.missingParam("'username' is required.") }
        let id = try AccountStore.newUserID(c, localpart: name)
        guard try await c.db.read({ tx in try !AccountStore.exists(tx, id) }) else { throw MatrixError.userInUse() }
        try c.ports.bridges.check(id, by: nil)
        return .json(["available": true])
    }

    private func tokenValidity(_ req: Request, _ c: Context) async throws -> Response {
        guard let token = req.query["token"] else { throw MatrixError.missingParam("'token' is required.") }
        let now = c.clock.now
        let isValid = try await c.db.read { tx in try RegistrationTokens.isValid(tx, token, now: now) }
        return .json(["valid": .bool(isValid)])
    }
}
