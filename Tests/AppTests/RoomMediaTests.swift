import Accounts
@testable import App
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

/// What rooms and media do together.
@Suite struct RoomMediaTests {
    private let v3 = "/_matrix/client/v3", admin = "/_synapse/admin/v1"

    private func upload(_ app: TestApp, _ text: String, _ user: TestUser) async throws -> MXC {
        try #require(MXC(try await app.call(.post, "/_matrix/media/v3/upload", as: user, body: Array(text.utf8)).expect(200)["content_uri"]))
    }
    private func status(_ app: TestApp, _ media: MXC, _ user: TestUser) async -> Int { await app.call(.get, "/_matrix/client/v1/media/download/test/" + media.mediaID, as: user).status }

    @Test(arguments: TestBackend.available) func theMediaOfARoomAreQuarantined(backend: TestBackend) async throws {
        let features = Features(), app = try await TestApp(features.all, ports: features.ports, backend: backend)
        let ann = try await app.register("ann"), chief = try await app.register("chief")
        try await AccountAdmin.setAdmin(app.context, user: "chief", true)
        let room = Percent.encode(try await app.call(.post, v3 + "/createRoom", as: ann, json: [:]).expect(200)["room_id"]?.stringValue ?? "")
        let picture = try await upload(app, "picture", ann), small = try await upload(app, "small", ann), elsewhere = try await upload(app, "elsewhere", ann), sticker = try await upload(app, "sticker", ann)
        let content: JSON = ["msgtype": "m.image", "body": "x", "url": JSON(picture), "info": ["thumbnail_url": JSON(small)]]
        try await app.call(.put, v3 + "/rooms/\(room)/send/m.room.message/1", as: ann, json: content).expect(200)
        try await app.call(.put, v3 + "/rooms/\(room)/send/m.sticker/2", as: ann, json: ["body": "x", "url": JSON(sticker), "info": [:]]).expect(200)
        try await app.call(.post, admin + "/media/protect/" + sticker.mediaID, as: chief, json: [:]).expect(200)
        let url = admin + "/room/\(room)/media"
        #expect(try await app.call(.get, url, as: chief).expect(200)["local"]?.arrayValue?.count == 3)
        try await app.call(.post, url + "/quarantine", as: ann, json: [:]).expect(403, "M_FORBIDDEN")
        #expect(try await app.call(.post, url + "/quarantine", as: chief, json: [:]).expect(200) == ["num_quarantined": 2])
        for (media, wanted) in [(picture, 404), (small, 404), (sticker, 200), (elsewhere, 200)] { #expect(await status(app, media, ann) == wanted) }
        // The older address does the same.
        #expect(try await app.call(.post, admin + "/quarantine_media/" + room, as: chief, json: [:]).expect(200) == ["num_quarantined": 0])
        try await app.call(.post, admin + "/room/!none:test/media/quarantine", as: chief, json: [:]).expect(404, "M_NOT_FOUND")
    }

    /// What only a deleted message named is gone after the grace; what anything else names stays.
    @Test(arguments: TestBackend.available) func theMediaOfADeletedMessageGoesWithIt(backend: TestBackend) async throws {
        let features = Features(), app = try await TestApp(features.all, ports: features.ports, backend: backend)
        let ann = try await app.register("ann"), ben = try await app.register("ben")
        let room = Percent.encode(try await app.call(.post, v3 + "/createRoom", as: ann, json: ["preset": "public_chat"]).expect(200)["room_id"]?.stringValue ?? "")
        try await app.call(.post, v3 + "/rooms/\(room)/join", as: ben, json: [:]).expect(200)
        func send(_ media: MXC, as user: TestUser) async throws -> String {
            let content: JSON = ["msgtype": "m.image", "body": "x", "url": JSON(media)]
            return try await app.call(.put, v3 + "/rooms/\(room)/send/m.room.message/" + app.context.entropy.token(8), as: user, json: content).expect(200)["event_id"]?.stringValue ?? ""
        }
        func delete(_ event: String) async throws {
            try await app.call(.put, v3 + "/rooms/\(room)/redact/\(Percent.encode(event))/" + app.context.entropy.token(8), as: ann, json: [:]).expect(200)
        }
        let once = try await upload(app, "once", ann), forwarded = try await upload(app, "forwarded", ann), face = try await upload(app, "face", ann), bens = try await upload(app, "bens", ben)
        try await app.call(.put, v3 + "/profile/\(ann.path)/avatar_url", as: ann, json: ["avatar_url": JSON(face)]).expect(200)
        let copy = try await send(forwarded, as: ben)
        _ = try await send(bens, as: ben)
        // Ann names all of them, and takes it back.
        for media in [once, forwarded, face, bens] { try await delete(try await send(media, as: ann)) }
        try await app.run(job: "media.released")
        for media in [once, forwarded, face, bens] { #expect(await status(app, media, ann) == 200) }
        app.clock.advance(86_400_000)
        try await app.run(job: "media.released")
        for (media, wanted) in [(once, 404), (forwarded, 200), (face, 200), (bens, 200)] { #expect(await status(app, media, ann) == wanted) }
        // Only now nothing names it any more.
        try await delete(copy)
        app.clock.advance(86_400_000)
        try await app.run(job: "media.released")
        for (media, wanted) in [(forwarded, 404), (face, 200), (bens, 200)] { #expect(await status(app, media, ann) == wanted) }
    }

    /// A picture that only its owner's profile shows.
    @Test func aPictureOfAPersonStays() async throws {
        let features = Features(), app = try await TestApp(features.all, ports: features.ports)
        let ann = try await app.register("ann"), face = try await upload(app, "face", ann)
        let room = Percent.encode(try await app.call(.post, v3 + "/createRoom", as: ann, json: [:]).expect(200)["room_id"]?.stringValue ?? "")
        let event = try await app.call(.put, v3 + "/rooms/\(room)/send/m.room.message/1", as: ann, json: ["msgtype": "m.image", "body": "x", "url": JSON(face)]).expect(200)["event_id"]?.stringValue ?? ""
        try await app.call(.put, v3 + "/rooms/\(room)/redact/\(Percent.encode(event))/2", as: ann, json: [:]).expect(200)
        try await app.call(.post, v3 + "/rooms/\(room)/leave", as: ann, json: [:]).expect(200)
        try await app.call(.put, v3 + "/profile/\(ann.path)/avatar_url", as: ann, json: ["avatar_url": JSON(face)]).expect(200)
        app.clock.advance(86_400_000)
        try await app.run(job: "media.released")
        #expect(await status(app, face, ann) == 200)
    }
}
