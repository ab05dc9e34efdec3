import MatrixCore
import ServerKit
import Store
import Synchronization

/// Which services are interested in a room: those with a user in it, with one of its aliases, or with its id in their namespace.
/// Spec: https://spec.matrix.org/latest/application-service-api/#pushing-events
///
/// Invariants: asked inside the write transaction only, and exact there; what is remembered was committed; who changes the members or
/// aliases of a room drops it here, and nothing that was read before that comes back (`generation`).
final class Interest: Sendable {
    private struct State {
        var rooms: [RoomID: ServiceSet] = [:]
        var generation = 0
    }
    private let state = Mutex(State())
    private static let maxRooms = 20_000

    func services(_ c: Context, _ tx: WriteTx, _ registry: Registry, room: RoomID) throws -> ServiceSet {
        let (known, generation) = state.withLock { ($0.rooms[room], $0.generation) }
        if let known { return known }
        let services = try read(c, tx, registry, room: room)
        tx.afterCommit {
            self.state.withLock { state in
                guard state.generation == generation else { return }
                if state.rooms.count >= Self.maxRooms { state.rooms.removeAll() }
                state.rooms[room] = services
            }
        }
        return services
    }

    /// Services that have a user in the room, other than `user`.
    func present(_ c: Context, _ tx: ReadTx, _ registry: Registry, room: RoomID, besides user: UserID) throws -> ServiceSet {
        var found: ServiceSet = []
        for member in try c.ports.timelines.joinedMembers(tx, room: room) where member != user { found.formUnion(registry.claims(on: member).all) }
        return found
    }

    /// Of `wanted`, those who are interested in a user: he is in their namespace, or in a room in which they are interested.
    func services(_ c: Context, _ tx: WriteTx, _ registry: Registry, user: UserID, wanted: ServiceSet) throws -> ServiceSet {
        var found = registry.claims(on: user).all.intersection(wanted)
        guard found != wanted else { return found }
        for room in try c.ports.timelines.joinedRooms(tx, user: user) {
            found.formUnion(try services(c, tx, registry, room: room).intersection(wanted))
            if found == wanted { break }
        }
        return found
    }

    private func read(_ c: Context, _ tx: ReadTx, _ registry: Registry, room: RoomID) throws -> ServiceSet {
        var found = registry.claims(on: room).all
        for alias in try c.ports.lookup.aliases(tx, room: room) { found.formUnion(registry.claims(on: alias).all) }
        for member in try c.ports.timelines.joinedMembers(tx, room: room) { found.formUnion(registry.claims(on: member).all) }
        return found
    }

    /// The members or aliases of the room change in this transaction.
    func drop(_ tx: WriteTx, room: RoomID) {
        let forget: @Sendable () -> Void = {
            self.state.withLock { state in
                state.rooms[room] = nil
                state.generation += 1
            }
        }
        forget()
        tx.afterCommit(forget)
    }
}
