import Glibc
import MatrixCore
@testable import Media
import ServerKit
import Store
import Synchronization
import TestKit
import Testing

@Suite struct UploadTests {
    static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(arguments: TestBackend.available)
    func comesBackAsItWentIn(backend: TestBackend) async throws {
        let media = try await MediaApp(backend)
        let mxc = try await media.upload(Self.text("hello"), type: "text/plain; charset=utf-8", name: "note.txt")
        #expect(mxc.server == "test")
        let answer = await media.get(mxc, as: media.bob)
        try answer.expect(200)
        #expect(answer.content == Self.text("hello"))
        #expect(answer.headers["Content-Type"] == "text/plain; charset=utf-8")
        #expect(answer.headers["Content-Disposition"] == "inline; filename=\"note.txt\"")
        #expect(answer.headers["Content-Security-Policy"]?.contains("sandbox; default-src 'none'") == true)
        #expect(answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin")
        #expect(answer.headers["Cache-Control"]?.contains("immutable") == true)
        let named = await media.get(mxc, "/other%20name.txt")
        #expect(named.headers["Content-Disposition"] == "inline; filename=\"other name.txt\"")
    }

    @Test func acceptsAnEmptyFile() async throws {
        let media = try await MediaApp()
        let mxc = try await media.upload([], type: "text/plain")
        let answer = await media.get(mxc)
        try answer.expect(200)
        #expect(answer.content.isEmpty)
    }

    @Test func keepsEqualContentOnce() async throws {
        let media = try await MediaApp()
        let one = try await media.upload(Self.text("same"), name: "a"), two = try await media.upload(Self.text("same"), name: "b", as: media.bob)
        #expect(one != two)
        #expect(try media.files("files") == [Hex.encode(SHA256.hash(Self.text("same")))])
        #expect(await media.get(one).content == media.get(two).content)
        #expect(try media.files("incoming").isEmpty)
    }

    @Test func refusesWhatIsTooLargeAndLeavesNothing() async throws {
        let media = try await MediaApp { $0.maxUploadBytes = 1000 }
        _ = try await media.upload([UInt8](repeating: 1, count: 1000))
        for headers in [["Content-Length": "1001"], [:]] as [Headers] {
            let answer = await media.app.call(.post, "/_matrix/media/v3/upload", as: media.alice, body: [UInt8](repeating: 1, count: 1001), headers: headers)
            try answer.expect(413, "M_TOO_LARGE")
        }
        #expect(try media.files("files").count == 1)
        #expect(try media.files("incoming").isEmpty)
        for path in ["/_matrix/media/v3/config", "/_matrix/media/r0/config", "/_matrix/client/v1/media/config"] {
            let config = try await media.app.call(.get, path, as: media.alice).expect(200)
            #expect(config["m.upload.size"] == 1000)
        }
    }

    @Test func needsAUser() async throws {
        let media = try await MediaApp()
        try await media.app.call(.post, "/_matrix/media/v3/upload", body: [1]).expect(401, "M_MISSING_TOKEN")
        try await media.app.call(.post, "/_matrix/media/v3/upload", as: TestUser(open: "guest1"), body: [1]).expect(403, "M_GUEST_ACCESS_FORBIDDEN")
        #expect(try media.files("files").isEmpty)
    }

    /// A reader that breaks off after some pieces.
    private final class Broken: BodyReader {
        let left = Mutex(3)
        func next() async throws -> [UInt8]? {
            let isOver = left.withLock { left in left -= 1; return left < 0 }
            if isOver { throw MatrixError.badRequest("The upload broke off.") }
            return [UInt8](repeating: 7, count: 300_000)
        }
    }

    @Test func aBrokenUploadLeavesNothing() async throws {
        let media = try await MediaApp()
        var request = Request(.post, "/_matrix/media/v3/upload", headers: ["Authorization": "Bearer @alice:test"], stream: Broken())
        request.body = []
        let answer = TestResponse(await media.app.router.handle(request, rawPath: "/_matrix/media/v3/upload", context: media.app.context))
        try answer.expect(400, "M_UNKNOWN")
        #expect(try media.files("incoming").isEmpty)
        #expect(try media.files("files").isEmpty)
    }

