/// Hashes, ids and signatures of whole events given as JSON: the form other servers send. Events made here take the shorter way of ``EventBuilder``.
/// https://spec.matrix.org/latest/server-server-api/#signing-events
package enum EventFormat {
    /// The largest event, as canonical JSON with hashes and signatures.
    package static let largestEvent = 65_536
    /// The largest type, state key, sender, room id and event id.
    package static let largestField = 255

    /// The SHA-256 of the whole event without `unsigned`, `signatures` and `hashes`.
    package static func contentHash(_ event: JSONObject, version: RoomVersion) throws(CanonicalError) -> [UInt8] {
        SHA256.hash(try bytes(event.filter { $0.key != "unsigned" && $0.key != "signatures" && $0.key != "hashes" }, version))
    }

    /// The SHA-256 of the redacted event without `unsigned` and `signatures`.
    package static func referenceHash(_ event: JSONObject, version: RoomVersion) throws(CanonicalError) -> [UInt8] {
        SHA256.hash(try bytes(Redaction.pdu(event, version: version).filter { $0.key != "signatures" }, version))
    }

    /// Nil when an event of the versions that carry the id has none, or a malformed one.
    package static func eventID(_ event: JSONObject, version: RoomVersion) throws(CanonicalError) -> EventID? {
        if version.eventIDs == .opaque { return EventID(event["event_id"]) }
        return eventID(referenceHash: try referenceHash(event, version: version), version: version)
    }

    /// A new id for an event of the versions that do not make it of the hash.
    /// - Parameter random: 18 letters or digits.
    package static func opaqueID(random: String, server: String) -> EventID { EventID(trusted: "$\(random):\(server)") }

    /// - Precondition: the version makes ids of hashes.
    static func eventID(referenceHash hash: [UInt8], version: RoomVersion) -> EventID {
        switch version.eventIDs {
        case .opaque: preconditionFailure("an event of version \(version.id) carries its id")
        case .standardBase64: EventID(trusted: "$" + Base64.encode(hash))
        case .urlSafeBase64: EventID(trusted: "$" + Base64.encodeURLSafe(hash))
        }
    }

    /// Since version 12: the room that this create event makes.
    package static func roomID(ofCreate id: EventID) -> RoomID { RoomID(trusted: "!" + id.rawValue.dropFirst()) }

    /// The event with its content hash and the key's signature of its redacted form.
    package static func sign(_ event: JSONObject, with key: ServerKey, version: RoomVersion) throws(CanonicalError) -> JSONObject {
        var event = event
        var hashes = event["hashes"]?.objectValue ?? [:]
        hashes["sha256"] = .string(Base64.encode(try contentHash(event, version: version)))
        event["hashes"] = .object(hashes)
        event["signatures"] = try SignedJSON.sign(Redaction.pdu(event, version: version), with: key)["signatures"]
        return event
    }

    /// Is the event signed by this key? Holds for the full and for the redacted event alike.
    package static func isSigned(_ event: JSONObject, entity: String, keyID: String, publicKey: [UInt8], version: RoomVersion) -> Bool {
        SignedJSON.verify(Redaction.pdu(event, version: version), entity: entity, keyID: keyID, publicKey: publicKey)
    }

    /// False when the content is not what its sender hashed: then only the redacted event may be used.
    package static func hasValidContentHash(_ event: JSONObject, version: RoomVersion) -> Bool {
        guard let text = event["hashes"]?["sha256"]?.stringValue, let claimed = Base64.decode(text) else { return false }
        do throws(CanonicalError) { return claimed == (try contentHash(event, version: version)) } catch { return false }
    }

    /// Canonical where the version insists on it; the plain encoding, whose keys are sorted as well, where events may hold any number.
    static func bytes(_ object: JSONObject, _ version: RoomVersion) throws(CanonicalError) -> [UInt8] {
        version.strictJSON ? try object.canonical() : object.encoded()
    }
}
