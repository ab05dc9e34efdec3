package import MatrixCore

/// HTTP methods that a route can have.
package enum Method: String, Sendable, Hashable, CaseIterable {
    case get = "GET", put = "PUT", post = "POST", delete = "DELETE", patch = "PATCH", head = "HEAD", options = "OPTIONS"
}

/// Header fields in order of arrival; names are compared without case.
package struct Headers: Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var fields: [(name: String, value: String)] = []
    package init() {}
    package init(_ fields: [(name: String, value: String)]) { self.fields = fields }
    package init(dictionaryLiteral elements: (String, String)...) { fields = elements.map { (name: $0.0, value: $0.1) } }

    package subscript(_ name: String) -> String? { fields.first { Self.same($0.name, name) }?.value }
    package mutating func set(_ name: String, _ value: String) {
        fields.removeAll { Self.same($0.name, name) }
        fields.append((name: name, value: value))
    }
    package mutating func add(_ name: String, _ value: String) { fields.append((name: name, value: value)) }

    static func same(_ a: String, _ b: String) -> Bool {
        let x = a.utf8, y = b.utf8
        guard x.count == y.count else { return false }
        return zip(x, y).allSatisfy { ($0 | 0x20) == ($1 | 0x20) }
    }
}

/// The decoded query string. A parameter may stand more than once (`server_name=a&server_name=b`).
package struct Query: Sendable {
    package let items: [(name: String, value: String)]
    package init(_ items: [(name: String, value: String)] = []) { self.items = items }
    package subscript(_ name: String) -> String? { items.first { $0.name == name }?.value }
    package func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

    /// A whole number within `range`, `fallback` when absent. Throws M_INVALID_PARAM for anything else.
    package func int(_ name: String, in range: ClosedRange<Int64> = 0...Int64.max, default fallback: Int64) throws(MatrixError) -> Int64 {
        guard let text = self[name] else { return fallback }
        guard let value = Int64(text), range.contains(value) else { throw .invalidParam("'\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound).") }
        return value
    }
    package func bool(_ name: String, default fallback: Bool = false) throws(MatrixError) -> Bool {
        switch self[name] {
        case nil: fallback
        case "true": true
        case "false": false
        default: throw .invalidParam("'\(name)' must be true or false.")
        }
    }

    /// The part of a list that an administrator asks for.
    package struct ListPage: Sendable, Hashable {
        /// How many entries come before it.
        package let from: Int64
        package let limit: Int64
        package let isReversed: Bool
    }
    /// `from`, `limit` and `dir` (f or b), as Synapse's admin API has them. Throws M_INVALID_PARAM.
    package func listPage(direction fallback: String = "f") throws(MatrixError) -> ListPage {
        let direction = self["dir"] ?? fallback
        guard direction == "f" || direction == "b" else { throw .invalidParam("'dir' must be f or b.") }
        return ListPage(from: try int("from", default: 0), limit: try int("limit", in: 0...100_000, default: 100), isReversed: direction == "b")
    }
}

/// Body bytes of a route that reads its body as a stream (uploads). Pulling is back-pressure: nothing more is read from
/// the socket than the route asks for.
package protocol BodyReader: Sendable {
    /// The next piece, nil at the end. Throws `MatrixError.tooLarge` past the route's limit and `.badRequest` when the peer goes away.
    func next() async throws -> [UInt8]?
}

