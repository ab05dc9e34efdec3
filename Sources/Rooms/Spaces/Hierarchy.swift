import MatrixCore
import ServerKit
import Store

/// The rooms of a space and of the spaces in it, a page at a time.
/// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv1roomsroomidhierarchy
///
/// Invariants: depth first, each room once, children in the order of the specification; who may not know of a room is not told of it, and
/// does not see what is below. A page token says how far the walk was and what it looked for; the walk itself is done anew, so nothing is
/// kept between two pages.
struct Hierarchy {
    /// A space with more rooms than this is shown up to here.
    static let mostRooms = 5_000
    static let largestPage = 50

    struct Child {
        let room: RoomID
        let order: [UInt8]?
        let timestamp: Int64
        let isSuggested: Bool
        /// Stripped, with its time.
        let json: JSON

        /// nil for a child that was removed: it has no `via`.
        init?(_ row: Row) throws {
            let content = try JSONObject.parse(row.bytes(3))
            guard let room = RoomID(rawValue: row.text(0)), let via = content["via"]?.arrayValue, via.contains(where: { $0.stringValue != nil }) else { return nil }
            self.room = room
            timestamp = row.int(2)
            isSuggested = content["suggested"]?.boolValue == true
            order = content["order"]?.stringValue.flatMap { text in
                text.utf8.count <= 50 && text.utf8.allSatisfy { (0x20...0x7E).contains($0) } ? Array(text.utf8) : nil
            }
            json = ["type": .string(EventType.spaceChild), "state_key": JSON(room), "sender": .string(row.text(1)), "origin_server_ts": .int(timestamp), "content": .object(content)]
        }

        /// Those with a valid `order` first, by it; then by time, then by room.
        static func precedes(_ a: Child, _ b: Child) -> Bool {
            switch (a.order, b.order) {
            case (let x?, let y?) where x != y: return x.lexicographicallyPrecedes(y)
            case (.some, nil): return true
            case (nil, .some): return false
            default: return a.timestamp != b.timestamp ? a.timestamp < b.timestamp : a.room.rawValue.utf8.lexicographicallyPrecedes(b.room.rawValue.utf8)
            }
        }
    }

    /// What a page is asked with; the next one must be asked with the same.
    struct Query: Equatable {
        var suggestedOnly: Bool
        var maxDepth: Int64
        var offset: Int

        var token: String { "h\(offset)_\(suggestedOnly ? 1 : 0)_\(maxDepth)" }
        /// `offset` of the token, provided it belongs to this query.
        func continuing(_ token: String) -> Query? {
            let parts = token.dropFirst().split(separator: "_", omittingEmptySubsequences: false)
            guard token.first == "h", parts.count == 3, let offset = Int(parts[0]), (1...Hierarchy.mostRooms).contains(offset),
                  parts[1] == (suggestedOnly ? "1" : "0"), parts[2] == String(maxDepth) else { return nil }
            var query = self
            query.offset = offset
            return query
        }
    }

    static func page(_ tx: ReadTx, root: RoomID, for user: UserID, _ query: Query, limit: Int) throws -> JSON {
        guard let first = try Preview.of(tx, root, for: user) else {
            try RoomBlocks.check(tx, root)
            throw MatrixError.forbidden("You may not look into the room \(root).")
        }
        var seen: Set<RoomID> = [root], walked = 0, page: [JSON] = []
        // What is still to be visited, the next one last.
        var stack: [(preview: Preview?, room: RoomID, depth: Int64)] = [(first, root, 0)]
        while let next = stack.popLast() {
            guard let preview = try next.preview ?? Preview.of(tx, next.room, for: user) else { continue }
            if page.count == limit || walked == mostRooms {
                var token = query
                token.offset = walked
                return walked == mostRooms ? ["rooms": .array(page)] : ["rooms": .array(page), "next_batch": .string(token.token)]
            }
            var children: [Child] = []
            if preview.summary.roomType == "m.space" {
                children = try tx.all(Preview.SQL.children, preview.nid) { try Child($0) }.compactMap(\.self).filter { !query.suggestedOnly || $0.isSuggested }
                children.sort(by: Child.precedes)
            }
            if walked >= query.offset {
                var entry = preview.json
                entry["children_state"] = .array(children.map(\.json))
                page.append(.object(entry))
            }
            walked += 1
            guard next.depth < query.maxDepth else { continue }
            for child in children.reversed() where !seen.contains(child.room) { stack.append((nil, child.room, next.depth + 1)) }
            seen.formUnion(children.map(\.room))
        }
        return ["rooms": .array(page)]
    }
}

extension RoomService {
    var hierarchyRoutes: [Route] {
        Route.all(.get, ["/_matrix/client/v1/rooms/{roomId}/hierarchy", "/_matrix/client/unstable/org.matrix.msc2946/rooms/{roomId}/hierarchy"], auth: .guest) { request, c in
            let room: RoomID = try request.id("roomId"), user = request.user.userID
            let limit = Int(min(try request.query.int("limit", in: 1...Int64.max, default: 50), Int64(Hierarchy.largestPage)))
            let depth = try request.query.int("max_depth", default: 1000)
            var query = Hierarchy.Query(suggestedOnly: try request.query.bool("suggested_only"), maxDepth: min(depth, 1000), offset: 0)
            if let from = request.query["from"], !from.isEmpty {
                guard let continued = query.continuing(from) else { throw MatrixError.invalidParam("'from' is not a token of this query.") }
                query = continued
            }
            let asked = query
            return .json(try await c.db.read { try Hierarchy.page($0, root: room, for: user, asked, limit: limit) })
        }
    }
}
