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

    @Test func looksAtTheCertificateAndTheSettings() throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        for (name, days) in [("shop", 90), ("soon", 3), ("other", 90)] { try TLSIdentityTests.make(name, in: directory, days: days) }
        var config = Config()
        config.dataDirectory = directory
        config.listenPort = 0
        config.publicURL = "https://shop.example:8443"
        config.tlsCertificate = directory + "/shop.pem"
        config.tlsKey = directory + "/shop.key"
        let now = SystemClock().now
        func findings(_ verdict: Doctor.Verdict, at time: Int64 = now, _ change: (inout Config) -> Void = { _ in }) -> [String] {
            var changed = config
            change(&changed)
            return Doctor.examine(changed, deep: false, now: time).filter { $0.verdict == verdict }.map { $0.what + " " + $0.advice }
        }
        chmod(directory + "/shop.key", 0o600)
        #expect(findings(.ok).contains { $0.contains("valid for 89 more days") || $0.contains("valid for 90 more days") })
        #expect(!findings(.warn).contains { $0.contains("certificate") || $0.contains("key") || $0.contains("proxy") })
        chmod(directory + "/shop.key", 0o644)
        #expect(findings(.warn).contains { $0.contains("chmod 600 \(directory)/shop.key") })
        #expect(findings(.warn) { $0.publicURL = "https://chat.example" }.contains { $0.contains("not for 'chat.example'") })
        #expect(findings(.warn) { $0.publicURL = nil; $0.serverName = "shop.example:8448" }.allSatisfy { !$0.contains("is not for") })
        #expect(findings(.fail) { $0.tlsKey = directory + "/other.key" }.contains { $0.contains("does not belong") })
        #expect(findings(.fail) { $0.tlsKey = nil }.contains { $0.contains("one is missing") })
        #expect(findings(.warn) { $0.tlsCertificate = directory + "/soon.pem"; $0.tlsKey = directory + "/soon.key" }.contains { $0.contains("ends in") })
        #expect(findings(.fail, at: now + 100 * 86_400_000).contains { $0.contains("certificate has ended") })
        #expect(findings(.fail, at: now - 2 * 86_400_000).contains { $0.contains("not valid yet") })

        config.tlsCertificate = nil
        config.tlsKey = nil
        #expect(findings(.warn).contains { $0.contains("No proxy is trusted") })
        config.trustedProxies = ["127.0.0.1"]
        #expect(!findings(.warn).contains { $0.contains("proxy") || $0.contains("weaken") })
        let weak = findings(.warn) { $0.unauthenticatedMedia = true; $0.smtpURL = "smtp://mail"; $0.smtpTLS = false; $0.logLevel = "debug"; $0.upgradeBackups = 0 }
        for word in ["unauthenticated_media", "smtp_tls", "log_level = debug"] { #expect(weak.contains { $0.contains("weaken") && $0.contains(word) }, "\(word)") }
    }

    @Test func knowsTheFileSystemOfAPath() throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        let table = directory + "/mounts"
        let real = try #require(realpath(directory, nil))
        defer { free(real) }
        let path = String(cString: real)
        try put("a / ext4 rw 0 0\nb \(path) nfs4 rw 0 0\nc \(path)-other cifs rw 0 0\n", table)
        #expect(Doctor.fileSystem(of: directory, mounts: table) == "nfs4")
        #expect(Doctor.fileSystem(of: "/", mounts: table) == "ext4")
        try put("a / ext4 rw 0 0\nb \(path) nfs4 rw 0 0\nc \(path) xfs rw 0 0\n", table)
        #expect(Doctor.fileSystem(of: directory, mounts: table) == "xfs")
        #expect(Doctor.fileSystem(of: directory + "/none", mounts: table) == nil)
    }

    @Test func knowsOfBackups() throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        var config = Config()
        config.dataDirectory = directory
        config.listenPort = 0
        try Database.open(.sqlite(path: directory + "/comptoir.db"), migrations: Inventory.migrations).close()
        let now = SystemClock().now
        func says(_ text: String, at time: Int64 = now) -> Bool { Doctor.examine(config, deep: false, now: time).contains { $0.what.contains(text) } }
        #expect(says("There was no backup yet."))
        let elsewhere = try temporaryDirectory()
        defer { removeDirectory(elsewhere) }
        _ = try Backup.save(config, to: elsewhere + "/b.tar", now: now - 5 * 3_600_000)
        #expect(Backup.last(config) == now - 5 * 3_600_000)
        #expect(says("The last backup is 5 hours old."))
        #expect(says("The last backup is 3 days old.", at: now + 70 * 3_600_000))
        #expect(try Backup.check(elsewhere + "/b.tar", mediaStore: nil).files == 1, "what is known of backups is not in them")
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
