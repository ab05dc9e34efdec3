import MatrixCore
import ServerKit
import Store

/// Names of rooms in the directory. https://spec.matrix.org/latest/client-server-api/#room-aliases
enum Aliases {
    static func room(_ tx: ReadTx, _ alias: RoomAlias) throws -> RoomID? {
        try tx.first(AliasSQL.room, alias) { RoomID(trusted: $0.text(0)) }
    }
    static func of(_ tx: ReadTx, room nid: Int64) throws -> [RoomAlias] {
        try tx.all(AliasSQL.ofRoom, nid) { RoomAlias(trusted: $0.text(0)) }
    }
    static func add(_ tx: WriteTx, _ alias: RoomAlias, room nid: Int64, by user: UserID, at now: Int64) throws {
        try tx.run(AliasSQL.insert, alias, nid, user, now)
    }

    /// The aliases that a canonical alias event newly names must exist and lead to this room.
    /// https://spec.matrix.org/latest/client-server-api/#mroomcanonical_alias
    static func check(_ work: RoomWork, _ content: JSONObject) throws {
        let old = try StateStore.event(work.tx, room: work.head.nid, EventType.canonicalAlias)?.contentObject ?? [:]
        let known = Set(try names(old, isStrict: false))
        for name in try names(content, isStrict: true) where !known.contains(name) {
            guard let alias = RoomAlias(rawValue: name) else { throw MatrixError.invalidParam("'\(name)' is not a room alias.") }
            guard try room(work.tx, alias) == work.head.id else {
                throw MatrixError(400, "M_BAD_ALIAS", "The room alias \(name) does not lead to this room.")
            }
        }
    }

    /// What a canonical alias event names. An empty alias counts as none.
    private static func names(_ content: JSONObject, isStrict: Bool) throws -> [String] {
        var names: [String] = []
        if let alias = content["alias"], !alias.isNull {
            guard let text = alias.stringValue else {
                if isStrict { throw MatrixError.invalidParam("'alias' must be a string.") }
                return names
            }
            if !text.isEmpty { names.append(text) }
        }
        guard let others = content["alt_aliases"], !others.isNull else { return names }
        guard let list = others.arrayValue else {
            if isStrict { throw MatrixError.invalidParam("'alt_aliases' must be a list.") }
            return names
        }
        for other in list {
            guard let text = other.stringValue else {
                if isStrict { throw MatrixError.invalidParam("'alt_aliases' must be a list of strings.") }
                continue
            }
            names.append(text)
        }
        return names
    }
}

extension RoomService {
    var aliasRoutes: [Route] {
        let path = "/_matrix/client/v3/directory/room/{roomAlias}"
        return [
            Route(.get, path, auth: .none) { request, c in
                let alias: RoomAlias = try request.id("roomAlias")
                try await Self.lookUp(c, alias.rawValue)
                guard let room = try await c.db.read({ try Aliases.room($0, alias) }) else {
                    throw MatrixError.notFound("The room alias \(alias) is not known here.")
                }
                return .json(["room_id": JSON(room), "servers": [.string(c.serverName)]])
            },
            Route(.put, path) { request, c in try await self.putAlias(request, c) },
            Route(.delete, path) { request, c in try await self.deleteAlias(request, c) },
            Route(.get, "/_matrix/client/v3/rooms/{roomId}/aliases") { request, c in
                let room: RoomID = try request.id("roomId"), user = request.user.userID
                let aliases = try await c.db.read { tx in
                    let reader = try Access.reader(tx, room: room, user)
                    guard reader.end == nil else { throw Access.refusal(room) }
                    return try Aliases.of(tx, room: reader.room.nid)
                }
                return .json(["aliases": .array(aliases.map { JSON($0) })])
            },
        ]
    }

