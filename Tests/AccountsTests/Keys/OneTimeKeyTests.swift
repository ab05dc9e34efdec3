@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct OneTimeKeyTests {
    @Test func areHandedOutOnceInOrderOfUpload() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice", device: "A"), bob = try await world.app.register("bob")
        try await world.upload(alice, ["one_time_keys": oneTimeKeys(["z1", "a2"])]).expect(200)
        try await world.upload(alice, ["one_time_keys": oneTimeKeys(["B", "0"])]).expect(200)
        var names: [String] = []
        while let key = try await world.claim(bob, from: alice) { names.append(key.name) }
        #expect(names == ["a2", "z1", "0", "B"].map { "signed_curve25519:" + $0 })
        #expect(try await world.claim(bob, from: alice, "other") == nil)
    }

    @Test func theSameIdMustHaveTheSameKeyAndAClaimedKeyStaysClaimed() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        let key: JSON = ["one_time_keys": oneTimeKeys(["1"])]
        #expect(try await world.upload(alice, key).expect(200)["one_time_key_counts"] == ["signed_curve25519": 1])
        #expect(try await world.upload(alice, key).expect(200)["one_time_key_counts"] == ["signed_curve25519": 1])
        try await world.upload(alice, ["one_time_keys": oneTimeKeys(["1", "2"], key: "other")]).expect(400, "M_INVALID_PARAM")
        #expect(try await world.upload(alice, [:]).expect(200)["one_time_key_counts"] == ["signed_curve25519": 1])   // nothing of a refused upload is kept
        #expect(try await world.claim(bob, from: alice)?.name == "signed_curve25519:1")
        // The answer to the upload was lost and it comes again: the key has been used.
        #expect(try await world.upload(alice, key).expect(200)["one_time_key_counts"] == ["signed_curve25519": 0])
        #expect(try await world.claim(bob, from: alice) == nil)
        // A fresh key under an old name is a fresh key.
        try await world.upload(alice, ["one_time_keys": oneTimeKeys(["1"], key: "fresh")]).expect(200)
        #expect(try await world.claim(bob, from: alice)?.key["key"] == "fresh1")
        world.app.clock.advance(OneTimeKeyRules.memory + 1)
        try await world.app.run(job: "accounts.cleanup")
        #expect(try await world.c.db.read { tx in try tx.exists("SELECT 1 FROM one_time_key") } == false)
    }

    @Test func theFallbackKeyServesWhenNoneIsLeft() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        func unused() async throws -> JSON? { try await world.extra(alice)["device_unused_fallback_key_types"] }
        #expect(try await unused() == [])
        let fallback: JSON = ["signed_curve25519:f": ["key": "f", "fallback": true]]
        try await world.upload(alice, ["one_time_keys": oneTimeKeys(["1"]), "fallback_keys": fallback]).expect(200)
        #expect(try await unused() == ["signed_curve25519"])
        #expect(try await world.claim(bob, from: alice)?.name == "signed_curve25519:1")
        #expect(try await unused() == ["signed_curve25519"])
        for _ in 0..<2 { #expect(try await world.claim(bob, from: alice)?.name == "signed_curve25519:f") }
        #expect(try await unused() == [])
        try await world.upload(alice, ["fallback_keys": fallback]).expect(200)   // the same again has been used
        #expect(try await unused() == [])
        try await world.upload(alice, ["fallback_keys": ["signed_curve25519:g": ["key": "g", "fallback": true]]]).expect(200)
        #expect(try await unused() == ["signed_curve25519"])
        #expect(try await world.claim(bob, from: alice)?.name == "signed_curve25519:g")
    }

    /// Whatever comes at the same time: no key twice, and each claimer sees the order of upload.
    @Test func concurrentClaimsNeverGetTheSameKey() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        let uploads = 6, each = 15
        let claimed = try await withThrowingTaskGroup(of: [String].self) { group in
            group.addTask {
                for upload in 0..<uploads {
                    try await world.upload(alice, ["one_time_keys": oneTimeKeys((0..<each).map { "\(upload)-\($0 < 10 ? "0" : "")\($0)" })]).expect(200)
                }
                return []
            }
            for _ in 0..<8 {
                group.addTask {
                    var mine: [String] = [], misses = 0
                    while misses < 30 {
                        if let key = try await world.claim(bob, from: alice) { mine.append(key.name) } else { misses += 1; await Task.yield() }
                    }
                    #expect(mine == mine.sorted(), "out of order")
                    return mine
                }
            }
            var all: [String] = []
            for try await some in group { all += some }
            return all
        }
        while try await world.claim(bob, from: alice) != nil {}
        #expect(Set(claimed).count == claimed.count)
        let rows = try await world.c.db.read { tx in try tx.first("SELECT COUNT(*), COUNT(claimed) FROM one_time_key") { [$0.int(0), $0.int(1)] } }
        #expect(rows == [Int64(uploads * each), Int64(uploads * each)])
    }

    @Test func countsAreInEverySyncAndComeFromMemory() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        #expect(try await world.extra(alice)["device_one_time_keys_count"] == ["signed_curve25519": 0])
        try await world.app.expectConverges(alice) {
            try await world.upload(alice, ["one_time_keys": oneTimeKeys(["1", "2"]), "fallback_keys": ["signed_curve25519:f": "f"]]).expect(200)
            _ = try await world.claim(bob, from: alice)
        }
        #expect(try await world.extra(alice)["device_one_time_keys_count"] == ["signed_curve25519": 1])
        let source = KeyCountSync(cache: world.accounts.keyCounts), before = world.c.db.statistics.reads
        var parts = SyncParts()
        #expect(source.idle(user: alice.id, device: alice.device, into: &parts))
        #expect(world.c.db.statistics.reads == before && parts.extra.map(\.name) == ["device_one_time_keys_count", "device_unused_fallback_key_types"])
        #expect(parts.isEmpty)   // they alone are no news
    }
}

@Suite struct KeyCountCacheTests {
    @Test func anOldSnapshotPutsNothingIn() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), cache = world.accounts.keyCounts
        let old = world.c.db.position
        try await world.upload(alice, ["one_time_keys": oneTimeKeys(["1"])]).expect(200)
        _ = try await world.c.db.read { tx in try cache.counts(tx, alice.id, alice.device, at: old) }
        #expect(cache.known(alice.id, alice.device) == nil)
        _ = try await world.c.db.read { tx in try cache.counts(tx, alice.id, alice.device, at: try tx.position) }
        #expect(cache.known(alice.id, alice.device)?.oneTimeKeys == Array(#"{"signed_curve25519":1}"#.utf8))
    }
}
