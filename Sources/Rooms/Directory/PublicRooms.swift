import MatrixCore
import ServerKit
import Store

/// The directory of published rooms. https://spec.matrix.org/latest/client-server-api/#listing-rooms
///
/// The largest rooms come first. A page token names the last room of the page (`n<members>_<room number>`, forward) or the first
/// (`p...`, backward), so a page is read by index whatever its number.
enum PublicRooms {
    struct Search: Sendable {
        var term: String?
        /// nil: any type. An element nil: rooms without a type.
        var types: [String?]?

        func accepts(_ summary: RoomSummary) -> Bool {
            if let types, !types.contains(summary.roomType) { return false }
            guard let term else { return true }
            return [summary.name, summary.topic, summary.canonicalAlias].contains { $0?.lowercased().contains(term) == true }
        }
    }
    struct Mark: Sendable, Hashable {
        var isForward: Bool
        var joined: Int64
        var room: Int64

        init(isForward: Bool, joined: Int64, room: Int64) { self.isForward = isForward; self.joined = joined; self.room = room }
        init?(_ text: String) {
            guard let first = text.first, first == "n" || first == "p" else { return nil }
            let parts = text.dropFirst().split(separator: "_", omittingEmptySubsequences: false)
            guard parts.count == 2, let joined = Int64(parts[0]), let room = Int64(parts[1]) else { return nil }
            self.init(isForward: first == "n", joined: joined, room: room)
        }
        var text: String { "\(isForward ? "n" : "p")\(joined)_\(room)" }
    }
    struct Entry: Sendable {
        let nid: Int64
        let id: RoomID
        let summary: RoomSummary

        var json: JSON {
            var entry: JSONObject = [
                "room_id": JSON(id), "num_joined_members": .int(summary.joinedCount), "join_rule": .string(summary.joinRule),
                "world_readable": .bool(summary.historyVisibility == HistoryVisibility.worldReadable.rawValue),
                "guest_can_join": .bool(summary.guestAccess == GuestAccess.canJoin.rawValue),
            ]
            entry["name"] = summary.name.map(JSON.string)
            entry["topic"] = summary.topic.map(JSON.string)
            entry["avatar_url"] = summary.avatarURL.map(JSON.string)
            entry["canonical_alias"] = summary.canonicalAlias.map(JSON.string)
            entry["room_type"] = summary.roomType.map(JSON.string)
            return .object(entry)
        }
    }

    /// Which lists are meant.
    enum Lists: Sendable, Equatable {
        case own
        /// The list of one network of an application service.
        case network(String)
        case all
    }

    static func page(_ c: Context, _ tx: ReadTx, _ search: Search, _ lists: Lists, limit: Int, since: Mark?) throws -> JSON {
        switch lists {
        case .own: return try page(tx, search, limit: limit, since: since)
        case .network(let network):
            return try page(tx, search, limit: limit, since: since, others: try c.ports.bridges.listed(tx, network: network), isOwnListed: false)
        case .all: return try page(tx, search, limit: limit, since: since, others: try c.ports.bridges.listed(tx, network: nil))
        }
    }

    /// `others` are listed besides the server's own directory, or in its place.
    private static func page(_ tx: ReadTx, _ search: Search, limit: Int, since: Mark?, others: [RoomID] = [], isOwnListed: Bool = true) throws -> JSON {
        let isForward = since?.isForward ?? true
        let start = since ?? Mark(isForward: true, joined: .max, room: 0)
        var found: [Entry] = []
        var cursor = start
        // Pages of the index are read until enough entries are accepted.
        var isAtEnd = !isOwnListed
        while found.count <= limit, !isAtEnd {
            let batch = try tx.all(isForward ? DirectorySQL.forward : DirectorySQL.backward, cursor.joined, cursor.joined, cursor.room, 200) {
                Entry(nid: $0.int(0), id: RoomID(trusted: $0.text(1)), summary: RoomSummary($0, from: 2))
            }
            isAtEnd = batch.count < 200
            found += batch.filter { search.accepts($0.summary) }
            if let last = batch.last { cursor = Mark(isForward: isForward, joined: last.summary.joinedCount, room: last.nid) }
        }
        let more = try entries(tx, others).filter { search.accepts($0.summary) && !($0.summary.isPublic && isOwnListed) }
        if !more.isEmpty {
            found = (found + more.filter { isForward == start.precedes($0) && !start.isAt($0) }).sorted { isForward ? Mark($0).precedes($1) : Mark($1).precedes($0) }
        }
        let hasMore = found.count > limit
        var entries = Array(found.prefix(limit))
        if !isForward { entries.reverse() }
        let total = Int64(more.count) + (isOwnListed ? try tx.first(DirectorySQL.count) { $0.int(0) } ?? 0 : 0)
        var answer: JSONObject = ["chunk": .array(entries.map(\.json)), "total_room_count_estimate": .int(total)]
        func mark(_ entry: Entry?, forward: Bool) -> JSON? {
            entry.map { .string(Mark(isForward: forward, joined: $0.summary.joinedCount, room: $0.nid).text) }
        }
        if isForward ? hasMore : since != nil { answer["next_batch"] = mark(entries.last, forward: true) }
        if isForward ? since != nil : hasMore { answer["prev_batch"] = mark(entries.first, forward: false) }
        return .object(answer)
    }
}

extension PublicRooms {
    private static func entries(_ tx: ReadTx, _ rooms: [RoomID]) throws -> [Entry] {
        try stride(from: 0, to: rooms.count, by: DirectorySQL.someCount).flatMap { start in
            let some = rooms[start..<min(start + DirectorySQL.someCount, rooms.count)]
            // The statement has room for a fixed number: the last one stands in the places that are left.
            let binds = Array(some) + Array(repeating: some[some.endIndex - 1], count: DirectorySQL.someCount - some.count)
            return try tx.all(DirectorySQL.some, array: binds) { Entry(nid: $0.int(0), id: RoomID(trusted: $0.text(1)), summary: RoomSummary($0, from: 2)) }
        }
    }
}

