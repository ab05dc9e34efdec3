import MatrixCore
import ServerKit
import Store

/// What events of the room versions 1 and 2 carry beside the others: an id of their own, and a hash with each reference. Later versions pay
/// nothing for it: ``RoomVersion/EventIDs``.
/// https://spec.matrix.org/latest/rooms/v1/#event-format
enum OpaqueIDs {
    static func newID(_ c: Context) -> EventID { EventFormat.opaqueID(random: c.entropy.token(18), server: c.serverName) }

    /// The reference hashes of stored events, as unpadded base64. State and a room's last event are never purged, so all are there.
    static func hashes(_ tx: ReadTx, room: RoomHead, version: RoomVersion, of ids: Set<EventID>) throws -> [EventID: String] {
        var hashes: [EventID: String] = [:]
        for id in ids {   // at most a handful, and only in rooms of these versions
            let stored = try tx.first(SQL.stored, id, room.nid) { row in
                StoredEvent(roomID: room.id, type: row.text(0), stateKey: row.textOrNil(1), sender: UserID(trusted: row.text(2)),
                            originServerTS: row.int(3), contentBytes: row.bytes(4), rest: row.bytes(5))
            }
            guard let stored else { throw RoomDamage(room: room.id, what: "event \(id) is missing") }
            let event = try JSONObject.parse(try stored.unsigned(version: version))
            hashes[id] = Base64.encode(try EventFormat.referenceHash(event, version: version))
        }
        return hashes
    }

    enum SQL {
        static let stored = "SELECT type, state_key, sender, ts, content, rest FROM event WHERE event_id = ? AND ABS(room_nid) = ?"
        static let all = [stored]
    }
}
