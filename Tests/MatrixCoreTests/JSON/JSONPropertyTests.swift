import MatrixCore
import TestKit
import Testing

enum RandomJSON {
    static func value(_ random: inout SplitMix64, depth: Int = 0, floats: Bool = true) -> JSON {
        switch Int.random(in: 0..<(depth > 4 ? 5 : 9), using: &random) {
        case 0: return Bool.random(using: &random) ? .null : .bool(Bool.random(using: &random))
        case 1: return .int(Int64.random(in: -9_007_199_254_740_991...9_007_199_254_740_991, using: &random) >> Int64.random(in: 0...53, using: &random))
        case 2 where floats:
            let double = Double(bitPattern: random.next())
            return double.isFinite ? .double(double) : .double(0.5)
        case 2, 3, 4: return .string(string(&random))
        case 5, 6: return .array((0..<Int.random(in: 0...5, using: &random)).map { _ in value(&random, depth: depth + 1, floats: floats) })
        default:
            return .object(JSONObject((0..<Int.random(in: 0...12, using: &random)).map { _ in (key: string(&random), value: value(&random, depth: depth + 1, floats: floats)) }))
        }
    }

    static func string(_ random: inout SplitMix64) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...20, using: &random) {
            let limit: UInt32 = [0x20, 0x7F, 0x7F, 0x7F, 0x7FF, 0xFFFF, 0x10FFFF].randomElement(using: &random) ?? 0x7F
            if let scalar = Unicode.Scalar(UInt32.random(in: 0...limit, using: &random)) { text.append(scalar) }
        }
        return String(text)
    }
}

@Suite struct JSONPropertyTests {
    @Test func parsingUndoesEncoding() throws {
        var random = SplitMix64(seed: 1)
        for _ in 0..<1_500 {
            let value = RandomJSON.value(&random)
            #expect(try JSON.parse(value.encoded()) == value)
        }
    }

    @Test func canonicalFormIsItsOwnCanonicalForm() throws {
        var random = SplitMix64(seed: 2)
        for _ in 0..<1_500 {
            let value = RandomJSON.value(&random, floats: false)
            let canonical = try value.canonical()
            let again = try JSON.parse(canonical)
            #expect(again == value)
            #expect(try again.canonical() == canonical)
            #expect(value.encoded() == canonical)
        }
    }

    /// The order of members in the input does not show in the canonical form.
    @Test func canonicalFormForgetsTheOrder() throws {
        var random = SplitMix64(seed: 3)
        for _ in 0..<300 {
            guard case .object(let object) = RandomJSON.value(&random, floats: false) else { continue }
            var text = Array("{".utf8)
            for (index, member) in object.shuffled(using: &random).enumerated() {
                if index > 0 { text += Array(" ,\n".utf8) }
                text += JSON.string(member.key).encoded() + Array(" : ".utf8) + member.value.encoded()
            }
            #expect(try JSONObject.parse(text + Array("}".utf8)).canonical() == object.canonical())
        }
    }

    @Test func everyDoubleSurvives() throws {
        var random = SplitMix64(seed: 4)
        for _ in 0..<5_000 {
            let double = Double(bitPattern: random.next())
            guard double.isFinite else { continue }
            #expect(try JSON.parse(JSON.double(double).encoded()).doubleValue == double)
        }
    }

    @Test func everyIntegerSurvives() throws {
        var random = SplitMix64(seed: 5)
        for _ in 0..<5_000 {
            let integer = Int64(bitPattern: random.next()) >> Int64.random(in: 0...63, using: &random)
            #expect(try JSON.parse(JSON.int(integer).encoded()) == .int(integer))
        }
    }

    @Test func base64AndHexSurvive() {
        var random = SplitMix64(seed: 6)
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base64.decodeURLSafe(Base64.encodeURLSafe(bytes)) == bytes)
            #expect(Base64.decode(Base64.encodePadded(bytes)) == bytes)
            #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        }
    }
}
