import MatrixCore
import ServerKit
import Store
import Synchronization

/// Simplified sliding sync: the client says which rooms are in its sight and gets what is new of them.
/// https://github.com/matrix-org/matrix-spec-proposals/blob/main/proposals/4186-simplified-sliding-sync.md
///
/// Invariants: one engine for both forms of the request (see ``SlidingCodec``); fed by the same `SyncSource`s as `/v3/sync`; a waiting
/// connection reads nothing; what an answer's `pos` stands for is durable before the answer leaves; the same `pos` may come twice.
struct SlidingSync: Sendable {
    private let lists = RoomLists()
    private let connections = Connections()

    var routes: [Route] {
        [SlidingRequest.Form.unstable, .v4].map { form in
            Route(.post, Self.path(form), auth: .guest, limit: .sync, direct: { try direct($0, $1, $2, form) }, { try await answer($0, $1, form) })
        }
    }
    fileprivate static func path(_ form: SlidingRequest.Form) -> String {
        switch form {
        case .unstable: "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
        case .v4: "/_matrix/client/v4/sync"
        }
    }
    var jobs: [Job] { [Job("forget sliding sync connections", every: 6 * 3_600_000) { [connections] in try await connections.expire($0) }] }

    private func direct(_ request: Request, _ c: Context, _ reply: any Reply, _ form: SlidingRequest.Form) throws -> Direct {
        let asked = try SlidingCodec.read(request, form: form)
        let poll = SlidingPoll(self, c, request.user, asked, language: request.language, reply)
        poll.begin()
        return .waits(poll, min(asked.timeout, SyncEndpoint.longest))
    }

    private func answer(_ request: Request, _ c: Context, _ form: SlidingRequest.Form) async throws -> Response {
        let session = request.user
        var turn = try await begin(c, session, try SlidingCodec.read(request, form: form))
        c.metrics.add(.syncWaiting)
        defer { c.metrics.add(.syncWaiting, -1); c.metrics.add(.syncAnswers) }
        let deadline = c.clock.now + min(turn.asked.timeout, SyncEndpoint.longest)
        while true {
            let result = try await read(c, session, turn)
            let remaining = deadline - c.clock.now
            if turn.isNew || result.answer.hasNews || remaining <= 0 || Task.isCancelled || c.hub.isClosed { return try await finish(c, session, turn, result) }
            turn.goOn(from: result)
            await c.hub.wait(session.userID.rawValue, since: result.token, timeout: remaining)
        }
    }

    /// One request, from its coming in to its answer.
    struct Turn: Sendable {
        let asked: SlidingRequest
        let key: Connections.Key
        /// The connection as the request found it.
        let taken: Connections.Taken
        /// From where the next look begins: the connection with what was seen since, and up to where.
        var at: Connections.Taken
        var since: SyncToken?
        var isNew: Bool { taken.version == nil }

        /// Nothing for this client: what is known now is where the next look begins.
        mutating func goOn(from result: SlidingReader.Result) {
            since = result.token
            at.state = result.state
        }
    }

    fileprivate func begin(_ c: Context, _ session: Session, _ asked: SlidingRequest) async throws -> Turn {
        let key = Connections.Key(user: session.userID, device: session.deviceID, name: asked.connection)
        var taken = Connections.Taken(state: ConnectionState(), told: ToldMembers(), version: nil, serial: 0)
        var since: SyncToken?
        if let text = asked.pos {
            guard let pos = SlidingPos(text) else { throw Connections.unknownPos }
            // A position of the future comes from a database that was put back: only a fresh start helps that client.
            if pos.token.position > c.db.position, try await c.db.read({ try $0.position }) < pos.token.position { throw Connections.unknownPos }
            taken = try await connections.take(c, key, pos)
            since = pos.token
        }
        try await SyncEndpoint.listen(c, session)
        for source in c.syncSources { try await source.began(c, user: session.userID, device: session.deviceID, presence: asked.presence) }
        if let received = asked.toDevice?.since, received <= c.db.position {
            let token = SyncToken(position: received, ephemeral: 0)
            for source in c.syncSources { try await source.acknowledged(c, user: session.userID, device: session.deviceID, through: token) }
        }
        return Turn(asked: asked, key: key, taken: taken, at: taken, since: since)
    }

    fileprivate func read(_ c: Context, _ session: Session, _ turn: Turn) async throws -> SlidingReader.Result {
        let reader = SlidingReader(c: c, asked: turn.asked, session: session, since: turn.since, taken: turn.at)
        let ephemeral = c.hub.ephemeral   // before the snapshot: what changes between is told again, never lost
        let one = lists.of(session.userID)
        let body: @Sendable (ReadTx) throws -> SlidingReader.Result = { tx in
            try one.list.withLock { list in try reader.read(tx, &list, ephemeral: ephemeral) }
        }
        // A few changed rooms are read here and now; more is a reader's work.
        if let since = turn.since, let touched = Touched(c, session, since: since, covering: 0), touched.rooms.count <= 4 { return try await c.db.quickRead(body) }
        return try await c.db.read(body)
    }

