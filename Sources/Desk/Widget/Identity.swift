import MatrixCore

/// Who the shop says its visitor is. Pure: the secret, the time and the claim are arguments.
///
/// Two ways, both keyed with the inbox's secret: an HMAC-SHA256 of the shop's user id, or a JSON Web Token (RFC 7519) signed HS256.
/// Only what is signed counts as proved: with the HMAC the user id, with the token its claims. Comparisons take constant time, `alg` is
/// never believed (only HS256 is accepted), and a token must expire.
package enum Identity {
    package struct Proved: Sendable, Hashable {
        package var externalID: String
        package var name: String?
        package var email: String?
        /// The e-mail is part of what was signed.
        package var emailProved: Bool
    }
    package enum Refusal: Error, Hashable { case malformed, wrongSignature, wrongAlgorithm, expired, notYetValid, noExpiry, noSubject }

    /// Clocks of two machines may differ by so much.
    package static let leeway: Int64 = 60_000

    package static func hmac(userID: String, hash: String, secret: String) throws(Refusal) {
        guard let given = Hex.decode(hash), given.count == 32 else { throw .malformed }
        let right = HMAC.sha256(key: Array(secret.utf8), Array(userID.utf8))
        guard constantTimeEqual(given, right) else { throw .wrongSignature }
    }

    package static func jwt(_ token: String, secret: String, now: Int64) throws(Refusal) -> Proved {
        guard token.utf8.count <= 8192 else { throw .malformed }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts.contains(where: \.isEmpty), let header = object(parts[0]), let signature = Base64.decodeURLSafe(String(parts[2])) else { throw .malformed }
        guard header["alg"]?.stringValue == "HS256" else { throw .wrongAlgorithm }
        let right = HMAC.sha256(key: Array(secret.utf8), Array((parts[0] + "." + parts[1]).utf8))
        guard constantTimeEqual(signature, right) else { throw .wrongSignature }
        // Only now is it worth reading.
        guard let claims = object(parts[1]) else { throw .malformed }
        guard let expiry = time(claims["exp"]) else { throw .noExpiry }
        guard now < expiry + leeway else { throw .expired }
        if claims["nbf"] != nil {
            guard let start = time(claims["nbf"]) else { throw .malformed }
            guard now >= start - leeway else { throw .notYetValid }
        }
        let subject = claims["sub"]?.stringValue ?? claims["sub"]?.intValue.map(String.init)
        guard let subject, !subject.isEmpty, subject.utf8.count <= 255 else { throw .noSubject }
        let email = claims["email"]?.stringValue.flatMap { Fields.isEmail($0) ? $0 : nil }
        return Proved(externalID: subject, name: claims["name"]?.stringValue.map { String($0.prefix(80)) }, email: email, emailProved: email != nil)
    }

    private static func object(_ part: Substring) -> JSONObject? {
        guard let bytes = Base64.decodeURLSafe(String(part)) else { return nil }
        return (try? JSON.parse(bytes))?.objectValue
    }
    /// NumericDate: seconds, maybe with a fraction, to milliseconds.
    private static func time(_ claim: JSON?) -> Int64? {
        if let whole = claim?.intValue { return whole > 0 && whole < 1 << 40 ? whole * 1000 : nil }
        if let real = claim?.doubleValue, real > 0, real < 1e12 { return Int64(real * 1000) }
        return nil
    }
}
