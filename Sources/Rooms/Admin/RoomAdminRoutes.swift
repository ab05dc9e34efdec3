import MatrixCore
import ServerKit
import Store

/// Rooms, for administrators: the interface is Synapse's, so that its tools work here.
/// https://element-hq.github.io/synapse/latest/admin_api/rooms.html
extension RoomService {
    var roomAdminRoutes: [Route] {
        let path = "/_synapse/admin/v1/rooms"
        return [
            Route(.get, path, auth: .admin, listRooms),
            Route(.get, path + "/{roomId}", auth: .admin) { request, c in
                let room: RoomID = try request.id("roomId")
                guard let entry = try await c.db.read({ tx in try AdminRoomList.one(tx, room) }) else { throw MatrixError.notFound("Room not found") }
                var body = entry.json
                body["topic"] = entry.summary.topic.map { .string($0) } ?? .null
                body["avatar"] = entry.summary.avatarURL.map { .string($0) } ?? .null
                body["forgotten"] = .bool(entry.summary.joinedCount == 0 && entry.summary.invitedCount == 0)
                return .json(.object(body))
            },
            Route(.get, "/_synapse/admin/v1/room/{roomId}/media", auth: .admin) { request, c in
                .json(["local": JSON(try await self.media(request, c).map(\.rawValue).sorted()), "remote": []])
            },
            Route(.get, path + "/{roomId}/members", auth: .admin) { request, c in
                let head = try await self.head(request, c)
                let members = try await c.db.read { tx in try c.ports.timelines.joinedMembers(tx, room: head.id) }
                return .json(["members": .array(members.map { JSON($0) }), "total": .int(Int64(members.count))])
            },
            Route(.get, path + "/{roomId}/state", auth: .admin) { request, c in
                let head = try await self.head(request, c)
                let view = EventJSON.View(room: head.id, now: c.clock.now)
                return try await c.db.read { tx in .json(bytes: EventJSON.list("state", try StateStore.all(tx, room: head.nid), view)) }
            },
        ] + Route.all(.post, ["/_synapse/admin/v1/room/{roomId}/media/quarantine", "/_synapse/admin/v1/quarantine_media/{roomId}"], auth: .admin) { request, c in
            let administrator = request.user.userID, ids = try await self.media(request, c).map(\.mediaID).sorted()
            var count = 0
            for start in stride(from: 0, to: ids.count, by: 200) {
                let some = Array(ids[start..<min(start + 200, ids.count)])
                count += try await c.db.write { tx in try c.ports.media.quarantine(tx, media: some, by: administrator) }
            }
            return .json(["num_quarantined": JSON(count)])
        }
    }

    /// Media of this server in the events of a room; those of encrypted events are not known.
    private func media(_ request: Request, _ c: Context) async throws -> Set<MXC> {
        let head = try await head(request, c)
        var found: Set<MXC> = [], edge: Int64 = 0
        while true {
            let (after, name) = (edge, c.serverName)
            let page = try await c.db.read { tx in
                try EventStore.page(tx, room: head.nid, after: after, newestFirst: false, limit: 500).map { event -> (pos: Int64, urls: [MXC]) in
                    let content = event.contentObject
                    let urls = [content["url"], content["file"]?["url"], content["info"]?["thumbnail_url"], content["info"]?["thumbnail_file"]?["url"], content["avatar_url"]]
                    return (event.pos, urls.compactMap { $0?.stringValue.flatMap(MXC.init(rawValue:)) }.filter { $0.server == name })
                }
            }
            for event in page { found.formUnion(event.urls) }
            guard page.count == 500, let last = page.last else { break }
            edge = last.pos
        }
        return found
    }

    private func head(_ request: Request, _ c: Context) async throws -> RoomHead {
        let room: RoomID = try request.id("roomId")
        guard let head = try await c.db.read({ tx in try RoomStore.head(tx, room) }) else { throw MatrixError.notFound("Room not found") }
        return head
    }

    private func listRooms(_ request: Request, _ c: Context) async throws -> Response {
        let query = request.query
        let part = try query.listPage(), from = part.from, limit = part.limit
        guard let order = AdminRoomList.Order(rawValue: query["order_by"] ?? "name") else { throw MatrixError.invalidParam("'order_by' is not known.") }
        let term = query["search_term"]
        guard term != "" else { throw MatrixError.invalidParam("'search_term' must not be empty.") }
        let (rooms, total) = try await c.db.read { tx in
            (try AdminRoomList.page(tx, term, order, isReversed: part.isReversed, from: from, limit: limit), try AdminRoomList.count(tx, term))
        }
        var body: JSONObject = ["rooms": .array(rooms.map { .object($0.json) }), "offset": .int(from), "total_rooms": .int(total)]
        if from + limit < total { body["next_batch"] = .int(from + limit) }
        if from > 0 { body["prev_batch"] = .int(max(0, from - limit)) }
        return .json(.object(body))
    }
}

