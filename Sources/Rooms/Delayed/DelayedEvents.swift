import Logging
import MatrixCore
import ServerKit
import Store
import Synchronization

/// Events that are sent later, unless their sender says otherwise meanwhile: a call's device that goes away leaves the call by one.
/// https://github.com/matrix-org/matrix-spec-proposals/pull/4140
///
/// Invariants: an event is scheduled, restarted, cancelled or sent in one transaction, so it is sent once and outlives a restart of the
/// server; whether it may be sent is decided when it is; the id is a secret that alone allows to manage it; state that somebody else sets
/// meanwhile cancels what would overwrite it.
final class DelayedEvents: Sendable {
    static let longest: Int64 = 24 * 3_600_000
    static let mostPerUser: Int64 = 100

    /// What is known without asking the database: when the next one is due, and which rooms have scheduled state.
    private struct Known { var due = Int64.max, rooms: Set<RoomID> = [] }
    private let known = Mutex(Known())

    func load(_ tx: ReadTx) throws {
        let due = try tx.first(SQL.nextDue) { $0.intOrNil(0) } ?? nil
        let rooms = try tx.all(SQL.stateRooms) { RoomID(trusted: $0.text(0)) }
        known.withLock { $0 = Known(due: due ?? .max, rooms: Set(rooms)) }
    }

    // MARK: scheduling

    /// The delay that a request to send asks for; nil where it asks for none.
    static func delay(_ request: Request) throws -> Int64? {
        guard let text = request.query["org.matrix.msc4140.delay"] else { return nil }
        guard let delay = Int64(text), delay >= 0 else { throw MatrixError.invalidParam("The delay must be a number of milliseconds.") }
        guard delay <= longest else {
            throw MatrixError(400, "M_UNKNOWN", "An event is delayed by at most \(longest) ms.",
                              extra: ["org.matrix.msc4140.errcode": "M_MAX_DELAY_EXCEEDED", "org.matrix.msc4140.max_delay": .int(longest)])
        }
        return delay
    }

    func schedule(_ c: Context, _ event: NewEvent, session: Session, delay: Int64) async throws -> Response {
        guard let content = event.content.objectValue else { throw MatrixError.badJSON("The content of an event must be an object.") }
        for text in [event.type, event.stateKey ?? "", event.transaction?.id ?? ""] where text.utf8.contains(0) || text.utf8.count > 255 {
            throw MatrixError.invalidParam("A type, state key or transaction id has at most 255 bytes and no NUL.")
        }
        let bytes = content.encoded()
        guard bytes.count <= EventFormat.largestEvent else { throw MatrixError.tooLarge("The event is too large.") }
        let id = c.entropy.token(32), user = session.userID, device = session.deviceID
        let scheduled = try await c.db.write { tx in
            if let transaction = event.transaction,
               let old = try tx.first(SQL.ofTransaction, user, device, transaction.id, event.room, event.type, row: { $0.text(0) }) { return old }
            _ = try Access.joined(tx, room: event.room, user)
            guard try tx.first(SQL.count, user, row: { $0.int(0) }) ?? 0 < Self.mostPerUser else {
                throw MatrixError(400, "M_UNKNOWN", "You have \(Self.mostPerUser) delayed events already.",
                                  extra: ["org.matrix.msc4140.errcode": "M_MAX_DELAYED_EVENTS_EXCEEDED"])
            }
            let now = c.clock.now
            try tx.run(SQL.insert, id, user, device, event.room, event.type, event.stateKey, bytes, event.transaction?.id, delay, now, now + delay)
            tx.afterCommit { self.note(due: now + delay, stateOf: event.stateKey == nil ? nil : event.room) }
            return id
        }
        return .json(["delay_id": .string(scheduled)])
    }

    private func note(due: Int64, stateOf room: RoomID?) {
        known.withLock { known in
            known.due = min(known.due, due)
            if let room { known.rooms.insert(room) }
        }
    }

    /// Somebody has set this state: what others had scheduled for the same place is of the past.
    func stateChanged(_ tx: WriteTx, room: RoomID, type: String, stateKey: String, by sender: UserID) throws {
        guard known.withLock({ $0.rooms.contains(room) }) else { return }
        try tx.run(SQL.cancelState, room, type, stateKey, sender)
    }

    // MARK: the end of waiting

    private struct Item { let id: String, user: UserID, device: DeviceID, room: RoomID, type: String, stateKey: String?, content: [UInt8], transaction: String? }

    private static func item(_ row: Row) -> Item {
        Item(id: row.text(0), user: UserID(trusted: row.text(1)), device: DeviceID(trusted: row.text(2)), room: RoomID(trusted: row.text(3)), type: row.text(4),
             stateKey: row.textOrNil(5), content: row.bytes(6), transaction: row.textOrNil(7))
    }

    /// Sends what is due.
    func run(_ c: Context, _ rooms: RoomService) async throws {
        let now = c.clock.now
        guard known.withLock({ $0.due <= now }) else { return }
        while try await c.db.write({ tx in
            let due = try tx.all(SQL.due, now, 50) { Self.item($0) }
            for item in due { try Self.send(c, tx, rooms, item) }
            return due.count == 50
        }) {}
        try await c.db.write { tx in
            let due = try tx.first(SQL.nextDue) { $0.intOrNil(0) } ?? nil, rooms = try tx.all(SQL.stateRooms) { RoomID(trusted: $0.text(0)) }
            // After the commit and on the writer's thread, as scheduling does: neither can miss the other.
            tx.afterCommit { self.known.withLock { $0 = Known(due: due ?? .max, rooms: Set(rooms)) } }
        }
    }

