@testable import App
import TestKit
import Testing

/// Damaged archives: refused with a reason, or read with names that are allowed and no byte more than the file has.
@Suite struct TarFuzzTests {
    @Test(arguments: 0..<3) func damagedArchivesAreReadOrRefused(part: Int) throws {
        let directory = try temporaryDirectory(), path = directory + "/t.tar"
        defer { removeDirectory(directory) }
        let writer = try TarWriter(path: path, now: 1)
        for (name, count) in [("a", 0), ("media/files/ab/x", 700), ("manifest.json", 512)] { try writer.add(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0) }, as: name) }
        try writer.finish()
        let whole = try Files.read(path, max: 1 << 20)
        var fuzz = Fuzz(seed: UInt64(part), tokens: ["ustar", "../", "77777777777", "\u{80}\u{7F}"]), refused = 0
        for round in 0..<1_200 {
            var bytes = fuzz.broken([whole])
            // The checksum set right again lets the damage through to what is behind it.
            if round % 2 == 0, bytes.count >= 512 {
                let sum = String(Tar.checksum(Array(bytes[0..<512])), radix: 8)
                for (index, byte) in (String(repeating: "0", count: max(0, 6 - sum.count)) + sum).utf8.enumerated() { bytes[148 + index] = byte }
                (bytes[154], bytes[155]) = (0, 0x20)
            }
            try put(bytes, path)
            do {
                var reader = try TarReader(path: path), total = 0
                while let entry = try reader.next() {
                    #expect(Tar.isAllowed(entry.name) && entry.size >= 0)
                    while let piece = try reader.piece() { total += piece.count }
                }
                #expect(total <= bytes.count)
            } catch is TarError { refused += 1 }
        }
        #expect(refused > 200)
    }
}
