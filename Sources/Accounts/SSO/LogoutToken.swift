import MatrixCore

/// Checks a logout token. Pure. https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation
enum LogoutToken {
    /// Whose sessions end: those of one sign-in at the provider (`sid`), or all of the person there (`subject`); where both are named, both must be right.
    struct Order: Sendable, Hashable {
        var subject: String?
        var sid: String?
        /// The token's own name, by which it is known when it comes again.
        var id: String
        /// ms.
        var expires: Int64
    }

    static let event = "http://schemas.openid.net/event/backchannel-logout"
    private static let maxBytes = 255

    /// What a token that is genuine and meant for us orders.
    static func order(_ token: String, keys: JSON, issuer: String, clientID: String, now: Int64) throws(IDToken.Failure) -> Order {
        let (header, claims) = try IDToken.verified(token, keys: keys)
        // A token that was made for another purpose says so; providers from before the final text say nothing, or "JWT".
        if let type = header["typ"], !["logout+jwt", "application/logout+jwt", "jwt"].contains(type.stringValue?.lowercased() ?? "") { throw .claim("typ") }
        let expires = try IDToken.check(claims, issuer: issuer, clientID: clientID, now: now)
        guard let id = name(claims["jti"]) else { throw .claim("jti") }
        guard claims["events"]?[event]?.objectValue != nil else { throw .claim("events") }
        // An ID token is never taken for a logout token, nor the other way round.
        guard claims["nonce"] == nil else { throw .claim("nonce") }
        for key in ["sub", "sid"] where claims[key] != nil && name(claims[key]) == nil { throw .claim(key) }
        let order = Order(subject: name(claims["sub"]), sid: name(claims["sid"]), id: id, expires: expires)
        guard order.subject != nil || order.sid != nil else { throw .claim("sub") }
        return order
    }

    /// What a token says of itself, unverified: good only for choosing whose keys it is checked with.
    static func names(_ token: String) -> (issuer: String, audience: [String])? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let claims = Base64.decodeURLSafe(String(parts[1])).flatMap({ try? JSONObject.parse($0) }), let issuer = claims["iss"]?.stringValue else { return nil }
        return (issuer, IDToken.audience(claims))
    }

    /// A name that a provider gives: of a person, a session or a token. nil for what is none.
    static func name(_ json: JSON?) -> String? {
        guard let text = json?.stringValue, !text.isEmpty, text.utf8.count <= maxBytes, !text.utf8.contains(0) else { return nil }
        return text
    }
}