    @Test func theStartRemovesWhatACrashHasLeft() async throws {
        let media = try await MediaApp()
        // Of this process, of one that cannot be, of nobody, and of one that runs.
        for name in ["\(getpid())-a", "4194305-b", "old", "1-running"] {
            close(open(media.app.context.mediaFiles.incomingDirectory + "/" + name, O_CREAT | O_WRONLY, 0o600))
        }
        try media.app.context.mediaFiles.prepare()
        #expect(try media.files("incoming") == ["1-running"])
        media.app.clock.set((Int64(time(nil)) + 25 * 3600) * 1000)
        try await media.app.run(job: "media.sweep")
        #expect(try media.files("incoming").isEmpty)
    }

    @Test func neverTurnsANameIntoAPath() async throws {
        let media = try await MediaApp()
        let mxc = try await media.upload(Self.text("x"), name: "../../../../tmp/evil.sh")
        #expect(await media.get(mxc).headers["Content-Disposition"] == "attachment; filename=\"evil.sh\"")
        for id in ["..", "..%2F..%2Fetc%2Fpasswd", "%2e%2e", "a%00b", "a.b", String(repeating: "a", count: 300)] {
            try await media.app.call(.get, "/_matrix/client/v1/media/download/test/\(id)", as: media.alice).expect(404)
        }
        let named = await media.get(mxc, "/..%2F..%2Fpasswd")
        #expect(named.headers["Content-Disposition"] == "attachment; filename=\"passwd\"")
    }

    @Test func otherServersMediaIsNotThere() async throws {
        let media = try await MediaApp()
        try await media.app.call(.get, "/_matrix/client/v1/media/download/elsewhere.example/abc", as: media.alice).expect(404, "M_NOT_FOUND")
        try await media.app.call(.get, "/_matrix/client/v1/media/thumbnail/elsewhere.example/abc?width=10&height=10", as: media.alice).expect(404, "M_NOT_FOUND")
    }

    @Test func anotherFeatureStoresThroughThePort() async throws {
        let media = try await MediaApp()
        let mxc = try await media.app.context.ports.media.store(media.app.context, bytes: SamplePictures.png(40, 40), contentType: "image/png", fileName: "x.png", owner: media.alice.id)
        #expect(await media.get(mxc).content == SamplePictures.png(40, 40))
    }

    @Test func markupIsNeverShownInPlace() async throws {
        let media = try await MediaApp()
        for (bytes, type) in [("<html><script>alert(1)</script>", "text/html"), ("<svg onload='alert(1)'/>", "image/svg+xml"), ("<script>alert(1)</script>", "image/png"), ("<p>", "text/plain")] {
            let mxc = try await media.upload(Self.text(bytes), type: type)
            #expect(await media.get(mxc).headers["Content-Disposition"] == "attachment", "\(type)")
        }
    }
}

@Suite struct ReservationTests {
    func reserve(_ media: MediaApp, _ user: TestUser) async throws -> MXC {
        let answer = try await media.app.call(.post, "/_matrix/media/v1/create", as: user).expect(200)
        #expect(answer["unused_expires_at"]?.intValue == media.app.clock.now + Media.reservationTime)
        return try #require(MXC(answer["content_uri"]))
    }
    func put(_ media: MediaApp, _ mxc: MXC, _ user: TestUser, _ bytes: [UInt8]) async -> TestResponse {
        await media.app.call(.put, "/_matrix/media/v3/upload/test/\(mxc.mediaID)?filename=late.png", as: user, body: bytes, headers: ["Content-Type": "image/png"])
    }

