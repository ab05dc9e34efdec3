import MatrixCore
import ServerKit
import Store

/// How an event refers to another. https://spec.matrix.org/latest/client-server-api/#forwarding-relationships
struct Relation: Sendable, Hashable {
    let type: String
    let event: String

    /// nil when the content has no relation, or one that is not well formed (which is nobody's error).
    init?(_ content: JSONObject) {
        guard let relation = content["m.relates_to"]?.objectValue, let type = relation["rel_type"]?.stringValue,
              let event = relation["event_id"]?.stringValue, event.utf8.count <= 255, type.utf8.count <= 255,
              !event.utf8.contains(0), !type.utf8.contains(0) else { return nil }
        self.type = type; self.event = event
    }
}

extension RoomWork {
    /// The root of the thread that an event with this relation is in; refuses relations that must not be.
    func threadOf(_ relation: Relation, _ draft: Draft) throws -> String? {
        let parent = try tx.first(RelationSQL.parent, relation.event, head.nid) { (thread: $0.textOrNil(0), relType: $0.textOrNil(1)) }
        switch relation.type {
        case "m.thread":
            if parent?.relType != nil { throw MatrixError.badRequest("A thread cannot start from an event that relates to another event.") }
            return relation.event
        case "m.annotation":
            let key = draft.content["m.relates_to"]?["key"]?.stringValue
            let mine = try tx.all(RelationSQL.annotations, relation.event, draft.sender, draft.type) { $0.bytes(0) }
            let isDouble = mine.contains { bytes in
                guard let content = try? JSONObject.parse(bytes) else { return false }   // stored content is always valid
                return content["m.relates_to"]?["key"]?.stringValue == key
            }
            if isDouble { throw MatrixError(400, "M_DUPLICATE_ANNOTATION", "You have already sent this annotation.") }
            return parent?.thread
        default: return parent?.thread
        }
    }
}

enum RelationSQL {
    static let parent = "SELECT thread, rel_type FROM event WHERE event_id = ? AND room_nid = ?"
    static let annotations = "SELECT content FROM event WHERE relates_to = ? AND rel_type = 'm.annotation' AND sender = ? AND type = ?"
    static let all = [parent, annotations]
}