/// One request, as a route sees it. The server has decoded the path, checked the size of the body and who asks.
package struct Request: Sendable {
    package var method: Method
    /// Decoded, without the query.
    package var path: String
    package var query: Query
    package var headers: Headers
    /// The whole body; empty for routes that stream it.
    package var body: [UInt8]
    package var stream: (any BodyReader)?
    /// Address of the peer, or of the client behind a trusted proxy. Used for limits, never logged.
    package var remote: String
    /// `{name}` parts of the route's path, percent-decoded.
    package var params: [String: String] = [:]
    package var session: Session?

    package init(_ method: Method, _ path: String, query: Query = Query(), headers: Headers = Headers(), body: [UInt8] = [],
                 stream: (any BodyReader)? = nil, remote: String = "127.0.0.1", session: Session? = nil) {
        self.method = method; self.path = path; self.query = query; self.headers = headers; self.body = body
        self.stream = stream; self.remote = remote; self.session = session
    }

    /// Who asks. Only for routes whose `auth` is not `.none`/`.optional`: elsewhere it is a programmer's error.
    package var user: Session {
        guard let session else { preconditionFailure("route \(method.rawValue) \(path) reads the session but does not require one") }
        return session
    }

    /// A visitor of the widget writes in the rooms that the desk makes for him, and nowhere else.
    package func refuseVisitors() throws(MatrixError) {
        if session?.kind == .visitor { throw .forbidden("Visitors of the widget cannot do that.") }
    }

    /// A suspended user does nothing that others would see. https://spec.matrix.org/latest/client-server-api/#account-suspension
    package func refuseSuspended() throws(MatrixError) {
        if session?.isSuspended == true { throw .init(403, "M_USER_SUSPENDED", "This account is suspended.") }
    }

    /// The body as a JSON object. M_NOT_JSON when it is no JSON, M_BAD_JSON when it is no object.
    /// An empty body counts as `{}`: real clients send one where every field is optional.
    package func json() throws(MatrixError) -> JSONObject {
        if body.isEmpty { return [:] }
        let value: JSON
        do { value = try JSON.parse(body) } catch { throw .notJSON("The body is not valid JSON: \(error).") }
        guard let object = value.objectValue else { throw .badJSON("The body must be a JSON object.") }
        return object
    }

    package func param(_ name: String) throws(MatrixError) -> String {
        guard let value = params[name], !value.isEmpty else { throw .invalidParam("The path lacks '\(name)'.") }
        return value
    }
    /// A checked identifier from the path: `try req.id("roomId") as RoomID`.
    package func id<ID: MatrixID>(_ name: String) throws(MatrixError) -> ID {
        let raw = try param(name)
        guard let id = ID(rawValue: raw) else { throw .invalidParam("'\(name)' is not a valid identifier.") }
        return id
    }
    /// First language of the product that the Accept-Language header asks for: "fr" or "en".
    package var language: String { headers["Accept-Language"].map(Self.language) ?? "en" }
    package static func language(_ header: String) -> String {
        for part in header.split(separator: ",") {
            let tag = part.drop { $0 == " " }.prefix(2).lowercased()
            if tag == "fr" || tag == "en" { return tag }
        }
        return "en"
    }
}

extension JSONObject {
    /// Typed readers for request bodies: absent gives nil, a wrong type gives M_BAD_JSON with the field's name.
    package func string(_ key: String, max: Int = 65_536) throws(MatrixError) -> String? {
        guard let value = self[key], value != .null else { return nil }
        guard let text = value.stringValue else { throw .badJSON("'\(key)' must be a string.") }
        guard text.utf8.count <= max else { throw .invalidParam("'\(key)' is longer than \(max) bytes.") }
        return text
    }
    package func required(string key: String, max: Int = 65_536) throws(MatrixError) -> String {
        guard let text = try string(key, max: max) else { throw .missingParam("'\(key)' is required.") }
        return text
    }
    package func int(_ key: String) throws(MatrixError) -> Int64? {
        guard let value = self[key], value != .null else { return nil }
        guard let number = value.intValue else { throw .badJSON("'\(key)' must be a whole number.") }
        return number
    }
    package func bool(_ key: String) throws(MatrixError) -> Bool? {
        guard let value = self[key], value != .null else { return nil }
        guard let flag = value.boolValue else { throw .badJSON("'\(key)' must be true or false.") }
        return flag
    }
    package func object(_ key: String) throws(MatrixError) -> JSONObject? {
        guard let value = self[key], value != .null else { return nil }
        guard let object = value.objectValue else { throw .badJSON("'\(key)' must be an object.") }
        return object
    }
    package func array(_ key: String, max: Int = 10_000) throws(MatrixError) -> [JSON]? {
        guard let value = self[key], value != .null else { return nil }
        guard let array = value.arrayValue else { throw .badJSON("'\(key)' must be a list.") }
        guard array.count <= max else { throw .invalidParam("'\(key)' has more than \(max) entries.") }
        return array
    }
    package func strings(_ key: String, max: Int = 10_000) throws(MatrixError) -> [String]? {
        guard let array = try array(key, max: max) else { return nil }
        var strings: [String] = []
        for value in array {
            guard let text = value.stringValue else { throw .badJSON("'\(key)' must be a list of strings.") }
            strings.append(text)
        }
        return strings
    }
    package func id<ID: MatrixID>(_ key: String, as type: ID.Type = ID.self) throws(MatrixError) -> ID? {
        guard let raw = try string(key) else { return nil }
        guard let id = ID(rawValue: raw) else { throw .invalidParam("'\(key)' is not a valid identifier.") }
        return id
    }
}
