import MatrixCore
import ServerKit
import Store

struct RelationRoutes: Sendable {
    
    var routes: [Route] {
        let base = "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}"
        return [base, base + "/{relType}", base + "/{relType}/{eventType}"].map { path in
            Route(.get, path, auth: .guest) { try await relations($0, $1) }
        } + [Route(.get, "/_matrix/client/v1/rooms/{roomId}/threads", auth: .guest) { try await threads($0, $1) }]
    }

    /// GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}[/{relType}[/{eventType}]]
    /// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv1roomsroomidrelationseventid
    private func relations(_ request: Request, _ c: Context) async throws -> Response {
        let room: RoomID = try request.id("roomId"), parent: EventID = try request.id("eventId")
        let page = try PageRequest(request, defaultDirection: "b", defaultLimit: 5)
        let recurse = try request.query.bool("recurse", default: try request.query.bool("org.matrix.msc3981.recurse"))
        let relType = request.params["relType"], type = request.params["eventType"], session = request.user
        return try await c.db.read { tx in
            let reader = try RoomReader(c: c, tx: tx, room: room, session: session)
            _ = try reader.event(parent)
            var parents = [parent.rawValue], found: [EventRow] = [], depth: Int64 = 0
            // Children of children, at most three levels as other servers do.
            for level in 0..<(recurse ? 3 : 1) where !parents.isEmpty {
                var next: [String] = []
                for id in parents {
                    let children = try EventStore.all(tx, SQL.children, id, reader.head.nid)
                    if !children.isEmpty { depth = Int64(level + 1) }
                    next += children.map(\.id.rawValue)
                    found += children.filter { event in
                        (relType == nil || event.relType == relType) && (type == nil || event.type == type)
                    }
                }
                parents = next
            }
            found = try reader.visible(found.sorted { $0.pos < $1.pos }).filter { page.isInside($0.pos) }
            let chunk = Array((page.isBackward ? found.reversed() : found).prefix(page.limit))
            var body: JSONObject = ["chunk": .array(try reader.json(chunk).map { .raw($0) })]
            if found.count > chunk.count, let last = chunk.last { body["next_batch"] = .string(PageToken(page.isBackward ? last.pos - 1 : last.pos).description) }
            if let from = request.query["from"] { body["prev_batch"] = .string(from) }
            if recurse { body["recursion_depth"] = .int(depth) }
            return .json(.object(body))
        }
    }

    /// GET /_matrix/client/v1/rooms/{roomId}/threads: roots of threads, the one with the newest reply first.
    /// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv1roomsroomidthreads
    private func threads(_ request: Request, _ c: Context) async throws -> Response {
        let room: RoomID = try request.id("roomId"), session = request.user
        let include = request.query["include"] ?? "all"
        guard include == "all" || include == "participated" else { throw MatrixError.invalidParam("'include' must be all or participated.") }
        let limit = Int(try request.query.int("limit", in: 1...Int64.max, default: 10)).clamped(to: 1...100)
        var before = Int64.max
        if let from = request.query["from"] {
            guard let token = PageToken(from) else { throw MatrixError.invalidParam("'from' is not a token of this server.") }
            before = token.position + 1
        }
        let start = before
        return try await c.db.read { tx in
            let reader = try RoomReader(c: c, tx: tx, room: room, session: session)
            var roots: [EventRow] = [], last: Int64?, more = false
            try tx.each(SQL.threads, reader.head.nid, start, limit + 1) { row in
                guard roots.count < limit else { more = true; return }
                guard let root = try EventStore.event(tx, room: reader.head.nid, EventID(trusted: row.text(0))) else { return }
                last = row.int(1)
                if include == "participated", root.sender != session.userID, try !tx.exists(Bundles.SQL.participated, root.id, reader.head.nid, session.userID) { return }
                roots.append(root)
            }
            var body: JSONObject = ["chunk": .array(try reader.json(try reader.visible(roots)).map { .raw($0) })]
            if more, let last { body["next_batch"] = .string(PageToken(last - 1).description) }
            return .json(.object(body))
        }
    }

    enum SQL {
        static let children = EventSQL.select + "WHERE e.relates_to = ? AND e.room_nid = ? ORDER BY e.pos LIMIT 5000"
        static let threads = """
            SELECT relates_to, MAX(pos) FROM event WHERE room_nid = ? AND rel_type = 'm.thread' AND relates_to IS NOT NULL \
            GROUP BY relates_to HAVING MAX(pos) < ? ORDER BY MAX(pos) DESC LIMIT ?
            """
        static let all = [children, threads]
    }
}

extension Comparable {
    func clamped(to range: ClosedRange<Self>) -> Self { min(max(self, range.lowerBound), range.upperBound) }
}
