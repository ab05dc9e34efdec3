import MatrixCore
import ServerKit
import Store

extension Automation {
    static let mostTried = 200

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/rules", .rulesManage) { call in
            .json(["items": .array(try await call.read { try Rule.all($0.tx).filter { isHis($0, call.me) }.map(\.json) }), "events": .of(RuleEvent.allCases.map(\.rawValue)),
                   "fields": .array(RuleField.allCases.map { ["field": .string($0.rawValue), "operators": .of($0.operators.map(\.rawValue)), "choices": $0.choices.map { .of($0) } ?? .null] })])
        },
        DeskRoute(.post, "/rules", .rulesManage) { call in
            var fields = try call.fields()
            let input = RuleInput(&fields, isNew: true)
            try fields.check()
            return .json(try await call.write { unit in
                guard try unit.tx.first("SELECT COUNT(*) FROM desk_rule", row: { $0.int(0) }) ?? 0 < most else {
                    throw DeskError(.conflict, en: "There are \(most) rules already: delete one first.", fr: "Il y a déjà \(most) règles : supprimez-en une d’abord.")
                }
                var rule = try input.applied(unit.tx, to: Rule(id: unit.newID("ru"), now: unit.now, position: try unit.next("rule position")), call.reader(unit))
                rule.since = try unit.tx.position
                try rule.save(unit, isNew: true)
                try told(unit)
                return rule.json
            }, status: 201)
        },
        DeskRoute(.patch, "/rules/{id}", .rulesManage) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let input = RuleInput(&fields, isNew: false)
            try fields.check()
            return .json(try await call.write { unit in
                let old = try his(unit.tx, id, call.me)
                var rule = try input.applied(unit.tx, to: old, call.reader(unit))
                rule.updatedAt = unit.now
                // Switched on, or about something else: from now on.
                if rule.isActive, !old.isActive || rule.event != old.event { rule.since = try unit.tx.position }
                try rule.save(unit, isNew: false)
                try told(unit)
                return rule.json
            })
        },
        DeskRoute(.delete, "/rules/{id}", .rulesManage) { call in
            let id = try call.param("id")
            try await call.write { unit in
                _ = try his(unit.tx, id, call.me)
                for table in ["desk_rule_state", "desk_rule_log"] { try unit.tx.run("DELETE FROM \(table) WHERE rule_id = ?", id) }
                try unit.tx.run("DELETE FROM desk_rule WHERE id = ?", id)
                try told(unit)
            }
            return .noContent
        },
        DeskRoute(.post, "/rules/order", .rulesManage) { call in
            var fields = try call.fields()
            let ids = fields.strings("ids", max: most, each: 60, required: true) ?? []
            try fields.check()
            try await call.write { unit in
                // Those that are not his stay where they are: his change places among themselves.
                let mine = try Rule.all(unit.tx).filter { isHis($0, call.me) }
                guard Set(ids) == Set(mine.map(\.id)) else { throw DeskError(.conflict, en: "There are other rules by now: look again.", fr: "Les règles ont changé entre-temps : rechargez la liste.") }
                for (id, place) in zip(ids, mine) where id != place.id { try unit.tx.run("UPDATE desk_rule SET position = ? WHERE id = ?", place.position, id) }
                try told(unit)
            }
            return .noContent
        },
        DeskRoute(.get, "/rules/log", .rulesManage) { call in
            let limit = try call.limit(), cursor = try Cursor.of(call), rule = try call.text(query: "rule"), conversation = try call.text(query: "conversation")
            let outcome: Outcome? = try call.text(query: "outcome").map { text in
                guard let outcome = Outcome(rawValue: text) else { throw DeskError.invalid("outcome", en: "There is no such outcome.", fr: "Ce résultat n’existe pas.") }
                return outcome
            }
            return try await call.read { reader in
                let his = call.me.rows(inbox: "c.inbox_id")
                var sql = """
                    SELECT l.id, l.rule_id, r.name, l.conversation_id, c.number, l.event, l.outcome, l.detail, l.at FROM desk_rule_log l JOIN desk_rule r ON r.id = l.rule_id
                    JOIN desk_conversation c ON c.id = l.conversation_id WHERE l.id < ? AND \(his.sql)
                    """, binds: [any Bindable] = [cursor?.key ?? Int64.max] + his.binds
                func add(_ condition: String, _ value: String?) {
                    guard let value else { return }
                    sql += " AND " + condition
                    binds.append(value)
                }
                add("l.rule_id = ?", rule)
                add("l.conversation_id = ?", conversation)
                add("l.outcome = ?", outcome?.rawValue)
                if let brands = call.me.brands {
                    guard !brands.isEmpty else { return .page([], next: nil) }
                    sql += " AND r.brand_id IN (\(Placeholders.list(brands.count)))"
                    binds += brands
                }
                binds.append(limit + 1)
                let rows = try reader.tx.all(sql + " ORDER BY l.id DESC LIMIT ?", array: binds) { row -> (id: Int64, json: JSON) in
                    let detail = JSONObject(column: row.text(7))
                    func said(_ json: JSON) -> JSON { json[call.language] ?? json["en"] ?? .null }
                    return (row.int(0), ["id": .string(String(row.int(0))), "rule": ["id": .string(row.text(1)), "name": .string(row.text(2))],
                                         "conversation": ["id": .string(row.text(3)), "number": .int(row.int(4))], "event": .string(row.text(5)), "outcome": .string(row.text(6)),
                                         "conditions": detail["conditions"] ?? [], "actions": .array((detail["actions"]?.arrayValue ?? []).map(said)), "error": detail["error"].map(said) ?? .null, "at": .int(row.int(8))])
                }
                return .page(rows.prefix(limit).map(\.json), next: rows.count > limit ? Cursor(key: rows[limit - 1].id, number: 0).text : nil)
            }
        },
        DeskRoute(.post, "/rules/dry-run", .rulesManage, limit: .search) { call in
            var fields = try call.fields()
            let input = RuleInput(&fields, isNew: true, isTrial: true), limit = fields.int("limit", 1...Int64(mostTried)) ?? 50, conversation = fields.text("conversation", max: 40), id = fields.text("rule", max: 60)
            try fields.check()
            return .json(try await call.read { reader in
                let rule = try input.applied(reader.tx, to: Rule(id: id ?? "", now: call.now, position: 0), reader)
                return try tried(reader, rule, limit: Int(limit), only: conversation)
            })
        },
    ]

    /// What it would do now: to the newest conversations as if it had just happened there, or to those whose time has come.
    private static func tried(_ reader: Reader, _ rule: Rule, limit: Int, only: String?) throws -> JSON {
        var ids: [String]
        if let only { ids = [try reader.visible(only).id] } else if rule.event.isTimed {
            let all = try due(reader.tx, rule, now: reader.c.clock.now, limit: 1000)
            ids = try all.map(\.0).filter { try Conversations.load(reader.tx, $0).map { reader.viewer.sees(inbox: $0.inboxID) } ?? false }
            ids = Array(ids.prefix(limit))
        } else {
            var filter = Conversations.Filter(visibleTo: reader.viewer)
            if let brand = rule.brand { filter.add("c.brand_id = ?", brand) }
            ids = try reader.tx.all("SELECT c.id FROM desk_conversation c WHERE \(filter.sql) ORDER BY c.number DESC LIMIT ?", array: filter.binds + [limit]) { $0.text(0) }
        }
        var results: [JSON] = [], matched: Int64 = 0
        for id in ids {
            guard let it = try Conversations.load(reader.tx, id), rule.brand.map({ $0 == it.brandID }) ?? true else { continue }
            let facts = RuleFacts(reader.c, reader.tx, it, try pretended(reader.tx, rule.event, it)), findings = try facts.findings(rule), fits = rule.match.holds(findings.map(\.holds))
            if fits { matched += 1 }
            results.append(["conversation": ["id": .string(it.id), "number": .int(it.number)], "contact": try reader.contactRef(it.contactID), "matches": .bool(fits),
                            "conditions": .array(findings.map { $0.json(kept: false) }), "actions": fits ? .array(try rule.plan(reader.tx, facts).map { .string($0.text(reader.language)) }) : []])
        }
        return ["examined": .int(Int64(results.count)), "matched": .int(matched), "results": .array(results)]
    }
    /// The last time that such a thing happened there.
    private static func pretended(_ tx: ReadTx, _ event: RuleEvent, _ it: Conversation) throws -> Item? {
        let (kind, author) = switch event {
        case .customerWrote: ("message", "contact")
        case .agentWrote: ("message", "agent")
        case .tagAdded: ("system", "")
        default: ("", "")
        }
        if kind.isEmpty { return nil }
        let found = try tx.all("""
            SELECT \(Items.columns) FROM desk_item WHERE conversation_id = ? AND kind = ? AND (? = '' OR author_kind = ?) ORDER BY id DESC LIMIT 200
            """, it.id, kind, author, author, row: Items.item)
        return found.first { Automation.event($0) == event }
    }

    private static func told(_ unit: Unit) throws {
        try unit.tell(.settingsUpdated, ref: "rules")
        let automation = unit.live.automation
        unit.tx.afterCommit { automation.changed() }
    }
    private static func isHis(_ rule: Rule, _ me: Agent) -> Bool { me.brands.map { mine in rule.brand.map(mine.contains) ?? false } ?? true }
    private static func his(_ tx: ReadTx, _ id: String, _ me: Agent) throws -> Rule {
        guard let rule = try Rule.load(tx, id), isHis(rule, me) else { throw DeskError.notFound }
        return rule
    }
}

