import MatrixCore
import ServerKit
import Store

/// One account as signing in needs it.
struct AccountRow: Sendable {
    var id: UserID
    var kind: AccountKind
    var passwordHash: String?
    var isAdmin: Bool
    var isDeactivated: Bool
    var isLocked: Bool
    var isSuspended: Bool
}

/// Reading and writing accounts. A user id here always belongs to this server.
enum AccountStore {
    /// The user id of a name that may be given to a new account. Throws M_INVALID_USERNAME.
    static func newUserID(_ c: Context, localpart: String) throws(MatrixError) -> UserID {
        let name = localpart.lowercased()
        guard UserID.isValidLocalpart(name) else { throw .invalidUsername() }
        guard let id = UserID(localpart: name, server: c.serverName) else { throw .invalidUsername("This user name is too long.") }
        return id
    }

    /// The local account that somebody means: `alice`, `Alice` or `@alice:server`. nil for other servers and impossible names.
    static func localUser(_ c: Context, named text: String) -> UserID? {
        if text.hasPrefix("@") {
            guard let id = UserID(rawValue: text), id.server == c.serverName else { return nil }
            return UserID(localpart: id.localpart.lowercased(), server: c.serverName)
        }
        return UserID(localpart: text.lowercased(), server: c.serverName)
    }

    static func create(_ c: Context, _ tx: WriteTx, _ account: NewAccount, passwordHash: String?) throws -> UserID {
        let id = try account.kind == .bot ? botID(c, account.localpart) : newUserID(c, localpart: account.localpart)
        guard try !exists(tx, id) else { throw MatrixError.userInUse() }
        try tx.run(SQL.insert, id, account.kind.rawValue, passwordHash, account.isAdmin, account.kind != .bot, c.clock.now)
        try ProfileStore.insert(tx, id, displayName: account.displayName)
        return id
    }

    /// Names of bots come from the operator, and may have capitals as old user names had.
    private static func botID(_ c: Context, _ localpart: String) throws(MatrixError) -> UserID {
        guard let id = UserID(localpart: localpart, server: c.serverName), id.localpart == localpart else { throw .invalidUsername() }
        return id
    }

    static func exists(_ tx: ReadTx, _ user: UserID) throws -> Bool { try tx.exists(SQL.exists, user) }

    static func standing(_ tx: ReadTx, _ user: UserID) throws -> Standing? {
        try tx.first(SQL.standing, user) { Standing(kind: AccountKind(rawValue: $0.text(0)) ?? .person, isErased: $0.bool(1)) }
    }

    static func account(_ tx: ReadTx, _ user: UserID) throws -> AccountRow? {
        try tx.first(SQL.account, user) { row in
            AccountRow(id: UserID(trusted: row.text(0)), kind: AccountKind(rawValue: row.text(1)) ?? .person, passwordHash: row.textOrNil(2),
                       isAdmin: row.bool(3), isDeactivated: !row.isNull(4), isLocked: row.bool(5), isSuspended: row.bool(6))
        }
    }

    /// False when there is no such guest any more.
    static func upgradeGuest(_ tx: WriteTx, _ user: UserID, passwordHash: String) throws -> Bool { try tx.run(SQL.upgradeGuest, passwordHash, user) == 1 }
    static func setPassword(_ tx: WriteTx, _ user: UserID, hash: String?) throws { try tx.run(SQL.setPassword, hash, user) }
    static func setAdmin(_ tx: WriteTx, _ user: UserID, _ isAdmin: Bool) throws { try tx.run(SQL.setAdmin, isAdmin, user) }

    static func setRateLimited(_ tx: WriteTx, _ user: UserID, _ isRateLimited: Bool) throws { try tx.run(SQL.setRateLimited, isRateLimited, user) }

    private enum SQL {
        static let setRateLimited = "UPDATE account SET is_rate_limited = ? WHERE user_id = ?"
        static let insert = "INSERT INTO account (user_id, kind, password_hash, is_admin, is_rate_limited, created, deactivated, is_erased) VALUES (?, ?, ?, ?, ?, ?, NULL, 0)"
        static let exists = "SELECT 1 FROM account WHERE user_id = ?"
        static let standing = "SELECT kind, is_erased FROM account WHERE user_id = ?"
        static let account = "SELECT user_id, kind, password_hash, is_admin, deactivated, is_locked, is_suspended FROM account WHERE user_id = ?"
        static let upgradeGuest = "UPDATE account SET kind = 'person', password_hash = ? WHERE user_id = ? AND kind = 'guest' AND deactivated IS NULL"
        static let setPassword = "UPDATE account SET password_hash = ? WHERE user_id = ?"
        static let setAdmin = "UPDATE account SET is_admin = ? WHERE user_id = ?"
    }
}
