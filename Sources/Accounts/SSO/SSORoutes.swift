import MatrixCore
import ServerKit
import Store

/// Sign-in at a provider, by the browser. Spec: https://spec.matrix.org/latest/client-server-api/#sso-client-loginauthentication
///
/// Invariants: a login token goes to an address only after the person has seen where, unless the operator has listed that client; an account is
/// known by the provider's own, unchanging id of the person; a stage of a user-interactive authentication is passed only by the account that asks.
extension Accounts {
    var ssoRoutes: [Route] {
        let login = "/_matrix/client/v3/login"
        return [
            Route(.get, login + "/sso/redirect", auth: .none, limit: .login) { req, c in try await self.redirect(req, c, to: nil) },
            Route(.get, login + "/sso/redirect/{idpId}", auth: .none, limit: .login) { req, c in try await self.redirect(req, c, to: try req.param("idpId")) },
        ]
    }

    func redirect(_ req: Request, _ c: Context, to id: String?) async throws -> Response {
        let address = try SSORules.redirect(req.query["redirectUrl"]), all = sso.all(c)
        guard !all.isEmpty else { throw MatrixError.notFound("This server has no single sign-on.") }
        if let id {
            guard let provider = sso.provider(id, c) else { throw MatrixError.notFound("This provider is not known.") }
            let start = try await start(req, c, provider, .login(redirect: address))
            return Page.redirect(to: start.address, cookies: start.cookies)
        }
        if all.count == 1 { return try await redirect(req, c, to: all[0].id) }
        let isFrench = req.language == "fr"
        return Page(isFrench ? "Connexion à \(c.serverName)" : "Sign in to \(c.serverName)", language: req.language, all.map { provider in
            .link(provider.name, href: "/_matrix/client/v3/login/sso/redirect/\(provider.id)?redirectUrl=\(Percent.encode(address))")
        }).response()
    }

    struct Start: Sendable {
        var address: String
        var cookies: [String]
    }

    /// Where the browser goes to sign in.
    func start(_ req: Request, _ c: Context, _ provider: SSOProviders.Provider, _ goal: SSOGoal) async throws -> Start {
        switch provider {
        case .cas(let url): Start(address: url + "/login?service=" + Percent.encode(casService(req, c, goal)), cookies: [])
        case .oidc(let provider): try await startOIDC(req, c, provider, goal)
        }
    }

    /// Whom a provider vouches for.
    struct Vouched: Sendable {
        var provider: String
        /// The provider's own id of the person.
        var subject: String
        /// What he would be called here.
        var localpart: String
        var displayName: String?
        var takesExisting: Bool
        /// What the provider calls it when it ends the session; nil where it cannot.
        var origin: SSOOrigin? = nil
    }

    /// The browser is back.
    func finish(_ req: Request, _ c: Context, _ vouched: Vouched, _ goal: SSOGoal) async throws -> Response {
        switch goal {
        case .stage(let session): try await passStage(req, c, vouched, session)
        case .login(let redirect): try await logIn(req, c, vouched, redirect)
        }
    }

    private func logIn(_ req: Request, _ c: Context, _ vouched: Vouched, _ redirect: String) async throws -> Response {
        let token = "cl_" + c.entropy.token(40), expires = c.clock.now + LoginRules.tokenLifetime
        let user: UserID? = try await c.db.write { tx in
            guard let user = try self.account(c, tx, vouched) else { return nil }
            try LoginTokens.insert(tx, TokenHash(token), user, expires: expires, origin: vouched.origin)
            return user
        }
        let isFrench = req.language == "fr"
        guard let user else {
            return Page(isFrench ? "Connexion impossible" : "You cannot sign in", language: req.language,
                        [.text(isFrench ? "Ce compte a été désactivé." : "This account has been deactivated.")]).response(403)
        }
        let address = SSORules.withToken(redirect, token)
        if SSORules.isKnownClient(redirect, c.config, own: req.publicURL(c)) { return Page.redirect(to: address) }
        let place = SSORules.place(redirect)
        return Page(isFrench ? "Continuer vers votre compte" : "Continue to your account", language: req.language, [
            .text(isFrench ? "L’application à l’adresse \(place) demande l’accès à votre compte \(user). Continuez seulement si vous lui faites confiance."
                : "The app at \(place) asks for access to your account \(user). Continue only if you trust it."),
            .link(isFrench ? "Continuer" : "Continue", href: address),
        ]).response()
    }

    /// The account of a person, made at his first sign-in. nil when it has been deactivated.
    private func account(_ c: Context, _ tx: WriteTx, _ vouched: Vouched) throws -> UserID? {
        if let user = try SSOStore.user(tx, provider: vouched.provider, subject: vouched.subject) {
            return try AccountStore.account(tx, user).flatMap { $0.isDeactivated ? nil : user }
        }
        var user: UserID?
        let stem = vouched.localpart.isEmpty ? c.entropy.lowerToken(12) : vouched.localpart
        for number in 1...50 where user == nil {
            let name = number == 1 ? stem : "\(stem)\(number)"
            let candidate = try AccountStore.newUserID(c, localpart: name)
            if let known = try AccountStore.account(tx, candidate) {
                guard number == 1, vouched.takesExisting, known.kind == .person else { continue }
                guard !known.isDeactivated else { return nil }
                user = candidate
            } else {
                user = try AccountStore.create(c, tx, NewAccount(localpart: name, kind: .person, displayName: vouched.displayName ?? stem), passwordHash: nil)
            }
        }
        guard let user else { throw MatrixError.userInUse() }
        try SSOStore.link(tx, provider: vouched.provider, subject: vouched.subject, to: user)
        return user
    }

    private func passStage(_ req: Request, _ c: Context, _ vouched: Vouched, _ id: String) async throws -> Response {
        let isFrench = req.language == "fr"
        guard var session = try await UIAStore.session(c, id), let owner = session.user else {
            return Page(isFrench ? "Demande inconnue" : "Unknown request", language: req.language,
                        [.text(isFrench ? "Cette demande a expiré. Recommencez dans votre application." : "This request has expired. Start again in your app.")]).response(400)
        }
        let user = try await c.db.read { tx in try SSOStore.user(tx, provider: vouched.provider, subject: vouched.subject) }
        let isOwner = user == owner
        if isOwner {
            if !session.completed.contains(Stage.sso) { session.completed.append(Stage.sso) }
        } else {
            session.found["denied"] = true
        }
        let saved = session
        try await c.db.write { tx in try UIAStore.update(tx, saved) }
        guard isOwner else {
            return Page(isFrench ? "Autre compte" : "Another account", language: req.language,
                        [.text(isFrench ? "Vous vous êtes connecté avec un autre compte que celui qui fait la demande." : "You have signed in with another account than the one that asks.")])
                .response()
        }
        return Self.stageDone(req)
    }

    /// https://spec.matrix.org/latest/client-server-api/#fallback: how the client learns of it.
    static func stageDone(_ req: Request) -> Response {
        let isFrench = req.language == "fr"
        let script = "if(window.onAuthDone)window.onAuthDone();else if(window.opener&&window.opener.postMessage)window.opener.postMessage('authDone','*');"
        return Page(isFrench ? "Merci" : "Thank you", language: req.language,
                    [.text(isFrench ? "Vous pouvez fermer cette page et revenir à votre application." : "You can close this page and go back to your app.")], script: script).response()
    }
}
