import Logging
import Store

// One message can be followed through the log by its request's id, its event's id and its position; see docs/LOGGING.md.

extension Context {
    /// Whether requests and messages are followed: `log_level` is debug or trace.
    package var isFollowed: Bool { log.logLevel <= .debug }

    /// One step on a message's way. Ids and positions only, never what people write.
    /// `request`: the request's id, where the step is not taken within the request itself.
    package func follow(_ step: String, request: String? = Trace.id, _ fields: @autoclosure () -> KeyValuePairs<String, String>) {
        guard isFollowed else { return }
        var metadata: Logger.Metadata = [:]
        for (key, value) in fields() { metadata[key] = "\(value)" }
        if let request { metadata["http.request_id"] = "\(request)" }
        log.debug("\(step)", metadata: metadata)
    }

    /// The id of a request: what the proxy calls it, or one of our own.
    package func requestID(_ request: Request) -> String {
        if let given = request.headers["X-Request-Id"], (1...64).contains(given.utf8.count),
           given.utf8.allSatisfy({ (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }) { return given }
        return entropy.lowerToken(12)
    }
}
