import MatrixCore
import Testing

@Suite struct EventFormatTests {
    static func event(_ row: EventFixtures.Row) throws -> JSONObject {
        var event = try JSONObject.parse(Array(try #require(EventFixtures.events[row.name]).utf8))
        if row.version == "12" { event["room_id"] = row.name == "create" ? nil : .string(EventFixtures.roomOfVersion12) }
        guard row.isOpaque else { return event }
        event["event_id"] = "$own:domain"
        if event["redacts"] != nil { event["redacts"] = "$0x:domain" }
        for key in ["auth_events", "prev_events"] {
            var pairs: [JSON] = []
            for id in try #require(event[key]?.arrayValue) {
                let text = try #require(id.stringValue), hash = String(text.dropFirst().map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
                pairs.append([.string("\(text.prefix(5)):domain"), ["sha256": .string(hash)]])
            }
            event[key] = .array(pairs)
        }
        return event
    }

    static func identity(_ event: JSONObject, _ row: EventFixtures.Row, _ version: RoomVersion) throws -> String? {
        guard row.isOpaque else { return try EventFormat.eventID(event, version: version)?.rawValue }
        #expect(try EventFormat.eventID(event, version: version)?.rawValue == "$own:domain")
        return Base64.encode(try EventFormat.referenceHash(event, version: version))
    }

    /// Content hash, event id (and so the redaction under it) and signature, in every version, as another implementation computes them.
    @Test(arguments: EventFixtures.rows)
    func agreesWithAnotherImplementation(row: EventFixtures.Row) throws {
        let version = try #require(RoomVersion.named(row.version))
        let signed = try EventFormat.sign(Self.event(row), with: SpecificationKey.make(), version: version)
        #expect(signed["hashes"]?["sha256"]?.stringValue == row.contentHash)
        #expect(try Self.identity(signed, row, version) == row.eventID)
        #expect(signed["signatures"]?["domain"]?["ed25519:1"]?.stringValue == row.signature)
        #expect(try signed.canonical().count == row.size)
        let publicKey = try SpecificationKey.make().key.publicKey
        let redacted = Redaction.pdu(signed, version: version)
        #expect(EventFormat.isSigned(redacted, entity: "domain", keyID: "ed25519:1", publicKey: publicKey, version: version))
        #expect(try Self.identity(redacted, row, version) == row.eventID)
        #expect(Redaction.pdu(redacted, version: version) == redacted)
    }

    /// The builder writes the same events without ever making them as JSON values.
    @Test(arguments: EventFixtures.rows.filter { $0.name != "oldTopLevelKeys" && $0.name != "redaction" })
    func theBuilderAgreesToo(row: EventFixtures.Row) throws {
        let version = try #require(RoomVersion.named(row.version))
        let event = try Self.event(row)
        let built = try Self.builder(event, version).build(signedBy: SpecificationKey.make())
        #expect(built.eventID.rawValue == (row.isOpaque ? "$own:domain" : row.eventID))
        let pdu = built.pdu()
        #expect(pdu.count == row.size)
        #expect(try JSON.parse(pdu).canonical() == pdu)
        #expect(try JSONObject.parse(pdu) == EventFormat.sign(event, with: SpecificationKey.make(), version: version))
        if row.name == "create", version.roomIDIsCreateHash { #expect(built.roomID.rawValue == "!" + row.eventID.dropFirst()) }
        let stored = StoredEvent(
            roomID: built.roomID, type: built.type, stateKey: built.stateKey, sender: built.sender, originServerTS: built.originServerTS,
            contentBytes: built.contentBytes, rest: built.rest)
        #expect(try stored.pdu(version: version, signedBy: SpecificationKey.make()) == pdu)
    }

    static func builder(_ event: JSONObject, _ version: RoomVersion) throws -> EventBuilder {
        let isOpaque = version.eventIDs == .opaque
        func ids(_ key: String) throws -> [EventID] {
            var ids: [EventID] = []
            for entry in try #require(event[key]?.arrayValue) { ids.append(try #require(EventID(isOpaque ? entry.arrayValue?.first : entry))) }
            return ids
        }
        var opaque: EventBuilder.Opaque?
        if isOpaque {
            opaque = EventBuilder.Opaque(id: try #require(EventID(event["event_id"])), hashes: [:])
            for pair in ["auth_events", "prev_events"].flatMap({ event[$0]?.arrayValue ?? [] }) {
                let parts = try #require(pair.arrayValue)
                let id = try #require(EventID(parts[0]))
                opaque?.hashes[id] = parts[1]["sha256"]?.stringValue
            }
        }
        return EventBuilder(
            version: version, roomID: RoomID(event["room_id"]), type: try #require(event["type"]?.stringValue), stateKey: event["state_key"]?.stringValue,
            sender: try #require(UserID(event["sender"])), content: try #require(event["content"]?.objectValue), redacts: EventID(event["redacts"]),
            originServerTS: try #require(event["origin_server_ts"]?.intValue), depth: try #require(event["depth"]?.intValue),
            prevEvents: try ids("prev_events"), authEvents: try ids("auth_events"), opaque: opaque)
    }

    @Test func aChangedContentShows() throws {
        let version = RoomVersion.standard
        var event = try EventFormat.sign(["content": ["a": 1], "type": "x"], with: SpecificationKey.make(), version: version)
        #expect(EventFormat.hasValidContentHash(event, version: version))
        event["content"] = ["a": 2]
        #expect(!EventFormat.hasValidContentHash(event, version: version))
        event["hashes"] = ["sha256": "?"]
        #expect(!EventFormat.hasValidContentHash(event, version: version))
        event["hashes"] = nil
        #expect(!EventFormat.hasValidContentHash(event, version: version))
    }

    @Test func oldVersionsKeepTheirFloats() throws {
        let event: JSONObject = ["content": ["a": 1.5], "type": "x"]
        _ = try EventFormat.contentHash(event, version: #require(RoomVersion.named("5")))
        #expect(throws: CanonicalError.float) { try EventFormat.contentHash(event, version: #require(RoomVersion.named("6"))) }
    }
}

@Suite struct EventBuilderTests {
    static let id = EventID(trusted: "$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk")

    static func builder(_ version: String = "12", type: String = "m.room.message", stateKey: String? = nil, content: JSONObject = [:], redacts: EventID? = nil) throws
        -> EventBuilder
    {
        EventBuilder(
            version: try #require(RoomVersion.named(version)), roomID: RoomID(trusted: "!r:domain"), type: type, stateKey: stateKey,
            sender: UserID(trusted: "@u:domain"), content: content, redacts: redacts, originServerTS: 1, depth: 2, prevEvents: [id], authEvents: [id])
    }

    @Test func redactsStandsBesideTheContentBeforeVersion11() throws {
        let built = try Self.builder("10", type: "m.room.redaction", content: ["reason": "x"], redacts: Self.id).build(signedBy: SpecificationKey.make())
        let pdu = try JSONObject.parse(built.pdu())
        #expect(pdu["redacts"]?.stringValue == Self.id.rawValue)
        #expect(pdu["content"] == ["reason": "x"])
        #expect(try EventFormat.eventID(pdu, version: #require(RoomVersion.named("10"))) == built.eventID)
        #expect(try JSONObject.parse(built.rest)["redacts"] != nil)
    }

    @Test func redactsStandsInTheContentSinceVersion11() throws {
        let built = try Self.builder("11", type: "m.room.redaction", content: ["reason": "x"], redacts: Self.id).build(signedBy: SpecificationKey.make())
        let pdu = try JSONObject.parse(built.pdu())
        #expect(pdu["redacts"] == nil)
        #expect(pdu["content"]?["redacts"]?.stringValue == Self.id.rawValue)
        #expect(try EventFormat.eventID(pdu, version: #require(RoomVersion.named("11"))) == built.eventID)
        // Clients that know only the old place find it there too.
        #expect(try JSONObject.parse(built.clientEvent.encoded())["redacts"]?.stringValue == Self.id.rawValue)
    }

    @Test func theWholeEventHasALimit() throws {
        let empty = try Self.builder(content: ["body": ""]).build(signedBy: SpecificationKey.make()).pdu().count
        let room = 65_536 - empty
        let largest = try Self.builder(content: ["body": .string(String(repeating: "a", count: room))]).build(signedBy: SpecificationKey.make())
        #expect(largest.pdu().count == 65_536)
        #expect(throws: EventError.tooLarge("the event")) {
            try Self.builder(content: ["body": .string(String(repeating: "a", count: room + 1))]).build(signedBy: SpecificationKey.make())
        }
    }

    @Test func fieldsHaveALimit() throws {
        let long = String(repeating: "é", count: 127) + "e"
        _ = try Self.builder(type: long, stateKey: long).build(signedBy: SpecificationKey.make())
        #expect(throws: EventError.tooLarge("type")) { try Self.builder(type: long + "e").build(signedBy: SpecificationKey.make()) }
        #expect(throws: EventError.tooLarge("state_key")) { try Self.builder(type: "x", stateKey: long + "e").build(signedBy: SpecificationKey.make()) }
    }

    @Test func floatsAreRefused() throws {
        #expect(throws: EventError.notCanonical(.float)) { try Self.builder(content: ["a": 1.5]).build(signedBy: SpecificationKey.make()) }
        #expect(throws: EventError.notCanonical(.integerOutOfRange(1 << 53))) {
            try Self.builder(content: ["a": .int(1 << 53)]).build(signedBy: SpecificationKey.make())
        }
    }

    @Test func clientsSeeTheFieldsOfTheSpecification() throws {
        let built = try Self.builder(type: "m.room.topic", stateKey: "", content: ["topic": "é"]).build(signedBy: SpecificationKey.make())
        #expect(try JSONObject.parse(built.clientEvent.encoded()) == [
            "content": ["topic": "é"], "event_id": JSON(built.eventID), "origin_server_ts": 1, "room_id": "!r:domain", "sender": "@u:domain", "state_key": "",
            "type": "m.room.topic",
        ])
        var event = built.clientEvent
        event.roomID = nil
        event.unsigned = Array(#"{"age":5}"#.utf8)
        #expect(try JSONObject.parse(event.encoded()) == [
            "content": ["topic": "é"], "event_id": JSON(built.eventID), "origin_server_ts": 1, "sender": "@u:domain", "state_key": "", "type": "m.room.topic",
            "unsigned": ["age": 5],
        ])
        var stripped: [UInt8] = []
        event.writeStripped(into: &stripped)
        #expect(try JSONObject.parse(stripped) == ["content": ["topic": "é"], "sender": "@u:domain", "state_key": "", "type": "m.room.topic"])
    }
}
