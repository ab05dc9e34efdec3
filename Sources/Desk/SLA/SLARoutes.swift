import MatrixCore
import ServerKit
import Store

extension SLA {
    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/sla-policies", .settingsRead) { call in .json(["items": .array(try await call.read { try known(all($0.tx), $0).map(\.json) })]) },
        DeskRoute(.get, "/sla-policies/{id}", .settingsRead) { call in
            let id = try call.param("id")
            guard let found = try await call.read({ reader in try load(reader.tx, id).flatMap { try known([$0], reader).first } }) else { throw DeskError.notFound }
            return .json(found.json)
        },
        DeskRoute(.post, "/sla-policies", .settingsManage) { call in
            let input = try Input(call, isNew: true)
            try check(call)
            return .json(try await call.write { unit in
                let made = try input.applied(unit, to: SLAPolicy(id: unit.newID("sp"), name: "", position: try unit.next("sla position"), inboxes: [], teams: [], priorities: [], targets: SLARules.Targets(),
                                                                 usesHours: true, createdAt: unit.now))
                try save(unit, made, isNew: true)
                return made.json
            }, status: 201)
        },
        DeskRoute(.patch, "/sla-policies/{id}", .settingsManage) { call in
            let id = try call.param("id"), input = try Input(call, isNew: false)
            try check(call)
            return .json(try await call.write { unit in
                guard let before = try load(unit.tx, id) else { throw DeskError.notFound }
                let changed = try input.applied(unit, to: before)
                try save(unit, changed, isNew: false)
                return changed.json
            })
        },
        DeskRoute(.delete, "/sla-policies/{id}", .settingsManage) { call in
            let id = try call.param("id")
            try check(call)
            try await call.write { unit in
                guard try load(unit.tx, id) != nil else { throw DeskError.notFound }
                try unit.tx.run("DELETE FROM desk_sla_policy WHERE id = ?", id)
                try unit.tell(.settingsUpdated, ref: "sla")
            }
            return .noContent
        },
    ]
    /// Whoever is limited to brands knows of the policies that hold for their inboxes and teams, and sees in them nothing of others.
    private static func known(_ policies: [SLAPolicy], _ reader: Reader) throws -> [SLAPolicy] {
        let me = reader.viewer
        guard !me.isUnlimited else { return policies }
        let inboxes = Set(try Inboxes.all(reader.tx).filter { me.knows($0) }.map(\.id)), teams = Set(try Teams.known(reader).compactMap { $0["id"]?.stringValue })
        return policies.compactMap { policy in
            var shown = policy
            shown.inboxes = policy.inboxes.filter(inboxes.contains)
            shown.teams = policy.teams.filter(teams.contains)
            return policy.inboxes.isEmpty == shown.inboxes.isEmpty && policy.teams.isEmpty == shown.teams.isEmpty ? shown : nil
        }
    }
    /// A policy may hold for every brand: they are for who knows every brand.
    private static func check(_ call: DeskCall) throws(DeskError) {
        guard call.me.isUnlimited else { throw DeskError(.forbidden, en: "Promises hold for every brand: ask somebody who manages all of them.", fr: "Les engagements valent pour toutes les marques : demandez à qui les gère toutes.") }
    }

    private struct Input: Sendable {
        let name: Fields.Change<String>, position: Int64?, inboxes: [String]?, teams: [String]?, priorities: [String]?
        let first: Fields.Change<Int64>, next: Fields.Change<Int64>, resolution: Fields.Change<Int64>, warnAt: Int64?, usesHours: Bool?

        init(_ call: DeskCall, isNew: Bool) throws {
            var fields = try call.fields()
            func seconds(_ key: String) -> Fields.Change<Int64> { fields.has(key) ? .set(fields.int(key, 1...365 * 86_400).map { $0 * 1000 }) : .keep }
            name = isNew ? .set(fields.text("name", max: 80, required: true)) : fields.requiredChange("name", max: 80)
            (first, next, resolution) = (seconds("first_response"), seconds("next_response"), seconds("resolution"))
            position = fields.int("position", 0...100_000)
            inboxes = fields.strings("inboxes", max: 200, each: 40)
            teams = fields.strings("teams", max: 200, each: 40)
            priorities = fields.strings("priorities", max: 5, each: 10)
            warnAt = fields.int("warn_at", 1...100)
            usesHours = fields.bool("business_hours")
            if priorities?.contains(where: { Conversation.Priority(rawValue: $0) == nil }) == true { fields.refuse("priorities", en: "There is no such priority.", fr: "Cette priorité n’existe pas.") }
            try fields.check()
        }
        func applied(_ unit: Unit, to old: SLAPolicy) throws -> SLAPolicy {
            var it = old
            it.name = name.required(it.name)
            it.position = position ?? it.position
            it.inboxes = inboxes ?? it.inboxes
            it.teams = teams ?? it.teams
            it.priorities = priorities ?? it.priorities
            it.targets = SLARules.Targets(first: first.applied(to: it.targets.first), next: next.applied(to: it.targets.next), resolution: resolution.applied(to: it.targets.resolution), warnAt: warnAt ?? it.targets.warnAt)
            it.usesHours = usesHours ?? it.usesHours
            for id in inboxes ?? [] where try !unit.tx.exists("SELECT 1 FROM desk_inbox WHERE id = ?", id) {
                throw DeskError.invalid("inboxes", en: "There is no inbox “\(id)”.", fr: "Il n’y a pas de boîte « \(id) ».")
            }
            for id in teams ?? [] where try !unit.tx.exists("SELECT 1 FROM desk_team WHERE id = ?", id) {
                throw DeskError.invalid("teams", en: "There is no team “\(id)”.", fr: "Il n’y a pas d’équipe « \(id) ».")
            }
            guard it.targets.first != nil || it.targets.next != nil || it.targets.resolution != nil else {
                throw DeskError.invalid("first_response", en: "Promise at least one thing.", fr: "Promettez au moins une chose.")
            }
            return it
        }
    }
}

