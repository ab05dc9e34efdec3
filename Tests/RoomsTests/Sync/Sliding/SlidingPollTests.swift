import MatrixCore
import Rooms
import ServerKit
import Store
import TestKit
import Testing

/// Sliding sync waits without a task.
struct SlidingPollTests {
    private static let wishes = SlidingClient.everything(limit: 100)

    /// A client that has been told all there is, so that its next request waits.
    private func settled(_ town: Town, _ user: TestUser, named name: String = "main") async throws -> SlidingClient {
        var client = SlidingClient(user: user, name: name)
        for _ in 0..<4 { try await client.sync(town.app, Self.wishes) }
        #expect(client.last["rooms"] == [:])
        return client
    }
    private func poll(_ town: Town, _ client: SlidingClient, timeout: Int = 20_000, body: JSONObject = SlidingPollTests.wishes) -> Task<SlidingClient, any Error> {
        Task {
            var client = client
            try await client.sync(town.app, body, timeout: timeout)
            return client
        }
    }
    private func waiting(_ town: Town, _ count: Int64) async throws {
        for _ in 0..<2000 where town.app.context.metrics.value(.syncWaiting) != count { try await Task.sleep(for: .milliseconds(5)) }
        #expect(town.app.context.metrics.value(.syncWaiting) == count)
    }
    private func events(_ client: SlidingClient) -> [String] { client.rooms.values.flatMap(\.events) }

