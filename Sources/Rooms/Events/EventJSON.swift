package import MatrixCore

/// Writes an event as clients see it, from columns and content bytes; nothing is decoded.
/// https://spec.matrix.org/latest/client-server-api/#room-event-format
package enum EventJSON {
    /// Who asks, when, and for which kind of answer.
    package struct View: Sendable {
        /// nil in answers whose place already names the room (/sync).
        package var room: RoomID?
        package var user: UserID?
        /// The device that asks: it is told the transaction ids of its own events.
        package var device: DeviceID?
        /// Present time, for `age`; nil leaves it out.
        package var now: Int64?
        /// Rooms of version 11 and later keep `redacts` in the content; both places are served for both kinds of clients.
        package init(room: RoomID? = nil, user: UserID? = nil, device: DeviceID? = nil, now: Int64? = nil) {
            self.room = room; self.user = user; self.device = device; self.now = now
        }
    }

    /// `membership`: the asking user's membership at the event. `relations`: the object of `m.relations`, made by the relations slice.
    package static func write(_ event: EventRow, _ view: View, membership: String? = nil, relations: [UInt8]? = nil, into out: inout [UInt8]) {
        JSONWriter.ascii("{\"content\":", &out)
        writeContent(event, &out)
        JSONWriter.ascii(",\"event_id\":", &out)
        JSONWriter.string(event.id.rawValue, &out)
        JSONWriter.ascii(",\"origin_server_ts\":", &out)
        JSONWriter.integer(event.timestamp, &out)
        if let redacts = event.redacts {
            JSONWriter.ascii(",\"redacts\":", &out)
            JSONWriter.string(redacts, &out)
        }
        if let room = view.room {
            JSONWriter.ascii(",\"room_id\":", &out)
            JSONWriter.string(room.rawValue, &out)
        }
        JSONWriter.ascii(",\"sender\":", &out)
        JSONWriter.string(event.sender.rawValue, &out)
        if let stateKey = event.stateKey {
            JSONWriter.ascii(",\"state_key\":", &out)
            JSONWriter.string(stateKey, &out)
        }
        JSONWriter.ascii(",\"type\":", &out)
        JSONWriter.string(event.type, &out)
        writeUnsigned(event, view, membership, relations, &out)
        out.append(UInt8(ascii: "}"))
    }

    package static func bytes(_ event: EventRow, _ view: View, membership: String? = nil, relations: [UInt8]? = nil) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(event.content.count + 400)
        write(event, view, membership: membership, relations: relations, into: &out)
        return out
    }

    /// `{"type","state_key","sender","content"}`: what an invited user may see of a room.
    /// https://spec.matrix.org/latest/client-server-api/#stripped-state
    package static func writeStripped(type: String, stateKey: String, sender: String, content: [UInt8], into out: inout [UInt8]) {
        JSONWriter.ascii("{\"content\":", &out)
        out.append(contentsOf: content)
        JSONWriter.ascii(",\"sender\":", &out)
        JSONWriter.string(sender, &out)
        JSONWriter.ascii(",\"state_key\":", &out)
        JSONWriter.string(stateKey, &out)
        JSONWriter.ascii(",\"type\":", &out)
        JSONWriter.string(type, &out)
        out.append(UInt8(ascii: "}"))
    }

    /// A redaction of a room version before 11 has `redacts` at its top; newer clients look for it in the content.
    private static func writeContent(_ event: EventRow, _ out: inout [UInt8]) {
        guard let redacts = event.redacts else { return out.append(contentsOf: event.content) }
        var content = event.contentObject
        if content["redacts"] == nil { content["redacts"] = .string(redacts) }
        content.write(into: &out)
    }

    private static func writeUnsigned(_ event: EventRow, _ view: View, _ membership: String?, _ relations: [UInt8]?, _ out: inout [UInt8]) {
        JSONWriter.ascii(",\"unsigned\":{", &out)
        var isFirst = true
        func key(_ name: StaticString) {
            if isFirst { isFirst = false } else { out.append(UInt8(ascii: ",")) }
            JSONWriter.ascii(name, &out)
        }
        if let now = view.now {
            key("\"age\":")
            JSONWriter.integer(max(0, now - event.timestamp), &out)
        }
        if let relations {
            key("\"m.relations\":")
            out.append(contentsOf: relations)
        }
        if let membership {
            key("\"membership\":")
            JSONWriter.string(membership, &out)
        }
        if let replaced = event.replaced, event.redactedBy == nil {
            key("\"prev_content\":")
            out.append(contentsOf: replaced.content)
            key("\"prev_sender\":")
            JSONWriter.string(replaced.sender, &out)
            key("\"replaces_state\":")
            JSONWriter.string(replaced.id, &out)
        }
        if let redaction = event.redaction {
            key("\"redacted_because\":")
            writeRedaction(redaction, of: event, view, &out)
            key("\"redacted_by\":")
            JSONWriter.string(redaction.id, &out)
        }
        if let transaction = event.transaction, let device = event.device, event.sender == view.user, device == view.device?.rawValue {
            key("\"transaction_id\":")
            JSONWriter.string(transaction, &out)
        }
        out.append(UInt8(ascii: "}"))
    }

    private static func writeRedaction(_ redaction: EventRow.Redaction, of event: EventRow, _ view: View, _ out: inout [UInt8]) {
        JSONWriter.ascii("{\"content\":", &out)
        out.append(contentsOf: redaction.content)
        JSONWriter.ascii(",\"event_id\":", &out)
        JSONWriter.string(redaction.id, &out)
        JSONWriter.ascii(",\"origin_server_ts\":", &out)
        JSONWriter.integer(redaction.timestamp, &out)
        JSONWriter.ascii(",\"redacts\":", &out)
        JSONWriter.string(event.id.rawValue, &out)
        if let room = view.room {
            JSONWriter.ascii(",\"room_id\":", &out)
            JSONWriter.string(room.rawValue, &out)
        }
        JSONWriter.ascii(",\"sender\":", &out)
        JSONWriter.string(redaction.sender, &out)
        JSONWriter.ascii(",\"type\":\"m.room.redaction\",\"unsigned\":{", &out)
        if let now = view.now {
            JSONWriter.ascii("\"age\":", &out)
            JSONWriter.integer(max(0, now - redaction.timestamp), &out)
        }
        JSONWriter.ascii("}}", &out)
    }
}

extension EventJSON {
    /// `[event, event, ...]`
    package static func array(_ events: [EventRow], _ view: View) -> [UInt8] {
        var out: [UInt8] = [UInt8(ascii: "[")]
        for (index, event) in events.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            write(event, view, into: &out)
        }
        out.append(UInt8(ascii: "]"))
        return out
    }
    /// `{"name": [event, event, ...]}`
    package static func list(_ name: StaticString, _ events: [EventRow], _ view: View) -> [UInt8] {
        var out: [UInt8] = []
        JSONWriter.ascii("{\"", &out)
        JSONWriter.ascii(name, &out)
        JSONWriter.ascii("\":", &out)
        out.append(contentsOf: array(events, view))
        out.append(UInt8(ascii: "}"))
        return out
    }
}
