import MatrixCore
import ServerKit
import Store

/// Locking and suspending accounts, both taken back at any time.
/// Spec: https://spec.matrix.org/latest/client-server-api/#account-locking, #account-suspension
///
/// Invariants: a locked user's tokens serve for nothing but signing out, and serve again when he is unlocked; a suspended user reads, leaves,
/// signs out and redacts his own events, and does nothing that others would see (`Request.refuseSuspended`).
enum Moderation {
    static let schema = Migration(28, "accounts: locked and suspended", """
        ALTER TABLE account ADD COLUMN is_locked INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE account ADD COLUMN is_suspended INTEGER NOT NULL DEFAULT 0;
        """)

    enum Mark: String, Sendable {
        case locked, suspended
        var update: String { self == .locked ? SQL.setLocked : SQL.setSuspended }
    }

    static func set(_ tx: WriteTx, _ accounts: Accounts, _ user: UserID, _ mark: Mark, _ value: Bool) throws {
        try tx.run(mark.update, value, user)
        tx.afterCommit { accounts.cache.forget(user) }
    }

    enum SQL {
        static let setLocked = "UPDATE account SET is_locked = ? WHERE user_id = ?"
        static let setSuspended = "UPDATE account SET is_suspended = ? WHERE user_id = ?"
        static let all = [setLocked, setSuspended]
    }
}

extension MatrixError {
    static func userLocked() -> MatrixError { .init(401, "M_USER_LOCKED", "This account has been locked.", extra: ["soft_logout": true]) }
}

extension Request {
    /// What a locked user may still do.
    var isLogout: Bool { method == .post && (path.hasSuffix("/logout") || path.hasSuffix("/logout/all")) }
}

extension Accounts {
    var moderationRoutes: [Route] {
        let path = "/_matrix/client/v1/admin/"
        return [
            Route(.get, path + "lock/{userId}", auth: .admin) { request, c in try await self.mark(request, c, .locked) },
            Route(.put, path + "lock/{userId}", auth: .admin) { request, c in try await self.setMark(request, c, .locked) },
            Route(.get, path + "suspend/{userId}", auth: .admin) { request, c in try await self.mark(request, c, .suspended) },
            Route(.put, path + "suspend/{userId}", auth: .admin) { request, c in try await self.setMark(request, c, .suspended) },
        ]
    }

    private func localUser(_ request: Request, _ c: Context) throws(MatrixError) -> UserID {
        let user: UserID = try request.id("userId")
        guard user.server == c.serverName else { throw .invalidParam("The user is not of this server.") }
        return user
    }

    private func mark(_ request: Request, _ c: Context, _ mark: Moderation.Mark) async throws -> Response {
        let user = try localUser(request, c)
        guard let account = try await c.db.read({ tx in try AccountStore.account(tx, user) }), !account.isDeactivated else { throw MatrixError.notFound("There is no such user.") }
        return .json([mark.rawValue: .bool(mark == .locked ? account.isLocked : account.isSuspended)])
    }

    private func setMark(_ request: Request, _ c: Context, _ mark: Moderation.Mark) async throws -> Response {
        let user = try localUser(request, c)
        guard let value = try request.json().bool(mark.rawValue) else { throw MatrixError.missingParam("'\(mark.rawValue)' is required.") }
        guard user != request.user.userID || !value else { throw MatrixError.forbidden("Administrators cannot lock or suspend themselves.") }
        try await c.db.write { tx in
            guard let account = try AccountStore.account(tx, user), !account.isDeactivated else { throw MatrixError.notFound("There is no such user.") }
            try Moderation.set(tx, self, user, mark, value)
        }
        return .json([mark.rawValue: .bool(value)])
    }
}
