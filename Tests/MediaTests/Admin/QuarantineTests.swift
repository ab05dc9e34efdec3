import MatrixCore
@testable import Media
import ServerKit
import Store
import TestKit
import Testing

struct QuarantineTests {
    private let admin = TestUser(open: "admin"), path = "/_synapse/admin/v1"

    private func post(_ it: MediaApp, _ rest: String, as user: TestUser? = nil) async -> TestResponse { await it.app.call(.post, path + rest, as: user ?? admin, json: [:]) }

    @Test(arguments: TestBackend.available) func quarantinedMediaIsShownToNobody(backend: TestBackend) async throws {
        let it = try await MediaApp(backend) { $0.unauthenticatedMedia = true }
        let picture = try await it.upload(SamplePictures.png(64, 64), type: "image/png"), other = try await it.upload(Array("other".utf8))
        #expect(await it.thumbnail(picture, "width=32&height=32").status == 200)
        let tag = await it.get(picture).headers["ETag"] ?? ""
        try await post(it, "/media/quarantine/test/" + picture.mediaID).expect(200)
        #expect(await it.get(picture).errcode == "M_NOT_FOUND")
        #expect(await it.get(picture).status == 404)
        #expect(await it.get(picture, headers: ["If-None-Match": tag]).status == 404)   // not even that it is unchanged
        #expect(await it.thumbnail(picture, "width=32&height=32").status == 404)
        #expect(await it.app.call(.get, "/_matrix/media/v3/download/test/" + picture.mediaID).status == 404)
        #expect(await it.get(other).status == 200)
        // Only an administrator sees it, and only if he says so.
        #expect(await it.get(picture, as: admin).status == 404)
        #expect(await it.get(picture, "?admin_unsafely_bypass_quarantine=true", as: admin).status == 200)
        #expect(await it.get(picture, "?admin_unsafely_bypass_quarantine=true").status == 404)
        try await post(it, "/media/unquarantine/test/" + picture.mediaID).expect(200)
        #expect(await it.get(picture).status == 200)
        #expect(await it.thumbnail(picture, "width=32&height=32").status == 200)
    }

    @Test(arguments: TestBackend.available) func theSameContentIsQuarantinedWhereverItLies(backend: TestBackend) async throws {
        let it = try await MediaApp(backend)
        let first = try await it.upload(Array("bad".utf8)), same = try await it.upload(Array("bad".utf8), as: it.bob)
        try await post(it, "/media/quarantine/test/" + first.mediaID).expect(200)
        #expect(await it.get(same).status == 404)
        let later = try await it.upload(Array("bad".utf8), as: it.bob)
        #expect(await it.get(later).status == 404)
        // Also by an address that was reserved before.
        let reserved = try #require(MXC(try await it.app.call(.post, "/_matrix/media/v1/create", as: it.bob, json: [:]).expect(200)["content_uri"]))
        try await it.app.call(.put, "/_matrix/media/v3/upload/test/" + reserved.mediaID, as: it.bob, body: Array("bad".utf8)).expect(200)
        #expect(await it.get(reserved).status == 404)
        try await post(it, "/media/unquarantine/test/" + later.mediaID).expect(200)
        for media in [first, same, later, reserved] { #expect(await it.get(media).status == 200) }
        #expect(await it.get(try await it.upload(Array("bad".utf8))).status == 200)
    }

    @Test func allMediaOfAUserButWhatIsProtected() async throws {
        let it = try await MediaApp()
        let a = try await it.upload(Array("a".utf8)), b = try await it.upload(Array("b".utf8)), sticker = try await it.upload(Array("sticker".utf8)), bobs = try await it.upload(Array("bob".utf8), as: it.bob)
        try await post(it, "/media/protect/" + sticker.mediaID).expect(200)
        let all = "/user/\(it.alice.path)/media/quarantine"
        #expect(try await post(it, all).expect(200) == ["num_quarantined": 2])
        #expect(try await post(it, all).expect(200) == ["num_quarantined": 0])
        for (media, status) in [(a, 404), (b, 404), (sticker, 200), (bobs, 200)] { #expect(await it.get(media).status == status) }
        try await post(it, "/media/quarantine/test/" + sticker.mediaID).expect(403, "M_FORBIDDEN")
        let list = try await it.app.call(.get, path + "/users/\(it.alice.path)/media?order_by=created_ts&dir=f", as: admin).expect(200)["media"]
        let entries = (list?.arrayValue ?? []).reduce(into: [String: [JSON]]()) { $0[$1["media_id"]?.stringValue ?? ""] = [$1["quarantined_by"] ?? 0, $1["safe_from_quarantine"] ?? 0] }
        #expect(entries == [a.mediaID: ["@admin:test", false], b.mediaID: ["@admin:test", false], sticker.mediaID: [.null, true]])
        try await post(it, "/media/unprotect/" + sticker.mediaID).expect(200)
        #expect(try await post(it, all).expect(200) == ["num_quarantined": 1])
        #expect(await it.get(sticker).status == 404)
    }

    @Test func whatIsKnownOfOnePiece() async throws {
        let it = try await MediaApp()
        let media = try await it.upload(Array("one".utf8), type: "text/plain", name: "a.txt"), one = path + "/media/test/" + media.mediaID
        let info = try await it.app.call(.get, one, as: admin).expect(200)["media_info"]
        #expect(info?["user_id"] == JSON(it.alice.id) && info?["media_length"] == 3 && info?["upload_name"] == "a.txt" && info?["quarantined_by"] == .null)
        #expect(info?["sha256"]?.stringValue?.count == 64 && info?["safe_from_quarantine"] == false && info?["media_origin"] == "test")
        try await post(it, "/media/quarantine/test/" + media.mediaID).expect(200)
        #expect(try await it.app.call(.get, one, as: admin).expect(200)["media_info"]?["quarantined_by"] == "@admin:test")
        try await it.app.call(.get, one, as: it.alice).expect(403, "M_FORBIDDEN")
    }

    @Test func refusals() async throws {
        let it = try await MediaApp()
        let media = try await it.upload(Array("one".utf8))
        for rest in ["/media/quarantine/test/none", "/media/unquarantine/test/none", "/media/quarantine/elsewhere/" + media.mediaID, "/media/protect/none", "/media/unprotect/none"] {
            try await post(it, rest).expect(404, "M_NOT_FOUND")
        }
        for rest in ["/media/quarantine/test/" + media.mediaID, "/media/unquarantine/test/" + media.mediaID, "/media/protect/" + media.mediaID, "/user/\(it.bob.path)/media/quarantine"] {
            try await post(it, rest, as: it.alice).expect(403, "M_FORBIDDEN")
        }
        #expect(await it.get(media).status == 200)
    }

    @Test(arguments: TestBackend.available) func everyStatementIsValid(backend: TestBackend) async throws {
        let it = try await MediaApp(backend)
        try it.app.context.db.prepareAll(Media.QuarantineSQL.all)
    }
}
