import MatrixCore
import TestKit
import Testing

/// 50,000 broken documents: the parser says no or reads something that it can write and read again; it never traps.
@Suite struct JSONFuzzTests {
    static let seeds = [
        #"{"type":"m.room.message","content":{"body":"héllo \u00e9 \ud83d\ude00 \"q\" \\ \n","n":-12.5e3,"big":9007199254740993},"a":[1,[2,[3,{}]],null,true]}"#,
        #"{"room":{"timeline":{"limit":10,"types":["m.*"]},"rooms":["!a:b"]},"event_fields":["type"]}"#,
        #"[0,-0,1e10,1E-5,123456789012345678901234567890,0.1,"\u0000","日本語",{"":{"":{"":[]}}}]"#,
        #"{"users":{"@a:b":100,"@c:d":"50"},"events":{},"ban":50}"#,
    ].map { Array($0.utf8) }

    static let tokens: [[UInt8]] = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d", "\\udc00", "null", "tru", "-", "1e", "1e999", "0.", "00", "\u{0}", "\u{FEFF}", "é", "😀", "9223372036854775808",
        "-9223372036854775809", "[[[[[[[[[[", "{\"a\":{\"a\":",
    ].map { Array($0.utf8) } + [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]]

    @Test(arguments: 0..<5) func neverTraps(part: Int) {
        var random = SplitMix64(seed: UInt64(part) &+ 99)
        var readable = 0
        for round in 0..<10_000 {
            var bytes = Self.seeds[round % Self.seeds.count]
            for _ in 0...Int.random(in: 0..<4, using: &random) { Self.mutate(&bytes, &random) }
            guard let value = Self.parse(bytes) else { continue }
            readable += 1
            let encoded = value.encoded()
            if Self.parse(encoded) != value { Issue.record("not read again: \(bytes)") }
            do throws(CanonicalError) {
                let canonical = try value.canonical()
                if canonical != encoded { Issue.record("canonical form differs from the plain: \(bytes)") }
            } catch .badRaw { Issue.record("the parser made raw JSON") } catch {}
        }
        #expect(readable > 200)
    }

    static func parse(_ bytes: [UInt8]) -> JSON? {
        do throws(JSONError) { return try JSON.parse(bytes) } catch {
            if !(0...bytes.count).contains(error.offset) { Issue.record("offset \(error.offset) of \(bytes.count)") }
            return nil
        }
    }

    static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        guard !bytes.isEmpty else { return }
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.remove(at: at)
        case 3: bytes.insert(contentsOf: tokens.randomElement(using: &random) ?? [], at: at)
        case 4: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...8, using: &random)))
        default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 16)], at: Int.random(in: 0...bytes.count, using: &random))
        }
    }
}