/// The list of rooms that administrators see.
enum AdminRoomList {
    enum Order: String, Sendable, CaseIterable {
        case name, canonical_alias, joined_members, joined_local_members, version, creator, encryption, `public`, join_rules, guest_access, history_visibility, state_events
        /// Largest first where numbers are compared, as the other servers' tools expect.
        var column: String {
            switch self {
            case .name: "s.name"
            case .canonical_alias: "s.canonical_alias"
            case .joined_members, .joined_local_members: "-s.joined_count"
            case .version: "r.version"
            case .creator: "r.creator"
            case .encryption: "s.encryption"
            case .public: "s.is_public"
            case .join_rules: "s.join_rule"
            case .guest_access: "s.guest_access"
            case .history_visibility: "s.history_visibility"
            case .state_events: "-(SELECT COUNT(*) FROM room_state t WHERE t.room_nid = r.room_nid AND t.valid_to IS NULL)"
            }
        }
    }

    struct Entry: Sendable {
        let id: RoomID
        let version, creator: String
        let stateEvents: Int64
        let summary: RoomSummary

        init(_ row: Row) {
            id = RoomID(trusted: row.text(0)); version = row.text(1); creator = row.text(2); stateEvents = row.int(3)
            summary = RoomSummary(row, from: 4)
        }

        var json: JSONObject {
            [
                "room_id": JSON(id), "name": summary.name.map { .string($0) } ?? .null, "canonical_alias": summary.canonicalAlias.map { .string($0) } ?? .null,
                "joined_members": .int(summary.joinedCount), "joined_local_members": .int(summary.joinedCount), "version": .string(version),
                "creator": .string(creator), "encryption": summary.encryption.map { .string($0) } ?? .null, "federatable": false,
                "public": .bool(summary.isPublic), "join_rules": .string(summary.joinRule), "guest_access": .string(summary.guestAccess),
                "history_visibility": .string(summary.historyVisibility), "state_events": .int(stateEvents),
                "room_type": summary.roomType.map { .string($0) } ?? .null,
            ]
        }
    }

    private static func binds(_ term: String?) -> [any Bindable] {
        let text = (term ?? "").lowercased()
        let escaped = text.reduce(into: "") { $0 += $1 == "%" || $1 == "_" || $1 == "\\" ? "\\\($1)" : String($1) }
        return [term == nil, "%" + escaped + "%", term ?? ""]
    }

    static func page(_ tx: ReadTx, _ term: String?, _ order: Order, isReversed: Bool, from: Int64, limit: Int64) throws -> [Entry] {
        try tx.all(SQL.page(order, isReversed), array: binds(term) + [limit, from]) { Entry($0) }
    }
    static func count(_ tx: ReadTx, _ term: String?) throws -> Int64 { try tx.first(SQL.count, array: binds(term)) { $0.int(0) } ?? 0 }
    static func one(_ tx: ReadTx, _ room: RoomID) throws -> Entry? { try tx.first(SQL.one, room) { Entry($0) } }

    /// Read by administrators only: a scan of the rooms is what they ask for.
    enum SQL {
        private static let columns = """
            SELECT r.room_id, r.version, r.creator, (SELECT COUNT(*) FROM room_state t WHERE t.room_nid = r.room_nid AND t.valid_to IS NULL), \
            \(RoomSQL.summaryColumns)
            """
        private static let tables = " FROM room r JOIN room_summary s ON s.room_nid = r.room_nid "
        private static let filter = """
            WHERE (?1 = 1 OR LOWER(s.name) LIKE ?2 ESCAPE '\\' OR LOWER(s.canonical_alias) LIKE ?2 ESCAPE '\\' OR r.room_id = ?3)
            """
        static func page(_ order: Order, _ isReversed: Bool) -> String {
            columns + tables + filter + " ORDER BY \(order.column)\(isReversed ? " DESC" : ""), r.room_nid LIMIT ?4 OFFSET ?5"
        }
        static let count = "SELECT COUNT(*)" + tables + filter
        static let one = columns + tables + "WHERE r.room_id = ?"
        static let all = Order.allCases.flatMap { [page($0, false), page($0, true)] } + [count, one]
    }
}
