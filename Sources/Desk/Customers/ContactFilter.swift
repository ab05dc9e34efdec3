import MatrixCore
import ServerKit
import Store

/// One condition about an attribute; `value` is in the form that the attribute has.
struct AttributeTest: Sendable, Hashable {
    enum Rule: String, Sendable, CaseIterable { case `is`, isNot = "is_not", contains, more, less, set, unset }
    var key: String, rule: Rule, value: String

    var json: JSON { ["key": .string(key), "rule": .string(rule.rawValue), "value": .string(value)] }

    /// For the contact whose id stands in `column`.
    func condition(_ column: String) -> (sql: String, binds: [any Bindable & Sendable]) {
        let has = "EXISTS (SELECT 1 FROM desk_contact_attribute a WHERE a.contact_id = \(column) AND a.attribute_key = ?"
        switch rule {
        case .set: return (has + ")", [key])
        case .unset: return ("NOT " + has + ")", [key])
        case .is: return (has + " AND a.folded = ?)", [key, Attributes.folded(value)])
        case .isNot: return ("NOT " + has + " AND a.folded = ?)", [key, Attributes.folded(value)])
        case .contains: return (has + " AND a.folded LIKE ? ESCAPE '\\')", [key, "%" + Words.escaped(Attributes.folded(value)) + "%"])
        case .more, .less: return (has + " AND a.ordered \(rule == .more ? ">" : "<") ?)", [key, AttributeRules.order(value) ?? 0])
        }
    }
    static func list(_ fields: inout Fields, _ key: String) -> [AttributeTest] {
        guard let value = fields.object[key], value != .null else { return [] }
        guard let list = value.arrayValue, list.count <= 10 else {
            fields.refuse(key, en: "This must be a list of at most 10 conditions.", fr: "Ce champ doit être une liste d’au plus 10 conditions."); return []
        }
        var tests: [AttributeTest] = []
        for (number, one) in list.enumerated() {
            guard let object = one.objectValue else { fields.refuse(key, en: "This must be an object.", fr: "Ce champ doit être un objet."); return [] }
            var inner = Fields(object, prefix: "\(fields.prefix)\(key).\(number).")
            let name = inner.text("key", max: 60, required: true), rule: Rule? = inner.choice("rule", required: true), text = inner.text("value", max: 500)
            if let rule, rule != .set, rule != .unset {
                if text == nil { inner.refuse("value", en: "This field is required.", fr: "Ce champ est obligatoire.") }
                if rule == .more || rule == .less, let text, AttributeRules.order(text) == nil { inner.refuse("value", en: "This must be a number or a date.", fr: "Ce champ doit être un nombre ou une date.") }
            }
            fields.take(errorsOf: inner)
            if let name, let rule { tests.append(AttributeTest(key: name, rule: rule, value: text ?? "")) }
        }
        return tests
    }
}

/// Which customers: what lists and segments ask for. What is empty or not there asks for nothing.
struct ContactFilter: Sendable, Hashable {
    var text: String?
    var brands: [String] = [], companies: [String] = [], languages: [String] = []
    /// Whether the shop has signed who it is; whether there is an address.
    var verified: Bool?, hasEmail: Bool?
    var blocked: Bool?
    /// Has agreed to this, and not withdrawn it.
    var consent: (channel: Consents.Channel, purpose: String)? { consentChannel.flatMap { channel in consentPurpose.map { (channel, $0) } } }
    private var consentChannel: Consents.Channel?, consentPurpose: String?
    var attributes: [AttributeTest] = []
    /// Seen in the last days; not seen for so many.
    var seenDays: Int64?, unseenDays: Int64?
    var firstSeenFrom: Int64?, firstSeenBefore: Int64?
    /// So many conversations at least.
    var conversations: Int64?