extension OpenAPI {
    static let slaOperations: [Operation] = [
        Operation(method: .get, path: "/sla-policies", id: "listSLAPolicies", tag: "SLA", summary: "What is promised to customers; the first that fits holds.", answer: .json(200, list("SLAPolicy"))),
        Operation(method: .post, path: "/sla-policies", id: "createSLAPolicy", tag: "SLA", summary: "Promise something.", body: .json(ref("SLAPolicyInput")), answer: .json(201, ref("SLAPolicy"))),
        Operation(method: .get, path: "/sla-policies/{id}", id: "getSLAPolicy", tag: "SLA", summary: "One policy.", answer: .json(200, ref("SLAPolicy"))),
        Operation(method: .patch, path: "/sla-policies/{id}", id: "updateSLAPolicy", tag: "SLA", summary: "Change one; open conversations follow.", body: .json(ref("SLAPolicyInput")), answer: .json(200, ref("SLAPolicy"))),
        Operation(method: .delete, path: "/sla-policies/{id}", id: "deleteSLAPolicy", tag: "SLA", summary: "Promise it no more.", answer: .empty),
    ]
    private static let seconds: JSON = ["type": ["integer", "null"], "description": "Seconds; null: nothing is promised."]
    static let slaSchemas: JSONObject = [
        "SLA": whole(["policy": whole(["id": string, "name": string]), "kind": oneOf(SLARules.Kind.self), "due_at": timeOrNull, "state": oneOf(SLARules.State.self)]),
        "SLAPolicy": whole(["id": string, "name": string, "position": integer, "inboxes": strings, "teams": strings, "priorities": strings, "first_response": seconds, "next_response": seconds,
                            "resolution": seconds, "warn_at": integer, "business_hours": boolean, "created_at": time]),
        "SLAPolicyInput": object(["name": text(80), "position": integer, "inboxes": strings, "teams": strings, "priorities": strings, "first_response": seconds, "next_response": seconds,
                                  "resolution": seconds, "warn_at": ["type": "integer", "description": "Percent of the time after which it is warned."], "business_hours": boolean]),
    ]
}
