import MatrixCore
import ServerKit
import Store
import Synchronization

/// The rooms of one user, sorted by activity, in memory: so that an answer about one changed room reads one room.
///
/// Invariants: holds what was committed at `position`; is brought up to date in the snapshot that is read, from the rooms that the hub
/// names or, when the hub does not know, by one query over all; may be dropped at any time.
/// Activity is the last event for rooms that the user is in, the membership for others.
struct RoomList: Sendable {
    struct Entry: Sendable {
        let member: Member
        let room: RoomID
        let lastPos: Int64, bumpPos: Int64, memberPos: Int64, statePos: Int64
        let name: String?, avatar: String?
        let isEncrypted: Bool
        let type: String?
        let joinedCount: Int64, invitedCount: Int64
        /// Position of the last purge of the room's history.
        let purgedPos: Int64

        var nid: Int64 { member.room }
        var isJoined: Bool { member.membership == "join" }
        var isOutside: Bool { member.membership == "invite" || member.membership == "knock" }
        /// Position up to which the user may see something.
        var activity: Int64 { isJoined ? lastPos : member.pos }
        var bumpStamp: Int64 { isJoined ? bumpPos : member.pos }
        /// Removed by somebody else: he shall hear of it.
        var wasRemoved: Bool { member.membership == "ban" || member.membership == "leave" && member.sender != member.user }

        init(_ row: Row) {
            member = Member(row)
            let at = MembershipSQL.count
            room = RoomID(trusted: row.text(at))
            lastPos = row.int(at + 1); bumpPos = row.int(at + 2); memberPos = row.int(at + 3); statePos = row.int(at + 4)
            name = row.textOrNil(at + 5); avatar = row.textOrNil(at + 6)
            isEncrypted = !row.isNull(at + 7)
            type = row.textOrNil(at + 8)
            joinedCount = row.int(at + 9); invitedCount = row.int(at + 10)
            purgedPos = row.int(at + 11)
        }
    }

    private(set) var entries: [Int64: Entry] = [:]
    private(set) var byRoom: [RoomID: Int64] = [:]
    /// Most recent activity first.
    private(set) var order: [Int64] = []
    private(set) var position: Int64 = -1
    private(set) var direct: Set<RoomID> = []
    private(set) var ignored = Ignored()
    /// nil until a filter asks for tags.
    private var tags: [RoomID: Set<String>]?
    private var joinedOnce: [Int64: (pos: Int64, was: Bool)] = [:]

    /// Takes in what happened to the rooms. When that cannot be read to its end, the list begins anew: half of it would show rooms twice or not at all.
    mutating func refresh(_ c: Context, _ tx: ReadTx, _ user: UserID) throws {
        do { try bringUpToDate(c, tx, user) } catch {
            self = RoomList()
            throw error
        }
    }
    private mutating func bringUpToDate(_ c: Context, _ tx: ReadTx, _ user: UserID) throws {
        let now = try tx.position
        guard now != position else { return }
        let since = SyncToken(position: position, ephemeral: .max)
        switch position < 0 ? .unknown : c.hub.changes(for: user.rawValue, since: since, covering: now) {
        case .nothing: break
        case .unknown:
            entries.removeAll(keepingCapacity: true); byRoom.removeAll(keepingCapacity: true)
            try tx.each(SlidingSQL.entries, user) { row in
                let entry = Entry(row)
                entries[entry.nid] = entry
                byRoom[entry.room] = entry.nid
            }
            order = entries.values.sorted { $0.activity > $1.activity }.map(\.nid)
            try readPreferences(c, tx, user)
        case .keys(let keys):
            for case .room(let id) in keys { put(try tx.first(SlidingSQL.entry, user, id) { Entry($0) }, room: RoomID(trusted: id)) }
            if keys.contains(.user(user.rawValue)) {
                for entry in try tx.all(SlidingSQL.changedEntries, user, position, row: { Entry($0) }) { put(entry, room: entry.room) }
                try tx.each(SlidingSQL.forgotten, user) { row in
                    if let entry = entries[row.int(0)] { put(nil, room: entry.room) }
                }
                try readPreferences(c, tx, user)
            }
        }
        position = now
    }

    private mutating func readPreferences(_ c: Context, _ tx: ReadTx, _ user: UserID) throws {
        let rooms = try c.ports.preferences.preference(tx, user: user, room: nil, type: "m.direct")
        direct = Set((rooms ?? [:]).flatMap { ($0.value.arrayValue ?? []).compactMap { RoomID($0) } })
        ignored = try Ignored(c, tx, by: user)
        tags = nil
    }

    private mutating func put(_ entry: Entry?, room: RoomID) {
        if let nid = byRoom[room] {
            if let entry, let old = entries[nid], old.activity == entry.activity { entries[nid] = entry; return }
            if let at = order.firstIndex(of: nid) { order.remove(at: at) }
            entries[nid] = nil
            byRoom[room] = nil
        }
        guard let entry else { return }
        entries[entry.nid] = entry
        byRoom[room] = entry.nid
        let at = order.firstIndex { (entries[$0]?.activity ?? 0) < entry.activity } ?? order.endIndex
        order.insert(entry.nid, at: at)
    }

    /// Whether the user ever was in a room in which he is no more.
    mutating func wasJoined(_ tx: ReadTx, _ entry: Entry) throws -> Bool {
        if let known = joinedOnce[entry.nid], known.pos == entry.member.pos { return known.was }
        let was = try Access.history(tx, room: entry.nid, entry.member.user).everJoined
        joinedOnce[entry.nid] = (entry.member.pos, was)
        return was
    }

    // MARK: filters

    /// The tags of all rooms, read when a filter asks for them.
    mutating func loadTags(_ c: Context, _ tx: ReadTx, _ user: UserID) throws {
        guard tags == nil else { return }
        tags = try c.ports.preferences.preferences(tx, user: user, type: "m.tag").mapValues { Set($0["tags"]?.objectValue?.keys ?? []) }
    }
    func tags(of room: RoomID) -> Set<String> { tags?[room] ?? [] }
}

/// The lists of those who sync lately. A list is locked while one of its user's answers is read.
final class RoomLists: Sendable {
    final class One: Sendable {
        let list = Mutex(RoomList())
    }
    private let kept = Mutex<[UserID: One]>([:])
    private static let limit = 2000

    func of(_ user: UserID) -> One {
        kept.withLock { kept in
            if let one = kept[user] { return one }
            if kept.count >= Self.limit { for old in kept.keys.prefix(Self.limit / 8) { kept[old] = nil } }
            let one = One()
            kept[user] = one
            return one
        }
    }
}
