import Logging
import MatrixCore
import ServerKit
import Store
import Synchronization

/// Tells the gateways. Each pusher gets what waits for it in order, one request after the other; pushers do not wait for each other.
///
/// What is done is written after the gateway has answered: a crash between the two repeats one notification, which gateways and devices know
/// by its event id; nothing is left out.
final class Gateway: Sendable {
    private struct State {
        /// Whose pushers must be looked at.
        var users: Set<UserID> = []
        /// Pushers that failed, and when they try again.
        var retries: [Int64: Int64] = [:]
        /// The latest time that was seen, and pushers that try again at once since the clock was set back: their time may be hours away now.
        var seen: Int64 = 0
        var unpaused: Set<Int64> = []

        mutating func look(_ now: Int64) {
            if now < seen - 1000 {
                unpaused.formUnion(retries.keys)
                for number in retries.keys { retries[number] = now }
            }
            seen = now
        }
    }
    private let state = Mutex(State())
    private let watch: Watch
    static let mostAtOnce = 64

    init(_ watch: Watch) { self.watch = watch }

    func wake(_ user: UserID) { state.withLock { _ = $0.users.insert(user) } }

    func load(_ tx: ReadTx) throws {
        let (users, retries) = try Pushers.unfinished(tx)
        state.withLock { state in
            state.users.formUnion(users)
            for (number, at) in retries { state.retries[number] = at }
        }
    }

    func hasWork(_ now: Int64) -> Bool {
        state.withLock { state in
            state.look(now)
            return !state.users.isEmpty || state.retries.values.contains { $0 <= now }
        }
    }

    private enum Outcome: Sendable { case finished(Int64), tick }

