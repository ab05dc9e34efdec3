import CCurl
import Synchronization

/// `Outbound` over libcurl.
///
/// Requests to addresses of the operator run in a pool of connections of their own: a connection that was let into a private network is never
/// taken again for a request that may not go there.
package final class CurlOutbound: Outbound {
    private let allowsLoopback: Bool
    private let guarded = CurlLoop(), trusted = CurlLoop()

    /// - Parameter allowsLoopback: requests may go to loopback addresses, whose certificates are then not verified: for tests.
    package init(allowsLoopback: Bool = false) { self.allowsLoopback = allowsLoopback }

    deinit {
        guarded.stop()
        trusted.stop()
    }

    package func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        let host = try Self.host(request.url)
        guard request.maxBytes >= 0, request.timeout > 0 else { throw OutboundError.refused("the limits are not valid") }
        guard Self.isToken(request.method), request.headers.allSatisfy({ Self.isToken($0.name) && $0.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 } }) else {
            throw OutboundError.refused("a header or the method has characters that are not allowed")
        }
        var rule = CurlTransfer.Rule.open
        if allowsLoopback { rule = Self.isLoopbackName(host) ? .onlyLoopback : .openOrLoopback }
        if request.isTrusted, rule != .onlyLoopback { rule = .anywhere }
        return try await (request.isTrusted ? trusted : guarded).run(request, rule)
    }

    /// The host of a valid address. libcurl's own parser is asked, so that nobody reads the address in another way than it is used.
    static func host(_ url: String) throws -> String {
        guard url.utf8.count <= 8192, url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }), let parts = curl_url() else { throw OutboundError.invalidURL(url) }
        defer { curl_url_cleanup(parts) }
        guard curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK else { throw OutboundError.invalidURL(url) }
        func part(_ which: CURLUPart) -> String? {
            var text: UnsafeMutablePointer<CChar>?
            guard curl_url_get(parts, which, &text, 0) == CURLUE_OK, let text else { return nil }
            defer { curl_free(text) }
            return String(cString: text)
        }
        guard let scheme = part(CURLUPART_SCHEME), ["http", "https"].contains(scheme), let host = part(CURLUPART_HOST), !host.isEmpty,
              part(CURLUPART_USER) == nil, part(CURLUPART_PASSWORD) == nil,
              host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { throw OutboundError.invalidURL(url) }   // %7F is one character by now
        return host.lowercased()
    }

    private static func isLoopbackName(_ host: String) -> Bool {
        host == "localhost" || host.hasSuffix(".localhost") || host == "[::1]" || host.hasPrefix("127.")
    }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
    }
}
