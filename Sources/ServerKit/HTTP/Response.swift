package import MatrixCore

/// What a route answers.
package struct Response: Sendable {
    package enum Body: Sendable {
        case bytes([UInt8])
        /// A file, or `range` of it, sent without reading it into memory.
        case file(path: String, range: Range<Int64>)
        /// An open stream (Server-Sent Events). The connection is closed when it ends; when the client goes away the stream is cancelled.
        case stream(AsyncStream<[UInt8]>)
    }
    package var status: Int
    package var headers: Headers
    package var body: Body

    package init(_ status: Int = 200, headers: Headers = Headers(), body: Body = .bytes([])) {
        self.status = status; self.headers = headers; self.body = body
    }
    package static func json(_ value: JSON, status: Int = 200) -> Response {
        Response(status, headers: ["Content-Type": "application/json"], body: .bytes(value.encoded()))
    }
    /// Bytes that are JSON already: spliced answers of hot paths.
    package static func json(bytes: [UInt8], status: Int = 200) -> Response {
        Response(status, headers: ["Content-Type": "application/json"], body: .bytes(bytes))
    }
    package static var empty: Response { .json(bytes: [0x7B, 0x7D]) }
    package static func text(_ text: String, type: String = "text/plain; charset=utf-8", status: Int = 200) -> Response {
        Response(status, headers: ["Content-Type": type], body: .bytes(Array(text.utf8)))
    }

    /// The body as JSON, for tests and for callers inside the process.
    package var jsonBody: JSON? {
        guard case .bytes(let bytes) = body else { return nil }
        return try? JSON.parse(bytes)
    }
}
