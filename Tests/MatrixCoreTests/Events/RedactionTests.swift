import MatrixCore
import Testing

@Suite struct RedactionTests {
    struct Case: Sendable, CustomStringConvertible {
        let name: String, versions: ClosedRange<Int>, type: String, content: JSONObject, kept: JSONObject
        var description: String { "\(name) (\(versions.lowerBound)-\(versions.upperBound))" }
    }

    static let member: JSONObject = [
        "membership": "join", "displayname": "x", "join_authorised_via_users_server": "@v:domain", "third_party_invite": ["display_name": "z", "signed": ["token": "t"]],
    ]
    static let levels: JSONObject = [
        "ban": 1, "events": [:], "events_default": 2, "invite": 3, "kick": 4, "notifications": [:], "redact": 5, "state_default": 6, "users": [:], "users_default": 7,
        "other": 8,
    ]

    static let cases = [
        Case(name: "a message keeps nothing", versions: 1...12, type: "m.room.message", content: ["body": "x"], kept: [:]),
        Case(name: "an unknown type keeps nothing", versions: 1...12, type: "org.x", content: ["membership": "join"], kept: [:]),
        Case(name: "a name keeps nothing", versions: 1...12, type: "m.room.name", content: ["name": "x"], kept: [:]),
        Case(name: "a member keeps the membership", versions: 1...8, type: "m.room.member", content: member, kept: ["membership": "join"]),
        Case(
            name: "a member keeps who authorised it", versions: 9...10, type: "m.room.member", content: member,
            kept: ["membership": "join", "join_authorised_via_users_server": "@v:domain"]),
        Case(
            name: "a member keeps the signed invite", versions: 11...12, type: "m.room.member", content: member,
            kept: ["membership": "join", "join_authorised_via_users_server": "@v:domain", "third_party_invite": ["signed": ["token": "t"]]]),
        Case(name: "a create keeps the creator", versions: 1...10, type: "m.room.create", content: ["creator": "@a:b", "type": "m.space"], kept: ["creator": "@a:b"]),
        Case(
            name: "a create keeps all", versions: 11...12, type: "m.room.create", content: ["creator": "@a:b", "type": "m.space"],
            kept: ["creator": "@a:b", "type": "m.space"]),
        Case(name: "join rules keep the rule", versions: 1...7, type: "m.room.join_rules", content: ["join_rule": "x", "allow": [], "y": 1], kept: ["join_rule": "x"]),
        Case(
            name: "join rules keep whom they allow", versions: 8...12, type: "m.room.join_rules", content: ["join_rule": "x", "allow": [], "y": 1],
            kept: ["join_rule": "x", "allow": []]),
        Case(
            name: "power levels lose invite and notifications", versions: 1...10, type: "m.room.power_levels", content: levels,
            kept: ["ban": 1, "events": [:], "events_default": 2, "kick": 4, "redact": 5, "state_default": 6, "users": [:], "users_default": 7]),
        Case(
            name: "power levels keep invite", versions: 11...12, type: "m.room.power_levels", content: levels,
            kept: ["ban": 1, "events": [:], "events_default": 2, "invite": 3, "kick": 4, "redact": 5, "state_default": 6, "users": [:], "users_default": 7]),
        Case(
            name: "history visibility stays", versions: 1...12, type: "m.room.history_visibility", content: ["history_visibility": "shared", "x": 1],
            kept: ["history_visibility": "shared"]),
        Case(name: "aliases stay", versions: 1...5, type: "m.room.aliases", content: ["aliases": [], "x": 1], kept: ["aliases": []]),
        Case(name: "aliases go", versions: 6...12, type: "m.room.aliases", content: ["aliases": [], "x": 1], kept: [:]),
        Case(name: "a redaction keeps nothing", versions: 1...10, type: "m.room.redaction", content: ["redacts": "$x", "reason": "y"], kept: [:]),
        Case(name: "a redaction keeps what it redacts", versions: 11...12, type: "m.room.redaction", content: ["redacts": "$x", "reason": "y"], kept: ["redacts": "$x"]),
    ]

    @Test(arguments: cases)
    func keeps(_ row: Case) throws {
        for number in row.versions {
            let version = try #require(RoomVersion.named(String(number)))
            #expect(Redaction.content(row.content, type: row.type, version: version) == row.kept, "version \(number)")
        }
    }

    static let whole: JSONObject = [
        "event_id": "$x", "type": "x", "room_id": "!x", "sender": "@a:b", "state_key": "", "content": ["a": 1], "hashes": [:], "signatures": [:], "depth": 1,
        "prev_events": [], "auth_events": [], "origin_server_ts": 1, "origin": "b", "prev_state": [], "membership": "join", "unsigned": [:], "redacts": "$y", "z": 1,
    ]
    static let always: JSONObject = [
        "event_id": "$x", "type": "x", "room_id": "!x", "sender": "@a:b", "state_key": "", "content": [:], "hashes": [:], "signatures": [:], "depth": 1,
        "prev_events": [], "auth_events": [], "origin_server_ts": 1,
    ]

    @Test(arguments: 1...12)
    func topLevelKeys(number: Int) throws {
        let version = try #require(RoomVersion.named(String(number)))
        let expected = number < 11 ? always_(["origin": "b", "prev_state": [], "membership": "join"]) : Self.always
        #expect(Redaction.pdu(Self.whole, version: version) == expected)
        func always_(_ more: JSONObject) -> JSONObject { Self.always.merging(more) }
    }

    @Test func whoMayRedact() {
        let levels = PowerLevels(content: ["users": ["@mod:here": 50]], create: nil, version: .standard)
        func may(_ sender: String, _ original: String) -> Bool {
            Redaction.isAllowed(by: UserID(trusted: sender), of: UserID(trusted: original), levels: levels, localServer: "here")
        }
        #expect(may("@a:here", "@a:here"))
        #expect(may("@mod:here", "@a:here"))
        #expect(may("@mod:here", "@a:there"))
        #expect(!may("@b:here", "@a:here"))
        #expect(!may("@b:here", "@a:there"))
        #expect(may("@b:there", "@a:there"))
        #expect(!may("@b:there", "@a:here"))
    }
}
