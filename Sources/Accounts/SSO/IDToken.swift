import MatrixCore

/// Checks an ID token. Pure. https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
enum IDToken {
    enum Failure: Error, Sendable, Equatable {
        case malformed
        /// Signed by a key that is not in the set: the set may be old.
        case unknownKey
        case algorithm(String)
        case signature
        case claim(String)
    }

    /// Clocks differ; milliseconds.
    static let leeway: Int64 = 60_000

    /// The claims of a token that is genuine and meant for us.
    static func claims(_ token: String, keys: JSON, issuer: String, clientID: String, nonce: String, now: Int64) throws(Failure) -> JSONObject {
        let claims = try verified(token, keys: keys).claims
        _ = try check(claims, issuer: issuer, clientID: clientID, now: now)
        if audience(claims).count > 1 || claims["azp"] != nil, claims["azp"]?.stringValue != clientID { throw .claim("azp") }
        guard claims["nonce"]?.stringValue == nonce else { throw .claim("nonce") }
        guard let subject = claims["sub"]?.stringValue, !subject.isEmpty, subject.utf8.count <= 255 else { throw .claim("sub") }
        return claims
    }

    /// Header and claims of a token that was signed by one of the keys.
    static func verified(_ token: String, keys: JSON) throws(Failure) -> (header: JSONObject, claims: JSONObject) {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let header = object(parts[0]), let claims = object(parts[1]), let signature = Base64.decodeURLSafe(parts[2]) else { throw .malformed }
        try check(Array((parts[0] + "." + parts[1]).utf8), signature, header, keys)
        return (header, claims)
    }

    /// Who made it, for whom, and when. Gives when it ends, ms.
    static func check(_ claims: JSONObject, issuer: String, clientID: String, now: Int64) throws(Failure) -> Int64 {
        guard let stated = claims["iss"]?.stringValue, trimmed(stated) == trimmed(issuer) else { throw .claim("iss") }
        guard audience(claims).contains(clientID) else { throw .claim("aud") }
        guard let expires = seconds(claims["exp"]), expires + leeway > now else { throw .claim("exp") }
        guard let issued = seconds(claims["iat"]), issued - leeway <= now else { throw .claim("iat") }
        if let from = seconds(claims["nbf"]), from - leeway > now { throw .claim("nbf") }
        return expires
    }
    static func audience(_ claims: JSONObject) -> [String] { claims["aud"]?.stringValue.map { [$0] } ?? claims["aud"]?.arrayValue?.compactMap(\.stringValue) ?? [] }

    private static func check(_ message: [UInt8], _ signature: [UInt8], _ header: JSONObject, _ keys: JSON) throws(Failure) {
        let algorithm = header["alg"]?.stringValue ?? "", id = header["kid"]?.stringValue
        let type: String
        switch algorithm {
        case "RS256": type = "RSA"
        case "ES256": type = "EC"
        default: throw .algorithm(algorithm)   // "none" and shared secrets above all
        }
        let candidates = (keys["keys"]?.arrayValue ?? []).filter { key in
            key["kty"]?.stringValue == type && (id == nil || key["kid"] == nil || key["kid"]?.stringValue == id) && [nil, "sig"].contains(key["use"]?.stringValue)
                && [nil, algorithm].contains(key["alg"]?.stringValue)
        }
        guard !candidates.isEmpty else { throw .unknownKey }
        for key in candidates {
            func bytes(_ name: String) -> [UInt8] { key[name]?.stringValue.flatMap { Base64.decodeURLSafe($0) } ?? [] }
            let isGenuine = type == "RSA" ? WebSignature.verifyRS256(signature, of: message, modulus: bytes("n"), exponent: bytes("e"))
                : key["crv"]?.stringValue == "P-256" && WebSignature.verifyES256(signature, of: message, x: bytes("x"), y: bytes("y"))
            if isGenuine { return }
        }
        throw .signature
    }

    private static func object(_ part: String) -> JSONObject? { Base64.decodeURLSafe(part).flatMap { try? JSONObject.parse($0) } }
    static func trimmed(_ issuer: String) -> Substring { issuer.hasSuffix("/") ? issuer.dropLast() : issuer[...] }
    private static func seconds(_ json: JSON?) -> Int64? {
        guard let value = json?.doubleValue, value > 0, value < 1e11 else { return nil }
        return Int64(value * 1000)
    }
}
