import Glibc
import MatrixCore
package import ServerKit

/// A call of the file system that failed.
package struct FileError: MachineError, CustomStringConvertible {
    package let operation: String
    package let path: String
    package let code: Int32
    package init(_ operation: String, _ path: String, code: Int32 = errno) {
        self.operation = operation; self.path = path; self.code = code
    }
    /// A full or failing disk and a lack of descriptors or memory may end; a missing file or right stays away.
    package var isTemporary: Bool { [ENOSPC, EDQUOT, EIO, EMFILE, ENFILE, ENOMEM, EAGAIN].contains(code) }
    package var description: String { "\(operation) \(path): \(String(cString: strerror(code)))" }
}

/// Where the bytes of media lie: each content once, under the hash of its bytes.
///
///     media/files/ab/ab12…          the uploads
///     media/thumbnails/ab/ab12…-320x240-scale.jpg
///     media/incoming/123-…          uploads of process 123 that have not ended
///
/// Invariants: a file under `files` is complete, flushed to the disk and never changed; a path is made of hashes and numbers
/// only, never of anything a client has said.
package struct MediaFiles: Sendable {
    package let root: String

    package init(root: String) { self.root = root }

    package var filesDirectory: String { root + "/files" }
    package var thumbnailsDirectory: String { root + "/thumbnails" }
    package var incomingDirectory: String { root + "/incoming" }

    package func path(of sha256: String) -> String { "\(filesDirectory)/\(sha256.prefix(2))/\(sha256)" }

    /// A new name for something that is being written. It carries the process, so that a start knows what is left over.
    func incoming(_ token: String) -> String { "\(incomingDirectory)/\(getpid())-\(token)" }

    /// Makes the directories and removes what an end in mid-upload has left: the files of processes that are gone, and those
    /// of this one, which has begun nothing yet. A server that runs beside a command of the command line keeps its own.
    package func prepare() throws {
        for directory in [root, filesDirectory, thumbnailsDirectory, incomingDirectory] { try Self.makeDirectory(directory) }
        try clean { pid in pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH) }
    }

    /// Removes what has not been written to since `old` (milliseconds since 1970), whosever it is.
    func cleanIncoming(before old: Int64) throws {
        for name in try Self.list(incomingDirectory) where (Self.modified(incomingDirectory + "/" + name) ?? .max) < old { unlink(incomingDirectory + "/" + name) }
    }

    private func clean(_ isLeftOver: (pid_t) -> Bool) throws {
        for name in try Self.list(incomingDirectory) where isLeftOver(name.split(separator: "-").first.flatMap { pid_t($0) } ?? getpid()) {
            let path = incomingDirectory + "/" + name
            guard unlink(path) == 0 || errno == ENOENT else { throw FileError("remove", path) }
        }
    }

    /// Puts a finished, flushed file to its place and makes the name durable. An equal file there is replaced by itself.
    package func place(_ temporary: String, as path: String) throws {
        let directory = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
        if access(directory, F_OK) != 0 {
            try Self.makeDirectory(directory)
            try Self.flushDirectory(String(directory[..<(directory.lastIndex(of: "/") ?? directory.endIndex)]))
        }
        guard rename(temporary, path) == 0 else { throw FileError("rename", temporary) }
        try Self.flushDirectory(directory)
    }

    /// Removes a content and its thumbnails.
    func remove(_ sha256: String) throws {
        let thumbnails = "\(thumbnailsDirectory)/\(sha256.prefix(2))"
        for name in try Self.list(thumbnails) where name.hasPrefix(sha256) {
            guard unlink(thumbnails + "/" + name) == 0 || errno == ENOENT else { throw FileError("remove", thumbnails + "/" + name) }
        }
        guard unlink(path(of: sha256)) == 0 || errno == ENOENT else { throw FileError("remove", path(of: sha256)) }
    }

    /// nil when there is no such file.
    package static func size(_ path: String) -> Int64? {
        var info = stat()
        guard stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(info.st_size)
    }

    /// Milliseconds since 1970; nil when there is no such file.
    static func modified(_ path: String) -> Int64? {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        return Int64(info.st_mtim.tv_sec) * 1000 + Int64(info.st_mtim.tv_nsec) / 1_000_000
    }

    static func makeDirectory(_ path: String) throws {
        guard mkdir(path, 0o700) != 0 else { return }
        if errno == EEXIST { return }
        if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try makeDirectory(String(path[..<slash]))
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileError("make directory", path) }
            return
        }
        throw FileError("make directory", path)
    }

    static func flushDirectory(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError("flush", path) }
    }

    /// Names in a directory, without `.` and `..`; empty when it does not exist.
    package static func list(_ directory: String) throws -> [String] {
        guard let handle = opendir(directory) else {
            if errno == ENOENT { return [] }
            throw FileError("list", directory)
        }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Hashes of all stored files, directory by directory.
    package func eachDirectory(_ body: (_ prefix: String, _ hashes: [String]) throws -> Void) throws {
        for prefix in try Self.list(filesDirectory) where prefix.utf8.count == 2 {
            try body(prefix, try Self.list(filesDirectory + "/" + prefix).filter { $0.utf8.count == 64 })
        }
    }
}

/// One upload on its way to the disk. Its calls block: they are made one after another, on a thread of the pool.
final class IncomingFile: @unchecked Sendable {   // owned by one upload, which awaits each call before the next
    struct Finished: Sendable {
        var sha256: String
        var size: Int64
        /// The first bytes, by which the kind of file is known.
        var head: [UInt8]
    }
    static let headLength = 1024

    let path: String
    private var descriptor: Int32
    private var digest = SHA256Stream()
    private var size: Int64 = 0
    private var head: [UInt8] = []

    init(path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError("create", path) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func append(_ pieces: [[UInt8]]) throws {
        for piece in pieces {
            if head.count < Self.headLength { head += piece.prefix(Self.headLength - head.count) }
            try piece.withUnsafeBytes { bytes in
                digest.update(bytes)
                var rest = bytes[...]
                while !rest.isEmpty {
                    let written = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    if written < 0 {
                        if errno == EINTR { continue }
                        throw FileError("write", path)
                    }
                    rest = rest.dropFirst(written)
                }
            }
            size += Int64(piece.count)
        }
    }

    /// Flushes to the disk and closes.
    func finish() throws -> Finished {
        guard fsync(descriptor) == 0 else { throw FileError("flush", path) }
        let status = close(descriptor)
        descriptor = -1
        guard status == 0 else { throw FileError("close", path) }
        return Finished(sha256: Hex.encode(digest.finish()), size: size, head: head)
    }

    /// Removes the file if it has not been moved to its place.
    func discard() {
        if descriptor >= 0 { close(descriptor); descriptor = -1 }
        unlink(path)
    }
}
