import MatrixCore
import ServerKit
import Store

/// When something happens, and it is so, do this.
struct Rule: Sendable, Hashable {
    var id: String, name: String
    /// nil: for every brand.
    var brand: String?
    var event: RuleEvent
    /// Of events that come by themselves.
    var minutes: Int64?
    var match: RuleMatch, conditions: [RuleCondition]
    var deeds: Deeds
    /// To the customer, by language; at most once within the window.
    var answer: [String: String], answerHours: Int64
    /// Is told, signed, with the conversation.
    var webhook: String?
    var every: RuleEvery
    /// Those after it are not asked when it has acted.
    var stops: Bool
    /// The lowest is asked first.
    var position: Int64
    var isActive: Bool
    /// What happened before is not its business.
    var since: Int64
    var updatedAt: Int64

    static let longestAnswer = 2000, mostConditions = 20

    var json: JSON {
        ["id": .string(id), "name": .string(name), "brand_id": .of(brand), "event": .string(event.rawValue), "minutes": .of(minutes), "match": .string(match.rawValue),
         "conditions": .array(conditions.map(\.json)), "deeds": .object(deeds.json), "answer": .object(answerJSON), "answer_hours": .int(answerHours), "webhook": .of(webhook),
         "every": .string(every.rawValue), "stops": .bool(stops), "position": .int(position), "active": .bool(isActive), "updated_at": .int(updatedAt)]
    }
    private var answerJSON: JSONObject { answer.reduce(into: [:]) { $0[$1.key] = .string($1.value) } }
    /// What was put together by a person; the rest of the columns is the server's.
    var actionsText: String { (["deeds": .object(deeds.json), "answer": .object(answerJSON), "answer_hours": .int(answerHours), "webhook": .of(webhook)] as JSONObject).columnText }

    init(id: String, now: Int64, position: Int64) {
        self.init(id: id, name: "", brand: nil, event: .opened, minutes: nil, match: .all, conditions: [], deeds: Deeds(), answer: [:], answerHours: 24, webhook: nil, every: .always, stops: false,
                  position: position, isActive: true, since: 0, updatedAt: now)
    }
    init(id: String, name: String, brand: String?, event: RuleEvent, minutes: Int64?, match: RuleMatch, conditions: [RuleCondition], deeds: Deeds, answer: [String: String], answerHours: Int64,
         webhook: String?, every: RuleEvery, stops: Bool, position: Int64, isActive: Bool, since: Int64, updatedAt: Int64) {
        self.id = id; self.name = name; self.brand = brand; self.event = event; self.minutes = minutes; self.match = match; self.conditions = conditions; self.deeds = deeds
        self.answer = answer; self.answerHours = answerHours; self.webhook = webhook; self.every = every; self.stops = stops; self.position = position; self.isActive = isActive
        self.since = since; self.updatedAt = updatedAt
    }

    // MARK: SQL

    static let columns = "id, name, brand_id, event, minutes, matching, conditions, actions, every, stops, position, active, since, updated_at"
    static func rule(_ row: Row) -> Rule? {
        // A kind of event that this version does not know: it does nothing here.
        guard let event = RuleEvent(rawValue: row.text(3)) else { return nil }
        let actions = JSONObject(column: row.text(7))
        // Columns that this server wrote itself. Damage must not make a rule ask for less than it was told: it reads as one that is switched off.
        let conditions = (try? JSON.parse(Array(row.text(6).utf8)))?.arrayValue?.map(RuleCondition.init(stored:))
        let isWhole = conditions?.allSatisfy { $0 != nil } ?? false
        var answer: [String: String] = [:]
        for (language, text) in actions["answer"]?.objectValue ?? [:] { answer[language] = text.stringValue }
        return Rule(id: row.text(0), name: row.text(1), brand: row.textOrNil(2), event: event, minutes: row.intOrNil(4), match: RuleMatch(rawValue: row.text(5)) ?? .all,
                    conditions: conditions?.compactMap(\.self) ?? [], deeds: Deeds(column: actions["deeds"]?.objectValue ?? [:]), answer: answer, answerHours: actions["answer_hours"]?.intValue ?? 24,
                    webhook: actions["webhook"]?.stringValue, every: RuleEvery(rawValue: row.text(8)) ?? .once, stops: row.bool(9), position: row.int(10), isActive: row.bool(11) && isWhole,
                    since: row.int(12), updatedAt: row.int(13))
    }
    static func all(_ tx: ReadTx) throws -> [Rule] { try tx.all("SELECT \(columns) FROM desk_rule ORDER BY position, id", row: rule).compactMap(\.self) }
    static func load(_ tx: ReadTx, _ id: String) throws -> Rule? { try tx.first("SELECT \(columns) FROM desk_rule WHERE id = ?", id, row: rule) ?? nil }
    func save(_ unit: Unit, isNew: Bool) throws {
        let conditions = String(decoding: JSON.array(self.conditions.map(\.json)).encoded(), as: UTF8.self)
        let values: [any Bindable] = [name, brand, event.rawValue, minutes, match.rawValue, conditions, actionsText, every.rawValue, stops, position, isActive, since, updatedAt, id]
        try unit.tx.run(isNew ? """
            INSERT INTO desk_rule(name, brand_id, event, minutes, matching, conditions, actions, every, stops, position, active, since, updated_at, id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """ : """
            UPDATE desk_rule SET name = ?, brand_id = ?, event = ?, minutes = ?, matching = ?, conditions = ?, actions = ?, every = ?, stops = ?, position = ?, active = ?, since = ?, updated_at = ?
            WHERE id = ?
            """, array: values)
    }
}