    /// Takes the event out and makes it part of its room; one that its room refuses is dropped.
    private static func send(_ c: Context, _ tx: WriteTx, _ rooms: RoomService, _ item: Item) throws {
        try tx.run(SQL.delete, item.id)
        do {
            try tx.attempt { tx in
                _ = try rooms.append(c, tx, NewEvent(room: item.room, sender: item.user, type: item.type, stateKey: item.stateKey,
                                                     content: .object(try JSONObject.parse(item.content)),
                                                     transaction: item.stateKey == nil ? item.transaction.map { (device: item.device, id: $0) } : nil))
            }
        } catch let error as MatrixError {
            c.log.notice("a delayed event was refused", metadata: ["room": "\(item.room)", "errcode": "\(error.errcode)"])
        }
    }

    // MARK: managing

    func manage(_ c: Context, _ rooms: RoomService, id: String, action: String, session: Session?) async throws {
        guard ["cancel", "restart", "send"].contains(action) else { throw MatrixError.invalidParam("'action' must be cancel, restart or send.") }
        try await c.db.write { tx in
            guard let item = try tx.first(SQL.one, id, row: { Self.item($0) }), session == nil || session?.userID == item.user else {
                throw MatrixError.notFound("There is no such delayed event.")
            }
            switch action {
            case "cancel": try tx.run(SQL.delete, id)
            case "send":
                try tx.run(SQL.delete, id)
                _ = try rooms.append(c, tx, NewEvent(room: item.room, sender: item.user, type: item.type, stateKey: item.stateKey,
                                                     content: .object(try JSONObject.parse(item.content))))
            default: try tx.run(SQL.restart, c.clock.now, id)
            }
        }
    }

    enum SQL {
        private static let columns = "id, user_id, device_id, room_id, type, state_key, content, txn_id"
        static let insert = """
            INSERT INTO delayed_event (id, user_id, device_id, room_id, type, state_key, content, txn_id, delay, running_since, due) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        static let ofTransaction = "SELECT id FROM delayed_event WHERE user_id = ? AND device_id = ? AND txn_id = ? AND room_id = ? AND type = ?"
        static let count = "SELECT COUNT(*) FROM delayed_event WHERE user_id = ?"
        static let one = "SELECT \(columns) FROM delayed_event WHERE id = ?"
        static let due = "SELECT \(columns) FROM delayed_event WHERE due <= ? ORDER BY due, id LIMIT ?"
        static let nextDue = "SELECT MIN(due) FROM delayed_event"
        static let stateRooms = "SELECT DISTINCT room_id FROM delayed_event WHERE state_key IS NOT NULL"
        static let delete = "DELETE FROM delayed_event WHERE id = ?"
        static let restart = "UPDATE delayed_event SET running_since = ?1, due = ?1 + delay WHERE id = ?2"
        static let cancelState = "DELETE FROM delayed_event WHERE room_id = ? AND type = ? AND state_key = ? AND user_id <> ?"
        static let ofUser = """
            SELECT id, room_id, type, state_key, content, delay, running_since FROM delayed_event WHERE user_id = ? ORDER BY due, id
            """
        static let all = [insert, ofTransaction, count, one, due, nextDue, delete, restart, cancelState, ofUser]
    }
}

extension RoomService {
    var delayedRoutes: [Route] {
        let path = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"
        return [
            Route(.get, path, auth: .guest) { request, c in
                let user = request.user.userID
                // What has been sent or cancelled is not kept: there is nothing to list of it.
                if let status = request.query["status"], status != "scheduled" {
                    guard status == "finalised" else { throw MatrixError.invalidParam("'status' must be scheduled or finalised.") }
                    return .json(["finalised": []])
                }
                let found = try await c.db.read { tx in
                    try tx.all(DelayedEvents.SQL.ofUser, user) { row -> JSON in
                        var event: JSONObject = [
                            "delay_id": .string(row.text(0)), "room_id": .string(row.text(1)), "type": .string(row.text(2)), "content": .raw(row.bytes(4)),
                            "delay": .int(row.int(5)), "running_since": .int(row.int(6)),
                        ]
                        event["state_key"] = row.textOrNil(3).map(JSON.string)
                        return .object(event)
                    }
                }
                // Two names: of the shipped and of the newer text of the proposal.
                return .json(["delayed_events": .array(found), "scheduled": .array(found)])
            },
            // The id is a secret: who knows it may act, as a helper that ends a call for somebody who has vanished does.
            Route(.post, path + "/{delayId}", auth: .optional) { [delayed] request, c in
                let action = try request.json().required(string: "action", max: 16)
                try await delayed.manage(c, self, id: try request.param("delayId"), action: action, session: request.session)
                return .empty
            },
            Route(.post, path + "/{delayId}/{action}", auth: .optional) { [delayed] request, c in
                try await delayed.manage(c, self, id: try request.param("delayId"), action: try request.param("action"), session: request.session)
                return .empty
            },
        ]
    }
}
