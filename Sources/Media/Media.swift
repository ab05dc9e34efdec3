import Logging
package import MatrixCore
package import ServerKit
package import Store
import Synchronization

// Media: what users upload, kept on the disk and served again.
// https://spec.matrix.org/latest/client-server-api/#content-repository
//
// Invariants: an upload is answered only when its bytes and its row are durable; bytes are kept once however often they are
// uploaded; a file is never read into memory as a whole; media of other servers is not there (no federation yet).

/// The media of this server. One a process: it owns the threads that write files and make thumbnails.
package final class Media: MediaStoring {
    let disk = WorkerPool(threads: 4, limit: 2_000)
    let thumbnailer = Thumbnailer()
    let arrivals = Arrivals()

    package init() {}

    package var storing: any MediaStoring { self }

    package var feature: Feature {
        Feature("media", migrations: Self.migrations + [Self.previewSchema, Self.quarantineSchema, Self.releaseSchema], routes: routes + previewRoutes + adminRoutes + quarantineRoutes, jobs: [
            Job("media.sweep", every: 24 * 3_600_000) { c in try await self.sweep(c) },
            Job("media.released", every: 60_000) { c in try await self.deleteReleased(c) },
            Job("media.reservations", every: 3_600_000) { c in
                try await self.forgetReservations(c)
                try await self.forgetPreviews(c)
            },
        ], start: { c in
            try Thumbnailer.start()
            try c.mediaFiles.prepare()
        })
    }

    /// Oldest program that runs on the result of each: the first release.
    static let migrations = [
        Migration(60, "media", """
            CREATE TABLE media (
                id TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                content_type TEXT NOT NULL,
                size INTEGER NOT NULL,
                name TEXT,
                sha256 TEXT,
                created INTEGER NOT NULL,
                expires INTEGER,
                width INTEGER,
                height INTEGER,
                is_inline INTEGER NOT NULL,
                is_public INTEGER NOT NULL,
                CHECK ((sha256 IS NULL) = (expires IS NOT NULL))
            );
            CREATE INDEX media_by_content ON media (sha256);
            CREATE INDEX media_reserved ON media (expires) WHERE sha256 IS NULL;
            CREATE INDEX media_reserved_by ON media (owner) WHERE sha256 IS NULL
            """),
    ]

    // MARK: types

    /// What an uploader says of a file.
    struct Claim: Sendable {
        var owner: UserID
        var contentType: String?
        var fileName: String?
        var isPublic = false
    }

    /// A stored file; `sha256` is nil while a reserved address waits for its content.
    struct Item: Sendable {
        var id: String
        var contentType: String
        var size: Int64
        var name: String?
        var sha256: String?
        var expires: Int64?
        var isInline: Bool
        var isPublic: Bool
        var isQuarantined: Bool
    }

    /// A file on its place under `files`, not yet known to the database.
    struct Stored: Sendable {
        var sha256: String
        var size: Int64
        var kind: FileKind
        var width: Int64?
        var height: Int64?
    }

    /// How long a reserved address waits for its content, and how many of them one user may have.
    static let reservationTime: Int64 = 24 * 3_600_000
    static let maxReservations: Int64 = 100

    // MARK: writes

    /// Writes the pieces that `next` gives to the disk. Memory: at most `chunk` bytes and one piece.
    func receive(_ c: Context, limit: Int64, next: () async throws -> [UInt8]?) async throws -> Stored {
        let files = c.mediaFiles, temporary = files.incoming(c.entropy.token(16))
        let file = try await disk.run { try IncomingFile(path: temporary) }
        do {
            var pieces: [[UInt8]] = [], waiting = 0, total: Int64 = 0
            while let piece = try await next() {
                guard !piece.isEmpty else { continue }
                total += Int64(piece.count)
                guard total <= limit else { throw Self.tooLarge(limit) }
                pieces.append(piece)
                waiting += piece.count
                guard waiting >= Self.chunk else { continue }
                let full = pieces
                pieces = []
                waiting = 0
                try await disk.run { try file.append(full) }
            }
            let rest = pieces
            return try await disk.run {
                try file.append(rest)
                let finished = try file.finish()
                let kind = FileKind(of: finished.head)
                let shown = kind.isThumbnailSource ? Thumbnailer.dimensions(temporary) : nil
                try files.place(temporary, as: files.path(of: finished.sha256))
                return Stored(sha256: finished.sha256, size: finished.size, kind: kind, width: shown?.width, height: shown?.height)
            }
        } catch {
            do { try await disk.run { file.discard() } } catch { file.discard() }   // a full pool: here then
            throw error
        }
    }
    static let chunk = 256 << 10

    static func tooLarge(_ limit: Int64) -> MatrixError { .tooLarge("The file is larger than the \(limit) bytes that this server accepts.") }

    /// Makes the row of a stored file and gives its address.
    func register(_ c: Context, _ stored: Stored, _ claim: Claim) async throws -> MXC {
        let id = c.entropy.token(24), now = c.clock.now, files = c.mediaFiles
        let judged = ContentTypes.judge(declared: claim.contentType, kind: stored.kind)
        let name = FileNames.clean(claim.fileName)
        try await c.db.write { tx in
            try Self.assertPresent(files, stored)
            try tx.run(SQL.insert, id, claim.owner, judged.type, stored.size, name, stored.sha256, now, nil as Int64?, stored.width, stored.height, judged.isInline, claim.isPublic)
        }
        c.metrics.add(.uploads)
        return MXC(trusted: "mxc://\(c.serverName)/\(id)")
    }

    /// The sweep removes old files without a row, in a write transaction as well. Should it have taken this one just before
    /// the upload renewed it, the client must try again.
    private static func assertPresent(_ files: MediaFiles, _ stored: Stored) throws {
        guard MediaFiles.size(files.path(of: stored.sha256)) == stored.size else { throw MatrixError.overloaded() }
    }

    /// Reserves an address whose content comes later.
    func reserve(_ c: Context, owner: UserID) async throws -> (mxc: MXC, expires: Int64) {
        let id = c.entropy.token(24), now = c.clock.now, expires = now + Self.reservationTime
        try await c.db.write { tx in
            let open = try tx.first(SQL.countReserved, owner, now) { $0.int(0) } ?? 0
            guard open < Self.maxReservations else { throw MatrixError.limited(retryAfter: 60_000) }
            try tx.run(SQL.insert, id, owner, ContentTypes.unknown, 0, nil as String?, nil as String?, now, expires, nil as Int64?, nil as Int64?, false, false)
        }
        return (MXC(trusted: "mxc://\(c.serverName)/\(id)"), expires)
    }

    /// Whether `owner` may fill the reserved address now. Asked before the upload and once more when it is stored.
    static func checkReservation(_ tx: ReadTx, id: String, owner: UserID, now: Int64) throws {
        guard let found = try tx.first(SQL.reservation, id, row: { (owner: $0.text(0), expires: $0.intOrNil(1)) }) else {
            throw MatrixError.notFound("There is no such media.")
        }
        guard found.owner == owner.rawValue else { throw MatrixError.forbidden("This address was reserved by somebody else.") }
        guard let expires = found.expires else {
            throw MatrixError(409, "M_CANNOT_OVERWRITE_MEDIA", "This address has its content already.")
        }
        guard expires > now else { throw MatrixError.notFound("The reservation of this address has expired.") }
    }

    func fill(_ c: Context, id: String, _ stored: Stored, _ claim: Claim) async throws {
        let judged = ContentTypes.judge(declared: claim.contentType, kind: stored.kind)
        let name = FileNames.clean(claim.fileName), now = c.clock.now, files = c.mediaFiles
        try await c.db.write { tx in
            try Self.checkReservation(tx, id: id, owner: claim.owner, now: now)
            try Self.assertPresent(files, stored)
            try tx.run(SQL.fill, id, judged.type, stored.size, name, stored.sha256, stored.width, stored.height, judged.isInline)
            tx.afterCommit { self.arrivals.arrived(id) }
        }
        c.metrics.add(.uploads)
    }

    /// Shown to anyone who has the address, or no longer.
    func setPublic(_ c: Context, id: String, _ isPublic: Bool) async throws {
        let changed = try await c.db.write { tx in try tx.run(SQL.setPublic, id, isPublic) }
        guard changed > 0 else { throw MatrixError.notFound("There is no such media.") }
    }

    package func store(_ c: Context, bytes: [UInt8], contentType: String, fileName: String?, owner: UserID) async throws -> MXC {
        var rest: [UInt8]? = bytes
        let stored = try await receive(c, limit: .max) {
            defer { rest = nil }
            return rest
        }
        return try await register(c, stored, Claim(owner: owner, contentType: contentType, fileName: fileName))
    }

    // MARK: reads

    /// Throws M_NOT_FOUND for quarantined media as well, unless an administrator wants to look at it nevertheless.
    func item(_ c: Context, id: String, evenQuarantined: Bool = false) async throws -> Item {
        let now = c.clock.now
        let found = try await c.db.read { tx in
            try tx.first(SQL.select, id) {
                Item(id: id, contentType: $0.text(0), size: $0.int(1), name: $0.textOrNil(2), sha256: $0.textOrNil(3), expires: $0.intOrNil(4), isInline: $0.bool(5), isPublic: $0.bool(6),
                     isQuarantined: !$0.isNull(7))
            }
        }
        guard let found, (found.expires ?? .max) > now, evenQuarantined || !found.isQuarantined else { throw MatrixError.notFound("There is no such media.") }
        return found
    }

    /// The item with its content's hash; waits up to `timeout` ms for the content of a reserved address.
    func content(_ c: Context, id: String, timeout: Int64, evenQuarantined: Bool = false) async throws -> (item: Item, sha256: String) {
        let item = try await item(c, id: id, evenQuarantined: evenQuarantined)
        if let sha256 = item.sha256 { return (item, sha256) }
        if try await arrivals.wait(id, timeout: timeout, unless: { try await self.item(c, id: id).sha256 != nil }) {
            let item = try await self.item(c, id: id)
            if let sha256 = item.sha256 { return (item, sha256) }
        }
        throw MatrixError(504, "M_NOT_YET_UPLOADED", "The content has not been uploaded yet.")
    }

    // MARK: jobs

    /// Removes files that no row names: uploads that were cut off between the file and the row, and content whose rows
    /// are gone. Young ones are left alone, their rows may be on the way.
    func sweep(_ c: Context) async throws {
        let files = c.mediaFiles, old = c.clock.now - 24 * 3_600_000, db = c.db
        let removed = try await disk.run {
            var removed = 0
            try files.cleanIncoming(before: old)
            try files.eachDirectory { prefix, hashes in
                let lost = try Set(hashes).subtracting(db.readNow { tx in try tx.all(SQL.contents, prefix, prefix + "g") { $0.text(0) } })
                for sha256 in lost.sorted() where (MediaFiles.modified(files.path(of: sha256)) ?? .max) < old {
                    removed += try db.writeNow { tx in
                        let path = files.path(of: sha256)
                        guard (MediaFiles.modified(path) ?? .max) < old, try !tx.exists(SQL.hasContent, sha256) else { return 0 }
                        try files.remove(sha256)
                        return 1
                    }
                }
            }
            return removed
        }
        if removed > 0 { c.log.info("removed media files that nothing names", metadata: ["media.files": "\(removed)"]) }
    }

    func forgetReservations(_ c: Context) async throws {
        let now = c.clock.now
        _ = try await c.db.write { tx in try tx.run(SQL.forgetReserved, now) }
    }

    /// Every stored file that a row names, for the doctor and the backup: hash and size.
    package static func contents(_ tx: ReadTx, _ body: (_ sha256: String, _ size: Int64) throws -> Void) throws {
        try tx.each(SQL.allContents) { try body($0.text(0), $0.int(1)) }
    }

    // MARK: SQL

    enum SQL {
        static let insert = """
            INSERT INTO media (id, owner, content_type, size, name, sha256, created, expires, width, height, is_inline, is_public, quarantined_by)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, \(judged("?6")))
            """
        /// Who has quarantined the same content: it does not come back under another address.
        private static func judged(_ content: String) -> String { "(SELECT MAX(q.quarantined_by) FROM media q WHERE q.sha256 = CAST(\(content) AS TEXT))" }
        static let select = "SELECT content_type, size, name, sha256, expires, is_inline, is_public, quarantined_by FROM media WHERE id = ?1"
        static let reservation = "SELECT owner, expires FROM media WHERE id = ?1"
        static let countReserved = "SELECT COUNT(*) FROM media WHERE owner = ?1 AND sha256 IS NULL AND expires > ?2"
        static let fill = """
            UPDATE media SET content_type = ?2, size = ?3, name = ?4, sha256 = ?5, width = ?6, height = ?7, is_inline = ?8, expires = NULL,
            quarantined_by = \(judged("?5")) WHERE id = ?1 AND sha256 IS NULL
            """
        static let setPublic = "UPDATE media SET is_public = ?2 WHERE id = ?1"
        static let forgetReserved = "DELETE FROM media WHERE sha256 IS NULL AND expires <= ?1"
        static let contents = "SELECT DISTINCT sha256 FROM media WHERE sha256 >= ?1 AND sha256 < ?2"
        static let hasContent = "SELECT 1 FROM media WHERE sha256 = ?1"
        static let allContents = "SELECT sha256, MAX(size) FROM media WHERE sha256 IS NOT NULL GROUP BY sha256 ORDER BY sha256"

        static let all = [insert, select, reservation, countReserved, fill, setPublic, forgetReserved, contents, hasContent, allContents]
    }
}

