/// What the server asks of other servers: push gateways, application services, pages to preview.
///
/// Invariants: only http and https; certificates are verified; a connection is opened only to an address that ``AddressGuard`` lets pass,
/// whatever name, redirect or DNS answer led there; nothing is read beyond `maxBytes`; a caller never blocks a thread while it waits.
package protocol Outbound: Sendable {
    /// Any status is an answer; a throw (`OutboundError`, `CancellationError`) says that there was none.
    func send(_ request: OutboundRequest) async throws -> OutboundResponse
}

package struct OutboundRequest: Sendable {
    package var method: String
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// Milliseconds for everything, from the first look-up of the name to the last byte.
    package var timeout: Int64
    /// The longest body that is read.
    package var maxBytes: Int
    package var maxRedirects: Int
    /// The operator himself has set this address: it may be in a private network. Never for an address that a user gave.
    package var isTrusted: Bool

    package init(_ method: String = "GET", _ url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [], timeout: Int64 = 30_000,
                 maxBytes: Int = 1 << 20, maxRedirects: Int = 0, isTrusted: Bool = false) {
        self.method = method; self.url = url; self.headers = headers; self.body = body; self.timeout = timeout
        self.maxBytes = maxBytes; self.maxRedirects = maxRedirects; self.isTrusted = isTrusted
    }
}

package struct OutboundResponse: Sendable {
    package var status: Int
    package var headers: Headers
    package var body: [UInt8]
    /// Where the answer came from, after redirects.
    package var url: String
    package init(status: Int, headers: Headers = [:], body: [UInt8] = [], url: String = "") {
        self.status = status; self.headers = headers; self.body = body; self.url = url
    }
}

package enum OutboundError: Error, Sendable, Equatable {
    /// The address, or something else in the request, is not allowed: trying again will not help.
    case refused(String)
    case invalidURL(String)
    /// No connection, a broken one, a bad certificate, an answer that is not HTTP.
    case unreachable(String)
    case timeout
    case tooLarge
}
