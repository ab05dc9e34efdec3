import MatrixCore
import Testing

/// A room in words: alice made it, the rest is set by the case.
struct Room {
    var version: String
    var state = RoomStateMap()
    static let create = EventID(trusted: "$create"), other = EventID(trusted: "$other")

    init(_ version: String, create: JSON = ["creator": "@alice:x"]) {
        self.version = version
        set("m.room.create", "", create)
        set("m.room.member", "@alice:x", ["membership": "join"])
    }

    func with(_ type: String, _ key: String = "", _ content: JSON, by sender: String = "@alice:x") -> Room {
        var copy = self
        copy.set(type, key, content, by: sender)
        return copy
    }

    func member(_ user: String, _ membership: String) -> Room { with("m.room.member", user, ["membership": .string(membership)], by: user) }
    func joinRule(_ rule: String) -> Room { with("m.room.join_rules", "", ["join_rule": .string(rule)]) }
    func levels(_ content: JSON) -> Room { with("m.room.power_levels", "", content) }

    private mutating func set(_ type: String, _ key: String, _ content: JSON, by sender: String = "@alice:x") {
        let id = type == "m.room.create" ? Room.create : Room.other
        state.set(AuthStateEvent(eventID: id, type: type, stateKey: key, sender: UserID(trusted: sender), content: content))
    }

    /// The rule that refuses the event; nil when it may be.
    func refusal(_ event: Event) throws -> AuthFailure.Rule? {
        let version = try #require(RoomVersion.named(version))
        let roomID = event.roomID ?? (version.roomIDIsCreateHash ? "!create" : "!room:x")
        let candidate = AuthCandidate(
            type: event.type, stateKey: event.stateKey, sender: UserID(trusted: event.sender), content: event.content,
            roomID: roomID.isEmpty ? nil : RoomID(trusted: roomID), prevEvents: event.prev, eventID: EventID(trusted: "$own:x"),
            redacts: event.redacts.map(EventID.init(trusted:)), signers: event.signers)
        do throws(AuthFailure) {
            try EventAuth.check(event: candidate, state: state, version: version)
            return nil
        } catch {
            #expect(!error.message.isEmpty)
            return error.rule
        }
    }
}

struct Event {
    var type: String, stateKey: String?, sender: String, content: JSONObject = [:]
    var prev = [Room.other]
    var roomID: String?
    var signers: Set<String>?
    var redacts: String?

    static func member(_ membership: String, _ target: String, by sender: String? = nil, _ more: JSONObject = [:], prev: [EventID] = [Room.other]) -> Event {
        Event(type: "m.room.member", stateKey: target, sender: sender ?? target, content: more.merging(["membership": .string(membership)]), prev: prev)
    }
    static func redaction(of id: String?, by sender: String) -> Event { Event(type: "m.room.redaction", stateKey: nil, sender: sender, redacts: id) }
    static func message(by sender: String) -> Event { Event(type: "m.room.message", stateKey: nil, sender: sender) }
    static func state(_ type: String, _ key: String = "", by sender: String, _ content: JSONObject = [:]) -> Event {
        Event(type: type, stateKey: key, sender: sender, content: content)
    }
    static func create(_ content: JSONObject = ["creator": "@alice:x"], roomID: String = "!room:x", prev: [EventID] = []) -> Event {
        Event(type: "m.room.create", stateKey: "", sender: "@alice:x", content: content, prev: prev, roomID: roomID)
    }
}

@Suite struct EventAuthTests {
    struct Case: Sendable, CustomStringConvertible {
        let name: String, versions: ClosedRange<Int>, refusal: AuthFailure.Rule?
        let room: @Sendable (Room) -> Room
        let event: Event
        var description: String { "\(name) (\(versions.lowerBound)-\(versions.upperBound))" }

        init(_ name: String, _ event: Event, refused: AuthFailure.Rule? = nil, in room: @escaping @Sendable (Room) -> Room = { $0 }) {
            self.init(name, 1...12, event, refused: refused, in: room)
        }

