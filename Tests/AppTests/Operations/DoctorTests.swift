@testable import App
import Glibc
import MatrixCore
import Media
import ServerKit
import Store
import TestKit
import Testing

@Suite struct DoctorTests {
    @Test func saysWhatIsMissing() throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        var config = Config()
        config.dataDirectory = directory + "/data"
        config.listenPort = 0
        config.openRegistration = true
        let findings = Doctor.examine(config, deep: false, now: SystemClock().now)
        #expect(findings.contains { $0.verdict == .fail && $0.what.contains("no data directory") })
        #expect(findings.contains { $0.verdict == .warn && $0.what.contains("open_registration") })
        #expect(findings.contains { $0.verdict == .warn && $0.what.contains("localhost") })
        #expect(findings.allSatisfy { $0.verdict == .ok || !$0.advice.isEmpty })
        #expect(!Files.exists(config.dataDirectory))
    }

    @Test func findsLostAndDamagedMedia() throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        var config = Config()
        config.dataDirectory = directory
        config.listenPort = 0
        chmod(directory, 0o755)
        let db = try Database.open(.sqlite(path: directory + "/comptoir.db"), migrations: Inventory.migrations)
        let hashes = ["a", "b", "c"].map { Hex.encode(SHA256.hash(Array($0.utf8))) }
        try db.writeNow { tx in
            for hash in hashes {
                try tx.run("""
                    INSERT INTO media (id, owner, content_type, size, name, sha256, created, expires, width, height, is_inline, is_public)
                    VALUES (?1, '@a:x', 'text/plain', 1, NULL, ?1, 1, NULL, NULL, NULL, 0, 0)
                    """, hash)
            }
        }
        db.close()
        let files = MediaFiles(root: directory + "/media")
        try put("a", files.path(of: hashes[0]))
        try put("x", files.path(of: hashes[1]))
        func failures(deep: Bool) -> [String] { Doctor.examine(config, deep: deep, now: SystemClock().now).filter { $0.verdict == .fail }.map(\.what) }
        #expect(failures(deep: false) == ["1 of 3 media files are missing, for example \(hashes[2])."])
        #expect(failures(deep: true).contains("1 of 3 media files are damaged, for example \(hashes[1])."))
        #expect(Doctor.examine(config, deep: false, now: SystemClock().now).contains { $0.verdict == .warn && $0.what.contains("Others may look into") })
        #expect(Doctor.examine(config, deep: false, now: 0).contains { $0.verdict == .fail && $0.what.contains("clock") })
        truncate(directory + "/comptoir.db", 3000)
        #expect(failures(deep: false).contains { $0.hasPrefix("The database") })
    }
}
