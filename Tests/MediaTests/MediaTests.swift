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

@Suite struct ServingTests {
    @Test func answersRanges() async throws {
        let media = try await MediaApp()
        let bytes = (0..<1000).map { UInt8($0 % 251) }
        let mxc = try await media.upload(bytes)
        let part = await media.get(mxc, headers: ["Range": "bytes=10-19"])
        try part.expect(206)
        #expect(part.content == Array(bytes[10..<20]))
        #expect(part.headers["Content-Range"] == "bytes 10-19/1000")
        let tail = await media.get(mxc, headers: ["Range": "bytes=-5"])
        try tail.expect(206)
        #expect(tail.content == Array(bytes[995...]))
        let beyond = await media.get(mxc, headers: ["Range": "bytes=1000-"])
        try beyond.expect(416)
        #expect(beyond.headers["Content-Range"] == "bytes */1000")
        try await media.get(mxc, headers: ["Range": "bytes=0-1,5-6"]).expect(200)
        let tag = try #require(part.headers["ETag"])
        try await media.get(mxc, headers: ["Range": "bytes=0-1", "If-Range": tag]).expect(206)
        try await media.get(mxc, headers: ["Range": "bytes=0-1", "If-Range": "\"other\""]).expect(200)
        try await media.get(mxc, headers: ["If-None-Match": "\"x\", W/\(tag)"]).expect(304)
        try await media.get(mxc, headers: ["If-None-Match": "\"x\""]).expect(200)
        let head = await media.app.call(.head, "/_matrix/client/v1/media/download/test/\(mxc.mediaID)", as: media.alice)
        try head.expect(200)
    }

    @Test func oldPathsAreFrozenForStrangers() async throws {
        let media = try await MediaApp()
        let mxc = try await media.upload(SamplePictures.png(10, 10), type: "image/png")
        for version in ["v3", "v1", "r0"] {
            for path in ["download/test/\(mxc.mediaID)", "download/test/\(mxc.mediaID)/a.png", "thumbnail/test/\(mxc.mediaID)?width=5&height=5"] {
                let full = "/_matrix/media/\(version)/\(path)"
                try await media.app.call(.get, full).expect(404, "M_NOT_FOUND")
                try await media.app.call(.get, full, as: media.bob).expect(200)
                try await media.app.call(.get, full + (full.contains("?") ? "&" : "?") + "access_token=" + media.bob.path).expect(200)
            }
        }
        try await media.app.call(.get, "/_matrix/client/v1/media/download/test/\(mxc.mediaID)").expect(401)
        try await media.app.call(.get, "/_matrix/client/v1/media/download/test/\(mxc.mediaID)", as: TestUser(open: "guest1")).expect(200)
    }

