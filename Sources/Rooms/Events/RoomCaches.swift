import MatrixCore
import Store
import Synchronization

/// What the write path remembers of rooms.
///
/// Invariants: an entry is filled only after the commit of a transaction that read it, and carries the position at which it was made.
/// It is used only if the room's row still names that position, so a stale entry (also one of another process) is never believed.
final class RoomCaches: Sendable {
    /// Members of all audiences that are kept; some 300 bytes each.
    static let mostMembers = 200_000
    private let auth = Mutex(Bounded<RoomAuth>(limit: 4096))
    private let audiences = Mutex(Audiences())
    private let watched = Mutex(Bounded<Watched>(limit: 16_384))

    func auth(_ room: RoomHead) -> RoomAuth? {
        auth.withLock { $0[room.nid] }.flatMap { $0.pos == room.authPos ? $0 : nil }
    }
    func keep(_ value: RoomAuth, for nid: Int64) { auth.withLock { $0[nid] = value } }

    func audience(_ room: RoomHead) -> Audience? {
        audiences.withLock { $0[room.nid] }.flatMap { $0.pos == room.memberPos ? $0 : nil }
    }
    func keep(_ value: Audience, for nid: Int64) { audiences.withLock { $0.keep(value, for: nid) } }
    /// Members came and went since `old`. In place: a join into a large room must not copy, let alone read, all of its members.
    func change(_ nid: Int64, from old: Int64, to new: Int64, _ changes: [Audience.Change]) {
        audiences.withLock { $0.change(nid, from: old, to: new, changes) }
    }

    func watched(_ room: RoomHead, generation: Int64) -> Watched? {
        watched.withLock { $0[room.nid] }.flatMap { $0.pos == room.memberPos && $0.generation == generation ? $0 : nil }
    }
    func keep(_ value: Watched, for nid: Int64) { watched.withLock { $0[nid] = value } }

    /// Audiences of no more than ``mostMembers`` members together.
    private struct Audiences: Sendable {
        private var values: [Int64: Audience] = [:]
        private var members = 0

        subscript(nid: Int64) -> Audience? { values[nid] }

        mutating func keep(_ value: Audience, for nid: Int64) {
            guard value.count <= mostMembers else { return drop(nid) }
            if let old = values[nid], old.pos > value.pos { return }
            drop(nid)
            while members + value.count + values.count > mostMembers, let other = values.keys.first { drop(other) }
            values[nid] = value
            members += value.count
        }
        mutating func change(_ nid: Int64, from old: Int64, to new: Int64, _ changes: [Audience.Change]) {
            guard values[nid]?.pos == old else { return }
            members -= values[nid]?.count ?? 0
            values[nid]?.apply(changes, pos: new)
            members += values[nid]?.count ?? 0
        }
        private mutating func drop(_ nid: Int64) { members -= values.removeValue(forKey: nid)?.count ?? 0 }
    }

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
