package import Logging
package import MatrixCore
package import Store

/// Everything that a slice gives the server. A value, so that a test can boot one slice alone.
package struct Feature: Sendable {
    package var name: String
    package var migrations: [Migration]
    package var routes: [Route]
    package var sync: [any SyncSource]
    /// Told of every event inside the transaction that appends it.
    package var observers: [any RoomObserver]
    package var jobs: [Job]
    /// How errors below the feature's own addresses look where the router itself refuses a request.
    package var errors: ErrorForm?
    /// Runs once after the migrations and before the server listens (fills in-memory indexes, makes keys).
    package var start: @Sendable (Context) async throws -> Void

    package init(_ name: String, migrations: [Migration] = [], routes: [Route] = [], sync: [any SyncSource] = [],
                 observers: [any RoomObserver] = [], jobs: [Job] = [], errors: ErrorForm? = nil,
                 start: @escaping @Sendable (Context) async throws -> Void = { _ in }) {
        self.name = name; self.migrations = migrations; self.routes = routes; self.sync = sync
        self.observers = observers; self.jobs = jobs; self.errors = errors; self.start = start
    }
}

/// Work that is done again and again. A failing run is logged and tried again at the next tick.
package struct Job: Sendable {
    package let name: String
    /// Milliseconds between two runs.
    package let every: Int64
    package let run: @Sendable (Context) async throws -> Void
    package init(_ name: String, every milliseconds: Int64, run: @escaping @Sendable (Context) async throws -> Void) {
        self.name = name; every = milliseconds; self.run = run
    }
}

/// Who asks: the owner of a valid access token.
package struct Session: Sendable, Hashable {
    package var userID: UserID
    package var deviceID: DeviceID
    package var isGuest: Bool
    package var isAdmin: Bool
    /// What kind of account: a person, a widget visitor, or the desk's own bot.
    package var kind: AccountKind
    /// Number of the token's row, to end this very session.
    package var tokenNumber: Int64
    package var isRateLimited: Bool
    package init(userID: UserID, deviceID: DeviceID, isGuest: Bool = false, isAdmin: Bool = false, kind: AccountKind = .person,
                 tokenNumber: Int64 = 0, isRateLimited: Bool = true) {
        self.userID = userID; self.deviceID = deviceID; self.isGuest = isGuest; self.isAdmin = isAdmin
        self.kind = kind; self.tokenNumber = tokenNumber; self.isRateLimited = isRateLimited
    }
}

package enum AccountKind: String, Sendable, Hashable {
    case person, visitor, bot, guest
}

/// What a handler works with. One per server; holds no request state.
package final class Context: Sendable {
    package let config: Config
    package let db: Database
    package let clock: any Clock
    package let entropy: any Entropy
    package let signing: ServerKey
    package let ports: Ports
    package let hub: ChangeHub
    package let limiter: RateLimiter
    package let metrics: Metrics
    package let log: Logger
    /// Sync sources of all features, in the order of App/Features.swift.
    package let syncSources: [any SyncSource]
    package let observers: [any RoomObserver]

    package init(config: Config, db: Database, clock: any Clock, entropy: any Entropy, signing: ServerKey, ports: Ports,
                 hub: ChangeHub, log: Logger, features: [Feature], metrics: Metrics = Metrics()) {
        self.config = config; self.db = db; self.clock = clock; self.entropy = entropy; self.signing = signing
        self.ports = ports; self.hub = hub; self.log = log; self.metrics = metrics
        limiter = RateLimiter(enabled: !config.noRateLimits)
        syncSources = features.flatMap(\.sync)
        observers = features.flatMap(\.observers)
    }
    package var serverName: String { config.serverName }
    package func userID(localpart: String) -> UserID { UserID(trusted: "@\(localpart):\(config.serverName)") }
}
