import MatrixCore
import ServerKit
import Store

/// What somebody looks for: words that must all stand in a conversation, wherever in it; of the last one the beginning is enough.
struct Finder: Sendable {
    enum Within: String, Sendable, CaseIterable { case all, messages, notes }
    static let mostWords = 6
    /// Of a word that is still being typed, so many words that begin with it.
    static let mostBeginnings = 8
    /// Conversations that are looked at for one answer: further back one goes by its cursor.
    static let farthest = 6000
    private static let batch = 200
    /// A word that stands in fewer messages is looked up whole, by one statement.
    private static let few: Int64 = 8000

    /// For each word the terms of which one must be there.
    let words: [[String]]
    let within: Within

    init(_ tx: ReadTx, _ text: String, within: Within = .all) throws {
        self.within = within
        var found: [[String]] = []
        let typed = SearchText.words(text)
        for (index, word) in typed.enumerated() where found.count < Self.mostWords && !found.contains(where: { $0.first == word.term }) {
            let isBeginning = index == typed.count - 1 && word.term.count > 1 && text.last?.isWhitespace == false
            found.append(isBeginning ? try Self.beginnings(tx, word.term) : [word.term])
        }
        words = found
    }

    /// The term and those that it begins, in the index of conversations or of contacts.
    private static func beginnings(_ tx: ReadTx, _ term: String) throws -> [String] {
        var terms = [term]
        for table in ["desk_posting", "desk_contact_posting"] {
            var last = term
            for _ in 0..<mostBeginnings {
                guard let next = try tx.first("SELECT MIN(term) FROM \(table) WHERE term > ? AND term < ?", last, term + "\u{10FFFF}", row: { $0.textOrNil(0) }) ?? nil else { break }
                if !terms.contains(next) { terms.append(next) }
                last = next
            }
        }
        return terms
    }

    private var kind: String {
        switch within {
        case .all: ""
        case .messages: " AND kind = \(DeskIndex.Kind.message.rawValue)"
        case .notes: " AND kind = \(DeskIndex.Kind.note.rawValue)"
        }
    }

    // MARK: conversations

    /// Numbers of conversations, the newest first, that have all words and fit the filter; and where to go on, when there may be more.
    func conversations(_ tx: ReadTx, _ filter: Conversations.Filter, before: Int64 = .max, limit: Int) throws -> (numbers: [Int64], next: Int64?) {
        guard !words.isEmpty else { return ([], nil) }
        // The rarest word leads: the others are looked up in its conversations only.
        let counts = try words.map { terms in
            try terms.reduce(Int64(0)) { sum, term in
                sum + (try tx.first("SELECT COUNT(*) FROM (SELECT 1 FROM desk_posting WHERE term = ?\(kind) LIMIT \(Self.few)) AS counted", term) { $0.int(0) } ?? 0)
            }
        }
        guard let leader = counts.indices.min(by: { counts[$0] < counts[$1] }) else { return ([], nil) }
        /// That the other words are there too, for a column with the conversation's number.
        func others(_ number: String) -> String {
            words.indices.filter { $0 != leader }.map { index in
                " AND EXISTS (SELECT 1 FROM desk_posting o WHERE o.term IN (\(Placeholders.list(words[index].count))) AND o.conversation = \(number)\(kind.replacing("kind", with: "o.kind")))"
            }.joined()
        }
        let otherTerms: [any Bindable] = words.indices.filter { $0 != leader }.flatMap { words[$0] }
        if counts[leader] < Self.few {
            let terms = words[leader], first: [any Bindable] = terms + [before], found: [Int64]
            // The words first: most conversations need not be looked at.
            found = try tx.all("""
                SELECT c.number FROM (SELECT DISTINCT l.conversation AS number FROM desk_posting l WHERE l.term IN (\(Placeholders.list(terms.count))) AND l.conversation < ?\(kind.replacing("kind", with: "l.kind"))\(others("l.conversation"))) AS p
                JOIN desk_conversation c ON c.number = p.number WHERE \(filter.sql) ORDER BY c.number DESC LIMIT ?
                """, array: first + otherTerms + (filter.binds as [any Bindable]) + [limit + 1]) { $0.int(0) }
            return (Array(found.prefix(limit)), found.count > limit ? found[limit - 1] : nil)
        }
        let check = "SELECT c.number FROM desk_conversation c WHERE c.number IN (\(Placeholders.list(Self.batch))) AND \(filter.sql)\(others("c.number")) ORDER BY c.number DESC"
        var found: [Int64] = [], from = before, looked = 0
        while looked < Self.farthest {
            let candidates = try candidates(tx, words[leader], before: from)
            guard let last = candidates.last else { return (found, nil) }
            var numbers: [any Bindable] = candidates
            while numbers.count < Self.batch { numbers.append(Int64(-1)) }
            found += try tx.all(check, array: numbers + (filter.binds as [any Bindable]) + otherTerms) { $0.int(0) }
            if found.count > limit { return (Array(found.prefix(limit)), found[limit - 1]) }
            from = last
            looked += candidates.count
        }
        return (found, from)
    }
    /// Conversations that have one of the terms, the newest first.
    private func candidates(_ tx: ReadTx, _ terms: [String], before: Int64) throws -> [Int64] {
        var all: Set<Int64> = [], floor = Int64.min
        for term in terms {
            let some = try tx.all("SELECT DISTINCT conversation FROM desk_posting WHERE term = ? AND conversation < ?\(kind) ORDER BY conversation DESC LIMIT ?", term, before, Self.batch) { $0.int(0) }
            all.formUnion(some)
            // Of a term with more than that, nothing is known further back.
            if some.count == Self.batch, let last = some.last { floor = max(floor, last) }
        }
        return Array(all.filter { $0 >= floor }.sorted(by: >).prefix(Self.batch))
    }

