import MatrixCore
import Rooms
import ServerKit
import TestKit
import Testing

struct RedactionTests {
    @Test(arguments: ["10", "11", "12"]) func takesTheContentAway(version: String) async throws {
        let house = try await House()
        let room = try await house.open(version: version)
        let id = try await room.say("oops")
        let path = "/redact/\(Percent.encode(id.rawValue))/1"
        // A bridge marks what it has done: all of the body is kept, but the server says what is redacted.
        let answer = try await room.call(.put, path, ["reason": "typo", "fi.mau.double_puppet_source": "x", "redacts": "$other"]).expect(200)
        #expect(try await room.call(.put, path, ["reason": "typo"]).expect(200) == answer)
        let redacted = try await room.event(id)
        #expect(redacted["content"] == [:])
        let because = redacted["unsigned"]?["redacted_because"]
        #expect(because?["content"]?["fi.mau.double_puppet_source"] == "x")
        #expect(because?["content"]?["reason"] == "typo" && because?["event_id"] == answer["event_id"] && because?["redacts"] == JSON(id))
        #expect(redacted["unsigned"]?["redacted_by"] == answer["event_id"])
        // Old and new clients find what was redacted, each in its place.
        let redaction = try await room.event(try #require(EventID(answer["event_id"])))
        #expect(redaction["redacts"] == JSON(id) && redaction["content"]?["redacts"] == JSON(id))
        let stored = try #require(try room.events().last)
        #expect((stored.contentObject["redacts"] != nil) == (version != "10"))
    }

    @Test func othersNeedPower() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let mine = try await room.say("mine"), his = try await room.say("his", as: house.bob)
        try await room.call(.put, "/redact/\(Percent.encode(mine.rawValue))/1", as: house.bob, [:]).expect(403, "M_FORBIDDEN")
        try await room.call(.put, "/redact/\(Percent.encode(his.rawValue))/2", as: house.bob, [:]).expect(200)
        let again = try await room.say("his", as: house.bob)
        try await room.call(.put, "/redact/\(Percent.encode(again.rawValue))/1", [:]).expect(200)
        try await room.call(.put, "/redact/$nothing/3", [:]).expect(404, "M_NOT_FOUND")
        let other = try await house.open()
        try await other.call(.put, "/redact/\(Percent.encode(mine.rawValue))/3", [:]).expect(400)
        let create = try room.events()[0].id
        try await room.call(.put, "/redact/\(Percent.encode(create.rawValue))/4", [:]).expect(403, "M_FORBIDDEN")
        try await room.call(.put, "/redact/\(Percent.encode(mine.rawValue))/1", as: house.carol, [:]).expect(403, "M_FORBIDDEN")
    }

    @Test(arguments: ["10", "12"]) func maySendItLikeAnyEvent(version: String) async throws {
        let house = try await House()
        let room = try await house.open(version: version)
        let id = try await room.say("oops")
        _ = try await room.send("m.room.redaction", ["redacts": JSON(id)])
        #expect(try await room.event(id)["content"] == [:])
        try await room.call(.put, "/send/m.room.redaction/1", [:]).expect(400, "M_MISSING_PARAM")
        try await room.call(.put, "/send/m.room.redaction/1", ["redacts": 1]).expect(400, "M_BAD_JSON")
    }

    @Test func takesStateBackFromTheSummary() async throws {
        let house = try await House()
        house.profiles.set(house.bob, Profile(displayName: "Rude word", avatarURL: "mxc://test/rude"))
        let room = try await house.open()
        let name = try await room.set("m.room.name", ["name": "Rude word"])
        try await room.join(house.bob)
        let join = try #require(try room.events().last?.id)
        for id in [name, join] { try await room.call(.put, "/redact/\(Percent.encode(id.rawValue))/x", [:]).expect(200) }
        #expect(try room.summary().name == nil)
        #expect(try await room.state("m.room.name") == [:])
        #expect(try await room.state("m.room.member", house.bob.id.rawValue) == ["membership": "join"])
        #expect(try await room.call(.get, "/joined_members").expect(200)["joined"]?[house.bob.id.rawValue] == ["display_name": .null, "avatar_url": .null])
    }

    @Test(arguments: ["10", "11"]) func takesThePowerThatTheContentGave(version: String) async throws {
        let house = try await House()
        let room = try await house.open(version: version)
        try await room.join(house.bob)
        let levels = try await room.set("m.room.power_levels", ["users": [house.alice.id.rawValue: 100], "invite": 100, "redact": 50, "notifications": ["room": 5]])
        try await room.call(.post, "/invite", as: house.bob, ["user_id": JSON(house.carol.id)]).expect(403)
        try await room.call(.put, "/redact/\(Percent.encode(levels.rawValue))/1", [:]).expect(200)
        let left = try await room.state("m.room.power_levels")
        #expect(left["notifications"] == nil && left["users"] != nil && (left["invite"] != nil) == (version == "11"))
        // The cached levels went with it.
        try await room.call(.post, "/invite", as: house.bob, ["user_id": JSON(house.carol.id)]).expect(version == "11" ? 403 : 200)
    }

    @Test func aRedactedReactionMayComeAgain() async throws {
        let house = try await House()
        let room = try await house.open()
        let id = try await room.say("hello")
        let reaction: JSON = ["m.relates_to": ["rel_type": "m.annotation", "event_id": JSON(id), "key": "+1"]]
        let first = try await room.send("m.reaction", reaction)
        try await room.call(.put, "/redact/\(Percent.encode(first.rawValue))/1", [:]).expect(200)
        try await room.send("m.reaction", reaction)
    }
}
