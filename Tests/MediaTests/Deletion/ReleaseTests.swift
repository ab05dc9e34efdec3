import MatrixCore
@testable import Media
import ServerKit
import Store
import TestKit
import Testing

struct ReleaseTests {
    private func release(_ it: MediaApp, _ media: MXC..., by user: TestUser) async throws {
        let ids = Set(media.map(\.mediaID)), c = it.app.context
        try await c.db.write { tx in try it.media.released(c, tx, media: ids, by: user.id) }
    }

    /// Two files of Alice's, of which the administrator asks something: of one before its message is deleted, of the other in the time of grace. After it
    /// the job has run.
    private func asked(_ path: String, _ texts: (before: String, meanwhile: String), _ it: MediaApp) async throws -> (before: MXC, meanwhile: MXC) {
        let admin = TestUser(open: "admin")
        let before = try await it.upload(Array(texts.before.utf8)), meanwhile = try await it.upload(Array(texts.meanwhile.utf8))
        func ask(_ media: MXC) async throws { try await it.app.call(.post, "/_synapse/admin/v1/media/\(path)/" + media.mediaID, as: admin, json: [:]).expect(200) }
        try await ask(before)
        try await release(it, before, meanwhile, by: it.alice)
        try await ask(meanwhile)
        it.app.clock.advance(1000)
        try await it.app.run(job: "media.released")
        return (before, meanwhile)
    }

    @Test(arguments: TestBackend.available) func whatNothingNamesGoesAfterTheGraceWithItsFile(backend: TestBackend) async throws {
        let it = try await MediaApp(backend) { $0.deletedMediaGrace = 1000 }
        let own = try await it.upload(Array("own".utf8)), other = try await it.upload(Array("other".utf8)), others = try await it.upload(Array("bobs".utf8), as: it.bob)
        try await release(it, own, others, by: it.alice)
        it.app.clock.advance(999)
        try await it.app.run(job: "media.released")
        #expect(await it.get(own).status == 200)
        it.app.clock.advance(1)
        try await it.app.run(job: "media.released")
        #expect(await it.get(own).status == 404)
        // Naming another's media in a message that one deletes does not delete it.
        #expect(await it.get(others).status == 200)
        #expect(await it.get(other).status == 200)
        #expect(try it.files("files").count == 2)
    }

    @Test func aFileStaysForOthersWhoUploadedTheSame() async throws {
        let it = try await MediaApp { $0.deletedMediaGrace = 1000 }
        let own = try await it.upload(Array("same".utf8)), bobs = try await it.upload(Array("same".utf8), as: it.bob)
        try await release(it, own, by: it.alice)
        it.app.clock.advance(1000)
        try await it.app.run(job: "media.released")
        #expect(await it.get(own).status == 404)
        #expect(await it.get(bobs).content == Array("same".utf8))
    }

    @Test func protectedMediaStays() async throws {
        let it = try await MediaApp { $0.deletedMediaGrace = 1000 }
        let media = try await asked("protect", ("a", "b"), it)
        #expect(await it.get(media.before).status == 200)
        #expect(await it.get(media.meanwhile).status == 200)
    }

    /// Otherwise the same bytes could be uploaded again when the message with them was deleted.
    @Test func quarantinedMediaStaysSoThatItsContentIsKnown() async throws {
        let it = try await MediaApp { $0.deletedMediaGrace = 1000 }
        _ = try await asked("quarantine/test", ("bad", "worse"), it)
        for text in ["bad", "worse"] { #expect(await it.get(try await it.upload(Array(text.utf8), as: it.bob)).status == 404) }
    }

    @Test func neverMeansNever() async throws {
        let it = try await MediaApp { $0.deletedMediaGrace = nil }
        let own = try await it.upload(Array("own".utf8))
        try await release(it, own, by: it.alice)
        it.app.clock.advance(1 << 50)
        try await it.app.run(job: "media.released")
        #expect(await it.get(own).status == 200)
    }

    @Test(arguments: TestBackend.available) func everyStatementIsValid(backend: TestBackend) async throws {
        let it = try await MediaApp(backend)
        try it.app.context.db.prepareAll(Media.ReleaseSQL.all)
    }
}
