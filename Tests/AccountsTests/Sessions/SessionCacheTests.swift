@testable import Accounts
import MatrixCore
import ServerKit
import Testing

@Suite struct SessionCacheTests {
    let alice = Session(userID: UserID(trusted: "@alice:test"), deviceID: DeviceID(trusted: "A"))
    let hash = TokenHash("token")

    private func isKnown(_ cache: SessionCache, _ hash: TokenHash, now: Int64 = 0) -> Bool {
        if case .session = cache.find(hash, now: now) { true } else { false }
    }

    @Test func aReadThatBeganBeforeTheEndDoesNotBringASessionBack() {
        let cache = SessionCache()
        let generation = cache.generation
        cache.forget(alice.userID)
        cache.insert(hash, alice, expires: nil, now: 0, generation: generation)
        #expect(!isKnown(cache, hash))
        cache.insert(hash, alice, expires: nil, now: 0, generation: cache.generation)
        #expect(isKnown(cache, hash))
    }

    @Test func forgetsTheNamedDevicesOnly() {
        let cache = SessionCache()
        var other = alice
        other.deviceID = DeviceID(trusted: "B")
        cache.insert(hash, alice, expires: nil, now: 0, generation: cache.generation)
        cache.insert(TokenHash("other"), other, expires: nil, now: 0, generation: cache.generation)
        cache.forget(alice.userID, devices: [alice.deviceID])
        #expect(!isKnown(cache, hash))
        #expect(isKnown(cache, TokenHash("other")))
    }

    @Test func believesNobodyLongerThanAMinuteAndKnowsWhatHasExpired() {
        let cache = SessionCache()
        cache.insert(hash, alice, expires: 30_000, now: 0, generation: cache.generation)
        #expect(isKnown(cache, hash, now: 29_999))
        guard case .expired = cache.find(hash, now: 30_000) else { Issue.record("an expired token is a soft logout"); return }
        cache.insert(TokenHash("b"), alice, expires: nil, now: 0, generation: cache.generation)
        #expect(!isKnown(cache, TokenHash("b"), now: 60_000))
    }

    @Test func staysBounded() {
        let cache = SessionCache()
        for index in 0..<(SessionCache.maxEntries + 1000) { cache.insert(TokenHash("t\(index)"), alice, expires: nil, now: Int64(index), generation: cache.generation) }
        #expect(cache.count <= SessionCache.maxEntries)
        #expect(isKnown(cache, TokenHash("t\(SessionCache.maxEntries + 999)"), now: Int64(SessionCache.maxEntries + 999)))
    }
}
