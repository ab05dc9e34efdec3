@testable import AppService
import TestKit
import Testing

/// Registration files with mistakes in them: read, or refused with the file's name; never a trap, never an endless wait.
@Suite struct RegistrationFuzzTests {
    static let file = """
        id: irc
        url: "http://127.0.0.1:9999"
        as_token: abc
        hs_token: def
        sender_localpart: ircbot
        rate_limited: false
        namespaces:
          users:
            - exclusive: true
              regex: '@irc_[a-z0-9_.=-]*:example\\.org'
          aliases: []
          rooms: [ { exclusive: false, regex: "!.*" } ]
        protocols: [irc]
        """

    @Test(arguments: 0..<4) func filesAreReadOrRefused(part: Int) {
        let tokens = ["&a ", "*a", "<<: *a", "!!binary ", "---\n", "...\n", "|\n", ">\n", "- ", "? ", ": ", "{", "}", "[", "]", "'", "\"", "\t", "#", "\n", "%YAML 9\n", "null", "~", "(", ")*", "{9999}"]
        var fuzz = Fuzz(seed: UInt64(part), tokens: tokens), read = 0, refused = 0
        for _ in 0..<2_500 {
            do throws(RegistrationError) {
                let registration = try Registration.parse(fuzz.broken([Array(Self.file.utf8)]), file: "irc.yaml")
                #expect(!registration.id.isEmpty && !registration.asToken.isEmpty && !registration.hsToken.isEmpty)
                for namespace in registration.users + registration.rooms + registration.aliases { _ = namespace.pattern.matches("@irc_x:example.org") }
                read += 1
            } catch {
                #expect(error.file == "irc.yaml" && !error.reason.isEmpty)
                refused += 1
            }
        }
        #expect(read > 100 && refused > 100)
    }

    @Test(arguments: 0..<4) func patternsAreReadOrRefused(part: Int) {
        var fuzz = Fuzz(seed: UInt64(part), tokens: ["(", ")", "[", "]", "*", "+", "?", "{2,3}", "{", "|", "\\", "^", "$", "(?:", "(?=", "\\d", "[^", "-", "{99999}"]), read = 0
        for _ in 0..<5_000 {
            guard let pattern = try? Pattern(fuzz.broken(["@irc_.*:example\\.org", "(a|b)*c{2,4}[^x-z]", "^#(irc|slack)_[a-z]+$", "(a*)*b"])) else { continue }
            read += 1
            _ = pattern.matches(String(repeating: "a", count: 60) + ":example.org")
        }
        #expect(read > 500)
    }
}
