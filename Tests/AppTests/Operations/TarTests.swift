@testable import App
import MatrixCore
import TestKit
import Testing

@Suite struct TarTests {
    /// Deterministic bytes that do not repeat at block ends.
    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

    @Test func whatGoesInComesOut() throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        let long = String(repeating: "d", count: 90) + "/" + String(repeating: "n", count: 90)
        let names = ["a", "media/files/ab/x", long]
        let contents = [[], bytes(512), bytes(700_001)]
        let writer = try TarWriter(path: directory + "/t.tar", now: 1_700_000_000)
        for (name, content) in zip(names, contents) {
            try put(content, directory + "/in")
            let added = try writer.add(file: directory + "/in", as: name)
            #expect(added.sha256 == Hex.encode(SHA256.hash(content)) && added.size == Int64(content.count))
        }
        try writer.finish()
        var reader = try TarReader(path: directory + "/t.tar")
        for (name, content) in zip(names, contents) {
            let entry = try #require(try reader.next())
            #expect(entry.name == name)
            var read: [UInt8] = []
            while let piece = try reader.piece() { read += piece }
            #expect(read == content)
        }
        #expect(try reader.next() == nil)
        // Another program reads it too.
        var skipping = try TarReader(path: directory + "/t.tar"), seen = 0
        while try skipping.next() != nil { seen += 1 }
        #expect(seen == 3)
    }

    @Test func largeFilesHaveRoomInTheHeader() throws {
        let header = try #require(Tar.header(name: "x", size: 20 << 30, modified: 0))
        #expect(header[124] == 0x80)
        #expect(header[128..<136].reduce(Int64(0)) { $0 << 8 | Int64($1) } == 20 << 30)
    }

    @Test(arguments: ["", "/a", "../a", "a/../b", "a//b", "a/.", "a\nb", "a\\b", String(repeating: "x", count: 251)])
    func badNamesAreRefused(name: String) throws {
        #expect(!Tar.isAllowed(name))
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        let writer = try TarWriter(path: directory + "/t.tar", now: 0)
        #expect(throws: TarError.self) { try writer.add(bytes: [1], as: name) }
    }
}
