package import MatrixCore
import Store
package import Logging

/// Finds the route of a request, decides who may call it, and turns every error into its response.
///
/// Invariants: authorisation by token happens here and nowhere else; a handler never sees a request that its route's
/// `auth` refuses; nothing that a handler throws reaches the socket untranslated; a 5xx is logged once, here.
package struct Router: Sendable {
    /// A node of the path tree. Literal parts win over parameters.
    private final class Node: @unchecked Sendable {   // built once before it is shared, read only afterwards
        var literals: [String: Node] = [:]
        var parameter: Node?
        var rest: [Method: (Route, [String])] = [:]
        var routes: [Method: (Route, [String])] = [:]
    }
    private let root: Node
    package let routes: [Route]
    private let errorForms: [ErrorForm]

    package init(_ routes: [Route], errors: [ErrorForm] = []) {
        self.routes = routes
        errorForms = errors
        root = Node()
        for route in routes {
            var node = root, names: [String] = [], isRest = false
            for part in route.path.split(separator: "/", omittingEmptySubsequences: true) {
                if part.first == "{" {
                    var name = part.dropFirst().dropLast()
                    if name.hasSuffix("...") { name = name.dropLast(3); isRest = true }
                    names.append(String(name))
                    if isRest { break }
                    let next = node.parameter ?? Node()
                    node.parameter = next
                    node = next
                } else {
                    let key = String(part)
                    let next = node.literals[key] ?? Node()
                    node.literals[key] = next
                    node = next
                }
            }
            let taken = isRest ? node.rest[route.method] : node.routes[route.method]
            precondition(taken == nil, "two routes for \(route.method.rawValue) \(route.path)")
            if isRest { node.rest[route.method] = (route, names) } else { node.routes[route.method] = (route, names) }
        }
    }

    package enum Match: Sendable {
        case route(Route, params: [String: String])
        /// The path is known with other methods.
        case otherMethod([Method])
        case none
    }

    /// `rawPath` is the path as it came, still percent-encoded, without the query.
    /// Clients of old versions call `/r0/`: they mean `/v3/`.
    package func match(_ method: Method, rawPath: Substring) -> Match {
        var parts: [String] = []
        // By bytes: splitting by characters looks for grapheme boundaries, which costs as much as the rest of the routing.
        for raw in rawPath.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst() {
            guard let part = Percent.decode(Substring(raw)) else { return .none }
            parts.append(part)
        }
        if parts.last == "" { parts.removeLast() }   // a trailing slash means the same; "/" alone is the root
        if parts.count > 2, parts[0] == "_matrix", parts[1] == "client" || parts[1] == "media", parts[2] == "r0" { parts[2] = "v3" }
        var others: Set<Method> = []
        guard let (found, values) = walk(root, parts[...], [], method, &others) else {
            return others.isEmpty ? .none : .otherMethod(others.sorted { $0.rawValue < $1.rawValue })
        }
        return .route(found.0, params: Dictionary(zip(found.1, values), uniquingKeysWith: { $1 }))
    }

    private func walk(_ node: Node, _ parts: ArraySlice<String>, _ values: [String], _ method: Method,
                      _ others: inout Set<Method>) -> ((Route, [String]), [String])? {
        guard let part = parts.first else {
            if let found = node.routes[method] { return (found, values) }
            if method == .head, let found = node.routes[.get] { return (found, values) }
            others.formUnion(node.routes.keys)
            return nil
        }
        if let next = node.literals[part], let found = walk(next, parts.dropFirst(), values, method, &others) { return found }
        if let next = node.parameter, let found = walk(next, parts.dropFirst(), values + [part], method, &others) { return found }
        if let found = node.rest[method] ?? (method == .head ? node.rest[.get] : nil) {
            return (found, values + [parts.joined(separator: "/")])
        }
        others.formUnion(node.rest.keys)
        return nil
    }

    /// Runs one request through limits, authorisation and its handler. Never throws.
    package func handle(_ request: Request, rawPath: Substring, context: Context) async -> Response {
        switch match(request.method, rawPath: rawPath) {
        // A browser asks before it calls: without an answer its page would never see the error.
        case .none where request.method == .options: return Response(204)
        case .none: return refusal(.unrecognized(), path: rawPath, language: request.language)
        case .otherMethod(let methods):
            if request.method == .options { return Response(204) }
            var response = refusal(.badMethod(), path: rawPath, language: request.language)
            response.headers.set("Allow", methods.map(\.rawValue).joined(separator: ", "))
            return response
        case .route(let route, let params): return await run(route, params: params, request, context: context)
        }
    }

    /// An error as the clients of that address expect it.
    package func refusal(_ error: MatrixError, path: some StringProtocol, language: String) -> Response {
        guard let form = errorForms.first(where: { path.hasPrefix($0.prefix) }) else { return error.response(language: language) }
        return form.form(error).response(language: language)
    }

    package func run(_ route: Route, params: [String: String], _ request: Request, context: Context, admitted: Session? = nil) async -> Response {
        guard context.isFollowed else { return await answer(route, params: params, request, context: context, admitted: admitted) }
        let id = context.requestID(request), began = context.clock.now
        return await Trace.$id.withValue(id) {
            var response = await answer(route, params: params, request, context: context, admitted: admitted)
            context.follow("request answered", ["http.route": "\(route.method.rawValue) \(route.path)", "http.status": "\(response.status)", "http.milliseconds": "\(context.clock.now - began)"])
            response.headers.set("X-Request-Id", id)
            return response
        }
    }

    private func answer(_ route: Route, params: [String: String], _ request: Request, context: Context, admitted: Session?) async -> Response {
        var request = request
        request.params = params
        request.session = admitted
        do {
            if admitted == nil { request.session = try await admit(route, request, context) }
            return try await route.handler(request, context)
        } catch {
            return Self.failure(error, "\(route.method.rawValue) \(route.path)", language: request.language, context)
        }
    }

    /// Tries to answer without a task. The session in the result: who asks, when the token and the rate limit have been seen to; `run` then
    /// does not do so again.
    /// - Parameter admitted: Who asks, where `admission` has said so. Without, only who was here a moment ago is known.
    package func direct(_ route: Route, params: [String: String], _ request: Request, context: Context, admitted: Session? = nil,
                        reply: any Reply) -> (Direct, admitted: Session?) {
        guard let direct = route.direct, let token = request.token,
              let session = admitted ?? context.ports.sessions.known(context, token: token, request: request) else { return (.no, nil) }
        var request = request
        request.params = params
        request.session = session
        do {
            if admitted == nil {
                try Self.check(session, route.auth)
                try context.limiter.take(route.limit, user: session, remote: request.remote, now: context.clock.now)
            }
            return (try direct(request, context, reply), session)
        } catch {
            return (.answer(Self.failure(error, "\(route.method.rawValue) \(route.path)", language: request.language, context)), session)
        }
    }

    package enum Admission: Sendable {
        case admitted(Session)
        case refused(Response)
    }

    /// Who asks, for a request that `direct` may answer without a task as soon as that is known.
    package func admission(_ route: Route, _ request: Request, context: Context) async -> Admission {
        do {
            guard let session = try await admit(route, request, context) else { throw MatrixError.missingToken() }
            return .admitted(session)
        } catch {
            return .refused(Self.failure(error, "\(route.method.rawValue) \(route.path)", language: request.language, context))
        }
    }

    private func admit(_ route: Route, _ request: Request, _ context: Context) async throws -> Session? {
        var session: Session?
        if route.auth != .none { session = try await authorise(route.auth, request, context) }
        try context.limiter.take(route.limit, user: session, remote: request.remote, now: context.clock.now)
        return session
    }

    /// The answer to an error, which is logged when it is the server's own.
    package static func failure(_ error: any Error, _ route: String, language: String, _ context: Context) -> Response {
        switch error {
        case let error as any WireError: return error.response(language: language)
        case let error as any MachineError: return machineFailure(error, route, language, context)
        case is CancellationError: return MatrixError.overloaded().response(language: language)
        default:
            context.log.error("request failed", metadata: ["http.route": "\(route)", "error": "\(error)"])
            return MatrixError.internalError().response(language: language)
        }
    }

    private func authorise(_ auth: Auth, _ request: Request, _ context: Context) async throws -> Session? {
        guard let token = request.token else {
            if auth == .optional { return nil }
            throw MatrixError.missingToken()
        }
        let session = try await context.ports.sessions.session(context, token: token, request: request)
        try Self.check(session, auth)
        return session
    }

    private static func check(_ session: Session, _ auth: Auth) throws(MatrixError) {
        if session.isGuest, auth == .user || auth == .admin { throw MatrixError.guestForbidden() }
        if auth == .admin, !session.isAdmin { throw MatrixError.forbidden("Only a server administrator can do that.") }
    }

    private static func machineFailure(_ error: any MachineError, _ route: String, _ language: String, _ context: Context) -> Response {
        if case .invalidText? = error as? StoreError {
            return MatrixError.invalidParam("The text contains a NUL character.").response(language: language)
        }
        context.log.error("storage failed", metadata: ["http.route": "\(route)", "error": "\(error)"])
        if case .overloaded? = error as? StoreError { return MatrixError.overloaded().response(language: language) }
        return (error.isTemporary ? MatrixError.storageFails() : .internalError()).response(language: language)
    }
}

