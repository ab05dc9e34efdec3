package import MatrixCore
package import ServerKit
import Store

/// What an administrator does from the command line. A running server takes notice within a minute (`SessionCache.believed`).
package enum AccountAdmin {
    package struct Summary: Sendable, Hashable {
        package var id: UserID
        package var kind: AccountKind
        package var displayName: String?
        package var isAdmin: Bool
        package var created: Int64
        package var isDeactivated: Bool
        package var devices: Int
    }

    /// Makes an account with a password. Throws M_USER_IN_USE, M_INVALID_USERNAME, M_WEAK_PASSWORD.
    package static func create(_ c: Context, localpart: String, password: String, displayName: String? = nil, isAdmin: Bool = false) async throws -> UserID {
        try PasswordRules.check(password, c.config)
        _ = try AccountStore.newUserID(c, localpart: localpart)
        let hash = try await c.ports.users.hash(c, password: password)
        return try await c.db.write { tx in
            try AccountStore.create(c, tx, NewAccount(localpart: localpart, kind: .person, displayName: displayName ?? localpart, isAdmin: isAdmin), passwordHash: hash)
        }
    }

    /// `user` is `alice` or `@alice:server`. Ends all sessions unless they are to be kept.
    package static func resetPassword(_ c: Context, user name: String, password: String, keepSessions: Bool = false) async throws {
        try PasswordRules.check(password, c.config)
        let user = try await known(c, name)
        let hash = try await c.ports.users.hash(c, password: password)
        try await c.db.write { tx in
            try AccountStore.setPassword(tx, user, hash: hash)
            if !keepSessions { try endSessions(c, tx, user) }
        }
    }

    package static func setAdmin(_ c: Context, user name: String, _ isAdmin: Bool) async throws {
        let user = try await known(c, name)
        let accounts = c.ports.sessions as? Accounts
        try await c.db.write { tx in
            try AccountStore.setAdmin(tx, user, isAdmin)
            tx.afterCommit { accounts?.cache.forget(user) }
        }
    }

    package static func deactivate(_ c: Context, user name: String, erase: Bool = false) async throws {
        let user = try await known(c, name)
        let accounts = c.ports.sessions as? Accounts
        try await c.db.write { tx in
            try endSessions(c, tx, user)
            try Deactivation.deactivate(c, tx, accounts, user: user, erase: erase)
        }
    }

    package static func list(_ c: Context) async throws -> [Summary] {
        try await c.db.read { tx in
            try tx.all(SQL.list) { row in
                Summary(id: UserID(trusted: row.text(0)), kind: AccountKind(rawValue: row.text(1)) ?? .person, displayName: row.textOrNil(2), isAdmin: row.bool(3),
                        created: row.int(4), isDeactivated: !row.isNull(5), devices: Int(row.int(6)))
            }
        }
    }

    /// A token for registration: `uses` times (nil: any number), until `validFor` milliseconds from now (nil: for ever).
    package static func makeRegistrationToken(_ c: Context, token: String? = nil, uses: Int64? = nil, validFor: Int64? = nil) async throws -> String {
        let token = token ?? c.entropy.token(16)
        guard RegistrationTokens.isWellFormed(token) else { throw MatrixError.invalidParam("A registration token has 1 to 64 characters of a-z, A-Z, 0-9 and . _ ~ -.") }
        if let uses, uses < 1 { throw MatrixError.invalidParam("A registration token is good for at least one use.") }
        if let validFor, validFor < 1 { throw MatrixError.invalidParam("A registration token cannot end before it begins.") }
        let expires = validFor.map { c.clock.now + $0 }
        try await c.db.write { tx in
            guard try !tx.exists(SQL.hasToken, token) else { throw MatrixError.invalidParam("There is a registration token with this text already.") }
            try RegistrationTokens.insert(tx, token, uses: uses, expires: expires)
        }
        return token
    }

    private static func known(_ c: Context, _ name: String) async throws -> UserID {
        guard let user = AccountStore.localUser(c, named: name),
              let account = try await c.db.read({ tx in try AccountStore.account(tx, user) }), !account.isDeactivated
        else { throw MatrixError.notFound("There is no account \(name).") }
        return user
    }

    private static func endSessions(_ c: Context, _ tx: WriteTx, _ user: UserID) throws {
        for device in try DeviceStore.ids(tx, user) { try c.ports.users.endSession(c, tx, user: user, device: device) }
    }

    private enum SQL {
        static let list = """
            SELECT a.user_id, a.kind, p.displayname, a.is_admin, a.created, a.deactivated, (SELECT COUNT(*) FROM device d WHERE d.user_id = a.user_id)
            FROM account a LEFT JOIN profile p ON p.user_id = a.user_id ORDER BY a.user_id
            """
        static let hasToken = "SELECT 1 FROM registration_token WHERE token = ?"
    }
}
