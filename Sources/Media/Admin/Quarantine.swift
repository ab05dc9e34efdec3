package import MatrixCore
import ServerKit
package import Store

/// Media that an administrator has taken out of sight, and what is known of one piece: the interface is Synapse's, so that its tools work here.
/// https://element-hq.github.io/synapse/latest/admin_api/media_admin_api.html#quarantine-media
///
/// Invariants: quarantined media answers as media that is not there, and so does everything of the same content, also what is uploaded later; nothing
/// is deleted, so it can be given back; protected media is never quarantined. What a browser has in its cache already stays there.
extension Media {
    static let quarantineSchema = Migration(62, "media: quarantine", """
        ALTER TABLE media ADD COLUMN quarantined_by TEXT; -- the administrator
        ALTER TABLE media ADD COLUMN is_safe INTEGER NOT NULL DEFAULT 0; -- cannot be quarantined
        CREATE INDEX media_owner ON media (owner, created);
        """)

    var quarantineRoutes: [Route] {
        let path = "/_synapse/admin/v1/media"
        return [
            Route(.get, path + "/{serverName}/{mediaId}", auth: .admin) { req, c in
                let id = try Self.localID(req, c)
                guard let info = try await c.db.read({ tx in try tx.first(QuarantineSQL.info, id) { Self.info(c.serverName, $0) } }) else { throw MatrixError.notFound("Unknown media") }
                return .json(["media_info": .object(info)])
            },
            Route(.post, path + "/quarantine/{serverName}/{mediaId}", auth: .admin) { req, c in
                let id = try Self.localID(req, c), administrator = req.user.userID
                try await c.db.write { tx in
                    guard let isSafe = try tx.first(QuarantineSQL.isSafe, id, row: { $0.bool(0) }) else { throw MatrixError.notFound("Unknown media") }
                    guard !isSafe else { throw MatrixError.forbidden("This media is protected from being quarantined.") }
                    _ = try self.quarantine(tx, media: [id], by: administrator)
                }
                return .empty
            },
            Route(.post, path + "/unquarantine/{serverName}/{mediaId}", auth: .admin) { req, c in
                let id = try Self.localID(req, c)
                try await c.db.write { tx in
                    guard try tx.exists(QuarantineSQL.isSafe, id) else { throw MatrixError.notFound("Unknown media") }
                    // The same content under other addresses comes back with it: it was hidden with it.
                    try tx.run(QuarantineSQL.lift, id)
                }
                return .empty
            },
            Route(.post, "/_synapse/admin/v1/user/{userId}/media/quarantine", auth: .admin) { req, c in
                let user: UserID = try req.id("userId"), administrator = req.user.userID
                let ids = try await c.db.read { tx in try tx.all(QuarantineSQL.ofUser, user) { $0.text(0) } }
                var count = 0
                for start in stride(from: 0, to: ids.count, by: 200) {
                    let some = Array(ids[start..<min(start + 200, ids.count)])
                    count += try await c.db.write { tx in try self.quarantine(tx, media: some, by: administrator) }
                }
                return .json(["num_quarantined": JSON(count)])
            },
            Route(.post, path + "/protect/{mediaId}", auth: .admin) { req, c in try await self.protect(req, c, true) },
            Route(.post, path + "/unprotect/{mediaId}", auth: .admin) { req, c in try await self.protect(req, c, false) },
        ]
    }

    private func protect(_ req: Request, _ c: Context, _ isSafe: Bool) async throws -> Response {
        let id = try req.param("mediaId")
        guard try await c.db.write({ tx in try tx.run(QuarantineSQL.protect, id, isSafe) }) > 0 else { throw MatrixError.notFound("Unknown media") }
        return .empty
    }

    package func quarantine(_ tx: WriteTx, media ids: [String], by administrator: UserID) throws -> Int {
        var count = 0
        for id in ids {
            count += try tx.run(QuarantineSQL.quarantineContent, id, administrator)
            count += try tx.run(QuarantineSQL.quarantineEmpty, id, administrator)
        }
        return count
    }

    private static func info(_ server: String, _ row: Row) -> JSONObject {
        [
            "media_origin": .string(server), "user_id": .string(row.text(1)), "media_id": .string(row.text(0)), "media_type": .string(row.text(2)), "media_length": .int(row.int(3)),
            "upload_name": row.textOrNil(4).map { .string($0) } ?? .null, "created_ts": .int(row.int(5)), "filesystem_id": .null, "url_cache": .null, "last_access_ts": .null,
            "quarantined_by": row.textOrNil(6).map { .string($0) } ?? .null, "safe_from_quarantine": .bool(row.bool(7)), "authenticated": .bool(!row.bool(8)),
            "sha256": row.textOrNil(9).map { .string($0) } ?? .null,
        ]
    }

    enum QuarantineSQL {
        static let info = "SELECT id, owner, content_type, size, name, created, quarantined_by, is_safe, is_public, sha256 FROM media WHERE id = ?"
        static let isSafe = "SELECT is_safe FROM media WHERE id = ?"
        static let ofUser = "SELECT id FROM media WHERE owner = ? AND quarantined_by IS NULL AND is_safe = 0 ORDER BY created, id"
        /// Everything of the content that the address has, unless that address is protected.
        static let quarantineContent = """
            UPDATE media SET quarantined_by = ?2 WHERE quarantined_by IS NULL AND is_safe = 0 AND sha256 = (SELECT o.sha256 FROM media o WHERE o.id = ?1 AND o.is_safe = 0)
            """
        /// A reserved address without content.
        static let quarantineEmpty = "UPDATE media SET quarantined_by = ?2 WHERE id = ?1 AND quarantined_by IS NULL AND is_safe = 0 AND sha256 IS NULL"
        static let lift = "UPDATE media SET quarantined_by = NULL WHERE id = ?1 OR sha256 = (SELECT o.sha256 FROM media o WHERE o.id = ?1)"
        static let protect = "UPDATE media SET is_safe = ?2 WHERE id = ?1"
        static let all = [info, isSafe, ofUser, quarantineContent, quarantineEmpty, lift, protect]
    }
}
