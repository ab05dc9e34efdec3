import MatrixCore
import ServerKit
import Store

extension Teams {
    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/teams", .agentsRead) { call in .json(["items": .array(try await call.read { try known($0) })]) },
        DeskRoute(.get, "/teams/{id}", .agentsRead) { call in
            let id = try call.param("id")
            guard let json = try await call.read({ reader in try load(reader.tx, id).flatMap { try json($0, reader) } }) else { throw DeskError.notFound }
            return .json(json)
        },
        DeskRoute(.post, "/teams", .agentsManage) { call in
            let input = try Input(call, isNew: true)
            return .json(try await call.write { unit in
                let team = input.applied(to: Team(id: unit.newID("tm"), name: "", strategy: .roundRobin, createdAt: unit.now, members: []))
                try save(unit, team, isNew: true)
                try setMembers(unit, team.id, try members(unit, input.members ?? [], by: call.me))
                return (try load(unit.tx, team.id) ?? team).json
            }, status: 201)
        },
        DeskRoute(.patch, "/teams/{id}", .agentsManage) { call in
            let id = try call.param("id"), input = try Input(call, isNew: false)
            return .json(try await call.write { unit in
                let before = try mine(unit, id, call)
                try save(unit, input.applied(to: before), isNew: false)
                if let wanted = input.members { try setMembers(unit, id, try members(unit, wanted, by: call.me)) }
                try Dispatch.settle(unit)
                return (try load(unit.tx, id) ?? before).json
            })
        },
        DeskRoute(.delete, "/teams/{id}", .agentsManage) { call in
            let id = try call.param("id")
            try await call.write { unit in
                let team = try mine(unit, id, call)
                try remove(unit, team)
                try Dispatch.settle(unit)
            }
            return .noContent
        },
        DeskRoute(.put, "/conversations/{id}/team", .conversationsWrite) { call in
            var fields = try call.fields()
            let team = fields.text("team", max: 40)
            if !fields.has("team") { fields.refuse("team", en: "This field is required; null means every member of the inbox.", fr: "Ce champ est obligatoire ; null désigne tous les membres de la boîte.") }
            try fields.check()
            return try await Conversations.mutate(call) { unit, it, _ in
                let changed = try hand(unit, it, to: team.map { try check(unit.tx, $0, serves: it.inboxID) })
                try Dispatch.settle(unit)
                return try Conversations.load(unit.tx, changed.id) ?? changed
            }
        },
        DeskRoute(.put, "/conversations/{id}/skills", .conversationsWrite) { call in
            var fields = try call.fields()
            let skills = fields.strings("skills", max: 20, each: 40, required: true) ?? []
            try fields.check()
            return try await Conversations.mutate(call) { unit, it, _ in
                let changed = try setSkills(unit, it, normalised(skills))
                try Dispatch.settle(unit)
                return try Conversations.load(unit.tx, changed.id) ?? changed
            }
        },
    ]

    /// A team is known to whoever knows one of its members, and with those of them whom he knows. One without any is for who knows every brand.
    static func json(_ team: Team, _ reader: Reader) throws -> JSON? {
        guard reader.viewer.knownBrands != nil else { return team.json }
        return shown(team, try Agents.all(reader.tx).filter { reader.viewer.knows($0) })
    }
    static func known(_ reader: Reader) throws -> [JSON] {
        let teams = try all(reader.tx)
        guard reader.viewer.knownBrands != nil else { return teams.map(\.json) }
        let colleagues = try Agents.all(reader.tx).filter { reader.viewer.knows($0) }
        return teams.compactMap { shown($0, colleagues) }
    }
    private static func shown(_ team: Team, _ colleagues: [Agent]) -> JSON? {
        var team = team
        team.members = team.members.filter { id in colleagues.contains { $0.id == id } }
        return team.members.isEmpty ? nil : team.json
    }
    /// To change: all of it must be of people whom the caller manages.
    private static func mine(_ unit: Unit, _ id: String, _ call: DeskCall) throws -> Team {
        guard let team = try load(unit.tx, id), try json(team, call.reader(unit)) != nil else { throw DeskError.notFound }
        let isMine = try team.members.allSatisfy { try Agents.load(unit.tx, $0).map { call.me.works(with: $0) } ?? false }
        guard isMine || call.me.isUnlimited else {
            throw DeskError(.forbidden, en: "People of other brands are in this team.", fr: "Des personnes d’autres marques font partie de cette équipe.")
        }
        return team
    }
    /// Teams that the caller does not know stay.
    static func toGive(_ unit: Unit, _ wanted: [String], old: [String], _ call: DeskCall) throws -> [String] {
        guard call.me.knownBrands != nil else { return wanted }
        let known = Set(try known(call.reader(unit)).compactMap { $0["id"]?.stringValue })
        if let stranger = wanted.first(where: { !known.contains($0) }) {
            throw DeskError.invalid("teams", en: "There is no team “\(stranger)”.", fr: "Il n’y a pas d’équipe « \(stranger) ».")
        }
        return wanted + old.filter { !known.contains($0) }
    }
    private static func members(_ unit: Unit, _ wanted: [String], by me: Agent) throws -> [String] {
        for id in wanted {
            guard let agent = try Agents.load(unit.tx, id), me.knows(agent), me.works(with: agent) else {
                throw DeskError.invalid("members", en: "“\(id)” is not an agent.", fr: "« \(id) » n’est pas un agent.")
            }
        }
        return wanted
    }

    private struct Input: Sendable {
        let name: Fields.Change<String>, strategy: RoutingRules.Strategy?, members: [String]?
        let hours: Fields.Change<String>, overflowTeam: Fields.Change<String>, overflowAfter: Fields.Change<Int64>, escalateAfter: Fields.Change<Int64>

        init(_ call: DeskCall, isNew: Bool) throws {
            var fields = try call.fields()
            name = isNew ? .set(fields.text("name", max: 80, required: true)) : fields.requiredChange("name", max: 80)
            strategy = fields.choice("strategy")
            members = fields.strings("members", max: 1000, each: 255)
            hours = fields.change("hours", max: 40)
            overflowTeam = fields.change("overflow_team", max: 40)
            overflowAfter = fields.has("overflow_after") ? .set(fields.int("overflow_after", 1...7 * 86_400)) : .keep
            escalateAfter = fields.has("escalate_after") ? .set(fields.int("escalate_after", 1...7 * 86_400)) : .keep
            try fields.check()
        }
        func applied(to old: Team) -> Team {
            var team = old
            team.name = name.required(team.name)
            team.strategy = strategy ?? team.strategy
            team.hours = hours.applied(to: team.hours)
            team.overflowTeam = overflowTeam.applied(to: team.overflowTeam)
            team.overflowAfter = overflowAfter.applied(to: team.overflowAfter)
            team.escalateAfter = escalateAfter.applied(to: team.escalateAfter)
            return team
        }
    }
}

