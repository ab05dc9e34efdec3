import MatrixCore
import ServerKit
import Store
import Synchronization

/// GET /_matrix/client/v3/sync. Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3sync
///
/// Invariants: an idle long-poll reads nothing; the answer's `next_batch` covers exactly what the answer holds.
struct SyncEndpoint: Sendable {
    let filters = SyncFilters()
    let courier = SyncCourier()
    static let path = "/_matrix/client/v3/sync"
    static let longest: Int64 = 120_000

    var routes: [Route] {
        [Route(.get, Self.path, auth: .guest, limit: .sync, direct: { try direct($0, $1, $2) }, { try await answer($0, $1) })]
    }

    private struct Question {
        let since: SyncToken?
        let timeout: Int64
        let fullState: Bool
        let section: SyncAnswer.StateSection
        let presence: String
        let filter: String?

        init(_ query: Query) throws(MatrixError) {
            if let text = query["since"], !text.isEmpty {
                guard let token = SyncToken(text) else { throw .invalidParam("'since' is not a token of this server.") }
                since = token
            } else {
                since = nil
            }
            timeout = min(try query.int("timeout", default: 0), SyncEndpoint.longest)
            fullState = try query.bool("full_state")
            section = try query.bool("use_state_after") ? .after : query.bool("org.matrix.msc4222.use_state_after") ? .unstableAfter : .before
            presence = query["set_presence"] ?? "online"
            guard ["online", "offline", "unavailable"].contains(presence) else { throw .invalidParam("'set_presence' must be online, unavailable or offline.") }
            filter = query["filter"]
        }
    }

    /// A client that goes on waiting: all that is needed to wait, and to answer later, is in memory. Where something is to be noted first
    /// (that the user is still there, which messages to the device have come), that takes a task, and the wait none.
    func direct(_ request: Request, _ c: Context, _ reply: any Reply) throws -> Direct {
        let session = request.user, question = try Question(request.query)
        guard let since = question.since, since.toDevice == nil, !question.fullState, since.position <= c.db.position,
              c.hub.isListening(session.userID.rawValue, now: c.clock.now) else { return .no }
        if case .unknown = c.hub.changes(for: session.userID.rawValue, since: since) { return .no }
        let poll = SyncPoll(c, courier, session, since: since, question.section, waits: question.timeout > 0, language: request.language, reply)
        let isQuiet = c.syncSources.allSatisfy { $0.isQuiet(c, user: session.userID, device: session.deviceID, presence: question.presence, through: since) }
        if isQuiet, let filter = filters.known(question.filter, session) {
            poll.begin(filter)
        } else {
            poll.begin { try await prepare(question, c, session).filter }
        }
        return .waits(poll, question.timeout)
    }

    /// What is noted and looked up before anything is read or waited for. `since` is nil where the client must begin anew.
    private func prepare(_ question: Question, _ c: Context, _ session: Session) async throws -> (filter: SyncFilters.Kept, since: SyncToken?) {
        let filter = try await filters.load(question.filter, c, session)
        try await Self.listen(c, session)
        for source in c.syncSources { try await source.began(c, user: session.userID, device: session.deviceID, presence: question.presence) }
        guard let since = question.since else { return (filter, nil) }
        // A token of the future comes from a database that was put back: only a fresh start helps that client. The position in
        // memory may lag behind a commit that the client's snapshot has seen already, so the database decides.
        if since.position > c.db.position, try await c.db.read({ try $0.position }) < since.position { return (filter, nil) }
        for source in c.syncSources { try await source.acknowledged(c, user: session.userID, device: session.deviceID, through: since) }
        return (filter, since)
    }

    func answer(_ request: Request, _ c: Context) async throws -> Response {
        let session = request.user, question = try Question(request.query)
        let fullState = question.fullState, section = question.section, name = session.userID.rawValue
        let (filter, since) = try await prepare(question, c, session)
        c.metrics.add(.syncWaiting)
        defer { c.metrics.add(.syncWaiting, -1); c.metrics.add(.syncAnswers) }
        let deadline = c.clock.now + question.timeout
        var token = since
        while true {
            let answer = try await read(c, session, since: token, filter: filter.filter, fullState: fullState, section)
            let remaining = deadline - c.clock.now
            if let answer {
                if since == nil || fullState || answer.hasNews || remaining <= 0 {
                    Self.follow(c, session, since: since, next: answer.next)
                    return .json(bytes: answer.encoded())
                }
                token = answer.next
            }
            if remaining <= 0 || Task.isCancelled || c.hub.isClosed {
                return try await Self.idle(c, session, at: token ?? c.hub.token)
            }
            if let token { await c.hub.wait(name, since: token, timeout: remaining) }
        }
    }

    /// The answer when nothing has changed.
    static func idle(_ c: Context, _ session: Session, at token: SyncToken) async throws -> Response {
        if let known = knownIdle(c, session, at: token) { return known }
        return try await c.db.read { tx in
            var idle = SyncAnswer(next: token)
            for source in c.syncSources { try source.idle(tx, user: session.userID, device: session.deviceID, into: &idle.parts) }
            return .json(bytes: idle.encoded())
        }
    }

