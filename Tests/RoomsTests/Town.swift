import Accounts
import MatrixCore
@testable import Rooms
import ServerKit
import TestKit

/// Accounts and rooms together, for what needs both.
struct Town {
    let accounts = Accounts(), rooms = RoomService()
    let app: TestApp
    let ann: TestUser, ben: TestUser, cleo: TestUser

    init(backend: TestBackend = .preferred) async throws {
        app = try await TestApp([accounts.feature, rooms.feature], ports: .testing(sessions: accounts, users: accounts, rooms: rooms, timelines: rooms, preferences: accounts, lookup: rooms), backend: backend)
        ann = try await app.register("ann")
        ben = try await app.register("ben")
        cleo = try await app.register("cleo")
    }

    @discardableResult
    func call(_ method: Method, _ path: String, as user: TestUser, _ json: JSON? = nil) async -> TestResponse {
        await app.call(method, "/_matrix/client/v3" + path, as: user, json: json)
    }
    /// A room that its creator and these are in. Gives the path.
    func room(of creator: TestUser, with others: TestUser...) async throws -> (id: String, path: String) {
        let id = try await call(.post, "/createRoom", as: creator, ["preset": "public_chat"]).expect(200)["room_id"]?.stringValue ?? ""
        let path = "/rooms/" + Percent.encode(id)
        for user in others { try await call(.post, path + "/join", as: user, [:]).expect(200) }
        return (id, path)
    }
    @discardableResult
    func say(_ text: String, _ path: String, as user: TestUser) async throws -> String {
        let answer = try await call(.put, path + "/send/m.room.message/\(app.context.entropy.token(8))", as: user, ["msgtype": "m.text", "body": .string(text)])
        return try answer.expect(200)["event_id"]?.stringValue ?? ""
    }
    func sync(_ user: TestUser, _ query: String = "", since: JSON? = nil) async throws -> JSON {
        try await call(.get, "/sync?timeout=0" + query + (since?["next_batch"]?.stringValue.map { "&since=" + $0 } ?? ""), as: user).expect(200)
    }
    static func bodies(_ events: JSON?) -> [String] { (events?.arrayValue ?? []).compactMap { $0["content"]?["body"]?.stringValue } }
}
