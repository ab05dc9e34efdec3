import Logging
import MatrixCore
import ServerKit
import Store
import Synchronization

/// Single sign-on by OpenID Connect: authorization code with PKCE. https://openid.net/specs/openid-connect-core-1_0.html
///
/// Invariants: an answer is taken only by the browser that began (cookie and state) and once; the ID token is checked as the specification says,
/// also where it came straight from the provider.
extension Accounts {
    static let oidcPath = "/_comptoir/oidc/callback"

    var oidcRoutes: [Route] { [Route(.get, Self.oidcPath, auth: .none, limit: .login, callback)] }

    func startOIDC(_ req: Request, _ c: Context, _ provider: OIDCProvider, _ goal: SSOGoal) async throws -> Start {
        let endpoint = try await sso.documents.discovery(c, provider).endpoint("authorization_endpoint")
        let state = c.entropy.token(40), attempt = SSOAttempt(provider: provider.id, nonce: c.entropy.token(32), verifier: c.entropy.token(64), goal: goal), now = c.clock.now
        try await c.db.write { tx in try SSOStore.begin(tx, state: TokenHash(state), attempt, now: now) }
        let parameters = [
            ("response_type", "code"), ("client_id", provider.clientID), ("redirect_uri", req.publicURL(c) + Self.oidcPath), ("scope", provider.scopes.joined(separator: " ")),
            ("state", state), ("nonce", attempt.nonce), ("code_challenge_method", "S256"),
            ("code_challenge", Base64.encodeURLSafe(SHA256.hash(Array(attempt.verifier.utf8)))),
        ].map { "\($0)=\(Percent.encode($1))" }.joined(separator: "&")
        let isSecure = req.publicURL(c).hasPrefix("https://") ? "; Secure" : ""
        let cookie = "\(Self.cookieName(state))=\(state); Path=\(Self.oidcPath); Max-Age=\(SSORules.lifetime / 1000); HttpOnly; SameSite=Lax\(isSecure)"
        return Start(address: endpoint + (endpoint.contains("?") ? "&" : "?") + parameters, cookies: [cookie])
    }

    /// A name for each attempt: two tabs may sign in side by side.
    private static func cookieName(_ state: String) -> String { "comptoir_sso_" + state.prefix(8) }

    private func callback(_ req: Request, _ c: Context) async throws -> Response {
        guard let state = req.query["state"], state.utf8.count == 40, let cookie = req.cookie(Self.cookieName(state)), constantTimeEqual(Array(cookie.utf8), Array(state.utf8)) else {
            return Self.failed(req, 400, en: "This sign-in was not begun in this browser, or has expired.", fr: "Cette connexion n’a pas commencé dans ce navigateur, ou a expiré.")
        }
        let since = c.clock.now - SSORules.lifetime
        guard let attempt = try await c.db.write({ tx in try SSOStore.take(tx, state: TokenHash(state), since: since) }), case .oidc(let provider) = sso.provider(attempt.provider, c) else {
            return Self.failed(req, 400, en: "This sign-in was not begun in this browser, or has expired.", fr: "Cette connexion n’a pas commencé dans ce navigateur, ou a expiré.")
        }
        if let error = req.query["error"] {
            let why = req.query["error_description"] ?? error
            return Self.failed(req, 401, en: "\(provider.name) refused the sign-in: \(why)", fr: "\(provider.name) a refusé la connexion : \(why)")
        }
        guard let code = req.query["code"] else { throw MatrixError.missingParam("'code' is required.") }
        do {
            let claims = try await exchange(req, c, provider, attempt, code)
            guard let subject = claims["sub"]?.stringValue else { throw OIDCFailure("no sub") }
            let vouched = Vouched(provider: provider.id, subject: subject, localpart: Self.localpart(claims, provider), displayName: Self.name(claims, provider),
                                  takesExisting: provider.takesExisting, origin: SSOOrigin(provider: provider.id, subject: subject, sid: LogoutToken.name(claims["sid"])))
            return try await finish(req, c, vouched, attempt.goal)
        } catch let error as OIDCFailure {
            c.log.warning("single sign-on failed", metadata: ["sso.provider": "\(provider.id)", "error": "\(error.reason)"])
            return Self.failed(req, 502, en: "\(provider.name) gave an answer that cannot be used.", fr: "\(provider.name) a donné une réponse inutilisable.")
        }
    }

    private static func failed(_ req: Request, _ status: Int, en: String, fr: String) -> Response {
        Page(req.language == "fr" ? "Connexion impossible" : "You cannot sign in", language: req.language, [.text(req.language == "fr" ? fr : en)]).response(status)
    }

    private static func localpart(_ claims: JSONObject, _ provider: OIDCProvider) -> String {
        for claim in provider.localpartClaims {
            guard let text = claims[claim]?.stringValue, !text.isEmpty else { continue }
            let name = claim == "email" ? text.prefix { $0 != "@" } : text[...]
            if !name.isEmpty { return SSORules.localpart(String(name)) }
        }
        return ""
    }

    private static func name(_ claims: JSONObject, _ provider: OIDCProvider) -> String? {
        guard let name = claims[provider.nameClaim]?.stringValue, !name.isEmpty, name.utf8.count <= ProfileRules.maxNameBytes else { return nil }
        return name
    }

