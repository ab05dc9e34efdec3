package import MatrixCore
package import ServerKit
package import Store

/// Everything that a client or another feature may add to a room goes through `append(_:_:)`, which gives each kind of event its own rules
/// before the room's authorization rules.
extension RoomService {
    package func append(_ c: Context, _ tx: WriteTx, _ event: NewEvent) throws -> EventID {
        guard let content = event.content.objectValue else { throw MatrixError.badJSON("The content of an event must be an object.") }
        let work = try open(c, tx, event.room, actor: event.sender)
        let id = try append(work, Draft(event.type, stateKey: event.stateKey, sender: event.sender, content, timestamp: event.timestamp, transaction: event.transaction))
        try work.finish()
        return id
    }

    package func redact(_ c: Context, _ tx: WriteTx, room: RoomID, event: EventID, by sender: UserID, reason: String?) throws -> EventID {
        try redact(c, tx, room: room, event: event, by: sender, content: reason.map { ["reason": .string($0)] } ?? [:], transaction: nil)
    }

    func redact(_ c: Context, _ tx: WriteTx, room: RoomID, event: EventID, by sender: UserID, content: JSONObject,
                transaction: (device: DeviceID, id: String)?) throws -> EventID {
        let work = try open(c, tx, room, actor: sender)
        let id = try append(work, Draft(EventType.redaction, sender: sender, content, redacts: event, transaction: transaction))
        try work.finish()
        return id
    }

    func open(_ c: Context, _ tx: WriteTx, _ room: RoomID, actor: UserID) throws -> RoomWork {
        guard let work = try RoomWork.open(self, c, tx, room, actor: actor) else { throw Access.refusal(room) }
        return work
    }

    func append(_ work: RoomWork, _ draft: Draft) throws -> EventID {
        for text in [draft.type, draft.stateKey ?? "", draft.transaction?.id ?? ""] where text.utf8.contains(0) {
            throw MatrixError.invalidParam("A type, state key or transaction id cannot hold the NUL character.")
        }
        if let transaction = draft.transaction, let done = try transacted(work, draft, transaction) { return done }
        if draft.type == EventType.redaction, draft.stateKey == nil { return try redact(work, draft) }
        if draft.type == EventType.member, let stateKey = draft.stateKey {
            guard let target = UserID(rawValue: stateKey) else { throw MatrixError.badJSON("The state key of a membership must be a user id.") }
            guard let membership = draft.content["membership"]?.stringValue else { throw MatrixError.badJSON("'membership' must be a string.") }
            return try change(work, Change(target: target, membership: membership, sender: draft.sender, content: draft.content, isWhole: true, timestamp: draft.timestamp))
        }
        if draft.type == EventType.canonicalAlias, draft.stateKey == "" { try Aliases.check(work, draft.content) }
        if draft.type == EventType.tombstone, RoomID(draft.content["replacement_room"]) == work.head.id {
            throw MatrixError.badRequest("A room cannot be replaced by itself.")
        }
        let id = try work.append(draft)
        if draft.type == EventType.guestAccess, draft.stateKey == "" { try sendGuestsAway(work, draft.content) }
        return id
    }

    /// The event that this device has already sent with this transaction id to the same place.
    private func transacted(_ work: RoomWork, _ draft: Draft, _ transaction: (device: DeviceID, id: String)) throws -> EventID? {
        var found: EventID?
        try work.tx.each(EventSQL.ofTransaction, draft.sender, transaction.id) { row in
            guard row.text(0) == transaction.device.rawValue, row.int(1) == work.head.nid, row.text(2) == draft.type,
                  draft.redacts == nil || row.text(3) == draft.redacts?.rawValue else { return }
            found = EventID(trusted: row.text(4))
        }
        return found
    }

    /// A redaction may come by its own endpoint, or by /send with `redacts` in the content.
    private func redact(_ work: RoomWork, _ draft: Draft) throws -> EventID {
        var draft = draft
        if draft.redacts == nil {
            guard let named = draft.content["redacts"] else { throw MatrixError.missingParam("'redacts' is required.") }
            guard let id = EventID(named) else { throw MatrixError.badJSON("'redacts' must be an event id.") }
            draft.redacts = id
        }
        guard let id = draft.redacts, let target = try EventStore.event(work.tx, room: work.head.nid, id) else {
            if let id = draft.redacts, try work.tx.exists(EventSQL.anywhere, id) { throw MatrixError.badRequest("The event is in another room.") }
            throw MatrixError.notFound("There is no such event in this room.")
        }
        guard target.type != EventType.create, target.type != EventType.serverACL else {
            throw MatrixError.forbidden("Events of type \(target.type) cannot be redacted.")
        }
        guard try work.member(draft.sender)?.membership == "join" else { throw Access.refusal(work.head.id) }
        guard Redaction.isAllowed(by: draft.sender, of: target.sender, levels: try work.auth().levels, localServer: work.c.serverName) else {
            throw MatrixError.forbidden("You don't have permission to redact events of other users.")
        }
        let redaction = try work.append(draft)
        try work.applyRedaction(of: target)
        return redaction
    }
}