    /// What is not in a client's sight wakes its request and does not end it.
    @Test func aChangeOutOfSightDoesNotEndIt() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        var client = SlidingClient(user: town.ben)
        let body: JSONObject = ["lists": [:], "extensions": ["account_data": ["enabled": true]]]
        for _ in 0..<3 { try await client.sync(town.app, body) }
        let waiter = poll(town, client, body: body)
        try await waiting(town, 1)
        for n in 0..<30 { try await town.say("unseen \(n)", path, as: town.ann) }
        try await waiting(town, 1)
        try await town.call(.put, "/user/\(town.ben.path)/account_data/shop.test", as: town.ben, ["a": 1]).expect(200)
        #expect(try await waiter.value.accountData["shop.test"] == ["a": 1])
        try await waiting(town, 0)
    }

    /// Nothing is read and nothing is written for a request whose time runs out, and the place that it names goes on.
    @Test func theTimeRunsOut() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        var client = try await settled(town, town.ben)
        let waiter = poll(town, client, timeout: 400)
        try await waiting(town, 1)
        try await Task.sleep(for: .milliseconds(100))   // it has looked, and waits
        let before = town.app.context.db.statistics
        client = try await waiter.value
        let after = town.app.context.db.statistics
        #expect(client.last["rooms"] == [:] && after.reads == before.reads && after.writes == before.writes)
        let event = try await town.say("after the pause", path, as: town.ann)
        try await client.sync(town.app, Self.wishes)
        #expect(events(client).last == event)
        try await waiting(town, 0)
    }

    /// The time runs out, messages come and clients leave, all at the same moment: each request is answered once, and nothing is lost or doubled.
    @Test func expiryAndNewsRace() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        var client = try await settled(town, town.ben)
        let other = try await settled(town, town.ben, named: "other")
        var said: [String] = []
        for n in 0..<60 {
            let answer = poll(town, client, timeout: n % 4 + 1), leaver = poll(town, other)
            if n % 3 > 0 { try await Task.sleep(for: .milliseconds(n % 3)) }
            said.append(try await town.say("\(n)", path, as: town.ann))
            leaver.cancel()
            client = try await answer.value
        }
        try await client.sync(town.app, Self.wishes)
        #expect(events(client).suffix(60) == said[...])
        try await waiting(town, 0)
    }

    @Test func aClientThatLeavesIsForgotten() async throws {
        let town = try await Town()
        _ = try await town.room(of: town.ann)
        let client = try await settled(town, town.ann)
        let leaver = poll(town, client)
        try await waiting(town, 1)
        leaver.cancel()
        try await waiting(town, 0)
    }

    @Test func allAreAnsweredWhenTheServerGoesDown() async throws {
        let town = try await Town()
        _ = try await town.room(of: town.ann, with: town.ben)
        let polls = [poll(town, try await settled(town, town.ann)), poll(town, try await settled(town, town.ben))]
        try await waiting(town, 2)
        town.app.context.hub.close()
        for poll in polls { #expect(try await poll.value.last["rooms"] == [:]) }
        try await waiting(town, 0)
    }

    /// Both kinds of sync wait for the same room: one change wakes both.
    @Test func oneChangeWakesBothKindsOfSync() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann, with: town.ben, town.cleo)
        let sliding = poll(town, try await settled(town, town.ben))
        var since = try await town.sync(town.cleo)
        since = try await town.sync(town.cleo, since: since)   // finds all it needs in memory
        let token = since["next_batch"]?.stringValue ?? ""
        let plain = [0, 1].map { _ in Task { try await town.call(.get, "/sync?timeout=20000&since=\(token)", as: town.cleo).expect(200) } }
        try await waiting(town, 3)
        let event = try await town.say("to everybody", path, as: town.ann)
        #expect(events(try await sliding.value).last == event)
        for each in plain { #expect(Town.bodies(try await each.value["rooms"]?["join"]?[id]?["timeline"]?["events"]) == ["to everybody"]) }
        try await waiting(town, 0)
    }

    /// A key that was handed out while the request waited is counted in its answer, though it wakes nobody.
    @Test func keysHandedOutMeanwhileAreCounted() async throws {
        let town = try await Town()
        _ = try await town.room(of: town.ann, with: town.ben)
        let keys: JSONObject = ["signed_curve25519:A": ["key": "a"], "signed_curve25519:B": ["key": "b"]]
        try await town.call(.post, "/keys/upload", as: town.ben, ["one_time_keys": .object(keys)]).expect(200)
        var body = Self.wishes
        body["extensions"] = ["e2ee": ["enabled": true]]
        var client = SlidingClient(user: town.ben)
        for _ in 0..<4 { try await client.sync(town.app, body) }
        #expect(client.last["extensions"]?["e2ee"]?["device_one_time_keys_count"]?["signed_curve25519"] == 2)
        let waiter = poll(town, client, timeout: 300, body: body)
        try await waiting(town, 1)
        let claim: JSON = ["one_time_keys": [town.ben.id.rawValue: [town.ben.device.rawValue: "signed_curve25519"]]]
        try await town.call(.post, "/keys/claim", as: town.ann, claim).expect(200)
        #expect(try await waiter.value.last["extensions"]?["e2ee"]?["device_one_time_keys_count"]?["signed_curve25519"] == 1)
        try await waiting(town, 0)
    }

    // MARK: GET /sync

    private final class NoReply: Reply {
        var lane: ObjectIdentifier { ObjectIdentifier(self) }
        func send(_ response: Response) {}
        func send(_ batch: [(reply: any Reply, response: Response)]) {}
    }

    /// Who is not believed any more without being looked up, and of whom something is to be noted first, waits without a task like the others.
    @Test func whoMustBeLookedUpWaitsLikeTheOthers() async throws {
        let town = try await Town(), c = town.app.context
        let (id, path) = try await town.room(of: town.ann, with: town.ben)
        let token = try await town.sync(town.ben)["next_batch"]?.stringValue ?? ""
        town.app.clock.advance(90_000)
        let address = "/_matrix/client/v3/sync"
        guard case .route(let route, let params) = town.app.router.match(.get, rawPath: address[...]) else { throw TestFailure("there is no route") }
        let query = try #require(Percent.query("timeout=20000&set_presence=unavailable&since=\(token)"))
        let request = Request(.get, address, query: query, headers: ["Authorization": "Bearer " + town.ben.token])
        guard case (.no, nil) = town.app.router.direct(route, params: params, request, context: c, reply: NoReply()) else { throw TestFailure("he is believed for ever") }
        guard case .admitted(let session) = await town.app.router.admission(route, request, context: c) else { throw TestFailure("he is not let in") }
        let (outcome, _) = town.app.router.direct(route, params: params, request, context: c, admitted: session, reply: NoReply())
        guard case .waits(let parked, 20_000) = outcome else { throw TestFailure("it takes a task: \(outcome)") }
        parked.cancel()
        func presence() async throws -> JSON? { try await town.call(.get, "/presence/\(town.ben.path)/status", as: town.ann).expect(200)["presence"] }
        for _ in 0..<2000 where try await presence() != "unavailable" { try await Task.sleep(for: .milliseconds(5)) }   // noted, though he has gone
        try await waiting(town, 0)

        var settled = try await town.sync(town.ben)
        for _ in 0..<3 { settled = try await town.sync(town.ben, since: settled) }   // his own presence among the rest
        let latest = settled["next_batch"]?.stringValue ?? ""
        town.app.clock.advance(90_000)
        let waiter = Task { try await town.call(.get, "/sync?timeout=20000&since=\(latest)", as: town.ben).expect(200) }
        try await waiting(town, 1)
        try await town.say("still there?", path, as: town.ann)
        #expect(Town.bodies(try await waiter.value["rooms"]?["join"]?[id]?["timeline"]?["events"]) == ["still there?"])
        try await waiting(town, 0)
        #expect(try await presence() == "online")
        let stranger = await town.app.call(.get, address + "?timeout=20000&since=\(token)", token: "ct_nobody")
        #expect(stranger.status == 401 && stranger.json?["errcode"] == "M_UNKNOWN_TOKEN")
    }
}
