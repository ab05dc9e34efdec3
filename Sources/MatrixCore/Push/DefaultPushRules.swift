/// The rules that everybody has.
/// https://spec.matrix.org/latest/client-server-api/#predefined-rules
///
/// Besides those of the specification there are two families that clients still show and expect: the rules that look for names in the text
/// (in the specification until v1.17; they say nothing of an event with `m.mentions`), and those for polls (MSC3930, by both names).
package enum DefaultPushRules {
    package static func rules(_ kind: PushRule.Kind, for user: UserID) -> [PushRule] {
        switch kind {
        case .override: override(user)
        case .content: [named("contains_user_name", pattern: user.localpart, [], [notify, sound, highlight])]
        case .room, .sender: []
        case .underride: underride
        }
    }

    private static let notify: JSON = "notify"
    private static let sound: JSON = ["set_tweak": "sound", "value": "default"]
    private static let ring: JSON = ["set_tweak": "sound", "value": "ring"]
    private static let highlight: JSON = ["set_tweak": "highlight"]

    private static func match(_ key: String, _ pattern: String) -> JSON { ["kind": "event_match", "key": .string(key), "pattern": .string(pattern)] }
    private static let two: JSON = ["kind": "room_member_count", "is": "2"]
    private static let mayCallRoom: JSON = ["kind": "sender_notification_permission", "key": "room"]

    private static func rule(_ id: String, isEnabled: Bool = true, _ conditions: [JSON], _ actions: [JSON]) -> PushRule {
        PushRule((id.hasPrefix(".") ? "" : ".m.rule.") + id, isDefault: true, isEnabled: isEnabled, conditions: conditions, actions: actions)
    }
    private static func named(_ id: String, pattern: String? = nil, _ conditions: [JSON], _ actions: [JSON]) -> PushRule {
        var rule = PushRule(".m.rule." + id, isDefault: true, conditions: conditions, pattern: pattern, actions: actions)
        rule.looksForNames = true
        return rule
    }

    private static func override(_ user: UserID) -> [PushRule] {
        [
            rule("master", isEnabled: false, [], []),
            rule("suppress_notices", [match("content.msgtype", "m.notice")], []),
            rule("invite_for_me", [match("type", "m.room.member"), match("content.membership", "invite"), match("state_key", user.rawValue)], [notify, sound]),
            rule("member_event", [match("type", "m.room.member")], []),
            rule("is_user_mention", [["kind": "event_property_contains", "key": #"content.m\.mentions.user_ids"#, "value": JSON(user)]], [notify, sound, highlight]),
            named("contains_display_name", [["kind": "contains_display_name"]], [notify, sound, highlight]),
            rule("is_room_mention", [["kind": "event_property_is", "key": #"content.m\.mentions.room"#, "value": true], mayCallRoom], [notify, highlight]),
            named("roomnotif", [match("content.body", "@room"), mayCallRoom], [notify, highlight]),
            rule("tombstone", [match("type", "m.room.tombstone"), match("state_key", "")], [notify, highlight]),
            rule("reaction", [match("type", "m.reaction")], []),
            rule("room.server_acl", [match("type", "m.room.server_acl"), match("state_key", "")], []),
            rule("suppress_edits", [["kind": "event_property_is", "key": #"content.m\.relates_to.rel_type"#, "value": "m.replace"]], []),
            rule("poll_response", [match("type", "m.poll.response")], []),
            rule(".org.matrix.msc3930.rule.poll_response", [match("type", "org.matrix.msc3381.poll.response")], []),
        ]
    }

    private static let underride: [PushRule] = [
        rule("call", [match("type", "m.call.invite")], [notify, ring]),
        rule("encrypted_room_one_to_one", [two, match("type", "m.room.encrypted")], [notify, sound]),
        rule("room_one_to_one", [two, match("type", "m.room.message")], [notify, sound]),
        rule("message", [match("type", "m.room.message")], [notify]),
        rule("encrypted", [match("type", "m.room.encrypted")], [notify]),
    ] + polls(".m.rule.", "m.poll.") + polls(".org.matrix.msc3930.rule.", "org.matrix.msc3381.poll.")

    private static func polls(_ ids: String, _ types: String) -> [PushRule] {
        ["start", "end"].flatMap { step in
            [
                rule("\(ids)poll_\(step)_one_to_one", [two, match("type", types + step)], [notify, sound]),
                rule("\(ids)poll_\(step)", [match("type", types + step)], [notify]),
            ]
        }
    }

    /// Types of which everybody is told unless a rule with more to say knows better: those of the underride rules.
    package static let notifyingTypes: Set<String> = [
        "m.call.invite", "m.room.message", "m.room.encrypted",
        "m.poll.start", "m.poll.end", "org.matrix.msc3381.poll.start", "org.matrix.msc3381.poll.end",
    ]
}
