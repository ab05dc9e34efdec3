/// Broken input that can be made again: good input with bytes changed, taken out, doubled, and bits of the language thrown in.
package struct Fuzz: RandomNumberGenerator, Sendable {
    private var state: UInt64
    private let tokens: [[UInt8]]

    /// - Parameter tokens: what has a meaning in the language.
    package init(seed: UInt64, tokens: [String] = []) {
        state = seed
        self.tokens = tokens.map { Array($0.utf8) } + [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0], Array("é".utf8), Array("😀".utf8), Array("9223372036854775808".utf8)]
    }

    /// SplitMix64: the same numbers on every machine.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
    package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }
    package mutating func pick<T>(_ items: [T]) -> T { items[below(items.count)] }

    /// One of the seeds with one to four changes.
    package mutating func broken(_ seeds: [[UInt8]]) -> [UInt8] {
        var bytes = pick(seeds)
        for _ in 0...below(4) {
            let at = below(bytes.count + 1)
            guard at < bytes.count else { bytes += pick(tokens); continue }
            switch below(6) {
            case 0: bytes[at] = UInt8(truncatingIfNeeded: next())
            case 1: bytes[at] ^= 1 << UInt8(below(8))
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + 1 + below(8)))
            case 3: bytes.insert(contentsOf: pick(tokens), at: at)
            case 4: bytes.removeSubrange(at...)
            default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 16)], at: below(bytes.count))
            }
        }
        return bytes
    }
    package mutating func broken(_ seeds: [String]) -> String { String(decoding: broken(seeds.map { Array($0.utf8) }), as: UTF8.self) }

    /// A short text over few characters, so that coincidences happen.
    package mutating func text(of characters: [Character], max: Int) -> String { String((0..<below(max + 1)).map { _ in pick(characters) }) }
}