        init(_ name: String, _ versions: ClosedRange<Int>, _ event: Event, refused: AuthFailure.Rule? = nil, in room: @escaping @Sendable (Room) -> Room = { $0 }) {
            self.name = name
            self.versions = versions
            self.event = event
            self.room = room
            refusal = refused
        }
    }

    static let all: [Case] = [createCases, joinCases, inviteCases, leaveCases, banCases, knockCases, sendCases, powerCases].flatMap { $0 }

    @Test(arguments: all)
    func rule(_ row: Case) throws {
        for number in row.versions {
            let refusal = try row.room(Room(String(number))).refusal(row.event)
            #expect(refusal == row.refusal, "version \(number)")
        }
    }

    @Test func theTableIsLong() {
        #expect(Self.all.count >= 90)
        #expect(Set(Self.all.map(\.description)).count == Self.all.count)
    }

    static let alice = "@alice:x", bob = "@bob:x", carol = "@carol:x", dave = "@dave:elsewhere"

    static let createCases: [Case] = [
        Case("a create event begins a room", 1...11, .create()),
        Case("a create event follows nothing", 1...11, .create(prev: [Room.other]), refused: .create),
        Case("the room id is of the creator's server", 1...11, .create(roomID: "!room:y"), refused: .create),
        Case("the room id has a server", 1...11, .create(roomID: "!room"), refused: .create),
        Case("a known room version may be named", 1...11, .create(["creator": "@alice:x", "room_version": "6"])),
        Case("an unknown room version is refused", 1...11, .create(["creator": "@alice:x", "room_version": "99"]), refused: .create),
        Case("the room version is a string", 1...11, .create(["creator": "@alice:x", "room_version": 6]), refused: .create),
        Case("the creator must be named", 1...10, .create([:]), refused: .create),
        Case("the creator is the sender", 11...11, .create([:])),
        Case("the create event has no room id", 12...12, .create(roomID: "")),
        Case("a create event with a room id is refused", 12...12, .create(roomID: "!room:x"), refused: .create),
        Case("further creators are user ids", 12...12, .create(["additional_creators": ["@bob:x", "@c:y"]], roomID: "")),
        Case("further creators are a list", 12...12, .create(["additional_creators": "@bob:x"], roomID: ""), refused: .create),
        Case("a further creator that is no user id is refused", 12...12, .create(["additional_creators": ["bob"]], roomID: ""), refused: .create),
        Case("a further creator that is no string is refused", 12...12, .create(["additional_creators": [1]], roomID: ""), refused: .create),
        Case("further creators mean nothing earlier", 1...11, .create(["creator": "@alice:x", "additional_creators": 1])),
        Case("the room id must be that of the create event", 12...12, Event(type: "x", stateKey: nil, sender: alice, roomID: "!other"), refused: .room),
        Case("a room closed to other servers refuses their users", .member("join", dave), refused: .federation) {
            $0.with("m.room.create", "", ["creator": "@alice:x", "m.federate": false]).joinRule("public")
        },
    ]

