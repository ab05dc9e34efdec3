package import Store
import Synchronization

/// What a periodic job has seen in the database, good until the next commit: an idle server's jobs cost a comparison of two numbers.
package final class Lookout<Picture: Sendable>: Sendable {
    private let seen = Mutex<(commits: Int64, picture: Picture)?>(nil)

    package init() {}

    /// The count is taken before the look: a commit in between is looked at again.
    package func look(_ c: Context, _ read: @escaping @Sendable (ReadTx) throws -> Picture) async throws -> Picture {
        let commits = c.db.statistics.commits
        if let seen = seen.withLock({ $0 }), seen.commits == commits { return seen.picture }
        let picture = try await c.db.read(read)
        seen.withLock { $0 = (commits, picture) }
        return picture
    }
}
