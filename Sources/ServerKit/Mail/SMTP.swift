import CCurl
import Store

/// Hands mails to the operator's mail server, by libcurl. One connection a mail, on a thread of its own.
///
/// Invariants: nothing is sent in the clear unless the operator has said so (`smtp_tls = false`); certificates are verified, except on loopback
/// where the tests' switch is on; a mail counts as sent only when the mail server has accepted it.
package enum SMTP {
    package enum Failure: Error, Sendable, Equatable {
        /// The mail server has refused this mail for good (5xx), or the settings are not usable.
        case refused(String)
        /// Worth another attempt.
        case temporary(String)
    }

    package static func send(_ config: Config, to: String, from: MailAddress, _ wire: [UInt8]) async throws(Failure) {
        guard let url = config.smtpURL else { throw .refused("no mail server is set") }
        let outcome: Result<Void, Failure> = await withCheckedContinuation { continuation in
            WorkerThread { continuation.resume(returning: transfer(config, url, to: to, from: from.address, wire)) }.detach()
        }
        try outcome.get()
    }

    private final class Source {
        var rest: ArraySlice<UInt8>
        init(_ bytes: [UInt8]) { rest = bytes[...] }
    }

    private static func transfer(_ config: Config, _ url: String, to: String, from: String, _ wire: [UInt8]) -> Result<Void, Failure> {
        guard isReady, let easy = curl_easy_init() else { return .failure(.temporary("libcurl is not available")) }
        defer { curl_easy_cleanup(easy) }
        let recipients = curl_slist_append(nil, "<\(to)>")
        defer { curl_slist_free_all(recipients) }
        func number(_ option: CURLoption, _ value: Int) { comptoir_curl_set_long(easy, option, value) }
        func text(_ option: CURLoption, _ value: String) { comptoir_curl_set_string(easy, option, value) }
        text(CURLOPT_URL, url)
        text(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        text(CURLOPT_PROXY, "")
        number(CURLOPT_NOSIGNAL, 1)
        number(CURLOPT_TIMEOUT_MS, 60_000)
        number(CURLOPT_CONNECTTIMEOUT_MS, 15_000)
        number(CURLOPT_USE_SSL, config.smtpTLS ? Int(CURLUSESSL_ALL.rawValue) : Int(CURLUSESSL_TRY.rawValue))
        if config.allowLoopbackEgress, isLoopback(url) {
            number(CURLOPT_SSL_VERIFYPEER, 0)
            number(CURLOPT_SSL_VERIFYHOST, 0)
        }
        if let user = config.smtpUser, !user.isEmpty {
            text(CURLOPT_USERNAME, user)
            text(CURLOPT_PASSWORD, config.smtpPassword ?? "")
        }
        text(CURLOPT_MAIL_FROM, "<\(from)>")
        comptoir_curl_set_list(easy, CURLOPT_MAIL_RCPT, recipients)
        number(CURLOPT_UPLOAD, 1)
        comptoir_curl_set_large(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(wire.count))
        let source = Source(wire)
        comptoir_curl_set_pointer(easy, CURLOPT_READDATA, Unmanaged.passUnretained(source).toOpaque())
        comptoir_curl_set_source(easy, CURLOPT_READFUNCTION) { buffer, size, count, raw in
            guard let raw, let buffer else { return 0 }
            let source = Unmanaged<Source>.fromOpaque(raw).takeUnretainedValue()
            let piece = source.rest.prefix(size * count)
            piece.withUnsafeBytes { bytes in if let base = bytes.baseAddress { buffer.withMemoryRebound(to: UInt8.self, capacity: bytes.count) { $0.update(from: base.assumingMemoryBound(to: UInt8.self), count: bytes.count) } } }
            source.rest = source.rest.dropFirst(piece.count)
            return piece.count
        }
        let code = withExtendedLifetime(source) { curl_easy_perform(easy) }
        guard code != CURLE_OK else { return .success(()) }
        var status = 0
        comptoir_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
        let reason = String(cString: curl_easy_strerror(code)) + (status > 0 ? " (\(status))" : "")
        return .failure((500...599).contains(status) && code != CURLE_LOGIN_DENIED ? .refused(reason) : .temporary(reason))
    }

    private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    private static func isLoopback(_ url: String) -> Bool {
        guard let rest = url.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first else { return false }
        return rest.hasPrefix("127.") || rest.hasPrefix("localhost") || rest.hasPrefix("[::1]")
    }
}
