import CCurl
import Store
import Synchronization

/// One thread that carries any number of transfers. It starts with the first of them.
final class CurlLoop: Sendable {
    private struct State {
        var incoming: [CurlTransfer] = []
        var cancelled: [CurlTransfer] = []
        var isStopping = false
        var multi: Handle?
    }
    /// libcurl's handle; `curl_multi_wakeup` is the one call that other threads may make.
    private struct Handle: @unchecked Sendable { let raw: UnsafeMutableRawPointer }
    private let state = Mutex(State())

    /// libcurl's one-time set-up.
    private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    func run(_ request: OutboundRequest, _ rule: CurlTransfer.Rule) async throws -> OutboundResponse {
        let transfer = CurlTransfer(request, rule)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard transfer.begin(continuation) else { return }
                if !enter(transfer) { transfer.end(.failure(OutboundError.unreachable("the HTTP client is not available"))) }
            }
        } onCancel: {
            tell { $0.cancelled.append(transfer) }
        }
    }

    func stop() { tell { $0.isStopping = true } }

    private func enter(_ transfer: CurlTransfer) -> Bool {
        let handle: Handle? = state.withLock { state in
            guard !state.isStopping, Self.isReady else { return nil }
            if state.multi == nil {
                guard let raw = curl_multi_init() else { return nil }
                comptoir_curl_multi_set_long(raw, CURLMOPT_MAX_HOST_CONNECTIONS, 16)
                comptoir_curl_multi_set_long(raw, CURLMOPT_MAX_TOTAL_CONNECTIONS, 256)
                let handle = Handle(raw: raw)
                state.multi = handle
                WorkerThread { self.loop(handle.raw) }.detach()
            }
            state.incoming.append(transfer)
            return state.multi
        }
        if let handle { curl_multi_wakeup(handle.raw) }
        return handle != nil
    }

    private func tell(_ change: (inout State) -> Void) {
        // Inside the lock: the loop frees its handle only after it has taken it out of the state.
        state.withLock { state in
            change(&state)
            if let handle = state.multi { curl_multi_wakeup(handle.raw) }
        }
    }

    // MARK: on the loop's own thread

    private func loop(_ multi: UnsafeMutableRawPointer) {
        var running: [UnsafeMutableRawPointer: CurlTransfer] = [:]
        func finish(_ easy: UnsafeMutableRawPointer, _ result: (CurlTransfer) -> Result<OutboundResponse, any Error>) {
            guard let transfer = running.removeValue(forKey: easy) else { return }
            curl_multi_remove_handle(multi, easy)
            let result = result(transfer)
            transfer.close()
            transfer.end(result)
        }
        while true {
            let (incoming, cancelled, isStopping) = state.withLock { state in
                defer { state.incoming = []; state.cancelled = []; if state.isStopping { state.multi = nil } }
                return (state.incoming, state.cancelled, state.isStopping)
            }
            for transfer in incoming {
                if let easy = transfer.open(), curl_multi_add_handle(multi, easy) == CURLM_OK { running[easy] = transfer } else {
                    transfer.close()
                    transfer.end(.failure(OutboundError.unreachable("the HTTP client has no memory")))
                }
            }
            for transfer in cancelled { if let easy = transfer.easy { finish(easy) { _ in .failure(CancellationError()) } } else { transfer.end(.failure(CancellationError())) } }
            if isStopping { break }
            var active: Int32 = 0
            curl_multi_perform(multi, &active)
            var left: Int32 = 0
            while let message = curl_multi_info_read(multi, &left) {
                guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
                let code = message.pointee.data.result
                finish(easy) { $0.result(code) }
            }
            curl_multi_poll(multi, nil, 0, 60_000, nil)
        }
        for easy in Array(running.keys) { finish(easy) { _ in .failure(CancellationError()) } }
        curl_multi_cleanup(multi)
    }
}