extension OpenAPI {
    static let teamOperations: [Operation] = [
        Operation(method: .get, path: "/teams", id: "listTeams", tag: "Teams", summary: "All teams with their members.", answer: .json(200, list("Team"))),
        Operation(method: .post, path: "/teams", id: "createTeam", tag: "Teams", summary: "Make a team.", body: .json(ref("TeamInput")), answer: .json(201, ref("Team"))),
        Operation(method: .get, path: "/teams/{id}", id: "getTeam", tag: "Teams", summary: "One team.", answer: .json(200, ref("Team"))),
        Operation(method: .patch, path: "/teams/{id}", id: "updateTeam", tag: "Teams", summary: "Change a team or who is in it.", body: .json(ref("TeamInput")), answer: .json(200, ref("Team"))),
        Operation(method: .delete, path: "/teams/{id}", id: "deleteTeam", tag: "Teams", summary: "Delete a team; its conversations and inboxes are everybody's again.", answer: .empty),
        Operation(method: .put, path: "/conversations/{id}/team", id: "setTeam", tag: "Conversations", summary: "Hand it to a team, or to every member of the inbox (null). Whoever has it and is no member gives it back.",
                  body: .json(object(["team": orNull("string")], required: ["team"])), answer: .json(200, ref("Conversation")), isMutation: true),
        Operation(method: .put, path: "/conversations/{id}/skills", id: "setSkills", tag: "Conversations", summary: "Skills that an agent needs to be given it.",
                  body: .json(object(["skills": strings], required: ["skills"])), answer: .json(200, ref("Conversation")), isMutation: true),
    ]
    static let teamSchemas: JSONObject = [
        "Team": whole(["id": string, "name": string, "strategy": oneOf(RoutingRules.Strategy.self), "members": strings, "created_at": time,
                       "hours": orNull("string"), "overflow_team": orNull("string"), "overflow_after": orNull("integer"), "escalate_after": orNull("integer")]),
        "TeamInput": object(["name": text(80), "strategy": oneOf(RoutingRules.Strategy.self), "members": strings, "hours": orNull("string"), "overflow_team": orNull("string"),
                             "overflow_after": ["type": ["integer", "null"], "description": "Seconds of open time."], "escalate_after": ["type": ["integer", "null"], "description": "Seconds of open time."]]),
    ]
}
