@testable import AppService
import Testing

struct PatternTests {
    @Test(arguments: [
        ("@irc_.*", "@irc_bob:test", true), ("@irc_.*", "@bob:test", false), ("@irc_.*", "x@irc_bob:test", false),
        ("@irc_", "@irc_bob:test", true),   // matched at the beginning, not to the end
        ("@irc_.*:test$", "@irc_bob:test", true), ("@irc_.*:test$", "@irc_bob:test2", false),
        ("@telegram_[0-9]+:ex\\.org", "@telegram_123:ex.org", true), ("@telegram_[0-9]+:ex\\.org", "@telegram_:ex.org", false),
        ("@telegram_\\d+:ex\\.org", "@telegram_1:exxorg", false),
        ("^@(a|bc|)d$", "@ad", true), ("^@(a|bc|)d$", "@bcd", true), ("^@(a|bc|)d$", "@d", true), ("^@(a|bc|)d$", "@abcd", false),
        ("@x{2,3}y", "@xxy", true), ("@x{2,3}y", "@xy", false), ("@x{2,3}y", "@xxxxy", false), ("@x{2}", "@xx", true), ("@x{2,}y", "@xxxxy", true),
        ("@a?b+c*?d", "@bbd", true), ("@[^:]*:test", "@any:test", true), ("@[^:]*:test", "@a:b:test", false),
        ("@[a-c\\-_]+z", "@a-_bz", true), ("@[]a]+", "@]a", true), ("(?i)@IRC", "@irc_x", true), ("(?:ab)+c", "ababc", true), ("(?P<n>a)b", "ab", true),
        (".*", "é𐍈", true), ("^.$", "é", true), ("a{b}", "a{b}", true), ("\\w+\\s\\D", "ab c", true), ("\\A@x\\Z", "@x", true), ("", "anything", true),
    ])
    func matchesLikeOtherServers(pattern: String, text: String, expected: Bool) throws {
        #expect(try Pattern(pattern).matches(text) == expected)
    }

    @Test(arguments: ["(", "a)", "[a", "*a", "a\\", "(?=a)", "(?!a)", "(?<!a)b", "(a)\\1", "a{5000}", "\\p", "[z-a]", "(?m)a", "((a{900}){900}){900}"])
    func whatIsNotUnderstoodIsAnError(pattern: String) {
        #expect(throws: Pattern.Failure.self) { try Pattern(pattern) }
    }

    /// A matcher that tries again and again would need longer than the universe lasts.
    @Test func noPatternTakesLong() throws {
        let pattern = try Pattern("(a*)*(a|a)*(a?){30}b")
        let began = ContinuousClock.now
        #expect(!pattern.matches(String(repeating: "a", count: 255)))
        #expect(ContinuousClock.now - began < .seconds(2))
    }
}
