package import MatrixCore
package import ServerKit
package import Store
import Synchronization

// AppService: bridges and bots that stand for many users.
//
// Invariants
// - A service is told everything that is its business, in the order in which it was committed, at least once, and never anew under
//   another transaction id.
// - It knows accounts, rooms and devices through ports only; who a token stands for is decided in Accounts.
// - A service that does not answer holds up nobody but itself.

/// The application services of a server, as the operator has registered them.
/// Spec: https://spec.matrix.org/latest/application-service-api/
package final class AppService: Sendable {
    private struct Loaded {
        var registry: Registry
        /// By number; nil for services that are never called.
        var couriers: [Courier?]
        var listeners: ServiceSet
    }
    private let loaded: Mutex<Loaded>
    /// Registrations of a test, in place of the files.
    private let given: [Registration]
    let interest = Interest()
    let protocols = ProtocolCache()

    package init(_ registrations: [Registration] = []) {
        given = registrations
        loaded = Mutex(Loaded(registry: Registry([], serverName: ""), couriers: [], listeners: []))
    }

    var registry: Registry { loaded.withLock { $0.registry } }
    var couriers: [Courier?] { loaded.withLock { $0.couriers } }
    /// Services that want receipts and typing notices.
    var listeners: ServiceSet { loaded.withLock { $0.listeners } }

    package var feature: Feature {
        Feature("appservice", migrations: [Outbox.schema, Networks.schema], routes: pingRoutes + thirdPartyRoutes + networkRoutes,
                observers: [Watcher(app: self)], jobs: [Job("application services", every: 1_000) { c in await self.run(c) }],
                start: { c in try await self.start(c) })
    }

    /// Reads the registrations, and makes the users of the services.
    private func start(_ c: Context) async throws {
        let registrations = try given + Registration.load(files: c.config.appservices)
        let registry = Registry(registrations, serverName: c.serverName)
        try await c.db.write { tx in
            for number in registrations.indices where try c.ports.users.standing(tx, registry.sender(number)) == nil {
                let sender = registry.sender(number)
                _ = try c.ports.users.create(c, tx, NewAccount(localpart: sender.localpart, kind: .bot, displayName: sender.localpart), passwordHash: nil)
            }
            try Outbox.forgetOthers(tx, than: registrations.map(\.id))
        }
        let couriers = registrations.map { $0.url == nil ? nil : Courier($0) }
        var listeners: ServiceSet = []
        for (number, service) in registrations.enumerated() where service.receivesEphemeral && service.url != nil { listeners.insert(ServiceSet(number: number)) }
        let found = listeners
        loaded.withLock { $0 = Loaded(registry: registry, couriers: couriers, listeners: found) }
    }

    /// All couriers, until the server ends.
    private func run(_ c: Context) async {
        await withTaskGroup(of: Void.self) { group in
            for case let courier? in couriers { group.addTask { await courier.run(c) } }
        }
    }

    /// Writes the same line for all these services that can be called, and wakes their couriers when it is durable.
    func enqueue(_ tx: WriteTx, _ services: ServiceSet, position: Int64, kind: Outbox.Kind, payload: [UInt8]? = nil) throws {
        guard !services.isEmpty else { return }
        let couriers = couriers
        for number in services.numbers {
            guard let courier = couriers[number] else { continue }
            try Outbox.add(tx, service: courier.service.id, position: position, kind: kind, payload: payload)
            tx.afterCommit { courier.ring() }
        }
    }
}

extension AppService: Bridging {
    package func service(token: String) -> BridgeService? {
        let registry = registry
        guard let number = registry.number(token: token) else { return nil }
        couriers[number]?.isAlive()
        let service = registry.services[number]
        return BridgeService(id: service.id, sender: registry.sender(number), isRateLimited: service.isRateLimited)
    }

    package func claims(on user: UserID) -> [BridgeClaim] {
        let registry = registry
        return registry.isEmpty ? [] : list(registry.claims(on: user), registry)
    }
    package func claims(on alias: RoomAlias) -> [BridgeClaim] {
        let registry = registry
        return registry.isEmpty ? [] : list(registry.claims(on: alias), registry)
    }
    private func list(_ claims: Registry.Claims, _ registry: Registry) -> [BridgeClaim] {
        claims.all.numbers.map { BridgeClaim(service: registry.services[$0].id, isExclusive: claims.exclusive.contains(ServiceSet(number: $0))) }
    }

    package func aliasesChanged(_ tx: WriteTx, room: RoomID) {
        if !registry.isEmpty { interest.drop(tx, room: room) }
    }

    package func take(_ c: Context, _ tx: WriteTx, toDevice event: JSONObject, user: UserID, device: DeviceID) throws -> Bool {
        let registry = registry
        guard !registry.isEmpty else { return false }
        let takers = registry.claims(on: user).all.numbers.filter { registry.services[$0].takesDeviceMessages && registry.services[$0].url != nil }
        guard let number = takers.first else { return false }
        var event = event
        event["to_user_id"] = JSON(user)
        event["to_device_id"] = JSON(device)
        try enqueue(tx, ServiceSet(number: number), position: tx.nextPosition(), kind: .toDevice, payload: event.encoded())
        return true
    }
}
