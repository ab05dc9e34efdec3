import MatrixCore
import ServerKit
import Store

/// Stages of user-interactive authentication that go beyond a password.
/// https://spec.matrix.org/latest/client-server-api/#authentication-types
enum Stage {
    static let email = "m.login.email.identity"
    static let recaptcha = "m.login.recaptcha"
    static let terms = "m.login.terms"
    static let sso = "m.login.sso"

    /// What clients need to know for the stages of these flows.
    static func params(_ c: Context, _ flows: [[String]]) -> JSONObject {
        var params: JSONObject = [:]
        let stages = Set(flows.flatMap(\.self))
        if stages.contains(recaptcha), let key = c.config.recaptchaPublicKey { params[recaptcha] = ["public_key": .string(key)] }
        if stages.contains(terms), let url = c.config.termsURL {
            params[terms] = ["policies": ["terms_of_service": [
                "version": .string(c.config.termsVersion),
                "en": ["name": "Terms of service", "url": .string(url)],
                "fr": ["name": "Conditions d’utilisation", "url": .string(url)],
            ]]]
        }
        return params
    }

    /// A mistake in the settings, found before the server listens.
    struct Misconfigured: Error, CustomStringConvertible { let description: String }

    static func check(_ config: Config) throws(Misconfigured) {
        let needs = config.registrationRequires
        if needs.contains("email"), config.smtpURL == nil { throw Misconfigured(description: "registration_requires names email, but smtp_url is not set.") }
        if needs.contains("recaptcha"), config.recaptchaPublicKey == nil || config.recaptchaPrivateKey == nil {
            throw Misconfigured(description: "registration_requires names recaptcha, but recaptcha_public_key and recaptcha_private_key are not set.")
        }
        if needs.contains("terms"), config.termsURL == nil { throw Misconfigured(description: "registration_requires names terms, but terms_url is not set.") }
    }

    /// The stages of a registration: `base` proves that an account may be made at all (nil for anybody).
    static func registration(_ config: Config, token: Bool) -> [[String]] {
        let needs = config.registrationRequires
        var first: [String] = []
        if needs.contains("recaptcha") { first.append(recaptcha) }
        if needs.contains("terms") { first.append(terms) }
        if token { first.append("m.login.registration_token") }
        let byMail = first + [email]
        if needs.contains("email") { return [byMail] }
        let plain = token ? first : first + ["m.login.dummy"]
        return config.smtpURL == nil ? [plain] : [plain, byMail]
    }
}

extension Accounts {
    static let passwordOperation = "POST /account/password"

    /// The address that was proved for this purpose; 401 when it was not.
    func provedAddress(_ c: Context, _ auth: JSONObject, _ purpose: ValidationPurpose) async throws -> ThirdPartyID {
        guard let proof = try auth.object("threepid_creds") ?? auth.object("threepidCreds") else { throw MatrixError.missingParam("'threepid_creds' is required.") }
        let sid = try proof.required(string: "sid", max: 255), secret = try ThirdPartyRules.clientSecret(proof), since = c.clock.now - ThirdPartyRules.lifetime
        guard let proved = try await c.db.read({ tx in try ThirdPartyStore.proved(tx, sid: sid, secret: secret, purpose, since: since) }) else {
            throw MatrixError(401, "M_UNAUTHORIZED", "The e-mail address has not been confirmed.")
        }
        return proved.id
    }

    func checkRecaptcha(_ c: Context, _ auth: JSONObject) async throws {
        let response = try auth.required(string: "response", max: 16_384)
        guard let key = c.config.recaptchaPrivateKey else { throw MatrixError(401, "M_UNAUTHORIZED", "This server checks no captcha.") }
        let form = "secret=\(Percent.encode(key))&response=\(Percent.encode(response))"
        let answer: OutboundResponse
        do {
            answer = try await c.outbound.send(OutboundRequest("POST", c.config.recaptchaURL, headers: [(name: "Content-Type", value: "application/x-www-form-urlencoded")],
                                                               body: Array(form.utf8), timeout: 15_000, maxBytes: 65_536, isTrusted: true))
        } catch is OutboundError { throw MatrixError(502, "M_UNKNOWN", "The captcha cannot be checked now.") }
        let verdict: JSON
        do { verdict = try JSON.parse(answer.body) } catch { throw MatrixError(502, "M_UNKNOWN", "The captcha cannot be checked now.") }
        guard verdict["success"]?.boolValue == true else { throw MatrixError(401, "M_UNAUTHORIZED", "The captcha was not solved.") }
    }
}
