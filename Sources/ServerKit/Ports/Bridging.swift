package import MatrixCore
package import Store

/// Owned by AppService: which users, aliases and tokens belong to application services. Without any service every answer is empty and costs nothing.
package protocol Bridging: Sendable {
    /// The application service whose `as_token` this is; nil for the tokens of users.
    func service(token: String) -> BridgeService?
    /// The services in whose namespace the user lies, their own bots included.
    func claims(on user: UserID) -> [BridgeClaim]
    func claims(on alias: RoomAlias) -> [BridgeClaim]
    /// Whether the local user or alias exists; the services in whose namespace an unknown one lies are asked to make it.
    func find(_ c: Context, _ name: BridgedName) async throws -> Bool
    /// Rooms that services have put into the list of one network (`<service>|<network>`), or of any (nil).
    func listed(_ tx: ReadTx, network: String?) throws -> [RoomID]
    /// Something that services go by or are told of has changed in this transaction.
    func changed(_ c: Context, _ tx: WriteTx, _ what: BridgeChange) throws
    /// Whether somebody is here has changed, in memory. `event`: the m.presence event of `user`, as clients get it. Returns at once.
    func presenceChanged(_ c: Context, of user: UserID, event: [UInt8])
    /// A message to a device of a user whose services take such messages themselves.
    func take(_ c: Context, _ tx: WriteTx, toDevice event: JSONObject, user: UserID, device: DeviceID) throws -> BridgeTaking
}

/// What a service may be asked to make.
package enum BridgedName: Sendable, Hashable { case user(UserID), alias(RoomAlias) }

package enum BridgeChange: Sendable {
    /// An alias of the room was made or removed.
    case aliases(of: RoomID)
    /// The user's devices, their names, or keys that everybody sees.
    case devices(of: UserID)
    /// What one user alone sees of another, or of himself: his user-signing key, a signature that he made.
    case signatures(of: UserID, seenBy: UserID)
    /// What is left of the keys with which others begin a session with a device.
    case keyCounts(BridgedKeyCounts)
}

package struct BridgedKeyCounts: Sendable, Hashable {
    package var user: UserID
    package var device: DeviceID
    /// Algorithm -> how many one-time keys are left.
    package var oneTimeKeys: JSON
    /// Algorithms whose fallback key has not been used.
    package var unusedFallbacks: [String]
    package init(user: UserID, device: DeviceID, oneTimeKeys: JSON, unusedFallbacks: [String]) {
        self.user = user; self.device = device; self.oneTimeKeys = oneTimeKeys; self.unusedFallbacks = unusedFallbacks
    }
}

/// What became of a message to a device.
package enum BridgeTaking: Sendable, Hashable {
    /// No service wants it: it waits for the device's sync.
    case untaken
    /// Services are told, and the device may be a person's: it waits for its sync as well.
    case copied
    /// The user is a service's alone.
    case taken
}

/// An application service, as those see it who check what it may do.
package struct BridgeService: Sendable, Hashable {
    package var id: String
    /// The service's own user, for whom it acts when it names nobody.
    package var sender: UserID
    /// Its users other than `sender` are limited like everybody else.
    package var isRateLimited: Bool
    package init(id: String, sender: UserID, isRateLimited: Bool) { self.id = id; self.sender = sender; self.isRateLimited = isRateLimited }
}

package struct BridgeClaim: Sendable, Hashable {
    package var service: String
    /// Nobody else may use what is claimed.
    package var isExclusive: Bool
    package init(service: String, isExclusive: Bool) { self.service = service; self.isExclusive = isExclusive }
}

extension Bridging {
    package func covers(_ service: String, _ user: UserID) -> Bool { claims(on: user).contains { $0.service == service } }
    package func covers(_ service: String, _ alias: RoomAlias) -> Bool { claims(on: alias).contains { $0.service == service } }

