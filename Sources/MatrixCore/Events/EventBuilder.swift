/// Why an event cannot be made of what was given.
package enum EventError: Error, Hashable, CustomStringConvertible {
    /// M_TOO_LARGE.
    case tooLarge(String)
    /// M_BAD_JSON.
    case notCanonical(CanonicalError)

    package var description: String {
        switch self {
        case .tooLarge(let what): "\(what) is too large"
        case .notCanonical(let error): error.description
        }
    }
}

/// The fields of a new event, and the way from them to bytes, hashes, id and signature.
///
/// The content is encoded once; everything else is written around those bytes. The redacted form, which the signature and the id cover,
/// is made from fields as well, so nothing is parsed or encoded twice.
package struct EventBuilder: Sendable {
    package var version: RoomVersion
    /// Nil only for the create event of a version whose room id is that event's hash.
    package var roomID: RoomID?
    package var type: String
    package var stateKey: String?
    package var sender: UserID
    package var content: JSONObject
    /// For `m.room.redaction`. Goes where the version wants it: beside the content, or into it.
    package var redacts: EventID?
    /// Milliseconds since 1970.
    package var originServerTS: Int64
    package var depth: Int64
    package var prevEvents: [EventID]
    package var authEvents: [EventID]
    /// What the versions with opaque ids need, and no other may have.
    package var opaque: Opaque?

    /// The event's own id, and the reference hashes (unpadded base64) of the events it refers to.
    package struct Opaque: Sendable {
        package var id: EventID
        package var hashes: [EventID: String]
        package init(id: EventID, hashes: [EventID: String]) {
            self.id = id
            self.hashes = hashes
        }
    }

    package init(
        version: RoomVersion, roomID: RoomID?, type: String, stateKey: String? = nil, sender: UserID, content: JSONObject, redacts: EventID? = nil,
        originServerTS: Int64, depth: Int64, prevEvents: [EventID], authEvents: [EventID], opaque: Opaque? = nil
    ) {
        self.version = version
        self.roomID = roomID
        self.type = type
        self.stateKey = stateKey
        self.sender = sender
        self.content = content
        self.redacts = redacts
        self.originServerTS = originServerTS
        self.depth = depth
        self.prevEvents = prevEvents
        self.authEvents = authEvents
        self.opaque = opaque
    }

    /// - Throws: `.tooLarge` beyond 65,536 bytes for the event or 255 for a field; `.notCanonical` for floats and too large integers.
    package func build(signedBy key: ServerKey) throws(EventError) -> BuiltEvent {
        try checkFields()
        var content = content
        if let redacts, version.modernRedaction { content["redacts"] = .string(redacts.rawValue) }
        let contentBytes = try encode(content)
        let frame = EventFrame(
            roomID: version.hasRoomID(type) ? roomID : nil, type: type, stateKey: stateKey, sender: sender,
            redacts: version.modernRedaction ? nil : redacts, originServerTS: originServerTS, depth: depth, prevEvents: prevEvents, authEvents: authEvents,
            opaque: opaque)

        var out: [UInt8] = []
        out.reserveCapacity(contentBytes.count + 768)
        frame.write(content: contentBytes, hash: nil, signatures: nil, into: &out)
        let hash = Base64.encode(SHA256.hash(out))
        guard out.count + EventFrame.signedExtra(key) <= EventFormat.largestEvent else { throw .tooLarge("the event") }

        let essential: [UInt8]
        if Redaction.empties(type, version: version) {
            essential = [UInt8(ascii: "{"), UInt8(ascii: "}")]
        } else if type == EventType.create, version.modernRedaction {
            essential = contentBytes
        } else {
            essential = try encode(Redaction.content(content, type: type, version: version))
        }
        out.removeAll(keepingCapacity: true)
        frame.withoutRedacts.write(content: essential, hash: hash, signatures: nil, into: &out)
        let eventID = opaque?.id ?? EventFormat.eventID(referenceHash: SHA256.hash(out), version: version)

        return BuiltEvent(
            eventID: eventID, roomID: roomID ?? EventFormat.roomID(ofCreate: eventID), frame: frame, content: content, contentBytes: contentBytes,
            redacts: redacts, hash: hash, signed: out, key: key)
    }

    private func encode(_ object: JSONObject) throws(EventError) -> [UInt8] {
        do throws(CanonicalError) { return try EventFormat.bytes(object, version) } catch { throw .notCanonical(error) }
    }

    private func checkFields() throws(EventError) {
        precondition(roomID != nil || !version.hasRoomID(type), "an event of an existing room needs the room's id")
        precondition((opaque != nil) == (version.eventIDs == .opaque), "opaque ids are of versions 1 and 2")
        let fields = [("type", type), ("state_key", stateKey ?? ""), ("sender", sender.rawValue), ("room_id", roomID?.rawValue ?? "")]
        for (name, value) in fields where value.utf8.count > EventFormat.largestField { throw .tooLarge(name) }
        for (name, value) in [("depth", depth), ("origin_server_ts", originServerTS)] where !CanonicalLimits.integers.contains(value) { throw .tooLarge(name) }
    }
}

