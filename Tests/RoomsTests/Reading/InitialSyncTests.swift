import MatrixCore
@testable import Rooms
import ServerKit
import TestKit
import Testing

struct InitialSyncTests {
    @Test func givesRoomsWithStateAndTheNewestMessages() async throws {
        let house = try await House()
        let room = try await house.create(["preset": "public_chat", "visibility": "public", "name": "Shop"])
        try await room.say("one")
        let id = try await room.say("two")
        try await room.call(.post, "/receipt/m.read/\(Percent.encode(id.rawValue))", [:]).expect(200)
        let invited = try await house.create(as: house.bob, ["invite": [JSON(house.alice.id)]])

        let all = try await house.call(.get, "/initialSync?limit=1").expect(200)
        let mine = try #require(all["rooms"]?.arrayValue?.first { $0["room_id"] == JSON(room.id) })
        #expect(mine["membership"] == "join" && mine["visibility"] == "public")
        #expect(mine["messages"]?["chunk"]?.arrayValue?.map { $0["content"]?["body"]?.stringValue } == ["two"])
        #expect(mine["state"]?.arrayValue?.contains { $0["type"] == "m.room.name" && $0["user_id"] == JSON(house.alice.id) } == true)
        let theirs = try #require(all["rooms"]?.arrayValue?.first { $0["room_id"] == JSON(invited.id) })
        #expect(theirs["membership"] == "invite" && theirs["inviter"] == JSON(house.bob.id) && theirs["state"] == nil)
        #expect(all["receipts"]?.arrayValue?.first?["room_id"] == JSON(room.id))
        for key in ["presence", "account_data", "receipts"] { #expect(all[key]?.arrayValue != nil) }

        let none = try await house.call(.get, "/initialSync?limit=0").expect(200)
        #expect(none["rooms"]?.arrayValue?.first { $0["room_id"] == JSON(room.id) }?["messages"]?["chunk"] == [])
        try await house.call(.get, "/initialSync?limit=hello").expect(400, "M_INVALID_PARAM")
    }

    /// What he may page back from, and follow from.
    @Test func tokensLeadOn() async throws {
        let house = try await House()
        let room = try await house.create()
        for n in 0..<4 { try await room.say("\(n)") }
        let messages = try #require(try await room.call(.get, "/initialSync?limit=2").expect(200)["messages"])
        let start = messages["start"]?.stringValue ?? "", end = messages["end"]?.stringValue ?? ""
        let older = try await room.call(.get, "/messages?dir=b&limit=2&from=\(start)").expect(200)
        #expect(older["chunk"]?.arrayValue?.map { $0["content"]?["body"]?.stringValue } == ["1", "0"])
        try await room.say("4")
        let newer = try await house.call(.get, "/events?from=\(end)").expect(200)
        #expect(newer["chunk"]?.arrayValue?.map { $0["content"]?["body"]?.stringValue } == ["4"])
    }

    @Test func whoLeftSeesTheRoomAsItWas() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        try await room.set("m.room.topic", ["topic": "before"])
        try await room.say("heard")
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        try await room.set("m.room.topic", ["topic": "after"])
        try await room.say("not heard")

        let one = try await room.call(.get, "/initialSync?limit=2", as: house.bob).expect(200)
        func check(_ room: JSON) {
            #expect(room["membership"] == "leave")
            #expect(room["state"]?.arrayValue?.first { $0["type"] == "m.room.topic" }?["content"]?["topic"] == "before")
            #expect(room["messages"]?["chunk"]?.arrayValue?.first?["content"]?["body"] == "heard")
        }
        check(one)
        #expect(one["presence"] == [] && one["receipts"] == [])
        let all = try await house.call(.get, "/initialSync?limit=2&archived=true", as: house.bob).expect(200)
        check(try #require(all["rooms"]?.arrayValue?.first))
        #expect(try await house.call(.get, "/initialSync", as: house.bob).expect(200)["rooms"] == [])
        try await room.call(.get, "/initialSync", as: house.carol).expect(403, "M_FORBIDDEN")
    }
}
