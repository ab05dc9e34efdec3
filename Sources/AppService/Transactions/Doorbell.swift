import Synchronization

/// Wakes the one who waits. A ring while nobody waits is kept for the next wait; several rings count as one.
final class Doorbell: Sendable {
    private struct State {
        var isRung = false
        var waiter: CheckedContinuation<Void, Never>?
        /// Number of the wait that the waiter belongs to.
        var turn = 0
    }
    private let state = Mutex(State())

    func ring() {
        let waiter = state.withLock { state in
            guard let waiter = state.waiter else {
                state.isRung = true
                return CheckedContinuation<Void, Never>?.none
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume()
    }

    /// Forgets a ring that nobody has heard.
    func silence() { state.withLock { $0.isRung = false } }

    /// Returns at the next ring, after `milliseconds`, or when the task is cancelled.
    func wait(milliseconds: Int64? = nil) async {
        let turn = state.withLock { state in
            state.turn += 1
            return state.turn
        }
        let timer = Mutex<Task<Void, Never>?>(nil)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waits = state.withLock { state in
                    guard !state.isRung, !Task.isCancelled else {
                        state.isRung = false
                        return false
                    }
                    state.waiter = continuation
                    return true
                }
                guard waits else { return continuation.resume() }
                guard let milliseconds else { return }
                timer.withLock {
                    $0 = Task { [weak self] in
                        do { try await Task.sleep(for: .milliseconds(milliseconds)) } catch { return }   // the wait ended earlier
                        self?.end(turn)
                    }
                }
            }
        } onCancel: {
            end(turn)
        }
        timer.withLock { $0?.cancel() }
    }

    private func end(_ turn: Int) {
        let waiter = state.withLock { state in
            guard state.turn == turn else { return CheckedContinuation<Void, Never>?.none }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