    /// The claims that the provider makes of the person.
    private func exchange(_ req: Request, _ c: Context, _ provider: OIDCProvider, _ attempt: SSOAttempt, _ code: String) async throws -> JSONObject {
        let document = try await sso.documents.discovery(c, provider)
        var form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", req.publicURL(c) + Self.oidcPath), ("code_verifier", attempt.verifier)]
        var headers = [(name: "Content-Type", value: "application/x-www-form-urlencoded"), (name: "Accept", value: "application/json")]
        if let secret = provider.clientSecret, document.takesBasic {
            let pair = Percent.encode(provider.clientID) + ":" + Percent.encode(secret)
            headers.append((name: "Authorization", value: "Basic " + Base64.encodePadded(Array(pair.utf8))))
        } else {
            form.append(("client_id", provider.clientID))
            if let secret = provider.clientSecret { form.append(("client_secret", secret)) }
        }
        let body = form.map { "\($0)=\(Percent.encode($1))" }.joined(separator: "&")
        let tokens = try await sso.documents.fetch(c, OutboundRequest("POST", try document.endpoint("token_endpoint"), headers: headers, body: Array(body.utf8), timeout: 20_000, isTrusted: true))
        guard let token = tokens["id_token"]?.stringValue else { throw OIDCFailure("no id_token") }
        var claims = try await verified(c, provider, document, token, attempt)
        if !provider.localpartClaims.dropLast().contains(where: { claims[$0] != nil }) || claims[provider.nameClaim] == nil,
           let access = tokens["access_token"]?.stringValue, let endpoint = document.json["userinfo_endpoint"]?.stringValue {
            let more = try await sso.documents.fetch(c, OutboundRequest("GET", endpoint, headers: [(name: "Authorization", value: "Bearer " + access)], timeout: 20_000, isTrusted: true))
            guard more["sub"] == claims["sub"] else { throw OIDCFailure("userinfo is of another person") }
            claims = more.merging(claims)
        }
        return claims
    }

    private func verified(_ c: Context, _ provider: OIDCProvider, _ document: OIDCDocuments.Discovery, _ token: String, _ attempt: SSOAttempt) async throws -> JSONObject {
        do {
            return try await sso.documents.checked(c, provider, document) { keys throws(IDToken.Failure) in
                try IDToken.claims(token, keys: keys, issuer: provider.issuer, clientID: provider.clientID, nonce: attempt.nonce, now: c.clock.now)
            }
        } catch let error as IDToken.Failure { throw OIDCFailure("the ID token is refused: \(error)") }
    }
}

struct OIDCFailure: Error, Sendable {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

/// What providers publish of themselves, kept for an hour.
final class OIDCDocuments: Sendable {
    struct Discovery: Sendable {
        var json: JSONObject
        func endpoint(_ name: String) throws -> String {
            guard let url = json[name]?.stringValue, url.hasPrefix("https://") || url.hasPrefix("http://") else { throw OIDCFailure("no \(name)") }
            return url
        }
        /// How the client proves itself. https://openid.net/specs/openid-connect-discovery-1_0.html: basic when nothing is said.
        var takesBasic: Bool { json["token_endpoint_auth_methods_supported"]?.arrayValue.map { $0.contains("client_secret_basic") } ?? true }
    }
    private struct Kept: Sendable { var json: JSONObject; var until: Int64 }
    private static let lifetime: Int64 = 3_600_000
    /// Whoever sends tokens with made-up keys makes us ask the provider no more often than this.
    private static let pause: Int64 = 10_000
    private let kept = Mutex<[String: Kept]>([:])

    func discovery(_ c: Context, _ provider: OIDCProvider) async throws -> Discovery {
        do {
            let json = try await document(c, provider.issuer + "/.well-known/openid-configuration", fresh: false)
            guard let issuer = json["issuer"]?.stringValue, issuer == provider.issuer || issuer == provider.issuer + "/" else { throw OIDCFailure("the issuer is another one") }
            return Discovery(json: json)
        } catch let error as OIDCFailure {
            c.log.warning("an identity provider does not answer", metadata: ["sso.provider": "\(provider.id)", "error": "\(error.reason)"])
            throw MatrixError(502, "M_UNKNOWN", "The identity provider cannot be reached.")
        }
    }

    func keys(_ c: Context, _ provider: OIDCProvider, _ discovery: Discovery, fresh: Bool) async throws -> JSON {
        .object(try await document(c, try discovery.endpoint("jwks_uri"), fresh: fresh))
    }

    /// What `check` makes of the provider's keys; once more with new ones where a token names a key that is not known.
    func checked<Result>(_ c: Context, _ provider: OIDCProvider, _ discovery: Discovery, _ check: (JSON) throws(IDToken.Failure) -> Result) async throws -> Result {
        do { return try check(try await keys(c, provider, discovery, fresh: false)) } catch IDToken.Failure.unknownKey {
            return try check(try await keys(c, provider, discovery, fresh: true))
        }
    }

    private func document(_ c: Context, _ url: String, fresh: Bool) async throws -> JSONObject {
        let now = c.clock.now
        if let kept = kept.withLock({ $0[url] }), kept.until > now, !fresh || kept.until - Self.lifetime + Self.pause > now { return kept.json }
        let json = try await fetch(c, OutboundRequest("GET", url, headers: [(name: "Accept", value: "application/json")], timeout: 15_000, isTrusted: true))
        kept.withLock { $0[url] = Kept(json: json, until: now + Self.lifetime) }
        return json
    }

    func fetch(_ c: Context, _ request: OutboundRequest) async throws -> JSONObject {
        let answer: OutboundResponse
        do { answer = try await c.outbound.send(request) } catch let error as OutboundError { throw OIDCFailure("\(error)") }
        guard answer.status == 200 else { throw OIDCFailure("\(request.method) answered \(answer.status)") }
        do { return try JSONObject.parse(answer.body) } catch { throw OIDCFailure("the answer is not JSON") }
    }
}
