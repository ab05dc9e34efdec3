@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct ToDeviceTests {
    private func send(_ world: World, _ user: TestUser, _ messages: JSON, txn: String, type: String = "my.type") async -> TestResponse {
        await world.app.call(.put, v3 + "/sendToDevice/\(type)/\(txn)", as: user, json: ["messages": messages])
    }
    private func acknowledge(_ world: World, _ user: TestUser, _ token: SyncToken) async throws {
        for source in world.c.syncSources { try await source.acknowledged(world.c, user: user.id, device: user.device, through: token) }
    }

    @Test func reachesOneDeviceOrAll() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice", device: "A"), bob = try await world.app.register("bob", device: "B"), bob2 = try await world.app.login(bob, device: "B2")
        try await send(world, alice, .object([bob.id.rawValue: ["B": ["n": 1], "unknown": ["n": 0]], "@nobody:test": ["*": [:]], "@far:away": ["X": [:]]]), txn: "1").expect(200)
        try await send(world, alice, .object([bob.id.rawValue: ["*": ["n": 2]]]), txn: "2").expect(200)
        func message(_ n: JSON) -> JSON { ["type": "my.type", "sender": "@alice:test", "content": ["n": n]] }
        #expect(try await world.app.picture(bob).picture.toDevice == [message(1), message(2)])
        #expect(try await world.app.picture(bob2).picture.toDevice == [message(2)])
        #expect(try await world.app.picture(alice).picture.toDevice == [])
    }

    @Test func aTransactionSendsOnceForItsDevice() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), alice2 = try await world.app.login(alice), bob = try await world.app.register("bob")
        let messages = JSON.object([bob.id.rawValue: ["*": [:]]])
        for _ in 0..<2 { try await send(world, alice, messages, txn: "t").expect(200) }
        #expect(try await world.app.picture(bob).picture.toDevice.count == 1)
        try await send(world, alice2, messages, txn: "t").expect(200)
        try await send(world, alice, messages, txn: "t", type: "other").expect(200)
        #expect(try await world.app.picture(bob).picture.toDevice.count == 3)
        world.app.clock.advance(24 * 3_600_000 + 1)
        try await world.app.run(job: "accounts.cleanup")
        try await send(world, alice, messages, txn: "t").expect(200)
        #expect(try await world.app.picture(bob).picture.toDevice.count == 4)
    }

    @Test func isKeptUntilAcknowledged() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        let (_, before) = try await world.app.picture(bob)
        try await send(world, alice, .object([bob.id.rawValue: ["*": ["n": 1]]]), txn: "1").expect(200)
        for _ in 0..<2 {   // an answer that was lost comes again
            try await acknowledge(world, bob, before)
            #expect(try await world.app.contributions(bob, since: before).parts.toDevice.count == 1)
        }
        let after = try await world.app.contributions(bob, since: before).scope.now
        try await send(world, alice, .object([bob.id.rawValue: ["*": ["n": 2]]]), txn: "2").expect(200)
        try await acknowledge(world, bob, after)
        #expect(try await world.app.contributions(bob, since: after).parts.toDevice.count == 1)
        #expect(try await world.app.picture(bob).picture.toDevice.first?["content"] == ["n": 2])
    }

    @Test func aLongQueueComesInPiecesWithoutLoss() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        let (_, start) = try await world.app.picture(bob)
        for n in 0..<250 { try await send(world, alice, .object([bob.id.rawValue: ["*": ["n": .int(Int64(n))]]]), txn: "\(n)").expect(200) }
        var got: [Int64] = [], token = start
        for _ in 0..<4 {
            try await acknowledge(world, bob, token)
            let (parts, scope) = try await world.app.contributions(bob, since: token)
            #expect(parts.toDevice.count <= 100)
            got += try parts.toDevice.compactMap { try JSON.parse($0)["content"]?["n"]?.intValue }
            token = scope.now
            token.toDevice = parts.toDeviceThrough
            token = try #require(SyncToken(token.description))
        }
        #expect(got == Array(0..<250))
        try await acknowledge(world, bob, token)
        #expect(try await world.c.db.read { tx in try tx.exists("SELECT 1 FROM to_device") } == false)
    }

    @Test func acknowledgingNothingReadsNothing() async throws {
        let world = try await World()
        let bob = try await world.app.register("bob")
        let (_, token) = try await world.app.picture(bob)
        let before = world.c.db.statistics
        try await acknowledge(world, bob, token)
        #expect(world.c.db.statistics.reads == before.reads && world.c.db.position == token.position)
    }

    @Test func whatWaitsIsKnownAfterARestart() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        try await send(world, alice, .object([bob.id.rawValue: ["*": [:]]]), txn: "1").expect(200)
        let waiting = WaitingDevices()
        #expect(!waiting.contains(bob.id, bob.device))
        try await waiting.load(world.c)
        #expect(waiting.contains(bob.id, bob.device) && !waiting.contains(alice.id, alice.device))
    }

    @Test func convergesAndEndsWithTheDevice() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob", device: "B")
        try await send(world, alice, .object([bob.id.rawValue: ["*": ["n": 0]]]), txn: "0").expect(200)
        try await world.app.expectConverges(bob) {
            for n in 1..<150 { try await send(world, alice, .object([bob.id.rawValue: ["B": ["n": .int(Int64(n))]]]), txn: "\(n)").expect(200) }
        }
        try await world.app.call(.post, v3 + "/logout", as: bob, json: [:]).expect(200)
        #expect(try await world.c.db.read { tx in try tx.exists("SELECT 1 FROM to_device") } == false)
    }

    @Test func refusesBadInput() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.put, v3 + "/sendToDevice/t/1", as: alice, json: [:]).expect(400, "M_MISSING_PARAM")
        try await send(world, alice, [], txn: "1").expect(400, "M_BAD_JSON")
        try await send(world, alice, ["nobody": [:]], txn: "1").expect(400, "M_INVALID_PARAM")
        try await send(world, alice, ["@a:test": []], txn: "1").expect(400, "M_BAD_JSON")
        try await send(world, alice, ["@a:test": ["*": "x"]], txn: "1").expect(400, "M_BAD_JSON")
        try await send(world, alice, [:], txn: String(repeating: "x", count: 256)).expect(400, "M_INVALID_PARAM")
    }
}
