import MatrixCore
@testable import Rooms
import ServerKit
import TestKit
import Testing

struct EventStreamTests {
    private func bodies(_ answer: JSON) -> [String] { (answer["chunk"]?.arrayValue ?? []).compactMap { $0["content"]?["body"]?.stringValue } }

    @Test func followsTheRoomsFromTheTokenOn() async throws {
        let house = try await House()
        let room = try await house.open()
        let start = try await house.call(.get, "/events?timeout=0").expect(200)
        #expect(start["chunk"] == [])
        try await room.say("one")
        try await room.say("two")
        let next = try await house.call(.get, "/events?from=\(start["end"]?.stringValue ?? "")").expect(200)
        #expect(bodies(next) == ["one", "two"])
        let event = next["chunk"]?.arrayValue?.first
        #expect(event?["room_id"] == JSON(room.id))
        #expect(event?["user_id"] == event?["sender"] && event?["age"] != nil, "events have the old form")
        #expect(next["start"] == start["end"])
        let end = try await house.call(.get, "/events?timeout=0&from=\(next["end"]?.stringValue ?? "")").expect(200)
        #expect(end["chunk"] == [])
    }

    /// Twenty messages in two rooms, five at a time: in order, none twice, none lost.
    @Test func catchesUpInPieces() async throws {
        let house = try await House()
        let rooms = [try await house.open(), try await house.open()]
        var token = try await house.call(.get, "/events").expect(200)["end"]?.stringValue ?? ""
        for n in 0..<20 { try await rooms[n % 2].say("\(n)") }
        var seen: [String] = []
        for _ in 0..<6 {
            let page = try await house.call(.get, "/events?limit=5&from=\(token)").expect(200)
            seen += bodies(page)
            token = page["end"]?.stringValue ?? ""
        }
        #expect(seen == (0..<20).map(String.init))
    }

    @Test func tellsOfInvitesTypingReceiptsAndLeaving() async throws {
        let house = try await House()
        let room = try await house.open()
        let token = try await house.call(.get, "/events", as: house.bob).expect(200)["end"]?.stringValue ?? ""
        try await room.call(.post, "/invite", ["user_id": JSON(house.bob.id)]).expect(200)
        let invite = try await house.call(.get, "/events?from=\(token)", as: house.bob).expect(200)
        #expect(invite["chunk"]?.arrayValue?.map { $0["content"]?["membership"]?.stringValue } == ["invite"])
        try await room.join(house.bob)
        let id = try await room.say("hello")
        let joined = try await house.call(.get, "/events", as: house.bob).expect(200)["end"]?.stringValue ?? ""
        try await room.call(.post, "/receipt/m.read/\(Percent.encode(id.rawValue))", [:]).expect(200)
        try await room.call(.put, "/typing/\(house.alice.path)", ["typing": true]).expect(200)
        let ephemeral = try await house.call(.get, "/events?from=\(joined)", as: house.bob).expect(200)["chunk"]?.arrayValue ?? []
        #expect(Set(ephemeral.compactMap { $0["type"]?.stringValue }) == ["m.receipt", "m.typing"])
        #expect(ephemeral.allSatisfy { $0["room_id"] == JSON(room.id) })
        let before = try await house.call(.get, "/events", as: house.bob).expect(200)["end"]?.stringValue ?? ""
        try await room.call(.post, "/kick", ["user_id": JSON(house.bob.id)]).expect(200)
        try await room.say("behind his back")
        let kicked = try await house.call(.get, "/events?from=\(before)", as: house.bob).expect(200)["chunk"]?.arrayValue ?? []
        #expect(kicked.compactMap { $0["type"]?.stringValue } == ["m.room.member"])
    }

    @Test func looksIntoWorldReadableRoomsOnly() async throws {
        let house = try await House()
        let guest = TestUser(open: "guest-1"), room = try await house.open()
        try await house.call(.get, "/events", as: guest).expect(400, "M_MISSING_PARAM")
        try await house.call(.get, "/events?room_id=\(Percent.encode(room.id.rawValue))", as: guest).expect(403, "M_FORBIDDEN")
        try await room.set("m.room.history_visibility", ["history_visibility": "world_readable"])
        let start = try await room.call(.get, "/initialSync", as: guest).expect(200)["messages"]?["end"]?.stringValue ?? ""
        try await room.say("hello, world")
        let seen = try await house.call(.get, "/events?room_id=\(Percent.encode(room.id.rawValue))&from=\(start)", as: guest).expect(200)
        #expect(bodies(seen) == ["hello, world"])
    }

    @Test(arguments: ["limit=hello", "limit=-2", "timeout=hello", "from=x", "room_id=x"]) func refusesWhatMakesNoSense(query: String) async throws {
        try await House().call(.get, "/events?" + query).expect(400, "M_INVALID_PARAM")
    }

    @Test func givesOneEventWithoutItsRoom() async throws {
        let house = try await House()
        let room = try await house.create(), id = try await room.say("hello")
        let event = try await house.call(.get, "/events/\(Percent.encode(id.rawValue))").expect(200)
        #expect(event["event_id"] == JSON(id) && event["room_id"] == JSON(room.id))
        try await house.call(.get, "/events/\(Percent.encode(id.rawValue))", as: house.bob).expect(404, "M_NOT_FOUND")
        try await house.call(.get, "/events/$nothing").expect(404, "M_NOT_FOUND")
    }
}