    /// Throws M_EXCLUSIVE where another service has the name for itself.
    package func check(_ user: UserID, by service: String?) throws(MatrixError) {
        if claims(on: user).contains(where: { $0.isExclusive && $0.service != service }) {
            throw .exclusive("This user name is reserved by an application service.")
        }
    }
    package func check(_ alias: RoomAlias, by service: String?) throws(MatrixError) {
        if claims(on: alias).contains(where: { $0.isExclusive && $0.service != service }) {
            throw .exclusive("This room alias is reserved by an application service.")
        }
    }
}

extension MatrixError {
    package static func exclusive(_ message: String) -> MatrixError { .init(400, "M_EXCLUSIVE", message) }
}

/// A server without application services.
package struct NoBridges: Bridging {
    package init() {}
    package func service(token: String) -> BridgeService? { nil }
    package func claims(on user: UserID) -> [BridgeClaim] { [] }
    package func claims(on alias: RoomAlias) -> [BridgeClaim] { [] }
    package func find(_ c: Context, _ name: BridgedName) async throws -> Bool {
        guard case .user(let user) = name else { return false }
        return try await c.db.read { tx in try c.ports.users.exists(tx, user) }
    }
    package func listed(_ tx: ReadTx, network: String?) throws -> [RoomID] { [] }
    package func changed(_ c: Context, _ tx: WriteTx, _ what: BridgeChange) throws {}
    package func presenceChanged(_ c: Context, of user: UserID, event: [UInt8]) {}
    package func take(_ c: Context, _ tx: WriteTx, toDevice event: JSONObject, user: UserID, device: DeviceID) throws -> BridgeTaking { .untaken }
}

/// Owned by Rooms: what those need who look at rooms from outside, whatever the members may see; and who knows whom by sharing a room, or does so no
/// longer (docs/decisions/0010).
package protocol RoomLookup: Sendable {
    func exists(_ tx: ReadTx, room: RoomID) throws -> Bool
    func room(_ tx: ReadTx, alias: RoomAlias) throws -> RoomID?
    func aliases(_ tx: ReadTx, room: RoomID) throws -> [RoomAlias]
    /// Events at these change positions in client format, `room_id` included, oldest first. Those that are gone are left out.
    func events(_ c: Context, _ tx: ReadTx, at positions: [Int64]) throws -> [[UInt8]]
    /// Of `others`, those who share a joined room with `user` now.
    func companions(_ tx: ReadTx, of user: UserID, among others: Set<UserID>) throws -> Set<UserID>
    /// What membership has changed between people since `position`. `rooms`: where to look; nil when it is not known.
    func encounters(_ tx: ReadTx, of user: UserID, after position: Int64, rooms: Set<RoomID>?) throws -> Encounters
    /// Whether an event names the media, or may do so: encrypted events are not known.
    func mentions(_ tx: ReadTx, media id: String) throws -> Bool
}

package struct NoRoomLookup: RoomLookup {
    package init() {}
    package func exists(_ tx: ReadTx, room: RoomID) throws -> Bool { false }
    package func room(_ tx: ReadTx, alias: RoomAlias) throws -> RoomID? { nil }
    package func aliases(_ tx: ReadTx, room: RoomID) throws -> [RoomAlias] { [] }
    package func events(_ c: Context, _ tx: ReadTx, at positions: [Int64]) throws -> [[UInt8]] { [] }
    package func companions(_ tx: ReadTx, of user: UserID, among others: Set<UserID>) throws -> Set<UserID> { [] }
    package func encounters(_ tx: ReadTx, of user: UserID, after position: Int64, rooms: Set<RoomID>?) throws -> Encounters { Encounters() }
    package func mentions(_ tx: ReadTx, media id: String) throws -> Bool { false }
}

extension Request {
    /// The time that an application service gives an event (`?ts=`): bridges carry over what was said earlier. nil for everybody else.
    package func massagedTimestamp() throws(MatrixError) -> Int64? {
        guard session?.service != nil, query["ts"] != nil else { return nil }
        return try query.int("ts", in: 0...253_402_300_799_999, default: 0)
    }
}
