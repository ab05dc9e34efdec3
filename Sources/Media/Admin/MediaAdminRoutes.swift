import MatrixCore
import ServerKit
import Store

/// Media, for administrators: the interface is Synapse's, so that its tools work here.
/// https://element-hq.github.io/synapse/latest/admin_api/media_admin_api.html
///
/// Invariant: a file goes with its last row, in a write transaction, so that an upload of the same bytes either finds it or is told to try again.
extension Media {
    var adminRoutes: [Route] {
        let path = "/_synapse/admin/v1"
        var routes = [
            Route(.get, path + "/users/{userId}/media", auth: .admin) { req, c in try await self.listMedia(req, c) },
            Route(.delete, path + "/users/{userId}/media", auth: .admin) { req, c in
                let user: UserID = try req.id("userId"), (order, from, limit) = try Self.page(req)
                let ids = try await c.db.read { tx in try tx.all(AdminSQL.ofUser(order), user, limit, from) { $0.text(0) } }
                return try await self.delete(c, ids)
            },
            Route(.delete, path + "/media/{serverName}/{mediaId}", auth: .admin) { req, c in
                let id = try req.param("mediaId")
                guard try req.param("serverName") == c.serverName else { throw MatrixError.badRequest("Can only delete local media") }
                guard try await c.db.read({ tx in try tx.exists(SQL.select, id) }) else { throw MatrixError.notFound("Unknown media") }
                return try await self.delete(c, [id])
            },
        ]
        routes += Route.all(.post, [path + "/media/delete", path + "/media/{serverName}/delete"], auth: .admin) { req, c in
            guard req.query["before_ts"] != nil else { throw MatrixError.missingParam("'before_ts' is required.") }
            let before = try req.query.int("before_ts", default: 0), size = try req.query.int("size_gt", default: 0)
            guard before <= c.clock.now else { throw MatrixError.invalidParam("'before_ts' lies in the future.") }
            let ids = try await c.db.read { tx in try tx.all(AdminSQL.old, before, size) { $0.text(0) } }
            return try await self.delete(c, ids)
        }
        return routes
    }

    private enum Order: String, CaseIterable {
        case created_ts, media_id, media_length, media_type, upload_name
        var column: String {
            switch self {
            case .created_ts: "created"
            case .media_id: "id"
            case .media_length: "size"
            case .media_type: "content_type"
            case .upload_name: "name"
            }
        }
    }

    /// Newest first unless another order is asked for.
    private static func page(_ req: Request) throws(MatrixError) -> (order: String, from: Int64, limit: Int64) {
        guard let order = Order(rawValue: req.query["order_by"] ?? "created_ts") else { throw .invalidParam("'order_by' is not known.") }
        let part = try req.query.listPage(direction: req.query["order_by"] == nil ? "b" : "f")
        return (order.column + (part.isReversed ? " DESC" : ""), part.from, part.limit)
    }

    private func listMedia(_ req: Request, _ c: Context) async throws -> Response {
        let user: UserID = try req.id("userId"), (order, from, limit) = try Self.page(req)
        let (rows, total) = try await c.db.read { tx in
            (try tx.all(AdminSQL.ofUser(order), user, limit, from) { row -> JSON in
                ["media_id": .string(row.text(0)), "media_type": .string(row.text(1)), "media_length": .int(row.int(2)),
                 "upload_name": row.textOrNil(3).map { .string($0) } ?? .null, "created_ts": .int(row.int(4)), "last_access_ts": .null,
                 "quarantined_by": row.textOrNil(5).map { .string($0) } ?? .null, "safe_from_quarantine": .bool(row.bool(6))]
            }, try tx.first(AdminSQL.countOfUser, user) { $0.int(0) } ?? 0)
        }
        var body: JSONObject = ["media": .array(rows), "total": .int(total)]
        if from + limit < total { body["next_token"] = .int(from + limit) }
        return .json(.object(body))
    }

    private func delete(_ c: Context, _ ids: [String]) async throws -> Response {
        let contents = try await c.db.write { tx in try Self.deleteRows(tx, ids) }
        try await removeFiles(c, contents)
        return .json(["deleted_media": JSON(ids), "total": .int(Int64(ids.count))])
    }

    /// Gives the contents that the rows had.
    static func deleteRows(_ tx: WriteTx, _ ids: [String]) throws -> Set<String> {
        var contents: Set<String> = []
        for id in ids {
            if let sha256 = try tx.first(AdminSQL.content, id, row: { $0.textOrNil(0) }) ?? nil { contents.insert(sha256) }
            try tx.run(AdminSQL.delete, id)
        }
        return contents
    }

    /// Removes the files of contents that no row has any more.
    func removeFiles(_ c: Context, _ contents: Set<String>) async throws {
        guard !contents.isEmpty else { return }
        let files = c.mediaFiles, db = c.db
        try await disk.run {
            for sha256 in contents.sorted() {
                try db.writeNow { tx in
                    if try !tx.exists(SQL.hasContent, sha256) { try files.remove(sha256) }
                }
            }
        }
    }

    /// Read by administrators only: a scan of the media is what they ask for.
    enum AdminSQL {
        static func ofUser(_ order: String) -> String {
            "SELECT id, content_type, size, name, created, quarantined_by, is_safe FROM media WHERE owner = ? AND sha256 IS NOT NULL ORDER BY \(order), id LIMIT ? OFFSET ?"
        }
        static let countOfUser = "SELECT COUNT(*) FROM media WHERE owner = ? AND sha256 IS NOT NULL"
        static let old = "SELECT id FROM media WHERE created < ? AND size > ? AND sha256 IS NOT NULL ORDER BY id"
        static let content = "SELECT sha256 FROM media WHERE id = ?"
        static let delete = "DELETE FROM media WHERE id = ?"
        static let all = Order.allCases.flatMap { [ofUser($0.column), ofUser($0.column + " DESC")] } + [countOfUser, old, content, delete]
    }
}