    static let joinCases: [Case] = [
        Case("the creator joins after the create event", .member("join", alice, prev: [Room.create])) { $0.with("m.room.member", alice, [:]) },
        Case("nobody else joins so", .member("join", bob, prev: [Room.create]), refused: .notInvited),
        Case("only the first event lets the creator in", .member("join", alice, prev: [Room.create, Room.other]), refused: .notInvited) {
            $0.with("m.room.member", alice, [:])
        },
        Case("a public room takes anyone", .member("join", bob)) { $0.joinRule("public") },
        Case("a public room takes users of other servers", .member("join", dave)) { $0.joinRule("public") },
        Case("nobody makes another join", .member("join", bob, by: alice), refused: .join) { $0.joinRule("public") },
        Case("the banned do not join", .member("join", bob), refused: .banned) { $0.joinRule("public").member(bob, "ban") },
        Case("without join rules an invite is needed", .member("join", bob), refused: .notInvited),
        Case("an invite lets in", .member("join", bob)) { $0.joinRule("invite").member(bob, "invite") },
        Case("a member may join again, to change a name", .member("join", bob)) { $0.joinRule("invite").member(bob, "join") },
        Case("one who left needs a new invite", .member("join", bob), refused: .notInvited) { $0.joinRule("invite").member(bob, "leave") },
        Case("a private room takes nobody", .member("join", bob), refused: .notInvited) { $0.joinRule("private").member(bob, "invite") },
        Case("an unknown rule takes nobody", .member("join", bob), refused: .notInvited) { $0.joinRule("org.x").member(bob, "invite") },
        Case("knocking alone does not let in", 7...12, .member("join", bob), refused: .notInvited) { $0.joinRule("knock").member(bob, "knock") },
        Case("an invite lets in where one knocks", 7...12, .member("join", bob)) { $0.joinRule("knock").member(bob, "invite") },
        Case("knock is unknown before version 7", 1...6, .member("join", bob), refused: .notInvited) { $0.joinRule("knock").member(bob, "invite") },
        Case("restricted takes the invited", 8...12, .member("join", bob)) { $0.joinRule("restricted").member(bob, "invite") },
        Case("restricted is unknown before version 8", 1...7, .member("join", bob), refused: .notInvited) { $0.joinRule("restricted").member(bob, "invite") },
        Case("restricted takes whom a member lets in", 8...12, .member("join", bob, ["join_authorised_via_users_server": "@alice:x"])) { $0.joinRule("restricted") },
        Case("restricted needs someone to let in", 8...12, .member("join", bob), refused: .restrictedJoin) { $0.joinRule("restricted") },
        Case("who lets in must be joined", 8...12, .member("join", bob, ["join_authorised_via_users_server": "@carol:x"]), refused: .restrictedJoin) {
            $0.joinRule("restricted").member(carol, "leave")
        },
        Case("who lets in must be able to invite", 8...12, .member("join", bob, ["join_authorised_via_users_server": "@carol:x"]), refused: .restrictedJoin) {
            $0.joinRule("restricted").member(carol, "join").levels(["invite": 50])
        },
        Case("the banned are not let in", 8...12, .member("join", bob, ["join_authorised_via_users_server": "@alice:x"]), refused: .banned) {
            $0.joinRule("restricted").member(bob, "ban")
        },
        Case("who lets in must be a user", 8...12, .member("join", bob, ["join_authorised_via_users_server": "alice"]), refused: .unsignedAuthorisation) {
            $0.joinRule("public")
        },
        Case("the server of who lets in must sign", 8...12, .member("join", bob, ["join_authorised_via_users_server": "@dave:elsewhere"]), refused: .unsignedAuthorisation) {
            $0.joinRule("restricted").member(dave, "join")
        },
        Case(
            "signed by the server of who lets in", 8...12,
            Event(
                type: "m.room.member", stateKey: bob, sender: bob, content: ["membership": "join", "join_authorised_via_users_server": "@dave:elsewhere"],
                signers: ["x", "elsewhere"])
        ) { $0.joinRule("restricted").member(dave, "join") },
        Case("knock_restricted takes whom a member lets in", 10...12, .member("join", bob, ["join_authorised_via_users_server": "@alice:x"])) {
            $0.joinRule("knock_restricted")
        },
        Case("knock_restricted is unknown before version 10", 1...9, .member("join", bob), refused: .notInvited) {
            $0.joinRule("knock_restricted").member(bob, "invite")
        },
        Case("a membership event has a membership", Event(type: "m.room.member", stateKey: bob, sender: bob), refused: .malformedMember),
        Case("a membership event has a state key", Event(type: "m.room.member", stateKey: nil, sender: bob, content: ["membership": "join"]), refused: .malformedMember),
        Case("an unknown membership is refused", .member("org.x", bob), refused: .unknownMembership),
        Case("a membership is a string", Event(type: "m.room.member", stateKey: bob, sender: bob, content: ["membership": 1]), refused: .unknownMembership),
    ]

