import Store
import TestKit
import Testing

@Suite struct DurableQueueTests {
    @Test(arguments: TestBackend.available)
    func itemIsThereOnlyIfItsTransactionIs(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open([])
        defer { database.close() }
        let queue = DurableQueue.outbox
        await #expect(throws: Refused.self) {
            try await database.write { tx throws in
                try queue.enqueue(tx, kind: "mail", key: "1", payload: [1], now: 100)
                throw Refused()
            }
        }
        let added = try await database.write { tx throws in
            [try queue.enqueue(tx, kind: "mail", key: "1", payload: [1, 0, 255], now: 100),
             try queue.enqueue(tx, kind: "mail", key: "1", payload: [2], now: 100),
             try queue.enqueue(tx, kind: "push", key: "1", payload: [3], now: 100)]
        }
        #expect(added == [true, false, true])
        let items = try await database.write { try queue.claim($0, kind: "mail", now: 100, lease: 50, limit: 10) }
        #expect(items == [.init(kind: "mail", key: "1", payload: [1, 0, 255], attempt: 1, created: 100)])
        #expect(try await database.read { try DurableQueue.jobs.counts($0, kind: "mail") } == .init())
    }

    @Test(arguments: TestBackend.available)
    func itemsComeInOrderWhenTheyAreDue(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open([])
        defer { database.close() }
        let queue = DurableQueue.jobs
        try await database.write { tx throws in
            for key in ["b", "a", "c"] { try queue.enqueue(tx, kind: "k", key: key, payload: [], now: 10) }
            try queue.enqueue(tx, kind: "k", key: "later", payload: [], now: 10, notBefore: 500)
        }
        let first = try await database.write { try queue.claim($0, kind: "k", now: 10, lease: 100, limit: 2) }
        #expect(first.map(\.key) == ["b", "a"])
        let second = try await database.write { try queue.claim($0, kind: "k", now: 10, lease: 100, limit: 2) }
        #expect(second.map(\.key) == ["c"])
        #expect(try await database.read { try queue.nextDue($0, kind: "k") } == 110)
        // The leases end: the same items come again, as second attempts, and what the late worker says is ignored.
        let again = try await database.write { try queue.claim($0, kind: "k", now: 110, lease: 100, limit: 9) }
        #expect(again.map(\.key) == ["b", "a", "c"] && again.allSatisfy { $0.attempt == 2 })
        try await database.write { tx throws in
            #expect(try !queue.done(tx, first[0], now: 111))
            #expect(try !queue.retryLater(tx, first[1], now: 111, notBefore: 112, error: "late"))
            #expect(try !queue.giveUp(tx, first[1], now: 111, error: "late"))
            #expect(try queue.done(tx, again[0], now: 111))
            #expect(try !queue.done(tx, again[0], now: 111))
            #expect(try queue.retryLater(tx, again[1], now: 111, notBefore: 300, error: "503"))
            #expect(try queue.giveUp(tx, again[2], now: 111, error: "410"))
        }
        try await database.read { tx throws in
            #expect(try queue.counts(tx, kind: "k") == .init(waiting: 2, failed: 1, done: 1))
            #expect(try queue.lastError(tx, kind: "k", key: "a") == "503")
            #expect(try queue.lastError(tx, kind: "k", key: "b") == nil)
            #expect(try queue.nextDue(tx, kind: "k") == 300)
        }
        #expect(try await database.write { try queue.claim($0, kind: "k", now: 299, lease: 9, limit: 9) }.isEmpty)
        #expect(try await database.write { try queue.claim($0, kind: "k", now: 300, lease: 9, limit: 9) }.map(\.attempt) == [3])
        try await database.write { tx throws in
            // A key that is done stays known until it is forgotten.
            #expect(try !queue.enqueue(tx, kind: "k", key: "b", payload: [], now: 400))
            #expect(try queue.forget(tx, doneBefore: 111) == 0)
            #expect(try queue.forget(tx, doneBefore: 112) == 1)
            #expect(try queue.enqueue(tx, kind: "k", key: "b", payload: [], now: 400))
            #expect(try queue.retryFailed(tx, kind: "k", now: 400) == 1)
        }
        #expect(try await database.write { try queue.claim($0, kind: "k", now: 600, lease: 9, limit: 9) }.map(\.key) == ["a", "c", "later", "b"])
    }

    /// Several workers on several connections: each item is claimed once.
    @Test(arguments: TestBackend.available)
    func noItemIsClaimedTwice(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let databases = try (0..<3).map { _ in try place.open([]) }
        defer { for database in databases { database.close() } }
        let queue = DurableQueue.outbox
        try await databases[0].write { tx throws in
            for key in 0..<120 { try queue.enqueue(tx, kind: "k", key: "\(key)", payload: [], now: 0) }
        }
        let claimed = try await withThrowingTaskGroup(of: [String].self) { group in
            for database in databases {
                group.addTask {
                    var keys: [String] = []
                    while true {
                        let items = try await database.write { try queue.claim($0, kind: "k", now: 1, lease: 1_000, limit: 7) }
                        if items.isEmpty { return keys }
                        keys += items.map(\.key)
                        try await database.write { tx in for item in items { try queue.done(tx, item, now: 2) } }
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(claimed.count == 120 && Set(claimed).count == 120)
        #expect(try await databases[0].read { try queue.counts($0, kind: "k") } == .init(done: 120))
    }
}
