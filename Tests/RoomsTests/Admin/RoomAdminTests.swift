import Accounts
import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct RoomAdminTests {
    private let path = "/_synapse/admin/v1/rooms"
    private let admin = TestUser(open: "admin")

    @Test func roomsAreListedInPagesAndOrders() async throws {
        let house = try await House()
        let a = try await house.create(["name": "Alpha", "preset": "public_chat", "visibility": "public"]), b = try await house.create(["name": "beta 100%"])
        let c = try await house.create()
        try await a.join(house.bob)
        func list(_ query: String) async throws -> JSON { try await house.app.call(.get, path + "?" + query, as: admin).expect(200) }
        func ids(_ answer: JSON) -> [String] { (answer["rooms"]?.arrayValue ?? []).compactMap { $0["room_id"]?.stringValue } }
        let first = try await list("order_by=joined_members&limit=1")
        #expect(ids(first) == [a.id.rawValue] && first["total_rooms"] == 3 && first["next_batch"] == 1 && first["offset"] == 0)
        #expect(first["rooms"]?[0]?["joined_members"] == 2 && first["rooms"]?[0]?["public"] == true && first["rooms"]?[0]?["name"] == "Alpha")
        let rest = try await list("order_by=joined_members&from=1&limit=5")
        #expect(ids(rest) == [b.id.rawValue, c.id.rawValue] && rest["next_batch"] == nil && rest["prev_batch"] == 0)
        #expect(ids(try await list("search_term=ALPH")) == [a.id.rawValue])
        #expect(ids(try await list("search_term=100%25")) == [b.id.rawValue])
        #expect(ids(try await list("search_term=%25%25")) == [])
        #expect(ids(try await list("search_term=" + Percent.encode(c.id.rawValue))) == [c.id.rawValue])
        for order in AdminRoomList.Order.allCases { #expect(try await list("order_by=\(order.rawValue)&dir=b")["total_rooms"] == 3) }
        for bad in ["order_by=x", "dir=x", "from=-1", "search_term="] { try await house.app.call(.get, path + "?" + bad, as: admin).expect(400, "M_INVALID_PARAM") }
        try await house.app.call(.get, path, as: house.alice).expect(403, "M_FORBIDDEN")
    }

    @Test func aRoomsDetailsMembersAndState() async throws {
        let house = try await House()
        let room = try await house.create(["name": "Shop", "topic": "Hats", "preset": "public_chat"])
        try await room.join(house.bob)
        let one = path + "/" + Percent.encode(room.id.rawValue)
        let details = try await house.app.call(.get, one, as: admin).expect(200)
        #expect(details["topic"] == "Hats" && details["creator"] == JSON(house.alice.id) && details["state_events"]?.intValue ?? 0 > 5)
        #expect(try await house.app.call(.get, one + "/members", as: admin).expect(200) == ["members": [JSON(house.alice.id), JSON(house.bob.id)], "total": 2])
        #expect(try await house.app.call(.get, one + "/state", as: admin).expect(200)["state"]?.arrayValue?.contains { $0["type"] == "m.room.topic" } == true)
        try await room.send("m.room.message", ["url": "mxc://test/b", "info": ["thumbnail_url": "mxc://test/a"]])
        try await room.send("m.room.message", ["url": 5, "file": ["url": "mxc://other/x"]])
        let media = "/_synapse/admin/v1/room/\(Percent.encode(room.id.rawValue))/media"
        #expect(try await house.app.call(.get, media, as: admin).expect(200) == ["local": ["mxc://test/a", "mxc://test/b"], "remote": []])
        for tail in ["", "/members", "/state"] { try await house.app.call(.get, path + "/!none:test" + tail, as: admin).expect(404, "M_NOT_FOUND") }
    }

    @Test(arguments: TestBackend.available) func everyStatementIsValid(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        try house.app.context.db.prepareAll(AdminRoomList.SQL.all)
    }
}

struct SuspendedTests {
    @Test func aSuspendedUserReadsAndLeavesAndTakesBackHisOwnWords() async throws {
        let town = try await Town()
        let room = try await town.room(of: town.ann, with: town.ben), path = room.path
        let own = try await town.say("mine", path, as: town.ben), others = try await town.say("hers", path, as: town.ann)
        try await town.call(.put, path + "/state/m.room.power_levels", as: town.ann, ["users": [JSON(town.ben.id).stringValue ?? "": 50]]).expect(200)
        try await AccountAdmin.setAdmin(town.app.context, user: "cleo", true)
        try await town.app.call(.put, "/_matrix/client/v1/admin/suspend/" + town.ben.path, as: town.cleo, json: ["suspended": true]).expect(200)
        func refused(_ method: ServerKit.Method, _ path: String, _ json: JSON = [:]) async throws {
            try await town.call(method, path, as: town.ben, json).expect(403, "M_USER_SUSPENDED")
        }
        try await refused(.put, path + "/send/m.room.message/1", ["body": "x"])
        try await refused(.post, path + "/send/m.room.message", ["body": "x"])
        try await refused(.put, path + "/state/m.room.topic", ["topic": "x"])
        try await refused(.post, path + "/invite", ["user_id": "@x:test"])
        try await refused(.post, path + "/kick", ["user_id": JSON(town.ann.id)])
        try await refused(.post, "/createRoom")
        try await refused(.post, "/join/" + Percent.encode(room.id))
        try await refused(.post, "/knock/" + Percent.encode(room.id))
        try await refused(.put, path + "/redact/\(Percent.encode(others))/2")
        try await town.call(.put, path + "/redact/\(Percent.encode(own))/3", as: town.ben, [:]).expect(200)
        try await town.call(.get, path + "/messages?dir=b", as: town.ben).expect(200)
        try await town.call(.post, path + "/leave", as: town.ben, [:]).expect(200)
    }
}