    static let inviteCases: [Case] = [
        Case("a member invites", .member("invite", bob, by: alice)),
        Case("a member without the power does not", .member("invite", bob, by: carol), refused: .invite) { $0.member(carol, "join").levels(["invite": 1]) },
        Case("an outsider does not invite", .member("invite", bob, by: carol), refused: .notJoined),
        Case("the invited do not invite", .member("invite", bob, by: carol), refused: .notJoined) { $0.member(carol, "invite") },
        Case("the banned are not invited", .member("invite", bob, by: alice), refused: .banned) { $0.member(bob, "ban") },
        Case("members are not invited", .member("invite", bob, by: alice), refused: .alreadyMember) { $0.member(bob, "join") },
        Case("the invited may be invited again", .member("invite", bob, by: alice)) { $0.member(bob, "invite") },
        Case("those who knock may be invited", 7...12, .member("invite", bob, by: alice)) { $0.member(bob, "knock") },
        Case("a third-party invite is signed", .member("invite", bob, by: alice, ["third_party_invite": [:]]), refused: .thirdPartyInvite),
        Case("the banned are not invited by third party", .member("invite", bob, by: alice, ["third_party_invite": [:]]), refused: .banned) { $0.member(bob, "ban") },
        Case("a third-party invite names user and token", .member("invite", bob, by: alice, ["third_party_invite": ["signed": ["mxid": "@bob:x"]]]), refused: .thirdPartyInvite),
        Case(
            "a third-party invite is for its user", .member("invite", bob, by: alice, ["third_party_invite": ["signed": ["mxid": "@carol:x", "token": "t"]]]),
            refused: .thirdPartyInvite),
        Case(
            "a third-party invite was promised", .member("invite", bob, by: alice, ["third_party_invite": ["signed": ["mxid": "@bob:x", "token": "t"]]]),
            refused: .thirdPartyInvite),
        Case(
            "a third-party invite is by who promised it", .member("invite", bob, by: alice, ["third_party_invite": ["signed": ["mxid": "@bob:x", "token": "t"]]]),
            refused: .thirdPartyInvite
        ) { $0.with("m.room.third_party_invite", "t", ["public_key": "x"], by: carol) },
        Case(
            "a third-party invite without a good signature is refused",
            .member("invite", bob, by: alice, ["third_party_invite": ["signed": ["mxid": "@bob:x", "token": "t", "signatures": ["id.x": ["ed25519:0": "AAAA"]]]]]),
            refused: .thirdPartyInvite
        ) { $0.with("m.room.third_party_invite", "t", ["public_key": "x"]) },
    ]

    static let leaveCases: [Case] = [
        Case("a member leaves", .member("leave", bob)) { $0.member(bob, "join") },
        Case("an invite is declined", .member("leave", bob)) { $0.member(bob, "invite") },
        Case("a knock is taken back", 7...12, .member("leave", bob)) { $0.member(bob, "knock") },
        Case("a knock is nothing before version 7", 1...6, .member("leave", bob), refused: .leave) { $0.member(bob, "knock") },
        Case("an outsider does not leave", .member("leave", bob), refused: .leave),
        Case("the banned do not unban themselves", .member("leave", bob), refused: .leave) { $0.member(bob, "ban") },
        Case("the powerful remove", .member("leave", bob, by: alice)) { $0.member(bob, "join") },
        Case("the powerless do not", .member("leave", bob, by: carol), refused: .kick) { $0.member(bob, "join").member(carol, "join") },
        Case("equals do not remove each other", .member("leave", bob, by: carol), refused: .kick) {
            $0.member(bob, "join").member(carol, "join").levels(["users": ["@bob:x": 50, "@carol:x": 50]])
        },
        Case("an outsider removes nobody", .member("leave", bob, by: carol), refused: .notJoined) { $0.member(bob, "join") },
        Case("a ban is lifted", .member("leave", bob, by: alice)) { $0.member(bob, "ban") },
        Case("lifting a ban needs the level for bans", .member("leave", bob, by: carol), refused: .unban) {
            $0.member(bob, "ban").member(carol, "join").levels(["users": ["@carol:x": 50], "ban": 60])
        },
        Case("lifting a ban needs the level for removing too", .member("leave", bob, by: carol), refused: .kick) {
            $0.member(bob, "ban").member(carol, "join").levels(["users": ["@carol:x": 50], "kick": 60])
        },
        Case("an invite is withdrawn", .member("leave", bob, by: alice)) { $0.member(bob, "invite") },
    ]

