import MatrixCore
import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct CreateRoomTests {
    @Test(arguments: ["10", "11", "12"]) func aNewRoomHasItsFirstEventsInOrder(version: String) async throws {
        let house = try await House()
        let room = try await house.create(["room_version": .string(version), "name": "Shop", "topic": "Teapots", "room_alias_name": "shop"])
        #expect(try room.events().map(\.type) == [
            "m.room.create", "m.room.member", "m.room.power_levels", "m.room.canonical_alias", "m.room.join_rules", "m.room.history_visibility",
            "m.room.guest_access", "m.room.name", "m.room.topic",
        ])
        let create = try await room.state("m.room.create")
        #expect(create["room_version"] == .string(version))
        #expect((create["creator"]?.stringValue == house.alice.id.rawValue) == (version == "10"))
        #expect((room.id.server == nil) == (version == "12"))
        let summary = try room.summary()
        #expect(summary.name == "Shop" && summary.topic == "Teapots" && summary.canonicalAlias == "#shop:test")
        #expect(summary.joinedCount == 1 && summary.invitedCount == 0 && !summary.isPublic)
    }

    @Test func idOfVersion12IsTheHashOfItsCreateEvent() async throws {
        let house = try await House()
        let room = try await house.create(["room_version": "12"])
        #expect(try room.events()[0].id.rawValue.dropFirst() == room.id.rawValue.dropFirst())
    }

    @Test func presetsSetTheRules() async throws {
        let house = try await House()
        for (preset, join, guests) in [("private_chat", "invite", "can_join"), ("trusted_private_chat", "invite", "can_join"), ("public_chat", "public", nil)] as [(String, String, String?)] {
            let room = try await house.create(["preset": .string(preset)])
            #expect(try await room.state("m.room.join_rules")["join_rule"] == .string(join))
            // Guests are forbidden where nothing is said of them.
            #expect(await room.call(.get, "/state/m.room.guest_access")["guest_access"] == guests.map(JSON.string))
            #expect(try await room.state("m.room.history_visibility")["history_visibility"] == "shared")
        }
        let listed = try await house.create(["visibility": "public"])
        #expect(try await listed.state("m.room.join_rules")["join_rule"] == "public")
        #expect(try listed.summary().isPublic)
    }

    @Test func trustedChatsGiveTheInvitedThePowerOfTheCreator() async throws {
        let house = try await House()
        let invite: JSON = [JSON(house.bob.id)]
        let old = try await house.create(["preset": "trusted_private_chat", "invite": invite, "room_version": "11"])
        #expect(try await old.state("m.room.power_levels")["users"]?[house.bob.id.rawValue] == 100)
        let new = try await house.create(["preset": "trusted_private_chat", "invite": invite, "room_version": "12"])
        #expect(try await new.state("m.room.create")["additional_creators"] == invite)
        #expect(try await new.state("m.room.power_levels")["users"] == [:])
        try await new.join(house.bob)
        _ = try await new.set("m.room.name", ["name": "Bob's"], as: house.bob)
    }

    @Test func creatorsOfVersion12OutrankEverybody() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        _ = try await room.set("m.room.power_levels", ["users": [house.bob.id.rawValue: 1_000_000]])
        try await room.call(.post, "/kick", as: house.bob, ["user_id": JSON(house.alice.id)]).expect(403, "M_FORBIDDEN")
        try await room.call(.put, "/state/m.room.power_levels/", ["users": [house.alice.id.rawValue: 100]]).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/kick", ["user_id": JSON(house.bob.id)]).expect(200)
    }

    @Test func directInvitesSaySo() async throws {
        let house = try await House()
        house.profiles.set(house.bob, Profile(displayName: "Bob", avatarURL: "mxc://test/bob"))
        let room = try await house.create(["is_direct": true, "invite": [JSON(house.bob.id)]])
        let member = try await room.state("m.room.member", house.bob.id.rawValue)
        #expect(member == ["membership": "invite", "is_direct": true, "displayname": "Bob", "avatar_url": "mxc://test/bob"])
        #expect(try room.summary().invitedCount == 1)
        let nid = try room.head().nid, bob = house.bob.id
        let bytes = try house.read { try MembershipStore.stripped($0, room: nid, bob) }
        let stripped = try JSON.parse(try #require(bytes)).arrayValue ?? []
        let types = Set(stripped.compactMap { $0["type"]?.stringValue })
        #expect(types == ["m.room.create", "m.room.join_rules", "m.room.member"])
        #expect(stripped.allSatisfy { Set($0.objectValue?.keys ?? []) == ["content", "sender", "state_key", "type"] })
    }

    @Test func initialStateReplacesThePresets() async throws {
        let house = try await House()
        let room = try await house.create([
            "initial_state": [["type": "m.room.history_visibility", "state_key": "", "content": ["history_visibility": "world_readable"]],
                              ["type": "m.room.encryption", "content": ["algorithm": "m.megolm.v1.aes-sha2"]]],
            "power_level_content_override": ["events_default": 10],
            "creation_content": ["type": "m.space"],
        ])
        let summary = try room.summary()
        #expect(summary.historyVisibility == "world_readable" && summary.encryption == "m.megolm.v1.aes-sha2" && summary.roomType == "m.space")
        #expect(try room.events().filter { $0.type == "m.room.history_visibility" }.count == 1)
        #expect(try await room.state("m.room.power_levels")["events_default"] == 10)
    }

    @Test(arguments: [
        (["room_version": "1000"], 400, "M_UNSUPPORTED_ROOM_VERSION"),
        (["room_version": 12], 400, "M_BAD_JSON"),
        (["preset": "grand_chat"], 400, "M_INVALID_PARAM"),
        (["visibility": "secret"], 400, "M_INVALID_PARAM"),
        (["invite": ["bob"]], 400, "M_INVALID_PARAM"),
        (["invite": "bob"], 400, "M_BAD_JSON"),
        (["invite_3pid": [["medium": "email"]]], 400, "M_MISSING_PARAM"),
        (["initial_state": [["type": "m.x", "content": 3]]], 400, "M_BAD_JSON"),
        (["initial_state": [["content": [:]]]], 400, "M_MISSING_PARAM"),
        (["power_level_content_override": ["users_default": "ten"]], 400, "M_BAD_JSON"),
        (["power_level_content_override": ["users": ["@alice:test": 100]]], 400, "M_INVALID_ROOM_STATE"),
        (["creation_content": ["additional_creators": ["nobody"]]], 400, "M_INVALID_PARAM"),
        (["room_alias_name": "a b"], 400, "M_INVALID_PARAM"),
        (["name": 4], 400, "M_BAD_JSON"),
    ] as [(JSON, Int, String)]) func badRequestsAreRefused(body: JSON, status: Int, errcode: String) async throws {
        let house = try await House()
        try await house.call(.post, "/createRoom", body).expect(status, errcode)
        #expect(try house.read { try $0.position } == 0)
    }

    @Test func anAliasIsGivenOnce() async throws {
        let house = try await House()
        _ = try await house.create(["room_alias_name": "shop"])
        try await house.call(.post, "/createRoom", ["room_alias_name": "shop"]).expect(400, "M_ROOM_IN_USE")
    }

    @Test func guestsCannotMakeRooms() async throws {
        let house = try await House()
        try await house.call(.post, "/createRoom", as: TestUser(open: "guest1"), [:]).expect(403)
    }
}