extension PublicRooms.Mark {
    init(_ entry: PublicRooms.Entry) { self.init(isForward: true, joined: entry.summary.joinedCount, room: entry.nid) }
    func isAt(_ entry: PublicRooms.Entry) -> Bool { joined == entry.summary.joinedCount && room == entry.nid }
    /// Whether the entry comes later in the list.
    func precedes(_ entry: PublicRooms.Entry) -> Bool {
        entry.summary.joinedCount < joined || entry.summary.joinedCount == joined && entry.nid > room
    }
}

extension RoomService {
    var directoryRoutes: [Route] {
        let v3 = "/_matrix/client/v3"
        return [
            Route(.get, v3 + "/publicRooms", auth: .optional, limit: .search) { request, c in
                if request.session == nil, !c.config.publicRoomsWithoutAuth { throw MatrixError.missingToken() }
                let limit = Int(try request.query.int("limit", in: 0...1_000_000, default: 100))
                return try await self.publicRooms(c, PublicRooms.Search(), limit: limit, since: request.query["since"], server: request.query["server"])
            },
            Route(.post, v3 + "/publicRooms", auth: .guest, limit: .search) { request, c in
                let body = try request.json()
                var search = PublicRooms.Search()
                if let filter = try body.object("filter") {
                    if let term = try filter.string("generic_search_term"), !term.isEmpty { search.term = term.lowercased() }
                    search.types = try filter.array("room_types")?.map { type throws(MatrixError) in
                        if type.isNull { return nil }
                        guard let text = type.stringValue else { throw .badJSON("'room_types' must be a list of strings or null.") }
                        return text
                    }
                }
                let limit = Int(max(0, try body.int("limit") ?? 100))
                var lists = PublicRooms.Lists.own
                if let network = try body.string("third_party_instance_id", max: 1024) { lists = .network(network) }
                if try body.bool("include_all_networks") ?? false {
                    guard lists == .own else { throw MatrixError.invalidParam("'include_all_networks' and 'third_party_instance_id' exclude each other.") }
                    lists = .all
                }
                return try await self.publicRooms(c, search, lists, limit: limit, since: try body.string("since"), server: request.query["server"])
            },
            Route(.get, v3 + "/directory/list/room/{roomId}", auth: .none) { request, c in
                let room: RoomID = try request.id("roomId")
                let isPublic = try await c.db.read { tx in
                    guard let head = try RoomStore.head(tx, room), let summary = try RoomStore.summary(tx, nid: head.nid) else {
                        throw MatrixError.notFound("There is no room \(room).")
                    }
                    return summary.isPublic
                }
                return .json(["visibility": isPublic ? "public" : "private"])
            },
            Route(.put, v3 + "/directory/list/room/{roomId}") { request, c in
                let room: RoomID = try request.id("roomId"), session = request.user
                let visibility = try request.json().string("visibility") ?? "public"
                guard visibility == "public" || visibility == "private" else { throw MatrixError.invalidParam("'visibility' must be public or private.") }
                try await c.db.write { tx in
                    guard let work = try RoomWork.open(self, c, tx, room, actor: session.userID) else { throw MatrixError.notFound("There is no room \(room).") }
                    if !session.isAdmin {
                        guard try work.member(session.userID)?.membership == "join" else { throw Access.refusal(room) }
                        guard try work.auth().levels.canSend(session.userID, type: EventType.canonicalAlias, isState: true) else {
                            throw MatrixError.forbidden("You don't have permission to publish this room.")
                        }
                    }
                    try tx.run(RoomSQL.setPublic, visibility == "public", work.head.nid)
                }
                return .empty
            },
        ]
    }

    private func publicRooms(_ c: Context, _ search: PublicRooms.Search, _ lists: PublicRooms.Lists = .own, limit: Int, since: String?, server: String?) async throws -> Response {
        if let server, server != c.serverName { throw MatrixError.notFound("This server does not exchange messages with other servers.") }
        var mark: PublicRooms.Mark?
        if let since, !since.isEmpty {
            guard let known = PublicRooms.Mark(since) else { throw MatrixError.invalidParam("'since' is not a token of this server.") }
            mark = known
        }
        let page = mark
        // A limit of 0 asks for as many as the server likes to give.
        let count = limit == 0 ? 500 : min(limit, 500)
        return .json(try await c.db.read { try PublicRooms.page(c, $0, search, lists, limit: count, since: page) })
    }
}

enum DirectorySQL {
    private static let from = "SELECT s.room_nid, r.room_id, \(RoomSQL.summaryColumns) FROM room_summary s JOIN room r ON r.room_nid = s.room_nid "
    static let forward = from + """
        WHERE s.is_public = 1 AND (s.joined_count < ? OR (s.joined_count = ? AND s.room_nid > ?)) \
        ORDER BY s.joined_count DESC, s.room_nid LIMIT ?
        """
    static let backward = from + """
        WHERE s.is_public = 1 AND (s.joined_count > ? OR (s.joined_count = ? AND s.room_nid < ?)) \
        ORDER BY s.joined_count, s.room_nid DESC LIMIT ?
        """
    static let someCount = 50
    static let some = from + "WHERE r.room_id IN (" + Placeholders.list(someCount) + ")"
    static let count = "SELECT COUNT(*) FROM room_summary WHERE is_public = 1"
    static let all = [forward, backward, some, count]
}