    static let banCases: [Case] = [
        Case("the powerful ban", .member("ban", bob, by: alice)) { $0.member(bob, "join") },
        Case("even those who never came", .member("ban", bob, by: alice)),
        Case("the powerless do not ban", .member("ban", bob, by: carol), refused: .ban) { $0.member(carol, "join") },
        Case("nobody bans an equal", .member("ban", bob, by: carol), refused: .ban) { $0.member(carol, "join").levels(["users": ["@bob:x": 50, "@carol:x": 50]]) },
        Case("an outsider bans nobody", .member("ban", bob, by: carol), refused: .notJoined) { $0.levels(["users": ["@carol:x": 100]]) },
        Case("nobody bans a creator", 12...12, .member("ban", alice, by: bob), refused: .ban) { $0.member(bob, "join").levels(["users": ["@bob:x": 1000]]) },
        Case("a creator outside the levels can be banned earlier", 1...11, .member("ban", alice, by: bob)) {
            $0.member(bob, "join").levels(["users": ["@bob:x": 1000]])
        },
    ]

    static let knockCases: [Case] = [
        Case("one knocks where one may", 7...12, .member("knock", bob)) { $0.joinRule("knock") },
        Case("one knocks again", 7...12, .member("knock", bob)) { $0.joinRule("knock").member(bob, "knock") },
        Case("one knocks after leaving", 7...12, .member("knock", bob)) { $0.joinRule("knock").member(bob, "leave") },
        Case("knocking is unknown before version 7", 1...6, .member("knock", bob), refused: .unknownMembership) { $0.joinRule("knock") },
        Case("one does not knock elsewhere", 7...12, .member("knock", bob), refused: .knock) { $0.joinRule("restricted") },
        Case("one does not knock without a rule", 7...12, .member("knock", bob), refused: .knock),
        Case("nobody knocks for another", 7...12, .member("knock", bob, by: carol), refused: .knock) { $0.joinRule("knock") },
        Case("the banned do not knock", 7...12, .member("knock", bob), refused: .banned) { $0.joinRule("knock").member(bob, "ban") },
        Case("the invited do not knock", 7...12, .member("knock", bob), refused: .alreadyMember) { $0.joinRule("knock").member(bob, "invite") },
        Case("members do not knock", 7...12, .member("knock", bob), refused: .alreadyMember) { $0.joinRule("knock").member(bob, "join") },
        Case("knock_restricted takes knocks", 10...12, .member("knock", bob)) { $0.joinRule("knock_restricted") },
        Case("knock_restricted takes none before version 10", 7...9, .member("knock", bob), refused: .knock) { $0.joinRule("knock_restricted") },
    ]

