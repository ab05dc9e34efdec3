@testable import ServerKit
import Testing

@Suite struct LimitsTests {
    private func isLimited(_ body: () throws(MatrixError) -> Void) -> Bool {
        do throws(MatrixError) { try body() } catch { return error.status == 429 }
        return false
    }

    @Test func aBucketHoldsItsBurstAndFillsAgain() throws {
        let limiter = RateLimiter(enabled: true)
        for _ in 0..<10 { try limiter.take(.login, who: "a", now: 0) }
        #expect(isLimited { () throws(MatrixError) in try limiter.take(.login, who: "a", now: 0) })
        #expect(isLimited { () throws(MatrixError) in try limiter.take(.login, who: "a", now: 4_900) })
        try limiter.take(.login, who: "a", now: 5_000)
        try limiter.take(.login, who: "b", now: 0)
        try limiter.take(.registration, who: "a", now: 0)
    }

    @Test func whatIsOnlyLookedAtIsNotTaken() throws {
        let limiter = RateLimiter(enabled: true)
        for _ in 0..<200 { try limiter.check(.unknownToken, who: "a", now: 0) }
        for _ in 0..<100 { try limiter.take(.unknownToken, who: "a", now: 0) }
        #expect(isLimited { () throws(MatrixError) in try limiter.check(.unknownToken, who: "a", now: 0) })
        #expect(isLimited { () throws(MatrixError) in try limiter.check(.unknownToken, who: "a", now: 150) })
        try limiter.check(.unknownToken, who: "a", now: 200)
        try limiter.check(.unknownToken, who: "b", now: 0)
    }

    @Test(arguments: [
        ("2001:db8:1:2::1", "20010db800010002::/64"), ("2001:0db8:0001:0002:ffff:ffff:ffff:ffff", "20010db800010002::/64"), ("fe80::1%eth0", "fe80000000000000::/64"), ("::1", "0000000000000000::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"), ("192.0.2.1", "192.0.2.1"), ("@a:b", "@a:b"), ("account:@a:b", "account:@a:b"), ("unknown", "unknown"), (":", ":"), ("", ""),
    ]) func anIPv6NetworkIsOneAddress(_ who: String, _ expected: String) { #expect(RateLimiter.network(who) == expected) }

    /// More buckets than are kept in mind at once: none that is in use is forgotten, and looking for old ones does not happen each time.
    @Test func aFloodForgetsNobody() throws {
        let limiter = RateLimiter(enabled: true)
        for _ in 0..<10 { try limiter.take(.login, who: "target", now: 0) }
        let clock = ContinuousClock()
        let took = try clock.measure { for number in 0..<130_000 { try limiter.take(.registration, who: "\(number)", now: 1) } }
        #expect(isLimited { () throws(MatrixError) in try limiter.take(.login, who: "target", now: 2) })
        #expect(took < .seconds(30), "\(took)")   // 30,000 looks through 100,000 buckets would take many minutes
    }
}
