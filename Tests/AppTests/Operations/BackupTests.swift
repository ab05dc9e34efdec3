@testable import App
import Glibc
import MatrixCore
import Media
import ServerKit
import Store
import TestKit
import Testing

@Suite struct BackupTests {
    /// A data directory with a database, two media files and one other file.
    private func seed(_ directory: String) throws -> (config: Config, hashes: [String]) {
        var config = Config()
        config.dataDirectory = directory + "/data"
        config.serverName = "shop.example"
        try Files.makeDirectory(config.dataDirectory)
        let db = try Database.open(.sqlite(path: config.dataDirectory + "/comptoir.db"), migrations: Inventory.migrations)
        defer { db.close() }
        let files = MediaFiles(root: config.dataDirectory + "/media")
        let contents: [[UInt8]] = [Array("one".utf8), [UInt8](repeating: 7, count: 100_000)]
        let hashes = contents.map { Hex.encode(SHA256.hash($0)) }
        for (content, hash) in zip(contents, hashes) { try put(content, files.path(of: hash)) }
        try put("not named by any row", files.path(of: Hex.encode(SHA256.hash([1]))))
        try put("half an upload", files.incomingDirectory + "/1-x")
        try put("kept", config.dataDirectory + "/keys/extra.key")
        try db.writeNow { tx in
            try tx.run("INSERT INTO server_identity (name, value) VALUES ('server_name', ?)", Array("shop.example".utf8))
            for (index, hash) in hashes.enumerated() {
                try tx.run("""
                    INSERT INTO media (id, owner, content_type, size, name, sha256, created, expires, width, height, is_inline, is_public)
                    VALUES (?, '@a:shop.example', 'text/plain', ?, NULL, ?, 1, NULL, NULL, NULL, 0, 0)
                    """, "m\(index)", contents[index].count, hash)
            }
        }
        return (config, hashes)
    }
    private func with(_ body: (String) throws -> Void) throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        try body(directory)
    }
    private let now: Int64 = 1_770_000_000_000

    @Test func whatWasSavedIsRestored() throws {
        try with { directory in
            let (config, hashes) = try seed(directory)
            try Files.makeDirectory(directory + "/backups")
            var told: [String] = []
            let saved = try Backup.save(config, to: directory + "/backups", now: now) { doing, _, _ in if told.last != doing { told.append(doing) } }
            #expect(saved.archive.hasSuffix("/comptoir-shop.example-20260202-024000.tar"))
            #expect(saved.files == 4)
            #expect(told == ["database", "media", "verify"])
            #expect(Files.info(saved.archive)?.mode == 0o600)
            #expect(try Files.list(directory + "/backups").count == 1)

            let target = directory + "/new/data"
            let restored = try Backup.restore(saved.archive, to: target, databaseURL: nil)
            #expect(restored.files == 4)
            #expect(try Files.list(target) == ["comptoir.db", "keys", "media"])
            #expect(try Files.read(target + "/keys/extra.key", max: 100) == Array("kept".utf8))
            let media = MediaFiles(root: target + "/media")
            for hash in hashes { #expect(Hex.encode(SHA256.hash(try Files.read(media.path(of: hash), max: 1 << 20))) == hash) }
            var there = Config()
            there.dataDirectory = target
            #expect(Identity.serverName(there) == "shop.example")
        }
    }

    @Test func savesWhileAServerWrites() throws {
        try with { directory in
            let (config, _) = try seed(directory)
            let db = try Database.openExisting(.sqlite(path: config.dataDirectory + "/comptoir.db"), migrations: [])
            defer { db.close() }
            try db.writeNow { try $0.run("INSERT INTO server_identity (name, value) VALUES ('late', ?)", [1]) }
            let saved = try Backup.save(config, to: directory + "/b.tar", now: now)
            try Backup.restore(saved.archive, to: directory + "/r", databaseURL: nil)
            let copy = try Database.openExisting(.sqlite(path: directory + "/r/comptoir.db"), migrations: [])
            defer { copy.close() }
            #expect(try copy.readNow { try $0.exists("SELECT 1 FROM server_identity WHERE name = 'late'") })
        }
    }

    @Test func nothingIsOverwritten() throws {
        try with { directory in
            let (config, _) = try seed(directory)
            _ = try Backup.save(config, to: directory + "/b.tar", now: now)
            #expect(throws: Backup.Failure.self) { try Backup.save(config, to: directory + "/b.tar", now: now) }
            #expect(throws: Backup.Failure.self) { try Backup.restore(directory + "/b.tar", to: config.dataDirectory, databaseURL: nil) }
            #expect(throws: Backup.Failure.self) { try Backup.save(config, to: directory + "/no/such/b.tar", now: now) }
            #expect(throws: Backup.Failure.self) { try Backup.restore(directory + "/missing.tar", to: directory + "/x", databaseURL: nil) }
            #expect(throws: Backup.Failure.self) { try Backup.restore(directory + "/b.tar", to: directory + "/x", databaseURL: "postgresql://h/d") }
            #expect(!Files.exists(directory + "/x") && !Files.exists(directory + "/x.restoring"))
        }
    }

    @Test func aDamagedStoredFileStopsTheBackup() throws {
        try with { directory in
            let (config, hashes) = try seed(directory)
            let path = MediaFiles(root: config.dataDirectory + "/media").path(of: hashes[0])
            try put("two", path)
            #expect(throws: Backup.Failure.self) { try Backup.save(config, to: directory + "/b.tar", now: now) }
            unlink(path)
            #expect(throws: Backup.Failure.self) { try Backup.save(config, to: directory + "/b.tar", now: now) }
            #expect(try Files.list(directory) == ["data"])
        }
    }

    /// Wherever one bit turns or the end is missing, the restore refuses and makes nothing.
    @Test func aDamagedArchiveIsRefused() throws {
        try with { directory in
            let (config, _) = try seed(directory)
            let saved = try Backup.save(config, to: directory + "/b.tar", now: now)
            let whole = try Files.read(saved.archive, max: 10 << 20)
            let broken = directory + "/broken.tar"
            func refused(_ bytes: [UInt8], _ what: String) throws {
                try put(bytes, broken)
                #expect(throws: (any Error).self, "\(what)") { try Backup.restore(broken, to: directory + "/r", databaseURL: nil) }
                #expect(!Files.exists(directory + "/r") && !Files.exists(directory + "/r.restoring"), "\(what)")
            }
            for index in 0..<40 {
                let place = (whole.count - 2048) * index / 40 + 3
                // Padding behind a file carries nothing.
                var bytes = whole
                bytes[place] ^= 0x10
                if whole[place] == 0, isPadding(whole, place) { continue }
                try refused(bytes, "bit at \(place)")
            }
            for length in [0, 100, 512, 600, whole.count / 2, whole.count - 1025, whole.count - 2048] { try refused(Array(whole.prefix(length)), "cut at \(length)") }
            try refused(Array("hello, this is not an archive".utf8), "text")
        }
    }
    /// Whether the byte lies between the end of a file and the next header, or in unused room of a header.
    private func isPadding(_ bytes: [UInt8], _ place: Int) -> Bool {
        var offset = 0
        while offset + 512 <= bytes.count {
            let field = bytes[(offset + 124)..<(offset + 135)].prefix { (48...55).contains($0) }
            guard !field.isEmpty else { return true }
            let size = field.reduce(0) { $0 << 3 | Int($1 - 48) }, start = offset + 512, end = start + size, next = (end + 511) / 512 * 512
            if place < start { return false }
            if place < end { return false }
            if place < next { return true }
            offset = next
        }
        return true
    }

    @Test func anArchiveOfAnotherMakerIsRefused() throws {
        try with { directory in
            let writer = try TarWriter(path: directory + "/x.tar", now: 0)
            try writer.add(bytes: Array("{}".utf8), as: "manifest.json")
            try writer.finish()
            #expect(throws: Backup.Failure.self) { try Backup.restore(directory + "/x.tar", to: directory + "/r", databaseURL: nil) }
            let sly = try TarWriter(path: directory + "/y.tar", now: 0)
            try sly.add(bytes: [1], as: "media/files/zz/evil")
            let manifest = Backup.Manifest(serverName: "x", createdAt: 0, database: "sqlite", files: [.init(name: "media/files/zz/evil", size: 1, sha256: Hex.encode(SHA256.hash([1])))])
            try sly.add(bytes: manifest.json.encoded(), as: "manifest.json")
            try sly.finish()
            #expect(throws: Backup.Failure.self) { try Backup.restore(directory + "/y.tar", to: directory + "/r", databaseURL: nil) }
        }
    }
}
