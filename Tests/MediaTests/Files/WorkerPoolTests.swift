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
        let pool = WorkerPool(threads: 1, limit: 3), gate = Mutex(true)
        let blocker = Task { try await pool.run { while gate.withLock({ $0 }) { usleep(1000) } } }
        try await Task.sleep(for: .milliseconds(50))
        let waiting = (0..<3).map { _ in Task { try await pool.run { 1 } } }
        try await Task.sleep(for: .milliseconds(50))
        await #expect(throws: MatrixError.overloaded()) { try await pool.run { 1 } }
        gate.withLock { $0 = false }
        try await blocker.value
        for task in waiting { #expect(try await task.value == 1) }
        #expect(try await pool.run { 2 } == 2)
    }
}
