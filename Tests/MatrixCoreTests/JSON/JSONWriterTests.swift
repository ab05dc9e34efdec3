import MatrixCore
import Testing

@Suite struct JSONWriterTests {
    @Test(arguments: [
        (.null, "null"), (true, "true"), (.int(.min), "-9223372036854775808"), (7, "7"), (10, "10"), (1.5, "1.5"), (.double(1), "1.0"), (.double(.nan), "null"),
        ("é😀\u{7F}\u{2028}", "\"é😀\u{7F}\u{2028}\""), ("\"\\/\u{8}\t\n\u{C}\r\u{0}\u{1F}", #""\"\\/\b\t\n\f\r\u0000\u001f""#),
        ([], "[]"), ([1, [], [:]], "[1,[],{}]"), (["b": 1, "a": "x"], #"{"a":"x","b":1}"#), (["r": .raw(Array("{ }".utf8))], #"{"r":{ }}"#),
    ] as [(JSON, String)])
    func writes(value: JSON, text: String) { #expect(String(decoding: value.encoded(), as: UTF8.self) == text) }

    /// The examples of https://spec.matrix.org/latest/appendices/#canonical-json
    @Test(arguments: [
        ("{}", "{}"),
        (#"{"one": 1, "two": "Two"}"#, #"{"one":1,"two":"Two"}"#),
        (#"{"b": "2", "a": "1"}"#, #"{"a":"1","b":"2"}"#),
        (
            #"{"auth":{"success":true,"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"medium":"email","address":"john.doe@example.org"},{"medium":"msisdn","address":"123456789"}]}}}"#,
            #"{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"address":"john.doe@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},"success":true}}"#
        ),
        (#"{"a": "日本語"}"#, #"{"a":"日本語"}"#),
        (#"{"本": 2, "日": 1}"#, #"{"日":1,"本":2}"#),
        (#"{"a": "\u65E5"}"#, #"{"a":"日"}"#),
        (#"{"a": null}"#, #"{"a":null}"#),
        (#"{"a": -0, "b": 1e10}"#, #"{"a":0,"b":10000000000}"#),
    ])
    func canonicalExamplesOfTheSpecification(text: String, canonical: String) throws {
        #expect(String(decoding: try JSON.parse(text).canonical(), as: UTF8.self) == canonical)
    }

    /// By code point, which is neither UTF-16 order nor Swift's: U+FF5E before U+10000.
    @Test func keysAreSortedByCodePoint() throws {
        let value: JSON = ["\u{10000}": 1, "\u{FF5E}": 2, "a": 3, "B": 4]
        #expect(String(decoding: try value.canonical(), as: UTF8.self) == "{\"B\":4,\"a\":3,\"\u{FF5E}\":2,\"\u{10000}\":1}")
    }

    @Test(arguments: [
        ("1.5", .float), ("[1.0]", .float), ("9007199254740992", .integerOutOfRange(9_007_199_254_740_992)),
        (#"{"a":{"b":-9007199254740992}}"#, .integerOutOfRange(-9_007_199_254_740_992)), ("100000000000000000000", .float),
    ] as [(String, CanonicalError)])
    func canonicalRefuses(text: String, error: CanonicalError) throws {
        let value = try JSON.parse(text)
        #expect(throws: error) { try value.canonical() }
    }

    @Test func canonicalLooksIntoRaw() throws {
        #expect(try JSON.array([.raw(Array(#"{"b":1, "a":2}"#.utf8))]).canonical() == Array(#"[{"a":2,"b":1}]"#.utf8))
        #expect(throws: CanonicalError.badRaw(JSONError(kind: .syntax, offset: 0))) { try JSON.raw([]).canonical() }
    }

    @Test func largestIntegersAreCanonical() throws {
        #expect(try JSON.array([.int(9_007_199_254_740_991), .int(-9_007_199_254_740_991)]).canonical() == Array("[9007199254740991,-9007199254740991]".utf8))
    }
}
