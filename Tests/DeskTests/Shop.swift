import Accounts
import MatrixCore
import Rooms
import ServerKit
import Store
import TestKit
@testable import Desk

/// A desk with real accounts and rooms, without a socket: one inbox, an owner, and agents as asked for.
struct Shop: Sendable {
    let app: TestApp
    let desk: Desk
    let owner: TestUser
    let inbox: String
    static let base = "/_comptoir/desk/v1", widget = "/_comptoir/widget/v1"

    init(outbound: (any Outbound)? = nil, config: (inout Config) -> Void = { _ in }) async throws {
        let accounts = Accounts(), rooms = RoomService(), desk = Desk()
        self.desk = desk
        app = try await TestApp([accounts.feature, rooms.feature, desk.feature], ports: .testing(sessions: accounts, users: accounts, rooms: rooms, timelines: rooms), outbound: outbound, config: config)
        owner = try await app.register("owner")
        try await desk.makeOwner(app.context, user: owner.id)
        inbox = try await app.call(.get, Self.base + "/inboxes", as: owner).expect(200)["items"]?[0]?["id"]?.stringValue ?? ""
        // The owner looks on; agents answer.
        try await app.call(.patch, Self.base + "/inboxes/" + inbox, as: owner, json: ["members": []]).expect(200)
    }

    // MARK: agents

    @discardableResult
    func agent(_ name: String, role: String = "agent", capacity: Int64 = 5, languages: [String] = ["fr", "en"], online: Bool = true, inboxes: [String]? = nil) async throws -> TestUser {
        let user = try await app.register(name)
        try await call(.post, "/agents", as: owner, ["user_id": .string(user.id.rawValue), "name": .string(name.prefix(1).uppercased() + name.dropFirst()), "role": .string(role), "capacity": .int(capacity),
                                                     "languages": JSON(languages), "inboxes": JSON(inboxes ?? [inbox])]).expect(201)
        if online { try await available(user, "online") }
        return user
    }
    func available(_ user: TestUser, _ availability: String) async throws {
        try await call(.put, "/me/availability", as: user, ["availability": .string(availability)]).expect(200)
    }
    @discardableResult
    func call(_ method: ServerKit.Method, _ path: String, as user: TestUser?, _ json: JSON? = nil, headers: Headers = [:]) async -> TestResponse {
        let answer = await app.call(method, Self.base + path, as: user, json: json, headers: headers)
        Described.check(method, path, answer)
        return answer
    }
    func conversation(_ id: String, as user: TestUser? = nil) async throws -> JSON { try await call(.get, "/conversations/\(id)", as: user ?? owner).expect(200) }
    func list(_ query: String, as user: TestUser? = nil) async throws -> [JSON] {
        try await call(.get, "/conversations?limit=100&" + query, as: user ?? owner).expect(200)["items"]?.arrayValue ?? []
    }
    func timeline(_ id: String, as user: TestUser? = nil) async throws -> [JSON] {
        try await call(.get, "/conversations/\(id)/timeline?limit=200", as: user ?? owner).expect(200)["items"]?.arrayValue ?? []
    }
    @discardableResult
    func say(_ text: String, in conversation: String, as user: TestUser, key: String? = nil) async throws -> JSON {
        let answer = await call(.post, "/conversations/\(conversation)/messages", as: user, ["key": .string(key ?? "k-" + text), "type": "text", "body": .string(text)])
        return try answer.expect(answer.status == 200 ? 200 : 201)
    }

    // MARK: customers

    func visitor(_ body: JSONObject = [:], remote: String = "192.0.2.1") async throws -> Visitor {
        var body = body
        if body["inbox"] == nil { body["inbox"] = "web" }
        let answer = try await app.call(.post, Self.widget + "/session", json: .object(body), remote: remote).expect(200)
        return try Visitor(answer)
    }
    /// A visitor's first message; gives the conversation.
    @discardableResult
    func write(_ text: String, as visitor: Visitor, txn: String? = nil, lang: String = "fr", inbox: String = "web") async throws -> JSON {
        try await app.call(.post, Self.widget + "/conversations", as: visitor.user, json: [
            "inbox": .string(inbox), "txn_id": .string(txn ?? "t-" + text), "lang": .string(lang), "content": ["msgtype": "m.text", "body": .string(text)]]).expect(200)
    }
    /// A new customer with his first message, when the desk has done what follows from it.
    func customer(_ text: String = "Bonjour", lang: String = "fr", inbox: String = "web") async throws -> (visitor: Visitor, conversation: String, room: String) {
        let visitor = try await visitor(["lang": .string(lang), "inbox": .string(inbox)])
        let answer = try await write(text, as: visitor, lang: lang, inbox: inbox)
        await desk.live.settled()
        return (visitor, answer["conversation_id"]?.stringValue ?? "", answer["room_id"]?.stringValue ?? "")
    }
    /// By the ordinary Matrix API, as the widget does from the second message on.
    @discardableResult
    func send(_ text: String, room: String, as user: TestUser, txn: String? = nil) async throws -> String {
        let path = "/_matrix/client/v3/rooms/\(Percent.encode(room))/send/m.room.message/\(txn ?? "x" + Percent.encode(text))"
        let answer = try await app.call(.put, path, as: user, json: ["msgtype": "m.text", "body": .string(text)]).expect(200)
        await desk.live.settled()
        return answer["event_id"]?.stringValue ?? ""
    }
    /// Bodies of everything in the room, as Matrix gives it.
    func roomBodies(_ room: String, as user: TestUser) async throws -> [String] {
        let chunk = try await app.call(.get, "/_matrix/client/v3/rooms/\(Percent.encode(room))/messages?dir=f&limit=500", as: user).expect(200)["chunk"]?.arrayValue ?? []
        return chunk.compactMap { $0["content"]?["body"]?.stringValue }
    }

    struct Visitor: Sendable {
        let user: TestUser, resume: String, contact: String, room: String?
        init(_ answer: JSON) throws {
            user = try TestUser(answer, password: "")
            resume = answer["resume_token"]?.stringValue ?? ""
            contact = answer["contact"]?["id"]?.stringValue ?? ""
            room = answer["room_id"]?.stringValue
        }
    }
}

extension JSON {
    /// `json.at("contact.name")`
    func at(_ path: String) -> JSON? {
        var json: JSON? = self
        for part in path.split(separator: ".") { json = json?[String(part)] }
        return json
    }
    func string(_ path: String) -> String? { at(path)?.stringValue }
    func int(_ path: String) -> Int64? { at(path)?.intValue }
}