    /// The same from memory; nil when something of it must be read.
    static func knownIdle(_ c: Context, _ session: Session, at token: SyncToken) -> Response? {
        var idle = SyncAnswer(next: token)
        for source in c.syncSources where !source.idle(user: session.userID, device: session.deviceID, into: &idle.parts) { return nil }
        return .json(bytes: idle.encoded())
    }

    /// An answer holds what was committed after `since` up to `next`.
    static func follow(_ c: Context, _ session: Session, since: SyncToken?, next: SyncToken) {
        c.follow("sync answered", ["user.id": session.userID.rawValue, "device.id": session.deviceID.rawValue,
                                   "sync.since": since.map { "\($0.position)" } ?? "-", "sync.next": "\(next.position)"])
    }

    /// Makes the hub tell the user of his rooms.
    static func listen(_ c: Context, _ session: Session) async throws {
        let name = session.userID.rawValue
        guard c.hub.prepare(name, now: c.clock.now) else { return }
        let rooms = try await c.db.read { try MembershipStore.joinedRooms($0, of: session.userID).map(\.id.rawValue) }
        c.hub.listen(name, rooms: rooms)
    }

    /// nil when the hub knows that nothing has changed.
    private func read(_ c: Context, _ session: Session, since: SyncToken?, filter: Filter, fullState: Bool, _ section: SyncAnswer.StateSection) async throws -> SyncAnswer? {
        let ephemeral = c.hub.ephemeral   // before the snapshot: what changes between is told again, never lost
        var touched: Touched?
        if let since, !fullState, since.toDevice == nil {
            let user = session.userID.rawValue, changes = c.hub.changes(for: user, since: since)
            if case .nothing = changes { return nil }
            touched = Touched(changes, of: user)
        }
        let reader = SyncReader(c: c, lazyMembers: courier.lazyMembers, session: session, since: since, filter: filter, fullState: fullState, stateSection: section, touched: touched)
        if let touched, touched.rooms.count <= 4 { return try await c.db.quickRead { tx in try reader.read(tx, ephemeral: ephemeral) } }
        return try await c.db.read { tx in try reader.read(tx, ephemeral: ephemeral) }
    }
}

/// The rooms in which something happened after a token, when nothing else of the user has changed.
struct Touched: Hashable, Sendable {
    var rooms: Set<RoomID> = []
    /// Of them, those where somebody has read on.
    var read: Set<RoomID> = []

    /// nil where that is not known up to the position `now` of a snapshot.
    init?(_ c: Context, _ session: Session, since: SyncToken, covering now: Int64) {
        let user = session.userID.rawValue
        self.init(c.hub.changes(for: user, since: since, covering: now), of: user)
    }

    init?(_ changes: ChangeHub.Since, of user: String) {
        switch changes {
        case .nothing: break
        // A change of the user himself may be an invite, or account data of any room.
        case .keys(let keys) where !keys.contains(.user(user)):
            for key in keys {
                switch key {
                case .room(let room): rooms.insert(RoomID(trusted: room))
                case .receipts(let room):
                    rooms.insert(RoomID(trusted: room))
                    read.insert(RoomID(trusted: room))
                default: break
                }
            }
        default: return nil
        }
    }
}

/// The `filter` parameter: a stored filter's id, or JSON. Neither changes, so those lately used are kept.
final class SyncFilters: Sendable {
    /// One for all who wait by it.
    final class Kept: Sendable {
        let filter: Filter
        init(_ filter: Filter) { self.filter = filter }
        static let none = Kept(Filter())
    }
    private let kept = Mutex<[String: Kept]>([:])
    private static let limit = 10_000, longestKey = 1024

    /// A filter in the request itself means the same to everybody.
    private static func key(_ text: String, _ session: Session) -> String {
        text.utf8.first == UInt8(ascii: "{") ? text : session.userID.rawValue + " " + text
    }

    /// A filter that needs no reading; nil for others.
    func known(_ text: String?, _ session: Session) -> Kept? {
        guard let text, !text.isEmpty else { return Kept.none }
        return kept.withLock { $0[Self.key(text, session)] }
    }

    func load(_ text: String?, _ c: Context, _ session: Session) async throws -> Kept {
        guard let text, !text.isEmpty else { return Kept.none }
        let user = session.userID, key = Self.key(text, session)
        if let filter = kept.withLock({ $0[key] }) { return filter }
        let json: JSON
        if text.utf8.first == UInt8(ascii: "{") {
            do { json = try JSON.parse(Array(text.utf8)) } catch { throw MatrixError.notJSON("'filter' is not valid JSON.") }
        } else {
            guard let stored = try await c.db.read({ try c.ports.users.filter($0, user: user, id: text) }) else { throw MatrixError.invalidParam("There is no filter '\(text)'.") }
            json = .object(stored)
        }
        let filter = Kept(try Self.parse(json))
        if key.utf8.count <= Self.longestKey {
            kept.withLock { kept in
                if kept.count >= Self.limit { kept.removeAll() }
                kept[key] = filter
            }
        }
        return filter
    }

    private static func parse(_ json: JSON) throws -> Filter {
        do { return try Filter(json) } catch { throw MatrixError.badJSON("The filter is wrong: \(error).") }
    }
}
