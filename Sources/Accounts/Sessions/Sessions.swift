import MatrixCore
import ServerKit
import Store

/// Access and refresh tokens.
/// Spec: https://spec.matrix.org/latest/client-server-api/#client-authentication, #refreshing-access-tokens
///
/// Invariants: tokens are stored as SHA-256; a refresh token may be used again until what it gave has been used, then it is
/// gone; a device has at most one chain of refresh tokens.
enum SessionRules {
    /// Access tokens that can be refreshed end after this time.
    static let accessLifetime: Int64 = 3_600_000
}

struct NewSession: Sendable {
    var user: UserID
    var device: DeviceID
    var token: String
    var refreshToken: String?
    var expiresIn: Int64?

    /// The answer of /login and /register.
    func json(_ c: Context) -> JSONObject {
        var body: JSONObject = ["user_id": JSON(user), "access_token": .string(token), "device_id": JSON(device), "home_server": .string(c.serverName)]
        if let refreshToken { body["refresh_token"] = .string(refreshToken) }
        if let expiresIn { body["expires_in_ms"] = .int(expiresIn) }
        return body
    }
}

enum Sessions {
    /// The session of a user's own token that was used lately.
    static func known(_ c: Context, _ accounts: Accounts, token: String, request: Request) -> Session? {
        let now = c.clock.now
        guard c.ports.bridges.service(token: token) == nil, case .session(let session, let note) = accounts.cache.find(TokenHash(token), now: now) else { return nil }
        if note { accounts.seen.note(session, request, now: now) }
        return session
    }

    /// The session of a token, from memory or the database.
    static func check(_ c: Context, _ accounts: Accounts, token: String, request: Request) async throws -> Session {
        if let service = c.ports.bridges.service(token: token) {
            return try await BridgeSessions.session(c, accounts, service, token: token, request: request)
        }
        let hash = TokenHash(token), now = c.clock.now
        switch accounts.cache.find(hash, now: now) {
        case .session(let session, let note):
            if note { accounts.seen.note(session, request, now: now) }
            return session
        case .expired: throw MatrixError.unknownToken(softLogout: true)
        case .unknown: break
        }
        // Who is signed in does not come to here; an address that guesses waits before it is looked again.
        try c.limiter.check(.unknownToken, who: request.remote, now: now)
        let generation = accounts.cache.generation
        guard let row = try await c.db.read({ tx in try SessionStore.token(tx, hash) }) else {
            try c.limiter.take(.unknownToken, who: request.remote, now: now)
            throw MatrixError.unknownToken()
        }
        if row.isDeactivated { throw MatrixError.userDeactivated() }
        if row.isLocked {
            guard request.isLogout else { throw MatrixError.userLocked() }
            return row.session   // never from memory: he may be unlocked at any time
        }
        if let expires = row.expires, expires <= now { throw MatrixError.unknownToken(softLogout: true) }
        if !row.isUsed, let refresh = row.refreshNumber {
            // The client has got its new tokens: those before are over.
            try await c.db.write { tx in
                try SessionStore.markUsed(tx, row.session.tokenNumber)
                try endPredecessors(tx, accounts, of: refresh, row.session)
            }
            accounts.cache.insert(hash, row.session, expires: row.expires, now: now, generation: accounts.cache.generation)
        } else {
            accounts.cache.insert(hash, row.session, expires: row.expires, now: now, generation: generation)
        }
        accounts.seen.note(row.session, request, now: now)
        return row.session
    }

    /// A new access token, on a new device or on one that the user has already (its former tokens end).
    static func create(_ c: Context, _ tx: WriteTx, _ accounts: Accounts, user: UserID, device: DeviceID?, deviceName: String?, isRefreshable: Bool) throws -> NewSession {
        let device = device ?? newDeviceID(c)
        let isNew = try !DeviceStore.exists(tx, user, device)
        if !isNew {
            try SessionStore.deleteTokens(tx, user, device)
            tx.afterCommit { accounts.cache.forget(user, devices: [device]) }
        } else {
            try DeviceStore.insert(tx, user, device, name: deviceName, now: c.clock.now)
        }
        // Visitors come in their thousands and nobody looks for them: they are known once they sync.
        if try AccountStore.standing(tx, user)?.kind != .visitor {
            let board = accounts.board, now = c.clock.now
            tx.afterCommit { board.signedIn(user, now: now) }
            if isNew { try DeviceLists.announce(c, tx, accounts.deviceLists, user) }
        }
        try OneTimeKeys.tell(c, tx, user, device)
        return try issue(c, tx, user: user, device: device, isRefreshable: isRefreshable)
    }

