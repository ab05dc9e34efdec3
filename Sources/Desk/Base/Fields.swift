import MatrixCore

/// Reads the fields of a request body, all of them before it complains, so that a form can mark every wrong field at once.
struct Fields {
    /// What a PATCH says of one field.
    enum Change<Value: Sendable>: Sendable {
        case keep
        case set(Value?)
        func applied(to old: Value?) -> Value? { if case .set(let value) = self { value } else { old } }
        func required(_ old: Value) -> Value { if case .set(let value?) = self { value } else { old } }
        var isChange: Bool { if case .set = self { true } else { false } }
    }

    let object: JSONObject
    let prefix: String
    private(set) var errors: [DeskError.Field] = []

    init(_ object: JSONObject, prefix: String = "") { self.object = object; self.prefix = prefix }

    mutating func refuse(_ key: String, en: String, fr: String) {
        errors.append(DeskError.Field(name: prefix + key, detail: Phrase(en: en, fr: fr)))
    }
    /// Throws once, with all that was wrong.
    func check() throws(DeskError) {
        guard let first = errors.first else { return }
        throw DeskError(.invalid, first.detail, fields: errors)
    }
    mutating func take(errorsOf other: Fields) { errors += other.errors }

    /// A field that was required and checked. A rule that let nothing through without refusing it ends here, not in a crash.
    static func must<T>(_ value: T?, _ key: String) throws(DeskError) -> T {
        guard let value else { throw DeskError.invalid(key, en: "This field is required.", fr: "Ce champ est obligatoire.") }
        return value
    }
    func has(_ key: String) -> Bool { object[key] != nil }
    private func value(_ key: String) -> JSON? { object[key].flatMap { $0 == .null ? nil : $0 } }

