import ServerKit
import TestKit
import Testing

/// Addresses and tokens as nobody should send them.
@Suite struct PercentFuzzTests {
    @Test(arguments: 0..<4) func whatIsEncodedIsDecodedAgain(part: Int) throws {
        var fuzz = Fuzz(seed: UInt64(part), tokens: ["%", "+", "&", "=", " ", "/", "?", "#"])
        for _ in 0..<3_000 {
            let text = fuzz.broken(["Élève d'été", "a+b=c&d%20e", "@alice:example.org", ""]), encoded = Percent.encode(text)
            #expect(encoded.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "%-._~".utf8.contains($0) })
            #expect(Percent.decode(encoded) == text && Percent.decode(encoded, plusIsSpace: true) == text)
            let query = try #require(Percent.query("a=1&" + encoded + "=" + encoded))
            #expect(text.isEmpty || query.all(text).contains(text))
        }
    }

    @Test(arguments: 0..<4) func brokenAddressesAreRefusedOrRead(part: Int) {
        var fuzz = Fuzz(seed: UInt64(part) + 9, tokens: ["%", "%f", "%zz", "%00", "%C3", "%E2%82%AC", "&&", "==", "+"]), refused = 0
        for _ in 0..<5_000 {
            let raw = fuzz.broken(["a=1&b=%C3%A9+x&c", "%21room%3Aexample.org", "filter=%7B%22room%22%3A%7B%7D%7D&timeout=30000"])
            guard let decoded = Percent.decode(raw) else { refused += 1; continue }
            #expect(decoded.utf8.count <= raw.utf8.count)
            _ = Percent.query(raw)
        }
        #expect(refused > 100)
    }

    @Test(arguments: 0..<4) func tokensOfASyncAreWhatWasGivenOrNothing(part: Int) {
        var fuzz = Fuzz(seed: UInt64(part), tokens: ["_", "s", "-", "+", "99999999999999999999"])
        for _ in 0..<3_000 {
            let text = fuzz.broken(["s12_345", "s12_345_6", "s0_0"])
            guard let token = SyncToken(text) else { continue }
            #expect(token.position >= 0 && token.ephemeral >= 0 && token.toDevicePosition <= token.position && SyncToken(token.description) == token)
        }
    }

    @Test(arguments: 0..<2) func languagesAreEnglishOrFrench(part: Int) {
        var fuzz = Fuzz(seed: UInt64(part), tokens: [",", ";q=", "*", "0.", "fr", "en-"])
        for _ in 0..<2_000 { #expect(["fr", "en"].contains(Request.language(fuzz.broken(["fr-FR,fr;q=0.9,en;q=0.8", "*", "de;q=1"])))) }
    }
}
