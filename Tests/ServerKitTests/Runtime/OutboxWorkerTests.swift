import MatrixCore
@testable import ServerKit
import Store
import Synchronization
import TestKit
import Testing

@Suite struct OutboxWorkerTests {
    /// What is done, and how the next attempts end.
    private final class Desk: Sendable {
        let done = Mutex<[String]>([])
        let failures = Mutex<[OutboxWorker.Failure]>([])
        func worker() -> OutboxWorker {
            OutboxWorker("test", patience: 100_000) { _, item throws(OutboxWorker.Failure) in
                let failure = self.failures.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                if let failure { throw failure }
                self.done.withLock { $0.append(item.key) }
            }
        }
    }

    private func counts(_ app: TestApp) async throws -> DurableQueue.Counts {
        try await app.context.db.read { try DurableQueue.outbox.counts($0, kind: "test") }
    }

    @Test func whatFailsIsTriedAgainFurtherAndFurtherApart() async throws {
        let desk = Desk(), worker = desk.worker(), app = try await TestApp([Feature("x", jobs: [worker.job])])
        desk.failures.withLock { $0 = [.temporary("a"), .temporary("b")] }
        try await app.context.db.write { tx in try worker.enqueue(app.context, tx, key: "k", payload: [:]) }
        try await app.run(job: "outbox.test")
        try await app.run(job: "outbox.test")
        #expect(try await counts(app).waiting == 1)
        #expect(desk.failures.withLock { $0.count } == 1)
        app.clock.advance(10_000)
        try await app.run(job: "outbox.test")
        app.clock.advance(39_999)
        try await app.run(job: "outbox.test")
        #expect(desk.done.withLock { $0.isEmpty })
        app.clock.advance(1)
        try await app.run(job: "outbox.test")
        #expect(desk.done.withLock { $0 } == ["k"])
        #expect(try await counts(app) == .init(done: 1))
    }

    @Test func aPermanentFailureAndTheEndOfPatienceGiveUp() async throws {
        let desk = Desk(), worker = desk.worker(), app = try await TestApp([Feature("x", jobs: [worker.job])])
        desk.failures.withLock { $0 = [.permanent("no")] }
        try await app.context.db.write { tx in try worker.enqueue(app.context, tx, key: "one", payload: [:]) }
        try await app.run(job: "outbox.test")
        #expect(try await counts(app).failed == 1)
        desk.failures.withLock { $0 = Array(repeating: .temporary("again"), count: 9) }
        try await app.context.db.write { tx in try worker.enqueue(app.context, tx, key: "two", payload: [:]) }
        for _ in 0..<9 {
            try await app.run(job: "outbox.test")
            app.clock.advance(40_000)
        }
        #expect(try await counts(app).failed == 2)
    }

    @Test func whatIsDoneAtOnceIsNotDoneTwice() async throws {
        let desk = Desk(), worker = desk.worker(), app = try await TestApp([Feature("x", jobs: [worker.job])])
        try await app.context.db.write { tx in try worker.enqueue(app.context, tx, key: "k", payload: [:], delay: 60_000) }
        #expect(try await worker.doNow(app.context, key: "k", payload: [:]))
        app.clock.advance(60_000)
        try await app.run(job: "outbox.test")
        #expect(desk.done.withLock { $0 } == ["k"])
    }

    @Test func whatWasLeftIsDoneAfterARestart() async throws {
        let desk = Desk(), worker = desk.worker(), app = try await TestApp([Feature("x", jobs: [worker.job])])
        try await app.context.db.write { tx in _ = try DurableQueue.outbox.enqueue(tx, kind: "test", key: "old", payload: [], now: app.clock.now) }
        try await app.run(job: "outbox.test")
        #expect(desk.done.withLock { $0 } == ["old"])
    }
}