    /// New tokens for an old refresh token.
    static func refresh(_ c: Context, _ accounts: Accounts, token: String) async throws -> NewSession {
        let hash = TokenHash(token)
        return try await c.db.write { tx in
            guard let old = try SessionStore.refreshToken(tx, hash) else { throw MatrixError.unknownToken() }
            if try AccountStore.account(tx, old.user)?.isLocked == true { throw MatrixError.userLocked() }
            // The answer to an earlier refresh was lost: what it gave has not been used, or this token would be gone.
            if let replacement = old.replacedBy {
                try SessionStore.deleteRefresh(tx, replacement)
                tx.afterCommit { accounts.cache.forget(old.user, devices: [old.device]) }
            }
            let session = Session(userID: old.user, deviceID: old.device)
            try endPredecessors(tx, accounts, of: old.number, session)
            let new = try issue(c, tx, user: old.user, device: old.device, isRefreshable: true)
            try SessionStore.replaceRefresh(tx, old.number, by: tx.lastRefreshNumber(new))
            return new
        }
    }

    private static func issue(_ c: Context, _ tx: WriteTx, user: UserID, device: DeviceID, isRefreshable: Bool) throws -> NewSession {
        var session = NewSession(user: user, device: device, token: "ct_" + c.entropy.token(40))
        var refreshNumber: Int64?
        if isRefreshable {
            let refresh = "cr_" + c.entropy.token(40), number = tx.nextPosition()
            try SessionStore.insertRefresh(tx, number, TokenHash(refresh), user, device)
            session.refreshToken = refresh
            session.expiresIn = SessionRules.accessLifetime
            refreshNumber = number
        }
        try SessionStore.insert(tx, tx.nextPosition(), TokenHash(session.token), user, device,
                                expires: session.expiresIn.map { c.clock.now + $0 }, refreshNumber: refreshNumber)
        return session
    }

    private static func endPredecessors(_ tx: WriteTx, _ accounts: Accounts, of refresh: Int64, _ session: Session) throws {
        let ended = try SessionStore.predecessors(tx, of: refresh)
        guard !ended.isEmpty else { return }
        for number in ended { try SessionStore.deleteRefresh(tx, number) }
        tx.afterCommit { accounts.cache.forget(session.userID, devices: [session.deviceID]) }
    }

    static func newDeviceID(_ c: Context) -> DeviceID {
        DeviceID(trusted: String(decoding: c.entropy.bytes(10).map { UInt8(ascii: "A") + $0 % 26 }, as: UTF8.self))
    }
}

extension WriteTx {
    /// Number of the refresh token that was made together with `session` in this transaction.
    fileprivate func lastRefreshNumber(_ session: NewSession) throws -> Int64 {
        guard let token = session.refreshToken, let row = try SessionStore.refreshToken(self, TokenHash(token)) else {
            preconditionFailure("a refreshable session without a refresh token")
        }
        return row.number
    }
}

/// One row of an access token with what its account says.
struct TokenRow: Sendable {
    var session: Session
    var expires: Int64?
    var refreshNumber: Int64?
    var isUsed: Bool
    var isDeactivated: Bool
    var isLocked: Bool
}

