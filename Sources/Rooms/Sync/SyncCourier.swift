import MatrixCore
import ServerKit
import Store
import Synchronization

/// Reads for the long-polls that a change has woken, many in one snapshot: what the members of a room have in common is read once.
///
/// Invariants: polls are taken before the snapshot is opened, so it holds what woke them; each is answered once, or waits again.
final class SyncCourier: Sendable {
    private struct State {
        var woken: [SyncPoll] = []
        var running = 0
    }
    private let state = Mutex(State())
    let lazyMembers = LazyMembers()
    /// Polls of one snapshot. More would let the first of them wait for the last.
    private static let batch = 64

    func take(_ polls: [SyncPoll], _ c: Context) {
        // Reading from the embedded database is CPU alone: as many readers at once as that has use for. From another process it is waiting.
        let most = c.db.isEmbedded ? 2 : 4
        let starts = state.withLock { state in
            state.woken += polls
            guard state.running < most, state.running * Self.batch < state.woken.count else { return false }
            state.running += 1
            return true
        }
        if starts { run(c) }
    }

    /// What one run reads; the same when it must be read once more.
    private final class Batch: @unchecked Sendable {   // handed from one reader's thread to the next, never used by two
        var polls: [SyncPoll]?
    }

    private func run(_ c: Context) {
        let batch = Batch()
        c.db.read { [self] tx -> [SyncAnswer?] in
            let polls = batch.polls ?? state.withLock { state in
                let count = min(state.woken.count, Self.batch)
                defer { state.woken.removeFirst(count) }
                return Array(state.woken.prefix(count))
            }
            batch.polls = polls
            let ephemeral = c.hub.ephemeral   // before the snapshot: what changes between is told again, never lost
            return try polls.map { try $0.read(tx, lazyMembers, ephemeral: ephemeral) }
        } then: { [self] result in
            // What was refused before it began is refused to all: it would be again.
            finish(batch.polls ?? state.withLock { state in
                defer { state.woken.removeAll() }
                return state.woken
            }, result, c)
            let isDone = state.withLock { state in
                if state.woken.isEmpty { state.running -= 1 }
                return state.woken.isEmpty
            }
            if !isDone { run(c) }
        }
    }

    private func finish(_ polls: [SyncPoll], _ result: Result<[SyncAnswer?], any Error>, _ c: Context) {
        var lanes: [ObjectIdentifier: [(reply: any Reply, response: Response)]] = [:]
        func add(_ poll: SyncPoll, _ response: Response) { lanes[poll.reply.lane, default: []].append((poll.reply, response)) }
        switch result {
        case .success(let answers):
            for (poll, answer) in zip(polls, answers) {
                if let answer, answer.hasNews {
                    if poll.end() { add(poll, .json(bytes: answer.encoded())) }
                } else {
                    poll.waitAgain(at: answer?.next)
                }
            }
        case .failure(let error):
            for poll in polls where poll.end() { add(poll, Router.failure(error, "GET " + SyncEndpoint.path, language: poll.language, c)) }
        }
        for batch in lanes.values { batch[0].reply.send(batch) }
    }
}

/// A long-poll of /sync that waits without a task and without a timer.
final class SyncPoll: ParkedPoll, Waiting {
    private struct State {
        var token: SyncToken
        /// Known before it is read for the first time.
        var filter = SyncFilters.Kept.none
        /// By which the hub knows it.
        var number: Int?
        var isExpired = false
        var isOver = false
        /// How often it was read in vain without having been able to wait.
        var rounds = 0
    }
    private let state: Mutex<State>
    private let c: Context
    private let courier: SyncCourier
    private let session: Session
    private let section: SyncAnswer.StateSection
    let language: String
    let reply: any Reply

