import MatrixCore
import ServerKit
import Store

/// Whether people are online, seen by those who share a room with them.
/// Spec: https://spec.matrix.org/latest/client-server-api/#presence
enum PresenceRules {
    static let maxStatusBytes = 1024
    /// Longest time without a request before somebody counts as offline; clients poll at least this often.
    static let silentFor: Int64 = 150_000
    static let activeFor: Int64 = 300_000

    static func mood(_ text: String) throws(MatrixError) -> PresenceBoard.Mood {
        guard let mood = PresenceBoard.Mood(rawValue: text) else { throw .invalidParam("Presence is online, unavailable or offline.") }
        return mood
    }
}

enum Presence {
    /// After a restart everybody is offline; what they said and when they were there is kept.
    static func load(_ c: Context, into board: PresenceBoard) async throws {
        let position = c.hub.ephemeral
        try await c.db.read { tx in
            try tx.each(SQL.all) { board.load(UserID(trusted: $0.text(0)), status: $0.textOrNil(1), lastActive: $0.int(2), position: position) }
        }
    }

    static func set(_ c: Context, _ board: PresenceBoard, _ user: UserID, _ mood: PresenceBoard.Mood, status: String??) async throws {
        let keys = try await c.db.read { tx in try Self.keys(c, tx, user) }
        board.set(user, mood, status: status, now: c.clock.now, hub: c.hub, keys: keys)
        tellServices(c, board, user)
    }

    static func tellServices(_ c: Context, _ board: PresenceBoard, _ user: UserID) {
        guard let entry = board.entry(user) else { return }
        c.ports.bridges.presenceChanged(c, of: user, event: event(user, entry, now: c.clock.now))
    }

    private static func keys(_ c: Context, _ tx: ReadTx, _ user: UserID) throws -> [ChangeKey] {
        [.user(user.rawValue)] + (try c.ports.timelines.neighbours(tx, of: user)).map { .user($0.rawValue) }
    }

    /// Who was silent for too long is offline.
    static func expire(_ c: Context, _ board: PresenceBoard) async throws {
        for user in board.silent(before: c.clock.now - PresenceRules.silentFor) {
            if let entry = board.entry(user), entry.lastActive > 0 {
                try await c.db.write { tx in try save(tx, user, entry.status, lastActive: entry.lastActive) }
            }
            try await set(c, board, user, .offline, status: nil)
        }
    }

    static func save(_ tx: WriteTx, _ user: UserID, _ status: String?, lastActive: Int64) throws { try tx.run(SQL.save, user, status, lastActive) }

    static func event(_ user: UserID, _ entry: PresenceBoard.Entry, now: Int64) -> [UInt8] {
        JSON.object(["type": "m.presence", "sender": JSON(user), "content": .object(entry.content(now: now))]).encoded()
    }

    private enum SQL {
        static let all = "SELECT user_id, status_msg, last_active FROM presence"
        static let save = """
            INSERT INTO presence (user_id, status_msg, last_active) VALUES (?, ?, ?)
            ON CONFLICT (user_id) DO UPDATE SET status_msg = excluded.status_msg, last_active = excluded.last_active
            """
    }
}

extension Accounts {
    var presenceRoutes: [Route] {
        let path = "/_matrix/client/v3/presence/{userId}/status"
        return [Route(.get, path, auth: .guest, presence), Route(.put, path, auth: .guest, setPresence)]
    }

    private func presence(_ req: Request, _ c: Context) async throws -> Response {
        let user: UserID = try req.id("userId"), me = req.user.userID
        if user != me {
            guard try await c.db.read({ tx in try c.ports.timelines.neighbours(tx, of: me).contains(user) }) else {
                throw MatrixError.forbidden("You see the presence only of people with whom you share a room.")
            }
        }
        let entry = board.entry(user) ?? PresenceBoard.Entry(mood: .offline, status: nil, lastActive: 0, lastHeard: 0, position: 0)
        return .json(.object(entry.content(now: c.clock.now)))
    }

    private func setPresence(_ req: Request, _ c: Context) async throws -> Response {
        let user = try req.ownUserID(), body = try req.json()
        let mood = try PresenceRules.mood(try body.required(string: "presence", max: 255))
        // What was said stays unless something else is said; null takes it back.
        var status: String?? = .none
        if body["status_msg"] != nil { status = .some(try body.string("status_msg", max: PresenceRules.maxStatusBytes).flatMap { $0.isEmpty ? nil : $0 }) }
        let old = board.entry(user), now = c.clock.now
        let saved = status ?? old?.status
        try await c.db.write { tx in try Presence.save(tx, user, saved, lastActive: mood == .offline ? old?.lastActive ?? 0 : now) }
        try await Presence.set(c, board, user, mood, status: status)
        return .empty
    }
}

/// The user himself and those who share a room with him.
struct PresenceSync: SyncSource {
    let board: PresenceBoard

    func isQuiet(_ c: Context, user: UserID, device: DeviceID, presence: String, through token: SyncToken) -> Bool {
        guard let mood = try? PresenceRules.mood(presence) else { return false }   // `began` says what is wrong with it
        return mood == .offline || board.heard(user, mood, now: c.clock.now)
    }

    func began(_ c: Context, user: UserID, device: DeviceID, presence: String) async throws {
        let mood = try PresenceRules.mood(presence)
        // A client that polls "offline" does not want to be noticed; another of the same user may be online.
        guard mood != .offline, !board.heard(user, mood, now: c.clock.now) else { return }
        try await Presence.set(c, board, user, mood, status: nil)
    }

    func contribute(_ c: Context, _ tx: ReadTx, _ scope: SyncScope, into parts: inout SyncParts) throws {
        guard scope.wanted.contains(.presence) else { return }
        let entries: [UserID: PresenceBoard.Entry]
        if let since = scope.since {
            var found: [UserID: PresenceBoard.Entry] = [:]
            if let changed = board.changed(since: since.ephemeral) {
                var near = Set(try c.ports.timelines.neighbours(tx, of: scope.user)).union([scope.user])
                for room in scope.peeked { near.formUnion(try c.ports.timelines.joinedMembers(tx, room: room)) }
                found = changed.filter { near.contains($0.key) }
            }
            for room in scope.fresh {
                // Of people new to the client he learns also that they are away.
                found.merge(board.entries(of: try c.ports.timelines.joinedMembers(tx, room: room))) { a, _ in a }
            }
            entries = found
        } else {
            let near = try c.ports.timelines.neighbours(tx, of: scope.user) + [scope.user]
            entries = board.entries(of: near).filter { $1.mood != .offline || $1.status != nil }
        }
        let now = c.clock.now
        parts.presence += entries.sorted { $0.key < $1.key }.map { Presence.event($0.key, $0.value, now: now) }
    }
}

/// Who joins a room is shown to the people there.
struct PresenceObserver: RoomObserver {
    let board: PresenceBoard

    func appended(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {
        guard event.type == "m.room.member", let target = event.stateKey, event.content["membership"]?.stringValue == "join" else { return }
        let user = UserID(trusted: target), hub = c.hub, board = board
        guard board.entry(user) != nil else { return }
        let room = event.room.rawValue
        tx.afterCommit {
            board.show(user, hub: hub, keys: [.room(room)])
            Presence.tellServices(c, board, user)
        }
    }
}