    static let sendCases: [Case] = [
        Case("a member speaks", .message(by: bob)) { $0.member(bob, "join") },
        Case("an outsider does not", .message(by: bob), refused: .notJoined),
        Case("the invited do not", .message(by: bob), refused: .notJoined) { $0.member(bob, "invite") },
        Case("the banned do not", .message(by: bob), refused: .notJoined) { $0.member(bob, "ban") },
        Case("those below the level do not", .message(by: bob), refused: .power) { $0.member(bob, "join").levels(["events_default": 1]) },
        Case("a type may have its own level", .message(by: bob), refused: .power) { $0.member(bob, "join").levels(["events": ["m.room.message": 1]]) },
        Case("state needs 50 where the levels do not say", .state("m.room.name", by: bob), refused: .power) { $0.member(bob, "join").levels([:]) },
        Case("state needs 50 without levels too", .state("m.room.name", by: bob), refused: .power) { $0.member(bob, "join") },
        Case("the creator sets state without levels", .state("m.room.name", by: alice)),
        Case("a moderator sets state", .state("m.room.name", by: bob)) { $0.member(bob, "join").levels(["users": ["@bob:x": 50]]) },
        Case("a redaction is an event like others", 3...12, .redaction(of: "$e:elsewhere", by: bob)) { $0.member(bob, "join").levels(["redact": 100]) },
        Case("once, a redaction needed power", 1...2, .redaction(of: "$e:elsewhere", by: bob), refused: .redaction) { $0.member(bob, "join").levels(["redact": 100]) },
        Case("once, a redaction named an event", 1...2, .redaction(of: nil, by: bob), refused: .redaction) { $0.member(bob, "join").levels(["redact": 100]) },
        Case("once, no power was needed on one's own server", 1...2, .redaction(of: "$e:x", by: bob)) { $0.member(bob, "join").levels(["redact": 100]) },
        Case("once, a moderator redacted any event", 1...2, .redaction(of: "$e:elsewhere", by: bob)) { $0.member(bob, "join").levels(["redact": 100, "users": ["@bob:x": 100]]) },
        Case("a state key with one's own id", .state("x", bob, by: bob)) { $0.member(bob, "join").levels(["state_default": 0]) },
        Case("a state key with another's id", .state("x", alice, by: bob), refused: .stateKeyOwner) { $0.member(bob, "join").levels(["state_default": 0]) },
        Case("a state key that only looks so", .state("x", "@", by: bob), refused: .stateKeyOwner) { $0.member(bob, "join").levels(["state_default": 0]) },
        Case("a third-party invite needs the level for invites", .state("m.room.third_party_invite", "t", by: bob), refused: .power) {
            $0.member(bob, "join").levels(["invite": 10])
        },
        Case("a third-party invite needs no other level", .state("m.room.third_party_invite", "t", by: bob)) { $0.member(bob, "join").levels(["state_default": 100]) },
        Case("aliases are of the sender's server", 1...5, .state("m.room.aliases", "x", by: bob)),
        Case("aliases of another server are refused", 1...5, .state("m.room.aliases", "y", by: bob), refused: .aliases),
        Case("aliases are state like other since version 6", 6...12, .state("m.room.aliases", "x", by: bob), refused: .notJoined),
        Case("creators may all", 12...12, .state("m.room.tombstone", by: alice)) { $0.levels(["events": ["m.room.tombstone": 9_007_199_254_740_991]]) },
    ]

    static func levels(_ content: JSONObject, by sender: String = alice) -> Event { .state("m.room.power_levels", by: sender, content) }
    static let moderated: @Sendable (Room) -> Room = { $0.member(bob, "join").levels(["users": ["@alice:x": 100, "@bob:x": 50, "@carol:x": 50], "events": ["a": 50, "b": 60]]) }
    static let moderated12: @Sendable (Room) -> Room = { $0.member(bob, "join").levels(["users": ["@bob:x": 50, "@carol:x": 50], "events": ["a": 50, "b": 60]]) }

