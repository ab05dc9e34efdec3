import MatrixCore
import Testing

/// Against the verdicts of another implementation on random rooms: what no hand-written table thinks of.
@Suite struct EventAuthVerdictTests {
    @Test func agreesWithAnotherImplementation() throws {
        let lines = authVerdicts.split(separator: "\n")
        #expect(lines.count == 440)
        for line in lines {
            let cells = line.split(separator: " ").map(String.init)
            let verdict = try Self.verdict(cells)
            #expect(verdict == cells[0], "\(line)")
        }
    }

    static func verdict(_ cells: [String]) throws -> String {
        let version = try #require(RoomVersion.named(cells[1]))
        let create = EventID(trusted: "$create")
        func user(_ name: String) -> String { "@\(name):d" }
        var state = RoomStateMap()
        func set(_ type: String, _ key: String, _ content: JSON, by sender: String = "a", id: EventID = EventID(trusted: "$other")) {
            state.set(AuthStateEvent(eventID: id, type: type, stateKey: key, sender: UserID(trusted: user(sender)), content: content))
        }
        let coCreator = cells[7] == "c" && version.creatorsOutrank
        set("m.room.create", "", coCreator ? ["creator": "@a:d", "additional_creators": ["@c:d"]] : ["creator": "@a:d"], id: create)
        for (name, membership) in zip(["a", "b", "c"], cells[3...5]) where membership != "-" {
            set("m.room.member", user(name), ["membership": .string(membership)], by: name)
        }
        if cells[2] != "-" { set("m.room.join_rules", "", ["join_rule": .string(cells[2])]) }
        if cells[6] != "-" {
            var content: JSONObject = [:], users: JSONObject = [:]
            for part in cells[6].split(separator: ",") {
                let pair = part.split(separator: ":")
                let level = JSON(try #require(Int64(pair[1])))
                switch pair[0] {
                case "a", "b", "c":
                    let outranks = version.creatorsOutrank && (pair[0] == "a" || pair[0] == "c" && coCreator)
                    if !outranks { users[user(String(pair[0]))] = level }
                case "name": content["events"] = ["m.room.name": level]
                case "ud": content["users_default"] = level
                case "ed": content["events_default"] = level
                case "sd": content["state_default"] = level
                default: content[String(pair[0])] = level
                }
            }
            content["users"] = .object(users)
            set("m.room.power_levels", "", .object(content))
        }

        var type = "m.room.member", stateKey: String? = user(cells[10]), content: JSONObject = [:]
        switch cells[8] {
        case "message": (type, stateKey) = ("m.room.message", nil)
        case "name": (type, stateKey) = ("m.room.name", "")
        case "own": type = "x"
        case "3pid": (type, stateKey) = ("m.room.third_party_invite", "tok")
        default:
            content["membership"] = .string(cells[8])
            if cells[11] != "-" { content["join_authorised_via_users_server"] = .string(user(cells[11])) }
        }
        let event = AuthCandidate(
            type: type, stateKey: stateKey, sender: UserID(trusted: user(cells[9])), content: content,
            roomID: RoomID(trusted: version.roomIDIsCreateHash ? "!create" : "!r:d"), prevEvents: [cells[12] == "create" ? create : EventID(trusted: "$p")])
        do throws(AuthFailure) {
            try EventAuth.check(event: event, state: state, version: version)
            return "allow"
        } catch { return "deny" }
    }
}

@Suite struct PowerLevelsVerdictTests {
    @Test func agreesWithAnotherImplementation() throws {
        let lines = powerLevelsVerdicts.split(separator: "\n")
        #expect(lines.count == 180)
        for line in lines {
            let cells = line.split(separator: "\t").map(String.init)
            let version = try #require(RoomVersion.named(cells[1])), sender = try #require(UserID(rawValue: cells[2]))
            let id = EventID(trusted: "$create"), creator = UserID(trusted: "@a:d")
            var state = RoomStateMap([
                AuthStateEvent(eventID: id, type: "m.room.create", stateKey: "", sender: creator, content: ["creator": "@a:d"]),
                AuthStateEvent(eventID: id, type: "m.room.member", stateKey: sender.rawValue, sender: sender, content: ["membership": "join"]),
            ])
            let current = try JSON.parse(cells[3])
            if !current.isNull { state.set(AuthStateEvent(eventID: id, type: "m.room.power_levels", stateKey: "", sender: creator, content: current)) }
            let event = AuthCandidate(
                type: "m.room.power_levels", stateKey: "", sender: sender, content: try JSONObject.parse(Array(cells[4].utf8)),
                roomID: RoomID(trusted: version.roomIDIsCreateHash ? "!create" : "!r:d"), prevEvents: [id])
            var verdict = "allow"
            do throws(AuthFailure) { try EventAuth.check(event: event, state: state, version: version) } catch { verdict = "deny" }
            #expect(verdict == cells[0], "\(line)")
        }
    }
}
