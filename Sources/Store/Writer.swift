import Glibc

/// Told after each durable commit.
package struct CommitInfo: Sendable {
    /// The last position of the commit.
    package let position: Int64
    /// What the commit touched.
    package let keys: Set<ChangeKey>
}

/// One closure that waits for the writer.
struct WriteJob: @unchecked Sendable {
    /// Runs the caller's closure and keeps its result aside.
    let run: (WriteTx) throws -> Void
    /// Called once, after the commit (nil) or with the error.
    let finish: ((any Error)?) -> Void
}

package struct StoreStatistics: Sendable, Equatable {
    /// Durable commits.
    package var commits: Int64 = 0
    /// Write closures whose work was kept.
    package var writes: Int64 = 0
    /// Write closures that failed.
    package var failedWrites: Int64 = 0
    package var reads: Int64 = 0
    package var waitingWrites = 0
    package var waitingReads = 0
}

/// The thread that writes. It puts the closures that wait into one transaction, each in a savepoint, and answers them
/// together after one COMMIT: durable writes cost one fsync per batch instead of one each.
final class Writer: @unchecked Sendable {
    static let batchLimit = 200
    static let batchMicroseconds: Int64 = 40_000

    private struct State {
        var queue = Queue<WriteJob>()
        /// What must have the connection to itself, outside any transaction.
        var exclusive = Queue<Exclusive>()
        var isClosing = false
        var statistics = StoreStatistics()
        var hooks: [@Sendable (CommitInfo) -> Void] = []
    }

    private let monitor = Monitor(State())
    private let limit: Int
    private let position: PositionCell
    private let connection: any Connection
    private var thread: WorkerThread?
    /// The transaction whose COMMIT was not answered. Nothing else is written before the database has said what became of it.
    /// Used by the writer's thread alone.
    private var unsettled: Batch?
    static let settlingMicroseconds: Int64 = 5_000_000

    init(_ connection: any Connection, position: PositionCell, limit: Int) {
        self.connection = connection
        self.position = position
        self.limit = limit
    }

    func start() {
        thread = WorkerThread { [self] in
            while let job = next() {
                switch job {
                case .write(let job): transact(job)
                case .exclusive(let job): job(.success(connection))
                }
            }
            connection.close()
        }
    }

    var isCurrentThread: Bool { thread?.isCurrent ?? false }

    var statistics: StoreStatistics {
        monitor.with {
            var copy = $0.statistics
            copy.waitingWrites = $0.queue.count
            return copy
        }
    }

    func addHook(_ hook: @escaping @Sendable (CommitInfo) -> Void) { monitor.with { $0.hooks.append(hook) } }

    func submit(_ job: WriteJob) {
        let refusal: StoreError? = monitor.with {
            if $0.isClosing { return .closed }
            if $0.queue.count >= limit { return .overloaded }
            $0.queue.push(job)
            return nil
        }
        if let refusal { job.finish(refusal) } else { monitor.signal() }
    }

    /// Lets the waiting closures end, then ends the thread.
    func close() {
        let isFirst = monitor.with { state in
            defer { state.isClosing = true }
            return !state.isClosing
        }
        guard isFirst else { return }
        monitor.broadcast()
        thread?.join()
    }

    private enum Work {
        case write(WriteJob)
        case exclusive(Exclusive)
    }
    /// Called once: with the connection on the writer's thread, or with the reason why not.
    typealias Exclusive = (Result<any Connection, StoreError>) -> Void

    func submit(exclusive job: @escaping Exclusive) {
        let isClosed = monitor.with {
            if !$0.isClosing { $0.exclusive.push(job) }
            return $0.isClosing
        }
        if isClosed { job(.failure(.closed)) } else { monitor.signal() }
    }

    private func next() -> Work? {
        monitor.wait { state -> Work?? in
            if let job = state.exclusive.pop() { return .some(.exclusive(job)) }
            if let job = state.queue.pop() { return .some(.write(job)) }
            return state.isClosing ? .some(nil) : nil
        }
    }

    // MARK: one transaction

    private struct Batch {
        var done: [WriteJob] = []
        var failed: [(WriteJob, any Error)] = []
        var position: Int64
        var keys: Set<ChangeKey> = []
        var actions: [@Sendable () -> Void] = []
    }

