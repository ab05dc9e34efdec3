import MatrixCore
import ServerKit
import Store
import Synchronization

/// A place in a connection: `s12_345.VERSION-7`. The sync token says up to where rooms were told that are kept up to date, the version
/// names the row that says which rooms these are and how far the others were told, the number counts answers of this process.
struct SlidingPos: Sendable, Hashable, CustomStringConvertible {
    var token: SyncToken
    var version: String
    var serial: Int
    init(token: SyncToken, version: String, serial: Int) { self.token = token; self.version = version; self.serial = serial }
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let token = SyncToken(parts[0]), token.toDevice == nil else { return nil }
        let rest = parts[1].split(separator: "-", omittingEmptySubsequences: false)
        guard rest.count == 2, !rest[0].isEmpty, rest[0].utf8.count <= 32, let serial = Int(rest[1]), serial >= 0 else { return nil }
        guard rest[0].utf8.allSatisfy({ (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) }) else { return nil }
        self.init(token: token, version: String(rest[0]), serial: serial)
    }
    var description: String { "\(token).\(version)-\(serial)" }
}

/// What the client of a connection knows. Changes only when rooms come into the client's sight, fall out of it, or are asked for in
/// another way: a room that is in sight and gets a message changes nothing here.
struct ConnectionState: Sendable, Equatable {
    struct Room: Sendable, Equatable {
        /// Up to where the client was told; nil: up to the position of its token.
        var upTo: Int64?
        /// The client has at least so many of the last events before `upTo`, or all.
        var limit: Int
        /// Index into `configs`.
        var config: Int
        var isDirect: Bool
    }
    var rooms: [Int64: Room] = [:]
    private(set) var configs: [RoomConfig] = []

    func config(_ room: Room) -> RoomConfig { configs.indices.contains(room.config) ? configs[room.config] : RoomConfig(limit: 0, state: RequiredState()) }
    mutating func index(of config: RoomConfig) -> Int {
        if let at = configs.firstIndex(of: config) { return at }
        configs.append(config)
        return configs.count - 1
    }

    /// Drops the configs that no room has.
    mutating func tidy() {
        let used = Set(rooms.values.map(\.config))
        guard used.count < configs.count else { return }
        var places: [Int: Int] = [:], kept: [RoomConfig] = []
        for index in used.sorted() where configs.indices.contains(index) { places[index] = kept.count; kept.append(configs[index]) }
        configs = kept
        for (nid, room) in rooms { rooms[nid]?.config = places[room.config] ?? 0 }
    }

    // MARK: as it is stored

    func encoded() -> [UInt8] {
        let rows = rooms.sorted { $0.key < $1.key }.flatMap { nid, room -> [JSON] in
            [.int(nid), .int(room.upTo ?? -1), JSON(room.limit), JSON(room.config), .int(room.isDirect ? 1 : 0)]
        }
        return (["rooms": .array(rows), "configs": .array(configs.map(Self.json))] as JSONObject).encoded()
    }
    init() {}
    init?(_ bytes: [UInt8]) {
        guard let object = try? JSONObject.parse(bytes), let rows = object["rooms"]?.arrayValue, rows.count % 5 == 0, let configs = object["configs"]?.arrayValue else { return nil }
        self.configs = configs.map(Self.config)
        let numbers = rows.map { $0.intValue ?? 0 }
        for at in stride(from: 0, to: numbers.count, by: 5) {
            rooms[numbers[at]] = Room(upTo: numbers[at + 1] < 0 ? nil : numbers[at + 1], limit: Int(numbers[at + 2]), config: Int(numbers[at + 3]), isDirect: numbers[at + 4] != 0)
        }
    }

    private static func json(_ config: RoomConfig) -> JSON {
        func list(_ patterns: Set<RequiredState.Pattern>) -> JSON {
            .array(patterns.map { .array([$0.type.map(JSON.string) ?? .null, $0.key.map(JSON.string) ?? .null]) })
        }
        return ["limit": JSON(config.limit), "lazy": JSON(config.state.lazyMembers),
                "clauses": .array(config.state.clauses.map { ["include": list($0.include), "exclude": list($0.exclude)] })]
    }
    private static func config(_ json: JSON) -> RoomConfig {
        func patterns(_ json: JSON?) -> Set<RequiredState.Pattern> { Set((json?.arrayValue ?? []).map { .init(type: $0[0]?.stringValue, key: $0[1]?.stringValue) }) }
        let clauses = (json["clauses"]?.arrayValue ?? []).map { RequiredState.Clause(include: patterns($0["include"]), exclude: patterns($0["exclude"])) }
        return RoomConfig(limit: Int(json["limit"]?.intValue ?? 0), state: RequiredState(clauses: Set(clauses), lazyMembers: json["lazy"]?.boolValue ?? false))
    }
}

/// The members that a connection was told of for lazy loading, by the number of the answer that told. In memory: what is forgotten is told again.
struct ToldMembers: Sendable {
    private var told: [Int64: [String: Int]] = [:]
    /// A client that comes with answer number `serial` has got all answers up to it, and none after.
    func isKnown(_ user: String, in room: Int64, serial: Int) -> Bool { told[room]?[user].map { $0 <= serial } ?? false }
    mutating func tell(_ users: Set<String>, in room: Int64, serial: Int, forgetting: Bool) {
        if forgetting { told[room] = nil }
        for user in users { told[room, default: [:]][user] = min(told[room]?[user] ?? serial, serial) }
    }
    /// Answers after `serial` were lost.
    mutating func forget(after serial: Int) {
        for (room, users) in told where users.values.contains(where: { $0 > serial }) { told[room] = users.filter { $0.value <= serial } }
    }
}