/// A finished event: everything the store keeps, made once.
package struct BuiltEvent: Sendable {
    package let eventID: EventID
    package let roomID: RoomID
    private let frame: EventFrame
    package let content: JSONObject
    /// The content as canonical JSON.
    package let contentBytes: [UInt8]
    /// The event that this one redacts, wherever the version puts it.
    package let redacts: EventID?
    private let hash: String
    /// What a signature covers: the redacted event.
    private let signed: [UInt8]
    private let key: ServerKey

    fileprivate init(
        eventID: EventID, roomID: RoomID, frame: EventFrame, content: JSONObject, contentBytes: [UInt8], redacts: EventID?, hash: String,
        signed: [UInt8], key: ServerKey
    ) {
        self.eventID = eventID
        self.roomID = roomID
        self.frame = frame
        self.content = content
        self.contentBytes = contentBytes
        self.redacts = redacts
        self.hash = hash
        self.signed = signed
        self.key = key
    }

    package var type: String { frame.type }
    package var stateKey: String? { frame.stateKey }
    package var sender: UserID { frame.sender }
    package var originServerTS: Int64 { frame.originServerTS }
    package var depth: Int64 { frame.depth }
    package var prevEvents: [EventID] { frame.prevEvents }
    package var authEvents: [EventID] { frame.authEvents }

    /// What clients do not see, as one JSON object: `auth_events`, `depth`, `hashes`, `prev_events`, before version 11 `redacts` and before
    /// version 3 `event_id`. With the other fields it makes the event again: ``StoredEvent/pdu(version:signedBy:)``.
    /// Without `signatures`: an event is signed when another server, or a client that asks for all, is to see it. Its id does not depend on
    /// them, and a signature costs as much as a tenth of a message.
    package var rest: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(512)
        frame.writeRest(hash: hash, into: &out)
        return out
    }

    /// The whole event as servers exchange it, canonical.
    package func pdu() -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(contentBytes.count + 768)
        frame.write(content: contentBytes, hash: hash, signatures: key.signatures(signed), into: &out)
        return out
    }

    /// As clients see it, ready to be written into an answer.
    package var clientEvent: ClientEvent {
        ClientEvent(
            eventID: eventID.rawValue, roomID: roomID.rawValue, type: type, stateKey: stateKey, sender: sender.rawValue, originServerTS: originServerTS,
            content: contentBytes, redacts: redacts?.rawValue)
    }
}

/// The fields around the content. Writing them in the order of canonical JSON is what makes the writer short.
struct EventFrame: Sendable {
    var roomID: RoomID?
    var type: String
    var stateKey: String?
    var sender: UserID
    var redacts: EventID?
    var originServerTS: Int64
    var depth: Int64
    var prevEvents: [EventID]
    var authEvents: [EventID]
    var opaque: EventBuilder.Opaque?

