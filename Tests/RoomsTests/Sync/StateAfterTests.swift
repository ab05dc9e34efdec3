import MatrixCore
import Rooms
import ServerKit
import TestKit
import Testing

/// `use_state_after`: the state of an answer is that at the end of its timeline.
/// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3sync
struct StateAfterTests {
    private func sync(_ house: House, _ user: TestUser? = nil, _ filter: String = "", since: JSON? = nil, flags: String = "&use_state_after=true") async throws -> JSON {
        let query = flags + (filter.isEmpty ? "" : "&filter=" + Percent.encode(filter)) + (since?["next_batch"]?.stringValue.map { "&since=" + $0 } ?? "")
        return try await house.call(.get, "/sync?timeout=0" + query, as: user).expect(200)
    }
    private func joined(_ answer: JSON, _ room: Room) -> JSON? { answer["rooms"]?["join"]?[room.id.rawValue] }
    private func left(_ answer: JSON, _ room: Room) -> JSON? { answer["rooms"]?["leave"]?[room.id.rawValue] }
    private func ids(_ section: JSON?) -> [String] { (section?["events"]?.arrayValue ?? []).compactMap { $0["event_id"]?.stringValue } }
    private func members(_ section: JSON?) -> Set<String> {
        Set((section?["events"]?.arrayValue ?? []).filter { $0["type"] == "m.room.member" }.compactMap { $0["state_key"]?.stringValue })
    }

    @Test func changesOfTheTimelineAreInTheStateAfterIt() async throws {
        let house = try await House()
        let room = try await house.open()
        let start = try await sync(house)
        try await room.set("m.room.topic", ["topic": "one"])
        let topic = try await room.set("m.room.topic", ["topic": "two"])
        try await room.say("hello")
        let news = try #require(joined(try await sync(house, since: start), room))
        #expect(news["state"] == nil && news["timeline"]?["limited"] == false && news["timeline"]?["events"]?.arrayValue?.count == 3)
        #expect(ids(news["state_after"]) == [topic.rawValue], "what holds at the end, and nothing that was replaced")
        // Also when the timeline leaves the state out, and when it has a gap.
        let messages = try #require(joined(try await sync(house, nil, #"{"room":{"timeline":{"types":["m.room.message"]}}}"#, since: start), room))
        #expect(ids(messages["state_after"]) == [topic.rawValue] && messages["timeline"]?["limited"] == false)
        let short = try #require(joined(try await sync(house, nil, #"{"room":{"timeline":{"limit":2}}}"#, since: start), room))
        #expect(ids(short["state_after"]) == [topic.rawValue] && short["timeline"]?["limited"] == true)
        // A section without events says that nothing has changed; a client that misses it would look at the timeline.
        let before = try await sync(house, since: start)
        try await room.say("again")
        #expect(joined(try await sync(house, since: before), room)?["state_after"]?["events"] == [])
    }

    @Test func aFreshClientHasTheWholeStateOfTheEnd() async throws {
        let house = try await House()
        let room = try await house.open()
        let topic = try await room.set("m.room.topic", ["topic": "tea"])
        for answer in [try await sync(house), try await sync(house, since: try await sync(house), flags: "&use_state_after=true&full_state=true")] {
            let section = joined(answer, room)?["state_after"]
            let state = try await room.call(.get, "/state").expect(200).arrayValue?.compactMap { $0["event_id"]?.stringValue } ?? []
            #expect(ids(section).contains(topic.rawValue) && Set(ids(section)) == Set(state))
            #expect(joined(answer, room)?["state"] == nil)
        }
    }

