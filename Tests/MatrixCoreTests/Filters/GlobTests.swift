import MatrixCore
import Testing

@Suite struct GlobTests {
    @Test(arguments: [
        ("", "", true), ("", "a", false), ("*", "", true), ("*", "anything", true), ("a", "a", true), ("a", "A", false), ("m.room.*", "m.room.message", true),
        ("m.room.*", "m.room.", true), ("m.room.*", "m.roomy", false), ("*.message", "m.room.message", true), ("m.*.message", "m.room.message", true),
        ("m.*.message", "m.message", false), ("*a*b*", "xxaxxbxx", true), ("*a*b*", "xxbxxaxx", false), ("a**b", "ab", true), ("a?c", "abc", true), ("a?c", "ac", false),
        ("a?c", "aéc", true), ("a?c", "a😀c", true), ("??", "é", false), ("*é", "caffé", true), ("a.c", "abc", false), ("[a]", "a", false), ("*?", "", false), ("*?", "é", true),
        ("a*", "b", false), ("*a", "aab", false), ("ab*ab", "ab", false), ("ab*ab", "abab", true),
    ])
    func matches(pattern: String, text: String, expected: Bool) { #expect(Glob(pattern).matches(text) == expected) }

    @Test func aFilterKnowsNoSingle() {
        #expect(!Glob("a?", single: false).matches("ab"))
        #expect(Glob("a?", single: false).matches("a?"))
        #expect(Glob("a?", single: false).isLiteral)
        #expect(!Glob("a*", single: false).isLiteral)
    }

    @Test func caseCanBeFolded() {
        #expect(Glob("CAK?lie*", foldsCase: true).matches("cakElieXYZ"))
        #expect(!Glob("CAK?lie*").matches("cakElieXYZ"))
    }

    /// Patterns that make a backtracking matcher take hours.
    @Test(.timeLimit(.minutes(1))) func noPatternIsSlow() {
        #expect(!Glob(String(repeating: "*a", count: 200)).matches(String(repeating: "a", count: 5_000) + "b"))
    }
}
