import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct DelayedEventsTests {
    private static let path = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"

    private func delay(_ room: Room, _ rest: String, _ ms: Int64, _ content: JSON = ["body": "later"], as user: TestUser? = nil) async throws -> String {
        let answer = try await room.call(.put, "\(rest)?org.matrix.msc4140.delay=\(ms)", as: user, content).expect(200)
        return try #require(answer["delay_id"]?.stringValue)
    }
    private func act(_ house: House, _ id: String, _ action: JSON, as user: TestUser? = nil) async -> TestResponse {
        await house.app.call(.post, "\(Self.path)/\(id)", as: user, json: ["action": action])
    }
    private func pass(_ house: House, _ ms: Int64) async throws {
        house.app.clock.advance(ms)
        try await house.app.run(job: "send delayed events")
    }
    private func said(_ room: Room) throws -> [String] { try room.events().filter { $0.type == "m.room.message" }.compactMap { $0.contentObject["body"]?.stringValue } }
    private func list(_ house: House, as user: TestUser? = nil) async throws -> [JSON] {
        try await house.app.call(.get, Self.path, as: user ?? house.alice).expect(200)["delayed_events"]?.arrayValue ?? []
    }

    @Test(arguments: TestBackend.available) func anEventIsSentOnceWhenItIsDue(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.open()
        let id = try await delay(room, "/send/m.room.message/t1", 5000)
        #expect(try await delay(room, "/send/m.room.message/t1", 5000) == id)   // the same transaction
        let listed = try await list(house)
        #expect(listed.count == 1)
        #expect(listed.first?["delay_id"] == .string(id))
        #expect(listed.first?["room_id"] == JSON(room.id))
        #expect(listed.first?["content"] == ["body": "later"])
        #expect(listed.first?["delay"] == 5000)
        #expect(listed.first?["state_key"] == nil)
        #expect(try await list(house, as: house.bob).isEmpty)
        #expect(try await house.app.call(.get, Self.path + "?status=scheduled", as: house.alice).expect(200)["scheduled"]?.arrayValue == listed)
        #expect(try await house.app.call(.get, Self.path + "?status=finalised", as: house.alice).expect(200) == ["finalised": []])
        try await house.app.call(.get, Self.path + "?status=x", as: house.alice).expect(400, "M_INVALID_PARAM")
        try await pass(house, 4999)
        #expect(try said(room).isEmpty)
        try await pass(house, 1)
        #expect(try said(room) == ["later"])
        try await pass(house, 100_000)
        #expect(try said(room) == ["later"])
        #expect(try await list(house).isEmpty)
    }

    @Test func restartCancelAndSend() async throws {
        let house = try await House()
        let room = try await house.open()
        let state: JSON = ["memberships": []]
        let id = try await delay(room, "/state/m.call/me", 1000, state)
        #expect(try await list(house).first?["state_key"] == "me")
        for _ in 0..<3 {
            house.app.clock.advance(900)
            try await act(house, id, "restart", as: house.alice).expect(200)
            try await house.app.run(job: "send delayed events")
        }
        try await room.call(.get, "/state/m.call/me").expect(404)
        try await house.app.call(.post, "\(Self.path)/\(id)/send", json: [:]).expect(200)   // the id is enough
        #expect(try await room.state("m.call", "me") == state)
        try await act(house, id, "send").expect(404, "M_NOT_FOUND")
        let other = try await delay(room, "/send/m.room.message/t2", 1000)
        try await act(house, other, "cancel", as: house.bob).expect(404, "M_NOT_FOUND")   // somebody else
        try await act(house, other, "cancel").expect(200)
        try await pass(house, 5000)
        #expect(try said(room).isEmpty)
    }

    @Test func stateOfSomebodyElseCancelsWhatWouldOverwriteIt() async throws {
        let house = try await House()
        let room = try await house.open(version: "11")
        try await room.join(house.bob)
        try await room.set("m.room.power_levels", ["users": [house.alice.id.rawValue: 100, house.bob.id.rawValue: 100]])
        _ = try await delay(room, "/state/m.room.topic/", 1000, ["topic": "old"])
        try await room.set("m.room.topic", ["topic": "mine"])                     // his own state leaves it
        #expect(try await list(house).count == 1)
        try await room.set("m.room.topic", ["topic": "new"], as: house.bob)
        #expect(try await list(house).isEmpty)
        try await pass(house, 2000)
        #expect(try await room.state("m.room.topic") == ["topic": "new"])
    }

    /// What was scheduled before a restart of the server is sent after it.
    @Test func scheduledEventsOutliveARestart() async throws {
        let house = try await House()
        let room = try await house.open()
        _ = try await delay(room, "/send/m.room.message/1", 1000)
        let fresh = DelayedEvents()
        try house.read { try fresh.load($0) }
        house.app.clock.advance(2000)
        try await fresh.run(house.app.context, house.service)
        #expect(try said(room) == ["later"])
    }

    @Test func whoMayNoLongerSendSendsNothing() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        _ = try await delay(room, "/send/m.room.message/1", 1000, as: house.bob)
        try await room.call(.post, "/ban", ["user_id": JSON(house.bob.id)]).expect(200)
        try await pass(house, 2000)
        #expect(try said(room).isEmpty)
        #expect(try await list(house, as: house.bob).isEmpty)
    }

    @Test func limits() async throws {
        let house = try await House()
        let room = try await house.open()
        func send(_ delay: String, _ txn: String = "x", as user: TestUser? = nil) async -> TestResponse {
            await room.call(.put, "/send/m.room.message/\(txn)?org.matrix.msc4140.delay=\(delay)", as: user, ["body": "x"])
        }
        try await send("x").expect(400, "M_INVALID_PARAM")
        try await send("-1").expect(400, "M_INVALID_PARAM")
        #expect(await send("\(DelayedEvents.longest + 1)").json?["org.matrix.msc4140.errcode"] == "M_MAX_DELAY_EXCEEDED")
        try await send("1000", as: house.bob).expect(403, "M_FORBIDDEN")
        for n in 0..<DelayedEvents.mostPerUser { try await send("1000", "t\(n)").expect(200) }
        #expect(await send("1000").json?["org.matrix.msc4140.errcode"] == "M_MAX_DELAYED_EVENTS_EXCEEDED")
        try await room.call(.put, "/state/m.room.member/\(house.alice.path)?org.matrix.msc4140.delay=10", ["membership": "leave"]).expect(400, "M_INVALID_PARAM")
        try await act(house, "none", "cancel").expect(404, "M_NOT_FOUND")
        try await act(house, "none", "explode").expect(400, "M_INVALID_PARAM")
        try await act(house, "none", 1).expect(400, "M_BAD_JSON")
    }
}