    /// Works until nothing is left that is due.
    func run(_ c: Context) async throws {
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            var active: Set<Int64> = [], again: Set<Int64> = [], queue: [Int64] = [], isTicking = false
            while !Task.isCancelled {
                for number in try await due(c) {
                    if active.contains(number) { again.insert(number) } else if !queue.contains(number) { queue.append(number) }
                }
                while active.count < Self.mostAtOnce, !queue.isEmpty {
                    let number = queue.removeFirst()
                    active.insert(number)
                    group.addTask { await self.serve(c, number); return .finished(number) }
                }
                if active.isEmpty { break }
                if !isTicking {
                    isTicking = true
                    group.addTask {
                        try? await Task.sleep(for: .milliseconds(50))   // cancelled: the loop ends
                        return .tick
                    }
                }
                switch try await group.next() {
                case .finished(let number):
                    active.remove(number)
                    if again.remove(number) != nil { queue.append(number) }
                case .tick: isTicking = false
                case nil: break
                }
            }
            group.cancelAll()
        }
    }

    /// Takes what is to be looked at now.
    private func due(_ c: Context) async throws -> [Int64] {
        let now = c.clock.now
        let (users, retries) = state.withLock { state in
            state.look(now)
            let users = state.users, retries = state.retries.filter { $0.value <= now }.map(\.key)
            state.users = []
            for number in retries { state.retries[number] = nil }
            return (users, retries)
        }
        if users.isEmpty { return retries }
        do {
            return try await c.db.read { tx in try users.sorted().flatMap { try Pushers.numbers(tx, of: $0) } } + retries
        } catch {
            state.withLock { state in
                state.users.formUnion(users)
                for number in retries { state.retries[number] = now }
            }
            throw error
        }
    }

    // MARK: one pusher

    private enum Step: Sendable {
        case nothing
        case later(Int64)
        case tell(Pusher, JSON, through: Int64, unread: Int64, at: Int64)
        /// Nothing of what waits up to `through` is to be told.
        case skipped(Pusher, through: Int64, at: Int64)
    }

    private func serve(_ c: Context, _ number: Int64) async {
        do {
            while !Task.isCancelled {
                switch try await c.db.read({ tx in try self.step(c, tx, number) }) {
                case .nothing: return
                case .later(let at):
                    state.withLock { $0.retries[number] = at }
                    return
                case .skipped(let pusher, let position, let snapshot):
                    try await c.db.write { tx in try Pushers.done(tx, pusher, through: position, badge: pusher.badge, at: snapshot) }
                case .tell(let pusher, let body, let position, let unread, let snapshot):
                    guard try await tell(c, pusher, body, through: position, unread: unread, at: snapshot) else { return }
                }
            }
        } catch where error is CancellationError || Task.isCancelled {
            state.withLock { $0.retries[number] = 0 }   // the server ends
        } catch {
            c.log.error("a pusher could not be served, it is tried again", metadata: ["pusher": "\(number)", "error": "\(error)"])
            state.withLock { $0.retries[number] = c.clock.now + 5000 }
        }
    }

    private func step(_ c: Context, _ tx: ReadTx, _ number: Int64) throws -> Step {
        guard let pusher = try Pushers.pusher(tx, number) else { return .nothing }
        let now = c.clock.now, snapshot = try tx.position
        if pusher.retryAt > now, state.withLock({ $0.unpaused.remove(number) == nil }) { return .later(pusher.retryAt) }
        var through = pusher.sentPosition, hasMore = true
        while hasMore {
            let batch = try Pushers.waiting(tx, user: pusher.user, after: through, limit: 50)
            hasMore = batch.count == 50
            for waiting in batch {
                defer { through = waiting.position }
                guard now - waiting.created <= GatewayRules.lifetime,
                      let notice = try c.ports.notices.notice(c, tx, room: waiting.room, event: waiting.event, for: pusher.user) else { continue }
                let unread = try c.ports.notices.unread(tx, user: pusher.user)
                return .tell(pusher, try GatewayRules.body(pusher, waiting, notice, unread: unread), through: waiting.position, unread: unread, at: snapshot)
            }
        }
        if pusher.countPosition > pusher.toldPosition {
            let unread = try c.ports.notices.unread(tx, user: pusher.user)
            if unread != pusher.badge { return .tell(pusher, GatewayRules.badge(pusher, unread: unread), through: through, unread: unread, at: snapshot) }
            return .skipped(pusher, through: through, at: snapshot)
        }
        return through > pusher.sentPosition ? .skipped(pusher, through: through, at: snapshot) : .nothing
    }

    /// True when the next one may follow at once.
    private func tell(_ c: Context, _ pusher: Pusher, _ body: JSON, through position: Int64, unread: Int64, at snapshot: Int64) async throws -> Bool {
        let failure: String, asked: Int64?
        do {
            let answer = try await c.outbound.send(OutboundRequest(
                "POST", pusher.url, headers: [(name: "Content-Type", value: "application/json")], body: body.encoded(), timeout: GatewayRules.timeout, maxBytes: 1 << 16))
            if (200..<300).contains(answer.status) {
                c.follow("push delivered", ["pusher": "\(pusher.number)", "event.id": body["notification"]?["event_id"]?.stringValue ?? "-", "commit.position": "\(position)"])
                try await accepted(c, pusher, answer.body, through: position, unread: unread, at: snapshot)
                return true
            }
            failure = "status \(answer.status)"
            asked = answer.status == 429 || answer.status == 503 ? answer.headers["Retry-After"].flatMap { Int64($0) }.flatMap { $0 >= 0 && $0 < 1 << 40 ? $0 * 1000 : nil } : nil
        } catch let error as OutboundError {
            failure = "\(error)"
            asked = nil
        }
        let attempts = pusher.attempts + 1, retryAt = c.clock.now + GatewayRules.delay(after: attempts, asked: asked)
        c.log.notice("a push gateway does not take a notification", metadata: ["pusher": "\(pusher.number)", "error": "\(failure)", "attempts": "\(attempts)"])
        try await c.db.write { tx in try Pushers.failed(tx, pusher, attempts: attempts, retryAt: retryAt, error: String(failure.prefix(500))) }
        state.withLock { $0.retries[pusher.number] = retryAt }
        return false
    }

    private func accepted(_ c: Context, _ pusher: Pusher, _ answer: [UInt8], through position: Int64, unread: Int64, at snapshot: Int64) async throws {
        // A gateway that answers 2xx with something else than JSON has taken it all the same.
        let rejected = (try? JSON.parse(answer))?["rejected"]?.arrayValue ?? []
        let isRejected = rejected.contains { $0.stringValue == pusher.pushkey }
        let watch = watch
        try await c.db.write { tx in
            if isRejected {
                try Pushers.delete(tx, pusher)
                try Pushers.tidy(tx, watch, user: pusher.user)
            } else {
                try Pushers.done(tx, pusher, through: position, badge: unread, at: snapshot)
            }
        }
        if isRejected { c.log.info("a pusher is removed: its gateway rejected the pushkey", metadata: ["pusher": "\(pusher.number)"]) }
    }
}
