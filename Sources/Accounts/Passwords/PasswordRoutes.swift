import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#password-management
///
/// A new password is proved by the old one, or by the e-mail address of the account: the latter for those who cannot sign in as well.
extension Accounts {
    var passwordRoutes: [Route] {
        [Route(.post, "/_matrix/client/v3/account/password", auth: .optional, limit: .login, changePassword)]
    }

    private func changePassword(_ req: Request, _ c: Context) async throws -> Response {
        let body = try req.json()
        _ = try body.bool("logout_devices")
        let asker = req.session
        if asker?.isGuest == true { throw MatrixError.guestForbidden() }
        let proof = try await authenticate(c, body, operation: Self.passwordOperation, user: asker?.userID, flows: try await passwordFlows(c, asker?.userID))
        let user = try await proved(c, asker, proof)
        let password = try proof.params.required(string: "new_password", max: PasswordRules.maxBytes)
        try PasswordRules.check(password, c.config)
        let hash = try await hasher.hash(c, password), logoutDevices = try proof.params.bool("logout_devices") ?? true
        let sid = try body.object("auth")?.object("threepid_creds")?.string("sid")
        try await c.db.write { tx in
            guard let account = try AccountStore.account(tx, user), !account.isDeactivated else { throw MatrixError.userDeactivated() }
            try AccountStore.setPassword(tx, user, hash: hash)
            if logoutDevices { try Devices.deleteAll(c, tx, self, user: user, except: asker?.deviceID) }
            // The proof has served.
            if let id = proof.session?.id { try UIAStore.delete(tx, id) }
            if let sid, proof.address != nil { try ThirdPartyStore.deleteSession(tx, sid: sid) }
        }
        return .empty
    }

    private func passwordFlows(_ c: Context, _ user: UserID?) async throws -> [[String]] {
        let byMail: [[String]] = c.config.smtpURL == nil ? [] : [[Stage.email]]
        guard let user else {
            guard !byMail.isEmpty else { throw MatrixError.missingToken() }
            return byMail
        }
        let (hasPassword, hasAddress) = try await c.db.read { tx in
            (try AccountStore.account(tx, user)?.passwordHash != nil, try !ThirdPartyStore.contacts(tx, of: user).isEmpty)
        }
        let flows = (hasPassword ? [["m.login.password"]] : []) + (hasAddress ? byMail : [])
        guard !flows.isEmpty else { throw MatrixError.forbidden("This account has no password.") }
        return flows
    }

    /// Whose password it is. An address proves its own account only.
    private func proved(_ c: Context, _ asker: Session?, _ proof: UIAProof) async throws -> UserID {
        guard let address = proof.address else {
            guard let asker else { throw MatrixError.forbidden() }
            return asker.userID
        }
        guard let owner = try await c.db.read({ tx in try ThirdPartyStore.user(tx, address) }) else { throw MatrixError.thirdPartyNotFound() }
        guard asker == nil || asker?.userID == owner else { throw MatrixError.forbidden("The address belongs to another account.") }
        return owner
    }
}
