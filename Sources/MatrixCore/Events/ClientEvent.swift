/// An event as the Client-Server API shows it, written around stored bytes.
/// https://spec.matrix.org/latest/client-server-api/#room-event-format
package struct ClientEvent: Sendable {
    package var eventID: String
    /// Nil leaves it out, as in `/sync`, where the room is the key above.
    package var roomID: String?
    package var type: String
    package var stateKey: String?
    package var sender: String
    package var originServerTS: Int64
    /// Encoded JSON.
    package var content: [UInt8]
    /// Written beside the content whatever the room version, for clients that look only there.
    package var redacts: String?
    /// Encoded JSON object; nil or empty leaves it out.
    package var unsigned: [UInt8]?

    package init(
        eventID: String, roomID: String?, type: String, stateKey: String?, sender: String, originServerTS: Int64, content: [UInt8], redacts: String? = nil,
        unsigned: [UInt8]? = nil
    ) {
        self.eventID = eventID
        self.roomID = roomID
        self.type = type
        self.stateKey = stateKey
        self.sender = sender
        self.originServerTS = originServerTS
        self.content = content
        self.redacts = redacts
        self.unsigned = unsigned
    }

    package func write(into out: inout [UInt8]) {
        JSONWriter.ascii("{\"content\":", &out)
        out.append(contentsOf: content)
        JSONWriter.ascii(",\"event_id\":", &out)
        JSONWriter.string(eventID, &out)
        JSONWriter.ascii(",\"origin_server_ts\":", &out)
        JSONWriter.integer(originServerTS, &out)
        if let redacts {
            JSONWriter.ascii(",\"redacts\":", &out)
            JSONWriter.string(redacts, &out)
        }
        if let roomID {
            JSONWriter.ascii(",\"room_id\":", &out)
            JSONWriter.string(roomID, &out)
        }
        JSONWriter.ascii(",\"sender\":", &out)
        JSONWriter.string(sender, &out)
        if let stateKey {
            JSONWriter.ascii(",\"state_key\":", &out)
            JSONWriter.string(stateKey, &out)
        }
        JSONWriter.ascii(",\"type\":", &out)
        JSONWriter.string(type, &out)
        if let unsigned, !unsigned.isEmpty {
            JSONWriter.ascii(",\"unsigned\":", &out)
            out.append(contentsOf: unsigned)
        }
        JSONWriter.ascii("}", &out)
    }

    package func encoded() -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(content.count + 384)
        write(into: &out)
        return out
    }

    /// As invites and knocks show a room to those not in it: `content`, `sender`, `state_key`, `type` only.
    /// https://spec.matrix.org/latest/client-server-api/#stripped-state
    package func writeStripped(into out: inout [UInt8]) {
        JSONWriter.ascii("{\"content\":", &out)
        out.append(contentsOf: content)
        JSONWriter.ascii(",\"sender\":", &out)
        JSONWriter.string(sender, &out)
        JSONWriter.ascii(",\"state_key\":", &out)
        JSONWriter.string(stateKey ?? "", &out)
        JSONWriter.ascii(",\"type\":", &out)
        JSONWriter.string(type, &out)
        JSONWriter.ascii("}", &out)
    }
}

/// An event in the columns of a store, and the way back to what servers exchange.
package struct StoredEvent: Sendable {
    package var roomID: RoomID
    package var type: String
    package var stateKey: String?
    package var sender: UserID
    package var originServerTS: Int64
    /// As ``BuiltEvent/contentBytes``.
    package var contentBytes: [UInt8]
    /// As ``BuiltEvent/rest``.
    package var rest: [UInt8]

    package init(roomID: RoomID, type: String, stateKey: String?, sender: UserID, originServerTS: Int64, contentBytes: [UInt8], rest: [UInt8]) {
        self.roomID = roomID
        self.type = type
        self.stateKey = stateKey
        self.sender = sender
        self.originServerTS = originServerTS
        self.contentBytes = contentBytes
        self.rest = rest
    }

    /// The event as servers exchange it, canonical when `contentBytes` and `rest` are.
    /// - Parameter key: This server's, for what `rest` holds no signature of.
    /// - Throws: when `rest` is not the object it was.
    package func pdu(version: RoomVersion, signedBy key: ServerKey) throws -> [UInt8] {
        var event = try JSONObject.parse(unsigned(version: version))
        if event["signatures"] == nil { event["signatures"] = try SignedJSON.sign(Redaction.pdu(event, version: version), with: key)["signatures"] }
        return event.encoded()
    }

    /// The event with the signatures that `rest` holds, if any.
    package func unsigned(version: RoomVersion) throws(JSONError) -> [UInt8] {
        var event = try JSONObject.parse(rest)
        event["content"] = .raw(contentBytes)
        event["origin_server_ts"] = .int(originServerTS)
        if version.hasRoomID(type) { event["room_id"] = JSON(roomID) }
        event["sender"] = JSON(sender)
        event["state_key"] = stateKey.map(JSON.string)
        event["type"] = .string(type)
        return event.encoded()
    }
}
