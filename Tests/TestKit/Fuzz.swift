/// Broken input that can be made again: good input with bytes changed, taken out, doubled, and bits of the language thrown in.
package struct Fuzz: RandomNumberGenerator, Sendable {
    private var chance: SplitMix64
    private let tokens: [[UInt8]]

    /// - Parameter tokens: what has a meaning in the language.
    package init(seed: UInt64, tokens: [String] = []) {
        chance = SplitMix64(seed: seed)
        self.tokens = tokens.map { Array($0.utf8) } + [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0], Array("é".utf8), Array("😀".utf8), Array("9223372036854775808".utf8)]
    }

    package mutating func next() -> UInt64 { chance.next() }
    package mutating func below(_ bound: Int) -> Int { chance.below(bound) }
    package mutating func pick<T>(_ items: [T]) -> T { chance.pick(items) }

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
