import MatrixCore
@testable import Rooms
import ServerKit
import TestKit
import Testing

struct AttentionTests {
    struct Case: Sendable {
        let type: String, content: JSONObject, stateKey: String?, notifies: Bool
        init(_ type: String, _ content: JSONObject, stateKey: String? = nil, _ notifies: Bool) {
            self.type = type; self.content = content; self.stateKey = stateKey; self.notifies = notifies
        }
    }
    /// What everybody in the room is told of.
    static let cases: [Case] = [
        Case("m.room.message", ["body": "hi"], true), Case("m.room.message", ["body": "hi"], stateKey: "", true),
        Case("m.room.encrypted", ["algorithm": "m.megolm.v1.aes-sha2"], true), Case("m.call.invite", [:], true),
        Case("m.poll.start", [:], true), Case("org.matrix.msc3381.poll.start", [:], true), Case("org.matrix.msc3381.poll.end", [:], true),
        Case("m.poll.response", [:], false), Case("org.matrix.msc3381.poll.response", ["body": "bob"], false),
        Case("m.reaction", [:], false), Case("m.reaction", ["body": "bob"], false), Case("m.sticker", [:], false), Case("org.example.x", [:], false),
        Case("m.room.message", ["body": "hi bob", "msgtype": "m.notice"], false), Case("m.room.message", ["body": "@room", "msgtype": "m.notice"], false),
        Case("m.room.message", ["body": "* hi", "m.relates_to": ["rel_type": "m.replace", "event_id": "$x"]], false),
        Case("m.room.message", ["body": "* Carol Ann and bob", "m.relates_to": ["rel_type": "m.replace", "event_id": "$x"]], false),
        Case("m.room.message", ["m.mentions": ["user_ids": ["@bob:test"]], "m.relates_to": ["rel_type": "m.replace", "event_id": "$x"]], false),
        Case("m.room.message", ["body": "bob", "m.mentions": [:]], true), Case("m.room.message", ["body": "bob", "m.mentions": 1], true),
        Case("m.room.message", ["body": "x", "m.mentions": ["user_ids": ["@bob:test", "@carol:test", 3]]], true),
        Case("m.room.message", ["body": "x", "m.mentions": ["user_ids": "@bob:test"]], true),
        Case("m.room.message", ["body": "x", "m.mentions": ["room": true]], true), Case("m.room.message", ["body": "x", "m.mentions": ["room": "true"]], true),
        Case("org.example.x", ["m.mentions": ["room": true, "user_ids": ["@bob:test"]]], false),
        Case("org.example.x", ["m.mentions": ["user_ids": ["@bob:test"]]], false), Case("org.example.x", ["body": "ask Bob!"], false),
        Case("m.room.message", ["body": "hello bobby, kebob, BOB_"], true), Case("m.room.message", ["body": "bob"], true),
        Case("m.room.message", ["body": "I asked CAROL ANN and @bob:test"], true), Case("m.room.message", ["body": "hello @room!"], true),
        Case("m.room.message", ["body": "hello x@room"], true), Case("m.room.message", ["body": ""], true), Case("m.room.message", ["body": 3], true),
        Case("m.room.topic", ["topic": "bob"], stateKey: "", false), Case("m.room.topic", ["m.mentions": ["user_ids": ["@bob:test"]]], stateKey: "", false),
        Case("m.room.member", ["membership": "join", "m.mentions": ["user_ids": ["@bob:test"]]], stateKey: "@carol:test", false),
        Case("m.room.tombstone", ["body": "gone"], stateKey: "", true), Case("m.room.tombstone", [:], stateKey: "x", false), Case("m.room.tombstone", [:], false),
        Case("m.room.server_acl", ["body": "bob"], stateKey: "", false), Case("m.room.server_acl", ["body": "bob"], false),
    ]

    @Test(arguments: cases) func whatEverybodyIsToldOf(_ each: Case) {
        let attention = Attention.judge(type: each.type, stateKey: each.stateKey, content: each.content, mayNotifyRoom: false)
        #expect(attention.notifies == each.notifies, "\(each)")
    }

    /// The short cut for a whole room and the rules one by one are two ways to the same answer.
    @Test(arguments: cases) func theShortCutSaysWhatTheDefaultRulesSay(_ each: Case) throws {
        let alice = UserID(trusted: "@alice:test")
        let version = try #require(RoomVersion.named("11"))
        for power in [0, 50] {
            let levels = PowerLevels(content: ["users": ["@alice:test": JSON(power)]], create: nil, version: version)
            let attention = Attention.judge(type: each.type, stateKey: each.stateKey, content: each.content, mayNotifyRoom: power >= 50)
            let event = PushEvent(type: each.type, stateKey: each.stateKey, sender: alice, room: RoomID(trusted: "!r"), id: EventID(trusted: "$e"), content: each.content)
            for (user, name) in [("@bob:test", nil), ("@carol:test", "Carol Ann"), ("@dan:test", "Bob"), ("@erik:test", "")] as [(String, String?)] {
                let user = UserID(trusted: user)
                let short = attention.verdict(for: user, NameWords(user: user, displayName: name))
                let long = CompiledPushRules(PushRuleSet(), for: user).verdict(event, PushSurroundings(memberCount: 2, displayName: name, levels: levels))
                #expect(short.notifies == long.notifies && short.highlights == long.highlights, "\(user) \(power): \(each)")
            }
        }
    }
}
