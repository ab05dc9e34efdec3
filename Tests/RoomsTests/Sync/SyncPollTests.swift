import MatrixCore
import Rooms
import ServerKit
import Store
import TestKit
import Testing

/// Long-polls that wait without a task.
struct SyncPollTests {
    private static let deaf = #"{"room":{"timeline":{"not_types":["m.room.message"]}}}"#

    private func start(_ house: House, _ user: TestUser, _ filter: String = "") async throws -> String {
        // The second request is the first that finds all it needs in memory.
        let first = try await house.call(.get, "/sync?timeout=0" + filter, as: user).expect(200)["next_batch"]?.stringValue ?? ""
        return try await house.call(.get, "/sync?timeout=0&since=\(first)" + filter, as: user).expect(200)["next_batch"]?.stringValue ?? ""
    }
    private func poll(_ house: House, _ user: TestUser, since: String, timeout: Int = 20_000, _ filter: String = "") -> Task<JSON, any Error> {
        Task { try await house.call(.get, "/sync?timeout=\(timeout)&since=\(since)" + filter, as: user).expect(200) }
    }
    private func waiting(_ house: House, _ count: Int64) async throws {
        for _ in 0..<2000 where house.app.context.metrics.value(.syncWaiting) != count { try await Task.sleep(for: .milliseconds(5)) }
        #expect(house.app.context.metrics.value(.syncWaiting) == count)
    }
    private func bodies(_ answer: JSON, _ room: Room) -> [String] {
        (answer["rooms"]?["join"]?[room.id.rawValue]?["timeline"]?["events"]?.arrayValue ?? []).compactMap { $0["content"]?["body"]?.stringValue }
    }

    /// One message to a room of many is a few reads, however many wait for it.
    @Test func whoWaitsInOneRoomIsAnsweredTogether() async throws {
        let house = try await House()
        let room = try await house.open()
        let members = (0..<40).map { TestUser(open: "member\($0)") }
        var polls: [Task<JSON, any Error>] = []
        for member in members { try await room.call(.post, "/join", as: member, [:]).expect(200) }
        for member in members { polls.append(poll(house, member, since: try await start(house, member))) }
        try await waiting(house, 40)
        let before = house.app.context.db.statistics.reads
        try await room.say("hello all")
        for poll in polls { #expect(bodies(try await poll.value, room) == ["hello all"]) }
        #expect(house.app.context.db.statistics.reads - before <= 8)
        try await waiting(house, 0)
    }

    @Test func theTimeRunsOut() async throws {
        let house = try await House()
        _ = try await house.open()
        let since = try await start(house, house.alice)
        #expect(try await poll(house, house.alice, since: since, timeout: 30).value["next_batch"] == .string(since))
        try await waiting(house, 0)
    }

    /// What wakes a poll and then is not for it does not end it, nor does it lose what comes next.
    @Test func whatTheFilterLeavesOutDoesNotEndIt() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let filter = "&filter=" + Percent.encode(Self.deaf)
        let since = try await start(house, house.bob, filter)
        let poll = poll(house, house.bob, since: since, filter)
        try await waiting(house, 1)
        for n in 0..<20 { try await room.say("unheard \(n)") }
        try await waiting(house, 1)
        try await room.set("m.room.topic", ["topic": "heard"])
        let events = try await poll.value["rooms"]?["join"]?[room.id.rawValue]?["timeline"]?["events"]?.arrayValue
        #expect(events?.map { $0["type"] } == ["m.room.topic"])
    }

    /// The time runs out, messages come and clients leave, all at the same moment: each poll is answered once, and nothing is lost.
    @Test func expiryAndNewsRace() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        var since = try await start(house, house.bob), heard: [String] = []
        for n in 0..<60 {
            let answer = poll(house, house.bob, since: since, timeout: n % 4 + 1), leaver = poll(house, house.bob, since: since)
            if n % 3 > 0 { try await Task.sleep(for: .milliseconds(n % 3)) }
            try await room.say("\(n)")
            leaver.cancel()
            let said = try await answer.value
            heard += bodies(said, room)
            since = try #require(said["next_batch"]?.stringValue)
        }
        heard += bodies(try await poll(house, house.bob, since: since, timeout: 1).value, room)
        #expect(heard == (0..<60).map(String.init))
        try await waiting(house, 0)
    }

    @Test func aClientThatLeavesIsForgotten() async throws {
        let house = try await House()
        _ = try await house.open()
        let since = try await start(house, house.alice)
        let leaver = poll(house, house.alice, since: since)
        try await waiting(house, 1)
        leaver.cancel()
        try await waiting(house, 0)
    }

    @Test func allAreAnsweredWhenTheServerGoesDown() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let polls = [poll(house, house.alice, since: try await start(house, house.alice)), poll(house, house.bob, since: try await start(house, house.bob))]
        try await waiting(house, 2)
        house.app.context.hub.close()
        for poll in polls { #expect(try await poll.value["next_batch"] != nil) }
        try await waiting(house, 0)
    }

    @Test func aTokenThatIsTooOldIsReadAnew() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let since = try await start(house, house.bob)
        for n in 0..<100 { try await room.say("\(n)") }   // more than the hub remembers
        let answer = try await poll(house, house.bob, since: since).value
        #expect(bodies(answer, room).last == "99" && answer["rooms"]?["join"]?[room.id.rawValue]?["timeline"]?["limited"] == true)
    }
}