extension OpenAPI {
    private static let condition: JSONObject = ["field": oneOf(RuleField.self), "key": ["type": ["string", "null"], "description": "Of `contact.attribute`: its name."], "op": oneOf(RuleOperator.self), "values": strings]
    private static let found: JSONObject = condition.merging(["actual": ["type": "array", "items": string, "description": "What it was. Of texts the log has what was found, and of names and addresses only that there are some."], "holds": boolean])
    private static let input: JSONObject = [
        "name": text(80), "brand_id": ["type": ["string", "null"], "description": "null: for every brand."], "event": oneOf(RuleEvent.self),
        "minutes": ["type": ["integer", "null"], "description": "Of `customer.waiting` and `conversation.idle`."], "match": oneOf(RuleMatch.self),
        "conditions": ["type": "array", "items": object(condition, required: ["field", "op"]), "maxItems": .int(Int64(Rule.mostConditions))], "deeds": ref("Steps"),
        "answer": ["type": "object", "additionalProperties": text(Rule.longestAnswer), "description": "To the customer, by language."], "answer_hours": ["type": "integer", "description": "At most one answer within so many hours."],
        "webhook": orNull("string"), "every": oneOf(RuleEvery.self), "stops": boolean, "active": boolean,
    ]
    static let ruleOperations: [Operation] = [
        Operation(method: .get, path: "/rules", id: "listRules", tag: "Rules", summary: "Rules in their order, and what they can be made of.",
                  answer: .json(200, whole(["items": ["type": "array", "items": ref("Rule")], "events": strings,
                                            "fields": ["type": "array", "items": whole(["field": oneOf(RuleField.self), "operators": strings, "choices": ["type": ["array", "null"], "items": string]])]]))),
        Operation(method: .post, path: "/rules", id: "createRule", tag: "Rules", summary: "Make a rule; it holds from now on.", body: .json(ref("RuleInput")), answer: .json(201, ref("Rule"))),
        Operation(method: .patch, path: "/rules/{id}", id: "updateRule", tag: "Rules", summary: "Change a rule, or switch it off or on.", body: .json(ref("RuleInput")), answer: .json(200, ref("Rule"))),
        Operation(method: .delete, path: "/rules/{id}", id: "deleteRule", tag: "Rules", summary: "Delete a rule and its log.", answer: .empty),
        Operation(method: .post, path: "/rules/order", id: "orderRules", tag: "Rules", summary: "In which order they are asked.", body: .json(object(["ids": strings], required: ["ids"])), answer: .empty),
        Operation(method: .get, path: "/rules/log", id: "listRuleLog", tag: "Rules", summary: "Why rules acted or did not, newest first.", query: [
            ("rule", string, "Only of this rule."), ("conversation", string, "Only about this conversation."), ("outcome", oneOf(Automation.Outcome.self), "Only with this outcome."),
            ("limit", ["type": "integer", "minimum": 1, "maximum": 100, "default": 30], "Most rows to give."), ("cursor", string, "`next_cursor` of the page before."),
        ], answer: .json(200, page("RuleEntry"))),
        Operation(method: .post, path: "/rules/dry-run", id: "tryRule", tag: "Rules", summary: "What a rule would do, without doing it: to the newest conversations, or to those whose time has come.",
                  body: .json(object(input.merging(["rule": ["type": "string", "description": "The id of the one that is changed."], "conversation": ["type": "string", "description": "Only this one."],
                                                    "limit": ["type": "integer", "minimum": 1, "maximum": .int(Int64(Automation.mostTried)), "default": 50]]), required: ["event"])), answer: .json(200, ref("RuleTrial"))),
    ]
    static let ruleSchemas: JSONObject = [
        "Rule": whole(["id": string, "name": string, "brand_id": orNull("string"), "event": oneOf(RuleEvent.self), "minutes": orNull("integer"), "match": oneOf(RuleMatch.self),
                       "conditions": ["type": "array", "items": whole(condition)], "deeds": ref("Steps"), "answer": ["type": "object", "additionalProperties": string], "answer_hours": integer,
                       "webhook": orNull("string"), "every": oneOf(RuleEvery.self), "stops": boolean, "position": integer, "active": boolean, "updated_at": time]),
        "RuleInput": object(input),
        "RuleEntry": whole(["id": string, "rule": whole(["id": string, "name": string]), "conversation": whole(["id": string, "number": integer]), "event": oneOf(RuleEvent.self),
                            "outcome": oneOf(Automation.Outcome.self), "conditions": ["type": "array", "items": whole(found)], "actions": strings, "error": orNull("string"), "at": time]),
        "RuleTrial": whole(["examined": integer, "matched": integer, "results": ["type": "array", "items": whole([
            "conversation": whole(["id": string, "number": integer]), "contact": ref("ContactRef"), "matches": boolean, "conditions": ["type": "array", "items": whole(found)], "actions": strings])]]),
    ]
}