    static let powerCases: [Case] = [
        Case("the first levels", levels(["users": ["@bob:x": 50]])),
        Case("users is an object", levels(["users": []]), refused: .powerLevelsFormat),
        Case("users have ids", levels(["users": ["bob": 1]]), refused: .powerLevelsFormat),
        Case("levels are no other kind of value", levels(["users": ["@bob:x": true]]), refused: .powerLevelsFormat),
        Case("levels may be strings before version 10", 1...9, levels(["users": ["@bob:x": "50"]])),
        Case("levels are integers since version 10", 10...12, levels(["users": ["@bob:x": "50"]]), refused: .powerLevelsFormat),
        Case("single levels are integers since version 10", 10...12, levels(["ban": "50"]), refused: .powerLevelsFormat),
        Case("single levels are free before", 1...9, levels(["ban": "fifty"])),
        Case("event levels are integers since version 10", 10...12, levels(["events": ["x": 1.5]]), refused: .powerLevelsFormat),
        Case("events is an object since version 10", 10...12, levels(["events": 1]), refused: .powerLevelsFormat),
        Case("notification levels are integers since version 10", 10...12, levels(["notifications": ["room": "20"]]), refused: .powerLevelsFormat),
        Case("a level is null", 10...12, levels(["kick": .null]), refused: .powerLevelsFormat),
        Case("the creator is not among the users", 12...12, levels(["users": ["@alice:x": 100]]), refused: .powerLevelsCreator),
        Case("the creator is among the users earlier", 1...11, levels(["users": ["@alice:x": 100]])),
        Case("further creators are not among the users", 12...12, levels(["users": ["@bob:x": 100]]), refused: .powerLevelsCreator) {
            $0.with("m.room.create", "", ["additional_creators": ["@bob:x"]])
        },
        Case("a creator changes all", 12...12, levels(["users": ["@bob:x": 9_007_199_254_740_991], "ban": 9_007_199_254_740_991])) { moderated12($0) },
        Case("nobody gives more than they have", 1...11, levels(["users": ["@alice:x": 100, "@bob:x": 51, "@carol:x": 50], "events": ["a": 50, "b": 60], "state_default": 50], by: bob), refused: .powerLevelsChange, in: moderated),
        Case("one may give as much", 1...11, levels(["users": ["@alice:x": 100, "@bob:x": 50, "@carol:x": 50, "@d:x": 50], "events": ["a": 50, "b": 60]], by: bob), in: moderated),
        Case("one may not take from an equal", 1...11, levels(["users": ["@alice:x": 100, "@bob:x": 50, "@carol:x": 49], "events": ["a": 50, "b": 60]], by: bob), refused: .powerLevelsChange, in: moderated),
        Case("one may not remove an equal", 1...11, levels(["users": ["@alice:x": 100, "@bob:x": 50], "events": ["a": 50, "b": 60]], by: bob), refused: .powerLevelsChange, in: moderated),
        Case("one may lower oneself", 1...11, levels(["users": ["@alice:x": 100, "@bob:x": 10, "@carol:x": 50], "events": ["a": 50, "b": 60]], by: bob), in: moderated),
        Case("one may remove oneself", 1...11, levels(["users": ["@alice:x": 100, "@carol:x": 50], "events": ["a": 50, "b": 60]], by: bob), in: moderated),
        Case("one may not take from those above", 1...11, levels(["users": ["@alice:x": 99, "@bob:x": 50, "@carol:x": 50], "events": ["a": 50, "b": 60]], by: bob), refused: .powerLevelsChange, in: moderated),
        Case("an event's level up to one's own", 1...11, levels(["users": ["@alice:x": 100, "@bob:x": 50, "@carol:x": 50], "events": ["a": 10, "b": 60, "c": 50]], by: bob), in: moderated),
        Case("an event's level above one's own stays", 1...11, levels(["users": ["@alice:x": 100, "@bob:x": 50, "@carol:x": 50], "events": ["a": 50, "b": 50]], by: bob), refused: .powerLevelsChange, in: moderated),
        Case("an event's level is not raised above one's own", 1...11, levels(["users": ["@alice:x": 100, "@bob:x": 50, "@carol:x": 50], "events": ["a": 51, "b": 60]], by: bob), refused: .powerLevelsChange, in: moderated),
        Case("a single level is not raised above one's own", 1...11, levels(["users": ["@alice:x": 100, "@bob:x": 50, "@carol:x": 50], "events": ["a": 50, "b": 60], "ban": 51], by: bob), refused: .powerLevelsChange, in: moderated),
        Case("a single level above one's own is not removed", levels(["users": ["@bob:x": 50]], by: bob), refused: .powerLevelsChange) {
            $0.member(bob, "join").levels(["users": ["@bob:x": 50], "ban": 60])
        },
        Case("notification levels are guarded since version 6", 6...12, levels(["users": ["@bob:x": 50], "notifications": ["room": 51]], by: bob), refused: .powerLevelsChange) {
            $0.member(bob, "join").levels(["users": ["@bob:x": 50]])
        },
        Case("notification levels are free before", 1...5, levels(["users": ["@bob:x": 50], "notifications": ["room": 51]], by: bob)) {
            $0.member(bob, "join").levels(["users": ["@bob:x": 50]])
        },
        Case("a level written another way is the same level", 1...9, levels(["users": ["@bob:x": 50, "@alice:x": "100"]], by: bob)) {
            $0.member(bob, "join").levels(["users": ["@bob:x": 50, "@alice:x": 100]])
        },
        Case("the powerless change no levels", levels([:], by: bob), refused: .power) { $0.member(bob, "join").levels([:]) },
    ]

