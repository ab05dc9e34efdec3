/// An event as push rules look at it, and what is around it. Pure.
/// https://spec.matrix.org/latest/client-server-api/#push-rules
package struct PushEvent: Sendable {
    package let type: String
    package let stateKey: String?
    package let sender: UserID
    package let room: RoomID
    package let id: EventID
    package let content: JSONObject
    /// `content.body`, as patterns are matched with it.
    let body: PushText?
    /// `m.mentions` says whom the event speaks to: then nobody looks for names in the body.
    package let saysWhom: Bool

    package init(type: String, stateKey: String?, sender: UserID, room: RoomID, id: EventID, content: JSONObject) {
        self.type = type; self.stateKey = stateKey; self.sender = sender; self.room = room; self.id = id; self.content = content
        body = content["body"]?.stringValue.map { PushText($0) }
        saysWhom = content.contains("m.mentions")
    }

    /// The value at a path of property names; nil when there is none.
    func property(_ path: [String]) -> JSON? {
        guard let first = path.first else { return nil }
        if path.count == 1 {
            switch first {
            case "type": return .string(type)
            case "state_key": return stateKey.map { .string($0) }
            case "sender": return JSON(sender)
            case "room_id": return JSON(room)
            case "event_id": return JSON(id)
            default: return nil
            }
        }
        guard first == "content" else { return nil }
        var value = JSON.object(content)
        for name in path.dropFirst() {
            guard let next = value[name] else { return nil }
            value = next
        }
        return value
    }
}

/// What is around an event for one of those who may be told of it.
package struct PushSurroundings: Sendable {
    /// Joined members of the room.
    package var memberCount: Int64
    /// The user's name in the room.
    package var displayName: String?
    /// nil: the sender may notify nobody.
    package var levels: PowerLevels?
    package init(memberCount: Int64, displayName: String?, levels: PowerLevels?) {
        self.memberCount = memberCount; self.displayName = displayName; self.levels = levels
    }
}

/// What one user's rules say of an event.
package struct PushVerdict: Sendable, Hashable {
    package var notifies = false
    package var highlights = false
    /// As the gateway gets them; what has no value of its own is true.
    package var tweaks: JSONObject = [:]
    /// As the rule has them, for the client.
    package var actions: [JSON] = []
    package static let silent = PushVerdict()

    package init(notifies: Bool = false, highlights: Bool = false) { self.notifies = notifies; self.highlights = highlights }

    /// Historical actions (`dont_notify`, `coalesce`) say nothing.
    init(_ actions: [JSON]) {
        self.actions = actions
        notifies = actions.contains { $0.stringValue == "notify" }
        for action in actions {
            guard let name = action["set_tweak"]?.stringValue else { continue }
            tweaks[name] = action["value"] ?? true
        }
        highlights = notifies && tweaks["highlight"] == true
    }
}

/// A text that is searched for words: without upper case, as bytes.
package struct PushText: Sendable {
    let bytes: [UInt8]
    package init(_ text: String) { bytes = Array(text.lowercased().utf8) }

    /// Whether `word` (of `PushText`) stands in it with no letter or digit right beside it. Bytes beyond ASCII belong to letters of other
    /// scripts, mostly: names are looked for by this rule.
    package func contains(word: [UInt8]) -> Bool {
        guard !word.isEmpty, bytes.count >= word.count else { return false }
        var start = 0
        while start + word.count <= bytes.count {
            guard let at = bytes[start...(bytes.count - word.count)].firstIndex(of: word[0]) else { return false }
            let end = at + word.count
            if bytes[at..<end].elementsEqual(word), at == 0 || !Self.isLetter(bytes[at - 1]), end == bytes.count || !Self.isLetter(bytes[end]) { return true }
            start = at + 1
        }
        return false
    }

    private static func isLetter(_ byte: UInt8) -> Bool { isWord(byte) || byte >= 0x80 }

    /// What a text is cut into: where a name is found in a text, the run that the name begins with is a whole run of the text.
    package enum Run: Sendable {
        /// For ``contains(word:)``.
        case letters
        /// For ``PushWords``.
        case wordCharacters

        fileprivate func holds(_ byte: UInt8) -> Bool { isWord(byte) || self == .letters && byte >= 0x80 }

        /// The run at the start of a name in lower case; empty when it begins with something else.
        package func first(of name: [UInt8]) -> [UInt8] { Array(name.prefix { holds($0) }) }

        fileprivate func all(in bytes: [UInt8]) -> Set<[UInt8]> {
            Set(bytes.split { !holds($0) }.map { Array($0) })
        }
    }
    package func runs(of kind: Run) -> Set<[UInt8]> { kind.all(in: bytes) }

    /// Whether this, which must be a run, is one of the text: the same without making them all.
    package func hasRun(_ run: [UInt8], of kind: Run) -> Bool {
        guard let first = run.first, bytes.count >= run.count else { return false }
        return bytes.withUnsafeBufferPointer { bytes in
            var at = 0
            while at + run.count <= bytes.count {
                if bytes[at] == first, at == 0 || !kind.holds(bytes[at - 1]) {
                    var length = 1
                    while length < run.count, bytes[at + length] == run[length] { length += 1 }
                    if length == run.count, at + length == bytes.count || !kind.holds(bytes[at + length]) { return true }
                }
                at += 1
            }
            return false
        }
    }

    /// What the specification calls no word boundary.
    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }
}

