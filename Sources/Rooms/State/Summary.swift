import MatrixCore
import Store

/// Keeps `room_summary` in step with the state events that it is made of.
enum Summary {
    static func update(_ tx: WriteTx, _ nid: Int64, type: String, _ content: JSONObject) throws {
        func text(_ json: JSON?) -> String? {
            guard let text = RoomWork.text(json), !text.isEmpty else { return nil }
            return text
        }
        switch type {
        case EventType.name: try tx.run(RoomSQL.name, text(content["name"]), nid)
        case EventType.topic: try tx.run(RoomSQL.topic, text(content["topic"]), nid)
        case EventType.avatar: try tx.run(RoomSQL.avatar, text(content["url"]), nid)
        case EventType.canonicalAlias: try tx.run(RoomSQL.canonicalAlias, text(content["alias"]), nid)
        case EventType.joinRules: try tx.run(RoomSQL.joinRule, text(content["join_rule"]) ?? "invite", nid)
        case EventType.historyVisibility:
            try tx.run(RoomSQL.historyVisibility, HistoryVisibility(content: .object(content)).rawValue, nid)
        case EventType.guestAccess: try tx.run(RoomSQL.guestAccess, GuestAccess(content: .object(content)).rawValue, nid)
        case EventType.encryption: try tx.run(RoomSQL.encryption, text(content["algorithm"]), nid)
        case EventType.create: try tx.run(RoomSQL.roomType, text(content["type"]), nid)
        case EventType.tombstone: try tx.run(RoomSQL.successor, text(content["replacement_room"]), nid)
        default: break
        }
    }
}
