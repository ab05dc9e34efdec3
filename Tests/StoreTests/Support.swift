import Dispatch
import Store
import Synchronization
import TestKit
import Testing

enum Sample {
    static let migrations = [
        Migration(1000, "sample", """
            CREATE TABLE entry (
                position INTEGER PRIMARY KEY,
                writer INTEGER NOT NULL,
                label TEXT NOT NULL
            );
            """),
    ]

    @discardableResult
    static func insert(_ tx: WriteTx, writer: Int = 0, _ label: String) throws -> Int64 {
        let position = tx.nextPosition()
        try tx.run("INSERT INTO entry (position, writer, label) VALUES (?, ?, ?)", position, writer, label)
        return position
    }

    static func positions(_ tx: ReadTx, after: Int64 = 0) throws -> [Int64] {
        try tx.all("SELECT position FROM entry WHERE position > ? ORDER BY position", after) { $0.int(0) }
    }

    static func labels(_ tx: ReadTx) throws -> [String] {
        try tx.all("SELECT label FROM entry ORDER BY position") { $0.text(0) }
    }
}

struct Refused: Error {}

/// Keeps a thread of the database waiting until the test lets it go on.
struct Gate: Sendable {
    private let reached = DispatchSemaphore(value: 0)
    private let opened = DispatchSemaphore(value: 0)
    func hold() {
        reached.signal()
        opened.wait()
    }

    func untilReached() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            DispatchQueue.global().async {
                reached.wait()
                continuation.resume()
            }
        }
    }

    func open() { opened.signal() }
}

/// A list that several threads add to.
final class Record<Element: Sendable>: Sendable {
    private let items = Mutex<[Element]>([])
    func add(_ item: Element) { items.withLock { $0.append(item) } }
    var all: [Element] { items.withLock { $0 } }
}

/// Waits, without blocking a thread, until a condition holds; fails after ten seconds.
func eventually(_ condition: @escaping @Sendable () -> Bool) async throws {
    for _ in 0..<2_000 {
        if condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("the condition did not come true in ten seconds")
}
