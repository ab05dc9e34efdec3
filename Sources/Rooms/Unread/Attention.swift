import MatrixCore
import ServerKit

/// Whose attention an event asks for, by the default push rules: they are the same for everybody but for names, so one verdict does for a
/// whole room. Says what `CompiledPushRules` of an empty set says, which a test compares.
/// https://spec.matrix.org/latest/client-server-api/#predefined-rules
struct Attention: Equatable {
    /// Everybody is notified. When false, those who are highlighted are notified all the same.
    var notifies: Bool
    var highlights: Highlights

    enum Highlights: Equatable {
        case nobody
        case users([String])
        case everyone
        /// Those whose name stands in this text.
        case named(in: PushText, byLocalpart: Bool)

        static func == (a: Highlights, b: Highlights) -> Bool {
            switch (a, b) {
            case (.nobody, .nobody), (.everyone, .everyone): true
            case (.users(let x), .users(let y)): x == y
            default: false
            }
        }
    }
    static let silent = Attention(notifies: false, highlights: .nobody)

    /// As `event.notifies` has it: 0 for nobody, 1 for everybody, 2 for everybody and as a highlight.
    var mark: Int64 { !notifies ? 0 : highlights == .everyone ? 2 : 1 }

    /// - Parameter mayNotifyRoom: whether the sender has the power to call the whole room.
    static func judge(type: String, stateKey: String?, content: JSONObject, mayNotifyRoom: @autoclosure () -> Bool) -> Attention {
        if type == EventType.member || content["msgtype"]?.stringValue == "m.notice" { return .silent }
        let saysWhom = content.contains("m.mentions")
        var highlights = Highlights.nobody
        let isEdit = content["m.relates_to"]?["rel_type"]?.stringValue == "m.replace"
        let isHushed = isEdit || hushed.contains(type) && (type != EventType.serverACL || stateKey == "")
        if saysWhom {
            if content["m.mentions"]?["room"] == true, mayNotifyRoom() { return Attention(notifies: true, highlights: .everyone) }
            let users = Set(content["m.mentions"]?["user_ids"]?.arrayValue?.compactMap(\.stringValue) ?? [])
            if !users.isEmpty { highlights = .users(users.sorted()) }
        } else if let body = content["body"]?.stringValue {
            let text = PushText(body)
            if room.matches(text), mayNotifyRoom() { return Attention(notifies: true, highlights: .everyone) }
            highlights = .named(in: text, byLocalpart: !isHushed)
        }
        if type == EventType.tombstone, stateKey == "" { return Attention(notifies: true, highlights: .everyone) }
        return Attention(notifies: !isHushed && DefaultPushRules.notifyingTypes.contains(type), highlights: highlights)
    }

    private static let room = PushWords("@room")
    private static let hushed: Set<String> = ["m.reaction", EventType.serverACL, "m.poll.response", "org.matrix.msc3381.poll.response"]

    /// What it comes to for one member.
    func verdict(for user: UserID, _ words: @autoclosure () -> NameWords) -> PushVerdict {
        let isHighlighted = switch highlights {
        case .nobody: false
        case .everyone: true
        case .users(let users): users.contains(user.rawValue)
        case .named(let text, let byLocalpart): words().areIn(text, byLocalpart: byLocalpart)
        }
        return PushVerdict(notifies: notifies || isHighlighted, highlights: isHighlighted)
    }
}

/// Those members of a room for whom events are judged one by one: they have rules of their own, or a pusher.
struct Watched: Sendable {
    /// The room's `member_pos` and the port's generation when it was made.
    let pos: Int64, generation: Int64
    let memberCount: Int64
    let users: [(user: UserID, displayName: String?)]

    /// After the membership event at `pos`, which changes the number of members by `joined`.
    func after(_ change: Audience.Change, joined: Int64, pos: Int64, isWatched: (UserID) -> Bool) -> Watched {
        var users = users
        switch change {
        case .absent(let user): users.removeAll { $0.user == user }
        case .present(let user, let displayName):
            users.removeAll { $0.user == user }
            if isWatched(user) { users.append((user, displayName)) }
        }
        return Watched(pos: pos, generation: generation, memberCount: memberCount + joined, users: users)
    }
}
