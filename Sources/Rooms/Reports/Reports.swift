import MatrixCore
import ServerKit
import Store

/// What users report to the administrators: an event, a room, another user.
/// Spec: https://spec.matrix.org/latest/client-server-api/#reporting-content
///
/// Invariants: an event is reported by who may see it; rooms and users by anybody; a report keeps the event as it was, whatever becomes of it.
/// Administrators read them by Synapse's interface: https://element-hq.github.io/synapse/latest/admin_api/event_reports.html
enum Reports {
    enum Kind: String { case event, room, user }
    static let longestReason = 10_000

    static func reason(_ body: JSONObject) throws -> String? { RoomWork.text(try body.string("reason", max: longestReason).map(JSON.string)) }

    struct Report {
        var kind: Kind, reporter: UserID
        var room: RoomID?, event: EventRow?, subject: UserID?
        var reason: String?, score: Int64?
    }

    static func add(_ c: Context, _ tx: WriteTx, _ report: Report) throws {
        let json = report.event.map { EventJSON.bytes($0, EventJSON.View(room: report.room)) }
        try tx.run(SQL.insert, report.kind.rawValue, report.reporter, report.room, report.event?.id, report.subject ?? report.event?.sender, report.reason, report.score,
                   json, c.clock.now)
    }

    enum SQL {
        static let insert = """
            INSERT INTO report (id, kind, reporter, room_id, event_id, subject, reason, score, event_json, received) \
            VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM report), ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        private static let select = """
            SELECT p.id, p.kind, p.reporter, p.room_id, p.event_id, p.subject, p.reason, p.score, p.received, s.name, s.canonical_alias, p.event_json \
            FROM report p LEFT JOIN room r ON r.room_id = p.room_id LEFT JOIN room_summary s ON s.room_nid = r.room_nid WHERE
            """
        private static let matching = " (?1 = '' OR p.reporter = ?1) AND (?2 = '' OR p.room_id = ?2)"
        static let newest = select + matching + " ORDER BY p.id DESC LIMIT ?3 OFFSET ?4"
        static let oldest = select + matching + " ORDER BY p.id LIMIT ?3 OFFSET ?4"
        static let count = "SELECT COUNT(*) FROM report p WHERE" + matching
        static let one = select + " p.id = ?"
        static let delete = "DELETE FROM report WHERE id = ?"
        static let all = [insert, newest, oldest, count, one, delete]
    }

    static func json(_ row: Row, withEvent: Bool) -> JSON {
        var report: JSONObject = ["id": .int(row.int(0)), "kind": .string(row.text(1)), "user_id": .string(row.text(2)), "received_ts": .int(row.int(8))]
        for (column, key) in [(3, "room_id"), (4, "event_id"), (5, "sender"), (6, "reason"), (9, "name"), (10, "canonical_alias")] {
            report[key] = row.textOrNil(column).map(JSON.string) ?? .null
        }
        report["score"] = row.intOrNil(7).map(JSON.int) ?? .null
        if withEvent { report["event_json"] = row.bytesOrNil(11).map(JSON.raw) ?? .null }
        return .object(report)
    }
}

extension RoomService {
    var reportRoutes: [Route] {
        let v3 = "/_matrix/client/v3", admin = "/_synapse/admin/v1/event_reports"
        return [
            Route(.post, v3 + "/rooms/{roomId}/report/{eventId}") { request, c in
                let room: RoomID = try request.id("roomId"), event: EventID = try request.id("eventId"), user = request.user.userID
                let body = try request.json()
                let reason = try Reports.reason(body), score = try body.int("score")
                try await c.db.write { tx in
                    guard let found = try Access.event(c, tx, room: room, event, user),
                          try MembershipStore.membership(tx, room: found.room.nid, user) == "join" else { throw MatrixError.notFound("There is no such event, or you may not see it.") }
                    try Reports.add(c, tx, Reports.Report(kind: .event, reporter: user, room: room, event: found.event, reason: reason, score: score))
                }
                return .empty
            },
            Route(.post, v3 + "/rooms/{roomId}/report") { request, c in
                let room: RoomID = try request.id("roomId"), user = request.user.userID, reason = try Reports.reason(try request.json())
                try await c.db.write { tx in
                    guard try RoomStore.head(tx, room) != nil else { throw MatrixError.notFound("There is no room \(room).") }
                    try Reports.add(c, tx, Reports.Report(kind: .room, reporter: user, room: room, reason: reason))
                }
                return .empty
            },
            Route(.post, v3 + "/users/{userId}/report") { request, c in
                let subject: UserID = try request.id("userId"), user = request.user.userID, reason = try Reports.reason(try request.json())
                try await c.db.write { tx in
                    guard try c.ports.users.standing(tx, subject) != nil else { throw MatrixError.notFound("There is no user \(subject).") }
                    try Reports.add(c, tx, Reports.Report(kind: .user, reporter: user, subject: subject, reason: reason))
                }
                return .empty
            },
            Route(.get, admin, auth: .admin) { request, c in
                let from = try request.query.int("from", in: 0...1_000_000_000, default: 0), limit = min(try request.query.int("limit", default: 100), 1000)
                let direction = request.query["dir"] ?? "b", user = request.query["user_id"] ?? "", room = request.query["room_id"] ?? ""
                guard direction == "b" || direction == "f" else { throw MatrixError.invalidParam("'dir' must be b or f.") }
                if user.utf8.contains(0) || room.utf8.contains(0) { throw MatrixError.invalidParam("An id cannot hold the NUL character.") }
                return try await c.db.read { tx in
                    let total = try tx.first(Reports.SQL.count, user, room) { $0.int(0) } ?? 0
                    let found = try tx.all(direction == "b" ? Reports.SQL.newest : Reports.SQL.oldest, user, room, limit, from) { Reports.json($0, withEvent: false) }
                    var body: JSONObject = ["event_reports": .array(found), "total": .int(total)]
                    if from + Int64(found.count) < total { body["next_token"] = .int(from + Int64(found.count)) }
                    return .json(.object(body))
                }
            },
            Route(.get, admin + "/{reportId}", auth: .admin) { request, c in
                let id = try Self.number(request)
                guard let found = try await c.db.read({ tx in try tx.first(Reports.SQL.one, id, row: { Reports.json($0, withEvent: true) }) }) else {
                    throw MatrixError.notFound("There is no such report.")
                }
                return .json(found)
            },
            Route(.delete, admin + "/{reportId}", auth: .admin) { request, c in
                let id = try Self.number(request)
                guard try await c.db.write({ tx in try tx.run(Reports.SQL.delete, id) }) > 0 else { throw MatrixError.notFound("There is no such report.") }
                return .empty
            },
        ]
    }

    private static func number(_ request: Request) throws -> Int64 {
        guard let id = Int64(try request.param("reportId")), id >= 0 else { throw MatrixError.invalidParam("The id of a report is a number.") }
        return id
    }
}
