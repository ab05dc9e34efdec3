import MatrixCore
import Rooms
import ServerKit
import TestKit
import Testing

struct SyncReaderTests {
    private func sync(_ house: House, _ user: TestUser, _ filter: String = "", since: JSON? = nil, fullState: Bool = false) async throws -> JSON {
        let query = (filter.isEmpty ? "" : "&filter=" + Percent.encode(filter)) + (since?["next_batch"]?.stringValue.map { "&since=" + $0 } ?? "") + (fullState ? "&full_state=true" : "")
        return try await house.call(.get, "/sync?timeout=0" + query, as: user).expect(200)
    }
    private func left(_ answer: JSON) -> Set<String> { Set(answer["rooms"]?["leave"]?.objectValue?.map(\.key) ?? []) }

    /// The token of such an answer is past the leave: nothing would ever say it again.
    @Test func fullStateTellsOfTheRoomsThatWereLeftSince() async throws {
        let house = try await House()
        let own = try await house.open(), kicked = try await house.open(), withdrawn = try await house.create(), old = try await house.open(), forgotten = try await house.open()
        try await own.join(house.bob); try await kicked.join(house.bob); try await old.join(house.bob); try await forgotten.join(house.bob)
        try await withdrawn.call(.post, "/invite", ["user_id": JSON(house.bob.id)]).expect(200)
        try await old.call(.post, "/leave", as: house.bob, [:]).expect(200)
        let start = try await sync(house, house.bob)
        #expect(left(start).isEmpty)
        let last = try await own.say("goodbye")
        try await own.call(.post, "/leave", as: house.bob, [:]).expect(200)
        try await kicked.call(.post, "/kick", ["user_id": JSON(house.bob.id)]).expect(200)
        try await withdrawn.call(.post, "/kick", ["user_id": JSON(house.bob.id)]).expect(200)
        try await forgotten.call(.post, "/leave", as: house.bob, [:]).expect(200)
        try await forgotten.call(.post, "/forget", as: house.bob, [:]).expect(200)
        let full = try await sync(house, house.bob, since: start, fullState: true)
        #expect(left(full) == [own.id.rawValue, kicked.id.rawValue, withdrawn.id.rawValue, forgotten.id.rawValue])
        let room = full["rooms"]?["leave"]?[own.id.rawValue]
        #expect(room?["timeline"]?["events"]?.arrayValue?.count == 2 && room?["timeline"]?["events"]?[0]?["event_id"] == JSON(last))
        #expect(room?["state"]?["events"]?.arrayValue?.contains { $0["type"] == "m.room.create" } == true, "full_state means all of it")
        // Told once. Rooms that were left before are told when they are asked for.
        #expect(left(try await sync(house, house.bob, since: full, fullState: true)).isEmpty)
        let asked = try await sync(house, house.bob, #"{"room":{"include_leave":true}}"#, since: full, fullState: true)
        #expect(left(asked) == [own.id.rawValue, kicked.id.rawValue, withdrawn.id.rawValue, old.id.rawValue])
        #expect(asked["rooms"]?["leave"]?[own.id.rawValue]?["timeline"]?["events"] == [], "the client has it")
    }

    /// Whoever reads on one device has less unread on the other, whatever that one's filter leaves out.
    @Test(arguments: ["m.read", "m.read.private"]) func countsAreToldWithoutReceipts(kind: String) async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob, house.carol)
        let filter = #"{"room":{"ephemeral":{"not_types":["m.receipt"]}}}"#
        let said = try await room.say("hello", as: house.bob)
        let start = try await sync(house, house.alice, filter)
        #expect(start["rooms"]?["join"]?[room.id.rawValue]?["unread_notifications"]?["notification_count"] == 1)
        // What others read changes nothing.
        try await room.call(.post, "/receipt/m.read/\(Percent.encode(said.rawValue))", as: house.carol, [:]).expect(200)
        let others = try await sync(house, house.alice, filter, since: start)
        #expect(others["rooms"] == nil)
        try await room.call(.post, "/receipt/\(kind)/\(Percent.encode(said.rawValue))", [:]).expect(200)
        for since in [start, others] {
            let news = try await sync(house, house.alice, filter, since: since)["rooms"]?["join"]?[room.id.rawValue]
            #expect(news?["unread_notifications"]?["notification_count"] == 0)
            #expect(news?["ephemeral"]?["events"] == [])
        }
    }

    @Test func theTimelineHoldsWhatOthersRelateTo() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let root = try await room.say("question")
        try await room.say("something else")
        try await room.send("m.room.message", ["msgtype": "m.text", "body": "answer", "m.relates_to": ["rel_type": "m.thread", "event_id": JSON(root)]], as: house.bob)
        func timeline(_ condition: String) async throws -> [String] {
            let answer = try await sync(house, house.alice, #"{"room":{"timeline":{\#(condition)}}}"#)
            return answer["rooms"]?["join"]?[room.id.rawValue]?["timeline"]?["events"]?.arrayValue?.compactMap { $0["event_id"]?.stringValue } ?? []
        }
        #expect(try await timeline(#""related_by_rel_types":["m.thread"]"#) == [root.rawValue])
        #expect(try await timeline(#""related_by_rel_types":["m.annotation"]"#) == [])
        #expect(try await timeline(#""related_by_senders":["\#(house.bob.id)"]"#) == [root.rawValue])
    }
}