/// A pattern that must match a part of a text which starts and ends at a word boundary. Linear in the text for each piece between stars.
package struct PushWords: Sendable, Hashable {
    private enum Piece: Sendable, Hashable { case byte(UInt8), any }
    /// The runs between stars; the first is bound to the start of the match, the last to its end.
    private let runs: [[Piece]]

    package init(_ pattern: String) {
        var runs: [[Piece]] = [[]]
        for byte in pattern.lowercased().utf8 {
            switch byte {
            case UInt8(ascii: "*"): runs.append([])
            case UInt8(ascii: "?"): runs[runs.count - 1].append(.any)
            default: runs[runs.count - 1].append(.byte(byte))
            }
        }
        self.runs = runs
    }

    package func matches(_ text: PushText) -> Bool {
        let bytes = text.bytes
        guard runs.count > 1 else {
            // No star: the same run begins and ends at a boundary.
            var at = 0
            while at <= bytes.count {
                guard let start = next(runs[0], bytes, from: at) else { return false }
                if isBoundary(bytes, start), let end = end(runs[0], bytes, at: start), end > start, isBoundary(bytes, end) { return true }
                at = start + 1
            }
            return false
        }
        // The first place for each run is as good as any later one.
        var at = 0
        while true {
            guard let start = next(runs[0], bytes, from: at) else { return false }
            if isBoundary(bytes, start), let end = end(runs[0], bytes, at: start) { at = end; break }
            at = start + 1
            if at > bytes.count { return false }
        }
        for run in runs[1..<(runs.count - 1)] {
            guard let start = next(run, bytes, from: at), let end = end(run, bytes, at: start) else { return false }
            at = end
        }
        let last = runs[runs.count - 1]
        while at <= bytes.count {
            guard let start = next(last, bytes, from: at) else { return false }
            if let end = end(last, bytes, at: start), last.isEmpty || isBoundary(bytes, end) { return true }
            at = start + 1
        }
        return false
    }

    /// Before the byte at `at`: at the ends, or where a byte on either side is none of a word.
    private func isBoundary(_ bytes: [UInt8], _ at: Int) -> Bool {
        at == 0 || at == bytes.count || !PushText.isWord(bytes[at - 1]) || !PushText.isWord(bytes[at])
    }

    /// The first place at or after `from` where the run fits.
    private func next(_ run: [Piece], _ bytes: [UInt8], from: Int) -> Int? {
        guard let first = run.first else { return from <= bytes.count ? from : nil }
        var at = from
        while at < bytes.count {
            if case .byte(let byte) = first {
                guard let found = bytes[at...].firstIndex(of: byte) else { return nil }
                at = found
            }
            if end(run, bytes, at: at) != nil { return at }
            at += 1
        }
        return nil
    }

    /// Where the run ends when it begins at `at`; nil when it does not fit there.
    private func end(_ run: [Piece], _ bytes: [UInt8], at: Int) -> Int? {
        var at = at
        for piece in run {
            guard at < bytes.count else { return nil }
            switch piece {
            case .byte(let byte):
                guard bytes[at] == byte else { return nil }
                at += 1
            case .any:
                guard bytes[at] & 0xC0 != 0x80 else { return nil }   // inside a character
                at += 1
                while at < bytes.count, bytes[at] & 0xC0 == 0x80 { at += 1 }
            }
        }
        return at
    }
}
