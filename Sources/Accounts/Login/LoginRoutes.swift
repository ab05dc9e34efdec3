import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#login
extension Accounts {
    var loginRoutes: [Route] {
        [
            Route(.get, "/_matrix/client/v3/login", auth: .none, flows),
            Route(.post, "/_matrix/client/v3/login", auth: .none, limit: .login, login),
            Route(.post, "/_matrix/client/v1/login/get_token", limit: .login, loginToken),
        ]
    }

    private func flows(_ req: Request, _ c: Context) async throws -> Response {
        .json(["flows": .array([["type": "m.login.password"], ["type": "m.login.token", "get_login_token": true], ["type": .string(Self.serviceLogin)]] + sso.flows(c))])
    }

    private func login(_ req: Request, _ c: Context) async throws -> Response {
        let body = try req.json()
        let type = try body.required(string: "type", max: 255)
        let device = try LoginRules.device(body), name = try LoginRules.deviceName(body)
        let isRefreshable = try body.bool("refresh_token") ?? false
        let session: NewSession
        switch type {
        case "m.login.password", Self.serviceLogin:
            let user = try await type == Self.serviceLogin ? userOfService(req, c, body) : userByPassword(c, body)
            session = try await c.db.write { tx in
                // Deactivated or deleted in between?
                guard let account = try AccountStore.account(tx, user), !account.isDeactivated else { throw MatrixError.userDeactivated() }
                if account.isLocked { throw MatrixError.userLocked() }
                return try self.begin(c, tx, user, device, name, isRefreshable, nil)
            }
        case "m.login.token":
            let token = try body.required(string: "token", max: 255), now = c.clock.now
            // A token that is refused is used up all the same, so the refusal is no throw out of the transaction.
            let outcome: Result<NewSession, MatrixError> = try await c.db.write { tx in
                guard let (user, origin) = try LoginTokens.take(tx, TokenHash(token), now: now) else { return .failure(.forbidden("The login token is not valid.")) }
                guard let account = try AccountStore.account(tx, user), !account.isDeactivated else { return .failure(.userDeactivated()) }
                if account.isLocked { return .failure(.userLocked()) }
                return .success(try self.begin(c, tx, user, device, name, isRefreshable, origin))
            }
            session = try outcome.get()
        default: throw MatrixError.badRequest("This type of login is not known.")
        }
        return .json(.object(answer(session, c)))
    }

    private func begin(_ c: Context, _ tx: WriteTx, _ user: UserID, _ device: DeviceID?, _ name: String?, _ isRefreshable: Bool, _ origin: SSOOrigin?) throws -> NewSession {
        let session = try Sessions.create(c, tx, self, user: user, device: device, deviceName: name, isRefreshable: isRefreshable)
        try SSOSessions.set(tx, user, session.device, origin)
        return session
    }

    func answer(_ session: NewSession, _ c: Context) -> JSONObject {
        var body = session.json(c)
        if let url = c.config.publicURL { body["well_known"] = ["m.homeserver": ["base_url": .string(url)]] }
        return body
    }

    private func userByPassword(_ c: Context, _ body: JSONObject) async throws -> UserID {
        guard let who = try LoginRules.who(body) else { throw MatrixError.missingParam("'identifier' is required.") }
        let password = try body.required(string: "password", max: PasswordRules.maxBytes)
        let refusal = MatrixError.forbidden("The user name or the password is wrong.")
        guard let user = try await user(c, who) else {
            try await hasher.pretend(c, password)
            throw refusal
        }
        guard try await isPassword(c, password, of: user) else {
            // Said only of accounts that are gone for good; it tells nothing that a failed registration would not.
            let isGone = try await c.db.read { tx in try AccountStore.account(tx, user)?.isDeactivated ?? false }
            throw isGone ? MatrixError.userDeactivated() : refusal
        }
        return user
    }

    /// The account that is meant. nil for impossible names and unknown addresses.
    func user(_ c: Context, _ who: LoginRules.Who) async throws -> UserID? {
        switch who {
        case .name(let name): AccountStore.localUser(c, named: name)
        case .contact(let id): try await c.db.read { tx in try ThirdPartyStore.user(tx, id) }
        }
    }

    private func loginToken(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID
        _ = try await authenticate(c, req, try req.json(), operation: "POST /login/get_token", needsPassword: true)
        let token = "cl_" + c.entropy.token(40), expires = c.clock.now + LoginRules.tokenLifetime
        try await c.db.write { tx in try LoginTokens.insert(tx, TokenHash(token), user, expires: expires) }
        return .json(["login_token": .string(token), "expires_in_ms": .int(LoginRules.tokenLifetime)])
    }
}
