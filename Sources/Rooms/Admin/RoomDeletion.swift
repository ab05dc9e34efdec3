import Logging
import MatrixCore
import ServerKit
import Store
import Synchronization

/// Deleting a room, for administrators: everybody leaves it, its names lead nowhere or to another room, and nothing of it is left.
/// https://element-hq.github.io/synapse/latest/admin_api/rooms.html#delete-room-api (docs/decisions/0024)
///
/// Invariants: what was asked for is a row before the request is answered, and goes on after a restart from where it was; everybody is told by a
/// leave event of his own before anything is taken away, and who was away by a ``Farewell`` afterwards; the room is there as a whole or not at all,
/// rows that nobody can reach any more are deleted a few at a time; a room that another feature needs is refused as a whole.
/// What stays is what administrators need: the block, if it was asked for, and reports.
enum RoomDeletion {
    static let schema = Migration(55, "deleted rooms", """
        CREATE TABLE room_deletion (
            id TEXT NOT NULL PRIMARY KEY,
            room_id TEXT NOT NULL,
            room_nid INTEGER NOT NULL,
            status TEXT NOT NULL, -- scheduled, active, complete, failed
            stage TEXT NOT NULL, -- names, members, rows, traces, end
            wish BLOB NOT NULL, -- JSON: what was asked for
            result BLOB NOT NULL, -- JSON: whom and what it has met
            error TEXT,
            created INTEGER NOT NULL, -- ms
            ended INTEGER -- ms
        );
        CREATE INDEX room_deletion_room ON room_deletion (room_id, created);
        CREATE INDEX room_deletion_unfinished ON room_deletion (created) WHERE ended IS NULL;
        CREATE TABLE room_farewell (
            user_id TEXT NOT NULL,
            room_nid INTEGER NOT NULL,
            room_id TEXT NOT NULL,
            membership TEXT NOT NULL, -- leave, ban
            pos INTEGER NOT NULL, -- of the leave
            event_id TEXT, -- of the leave
            sender TEXT NOT NULL,
            ts INTEGER NOT NULL, -- of the leave, ms
            made INTEGER NOT NULL, -- ms
            PRIMARY KEY (user_id, room_nid)
        );
        CREATE INDEX room_farewell_made ON room_farewell (made);
        """)
    /// How many people leave in one transaction.
    static let batch = 200
    /// How long it can be asked how a deletion went, ms.
    static let memory: Int64 = 24 * 3_600_000

    /// What an administrator wants.
    struct Wish: Sendable {
        /// Who makes the room into which the members come; nil for none.
        var host: UserID?
        var name = "Content Violation Notification"
        var message = "Sharing illegal content on this server is not permitted and rooms in violation will be blocked."
        var isBlocked = false
        /// Nothing of the room is to be left.
        var purges = true
        /// Also when somebody cannot be made to leave.
        var forces = false

        init(_ body: JSONObject) throws {
            host = try body.id("new_room_user_id")
            name = try body.string("room_name", max: 255) ?? name
            message = try body.string("message") ?? message
            isBlocked = try body.bool("block") ?? false
            purges = try body.bool("purge") ?? true
            forces = try body.bool("force_purge") ?? false
        }
        var json: JSONObject {
            var body: JSONObject = ["room_name": .string(name), "message": .string(message), "block": .bool(isBlocked), "purge": .bool(purges), "force_purge": .bool(forces)]
            body["new_room_user_id"] = host.map { JSON($0) }
            return body
        }
    }

    struct Result: Sendable {
        var kicked: [String] = []
        var failed: [String] = []
        var aliases: [String] = []
        var newRoom: RoomID?

        init() {}
        init(_ body: JSONObject) {
            func list(_ key: String) -> [String] { (body[key]?.arrayValue ?? []).compactMap(\.stringValue) }
            kicked = list("kicked_users"); failed = list("failed_to_kick_users"); aliases = list("local_aliases"); newRoom = RoomID(body["new_room_id"])
        }
        /// `shutdown_room` of the answers.
        var json: JSONObject {
            ["kicked_users": JSON(kicked), "failed_to_kick_users": JSON(failed), "local_aliases": JSON(aliases), "new_room_id": newRoom.map { JSON($0) } ?? .null]
        }
    }

    enum Stage: String, Sendable, Comparable, CaseIterable {
        case names, members, rows, traces, end
        static func < (a: Stage, b: Stage) -> Bool { (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0) }
    }

    struct Order: Sendable {
        let id: String
        let room: RoomID
        let nid: Int64
        let status: String
        let stage: Stage
        let wish: Wish
        let result: Result
        let error: String?

        init(_ row: Row) throws {
            id = row.text(0); room = RoomID(trusted: row.text(1)); nid = row.int(2); status = row.text(3); stage = Stage(rawValue: row.text(4)) ?? .end
            wish = try Wish(try JSONObject.parse(row.bytes(5)))
            result = Result(try JSONObject.parse(row.bytes(6)))
            error = row.textOrNil(7)
        }
        var json: JSONObject {
            var body: JSONObject = ["delete_id": .string(id), "room_id": JSON(room), "status": .string(status), "shutdown_room": .object(result.json)]
            body["error"] = error.map(JSON.string)
            return body
        }
    }

