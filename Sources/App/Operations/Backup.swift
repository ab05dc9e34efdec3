import Glibc
package import MatrixCore
import Media
package import ServerKit
import Store

/// Saves everything of a server in one archive, while it runs, and puts it back.
///
///     comptoir.db (or database.dump)   one consistent state of the database, with the server's keys
///     media/files/ab/ab12…             every file that the database names
///     other/…                          what else lies in the data directory
///     manifest.json                    size and SHA-256 of each of them, last
///
/// An incremental backup leaves media out of the archive: it lies beside it in `media/`, once for all archives of the directory.
///
/// Invariants: an archive gets its name only when it is complete, flushed and read back; a restore changes nothing before the
/// whole archive has proved sound, and the data directory appears complete or not at all.
package enum Backup {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        package init(_ description: String) { self.description = description }
    }
    package struct Summary: Sendable, Equatable {
        package var archive: String
        package var files: Int
        package var bytes: Int64
        /// Media that had to be copied into the store, and what `keep` removed.
        package var newMedia = 0
        package var removed: (archives: Int, media: Int) = (0, 0)
        package static func == (a: Summary, b: Summary) -> Bool { a.archive == b.archive && a.files == b.files && a.bytes == b.bytes }
    }
    /// Told now and then how far it is.
    package typealias Progress = (_ doing: String, _ done: Int, _ of: Int) -> Void

    static let manifestName = "manifest.json", databaseName = "comptoir.db", dumpName = "database.dump"

    // MARK: saving

    /// `target`: a file that does not exist, or a directory in which one is made. The server may go on running.
    /// `incremental`: media goes into the store of the directory, where it is not there already. `keep`: how many archives of this server stay there.
    package static func save(_ config: Config, to target: String, incremental: Bool = false, keep: Int? = nil, now: Int64,
                             progress: Progress = { _, _, _ in }) throws -> Summary {
        if incremental, Files.info(target)?.kind != .directory { throw Failure("An incremental backup needs a directory that is there; \(target) is none.") }
        let archive = try name(target, config, now: now)
        let store = incremental ? MediaStore(directory: Files.parent(of: archive)) : nil
        let lock = try store?.lock()
        defer { if let lock { close(lock) } }
        let part = archive + ".part"
        let location = try databaseLocation(config)
        Files.remove(part)
        let scratch = archive + ".database"
        Files.remove(scratch)
        defer { Files.remove(scratch); Files.remove(part) }

        // The files of every row in the snapshot: those named before it and those named after it. A file outlives its row by a day.
        progress("database", 0, 1)
        var contents = try mediaContents(location)
        let isSQLite: Bool
        if let url = config.databaseURL { try PostgresTools.save(url, to: scratch); isSQLite = false }
        else { try Database.backup(location, to: scratch); isSQLite = true }
        contents.merge(try mediaContents(location)) { $1 }
        progress("database", 1, 1)

        let writer = try TarWriter(path: part, now: now / 1000)
        var files: [Manifest.File] = []
        func add(_ path: String, _ name: String, expecting hash: String? = nil) throws {
            let added = try writer.add(file: path, as: name)
            if let hash, added.sha256 != hash {
                throw Failure("The stored file \(path) is damaged: its bytes do not fit its name. `comptoir doctor --deep` lists all such files; restore them from an earlier backup.")
            }
            files.append(Manifest.File(name: name, size: added.size, sha256: added.sha256))
        }
        try add(scratch, isSQLite ? databaseName : dumpName)
        let media = MediaFiles(root: config.dataDirectory + "/media"), hashes = contents.keys.sorted()
        var stored: [Manifest.File] = [], fresh: [Manifest.File] = []
        for (index, hash) in hashes.enumerated() {
            progress("media", index, hashes.count)
            let path = media.path(of: hash)
            if let store, let size = contents[hash], store.holds(hash, size: size) {
                stored.append(Manifest.File(name: hash, size: size, sha256: hash))
                continue
            }
            guard Files.exists(path) else {
                throw Failure("The stored file \(path) is missing, though the database names it. `comptoir doctor` lists all such files; restore them from an earlier backup.")
            }
            guard let store else {
                try add(path, "media/files/\(hash.prefix(2))/\(hash)", expecting: hash)
                continue
            }
            let file = Manifest.File(name: hash, size: try store.add(path, as: hash), sha256: hash)
            stored.append(file)
            fresh.append(file)
        }
        progress("media", hashes.count, hashes.count)
        for path in try others(config.dataDirectory, archive: archive) { try add(config.dataDirectory + "/" + path, "other/" + path) }
        if !fresh.isEmpty { try store?.flush() }
        let about = try describe(location)
        let manifest = Manifest(serverName: about.serverName ?? config.serverName, createdAt: now, database: isSQLite ? "sqlite" : "postgresql",
                                migrations: about.migrations, files: files, stored: store == nil ? nil : stored)
        try writer.add(bytes: manifest.json.encoded(), as: manifestName)
        try writer.finish()

        guard try verify(part, progress: progress) == manifest else { throw Failure("The archive that was written does not read back as it should.") }
        for file in fresh { try store?.check(file) }
        guard link(part, archive) == 0 else { throw Failure("\(archive) cannot be named: \(String(cString: strerror(errno))).") }
        try Files.flush(Files.parent(of: archive))
        note(config, now: now)
        var summary = Summary(archive: archive, files: files.count + stored.count, bytes: Files.info(archive)?.size ?? 0, newMedia: fresh.count)
        if let store, let keep { summary.removed = try MediaStore.prune(Files.parent(of: store.root), server: config.serverName, keep: keep) }
        return summary
    }

    /// When the last backup of this data directory was complete, in milliseconds; nil when none is known of.
    static func last(_ config: Config) -> Int64? {
        (try? Files.read("\(config.dataDirectory)/\(lastName)", max: 64)).flatMap { Int64(String(decoding: $0, as: UTF8.self).filter(\.isNumber)) }   // never, or not by this program
    }
    private static let lastName = "last-backup"

    /// Writes down that there is a backup, for the metrics and the doctor. One that cannot be noted is a backup all the same.
    private static func note(_ config: Config, now: Int64) {
        let path = "\(config.dataDirectory)/\(lastName)"
        let file = open(path + ".part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        // The server reads it, and may be somebody else than who saves.
        if let owner = Files.info(config.dataDirectory)?.owner, owner != geteuid() { _ = fchown(file, owner, gid_t.max) }
        let text = Array("\(now)\n".utf8), isWritten = write(file, text, text.count) == text.count
        close(file)
        if isWritten { rename(path + ".part", path) }
    }

    /// How the archives of a server begin.
    static func prefix(_ serverName: String) -> String { "comptoir-\(serverName.split(separator: ":").joined(separator: "-"))-" }

    private static func name(_ target: String, _ config: Config, now: Int64) throws -> String {
        var archive = target
        if Files.info(target)?.kind == .directory {
            archive = (target.hasSuffix("/") ? String(target.dropLast()) : target) + "/\(prefix(config.serverName))\(stamp(now)).tar"
        }
        guard !Files.exists(archive) else { throw Failure("\(archive) is there already; a backup never overwrites a file.") }
        guard Files.info(Files.parent(of: archive))?.kind == .directory else { throw Failure("There is no directory \(Files.parent(of: archive)).") }
        return archive
    }

    /// 20260131-235959, UTC.
    static func stamp(_ milliseconds: Int64) -> String {
        var seconds = time_t(milliseconds / 1000), parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1900)\(two(parts.tm_mon + 1))\(two(parts.tm_mday))-\(two(parts.tm_hour))\(two(parts.tm_min))\(two(parts.tm_sec))"
    }

    static func databaseLocation(_ config: Config) throws -> Database.Location {
        if let url = config.databaseURL { return .postgres(url: url) }
        let path = config.dataDirectory + "/" + databaseName
        guard Files.exists(path) else { throw Failure("There is no database at \(path). Name the data directory with --data.") }
        return .sqlite(path: path)
    }

    private static func mediaContents(_ location: Database.Location) throws -> [String: Int64] {
        let db = try Database.openExisting(location, migrations: [])
        defer { db.close() }
        return try db.readNow { tx in
            var found: [String: Int64] = [:]
            try Media.contents(tx) { found[$0] = $1 }
            return found
        }
    }

    private static func describe(_ location: Database.Location) throws -> (serverName: String?, migrations: [Int64]) {
        let db = try Database.openExisting(location, migrations: [])
        defer { db.close() }
        return (try Identity.serverName(db), try db.readNow { try $0.all("SELECT id FROM schema_migration ORDER BY id") { $0.int(0) } })
    }

    /// Plain files of the data directory besides the database and the media, links and what is being written left out.
    private static func others(_ directory: String, archive: String) throws -> [String] {
        var found: [String] = []
        func collect(_ folder: String) throws {
            for name in try Files.list(folder.isEmpty ? directory : directory + "/" + folder) {
                let path = folder.isEmpty ? name : folder + "/" + name
                if folder.isEmpty, name == "media" || name == UpgradeBackup.folder || name == lastName || name.hasPrefix(databaseName) { continue }
                if name.hasSuffix(".part") || name.hasSuffix(".lock") || name.hasSuffix(".tar") || name.hasSuffix(".tar.database") { continue }
                switch Files.info(directory + "/" + path)?.kind {
                case .directory: try collect(path)
                case .file: found.append(path)
                default: continue
                }
            }
        }
        if Files.exists(directory) { try collect("") }
        return found
    }

    // MARK: checking

    /// Reads the whole archive and compares each file with the manifest.
    @discardableResult
    static func verify(_ archive: String, progress: Progress = { _, _, _ in }) throws -> Manifest {
        var reader = try TarReader(path: archive)
        var found: [Manifest.File] = [], manifest: Manifest?
        do {
            while let entry = try reader.next() {
                guard manifest == nil else { throw Failure("there is something behind the manifest") }
                var digest = SHA256Stream(), bytes: [UInt8] = []
                while let piece = try reader.piece() {
                    piece.withUnsafeBytes { digest.update($0) }
                    if entry.name == manifestName { bytes += piece }
                }
                if entry.name == manifestName {
                    manifest = try Manifest(bytes)
                    if manifest == nil { throw Failure("its manifest cannot be read") }
                } else {
                    found.append(Manifest.File(name: entry.name, size: entry.size, sha256: Hex.encode(digest.finish())))
                }
                progress("verify", found.count, 0)
            }
        } catch let error as TarError {
            throw Failure("The archive \(archive) is damaged: \(error).")
        } catch let error as Failure {
            throw Failure("The archive \(archive) is damaged: \(error).")
        } catch let error as JSONError {
            throw Failure("The archive \(archive) is damaged: its manifest cannot be read (\(error)).")
        }
        guard let manifest else { throw Failure("The archive \(archive) is damaged: it has no manifest.") }
        for file in found where !isKnown(file.name) { throw Failure("The archive \(archive) holds '\(file.name)', which no backup has.") }
        let names = Set(found.map(\.name))
        for file in manifest.files where !names.contains(file.name) { throw Failure("The archive \(archive) is damaged: \(file.name) is missing.") }
        for (is_, should) in zip(found, manifest.files) where is_ != should {
            throw Failure("The archive \(archive) is damaged: \(should.name) is not what was saved.")
        }
        guard found.count == manifest.files.count else { throw Failure("The archive \(archive) is damaged: it has \(found.count) files instead of \(manifest.files.count).") }
        let database = manifest.database == "sqlite" ? databaseName : dumpName
        guard found.first?.name == database else { throw Failure("The archive \(archive) is damaged: it does not begin with \(database).") }
        return manifest
    }

    private static func isKnown(_ name: String) -> Bool {
        if name == databaseName || name == dumpName || name.hasPrefix("other/") { return true }
        let parts = name.split(separator: "/")
        return parts.count == 4 && parts[0] == "media" && parts[1] == "files" && parts[3].count == 64 && parts[3].hasPrefix(parts[2])
            && parts[3].utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }

    // MARK: putting back

    /// What an archive must be before anything is made of it: whole, of a version that this program knows, with all media that it names.
    /// `mediaStore`: where its media lies when it is an incremental one; beside it when nil.
    @discardableResult
    package static func check(_ archive: String, mediaStore: String?, progress: Progress = { _, _, _ in }) throws -> Summary {
        let manifest = try sound(archive, mediaStore, progress)
        return Summary(archive: archive, files: manifest.files.count + (manifest.stored?.count ?? 0), bytes: (manifest.files + (manifest.stored ?? [])).reduce(0) { $0 + $1.size })
    }

    private static func sound(_ archive: String, _ mediaStore: String?, _ progress: Progress) throws -> Manifest {
        guard Files.exists(archive) else { throw Failure("There is no archive \(archive).") }
        let manifest = try verify(archive, progress: progress)
        let known = Set(Inventory.migrations.map { Int64($0.id) } + Database.ownMigrations.map { Int64($0) })
        guard known.isSuperset(of: manifest.migrations) else {
            throw Failure("The archive \(archive) was saved from a newer version of comptoir than this one (\(System.version)). Restore it with that version.")
        }
        let stored = manifest.stored ?? [], store = storeOf(archive, mediaStore)
        for (index, file) in stored.enumerated() {
            progress("media", index, stored.count)
            try store.check(file)
        }
        return manifest
    }

    private static func storeOf(_ archive: String, _ mediaStore: String?) -> MediaStore {
        mediaStore.map { MediaStore(root: $0) } ?? MediaStore(directory: Files.parent(of: archive))
    }

    /// `directory` must not exist or be empty. `databaseURL`: the empty PostgreSQL database for an archive that was saved from one.
    @discardableResult
    package static func restore(_ archive: String, to directory: String, databaseURL: String?, mediaStore: String? = nil,
                                progress: Progress = { _, _, _ in }) throws -> Summary {
        let directory = directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory
        if let info = Files.info(directory) {
            guard info.kind == .directory else { throw Failure("\(directory) is no directory.") }
            guard try Files.list(directory).isEmpty else { throw Failure("\(directory) is not empty; a restore never overwrites anything. Name a new directory, or move this one away.") }
        }
        let manifest = try sound(archive, mediaStore, progress)
        let isDump = manifest.database == "postgresql"
        if isDump, databaseURL == nil { throw Failure("This archive was saved from PostgreSQL: name an empty database with --database URL.") }
        if !isDump, databaseURL != nil { throw Failure("This archive was saved from the embedded database; it cannot be put into PostgreSQL. Leave out --database.") }
        if let databaseURL, let taken = try? Database.openExisting(.postgres(url: databaseURL), migrations: []) {   // an empty one cannot be opened so
            taken.close()
            throw Failure("The database holds a server already; a restore never overwrites anything. Name an empty one.")
        }

        let part = directory + ".restoring"
        guard !Files.exists(part) else { throw Failure("\(part) is left over from a restore that was cut off. Remove it and try again.") }
        try Files.makeDirectory(part)
        do {
            try unpack(archive, manifest, to: part, progress: progress)
            try fetch(manifest.stored ?? [], from: storeOf(archive, mediaStore), to: part, progress: progress)
            if isDump, let databaseURL {
                progress("database", 0, 1)
                try PostgresTools.restore(part + "/" + dumpName, to: databaseURL)
                Files.remove(part + "/" + dumpName)
            } else {
                progress("database", 0, 1)
                try checkDatabase(part + "/" + databaseName)
            }
            progress("database", 1, 1)
            try flushAll(part)
            rmdir(directory)   // empty or not there; otherwise the rename says why not
            guard rename(part, directory) == 0 else { throw Failure("\(part) cannot be renamed to \(directory): \(String(cString: strerror(errno))).") }
            try Files.flush(Files.parent(of: directory))
        } catch {
            Files.remove(part)
            throw error
        }
        let all = manifest.files + (manifest.stored ?? [])
        return Summary(archive: archive, files: all.count, bytes: all.reduce(0) { $0 + $1.size })
    }

    private static func fetch(_ files: [Manifest.File], from store: MediaStore, to part: String, progress: Progress) throws {
        let media = MediaFiles(root: part + "/media")
        for (index, file) in files.enumerated() {
            progress("media", index, files.count)
            let target = media.path(of: file.sha256)
            try Files.makeDirectory(Files.parent(of: target))
            guard try Files.copy(store.path(of: file.sha256), to: target).sha256 == file.sha256 else { throw Failure("\(store.path(of: file.sha256)) changed while it was read.") }
        }
    }

    private static func unpack(_ archive: String, _ manifest: Manifest, to part: String, progress: Progress) throws {
        var reader = try TarReader(path: archive), done = 0
        while let entry = try reader.next() {
            if entry.name == manifestName { continue }
            let name = entry.name.hasPrefix("other/") ? String(entry.name.dropFirst(6)) : entry.name
            let path = part + "/" + name
            try Files.makeDirectory(Files.parent(of: path))
            let output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard output >= 0 else { throw Files.Failure(path) }
            defer { close(output) }
            var digest = SHA256Stream()
            while let piece = try reader.piece() {
                try piece.withUnsafeBytes { bytes in
                    digest.update(bytes)
                    try Files.write(bytes, to: output, path)
                }
            }
            guard fsync(output) == 0 else { throw Files.Failure(path) }
            guard done < manifest.files.count, Hex.encode(digest.finish()) == manifest.files[done].sha256 else { throw Failure("The archive \(archive) changed while it was read.") }
            done += 1
            progress("files", done, manifest.files.count)
        }
    }

    private static func checkDatabase(_ path: String) throws {
        let problems: [String]
        do {
            let db = try Database.openExisting(.sqlite(path: path), migrations: Inventory.migrations)
            defer { db.close() }
            // An older schema is brought up to date by the next start; a newer one needs the newer program.
            problems = try db.integrityCheck().filter { !$0.hasSuffix("is not applied") }
            if problems.contains(where: { $0.hasSuffix("is not known to this program") }) {
                throw Failure("The database in the archive was saved from a newer version of comptoir than this one (\(System.version)). Restore it with that version.")
            }
        } catch let error as StoreError {
            throw Failure("The database in the archive is damaged: \(error).")
        }
        guard problems.isEmpty else { throw Failure("The database in the archive cannot be used: \(problems.prefix(5).joined(separator: "; ")).") }
        for suffix in ["-wal", "-shm"] { Files.remove(path + suffix) }
    }

    private static func flushAll(_ directory: String) throws {
        for name in try Files.list(directory) where Files.info(directory + "/" + name)?.kind == .directory { try flushAll(directory + "/" + name) }
        try Files.flush(directory)
    }
}