    @Test(arguments: [("", "state"), ("&use_state_after=false", "state"), ("&org.matrix.msc4222.use_state_after=true", "org.matrix.msc4222.state_after"),
                      ("&use_state_after=true&org.matrix.msc4222.use_state_after=true", "state_after")])
    func theSectionHasTheNameThatWasAskedFor(flags: String, name: String) async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let start = try await sync(house, house.bob, flags: flags)
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        let end = try await sync(house, house.bob, since: start, flags: flags)
        for section in [joined(start, room), left(end, room)] {
            let present = try #require(section).objectValue?.map(\.key).filter { $0.hasSuffix("state") || $0.hasSuffix("state_after") }
            #expect(present == [name])
        }
    }

    @Test func aWrongValueIsRefused() async throws {
        let house = try await House()
        for name in ["use_state_after", "org.matrix.msc4222.use_state_after"] { try await house.call(.get, "/sync?timeout=0&\(name)=yes").expect(400, "M_INVALID_PARAM") }
    }

    @Test func whoLeavesHasTheStateOfHisLastMoment() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let start = try await sync(house, house.bob)
        let topic = try await room.set("m.room.topic", ["topic": "last"])
        try await room.call(.post, "/kick", ["user_id": JSON(house.bob.id)]).expect(200)
        let kick = try #require(try room.events().last?.id.rawValue)
        let kicked = try #require(left(try await sync(house, house.bob, since: start), room))
        #expect(kicked["state"] == nil && Set(ids(kicked["state_after"])) == [topic.rawValue, kick])
        // What came after that is not his to see, though he was banned later.
        let secret = try await room.set("m.room.name", ["name": "without bob"])
        try await room.call(.post, "/ban", ["user_id": JSON(house.bob.id)]).expect(200)
        let ban = try #require(try room.events().last?.id.rawValue)
        let banned = try #require(left(try await sync(house, house.bob, since: start), room))
        #expect(Set(ids(banned["state_after"])) == [topic.rawValue, ban])
        let fresh = try #require(left(try await sync(house, house.bob, #"{"room":{"include_leave":true}}"#), room))
        #expect(ids(fresh["state_after"]).contains(topic.rawValue) && ids(fresh["state_after"]).contains(ban) && !ids(fresh["state_after"]).contains(secret.rawValue))
        let legacy = try #require(left(try await sync(house, house.bob, #"{"room":{"include_leave":true,"timeline":{"limit":1}}}"#, flags: ""), room))
        #expect(ids(legacy["state"]).contains(topic.rawValue) && !ids(legacy["state"]).contains(secret.rawValue))
    }

    @Test func anInviteThatCameToNothingHasTheLeaveAsItsState() async throws {
        let house = try await House()
        let room = try await house.create()
        let start = try await sync(house, house.bob)
        try await room.call(.post, "/invite", ["user_id": JSON(house.bob.id)]).expect(200)
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        let news = try #require(left(try await sync(house, house.bob, since: start), room))
        #expect(ids(news["state_after"]) == ids(news["timeline"]) && ids(news["state_after"]).count == 1)
    }

    @Test func aRoomThatWasDeletedHasTheLeaveAsItsState() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let start = try await sync(house, house.bob)
        try await house.app.call(.delete, "/_synapse/admin/v2/rooms/" + Percent.encode(room.id.rawValue), as: TestUser(open: "admin"), json: [:]).expect(200)
        try await house.app.run(job: "delete rooms")
        let news = try #require(left(try await sync(house, house.bob, since: start), room))
        #expect(members(news["state_after"]) == [house.bob.id.rawValue] && news["state"] == nil)
    }

    /// A client that takes no state from the timeline needs the members of it, though they stand there.
    @Test func lazyMembersAreInTheStateAlsoWhenTheTimelineHasThem() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let lazy = #"{"room":{"timeline":{"limit":3},"state":{"lazy_load_members":true}}}"#
        try await room.join(house.carol)
        try await room.say("hello", as: house.carol)
        try await room.say("hi", as: house.carol)
        let start = try await sync(house, nil, lazy)
        #expect(members(joined(start, room)?["state_after"]) == [house.alice.id.rawValue, house.carol.id.rawValue])
        try await room.set("m.room.member", house.bob.id.rawValue, ["membership": "join", "displayname": "Bobby"], as: house.bob)
        try await room.say("my name", as: house.bob)
        let news = try await sync(house, nil, lazy, since: start)
        #expect(joined(news, room)?["timeline"]?["limited"] == false && members(joined(news, room)?["state_after"]) == [house.bob.id.rawValue])
        try await room.say("once more", as: house.bob)
        #expect(members(joined(try await sync(house, nil, lazy, since: news), room)?["state_after"]) == [], "he is known")
    }
}
