import Synchronization

/// The last committed position, readable by any thread at no cost.
final class PositionCell: Sendable {
    private let cell: Atomic<Int64>
    init(_ value: Int64) { cell = Atomic(value) }
    var value: Int64 { cell.load(ordering: .acquiring) }
    func raise(to value: Int64) { _ = cell.max(value, ordering: .acquiringAndReleasing) }
}

/// One closure that waits for a reader.
struct ReadJob: @unchecked Sendable {
    let run: (ReadTx) throws -> Void
    let finish: ((any Error)?) -> Void
}

/// Threads that read, each with its own connection; first come, first served.
final class ReaderPool: @unchecked Sendable {
    private struct State {
        var queue = Queue<ReadJob>()
        var isClosing = false
        var reads: Int64 = 0
        /// Connections of those who read on their own thread; at most `inlineLimit`.
        var idle: [any Connection] = []
        var inline = 0
    }
    private static let inlineLimit = 2

    private let monitor = Monitor(State())
    private let limit: Int
    private let connect: @Sendable () throws(StoreError) -> any Connection
    private var threads: [WorkerThread] = []

    init(count: Int, limit: Int, connect: @escaping @Sendable () throws(StoreError) -> any Connection) {
        self.limit = limit
        self.connect = connect
        threads = (0..<count).map { _ in WorkerThread { [self] in loop() } }
    }

    var isCurrentThread: Bool { threads.contains { $0.isCurrent } }

    var counts: (reads: Int64, waiting: Int) { monitor.with { ($0.reads, $0.queue.count) } }

    func submit(_ job: ReadJob) {
        let refusal: StoreError? = monitor.with {
            if $0.isClosing { return .closed }
            if $0.queue.count >= limit { return .overloaded }
            $0.queue.push(job)
            return nil
        }
        if let refusal { job.finish(refusal) } else { monitor.signal() }
    }

    func close() {
        let isFirst = monitor.with { state in
            defer { state.isClosing = true }
            return !state.isClosing
        }
        guard isFirst else { return }
        monitor.broadcast()
        for connection in monitor.with({ state in defer { state.idle = [] }; return state.idle }) { connection.close() }
        for thread in threads { thread.join() }
    }

    /// Runs `body` on the calling thread with a connection of its own; nil when none is free: then it must wait its turn in the
    /// pool. For reads of microseconds on an embedded database, where handing over to another thread costs more than the read.
    func runInline<T>(_ body: @escaping (ReadTx) throws -> T) throws -> T? {
        let (found, mayOpen) = monitor.with { state -> ((any Connection)?, Bool) in
            if state.isClosing { return (nil, false) }
            if let connection = state.idle.popLast() { return (connection, false) }
            guard state.inline < Self.inlineLimit else { return (nil, false) }
            state.inline += 1
            return (nil, true)
        }
        guard found != nil || mayOpen else { return nil }
        var connection = found, result: T?
        defer {
            if let connection {
                let isClosing = monitor.with { state in
                    if !state.isClosing { state.idle.append(connection) }
                    return state.isClosing
                }
                if isClosing { connection.close() }
            } else {
                monitor.with { $0.inline -= 1 }   // it could not be opened
            }
        }
        try read(ReadJob(run: { result = try body($0) }, finish: { _ in }), &connection)
        monitor.with { $0.reads += 1 }
        return result
    }

    private func loop() {
        // Opened at the first read: a server at rest holds no connection that it does not need.
        var connection: (any Connection)?
        while let job = next() {
            do {
                do {
                    try read(job, &connection)
                } catch where connection?.isLost ?? false {
                    // A read changes nothing, so it is simply done again on a new connection.
                    try read(job, &connection)
                }
                job.finish(nil)
            } catch {
                job.finish(error)
            }
        }
        connection?.close()
    }

    private func read(_ job: ReadJob, _ connection: inout (any Connection)?) throws {
        let open = try connection ?? connect()
        connection = open
        try open.beginRead()
        do {
            let transaction = ReadTx(open)
            defer { transaction.end() }
            try job.run(transaction)
            if let failure = transaction.failure { throw failure }
            try open.commit(position: nil)
        } catch {
            open.rollBack()
            throw error
        }
    }

    private func next() -> ReadJob? {
        monitor.wait { state -> ReadJob?? in
            if let job = state.queue.pop() {
                state.reads += 1
                return .some(job)
            }
            return state.isClosing ? .some(nil) : nil
        }
    }
}