    private func transact(_ first: WriteJob) {
        let start: Int64
        do {
            guard settle() else { throw StoreError.unavailable("what became of the last commit is not known yet") }
            start = try connection.beginWrite()
        } catch {
            refuse([first] + monitor.with { $0.queue.popAll() }, error)
            return
        }
        var batch = Batch(position: start)
        let began = SystemClock.monotonicMicroseconds()
        var job: WriteJob? = first
        var taken = 0
        while let current = job {
            taken += 1
            do {
                try run(current, in: &batch)
            } catch {
                // The database has ended the transaction: what it held is lost, and each caller is told.
                connection.rollBack()
                refuse(batch.done + [current], error)
                answer(batch.failed)
                return
            }
            guard connection.isInTransaction else { break }
            guard taken < Self.batchLimit, SystemClock.monotonicMicroseconds() - began < Self.batchMicroseconds else { break }
            job = monitor.with { $0.queue.pop() }
        }
        commit(batch, start: start)
    }

    /// Runs one closure. Throws only if the whole transaction is lost.
    private func run(_ job: WriteJob, in batch: inout Batch) throws {
        // Nothing is in the transaction yet: the transaction itself is the savepoint.
        let isAlone = batch.done.isEmpty
        if !isAlone { try connection.savepoint(0) }
        let transaction = WriteTx(connection, lastPosition: batch.position, depth: 0)
        do {
            defer { transaction.end() }
            try job.run(transaction)
            if let failure = transaction.failure { throw failure }
        } catch {
            guard connection.isInTransaction else { throw transaction.failure ?? error }
            batch.failed.append((job, error))
            if isAlone {
                connection.rollBack()
            } else {
                try connection.rollBack(to: 0)
            }
            return
        }
        if !isAlone { try connection.release(0) }
        batch.done.append(job)
        batch.position = transaction.lastPosition
        batch.keys.formUnion(transaction.keys)
        batch.actions += transaction.actions
    }

    private func commit(_ batch: Batch, start: Int64) {
        guard !batch.done.isEmpty else {
            connection.rollBack()
            answer(batch.failed)
            return
        }
        do {
            try connection.commit(position: batch.position == start ? nil : batch.position)
        } catch {
            connection.rollBack()
            guard case .outcomeUnknown = error else { return drop(batch, error) }
            unsettled = batch
            let began = SystemClock.monotonicMicroseconds()
            while !settle() {
                guard SystemClock.monotonicMicroseconds() - began < Self.settlingMicroseconds, !monitor.with({ $0.isClosing }) else {
                    // They hear that it is not known. If it was kept, what belongs to it is done as soon as that is.
                    unsettled?.done = []
                    unsettled?.failed = []
                    return drop(batch, error)
                }
                usleep(20_000)
            }
            return
        }
        keep(batch)
    }

    /// Finds out what became of a commit that was not answered, and ends it. False as long as that cannot be known.
    private func settle() -> Bool {
        guard let batch = unsettled else { return true }
        do {
            let wasKept = try connection.wasKept()
            unsettled = nil
            if wasKept { keep(batch) } else { drop(batch, StoreError.unavailable("the connection was lost while committing; nothing was kept")) }
            return true
        } catch {
            return false
        }
    }

    private func drop(_ batch: Batch, _ error: any Error) {
        refuse(batch.done, error)
        answer(batch.failed)
    }

    private func keep(_ batch: Batch) {
        position.raise(to: batch.position)
        let hooks = monitor.with { state in
            state.statistics.commits += 1
            state.statistics.writes += Int64(batch.done.count)
            return state.hooks
        }
        for action in batch.actions { action() }
        let info = CommitInfo(position: batch.position, keys: batch.keys)
        for hook in hooks { hook(info) }
        for job in batch.done { job.finish(nil) }
        answer(batch.failed)
    }

    private func refuse(_ jobs: [WriteJob], _ error: any Error) {
        answer(jobs.map { ($0, error) })
    }

    private func answer(_ failed: [(WriteJob, any Error)]) {
        guard !failed.isEmpty else { return }
        monitor.with { $0.statistics.failedWrites += Int64(failed.count) }
        for (job, error) in failed { job.finish(error) }
    }
}
