import MatrixCore
import ServerKit
import Store

struct RelationRoutes: Sendable {
    
    var routes: [Route] {
        // Clients of the time before it was part of the specification call it by other versions.
        let paths = ["v1", "v3", "unstable"].flatMap { version in
            let base = "/_matrix/client/\(version)/rooms/{roomId}/relations/{eventId}"
            return [base, base + "/{relType}", base + "/{relType}/{eventType}"]
        }
        return Route.all(.get, paths, auth: .guest) { try await relations($0, $1) } + [Route(.get, "/_matrix/client/v1/rooms/{roomId}/threads", auth: .guest) { try await threads($0, $1) }]
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
            // Children of children, at most three levels as other servers do.
            let related = try EventStore.withNumber(tx, SQL.related, parent, reader.head.nid, recurse ? 3 : 1)
            let depth = related.map(\.number).max() ?? 0
            var found = related.map(\.event).filter { (relType == nil || $0.relType == relType) && (type == nil || $0.type == type) }
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
            let found = include == "all"
                ? try EventStore.withNumber(tx, SQL.threads, reader.head.nid, start, limit + 1)
                : try EventStore.withNumber(tx, SQL.threadsOf, reader.head.nid, start, session.userID, limit + 1)
            let page = found.prefix(limit), more = found.count > limit, last = page.last?.number
            let roots = page.map(\.event)
            var body: JSONObject = ["chunk": .array(try reader.json(try reader.visible(roots)).map { .raw($0) })]
            if more, let last { body["next_batch"] = .string(PageToken(last - 1).description) }
            return .json(.object(body))
        }
    }

    enum SQL {
        /// What relates to an event, and to that, and so on; with the number of steps.
        static let related = """
            WITH RECURSIVE tree (id, steps) AS (SELECT e.event_id, 0 FROM event e WHERE e.event_id = ?1 UNION \
            SELECT e.event_id, derived.steps + 1 FROM tree derived JOIN event e ON e.relates_to = derived.id WHERE +e.room_nid = ?2 AND derived.steps + 1 < ?3) \
            SELECT \(EventSQL.columns), derived.steps + 1 FROM tree derived CROSS JOIN event e\(EventSQL.replaced)WHERE e.relates_to = derived.id AND +e.room_nid = ?2 \
            ORDER BY e.pos LIMIT 5000
            """
        private static let roots = "SELECT \(EventSQL.columns), derived.last FROM (SELECT thread, MAX(pos) AS last FROM event "
        private static let newest = " GROUP BY thread HAVING MAX(pos) < ?2) derived JOIN event e ON e.event_id = derived.thread\(EventSQL.replaced)"
        private static let ofRoom = "WHERE room_nid = ?1 AND thread IS NOT NULL AND rel_type = 'm.thread'"
        /// Roots of threads with the position of the newest reply.
        static let threads = roots + ofRoom + newest + "ORDER BY derived.last DESC LIMIT ?3"
        /// Only those in which a user has written, or whose root is his.
        static let threadsOf = roots + ofRoom + newest + """
            WHERE e.sender = ?3 OR EXISTS (SELECT 1 FROM event m WHERE m.thread = derived.thread AND m.sender = ?3 AND m.rel_type = 'm.thread') \
            ORDER BY derived.last DESC LIMIT ?4
            """
        static let all = [related, threads, threadsOf]
    }
}

extension Comparable {
    func clamped(to range: ClosedRange<Self>) -> Self { min(max(self, range.lowerBound), range.upperBound) }
}
