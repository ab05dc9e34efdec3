import CVips
import Glibc
import MatrixCore
import ServerKit
import Synchronization

/// Makes thumbnails by libvips and keeps them on disk.
///
/// Invariants: a picture is decoded only on the threads of its own pool, a few at a time; the number of pixels is known
/// from the header before anything is decoded; one thumbnail that several clients ask for at once is made once.
final class Thumbnailer: Sendable {
    /// Larger pictures are not decoded: a small file can hold an enormous one.
    static let maxPixels = 64_000_000.0

    struct Thumbnail: Sendable {
        var path: String
        var size: Int64
        var isPNG: Bool
        var contentType: String { isPNG ? "image/png" : "image/jpeg" }
    }
    enum Failure: Error { case unreadable, tooLarge, failed(String) }

    private let pool = WorkerPool(threads: 2, limit: 200)
    private let running = Mutex<[String: Task<Thumbnail, any Error>]>([:])

    /// libvips starts once a process.
    private static let library: Int32 = comptoir_vips_start("comptoir")
    static func start() throws(MatrixError) {
        guard library == 0 else { throw .internalError() }
    }

    private static func path(_ files: MediaFiles, _ sha256: String, _ size: ThumbnailSize, isPNG: Bool) -> String {
        "\(files.thumbnailsDirectory)/\(sha256.prefix(2))/\(sha256)-\(size.key).\(isPNG ? "png" : "jpg")"
    }

    private static func cached(_ files: MediaFiles, _ sha256: String, _ size: ThumbnailSize) -> Thumbnail? {
        for isPNG in [false, true] {
            let path = path(files, sha256, size, isPNG: isPNG)
            if let length = MediaFiles.size(path), length > 0 { return Thumbnail(path: path, size: length, isPNG: isPNG) }
        }
        return nil
    }

    func thumbnail(of sha256: String, _ size: ThumbnailSize, in files: MediaFiles, entropy: any Entropy) async throws -> Thumbnail {
        if let found = Self.cached(files, sha256, size) { return found }
        let key = sha256 + size.key
        let task = running.withLock { running in
            if let task = running[key] { return task }
            let temporary = files.incoming(entropy.token(16))
            let task = Task { [self] in
                defer { self.running.withLock { $0[key] = nil } }
                return try await pool.run { try Self.make(files, sha256, size, temporary: temporary) }
            }
            running[key] = task
            return task
        }
        return try await task.value
    }

    private static func make(_ files: MediaFiles, _ sha256: String, _ size: ThumbnailSize, temporary: String) throws -> Thumbnail {
        let (bytes, isPNG) = try shrink(files.path(of: sha256), size, maxPixels: maxPixels)
        let file = try IncomingFile(path: temporary)
        defer { file.discard() }
        try file.append([bytes])
        _ = try file.finish()
        let path = path(files, sha256, size, isPNG: isPNG)
        try files.place(temporary, as: path)
        return Thumbnail(path: path, size: Int64(bytes.count), isPNG: isPNG)
    }

    /// The smaller picture, as PNG or JPEG.
    static func shrink(_ path: String, _ size: ThumbnailSize, maxPixels: Double) throws(Failure) -> (bytes: [UInt8], isPNG: Bool) {
        var bytes: UnsafeMutablePointer<UInt8>?
        var length = 0, isPNG: Int32 = 0
        var words = [CChar](repeating: 0, count: 512)
        let status = comptoir_vips_thumbnail(path, Int32(size.width), Int32(size.height), size.isCrop ? 1 : 0, maxPixels,
                                             &bytes, &length, &isPNG, &words, words.count)
        switch status {
        case Int32(COMPTOIR_VIPS_OK): break
        case Int32(COMPTOIR_VIPS_TOO_LARGE): throw Failure.tooLarge
        case Int32(COMPTOIR_VIPS_UNREADABLE): throw Failure.unreadable
        default: throw Failure.failed(String(decoding: words.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
        }
        guard let bytes else { throw Failure.failed("libvips gave no bytes") }
        defer { comptoir_vips_free(bytes) }
        return (Array(UnsafeBufferPointer(start: bytes, count: length)), isPNG != 0)
    }

    /// Width and height as shown; nil for what is no picture. Reads the header alone.
    static func dimensions(_ path: String) -> (width: Int64, height: Int64)? {
        var width: Int32 = 0, height: Int32 = 0
        guard comptoir_vips_size(path, &width, &height) == Int32(COMPTOIR_VIPS_OK) else { return nil }
        return (Int64(width), Int64(height))
    }
}
