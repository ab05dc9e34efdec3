import MatrixCore
import TestKit
import Testing

/// Broken identifiers: what is accepted keeps its bytes and the limits of the grammar; nothing traps.
@Suite struct IdentifierFuzzTests {
    static let seeds = [
        "@alice:example.org:8448", "!abc:example.org", "!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM", "$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk", "#é *:[::1]:80",
        "mxc://example.org:8448/AbC_-9", "@" + String(repeating: "a", count: 250) + ":x", "1.2.3.4:65535",
    ]

    private func check<ID: MatrixID>(_ type: ID.Type, _ text: String, sigil: String) -> Bool {
        guard let id = ID(rawValue: text) else { return false }
        #expect(Array(id.rawValue.utf8) == Array(text.utf8))
        #expect(text.utf8.starts(with: sigil.utf8) && text.utf8.count <= 255 && !text.utf8.contains(0), "\(text)")
        #expect(ID(.string(text)) == id)
        return true
    }

    @Test(arguments: 0..<4) func whatIsAcceptedIsWithinTheGrammar(part: Int) {
        var fuzz = Fuzz(seed: UInt64(part), tokens: ["@", ":", "!", "#", "$", "mxc://", "/", "[", "]", "..", " ", "\n", ":99999"])
        var accepted = 0
        for _ in 0..<3_000 {
            let text = fuzz.broken(Self.seeds)
            if check(UserID.self, text, sigil: "@"), let id = UserID(rawValue: text) {
                accepted += 1
                #expect("@" + id.localpart + ":" + id.server == text && ServerName.isValid(id.server))
            }
            if check(RoomID.self, text, sigil: "!") { accepted += 1 }
            if check(EventID.self, text, sigil: "$") { accepted += 1 }
            if check(RoomAlias.self, text, sigil: "#"), let id = RoomAlias(rawValue: text) { #expect("#" + id.localpart + ":" + id.server == text) }
            if check(MXC.self, text, sigil: "mxc://"), let id = MXC(rawValue: text) {
                #expect(MXC.isValidMediaID(id.mediaID) && ServerName.isValid(id.server) && MXC(server: id.server, mediaID: id.mediaID) == id)
            }
            _ = DeviceID(rawValue: text)
            _ = ServerName(rawValue: text)
        }
        #expect(accepted > 100)
    }
}
