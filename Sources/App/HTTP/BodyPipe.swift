import ServerKit
import Synchronization

/// A streamed request body between the event loop and its route. Holds at most a few pieces: when they are not
/// fetched, reading from the socket pauses.
final class BodyPipe: BodyReader {
    private struct State {
        var pieces: [[UInt8]] = []
        var bytes = 0
        var isFinished = false
        var isBroken = false
        var isPaused = false
        var waiter: CheckedContinuation<[UInt8]?, any Error>?
    }
    private let state = Mutex(State())
    private let onFullness: @Sendable () -> Void
    private static let high = 256 << 10, low = 64 << 10

    /// - Parameter onFullness: called when ``isFull`` may have changed, on any thread.
    init(onFullness: @escaping @Sendable () -> Void) { self.onFullness = onFullness }

    /// No more should be read from the socket for now.
    var isFull: Bool { state.withLock { $0.isPaused } }

    func push(_ piece: [UInt8]) {
        let (waiter, mustPause) = state.withLock { state -> (CheckedContinuation<[UInt8]?, any Error>?, Bool) in
            if let waiter = state.waiter { state.waiter = nil; return (waiter, false) }
            state.pieces.append(piece)
            state.bytes += piece.count
            if state.bytes > Self.high, !state.isPaused { state.isPaused = true; return (nil, true) }
            return (nil, false)
        }
        waiter?.resume(returning: piece)
        if mustPause { onFullness() }
    }
    /// Nobody will fetch the rest.
    func abandon() {
        let mustResume = state.withLock { state in
            state.pieces = []
            state.bytes = 0
            defer { state.isPaused = false }
            return state.isPaused
        }
        if mustResume { onFullness() }
    }
    func finish() { end { $0.isFinished = true } }
    func fail() { end { if !$0.isFinished { $0.isBroken = true } } }
    private func end(_ change: (inout State) -> Void) {
        let (waiter, broken) = state.withLock { state -> (CheckedContinuation<[UInt8]?, any Error>?, Bool) in
            change(&state)
            defer { state.waiter = nil }
            return (state.waiter, state.isBroken)
        }
        if broken { waiter?.resume(throwing: MatrixError.badRequest("The upload broke off.")) } else { waiter?.resume(returning: nil) }
    }

    func next() async throws -> [UInt8]? {
        try await withCheckedThrowingContinuation { continuation in
            enum Step { case give([UInt8], resume: Bool), end, broken, wait }
            let step = state.withLock { state -> Step in
                if !state.pieces.isEmpty {
                    let piece = state.pieces.removeFirst()
                    state.bytes -= piece.count
                    let resume = state.isPaused && state.bytes < Self.low
                    if resume { state.isPaused = false }
                    return .give(piece, resume: resume)
                }
                if state.isBroken { return .broken }
                if state.isFinished { return .end }
                state.waiter = continuation
                return .wait
            }
            switch step {
            case .give(let piece, let resume):
                if resume { onFullness() }
                continuation.resume(returning: piece)
            case .end: continuation.resume(returning: nil)
            case .broken: continuation.resume(throwing: MatrixError.badRequest("The upload broke off."))
            case .wait: break
            }
        }
    }
}
