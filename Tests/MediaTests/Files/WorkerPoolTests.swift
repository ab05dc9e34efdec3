import Glibc
@testable import Media
import ServerKit
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
    @Test func runsEverythingOffTheCallersThread() async throws {
        let pool = WorkerPool(threads: 3, limit: 10_000)
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<1000 { group.addTask { try await pool.run { number } } }
            return try await group.reduce(0, +)
        }
        #expect(sum == 499_500)
    }

    @Test func passesErrorsOn() async {
        let pool = WorkerPool(threads: 1, limit: 10)
        await #expect(throws: FileError.self) { try await pool.run { throw FileError("open", "x", code: ENOENT) } }
    }

    @Test func refusesWhatIsTooMuch() async throws {
        let pool = WorkerPool(threads: 1, limit: 3), seen = Seen()
        let blocker = Task {
            try await pool.run {
                seen.began.withLock { $0 = true }
                while !seen.isOpen.withLock({ $0 }) { usleep(1000) }
            }
        }
        while !seen.began.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(2)) }
        // Whichever three come first wait; the others are refused while these still do.
        let callers = (0..<10).map { _ in
            Task {
                do { return try await pool.run { true } } catch {
                    #expect(error as? MatrixError == MatrixError.overloaded())
                    seen.refused.withLock { $0 += 1 }
                    return false
                }
            }
        }
        while seen.refused.withLock({ $0 }) < 7 { try await Task.sleep(for: .milliseconds(2)) }
        seen.isOpen.withLock { $0 = true }
        try await blocker.value
        var served = 0
        for caller in callers where await caller.value { served += 1 }
        #expect(served == 3)
        #expect(try await pool.run { 2 } == 2)
    }

    private final class Seen: Sendable {
        let began = Mutex(false), isOpen = Mutex(false), refused = Mutex(0)
    }
}