    fileprivate func finish(_ c: Context, _ session: Session, _ turn: Turn, _ result: SlidingReader.Result) async throws -> Response {
        SyncEndpoint.follow(c, session, since: turn.asked.pos.flatMap { SlidingPos($0)?.token }, next: result.token)
        let pos = try await connections.answer(c, turn.key, from: turn.taken, result.state, token: result.token, told: result.told)
        return .json(bytes: result.answer.encoded(turn.asked.form, pos: pos, transaction: turn.asked.transaction))
    }

    /// The answer when nothing has changed since `result` was read; nil when something must be read or written for it.
    fileprivate func finishIdle(_ c: Context, _ session: Session, _ turn: Turn, _ result: SlidingReader.Result) -> Response? {
        var result = result
        if turn.asked.wantsKeys {
            // A key that was handed out meanwhile wakes nobody, but is counted.
            var parts = SyncParts()
            for source in c.syncSources where !source.idle(user: session.userID, device: session.deviceID, into: &parts) { return nil }
            result.answer.keys = parts.extra
        }
        guard let pos = connections.answerUnchanged(c, turn.key, from: turn.taken, result.state, token: result.token, told: result.told) else { return nil }
        return .json(bytes: result.answer.encoded(turn.asked.form, pos: pos, transaction: turn.asked.transaction))
    }
}

/// A request of sliding sync: it takes a task when there is something to read, and waits without one and without a timer.
///
/// Invariants: one task at most reads for it; it is answered once.
private final class SlidingPoll: ParkedPoll, Waiting {
    private struct State {
        var turn: SlidingSync.Turn?
        /// What was read last and had no news.
        var result: SlidingReader.Result?
        /// By which the hub knows it.
        var number: Int?
        var isExpired = false
        var isOver = false
    }
    private let state = Mutex(State())
    private let sync: SlidingSync
    private let c: Context
    private let session: Session
    private let asked: SlidingRequest
    private let language: String
    private let reply: any Reply

    init(_ sync: SlidingSync, _ c: Context, _ session: Session, _ asked: SlidingRequest, language: String, _ reply: any Reply) {
        self.sync = sync; self.c = c; self.session = session; self.asked = asked; self.language = language; self.reply = reply
    }

    func begin() {
        c.metrics.add(.syncWaiting)
        task {
            let turn = try await self.sync.begin(self.c, self.session, self.asked)
            self.state.withLock { $0.turn = turn }
            try await self.look()
        }
    }

    func wake(_ polls: [any ParkedPoll]) {
        for case let poll as SlidingPoll in polls { poll.task { try await poll.look() } }
    }

    private func task(_ work: @escaping @Sendable () async throws -> Void) {
        Task {
            do { try await work() } catch { self.send(Router.failure(error, "POST " + SlidingSync.path(self.asked.form), language: self.language, self.c)) }
        }
    }

    /// Reads, and answers or waits.
    private func look() async throws {
        var rounds = 0
        while let (turn, isOver) = state.withLock({ state in state.turn.map { ($0, state.isOver) } }), !isOver {
            let result = try await sync.read(c, session, turn)
            let isExpired = state.withLock { state in
                state.turn?.goOn(from: result)
                state.result = result
                return state.isExpired
            }
            rounds += 1
            // An empty answer is always allowed: better than going round when the hub has forgotten the listener.
            if turn.isNew || result.answer.hasNews || isExpired || rounds == 16 || c.hub.isClosed { return send(try await sync.finish(c, session, turn, result)) }
            if park(at: result.token) { return }
        }
    }

    /// False when it is to be read again.
    private func park(at token: SyncToken) -> Bool {
        let name = session.userID.rawValue
        guard let number = c.hub.park(self, name, since: token) else { return false }
        let isDone = state.withLock { state in
            state.number = number
            return state.isExpired || state.isOver
        }
        // The time ran out before the hub's number was known here.
        return !(isDone && c.hub.release(name, number))
    }

    func expire() -> Response? {
        let (number, turn, result) = state.withLock { state in
            state.isExpired = true
            return (state.number, state.turn, state.result)
        }
        // Where a task reads, that one answers.
        guard let number, c.hub.release(session.userID.rawValue, number), let turn, let result else { return nil }
        if let response = sync.finishIdle(c, session, turn, result) { return end() ? response : nil }
        task { try await self.look() }
        return nil
    }

    func cancel() {
        guard end(), let number = state.withLock(\.number) else { return }
        c.hub.release(session.userID.rawValue, number)
    }

    private func send(_ response: Response) {
        if end() { reply.send(response) }
    }

    /// True for whoever is to answer; false when it has been answered or cancelled.
    private func end() -> Bool {
        let isFirst = state.withLock { state in
            defer { state.isOver = true; state.turn = nil; state.result = nil }
            return !state.isOver
        }
        if isFirst {
            c.metrics.add(.syncWaiting, -1)
            c.metrics.add(.syncAnswers)
        }
        return isFirst
    }
}
