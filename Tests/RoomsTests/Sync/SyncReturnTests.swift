import MatrixCore
import ServerKit
import TestKit
import Testing

/// Syncs of those who come into a room, or come back to it.
struct SyncReturnTests {
    private func timeline(_ answer: JSON, _ room: Room) -> JSON? { answer["rooms"]?["join"]?[room.id.rawValue]?["timeline"] }

    private func sync(_ house: House, _ user: TestUser, _ filter: String = "", since: JSON? = nil, fullState: Bool = false) async throws -> JSON {
        let query = (filter.isEmpty ? "" : "&filter=" + Percent.encode(filter)) + (since?["next_batch"]?.stringValue.map { "&since=" + $0 } ?? "") + (fullState ? "&full_state=true" : "")
        return try await house.call(.get, "/sync?timeout=0" + query, as: user).expect(200)
    }

    /// Before the page there is a gap, whatever the page's length: the client must not put it behind what it had.
    @Test func aRoomThatIsEnteredHasALimitedTimeline() async throws {
        let house = try await House()
        let room = try await house.open()
        let start = try await sync(house, house.bob)
        for n in 0..<3 { try await room.say("\(n)") }
        try await room.join(house.bob)
        let messages = #"{"room":{"timeline":{"types":["m.room.message"],"limit":10}}}"#
        let entered = try #require(timeline(try await sync(house, house.bob, messages, since: start), room))
        #expect(entered["events"]?.arrayValue?.count == 3 && entered["limited"] == true && entered["prev_batch"] != nil)
        // The maker of a room has all of it.
        let own = try await house.open(), made = try await sync(house, house.alice)
        #expect(timeline(made, own)?["limited"] == false)
    }

    @Test func fullStateHasATokenToPageBackFrom() async throws {
        let house = try await House()
        let room = try await house.open()
        let start = try await sync(house, house.alice)
        let full = try await sync(house, house.alice, since: start, fullState: true)
        #expect(timeline(full, room)?["events"] == [] && timeline(full, room)?["prev_batch"] != nil)
    }

    /// Bob may not see what was said while he was away, but who is there now he must learn, and in the timeline.
    @Test func whoComesBackHearsOfTheHiddenPresentState() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        try await room.set("m.room.history_visibility", ["history_visibility": "joined"])
        let start = try await sync(house, house.bob)
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        try await room.join(house.carol)
        for n in 0..<30 { try await room.say("hidden \(n)") }
        try await room.join(house.bob)
        let events = timeline(try await sync(house, house.bob, since: start), room)?["events"]?.arrayValue ?? []
        #expect(events.contains { $0["type"] == "m.room.member" && $0["state_key"] == JSON(house.carol.id) })
        #expect(!events.contains { $0["content"]?["body"]?.stringValue?.hasPrefix("hidden") == true })
    }

    @Test func eventsComeAsServersExchangeThemWhenTheFilterSaysSo() async throws {
        let house = try await House()
        let room = try await house.open(version: "10")
        let id = try await room.say("hello")
        let answer = try await sync(house, house.alice, #"{"event_format":"federation","room":{"timeline":{"limit":1}}}"#)
        let event = try #require(timeline(answer, room)?["events"]?.arrayValue?.first)
        #expect(event["event_id"] == JSON(id) && event["room_id"] == JSON(room.id) && event["content"]?["body"] == "hello")
        for key in ["prev_events", "auth_events", "depth", "hashes", "signatures"] { #expect(event[key] != nil, "\(key) is missing") }
        let state = answer["rooms"]?["join"]?[room.id.rawValue]?["state"]?["events"]?.arrayValue ?? []
        #expect(!state.isEmpty && state.allSatisfy { $0["signatures"] != nil })
    }
}