extension Request {
    /// The access token: `Authorization: Bearer`, or `access_token` in the query (deprecated, still used).
    package var token: String? {
        if let header = headers["Authorization"] {
            guard header.count > 7, header.prefix(7).lowercased() == "bearer " else { return nil }
            return String(header.dropFirst(7))
        }
        return query["access_token"]
    }
}

/// Percent encoding of URLs (RFC 3986).
package enum Percent {
    /// nil for a broken escape or bytes that are not UTF-8.
    package static func decode(_ raw: Substring, plusIsSpace: Bool = false) -> String? {
        // Most parts of most addresses have nothing to decode.
        guard raw.utf8.contains(where: { $0 == UInt8(ascii: "%") || (plusIsSpace && $0 == UInt8(ascii: "+")) }) else { return String(raw) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(raw.utf8.count)
        var iterator = raw.utf8.makeIterator()
        while let byte = iterator.next() {
            if byte == UInt8(ascii: "%") {
                guard let a = iterator.next().flatMap(hex), let b = iterator.next().flatMap(hex) else { return nil }
                bytes.append(a << 4 | b)
            } else if byte == UInt8(ascii: "+"), plusIsSpace {
                bytes.append(0x20)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
    package static func decode(_ raw: String, plusIsSpace: Bool = false) -> String? { decode(raw[...], plusIsSpace: plusIsSpace) }
    package static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                 UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): out.append(byte)
            default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
    /// `a=1&b=2` to pairs; nil for a broken escape.
    package static func query(_ raw: Substring) -> Query? {
        if raw.isEmpty { return Query() }
        var items: [(name: String, value: String)] = []
        for pair in raw.utf8.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "="))
            let name = Substring(pair[..<(equals ?? pair.endIndex)])
            let value = equals.map { Substring(pair[pair.index(after: $0)...]) } ?? ""
            guard let name = decode(name, plusIsSpace: true), let value = decode(value, plusIsSpace: true) else { return nil }
            items.append((name: name, value: value))
        }
        return Query(items)
    }
    package static func query(_ raw: String) -> Query? { query(raw[...]) }
    private static func hex(_ c: UInt8) -> UInt8? {
        switch c {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): c - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): c - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): c - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
