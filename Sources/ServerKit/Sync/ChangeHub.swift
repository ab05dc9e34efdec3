package import MatrixCore
package import Store
import Synchronization

/// A long-poll that waits in the hub, without a task.
package protocol ParkedPoll: AnyObject, Sendable {
    /// Something has changed for each of `polls`, all of this one's class and this the first; they wait no more. Called on the thread that
    /// made the change: it must be quick.
    func wake(_ polls: [any ParkedPoll])
}

/// Tells those who wait that something of theirs has changed, and remembers for each listener what changed lately, so that
/// an idle long-poll never reads the database.
///
/// Invariants: fed only after a commit is durable (or by in-memory changes); never does I/O; a listener that was told
/// "nothing since p" has really missed nothing, because listeners are told of their rooms in commit order.
package final class ChangeHub: Sendable {
    /// One change as a listener sees it.
    package struct Change: Sendable, Hashable {
        package var position: Int64
        package var isEphemeral: Bool
        package var key: ChangeKey
    }
    /// What has changed for a user since a token.
    package enum Since: Sendable {
        case nothing
        /// All that changed.
        case keys(Set<ChangeKey>)
        /// It is too long ago to know.
        case unknown
    }

    private enum Waiter {
        case task(CheckedContinuation<Void, Never>)
        case poll(any ParkedPoll)
    }
    private final class Listener {
        var rooms: Set<String> = []
        /// Latest changes, oldest first; everything after `knownFrom` is in it.
        var recent: [Change] = []
        var knownPosition: Int64
        var knownEphemeral: Int64
        var waiters: [(id: Int, waiter: Waiter)] = []
        var lastUse: Int64 = 0
        var isReady = false
        init(position: Int64, ephemeral: Int64) { knownPosition = position; knownEphemeral = ephemeral }
    }
    private struct State {
        var listeners: [String: Listener] = [:]
        var byRoom: [String: Set<String>] = [:]
        var position: Int64
        var ephemeral: Int64
        var nextWaiter = 0
        var isClosed = false
    }
    private static let kept = 64
    private let state: Mutex<State>

    /// `position`: the database's position at start. `ephemeral`: microseconds at start.
    package init(position: Int64, ephemeral: Int64) { state = Mutex(State(position: position, ephemeral: ephemeral)) }

    package var ephemeral: Int64 { state.withLock { $0.ephemeral } }
    package var token: SyncToken { state.withLock { SyncToken(position: $0.position, ephemeral: $0.ephemeral) } }

    /// Called by the database's commit hook, in commit order.
    package func committed(_ info: CommitInfo) {
        let woken = state.withLock { state -> [Waiter] in
            state.position = max(state.position, info.position)
            return Self.tell(&state, info.keys, position: info.position, isEphemeral: false)
        }
        Self.wake(woken)
    }

    /// A change that lives in memory only (typing, presence). Gives its ephemeral position. `note` stores the position where
    /// the source keeps its data, before any reader can have a token that covers it; it must not call the hub.
    @discardableResult package func changed(_ keys: [ChangeKey], note: (Int64) -> Void = { _ in }) -> Int64 {
        let (position, woken) = state.withLock { state -> (Int64, [Waiter]) in
            state.ephemeral += 1
            note(state.ephemeral)
            return (state.ephemeral, Self.tell(&state, Set(keys), position: state.ephemeral, isEphemeral: true))
        }
        Self.wake(woken)
        return position
    }

    private static func tell(_ state: inout State, _ keys: Set<ChangeKey>, position: Int64, isEphemeral: Bool) -> [Waiter] {
        var woken: [Waiter] = []
        for key in keys {
            let names: Set<String> = switch key {
            case .user(let user), .device(let user): [user]
            case .room(let room), .receipts(let room): state.byRoom[room] ?? []
            case .desk: ["desk"]
            case .custom(let name): ["custom:" + name]
            }
            for name in names {
                guard let listener = state.listeners[name] else { continue }
                listener.recent.append(Change(position: position, isEphemeral: isEphemeral, key: key))
                if listener.recent.count > kept {
                    for change in listener.recent.prefix(kept / 2) {
                        if change.isEphemeral { listener.knownEphemeral = max(listener.knownEphemeral, change.position) } else { listener.knownPosition = max(listener.knownPosition, change.position) }
                    }
                    listener.recent.removeFirst(kept / 2)
                }
                if !listener.waiters.isEmpty {
                    for entry in listener.waiters { woken.append(entry.waiter) }
                    listener.waiters.removeAll()
                }
            }
        }
        return woken
    }

    /// Makes `name` (a user id, "desk" or "custom:...") known, so that joins from now on reach it. Then read its rooms and
    /// call `listen`: in this order no join falls between. False when it listens already.
    package func prepare(_ name: String, now: Int64) -> Bool {
        state.withLock { state in
            if let old = state.listeners[name] { old.lastUse = now; return !old.isReady }
            let listener = Listener(position: state.position, ephemeral: state.ephemeral)
            listener.lastUse = now
            state.listeners[name] = listener
            return true
        }
    }
    /// Adds the rooms that were read after `prepare`. What happened before this moment is not known.
    package func listen(_ name: String, rooms: [String]) {
        let woken = state.withLock { state -> [Waiter] in
            guard let listener = state.listeners[name] else { return [] }
            for room in rooms where listener.rooms.insert(room).inserted { state.byRoom[room, default: []].insert(name) }
            guard !listener.isReady else { return [] }
            listener.knownPosition = state.position
            listener.knownEphemeral = state.ephemeral
            listener.recent.removeAll()
            listener.isReady = true
            defer { listener.waiters.removeAll() }
            return listener.waiters.map(\.waiter)   // they began to wait before the rooms were known
        }
        Self.wake(woken)
    }
    /// Whether that may be a room of the listener: true also for one who is not known.
    package func mayHear(_ name: String, of room: String) -> Bool {
        state.withLock { state in
            guard let listener = state.listeners[name], listener.isReady else { return true }
            return listener.rooms.contains(room)
        }
    }
    /// Whether `name` listens; one who does is remembered for longer.
    package func isListening(_ name: String, now: Int64) -> Bool {
        state.withLock { state in
            guard let listener = state.listeners[name], listener.isReady else { return false }
            listener.lastUse = now
            return true
        }
    }

    /// The user's set of rooms changed (after the commit, before its `committed`).
    package func joined(_ name: String, room: String) {
        state.withLock { state in
            guard let listener = state.listeners[name] else { return }
            listener.rooms.insert(room)
            state.byRoom[room, default: []].insert(name)
        }
    }
    package func left(_ name: String, room: String) {
        state.withLock { state in
            guard let listener = state.listeners[name] else { return }
            listener.rooms.remove(room)
            state.byRoom[room]?.remove(name)
        }
    }

    /// `covering`: the position of the snapshot that is read. A commit is visible a moment before the hub hears of it; then it does not know.
    package func changes(for name: String, since token: SyncToken, covering position: Int64 = 0) -> Since {
        guard token.toDevice == nil else { return .unknown }   // messages wait for the next answer
        return state.withLock { state in
            guard state.position >= position, let listener = state.listeners[name], listener.isReady, token.position >= listener.knownPosition, token.ephemeral >= listener.knownEphemeral else { return .unknown }
            var keys: Set<ChangeKey> = []
            for change in listener.recent where change.position > (change.isEphemeral ? token.ephemeral : token.position) { keys.insert(change.key) }
            return keys.isEmpty ? .nothing : .keys(keys)
        }
    }

    /// Returns when something changed for `name` after `token`, at the time-out, or when the task is cancelled.
    package func wait(_ name: String, since token: SyncToken, timeout milliseconds: Int64) async {
        guard milliseconds > 0, token.toDevice == nil else { return }
        let id = state.withLock { Self.nextWaiter(&$0) }
        let timer = Mutex<Task<Void, Never>?>(nil)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waits = state.withLock { state -> Bool in
                    guard !state.isClosed, !Task.isCancelled, let listener = Self.quiet(&state, name, since: token) else { return false }
                    listener.waiters.append((id, .task(continuation)))
                    return true
                }
                guard waits else { return continuation.resume() }
                // Only now: a timer that ends before the waiter is there would end nothing, and the wait would have no end.
                timer.withLock {
                    $0 = Task { [weak self] in
                        try? await Task.sleep(for: .milliseconds(milliseconds))   // cancelled when the wait ends earlier
                        self?.release(name, id)
                    }
                }
            }
        } onCancel: {
            release(name, id)
        }
        timer.withLock { $0?.cancel() }
    }

    /// Lets a poll wait until something has changed for `name` after `token`; gives the number to `release` it by. nil when there is
    /// something already, when the hub does not know, or when it is closed: then it does not wait.
    package func park(_ poll: any ParkedPoll, _ name: String, since token: SyncToken) -> Int? {
        state.withLock { state in
            guard token.toDevice == nil, !state.isClosed, let listener = Self.quiet(&state, name, since: token) else { return nil }
            let id = Self.nextWaiter(&state)
            listener.waiters.append((id, .poll(poll)))
            return id
        }
    }

    private static func nextWaiter(_ state: inout State) -> Int {
        state.nextWaiter += 1
        return state.nextWaiter
    }

    /// The listener, when nothing has changed for it after the token.
    private static func quiet(_ state: inout State, _ name: String, since token: SyncToken) -> Listener? {
        guard let listener = state.listeners[name], token.position >= listener.knownPosition, token.ephemeral >= listener.knownEphemeral,
              !listener.recent.contains(where: { $0.position > ($0.isEphemeral ? token.ephemeral : token.position) }) else { return nil }
        return listener
    }

    /// Ends one wait. False when it had ended already.
    @discardableResult package func release(_ name: String, _ id: Int) -> Bool {
        let found = state.withLock { state -> Waiter? in
            guard let listener = state.listeners[name], let index = listener.waiters.firstIndex(where: { $0.id == id }) else { return nil }
            return listener.waiters.remove(at: index).waiter
        }
        if case .task(let waiter) = found { waiter.resume() }
        return found != nil
    }

    private static func wake(_ woken: [Waiter]) {
        var polls: [any ParkedPoll] = []
        for waiter in woken {
            switch waiter {
            case .task(let continuation): continuation.resume()
            case .poll(let poll): polls.append(poll)
            }
        }
        // Each kind looks after its own.
        while let first = polls.first {
            let kind = ObjectIdentifier(type(of: first)), others = polls.filter { ObjectIdentifier(type(of: $0)) != kind }
            first.wake(others.isEmpty ? polls : polls.filter { ObjectIdentifier(type(of: $0)) == kind })
            polls = others
        }
    }

    /// Ends all waits: the server is going down.
    package func close() {
        let woken = state.withLock { state -> [Waiter] in
            state.isClosed = true
            defer { for listener in state.listeners.values { listener.waiters.removeAll() } }
            return state.listeners.values.flatMap { $0.waiters.map(\.waiter) }
        }
        Self.wake(woken)
    }
    package var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Forgets listeners nobody has used since `before` and who do not wait.
    package func forgetIdle(before: Int64) {
        state.withLock { state in
            for (name, listener) in state.listeners where listener.lastUse < before && listener.waiters.isEmpty {
                for room in listener.rooms {
                    state.byRoom[room]?.remove(name)
                    if state.byRoom[room]?.isEmpty == true { state.byRoom[room] = nil }
                }
                state.listeners[name] = nil
            }
        }
    }
}