    // MARK: what stands in them

    /// The items that have most of the words, the newest of these first; and whether it is the contact whose name was looked for.
    func hits(_ tx: ReadTx, conversation: Int64, most: Int) throws -> (items: [Int64], isContact: Bool) {
        let terms = Array(Set(words.joined())).sorted()
        let rows = try tx.all("SELECT item, term FROM desk_posting WHERE term IN (\(Placeholders.list(terms.count))) AND conversation = ?\(kind) ORDER BY item DESC LIMIT 120",
                              array: terms as [any Bindable] + [conversation]) { ($0.int(0), $0.text(1)) }
        var found: [Int64: Set<Int>] = [:]
        for (item, term) in rows { found[item, default: []].formUnion(words.indices.filter { words[$0].contains(term) }) }
        // One with a word less is shown only beside those that have one of their own.
        var left = found.filter { $0.key > 0 }.sorted { ($0.value.count, $0.key) > ($1.value.count, $1.key) }, shown: [Int64] = [], seen: Set<Int> = []
        while let best = left.first, shown.count < most {
            left.removeFirst()
            if shown.isEmpty || best.value.count == words.count || !best.value.isSubset(of: seen) {
                shown.append(best.key)
                seen.formUnion(best.value)
            }
        }
        return (shown, found[0] != nil)
    }

    /// A piece of the text around its first word that was looked for, in parts of which those that were found are marked.
    func pieces(_ text: String, longest: Int = 200) -> [(text: String, isFound: Bool)] {
        let terms = Set(words.joined())
        var marks: [Range<String.Index>] = []
        for (range, term) in SearchText.placed(text) where terms.contains(term) && marks.last.map({ $0.upperBound <= range.lowerBound }) ?? true { marks.append(range) }
        let first = marks.first?.lowerBound ?? text.startIndex
        var start = text.index(first, offsetBy: -60, limitedBy: text.startIndex) ?? text.startIndex
        if start > text.startIndex, let blank = text[start..<first].firstIndex(where: \.isWhitespace) { start = text.index(after: blank) }
        let end = text.index(start, offsetBy: longest, limitedBy: text.endIndex) ?? text.endIndex
        var pieces: [(text: String, isFound: Bool)] = [], at = start
        func add(_ range: Range<String.Index>, _ isFound: Bool) {
            guard !range.isEmpty else { return }
            pieces.append((String(text[range].map { $0.isNewline ? " " : $0 }), isFound))
        }
        if start > text.startIndex { pieces.append(("…", false)) }
        for mark in marks where mark.lowerBound >= start && mark.upperBound <= end {
            add(at..<mark.lowerBound, false)
            add(mark, true)
            at = mark.upperBound
        }
        add(at..<end, false)
        if end < text.endIndex { pieces.append(("…", false)) }
        return pieces
    }

    // MARK: contacts

    /// Numbers of contacts whose name, address, phone or company has all words, the newest first.
    func contacts(_ tx: ReadTx, limit: Int) throws -> [Int64] {
        var left: Set<Int64>?
        for terms in words {
            var some: Set<Int64> = []
            if let now = left {
                for number in now where try tx.exists("SELECT 1 FROM desk_contact_posting WHERE contact = ? AND term IN (\(Placeholders.list(terms.count)))", array: [number] + terms as [any Bindable]) {
                    some.insert(number)
                }
            } else {
                for term in terms { some.formUnion(try tx.all("SELECT contact FROM desk_contact_posting WHERE term = ? ORDER BY contact DESC LIMIT 300", term) { $0.int(0) }) }
            }
            if some.isEmpty { return [] }
            left = some
        }
        return Array((left ?? []).sorted(by: >).prefix(limit))
    }
}
