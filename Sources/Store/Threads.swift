import Glibc

/// State behind one lock, with threads that can wait for a change of it.
final class Monitor<State>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    init(_ state: State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func with<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Blocks this thread until `body` gives a result; it is asked again after each signal.
    func wait<Result>(_ body: (inout State) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) { return result }
            pthread_cond_wait(condition, mutex)
        }
    }

    func signal() { pthread_cond_signal(condition) }
    func broadcast() { pthread_cond_broadcast(condition) }
}

/// A thread of the operating system: database calls block, and must not block the threads of Swift's tasks.
package final class WorkerThread: @unchecked Sendable {
    private var thread = pthread_t()
    private let started: Bool

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    package init(_ run: @escaping @Sendable () -> Void) {
        let body = Unmanaged.passRetained(Body(run))
        let status = pthread_create(&thread, nil, { raw in
            guard let raw else { return nil }
            Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run()
            return nil
        }, body.toOpaque())
        started = status == 0
        precondition(started, "the system gives no more threads")
    }

    var isCurrent: Bool { pthread_equal(pthread_self(), thread) != 0 }

    /// Nobody will wait for its end.
    package func detach() { pthread_detach(thread) }

    func join() { pthread_join(thread, nil) }
}

/// First in, first out; amortised constant time.
struct Queue<Element> {
    private var items: [Element?] = []
    private var head = 0

    var count: Int { items.count - head }
    var isEmpty: Bool { count == 0 }

    mutating func push(_ element: Element) { items.append(element) }

    mutating func pop() -> Element? {
        guard head < items.count else { return nil }
        defer { compact() }
        let element = items[head]
        items[head] = nil
        head += 1
        return element
    }

    mutating func popAll() -> [Element] {
        let all = items[head...].compactMap { $0 }
        items.removeAll()
        head = 0
        return all
    }

    private mutating func compact() {
        if head == items.count {
            items.removeAll(keepingCapacity: items.count <= 1024)
            head = 0
        } else if head >= 512, head * 2 >= items.count {
            items.removeFirst(head)
            head = 0
        }
    }
}

enum SystemClock {
    static func monotonicMicroseconds() -> Int64 { read(CLOCK_MONOTONIC) }
    static func wallMilliseconds() -> Int64 { read(CLOCK_REALTIME) / 1000 }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