    @Test(arguments: TestBackend.available)
    func isFilledOnceByItsOwner(backend: TestBackend) async throws {
        let media = try await MediaApp(backend)
        let mxc = try await reserve(media, media.alice)
        try await media.get(mxc, "?timeout_ms=0").expect(504, "M_NOT_YET_UPLOADED")
        try await put(media, mxc, media.bob, [1]).expect(403, "M_FORBIDDEN")
        try await put(media, mxc, media.alice, SamplePictures.png(3, 3)).expect(200)
        try await put(media, mxc, media.alice, [2]).expect(409, "M_CANNOT_OVERWRITE_MEDIA")
        let answer = await media.get(mxc)
        #expect(answer.content == SamplePictures.png(3, 3))
        #expect(answer.headers["Content-Disposition"] == "inline; filename=\"late.png\"")
        try await put(media, MXC(trusted: "mxc://test/unknown"), media.alice, [1]).expect(404, "M_NOT_FOUND")
    }

    @Test func aDownloadWaitsForTheContent() async throws {
        let media = try await MediaApp()
        let mxc = try await reserve(media, media.alice)
        async let early = media.get(mxc, "?timeout_ms=20000", as: media.bob)
        try await Task.sleep(for: .milliseconds(50))
        try await put(media, mxc, media.alice, SamplePictures.png(3, 3)).expect(200)
        #expect(await early.content == SamplePictures.png(3, 3))
        let never = try await reserve(media, media.alice)
        try await media.get(never, "?timeout_ms=30").expect(504, "M_NOT_YET_UPLOADED")
    }

    @Test func expires() async throws {
        let media = try await MediaApp()
        let mxc = try await reserve(media, media.alice)
        media.app.clock.advance(Media.reservationTime)
        try await media.get(mxc).expect(404, "M_NOT_FOUND")
        try await put(media, mxc, media.alice, [1]).expect(404, "M_NOT_FOUND")
        try await media.app.run(job: "media.reservations")
        let rows = try await media.app.context.db.read { tx in try tx.all("SELECT id FROM media") { $0.text(0) } }
        #expect(rows.isEmpty)
    }

    @Test func areLimitedInNumber() async throws {
        let media = try await MediaApp()
        for _ in 0..<Media.maxReservations { _ = try await reserve(media, media.alice) }
        try await media.app.call(.post, "/_matrix/media/v1/create", as: media.alice).expect(429, "M_LIMIT_EXCEEDED")
        _ = try await reserve(media, media.bob)
    }
}

@Suite struct SweepTests {
    @Test func removesOnlyOldFilesThatNothingNames() async throws {
        let media = try await MediaApp()
        let now = Int64(time(nil)) * 1000
        media.app.clock.set(now)
        let kept = try await media.upload(Array("kept".utf8))
        let lost = try await media.upload(SamplePictures.png(100, 100), type: "image/png")
        try await media.thumbnail(lost, "width=96&height=96").expect(200)
        let id = lost.mediaID
        _ = try await media.app.context.db.write { tx in try tx.run("DELETE FROM media WHERE id = ?", id) }
        try await media.app.run(job: "media.sweep")
        #expect(try media.files("files").count == 2)
        media.app.clock.set(now + 25 * 3_600_000)
        try await media.app.run(job: "media.sweep")
        #expect(try media.files("files") == [Hex.encode(SHA256.hash(Array("kept".utf8)))])
        #expect(try media.files("thumbnails").isEmpty)
        #expect(await media.get(kept).content == Array("kept".utf8))
    }

    @Test func aLostFileIsAServerError() async throws {
        let media = try await MediaApp()
        let mxc = try await media.upload([1, 2, 3])
        unlink(media.app.context.mediaFiles.path(of: Hex.encode(SHA256.hash([1, 2, 3]))))
        try await media.get(mxc).expect(500)
    }

    @Test(arguments: TestBackend.available)
    func everyStatementIsValid(backend: TestBackend) async throws {
        let media = try await MediaApp(backend)
        try media.app.context.db.prepareAll(Media.SQL.all)
    }
}
