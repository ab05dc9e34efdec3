import MatrixCore
import Store

/// What filters ask of events by other events: `related_by_rel_types` and `related_by_senders`.
/// Spec: https://spec.matrix.org/latest/client-server-api/#filtering
///
/// Invariants: one statement for a page of events, by index; one and the same related event satisfies both conditions; only events of
/// the same room count, and redacted ones do not (the redaction cleared their relation).
enum RelatedBy {
    /// Ids of those events to which another relates as the filter says; nil when the filter does not ask.
    static func ids(_ tx: ReadTx, _ events: [EventRow], _ filter: RoomEventFilter) throws -> Set<String>? {
        guard filter.relatedByRelTypes != nil || filter.relatedBySenders != nil else { return nil }
        let rooms = Dictionary(events.map { ($0.id.rawValue, $0.roomNID) }) { first, _ in first }
        var found: Set<String> = []
        try Batch.each(rooms.keys.sorted(), padding: "") { size, group in
            try tx.each(SQL.relationsOf[size] ?? SQL.relations(size), array: group as [any Bindable]) { row in
                let id = row.text(0)
                guard rooms[id] == row.int(1), filter.relatedByRelTypes?.contains(row.text(2)) != false, filter.relatedBySenders?.contains(row.text(3)) != false else { return }
                found.insert(id)
            }
        }
        return found
    }

    enum SQL {
        static let relationsOf = Dictionary(uniqueKeysWithValues: Batch.sizes.map { ($0, relations($0)) })
        static func relations(_ count: Int) -> String {
            "SELECT DISTINCT relates_to, room_nid, rel_type, sender FROM event WHERE relates_to IN (" + Placeholders.list(count)
                + ") AND rel_type IS NOT NULL"
        }
        static let all = Batch.sizes.map(relations)
    }
}

extension RoomEventFilter {
    /// The events of a room that pass.
    func passing(_ tx: ReadTx, _ events: [EventRow], room: RoomID) throws -> [EventRow] {
        let allowed = events.filter { allows($0, room: room) }
        guard let related = try RelatedBy.ids(tx, allowed, self) else { return allowed }
        return allowed.filter { related.contains($0.id.rawValue) }
    }
}
