import MatrixCore
import ServerKit
import Store

/// Who an application service acts for: its own user, or one of its namespace whom it names by `?user_id=`, on a device of his that it
/// names by `?device_id=`. Spec: https://spec.matrix.org/latest/application-service-api/#identity-assertion
///
/// Invariant: nobody outside the service's namespace, and nobody who has not been registered, is ever acted for.
enum BridgeSessions {
    static func session(_ c: Context, _ accounts: Accounts, _ service: BridgeService, token: String, request: Request) async throws -> Session {
        let user = try user(c, service, request)
        let device = try device(request)
        // One entry of the cache for each user that the token stands for.
        let hash = TokenHash(token + "\0" + user.rawValue + "\0" + (device?.rawValue ?? "")), now = c.clock.now
        if case .session(let session, let note) = accounts.cache.find(hash, now: now) {
            if note, session.hasDevice { accounts.seen.note(session, request, now: now) }
            return session
        }
        let generation = accounts.cache.generation
        let found = try await c.db.read { tx in
            (account: try AccountStore.account(tx, user), hasDevice: try device.map { try DeviceStore.exists(tx, user, $0) } ?? true)
        }
        guard let account = found.account else { throw MatrixError.forbidden("The application service has not registered the user \(user).") }
        if account.isDeactivated { throw MatrixError.userDeactivated() }
        if account.isLocked { throw MatrixError.userLocked() }
        guard found.hasDevice else { throw MatrixError(400, "M_UNKNOWN_DEVICE", "The user \(user) has no such device.") }
        var session = Session(userID: user, deviceID: device ?? DeviceID(trusted: "as:" + service.id), isAdmin: account.isAdmin, kind: account.kind,
                              isRateLimited: service.isRateLimited && user != service.sender)
        session.service = service.id
        session.isSuspended = account.isSuspended
        session.hasDevice = device != nil
        accounts.cache.insert(hash, session, expires: nil, now: now, generation: generation)
        if session.hasDevice { accounts.seen.note(session, request, now: now) }
        return session
    }

    private static func user(_ c: Context, _ service: BridgeService, _ request: Request) throws(MatrixError) -> UserID {
        guard let name = request.query["user_id"] else { return service.sender }
        guard let user = UserID(rawValue: name) else { throw .invalidParam("'user_id' is not a user id.") }
        guard user == service.sender || c.ports.bridges.covers(service.id, user) else {
            throw .forbidden("The user \(user) is not in the namespace of this application service.")
        }
        return user
    }

    private static func device(_ request: Request) throws(MatrixError) -> DeviceID? {
        guard let name = request.query["device_id"] ?? request.query["org.matrix.msc3202.device_id"] else { return nil }
        guard let device = DeviceID(rawValue: name) else { throw .invalidParam("'device_id' is not a device id.") }
        return device
    }

    /// The service whose token a request without a session shows.
    static func service(_ c: Context, _ request: Request) throws(MatrixError) -> BridgeService {
        guard let token = request.token else { throw .missingToken() }
        guard let service = c.ports.bridges.service(token: token) else { throw .unknownToken() }
        return service
    }
}

/// Registration and login of a service's users. Spec: https://spec.matrix.org/latest/client-server-api/#appservice-login,
/// https://spec.matrix.org/latest/application-service-api/#server-admin-style-permissions
extension Accounts {
    static let serviceLogin = "m.login.application_service"

    func registerForService(_ req: Request, _ c: Context, _ body: JSONObject) async throws -> Response {
        let service = try BridgeSessions.service(c, req)
        guard let name = try body.string("username", max: 1024) else { throw MatrixError.missingParam("'username' is required.") }
        let user = try AccountStore.newUserID(c, localpart: name)
        guard c.ports.bridges.covers(service.id, user) else {
            throw MatrixError.exclusive("This user name is not in the namespace of the application service.")
        }
        try c.ports.bridges.check(user, by: service.id)
        let device = try LoginRules.device(body), deviceName = try LoginRules.deviceName(body)
        let inhibitLogin = try body.bool("inhibit_login") ?? false, isRefreshable = try body.bool("refresh_token") ?? false
        let session = try await c.db.write { tx -> NewSession? in
            _ = try AccountStore.create(c, tx, NewAccount(localpart: user.localpart, kind: .person, displayName: user.localpart), passwordHash: nil)
            if !service.isRateLimited { try AccountStore.setRateLimited(tx, user, false) }
            if inhibitLogin { return nil }
            return try Sessions.create(c, tx, self, user: user, device: device, deviceName: deviceName, isRefreshable: isRefreshable)
        }
        guard let session else { return .json(["user_id": JSON(user), "home_server": .string(c.serverName)]) }
        return .json(.object(answer(session, c)))
    }

    /// The user whom a service signs in.
    func userOfService(_ req: Request, _ c: Context, _ body: JSONObject) async throws -> UserID {
        let service = try BridgeSessions.service(c, req)
        guard case .name(let name) = try LoginRules.who(body) else { throw MatrixError.missingParam("'identifier' of the type m.id.user is required.") }
        guard let user = AccountStore.localUser(c, named: name), c.ports.bridges.covers(service.id, user) else {
            throw MatrixError(403, "M_EXCLUSIVE", "This user is not in the namespace of the application service.")
        }
        guard try await c.db.read({ tx in try AccountStore.exists(tx, user) }) else { throw MatrixError.forbidden("The user \(user) is not registered.") }
        return user
    }
}
