/// A regular expression of a namespace, matched at the beginning of a text as other homeservers do (`@irc_.*`, `@irc_` mean the same).
///
/// Invariants: matching takes time proportional to the text times the size of the expression, whatever both are (an automaton is
/// walked, nothing is tried again); what is not understood (back references, look-around) is an error and never silently something else.
package struct Pattern: Sendable {
    package struct Failure: Error, CustomStringConvertible, Equatable {
        package let description: String
        init(_ description: String) { self.description = description }
    }

    package let source: String
    private let program: [Step]
    static let maxSteps = 4096

    package init(_ source: String) throws(Failure) {
        var parser = PatternParser(source)
        let node = try parser.parse()
        var steps: [Step] = []
        try Self.compile(node, ignoresCase: parser.ignoresCase, into: &steps)
        steps.append(.accept)
        self.source = source
        program = steps
    }

    // MARK: matching

    package func matches(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        var current = States(program.count), next = States(program.count)
        for index in 0...scalars.count {
            if index == 0 { add(0, at: index, scalars.count, to: &current) }
            if current.accepts { return true }
            guard index < scalars.count, !current.list.isEmpty else { return false }
            next.clear()
            for step in current.list {
                if case .take(let set) = program[step], set.contains(scalars[index]) { add(step + 1, at: index + 1, scalars.count, to: &next) }
            }
            swap(&current, &next)
        }
        return false
    }

    private struct States {
        var list: [Int] = []
        var known: [Bool]
        var accepts = false
        init(_ count: Int) { known = Array(repeating: false, count: count) }
        mutating func clear() {
            list.removeAll(keepingCapacity: true)
            for index in known.indices { known[index] = false }
            accepts = false
        }
    }

    /// Follows all steps that take nothing.
    private func add(_ start: Int, at index: Int, _ end: Int, to states: inout States) {
        var open = [start]
        while let step = open.popLast() {
            guard !states.known[step] else { continue }
            states.known[step] = true
            switch program[step] {
            case .take: states.list.append(step)
            case .accept: states.accepts = true
            case .split(let a, let b): open.append(b); open.append(a)
            case .jump(let a): open.append(a)
            case .start: if index == 0 { open.append(step + 1) }
            case .end: if index == end { open.append(step + 1) }
            }
        }
    }

    // MARK: the program

    private enum Step: Sendable {
        case take(CharacterRanges)
        case split(Int, Int)
        case jump(Int)
        case start, end, accept
    }

    private static func compile(_ node: PatternNode, ignoresCase: Bool, into steps: inout [Step]) throws(Failure) {
        guard steps.count < maxSteps else { throw Failure("it is too large") }
        switch node {
        case .empty: break
        case .set(let set): steps.append(.take(ignoresCase ? set.ignoringCase : set))
        case .start: steps.append(.start)
        case .end: steps.append(.end)
        case .sequence(let nodes): for node in nodes { try compile(node, ignoresCase: ignoresCase, into: &steps) }
        case .choice(let a, let b):
            let split = steps.count
            steps.append(.jump(0))
            try compile(a, ignoresCase: ignoresCase, into: &steps)
            let over = steps.count
            steps.append(.jump(0))
            steps[split] = .split(split + 1, steps.count)
            try compile(b, ignoresCase: ignoresCase, into: &steps)
            steps[over] = .jump(steps.count)
        case .times(let node, let least, let most):
            for _ in 0..<least { try compile(node, ignoresCase: ignoresCase, into: &steps) }
            if let most {
                var splits: [Int] = []
                for _ in least..<max(least, most) {
                    splits.append(steps.count)
                    steps.append(.jump(0))
                    try compile(node, ignoresCase: ignoresCase, into: &steps)
                }
                for split in splits { steps[split] = .split(split + 1, steps.count) }
            } else {
                let split = steps.count
                steps.append(.jump(0))
                try compile(node, ignoresCase: ignoresCase, into: &steps)
                steps.append(.jump(split))
                steps[split] = .split(split + 1, steps.count)
            }
        }
    }
}

indirect enum PatternNode: Sendable {
    case empty, start, end
    case set(CharacterRanges)
    case sequence([PatternNode])
    case choice(PatternNode, PatternNode)
    /// `most` nil: without end.
    case times(PatternNode, least: Int, most: Int?)
}

/// A set of characters.
struct CharacterRanges: Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    static let any = CharacterRanges(isNegated: true)
    static let digits = CharacterRanges(ranges: [48...57])
    static let word = CharacterRanges(ranges: [48...57, 65...90, 95...95, 97...122])
    static let space = CharacterRanges(ranges: [9...13, 32...32])

    init(ranges: [ClosedRange<UInt32>] = [], isNegated: Bool = false) { self.ranges = ranges; self.isNegated = isNegated }
    init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }

    func contains(_ scalar: Unicode.Scalar) -> Bool { ranges.contains { $0.contains(scalar.value) } != isNegated }

    /// ASCII letters in both cases.
    var ignoringCase: CharacterRanges {
        var set = self
        for range in ranges {
            let lower = max(range.lowerBound, 97), upper = min(range.upperBound, 122)
            if lower <= upper { set.ranges.append(lower - 32...upper - 32) }
            let lowerCapital = max(range.lowerBound, 65), upperCapital = min(range.upperBound, 90)
            if lowerCapital <= upperCapital { set.ranges.append(lowerCapital + 32...upperCapital + 32) }
        }
        return set
    }
}