    /// The conditions about the contact `k`. Whether the viewer may see him is not said here.
    func condition(now: Int64) -> (sql: String, binds: [any Bindable & Sendable]) {
        var sql = "k.merged_into IS NULL", binds: [any Bindable & Sendable] = []
        func add(_ condition: String, _ values: [any Bindable & Sendable] = []) { sql += " AND " + condition; binds += values }
        for word in Words.folded(text ?? "").split(separator: " ").prefix(6) { add("k.search LIKE ? ESCAPE '\\'", ["%" + Words.escaped(String(word)) + "%"]) }
        for (column, values) in [("k.brand_id", brands), ("k.company_id", companies), ("k.language", languages)] where !values.isEmpty { add("\(column) IN (\(Placeholders.list(values.count)))", values) }
        if let verified { add("k.external_id IS \(verified ? "NOT " : "")NULL") }
        if let hasEmail { add("k.email IS \(hasEmail ? "NOT " : "")NULL") }
        if let blocked { add("k.blocked_at IS \(blocked ? "NOT " : "")NULL") }
        if let consent {
            add("(SELECT s.state FROM desk_consent s WHERE s.contact_id = k.id AND s.channel = ? AND s.purpose = ? ORDER BY s.id DESC LIMIT 1) = 'given'", [consent.channel.rawValue, consent.purpose])
        }
        for test in attributes {
            let one = test.condition("k.id")
            add(one.sql, one.binds)
        }
        if let seenDays { add("k.last_seen_at >= ?", [now - seenDays * 86_400_000]) }
        if let unseenDays { add("k.last_seen_at < ?", [now - unseenDays * 86_400_000]) }
        if let firstSeenFrom { add("k.first_seen_at >= ?", [firstSeenFrom]) }
        if let firstSeenBefore { add("k.first_seen_at < ?", [firstSeenBefore]) }
        if let conversations { add("(SELECT COUNT(*) FROM desk_conversation n WHERE n.contact_id = k.id) >= ?", [conversations]) }
        return (sql, binds)
    }

    // MARK: on the wire and in the column

    var json: JSONObject {
        ["text": .of(text), "brands": .of(brands), "companies": .of(companies), "languages": .of(languages), "verified": verified.map(JSON.bool) ?? .null,
         "has_email": hasEmail.map(JSON.bool) ?? .null, "blocked": blocked.map(JSON.bool) ?? .null, "consent": consent.map { ["channel": .string($0.channel.rawValue), "purpose": .string($0.purpose)] } ?? .null,
         "attributes": .array(attributes.map(\.json)), "seen_days": .of(seenDays), "unseen_days": .of(unseenDays),
         "first_seen_from": .of(firstSeenFrom), "first_seen_before": .of(firstSeenBefore), "conversations": .of(conversations)]
    }
    init() {}
    init(_ fields: inout Fields) {
        text = fields.text("text", max: 200)
        brands = fields.strings("brands", max: 100, each: 60) ?? []
        companies = fields.strings("companies", max: 100, each: 60) ?? []
        languages = fields.languages("languages") ?? []
        verified = fields.bool("verified")
        hasEmail = fields.bool("has_email")
        blocked = fields.bool("blocked")
        if let object = fields.object("consent") {
            var inner = Fields(object, prefix: fields.prefix + "consent.")
            consentChannel = inner.choice("channel", required: true)
            consentPurpose = inner.text("purpose", max: Consents.longestPurpose, required: true)?.lowercased()
            fields.take(errorsOf: inner)
        }
        attributes = AttributeTest.list(&fields, "attributes")
        seenDays = fields.int("seen_days", 1...3650)
        unseenDays = fields.int("unseen_days", 1...3650)
        firstSeenFrom = fields.int("first_seen_from", 0...(1 << 45))
        firstSeenBefore = fields.int("first_seen_before", 0...(1 << 45))
        conversations = fields.int("conversations", 1...100_000)
        if let firstSeenFrom, let firstSeenBefore, firstSeenBefore <= firstSeenFrom {
            fields.refuse("first_seen_before", en: "The end is before the beginning.", fr: "La fin est avant le début.")
        }
    }
    /// From a column that this server wrote itself; damage reads as a filter that asks for less.
    init(column: String) {
        var fields = Fields(JSONObject(column: column))
        self.init(&fields)
    }
    /// `filter` of a body; nil when it has none.
    static func of(_ fields: inout Fields) -> ContactFilter? {
        guard let object = fields.object("filter") else { return nil }
        var inner = Fields(object, prefix: "filter.")
        let filter = ContactFilter(&inner)
        fields.take(errorsOf: inner)
        return filter
    }
}
