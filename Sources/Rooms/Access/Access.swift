package import MatrixCore
package import ServerKit
package import Store

/// Who may read what of a room. Every reading endpoint asks here.
/// https://spec.matrix.org/latest/client-server-api/#room-history-visibility
package enum Access {
    /// A room as one user may read it.
    package struct Reader: Sendable {
        package let room: RoomHead
        package let user: UserID
        /// The user's place in the room, if he ever had one.
        package let member: Member?
        /// The last position of which he may see the state: no limit for those in the room and in world-readable rooms, the position at
        /// which he left for those who left.
        package let end: Int64?
        /// The room is blocked, and he is outside: of what the world may read he sees only what he saw as a member.
        package var isShut = false
        package var isJoined: Bool { member?.membership == "join" }
    }

    /// - Throws: M_FORBIDDEN for a user who is not in the room, was not, and may not look in from outside. A room that does not exist
    ///   answers the same: its existence is nobody's business.
    package static func reader(_ tx: ReadTx, room id: RoomID, _ user: UserID) throws -> Reader {
        guard let room = try RoomStore.head(tx, id) else { throw refusal(id) }
        return try reader(tx, room: room, user)
    }

    package static func reader(_ tx: ReadTx, room: RoomHead, _ user: UserID) throws -> Reader {
        let member = try MembershipStore.member(tx, room: room.nid, user)
        if member?.membership == "join" { return Reader(room: room, user: user, member: member, end: nil) }
        let isOpen = try isWorldReadable(tx, room.nid), isBlocked = try isOpen && RoomBlocks.contains(tx, room.id)
        if isOpen, !isBlocked { return Reader(room: room, user: user, member: member, end: nil) }
        guard let member, !member.isForgotten, member.membership == "leave" || member.membership == "ban", let left = try lastJoinEnd(tx, room.nid, user) else {
            throw isBlocked ? RoomBlocks.refusal(room.id) : refusal(room.id)
        }
        return Reader(room: room, user: user, member: member, end: left, isShut: isBlocked)
    }

    /// - Throws: M_FORBIDDEN unless the user is in the room now.
    package static func joined(_ tx: ReadTx, room id: RoomID, _ user: UserID) throws -> RoomHead {
        guard let room = try RoomStore.head(tx, id), try MembershipStore.membership(tx, room: room.nid, user) == "join" else { throw refusal(id) }
        return room
    }

    package static func refusal(_ room: RoomID) -> MatrixError { .forbidden("You are not in the room \(room).") }

    /// Which events of a room's past the user may see, and what he was at each of them.
    package static func history(_ tx: ReadTx, room nid: Int64, _ user: UserID) throws -> History {
        let memberships = try StateStore.history(tx, room: nid, EventType.member, user.rawValue).map {
            History.Interval(from: $0.from, to: $0.to ?? .max, value: field("membership", $0.content) ?? "leave")
        }
        let visibilities = try StateStore.history(tx, room: nid, EventType.historyVisibility, "").map {
            History.Interval(from: $0.from, to: $0.to ?? .max, value: field("history_visibility", $0.content) ?? "shared")
        }
        return History(user: user, memberships: memberships, visibilities: visibilities)
    }

    /// An event that the user may see; nil when there is none or he may not: the two look the same from outside.
    package static func event(_ c: Context, _ tx: ReadTx, room id: RoomID, _ event: EventID, _ user: UserID) throws -> (room: RoomHead, event: EventRow, membership: String)? {
        guard let room = try RoomStore.head(tx, id), let row = try EventStore.event(tx, room: room.nid, event) else { return nil }
        let history = try history(tx, room: room.nid, user)
        guard history.canSee(row) else { return nil }
        if history.membership(at: room.lastPos) != "join", !history.shut().canSee(row) { try RoomBlocks.check(tx, id) }
        return (room, try Erasure.apply(c, tx, room: room.nid, [row], history)[0], history.membership(at: row.pos))
    }

    /// The position that a sync or pagination token names (`s12_345`, `t12`, ...).
    package static func position(token: String) -> Int64? {
        guard let first = token.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return nil }
        let digits = token.utf8.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return String(digits).flatMap(Int64.init)
    }

    private static func isWorldReadable(_ tx: ReadTx, _ nid: Int64) throws -> Bool {
        try RoomStore.summary(tx, nid: nid)?.historyVisibility == HistoryVisibility.worldReadable.rawValue
    }
    private static func lastJoinEnd(_ tx: ReadTx, _ nid: Int64, _ user: UserID) throws -> Int64? {
        try StateStore.history(tx, room: nid, EventType.member, user.rawValue).last { field("membership", $0.content) == "join" }?.to
    }
    private static func field(_ name: String, _ content: [UInt8]) -> String? {
        (try? JSONObject.parse(content))?[name]?.stringValue   // stored content is always valid
    }
}

/// One user's view of a room's past: two short lists of intervals, so that a page of events is judged without further queries. Pure.
package struct History: Sendable {
    package struct Interval: Sendable {
        package let from: Int64
        /// Exclusive.
        package let to: Int64
        package let value: String
        package init(from: Int64, to: Int64, value: String) { self.from = from; self.to = to; self.value = value }
    }
    package let user: UserID
    private let memberships: [Interval]
    private let visibilities: [Interval]
    /// The end of the last time that the user was joined.
    private let joinedUntil: Int64
    private var isShut = false

    package init(user: UserID, memberships: [Interval], visibilities: [Interval]) {
        self.user = user; self.memberships = memberships; self.visibilities = visibilities
        joinedUntil = memberships.last { $0.value == "join" }?.to ?? 0
    }

    /// The same for somebody to whom the room is shut: what the world may read he may read only as far as members could.
    package func shut() -> History {
        var history = self
        history.isShut = true
        return history
    }

    package var everJoined: Bool { joinedUntil > 0 }
    /// The user's membership after the event at `pos`; "leave" for a time before he had to do with the room.
    package func membership(at pos: Int64) -> String { Self.value(memberships, pos) ?? "leave" }
    package func visibility(at pos: Int64) -> HistoryVisibility {
        Self.value(visibilities, pos).flatMap(HistoryVisibility.init(rawValue:)) ?? .shared
    }

    package func canSee(_ event: EventRow) -> Bool {
        // Where the event itself changes what counts, the more generous of before and after holds.
        let isOwnMembership = event.type == EventType.member && event.stateKey == user.rawValue
        let isVisibility = event.type == EventType.historyVisibility && event.stateKey == ""
        if isOwnMembership { return true }
        if allows(event.pos, visibility(at: event.pos)) { return true }
        return isVisibility && allows(event.pos, visibility(at: event.pos - 1))
    }

    private func allows(_ pos: Int64, _ visibility: HistoryVisibility) -> Bool {
        let membership = membership(at: pos)
        if membership == "join" { return true }
        switch visibility {
        case .worldReadable: return !isShut || joinedUntil > pos
        case .shared: return joinedUntil > pos
        case .invited: return membership == "invite" && joinedUntil > pos
        case .joined: return false
        }
    }

    /// The intervals do not overlap and are in order.
    private static func value(_ intervals: [Interval], _ pos: Int64) -> String? {
        var low = 0, high = intervals.count
        while low < high {
            let middle = (low + high) / 2
            if intervals[middle].to <= pos { low = middle + 1 } else { high = middle }
        }
        guard low < intervals.count, intervals[low].from <= pos else { return nil }
        return intervals[low].value
    }
}