    static func order(_ tx: ReadTx, _ id: String) throws -> Order? { try tx.first(SQL.one, id) { try Order($0) } }
    static func orders(_ tx: ReadTx, room: RoomID) throws -> [Order] { try tx.all(SQL.ofRoom, room) { try Order($0) } }

    /// Writes down what is wanted of a room. nil for a room that is not here and of which nothing is left over.
    static func put(_ tx: WriteTx, id: String, _ room: RoomID, _ wish: Wish, by administrator: UserID, now: Int64) throws -> String? {
        let earlier = try orders(tx, room: room)
        if earlier.contains(where: { $0.status == "scheduled" || $0.status == "active" }) { throw MatrixError.badRequest("The room \(room) is being deleted already.") }
        let head = try RoomStore.head(tx, room)
        // A deletion that failed after the room was gone is taken up where it was.
        let rest = head == nil ? earlier.last { $0.status == "failed" && ($0.stage == .rows || $0.stage == .traces) } : nil
        if wish.isBlocked, head != nil || rest != nil { try RoomBlocks.set(tx, room, by: administrator, now: now) }
        guard let nid = head?.nid ?? rest?.nid else { return nil }
        try tx.run(SQL.insert, id, room, nid, (rest?.stage ?? .names).rawValue, JSON.object(wish.json).encoded(), JSON.object((rest?.result ?? Result()).json).encoded(), now)
        return id
    }

    /// Forgets how deletions went, and those who were told of them.
    static func forget(_ c: Context) async throws {
        let now = c.clock.now
        try await c.db.write { tx in
            try tx.run(SQL.forget, now - memory)
            try tx.run(Farewells.SQL.forget, now - Farewell.lifetime)
        }
    }

    enum SQL {
        private static let columns = "id, room_id, room_nid, status, stage, wish, result, error"
        static let one = "SELECT \(columns) FROM room_deletion WHERE id = ?"
        static let ofRoom = "SELECT \(columns) FROM room_deletion WHERE room_id = ? ORDER BY created, id"
        static let unfinished = "SELECT id FROM room_deletion WHERE ended IS NULL ORDER BY created"
        static let insert = "INSERT INTO room_deletion (id, room_id, room_nid, status, stage, wish, result, created) VALUES (?, ?, ?, 'scheduled', ?, ?, ?, ?)"
        static let move = "UPDATE room_deletion SET status = 'active', stage = ?, result = ? WHERE id = ?"
        static let end = "UPDATE room_deletion SET status = ?, error = ?, ended = ? WHERE id = ?"
        /// Earlier ones of a room of which nothing is left have nothing left to do.
        static let settle = "UPDATE room_deletion SET stage = 'end' WHERE room_id = ?"
        /// Those that failed half-way are kept until another one has done the rest.
        static let forget = "DELETE FROM room_deletion WHERE ended < ? AND (status = 'complete' OR stage NOT IN ('rows', 'traces'))"
        static let present = """
            SELECT user_id, membership, pos FROM membership WHERE room_nid = ? AND membership IN ('join', 'invite', 'knock') AND pos > ? ORDER BY pos LIMIT ?
            """
        static let isPresent = "SELECT 1 FROM membership WHERE room_nid = ? AND membership IN ('join', 'invite', 'knock') LIMIT 1"
        static let aliases = "DELETE FROM room_alias WHERE room_nid = ?"
        static let all = [one, ofRoom, unfinished, insert, move, end, settle, forget, present, isPresent, aliases]
    }
}

/// Carries deletions out, each by one at a time: the request that waits for it, or the job.
final class RoomDeletions: Sendable {
    private let running = Mutex<Set<String>>([])
    private let lookout = Lookout<[String]>()

    func run(_ c: Context, _ rooms: RoomService) async throws {
        let ids = try await lookout.look(c) { tx in try tx.all(RoomDeletion.SQL.unfinished) { $0.text(0) } }
        for id in ids where begin(id) {
            defer { end(id) }
            try await carryOut(c, rooms, id)
        }
    }

    /// False when somebody else carries it out.
    func begin(_ id: String) -> Bool { running.withLock { $0.insert(id).inserted } }
    func end(_ id: String) { running.withLock { _ = $0.remove(id) } }

