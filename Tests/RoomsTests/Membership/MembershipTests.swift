import MatrixCore
import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct MembershipTests {
    @Test func joiningTwiceIsOneJoin() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let events = try room.events().count
        try await room.join(house.bob)
        try await house.call(.post, "/join/\(Percent.encode(room.id.rawValue))", as: house.bob, [:]).expect(200)
        #expect(try room.events().count == events)
        #expect(try room.summary().joinedCount == 2)
        #expect(try await house.call(.get, "/joined_rooms", as: house.bob).expect(200)["joined_rooms"] == [JSON(room.id)])
    }

    @Test func aliasesLeadIn() async throws {
        let house = try await House()
        let room = try await house.create(["preset": "public_chat", "room_alias_name": "shop"])
        let answer = try await house.call(.post, "/join/%23shop%3Atest", as: house.bob, [:]).expect(200)
        #expect(answer["room_id"] == JSON(room.id))
        try await house.call(.post, "/join/%23nowhere%3Atest", as: house.bob, [:]).expect(404, "M_NOT_FOUND")
        try await house.call(.post, "/join/!nowhere", as: house.bob, [:]).expect(404, "M_NOT_FOUND")
        try await house.call(.post, "/join/nowhere", as: house.bob, [:]).expect(400, "M_INVALID_PARAM")
    }

    @Test func aJoinMaySayMore() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.call(.post, "/join", as: house.bob, ["reason": "tea", "org.example": 1, "membership": "ban"]).expect(200)
        #expect(try await room.state("m.room.member", house.bob.id.rawValue) == ["membership": "join", "reason": "tea", "org.example": 1])
        try await room.call(.post, "/join", as: house.carol, ["reason": 1]).expect(400, "M_BAD_JSON")
    }

    @Test func closedRoomsAskForAnInvite() async throws {
        let house = try await House()
        let room = try await house.create()
        try await room.call(.post, "/join", as: house.bob, [:]).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/invite", as: house.carol, ["user_id": JSON(house.bob.id)]).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/invite", ["user_id": JSON(house.bob.id), "reason": "tea"]).expect(200)
        #expect(try await room.state("m.room.member", house.bob.id.rawValue)["reason"] == "tea")
        try await room.join(house.bob)
        try await room.call(.post, "/invite", ["user_id": JSON(house.bob.id)]).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/invite", ["user_id": "bob"]).expect(400, "M_INVALID_PARAM")
        try await room.call(.post, "/invite", [:]).expect(400, "M_MISSING_PARAM")
        try await room.call(.post, "/invite", ["id_server": "x", "medium": "email", "address": "a@b"]).expect(400, "M_MISSING_PARAM")
        try await room.call(.post, "/invite", ["user_id": "@far:elsewhere"]).expect(403, "M_FORBIDDEN")
        try await house.call(.post, "/rooms/!none/invite", ["user_id": JSON(house.bob.id)]).expect(403, "M_FORBIDDEN")
    }

    @Test func leavingIsOnceAndDecliningIsLeaving() async throws {
        let house = try await House()
        let room = try await house.create(["invite": [JSON(house.bob.id)]])
        try await room.call(.post, "/leave", as: house.carol, [:]).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        #expect(try room.summary().invitedCount == 0)
        let events = try room.events().count
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        #expect(try room.events().count == events)
        try await house.call(.post, "/rooms/!none/leave", [:]).expect(404, "M_NOT_FOUND")
    }

    @Test func kickBanAndUnban() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob, house.carol)
        let bob: JSON = ["user_id": JSON(house.bob.id), "reason": "noise"]
        try await room.call(.post, "/kick", as: house.carol, bob).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/kick", bob).expect(200)
        try await room.call(.post, "/kick", bob).expect(403, "M_FORBIDDEN")
        try await room.join(house.bob)
        try await room.call(.post, "/ban", as: house.carol, bob).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/ban", bob).expect(200)
        #expect(try await room.state("m.room.member", house.bob.id.rawValue) == ["membership": "ban", "reason": "noise"])
        try await room.call(.post, "/join", as: house.bob, [:]).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/invite", bob).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/unban", as: house.carol, bob).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/unban", bob).expect(200)
        try await room.call(.post, "/unban", bob).expect(403, "M_BAD_STATE")
        try await room.join(house.bob)
        #expect(try room.summary().joinedCount == 3)
    }

    @Test func onlyWhatWasLeftCanBeForgotten() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.call(.post, "/forget", as: house.bob, [:]).expect(404, "M_NOT_FOUND")
        try await room.join(house.bob)
        try await room.call(.post, "/forget", as: house.bob, [:]).expect(400, "M_UNKNOWN")
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        try await room.call(.get, "/state", as: house.bob).expect(200)
        try await room.call(.post, "/forget", as: house.bob, [:]).expect(200)
        try await room.call(.get, "/state", as: house.bob).expect(403, "M_FORBIDDEN")
        try await room.join(house.bob)
        try await room.call(.get, "/state", as: house.bob).expect(200)
    }

    @Test func knocking() async throws {
        let house = try await House()
        let room = try await house.create(["initial_state": [["type": "m.room.join_rules", "content": ["join_rule": "knock"]]], "name": "Shop"])
        let path = "/knock/\(Percent.encode(room.id.rawValue))"
        try await house.call(.post, path, as: house.bob, ["reason": "let me in"]).expect(200)
        #expect(try await room.state("m.room.member", house.bob.id.rawValue) == ["membership": "knock", "reason": "let me in"])
        let nid = try room.head().nid, bob = house.bob.id
        #expect(try house.read { try MembershipStore.stripped($0, room: nid, bob) } != nil)
        try await room.call(.post, "/join", as: house.bob, [:]).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/invite", ["user_id": JSON(house.bob.id)]).expect(200)
        try await room.join(house.bob)
        try await house.call(.post, path, as: house.bob, [:]).expect(403, "M_FORBIDDEN")
        let closed = try await house.create()
        try await house.call(.post, "/knock/\(Percent.encode(closed.id.rawValue))", as: house.bob, [:]).expect(403, "M_FORBIDDEN")
        try await house.call(.post, "/knock/!none", as: house.bob, [:]).expect(404, "M_NOT_FOUND")
    }

    @Test(arguments: ["restricted", "knock_restricted"]) func membersOfOneRoomMayComeIntoAnother(rule: String) async throws {
        let house = try await House()
        let space = try await house.open()
        let room = try await house.create(["initial_state": [["type": "m.room.join_rules", "content": [
            "join_rule": .string(rule), "allow": [["type": "m.room_membership", "room_id": JSON(space.id)]],
        ]]]])
        try await room.call(.post, "/join", as: house.bob, [:]).expect(403, "M_FORBIDDEN")
        try await space.join(house.bob)
        try await room.join(house.bob)
        #expect(try await room.state("m.room.member", house.bob.id.rawValue)["join_authorised_via_users_server"] == JSON(house.alice.id))
        // A change of the profile is no new join, and needs no word.
        house.profiles.set(house.bob, Profile(displayName: "Robert"))
        let bob = house.bob.id
        _ = try await house.app.context.db.write { [service = house.service, c = house.app.context] in try service.profileChanged(c, $0, user: bob) }
        #expect(try await room.state("m.room.member", bob.rawValue) == ["membership": "join", "displayname": "Robert"])
        // Nobody who may invite is left.
        _ = try await room.set("m.room.power_levels", ["invite": 50])
        try await room.call(.post, "/leave", [:]).expect(200)
        try await space.join(house.carol)
        try await room.call(.post, "/join", as: house.carol, [:]).expect(403, "M_FORBIDDEN")
    }

    @Test func guestsComeWhereTheyMay() async throws {
        let house = try await House()
        let guest = TestUser(open: "guest1")
        let closed = try await house.open()
        try await closed.call(.post, "/join", as: guest, [:]).expect(403, "M_GUEST_ACCESS_FORBIDDEN")
        try await closed.call(.put, "/state/m.room.member/\(guest.path)", as: guest, ["membership": "join"]).expect(403, "M_GUEST_ACCESS_FORBIDDEN")
        let open = try await house.create(["preset": "public_chat", "initial_state": [["type": "m.room.guest_access", "content": ["guest_access": "can_join"]]]])
        try await open.join(guest)
        try await open.say("hello", as: guest)
        _ = try await open.set("m.room.guest_access", ["guest_access": "forbidden"])
        #expect(try await open.state("m.room.member", guest.id.rawValue) == ["membership": "leave"])
        #expect(try open.summary().joinedCount == 1)
    }

    @Test func membersAreListed() async throws {
        let house = try await House()
        house.profiles.set(house.alice, Profile(displayName: "Alice", avatarURL: "mxc://test/a"))
        let room = try await house.create(["preset": "public_chat", "invite": [JSON(house.carol.id)]])
        let before = "s\(try room.head().lastPos)_0"
        try await room.join(house.bob)
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        func members(_ query: String, as user: TestUser? = nil) async throws -> [String] {
            try await room.call(.get, "/members" + query, as: user).expect(200)["chunk"]?.arrayValue?.compactMap { $0["state_key"]?.stringValue }.sorted() ?? []
        }
        let (alice, bob, carol) = (house.alice.id.rawValue, house.bob.id.rawValue, house.carol.id.rawValue)
        #expect(try await members("") == [alice, bob, carol])
        #expect(try await members("?membership=join") == [alice])
        #expect(try await members("?not_membership=leave") == [alice, carol])
        #expect(try await members("?membership=join&not_membership=join") == [])
        #expect(try await members("?at=\(before)") == [alice, carol])
        #expect(try await members("", as: house.bob) == [alice, bob, carol])
        try await room.call(.get, "/members?at=what").expect(400, "M_INVALID_PARAM")
        try await room.call(.get, "/members", as: TestUser(open: "dave")).expect(403, "M_FORBIDDEN")
        #expect(try await room.call(.get, "/joined_members").expect(200)["joined"] == [alice: ["display_name": "Alice", "avatar_url": "mxc://test/a"]])
        try await room.call(.get, "/joined_members", as: house.bob).expect(403, "M_FORBIDDEN")
    }

    @Test func manyJoinsAtOnceKeepOneLine() async throws {
        let house = try await House()
        let room = try await house.open()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let user = TestUser(open: "user\(number)")
                    await room.call(.post, "/join", as: user, [:])
                    await room.call(.put, "/send/m.room.message/1", as: user, ["body": "here"])
                }
            }
        }
        let events = try room.events()
        #expect(events.map(\.depth) == Array(1...Int64(events.count)))
        #expect(try room.summary().joinedCount == 21)
        let rests = try house.read { tx in try tx.all("SELECT rest FROM event ORDER BY pos") { $0.bytes(0) } }
        for (index, rest) in rests.enumerated().dropFirst() {
            #expect(try JSONObject.parse(rest)["prev_events"] == [JSON(events[index - 1].id)])
        }
    }
}
