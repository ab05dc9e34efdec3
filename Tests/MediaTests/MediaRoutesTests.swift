import MatrixCore
@testable import Media
import ServerKit
import TestKit
import Testing

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
