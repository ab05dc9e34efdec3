import MatrixCore
import ServerKit
import Store

/// What somebody outside may learn of a room: its entry in a space, or its summary.
/// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv1room_summaryroomidoralias
///
/// Invariants: a room that one could not find or enter is not shown, and looks the same as one that is not there; nothing is computed: all
/// comes from the rows that state events keep.
struct Preview: Sendable {
    let nid: Int64
    let id: RoomID
    let version: String
    let summary: RoomSummary
    /// Of the asking user; nil when nobody asks or he never had to do with the room.
    let membership: String?
    /// The rooms whose members may join; empty where that is no rule.
    let allowed: [RoomID]

    /// nil when there is no such room, or `user` may not know of it.
    static func of(_ tx: ReadTx, _ room: RoomID, for user: UserID?) throws -> Preview? {
        let found = try tx.first(SQL.room, user?.rawValue ?? "", room) { row in
            (nid: row.int(0), version: row.text(1), membership: row.textOrNil(2), summary: RoomSummary(row, from: 3))
        }
        guard let found else { return nil }
        var allowed: [RoomID] = []
        if JoinRule(rawValue: found.summary.joinRule)?.isRestricted == true {
            allowed = JoinRule.allowedRooms(content: try StateStore.event(tx, room: found.nid, EventType.joinRules).map { .object($0.contentObject) })
        }
        let preview = Preview(nid: found.nid, id: room, version: found.version, summary: found.summary, membership: found.membership, allowed: allowed)
        return try preview.isShown(tx, to: user) ? preview : nil
    }

    private func isShown(_ tx: ReadTx, to user: UserID?) throws -> Bool {
        switch membership {
        case "ban": return false
        case "join", "invite", "knock": return true
        default: break
        }
        if try RoomBlocks.contains(tx, id) { return false }
        if summary.historyVisibility == HistoryVisibility.worldReadable.rawValue { return true }
        guard let rule = JoinRule(rawValue: summary.joinRule) else { return false }
        if rule == .public || rule.allowsKnocking { return true }
        guard let user, rule.isRestricted else { return false }
        return try allowed.contains { room in try tx.exists(SQL.joined, user, room) }
    }

    /// As in the room directory, and what the directory does not say.
    var json: JSONObject {
        var entry = PublicRooms.Entry(nid: nid, id: id, summary: summary).json.objectValue ?? [:]
        entry["encryption"] = summary.encryption.map(JSON.string)
        entry["room_version"] = .string(version)
        if !allowed.isEmpty { entry["allowed_room_ids"] = .array(allowed.map { JSON($0) }) }
        return entry
    }

    enum SQL {
        static let room = """
            SELECT r.room_nid, r.version, m.membership, \(RoomSQL.summaryColumns) FROM room r JOIN room_summary s ON s.room_nid = r.room_nid \
            LEFT JOIN membership m ON m.room_nid = r.room_nid AND m.user_id = ? WHERE r.room_id = ?
            """
        static let joined = """
            SELECT 1 FROM membership m JOIN room r ON r.room_nid = m.room_nid WHERE m.user_id = ? AND r.room_id = ? AND m.membership = 'join'
            """
        static let children = """
            SELECT s.state_key, e.sender, e.ts, e.content FROM room_state s JOIN event e ON e.pos = s.valid_from \
            WHERE s.room_nid = ? AND s.type = 'm.space.child' AND s.valid_to IS NULL
            """
        static let all = [room, joined, children]
    }
}

extension RoomService {
    var previewRoutes: [Route] {
        let unstable = "/_matrix/client/unstable/im.nheko.summary"
        return Route.all(.get, ["/_matrix/client/v1/room_summary/{roomIdOrAlias}", unstable + "/summary/{roomIdOrAlias}", unstable + "/rooms/{roomIdOrAlias}/summary"],
                         auth: .optional) { request, c in
            let name = try request.param("roomIdOrAlias"), user = request.session?.userID
            let preview = try await c.db.read { tx in
                let room = try Self.resolve(tx, name)
                if let preview = try Preview.of(tx, room, for: user) { return preview }
                try RoomBlocks.check(tx, room)
                throw MatrixError.notFound("There is no room \(name), or you may not know of it.")
            }
            var body = preview.json
            if user != nil { body["membership"] = .string(preview.membership ?? "leave") }
            // The names of before the endpoint was part of the specification: clients that call the old paths read them.
            body["im.nheko.summary.encryption"] = body["encryption"]
            body["im.nheko.summary.room_version"] = body["room_version"]
            return .json(.object(body))
        }
    }
}
