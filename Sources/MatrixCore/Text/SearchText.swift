/// Text as it is searched: the words of a text, each reduced to what "Commandes", "commandé" and "commander", or "ordered" and "orders",
/// have in common. The same is done to what is looked for. Pure.
///
/// No language is asked for or guessed: one set of light rules serves English and French. Two words that have nothing to do with each other
/// may fall together; one word and its plural always do. Where there are no spaces between words (Chinese, Japanese, Korean), each character
/// is a word.
package enum SearchText {
    /// Longer words are cut: what follows hardly ever tells two apart.
    package static let longestTerm = 32
    /// Further words of a text are not found.
    package static let mostTerms = 256

    package struct Word: Hashable {
        /// As it stands in the text, in lower case.
        package var text: String
        package var term: String
    }

    /// The terms of a text, each once, with how often they stand in it.
    package static func terms(_ text: String) -> [(term: String, count: Int)] {
        var index: [String: Int] = [:], found: [(term: String, count: Int)] = []
        each(text) { folded in
            let term = term(folded)
            if let at = index[term] { found[at].count += 1 } else if found.count < mostTerms {
                index[term] = found.count
                found.append((term, 1))
            }
        }
        return found
    }

    package static func words(_ text: String) -> [Word] {
        placed(text).map { Word(text: String(text.unicodeScalars[$0.range]).lowercased(), term: $0.term) }
    }

    /// The words where they stand; one that is several words to the index (with a sign in it) comes several times.
    package static func placed(_ text: String) -> [(range: Range<String.Index>, term: String)] {
        var found: [(range: Range<String.Index>, term: String)] = [], start = text.unicodeScalars.startIndex
        // Word by word, so that each term keeps the text it came from.
        let scalars = text.unicodeScalars
        func take(_ end: String.UnicodeScalarView.Index) {
            let range = start..<end
            each(String(scalars[range])) { folded in found.append((range, term(folded))) }
        }
        var at = start
        while at < scalars.endIndex {
            let next = scalars.index(after: at), kind = kind(scalars[at])
            if kind == .gap || kind == .alone {
                take(at)
                start = at
                if kind == .alone { take(next) }
                start = next
            }
            at = next
        }
        take(scalars.endIndex)
        return found
    }

    private enum Kind { case letter, mark, alone, gap }

    private static func kind(_ scalar: Unicode.Scalar) -> Kind {
        switch scalar.value {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: .letter
        case 0..<0x80: .gap
        case 0x300...0x36F: .mark
        case 0x2E80...0x2FDF, 0x3005...0x3007, 0x3040...0x30FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xAC00...0xD7AF, 0xF900...0xFAFF, 0x20000...0x3134F: .alone
        default: scalar.properties.isAlphabetic || scalar.properties.numericType != nil ? .letter : scalar.properties.generalCategory == .nonspacingMark ? .mark : .gap
        }
    }

    /// The words of a text without case and accents. A single letter is no word ("l'eau", "don't").
    private static func each(_ text: String, _ body: ([UInt8]) -> Void) {
        var word: [UInt8] = []
        word.reserveCapacity(longestTerm)
        func end() {
            if word.count > 1 || word.first.map({ $0 < 0x3A }) == true { body(word) }
            word.removeAll(keepingCapacity: true)
        }
        for scalar in text.unicodeScalars {
            switch kind(scalar) {
            case .mark: continue
            case .gap: end()
            case .alone:
                end()
                body(Array(String(Character(scalar)).utf8))
            case .letter:
                guard word.count < longestTerm else { continue }
                if scalar.isASCII { word.append(UInt8(truncatingIfNeeded: scalar.value) | (scalar.value >= 0x41 && scalar.value <= 0x5A ? 0x20 : 0)) }
                else if let plain = plain[scalar.value] { word += plain }
                else {
                    for lower in scalar.properties.lowercaseMapping.unicodeScalars {
                        if let plain = plain[lower.value] { word += plain } else { word += Array(String(Character(lower)).utf8) }
                    }
                }
            }
        }
        end()
    }

    /// Latin letters with marks, as the letters that they are made of.
    private static let plain: [UInt32: [UInt8]] = {
        var table: [UInt32: [UInt8]] = [:]
        for (letter, plain) in ["ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ŧ": "t"] as [Unicode.Scalar: String] {
            table[letter.value] = Array(plain.utf8)
        }
        // Characters are equal when they are canonically equivalent: a letter with a combining mark is the composed letter.
        var composed: [Character: UInt8] = [:]
        for base in "abcdefghijklmnopqrstuvwxyz".utf8 {
            let letter = String(UnicodeScalar(base))
            for first in 0x300...0x33F {
                guard let first = Unicode.Scalar(UInt32(first)) else { continue }
                composed[Character(letter + String(first))] = base
                guard "aeiou".utf8.contains(base), [0x302, 0x306, 0x31B, 0x308, 0x304].contains(first.value) else { continue }
                for second in 0x300...0x33F {
                    guard let second = Unicode.Scalar(UInt32(second)) else { continue }
                    let both = letter + String(first) + String(second)
                    if both.count == 1 { composed[Character(both)] = base }
                }
            }
        }
        for value in [UInt32](0xC0...0x24F) + [UInt32](0x1E00...0x1EFF) where table[value] == nil {
            guard let scalar = Unicode.Scalar(value), let base = composed[Character(scalar.properties.lowercaseMapping)] else { continue }
            table[value] = [base]
        }
        return table
    }()

    // MARK: endings

    private static func term(_ folded: [UInt8]) -> String { String(decoding: stem(folded), as: UTF8.self) }

    /// Ending, what stands in its place, and how much of the word must be left.
    private static let plurals: [(ending: [UInt8], instead: [UInt8], least: Int)] = [
        ("eaux", "eau", 1), ("aux", "al", 3), ("eux", "eu", 1), ("oux", "ou", 2), ("ies", "y", 2), ("ss", "ss", 1), ("us", "us", 1), ("s", "", 3),
    ].map { (Array($0.0.utf8), Array($0.1.utf8), $0.2) }
    private static let endings: [(ending: [UInt8], least: Int, undoubles: Bool)] = [
        ("issement", 4, false), ("ation", 4, true), ("ement", 4, false), ("ment", 4, false), ("ing", 3, true), ("ed", 3, true), ("er", 3, false), ("ez", 3, false),
        ("ee", 3, false), ("e", 3, false),
    ].map { (Array($0.0.utf8), $0.1, $0.2) }

    private static func stem(_ folded: [UInt8]) -> [UInt8] {
        guard folded.count > 3, folded.allSatisfy({ $0 >= 0x61 && $0 <= 0x7A }) else { return folded }
        var word = folded
        for rule in plurals where word.count >= rule.ending.count + rule.least && word.ends(with: rule.ending) {
            word.removeLast(rule.ending.count)
            word += rule.instead
            break
        }
        var undoubles = false
        // "ordering": first "ing", then "er", as "order" itself loses it.
        for _ in 0..<3 {
            guard let rule = endings.first(where: { word.count >= $0.ending.count + $0.least && word.ends(with: $0.ending) }) else { break }
            word.removeLast(rule.ending.count)
            undoubles = undoubles || rule.undoubles
        }
        if word.count >= (undoubles ? 4 : 6), let last = word.last, word[word.count - 2] == last, !"aeiou".utf8.contains(last) { word.removeLast() }
        if word.count > 2, word.last == UInt8(ascii: "y") { word[word.count - 1] = UInt8(ascii: "i") }
        return word
    }
}

extension [UInt8] {
    fileprivate func ends(with ending: [UInt8]) -> Bool { count >= ending.count && self[(count - ending.count)...].elementsEqual(ending) }
}
