@testable import MatrixCore
import Testing

@Suite struct PushWordsTests {
    /// A part of the text between word boundaries; anything but ASCII letters, digits and _ is a boundary.
    @Test(arguments: [
        ("bob", "hello bob", true), ("bob", "bob", true), ("bob", "bobby", false), ("bob", "hi, BOB!", true), ("bob", "kebob", false), ("bob", "kebob bob", true),
        ("bob", "bob_", false), ("bob", "ébob", true), ("x", "", false), ("", "abc", false), ("ex*ple", "An example event.", true), ("ex*ple", "exple", true),
        ("ex*ple", "An exciting triple-whammy", true), ("ex*ple", "An exciting tripled-whammy", false), ("ex*ple", "hexample", false), ("*", "", true), ("*", "anything", true),
        ("c?ke", "a cake.", true), ("c?ke", "a cooke", false), ("c?f", "un cœf", true), ("@room", "hello @room!", true), ("@room", "hello@room", true), ("@room", "@rooms", false),
        ("тест", "это ТЕСТ", true), ("a*b*c", "a c b c", true), ("a*b*c", "a c b", false), ("lunch*", "lunch plans", true), ("*plans", "lunch plans", true), ("*lans", "lunch plans", true),
        ("a b", "x a b y", true), ("a.b", "a.b", true), ("a.b", "axb", false),
    ]) func patternsFindWords(_ pattern: String, _ text: String, _ expected: Bool) {
        #expect(PushWords(pattern).matches(PushText(text)) == expected)
    }

    @Test(arguments: [
        ("hello bob", "bob", true), ("bobby", "bob", false), ("hi, bob!", "bob", true), ("été bob", "bob", true), ("ébob", "bob", false), ("", "bob", false), ("bob_", "bob", false), ("x", "", false),
    ]) func namesAreWholeWordsInEveryScript(_ body: String, _ word: String, _ expected: Bool) {
        #expect(PushText(body).contains(word: Array(word.utf8)) == expected)
    }

    /// Nobody can make the server think long about a message.
    @Test func hostilePatternsEndSoon() {
        let text = PushText(String(repeating: "a ", count: 30_000))
        let pattern = PushWords(String(repeating: "a*", count: 250) + "b")
        var matches = true
        let took = ContinuousClock().measure { matches = pattern.matches(text) }
        #expect(!matches && took < .seconds(20))
    }

