import Glibc
import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct PurgeTests {
    private static let admin = TestUser(open: "admin")

    private func purge(_ room: Room, _ rest: String, _ body: JSON = [:], as user: TestUser = admin) async -> TestResponse {
        await room.house.app.call(.post, "/_synapse/admin/v1/purge_history/\(Percent.encode(room.id.rawValue))\(rest)", as: user, json: body)
    }
    private func purge(_ room: Room, before event: EventID) async throws {
        let id = try await purge(room, "/" + Percent.encode(event.rawValue)).expect(200)["purge_id"]?.stringValue ?? ""
        func status() async throws -> JSON? { try await room.house.app.call(.get, "/_synapse/admin/v1/purge_history_status/\(id)", as: Self.admin).expect(200)["status"] }
        #expect(try await status() == "active")
        try await room.house.app.run(job: "purge history")
        #expect(try await status() == "complete")
    }
    private func sync(_ house: House, _ query: String = "", as user: TestUser? = nil) async throws -> JSON { try await house.call(.get, "/sync?timeout=0" + query, as: user).expect(200) }
    private func types(_ events: JSON?) -> [String] { (events?.arrayValue ?? []).compactMap { $0["type"]?.stringValue } }

    @Test(arguments: TestBackend.available) func messagesGoAndStateStays(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.create(["preset": "public_chat", "name": "old"])
        try await room.set("m.room.name", ["name": "Shop"])
        try await room.join(house.bob)
        var last = try await room.say("0")
        for n in 1..<10 { last = try await room.say("\(n)") }
        let before = try await room.call(.get, "/state").expect(200).arrayValue?.count
        try await purge(room, before: last)
        let joined = try await sync(house)["rooms"]?["join"]?[room.id.rawValue]
        #expect((joined?["timeline"]?["events"]?.arrayValue ?? []).map { $0["event_id"] } == [JSON(last)])
        let state = Set(types(joined?["state"]?["events"]))
        #expect(state.isSuperset(of: ["m.room.create", "m.room.member", "m.room.power_levels", "m.room.name"]))
        #expect(try await room.state("m.room.name") == ["name": "Shop"])
        #expect(try await room.call(.get, "/state").expect(200).arrayValue?.count == before)
        let messages = try await room.call(.get, "/messages?dir=b&limit=100").expect(200)
        #expect(messages["chunk"]?.arrayValue?.count == 1)
        // The room goes on.
        try await room.set("m.room.name", ["name": "New"])
        try await room.say("after", as: house.bob)
        #expect(try room.events().count == 3)
        #expect(try await room.call(.get, "/members").expect(200)["chunk"]?.arrayValue?.count == 2)
    }

    /// What the state was after an event that is left does not change.
    @Test func stateAtWhatIsLeftStays() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.set("m.room.topic", ["topic": "one"])
        try await room.set("m.room.topic", ["topic": "two"])
        let kept = try await room.say("kept")
        try await room.set("m.room.topic", ["topic": "three"])
        let last = try await room.say("last")
        func topic(_ event: EventID) async throws -> JSON? {
            try await room.call(.get, "/context/\(Percent.encode(event.rawValue))?limit=0").expect(200)["state"]?.arrayValue?.first { $0["type"] == "m.room.topic" }?["content"]?["topic"]
        }
        try await purge(room, before: kept)
        #expect(try await topic(kept) == "two")
        #expect(try await topic(last) == "three")
        let nid = try room.head().nid
        #expect(try house.read { try StateStore.history($0, room: nid, "m.room.topic", "").count } == 2)
    }

    /// A client whose token is from before the purge misses no state.
    @Test func anOldTokenLeadsToTheSameState() async throws {
        let house = try await House()
        let room = try await house.open()
        let token = try await sync(house)["next_batch"]?.stringValue ?? ""
        try await room.set("m.room.topic", ["topic": "missed"])
        try await room.join(house.bob)
        let last = try await room.say("last")
        try await purge(room, before: last)
        let joined = try await sync(house, "&since=" + token)["rooms"]?["join"]?[room.id.rawValue]
        #expect(joined?["timeline"]?["limited"] == true)
        #expect(types(joined?["state"]?["events"]).sorted() == ["m.room.member", "m.room.topic"])
        #expect(types(joined?["timeline"]?["events"]) == ["m.room.message"])
    }

    @Test func whatIsGoneIsNotUnread() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        for n in 0..<9 { try await room.say("\(n)") }
        let last = try await room.say("last")
        try await purge(room, before: last)
        let nid = try room.head().nid, bob = house.bob.id
        #expect(try house.read { try Unread.counts($0, room: nid, bob) }[""]?.notifications == 1)
    }

    @Test func upToATimeOrNotAtAll() async throws {
        let house = try await House()
        let room = try await house.open()
        for n in 0..<3 {
            house.app.clock.advance(1000)
            try await room.say("\(n)")
        }
        let time = house.app.clock.now
        try await purge(room, "", ["purge_up_to_ts": .int(time)]).expect(200)
        try await purge(room, "", ["purge_up_to_ts": .int(time)]).expect(400)   // one at a time
        try await house.app.run(job: "purge history")
        #expect(try room.events().map(\.type) == ["m.room.message"])
        // a time after everything: the last event stays
        try await purge(room, "", ["purge_up_to_ts": .int(time + 5000)]).expect(200)
        try await house.app.run(job: "purge history")
        #expect(try room.events().count == 1)

        try await purge(room, "").expect(400, "M_MISSING_PARAM")
        try await purge(room, "", ["purge_up_to_ts": "x"]).expect(400, "M_BAD_JSON")
        try await purge(room, "/%24none").expect(404, "M_NOT_FOUND")
        try await purge(room, "/" + Percent.encode("$x"), as: house.alice).expect(403, "M_FORBIDDEN")
        try await purge(Room(house: house, id: RoomID(trusted: "!none:test")), "/%24none").expect(404, "M_NOT_FOUND")
        try await house.app.call(.get, "/_synapse/admin/v1/purge_history_status/none", as: Self.admin).expect(404, "M_NOT_FOUND")
    }

    // MARK: bytes

    private func bytes(_ house: House) throws -> (size: Int, text: String) {
        var all: [UInt8] = [], size = 0
        for name in ["test.db", "test.db-wal"] {
            guard let file = fopen(house.app.context.config.dataDirectory + "/" + name, "r") else { continue }
            defer { fclose(file) }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = fread(&buffer, 1, buffer.count, file)
                if count == 0 { break }
                size += count
                all += buffer[..<count]
            }
        }
        return (size, String(decoding: all, as: UTF8.self))
    }

    /// The file becomes smaller, and what was said is not in it any more.
    @Test func whatIsDeletedIsInNoFile() async throws {
        let house = try await House(backend: .sqlite)
        let room = try await house.open()
        for n in 0..<300 { try await room.say("zanzibar\(n) " + String(repeating: "long text ", count: 200)) }
        let last = try await room.say("last")
        let before = try bytes(house)
        #expect(before.text.contains("zanzibar7"))
        try await purge(room, before: last)
        let after = try bytes(house)
        #expect(after.size < before.size / 2, "\(before.size) -> \(after.size)")
        #expect(!after.text.contains("zanzibar"))
    }

    // MARK: retention

    @Test(arguments: TestBackend.available) func aRoomKeepsItsMessagesAsLongAsItSays(backend: TestBackend) async throws {
        let house = try await House(backend: backend) { $0.retentionMin = 3_600_000 }
        let room = try await house.open(), other = try await house.open()
        try await room.set("m.room.retention", ["max_lifetime": 7_200_000])
        try await room.say("one")
        try await other.say("one")
        house.app.clock.advance(5_000_000)
        try await room.say("two")
        try await house.app.run(job: "delete what rooms no longer retain")
        func said(_ room: Room) throws -> [String] { try room.events().filter { $0.type == "m.room.message" }.compactMap { $0.contentObject["body"]?.stringValue } }
        #expect(try said(room) == ["one", "two"])
        house.app.clock.advance(5_000_000)
        try await house.app.run(job: "delete what rooms no longer retain")
        #expect(try said(room) == ["two"])
        house.app.clock.advance(50_000_000)
        try await house.app.run(job: "delete what rooms no longer retain")
        #expect(try said(room) == ["two"])   // the last event stays
        #expect(try said(other) == ["one"])
        try await room.say("three")
        try await house.app.run(job: "delete what rooms no longer retain")
        #expect(try said(room) == ["three"])
        #expect(try await room.state("m.room.retention") == ["max_lifetime": 7_200_000])
    }

    @Test func theServersLimitsHold() {
        var config = Config()
        #expect(Retention.lifetime(nil, config) == nil)
        #expect(Retention.lifetime(["max_lifetime": 5], config) == 5)
        #expect(Retention.lifetime(["max_lifetime": "x"], config) == nil)
        #expect(Retention.lifetime(["max_lifetime": -1], config) == nil)
        config.retentionMin = 10
        config.retentionMax = 100
        for (policy, lifetime) in [(5, 10), (50, 50), (500, 100)] as [(Int64, Int64)] { #expect(Retention.lifetime(["max_lifetime": .int(policy)], config) == lifetime) }
        #expect(Retention.lifetime(nil, config) == 100)
    }

    // MARK: self-destruction

    @Test(arguments: TestBackend.available) func aMessageEndsWhenItSays(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.open()
        let now = house.app.clock.now
        let id = try await room.send("m.room.message", ["msgtype": "m.text", "body": "secret", "org.matrix.self_destruct_after": .int(now + 1000)])
        let other = try await room.send("m.room.message", ["msgtype": "m.text", "body": "open", "org.matrix.self_destruct_after": "never"])
        try await house.app.run(job: "empty messages that destroy themselves")
        #expect(try await room.event(id)["content"]?["body"] == "secret")
        house.app.clock.advance(1001)
        try await house.app.run(job: "empty messages that destroy themselves")
        #expect(try await room.event(id)["content"] == [:])
        #expect(try await room.event(other)["content"]?["body"] == "open")
    }
}
