import Synchronization

/// Every metric of the server, named in one place: what is only counted ends in `_total`. Exposed as Prometheus text at `/_comptoir/metrics`.
package enum Metric: String, Sendable, CaseIterable {
    case httpRequests = "comptoir_http_requests_total"
    case httpErrors = "comptoir_http_server_errors_total"
    case httpOpenConnections = "comptoir_http_open_connections"
    case draining = "comptoir_draining"
    case tlsFailures = "comptoir_tls_handshake_failures_total"
    case eventsAppended = "comptoir_events_appended_total"
    case syncAnswers = "comptoir_sync_answers_total"
    case syncWaiting = "comptoir_sync_waiting"
    case uploads = "comptoir_media_uploads_total"
    case deskConversationsOpened = "comptoir_desk_conversations_opened_total"
    case deskStreams = "comptoir_desk_streams_open"
    // Looked up when they are asked for (App/System/Gauges.swift):
    case position = "comptoir_position"
    case databaseCommits = "comptoir_database_commits_total"
    case databaseWrites = "comptoir_database_writes_total"
    case databaseFailedWrites = "comptoir_database_failed_writes_total"
    case databaseReads = "comptoir_database_reads_total"
    case databaseWaitingWrites = "comptoir_database_waiting_writes"
    case databaseWaitingReads = "comptoir_database_waiting_reads"
    case outboxWaiting = "comptoir_outbox_waiting"
    case outboxFailed = "comptoir_outbox_failed"
    case diskFree = "comptoir_disk_free_bytes"
    case certificateEnds = "comptoir_tls_certificate_end_seconds"
    case lastBackup = "comptoir_last_backup_seconds"
    case residentMemory = "process_resident_memory_bytes"
    case processorTime = "process_cpu_seconds_total"
    case openFiles = "process_open_fds"
    case mostFiles = "process_max_fds"
    case started = "process_start_time_seconds"

    var help: String {
        switch self {
        case .httpRequests: "HTTP requests answered."
        case .httpErrors: "HTTP answers with a 5xx status."
        case .httpOpenConnections: "Open client connections."
        case .draining: "1 once the server was told to end."
        case .tlsFailures: "TLS handshakes that failed or took too long."
        case .eventsAppended: "Matrix events made durable."
        case .syncAnswers: "Answers to /sync."
        case .syncWaiting: "Long-polls waiting now."
        case .uploads: "Media files stored."
        case .deskConversationsOpened: "Conversations opened."
        case .deskStreams: "Open desk streams."
        case .position: "The change position: grows with every change."
        case .databaseCommits: "Durable commits."
        case .databaseWrites: "Write closures whose work was kept; several share a commit."
        case .databaseFailedWrites: "Write closures that failed, refusals by rules included."
        case .databaseReads: "Read closures."
        case .databaseWaitingWrites: "Write closures that wait for the writer."
        case .databaseWaitingReads: "Read closures that wait for a reader."
        case .outboxWaiting: "Outgoing items (mails, webhooks) that are not delivered yet."
        case .outboxFailed: "Outgoing items that were given up."
        case .diskFree: "Room left where the data directory lies."
        case .certificateEnds: "When the certificate ends, in seconds since 1970; 0 without one."
        case .lastBackup: "When the last `comptoir backup` was complete, in seconds since 1970; 0 when there was none."
        case .residentMemory: "Memory in use."
        case .processorTime: "Processor time, in whole seconds."
        case .openFiles: "Open files and connections."
        case .mostFiles: "How many there may be."
        case .started: "When the process started, in seconds since 1970."
        }
    }
    var isGauge: Bool { !rawValue.hasSuffix("_total") }
}

/// How long things took, in buckets, as Prometheus counts it.
package final class Histogram: Sendable {
    /// Upper bounds in seconds; what is longer is in the last one.
    package static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    private struct State {
        var counts = [Int64](repeating: 0, count: bounds.count + 1)
        var microseconds: Int64 = 0
    }
    private let state = Mutex(State())

    package func observe(microseconds: Int64) {
        let seconds = Double(microseconds) / 1_000_000
        let index = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        state.withLock { $0.counts[index] += 1; $0.microseconds += microseconds }
    }

    func prometheus(_ name: String, _ help: String) -> String {
        let state = state.withLock { $0 }
        var text = "# HELP \(name) \(help)\n# TYPE \(name) histogram\n", sum: Int64 = 0
        for (index, count) in state.counts.enumerated() {
            sum += count
            text += "\(name)_bucket{le=\"\(index < Self.bounds.count ? "\(Self.bounds[index])" : "+Inf")\"} \(sum)\n"
        }
        return text + "\(name)_sum \(Double(state.microseconds) / 1_000_000)\n\(name)_count \(sum)\n"
    }
}

package final class Metrics: Sendable {
    private let values = Mutex<[Metric: Int64]>([:])
    /// Of requests that do not wait for news.
    package let requestTime = Histogram()
    package init() {}
    package func add(_ metric: Metric, _ amount: Int64 = 1) { values.withLock { $0[metric, default: 0] += amount } }
    package func set(_ metric: Metric, _ value: Int64) { values.withLock { $0[metric] = value } }
    package func value(_ metric: Metric) -> Int64 { values.withLock { $0[metric] ?? 0 } }
    package var prometheus: String {
        let values = values.withLock { $0 }
        return Metric.allCases.map { metric in
            "# HELP \(metric.rawValue) \(metric.help)\n# TYPE \(metric.rawValue) \(metric.isGauge ? "gauge" : "counter")\n\(metric.rawValue) \(values[metric] ?? 0)\n"
        }.joined() + requestTime.prometheus("comptoir_http_request_seconds", "Time to the answer of requests that wait neither for news nor for an upload.")
    }
}
