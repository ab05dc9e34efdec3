import Glibc
import MatrixCore

// Archives in the POSIX ustar format, which every `tar` reads. Plain files only; names are checked on both sides.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06

package enum TarError: Error, Sendable, Equatable, CustomStringConvertible {
    case notTar
    case truncated
    case badChecksum(offset: Int64)
    case badName(String)
    case notPlainFile(String)
    case sizeChanged(String)

    package var description: String {
        switch self {
        case .notTar: "it is no tar archive"
        case .truncated: "it is cut off"
        case .badChecksum(let offset): "a header at byte \(offset) is damaged"
        case .badName(let name): "it holds a name that is not allowed: '\(name)'"
        case .notPlainFile(let name): "'\(name)' is no plain file"
        case .sizeChanged(let name): "'\(name)' changed while it was read"
        }
    }
}

enum Tar {
    static let block = 512
    static let chunk = 256 << 10

    /// Relative, without `.` and `..`, printable.
    static func isAllowed(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= 250, !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }) else { return false }
        return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    }

    /// nil when the name does not fit into name and prefix.
    static func header(name: String, size: Int64, modified: Int64) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: block)
        func put(_ text: some Sequence<UInt8>, at offset: Int) { for (index, byte) in text.enumerated() { bytes[offset + index] = byte } }
        func octal(_ number: Int64, digits: Int) -> [UInt8] {
            let text = String(number, radix: 8)
            return Array((String(repeating: "0", count: max(0, digits - text.count)) + text).utf8)
        }
        let all = Array(name.utf8)
        if all.count <= 100 {
            put(all, at: 0)
        } else {
            guard let slash = all.indices.first(where: { all[$0] == UInt8(ascii: "/") && all.count - $0 - 1 <= 100 }), slash <= 155, slash > 0 else { return nil }
            put(all[(slash + 1)...], at: 0)
            put(all[..<slash], at: 345)
        }
        put(octal(0o600, digits: 7), at: 100)
        put(octal(0, digits: 7), at: 108)
        put(octal(0, digits: 7), at: 116)
        if size < 1 << 33 {
            put(octal(size, digits: 11), at: 124)
        } else {   // base 256, as GNU and BSD write larger files
            bytes[124] = 0x80
            for index in 0..<8 { bytes[128 + index] = UInt8(truncatingIfNeeded: size >> (56 - 8 * Int64(index))) }
        }
        put(octal(max(0, modified), digits: 11), at: 136)
        bytes[156] = UInt8(ascii: "0")
        put("ustar\0".utf8, at: 257)
        put("00".utf8, at: 263)
        put(octal(checksum(bytes), digits: 6) + [0, 0x20], at: 148)
        return bytes
    }

    static func checksum(_ header: [UInt8]) -> Int64 {
        header.enumerated().reduce(0) { $0 + Int64((148..<156).contains($1.offset) ? 0x20 : $1.element) }
    }
}

/// Writes an archive from first to last byte.
struct TarWriter: ~Copyable {
    private let descriptor: Int32
    private let path: String
    private let now: Int64

    /// `path` must not exist. `now`: seconds since 1970, the files' time in the archive.
    init(path: String, now: Int64) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Files.Failure(path) }
        self.path = path
        self.now = now
    }
    deinit { close(descriptor) }

    /// Adds the file at `source`; gives its hash and size.
    func add(file source: String, as name: String) throws -> (sha256: String, size: Int64) {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw Files.Failure(source) }
        defer { close(input) }
        var info = stat()
        guard fstat(input, &info) == 0 else { throw Files.Failure(source) }
        let size = Int64(info.st_size)
        try start(name, size: size)
        var digest = SHA256Stream(), left = size
        try withUnsafeTemporaryAllocation(byteCount: Tar.chunk, alignment: 16) { buffer in
            while left > 0 {
                let count = read(input, buffer.baseAddress, min(Tar.chunk, Int(left)))
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw Files.Failure(source) }
                guard count > 0 else { throw TarError.sizeChanged(name) }
                let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                digest.update(piece)
                try write(piece)
                left -= Int64(count)
            }
        }
        try pad(size)
        return (Hex.encode(digest.finish()), size)
    }

    func add(bytes: [UInt8], as name: String) throws {
        try start(name, size: Int64(bytes.count))
        try bytes.withUnsafeBytes { try write($0) }
        try pad(Int64(bytes.count))
    }

    /// Two empty blocks, flushed to the disk.
    func finish() throws {
        try [UInt8](repeating: 0, count: 2 * Tar.block).withUnsafeBytes { try write($0) }
        guard fsync(descriptor) == 0 else { throw Files.Failure(path) }
    }

    private func start(_ name: String, size: Int64) throws {
        guard Tar.isAllowed(name), let header = Tar.header(name: name, size: size, modified: now) else { throw TarError.badName(name) }
        try header.withUnsafeBytes { try write($0) }
    }

    private func pad(_ size: Int64) throws {
        let rest = Int(size % Int64(Tar.block))
        if rest > 0 { try [UInt8](repeating: 0, count: Tar.block - rest).withUnsafeBytes { try write($0) } }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws { try Files.write(bytes, to: descriptor, path) }
}