extension RuleCondition {
    var json: JSON { ["field": .string(field.rawValue), "key": .of(key), "op": .string(op.rawValue), "values": .of(values)] }
    init?(stored json: JSON) {
        guard let field = json["field"]?.stringValue.flatMap(RuleField.init(rawValue:)), let op = json["op"]?.stringValue.flatMap(RuleOperator.init(rawValue:)) else { return nil }
        self.init(field, op, json["values"]?.arrayValue?.compactMap(\.stringValue) ?? [], key: json["key"]?.stringValue)
    }
}

/// A rule as it is sent: for saving, and for trying it out.
struct RuleInput: Sendable {
    let name: Fields.Change<String>, brand: Fields.Change<String>, event: RuleEvent?, minutes: Fields.Change<Int64>, match: RuleMatch?, conditions: [RuleCondition]?
    let deeds: Deeds?, answer: [String: String]?, answerHours: Int64?, webhook: Fields.Change<String>, every: RuleEvery?, stops: Bool?, active: Bool?

    init(_ fields: inout Fields, isNew: Bool, isTrial: Bool = false) {
        name = isTrial ? .keep : isNew ? .set(fields.text("name", max: 80, required: true)) : fields.requiredChange("name", max: 80)
        brand = fields.change("brand_id", max: 40)
        event = fields.choice("event", required: isNew)
        minutes = fields.has("minutes") ? .set(fields.int("minutes", 1...525_600)) : .keep
        match = fields.choice("match")
        conditions = Self.conditions(&fields)
        if let object = fields.object("deeds") {
            var inner = Fields(object, prefix: "deeds.")
            deeds = Deeds(steps: &inner, needsFallback: true)
            if deeds?.reply != nil { inner.refuse("reply", en: "A rule answers by “answer”.", fr: "Une règle répond par « answer ».") }
            if deeds?.assign.id == Deeds.me { inner.refuse("assign", en: "A rule is nobody: name an agent.", fr: "Une règle n’est personne : nommez un conseiller.") }
            fields.take(errorsOf: inner)
        } else { deeds = nil }
        if let object = fields.object("answer") {
            var inner = Fields(object, prefix: "answer."), texts: [String: String] = [:]
            for (language, _) in object {
                guard Fields.isLanguage(language) else {
                    inner.refuse(language, en: "“\(language)” is not a language code such as fr or en.", fr: "« \(language) » n’est pas un code de langue tel que fr ou en.")
                    break
                }
                let text = inner.text(language, max: Rule.longestAnswer, lines: true)
                CannedReplies.check(template: text, &inner, key: language, needsFallback: true)
                texts[language] = text
            }
            fields.take(errorsOf: inner)
            answer = texts
        } else { answer = fields.has("answer") ? [:] : nil }
        answerHours = fields.int("answer_hours", 1...8760)
        webhook = fields.change("webhook", max: 60)
        every = fields.choice("every")
        stops = fields.bool("stops")
        active = fields.bool("active")
    }

