package import MatrixCore
package import Store

/// An error that has a place on the wire. Slices throw enums of their own that conform; `Route` is the single place
/// where one becomes a response. Anything else that is thrown is a 500, logged once at the edge.
package protocol WireError: Error {
    func response(language: String) -> Response
}

/// Something that the machine could not do, whatever was asked: logged once at the edge, and answered 503 when trying again later can help.
package protocol MachineError: Error {
    var isTemporary: Bool { get }
}
extension StoreError: MachineError {}

/// The form of errors below a path, for what is refused before a route has its say: an unknown address, a body that is too large.
package struct ErrorForm: Sendable {
    package let prefix: String
    package let form: @Sendable (MatrixError) -> any WireError
    package init(below prefix: String, _ form: @escaping @Sendable (MatrixError) -> any WireError) { self.prefix = prefix; self.form = form }
}

/// The standard error of the Client-Server API. Spec: https://spec.matrix.org/latest/client-server-api/#standard-error-response
package struct MatrixError: WireError, Hashable {
    package var status: Int
    package var errcode: String
    package var message: String
    /// Further fields of the body (`retry_after_ms`, `soft_logout`, ...).
    package var extra: JSONObject

    package init(_ status: Int, _ errcode: String, _ message: String, extra: JSONObject = [:]) {
        self.status = status; self.errcode = errcode; self.message = message; self.extra = extra
    }
    package func response(language: String) -> Response {
        var body = extra
        body["errcode"] = .string(errcode)
        body["error"] = .string(message)
        var response = Response.json(.object(body), status: status)
        if let wait = extra["retry_after_ms"]?.intValue { response.headers.set("Retry-After", String((wait + 999) / 1000)) }
        return response
    }

    package static func forbidden(_ m: String = "You are not allowed to do that.") -> MatrixError { .init(403, "M_FORBIDDEN", m) }
    package static func notFound(_ m: String = "Not found.") -> MatrixError { .init(404, "M_NOT_FOUND", m) }
    package static func unrecognized() -> MatrixError { .init(404, "M_UNRECOGNIZED", "Unrecognized request.") }
    package static func badMethod() -> MatrixError { .init(405, "M_UNRECOGNIZED", "This path does not know that method.") }
    package static func notJSON(_ m: String) -> MatrixError { .init(400, "M_NOT_JSON", m) }
    package static func badJSON(_ m: String) -> MatrixError { .init(400, "M_BAD_JSON", m) }
    package static func invalidParam(_ m: String) -> MatrixError { .init(400, "M_INVALID_PARAM", m) }
    package static func missingParam(_ m: String) -> MatrixError { .init(400, "M_MISSING_PARAM", m) }
    package static func badRequest(_ m: String) -> MatrixError { .init(400, "M_UNKNOWN", m) }
    package static func tooLarge(_ m: String = "The body is too large.") -> MatrixError { .init(413, "M_TOO_LARGE", m) }
    package static func missingToken() -> MatrixError { .init(401, "M_MISSING_TOKEN", "An access token is required.") }
    package static func unknownToken(softLogout: Bool = false) -> MatrixError {
        .init(401, "M_UNKNOWN_TOKEN", "The access token is unknown or has expired.", extra: softLogout ? ["soft_logout": true] : [:])
    }
    package static func guestForbidden() -> MatrixError { .init(403, "M_GUEST_ACCESS_FORBIDDEN", "Guests cannot do that.") }
    package static func limited(retryAfter milliseconds: Int64) -> MatrixError {
        .init(429, "M_LIMIT_EXCEEDED", "Too many requests. Try again later.", extra: ["retry_after_ms": .int(milliseconds)])
    }
    package static func overloaded() -> MatrixError { .init(503, "M_UNKNOWN", "The server is busy. Try again in a moment.", extra: ["retry_after_ms": 1000]) }
    /// The disk or the database does not do its work. Whoever has a transaction id tries again under it.
    package static func storageFails() -> MatrixError {
        .init(503, "M_UNKNOWN", "The server cannot reach or keep its data at the moment. Try again later.", extra: ["retry_after_ms": 1000])
    }
    package static func internalError() -> MatrixError { .init(500, "M_UNKNOWN", "Internal server error.") }
}