/// All connections: the rows in the database, and those in use in memory.
final class Connections: Sendable {
    struct Key: Hashable, Sendable { var user: UserID, device: DeviceID, name: String }
    /// A connection as one request takes it up.
    struct Taken: Sendable {
        var state: ConnectionState
        var told: ToldMembers
        /// nil for a new connection.
        var version: String?
        var serial: Int
    }
    private struct Kept {
        var versions: [(version: String, state: ConnectionState)] = []
        var told = ToldMembers()
        var serial = 0
        var used: Int64
    }
    private let kept = Mutex<[Key: Kept]>([:])
    private static let limit = 4000
    /// A device may have so many connections; the one that was not used for longest goes.
    static let perDevice: Int64 = 8
    /// A connection that nobody uses for so long is forgotten.
    static let lifetime: Int64 = 30 * 86_400_000

    static let unknownPos = MatrixError(400, "M_UNKNOWN_POS", "This connection is not known any more. Start anew, without 'pos'.")

    /// - Throws: M_UNKNOWN_POS.
    func take(_ c: Context, _ key: Key, _ pos: SlidingPos) async throws -> Taken {
        let now = c.clock.now
        let found = kept.withLock { kept -> Taken? in
            guard var one = kept[key], let state = one.versions.first(where: { $0.version == pos.version })?.state else { return nil }
            one.used = now
            one.told.forget(after: pos.serial)
            one.serial = max(one.serial, pos.serial)
            kept[key] = one
            return Taken(state: state, told: one.told, version: pos.version, serial: pos.serial)
        }
        if let found { return found }
        let bytes = try await c.db.read { tx in try tx.first(SlidingSQL.load, key.user, key.device, key.name, pos.version) { $0.bytes(0) } }
        guard let bytes, let state = ConnectionState(bytes) else { throw Self.unknownPos }
        keep(key, now) { one in
            if !one.versions.contains(where: { $0.version == pos.version }) { one.versions.append((pos.version, state)) }
            one.serial = max(one.serial, pos.serial)
        }
        return Taken(state: state, told: ToldMembers(), version: pos.version, serial: pos.serial)
    }

    /// Makes durable what the answer changes, and gives its `pos`.
    func answer(_ c: Context, _ key: Key, from taken: Taken, _ state: ConnectionState, token: SyncToken, told: [ToldNow]) async throws -> SlidingPos {
        if let pos = answerUnchanged(c, key, from: taken, state, token: token, told: told) { return pos }
        let now = c.clock.now
        var state = state
        state.tidy()
        let new = c.entropy.token(12), old = taken.version, bytes = state.encoded()
        try await c.db.write { tx in
            // Of the connection only the place from which this request came stays, and this answer.
            try tx.run(SlidingSQL.deleteOthers, key.user, key.device, key.name, old ?? "")
            try tx.run(SlidingSQL.insert, key.user, key.device, key.name, new, bytes, now)
            if old == nil { try tx.run(SlidingSQL.deleteSurplus, key.user, key.device, Self.perDevice) }
        }
        return keep(key, from: taken, new, state, token: token, told: told, now)
    }

    /// The `pos` of an answer that changes nothing of what the connection stands for; nil where something is to be written.
    func answerUnchanged(_ c: Context, _ key: Key, from taken: Taken, _ state: ConnectionState, token: SyncToken, told: [ToldNow]) -> SlidingPos? {
        guard let version = taken.version else { return nil }
        var state = state
        state.tidy()
        guard state == taken.state else { return nil }
        return keep(key, from: taken, version, state, token: token, told: told, c.clock.now)
    }

    private func keep(_ key: Key, from taken: Taken, _ version: String, _ state: ConnectionState, token: SyncToken, told: [ToldNow], _ now: Int64) -> SlidingPos {
        keep(key, now) { one in
            one.versions.removeAll { $0.version != taken.version || $0.version == version }
            one.versions.append((version, state))
            if taken.version == nil { one.told = ToldMembers() }
            one.serial += 1
            for each in told { one.told.tell(each.members, in: each.room, serial: one.serial, forgetting: each.forgetting) }
            return SlidingPos(token: token, version: version, serial: one.serial)
        }
    }

    @discardableResult
    private func keep<T>(_ key: Key, _ now: Int64, _ change: (inout Kept) -> T) -> T {
        kept.withLock { kept in
            if kept.count >= Self.limit, kept[key] == nil {
                for old in kept.sorted(by: { $0.value.used < $1.value.used }).prefix(Self.limit / 8) { kept[old.key] = nil }
            }
            var one = kept[key] ?? Kept(used: now)
            one.used = now
            defer { kept[key] = one }
            return change(&one)
        }
    }

    /// Forgets what nobody has used for a month. Those in memory count as used.
    func expire(_ c: Context) async throws {
        let before = c.clock.now - Self.lifetime
        let used = kept.withLock { kept -> [Key] in
            for (key, one) in kept where one.used < before { kept[key] = nil }
            return Array(kept.keys)
        }
        let now = c.clock.now
        try await c.db.write { tx in
            for key in used { try tx.run(SlidingSQL.touch, now, key.user, key.device, key.name, now - Self.lifetime / 2) }
            try tx.run(SlidingSQL.expire, before)
        }
    }
}

/// Members that one answer tells of.
struct ToldNow: Sendable {
    var room: Int64
    var members: Set<String>
    /// The client drops what it knew of members.
    var forgetting: Bool
}
