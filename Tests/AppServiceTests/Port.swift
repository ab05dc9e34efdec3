import Accounts
@testable import AppService
import MatrixCore
import Rooms
import ServerKit
import Store
import Synchronization
import TestKit

/// A harbour with a bridge to IRC: accounts, rooms and one or two application services whose side is played by the test.
struct Port {
    let accounts = Accounts(), rooms = RoomService()
    let services: AppService
    let line: FakeLine
    let app: TestApp
    let ann: TestUser

    static let irc = """
        id: irc
        url: http://bridge.test:9999/
        as_token: as-secret
        hs_token: hs-secret
        sender_localpart: ircbot
        rate_limited: false
        receive_ephemeral: true
        protocols: [irc]
        namespaces:
          users:
          - {regex: '@irc_.*', exclusive: true}
          aliases:
          - {regex: '#irc_.*', exclusive: true}
          rooms: []
        """
    static let other = """
        id: other
        url: null
        as_token: other-secret
        hs_token: other-hs
        sender_localpart: otherbot
        protocols: [irc]
        namespaces:
          users:
          - {regex: '@other_.*:test$', exclusive: false}
        """

    init(_ registrations: [String] = [irc, other], backend: TestBackend = .preferred, largestFarewell: Int = DeviceNews.largestFarewell) async throws {
        let parsed = try registrations.map { try Registration.parse(Array($0.utf8), file: "test.yaml") }
        services = AppService(parsed, largestFarewell: largestFarewell)
        line = FakeLine()
        var ports = Ports.testing(sessions: accounts, users: accounts, rooms: rooms, timelines: rooms, preferences: accounts, lookup: rooms)
        ports.bridges = services
        app = try await TestApp([accounts.feature, rooms.feature, services.feature], ports: ports, backend: backend, outbound: line)
        ann = try await app.register("ann")
    }

    var courier: Courier { get throws {
        guard let courier = services.couriers[0] else { throw TestFailure("the first service has no courier") }
        return courier
    } }

    /// As the IRC bridge, for one of its users if he is named.
    @discardableResult
    func call(_ method: Method, _ path: String, for user: String? = nil, _ json: JSON? = nil, token: String = "as-secret") async -> TestResponse {
        let query = user.map { (path.contains("?") ? "&" : "?") + "user_id=" + Percent.encode("@\($0):test") } ?? ""
        return await app.call(method, "/_matrix/client/v3" + path + query, token: token, json: json)
    }
    @discardableResult
    func call(_ method: Method, _ path: String, as user: TestUser, _ json: JSON? = nil) async -> TestResponse {
        await app.call(method, "/_matrix/client/v3" + path, as: user, json: json)
    }
    func ghost(_ name: String) async throws {
        try await call(.post, "/register", ["type": "m.login.application_service", "username": .string(name), "inhibit_login": true]).expect(200)
    }
    func room(_ body: JSONObject = [:]) async throws -> String {
        let body: JSONObject = (["preset": "public_chat"] as JSONObject).merging(body)
        return try await call(.post, "/createRoom", as: ann, .object(body)).expect(200)["room_id"]?.stringValue ?? ""
    }
    @discardableResult
    func say(_ text: String, _ room: String, as user: TestUser? = nil) async throws -> String {
        let path = "/rooms/\(Percent.encode(room))/send/m.room.message/\(app.context.entropy.token(8))"
        return try await call(.put, path, as: user ?? ann, ["msgtype": "m.text", "body": .string(text)]).expect(200)["event_id"]?.stringValue ?? ""
    }
    func join(_ room: String, for ghost: String) async throws {
        try await call(.post, "/rooms/\(Percent.encode(room))/join", for: ghost, [:]).expect(200)
    }
    /// Sends all that waits, and forgets that it came.
    func settle() async throws {
        try await deliver()
        line.forget()
    }
    /// Sends all that waits.
    func deliver() async throws {
        let courier = try courier
        while true {
            switch try await courier.step(app.context) {
            case .idle: return
            case .sent: continue
            case .failed: throw TestFailure("the bridge refused a transaction")
            }
        }
    }
}

/// The other end of the line: keeps what was sent and answers as the test says.
final class FakeLine: Outbound {
    struct Call: Sendable {
        let method: String, path: String
        let token: String?
        let body: JSON
        let isTrusted: Bool
    }
    typealias Answer = @Sendable (Call) async throws -> (Int, JSON)
    private let state = Mutex<(calls: [Call], answer: Answer)>(([], { _ in (200, [:]) }))

    var calls: [Call] { state.withLock { $0.calls } }
    func answer(_ answer: @escaping Answer) { state.withLock { $0.answer = answer } }
    func forget() { state.withLock { $0.calls = [] } }
    var transactions: [Call] { calls.filter { $0.path.contains("/transactions/") } }
    /// Bodies of the messages told so far, in order.
    var told: [String] { transactions.flatMap { $0.body["events"]?.arrayValue ?? [] }.compactMap { $0["content"]?["body"]?.stringValue } }

    func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        let base = "http://bridge.test:9999"
        guard request.url.hasPrefix(base) else { throw OutboundError.invalidURL(request.url) }
        let call = Call(method: request.method, path: String(request.url.dropFirst(base.count)),
                        token: request.headers.first { $0.name == "Authorization" }?.value,
                        body: request.body.isEmpty ? .null : try JSON.parse(request.body), isTrusted: request.isTrusted)
        let answer = state.withLock { state in
            state.calls.append(call)
            return state.answer
        }
        let (status, json) = try await answer(call)
        return OutboundResponse(status: status, body: json.encoded(), url: request.url)
    }
}
