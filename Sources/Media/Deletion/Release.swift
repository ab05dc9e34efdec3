import Logging
package import MatrixCore
package import ServerKit
package import Store

/// Media of deleted messages goes with them: `deleted_media_grace` after the last event that named it.
///
/// Invariants: only media that its owner has taken back, by a deleted message of his own, so that nobody can have another's media deleted by naming it;
/// never media that an event names when the time has come, that is its owner's picture, or that is protected; and
/// never what is quarantined, by which the same content is known when it comes again. That last look and the deletion are one
/// transaction. What only encrypted events name is never released, since nobody here knows that they do; what they name besides a clear one goes.
extension Media {
    static let releaseSchema = Migration(63, "media of deleted messages", """
        ALTER TABLE media ADD COLUMN released INTEGER; -- ms: since when no event may name it any more; -1: only its owner has taken it back, others name it
        CREATE INDEX media_released ON media (released) WHERE released IS NOT NULL;
        """)

    package func released(_ c: Context, _ tx: WriteTx, media ids: Set<String>, by sender: UserID) throws {
        guard c.config.deletedMediaGrace != nil else { return }
        for id in ids.sorted() { try tx.run(ReleaseSQL.release, c.clock.now, id, sender) }
    }

    /// Deletes what was released long enough ago, unless it is used again.
    func deleteReleased(_ c: Context) async throws {
        guard let grace = c.config.deletedMediaGrace else { return }
        let before = c.clock.now - grace
        var deleted = 0
        while true {
            let due = try await c.db.read { tx in try tx.all(ReleaseSQL.due, before, 100) { $0.text(0) } }
            guard !due.isEmpty else { break }
            let (gone, contents) = try await c.db.write { tx in
                let gone = try due.filter { id in
                    if let owner = try tx.first(ReleaseSQL.owner, id, row: { UserID(trusted: $0.text(0)) }) {
                        let isPicture = try c.ports.users.profile(tx, owner).avatarURL == "mxc://\(c.serverName)/\(id)"
                        let isNamed = try c.ports.lookup.mentions(tx, media: id)
                        if !isPicture, !isNamed { return true }
                        try tx.run(ReleaseSQL.keep, id, isPicture ? nil as Int64? : -1)
                    } else {
                        try tx.run(ReleaseSQL.keep, id, nil as Int64?)
                    }
                    return false
                }
                return (gone, try Self.deleteRows(tx, gone))
            }
            try await removeFiles(c, contents)
            deleted += gone.count
        }
        if deleted > 0 { c.log.info("deleted media of deleted messages", metadata: ["media.deleted": "\(deleted)"]) }
    }

    enum ReleaseSQL {
        static let release = "UPDATE media SET released = ? WHERE id = ? AND (owner = ? OR released = -1) AND is_safe = 0 AND quarantined_by IS NULL"
        static let due = "SELECT id FROM media WHERE released > 0 AND released <= ? ORDER BY released, id LIMIT ?"
        /// Protected or quarantined meanwhile: then it is kept.
        static let owner = "SELECT owner FROM media WHERE id = ? AND released IS NOT NULL AND is_safe = 0 AND quarantined_by IS NULL"
        static let keep = "UPDATE media SET released = ?2 WHERE id = ?1"
        static let all = [release, due, owner, keep]
    }
}
