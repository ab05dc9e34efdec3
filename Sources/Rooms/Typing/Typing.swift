import MatrixCore
import ServerKit
import Store
import Synchronization

/// Who is typing, in memory only: it means nothing after a restart.
/// Spec: https://spec.matrix.org/latest/client-server-api/#typing-notifications
final class Typing: Sendable {
    static let longest: Int64 = 120_000

    private struct RoomTyping { var until: [UserID: Int64] = [:]; var changed: Int64 = 0 }
    private let rooms = Mutex<[RoomID: RoomTyping]>([:])

    /// Who types in the room, by name.
    func users(_ room: RoomID) -> [UserID] { rooms.withLock { ($0[room]?.until.keys.sorted()) ?? [] } }

    /// Says whether the set of those who type has changed.
    func set(_ c: Context, room: RoomID, user: UserID, isTyping: Bool, timeout: Int64) {
        let now = c.clock.now
        let changed = rooms.withLock { rooms -> Bool in
            let was = rooms[room]?.until[user] != nil
            if isTyping { rooms[room, default: RoomTyping()].until[user] = now + min(max(timeout, 0), Self.longest) } else { rooms[room]?.until[user] = nil }
            return was != isTyping
        }
        if changed { tell(c, room) }
    }

    /// Ends what has timed out.
    func expire(_ c: Context) {
        let now = c.clock.now
        let changed = rooms.withLock { rooms -> [RoomID] in
            var changed: [RoomID] = []
            for (room, typing) in rooms {
                let left = typing.until.filter { $0.value > now }
                if left.count != typing.until.count { rooms[room]?.until = left; changed.append(room) }
            }
            return changed
        }
        for room in changed { tell(c, room) }
    }

    private func tell(_ c: Context, _ room: RoomID) {
        c.hub.changed([.room(room.rawValue)]) { position in
            rooms.withLock { $0[room]?.changed = position }
        }
        for observer in c.observers { observer.typingChanged(c, room: room, typing: users(room)) }
    }

    /// The m.typing event when it has changed after `since`, or when somebody types for a fresh client.
    fileprivate func event(_ room: RoomID, since: Int64, isFresh: Bool) -> [UInt8]? {
        rooms.withLock { rooms -> [UInt8]? in
            guard let typing = rooms[room], isFresh ? !typing.until.isEmpty : typing.changed > since else { return nil }
            let users = typing.until.keys.sorted().map { JSON.string($0.rawValue) }
            return (["type": "m.typing", "content": ["user_ids": .array(users)]] as JSONObject).encoded()
        }
    }

    struct Source: SyncSource {
        let typing: Typing
        func isQuiet(_ c: Context, user: UserID, device: DeviceID, presence: String, through token: SyncToken) -> Bool { true }

        func contribute(_ c: Context, _ tx: ReadTx, _ scope: SyncScope, into parts: inout SyncParts) throws {
            guard scope.wanted.contains(.ephemeral) else { return }
            for room in scope.joined {
                let isFresh = scope.fresh.contains(room)
                guard isFresh || scope.touched?.contains(room) != false else { continue }
                if let event = typing.event(room, since: scope.since?.ephemeral ?? 0, isFresh: isFresh) {
                    parts.rooms[room, default: .init()].ephemeral.append(event)
                }
            }
        }
    }

    var routes: [Route] {
        [Route(.put, "/_matrix/client/v3/rooms/{roomId}/typing/{userId}", auth: .guest) { try await self.put($0, $1) }]
    }

    /// PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId}, body `{"typing", "timeout"?}`.
    private func put(_ request: Request, _ c: Context) async throws -> Response {
        let room: RoomID = try request.id("roomId"), user: UserID = try request.id("userId")
        guard user == request.user.userID else { throw MatrixError.forbidden("You can only say of yourself that you are typing.") }
        let body = try request.json()
        guard let isTyping = try body.bool("typing") else { throw MatrixError.missingParam("'typing' is required.") }
        let timeout = try body.int("timeout") ?? 30_000
        _ = try await c.db.read { tx in try Access.joined(tx, room: room, user) }
        set(c, room: room, user: user, isTyping: isTyping, timeout: timeout)
        return .empty
    }
}