    /// - Parameter waits: false for one that is answered whether there is news or not.
    init(_ c: Context, _ courier: SyncCourier, _ session: Session, since: SyncToken, _ section: SyncAnswer.StateSection, waits: Bool, language: String,
         _ reply: any Reply) {
        state = Mutex(State(token: since, isExpired: !waits))
        self.c = c; self.courier = courier; self.session = session; self.section = section; self.language = language; self.reply = reply
        c.metrics.add(.syncWaiting)
    }

    func begin(_ filter: SyncFilters.Kept) {
        let isExpired = state.withLock { state in
            state.filter = filter
            return state.isExpired
        }
        if isExpired || !park() { courier.take([self], c) }
    }

    func begin(_ prepare: @escaping @Sendable () async throws -> SyncFilters.Kept) {
        Task {
            do { begin(try await prepare()) } catch {
                if end() { reply.send(Router.failure(error, "GET " + SyncEndpoint.path, language: language, c)) }
            }
        }
    }

    /// nil when the hub knows that nothing has changed, or nobody waits any more.
    func read(_ tx: ReadTx, _ lazyMembers: LazyMembers, ephemeral: Int64) throws -> SyncAnswer? {
        let (token, filter, isOver) = state.withLock { ($0.token, $0.filter, $0.isOver) }
        guard !isOver else { return nil }
        let user = session.userID.rawValue, changes = c.hub.changes(for: user, since: token)
        if case .nothing = changes { return nil }
        return try SyncReader(c: c, lazyMembers: lazyMembers, session: session, since: token, filter: filter.filter, fullState: false, stateSection: section,
                              touched: Touched(changes, of: user)).read(tx, ephemeral: ephemeral)
    }

    /// It was read in vain.
    func waitAgain(at token: SyncToken?) {
        let mayWait = state.withLock { state in
            if let token { state.token = token }
            state.rounds += 1
            return !state.isOver && !state.isExpired && state.rounds < 16
        }
        // An empty answer is always allowed: better than going round when the hub has forgotten the listener.
        guard mayWait, !c.hub.isClosed else { return answerIdle() }
        if !park() { courier.take([self], c) }
    }

    /// False when there is something to read.
    private func park() -> Bool {
        let token = state.withLock(\.token), name = session.userID.rawValue
        guard let number = c.hub.park(self, name, since: token) else { return false }
        let isOver = state.withLock { state in
            state.number = number
            state.rounds = 0
            return state.isOver || state.isExpired
        }
        // The time ran out before the hub's number was known here.
        if isOver, c.hub.release(name, number) { answerIdle() }
        return true
    }

    func wake(_ polls: [any ParkedPoll]) { courier.take(polls.compactMap { $0 as? SyncPoll }, c) }

    func expire() -> Response? {
        let number = state.withLock { state in
            state.isExpired = true
            return state.number
        }
        guard let number, c.hub.release(session.userID.rawValue, number) else { return nil }
        return idle()
    }

    func cancel() {
        guard end() else { return }
        if let number = state.withLock(\.number) { c.hub.release(session.userID.rawValue, number) }
    }

    /// True for whoever is to answer; false when it has been answered or cancelled.
    func end() -> Bool {
        let isFirst = state.withLock { state in
            defer { state.isOver = true }
            return !state.isOver
        }
        if isFirst {
            c.metrics.add(.syncWaiting, -1)
            c.metrics.add(.syncAnswers)
        }
        return isFirst
    }

    private func answerIdle() {
        if let response = idle() { reply.send(response) }
    }

    /// The answer when nothing has changed; nil when it has been given, or comes by the reply.
    private func idle() -> Response? {
        guard end() else { return nil }
        let token = state.withLock(\.token), c = c, session = session, reply = reply, language = language
        // From memory nearly always: where the waits of thousands end at once, none of them takes a task.
        if let known = SyncEndpoint.knownIdle(c, session, at: token) { return known }
        Task {
            do { reply.send(try await SyncEndpoint.idle(c, session, at: token)) } catch {
                reply.send(Router.failure(error, "GET " + SyncEndpoint.path, language: language, c))
            }
        }
        return nil
    }
}
