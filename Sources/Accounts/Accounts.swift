package import MatrixCore
package import ServerKit
package import Store

// Accounts: who somebody is, from which device, and what belongs to a person alone (profile, account data, messages to devices).
//
// Invariants
// - A secret (password, access token, refresh token, login token) is never stored, only its hash; a password's is Argon2id.
// - A session that has ended is refused from the moment its end is durable: the cache forgets before the writer is answered.
// - Password hashing never runs on a cooperative thread, and only a bounded number of hashes wait.
// - It never imports another feature; rooms are reached by `RoomWriting` and `RoomReading`.

/// The accounts of a server. Holds what lives in memory: sessions lately used, presence, devices lately seen.
package final class Accounts: Sendable {
    let cache = SessionCache()
    let seen = LastSeen()
    let hasher: PasswordHasher
    let board = PresenceBoard()
    let nonces = NonceStore()
    let waitingDevices = WaitingDevices()
    let deviceLists = DeviceListBoard()
    let keyCounts = KeyCountCache()
    let mail = Mails.worker()
    let unbinding = Unbinding.worker()
    let sso = SSOProviders()

    /// `hashingThreads`: how many passwords are hashed at the same time.
    package init(hashingThreads: Int = 2) { hasher = PasswordHasher(threads: hashingThreads) }

    package var feature: Feature {
        var routes: [Route] = []
        routes += registrationRoutes + sharedSecretRoutes
        routes += loginRoutes + sessionRoutes + passwordRoutes + deactivationRoutes
        routes += deviceRoutes + toDeviceRoutes + keyRoutes + keyBackupRoutes + dehydratedDeviceRoutes
        routes += profileRoutes + userDirectoryRoutes + presenceRoutes
        routes += accountDataRoutes + tagRoutes + filterRoutes
        routes += thirdPartyRoutes + validationRoutes + ssoRoutes + casRoutes + oidcRoutes + backChannelLogoutRoutes + fallbackRoutes + callRoutes
        routes += openIDRoutes + capabilityRoutes + whoisRoutes + moderationRoutes + userAdminRoutes + registrationTokenRoutes
        let board = board, waiting = waitingDevices, deviceLists = deviceLists, keyCounts = keyCounts, sso = sso
        return Feature(
            "accounts", migrations: AccountSchema.migrations + KeySchema.migrations + [ThirdPartyStore.schema, SSOStore.schema, SSOSessions.schema, Moderation.schema], routes: routes,
            sync: [AccountDataSync(), ToDeviceSync(waiting: waiting), PresenceSync(board: board), DeviceListSync(board: deviceLists), KeyCountSync(cache: keyCounts)],
            observers: [DirectoryObserver(), PresenceObserver(board: board), DeviceListObserver(board: deviceLists), RoomTraces()],
            jobs: jobs,
            start: { c in
                try Stage.check(c.config)
                try sso.load(c.config)
                try await Presence.load(c, into: board)
                try await waiting.load(c)
                deviceLists.begin(at: c.db.position)
            })
    }

    private var jobs: [Job] {
        let seen = seen, board = board, nonces = nonces
        return [
            mail.job, unbinding.job,
            Job("accounts.seen", every: 60_000) { c in try await seen.flush(c) },
            Job("accounts.presence", every: 10_000) { c in try await Presence.expire(c, board) },
            Job("accounts.cleanup", every: 3_600_000) { c in
                nonces.forgetOld(now: c.clock.now)
                let now = c.clock.now
                try await c.db.write { tx in
                    try UIAStore.deleteOld(tx, before: now - UIARules.lifetime)
                    try ThirdPartyStore.deleteOldSessions(tx, before: now - ThirdPartyRules.lifetime)
                    try SSOStore.deleteOldAttempts(tx, before: now - SSORules.lifetime)
                    try LoginTokens.deleteExpired(tx, now: now)
                    try SSOSessions.deleteOldTokens(tx, now: now)
                    try OpenIDTokens.deleteExpired(tx, now: now)
                    try ToDeviceStore.deleteOldTransactions(tx, before: now - ToDeviceRules.transactionLifetime)
                    try OneTimeKeys.forgetClaimed(tx, before: now - OneTimeKeyRules.memory)
                }
            },
        ]
    }
}

extension Accounts: SessionChecking {
    package func session(_ c: Context, token: String, request: Request) async throws -> Session {
        try await Sessions.check(c, self, token: token, request: request)
    }
    package func known(_ c: Context, token: String, request: Request) -> Session? { Sessions.known(c, self, token: token, request: request) }
}

extension Accounts: UserDirectory {
    package func create(_ c: Context, _ tx: WriteTx, _ account: NewAccount, passwordHash: String?) throws -> UserID {
        try AccountStore.create(c, tx, account, passwordHash: passwordHash)
    }
    package func hash(_ c: Context, password: String) async throws -> String { try await hasher.hash(c, password) }
    package func createSession(_ c: Context, _ tx: WriteTx, user: UserID, deviceName: String?) throws -> (token: String, device: DeviceID) {
        let session = try Sessions.create(c, tx, self, user: user, device: nil, deviceName: deviceName, isRefreshable: false)
        return (session.token, session.device)
    }
    package func endSession(_ c: Context, _ tx: WriteTx, user: UserID, device: DeviceID) throws {
        try Devices.delete(c, tx, self, user: user, devices: [device])
    }
    package func standing(_ tx: ReadTx, _ user: UserID) throws -> Standing? { try AccountStore.standing(tx, user) }
    package func profile(_ tx: ReadTx, _ user: UserID) throws -> Profile { try ProfileStore.profile(tx, user) ?? Profile() }
    package func setProfile(_ c: Context, _ tx: WriteTx, user: UserID, _ profile: Profile) throws { try Profiles.set(c, tx, user: user, profile) }
    package func filter(_ tx: ReadTx, user: UserID, id: String) throws -> JSONObject? { try FilterStore.filter(tx, user: user, id: id) }
}

extension MatrixError {
    static func userInUse() -> MatrixError { .init(400, "M_USER_IN_USE", "This user name is taken.") }
    static func invalidUsername(_ message: String = "A user name has only the characters a-z, 0-9 and . _ = - / +.") -> MatrixError {
        .init(400, "M_INVALID_USERNAME", message)
    }
    static func weakPassword(_ message: String) -> MatrixError { .init(400, "M_WEAK_PASSWORD", message) }
    static func userDeactivated() -> MatrixError { .init(403, "M_USER_DEACTIVATED", "This account has been deactivated.") }
}

extension Request {
    /// The `{userId}` of the path, which must be the one who asks.
    func ownUserID() throws(MatrixError) -> UserID {
        let id: UserID = try id("userId")
        guard id == user.userID else { throw .forbidden("You can do that only for yourself.") }
        return id
    }
}
