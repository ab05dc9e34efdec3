import MatrixCore
import TestKit
import Testing

/// Rules and events of nonsense: a condition that cannot be read never holds, and nothing traps.
@Suite struct PushFuzzTests {
    private static let kinds: [JSON] = ["event_match", "event_property_is", "event_property_contains", "contains_display_name", "room_member_count", "sender_notification_permission", "unknown", 1, .null]
    private static let values: [JSON] = [
        "content.body", "content.m\\.mentions.room", "type", "room", "\\", "a..b", ".", "", "*", "*?*", "ali?e", "==2", "<=2", ">", "=", "-1", "99999999999999999999", 1, -1, 1.5, true, .null, [], [1, "a"], [:], ["a": [:]],
    ]

    private static func json(_ fuzz: inout Fuzz, _ keys: [String]) -> JSONObject {
        JSONObject(keys.filter { _ in fuzz.below(4) > 0 }.map { (key: $0, value: fuzz.pick(values)) })
    }

    @Test(arguments: 0..<4) func anyRuleOnAnyEventGivesAnAnswer(part: Int) {
        var fuzz = Fuzz(seed: UInt64(part)), notified = 0
        let me = UserID(trusted: "@me:x")
        for _ in 0..<3_000 {
            var stored: JSONObject = [:]
            for kind in PushRule.Kind.allCases {
                stored[kind.rawValue] = .array((0..<fuzz.below(3)).map { number in
                    var rule = Self.json(&fuzz, ["pattern", "enabled", "default"])
                    rule["rule_id"] = .string("\(number)")
                    rule["actions"] = fuzz.pick([["notify"], ["notify", ["set_tweak": "highlight"]], ["set_tweak"], [1, .null, [:]], .null])
                    rule["conditions"] = .array((0..<fuzz.below(3)).map { _ in
                        var condition = Self.json(&fuzz, ["key", "pattern", "value", "is"])
                        condition["kind"] = fuzz.pick(Self.kinds)
                        return .object(condition)
                    })
                    return .object(rule)
                })
            }
            var content = Self.json(&fuzz, ["body", "m.mentions", "list", "", "a"])
            content["m.mentions"] = fuzz.pick([.null, ["room": true], ["user_ids": [1, "@me:x"]], []])
            let event = PushEvent(type: "m.room.message", stateKey: nil, sender: UserID(trusted: "@a:x"), room: RoomID(trusted: "!r:x"), id: EventID(trusted: "$e"), content: content)
            let around = PushSurroundings(memberCount: Int64(fuzz.below(4)), displayName: fuzz.pick([nil, "", "alice", "*"]), levels: nil)
            if CompiledPushRules(PushRuleSet(stored: stored), for: me).verdict(event, around).notifies { notified += 1 }
        }
        #expect(notified > 100)
    }

    @Test func conditionsThatCannotBeReadNeverHold() {
        let event = PushEvent(type: "m.room.message", stateKey: nil, sender: UserID(trusted: "@a:x"), room: RoomID(trusted: "!r:x"), id: EventID(trusted: "$e"), content: ["body": "x"])
        for condition: JSON in [1, .null, [], [:], ["kind": 1], ["kind": "unknown"], ["kind": "event_match"], ["kind": "event_match", "key": "content.body"], ["kind": "event_match", "key": 1, "pattern": "*"],
                                ["kind": "room_member_count"], ["kind": "room_member_count", "is": "2x"], ["kind": "room_member_count", "is": 2], ["kind": "event_property_is", "key": "content.body"],
                                ["kind": "sender_notification_permission"]] {
            let stored: JSONObject = ["override": [["rule_id": "r", "enabled": true, "conditions": [condition], "actions": ["notify", ["set_tweak": "marker"]]]]]
            let verdict = CompiledPushRules(PushRuleSet(stored: stored), for: UserID(trusted: "@me:x")).verdict(event, PushSurroundings(memberCount: 2, displayName: nil, levels: nil))
            #expect(verdict.tweaks["marker"] == nil, "\(condition)")
        }
    }
}
