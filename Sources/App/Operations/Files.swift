import Glibc

/// Small calls of the file system for start-up and the command line.
package enum Files {
    package struct Failure: Error, CustomStringConvertible {
        package let path: String
        package let reason: String
        package init(_ path: String, code: Int32 = errno) { self.path = path; reason = String(cString: strerror(code)) }
        package init(_ path: String, reason: String) { self.path = path; self.reason = reason }
        package var description: String { "\(path): \(reason)" }
    }

    package enum Kind: Sendable { case file, directory, other }
    package struct Info: Sendable {
        package let kind: Kind
        package let size: Int64
        /// Rights of owner, group and others.
        package let mode: UInt32
        package let owner: UInt32
        /// Seconds since 1970.
        package let modified: Int64
    }

    /// Does not follow a link. nil when there is nothing.
    package static func info(_ path: String) -> Info? {
        var found = stat()
        guard lstat(path, &found) == 0 else { return nil }
        let kind: Kind = switch found.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        default: .other
        }
        return Info(kind: kind, size: Int64(found.st_size), mode: found.st_mode & 0o7777, owner: found.st_uid, modified: Int64(found.st_mtim.tv_sec))
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The whole file, when it is not larger than `max`.
    package static func read(_ path: String, max: Int) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 { throw Failure(path) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= max else { throw Failure(path, reason: "it is larger than \(max) bytes") }
        }
    }

    /// Names in a directory, sorted, without `.` and `..`.
    package static func list(_ path: String) throws(Failure) -> [String] {
        guard let handle = opendir(path) else { throw Failure(path) }
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

    /// Makes a directory for its owner alone, with its parents.
    package static func makeDirectory(_ path: String) throws(Failure) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            guard mkdir(made, 0o700) == 0 || errno == EEXIST else { throw Failure(made) }
        }
    }

    /// Makes what was written to a file or directory durable.
    package static func flush(_ path: String) throws(Failure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Failure(path) }
    }

    /// Removes a file, or a directory with all that is in it. Nothing there is as good.
    package static func remove(_ path: String) {
        if info(path)?.kind == .directory {
            for name in (try? list(path)) ?? [] { remove(path + "/" + name) }   // what cannot be listed cannot be emptied: rmdir leaves it
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    /// Writes all of it to an open file, which is at `path`.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Failure(path) }
            rest = rest.dropFirst(count)
        }
    }

    /// Room left for this user where a path lies.
    static func freeBytes(_ path: String) -> Int64? {
        var info = statvfs()
        guard statvfs(path, &info) == 0 else { return nil }
        return Int64(clamping: UInt64(info.f_bavail) * UInt64(info.f_frsize))
    }

    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
