import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct MutualRoomsTests {
    @Test(arguments: TestBackend.available) func onlyRoomsThatBothAreIn(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        var shared: [String] = []
        for n in 0..<103 {
            let room = try await house.open(version: "11")
            if n != 50 { try await room.join(house.bob) }
            if n == 60 { try await room.call(.post, "/leave", as: house.bob, [:]).expect(200) }
            if n != 50, n != 60 { shared.append(room.id.rawValue) }
        }
        let path = "/_matrix/client/v1/mutual_rooms?user_id=" + Percent.encode(house.bob.id.rawValue)
        let first = try await house.app.call(.get, path, as: house.alice).expect(200)
        let rest = try await house.app.call(.get, path + "&from=" + Percent.encode(try #require(first["next_batch"]?.stringValue)), as: house.alice).expect(200)
        let found = ((first["joined"]?.arrayValue ?? []) + (rest["joined"]?.arrayValue ?? [])).compactMap(\.stringValue)
        #expect(found == shared.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        #expect(first["count"] == 101)
        #expect(first["next_batch_token"] == first["next_batch"])
        #expect(rest["next_batch"] == nil && rest["next_batch_token"] == nil)
        #expect(try await house.app.call(.get, "/_matrix/client/v1/mutual_rooms?user_id=\(house.carol.path)", as: house.alice).expect(200)["joined"] == [])
        try await house.app.call(.get, "/_matrix/client/v1/mutual_rooms?user_id=\(house.alice.path)", as: house.alice).expect(400, "M_INVALID_PARAM")
        try await house.app.call(.get, "/_matrix/client/v1/mutual_rooms?user_id=x", as: house.alice).expect(400, "M_INVALID_PARAM")
        try await house.app.call(.get, "/_matrix/client/v1/mutual_rooms", as: house.alice).expect(400, "M_MISSING_PARAM")
    }

    // MARK: invites that nobody wants

    @Test(arguments: ["m.invite_permission_config", "org.matrix.msc4380.invite_permission_config"])
    func whoBlocksInvitesGetsNone(type: String) async throws {
        let town = try await Town()
        let path = "/user/\(town.ben.path)/account_data/\(type)"
        try await town.call(.put, path, as: town.ben, ["default_action": "block"]).expect(200)
        let made = try await town.call(.post, "/createRoom", as: town.ann, [:]).expect(200)
        let room = "/rooms/" + Percent.encode(made["room_id"]?.stringValue ?? "")
        try await town.call(.post, room + "/invite", as: town.ann, ["user_id": JSON(town.ben.id)]).expect(403, "M_INVITE_BLOCKED")
        try await town.call(.put, room + "/state/m.room.member/" + town.ben.path, as: town.ann, ["membership": "invite"]).expect(403, "M_INVITE_BLOCKED")
        try await town.call(.post, "/createRoom", as: town.ann, ["invite": [JSON(town.ben.id)]]).expect(403, "M_INVITE_BLOCKED")
        try await town.call(.post, room + "/invite", as: town.ann, ["user_id": JSON(town.cleo.id)]).expect(200)
        try await town.call(.put, path, as: town.ben, ["default_action": "allow"]).expect(200)
        try await town.call(.post, room + "/invite", as: town.ann, ["user_id": JSON(town.ben.id)]).expect(200)
    }

    // MARK: leaving and forgetting

    /// A room left and forgotten is told of once more, so that the user's other clients close it; then never again.
    @Test(arguments: [true, false]) func forgettingHidesNoLeave(forced: Bool) async throws {
        let house = try await House { $0.forgetUponLeave = forced }
        let room = try await house.open()
        try await room.join(house.bob)
        func sync(_ query: String) async throws -> JSON { try await house.call(.get, "/sync?timeout=0" + query, as: house.bob).expect(200) }
        let before = try await sync("")["next_batch"]?.stringValue ?? ""
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        if !forced { try await room.call(.post, "/forget", as: house.bob, [:]).expect(200) }
        let after = try await sync("&since=" + before)
        #expect(after["rooms"]?["leave"]?[room.id.rawValue]?["timeline"]?["events"]?.arrayValue?.last?["content"]?["membership"] == "leave")
        #expect(try await sync("&since=" + (after["next_batch"]?.stringValue ?? ""))["rooms"]?["leave"] == nil)
        let filter = Percent.encode(#"{"room":{"include_leave":true}}"#)
        #expect(try await sync("&filter=" + filter)["rooms"]?["leave"] == nil)
        try await room.call(.get, "/state", as: house.bob).expect(403, "M_FORBIDDEN")
    }
}
