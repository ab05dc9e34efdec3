import MatrixCore
import ServerKit
import Store

/// One user reads one room: who may see what is asked here.
struct RoomReader {
    let c: Context
    let service: RoomService
    let tx: ReadTx
    let head: RoomHead
    let session: Session
    let member: Member?

    /// Throws M_FORBIDDEN for someone who may read nothing of the room.
    init(c: Context, service: RoomService, tx: ReadTx, room: RoomID, session: Session) throws {
        self.c = c; self.service = service; self.tx = tx; self.session = session
        head = try service.readableRoom(tx, room, by: session)
        member = try MembershipStore.member(tx, room: head.nid, session.userID)
    }

    var view: EventJSON.View { EventJSON.View(room: head.id, user: session.userID, device: session.deviceID, now: c.clock.now) }

    func visible(_ events: [StoredEvent]) throws -> [StoredEvent] {
        if events.isEmpty { return [] }
        return try service.visible(tx, events, room: head.nid, to: session.userID)
    }

    func json(_ events: [StoredEvent]) throws -> [[UInt8]] {
        let bundles = try Bundles.of(tx, events, user: session.userID), view = view
        return events.map { EventJSON.bytes($0, view, relations: bundles[$0.pos]) }
    }

    /// Member events of the senders, for lazy loading.
    func members(of events: [StoredEvent], at pos: Int64) throws -> [[UInt8]] {
        let view = view
        return try Set(events.map(\.sender)).sorted().compactMap { sender in
            try StateStore.event(tx, room: head.nid, "m.room.member", sender.rawValue, at: pos).map { EventJSON.bytes($0, view) }
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
