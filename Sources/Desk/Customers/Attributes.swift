import MatrixCore
import ServerKit
import Store

/// What a shop wants to know of its customers beside name and address: defined once for the whole server, with a kind that values are held against.
///
/// Invariants: a value of a defined attribute has its kind, whoever writes it; values are kept as text in one form, so that the same is equal; what can be
/// filtered by stands in `desk_contact_attribute`, written with the contact; deleting a definition deletes no value.
struct Attribute: Sendable, Hashable {
    enum Kind: String, Sendable, CaseIterable { case text, number, date, boolean, list, link }

    /// What programs call it. Never changes.
    var key: String
    var name: String
    var kind: Kind
    /// Of a list: what can be chosen.
    var choices: [String]
    var position: Int64

    var json: JSON {
        ["key": .string(key), "name": .string(name), "kind": .string(kind.rawValue), "choices": .of(choices), "position": .int(position)]
    }

    /// The one form of a value, or why it is none. Pure.
    func canonical(_ raw: String) -> Result<String, Refusal> {
        let text = Fields.trimmed(raw)
        switch kind {
        case .text: return .success(text)
        case .number:
            guard let number = AttributeRules.number(text) else { return .failure(Refusal(en: "This is not a number.", fr: "Ce n’est pas un nombre.")) }
            return .success(number.text)
        case .date:
            guard AttributeRules.day(text) != nil else { return .failure(Refusal(en: "This is not a date such as 2026-11-30.", fr: "Ce n’est pas une date telle que 2026-11-30.")) }
            return .success(text)
        case .boolean:
            guard text == "true" || text == "false" else { return .failure(Refusal(en: "This must be true or false.", fr: "Ce champ doit valoir true ou false.")) }
            return .success(text)
        case .list:
            guard choices.contains(text) else { return .failure(Refusal(en: "Choose one of: \(choices.joined(separator: ", ")).", fr: "Choisissez parmi : \(choices.joined(separator: ", ")).")) }
            return .success(text)
        case .link:
            guard text.utf8.count <= 2000, text.hasPrefix("https://") || text.hasPrefix("http://"), !text.contains(where: { $0.isWhitespace }) else {
                return .failure(Refusal(en: "This must be an http or https address.", fr: "Ce champ doit être une adresse http ou https."))
            }
            return .success(text)
        }
    }
    struct Refusal: Error, Hashable { let en: String, fr: String }
}

/// Numbers and days as attributes hold them. Pure.
enum AttributeRules {
    /// A decimal number of at most 12 digits before and 3 behind the point; a comma will do. `thousandths` compares.
    static func number(_ raw: String) -> (thousandths: Int64, text: String)? {
        var text = raw.replacing(",", with: ".")
        let isNegative = text.hasPrefix("-")
        if isNegative { text.removeFirst() }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = parts.first, !whole.isEmpty, whole.utf8.count <= 12, whole.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int64(whole) else { return nil }
        var behind: Int64 = 0
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let digits = Int64(parts[1] + String(repeating: "0", count: 3 - parts[1].utf8.count)) else { return nil }
            behind = digits
        }
        let thousandths = (value * 1000 + behind) * (isNegative ? -1 : 1)
        var tail = behind == 0 ? "" : String(String(1000 + behind).dropFirst())
        while tail.hasSuffix("0") { tail.removeLast() }
        return (thousandths, (thousandths < 0 ? "-" : "") + String(value) + (tail.isEmpty ? "" : "." + tail))
    }
    /// `2026-11-30`: a number that grows with the day; nil for days that no calendar has.
    static func day(_ text: String) -> Int64? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count == 10, parts.count == 3, parts[0].utf8.count == 4, parts[1].utf8.count == 2, text.utf8.allSatisfy({ (48...57).contains($0) || $0 == 45 }),
              let year = Int64(parts[0]), let month = Int64(parts[1]), let day = Int64(parts[2]), year > 0, (1...12).contains(month), day > 0 else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let last: Int64 = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
        return day <= last ? (year * 100 + month) * 100 + day : nil
    }
    /// What more and less compare: of a number or a day, whatever the attribute is said to be.
    static func order(_ text: String) -> Int64? { day(text) ?? number(text)?.thousandths }
    static func isKey(_ text: String) -> Bool {
        (1...60).contains(text.utf8.count) && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 } && text.utf8.first.map { (97...122).contains($0) } == true
    }
}

enum Attributes {
    static let most = 100, mostOfContact = 50, longest = 500

    static func all(_ tx: ReadTx) throws -> [Attribute] {
        try tx.all("SELECT \(columns) FROM desk_attribute ORDER BY position, attribute_key", row: attribute)
    }
    static func load(_ tx: ReadTx, _ key: String) throws -> Attribute? {
        try tx.first("SELECT \(columns) FROM desk_attribute WHERE attribute_key = ?", key, row: attribute)
    }
    private static let columns = "attribute_key, name, kind, choices, position"
    private static func attribute(_ row: Row) -> Attribute {
        Attribute(key: row.text(0), name: row.text(1), kind: Attribute.Kind(rawValue: row.text(2)) ?? .text, choices: TextList.decode(row.text(3)), position: row.int(4))
    }

