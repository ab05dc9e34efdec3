import MatrixCore
import ServerKit
import Store

/// Who has left this server and asked to be forgotten: to those who were not there when he wrote it, his events are shown empty.
/// https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3accountdeactivate
///
/// Costs nothing for events at which the reader was in the room, which are nearly all.
enum Erasure {
    static func apply(_ c: Context, _ tx: ReadTx, room nid: Int64, _ events: [EventRow], _ history: History) throws -> [EventRow] {
        var erased: [UserID: Bool] = [:]
        var version: RoomVersion?
        return try events.map { event in
            guard event.redactedBy == nil, event.sender != history.user, history.membership(at: event.pos) != "join" else { return event }
            let isErased = try erased[event.sender] ?? (try c.ports.users.standing(tx, event.sender)?.isErased ?? false)
            erased[event.sender] = isErased
            guard isErased else { return event }
            if version == nil { version = try RoomStore.head(tx, nid: nid).flatMap { RoomVersion.named($0.version) } }
            guard let version else { return event }
            return event.withContent(Redaction.content(event.contentObject, type: event.type, version: version).encoded())
        }
    }
}
