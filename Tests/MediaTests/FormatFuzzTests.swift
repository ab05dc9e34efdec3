@testable import Media
import TestKit
import Testing

/// What files and clients say of themselves, broken: always an answer, never a header that could be two, never a range beyond the file.
@Suite struct FormatFuzzTests {
    @Test(arguments: 0..<4) func rangesLieWithinTheFile(part: Int) {
        var fuzz = Fuzz(seed: UInt64(part), tokens: ["bytes=", "-", ",", " ", "0", "99999999999999999999"]), parts = 0
        for _ in 0..<5_000 {
            let size = Int64(fuzz.below(12))
            guard case .part(let range) = ByteRange(fuzz.broken(["bytes=0-5", "bytes=-3", "bytes=2-"]), size: size) else { continue }
            parts += 1
            #expect(range.lowerBound >= 0 && !range.isEmpty && range.upperBound <= size)
        }
        #expect(parts > 40)
    }

    @Test(arguments: 0..<4) func typesAndNamesMakeGoodHeaders(part: Int) {
        let seeds = ["image/png", "text/html; charset=utf-8", "multipart/form-data; boundary=\"x\"", "Rapport d'été.pdf", "../../etc/passwd", "a\"b\\c%00\r\nX: y"]
        var fuzz = Fuzz(seed: UInt64(part), tokens: ["\r\n", "\"", ";", "/", "\\", "..", "\u{202E}", "%"])
        for _ in 0..<4_000 {
            let text = fuzz.broken(seeds), kind = fuzz.pick(FileKind.allCases)
            let type = ContentTypes.judge(declared: text, kind: kind).type
            let disposition = FileNames.disposition(inline: fuzz.below(2) == 0, name: text)
            for header in [type, disposition] { #expect(header.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "\(text)") }
            #expect(disposition.utf8.filter { $0 == UInt8(ascii: "\"") }.count % 2 == 0)
            if let name = FileNames.clean(text) { #expect(!name.contains("/") && !name.contains("\\") && name.utf8.count <= 200 && FileNames.clean(name) == name, "\(text)") }
            // What a browser could run is never shown in place.
            #expect(!ContentTypes.judge(declared: text, kind: .markup).isInline)
        }
    }

    @Test(arguments: 0..<4) func anyBytesAreSomething(part: Int) {
        let seeds: [[UInt8]] = [[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], [0xFF, 0xD8, 0xFF], Array("RIFF0000WEBP".utf8), Array("0000ftypavif".utf8), Array(" <!DOCTYPE html>".utf8), []]
        var fuzz = Fuzz(seed: UInt64(part), tokens: ["<svg", "ftyp", "BM"])
        for _ in 0..<3_000 { _ = FileKind(of: fuzz.broken(seeds)) }
    }
}
