import CCurl
import Glibc
import Synchronization

/// One request on its way. Everything but `begin` and `end` runs on the loop's thread.
final class CurlTransfer: @unchecked Sendable {
    /// Which addresses may be connected to.
    enum Rule: Sendable {
        case open, openOrLoopback
        /// Certificates are not verified, so nothing else may be reached.
        case onlyLoopback
        case anywhere
    }

    private typealias Continuation = CheckedContinuation<OutboundResponse, any Error>
    private enum Waiting { case notYet, waiting(Continuation), ended }
    private let waiting = Mutex(Waiting.notYet)

    private let request: OutboundRequest
    private let rule: Rule
    private(set) var easy: UnsafeMutableRawPointer?
    private var list: UnsafeMutablePointer<curl_slist>?
    private var body: [UInt8] = []
    private var headers: [(name: String, value: String)] = []
    private var headerBytes = 0
    private var isTooLarge = false
    private var refused: String?

    init(_ request: OutboundRequest, _ rule: Rule) { self.request = request; self.rule = rule }

    /// False when it was cancelled before: then there is nothing to do.
    func begin(_ continuation: CheckedContinuation<OutboundResponse, any Error>) -> Bool {
        let isEnded = waiting.withLock { state in
            if case .ended = state { return true }
            state = .waiting(continuation)
            return false
        }
        if isEnded { continuation.resume(throwing: CancellationError()) }
        return !isEnded
    }

    /// The first end counts.
    func end(_ result: Result<OutboundResponse, any Error>) {
        let continuation: Continuation? = waiting.withLock { state in
            defer { state = .ended }
            guard case .waiting(let continuation) = state else { return nil }
            return continuation
        }
        continuation?.resume(with: result)
    }

    /// nil when libcurl has no memory, or when the transfer has ended already.
    func open() -> UnsafeMutableRawPointer? {
        guard let easy = curl_easy_init() else { return nil }
        self.easy = easy
        func number(_ option: CURLoption, _ value: Int) { comptoir_curl_set_long(easy, option, value) }
        func text(_ option: CURLoption, _ value: String) { comptoir_curl_set_string(easy, option, value) }
        let me = Unmanaged.passUnretained(self).toOpaque()

        text(CURLOPT_URL, request.url)
        text(CURLOPT_PROTOCOLS_STR, "http,https")
        text(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        text(CURLOPT_PROXY, "")   // a proxy of the environment would connect where the guard cannot see
        text(CURLOPT_USERAGENT, "comptoir")
        number(CURLOPT_NOSIGNAL, 1)
        number(CURLOPT_FOLLOWLOCATION, request.maxRedirects > 0 ? 1 : 0)
        number(CURLOPT_MAXREDIRS, request.maxRedirects)
        number(CURLOPT_TIMEOUT_MS, Int(request.timeout))
        number(CURLOPT_CONNECTTIMEOUT_MS, Int(min(request.timeout, 10_000)))
        let verifies = rule != .onlyLoopback
        number(CURLOPT_SSL_VERIFYPEER, verifies ? 1 : 0)
        number(CURLOPT_SSL_VERIFYHOST, verifies ? 2 : 0)

        switch request.method {
        case "GET" where request.body.isEmpty: number(CURLOPT_HTTPGET, 1)
        case "HEAD": number(CURLOPT_NOBODY, 1)
        default:
            comptoir_curl_set_large(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count))
            request.body.withUnsafeBytes { bytes in
                if let base = bytes.baseAddress { comptoir_curl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, base) } else { text(CURLOPT_COPYPOSTFIELDS, "") }
            }
            if request.method != "POST" { text(CURLOPT_CUSTOMREQUEST, request.method) }
        }
        list = curl_slist_append(list, "Expect:")
        if !request.headers.contains(where: { Headers.same($0.name, "Content-Type") }) { list = curl_slist_append(list, "Content-Type:") }
        for header in request.headers {
            // libcurl's words: "Name;" sends a header without a value, "Name:" would take the header away
            list = curl_slist_append(list, header.value.isEmpty ? header.name + ";" : header.name + ": " + header.value)
        }
        comptoir_curl_set_list(easy, CURLOPT_HTTPHEADER, list)