    @Test func aRoomWithoutACreateEventAllowsNothing() throws {
        let candidate = AuthCandidate(type: "x", stateKey: nil, sender: UserID(trusted: "@a:x"), content: [:], roomID: RoomID(trusted: "!r:x"), prevEvents: [])
        #expect { try EventAuth.check(event: candidate, state: RoomStateMap(), version: .standard) } throws: { ($0 as? AuthFailure)?.rule == .create }
        let lookup = RoomStateLookup { _, _ in nil }
        #expect { try EventAuth.check(event: candidate, state: lookup, version: .standard) } throws: { ($0 as? AuthFailure)?.rule == .create }
    }

    @Test func aThirdPartyInviteSignedByTheTrustedServerLetsIn() throws {
        let key = try SpecificationKey.make()
        let signed = try SignedJSON.sign(["mxid": "@bob:x", "token": "t"], with: key)
        let event = Event.member("invite", "@bob:x", by: "@alice:x", ["third_party_invite": ["display_name": "b", "signed": .object(signed)]])
        let text = JSON.string(Base64.encode(key.key.publicKey))
        for number in 1...12 {
            for promise: JSON in [["public_key": text], ["public_key": "AAAA", "public_keys": [["public_key": text]]], ["public_keys": [["public_key": "??"], ["public_key": text]]]] {
                #expect(try Room(String(number)).with("m.room.third_party_invite", "t", promise).refusal(event) == nil)
            }
            #expect(try Room(String(number)).with("m.room.third_party_invite", "t", [:]).refusal(event) == .thirdPartyInvite)
        }
    }

    @Test func authEventsMustBeTheSelected() throws {
        let version = try #require(RoomVersion.named("11"))
        let event = AuthCandidate(type: "x", stateKey: nil, sender: UserID(trusted: "@a:x"), content: [:], roomID: RoomID(trusted: "!r:x"), prevEvents: [])
        typealias Entry = (event: AuthStateEvent, roomID: RoomID?, rejected: Bool)
        func entry(_ type: String, _ key: String = "", room: String = "!r:x", rejected: Bool = false) -> Entry {
            (AuthStateEvent(eventID: Room.other, type: type, stateKey: key, sender: UserID(trusted: "@a:x"), content: [:]), RoomID(trusted: room), rejected)
        }
        func refusal(_ entries: [Entry], _ version: RoomVersion = version) -> AuthFailure.Rule? {
            do throws(AuthFailure) { try EventAuth.checkAuthEvents(of: event, entries: entries, version: version) } catch { return error.rule }
            return nil
        }
        let create = entry("m.room.create"), member = entry("m.room.member", "@a:x")
        #expect(refusal([create, member]) == nil)
        #expect(refusal([member]) == .authEvents)
        #expect(refusal([create, member, member]) == .authEvents)
        #expect(refusal([create, entry("m.room.member", "@b:x")]) == .authEvents)
        #expect(refusal([create, entry("m.room.member", "@a:x", rejected: true)]) == .authEvents)
        #expect(refusal([create, entry("m.room.member", "@a:x", room: "!other:x")]) == .authEvents)
        #expect(refusal([create, member], .standard) == .authEvents)
        #expect(refusal([member], .standard) == nil)
    }
}
