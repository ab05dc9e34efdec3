/// One condition of a rule, read once. Pure.
/// https://spec.matrix.org/latest/client-server-api/#conditions-1
enum PushCondition: Sendable {
    case matches(path: [String], Glob)
    /// `content.body`: a part of it between word boundaries.
    case bodyMatches(PushWords)
    case equals(path: [String], JSON)
    case contains(path: [String], JSON)
    case containsDisplayName
    case memberCount(Comparison, Int64)
    case senderMayNotify(String)
    /// Only rules of the server: nobody is named by the event itself.
    case namesAreLookedFor
    /// Not known here: the rule never matches.
    case never

    enum Comparison: Sendable { case equal, less, greater, atLeast, atMost }

    init(_ json: JSON) {
        let key = json["key"]?.stringValue
        switch json["kind"]?.stringValue {
        case "event_match":
            guard let key, let pattern = json["pattern"]?.stringValue else { self = .never; return }
            self = .match(key, pattern)
        case "event_property_is":
            guard let key, let value = json["value"], Self.isScalar(value) else { self = .never; return }
            self = .equals(path: Self.path(key), value)
        case "event_property_contains":
            guard let key, let value = json["value"], Self.isScalar(value) else { self = .never; return }
            self = .contains(path: Self.path(key), value)
        case "contains_display_name": self = .containsDisplayName
        case "room_member_count": self = json["is"]?.stringValue.flatMap(Self.count) ?? .never
        case "sender_notification_permission": self = key.map { .senderMayNotify($0) } ?? .never
        default: self = .never
        }
    }

    static func match(_ key: String, _ pattern: String) -> PushCondition {
        let path = path(key)
        return path == ["content", "body"] ? .bodyMatches(PushWords(pattern)) : .matches(path: path, Glob(pattern.lowercased(), foldsCase: true))
    }

    /// `a.b\.c` is the path a, b.c. https://spec.matrix.org/latest/appendices/#dot-separated-property-paths
    static func path(_ key: String) -> [String] {
        var parts: [[UInt8]] = [[]], bytes = key.utf8.makeIterator()
        while let byte = bytes.next() {
            switch byte {
            case UInt8(ascii: "."): parts.append([])
            case UInt8(ascii: "\\"):
                guard let next = bytes.next() else { parts[parts.count - 1].append(byte); break }
                if next != UInt8(ascii: "."), next != UInt8(ascii: "\\") { parts[parts.count - 1].append(byte) }
                parts[parts.count - 1].append(next)
            default: parts[parts.count - 1].append(byte)
            }
        }
        return parts.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func isScalar(_ value: JSON) -> Bool {
        switch value {
        case .string, .int, .bool, .null: true
        default: false
        }
    }

    private static func count(_ text: String) -> PushCondition? {
        let kinds: [(String, Comparison)] = [("==", .equal), ("<=", .atMost), (">=", .atLeast), ("<", .less), (">", .greater), ("", .equal)]
        guard let (prefix, comparison) = kinds.first(where: { text.hasPrefix($0.0) }) else { return nil }
        let digits = text.dropFirst(prefix.count)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int64(digits) else { return nil }
        return .memberCount(comparison, number)
    }

    func holds(_ event: PushEvent, _ around: PushSurroundings) -> Bool {
        switch self {
        case .matches(let path, let glob):
            guard let text = event.property(path)?.stringValue else { return false }
            return glob.matches(text.utf8.contains { $0 >= 0x80 } ? text.lowercased() : text)
        case .bodyMatches(let words): return event.body.map { words.matches($0) } ?? false
        case .equals(let path, let value): return event.property(path) == value
        case .contains(let path, let value): return event.property(path)?.arrayValue?.contains(value) ?? false
        case .containsDisplayName:
            guard let body = event.body, let name = around.displayName else { return false }
            return body.contains(word: PushText(name).bytes)
        case .memberCount(let comparison, let number):
            switch comparison {
            case .equal: return around.memberCount == number
            case .less: return around.memberCount < number
            case .greater: return around.memberCount > number
            case .atLeast: return around.memberCount >= number
            case .atMost: return around.memberCount <= number
            }
        case .senderMayNotify(let group):
            guard let levels = around.levels else { return false }
            return levels.level(of: event.sender) >= levels.requiredToNotify(group)
        case .namesAreLookedFor: return !event.saysWhom
        case .never: return false
        }
    }
}
