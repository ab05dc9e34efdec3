import Glibc
package import ServerKit

/// A few threads of the operating system for work that blocks or computes long: writing files, making thumbnails.
///
/// Invariants: such work never runs on a thread of Swift's tasks; at most `limit` pieces wait, further ones are refused
/// with 503; the threads end with the pool.
package final class WorkerPool: Sendable {
    private final class Shared: @unchecked Sendable {   // all access is under the mutex
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        var waiting: [@Sendable () -> Void] = []
        var head = 0
        var isClosed = false

        init() {
            pthread_mutex_init(mutex, nil)
            pthread_cond_init(condition, nil)
        }
        deinit {
            pthread_cond_destroy(condition)
            pthread_mutex_destroy(mutex)
            condition.deallocate()
            mutex.deallocate()
        }

        /// False when too many wait or the pool is closed.
        func push(_ work: @escaping @Sendable () -> Void, limit: Int) -> Bool {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            guard !isClosed, waiting.count - head < limit else { return false }
            waiting.append(work)
            pthread_cond_signal(condition)
            return true
        }

        /// Blocks for the next piece of work; nil when the pool is closed and nothing is left.
        func pop() -> (@Sendable () -> Void)? {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            while head == waiting.count {
                if isClosed { return nil }
                pthread_cond_wait(condition, mutex)
            }
            let work = waiting[head]
            head += 1
            if head == waiting.count || head >= 256 {
                waiting.removeFirst(head)
                head = 0
            }
            return work
        }

        func close() {
            pthread_mutex_lock(mutex)
            isClosed = true
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
    }

    private let shared = Shared()
    private let limit: Int

    package init(threads: Int, limit: Int) {
        self.limit = limit
        for _ in 0..<threads { Self.start(shared) }
    }

    deinit { shared.close() }

    private static func start(_ shared: Shared) {
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, { raw in
            guard let raw else { return nil }
            let shared = Unmanaged<Shared>.fromOpaque(raw).takeRetainedValue()
            while let work = shared.pop() { work() }
            return nil
        }, Unmanaged.passRetained(shared).toOpaque())
        precondition(status == 0, "the system gives no more threads")
        pthread_detach(thread)
    }

    /// Runs `body` on a thread of the pool. 503 when too much waits already.
    package func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            let taken = shared.push({ continuation.resume(with: Result { try body() }) }, limit: limit)
            if !taken { continuation.resume(throwing: MatrixError.overloaded()) }
        }
    }
}
