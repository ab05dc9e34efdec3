import Glibc
import Logging
package import MatrixCore
package import ServerKit
package import Store
import Synchronization

/// A server without a socket: the features given, on a fresh database, with a clock that stands still and repeatable ids.
///
///     let accounts = Accounts()
///     let app = try await TestApp([accounts.feature], ports: .testing(sessions: accounts, users: accounts))
///     let alice = try await app.register("alice")
///     try await app.call(.get, "/_matrix/client/v3/account/whoami", as: alice).expect(200)
///
/// The database is SQLite, or PostgreSQL where `COMPTOIR_TEST_POSTGRES` and `COMPTOIR_TEST_ON=postgres` say so.
package final class TestApp: Sendable {
    package let context: Context
    package let router: Router
    package let clock: ManualClock
    package let features: [Feature]
    private let place: TestDatabase
    private let users = Mutex<[TestUser]>([])
    private let watched = Mutex<[Watched]>([])

    private struct Watched: Sendable {
        var user: TestUser
        var picture: SyncPicture
        var token: SyncToken
    }

    package init(_ features: [Feature], ports: Ports = .testing(), backend: TestBackend = .preferred, seed: UInt64 = 1,
                 outbound: (any Outbound)? = nil, config change: (inout Config) -> Void = { _ in }) async throws {
        var config = Config()
        config.serverName = "test"
        config.openRegistration = true
        config.guestRegistration = true
        config.noRateLimits = true
        config.cheapPasswordHashing = true
        config.allowLoopbackEgress = true
        place = try backend.fresh()
        config.dataDirectory = place.directory
        change(&config)
        clock = ManualClock()
        let db = try place.open(features.flatMap(\.migrations))
        let hub = ChangeHub(position: db.position, ephemeral: clock.now * 1000)
        guard let key = Ed25519.SigningKey(seed: Array(repeating: 7, count: 32)) else { throw TestFailure("no signing key") }
        var log = Logger(label: "test") { StreamLogHandler.standardError(label: $0) }
        log.logLevel = .warning
        context = Context(config: config, db: db, clock: clock, entropy: SeededEntropy(seed), signing: ServerKey(server: config.serverName, keyID: "ed25519:test", key: key),
                          ports: ports, hub: hub, log: log, features: features, outbound: outbound)
        router = Router(features.flatMap(\.routes), errors: features.compactMap(\.errors))
        self.features = features
        db.onCommit { hub.committed($0) }
        for feature in features { try await feature.start(context) }
    }

    deinit { context.db.close() }

    /// One request through the router, as the HTTP server would hand it over. `path` is as on the wire, query included.
    @discardableResult
    package func call(_ method: Method, _ path: String, as user: TestUser? = nil, token: String? = nil, json: JSON? = nil, body: [UInt8]? = nil,
                      headers: Headers = [:], remote: String = "127.0.0.1") async -> TestResponse {
        let bytes = body ?? json?.encoded() ?? []
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let rawPath = parts[0]
        guard let decoded = Percent.decode(rawPath), let query = parts.count > 1 ? Percent.query(parts[1]) : Query() else {
            return TestResponse(MatrixError.badRequest("The address is not valid.").response(language: "en"))
        }
        var headers = headers
        if let token = token ?? user?.token, headers["Authorization"] == nil { headers.set("Authorization", "Bearer " + token) }
        if json != nil, headers["Content-Type"] == nil { headers.set("Content-Type", "application/json") }
        var request = Request(method, decoded, query: query, headers: headers, body: bytes, remote: remote)
        if case .route(let route, let params) = router.match(method, rawPath: rawPath) {
            if route.direct != nil { return TestResponse(await direct(route, params, request)) }
            switch route.body {
            case .collected(let max):
                if bytes.count > max { return TestResponse(MatrixError.tooLarge().response(language: request.language)) }
            case .streamed:
                request.body = []
                request.stream = MemoryBody(bytes)
            }
        }
        return TestResponse(await router.handle(request, rawPath: rawPath, context: context))
    }

    /// As a connection does it: without a task while nothing happens.
    private func direct(_ route: Route, _ params: [String: String], _ request: Request) async -> Response {
        let reply = TestReply()
        var (outcome, admitted) = router.direct(route, params: params, request, context: context, reply: reply)
        if case .no = outcome, admitted == nil, route.auth != .none, request.token != nil {
            switch await router.admission(route, request, context: context) {
            case .admitted(let session): (outcome, admitted) = router.direct(route, params: params, request, context: context, admitted: session, reply: reply)
            case .refused(let response): return response
            }
        }
        switch outcome {
        case .answer(let response): return response
        case .no: return await router.run(route, params: params, request, context: context, admitted: admitted)
        case .works: return await reply.response
        case .waits(let waiting, let milliseconds):
            let timer = Task {
                try await Task.sleep(for: .milliseconds(milliseconds))   // ends early when the answer has come
                if let response = waiting.expire() { reply.send(response) }
            }
            defer { timer.cancel() }
            return await withTaskCancellationHandler {
                await reply.response
            } onCancel: {
                waiting.cancel()
                reply.send(MatrixError.overloaded().response(language: "en"))
            }
        }
    }

    /// Registers an account by `m.login.dummy`; needs the Accounts feature.
    @discardableResult
    package func register(_ localpart: String, password: String = "correct horse", device: String? = nil) async throws -> TestUser {
        var body: JSONObject = ["auth": ["type": "m.login.dummy"], "username": .string(localpart), "password": .string(password)]
        if let device { body["device_id"] = .string(device) }
        let answer = try await call(.post, "/_matrix/client/v3/register", json: .object(body)).expect(200)
        let user = try TestUser(answer, password: password)
        users.withLock { $0.append(user) }
        return user
    }

    /// Another session of the same user.
    package func login(_ user: TestUser, device: String? = nil) async throws -> TestUser {
        var body: JSONObject = ["type": "m.login.password", "identifier": ["type": "m.id.user", "user": .string(user.id.rawValue)], "password": .string(user.password)]
        if let device { body["device_id"] = .string(device) }
        return try TestUser(try await call(.post, "/_matrix/client/v3/login", json: .object(body)).expect(200), password: user.password)
    }

    /// Runs the job of that name once.
    package func run(job name: String) async throws {
        guard let job = features.flatMap(\.jobs).first(where: { $0.name == name }) else { throw TestFailure("no job named \(name)") }
        try await job.run(context)
    }

    // MARK: the law of the sync sources

    /// Everything a fresh client of `user` would get now, merged as a client merges it.
    package func picture(_ user: TestUser) async throws -> (picture: SyncPicture, token: SyncToken) {
        var picture = SyncPicture()
        let token = try await apply(user, since: nil, to: &picture)
        return (picture, token)
    }

    /// Applies what has changed since `since` to the client's picture and gives the new token.
    @discardableResult
    package func apply(_ user: TestUser, since: SyncToken?, to picture: inout SyncPicture) async throws -> SyncToken {
        var since = since
        while true {
            let (parts, scope) = try await contributions(user, since: since, known: picture.joined)
            try picture.apply(parts, scope)
            var token = scope.now
            token.toDevice = parts.toDeviceThrough
            if token.toDevice == nil { return token }
            since = token
        }
    }

    /// What the sources say, unmerged.
    package func contributions(_ user: TestUser, since: SyncToken?, known: Set<RoomID> = []) async throws -> (parts: SyncParts, scope: SyncScope) {
        let context = context
        return try await context.db.read { tx in
            let now = SyncToken(position: try tx.position, ephemeral: context.hub.ephemeral)
            let joined = Set(try context.ports.timelines.joinedRooms(tx, user: user.id))
            let scope = SyncScope(user: user.id, device: user.device, since: since, now: now, joined: joined,
                                  fresh: since == nil ? joined : joined.subtracting(known), touched: nil)
            var parts = SyncParts()
            for source in context.syncSources { try source.contribute(context, tx, scope, into: &parts) }
            return (parts, scope)
        }
    }

    /// Runs `actions` and checks: initial(before) + delta = initial(after).
    package func expectConverges(_ user: TestUser, _ actions: () async throws -> Void) async throws {
        let (before, token) = try await picture(user)
        try await actions()
        try await expectConverged(user, from: before, token)
    }

    /// From here on `user` is a client that never syncs until `expectAllConverge`.
    package func watch(_ user: TestUser) async throws {
        let (picture, token) = try await picture(user)
        watched.withLock { $0.append(Watched(user: user, picture: picture, token: token)) }
    }

    /// For every watched user: what he knew plus one delta is what a fresh client sees now.
    package func expectAllConverge() async throws {
        for each in watched.withLock({ $0 }) { try await expectConverged(each.user, from: each.picture, each.token) }
    }

    private func expectConverged(_ user: TestUser, from before: SyncPicture, _ token: SyncToken) async throws {
        var merged = before
        try await apply(user, since: token, to: &merged)
        let fresh = try await picture(user).picture
        let differences = merged.differences(from: fresh)
        guard differences.isEmpty else {
            throw TestFailure("\(user.id): the delta does not lead to the fresh state:\n" + differences.joined(separator: "\n"))
        }
    }
}

