import MatrixCore
import ServerKit
import Store

/// What other events say of an event: edits, reactions, threads and references, gathered for `unsigned.m.relations`.
/// Spec: https://spec.matrix.org/latest/client-server-api/#aggregations-of-child-events
///
/// Invariants: an edit counts only when it is of the same sender and type and carries `m.new_content`; redacted events
/// relate to nothing (the redaction cleared it); one index probe an event where nothing relates to it.
enum Bundles {
    /// Events of a snapshot to which nothing is related, for those who read them after the first.
    private final class Memo { var plain: Set<Int64> = [] }

    /// By position of the event, the object of `m.relations`.
    static func of(_ tx: ReadTx, _ events: [EventRow], user: UserID, withThreads: Bool = true) throws -> [Int64: [UInt8]] {
        var bundles: [Int64: [UInt8]] = [:]
        for event in events where event.redactedBy == nil {
            if let bundle = try bundle(tx, event, user: user, withThreads: withThreads) { bundles[event.pos] = bundle.encoded() }
        }
        return bundles
    }

    private static func bundle(_ tx: ReadTx, _ event: EventRow, user: UserID, withThreads: Bool) throws -> JSONObject? {
        let memo = tx.shared(Memo.self) { Memo() }
        guard !memo.plain.contains(event.pos) else { return nil }
        let kinds = try tx.all(SQL.kinds, event.id, event.roomNID) { (kind: $0.text(0), count: $0.int(1), last: $0.int(2)) }
        guard !kinds.isEmpty else {
            memo.plain.insert(event.pos)
            return nil
        }
        var bundle = JSONObject()
        for (kind, count, last) in kinds {
            switch kind {
            case "m.replace":
                guard event.relType != "m.replace", !event.isState, let edit = try latestEdit(tx, event) else { continue }
                bundle["m.replace"] = .raw(EventJSON.bytes(edit, .init(room: try roomID(tx, event), user: user)))
            case "m.annotation":
                let chunk = try tx.all(SQL.annotations, event.id, event.roomNID) { row -> JSON in
                    ["type": .string(row.text(0)), "content": .raw(row.bytes(1))]
                }
                bundle["m.annotation"] = annotations(chunk)
            case "m.reference":
                let chunk = try tx.all(SQL.references, event.id, event.roomNID) { row -> JSON in ["event_id": .string(row.text(0))] }
                bundle["m.reference"] = ["chunk": .array(chunk)]
            case "m.thread" where withThreads:
                guard let latest = try EventStore.event(tx, at: last) else { continue }
                let took = event.sender == user ? true : try tx.exists(SQL.participated, event.id, event.roomNID, user)
                let inner = try of(tx, [latest], user: user, withThreads: false)
                bundle["m.thread"] = [
                    "latest_event": .raw(EventJSON.bytes(latest, .init(room: try roomID(tx, event), user: user), relations: inner[latest.pos])),
                    "count": .int(count), "current_user_participated": .bool(took),
                ]
            default: continue
            }
        }
        return bundle.isEmpty ? nil : bundle
    }

    /// The newest valid edit of an event. `origin_server_ts` decides, then the event id.
    static func latestEdit(_ tx: ReadTx, _ event: EventRow) throws -> EventRow? {
        for edit in try EventStore.all(tx, SQL.edits, event.id, event.roomNID, event.sender, event.type) where edit.contentObject["m.new_content"]?.objectValue != nil { return edit }
        return nil
    }

    /// Groups reactions by (type, key), most frequent first.
    private static func annotations(_ all: [JSON]) -> JSON {
        var counts: [(type: String, key: String, count: Int64)] = []
        for item in all {
            guard let type = item["type"]?.stringValue, case .raw(let bytes)? = item["content"], let content = try? JSON.parse(bytes),   // stored content is valid
                  let key = content["m.relates_to"]?["key"]?.stringValue else { continue }
            if let at = counts.firstIndex(where: { $0.type == type && $0.key.utf8.elementsEqual(key.utf8) }) { counts[at].count += 1 } else { counts.append((type, key, 1)) }
        }
        counts.sort { $0.count > $1.count }
        return ["chunk": .array(counts.map { ["type": .string($0.type), "key": .string($0.key), "count": .int($0.count)] })]
    }

    private static func roomID(_ tx: ReadTx, _ event: EventRow) throws -> RoomID? { try tx.first(SQL.room, event.roomNID) { RoomID(trusted: $0.text(0)) } }

    /// The plus keeps SQLite from reading the whole room by one of its indexes: without statistics it takes them for as good as `relates_to`.
    enum SQL {
        static let kinds = """
            SELECT rel_type, COUNT(*), MAX(pos) FROM event WHERE relates_to = ? AND +room_nid = ? AND rel_type IS NOT NULL GROUP BY rel_type
            """
        static let edits = EventSQL.select + """
            WHERE e.relates_to = ? AND +e.room_nid = ? AND e.rel_type = 'm.replace' AND e.sender = ? AND e.type = ? AND e.state_key IS NULL \
            ORDER BY e.ts DESC, e.event_id DESC LIMIT 20
            """
        static let annotations = """
            SELECT type, content FROM event WHERE relates_to = ? AND +room_nid = ? AND rel_type = 'm.annotation' ORDER BY pos LIMIT 2000
            """
        static let references = "SELECT event_id FROM event WHERE relates_to = ? AND +room_nid = ? AND rel_type = 'm.reference' ORDER BY pos LIMIT 500"
        static let participated = "SELECT 1 FROM event WHERE relates_to = ? AND +room_nid = ? AND rel_type = 'm.thread' AND sender = ? LIMIT 1"
        static let room = "SELECT room_id FROM room WHERE room_nid = ?"
        static let all = [kinds, edits, annotations, references, participated, room]
    }
}
