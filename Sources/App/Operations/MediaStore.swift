import Glibc
import MatrixCore

/// Media that several archives of a directory share: `media/ab/ab12…`, each file under the hash of its contents.
///
/// Invariants: a file gets its name when its contents were hashed on the way and flushed; what is there is not copied again; a file is removed only when
/// every archive of the directory could be read and none names it.
struct MediaStore {
    let root: String

    /// The store of the directory that an archive lies in.
    init(directory: String) { root = directory + "/media" }
    init(root: String) { self.root = root }

    func path(of hash: String) -> String { "\(root)/\(hash.prefix(2))/\(hash)" }

    static func isHash(_ text: String) -> Bool { text.utf8.count == 64 && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) } }

    /// Whether a file of this size is there under the hash.
    func holds(_ hash: String, size: Int64) -> Bool {
        guard let info = Files.info(path(of: hash)) else { return false }
        return info.kind == .file && info.size == size
    }

    /// Copies a file in. Gives its size.
    func add(_ source: String, as hash: String) throws -> Int64 {
        let target = path(of: hash), part = target + ".part"
        try Files.makeDirectory(Files.parent(of: target))
        Files.remove(part)
        let copied = try Files.copy(source, to: part)
        guard copied.sha256 == hash else {
            Files.remove(part)
            throw Backup.Failure("The stored file \(source) is damaged: its bytes do not fit its name. `comptoir doctor --deep` lists all such files; restore them from an earlier backup.")
        }
        guard rename(part, target) == 0 else { throw Files.Failure(target) }
        return copied.size
    }

    /// Reads a file of the store from end to end. Throws what is wrong with it.
    func check(_ file: Backup.Manifest.File) throws {
        let path = path(of: file.sha256)
        guard let info = Files.info(path), info.kind == .file else { throw Backup.Failure("The media file \(path) is missing, which the archive names.") }
        guard info.size == file.size, try Files.hash(path) == file.sha256 else { throw Backup.Failure("The media file \(path) is damaged: its bytes do not fit its name.") }
    }

    func flush() throws {
        for folder in try Files.list(root) where Files.info(root + "/" + folder)?.kind == .directory { try Files.flush(root + "/" + folder) }
        try Files.flush(root)
    }

    /// Holds others off that work with the same store. Ends with the process.
    func lock() throws -> Int32 {
        try Files.makeDirectory(root)
        let file = open(root + "/.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Files.Failure(root + "/.lock") }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            close(file)
            throw Backup.Failure("Another backup to \(Files.parent(of: root)) runs at this moment.")
        }
        return file
    }

    /// Removes all but the newest `keep` archives of a server, and the media that no archive of the directory names any more.
    static func prune(_ directory: String, server: String, keep: Int) throws -> (archives: Int, media: Int) {
        let names = try Files.list(directory).filter { $0.hasSuffix(".tar") }
        let own = names.filter { name in
            let stamp = name.dropFirst(Backup.prefix(server).utf8.count).dropLast(4)
            return name.hasPrefix(Backup.prefix(server)) && stamp.utf8.count == 15 && stamp.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: "-") }
        }
        let old = own.dropLast(keep)
        var named: Set<String> = []
        for name in names where !old.contains(name) {
            let manifest: Backup.Manifest?
            do { manifest = try Backup.Manifest.read(directory + "/" + name) } catch {
                throw Backup.Failure("\(directory)/\(name) cannot be read (\(error)), so it is not known which media it needs: nothing was removed. Move it away if it is no backup.")
            }
            for file in manifest?.stored ?? [] { named.insert(file.sha256) }
        }
        for name in old { Files.remove(directory + "/" + name) }
        try Files.flush(directory)
        let store = MediaStore(directory: directory)
        var media = 0
        for folder in try Files.list(store.root) where folder.utf8.count == 2 {
            for hash in try Files.list(store.root + "/" + folder) where !named.contains(hash) {
                Files.remove(store.root + "/" + folder + "/" + hash)
                if isHash(hash) { media += 1 }
            }
        }
        return (old.count, media)
    }
}

extension Files {
    /// Copies a file into a new one, flushed, for its owner alone. Gives its size and hash.
    static func copy(_ source: String, to target: String) throws -> (size: Int64, sha256: String) {
        let output = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw Failure(target) }
        defer { close(output) }
        var digest = SHA256Stream(), size: Int64 = 0
        try eachPiece(source) { piece in
            digest.update(piece)
            size += Int64(piece.count)
            try write(piece, to: output, target)
        }
        guard fsync(output) == 0 else { throw Failure(target) }
        return (size, Hex.encode(digest.finish()))
    }

    static func hash(_ path: String) throws -> String {
        var digest = SHA256Stream()
        try eachPiece(path) { digest.update($0) }
        return Hex.encode(digest.finish())
    }

    private static func eachPiece(_ path: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw Failure(path) }
        defer { close(descriptor) }
        try withUnsafeTemporaryAllocation(byteCount: 256 << 10, alignment: 16) { buffer in
            while true {
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw Failure(path) }
                if count == 0 { return }
                try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
    }
}