/// A signed-in user.
package struct TestUser: Sendable, Hashable {
    package var id: UserID
    package var token: String
    package var device: DeviceID
    package var password: String
    package var refreshToken: String?

    package init(id: UserID, token: String, device: DeviceID, password: String = "", refreshToken: String? = nil) {
        self.id = id; self.token = token; self.device = device; self.password = password; self.refreshToken = refreshToken
    }
    /// From the answer of /register or /login.
    package init(_ answer: JSON, password: String) throws {
        guard let id = UserID(answer["user_id"]), let token = answer["access_token"]?.stringValue, let device = DeviceID(answer["device_id"]) else {
            throw TestFailure("no session in \(answer.text)")
        }
        self.init(id: id, token: token, device: device, password: password, refreshToken: answer["refresh_token"]?.stringValue)
    }
    /// A user of the `OpenSessions` port: no account, any name.
    package init(open localpart: String, server: String = "test") {
        let id = UserID(trusted: "@\(localpart):\(server)")
        self.init(id: id, token: id.rawValue, device: DeviceID(trusted: "DEVICE"))
    }
    /// The user id as a part of a path.
    package var path: String { Percent.encode(id.rawValue) }
}

package struct TestResponse: Sendable {
    package let response: Response
    package init(_ response: Response) { self.response = response }
    package var status: Int { response.status }
    package var headers: Headers { response.headers }
    package var json: JSON? { response.jsonBody }
    package var errcode: String? { json?["errcode"]?.stringValue }
    package var bytes: [UInt8] { if case .bytes(let bytes) = response.body { bytes } else { [] } }
    package subscript(key: String) -> JSON? { json?[key] }

    /// Throws unless the status (and the error code, when given) are these; gives the body.
    @discardableResult
    package func expect(_ status: Int, _ errcode: String? = nil, file: StaticString = #fileID, line: UInt = #line) throws -> JSON {
        guard self.status == status, errcode == nil || errcode == self.errcode else {
            throw TestFailure("\(file):\(line): expected \(status) \(errcode ?? ""), got \(self.status) \(String(decoding: bytes, as: UTF8.self))")
        }
        return json ?? .null
    }
}

