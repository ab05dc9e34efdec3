@testable import App
import Testing

@Suite struct ContentCodingTests {
    @Test(arguments: [
        (nil, ContentCoding.identity), ("", .identity), ("gzip", .gzip), ("br", .br), ("gzip, deflate, br", .br), ("gzip;q=1.0, br;q=0.5", .gzip),
        ("br;q=0, gzip", .gzip), ("br;q=0,gzip;q=0", .identity), ("*", .br), ("*;q=0", .identity), ("identity;q=0.5, gzip;q=0.2", .identity),
        ("GZIP ; Q=0.8", .gzip), ("deflate", .identity), ("x-gzip", .gzip), ("br;q=nonsense, gzip;q=0.1", .gzip), (",;,", .identity),
    ] as [(String?, ContentCoding)])
    func isChosenByWeight(header: String?, coding: ContentCoding) {
        #expect(ContentCoding.choose(header, from: [.br, .gzip, .identity]) == coding)
        #expect(ContentCoding.choose(header, from: [.identity]) == .identity)
    }
}
