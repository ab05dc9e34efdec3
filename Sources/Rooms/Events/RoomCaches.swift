import MatrixCore
import Store
import Synchronization

/// What the write path remembers of rooms.
///
/// Invariants: an entry is filled only after the commit of a transaction that read it, and carries the position at which it was made.
/// It is used only if the room's row still names that position, so a stale entry (also one of another process) is never believed.
final class RoomCaches: Sendable {
    /// Larger audiences are read when they are needed.
    static let largestAudience = 2000
    private let auth = Mutex(Bounded<RoomAuth>(limit: 4096))
    private let audiences = Mutex(Bounded<Audience>(limit: 1024))
    private let watched = Mutex(Bounded<Watched>(limit: 16_384))

    func auth(_ room: RoomHead) -> RoomAuth? {
        auth.withLock { $0[room.nid] }.flatMap { $0.pos == room.authPos ? $0 : nil }
    }
    func keep(_ value: RoomAuth, for nid: Int64) { auth.withLock { $0[nid] = value } }

    func audience(_ room: RoomHead) -> Audience? {
        audiences.withLock { $0[room.nid] }.flatMap { $0.pos == room.memberPos ? $0 : nil }
    }
    func keep(_ value: Audience, for nid: Int64) { audiences.withLock { $0[nid] = value } }

    func watched(_ room: RoomHead, generation: Int64) -> Watched? {
        watched.withLock { $0[room.nid] }.flatMap { $0.pos == room.memberPos && $0.generation == generation ? $0 : nil }
    }
    func keep(_ value: Watched, for nid: Int64) { watched.withLock { $0[nid] = value } }

    /// A dictionary that forgets a part of its entries when it is full.
    private struct Bounded<Value: Sendable>: Sendable {
        let limit: Int
        private var values: [Int64: Value] = [:]
        init(limit: Int) { self.limit = limit }

        subscript(key: Int64) -> Value? {
            get { values[key] }
            set {
                if values.count >= limit, values[key] == nil {
                    for old in values.keys.prefix(limit / 8) { values[old] = nil }
                }
                values[key] = newValue
            }
        }
    }
}

/// The joined users of a room, as the unread counts need them.
struct Audience: Sendable {
    /// The room's `member_pos` when it was read.
    let pos: Int64
    let members: [(user: UserID, displayName: String?, words: NameWords)]
}