        comptoir_curl_set_pointer(easy, CURLOPT_WRITEDATA, me)
        comptoir_curl_set_sink(easy, CURLOPT_WRITEFUNCTION) { data, size, count, me in
            CurlTransfer.from(me)?.write(UnsafeRawBufferPointer(start: data, count: size * count)) == true ? size * count : 0
        }
        comptoir_curl_set_pointer(easy, CURLOPT_HEADERDATA, me)
        comptoir_curl_set_sink(easy, CURLOPT_HEADERFUNCTION) { data, size, count, me in
            CurlTransfer.from(me)?.header(UnsafeRawBufferPointer(start: data, count: size * count)) == true ? size * count : 0
        }
        comptoir_curl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, me)
        comptoir_curl_set_opener(easy, CURLOPT_OPENSOCKETFUNCTION) { me, purpose, address in
            guard purpose == CURLSOCKTYPE_IPCXN, let address, let transfer = CurlTransfer.from(me) else { return CURL_SOCKET_BAD }
            return transfer.connect(address)
        }
        return easy
    }

    func close() {
        if let easy { curl_easy_cleanup(easy) }
        easy = nil
        curl_slist_free_all(list)
        list = nil
    }

    /// What the transfer came to; before `close`.
    func result(_ code: CURLcode) -> Result<OutboundResponse, any Error> {
        guard let easy else { return .failure(OutboundError.unreachable("the transfer is closed")) }
        switch code {
        case CURLE_OK:
            var status = 0
            var url: UnsafePointer<CChar>?
            comptoir_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
            comptoir_curl_get_string(easy, CURLINFO_EFFECTIVE_URL, &url)
            return .success(OutboundResponse(status: status, headers: Headers(headers), body: body, url: url.map { String(cString: $0) } ?? request.url))
        case _ where isTooLarge: return .failure(OutboundError.tooLarge)
        case _ where refused != nil: return .failure(OutboundError.refused(refused ?? ""))
        case CURLE_OPERATION_TIMEDOUT: return .failure(OutboundError.timeout)
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: return .failure(OutboundError.invalidURL(request.url))
        case CURLE_TOO_MANY_REDIRECTS: return .failure(OutboundError.refused("too many redirects"))
        default: return .failure(OutboundError.unreachable(String(cString: curl_easy_strerror(code))))
        }
    }

    // MARK: called by libcurl

    private static func from(_ raw: UnsafeMutableRawPointer?) -> CurlTransfer? { raw.map { Unmanaged.fromOpaque($0).takeUnretainedValue() } }

    private func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard body.count + bytes.count <= request.maxBytes else {
            isTooLarge = true
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    private func header(_ bytes: UnsafeRawBufferPointer) -> Bool {
        headerBytes += bytes.count
        guard headerBytes <= 1 << 18 else {
            isTooLarge = true
            return false
        }
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {   // a new answer: after a redirect, or after 100 Continue
            headers = []
            body = []
            return true
        }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return true }
        let isSpace = { (c: UInt8) in c == 0x20 || c == 0x09 || c == 0x0D || c == 0x0A }
        let value = bytes[(colon + 1)...].drop(while: isSpace)
        let end = value.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? value.startIndex
        headers.append((name: String(decoding: bytes[..<colon], as: UTF8.self), value: String(decoding: value[..<end], as: UTF8.self)))
        return true
    }

    /// The one place where a connection begins: the address is the resolved one.
    private func connect(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let raw = UnsafeRawPointer(address) + (MemoryLayout<curl_sockaddr>.offset(of: \.addr) ?? 0)
        let bytes: [UInt8] = switch address.pointee.family {
        case AF_INET: withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in.self).sin_addr) { Array($0) }
        case AF_INET6: withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { Array($0) }
        default: []
        }
        let kind = AddressGuard.kind(bytes)
        let isAllowed = switch rule {
        case .open: kind == .open
        case .openOrLoopback: kind != .closed
        case .onlyLoopback: kind == .loopback
        case .anywhere: true
        }
        guard isAllowed else {
            refused = "the address is not on the public internet"
            return CURL_SOCKET_BAD
        }
        return socket(address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
    }
}