    /// Looked for one by one, the runs of a text are those that it is cut into.
    @Test func aRunIsFoundAsInTheListOfAll() {
        let texts = ["", "a", "ann", "Ann, ben_2 and Zoé", "annann ann", "xann annx ann.", "é", "日本 ann日 日ann", "_a_", "a-b.c d", "..", "anan ana"]
        let runs = ["a", "ann", "ben_2", "zoé", "é", "日本", "_a_", "d", "an", "ana", "anan", "ben", "2"].map { Array($0.utf8) }
        for kind in [PushText.Run.letters, .wordCharacters] {
            for text in texts.map({ PushText($0) }) {
                let all = text.runs(of: kind)
                for run in runs where kind.first(of: run) == run { #expect(text.hasRun(run, of: kind) == all.contains(run), "\(run) in \(text.bytes)") }
                for run in all { #expect(text.hasRun(run, of: kind)) }
            }
        }
    }
}

@Suite struct PushConditionTests {
    private let event = PushEvent(
        type: "m.room.message", stateKey: nil, sender: UserID(trusted: "@alice:test"), room: RoomID(trusted: "!room:test"), id: EventID(trusted: "$event"),
        content: ["body": "Lunch plans", "topic": "Lunch plans", "n": 3, "flag": true, "none": .null, "list": ["a", 1, true, .null, ["x": "y"]], "m.dotted": ["a\\b": "c"], "deep": ["er": "Été"], "double": 1.5])

    private func holds(_ condition: JSON, members: Int64 = 3, name: String? = nil, power: Int = 0) throws -> Bool {
        let version = try #require(RoomVersion.named("11"))
        let levels = PowerLevels(content: ["users": ["@alice:test": JSON(power)], "notifications": ["team": 20]], create: nil, version: version)
        return PushCondition(condition).holds(event, PushSurroundings(memberCount: members, displayName: name, levels: levels))
    }

    @Test(arguments: [
        ("type", "m.room.message", true), ("type", "M.ROOM.*", true), ("type", "m.room", false), ("room_id", "!room:*", true), ("sender", "@alice:test", true), ("event_id", "$event", true),
        ("state_key", "*", false), ("content.topic", "lunc?*", true), ("content.topic", "LUNCH PLANS", true), ("content.topic", "lunch", false), ("content.body", "lunch", true),
        ("content.n", "3", false), ("content.none", "*", false), ("content.missing", "*", false), ("content.deep.er", "été", true), (#"content.m\.dotted.a\\b"#, "c", true),
        (#"content.m\.dotted.a\b"#, "c", true), ("content.m.dotted", "*", false), ("content", "*", false), ("unsigned.age", "*", false),
    ]) func eventMatch(_ key: String, _ pattern: String, _ expected: Bool) throws {
        #expect(try holds(["kind": "event_match", "key": .string(key), "pattern": .string(pattern)]) == expected)
    }

    @Test(arguments: [
        ("content.n", 3, true), ("content.n", "3", false), ("content.flag", true, true), ("content.flag", 1, false), ("content.none", .null, true), ("content.missing", .null, false),
        ("content.topic", "Lunch plans", true), ("content.topic", "lunch plans", false), ("content.double", 1.5, false), ("content.list", ["a"], false), ("type", "m.room.message", true),
    ] as [(String, JSON, Bool)]) func propertyIs(_ key: String, _ value: JSON, _ expected: Bool) throws {
        #expect(try holds(["kind": "event_property_is", "key": .string(key), "value": value]) == expected)
    }

    @Test(arguments: [
        ("content.list", "a", true), ("content.list", 1, true), ("content.list", true, true), ("content.list", .null, true), ("content.list", "b", false), ("content.list", ["x": "y"], false),
        ("content.topic", "Lunch plans", false), ("content.missing", "a", false),
    ] as [(String, JSON, Bool)]) func propertyContains(_ key: String, _ value: JSON, _ expected: Bool) throws {
        #expect(try holds(["kind": "event_property_contains", "key": .string(key), "value": value]) == expected)
    }

    @Test(arguments: [("3", true), ("==3", true), ("2", false), ("<4", true), ("<3", false), (">2", true), (">3", false), (">=3", true), ("<=3", true), (">=4", false), ("", false), ("<", false), ("x", false), ("=3", false), ("-1", false), ("99999999999999999999", false)])
    func memberCount(_ text: String, _ expected: Bool) throws { #expect(try holds(["kind": "room_member_count", "is": .string(text)]) == expected) }

    @Test func permissionsAndNames() throws {
        #expect(try !holds(["kind": "sender_notification_permission", "key": "room"], power: 49))
        #expect(try holds(["kind": "sender_notification_permission", "key": "room"], power: 50))
        #expect(try holds(["kind": "sender_notification_permission", "key": "team"], power: 20))
        #expect(try holds(["kind": "contains_display_name"], name: "lunch"))
        #expect(try !holds(["kind": "contains_display_name"], name: "lun"))
        #expect(try !holds(["kind": "contains_display_name"]))
    }

    @Test(arguments: [["kind": "something_new"], [:], 3, ["kind": "event_match"], ["kind": "event_match", "key": "type"], ["kind": "event_property_is", "key": "type", "value": ["a": 1]], ["kind": "room_member_count"], ["kind": "sender_notification_permission"]] as [JSON])
    func whatIsNotUnderstoodNeverMatches(_ condition: JSON) throws { #expect(try !holds(condition)) }
}

@Suite struct PushRuleSetTests {
    private let bob = UserID(trusted: "@bob:test")
    private func event(_ content: JSONObject = ["body": "hello"], type: String = "m.room.message", sender: String = "@alice:test", room: String = "!a") -> PushEvent {
        PushEvent(type: type, stateKey: nil, sender: UserID(trusted: sender), room: RoomID(trusted: room), id: EventID(trusted: "$e"), content: content)
    }
    private func verdict(_ set: PushRuleSet, _ event: PushEvent, members: Int64 = 3) -> PushVerdict {
        CompiledPushRules(set, for: bob).verdict(event, PushSurroundings(memberCount: members, displayName: "Bobby", levels: nil))
    }
    /// A set that can be edited within an expectation.
    private final class Edited {
        var set = PushRuleSet()
        func put(_ kind: PushRule.Kind, _ rule: PushRule, _ place: PushRuleSet.Place = .first) -> Bool { set.put(rule, kind, at: place) }
        func change(_ kind: PushRule.Kind, _ id: String, isEnabled: Bool? = nil, actions: [JSON]? = nil) -> Bool {
            set.change(kind, id, for: UserID(trusted: "@bob:test"), isEnabled: isEnabled, actions: actions)
        }
        func remove(_ kind: PushRule.Kind, _ id: String) -> Bool { set.remove(kind, id) }
    }

    @Test func theOrderIsMasterOwnServerAndByKind() {
        let edited = Edited()
        #expect(edited.put(.override, PushRule("mine", actions: [])))
        #expect(edited.set.rules(.override, for: bob).prefix(3).map(\.id) == [".m.rule.master", "mine", ".m.rule.suppress_notices"])
        #expect(!verdict(edited.set, event()).notifies)
        #expect(edited.change(.override, "mine", isEnabled: false))
        #expect(verdict(edited.set, event()).notifies)
        // A room's rule comes before underride rules, and after content rules.
        #expect(edited.put(.room, PushRule("!a", actions: [])))
        #expect(!verdict(edited.set, event()).notifies)
        #expect(verdict(edited.set, event(room: "!b")).notifies)
        #expect(verdict(edited.set, event(["body": "bob?"])).highlights)
        #expect(edited.put(.sender, PushRule("@alice:test", actions: ["dont_notify"])))
        #expect(!verdict(edited.set, event(room: "!b")).notifies)
        #expect(verdict(edited.set, event(sender: "@carol:test", room: "!b")).notifies)
        #expect(edited.change(.override, ".m.rule.master", isEnabled: true))
        #expect(!verdict(edited.set, event(["body": "bob?"])).notifies)
    }

    @Test func tweaksAreThoseOfTheRule() {
        #expect(verdict(PushRuleSet(), event(), members: 2).tweaks == ["sound": "default"])
        #expect(verdict(PushRuleSet(), event()).tweaks.isEmpty)
        #expect(verdict(PushRuleSet(), event(["body": "Bobby"])).tweaks == ["sound": "default", "highlight": true])
        #expect(verdict(PushRuleSet(), event(type: "m.call.invite")).tweaks == ["sound": "ring"])
        let edited = Edited()
        #expect(edited.put(.content, PushRule("cake", pattern: "cake", actions: ["notify", ["set_tweak": "highlight", "value": false]])))
        #expect(verdict(edited.set, event(["body": "CAKE!"])) == PushVerdict(["notify", ["set_tweak": "highlight", "value": false]]))
        #expect(!verdict(edited.set, event(["body": "CAKE!"])).highlights)
    }

    @Test func rulesAreOrderedByTheUser() {
        let edited = Edited()
        for id in ["a", "b"] { #expect(edited.put(.room, PushRule(id, actions: []))) }
        #expect(edited.put(.room, PushRule("c", actions: []), .before("a")))
        #expect(edited.set.rules(.room, for: bob).map(\.id) == ["b", "c", "a"])
        #expect(edited.put(.room, PushRule("c", actions: []), .after("a")))
        #expect(edited.set.rules(.room, for: bob).map(\.id) == ["b", "a", "c"])
        #expect(!edited.put(.room, PushRule("d", actions: []), .after("x")))
        #expect(!edited.put(.override, PushRule("d", actions: []), .after(".m.rule.master")))
        // New parameters leave a rule where it is, and off when it was off.
        #expect(edited.change(.room, "a", isEnabled: false))
        #expect(edited.put(.room, PushRule("a", actions: ["notify"])))
        #expect(edited.set.rules(.room, for: bob).map(\.id) == ["b", "a", "c"])
        #expect(edited.set.rule(.room, "a", for: bob)?.isEnabled == false && edited.set.rule(.room, "a", for: bob)?.actions == ["notify"])
        #expect(edited.remove(.room, "a") && !edited.remove(.room, "a"))
    }

    @Test func theServersRulesAreChangedButStay() {
        let edited = Edited()
        #expect(!edited.change(.override, ".not.there", isEnabled: true))
        #expect(!edited.change(.content, ".m.rule.master", isEnabled: true))
        #expect(edited.change(.underride, ".m.rule.message", actions: []))
        #expect(!edited.set.isDefault && !verdict(edited.set, event()).notifies)
        #expect(edited.change(.underride, ".m.rule.message", actions: ["notify"]))
        #expect(edited.set.isDefault)
        #expect(!edited.remove(.underride, ".m.rule.message"))
    }

    @Test func whatIsStoredComesBack() throws {
        let edited = Edited()
        #expect(edited.put(.override, PushRule("x", conditions: [["kind": "event_match", "key": "type", "pattern": "a"]], actions: ["notify"])))
        #expect(edited.put(.content, PushRule("y", pattern: "cake", actions: [["set_tweak": "sound", "value": "a"]])))
        #expect(edited.change(.content, "y", isEnabled: false))
        #expect(edited.change(.override, ".m.rule.master", isEnabled: true))
        #expect(edited.change(.underride, ".m.rule.call", actions: []))
        #expect(PushRuleSet(stored: try JSONObject.parse(edited.set.encoded())) == edited.set)
        #expect(PushRuleSet(stored: [:]).isDefault)
    }

    @Test func anUpgradedRoomTakesItsRulesAlong() {
        let edited = Edited()
        #expect(edited.put(.room, PushRule("!old", actions: ["notify"])))
        #expect(edited.put(.override, PushRule("!old", conditions: [["kind": "event_match", "key": "room_id", "pattern": "!old"]], actions: [])))
        edited.set.copyRoom(from: RoomID(trusted: "!old"), to: RoomID(trusted: "!new"))
        let twice = edited.set
        edited.set.copyRoom(from: RoomID(trusted: "!old"), to: RoomID(trusted: "!new"))
        #expect(edited.set == twice)
        #expect(edited.set.rules(.room, for: bob).map(\.id) == ["!new", "!old"])
        #expect(!verdict(edited.set, event(room: "!new")).notifies && !verdict(edited.set, event(room: "!old")).notifies && verdict(edited.set, event(room: "!other")).notifies)
    }

    @Test func aDeletedRoomTakesItsRulesAlong() {
        let edited = Edited()
        #expect(edited.put(.room, PushRule("!gone", actions: ["notify"])) && edited.put(.room, PushRule("!kept", actions: [])))
        #expect(edited.put(.override, PushRule("mute", conditions: [["kind": "event_match", "key": "room_id", "pattern": "!gone"]], actions: [])))
        #expect(edited.put(.override, PushRule("other", conditions: [["kind": "event_match", "key": "sender", "pattern": "!gone"]], actions: [])))
        edited.set.removeRoom(RoomID(trusted: "!gone"))
        #expect(edited.set.own[.room]?.map(\.id) == ["!kept"] && edited.set.own[.override]?.map(\.id) == ["other"])
    }

    /// What real clients find when they look for rules by id.
    @Test func theDefaultRulesAreThoseOfTheSpecification() {
        let ids = PushRule.Kind.allCases.map { DefaultPushRules.rules($0, for: bob).map(\.id).filter { $0.hasPrefix(".m.rule") && !$0.contains("poll") } }
        let names: [[String]] = [
            ["master", "suppress_notices", "invite_for_me", "member_event", "is_user_mention", "contains_display_name", "is_room_mention", "roomnotif", "tombstone", "reaction", "room.server_acl", "suppress_edits"],
            ["contains_user_name"], [], [], ["call", "encrypted_room_one_to_one", "room_one_to_one", "message", "encrypted"]]
        #expect(ids == names.map { $0.map { ".m.rule." + $0 } })
        #expect(PushRuleSet().json(for: bob)["global"]?["content"] == [["rule_id": ".m.rule.contains_user_name", "default": true, "enabled": true, "pattern": "bob", "actions": ["notify", ["set_tweak": "sound", "value": "default"], ["set_tweak": "highlight"]]]])
    }

    @Test func invitesAreToldToTheInvited() {
        func invite(_ user: String) -> PushEvent {
            PushEvent(type: "m.room.member", stateKey: user, sender: UserID(trusted: "@alice:test"), room: RoomID(trusted: "!a"), id: EventID(trusted: "$e"), content: ["membership": "invite"])
        }
        #expect(verdict(PushRuleSet(), invite("@bob:test")).tweaks == ["sound": "default"])
        #expect(!verdict(PushRuleSet(), invite("@carol:test")).notifies)
    }
}
