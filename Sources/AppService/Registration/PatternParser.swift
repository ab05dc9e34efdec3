/// Reads a regular expression: what POSIX and Python share and registration files use.
struct PatternParser {
    private let text: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private(set) var ignoresCase = false
    private static let maxDepth = 32, maxCount = 1000, maxLength = 2000

    init(_ source: String) { text = Array(source.unicodeScalars) }

    mutating func parse() throws(Pattern.Failure) -> PatternNode {
        guard text.count <= Self.maxLength else { throw Pattern.Failure("it is longer than \(Self.maxLength) characters") }
        if has("(?i)") { index += 4; ignoresCase = true }
        let node = try choice()
        guard index == text.count else { throw Pattern.Failure("a ) stands without its (") }
        return node
    }

    private var next: Unicode.Scalar? { index < text.count ? text[index] : nil }
    private func has(_ word: String) -> Bool {
        let scalars = Array(word.unicodeScalars)
        return index + scalars.count <= text.count && Array(text[index..<index + scalars.count]) == scalars
    }

    private mutating func choice() throws(Pattern.Failure) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maxDepth else { throw Pattern.Failure("its parentheses are nested too deep") }
        var node = try sequence()
        while next == "|" {
            index += 1
            node = .choice(node, try sequence())
        }
        return node
    }

    private mutating func sequence() throws(Pattern.Failure) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" { nodes.append(try repeated(try atom())) }
        return nodes.isEmpty ? .empty : .sequence(nodes)
    }

    private mutating func atom() throws(Pattern.Failure) -> PatternNode {
        guard let scalar = next else { return .empty }
        index += 1
        switch scalar {
        case "(": return try group()
        case "[": return .set(try bracket())
        case ".": return .set(.any)
        case "^": return .start
        case "$": return .end
        case "\\": return try escape()
        case "*", "+", "?": throw Pattern.Failure("there is nothing that \(scalar) could repeat")
        default: return .set(CharacterRanges(scalar))
        }
    }

    private mutating func group() throws(Pattern.Failure) -> PatternNode {
        if has("?:") {
            index += 2
        } else if has("?P<") || (has("?<") && !has("?<=") && !has("?<!")) {
            guard let end = text[index...].firstIndex(of: ">") else { throw Pattern.Failure("the name of a group has no end") }
            index = end + 1
        } else if next == "?" {
            throw Pattern.Failure("look-around and flags inside (?...) are not supported")
        }
        let node = try choice()
        guard next == ")" else { throw Pattern.Failure("a ( has no )") }
        index += 1
        return node
    }

    private mutating func repeated(_ atom: PatternNode) throws(Pattern.Failure) -> PatternNode {
        var node = atom
        while let scalar = next {
            switch scalar {
            case "*": index += 1; node = .times(node, least: 0, most: nil)
            case "+": index += 1; node = .times(node, least: 1, most: nil)
            case "?": index += 1; node = .times(node, least: 0, most: 1)
            case "{":
                guard let (least, most, end) = try count() else { return node }
                index = end
                node = .times(node, least: least, most: most)
            default: return node
            }
            if next == "?" { index += 1 }   // lazy: the same texts match
        }
        return node
    }

    /// `{2}`, `{2,}`, `{2,5}`; anything else is an ordinary brace.
    private func count() throws(Pattern.Failure) -> (Int, Int?, Int)? {
        guard let end = text[index...].firstIndex(of: "}") else { return nil }
        let inner = String(String.UnicodeScalarView(text[index + 1..<end]))
        let parts = inner.split(separator: ",", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let least = Int(parts[0]) else { return nil }
        var most: Int? = least
        if parts.count == 2 {
            if parts[1].isEmpty { most = nil } else {
                guard let number = Int(parts[1]) else { return nil }
                most = number
            }
        }
        guard least >= 0, least <= Self.maxCount, (most ?? least) <= Self.maxCount, (most ?? least) >= least else {
            throw Pattern.Failure("{\(inner)} is no usable number of repetitions")
        }
        return (least, most, end + 1)
    }

    private mutating func escape() throws(Pattern.Failure) -> PatternNode {
        guard let scalar = next else { throw Pattern.Failure("it ends with a \\") }
        index += 1
        switch scalar {
        case "A": return .start
        case "Z", "z": return .end
        default: return .set(try escaped(scalar))
        }
    }

    private func escaped(_ scalar: Unicode.Scalar) throws(Pattern.Failure) -> CharacterRanges {
        var set: CharacterRanges
        switch scalar {
        case "d", "D": set = .digits
        case "w", "W": set = .word
        case "s", "S": set = .space
        case "n": return CharacterRanges("\n")
        case "t": return CharacterRanges("\t")
        case "r": return CharacterRanges("\r")
        default:
            let isLetter = (65...90).contains(scalar.value) || (97...122).contains(scalar.value) || (48...57).contains(scalar.value)
            guard !isLetter else { throw Pattern.Failure("\\\(scalar) is not supported") }
            return CharacterRanges(scalar)
        }
        set.isNegated = (65...90).contains(scalar.value)
        return set
    }

    private mutating func bracket() throws(Pattern.Failure) -> CharacterRanges {
        var set = CharacterRanges()
        if next == "^" { index += 1; set.isNegated = true }
        var isFirst = true
        while let scalar = next, scalar != "]" || isFirst {
            index += 1
            isFirst = false
            var low = CharacterRanges(scalar)
            if scalar == "\\" {
                guard let escapedScalar = next else { break }
                index += 1
                low = try escaped(escapedScalar)
                guard !low.isNegated else { throw Pattern.Failure("a negated class inside [...] is not supported") }
            }
            guard next == "-", index + 1 < text.count, text[index + 1] != "]", low.ranges.count == 1, let from = low.ranges.first, from.count == 1 else {
                set.ranges += low.ranges
                continue
            }
            var high = text[index + 1]
            index += 2
            if high == "\\" {
                guard let escapedScalar = next else { break }
                index += 1
                high = escapedScalar
            }
            guard high.value >= from.lowerBound else { throw Pattern.Failure("a range inside [...] is backwards") }
            set.ranges.append(from.lowerBound...high.value)
        }
        guard next == "]" else { throw Pattern.Failure("a [ has no ]") }
        index += 1
        return set
    }
}
