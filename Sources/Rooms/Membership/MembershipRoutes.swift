import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#room-membership
extension RoomService {
    var membershipRoutes: [Route] {
        let v3 = "/_matrix/client/v3"
        return [
            Route(.post, v3 + "/join/{roomIdOrAlias}", auth: .guest) { request, c in try await self.join(request, c, try request.param("roomIdOrAlias")) },
            Route(.post, v3 + "/rooms/{roomId}/join", auth: .guest) { request, c in try await self.join(request, c, try request.param("roomId")) },
            Route(.post, v3 + "/knock/{roomIdOrAlias}") { request, c in try await self.knock(request, c) },
            Route(.post, v3 + "/rooms/{roomId}/invite") { request, c in try await self.invite(request, c) },
            Route(.post, v3 + "/rooms/{roomId}/leave", auth: .guest) { request, c in try await self.leave(request, c) },
            Route(.post, v3 + "/rooms/{roomId}/kick") { request, c in try await self.remove(request, c, .kick) },
            Route(.post, v3 + "/rooms/{roomId}/ban") { request, c in try await self.remove(request, c, .ban) },
            Route(.post, v3 + "/rooms/{roomId}/unban") { request, c in try await self.remove(request, c, .unban) },
            Route(.post, v3 + "/rooms/{roomId}/forget", auth: .guest) { request, c in
                let room: RoomID = try request.id("roomId"), user = request.user.userID
                try await c.db.write { try self.forget($0, room: room, user) }
                return .empty
            },
            Route(.get, v3 + "/joined_rooms", auth: .guest) { request, c in
                let user = request.user.userID
                let rooms = try await c.db.read { try MembershipStore.joinedRooms($0, of: user) }
                return .json(["joined_rooms": .array(rooms.map { JSON($0.id) })])
            },
            Route(.get, v3 + "/rooms/{roomId}/joined_members", auth: .guest) { request, c in try await self.joinedMembers(request, c) },
            Route(.get, v3 + "/rooms/{roomId}/members", auth: .guest) { request, c in try await self.members(request, c) },
        ]
    }

    private static func reason(_ body: JSONObject) throws -> JSONObject {
        guard let reason = try body.string("reason") else { return [:] }
        return ["reason": .string(reason)]
    }

    /// A room id as it is, an alias by the directory.
    static func resolve(_ tx: ReadTx, _ name: String) throws -> RoomID {
        if let alias = RoomAlias(rawValue: name) {
            guard let room = try Aliases.room(tx, alias) else { throw MatrixError.notFound("The room alias \(name) is not known here.") }
            return room
        }
        guard let id = RoomID(rawValue: name) else { throw MatrixError.invalidParam("'\(name)' is neither a room id nor an alias.") }
        return id
    }

    /// An alias of an application service may have to be made first.
    static func lookUp(_ c: Context, _ name: String) async throws {
        if let alias = RoomAlias(rawValue: name) { _ = try await c.ports.bridges.find(c, .alias(alias)) }
    }

    private func join(_ request: Request, _ c: Context, _ name: String) async throws -> Response {
        try request.refuseVisitors()
        try request.refuseSuspended()
        let session = request.user
        // Whatever else a client says of its join becomes part of it.
        let body = try request.json()
        _ = try Self.reason(body)
        let content = body.filter { $0.key != "third_party_signed" && $0.key != "membership" }
        try await Self.lookUp(c, name)
        if let signed = try body.object("third_party_signed") {
            guard signed["mxid"]?.stringValue == session.userID.rawValue else { throw MatrixError.forbidden("The invite was signed for another user.") }
            try await exchange(c, signed, in: try await c.db.read { try Self.resolve($0, name) })
        }
        let room = try await c.db.write { tx in
            let room = try Self.resolve(tx, name)
            guard let head = try RoomStore.head(tx, room) else { throw MatrixError.notFound("There is no room \(name).") }
            if session.isGuest, try RoomStore.summary(tx, nid: head.nid)?.guestAccess != GuestAccess.canJoin.rawValue {
                throw MatrixError.guestForbidden()
            }
            _ = try self.setMembership(c, tx, room: room, target: session.userID, membership: "join", by: session.userID, content: content, timestamp: nil)
            return room
        }
        return .json(["room_id": JSON(room)])
    }

    private func knock(_ request: Request, _ c: Context) async throws -> Response {
        try request.refuseVisitors()
        try request.refuseSuspended()
        let user = request.user.userID, name = try request.param("roomIdOrAlias")
        let content = try Self.reason(try request.json())
        try await Self.lookUp(c, name)
        let room = try await c.db.write { tx in
            let room = try Self.resolve(tx, name)
            _ = try self.setMembership(c, tx, room: room, target: user, membership: "knock", by: user, content: content, timestamp: nil)
            return room
        }
        return .json(["room_id": JSON(room)])
    }

