import MatrixCore
import ServerKit
import Store
import Synchronization

/// When and from where devices were last seen. Kept in memory and written once a minute, all devices in one transaction;
/// a crash loses at most that minute.
final class LastSeen: Sendable {
    static let interval: Int64 = 60_000

    struct Sighting: Sendable, Hashable {
        var at: Int64
        var address: String
        var agent: String?
    }
    private struct Key: Hashable { var user: UserID, device: DeviceID }
    private let pending = Mutex<[Key: Sighting]>([:])

    func note(_ session: Session, _ request: Request, now: Int64) {
        let agent = request.headers["User-Agent"].map { String($0.prefix(255)) }
        pending.withLock { $0[Key(user: session.userID, device: session.deviceID)] = Sighting(at: now, address: request.remote, agent: agent) }
    }

    /// What is not written yet.
    func sighting(_ user: UserID, _ device: DeviceID) -> Sighting? { pending.withLock { $0[Key(user: user, device: device)] } }

    func flush(_ c: Context) async throws {
        let batch = pending.withLock { $0 }
        guard !batch.isEmpty else { return }
        try await c.db.write { tx in
            for (key, seen) in batch { try DeviceStore.saw(tx, key.user, key.device, seen) }
        }
        pending.withLock { pending in
            for (key, seen) in batch where pending[key] == seen { pending[key] = nil }
        }
    }
}
