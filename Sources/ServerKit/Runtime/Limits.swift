import Glibc
import MatrixCore
import Synchronization

/// How much of a kind of request one user or address may do. A token bucket: `burst` at once, `perSecond` refilled.
package enum LimitClass: String, Sendable, Hashable, CaseIterable {
    case none, standard, sync, message, roomCreation, login, registration, media, search, widget, contactForm, mail, unknownToken

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
        case .unknownToken: (5, 100)   // access tokens that nobody has; clients that were signed out ask for a while, and many may share an address
        }
    }
}

/// Token buckets in memory, by class and user (or address where nobody is signed in).
package final class RateLimiter: Sendable {
    private struct Bucket { var level: Double; var at: Int64 }
    private struct Key: Hashable { var limit: LimitClass; var who: String }
    private let enabled: Bool
    private let buckets = Mutex<[Key: Bucket]>([:])
    /// With so many buckets those that are full again are looked for. It grows with what cannot be forgotten, so that a flood from many
    /// networks is not made worse by looking again and again.
    private let sweepAt = Mutex(leastSweep)
    private static let leastSweep = 100_000

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
            if sweepAt.withLock({ buckets.count > $0 }) {
                buckets = buckets.filter { Double(now - $1.at) / 1000 * $0.limit.rule.perSecond + $1.level < $0.limit.rule.burst }
                sweepAt.withLock { $0 = max(Self.leastSweep, buckets.count * 2) }
            }
            let key = Key(limit: limit, who: Self.network(who))
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

    /// Throws when nothing is left in the bucket, and takes nothing: for what is counted only when it fails.
    package func check(_ limit: LimitClass, who: String, now: Int64) throws(MatrixError) {
        guard enabled, limit != .none else { return }
        let (rate, burst) = limit.rule
        let level = buckets.withLock { buckets in buckets[Key(limit: limit, who: Self.network(who))].map { min(burst, $0.level + Double(max(0, now - $0.at)) / 1000 * rate) } }
        if let level, level < 1 { throw .limited(retryAfter: Int64(((1 - level) / rate * 1000).rounded(.up))) }
    }

    /// Of an IPv6 address the network, 64 bits: whoever has one has all of its addresses. Everything else stays as it is.
    package static func network(_ who: String) -> String {
        guard who.utf8.count <= 64, who.utf8.first != UInt8(ascii: "@"), who.utf8.contains(UInt8(ascii: ":")) else { return who }
        var address = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, String(who.prefix { $0 != "%" }), &address) == 1 else { return who }
        // An IPv4 address in the clothes of IPv6 is that one.
        if address[..<10].allSatisfy({ $0 == 0 }), address[10] == 0xFF, address[11] == 0xFF { return address[12...].map(String.init).joined(separator: ".") }
        return Hex.encode(Array(address[..<8])) + "::/64"
    }
}
