import MatrixCore
import Testing

@Suite struct JSONParserTests {
    @Test(arguments: [
        ("null", JSON.null), (" true ", true), ("false", false), ("0", 0), ("-0", 0), ("-1", -1),
        ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
        ("9223372036854775808", .double(9_223_372_036_854_775_808)), ("1.5", 1.5), ("1.0", .double(1)), ("1e10", 10_000_000_000), ("1E-2", 0.01),
        ("1e2", 100), ("-2.5e3", .double(-2500)),
        ("\"\"", ""), (#""a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{C}\n\r\t"), (#""\u00e9\u65e5\uD83D\uDE00""#, "é日😀"), ("\"é日😀\"", "é日😀"),
        (#""\u0000""#, "\0"), ("\"0123456789abcdef\"", "0123456789abcdef"), ("\"01234567\\\"\"", "01234567\""), ("\"\u{7F}\"", "\u{7F}"),
        ("[]", []), ("{}", [:]), ("[ 1 , [ ] ]", [1, []]), (#"{"b":1,"a":{"c":[true,null]}}"#, ["a": ["c": [true, .null]], "b": 1]),
        (#"{"a":1,"a":2}"#, ["a": 2]), (#"{"b":0,"a":1,"b":3,"a":2}"#, ["a": 2, "b": 3]),
    ] as [(String, JSON)])
    func reads(text: String, value: JSON) throws { #expect(try JSON.parse(text) == value) }

    @Test(arguments: [
        ("", .syntax), (" ", .syntax), ("nul", .syntax), ("nulll", .syntax), ("True", .syntax), ("01", .syntax), ("-", .syntax), ("+1", .syntax), (".5", .syntax),
        ("1.", .syntax), ("1e", .syntax), ("1e+", .syntax), ("0x10", .syntax), ("NaN", .syntax), ("Infinity", .syntax), ("-Infinity", .syntax),
        ("1e999", .numberOutOfRange), ("[1,]", .syntax), ("[,1]", .syntax), ("[1 2]", .syntax), ("[1", .syntax), ("]", .syntax), ("{", .syntax),
        (#"{"a"}"#, .syntax), (#"{"a":}"#, .syntax), (#"{"a":1,}"#, .syntax), (#"{a:1}"#, .syntax), (#"{'a':1}"#, .syntax), (#"{"a":1 "b":2}"#, .syntax),
        (#"{1:2}"#, .syntax), ("\"", .syntax), ("\"a", .syntax), (#""\""#, .syntax), (#""\x41""#, .syntax), (#""\u12""#, .syntax), (#""\u12G4""#, .syntax),
        ("\"\n\"", .syntax), ("\"a\u{1}\"", .syntax), ("\"12345678\u{1F}\"", .syntax), ("{} {}", .syntax), ("// c\n1", .syntax), ("\u{FEFF}1", .syntax),
        (#""\uD83D""#, .loneSurrogate), (#""\uD83Dx""#, .loneSurrogate), (#""\uDE00""#, .loneSurrogate), (#""\uD83D\u0041""#, .loneSurrogate),
        (#""\uD83D\uD83D""#, .loneSurrogate),
    ] as [(String, JSONError.Kind)])
    func refuses(text: String, kind: JSONError.Kind) {
        #expect { try JSON.parse(text) } throws: { ($0 as? JSONError)?.kind == kind }
    }

    @Test(arguments: [
        [0xFF], [0xC3], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xE2, 0x82],
    ] as [[UInt8]])
    func refusesBytesThatAreNotUTF8(bytes: [UInt8]) {
        for text in [bytes, Array("padding-padding-".utf8) + bytes, Array(#"\n"#.utf8) + bytes] {
            #expect { try JSON.parse([0x22] + text + [0x22]) } throws: { ($0 as? JSONError)?.kind == .invalidUTF8 }
        }
    }

    @Test func depthIsLimited() throws {
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        _ = try JSON.parse(nested(100))
        for depth in [101, 100_000] {
            #expect { try JSON.parse(nested(depth)) } throws: { ($0 as? JSONError)?.kind == .tooDeep }
        }
        #expect { try JSON.parse(String(repeating: #"{"a":"#, count: 5000)) } throws: { ($0 as? JSONError)?.kind == .tooDeep }
    }

    @Test func sizeIsLimited() throws {
        _ = try JSON.parse("[1]", limits: JSONLimits(bytes: 3))
        #expect { try JSON.parse("[1] ", limits: JSONLimits(bytes: 3)) } throws: { ($0 as? JSONError)?.kind == .tooLarge }
    }

    @Test func keysThatDifferOnlyByNormalisationAreTwo() throws {
        let object = try JSONObject.parse(Array("{\"e\u{301}\":1,\"\u{E9}\":2}".utf8))
        #expect(object.count == 2)
        #expect(object["e\u{301}"] == 1)
        #expect(object["\u{E9}"] == 2)
        #expect(JSON.string("e\u{301}") != JSON.string("\u{E9}"))
        // Same length in bytes, canonically equivalent, still two.
        #expect(JSON.string("a\u{301}\u{323}") != JSON.string("a\u{323}\u{301}"))
    }

    @Test func aSliceIsReadInItsBounds() throws {
        let bytes = Array("xx[1,2]yy".utf8)
        #expect(try JSON.parse(bytes[2..<7]) == [1, 2])
    }

    @Test func onlyAnObjectIsAnObject() {
        #expect { try JSONObject.parse(Array("[]".utf8)) } throws: { ($0 as? JSONError)?.kind == .notAnObject }
    }

    @Test func theOffsetNamesTheByte() {
        #expect { try JSON.parse(#"{"a":tru}"#) } throws: { $0 as? JSONError == JSONError(kind: .syntax, offset: 5) }
    }
}

@Suite struct JSONObjectTests {
    @Test func largeObjectsFindEveryKey() {
        var object = JSONObject()
        for number in (0..<200).reversed() { object["key\(number)"] = JSON(number) }
        #expect(object.count == 200)
        for number in 0..<200 { #expect(object["key\(number)"] == JSON(number)) }
        #expect(object["absent"] == nil)
        #expect(object.keys == object.keys.sorted())
        object["key7"] = nil
        #expect(object.count == 199)
        #expect(!object.contains("key7"))
        #expect(object.removeValue(forKey: "key8") == 8)
        #expect(object.removeValue(forKey: "key8") == nil)
    }

    @Test func mergingPrefersTheOther() {
        #expect((["a": 1, "b": 1] as JSONObject).merging(["b": 2, "c": 3]) == ["a": 1, "b": 2, "c": 3])
    }

    @Test func accessorsAnswerOnlyTheirKind() {
        let value: JSON = ["s": "x", "i": 1, "d": 1.5, "b": true, "n": .null, "a": [1, 2]]
        #expect(value["s"]?.stringValue == "x")
        #expect(value["i"]?.intValue == 1)
        #expect(value["i"]?.doubleValue == 1)
        #expect(value["d"]?.intValue == nil)
        #expect(value["d"]?.doubleValue == 1.5)
        #expect(value["b"]?.boolValue == true)
        #expect(value["n"]?.isNull == true)
        #expect(value["a"]?[1] == 2)
        #expect(value["a"]?[2] == nil)
        #expect(value["a"]?["x"] == nil)
        #expect(value["s"]?[0] == nil)
    }
}
