import MatrixCore
import Rooms
import ServerKit
import TestKit
import Testing

struct AliasTests {
    @Test func aliasesAreMadeFoundAndRemoved() async throws {
        let house = try await House()
        let room = try await house.open()
        let path = "/directory/room/%23tea%3Atest"
        try await house.call(.get, path).expect(404, "M_NOT_FOUND")
        try await house.call(.put, path, as: house.bob, ["room_id": JSON(room.id)]).expect(403, "M_FORBIDDEN")
        try await house.call(.put, path, [:]).expect(400, "M_MISSING_PARAM")
        try await house.call(.put, path, ["room_id": 3]).expect(400, "M_BAD_JSON")
        try await house.call(.put, path, ["room_id": JSON(room.id)]).expect(200)
        try await house.call(.put, path, ["room_id": JSON(room.id)]).expect(409)
        try await house.call(.put, "/directory/room/%23tea%3Aelsewhere", ["room_id": JSON(room.id)]).expect(400, "M_INVALID_PARAM")
        try await house.call(.put, "/directory/room/tea", ["room_id": JSON(room.id)]).expect(400, "M_INVALID_PARAM")
        #expect(try await house.app.call(.get, "/_matrix/client/v3" + path).expect(200) == ["room_id": JSON(room.id), "servers": ["test"]])
        #expect(try await room.call(.get, "/aliases").expect(200)["aliases"] == ["#tea:test"])
        try await room.call(.get, "/aliases", as: house.bob).expect(403, "M_FORBIDDEN")
        _ = try await room.set("m.room.canonical_alias", ["alias": "#tea:test", "alt_aliases": ["#tea:test"]])
        try await room.join(house.bob)
        try await house.call(.delete, path, as: house.bob).expect(403, "M_FORBIDDEN")
        try await house.call(.delete, path).expect(200)
        try await house.call(.delete, path).expect(404, "M_NOT_FOUND")
        #expect(try await room.state("m.room.canonical_alias") == [:])
    }

    @Test func whoeverMadeAnAliasMayRemoveIt() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        try await house.call(.put, "/directory/room/%23bob%3Atest", as: house.bob, ["room_id": JSON(room.id)]).expect(200)
        try await house.call(.delete, "/directory/room/%23bob%3Atest", as: house.bob).expect(200)
    }
}

struct PublicRoomsTests {
    @Test func publishingNeedsPower() async throws {
        let house = try await House()
        let room = try await house.open()
        let path = "/directory/list/room/\(Percent.encode(room.id.rawValue))"
        #expect(try await house.call(.get, path).expect(200)["visibility"] == "private")
        try await house.call(.put, path, as: house.bob, ["visibility": "public"]).expect(403, "M_FORBIDDEN")
        try await room.join(house.bob)
        try await house.call(.put, path, as: house.bob, ["visibility": "public"]).expect(403, "M_FORBIDDEN")
        try await house.call(.put, path, ["visibility": "loud"]).expect(400, "M_INVALID_PARAM")
        try await house.call(.put, path, ["visibility": "public"]).expect(200)
        #expect(try await house.call(.get, path).expect(200)["visibility"] == "public")
        try await house.call(.put, path, ["visibility": "private"]).expect(200)
        #expect(try await house.call(.get, "/publicRooms").expect(200)["chunk"] == [])
        try await house.call(.get, "/directory/list/room/!none").expect(404, "M_NOT_FOUND")
        try await house.call(.put, "/directory/list/room/!none", [:]).expect(404, "M_NOT_FOUND")
    }

    @Test func theLargestComeFirstPageByPage() async throws {
        let house = try await House()
        for number in 0..<5 {
            let room = try await house.create(["visibility": "public", "name": .string("room \(number)"), "topic": number == 2 ? "TEAPOTS" : "x",
                                               "creation_content": number == 3 ? ["type": "m.space"] : [:]])
            for guest in 0..<number { try await room.join(TestUser(open: "u\(guest)")) }
        }
        _ = try await house.create(["name": "hidden"])
        func names(_ answer: JSON) -> [String] { answer["chunk"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? [] }
        let first = try await house.app.call(.get, "/_matrix/client/v3/publicRooms?limit=2").expect(200)
        #expect(names(first) == ["room 4", "room 3"] && first["total_room_count_estimate"] == 5 && first["prev_batch"] == nil)
        let next = try #require(first["next_batch"]?.stringValue)
        let second = try await house.call(.get, "/publicRooms?limit=2&since=\(next)").expect(200)
        #expect(names(second) == ["room 2", "room 1"])
        let back = try await house.call(.get, "/publicRooms?limit=2&since=\(try #require(second["prev_batch"]?.stringValue))").expect(200)
        #expect(names(back) == ["room 4", "room 3"] && back["prev_batch"] == nil && back["next_batch"] != nil)
        let last = try await house.call(.get, "/publicRooms?limit=2&since=\(try #require(second["next_batch"]?.stringValue))").expect(200)
        #expect(names(last) == ["room 0"] && last["next_batch"] == nil)
        func search(_ filter: JSON) async throws -> [String] { names(try await house.call(.post, "/publicRooms", ["filter": filter]).expect(200)) }
        #expect(try await search(["generic_search_term": "teapot"]) == ["room 2"])
        #expect(try await search(["room_types": ["m.space"]]) == ["room 3"])
        #expect(try await search(["room_types": [.null]]) == ["room 4", "room 2", "room 1", "room 0"])
        #expect(try await search(["room_types": ["m.space", .null], "generic_search_term": "room"]).count == 5)
        let entry = try await house.call(.post, "/publicRooms", ["filter": ["room_types": ["m.space"]]]).expect(200)["chunk"]?[0]
        #expect(entry?["num_joined_members"] == 4 && entry?["room_type"] == "m.space" && entry?["join_rule"] == "public")
        #expect(entry?["world_readable"] == false && entry?["guest_can_join"] == false)
    }

    @Test func badQuestionsAreRefused() async throws {
        let house = try await House()
        try await house.call(.get, "/publicRooms?since=what").expect(400, "M_INVALID_PARAM")
        try await house.call(.get, "/publicRooms?limit=x").expect(400, "M_INVALID_PARAM")
        try await house.call(.get, "/publicRooms?server=elsewhere").expect(404)
        try await house.call(.post, "/publicRooms", ["filter": ["room_types": [1]]]).expect(400, "M_BAD_JSON")
        try await house.call(.post, "/publicRooms", ["filter": 1]).expect(400, "M_BAD_JSON")
        try await house.app.call(.post, "/_matrix/client/v3/publicRooms", json: [:]).expect(401, "M_MISSING_TOKEN")
        let closed = try await House { $0.publicRoomsWithoutAuth = false }
        try await closed.app.call(.get, "/_matrix/client/v3/publicRooms").expect(401, "M_MISSING_TOKEN")
    }
}
