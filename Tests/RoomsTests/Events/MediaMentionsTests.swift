import MatrixCore
@testable import Rooms
import ServerKit
import Store
import Synchronization
import TestKit
import Testing

struct MediaMentionsTests {
    /// Notes what it is told.
    private final class Ear: MediaStoring {
        let heard = Mutex<[String]>([])
        func store(_ c: Context, bytes: [UInt8], contentType: String, fileName: String?, owner: UserID) async throws -> MXC { MXC(trusted: "mxc://test/x") }
        func quarantine(_ tx: WriteTx, media: [String], by administrator: UserID) throws -> Int { 0 }
        func released(_ c: Context, _ tx: WriteTx, media: Set<String>, by sender: UserID) throws {
            let words = "\(sender.localpart): \(media.sorted().joined(separator: " "))"
            tx.afterCommit { self.heard.withLock { $0.append(words) } }
        }
        func take() -> [String] {
            heard.withLock { heard in
                defer { heard = [] }
                return heard
            }
        }
    }

    @Test(arguments: [
        (#"{"url":"mxc://test/a"}"#, ["a"]),
        (#"{"info":{"thumbnail_url":"mxc://test/b_-9"},"url":"mxc://test/a"}"#, ["a", "b_-9"]),
        (#"{"formatted_body":"<img src=\"mxc://test/c\">","body":"see mxc://test/d, and mxc://test/d"}"#, ["c", "d"]),
        (#"{"url":"mxc://other/a","x":"mxc://test"}"#, []), (#"{"x":"mxc://test/"}"#, []), (#"{"x":"mxc://tes"}"#, []), (#"{"x":"mxc://testing/a"}"#, []),
        (#"{"x":"mxc://mxc://test/a"}"#, ["a"]), ("mxc://test/end", ["end"]), ("mxc://", []), ("", []),
    ] as [(String, [String])])
    func everyPlaceOfAContentCounts(content: String, ids: [String]) { #expect(MediaMentions.ids(in: Array(content.utf8), of: "test").sorted() == ids) }

    private func named(_ house: House) throws -> [String] { try house.read { tx in try tx.all("SELECT media_id FROM event_media ORDER BY media_id, pos") { $0.text(0) } } }
    private func isNamed(_ house: House, _ id: String) throws -> Bool { try house.read { try house.service.mentions($0, media: id) } }

    @Test(arguments: TestBackend.available) func whatAnEventNamesIsKnownUntilTheEventIsGone(backend: TestBackend) async throws {
        let ear = Ear(), house = try await House(backend: backend, media: ear)
        let room = try await house.open()
        try await room.join(house.bob)
        try await room.set("m.room.avatar", ["url": "mxc://test/face"])
        let image = try await room.send("m.room.message", ["msgtype": "m.image", "body": "x", "url": "mxc://test/a", "info": ["thumbnail_url": "mxc://test/small"]], as: house.bob)
        let again = try await room.send("m.room.message", ["msgtype": "m.image", "body": "x", "url": "mxc://test/a"])
        #expect(try named(house) == ["a", "a", "face", "small"])
        #expect(try isNamed(house, "a") && isNamed(house, "face") && !isNamed(house, "b"))
        try await room.call(.put, "/redact/\(Percent.encode(image.rawValue))/1", [:]).expect(200)
        #expect(ear.take() == ["bob: a small"])   // of the sender, whoever redacts
        #expect(try named(house) == ["a", "face"])
        #expect(try isNamed(house, "a") && !isNamed(house, "small"))
        try await room.call(.put, "/redact/\(Percent.encode(again.rawValue))/2", [:]).expect(200)
        #expect(ear.take() == ["alice: a"])
        #expect(try !isNamed(house, "a"))
        // A message without media costs nothing more.
        try await room.call(.put, "/redact/\(Percent.encode(try await room.say("plain").rawValue))/3", [:]).expect(200)
        #expect(ear.take() == [])
    }

    @Test(arguments: TestBackend.available) func purgeRetentionAndTheEndOfAMessageReleaseMedia(backend: TestBackend) async throws {
        let ear = Ear(), house = try await House(backend: backend, media: ear), admin = TestUser(open: "admin")
        let room = try await house.open(), start = house.app.clock.now
        try await room.set("m.room.avatar", ["url": "mxc://test/face"])
        try await room.send("m.room.message", ["url": "mxc://test/purged"])
        let last = try await room.send("m.room.message", ["url": "mxc://test/retained"])
        try await house.app.call(.post, "/_synapse/admin/v1/purge_history/\(Percent.encode(room.id.rawValue))/\(Percent.encode(last.rawValue))", as: admin, json: [:]).expect(200)
        try await house.app.run(job: "purge history")
        #expect(ear.take() == ["alice: purged"])   // the picture of the room is state still
        #expect(try named(house) == ["face", "retained"])

        try await room.send("m.room.message", ["url": "mxc://test/ends", "org.matrix.self_destruct_after": .int(start + 1000)])
        house.app.clock.advance(1001)
        try await house.app.run(job: "empty messages that destroy themselves")
        #expect(ear.take() == ["alice: ends"])

        try await room.set("m.room.retention", ["max_lifetime": 5000])
        house.app.clock.advance(10_000)
        try await room.say("new")
        try await house.app.run(job: "delete what rooms no longer retain")
        #expect(ear.take() == ["alice: retained"])

        try await house.app.call(.delete, "/_synapse/admin/v1/rooms/" + Percent.encode(room.id.rawValue), as: admin, json: [:]).expect(200)
        #expect(ear.take() == ["alice: face"])
        #expect(try named(house) == [])
    }

    @Test(arguments: TestBackend.available) func eventsOfBeforeAreLookedThroughOnce(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.open()
        for n in 0..<7 { try await room.send("m.room.message", ["url": .string("mxc://test/m\(n)")]) }
        // As if the table had been made only now.
        try await house.app.context.db.write { tx in
            try tx.run("DELETE FROM event_media")
            _ = try tx.run("UPDATE event_media_progress SET through_pos = 0, end_pos = (SELECT MAX(pos) FROM event)")
        }
        #expect(try isNamed(house, "nothing"))   // not known: so it may be
        let c = house.app.context
        #expect(try await c.db.write { tx in try MediaMentions.step(c, tx, limit: 5) } == false)
        #expect(try named(house).count < 7)
        try await house.app.run(job: "find media in older events")
        #expect(try named(house) == (0..<7).map { "m\($0)" })
        #expect(try !isNamed(house, "nothing"))
    }
}
