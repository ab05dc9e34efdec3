@testable import App
import Glibc
@testable import Media
import MatrixCore

extension FuzzTarget {
    /// Files: archives, uploads, pictures.
    static let operations: [FuzzTarget] = [
        FuzzTarget("tar", max: 2048, ["ustar", "../", "/", "manifest.json", "77777777777", "0000600"]) { bytes throws(FuzzFailure) in
            var bytes = bytes
            // The checksum set right lets the damage through to what is behind it.
            var start = 0
            while bytes.count >= start + 512, !bytes.isEmpty, bytes.count % 2 == 0 {
                let sum = String(Tar.checksum(Array(bytes[start..<(start + 512)])), radix: 8)
                for (index, byte) in (String(repeating: "0", count: max(0, 6 - sum.count)) + sum).utf8.enumerated() { bytes[start + 148 + index] = byte }
                (bytes[start + 154], bytes[start + 155]) = (0, 0x20)
                start += 512
            }
            try archive.hold(bytes)
            do {
                var reader = try TarReader(path: archive.path), total = 0
                while let entry = try reader.next() {
                    try must(Tar.isAllowed(entry.name) && !entry.name.hasPrefix("/") && !entry.name.split(separator: "/").contains("..") && entry.size >= 0, "the name '\(entry.name)'")
                    while let piece = try reader.piece() { total += piece.count }
                }
                try must(total <= bytes.count, "more bytes than the archive has")
            } catch let failure as FuzzFailure { throw failure } catch { try must(error is TarError, "\(error)") }
        },
        FuzzTarget("manifest", max: 384, jsonWords + ["\"program\"", "\"comptoir\"", "\"format\"", "\"server_name\"", "\"created_at\"", "\"database\"", "\"files\"", "\"name\"", "\"size\"", "\"sha256\""]) { bytes throws(FuzzFailure) in
            guard let manifest = attempt({ try Backup.Manifest(bytes) }) ?? nil else { return }
            try must(attempt { try Backup.Manifest(manifest.json.encoded()) } == .some(manifest), "a manifest reads as another")
        },
        FuzzTarget("sniff", max: 96, ["\u{89}PNG\r\n", "GIF89a", "RIFF", "WEBP", "WAVE", "ftypavif", "ftyp", "OggS", "ID3", "%PDF-", "BM", "<!doctype html", "<svg", "<script", "<?xml", "\n", "image/png", "text/html", "text/plain", "application/json", "image/svg+xml"]) { bytes throws(FuzzFailure) in
            let parts = pieces(bytes, 2), kind = FileKind(of: Array(parts[1])), declared = text(parts[0])
            for given in [nil, declared] {
                let (type, isInline) = ContentTypes.judge(declared: given, kind: kind)
                try must(type.utf8.allSatisfy { (0x20...0x7E).contains($0) } && type.contains("/"), "the type '\(type)'")
                guard isInline else { continue }
                // What a browser could run is never shown in place, whatever it is called.
                try must(kind != .markup && kind != .pdf && kind != .elf, "\(kind) is shown in place as '\(type)'")
                try must(!["text/html", "image/svg", "application/xhtml", "text/xml", "application/xml", "application/javascript", "text/javascript"].contains { type.lowercased().hasPrefix($0) }, "'\(type)' is shown in place")
            }
        },
        // The decoders are libvips' and slow: this target is counted by itself.
        FuzzTarget("picture", max: 4096, ["\u{89}PNG\r\n", "IHDR", "IDAT", "IEND", "PLTE", "tRNS", "iCCP", "GIF89a", "RIFF", "WEBP", "VP8 ", "VP8L", "VP8X", "JFIF", "Exif"]) { bytes throws(FuzzFailure) in
            guard FileKind(of: bytes).isThumbnailSource else { return }
            guard attempt({ try Thumbnailer.start() }) != nil else { throw FuzzFailure("libvips does not start") }
            try picture.hold(bytes)
            if let size = Thumbnailer.dimensions(picture.path) { try must(size.width > 0 && size.height > 0, "a picture of \(size)") }
            if let made = attempt({ try Thumbnailer.shrink(picture.path, ThumbnailSize(width: 32, height: 32, isCrop: bytes.count % 2 == 0), maxPixels: 1_000_000) }) {
                let kind = FileKind(of: Array(made.bytes.prefix(32)))
                try must(kind == (made.isPNG ? .png : .jpeg), "a thumbnail that is no picture")
            }
        },
    ]
}

private let archive = MemoryFile(), picture = MemoryFile()

/// A file in memory, for readers that want a path. Each is one target's, and a target runs once at a time.
private final class MemoryFile: Sendable {
    private let descriptor: Int32
    var path: String { "/proc/self/fd/\(descriptor)" }

    init() {
        let name = "/dev/shm/comptoir-fuzz-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        precondition(descriptor >= 0 && unlink(name) == 0, "there is no file in memory")
    }

    func hold(_ bytes: [UInt8]) throws(FuzzFailure) {
        let written = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        try must(written == bytes.count && ftruncate(descriptor, bytes.count) == 0, "the file in memory cannot be written")
    }
}
