import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

/// What rooms of each version are here, whichever way they came to be.
struct RoomVersionTests {
    @Test(arguments: RoomVersion.supported.map(\.id))
    func aRoomOfEachVersionLives(version: String) async throws {
        let house = try await House()
        let room = try await house.open(version: version)
        try await room.join(house.bob)
        let id = try await room.say("hello", as: house.bob)
        #expect(id.server == (version == "1" || version == "2" ? "test" : nil))
        #expect(!id.rawValue.contains("/") && !id.rawValue.contains("+") || version == "3")   // only version 3 has ids in the standard alphabet
        try await room.call(.put, "/redact/\(Percent.encode(id.rawValue))/r", ["reason": "x"]).expect(200)
        let event = try await room.event(id)
        #expect(event["content"] == [:])
        #expect(event["unsigned"]?["redacted_because"]?["content"]?["reason"] == "x")
        try await room.call(.post, "/invite", ["user_id": JSON(house.carol.id)]).expect(200)
        #expect(try await room.state("m.room.create")["room_version"] == .string(version))
        #expect(room.id.rawValue.contains(":") == (version != "12"))
    }

    @Test func otherVersionsAreRefused() async throws {
        let house = try await House()
        for version in ["0", "13", "", "1.0", "org.matrix.msc2176"] {
            try await house.call(.post, "/createRoom", ["room_version": .string(version)]).expect(400, "M_UNSUPPORTED_ROOM_VERSION")
        }
    }

    /// Versions 1 and 2 refer to events by id and reference hash. The hash is of the redacted event, so it stays true when an event is redacted.
    @Test(arguments: ["1", "2"]) func referencesCarryTheHashOfTheirEvent(name: String) async throws {
        let house = try await House()
        let version = try #require(RoomVersion.named(name))
        let room = try await house.open(version: name)
        try await room.join(house.bob)
        let gone = try await room.say("gone", as: house.bob)
        try await room.call(.put, "/redact/\(Percent.encode(gone.rawValue))/r", [:]).expect(200)
        try await room.set("m.room.name", ["name": "Shop"])
        try await room.say("bye")
        let events = try Self.pdus(room, version)
        var hashes: [JSON: JSON] = [:]
        for event in events {
            let id = try #require(event["event_id"]), hash = try EventFormat.referenceHash(event, version: version)
            hashes[id] = ["sha256": .string(Base64.encode(hash))]
        }
        for (index, event) in events.enumerated() {
            let prev = try #require(event["prev_events"]?.arrayValue), auth = try #require(event["auth_events"]?.arrayValue)
            #expect(prev.count == (index == 0 ? 0 : 1) && auth.isEmpty == (index == 0))
            for pair in prev + auth {
                let parts = try #require(pair.arrayValue)
                #expect(parts.count == 2)
                #expect(hashes[parts[0]] == parts[1])
            }
        }
    }

    /// A user of the server may be let through by the auth rules of old versions, yet still needs the power to redact another's message.
    @Test(arguments: ["1", "2"]) func anotherUsersMessageIsNotRedactedWithoutPower(name: String) async throws {
        let house = try await House()
        let room = try await house.open(version: name)
        try await room.join(house.bob)
        let id = try await room.say("mine")
        try await room.call(.put, "/redact/\(Percent.encode(id.rawValue))/r", as: house.bob, [:]).expect(403, "M_FORBIDDEN")
    }

    /// The room's stored events as servers would exchange them, oldest first.
    private static func pdus(_ room: Room, _ version: RoomVersion) throws -> [JSONObject] {
        let key = room.house.app.context.signing
        return try room.house.read { tx in
            try tx.all("SELECT type, state_key, sender, ts, content, rest FROM event ORDER BY pos") { row in
                try JSONObject.parse(StoredEvent(roomID: room.id, type: row.text(0), stateKey: row.textOrNil(1), sender: UserID(trusted: row.text(2)),
                                                 originServerTS: row.int(3), contentBytes: row.bytes(4), rest: row.bytes(5)).pdu(version: version, signedBy: key))
            }
        }
    }

    /// Knocking came with 7, restricted joins with 8, both in one with 10.
    @Test(arguments: [("knock", 7), ("restricted", 8), ("knock_restricted", 10)])
    func joinRulesCameOneByOne(rule: String, first: Int) async throws {
        let house = try await House()
        let club = try await house.create(["preset": "public_chat"])
        try await club.join(house.bob)
        for version in RoomVersion.supported.map(\.id) {
            let room = try await house.create(["room_version": .string(version)])
            try await room.set("m.room.join_rules", ["join_rule": .string(rule), "allow": [["type": "m.room_membership", "room_id": JSON(club.id)]]])
            let isKnown = (Int(version) ?? 0) >= first
            if rule != "knock" { #expect(await room.call(.post, "/join", as: house.bob, [:]).status == (isKnown ? 200 : 403), "join, version \(version)") }
            if rule != "restricted" {
                #expect(await house.call(.post, "/knock/\(Percent.encode(room.id.rawValue))", as: house.carol, [:]).status == (isKnown ? 200 : 403), "knock, version \(version)")
            }
        }
    }

    /// Text and floats as power levels went away step by step.
    @Test(arguments: [("7" as JSON, 9), (7.5, 5)])
    func powerLevelsBecameIntegers(level: JSON, last: Int) async throws {
        let house = try await House()
        for version in RoomVersion.supported.map(\.id) {
            let room = try await house.create(["room_version": .string(version)])
            var levels = try await room.state("m.room.power_levels").objectValue ?? [:]
            levels["ban"] = level
            let status = await room.call(.put, "/state/m.room.power_levels", .object(levels)).status
            #expect(status == ((Int(version) ?? 0) <= last ? 200 : 400), "version \(version)")
        }
    }
}
