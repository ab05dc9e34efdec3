import MatrixCore

/// Who a message speaks to, as the default push rules say. Pure.
/// https://spec.matrix.org/latest/client-server-api/#default-override-rules
enum Mentions {
    /// What a message without `m.mentions` is searched for on behalf of one user: lower case, as bytes.
    struct Words: Sendable {
        let words: [[UInt8]]
        init(user: UserID, displayName: String?) {
            words = [user.rawValue, user.localpart, displayName ?? ""].map { Array($0.lowercased().utf8) }.filter { !$0.isEmpty }
        }
    }

    /// The users named in `m.mentions`, and whether it names the whole room. nil when the event has no `m.mentions`:
    /// then the older rules look into the body.
    static func explicit(_ content: JSONObject) -> (users: Set<String>, room: Bool)? {
        guard let mentions = content["m.mentions"]?.objectValue else { return nil }
        let users = mentions["user_ids"]?.arrayValue?.compactMap(\.stringValue) ?? []
        return (Set(users), mentions["room"]?.boolValue ?? false)
    }

    /// Whether `body` (lower case) holds `word` with no letter or digit right beside it.
    static func contains(_ body: [UInt8], word: [UInt8]) -> Bool {
        guard !word.isEmpty, body.count >= word.count else { return false }
        var start = 0
        while start + word.count <= body.count {
            guard let at = body[start...(body.count - word.count)].firstIndex(of: word[0]) else { return false }
            if body[at..<(at + word.count)].elementsEqual(word),
               at == 0 || !isWordByte(body[at - 1]), at + word.count == body.count || !isWordByte(body[at + word.count]) { return true }
            start = at + 1
        }
        return false
    }

    /// Bytes beyond ASCII belong to letters of other scripts, mostly.
    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...: true
        default: false
        }
    }
}