    private static func conditions(_ fields: inout Fields) -> [RuleCondition]? {
        guard fields.has("conditions") else { return nil }
        guard let list = fields.object["conditions"]?.arrayValue, list.count <= Rule.mostConditions else {
            fields.refuse("conditions", en: "This must be a list of at most \(Rule.mostConditions) conditions.", fr: "Ce champ doit être une liste d’au plus \(Rule.mostConditions) conditions.")
            return nil
        }
        var all: [RuleCondition] = []
        for (index, entry) in list.enumerated() {
            guard let object = entry.objectValue else {
                fields.refuse("conditions", en: "Each condition must be an object.", fr: "Chaque condition doit être un objet.")
                return nil
            }
            var inner = Fields(object, prefix: "conditions.\(index).")
            let field: RuleField? = inner.choice("field", required: true), op: RuleOperator? = inner.choice("op", required: true)
            let values = inner.strings("values", max: 50, each: 255) ?? [], key = inner.text("key", max: 60, required: field == .contactAttribute)
            if let field, let op {
                if !field.operators.contains(op) { inner.refuse("op", en: "“\(op.rawValue)” does not go with “\(field.rawValue)”.", fr: "« \(op.rawValue) » ne va pas avec « \(field.rawValue) ».") }
                if op.needsValues, values.isEmpty, inner.errors.isEmpty { inner.refuse("values", en: "Give at least one value.", fr: "Indiquez au moins une valeur.") }
                let possible: [String]? = switch field {
                case .status: ConversationStatus.allCases.map(\.rawValue)
                case .priority: Conversation.Priority.allCases.map(\.rawValue)
                default: field.choices
                }
                if let possible, let wrong = values.first(where: { !possible.contains($0) }) {
                    inner.refuse("values", en: "“\(wrong)” is none of: \(possible.joined(separator: ", ")).", fr: "« \(wrong) » n’est pas parmi : \(possible.joined(separator: ", ")).")
                }
                all.append(RuleCondition(field, op, field == .tags || field == .addedTag ? values.map(Tags.normalised) : values, key: key))
            }
            fields.take(errorsOf: inner)
        }
        return all
    }

    /// With everything that it names looked up, for whoever names it.
    func applied(_ tx: ReadTx, to old: Rule, _ reader: Reader) throws -> Rule {
        let me = reader.viewer
        var it = old
        it.name = name.required(it.name)
        it.event = event ?? it.event
        it.minutes = it.event.isTimed ? minutes.applied(to: it.minutes) : nil
        it.match = match ?? it.match
        it.conditions = conditions ?? it.conditions
        it.deeds = deeds ?? it.deeds
        it.answer = answer ?? it.answer
        it.answerHours = answerHours ?? it.answerHours
        it.webhook = webhook.applied(to: it.webhook)
        it.every = every ?? it.every
        it.stops = stops ?? it.stops
        it.isActive = active ?? it.isActive
        it.brand = brand.applied(to: it.brand) ?? (me.brands?.count == 1 ? me.brands?.first : nil)
        if let brand = it.brand {
            guard me.knows(brand: brand), try Brands.load(tx, brand) != nil else { throw DeskError.invalid("brand_id", en: "There is no such brand.", fr: "Cette marque n’existe pas.") }
        } else { try me.checkUnlimited() }
        if it.event.isTimed, it.minutes == nil { throw DeskError.invalid("minutes", en: "Say after how many minutes.", fr: "Indiquez après combien de minutes.") }
        if it.deeds.isEmpty, it.answer.isEmpty, it.webhook == nil { throw DeskError.invalid("deeds", en: "Say what to do.", fr: "Indiquez ce qu’il faut faire.") }
        let teams = Set(try Teams.known(reader).compactMap { $0["id"]?.stringValue })
        if deeds != nil { try Macros.check(tx, it.deeds, teams: teams, by: me) }
        if conditions != nil { try checkNames(tx, it, teams: teams, me) }
        if case .set(let id?) = webhook { _ = try Webhooks.his(tx, id, me, field: "webhook") }
        return it
    }
    private func checkNames(_ tx: ReadTx, _ it: Rule, teams: Set<String>, _ me: Agent) throws {
        for (index, condition) in it.conditions.enumerated() {
            for value in condition.values {
                let isThere: Bool = switch condition.field {
                case .inbox: try Inboxes.load(tx, value).map { me.knows($0) && it.brand ?? $0.brandID == $0.brandID } ?? false
                case .team: value == "none" || teams.contains(value)
                case .assignee: try value == ViewFilter.nobody || Agents.load(tx, value).map { me.knows($0) && !$0.isService } ?? false
                default: true
                }
                if !isThere { throw DeskError.invalid("conditions.\(index).values", en: "There is no “\(value)”.", fr: "« \(value) » n’existe pas.") }
            }
        }
    }
}