/// Reads an archive from first to last byte.
struct TarReader: ~Copyable {
    struct Entry { var name: String; var size: Int64 }

    private let descriptor: Int32
    private let path: String
    private let length: Int64
    private var offset: Int64 = 0
    private var left: Int64 = 0
    private var padding = 0

    init(path: String) throws {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Files.Failure(path) }
        var info = stat()
        length = fstat(descriptor, &info) == 0 ? Int64(info.st_size) : 0
        self.path = path
    }
    deinit { close(descriptor) }

    /// The next file; nil at the end of the archive. What was not read of the one before is skipped.
    mutating func next() throws -> Entry? {
        if left > 0 || padding > 0 {
            let target = offset + left + Int64(padding)
            guard target <= length else { throw TarError.truncated }
            guard lseek(descriptor, off_t(target), SEEK_SET) == off_t(target) else { throw Files.Failure(path) }
            (offset, left, padding) = (target, 0, 0)
        }
        let start = offset, header = try take(Tar.block)
        guard header.count == Tar.block else { throw offset < 1024 ? TarError.notTar : TarError.truncated }
        if header.allSatisfy({ $0 == 0 }) { return nil }
        guard Array(header[257..<262]) == Array("ustar".utf8) else { throw start == 0 ? TarError.notTar : TarError.badChecksum(offset: start) }
        guard Self.octal(header[148..<156]) == Tar.checksum(header) else { throw TarError.badChecksum(offset: start) }
        func text(_ range: Range<Int>) -> String { String(decoding: header[range].prefix { $0 != 0 }, as: UTF8.self) }
        let prefix = text(345..<500), name = prefix.isEmpty ? text(0..<100) : prefix + "/" + text(0..<100)
        guard Tar.isAllowed(name) else { throw TarError.badName(name) }
        guard header[156] == UInt8(ascii: "0") || header[156] == 0 else { throw TarError.notPlainFile(name) }
        let size: Int64? = header[124] == 0x80 ? header[128..<136].reduce(0) { $0 << 8 | Int64($1) } : Self.octal(header[124..<136])
        guard let size, size >= 0 else { throw TarError.badChecksum(offset: start) }
        left = size
        padding = Int((Int64(Tar.block) - size % Int64(Tar.block)) % Int64(Tar.block))
        return Entry(name: name, size: size)
    }

    /// The next piece of the current file; nil at its end.
    mutating func piece() throws -> [UInt8]? {
        guard left > 0 else { return nil }
        let wanted = Int(min(left, Int64(Tar.chunk))), bytes = try take(wanted)
        guard bytes.count == wanted else { throw TarError.truncated }
        left -= Int64(wanted)
        return bytes
    }

    private mutating func take(_ count: Int) throws -> [UInt8] {
        let path = path, descriptor = descriptor
        let bytes = try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = read(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled)
                if got < 0, errno == EINTR { continue }
                guard got >= 0 else { throw Files.Failure(path) }
                if got == 0 { return }
                filled += got
            }
        }
        offset += Int64(bytes.count)
        return bytes
    }

    private static func octal(_ field: ArraySlice<UInt8>) -> Int64? {
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        guard digits.allSatisfy({ (48...55).contains($0) }), digits.count <= 12 else { return nil }
        return digits.reduce(0) { $0 << 3 | Int64($1 - 48) }
    }
}
