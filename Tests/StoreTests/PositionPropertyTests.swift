import Store
import TestKit
import Testing

/// No reader that only moves forward ever skips a row, however many writers there are.
@Suite struct PositionPropertyTests {
    struct Outcome: Sendable {
        var rows = 0
        var snapshots = 0
        var rolledBack = 0
        var mismatches: [String] = []
    }

    /// Writers that put in one to three rows per closure and throw away one closure in five, and a reader that asks again
    /// and again for what is after the last position it saw.
    static func run(_ place: TestDatabase, databases: Int, tasks: Int, closures: Int, seed: Int) async throws -> Outcome {
        let reader = try place.open(Sample.migrations)
        let writers = try (0..<databases).map { _ in try place.open(Sample.migrations) }
        defer {
            reader.close()
            for writer in writers { writer.close() }
        }
        let finished = Record<Bool>()
        async let following = follow(reader, until: { !finished.all.isEmpty })
        let written = await Result.of { try await withThrowingTaskGroup(of: (kept: [Int64], thrown: Int).self) { group in
            for (number, database) in writers.enumerated() {
                for task in 0..<tasks {
                    group.addTask {
                        var chance = SplitMix64(seed: UInt64(seed * 10_000 + number * 100 + task))
                        var kept: [Int64] = [], thrown = 0
                        for turn in 0..<closures {
                            let rows = Int.random(in: 1...3, using: &chance), fails = Int.random(in: 0..<5, using: &chance) == 0
                            do {
                                kept += try await database.write { tx throws in
                                    let taken = try (0..<rows).map { _ in try Sample.insert(tx, writer: number, "\(task)/\(turn)") }
                                    if fails { throw Refused() }
                                    return taken
                                }
                            } catch is Refused {
                                thrown += 1
                            }
                        }
                        return (kept, thrown)
                    }
                }
            }
            return try await group.reduce(into: (kept: [Int64](), thrown: 0)) {
                $0.kept += $1.kept
                $0.thrown += $1.thrown
            }
        } }
        finished.add(true)
        var outcome = try await following
        let acknowledged = try written.get()
        outcome.rolledBack = acknowledged.thrown
        if acknowledged.kept.sorted() != Array(1...Int64(acknowledged.kept.count)) {
            outcome.mismatches.append("the acknowledged positions have gaps or doubles")
        }
        if outcome.rows != acknowledged.kept.count {
            outcome.mismatches.append("\(acknowledged.kept.count) rows were acknowledged and \(outcome.rows) were seen")
        }
        return outcome
    }

    static func follow(_ database: Database, until isFinished: @Sendable () -> Bool) async throws -> Outcome {
        var outcome = Outcome()
        var last: Int64 = 0
        var isLastTurn = false
        while true {
            let after = last
            let seen = try await database.read { tx throws in
                // The position is asked for first or last: both belong to the same snapshot.
                after.isMultiple(of: 2)
                    ? (try tx.position, try Sample.positions(tx, after: after))
                    : { ($0.1, $0.0) }((try Sample.positions(tx, after: after), try tx.position))
            }
            outcome.snapshots += 1
            outcome.rows += seen.1.count
            let expected = seen.0 > last ? Array((last + 1)...seen.0) : []
            if seen.0 < last || seen.1 != expected {
                outcome.mismatches.append("after \(last) the snapshot of position \(seen.0) held \(seen.1)")
            }
            last = seen.0
            if isLastTurn { return outcome }
            isLastTurn = isFinished()
        }
    }

    @Test(arguments: [1, 2])
    func oneSQLiteDatabaseSkipsNothing(_ seed: Int) async throws {
        let place = try TestBackend.sqlite.fresh()
        let outcome = try await Self.run(place, databases: 1, tasks: 32, closures: 80, seed: seed)
        #expect(outcome.mismatches == [])
        #expect(outcome.rows >= 2_000 && outcome.snapshots >= 10 && outcome.rolledBack >= 200, "\(outcome)")
    }

    @Test func severalSQLiteWritersSkipNothing() async throws {
        let place = try TestBackend.sqlite.fresh()
        let outcome = try await Self.run(place, databases: 3, tasks: 8, closures: 80, seed: 3)
        #expect(outcome.mismatches == [])
        #expect(outcome.rows >= 2_000 && outcome.snapshots >= 10 && outcome.rolledBack >= 200, "\(outcome)")
    }

    @Test(.enabled(if: TestBackend.available.contains(.postgres)), arguments: [1, 2])
    func fourPostgresWritersSkipNothing(_ seed: Int) async throws {
        let place = try TestBackend.postgres.fresh()
        let outcome = try await Self.run(place, databases: 4, tasks: 8, closures: 80, seed: seed)
        #expect(outcome.mismatches == [])
        #expect(outcome.rows >= 2_000 && outcome.snapshots >= 10 && outcome.rolledBack >= 200, "\(outcome)")
    }
}
