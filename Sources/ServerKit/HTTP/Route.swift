package import MatrixCore
package import Store
package import Logging

/// Who may call a route. The check itself happens in one place: `Router.handle`.
package enum Auth: Sendable, Hashable {
    /// Anyone; a token is not even looked at.
    case none
    /// Anyone; a valid token is used, an invalid one is refused.
    case optional
    /// A user who is no guest.
    case user
    /// A user or a guest.
    case guest
    /// A server administrator.
    case admin
}

/// How the server treats the body.
package enum BodyRule: Sendable, Hashable {
    /// Collected, at most so many bytes (413 M_TOO_LARGE beyond).
    case collected(max: Int)
    /// Handed to the route as `Request.stream`; the route enforces its own limit.
    case streamed
    package static let standard = BodyRule.collected(max: 1 << 20)
}

/// One method and path with its handler. Path parts in braces are parameters (`/rooms/{roomId}/send/{eventType}/{txnId}`);
/// a last part `{rest...}` takes all that follows, slashes included.
package struct Route: Sendable {
    package typealias Handler = @Sendable (Request, Context) async throws -> Response
    /// Called on the connection's own thread: it looks at what is in memory and never blocks.
    package typealias DirectHandler = @Sendable (Request, Context, any Reply) throws -> Direct
    package let method: Method
    package let path: String
    package let auth: Auth
    package let limit: LimitClass
    package let body: BodyRule
    /// Tried first, for routes that are called so often that a task for each request is felt. What it does not take goes to `handler`,
    /// which gives the same answers.
    package let direct: DirectHandler?
    package let handler: Handler

    package init(_ method: Method, _ path: String, auth: Auth = .user, limit: LimitClass = .standard,
                 body: BodyRule = .standard, direct: DirectHandler? = nil, _ handler: @escaping Handler) {
        self.method = method; self.path = path; self.auth = auth; self.limit = limit; self.body = body; self.direct = direct; self.handler = handler
    }
    /// Whether how long it takes says something about the server: not where it waits for news or for a client's upload.
    package var isTimed: Bool {
        if case .streamed = body { return false }
        return !path.hasSuffix("/sync")
    }
    /// The same handler under several paths (older versions of an endpoint).
    package static func all(_ method: Method, _ paths: [String], auth: Auth = .user, limit: LimitClass = .standard,
                            body: BodyRule = .standard, _ handler: @escaping Handler) -> [Route] {
        paths.map { Route(method, $0, auth: auth, limit: limit, body: body, handler) }
    }
}