    /// Text without surrounding blanks, at most `max` characters; one line unless `lines`.
    mutating func text(_ key: String, max: Int, required: Bool = false, lines: Bool = false) -> String? {
        guard let value = value(key) else {
            if required { refuse(key, en: "This field is required.", fr: "Ce champ est obligatoire.") }
            return nil
        }
        guard let raw = value.stringValue else { refuse(key, en: "This must be text.", fr: "Ce champ doit être un texte."); return nil }
        guard raw.utf8.count <= max * 4, raw.count <= max else {
            refuse(key, en: "This is longer than \(max) characters.", fr: "Ce texte dépasse \(max) caractères."); return nil
        }
        let text = Self.trimmed(raw)
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 && !(lines && ($0 == "\n" || $0 == "\t" || $0 == "\r")) || $0.value == 0x7F }) else {
            refuse(key, en: "This holds characters that are not allowed.", fr: "Ce texte contient des caractères interdits."); return nil
        }
        if text.isEmpty {
            if required { refuse(key, en: "This field is required.", fr: "Ce champ est obligatoire.") }
            return nil
        }
        return text
    }
    /// For PATCH: absent keeps, null or blank clears.
    mutating func change(_ key: String, max: Int, lines: Bool = false) -> Change<String> {
        has(key) ? .set(text(key, max: max, lines: lines)) : .keep
    }
    /// For PATCH of something that cannot be empty.
    mutating func requiredChange(_ key: String, max: Int) -> Change<String> {
        has(key) ? .set(text(key, max: max, required: true)) : .keep
    }

    mutating func email(_ key: String) -> Change<String> {
        guard has(key) else { return .keep }
        guard let text = text(key, max: 254) else { return .set(nil) }
        guard Self.isEmail(text) else {
            refuse(key, en: "This is not an e-mail address.", fr: "Ce n’est pas une adresse e-mail."); return .keep
        }
        return .set(text)
    }

    mutating func int(_ key: String, _ range: ClosedRange<Int64>, required: Bool = false) -> Int64? {
        guard let value = value(key) else {
            if required { refuse(key, en: "This field is required.", fr: "Ce champ est obligatoire.") }
            return nil
        }
        guard let number = value.intValue, range.contains(number) else {
            refuse(key, en: "This must be a whole number from \(range.lowerBound) to \(range.upperBound).",
                   fr: "Ce champ doit être un nombre entier de \(range.lowerBound) à \(range.upperBound)."); return nil
        }
        return number
    }
    mutating func bool(_ key: String) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let flag = value.boolValue else { refuse(key, en: "This must be true or false.", fr: "Ce champ doit être true ou false."); return nil }
        return flag
    }
    mutating func choice<T: RawRepresentable<String> & CaseIterable>(_ key: String, _ type: T.Type = T.self, required: Bool = false) -> T? {
        guard let value = value(key) else {
            if required { refuse(key, en: "This field is required.", fr: "Ce champ est obligatoire.") }
            return nil
        }
        guard let choice = value.stringValue.flatMap(T.init(rawValue:)) else {
            let all = T.allCases.map(\.rawValue).joined(separator: ", ")
            refuse(key, en: "This must be one of: \(all).", fr: "Ce champ doit valoir : \(all)."); return nil
        }
        return choice
    }
    mutating func strings(_ key: String, max: Int, each: Int, required: Bool = false) -> [String]? {
        guard let value = value(key) else {
            if required { refuse(key, en: "This field is required.", fr: "Ce champ est obligatoire.") }
            return nil
        }
        guard let list = value.arrayValue, list.count <= max else {
            refuse(key, en: "This must be a list of at most \(max) texts.", fr: "Ce champ doit être une liste d’au plus \(max) textes."); return nil
        }
        var out: [String] = []
        for entry in list {
            guard let raw = entry.stringValue, raw.utf8.count <= each * 4, raw.count <= each, !raw.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
                refuse(key, en: "Each entry must be a text of at most \(each) characters.", fr: "Chaque élément doit être un texte d’au plus \(each) caractères."); return nil
            }
            let text = Self.trimmed(raw)
            if !text.isEmpty, !out.contains(text) { out.append(text) }
        }
        return out
    }
    mutating func object(_ key: String) -> JSONObject? {
        guard let value = value(key) else { return nil }
        guard let object = value.objectValue else { refuse(key, en: "This must be an object.", fr: "Ce champ doit être un objet."); return nil }
        return object
    }
    mutating func languages(_ key: String) -> [String]? {
        guard let list = strings(key, max: 20, each: 8) else { return nil }
        for language in list where !Self.isLanguage(language) {
            refuse(key, en: "“\(language)” is not a language code such as fr or en.", fr: "« \(language) » n’est pas un code de langue tel que fr ou en."); return nil
        }
        return list
    }
    mutating func language(_ key: String) -> String? {
        guard let text = text(key, max: 16) else { return nil }
        let primary = text.split(whereSeparator: { $0 == "-" || $0 == "_" }).first.map { $0.lowercased() } ?? ""
        guard Self.isLanguage(primary) else {
            refuse(key, en: "This is not a language code such as fr or en.", fr: "Ce n’est pas un code de langue tel que fr ou en."); return nil
        }
        return primary
    }
    mutating func colour(_ key: String) -> String? {
        guard let text = text(key, max: 7) else { return nil }
        guard text.utf8.count == 7, text.first == "#", text.dropFirst().allSatisfy(\.isHexDigit) else {
            refuse(key, en: "This must be a colour such as #9A3D12.", fr: "Ce champ doit être une couleur telle que #9A3D12."); return nil
        }
        return text.uppercased()
    }
    /// An idempotency key.
    mutating func key(_ name: String) -> String? { text(name, max: 100, required: true) }
    mutating func url(_ key: String) -> String? {
        guard let text = text(key, max: 2000) else { return nil }
        guard text.hasPrefix("https://") || text.hasPrefix("http://") else {
            refuse(key, en: "This must be an http or https address.", fr: "Ce champ doit être une adresse http ou https."); return nil
        }
        return text
    }

    static func isLanguage(_ text: String) -> Bool { (2...3).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 97 && $0 <= 122 } }

    /// One `@`, something before it, a dot in the domain, no blanks: whether it exists is proved by a mail, not by a pattern.
    static func isEmail(_ text: String) -> Bool {
        // By bytes: an @ with an accent on it is another character, but the same byte to a mail server.
        let halves = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false).map { Substring($0) }
        guard halves.count == 2, !halves[0].isEmpty, halves[0].utf8.count <= 64, halves[1].utf8.count >= 3 else { return false }
        guard !text.contains(where: { $0.isWhitespace || "<>(),;:\"[]\\".contains($0) }) else { return false }
        let labels = halves[1].split(separator: ".", omittingEmptySubsequences: false)
        return labels.count >= 2 && labels.allSatisfy { !$0.isEmpty && $0.first != "-" && $0.last != "-" }
    }

    static func trimmed(_ raw: String) -> String {
        var text = raw[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}

extension JSON {
    static func of(_ text: String?) -> JSON { text.map(JSON.string) ?? .null }
    static func of(_ number: Int64?) -> JSON { number.map(JSON.int) ?? .null }
    static func of(_ texts: [String]) -> JSON { .array(texts.map(JSON.string)) }
}

/// Lists of texts in a column.
enum TextList {
    private static let empty = "[]"
    static func encode(_ list: some Collection<String>) -> String {
        list.isEmpty ? empty : String(decoding: JSON.array(list.map(JSON.string)).encoded(), as: UTF8.self)
    }
    static func decode(_ text: String) -> [String] {
        if text == empty { return [] }   // most are
        // A column that this server wrote itself; damage reads as an empty list.
        return ((try? JSON.parse(Array(text.utf8)))?.arrayValue ?? []).compactMap(\.stringValue)
    }
}

extension JSONObject {
    var columnText: String { String(decoding: JSON.object(self).encoded(), as: UTF8.self) }
    /// A column that this server wrote itself; damage reads as an empty object.
    init(column text: String) { self = (try? JSON.parse(Array(text.utf8)))?.objectValue ?? [:] }
}

extension JSONObject {
    /// Both; where a key is in both, the other's.
    func merging(_ other: JSONObject) -> JSONObject {
        var all = self
        for (key, value) in other { all[key] = value }
        return all
    }
}
