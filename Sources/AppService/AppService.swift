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
        var listeners: ServiceSet = []
        var deviceServices: ServiceSet = []
    }
    private let loaded: Mutex<Loaded>
    /// Registrations of a test, in place of the files.
    private let given: [Registration]
    let interest = Interest()
    let protocols = ProtocolCache()
    let presence = PresenceQueue()
    let largestFarewell: Int

    /// `largestFarewell`: see `DeviceNews`.
    package init(_ registrations: [Registration] = [], largestFarewell: Int = DeviceNews.largestFarewell) {
        given = registrations
        self.largestFarewell = largestFarewell
        loaded = Mutex(Loaded(registry: Registry([], serverName: ""), couriers: []))
    }

    var registry: Registry { loaded.withLock { $0.registry } }
    var couriers: [Courier?] { loaded.withLock { $0.couriers } }
    /// Services that want receipts, typing notices and presence.
    var listeners: ServiceSet { loaded.withLock { $0.listeners } }
    /// Services that are told of devices and keys, and take the messages to their users' devices.
    var deviceServices: ServiceSet { loaded.withLock { $0.deviceServices } }

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
        var found = Loaded(registry: registry, couriers: registrations.map { $0.url == nil ? nil : Courier($0) })
        for (number, service) in registrations.enumerated() where service.url != nil {
            if service.receivesEphemeral { found.listeners.insert(ServiceSet(number: number)) }
            if service.takesDeviceMessages { found.deviceServices.insert(ServiceSet(number: number)) }
        }
        let ready = found
        loaded.withLock { $0 = ready }
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

    package func changed(_ c: Context, _ tx: WriteTx, _ what: BridgeChange) throws {
        guard !registry.isEmpty else { return }
        switch what {
        case .aliases(let room): interest.drop(tx, room: room)
        case .devices(let user): try DeviceNews.devicesChanged(c, tx, self, user)
        case .signatures(let user, let reader): try DeviceNews.signaturesChanged(tx, self, user, seenBy: reader)
        case .keyCounts(let counts): try DeviceNews.keysChanged(tx, self, counts)
        }
    }

    package func take(_ c: Context, _ tx: WriteTx, toDevice event: JSONObject, user: UserID, device: DeviceID) throws -> BridgeTaking {
        let registry = registry
        guard !registry.isEmpty else { return .untaken }
        let claims = registry.claims(on: user), takers = claims.all.intersection(deviceServices)
        guard !takers.isEmpty else { return .untaken }
        var event = event
        event["to_user_id"] = JSON(user)
        event["to_device_id"] = JSON(device)
        try enqueue(tx, takers, position: tx.nextPosition(), kind: .toDevice, payload: event.encoded())
        return claims.exclusive.isDisjoint(with: takers) ? .copied : .taken
    }
}
