import MatrixCore
import ServerKit
import TestKit
import Testing

@Suite struct NotificationTests {
    private func list(_ flat: Flat, _ user: TestUser, _ query: String = "") async throws -> (bodies: [String], json: JSON) {
        let json = try await flat.call(.get, "/notifications" + query, as: user).expect(200)
        return (json["notifications"]?.arrayValue?.map { $0["event"]?["content"]?["body"]?.stringValue ?? $0["event"]?["type"]?.stringValue ?? "" } ?? [], json)
    }

    @Test func theyAreListedNewestFirstWithWhatWasRead() async throws {
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let first = try await flat.room(alice, bob), second = try await flat.room(alice, bob)
        try await flat.say("one", in: first, as: alice)
        let two = try await flat.say("two", in: second, as: alice)
        try await flat.say("mine", in: first, as: bob)
        try await flat.send("m.reaction", [:], in: first, as: alice)
        try await flat.say("three bob", in: first, as: alice)
        try await flat.read(two, in: second, as: bob)
        let all = try await list(flat, bob)
        #expect(all.bodies == ["three bob", "two", "one"])
        let newest = try #require(all.json["notifications"]?[0])
        #expect(newest["room_id"] == .string(first) && newest["read"] == false && newest["event"]?["room_id"] == .string(first) && newest["profile_tag"] != nil)
        #expect(newest["actions"] == ["notify", ["set_tweak": "sound", "value": "default"], ["set_tweak": "highlight"]])
        #expect(all.json["notifications"]?[1]?["read"] == true && all.json["next_token"] == nil)
        #expect(try await list(flat, bob, "?only=highlight").bodies == ["three bob"])
        try await flat.mute(first, as: bob)
        #expect(try await list(flat, bob).bodies == ["two"])
        #expect(try await list(flat, alice).bodies == ["mine"])
    }

    @Test func pagesFollowEachOther() async throws {
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        for n in 1...7 { try await flat.say("\(n)", in: room, as: alice) }
        var found: [String] = [], token: String?, pages = 0
        repeat {
            let page = try await list(flat, bob, "?limit=3" + (token.map { "&from=" + $0 } ?? ""))
            found += page.bodies
            token = page.json["next_token"]?.stringValue
            pages += 1
        } while token != nil && pages < 10
        #expect(found == ["7", "6", "5", "4", "3", "2", "1"] && pages == 3)
        for query in ["?limit=0", "?limit=x", "?from=x", "?from=-1"] { try await flat.call(.get, "/notifications" + query, as: bob).expect(400, "M_INVALID_PARAM") }
    }

    @Test func invitesAreAmongThemAndForeignRoomsAreNot() async throws {
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let closed = try await flat.room(alice)
        try await flat.say("bob", in: closed, as: alice)
        #expect(try await list(flat, bob).bodies.isEmpty)
        try await flat.call(.post, "/rooms/\(Percent.encode(closed))/invite", as: alice, ["user_id": JSON(bob.id)]).expect(200)
        #expect(try await list(flat, bob).bodies == ["m.room.member"])
        let left = try await flat.room(alice, bob)
        try await flat.say("bob", in: left, as: alice)
        try await flat.call(.post, "/rooms/\(Percent.encode(left))/leave", as: bob, [:]).expect(200)
        #expect(try await list(flat, bob).bodies == ["m.room.member"])
    }
}