    private func invite(_ request: Request, _ c: Context) async throws -> Response {
        try request.refuseVisitors()
        try request.refuseSuspended()
        let room: RoomID = try request.id("roomId"), user = request.user.userID
        let body = try request.json()
        if let promised = try ThirdPartyInvite(body) {
            try await invite(c, promised, to: room, by: user, content: try Self.reason(body))
            return .empty
        }
        guard let target: UserID = try body.id("user_id") else { throw MatrixError.missingParam("'user_id' is required.") }
        let content = try Self.reason(body)
        // An application service may have to make the user first; whether it does is no condition.
        _ = try await c.ports.bridges.find(c, .user(target))
        try await c.db.write { tx in
            _ = try self.setMembership(c, tx, room: room, target: target, membership: "invite", by: user, content: content, timestamp: nil)
        }
        return .empty
    }

    private func leave(_ request: Request, _ c: Context) async throws -> Response {
        let room: RoomID = try request.id("roomId"), user = request.user.userID
        let content = try Self.reason(try request.json())
        try await c.db.write { tx in
            _ = try self.setMembership(c, tx, room: room, target: user, membership: "leave", by: user, content: content, timestamp: nil)
        }
        return .empty
    }

    private enum Removal { case kick, ban, unban }

    private func remove(_ request: Request, _ c: Context, _ kind: Removal) async throws -> Response {
        try request.refuseSuspended()
        let room: RoomID = try request.id("roomId"), user = request.user.userID
        let body = try request.json()
        guard let target: UserID = try body.id("user_id") else { throw MatrixError.missingParam("'user_id' is required.") }
        let content = try Self.reason(body)
        try await c.db.write { tx in
            let work = try self.open(c, tx, room, actor: user)
            guard try work.member(user)?.membership == "join" else { throw Access.refusal(room) }
            let membership = try work.member(target)?.membership
            switch kind {
            case .kick:
                guard membership == "join" || membership == "invite" || membership == "knock" else {
                    throw MatrixError.forbidden("The user \(target) is not in the room.")
                }
            case .unban:
                guard membership == "ban" else { throw MatrixError(403, "M_BAD_STATE", "The user \(target) is not banned.") }
            case .ban: break
            }
            _ = try self.change(work, Change(target: target, membership: kind == .ban ? "ban" : "leave", sender: user, content: content))
            try work.finish()
        }
        return .empty
    }

    private func joinedMembers(_ request: Request, _ c: Context) async throws -> Response {
        let room: RoomID = try request.id("roomId"), user = request.user.userID
        return try await c.db.read { tx in
            let head = try Access.joined(tx, room: room, user)
            var joined = JSONObject()
            for member in try MembershipStore.members(tx, room: head.nid, "join") {
                joined[member.user.rawValue] = [
                    "display_name": member.displayName.map(JSON.string) ?? JSON.null, "avatar_url": member.avatarURL.map(JSON.string) ?? JSON.null,
                ]
            }
            return .json(["joined": .object(joined)])
        }
    }

    private func members(_ request: Request, _ c: Context) async throws -> Response {
        let room: RoomID = try request.id("roomId"), user = request.user
        let only = request.query["membership"], not = request.query["not_membership"]
        var at: Int64?
        if let token = request.query["at"] {
            guard let position = Access.position(token: token) else { throw MatrixError.invalidParam("'at' is not a token of this server.") }
            at = position
        }
        return try await c.db.read { [at] tx in
            let reader = try Access.reader(tx, room: room, user.userID)
            var events: [EventRow]
            var isFiltered = false
            if let end = [at, reader.end].compactMap(\.self).min() {
                events = try StateStore.ofType(tx, room: reader.room.nid, EventType.member, at: end)
            } else if let only, !only.utf8.contains(0) {
                events = try EventStore.all(tx, MembershipSQL.eventsOf, reader.room.nid, only)
                isFiltered = true
            } else {
                events = try EventStore.all(tx, MembershipSQL.events, reader.room.nid)
            }
            if not != nil || only != nil && !isFiltered {
                events = events.filter { event in
                    let membership = event.contentObject["membership"]?.stringValue ?? ""
                    return (only == nil || membership == only) && (not == nil || membership != not)
                }
            }
            return .json(bytes: EventJSON.list("chunk", events, EventJSON.View(room: room, user: user.userID, device: user.deviceID, now: c.clock.now)))
        }
    }
}
