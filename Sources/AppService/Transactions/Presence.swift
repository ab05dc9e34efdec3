import Logging
package import MatrixCore
package import ServerKit
import Store
import Synchronization

/// Presence on its way to the services: the last word on each user, in the order in which it was said. It means nothing after a restart, so it
/// is kept in memory only. Spec: https://spec.matrix.org/latest/application-service-api/#pushing-ephemeral-data
final class PresenceQueue: Sendable {
    private struct State {
        var events: [UserID: [UInt8]] = [:]
        var isWorking = false
    }
    private let state = Mutex(State())
    /// Users of whom one transaction asks who is interested: the writer has other things to do.
    private static let together = 50

    /// Whether the caller is the one who must take them out again.
    func add(_ user: UserID, _ event: [UInt8]) -> Bool {
        state.withLock { state in
            state.events[user] = event
            defer { state.isWorking = true }
            return !state.isWorking
        }
    }

    /// Some of those that wait; nil when there are none, which ends the caller's work.
    func next() -> [(user: UserID, event: [UInt8])]? {
        state.withLock { state in
            guard !state.events.isEmpty else {
                state.isWorking = false
                return nil
            }
            let some = state.events.prefix(Self.together).map { (user: $0.key, event: $0.value) }
            for one in some { state.events[one.user] = nil }
            return some
        }
    }
}

extension AppService {
    package func presenceChanged(_ c: Context, of user: UserID, event: [UInt8]) {
        guard !listeners.isEmpty, presence.add(user, event) else { return }
        Task { await tellPresence(c) }
    }

    /// Interest is exact inside a write transaction only; nobody waits for this one.
    private func tellPresence(_ c: Context) async {
        while let some = presence.next() {
            do {
                try await c.db.write { tx in
                    let listeners = self.listeners, registry = self.registry
                    for (user, event) in some {
                        let interested = try self.interest.services(c, tx, registry, user: user, wanted: listeners)
                        for number in interested.numbers { self.couriers[number]?.tell(presence: event, of: user) }
                    }
                }
            } catch {
                c.log.warning("a change of presence was lost", metadata: ["error": "\(error)"])
            }
        }
    }
}
