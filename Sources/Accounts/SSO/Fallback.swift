import MatrixCore
import ServerKit
import Store

/// Pages for stages that a client cannot show by itself. https://spec.matrix.org/latest/client-server-api/#fallback
extension Accounts {
    var fallbackRoutes: [Route] {
        let path = "/_matrix/client/v3/auth/{authType}/fallback/web"
        return [
            Route(.get, path, auth: .none, limit: .login, fallback),
            Route(.post, path, auth: .none, limit: .login, body: .collected(max: 8192), agree),
        ]
    }

    private func session(_ c: Context, _ id: String?) async throws -> UIASession {
        guard let id else { throw MatrixError.missingParam("'session' is required.") }
        guard let session = try await UIAStore.session(c, id) else { throw MatrixError.badRequest("This authentication session is not known.") }
        return session
    }

    private func fallback(_ req: Request, _ c: Context) async throws -> Response {
        let session = try await session(c, req.query["session"]), isFrench = req.language == "fr"
        switch try req.param("authType") {
        case Stage.sso:
            guard let user = session.user else { throw MatrixError.forbidden("This stage is for those who have an account.") }
            let ids = try await c.db.read { tx in try SSOStore.providers(tx, of: user) }
            guard let provider = ids.lazy.compactMap({ self.sso.provider($0, c) }).first else { throw MatrixError.forbidden("This account does not sign in that way.") }
            let start = try await start(req, c, provider, .stage(session: session.id))
            return Page(isFrench ? "Confirmez que c’est vous" : "Confirm that it is you", language: req.language, [
                .text(isFrench ? "Une application connectée à votre compte \(user) veut y faire un changement important. Si ce n’est pas vous, fermez cette page."
                    : "An app that is signed in to your account \(user) wants to make an important change. If it was not you, close this page."),
                .link(isFrench ? "Continuer avec \(provider.name)" : "Continue with \(provider.name)", href: start.address),
            ]).response(cookies: start.cookies)
        case Stage.terms:
            guard let url = c.config.termsURL else { throw MatrixError.notFound("This server has no terms.") }
            return Page(isFrench ? "Conditions d’utilisation" : "Terms of service", language: req.language, [
                .link(isFrench ? "Lire les conditions" : "Read the terms", href: url),
                .form(isFrench ? "J’accepte" : "I agree", action: "/_matrix/client/v3/auth/m.login.terms/fallback/web", fields: [(name: "session", value: session.id)]),
            ]).response()
        default: throw MatrixError.notFound("This stage has no page.")
        }
    }

    private func agree(_ req: Request, _ c: Context) async throws -> Response {
        guard try req.param("authType") == Stage.terms else { throw MatrixError.notFound("This stage has no page.") }
        var session = try await session(c, try req.form()["session"])
        if !session.completed.contains(Stage.terms) {
            session.completed.append(Stage.terms)
            let saved = session
            try await c.db.write { tx in try UIAStore.update(tx, saved) }
        }
        return Self.stageDone(req)
    }
}
