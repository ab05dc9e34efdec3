import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct UpgradeTests {
    private func upgrade(_ room: Room, to version: String = "10", as user: TestUser? = nil, _ more: JSONObject = [:]) async throws -> Room {
        let answer = try await room.call(.post, "/upgrade", as: user, .object((["new_version": .string(version)] as JSONObject).merging(more))).expect(200)
        return Room(house: room.house, id: try #require(RoomID(answer["replacement_room"])))
    }
    private func event(_ room: Room, _ type: String) async throws -> JSON { try await room.call(.get, "/state/\(type)?format=event").expect(200) }

    @Test(arguments: ["1", "2", "3", "6", "9", "10", "11"])
    func theRoomsPointAtEachOther(version: String) async throws {
        let house = try await House()
        let old = try await house.create(["preset": "public_chat", "name": "Shop", "topic": "Tea", "room_version": "5"])
        let new = try await upgrade(old, to: version)
        let tombstone = try await event(old, "m.room.tombstone"), create = try await new.state("m.room.create")
        #expect(tombstone["content"]?["replacement_room"] == JSON(new.id))
        #expect(create["predecessor"] == ["room_id": JSON(old.id), "event_id": tombstone["event_id"] ?? .null])
        #expect(create["room_version"] == .string(version))
        #expect(try new.events().first?.type == "m.room.create")
        #expect(try old.summary().successor == new.id.rawValue)
    }

    @Test func versionTwelveNamesOnlyTheRoomAndItsCreators() async throws {
        let house = try await House()
        let old = try await house.create(["preset": "public_chat", "room_version": "11", "creation_content": ["m.federate": false, "type": "m.space"]])
        try await old.join(house.bob, house.carol)
        var levels = try await old.state("m.room.power_levels").objectValue ?? [:]
        levels["users"] = [house.alice.id.rawValue: 100, house.bob.id.rawValue: 100, house.carol.id.rawValue: 50]
        try await old.set("m.room.power_levels", .object(levels))
        let new = try await upgrade(old, to: "12", ["additional_creators": [JSON(house.bob.id)]])
        let create = try await new.state("m.room.create"), after = try await new.state("m.room.power_levels")
        #expect(create["predecessor"] == ["room_id": JSON(old.id)])
        #expect(create["additional_creators"] == [JSON(house.bob.id)])
        #expect(create["m.federate"] == false)
        #expect(create["type"] == "m.space")
        #expect(after["users"] == [house.carol.id.rawValue: 50])
        #expect(after["events"]?["m.room.tombstone"] == 150)
        // ... and back, where creators are named again
        let third = try await upgrade(new, to: "11")
        #expect(try await third.state("m.room.power_levels")["users"] == [house.alice.id.rawValue: 150, house.bob.id.rawValue: 150, house.carol.id.rawValue: 50])
        #expect(try await third.state("m.room.create")["additional_creators"] == nil)
    }

    @Test func whatMakesTheRoomIsCopied() async throws {
        let house = try await House()
        let old = try await house.create(["room_version": "9"])
        let state: [(String, JSON)] = [
            ("m.room.topic", ["topic": "t"]), ("m.room.name", ["name": "n"]), ("m.room.join_rules", ["join_rule": "public"]),
            ("m.room.guest_access", ["guest_access": "forbidden"]), ("m.room.history_visibility", ["history_visibility": "joined"]),
            ("m.room.avatar", ["url": "mxc://a/b"]), ("m.room.encryption", ["algorithm": "m.megolm.v1.aes-sha2"]),
            ("m.room.server_acl", ["allow": ["*"], "deny": ["evil"]]), ("m.room.retention", ["max_lifetime": 86_400_000]),
        ]
        for (type, content) in state { try await old.set(type, content) }
        try await old.set("m.space.child", "!child:test", ["via": ["test"], "order": "a"])
        try await old.set("m.space.child", "!gone:test", [:])
        try await old.call(.post, "/ban", ["user_id": JSON(house.bob.id), "reason": "spam"]).expect(200)
        let new = try await upgrade(old)
        for (type, content) in state { #expect(try await new.state(type) == content, "\(type)") }
        #expect(try await new.state("m.space.child", "!child:test") == ["via": ["test"], "order": "a"])
        try await new.call(.get, "/state/m.space.child/!gone:test").expect(404)
        #expect(try await new.state("m.room.member", house.bob.id.rawValue)["membership"] == "ban")
        try await new.call(.post, "/join", as: house.bob, [:]).expect(403, "M_FORBIDDEN")
    }

    @Test func aJoinRuleThatTheNewVersionDoesNotKnowBecomesInvite() async throws {
        let house = try await House()
        let old = try await house.create(["room_version": "10"])
        try await old.set("m.room.join_rules", ["join_rule": "knock_restricted", "allow": []])
        #expect(try await upgrade(old, to: "9").state("m.room.join_rules") == ["join_rule": "invite"])
    }

    @Test func levelsWrittenAsTextBecomeIntegers() async throws {
        let house = try await House()
        let old = try await house.create(["room_version": "9"])
        var levels = try await old.state("m.room.power_levels").objectValue ?? [:]
        levels["ban"] = "60"; levels["events"] = ["m.room.name": " 40 "]
        try await old.set("m.room.power_levels", .object(levels))
        let after = try await upgrade(old, to: "10").state("m.room.power_levels")
        #expect(after["ban"] == 60)
        #expect(after["events"] == ["m.room.name": 40])
    }

    /// A moderator who may send tombstones makes a room in which he is a moderator.
    @Test func theUpgradingUserKeepsHisPower() async throws {
        let house = try await House()
        let old = try await house.create(["preset": "public_chat", "room_version": "9"])
        try await old.join(house.bob)
        var levels = try await old.state("m.room.power_levels").objectValue ?? [:]
        levels["users"] = [house.alice.id.rawValue: 100, house.bob.id.rawValue: 50]
        levels["events"] = ["m.room.tombstone": 50, "m.room.power_levels": 100]
        try await old.set("m.room.power_levels", .object(levels))
        let new = try await upgrade(old, as: house.bob)
        #expect(try await new.call(.get, "/state/m.room.power_levels", as: house.bob).expect(200) == .object(levels))
        #expect(try await old.state("m.room.power_levels") == .object(levels))   // he may not change them
    }

    @Test func theOldRoomFallsSilent() async throws {
        let house = try await House()
        let old = try await house.create(["preset": "public_chat", "room_version": "9"])
        try await old.join(house.bob)
        _ = try await upgrade(old)
        let levels = try await old.state("m.room.power_levels")
        #expect(levels["events_default"] == 50)
        #expect(levels["invite"] == 50)
        try await old.call(.put, "/send/m.room.message/1", as: house.bob, ["body": "x"]).expect(403, "M_FORBIDDEN")
        let unusual = try await house.create(["room_version": "9", "power_level_content_override": ["users_default": 80]])
        _ = try await upgrade(unusual)
        #expect(try await unusual.state("m.room.power_levels")["events_default"] == 81)
    }

    @Test func aliasesAndThePlaceInTheDirectoryMove() async throws {
        let house = try await House()
        let old = try await house.create(["room_alias_name": "shop", "visibility": "public", "room_version": "9"])
        try await house.call(.put, "/directory/room/%23store:test", ["room_id": JSON(old.id)]).expect(200)
        try await old.set("m.room.canonical_alias", ["alias": "#shop:test", "alt_aliases": ["#store:test"]])
        let new = try await upgrade(old)
        for alias in ["shop", "store"] { #expect(try await house.call(.get, "/directory/room/%23\(alias):test").expect(200)["room_id"] == JSON(new.id)) }
        #expect(try await old.state("m.room.canonical_alias") == [:])
        #expect(try await new.state("m.room.canonical_alias") == ["alias": "#shop:test", "alt_aliases": ["#store:test"]])
        #expect(try new.summary().isPublic)
        #expect(try !old.summary().isPublic)
    }

    @Test func tagsAndDirectChatsFollow() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann, with: town.ben)
        try await town.call(.put, "/user/\(town.ben.path)\(path)/tags/m.favourite", as: town.ben, ["order": 0.5]).expect(200)
        try await town.call(.put, "/user/\(town.ben.path)/account_data/m.direct", as: town.ben, [town.ann.id.rawValue: [.string(id)]]).expect(200)
        let new = try await town.call(.post, path + "/upgrade", as: town.ann, ["new_version": "11"]).expect(200)["replacement_room"]?.stringValue ?? ""
        #expect(try await town.call(.get, "/user/\(town.ben.path)/rooms/\(Percent.encode(new))/tags", as: town.ben).expect(200)["tags"] == ["m.favourite": ["order": 0.5]])
        #expect(try await town.call(.get, "/user/\(town.ben.path)/account_data/m.direct", as: town.ben).expect(200) == [town.ann.id.rawValue: [.string(id), .string(new)]])
    }

    @Test func whoMayNotChangesNothing() async throws {
        let house = try await House()
        let old = try await house.open()
        try await old.join(house.bob)
        let events = try old.events().count
        try await old.call(.post, "/upgrade", as: house.bob, ["new_version": "10"]).expect(403, "M_FORBIDDEN")
        try await old.call(.post, "/upgrade", as: house.carol, ["new_version": "10"]).expect(403, "M_FORBIDDEN")
        for version in ["0", "13", "my_bad_version"] { try await old.call(.post, "/upgrade", ["new_version": .string(version)]).expect(400, "M_UNSUPPORTED_ROOM_VERSION") }
        try await old.call(.post, "/upgrade", [:]).expect(400, "M_MISSING_PARAM")
        try await old.call(.post, "/upgrade", ["new_version": 10]).expect(400, "M_BAD_JSON")
        try await old.call(.post, "/upgrade", ["new_version": "12", "additional_creators": ["x"]]).expect(400, "M_INVALID_PARAM")
        try await house.call(.post, "/rooms/!fail:unknown/upgrade", ["new_version": "2"]).expect(404, "M_NOT_FOUND")
        try await old.call(.put, "/state/m.room.tombstone", ["replacement_room": JSON(old.id)]).expect(400)
        #expect(try old.events().count == events)
    }
}
