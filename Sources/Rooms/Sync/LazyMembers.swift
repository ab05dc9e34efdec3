import MatrixCore
import ServerKit
import Synchronization

/// Which members each device was told of, so that lazy loading does not repeat them. In memory and bounded: what is
/// forgotten is told again, which is allowed.
/// Spec: https://spec.matrix.org/latest/client-server-api/#lazy-loading-room-members
final class LazyMembers: Sendable {
    private struct Key: Hashable { var user: UserID, device: DeviceID, room: Int64 }
    private let told = Mutex<[Key: Set<String>]>([:])
    private static let limit = 20_000

    func known(device session: Session, room: Int64) -> Set<String> {
        told.withLock { $0[Key(user: session.userID, device: session.deviceID, room: room)] ?? [] }
    }
    func tell(device session: Session, room: Int64, _ members: Set<String>, reset: Bool) {
        told.withLock { told in
            if told.count > Self.limit { told.removeAll() }
            let key = Key(user: session.userID, device: session.deviceID, room: room)
            if reset { told[key] = members } else { told[key, default: []].formUnion(members) }
        }
    }
}
