import MatrixCore
import Rooms
import ServerKit
import Store
import Synchronization
import TestKit

/// Accounts of a test: everybody exists, and has the profile that was set.
final class TestProfiles: UserDirectory {
    private let base = NoUsers()
    private let profiles = Mutex<[UserID: Profile]>([:])
    func create(_ c: Context, _ tx: WriteTx, _ account: NewAccount, passwordHash: String?) throws -> UserID {
        try base.create(c, tx, account, passwordHash: passwordHash)
    }
    func hash(_ c: Context, password: String) async throws -> String { "hash" }
    func createSession(_ c: Context, _ tx: WriteTx, user: UserID, deviceName: String?) throws -> (token: String, device: DeviceID) {
        try base.createSession(c, tx, user: user, deviceName: deviceName)
    }
    func endSession(_ c: Context, _ tx: WriteTx, user: UserID, device: DeviceID) throws {}
    func standing(_ tx: ReadTx, _ user: UserID) throws -> Standing? { try base.standing(tx, user) }
    func profile(_ tx: ReadTx, _ user: UserID) throws -> Profile { profiles.withLock { $0[user] ?? Profile() } }
    func setProfile(_ c: Context, _ tx: WriteTx, user: UserID, _ profile: Profile) throws { profiles.withLock { $0[user] = profile } }
    func filter(_ tx: ReadTx, user: UserID, id: String) throws -> JSONObject? { nil }
    func set(_ user: TestUser, _ profile: Profile) { profiles.withLock { $0[user.id] = profile } }
}

/// The Rooms feature alone, on a fresh database.
struct House {
    let service = RoomService()
    let profiles = TestProfiles()
    let app: TestApp
    let alice = TestUser(open: "alice"), bob = TestUser(open: "bob"), carol = TestUser(open: "carol")

    init(backend: TestBackend = .preferred, observers: [any RoomObserver] = [], media: any MediaStoring = NoMedia(), outbound: (any Outbound)? = nil, config: (inout Config) -> Void = { _ in }) async throws {
        let users = profiles
        app = try await TestApp([service.feature, Feature("observers", observers: observers)],
                                ports: .testing(users: users, rooms: service, timelines: service, media: media), backend: backend, outbound: outbound, config: config)
    }

    @discardableResult
    func call(_ method: Method, _ path: String, as user: TestUser? = nil, _ json: JSON? = nil) async -> TestResponse {
        await app.call(method, "/_matrix/client/v3" + path, as: user ?? alice, json: json)
    }
    func create(as user: TestUser? = nil, _ body: JSON = [:]) async throws -> Room {
        let answer = try await call(.post, "/createRoom", as: user, body).expect(200)
        guard let id = RoomID(answer["room_id"]) else { throw TestFailure("no room id in \(answer.text)") }
        return Room(house: self, id: id)
    }
    /// A room of this version that alice has made and everybody may join.
    func open(version: String = "12") async throws -> Room {
        try await create(["preset": "public_chat", "room_version": .string(version)])
    }
    func read<T: Sendable>(_ body: @escaping @Sendable (ReadTx) throws -> T) throws -> T { try app.context.db.readNow(body) }
}

struct Room {
    let house: House
    let id: RoomID
    var path: String { "/rooms/" + Percent.encode(id.rawValue) }

    @discardableResult
    func call(_ method: Method, _ rest: String, as user: TestUser? = nil, _ json: JSON? = nil) async -> TestResponse {
        await house.call(method, path + rest, as: user, json)
    }
    func join(_ users: TestUser...) async throws {
        for user in users { try await call(.post, "/join", as: user, [:]).expect(200) }
    }
    @discardableResult
    func say(_ text: String, as user: TestUser? = nil, txn: String? = nil) async throws -> EventID {
        try await send("m.room.message", ["msgtype": "m.text", "body": .string(text)], as: user, txn: txn)
    }
    @discardableResult
    func send(_ type: String, _ content: JSON, as user: TestUser? = nil, txn: String? = nil) async throws -> EventID {
        let txn = txn ?? house.app.context.entropy.token(8)
        let answer = try await call(.put, "/send/\(type)/\(txn)", as: user, content).expect(200)
        guard let id = EventID(answer["event_id"]) else { throw TestFailure("no event id in \(answer.text)") }
        return id
    }
    @discardableResult
    func set(_ type: String, _ content: JSON, as user: TestUser? = nil) async throws -> EventID {
        try await set(type, "", content, as: user)
    }
    @discardableResult
    func set(_ type: String, _ key: String, _ content: JSON, as user: TestUser? = nil) async throws -> EventID {
        let answer = try await call(.put, "/state/\(type)/\(Percent.encode(key))", as: user, content).expect(200)
        guard let id = EventID(answer["event_id"]) else { throw TestFailure("no event id in \(answer.text)") }
        return id
    }
    func state(_ type: String, _ key: String = "", as user: TestUser? = nil) async throws -> JSON {
        try await call(.get, "/state/\(type)/\(Percent.encode(key))", as: user).expect(200)
    }
    func event(_ id: EventID, as user: TestUser? = nil) async throws -> JSON {
        try await call(.get, "/event/\(Percent.encode(id.rawValue))", as: user).expect(200)
    }
    func head() throws -> RoomHead {
        let id = id
        guard let head = try house.read({ try RoomStore.head($0, id) }) else { throw TestFailure("no room \(id)") }
        return head
    }
    func summary() throws -> RoomSummary {
        let nid = try head().nid
        guard let summary = try house.read({ try RoomStore.summary($0, nid: nid) }) else { throw TestFailure("no summary of \(id)") }
        return summary
    }
    func events() throws -> [EventRow] {
        let nid = try head().nid
        return try house.read { try EventStore.page($0, room: nid, newestFirst: false, limit: 10_000) }
    }
}
