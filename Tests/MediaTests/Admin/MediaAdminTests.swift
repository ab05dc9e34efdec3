import MatrixCore
@testable import Media
import ServerKit
import Store
import TestKit
import Testing

struct MediaAdminTests {
    private let admin = TestUser(open: "admin"), path = "/_synapse/admin/v1"

    @Test func mediaOfAUserAreListedAndDeletedWithTheirFiles() async throws {
        let it = try await MediaApp()
        let a = try await it.upload(Array("one".utf8), name: "a.txt"), b = try await it.upload(Array("three".utf8))
        let same = try await it.upload(Array("one".utf8), as: it.bob)
        let mine = path + "/users/\(it.alice.path)/media"
        let list = try await it.app.call(.get, mine + "?order_by=media_length&limit=1", as: admin).expect(200)
        #expect(list["total"] == 2 && list["next_token"] == 1 && list["media"]?[0]?["media_id"]?.stringValue == a.mediaID)
        #expect(list["media"]?[0]?["media_length"] == 3 && list["media"]?[0]?["upload_name"] == "a.txt")
        try await it.app.call(.get, mine + "?order_by=x", as: admin).expect(400, "M_INVALID_PARAM")
        try await it.app.call(.get, mine, as: it.alice).expect(403, "M_FORBIDDEN")
        #expect(try it.files("files").count == 2)
        let deleted = try await it.app.call(.delete, mine, as: admin).expect(200)
        #expect(deleted["total"] == 2)
        #expect(await it.get(a).status == 404)
        #expect(await it.get(b).status == 404)
        // Bob has uploaded the same bytes: they stay for him.
        #expect(await it.get(same).content == Array("one".utf8))
        #expect(try it.files("files").count == 1)
        let one = path + "/media/test/" + same.mediaID
        #expect(try await it.app.call(.delete, one, as: admin).expect(200) == ["deleted_media": [.string(same.mediaID)], "total": 1])
        #expect(try it.files("files").isEmpty)
        try await it.app.call(.delete, one, as: admin).expect(404, "M_NOT_FOUND")
        try await it.app.call(.delete, path + "/media/elsewhere/x", as: admin).expect(400)
    }

    @Test func oldAndLargeMediaAreDeleted() async throws {
        let it = try await MediaApp()
        let old = try await it.upload(Array("large and old".utf8)), small = try await it.upload([1])
        it.app.clock.advance(10_000)
        let new = try await it.upload(Array("large and new".utf8))
        let before = it.app.clock.now - 5_000
        let deleted = try await it.app.call(.post, path + "/media/delete?before_ts=\(before)&size_gt=5", as: admin).expect(200)
        #expect(deleted["deleted_media"] == [.string(old.mediaID)])
        #expect(await it.get(small).status == 200)
        #expect(await it.get(new).status == 200)
        try await it.app.call(.post, path + "/media/delete", as: admin).expect(400, "M_MISSING_PARAM")
        try await it.app.call(.post, path + "/media/delete?before_ts=9999999999999999", as: admin).expect(400, "M_INVALID_PARAM")
    }

    @Test(arguments: TestBackend.available) func everyStatementIsValid(backend: TestBackend) async throws {
        let it = try await MediaApp(backend)
        try it.app.context.db.prepareAll(Media.AdminSQL.all)
    }
}
