import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct RoomBlockTests {
    private let admin = TestUser(open: "admin"), dave = TestUser(open: "dave")

    private func block(_ house: House, _ room: RoomID, _ isBlocked: Bool = true) async throws {
        let answer = try await house.app.call(.put, path(room), as: admin, json: ["block": .bool(isBlocked)]).expect(200)
        #expect(answer == ["block": .bool(isBlocked)])
    }
    private func path(_ room: RoomID) -> String { "/_synapse/admin/v1/rooms/\(Percent.encode(room.rawValue))/block" }

    @Test(arguments: TestBackend.available) func nobodyComesIntoABlockedRoom(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.create(["preset": "public_chat", "invite": [JSON(house.carol.id)]])
        try await room.join(house.bob)
        try await block(house, room.id)
        for _ in 0..<2 {   // also the second time: the invite of before is no way in
            let refused = try await room.call(.post, "/join", as: house.carol, [:]).expect(403, "M_FORBIDDEN")
            #expect(refused["error"]?.stringValue?.contains("has been blocked on this server") == true)
        }
        try await room.call(.post, "/join", as: dave, [:]).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/invite", ["user_id": JSON(dave.id)]).expect(403, "M_FORBIDDEN")
        try await room.call(.put, "/state/m.room.member/\(dave.path)", ["membership": "invite"]).expect(403, "M_FORBIDDEN")
        // The administrator who blocked it is nobody else.
        try await room.call(.post, "/join", as: admin, [:]).expect(403, "M_FORBIDDEN")
        // Those who are in it go on, and may change their names and leave.
        try await room.say("still here", as: house.bob)
        try await room.call(.put, "/state/m.room.member/\(house.bob.path)", as: house.bob, ["membership": "join", "displayname": "Bob"]).expect(200)
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        try await room.call(.post, "/join", as: house.bob, [:]).expect(403, "M_FORBIDDEN")

        try await block(house, room.id, false)
        try await room.join(house.bob, house.carol, dave)
    }

    @Test func nobodyKnocksAtABlockedRoom() async throws {
        let house = try await House()
        let room = try await house.create(["initial_state": [["type": "m.room.join_rules", "content": ["join_rule": "knock"]]]])
        try await block(house, room.id)
        let knock = "/knock/" + Percent.encode(room.id.rawValue)
        try await house.call(.post, knock, as: house.bob, [:]).expect(403, "M_FORBIDDEN")
        try await block(house, room.id, false)
        try await house.call(.post, knock, as: house.bob, [:]).expect(200)
    }

    @Test func nobodyLooksIntoABlockedRoom() async throws {
        let house = try await House()
        let room = try await house.create(["preset": "public_chat", "initial_state": [["type": "m.room.history_visibility", "content": ["history_visibility": "world_readable"]]]])
        try await room.join(house.bob)
        let seen = try await room.say("seen")
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        let unseen = try await room.say("unseen"), one = Percent.encode(room.id.rawValue)
        let looks = ["/messages?dir=b", "/state", "/members", "/initialSync", "/event/" + Percent.encode(unseen.rawValue), "/aliases"]
        for look in looks { try await room.call(.get, look, as: dave).expect(200) }
        try await block(house, room.id)
        for look in looks {
            let refused = try await room.call(.get, look, as: dave).expect(403, "M_FORBIDDEN")
            #expect(refused["error"]?.stringValue?.contains("blocked") == true, "\(look)")
        }
        try await house.app.call(.get, "/_matrix/client/v1/rooms/\(one)/hierarchy", as: dave).expect(403, "M_FORBIDDEN")
        try await house.app.call(.get, "/_matrix/client/v1/room_summary/\(one)", as: dave).expect(403, "M_FORBIDDEN")
        // Who was in it keeps what he saw then, and members see all.
        try await room.call(.get, "/event/" + Percent.encode(seen.rawValue), as: house.bob).expect(200)
        try await room.call(.get, "/event/" + Percent.encode(unseen.rawValue), as: house.bob).expect(403, "M_FORBIDDEN")
        let page = try await room.call(.get, "/messages?dir=b&limit=100", as: house.bob).expect(200)
        #expect((page["chunk"]?.arrayValue ?? []).contains { $0["event_id"] == JSON(seen) })
        #expect(!(page["chunk"]?.arrayValue ?? []).contains { $0["event_id"] == JSON(unseen) })
        try await room.call(.get, "/event/" + Percent.encode(unseen.rawValue)).expect(200)
        try await house.app.call(.get, "/_matrix/client/v1/room_summary/\(one)", as: house.alice).expect(200)
    }

    @Test func administratorsSeeWhoBlockedARoom() async throws {
        let house = try await House(), unknown = RoomID(trusted: "!unknown:test")
        #expect(try await house.app.call(.get, path(unknown), as: admin).expect(200) == ["block": false])
        try await block(house, unknown)
        try await block(house, unknown)
        #expect(try await house.app.call(.get, path(unknown), as: admin).expect(200) == ["block": true, "user_id": "@admin:test"])
        try await block(house, unknown, false)
        #expect(try await house.app.call(.get, path(unknown), as: admin).expect(200) == ["block": false])
        try await house.app.call(.put, path(unknown), as: admin, json: [:]).expect(400, "M_MISSING_PARAM")
        try await house.app.call(.put, path(unknown), as: admin, json: ["block": "yes"]).expect(400, "M_BAD_JSON")
        try await house.app.call(.put, path(unknown), as: house.alice, json: ["block": true]).expect(403, "M_FORBIDDEN")
        try await house.app.call(.get, path(unknown), as: house.alice).expect(403, "M_FORBIDDEN")
        try await house.app.call(.get, path(RoomID(trusted: "nonsense")), as: admin).expect(400, "M_INVALID_PARAM")
    }
}
