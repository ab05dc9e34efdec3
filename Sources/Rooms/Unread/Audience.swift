import MatrixCore

/// The joined users of a room by the names they are called, for messages that do not say whom they speak to.
///
/// Invariants: it is changed by one user at a time, and then says what a fresh one of the same members says; a search costs as much as the
/// text is long, however many members there are.
/// Which names are in a text is said by ``NameWords`` alone: the index finds for whom to ask.
struct Audience: Sendable {
    /// The room's `member_pos` when it was read.
    private(set) var pos: Int64
    /// Display names.
    private var members: [UserID: String?] = [:]
    private var byName = Index(), byLocalpart = Index()

    /// Somebody came, went, or goes by another name.
    enum Change: Sendable {
        case present(UserID, displayName: String?)
        case absent(UserID)
    }

    init(pos: Int64) { self.pos = pos }

    var count: Int { members.count }
    var users: [(user: UserID, displayName: String?)] { members.map { ($0.key, $0.value) } }

    mutating func apply(_ change: Change) {
        switch change {
        case .absent(let user): remove(user)
        case .present(let user, let displayName):
            remove(user)
            members.updateValue(displayName, forKey: user)
            byName.insert(user, NameWords.key(displayName: displayName))
            byLocalpart.insert(user, NameWords.key(localpartOf: user))
        }
    }
    mutating func apply(_ changes: [Change], pos: Int64) {
        for change in changes { apply(change) }
        self.pos = pos
    }
    private mutating func remove(_ user: UserID) {
        guard let displayName = members.removeValue(forKey: user) else { return }
        byName.remove(user, NameWords.key(displayName: displayName))
        byLocalpart.remove(user, NameWords.key(localpartOf: user))
    }

    /// Those whose name stands in the text.
    func named(in text: PushText, byLocalpart searchesLocalparts: Bool) -> [UserID] {
        var found: Set<UserID> = []
        func look(_ users: Set<UserID>) {
            for user in users where !found.contains(user) {
                guard let displayName = members[user] else { continue }
                if NameWords(user: user, displayName: displayName).areIn(text, byLocalpart: searchesLocalparts) { found.insert(user) }
            }
        }
        byName.candidates(text, .letters, look)
        if searchesLocalparts { byLocalpart.candidates(text, .wordCharacters, look) }
        return found.sorted { $0.rawValue < $1.rawValue }
    }

    /// Users by the first run of a name of theirs. Those whose name does not begin with one are asked for in every text.
    private struct Index: Sendable {
        private var byRun: [[UInt8]: Set<UserID>] = [:]
        private var others: Set<UserID> = []

        mutating func insert(_ user: UserID, _ key: NameWords.Key) {
            switch key {
            case .none: break
            case .anything: others.insert(user)
            case .run(let run): byRun[run, default: []].insert(user)
            }
        }
        mutating func remove(_ user: UserID, _ key: NameWords.Key) {
            switch key {
            case .none: break
            case .anything: others.remove(user)
            case .run(let run):
                byRun[run]?.remove(user)
                if byRun[run]?.isEmpty == true { byRun[run] = nil }
            }
        }
        func candidates(_ text: PushText, _ kind: PushText.Run, _ body: (Set<UserID>) -> Void) {
            if !others.isEmpty { body(others) }
            // In most rooms there are fewer names than words in a text.
            if byRun.count <= 8 {
                for (run, users) in byRun where text.hasRun(run, of: kind) { body(users) }
            } else {
                for run in text.runs(of: kind) { if let users = byRun[run] { body(users) } }
            }
        }
    }
}

/// What a message that does not say whom it speaks to is searched for on behalf of one user.
struct NameWords: Sendable {
    private let localpart: PushWords
    /// Lower case, as bytes.
    private let displayName: [UInt8]

    init(user: UserID, displayName: String?) {
        localpart = PushWords(user.localpart)
        self.displayName = Array((displayName ?? "").lowercased().utf8)
    }

    func areIn(_ text: PushText, byLocalpart: Bool) -> Bool { text.contains(word: displayName) || byLocalpart && localpart.matches(text) }

    /// What must stand in a text as a whole run for the name to stand there.
    enum Key: Sendable, Equatable {
        /// The name is in no text.
        case none
        /// It may be in any.
        case anything
        case run([UInt8])
    }
    static func key(displayName: String?) -> Key {
        let name = Array((displayName ?? "").lowercased().utf8)
        return key(PushText.Run.letters.first(of: name), isEmpty: name.isEmpty)
    }
    static func key(localpartOf user: UserID) -> Key {
        let name = Array(user.localpart.lowercased().utf8)
        if name.contains(UInt8(ascii: "*")) || name.contains(UInt8(ascii: "?")) { return .anything }   // a pattern
        return key(PushText.Run.wordCharacters.first(of: name), isEmpty: name.isEmpty)
    }
    private static func key(_ run: [UInt8], isEmpty: Bool) -> Key { isEmpty ? .none : run.isEmpty ? .anything : .run(run) }
}
