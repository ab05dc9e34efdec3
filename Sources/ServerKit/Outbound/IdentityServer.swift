package import MatrixCore

/// What is asked of an identity server that a client has named. https://spec.matrix.org/latest/identity-service-api/
package struct IdentityServer: Sendable {
    package let name: String
    /// The token by which the user is known there.
    package let token: String?

    /// Throws M_INVALID_PARAM for what is no host name.
    package init(_ name: String, token: String?) throws(MatrixError) {
        guard ServerName(rawValue: name) != nil, name.utf8.count <= 230 else { throw .invalidParam("'id_server' must be a host name, with a port if need be.") }
        if let token, !token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) { throw .invalidParam("'id_access_token' is not valid.") }
        self.name = name; self.token = token
    }

    /// From a request body: both fields, as the specification wants them.
    package init(_ body: JSONObject) throws(MatrixError) {
        let name = try body.required(string: "id_server", max: 255)
        try self.init(name, token: try body.required(string: "id_access_token", max: 4096))
    }

    package enum Failure: Error, Sendable {
        case unreachable(String)
        /// What it said; the error code when it gave one.
        case answered(Int, errcode: String?, message: String?)

        /// What the client is told.
        package var wire: MatrixError {
            switch self {
            case .unreachable: MatrixError(502, "M_UNKNOWN", "The identity server cannot be reached.")
            case .answered(let status, let errcode, let message):
                // A 401 of its own would make the client believe that its session here has ended.
                MatrixError((400..<500).contains(status) && status != 401 ? status : status == 401 ? 403 : 502, errcode ?? "M_UNKNOWN",
                            message ?? "The identity server refused the request.")
            }
        }
    }

    /// One call; the answer's body.
    @discardableResult
    package func call(_ c: Context, _ method: Method, _ path: String, _ body: JSONObject? = nil, authorization: String? = nil) async throws(Failure) -> JSONObject {
        var headers: [(name: String, value: String)] = [(name: "Accept", value: "application/json")]
        if body != nil { headers.append((name: "Content-Type", value: "application/json")) }
        if let value = authorization ?? token.map({ "Bearer " + $0 }) { headers.append((name: "Authorization", value: value)) }
        let answer: OutboundResponse
        do {
            answer = try await c.outbound.send(OutboundRequest(method.rawValue, "https://" + name + path, headers: headers, body: body.map { JSON.object($0).encoded() } ?? [],
                                                               timeout: 20_000, maxBytes: 1 << 18))
        } catch { throw .unreachable("\(error)") }
        let json: JSONObject
        do { json = try JSONObject.parse(answer.body) } catch {
            if (200..<300).contains(answer.status) { throw .unreachable("the answer is not JSON") }
            json = [:]
        }
        guard (200..<300).contains(answer.status) else {
            throw .answered(answer.status, errcode: json["errcode"]?.stringValue, message: json["error"]?.stringValue)
        }
        return json
    }

    /// The Matrix user of an address, or nil. The address is sent hashed.
    package func lookUp(_ c: Context, medium: String, address: String) async throws(Failure) -> UserID? {
        let details = try await call(c, .get, "/_matrix/identity/v2/hash_details")
        guard let pepper = details["lookup_pepper"]?.stringValue else { throw .unreachable("no pepper") }
        let algorithms = details["algorithms"]?.arrayValue?.compactMap(\.stringValue) ?? []
        guard algorithms.contains("sha256") else { throw .unreachable("it offers no hashed look-up") }
        let hash = Base64.encodeURLSafe(SHA256.hash(Array("\(address) \(medium) \(pepper)".utf8)))
        let found = try await call(c, .post, "/_matrix/identity/v2/lookup", ["addresses": [.string(hash)], "algorithm": "sha256", "pepper": .string(pepper)])
        return UserID(found["mappings"]?[hash])
    }

    /// The header by which one server proves itself to another. https://spec.matrix.org/latest/server-server-api/#request-authentication
    package func serverAuthorization(_ c: Context, _ method: Method, _ path: String, _ body: JSONObject) throws -> String {
        let signed = try SignedJSON.sign(["method": .string(method.rawValue), "uri": .string(path), "origin": .string(c.serverName), "destination": .string(name),
                                          "content": .object(body)], with: c.signing)
        let signature = signed["signatures"]?[c.serverName]?[c.signing.keyID]?.stringValue ?? ""
        return "X-Matrix origin=\"\(c.serverName)\",destination=\"\(name)\",key=\"\(c.signing.keyID)\",sig=\"\(signature)\""
    }
}
