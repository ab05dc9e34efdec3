import MatrixCore
import Testing
@testable import Desk

@Suite struct IdentityTests {
    static let secret = "a-secret-of-the-shop", now: Int64 = 1_700_000_000_000

    static func token(_ claims: JSONObject, header: JSONObject = ["alg": "HS256", "typ": "JWT"], secret: String = secret) -> String {
        let head = Base64.encodeURLSafe(JSON.object(header).encoded()), body = Base64.encodeURLSafe(JSON.object(claims).encoded())
        return head + "." + body + "." + Base64.encodeURLSafe(HMAC.sha256(key: Array(secret.utf8), Array((head + "." + body).utf8)))
    }
    static let good: JSONObject = ["sub": "42", "exp": 1_700_000_600, "name": "Julie Martin", "email": "julie@example.org"]
    static func with(_ changes: [String: JSON?]) -> JSONObject {
        var claims = good
        for (key, value) in changes { claims[key] = value }
        return claims
    }

    @Test func aSignedTokenIsBelieved() throws {
        let proved = try Identity.jwt(Self.token(Self.good), secret: Self.secret, now: Self.now)
        #expect(proved == Identity.Proved(externalID: "42", name: "Julie Martin", email: "julie@example.org", emailProved: true))
    }
    /// RFC 7515, appendix A.1: a token of another implementation, with its key.
    @Test func theExampleOfTheStandardVerifies() throws {
        let key = Base64.decodeURLSafe("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")!
        let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        #expect(Base64.encodeURLSafe(HMAC.sha256(key: key, Array(signed.utf8))) == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    }
    @Test(arguments: [
        ("wrong secret", token(good, secret: "other"), Identity.Refusal.wrongSignature),
        ("alg none", token(good, header: ["alg": "none"]), .wrongAlgorithm),
        ("alg RS256", token(good, header: ["alg": "RS256"]), .wrongAlgorithm),
        ("expired", token(with(["exp": 1_699_999_000])), .expired),
        ("no expiry", token(with(["exp": nil])), .noExpiry),
        ("expiry as text", token(with(["exp": "tomorrow"])), .noExpiry),
        ("not yet", token(with(["nbf": 1_700_000_300])), .notYetValid),
        ("nbf as text", token(with(["nbf": "now"])), .malformed),
        ("no subject", token(with(["sub": nil])), .noSubject),
        ("empty subject", token(with(["sub": ""])), .noSubject),
        ("two parts", "a.b", .malformed), ("empty", "", .malformed), ("no signature", token(good).split(separator: ".").prefix(2).joined(separator: ".") + ".", .malformed),
        ("no base64", "a.b.c!", .malformed), ("huge", String(repeating: "a", count: 9000), .malformed),
    ] as [(String, String, Identity.Refusal)]) func aBadTokenIsRefused(name: String, token: String, refusal: Identity.Refusal) {
        #expect(throws: refusal) { try Identity.jwt(token, secret: Self.secret, now: Self.now) }
    }
    @Test func clocksMayDifferByAMinute() throws {
        _ = try Identity.jwt(Self.token(Self.with(["exp": 1_699_999_950])), secret: Self.secret, now: Self.now)
        _ = try Identity.jwt(Self.token(Self.with(["nbf": 1_700_000_050])), secret: Self.secret, now: Self.now)
    }
    @Test func aNumberAsSubjectAndANonsenseEmail() throws {
        let proved = try Identity.jwt(Self.token(Self.with(["sub": 7, "email": "none"])), secret: Self.secret, now: Self.now)
        #expect(proved.externalID == "7")
        #expect(proved.email == nil && !proved.emailProved)
    }
    @Test func everyChangedByteOfATokenIsRefused() {
        let token = Array(Self.token(Self.good).utf8)
        for index in token.indices where token[index] != UInt8(ascii: ".") {
            var changed = token
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let text = String(decoding: changed, as: UTF8.self)
            // The last character of a base64 part holds unused bits: changing only those is the same signature.
            if Base64.decodeURLSafe(String(text.split(separator: ".").last ?? "")) == Base64.decodeURLSafe(String(decoding: token, as: UTF8.self).split(separator: ".").last.map(String.init) ?? ""),
               text.split(separator: ".").dropLast().elementsEqual(String(decoding: token, as: UTF8.self).split(separator: ".").dropLast()) { continue }
            #expect(throws: Identity.Refusal.self) { try Identity.jwt(text, secret: Self.secret, now: Self.now) }
        }
    }
    @Test func hmacOfAUserID() throws {
        let hash = Hex.encode(HMAC.sha256(key: Array(Self.secret.utf8), Array("42".utf8)))
        try Identity.hmac(userID: "42", hash: hash, secret: Self.secret)
        try Identity.hmac(userID: "42", hash: hash.uppercased(), secret: Self.secret)
        #expect(throws: Identity.Refusal.wrongSignature) { try Identity.hmac(userID: "43", hash: hash, secret: Self.secret) }
        #expect(throws: Identity.Refusal.malformed) { try Identity.hmac(userID: "42", hash: "", secret: Self.secret) }
        #expect(throws: Identity.Refusal.malformed) { try Identity.hmac(userID: "42", hash: String(hash.dropLast(2)), secret: Self.secret) }
    }
}
