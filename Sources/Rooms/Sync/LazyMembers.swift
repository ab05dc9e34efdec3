import MatrixCore
import ServerKit
import Synchronization

/// Which members each device was told of, so that lazy loading does not repeat them. In memory and bounded: what is
/// forgotten is told again, which is allowed.
/// Spec: https://spec.matrix.org/latest/client-server-api/#lazy-loading-room-members
///
/// Invariants: a member counts as known only to a client whose token is of the answer that told of him, or of a later one.
/// An answer may be lost on its way: the client then asks with the token before, and what only the lost answer told is told again.
final class LazyMembers: Sendable {
    private struct Key: Hashable { var user: UserID, device: DeviceID, room: Int64 }
    private struct Told {
        /// A room of a device: for each member the position of the answer that told of him, and the greatest of these.
        struct Names { var positions: [String: Int64] = [:], newest: Int64 = 0 }
        var rooms: [Key: Names] = [:]
        /// Names of all rooms together, and one for each room.
        var count = 0
    }
    private let told = Mutex(Told())
    private let limit: Int

    /// - Parameter limit: How many names are kept for all devices and rooms together; some 100 bytes each.
    init(limit: Int = 200_000) { self.limit = limit }

    /// How many names and rooms are kept.
    var count: Int { told.withLock(\.count) }

    /// Those of `members` that a client with a token of `position` was told of.
    func known(device session: Session, room: Int64, among members: Set<String>, at position: Int64) -> Set<String> {
        guard !members.isEmpty else { return [] }
        return told.withLock { told in
            guard let names = told.rooms[Key(user: session.userID, device: session.deviceID, room: room)] else { return [] }
            return members.filter { names.positions[$0].map { $0 <= position } ?? false }
        }
    }

    /// An answer from `since` to `now` tells of these members.
    /// - Parameter since: The client's token; nil when what it was told before does not count any more.
    func tell(device session: Session, room: Int64, _ members: Set<String>, since: Int64?, now: Int64) {
        let key = Key(user: session.userID, device: session.deviceID, room: room)
        told.withLock { told in
            var names = Told.Names()
            if let old = told.rooms.removeValue(forKey: key) {
                told.count -= old.positions.count + 1
                if since != nil { names = old }
            }
            // What was told after the client's token has not reached it.
            if let since, names.newest > since { names = Told.Names(positions: names.positions.filter { $0.value <= since }, newest: since) }
            for member in members where names.positions[member] == nil {
                names.positions[member] = now
                names.newest = now
            }
            let size = names.positions.count + 1
            guard size > 1, size <= limit else { return }
            while told.count + size > limit, let other = told.rooms.first {
                told.rooms[other.key] = nil
                told.count -= other.value.positions.count + 1
            }
            told.rooms[key] = names
            told.count += size
        }
    }
}