    private func putAlias(_ request: Request, _ c: Context) async throws -> Response {
        try request.refuseVisitors()
        try request.refuseSuspended()
        let alias: RoomAlias = try request.id("roomAlias"), user = request.user.userID
        let body = try request.json()
        guard let room: RoomID = try body.id("room_id") else { throw MatrixError.missingParam("'room_id' is required.") }
        guard alias.server == c.serverName else { throw MatrixError.invalidParam("Aliases of other servers cannot be made here.") }
        let bridges = c.ports.bridges, service = request.user.service
        try bridges.check(alias, by: service)
        // An application service gives its aliases to any room.
        let isOwn = service.map { bridges.covers($0, alias) } ?? false
        try await c.db.write { tx in
            if try Aliases.room(tx, alias) != nil { throw MatrixError(409, "M_UNKNOWN", "The room alias \(alias) exists already.") }
            let head: RoomHead
            if isOwn {
                guard let found = try RoomStore.head(tx, room) else { throw MatrixError.notFound("There is no room \(room).") }
                head = found
            } else {
                head = try Access.joined(tx, room: room, user)
            }
            try Aliases.add(tx, alias, room: head.nid, by: user, at: c.clock.now)
            try bridges.changed(c, tx, .aliases(of: room))
        }
        return .empty
    }

    /// Whoever made the alias may remove it, and whoever may set the room's canonical alias, and administrators.
    private func deleteAlias(_ request: Request, _ c: Context) async throws -> Response {
        let alias: RoomAlias = try request.id("roomAlias"), session = request.user
        try await c.db.write { tx in
            guard let found = try tx.first(AliasSQL.owner, alias, row: { (room: RoomID(trusted: $0.text(0)), creator: $0.text(1)) }),
                  let work = try RoomWork.open(self, c, tx, found.room, actor: session.userID) else {
                throw MatrixError.notFound("The room alias \(alias) is not known here.")
            }
            let isMember = try work.member(session.userID)?.membership == "join"
            let hasPower = try isMember && work.auth().levels.canSend(session.userID, type: EventType.canonicalAlias, isState: true)
            let isOwn = session.service.map { c.ports.bridges.covers($0, alias) } ?? false
            guard found.creator == session.userID.rawValue || hasPower || session.isAdmin || isOwn else {
                throw MatrixError.forbidden("You don't have permission to remove this alias.")
            }
            try tx.run(AliasSQL.delete, alias)
            try c.ports.bridges.changed(c, tx, .aliases(of: found.room))
            guard hasPower else { return }
            // The room should not go on to call itself by a name that leads nowhere.
            guard var content = try StateStore.event(tx, room: work.head.nid, EventType.canonicalAlias)?.contentObject else { return }
            let before = content
            if content["alias"]?.stringValue == alias.rawValue { content["alias"] = nil }
            if let others = content["alt_aliases"]?.arrayValue {
                let kept = others.filter { $0.stringValue != alias.rawValue }
                content["alt_aliases"] = kept.isEmpty ? nil : .array(kept)
            }
            if content != before {
                try work.append(Draft(EventType.canonicalAlias, stateKey: "", sender: session.userID, content))
                try work.finish()
            }
        }
        return .empty
    }
}

enum AliasSQL {
    static let room = "SELECT r.room_id FROM room_alias a JOIN room r ON r.room_nid = a.room_nid WHERE a.alias = ?"
    static let owner = "SELECT r.room_id, a.creator FROM room_alias a JOIN room r ON r.room_nid = a.room_nid WHERE a.alias = ?"
    static let ofRoom = "SELECT alias FROM room_alias WHERE room_nid = ? ORDER BY alias"
    static let insert = "INSERT INTO room_alias (alias, room_nid, creator, created) VALUES (?, ?, ?, ?)"
    static let delete = "DELETE FROM room_alias WHERE alias = ?"
    static let move = "UPDATE room_alias SET room_nid = ? WHERE room_nid = ?"
    static let all = [room, owner, ofRoom, insert, delete, move]
}
