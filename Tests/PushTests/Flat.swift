import Accounts
import MatrixCore
@testable import Push
import Rooms
import ServerKit
import Store
import TestKit

/// Accounts, Rooms and Push together: a flat where people talk, each with a telephone.
struct Flat {
    let accounts = Accounts(), rooms = RoomService(), push = Push()
    let app: TestApp
    let alice: TestUser, bob: TestUser

    init(backend: TestBackend = .preferred, config: (inout Config) -> Void = { _ in }) async throws {
        app = try await TestApp(
            [accounts.feature, rooms.feature, push.feature],
            ports: .testing(sessions: accounts, users: accounts, rooms: rooms, timelines: rooms, preferences: accounts, push: push, notices: rooms), backend: backend, config: config)
        alice = try await app.register("alice")
        bob = try await app.register("bob")
    }

    @discardableResult
    func call(_ method: Method, _ path: String, as user: TestUser, _ json: JSON? = nil) async -> TestResponse {
        await app.call(method, "/_matrix/client/v3" + path, as: user, json: json)
    }
    /// A room of the first user's that the others have joined.
    func room(_ users: TestUser..., body: JSON = ["preset": "public_chat"]) async throws -> String {
        let answer = try await call(.post, "/createRoom", as: users[0], body).expect(200)
        guard let id = answer["room_id"]?.stringValue else { throw TestFailure("no room id") }
        for user in users.dropFirst() { try await join(id, user) }
        return id
    }
    func join(_ room: String, _ user: TestUser) async throws { try await call(.post, "/rooms/\(Percent.encode(room))/join", as: user, [:]).expect(200) }
    @discardableResult
    func say(_ text: String, in room: String, as user: TestUser, more: JSONObject = [:]) async throws -> String {
        try await send("m.room.message", (["msgtype": "m.text", "body": .string(text)] as JSONObject).merging(more), in: room, as: user)
    }
    @discardableResult
    func send(_ type: String, _ content: JSONObject, in room: String, as user: TestUser) async throws -> String {
        let answer = try await call(.put, "/rooms/\(Percent.encode(room))/send/\(type)/\(app.context.entropy.token(8))", as: user, .object(content)).expect(200)
        guard let id = answer["event_id"]?.stringValue else { throw TestFailure("no event id") }
        return id
    }
    func read(_ event: String, in room: String, as user: TestUser, thread: String? = nil) async throws {
        try await call(.post, "/rooms/\(Percent.encode(room))/receipt/m.read/\(Percent.encode(event))", as: user, thread.map { ["thread_id": .string($0)] } ?? [:]).expect(200)
    }
    /// (notifications, highlights) of a room as /sync says them.
    func unread(_ room: String, _ user: TestUser) async throws -> [Int64] {
        let sync = try await call(.get, "/sync", as: user).expect(200)
        let counts = sync["rooms"]?["join"]?[room]?["unread_notifications"]
        return [counts?["notification_count"]?.intValue ?? -1, counts?["highlight_count"]?.intValue ?? -1]
    }
    func rule(_ kind: String, _ id: String, _ body: JSON, as user: TestUser) async throws {
        try await call(.put, "/pushrules/global/\(kind)/\(Percent.encode(id))", as: user, body).expect(200)
    }
    func mute(_ room: String, as user: TestUser) async throws {
        try await rule("override", room, ["conditions": [["kind": "event_match", "key": "room_id", "pattern": .string(room)]], "actions": []], as: user)
    }
    func pusher(_ url: String, as user: TestUser, key: String = "key", more: JSONObject = [:]) async throws {
        let body: JSONObject = ["kind": "http", "app_id": "app", "pushkey": .string(key), "app_display_name": "App", "device_display_name": "Phone", "lang": "fr",
                                "data": ["url": .string(url + "/_matrix/push/v1/notify"), "x": "y"]]
        try await call(.post, "/pushers/set", as: user, .object(body.merging(more))).expect(200)
    }
    /// Lets the gateway client do what is due.
    func deliver() async throws { try await app.run(job: "push.send") }
}

extension LocalServer {
    /// What a gateway was told.
    var notifications: [JSON] { calls.compactMap { (try? JSON.parse($0.body))?["notification"] } }
    var told: [String] { notifications.map { $0["content"]?["body"]?.stringValue ?? "badge \($0["counts"]?["unread"]?.intValue ?? -1)" } }
}
