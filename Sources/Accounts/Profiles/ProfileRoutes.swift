import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#profiles
extension Accounts {
    var profileRoutes: [Route] {
        [
            Route(.get, "/_matrix/client/v3/profile/{userId}", auth: .none, profile),
            Route(.get, "/_matrix/client/v3/profile/{userId}/{keyName}", auth: .none, profileField),
            Route(.put, "/_matrix/client/v3/profile/{userId}/{keyName}", auth: .guest, body: .collected(max: 2 * ProfileRules.maxProfileBytes), setProfileField),
            Route(.delete, "/_matrix/client/v3/profile/{userId}/{keyName}", auth: .guest, deleteProfileField),
        ]
    }

    private func full(_ c: Context, _ user: UserID) async throws -> FullProfile {
        if let profile = try await c.db.read({ tx in try ProfileStore.full(tx, user) }) { return profile }
        // A user of an application service may have to be made first.
        guard try await c.ports.bridges.find(c, .user(user)), let profile = try await c.db.read({ tx in try ProfileStore.full(tx, user) }) else {
            throw MatrixError.notFound("There is no such user.")
        }
        return profile
    }

    private func profile(_ req: Request, _ c: Context) async throws -> Response {
        .json(.object(try await full(c, try req.id("userId")).json))
    }

    private func profileField(_ req: Request, _ c: Context) async throws -> Response {
        let user: UserID = try req.id("userId"), key = try req.param("keyName")
        try ProfileRules.check(key: key)
        guard let value = try await full(c, user)[key] else {
            // Every profile has these two, if only empty: clients ask for them without expecting an error.
            if key == "displayname" || key == "avatar_url" { return .empty }
            throw MatrixError.notFound("The profile has no such field.") }
        return .json(.object([key: value]))
    }

    private func setProfileField(_ req: Request, _ c: Context) async throws -> Response {
        let (user, key) = try editable(req)
        guard let given = try req.json()[key] else { throw MatrixError.missingParam("'\(key)' is required.") }
        let value = try ProfileRules.value(key, given)
        try await c.db.write { tx in try Profiles.set(c, tx, user: user, key: key, value) }
        return .empty
    }

    private func deleteProfileField(_ req: Request, _ c: Context) async throws -> Response {
        let (user, key) = try editable(req)
        try await c.db.write { tx in try Profiles.set(c, tx, user: user, key: key, nil) }
        return .empty
    }

    /// Administrators may edit the profiles of others; guests have a name and nothing else.
    /// https://spec.matrix.org/latest/client-server-api/#guest-access
    private func editable(_ req: Request) throws(MatrixError) -> (UserID, String) {
        try req.refuseSuspended()
        let user: UserID = try req.id("userId"), key = try req.param("keyName")
        guard user == req.user.userID || req.user.isAdmin else { throw .forbidden("You can change only your own profile.") }
        guard !req.user.isGuest || key == "displayname" else { throw .guestForbidden() }
        try ProfileRules.check(key: key)
        return (user, key)
    }
}