enum SessionStore {
    static func token(_ tx: ReadTx, _ hash: TokenHash) throws -> TokenRow? {
        try tx.first(SQL.token, hash.bytes) { row in
            let kind = AccountKind(rawValue: row.text(6)) ?? .person
            var session = Session(userID: UserID(trusted: row.text(1)), deviceID: DeviceID(trusted: row.text(2)), isGuest: kind == .guest, isAdmin: row.bool(7),
                                 kind: kind, tokenNumber: row.int(0), isRateLimited: row.bool(8))
            session.isSuspended = row.bool(11)
            return TokenRow(
                session: session, expires: row.intOrNil(3), refreshNumber: row.intOrNil(4), isUsed: row.bool(5), isDeactivated: !row.isNull(9), isLocked: row.bool(10))
        }
    }
    static func insert(_ tx: WriteTx, _ number: Int64, _ hash: TokenHash, _ user: UserID, _ device: DeviceID, expires: Int64?, refreshNumber: Int64?) throws {
        try tx.run(SQL.insert, number, hash.bytes, user, device, expires, refreshNumber)
    }
    static func markUsed(_ tx: WriteTx, _ number: Int64) throws { try tx.run(SQL.markUsed, number) }

    static func refreshToken(_ tx: ReadTx, _ hash: TokenHash) throws -> (number: Int64, user: UserID, device: DeviceID, replacedBy: Int64?)? {
        try tx.first(SQL.refresh, hash.bytes) { row in
            (number: row.int(0), user: UserID(trusted: row.text(1)), device: DeviceID(trusted: row.text(2)), replacedBy: row.intOrNil(3))
        }
    }
    static func insertRefresh(_ tx: WriteTx, _ number: Int64, _ hash: TokenHash, _ user: UserID, _ device: DeviceID) throws {
        try tx.run(SQL.insertRefresh, number, hash.bytes, user, device)
    }
    static func replaceRefresh(_ tx: WriteTx, _ number: Int64, by next: Int64) throws { try tx.run(SQL.replaceRefresh, next, number) }
    static func predecessors(_ tx: ReadTx, of number: Int64) throws -> [Int64] { try tx.all(SQL.predecessors, number) { $0.int(0) } }
    /// The refresh token and the access token that came with it.
    static func deleteRefresh(_ tx: WriteTx, _ number: Int64) throws {
        try tx.run(SQL.deleteRefreshAccess, number)
        try tx.run(SQL.deleteRefresh, number)
    }
    /// Whether somebody has signed in on the device; a service makes devices without.
    static func hasToken(_ tx: ReadTx, _ user: UserID, _ device: DeviceID) throws -> Bool { try tx.exists(SQL.hasToken, user, device) }
    static func deleteTokens(_ tx: WriteTx, _ user: UserID, _ device: DeviceID) throws {
        try tx.run(SQL.deleteDeviceTokens, user, device)
        try tx.run(SQL.deleteDeviceRefresh, user, device)
    }

    private enum SQL {
        static let token = """
            SELECT t.number, t.user_id, t.device_id, t.expires, t.refresh_number, t.is_used, a.kind, a.is_admin, a.is_rate_limited, a.deactivated, a.is_locked, a.is_suspended
            FROM access_token t JOIN account a ON a.user_id = t.user_id WHERE t.hash = ?
            """
        static let insert = "INSERT INTO access_token (number, hash, user_id, device_id, expires, refresh_number, is_used) VALUES (?, ?, ?, ?, ?, ?, 0)"
        static let markUsed = "UPDATE access_token SET is_used = 1 WHERE number = ?"
        static let refresh = "SELECT number, user_id, device_id, replaced_by FROM refresh_token WHERE hash = ?"
        static let insertRefresh = "INSERT INTO refresh_token (number, hash, user_id, device_id, replaced_by) VALUES (?, ?, ?, ?, NULL)"
        static let replaceRefresh = "UPDATE refresh_token SET replaced_by = ? WHERE number = ?"
        static let predecessors = "SELECT number FROM refresh_token WHERE replaced_by = ?"
        static let deleteRefresh = "DELETE FROM refresh_token WHERE number = ?"
        static let deleteRefreshAccess = "DELETE FROM access_token WHERE refresh_number = ?"
        static let hasToken = "SELECT 1 FROM access_token WHERE user_id = ? AND device_id = ? LIMIT 1"
        static let deleteDeviceTokens = "DELETE FROM access_token WHERE user_id = ? AND device_id = ?"
        static let deleteDeviceRefresh = "DELETE FROM refresh_token WHERE user_id = ? AND device_id = ?"
    }
}