    /// Values as they are kept; throws what is wrong with which. What the contact has already, and what nothing is defined for, passes.
    static func check(_ tx: ReadTx, _ values: JSONObject, before: JSONObject) throws -> JSONObject {
        guard !values.isEmpty else { return values }
        var fields = Fields(values, prefix: "attributes."), clean: JSONObject = [:]
        let defined = Dictionary(uniqueKeysWithValues: try all(tx).map { ($0.key, $0) })
        for (key, value) in values {
            guard let text = value.stringValue, let attribute = defined[key], before[key] != value else { clean[key] = value; continue }
            switch attribute.canonical(text) {
            case .success(let kept): clean[key] = .string(kept)
            case .failure(let why): fields.refuse(key, en: why.en, fr: why.fr)
            }
        }
        try fields.check()
        return clean
    }
    /// What filters look at.
    static func index(_ tx: WriteTx, contact: String, _ values: JSONObject) throws {
        try tx.run("DELETE FROM desk_contact_attribute WHERE contact_id = ?", contact)
        for (key, value) in values {
            guard let text = value.stringValue else { continue }
            try tx.run("INSERT INTO desk_contact_attribute(contact_id, attribute_key, folded, ordered) VALUES (?, ?, ?, ?)", contact, key, folded(text), AttributeRules.order(text))
        }
    }
    static func folded(_ text: String) -> String { Fields.trimmed(Words.folded(text)) }

    /// Values of a database from before the index.
    static func indexOld(_ tx: WriteTx) throws {
        guard try !tx.exists("SELECT 1 FROM desk_counter WHERE name = 'attributes indexed'") else { return }
        for (id, text) in try tx.all("SELECT id, attributes FROM desk_contact WHERE attributes <> '{}'", row: { ($0.text(0), $0.text(1)) }) { try index(tx, contact: id, JSONObject(column: text)) }
        try tx.run("INSERT INTO desk_counter(name, value) VALUES ('attributes indexed', 1)")
    }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/attributes", .contactsRead) { call in
            .json(["items": .array(try await call.read { try all($0.tx).map(\.json) })])
        },
        DeskRoute(.put, "/attributes/{id}", .settingsManage) { call in
            let key = try call.param("id")
            var fields = try call.fields()
            let name = fields.text("name", max: 80, required: true), kind: Attribute.Kind? = fields.choice("kind", required: true)
            let choices = fields.strings("choices", max: 100, each: 80) ?? [], position = fields.int("position", 0...10_000)
            if !AttributeRules.isKey(key) { fields.refuse("id", en: "A key has a-z, 0-9 and _, and begins with a letter.", fr: "Une clé ne comporte que a-z, 0-9 et _, et commence par une lettre.") }
            if kind == .list, choices.isEmpty, fields.errors.isEmpty { fields.refuse("choices", en: "Name what can be chosen.", fr: "Indiquez les choix possibles.") }
            try fields.check()
            try call.me.checkUnlimited()
            let title = try Fields.must(name, "name"), sort = try Fields.must(kind, "kind")
            return .json(try await call.write { unit in
                let old = try load(unit.tx, key), count = try unit.tx.first("SELECT COUNT(*) FROM desk_attribute") { $0.int(0) } ?? 0
                if old == nil, count >= most { throw DeskError(.conflict, en: "There are at most \(most) attributes.", fr: "Il y a au plus \(most) attributs.") }
                if let old, old.kind != sort, try unit.tx.exists("SELECT 1 FROM desk_contact_attribute WHERE attribute_key = ?", key) {
                    throw DeskError.invalid("kind", en: "Customers have values of this attribute: its kind cannot change.", fr: "Des clients ont une valeur pour cet attribut : son type ne peut plus changer.")
                }
                let attribute = Attribute(key: key, name: title, kind: sort, choices: sort == .list ? choices : [], position: position ?? old?.position ?? count)
                try unit.tx.run("""
                    INSERT INTO desk_attribute(attribute_key, name, kind, choices, position, created_at) VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (attribute_key) DO UPDATE SET name = excluded.name, kind = excluded.kind, choices = excluded.choices, position = excluded.position
                    """, key, attribute.name, attribute.kind.rawValue, TextList.encode(attribute.choices), attribute.position, unit.now)
                try unit.tell(.settingsUpdated, ref: "attributes")
                return attribute.json
            })
        },
        DeskRoute(.delete, "/attributes/{id}", .settingsManage) { call in
            let key = try call.param("id")
            try call.me.checkUnlimited()
            try await call.write { unit in
                guard try load(unit.tx, key) != nil else { throw DeskError.notFound }
                try unit.tx.run("DELETE FROM desk_attribute WHERE attribute_key = ?", key)
                try unit.tell(.settingsUpdated, ref: "attributes")
            }
            return .noContent
        },
        // One value, so that two who change different ones do not undo each other.
        DeskRoute(.put, "/contacts/{id}/attributes/{key}", .contactsWrite) { call in
            let id = try call.param("id"), key = try call.param("key")
            var fields = try call.fields()
            let value = fields.text("value", max: longest, lines: true)
            if !fields.has("value") { fields.refuse("value", en: "This field is required; null removes it.", fr: "Ce champ est obligatoire ; null le retire.") }
            if key.count > 60 { fields.refuse("key", en: "A name has 1 to 60 characters.", fr: "Un nom comporte de 1 à 60 caractères.") }
            try fields.check()
            return .json(try await call.write { unit in
                let reader = call.reader(unit)
                var contact = try Contacts.visible(try Contacts.load(unit.tx, id), reader)
                let before = contact
                if let value {
                    contact.attributes[key] = try check(unit.tx, [key: .string(value)], before: [:])[key]
                    guard contact.attributes.count <= mostOfContact else { throw DeskError.invalid("key", en: "At most \(mostOfContact) attributes.", fr: "Au plus \(mostOfContact) attributs.") }
                } else {
                    contact.attributes[key] = nil
                }
                guard contact.attributes != before.attributes else { return try reader.contact(contact) }
                contact = try Contacts.save(unit, contact)
                try ContactLog.changed(unit, before, contact)
                return try reader.contact(contact)
            })
        },
    ]
}
