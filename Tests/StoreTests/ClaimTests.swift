import Store
import Synchronization
import TestKit
import Testing

/// One server to a database of PostgreSQL.
@Suite(.enabled(if: TestBackend.available.contains(.postgres)))
struct ClaimTests {
    static func url(_ place: TestDatabase) throws -> String {
        guard case .postgres(let url) = place.location else { throw Refused() }
        return url
    }
    /// The sessions that hold a server's lock.
    static let holders = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 4851232 AND objsubid = 2 AND granted AND objid = CAST(CAST(hashtext(current_schema()) AS BIT(32)) AS BIGINT)"

    @Test func aSecondServerIsRefusedUntilTheFirstHasEnded() async throws {
        let place = try TestBackend.postgres.fresh(), url = try Self.url(place)
        let first = try PostgresClaim(url: url) {}
        #expect(throws: PostgresClaim.Taken.self) { try PostgresClaim(url: url) {} }
        // What does not serve is not held up, and another schema is another server's.
        let beside = try place.open(Sample.migrations)
        #expect(try await beside.write { try Sample.insert($0, "beside") } == 1)
        beside.close()
        let elsewhere = try TestBackend.postgres.fresh()
        try PostgresClaim(url: try Self.url(elsewhere)) {}.release()
        first.release()
        try PostgresClaim(url: url) {}.release()
    }

    @Test func aLockThatWasLostWithItsConnectionIsTakenAgain() async throws {
        let place = try TestBackend.postgres.fresh(), url = try Self.url(place)
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        let isLost = Flag()
        let claim = try PostgresClaim(url: url) { isLost.raise() }
        defer { claim.release() }
        for _ in 0..<3 {
            let before = try await database.read { try $0.all(Self.holders) { $0.int(0) } }
            #expect(before.count == 1)
            _ = try await database.read { try $0.all(PostgresTests.end, before[0]) { $0.bool(0) } }
            try await eventually {
                let now = (try? database.readNow { try $0.all(Self.holders) { $0.int(0) } }) ?? []
                return now.count == 1 && now != before
            }
        }
        #expect(!isLost.isUp)
        #expect(throws: PostgresClaim.Taken.self) { try PostgresClaim(url: url) {} }
    }

    @Test func whoeverLosesTheDatabaseToAnotherServerIsTold() async throws {
        let place = try TestBackend.postgres.fresh(), url = try Self.url(place)
        let database = try place.open(Sample.migrations), isLost = Flag()
        defer { database.close() }
        let claim = try PostgresClaim(url: url) { isLost.raise() }
        defer { claim.release() }
        // Another server is quicker: it waits for the lock with the database's own queue.
        let thief = try place.open(Sample.migrations)
        defer { thief.close() }
        let isWaiting = Flag()
        let holder = try await database.read { try $0.all(Self.holders) { $0.int(0) } }
        let stealing = Task {
            try await thief.write { tx in
                isWaiting.raise()
                _ = try tx.all("SELECT pg_advisory_lock(4851232, hashtext(current_schema())) IS NULL") { $0.bool(0) }
            }
        }
        try await eventually { isWaiting.isUp && (try? database.readNow { try $0.exists("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 4851232 AND NOT granted") }) == true }
        _ = try await database.read { try $0.all(PostgresTests.end, holder[0]) { $0.bool(0) } }
        try await stealing.value
        try await eventually { isLost.isUp }
    }
}

private final class Flag: Sendable {
    private let value = Atomic(false)
    var isUp: Bool { value.load(ordering: .relaxed) }
    func raise() { value.store(true, ordering: .relaxed) }
}