    @Test func publicMediaIsForAnyone() async throws {
        let media = try await MediaApp()
        let mxc = try await media.upload([1, 2, 3])
        let old = "/_matrix/media/v3/download/test/\(mxc.mediaID)", flag = "/_comptoir/admin/v1/media/test/\(mxc.mediaID)/public"
        try await media.app.call(.put, flag, as: media.alice, json: ["public": true]).expect(403)
        try await media.app.call(.get, old).expect(404)
        try await media.app.call(.put, flag, as: TestUser(open: "admin"), json: ["public": true]).expect(200)
        let answer = await media.app.call(.get, old)
        try answer.expect(200)
        #expect(answer.headers["Cache-Control"]?.hasPrefix("public") == true)
        try await media.app.call(.put, flag, as: TestUser(open: "admin"), json: ["public": false]).expect(200)
        try await media.app.call(.get, old).expect(404)
        let open = try await MediaApp { $0.unauthenticatedMedia = true }
        let other = try await open.upload([1])
        try await open.app.call(.get, "/_matrix/media/v3/download/test/\(other.mediaID)").expect(200)
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

@Suite struct ThumbnailTests {
    func size(_ response: TestResponse) throws -> (Int64, Int64) {
        let path = try #require(response.filePath)
        let size = try #require(Thumbnailer.dimensions(path))
        return (size.width, size.height)
    }

    @Test func scalesAndCrops() async throws {
        let media = try await MediaApp()
        let mxc = try await media.upload(SamplePictures.png(1000, 500), type: "image/png")
        let scaled = await media.thumbnail(mxc, "width=300&height=200&method=scale")
        try scaled.expect(200)
        #expect(scaled.headers["Content-Type"] == "image/jpeg")
        #expect(scaled.headers["Content-Disposition"] == "inline; filename=\"thumbnail.jpg\"")
        #expect(try size(scaled) == (320, 160))
        let cropped = await media.thumbnail(mxc, "width=96&height=96&method=crop&animated=true")
        #expect(try size(cropped) == (96, 96))
        _ = await media.thumbnail(mxc, "width=95&height=90&method=crop")
        #expect(try media.files("thumbnails").count == 2)
        #expect(try media.files("incoming").isEmpty)
    }

    @Test func neverEnlarges() async throws {
        let media = try await MediaApp()
        let mxc = try await media.upload(SamplePictures.png(50, 20), type: "image/png")
        #expect(try size(await media.thumbnail(mxc, "width=800&height=600")) == (50, 20))
        #expect(try size(await media.thumbnail(mxc, "width=32&height=32&method=crop")) == (32, 20))
    }

    @Test func keepsTransparency() async throws {
        let media = try await MediaApp()
        let mxc = try await media.upload(SamplePictures.png(400, 400, alpha: true), type: "image/png")
        let answer = await media.thumbnail(mxc, "width=96&height=96")
        #expect(answer.headers["Content-Type"] == "image/png")
        #expect(FileKind(of: answer.content) == .png)
    }

    @Test func turnsUprightAndForgetsWhoTookIt() async throws {
        let media = try await MediaApp()
        let flat = try await media.upload(SamplePictures.png(400, 200), type: "image/png")
        let jpeg = await media.thumbnail(flat, "width=320&height=240").content
        #expect(FileKind(of: jpeg) == .jpeg)
        let photo = SamplePictures.exif(jpeg, orientation: 6, artist: "Somebody Private")
        let mxc = try await media.upload(photo, type: "image/jpeg")
        let answer = await media.thumbnail(mxc, "width=96&height=96")
        try answer.expect(200)
        #expect(try size(answer) == (48, 96))
        let text = String(decoding: answer.content, as: UTF8.self)
        #expect(!text.contains("Somebody") && !text.contains("Exif"))
        let row = try await media.app.context.db.read { tx in try tx.first("SELECT width, height FROM media WHERE id = ?", mxc.mediaID) { [$0.int(0), $0.int(1)] } }
        #expect(row == [160, 320])
    }

    @Test func readsGIFAndWebP() async throws {
        let media = try await MediaApp()
        for bytes in [SamplePictures.gif(120, 60), SamplePictures.gif(120, 60, animated: true)] {
            let mxc = try await media.upload(bytes, type: "image/gif")
            let answer = await media.thumbnail(mxc, "width=96&height=96&animated=false")
            try answer.expect(200)
            #expect(try size(answer) == (96, 48))
            #expect(FileKind(of: answer.content) == .jpeg)
        }
        let webp = try await media.upload(SamplePictures.webp, type: "image/webp")
        try await media.thumbnail(webp, "width=96&height=96").expect(200)
    }

    @Test func refusesWhatIsNoPicture() async throws {
        let media = try await MediaApp()
        let png = SamplePictures.png(200, 200)
        let bad: [[UInt8]] = [
            Array("hello".utf8), [], Array(png.prefix(60)), Array(png.prefix(png.count / 2)),
            Array("<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'><rect width='5' height='5'/></svg>".utf8),
            Array("%PDF-1.4\n".utf8), [0xFF, 0xD8, 0xFF, 0xE0] + [UInt8](repeating: 0x41, count: 500),
            png.enumerated().map { $0.offset > 100 && $0.offset % 7 == 0 ? $0.element ^ 0x55 : $0.element },
        ]
        for (index, bytes) in bad.enumerated() {
            let mxc = try await media.upload(bytes, type: "image/png")
            let answer = await media.thumbnail(mxc, "width=96&height=96")
            #expect(answer.status == 400 && answer.errcode == "M_UNKNOWN", "case \(index): \(answer.status)")
        }
        let good = try await media.upload(png, type: "image/png")
        try await media.thumbnail(good, "width=96&height=96").expect(200)
        try await media.thumbnail(good, "width=0&height=96").expect(400, "M_INVALID_PARAM")
        try await media.thumbnail(good, "width=96").expect(400, "M_MISSING_PARAM")
    }

    @Test func doesNotDecodeABomb() async throws {
        let media = try await MediaApp()
        let mxc = try await media.upload(SamplePictures.png(10, 10, declared: (60_000, 60_000)), type: "image/png")
        try await media.thumbnail(mxc, "width=96&height=96").expect(413, "M_TOO_LARGE")
    }

    @Test func isMadeOnceForManyAtTheSameTime() async throws {
        let media = try await MediaApp()
        let mxc = try await media.upload(SamplePictures.png(1500, 1500), type: "image/png")
        let answers = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<20 { group.addTask { await media.thumbnail(mxc, "width=640&height=480").status } }
            return await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(answers.allSatisfy { $0 == 200 })
        #expect(try media.files("thumbnails").count == 1)
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
