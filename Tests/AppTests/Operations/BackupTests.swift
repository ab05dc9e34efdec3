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

    /// The archive's files, as any tar would unpack them.
    private func entries(_ archive: String) throws -> [(name: String, bytes: [UInt8])] {
        var reader = try TarReader(path: archive), found: [(String, [UInt8])] = []
        while let entry = try reader.next() {
            var bytes: [UInt8] = []
            while let piece = try reader.piece() { bytes += piece }
            found.append((entry.name, bytes))
        }
        return found
    }

    /// One sentence for each kind of damage.
    @Test func aDamagedArchiveIsRefusedWithTheReason() throws {
        try with { directory in
            let (config, _) = try seed(directory)
            let saved = try Backup.save(config, to: directory + "/b.tar", now: now), whole = try entries(saved.archive)
            let bytes = try Files.read(saved.archive, max: 10 << 20)
            func refusal(_ change: (inout [(name: String, bytes: [UInt8])]) throws -> Void) throws -> String {
                var files = whole
                try change(&files)
                let path = directory + "/changed.tar"
                Files.remove(path)
                let writer = try TarWriter(path: path, now: 0)
                for file in files { try writer.add(bytes: file.bytes, as: file.name) }
                try writer.finish()
                return try reason(path)
            }
            func reason(_ path: String) throws -> String {
                defer { #expect(!Files.exists(directory + "/r") && !Files.exists(directory + "/r.restoring")) }
                do { try Backup.restore(path, to: directory + "/r", databaseURL: nil) } catch { return "\(error)" }
                Issue.record("it was restored")
                return ""
            }
            func manifest(_ old: String, _ new: String) throws -> String {
                try refusal { files in
                    let text = String(decoding: files[files.count - 1].bytes, as: UTF8.self)
                    let range = try #require(text.firstRange(of: old))
                    files[files.count - 1].bytes = Array((text[..<range.lowerBound] + new + text[range.upperBound...]).utf8)
                }
            }
            for index in whole.indices.dropLast() {
                let name = whole[index].name
                #expect(try refusal { $0[index].bytes[0] ^= 1 }.contains("\(name) is not what was saved"), "a byte of \(name)")
                #expect(try refusal { $0.remove(at: index) }.contains("\(name) is missing"), "without \(name)")
            }
            #expect(try refusal { $0.removeLast() }.contains("it has no manifest"))
            #expect(try refusal { $0[$0.count - 1].bytes.removeLast() }.contains("its manifest cannot be read"))
            #expect(try refusal { $0.append(("other/late", [1])) }.contains("there is something behind the manifest"))
            #expect(try refusal { $0.insert(("media/files/zz/evil", [1]), at: 0) }.contains("'media/files/zz/evil', which no backup has"))
            #expect(try refusal { $0.insert(("other/more", [1]), at: 1) }.contains("damaged"))
            #expect(try refusal { $0.swapAt(1, 2) }.contains("is not what was saved"))
            #expect(try manifest("\"format\":1", "\"format\":9").contains("a version of comptoir that this one does not understand"))
            #expect(try manifest("\"migrations\":[", "\"migrations\":[99999,").contains("a newer version of comptoir"))
            #expect(try manifest("\"program\":\"comptoir\"", "\"program\":\"other\"").contains("its manifest cannot be read"))

            // Names that lead out, and links: with headers that are right otherwise.
            func header(_ name: String, kind: Character) -> [UInt8] {
                var block = Tar.header(name: "other/x", size: 0, modified: 0) ?? []
                for index in 0..<100 { block[index] = 0 }
                for (index, byte) in name.utf8.enumerated() { block[index] = byte }
                block[156] = kind.asciiValue ?? 0
                let sum = String(Tar.checksum(block), radix: 8)
                for (index, byte) in (String(repeating: "0", count: 6 - sum.count) + sum).utf8.enumerated() { block[148 + index] = byte }
                return block
            }
            for name in ["../evil", "other/../../evil", "/etc/passwd", "other//x", "./comptoir.db"] {
                try put(header(name, kind: "0") + bytes, directory + "/sly.tar")
                #expect(try reason(directory + "/sly.tar").contains("a name that is not allowed"), "\(name)")
            }
            for kind in ["1", "2", "3", "5", "x"] as [Character] {
                try put(header("other/x", kind: kind) + bytes, directory + "/sly.tar")
                #expect(try reason(directory + "/sly.tar").contains("is no plain file"), "\(kind)")
            }
            for length in stride(from: 1024, to: bytes.count - 1024, by: max(512, bytes.count / 50)) {
                try put(Array(bytes.prefix(length)), directory + "/cut.tar")
                let text = try reason(directory + "/cut.tar")
                #expect(text.contains("is damaged"), "\(length): \(text)")
            }
            #expect(try Backup.check(saved.archive, mediaStore: nil).files == 4)
        }
    }

    @Test func theDatabaseOfANewerVersionIsRefused() throws {
        try with { directory in
            let (config, _) = try seed(directory)
            let db = try Database.openExisting(.sqlite(path: config.dataDirectory + "/comptoir.db"), migrations: [])
            try db.writeNow { tx in _ = try tx.run("INSERT INTO schema_migration (id, name, applied, checksum) VALUES (99999, 'later', 1, 'x')") }
            db.close()
            let saved = try Backup.save(config, to: directory + "/b.tar", now: now)
            do {
                try Backup.restore(saved.archive, to: directory + "/r", databaseURL: nil)
                Issue.record("it was restored")
            } catch { #expect("\(error)".contains("a newer version of comptoir than this one (\(System.version))")) }
            #expect(!Files.exists(directory + "/r"))
        }
    }

    // MARK: incremental

    @Test func mediaIsCopiedOnceForAllArchivesOfADirectory() throws {
        try with { directory in
            let (config, hashes) = try seed(directory), target = directory + "/backups", store = MediaStore(directory: target)
            #expect(throws: Backup.Failure.self) { try Backup.save(config, to: directory + "/file.tar", incremental: true, now: now) }
            try Files.makeDirectory(target)
            let first = try Backup.save(config, to: target, incremental: true, now: now)
            #expect(first.newMedia == 2 && first.files == 4)
            let before = try hashes.map { try #require(Files.info(store.path(of: $0))) }
            let second = try Backup.save(config, to: target, incremental: true, now: now + 1000)
            #expect(second.newMedia == 0 && second.files == 4)
            #expect(try hashes.map { try #require(Files.info(store.path(of: $0))).modified } == before.map(\.modified))
            for archive in [first.archive, second.archive] { #expect(try entries(archive).allSatisfy { !$0.name.hasPrefix("media/") }) }
            #expect(Files.info(store.path(of: hashes[0]))?.mode == 0o600)

            for (archive, place) in [(first.archive, "/one"), (second.archive, "/two")] {
                let restored = try Backup.restore(archive, to: directory + place, databaseURL: nil)
                #expect(restored.files == 4)
                let media = MediaFiles(root: directory + place + "/media")
                for hash in hashes { #expect(try Files.hash(media.path(of: hash)) == hash) }
            }
            // The store somewhere else.
            #expect(rename(store.root, directory + "/elsewhere") == 0)
            #expect(throws: Backup.Failure.self) { try Backup.restore(first.archive, to: directory + "/three", databaseURL: nil) }
            try Backup.restore(first.archive, to: directory + "/three", databaseURL: nil, mediaStore: directory + "/elsewhere")
        }
    }

    @Test func damagedOrMissingMediaOfTheStoreIsFoundBeforeAnythingIsMade() throws {
        try with { directory in
            let (config, hashes) = try seed(directory), target = directory + "/backups", store = MediaStore(directory: target)
            try Files.makeDirectory(target)
            let saved = try Backup.save(config, to: target, incremental: true, now: now), path = store.path(of: hashes[1])
            let whole = try Files.read(path, max: 1 << 20)
            func reason() -> String {
                do { try Backup.restore(saved.archive, to: directory + "/r", databaseURL: nil) } catch { return "\(error)" }
                return "restored"
            }
            for index in [0, whole.count / 2, whole.count - 1] {
                var bytes = whole
                bytes[index] ^= 1
                try put(bytes, path)
                #expect(reason().contains("\(hashes[1]) is damaged"))
            }
            try put(Array(whole.dropLast()), path)
            #expect(reason().contains("\(hashes[1]) is damaged"))
            // A file of another size is copied anew by the next backup.
            #expect(try Backup.save(config, to: target, incremental: true, now: now + 1000).newMedia == 1)
            #expect(try Backup.check(saved.archive, mediaStore: nil).files == 4)
            unlink(path)
            #expect(reason().contains("\(hashes[1]) is missing"))
            #expect(symlink(directory + "/data/media/files/\(hashes[1].prefix(2))/\(hashes[1])", path) == 0)
            #expect(reason().contains("is missing"), "a link is no file")
            #expect(!Files.exists(directory + "/r") && !Files.exists(directory + "/r.restoring"))
        }
    }

    @Test func oldArchivesGoWithTheMediaThatOnlyTheyNeed() throws {
        try with { directory in
            let (config, hashes) = try seed(directory), target = directory + "/backups", store = MediaStore(directory: target)
            try Files.makeDirectory(target)
            _ = try Backup.save(config, to: target, incremental: true, now: now)
            let db = try Database.openExisting(.sqlite(path: config.dataDirectory + "/comptoir.db"), migrations: [])
            try db.writeNow { tx in _ = try tx.run("DELETE FROM media WHERE sha256 = ?", hashes[0]) }
            db.close()
            let second = try Backup.save(config, to: target, incremental: true, keep: 2, now: now + 1000)
            #expect(second.removed == (0, 0) && store.holds(hashes[0], size: 3))
            try put("not ours", target + "/comptoir-shop.example-notes.tar.txt")
            let third = try Backup.save(config, to: target, incremental: true, keep: 2, now: now + 2000)
            #expect(third.removed == (1, 1))
            #expect(!Files.exists(store.path(of: hashes[0])) && Files.exists(store.path(of: hashes[1])))
            #expect(try Backup.check(second.archive, mediaStore: nil).files == 3)
            // Where an archive cannot be read, nothing is removed.
            try put("half", target + "/comptoir-other.example-20260101-000000.tar")
            do {
                _ = try Backup.save(config, to: target, incremental: true, keep: 1, now: now + 3000)
                Issue.record("something was removed")
            } catch { #expect("\(error)".contains("nothing was removed")) }
            #expect(Files.exists(second.archive) && Files.exists(third.archive))
        }
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
