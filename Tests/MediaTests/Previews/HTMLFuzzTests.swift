@testable import Media
import TestKit
import Testing

/// Pages as they should not be: always an answer, and in time that grows with the page.
@Suite struct HTMLFuzzTests {
    static let page = """
        <!doctype html><html lang=fr><head><meta charset="utf-8"><title>Été &amp; &#233;&#x1F600;</title><!-- c --><script>if (a < b) "</scrip"</script>
        <meta property="og:title" content='Un "titre"'><meta name=description content=Texte><link rel="icon" href="/i.png"></head><body><p>Bonjour<br>toi &nbsp; &unknown; &#xD800;</p></body></html>
        """

    @Test(arguments: 0..<4) func anyPageGivesShortCleanTexts(part: Int) {
        let tokens = ["<", ">", "</", "<!--", "-->", "<script", "</script>", "<title>", "&", "&#", "&#x", ";", "\"", "'", "=", "/>", "<![CDATA[", "<meta property=og:title content="]
        var fuzz = Fuzz(seed: UInt64(part), tokens: tokens), found = 0
        for _ in 0..<2_000 {
            let bytes = fuzz.broken([Array(Self.page.utf8)])
            for (key, value) in PreviewRules.properties(bytes, charset: fuzz.pick([nil, "utf-8", "utf-16le", "iso-8859-1", "nonsense"])) {
                found += 1
                #expect(!key.isEmpty && value.utf8.count < 20_000 && !value.utf8.contains(0))
            }
            var scanner = HTMLScanner(bytes), pieces = 0
            while scanner.next() != nil { pieces += 1 }
            #expect(pieces <= bytes.count)
        }
        #expect(found > 1_000)
    }

    @Test(arguments: ["<", "<a ", "<!--", "</", "&", "<script>", "<title>", "<a b=\"", "<a b='<", "&#x", "<p>&#", "<a=", "<!"]) func hostilePagesTakeLinearTime(piece: String) {
        func time(_ count: Int) -> Duration {
            let bytes = Array(String(repeating: piece, count: count / piece.utf8.count).utf8)
            return ContinuousClock().measure { _ = PreviewRules.properties(bytes, charset: nil) }
        }
        // Quadratic time would take sixty times as long.
        let small = (0..<3).map { _ in time(20_000) }.min() ?? .zero, large = time(160_000)
        #expect(large < small * 40 + .milliseconds(500), "\(small) and \(large)")
    }
}