extension Context {
    package var mediaFiles: MediaFiles { MediaFiles(root: config.dataDirectory + "/media") }
}

/// Those who wait for the content of reserved addresses.
final class Arrivals: Sendable {
    private let waiting = Mutex<[String: [Int: AsyncStream<Void>.Continuation]]>([:])
    private let next = Atomic(0)

    /// True when the content came in time. `unless` is asked once the wait has begun, so that nothing falls between.
    func wait(_ id: String, timeout milliseconds: Int64, unless isThere: () async throws -> Bool) async throws -> Bool {
        guard milliseconds > 0 else { return false }
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        let number = next.add(1, ordering: .relaxed).newValue
        waiting.withLock { $0[id, default: [:]][number] = continuation }
        defer {
            waiting.withLock { waiting in
                waiting[id]?[number] = nil
                if waiting[id]?.isEmpty == true { waiting[id] = nil }
            }
        }
        if try await isThere() { return true }
        let timer = Task {
            try? await Task.sleep(for: .milliseconds(milliseconds))   // cancelled when the wait has ended
            continuation.finish()
        }
        defer { timer.cancel() }
        for await _ in stream { return true }
        return false
    }

    func arrived(_ id: String) {
        let continuations = waiting.withLock { $0.removeValue(forKey: id) }
        for continuation in (continuations ?? [:]).values { continuation.yield() }
    }
}
