import MatrixCore
import Synchronization

/// How much of a kind of request one user or address may do. A token bucket: `burst` at once, `perSecond` refilled.
package enum LimitClass: String, Sendable, Hashable, CaseIterable {
    case none, standard, sync, message, roomCreation, login, registration, media, search, widget, contactForm, mail

    var rule: (perSecond: Double, burst: Double) {
        switch self {
        case .none: (.infinity, .infinity)
        case .standard: (50, 200)
        case .sync: (20, 100)
        case .message: (10, 50)
        case .roomCreation: (0.5, 20)
        case .login: (0.2, 10)
        case .registration: (0.1, 10)
        case .media: (5, 50)
        case .search: (2, 20)
        case .widget: (2, 30)
        case .contactForm: (0.02, 5)
        case .mail: (0.005, 5)   // by address: nobody's mailbox is flooded
        }
    }
}

/// Token buckets in memory, by class and user (or address where nobody is signed in).
package final class RateLimiter: Sendable {
    private struct Bucket { var level: Double; var at: Int64 }
    private struct Key: Hashable { var limit: LimitClass; var who: String }
    private let enabled: Bool
    private let buckets = Mutex<[Key: Bucket]>([:])

    package init(enabled: Bool) { self.enabled = enabled }

    package func take(_ limit: LimitClass, user: Session?, remote: String, now: Int64) throws(MatrixError) {
        if user?.isRateLimited == false { return }
        try take(limit, who: user?.userID.rawValue ?? remote, now: now)
    }

    /// Takes one token of `who`'s bucket; throws M_LIMIT_EXCEEDED with the time until the next one.
    package func take(_ limit: LimitClass, who: String, now: Int64) throws(MatrixError) {
        guard enabled, limit != .none else { return }
        let (rate, burst) = limit.rule
        let wait: Int64? = buckets.withLock { buckets in
            if buckets.count > 100_000 {   // forget those that are full again
                buckets = buckets.filter { Double(now - $1.at) / 1000 * $0.limit.rule.perSecond + $1.level < $0.limit.rule.burst }
            }
            let key = Key(limit: limit, who: who)
            var bucket = buckets[key] ?? Bucket(level: burst, at: now)
            bucket.level = min(burst, bucket.level + Double(max(0, now - bucket.at)) / 1000 * rate)
            bucket.at = now
            defer { buckets[key] = bucket }
            guard bucket.level >= 1 else { return Int64(((1 - bucket.level) / rate * 1000).rounded(.up)) }
            bucket.level -= 1
            return nil
        }
        if let wait { throw .limited(retryAfter: wait) }
    }
}
