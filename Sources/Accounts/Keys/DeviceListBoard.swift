import MatrixCore
import Synchronization

/// What has lately changed of people's devices, and who lately came into or left rooms: a sync after a plain message learns
/// here, without a statement, that no device list has changed.
///
/// Invariants: written inside the transaction, before its commit, in order of positions; so it may know of a change that is
/// undone (its position is given out again, which removes it), but never lacks one that a snapshot holds.
final class DeviceListBoard: Sendable {
    enum Change: Sendable {
        /// `audience`: who shared a room with him at that time, himself included; nil when they are too many to keep.
        case devices(of: UserID, audience: Set<UserID>?)
        case membership(of: UserID, in: RoomID)
    }
    private struct State {
        var entries: [(position: Int64, change: Change)] = []
        /// Everything after this position is in `entries`.
        var knownFrom = Int64.max
    }
    static let kept = 4096, largestAudience = 64
    private let state = Mutex(State())

    /// At start: what happened before is in the database only.
    func begin(at position: Int64) { state.withLock { $0.knownFrom = position } }

    func note(_ change: Change, at position: Int64) {
        state.withLock { state in
            while let last = state.entries.last, last.position >= position { state.entries.removeLast() }   // undone
            state.entries.append((position, change))
            guard state.entries.count > Self.kept else { return }
            state.knownFrom = max(state.knownFrom, state.entries[Self.kept / 2 - 1].position)
            state.entries.removeFirst(Self.kept / 2)
        }
    }

    /// nil when that is too long ago.
    func changes(after from: Int64, through to: Int64) -> [Change]? {
        state.withLock { state in
            guard from >= state.knownFrom else { return nil }
            var found: [Change] = []
            for entry in state.entries.reversed() {
                if entry.position <= from { break }
                if entry.position <= to { found.append(entry.change) }
            }
            return found
        }
    }
}
