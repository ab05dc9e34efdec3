import MatrixCore
import Testing

@Suite struct PowerLevelsTests {
    static let alice = UserID(trusted: "@alice:x"), bob = UserID(trusted: "@bob:x"), carol = UserID(trusted: "@carol:x")

    static func create(_ version: String, _ content: JSON = ["creator": "@alice:x"]) throws -> CreateInfo {
        CreateInfo(eventID: EventID(trusted: "$c"), sender: alice, content: content, version: try #require(RoomVersion.named(version)))
    }

    @Test func withoutAnEventOnlyTheCreatorHasPower() throws {
        for number in ["3", "10", "11"] {
            let levels = PowerLevels(content: nil, create: try Self.create(number), version: try #require(RoomVersion.named(number)))
            #expect(levels.level(of: Self.alice) == 100)
            #expect(levels.level(of: Self.bob) == 0)
            #expect(levels.required(for: "m.room.name", isState: true) == 50)
            #expect(levels.required(for: "m.room.message", isState: false) == 0)
            #expect(levels.ban == 50)
            #expect(levels.kick == 50)
            #expect(levels.redact == 50)
            #expect(levels.invite == 0)
        }
    }

    @Test func anEmptyEventHasTheDefaults() throws {
        let levels = PowerLevels(content: [:], create: try Self.create("10"), version: try #require(RoomVersion.named("10")))
        #expect(levels.level(of: Self.alice) == 0)
        #expect(levels.required(for: "m.room.name", isState: true) == 50)
        #expect(levels.required(for: "m.room.message", isState: false) == 0)
        #expect(levels.requiredToNotify("room") == 50)
    }

    @Test func whatTheEventSaysCounts() throws {
        let levels = PowerLevels(
            content: [
                "users": ["@alice:x": 70], "users_default": 5, "events": ["m.room.name": 20], "events_default": 3, "state_default": 30, "ban": 1, "kick": 2, "invite": 4,
                "redact": 6, "notifications": ["room": 7],
            ], create: try Self.create("11"), version: try #require(RoomVersion.named("11")))
        #expect(levels.level(of: Self.alice) == 70)
        #expect(levels.level(of: Self.bob) == 5)
        #expect(levels.required(for: "m.room.name", isState: true) == 20)
        #expect(levels.required(for: "m.room.topic", isState: true) == 30)
        #expect(levels.required(for: "m.room.message", isState: false) == 3)
        #expect(levels.requiredToNotify("room") == 7)
        #expect([levels.ban, levels.kick, levels.invite, levels.redact] == [1, 2, 4, 6])
        #expect(levels.canSend(Self.bob, type: "m.room.message", isState: false))
        #expect(!levels.canSend(Self.bob, type: "m.room.name", isState: true))
        #expect(levels.canInvite(Self.bob))
        #expect(!levels.canRedact(Self.bob))
    }

    @Test func creatorsOutrankSinceVersion12() throws {
        let content: JSON = ["additional_creators": ["@bob:x"]]
        for levels: JSON? in [nil, [:], ["users": ["@alice:x": 1, "@carol:x": 100]]] {
            let power = PowerLevels(content: levels, create: try Self.create("12", content), version: .standard)
            #expect(power.level(of: Self.alice) == PowerLevels.infinite)
            #expect(power.level(of: Self.bob) == PowerLevels.infinite)
            #expect(power.level(of: Self.carol) < PowerLevels.infinite)
        }
        let before = PowerLevels(content: [:], create: try Self.create("11", content), version: try #require(RoomVersion.named("11")))
        #expect(before.level(of: Self.bob) == 0)
    }

    @Test(arguments: [
        ("50", "3", 50), ("\" 50 \"", "3", 50), ("\"+50\"", "9", 50), ("\"-50\"", "9", -50), ("\"00100\"", "6", 100), ("\"\\t7\\n\"", "7", 7), ("50.57", "5", 50), ("-50.57", "5", -50),
        ("50.57", "6", nil), ("\"50\"", "10", nil), ("\"5 0\"", "9", nil), ("\"x\"", "9", nil), ("\"\"", "9", nil), ("1e300", "5", nil), ("true", "3", nil), ("[]", "3", nil),
        ("null", "3", nil),
    ] as [(String, String, Int64?)])
    func valuesOfAVersion(text: String, version: String, value: Int64?) throws {
        let content: JSON = ["users_default": try JSON.parse(text), "users": ["@bob:x": try JSON.parse(text)]]
        let levels = PowerLevels(content: content, create: nil, version: try #require(RoomVersion.named(version)))
        #expect(levels.usersDefault == value ?? 0)
        #expect(levels.level(of: Self.bob) == value ?? 0)
    }
}

/// Swift takes strings that differ by Unicode normalisation for equal; rooms must not.
@Suite struct NormalisationTests {
    static let composed = "\u{E9}", decomposed = "e\u{301}"

    @Test func powerIsNotShared() throws {
        let levels = PowerLevels(
            content: ["users": [.init("@\(Self.composed):x"): 100], "events": [.init(Self.composed): 70]], create: nil, version: .standard)
        #expect(levels.level(of: "@\(Self.composed):x") == 100)
        #expect(levels.level(of: "@\(Self.decomposed):x") == 0)
        #expect(levels.required(for: Self.composed, isState: false) == 70)
        #expect(levels.required(for: Self.decomposed, isState: false) == 0)
        let create = CreateInfo(
            eventID: EventID(trusted: "$c"), sender: UserID(trusted: "@a:x"), content: ["additional_creators": [.string("@\(Self.composed):x")]], version: .standard)
        #expect(create.isCreator("@\(Self.composed):x"))
        #expect(!create.isCreator("@\(Self.decomposed):x"))
    }

    @Test func placesAreTwo() {
        #expect(StateKey("x", Self.composed) != StateKey("x", Self.decomposed))
        var state = RoomStateMap()
        for key in [Self.composed, Self.decomposed] {
            state.set(AuthStateEvent(eventID: EventID(trusted: "$e"), type: "x", stateKey: key, sender: UserID(trusted: "@a:x"), content: .string(key)))
        }
        #expect(state.events.count == 2)
        #expect(state.event("x", Self.composed)?.content == .string(Self.composed))
    }
}

@Suite struct RoomStateTests {
    @Test func memberships() {
        #expect(Membership(content: ["membership": "knock"]) == .knock)
        #expect(Membership(content: ["membership": "x"]) == nil)
        #expect(Membership(content: [:]) == nil)
        #expect(Membership(content: nil) == nil)
    }

    @Test func joinRules() {
        #expect(JoinRule(content: nil) == .invite)
        #expect(JoinRule(content: ["join_rule": "knock_restricted"]) == .knockRestricted)
        #expect(JoinRule(content: ["join_rule": "x"]) == nil)
        #expect(JoinRule(content: [:]) == nil)
        #expect(JoinRule.knockRestricted.allowsKnocking && JoinRule.knockRestricted.isRestricted)
        #expect(!JoinRule.restricted.allowsKnocking && !JoinRule.knock.isRestricted)
        let allow: JSON = ["allow": [["type": "m.room_membership", "room_id": "!a:x"], ["type": "other", "room_id": "!b:x"], ["type": "m.room_membership"], 1]]
        #expect(JoinRule.allowedRooms(content: allow) == [RoomID(trusted: "!a:x")])
        #expect(JoinRule.allowedRooms(content: nil) == [])
    }

    @Test func visibilityAndGuests() {
        #expect(HistoryVisibility(content: nil) == .shared)
        #expect(HistoryVisibility(content: ["history_visibility": "?"]) == .shared)
        #expect(HistoryVisibility(content: ["history_visibility": "world_readable"]) == .worldReadable)
        #expect(GuestAccess(content: nil) == .forbidden)
        #expect(GuestAccess(content: ["guest_access": "can_join"]) == .canJoin)
    }

    @Test func whatACreateEventSays() throws {
        let content: JSON = ["creator": "@bob:x", "additional_creators": ["@carol:x", "@alice:x", 1], "m.federate": false, "type": "m.space", "predecessor": ["room_id": "!o:x"]]
        let old = try PowerLevelsTests.create("10", content)
        #expect(old.creators == ["@bob:x"])
        #expect(!old.federates)
        #expect(old.roomType == "m.space")
        #expect(old.predecessor?["room_id"] == "!o:x")
        #expect(try PowerLevelsTests.create("11", content).creators == ["@alice:x"])
        #expect(try PowerLevelsTests.create("12", content).creators == ["@alice:x", "@carol:x"])
        #expect(try PowerLevelsTests.create("12", [:]).federates)
        #expect(try PowerLevelsTests.create("12", content).isCreator("@carol:x"))
    }

    @Test func versions() throws {
        #expect(RoomVersion.all.map(\.id) == (1...12).map(String.init))
        #expect(RoomVersion.named("0") == nil)
        #expect(RoomVersion.named("13") == nil)
        #expect(RoomVersion.named("") == nil)
        #expect(RoomVersion.standard.id == "12")
    }
}

@Suite struct AuthEventsTests {
    static func selection(_ version: String, _ type: String, _ stateKey: String?, _ content: JSONObject = [:]) throws -> [String] {
        AuthEvents.selection(
            type: type, stateKey: stateKey, sender: UserID(trusted: "@a:x"), content: content, version: try #require(RoomVersion.named(version))
        ).map { $0.type.dropFirst(7) + "/" + $0.key }.sorted()
    }

    @Test(arguments: [
        ("m.room.create", "", [:], []),
        ("m.room.message", nil, [:], ["create/", "member/@a:x", "power_levels/"]),
        ("m.room.member", "@a:x", ["membership": "join"], ["create/", "join_rules/", "member/@a:x", "power_levels/"]),
        ("m.room.member", "@b:x", ["membership": "invite"], ["create/", "join_rules/", "member/@a:x", "member/@b:x", "power_levels/"]),
        ("m.room.member", "@a:x", ["membership": "knock"], ["create/", "join_rules/", "member/@a:x", "power_levels/"]),
        ("m.room.member", "@b:x", ["membership": "ban"], ["create/", "member/@a:x", "member/@b:x", "power_levels/"]),
        ("m.room.member", "@b:x", ["membership": "leave"], ["create/", "member/@a:x", "member/@b:x", "power_levels/"]),
        (
            "m.room.member", "@b:x", ["membership": "invite", "third_party_invite": ["signed": ["token": "t"]]],
            ["create/", "join_rules/", "member/@a:x", "member/@b:x", "power_levels/", "third_party_invite/t"]
        ),
        (
            "m.room.member", "@a:x", ["membership": "join", "join_authorised_via_users_server": "@c:x"],
            ["create/", "join_rules/", "member/@a:x", "member/@c:x", "power_levels/"]
        ),
    ] as [(String, String?, JSONObject, [String])])
    func selects(type: String, stateKey: String?, content: JSONObject, keys: [String]) throws {
        #expect(try Self.selection("10", type, stateKey, content) == keys)
        #expect(try Self.selection("12", type, stateKey, content) == keys.filter { $0 != "create/" })
    }

    @Test func restrictedJoinsCameWithVersion8() throws {
        let content: JSONObject = ["membership": "join", "join_authorised_via_users_server": "@c:x"]
        #expect(try !Self.selection("7", "m.room.member", "@a:x", content).contains("member/@c:x"))
        #expect(try Self.selection("8", "m.room.member", "@a:x", content).contains("member/@c:x"))
    }
}
