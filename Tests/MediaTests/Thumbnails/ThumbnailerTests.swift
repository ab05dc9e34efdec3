import MatrixCore
@testable import Media
import ServerKit
import Store
import TestKit
import Testing

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
