/// Text as it is searched: without case and without accents, so that "Zoé" is found by "zoe" and "ZOÉ".
enum TextFolding {
    static func fold(_ text: String) -> String {
        var out = ""
        out.reserveCapacity(text.utf8.count)
        for character in text.lowercased() {
            if character.isASCII {
                out.append(character)
            } else if let plain = table[character] {
                out += plain
            } else {
                // Marks that stand on letters outside the table.
                for scalar in character.unicodeScalars where scalar.properties.generalCategory != .nonspacingMark { out.unicodeScalars.append(scalar) }
            }
        }
        return out
    }

    /// The words of a search.
    static func words(_ text: String) -> [String] { fold(text).split(whereSeparator: \.isWhitespace).map(String.init) }

    /// Letters with marks to plain letters. Characters are equal when they are canonically equivalent, so a letter with a
    /// combining mark is also the key of the composed letter.
    private static let table: [Character: String] = {
        var table: [Character: String] = [
            "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ŋ": "n", "ĸ": "k", "ŧ": "t",
            "ς": "σ", "ё": "е", "й": "и",
        ]
        let marks = (0x300...0x33F).compactMap(Unicode.Scalar.init)
        for base in "abcdefghijklmnopqrstuvwxyzαεηιουω" {
            for first in marks {
                table[Character(String(base) + String(Character(first)))] = String(base)
                guard "aeiou".contains(base) else { continue }
                // Two marks, as in Vietnamese: circumflex, breve, horn, diaeresis and macron with a tone.
                for second in marks where [0x302, 0x306, 0x31B, 0x308, 0x304].contains(first.value) {
                    var both = String(base)
                    both.unicodeScalars.append(first)
                    both.unicodeScalars.append(second)
                    if both.count == 1 { table[Character(both)] = String(base) }
                }
            }
        }
        return table
    }()
}
