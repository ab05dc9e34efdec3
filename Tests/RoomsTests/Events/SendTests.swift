import MatrixCore
import Rooms
import ServerKit
import Store
import Synchronization
import TestKit
import Testing

struct SendTests {
    @Test func aTransactionIsSentOnce() async throws {
        let house = try await House()
        let room = try await house.open(), other = try await house.open()
        let first = try await room.say("hello", txn: "1")
        #expect(try await room.say("hello again", txn: "1") == first)
        // The same id means something else in another room, of another type and of another user.
        #expect(try await other.say("hello", txn: "1") != first)
        #expect(try await room.send("m.sticker", ["body": "x"], txn: "1") != first)
        try await room.join(house.bob)
        #expect(try await room.say("hello", as: house.bob, txn: "1") != first)
        #expect(try room.events().filter { $0.type == "m.room.message" }.count == 2)
    }

    @Test func theSendingDeviceIsToldItsTransaction() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let id = try await room.say("hello", txn: "abc")
        house.app.clock.advance(1500)
        let own = try await room.event(id)
        #expect(own["unsigned"]?["transaction_id"] == "abc")
        #expect(own["unsigned"]?["age"] == 1500)
        #expect(own["unsigned"]?["membership"] == "join")
        #expect(own["content"] == ["msgtype": "m.text", "body": "hello"])
        #expect(own["room_id"] == JSON(room.id) && own["sender"] == JSON(house.alice.id) && own["event_id"] == JSON(id))
        #expect(try await room.event(id, as: house.bob)["unsigned"]?["transaction_id"] == nil)
    }

    @Test func whatIsStoredIsTheSignedEvent() async throws {
        let house = try await House()
        for name in RoomVersion.all.map(\.id) {
            let room = try await house.open(version: name)
            let id = try await room.say("hello \u{e9}\u{0} \u{1F600}")
            let row = try #require(try room.events().last)
            #expect(row.id == id)
            let version = try #require(RoomVersion.named(name))
            let rest = try house.read { tx in try tx.first("SELECT rest FROM event WHERE pos = ?", row.pos) { $0.bytes(0) } }
            let pdu = try StoredEvent(roomID: room.id, type: row.type, stateKey: row.stateKey, sender: row.sender, originServerTS: row.timestamp,
                                      contentBytes: row.content, rest: try #require(rest)).pdu(version: version, signedBy: house.app.context.signing)
            let event = try JSONObject.parse(pdu)
            #expect(try EventFormat.eventID(event, version: version) == id)
            #expect(EventFormat.hasValidContentHash(event, version: version))
            let key = house.app.context.signing
            #expect(EventFormat.isSigned(event, entity: "test", keyID: key.keyID, publicKey: key.key.publicKey, version: version))
            #expect((event["auth_events"]?.arrayValue?.count) == (name == "12" ? 2 : 3))
        }
    }

    @Test func sendingWithoutATransactionIsAlwaysNew() async throws {
        let house = try await House()
        let room = try await house.open()
        let first = try await room.call(.post, "/send/m.room.message", ["body": "x"]).expect(200)["event_id"]
        let second = try await room.call(.post, "/send/m.room.message", ["body": "x"]).expect(200)["event_id"]
        #expect(first != nil && first != second)
        try await room.call(.post, "/redact/\(Percent.encode(first?.stringValue ?? ""))", ["reason": "x"]).expect(200)
        #expect(try room.events().filter { $0.redactedBy != nil }.count == 1)
    }

    @Test func onlyMembersSend() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.call(.put, "/send/m.room.message/1", as: house.bob, ["body": "x"]).expect(403, "M_FORBIDDEN")
        try await house.call(.put, "/rooms/!none/send/m.room.message/1", ["body": "x"]).expect(403, "M_FORBIDDEN")
        try await room.join(house.bob)
        _ = try await room.set("m.room.power_levels", ["events": ["m.room.message": 10]])
        try await room.call(.put, "/send/m.room.message/1", as: house.bob, ["body": "x"]).expect(403, "M_FORBIDDEN")
    }

    @Test func badContentIsRefused() async throws {
        let house = try await House()
        let room = try await house.open()
        let path = "/send/m.room.message/1"
        try await room.call(.put, path, ["body": 1.5]).expect(400, "M_BAD_JSON")
        try await room.call(.put, path, ["n": .int(1 << 60)]).expect(400, "M_BAD_JSON")
        try await room.call(.put, path, []).expect(400, "M_BAD_JSON")
        try await house.app.call(.put, "/_matrix/client/v3" + room.path + path, as: house.alice, body: Array("{".utf8)).expect(400, "M_NOT_JSON")
        try await room.call(.put, path, ["body": .string(String(repeating: "x", count: 70_000))]).expect(413, "M_TOO_LARGE")
        try await room.call(.put, "/send/\(String(repeating: "t", count: 256))/1", [:]).expect(413, "M_TOO_LARGE")
        try await room.call(.put, "/send/m.x/\(String(repeating: "t", count: 256))", [:]).expect(400, "M_INVALID_PARAM")
        try await room.call(.put, "/send/m%00x/1", [:]).expect(400)
        try await room.call(.put, "/send/m.room.member/1", ["membership": "join"]).expect(400, "M_BAD_JSON")
        try await room.call(.put, "/send/m.room.create/1", [:]).expect(403, "M_FORBIDDEN")
        #expect(try room.events().last?.type == "m.room.history_visibility")
    }

    @Test func eventsOfOthersAreHidden() async throws {
        let house = try await House()
        let room = try await house.create()
        let id = try await room.say("secret")
        let path = "/event/\(Percent.encode(id.rawValue))"
        try await room.call(.get, path, as: house.bob).expect(404, "M_NOT_FOUND")
        try await room.call(.get, "/event/$nothing").expect(404, "M_NOT_FOUND")
        let other = try await house.open()
        try await other.call(.get, path).expect(404, "M_NOT_FOUND")
    }

    @Test func oneReactionOfAKind() async throws {
        let house = try await House()
        let room = try await house.open()
        let id = try await room.say("hello")
        func reaction(_ key: String) -> JSON { ["m.relates_to": ["rel_type": "m.annotation", "event_id": JSON(id), "key": .string(key)]] }
        try await room.send("m.reaction", reaction("+1"))
        try await room.send("m.reaction", reaction("-1"))
        try await room.call(.put, "/send/m.reaction/x", reaction("+1")).expect(400, "M_DUPLICATE_ANNOTATION")
        try await room.join(house.bob)
        try await room.send("m.reaction", reaction("+1"), as: house.bob)
    }

    @Test func threadsKeepWhatBelongsToThem() async throws {
        let house = try await House()
        let room = try await house.open()
        let root = try await room.say("root")
        let reply = try await room.send("m.room.message", ["body": "in", "m.relates_to": ["rel_type": "m.thread", "event_id": JSON(root)]])
        _ = try await room.send("m.reaction", ["m.relates_to": ["rel_type": "m.annotation", "event_id": JSON(reply), "key": "+1"]])
        _ = try await room.send("m.reaction", ["m.relates_to": ["rel_type": "m.annotation", "event_id": JSON(root), "key": "+1"]])
        #expect(try room.events().suffix(4).map(\.thread) == [nil, root.rawValue, root.rawValue, nil])
        try await room.call(.put, "/send/m.room.message/t", ["m.relates_to": ["rel_type": "m.thread", "event_id": JSON(reply)]]).expect(400, "M_UNKNOWN")
    }

    @Test func observersSeeEveryEventAndMayRefuse() async throws {
        final class Watcher: RoomObserver {
            let seen = Mutex<[String]>([])
            func appended(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {
                if event.content["body"] == "refuse" { throw MatrixError.forbidden("no") }
                seen.withLock { $0.append(event.type) }
            }
        }
        let watcher = Watcher()
        let house = try await House(observers: [watcher])
        let room = try await house.open()
        try await room.say("hello")
        #expect(watcher.seen.withLock { $0 } == ["m.room.create", "m.room.member", "m.room.power_levels", "m.room.join_rules", "m.room.history_visibility", "m.room.message"])
        let before = try room.head()
        try await room.call(.put, "/send/m.room.message/1", ["body": "refuse"]).expect(403)
        #expect(try room.head().lastPos == before.lastPos)
        try await room.say("and on")
        #expect(try room.events().map(\.depth) == Array(1...7))
    }
}