package struct TestFailure: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// Takes one answer.
private final class TestReply: Reply {
    private let answers: AsyncStream<Response>
    private let sink: AsyncStream<Response>.Continuation
    init() { (answers, sink) = AsyncStream.makeStream() }

    var lane: ObjectIdentifier { ObjectIdentifier(self) }
    func send(_ response: Response) {
        sink.yield(response)
        sink.finish()
    }
    func send(_ batch: [(reply: any Reply, response: Response)]) { for (reply, response) in batch { reply.send(response) } }
    var response: Response {
        get async {
            for await answer in answers { return answer }
            return MatrixError.overloaded().response(language: "en")   // the test was cancelled
        }
    }
}

/// A body that a streaming route reads, in pieces of 64 KiB.
private final class MemoryBody: BodyReader {
    private let rest: Mutex<ArraySlice<UInt8>>
    init(_ bytes: [UInt8]) { rest = Mutex(bytes[...]) }
    func next() async throws -> [UInt8]? {
        rest.withLock { rest in
            guard !rest.isEmpty else { return nil }
            defer { rest = rest.dropFirst(65_536) }
            return Array(rest.prefix(65_536))
        }
    }
}

extension JSON {
    /// For messages of failing tests.
    package var text: String { String(decoding: encoded(), as: UTF8.self) }
}

extension TestBackend {
    /// The database of API tests.
    package static let preferred: TestBackend = {
        guard let value = getenv("COMPTOIR_TEST_ON"), String(cString: value) == "postgres", available.contains(.postgres) else { return .sqlite }
        return .postgres
    }()
}
