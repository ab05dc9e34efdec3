import MatrixCore
import ServerKit
import Store

/// One user reads one room: every endpoint that answers events goes through here.
struct RoomReader {
    let c: Context
    let tx: ReadTx
    let session: Session
    let access: Access.Reader
    let history: History
    let ignored: Ignored

    /// Throws M_FORBIDDEN for someone who may read nothing of the room.
    init(c: Context, tx: ReadTx, room: RoomID, session: Session) throws {
        self.c = c; self.tx = tx; self.session = session
        access = try Access.reader(tx, room: room, session.userID)
        let past = try Access.history(tx, room: access.room.nid, session.userID)
        history = access.isShut ? past.shut() : past
        ignored = try Ignored(c, tx, by: session.userID)
    }

    var head: RoomHead { access.room }
    var view: EventJSON.View { EventJSON.View(room: head.id, user: session.userID, device: session.deviceID, now: c.clock.now) }

    func visible(_ events: [EventRow]) throws -> [EventRow] { try Erasure.apply(c, tx, room: head.nid, events.filter { history.canSee($0) && !ignored.hides($0) }, history) }

    /// The event, when the user may see it; M_NOT_FOUND otherwise.
    func event(_ id: EventID) throws -> EventRow {
        guard let event = try EventStore.event(tx, room: head.nid, id), history.canSee(event) else { throw MatrixError.notFound("There is no such event in this room.") }
        return try Erasure.apply(c, tx, room: head.nid, [event], history)[0]
    }

    func json(_ events: [EventRow]) throws -> [[UInt8]] {
        let bundles = try Bundles.of(tx, events, user: session.userID), view = view
        return events.map { EventJSON.bytes($0, view, membership: history.membership(at: $0.pos), relations: bundles[$0.pos]) }
    }

    /// Member events of the senders, for lazy loading.
    func members(of events: [EventRow], at pos: Int64) throws -> [[UInt8]] {
        let view = view
        return try Set(events.map(\.sender)).sorted().compactMap { sender in
            try StateStore.event(tx, room: head.nid, EventType.member, sender.rawValue, at: pos).map { EventJSON.bytes($0, view) }
        }
    }
}

/// `from`, `to`, `dir` and `limit` of a paginated endpoint.
struct PageRequest {
    let isBackward: Bool
    let limit: Int
    /// Events after this position and at most `upper`.
    let lower: Int64, upper: Int64
    let hasFrom: Bool

    init(_ request: Request, defaultDirection: String? = nil, defaultLimit: Int64 = 10) throws {
        guard let dir = request.query["dir"] ?? defaultDirection else { throw MatrixError.missingParam("'dir' is required: b or f.") }
        guard dir == "b" || dir == "f" else { throw MatrixError.invalidParam("'dir' must be b or f.") }
        isBackward = dir == "b"
        limit = Int(min(max(try request.query.int("limit", default: defaultLimit), 1), 1000))
        func token(_ name: String) throws -> Int64? {
            guard let text = request.query[name], !text.isEmpty else { return nil }
            guard let token = PageToken(text) else { throw MatrixError.invalidParam("'\(name)' is not a token of this server.") }
            return token.position
        }
        let from = try token("from"), to = try token("to")
        hasFrom = from != nil
        lower = (isBackward ? to : from) ?? 0
        upper = (isBackward ? from : to) ?? .max - 1
    }
    func isInside(_ pos: Int64) -> Bool { pos > lower && pos <= upper }
}
