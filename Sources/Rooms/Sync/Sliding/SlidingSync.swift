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
        [
            Route(.post, "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", auth: .guest, limit: .sync) { try await answer($0, $1, .unstable) },
            Route(.post, "/_matrix/client/v4/sync", auth: .guest, limit: .sync) { try await answer($0, $1, .v4) },
        ]
    }
    var jobs: [Job] { [Job("forget sliding sync connections", every: 6 * 3_600_000) { [connections] in try await connections.expire($0) }] }

    private func answer(_ request: Request, _ c: Context, _ form: SlidingRequest.Form) async throws -> Response {
        let session = request.user
        let asked = try SlidingCodec.read(request, form: form)
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

        c.metrics.add(.syncWaiting)
        defer { c.metrics.add(.syncWaiting, -1); c.metrics.add(.syncAnswers) }
        let deadline = c.clock.now + min(asked.timeout, SyncEndpoint.longest)
        let isNew = since == nil
        var at = taken
        while true {
            let result = try await read(c, session, asked, since: since, at)
            let remaining = deadline - c.clock.now
            if isNew || result.answer.hasNews || remaining <= 0 || Task.isCancelled || c.hub.isClosed {
                SyncEndpoint.follow(c, session, since: asked.pos.flatMap { SlidingPos($0)?.token }, next: result.token)
                let pos = try await connections.answer(c, key, from: taken, result.state, token: result.token, told: result.told)
                return .json(bytes: result.answer.encoded(form, pos: pos, transaction: asked.transaction))
            }
            // Nothing for this client: what is known now is where the next look begins.
            since = result.token
            at.state = result.state
            await c.hub.wait(session.userID.rawValue, since: result.token, timeout: remaining)
        }
    }

    private func read(_ c: Context, _ session: Session, _ asked: SlidingRequest, since: SyncToken?, _ taken: Connections.Taken) async throws -> SlidingReader.Result {
        let reader = SlidingReader(c: c, asked: asked, session: session, since: since, taken: taken)
        let ephemeral = c.hub.ephemeral   // before the snapshot: what changes between is told again, never lost
        let one = lists.of(session.userID)
        let body: @Sendable (ReadTx) throws -> SlidingReader.Result = { tx in
            try one.list.withLock { list in try reader.read(tx, &list, ephemeral: ephemeral) }
        }
        // A few changed rooms are read here and now; more is a reader's work.
        if let since, let touched = Touched(c, session, since: since, covering: 0), touched.rooms.count <= 4 { return try await c.db.quickRead(body) }
        return try await c.db.read(body)
    }
}