    /// A redacted event has no top-level `redacts` in the versions that put it there.
    var withoutRedacts: EventFrame {
        var copy = self
        copy.redacts = nil
        return copy
    }

    func write(content: [UInt8], hash: String?, signatures: [UInt8]?, into out: inout [UInt8]) {
        JSONWriter.ascii("{\"auth_events\":", &out)
        references(authEvents, &out)
        JSONWriter.ascii(",\"content\":", &out)
        out.append(contentsOf: content)
        JSONWriter.ascii(",\"depth\":", &out)
        JSONWriter.integer(depth, &out)
        Self.member(",\"event_id\":", opaque?.id.rawValue, &out)
        if let hash { Self.hashes(hash, &out) }
        JSONWriter.ascii(",\"origin_server_ts\":", &out)
        JSONWriter.integer(originServerTS, &out)
        JSONWriter.ascii(",\"prev_events\":", &out)
        references(prevEvents, &out)
        Self.member(",\"redacts\":", redacts?.rawValue, &out)
        Self.member(",\"room_id\":", roomID?.rawValue, &out)
        Self.member(",\"sender\":", sender.rawValue, &out)
        if let signatures {
            JSONWriter.ascii(",\"signatures\":", &out)
            out.append(contentsOf: signatures)
        }
        Self.member(",\"state_key\":", stateKey, &out)
        Self.member(",\"type\":", type, &out)
        JSONWriter.ascii("}", &out)
    }

    func writeRest(hash: String, into out: inout [UInt8]) {
        JSONWriter.ascii("{\"auth_events\":", &out)
        references(authEvents, &out)
        JSONWriter.ascii(",\"depth\":", &out)
        JSONWriter.integer(depth, &out)
        Self.member(",\"event_id\":", opaque?.id.rawValue, &out)
        Self.hashes(hash, &out)
        JSONWriter.ascii(",\"prev_events\":", &out)
        references(prevEvents, &out)
        Self.member(",\"redacts\":", redacts?.rawValue, &out)
        JSONWriter.ascii("}", &out)
    }

    /// How many bytes hash and signature will add to the event without them.
    static func signedExtra(_ key: ServerKey) -> Int {
        ",\"hashes\":{\"sha256\":\"\"}".utf8.count + 43 + ",\"signatures\":\"}}".utf8.count + key.signaturePrefix.count + 86
    }

    private static func hashes(_ hash: String, _ out: inout [UInt8]) {
        JSONWriter.ascii(",\"hashes\":{\"sha256\":", &out)
        JSONWriter.string(hash, &out)
        JSONWriter.ascii("}", &out)
    }

    private static func member(_ name: StaticString, _ value: String?, _ out: inout [UInt8]) {
        guard let value else { return }
        JSONWriter.ascii(name, &out)
        JSONWriter.string(value, &out)
    }

    /// A list of ids; before version 3 of pairs, `[id, {"sha256": hash}]`.
    /// https://spec.matrix.org/latest/rooms/v1/#event-format
    private func references(_ ids: [EventID], _ out: inout [UInt8]) {
        JSONWriter.ascii("[", &out)
        var first = true
        for id in ids {
            if first { first = false } else { JSONWriter.ascii(",", &out) }
            guard let opaque else {
                JSONWriter.string(id.rawValue, &out)
                continue
            }
            JSONWriter.ascii("[", &out)
            JSONWriter.string(id.rawValue, &out)
            JSONWriter.ascii(",{\"sha256\":", &out)
            guard let hash = opaque.hashes[id] else { preconditionFailure("a reference without its hash") }
            JSONWriter.string(hash, &out)
            JSONWriter.ascii("}]", &out)
        }
        JSONWriter.ascii("]", &out)
    }
}