    /// Takes an order to its end, or through a stage, whatever stage it is in. What will pass by itself, such as a full disk, is thrown and tried again by the job.
    func carryOut(_ c: Context, _ rooms: RoomService, _ id: String, through last: RoomDeletion.Stage = .end) async throws {
        do {
            while let order = try await c.db.read({ tx in try RoomDeletion.order(tx, id) }), order.status == "scheduled" || order.status == "active", order.stage <= last {
                switch order.stage {
                case .names: try await c.db.write { tx in try rooms.takeNames(c, tx, order) }
                case .members: try await rooms.sendAway(c, order)
                case .rows: try await RoomRemoval.run(c, order)
                case .traces:
                    for observer in c.observers { try await observer.deleted(c, room: order.room) }
                    _ = try await c.db.write { tx in try tx.run(RoomDeletion.SQL.move, RoomDeletion.Stage.end.rawValue, JSON.object(order.result.json).encoded(), id) }
                    try await c.db.reclaim(RoomRemoval.tables)
                case .end:
                    try await c.db.write { tx in
                        if order.wish.purges { try tx.run(RoomDeletion.SQL.settle, order.room) }
                        try tx.run(RoomDeletion.SQL.end, "complete", nil as String?, c.clock.now, id)
                    }
                }
            }
        } catch let error as StoreError where error.isTemporary {
            throw error
        } catch let error where error is StoreError || error is MatrixError || error is RoomDamage {
            c.log.error("a room was not deleted", metadata: ["deletion": "\(id)", "error": "\(error)"])
            let text = (error as? MatrixError)?.message ?? "\(error)"
            try await c.db.write { tx in _ = try tx.run(RoomDeletion.SQL.end, "failed", text, c.clock.now, id) }
        }
    }
}

extension RoomService {
    /// The room's names lead nowhere any more, or into the room that takes its place; the directory does not list it.
    fileprivate func takeNames(_ c: Context, _ tx: WriteTx, _ order: RoomDeletion.Order) throws {
        var result = order.result
        let aliases = try Aliases.of(tx, room: order.nid)
        result.aliases = aliases.map(\.rawValue)
        if let host = order.wish.host {
            let creation = RoomCreation(creator: host, preset: Preset.publicChat.rawValue, name: order.wish.name, powerLevels: ["users_default": -10])
            let new = try create(c, tx, creation)
            _ = try append(c, tx, NewEvent(room: new, sender: host, type: EventType.message, content: ["msgtype": "m.text", "body": .string(order.wish.message)]))
            if let head = try RoomStore.head(tx, new) { try tx.run(AliasSQL.move, head.nid, order.nid) }
            try c.ports.bridges.changed(c, tx, .aliases(of: new))
            result.newRoom = new
        } else {
            try tx.run(RoomDeletion.SQL.aliases, order.nid)
        }
        try tx.run(RoomSQL.setPublic, false, order.nid)
        try c.ports.bridges.changed(c, tx, .aliases(of: order.room))
        try tx.run(RoomDeletion.SQL.move, RoomDeletion.Stage.members.rawValue, JSON.object(result.json).encoded(), order.id)
    }

    /// Everybody leaves; who was in the room comes into the new one.
    fileprivate func sendAway(_ c: Context, _ order: RoomDeletion.Order) async throws {
        var result = order.result, edge: Int64 = 0
        result.failed = []   // after a restart they are tried again
        while true {
            let (before, after) = (result, edge)
            let step = try await c.db.write { tx -> (result: RoomDeletion.Result, last: Int64?) in
                var result = before
                let present = try tx.all(RoomDeletion.SQL.present, order.nid, after, RoomDeletion.batch) { (user: UserID(trusted: $0.text(0)), membership: $0.text(1), pos: $0.int(2)) }
                for (user, membership, _) in present {
                    do {
                        try tx.attempt { tx in
                            _ = try self.setMembership(c, tx, room: order.room, target: user, membership: "leave", by: user, content: [:], timestamp: nil)
                        }
                        result.kicked.append(user.rawValue)
                    } catch let error where error is MatrixError || error is RoomDamage {
                        c.log.warning("a member cannot be made to leave a room", metadata: ["deletion": "\(order.id)", "error": "\(error)"])
                        result.failed.append(user.rawValue)
                        continue
                    }
                    guard let new = result.newRoom, membership == "join", user != order.wish.host else { continue }
                    do {
                        try tx.attempt { tx in
                            _ = try self.setMembership(c, tx, room: new, target: user, membership: "join", by: user, content: [:], timestamp: nil)
                        }
                    } catch let error as MatrixError {
                        c.log.warning("a member does not come into the new room", metadata: ["deletion": "\(order.id)", "errcode": "\(error.errcode)"])
                    }
                }
                try tx.run(RoomDeletion.SQL.move, RoomDeletion.Stage.members.rawValue, JSON.object(result.json).encoded(), order.id)
                return (result, present.count == RoomDeletion.batch ? present.last?.pos : nil)
            }
            result = step.result
            guard let last = step.last else { break }
            edge = last
        }
        let reached = result
        try await c.db.write { tx in
            if order.wish.purges, !order.wish.forces, try tx.exists(RoomDeletion.SQL.isPresent, order.nid) {
                throw MatrixError.badRequest("There are still members in the room who cannot be made to leave; 'force_purge' deletes it nevertheless.")
            }
            try tx.run(RoomDeletion.SQL.move, (order.wish.purges ? RoomDeletion.Stage.rows : .end).rawValue, JSON.object(reached.json).encoded(), order.id)
        }
    }
}
