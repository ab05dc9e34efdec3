import Synchronization

/// Every metric of the server, named in one place. Exposed as Prometheus text at `/_comptoir/metrics`.
package enum Metric: String, Sendable, CaseIterable {
    case httpRequests = "comptoir_http_requests_total"
    case httpErrors = "comptoir_http_server_errors_total"
    case httpMicroseconds = "comptoir_http_request_microseconds_total"
    case httpOpenConnections = "comptoir_http_open_connections"
    case tlsFailures = "comptoir_tls_handshake_failures_total"
    case eventsAppended = "comptoir_events_appended_total"
    case syncAnswers = "comptoir_sync_answers_total"
    case syncWaiting = "comptoir_sync_waiting"
    case uploads = "comptoir_media_uploads_total"
    case deskConversationsOpened = "comptoir_desk_conversations_opened_total"
    case deskStreams = "comptoir_desk_streams_open"

    var help: String {
        switch self {
        case .httpRequests: "HTTP requests answered."
        case .httpErrors: "HTTP answers with a 5xx status."
        case .httpMicroseconds: "Time spent in handlers, in microseconds."
        case .httpOpenConnections: "Open client connections."
        case .tlsFailures: "TLS handshakes that failed or took too long."
        case .eventsAppended: "Matrix events made durable."
        case .syncAnswers: "Answers to /sync."
        case .syncWaiting: "Long-polls waiting now."
        case .uploads: "Media files stored."
        case .deskConversationsOpened: "Conversations opened."
        case .deskStreams: "Open desk streams."
        }
    }
    var isGauge: Bool { self == .httpOpenConnections || self == .syncWaiting || self == .deskStreams }
}

package final class Metrics: Sendable {
    private let values = Mutex<[Metric: Int64]>([:])
    package init() {}
    package func add(_ metric: Metric, _ amount: Int64 = 1) { values.withLock { $0[metric, default: 0] += amount } }
    package func value(_ metric: Metric) -> Int64 { values.withLock { $0[metric] ?? 0 } }
    package var prometheus: String {
        let values = values.withLock { $0 }
        return Metric.allCases.map { metric in
            "# HELP \(metric.rawValue) \(metric.help)\n# TYPE \(metric.rawValue) \(metric.isGauge ? "gauge" : "counter")\n\(metric.rawValue) \(values[metric] ?? 0)\n"
        }.joined()
    }
}
