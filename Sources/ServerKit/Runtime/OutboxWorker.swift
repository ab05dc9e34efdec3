import Logging
package import MatrixCore
package import Store
import Synchronization

/// Takes items of one kind out of the durable outbox and does them, with retries that are further and further apart.
///
/// Invariants: an item is done at least once, and given up only when its handler says so or when it is older than `patience`; between two items
/// that are due the worker costs a look at a number in memory.
package final class OutboxWorker: Sendable {
    package enum Failure: Error, Sendable {
        /// Trying again will not help.
        case permanent(String)
        case temporary(String)
    }
    package typealias Handler = @Sendable (Context, DurableQueue.Item) async throws(Failure) -> Void

    private static let lease: Int64 = 300_000, batch = 20
    private let kind: String
    private let patience: Int64
    private let handler: Handler
    /// When the next item is due; 0 before the first look.
    private let due = Atomic<Int64>(0)

    /// - Parameter patience: milliseconds after which an item is given up.
    package init(_ kind: String, patience: Int64, _ handler: @escaping Handler) {
        self.kind = kind; self.patience = patience; self.handler = handler
    }

    /// Puts an item in with the transaction, to be done soon after its commit, or `delay` milliseconds later.
    package func enqueue(_ c: Context, _ tx: WriteTx, key: String, payload: JSON, delay: Int64 = 0) throws {
        let now = c.clock.now
        try DurableQueue.outbox.enqueue(tx, kind: kind, key: key, payload: payload.encoded(), now: now, notBefore: now + delay)
        tx.afterCommit { self.due.store(0, ordering: .sequentiallyConsistent) }
    }

    /// Does an item at once that was put in with a delay. False when it failed: then it is tried again in its time.
    package func doNow(_ c: Context, key: String, payload: JSON) async throws -> Bool {
        let now = c.clock.now, item = DurableQueue.Item(kind: kind, key: key, payload: payload.encoded(), attempt: 0, created: now)
        do throws(Failure) { try await handler(c, item) } catch {
            c.log.warning("an outgoing item failed", metadata: ["outbox.kind": "\(kind)", "attempt": "0", "error": "\(error)"])
            return false
        }
        try await c.db.write { tx in _ = try DurableQueue.outbox.done(tx, item, now: now) }
        return true
    }

    package var job: Job { Job("outbox." + kind, every: 200) { c in try await self.work(c) } }

    /// Does what is due. False when something is still to be done.
    @discardableResult
    package func work(_ c: Context) async throws -> Bool {
        while due.load(ordering: .sequentiallyConsistent) <= c.clock.now {
            let kind = kind
            let items = try await c.db.write { tx in try DurableQueue.outbox.claim(tx, kind: kind, now: c.clock.now, lease: Self.lease, limit: Self.batch) }
            guard !items.isEmpty else {
                due.store(.max, ordering: .sequentiallyConsistent)
                let next = try await c.db.read { tx in try DurableQueue.outbox.nextDue(tx, kind: kind) }
                // Something that came in between has set it to 0: that stays.
                if let next { _ = due.compareExchange(expected: .max, desired: next, ordering: .sequentiallyConsistent) }
                return next == nil
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for item in items { group.addTask { try await self.attempt(c, item) } }
                try await group.waitForAll()
            }
        }
        return false
    }

    private func attempt(_ c: Context, _ item: DurableQueue.Item) async throws {
        do {
            try await handler(c, item)
            c.follow("outgoing item done", ["outbox.kind": kind, "outbox.key": item.key, "attempt": "\(item.attempt)"])
            try await c.db.write { tx in _ = try DurableQueue.outbox.done(tx, item, now: c.clock.now) }
        } catch {
            let now = c.clock.now
            switch error as? Failure {
            case .permanent(let reason):
                c.log.error("an outgoing item is given up", metadata: ["outbox.kind": "\(kind)", "error": "\(reason)"])
                try await c.db.write { tx in _ = try DurableQueue.outbox.giveUp(tx, item, now: now, error: reason) }
            case .temporary(let reason):
                let wait = Self.delay(attempt: item.attempt)
                let isOver = now + wait - item.created > patience
                c.log.warning("an outgoing item failed", metadata: ["outbox.kind": "\(kind)", "attempt": "\(item.attempt)", "again": "\(!isOver)", "error": "\(reason)"])
                try await c.db.write { tx in
                    if isOver { _ = try DurableQueue.outbox.giveUp(tx, item, now: now, error: reason) } else {
                        _ = try DurableQueue.outbox.retryLater(tx, item, now: now, notBefore: now + wait, error: reason)
                    }
                }
            case nil: throw error
            }
        }
    }

    /// 10 s, 40 s, 160 s, 640 s, then an hour.
    static func delay(attempt: Int) -> Int64 { attempt >= 5 ? 3_600_000 : 10_000 << Int64(2 * (max(1, attempt) - 1)) }
}
