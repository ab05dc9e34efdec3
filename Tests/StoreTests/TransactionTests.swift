import Store
import TestKit
import Testing

@Suite struct TransactionTests {
    /// A closure that waits, and closures that queue behind it, so that they share one commit.
    static func behindOneAnother(
        _ database: Database, _ closures: [@Sendable (WriteTx) throws -> Void]
    ) async throws -> [Result<Void, any Error>] {
        let gate = Gate()
        async let first: Void = database.write { _ in gate.hold() }
        await gate.untilReached()
        let results = await withTaskGroup(of: (Int, Result<Void, any Error>).self) { group in
            for (index, closure) in closures.enumerated() {
                group.addTask {
                    do {
                        try await database.write(closure)
                        return (index, .success(()))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            while database.statistics.waitingWrites < closures.count { await Task.yield() }
            gate.open()
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        _ = try? await first   // it may share the transaction of the others, and its end
        return closures.indices.compactMap { results[$0] }
    }

    @Test(arguments: TestBackend.available)
    func closureThatThrowsIsRolledBackAlone(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        let told = Record<Int>()
        let commits = Record<CommitInfo>()
        database.onCommit { commits.add($0) }
        let before = database.statistics
        let results = try await Self.behindOneAnother(database, (0..<40).map { index in
            { tx in
                try Sample.insert(tx, writer: index, "w\(index)")
                tx.afterCommit { told.add(index) }
                tx.touch(.custom("\(index)"))
                if index % 3 == 1 { throw Refused() }
                if index % 3 == 2 { try Sample.insert(tx, writer: index, "second") }
            }
        })
        for (index, result) in results.enumerated() {
            switch result {
            case .success: #expect(index % 3 != 1)
            case .failure(let error): #expect(index % 3 == 1 && error is Refused)
            }
        }
        let kept = Set((0..<40).filter { $0 % 3 != 1 })
        try await database.read { tx throws in
            let writers = try tx.all("SELECT DISTINCT writer FROM entry") { Int($0.int(0)) }
            #expect(Set(writers) == kept)
            #expect(try Sample.positions(tx) == Array(1...40))   // 14 closures with one row, 13 with two
            #expect(try tx.position == 40)
        }
        #expect(Set(told.all) == kept)
        #expect(Set(commits.all.flatMap(\.keys)) == Set(kept.map { .custom("\($0)") }))
        #expect(database.position == 40)
        let after = database.statistics
        #expect(after.failedWrites - before.failedWrites == 13)
        #expect(after.commits - before.commits <= 20)
    }

    @Test(arguments: TestBackend.available)
    func closuresThatWaitShareOneCommit(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        let before = database.statistics
        let results = try await Self.behindOneAnother(database, (0..<150).map { index in
            { try Sample.insert($0, "w\(index)") }
        })
        #expect(results.count == 150)
        let after = database.statistics
        #expect(after.writes - before.writes == 151)
        #expect(after.commits - before.commits <= 50)
        #expect(try await database.read { try Sample.positions($0) } == Array(1...150))
    }

    @Test(arguments: TestBackend.available)
    func positionsFollowTheOrderOfCommits(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        let commits = Record<Int64>()
        database.onCommit { commits.add($0.position) }
        let acknowledged = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for writer in 0..<64 {
                group.addTask {
                    var positions: [Int64] = []
                    for turn in 0..<10 {
                        let position = try await database.write { try Sample.insert($0, writer: writer, "\(turn)") }
                        #expect(database.position >= position)
                        positions.append(position)
                    }
                    return positions
                }
            }
            return try await group.reduce(into: [Int64]()) { all, positions in
                #expect(positions == positions.sorted())
                all.append(contentsOf: positions)
            }
        }
        #expect(acknowledged.sorted() == Array(1...640))
        #expect(commits.all == commits.all.sorted())
        #expect(commits.all.last == 640)
        let place2 = try place.open(Sample.migrations)
        defer { place2.close() }
        #expect(place2.position == 640)
    }

    @Test(arguments: TestBackend.available)
    func readSeesOneSnapshot(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        try await database.write { _ = try Sample.insert($0, "one") }
        let gate = Gate()
        async let seen = database.read { tx throws in
            let before = try (tx.position, Sample.labels(tx))
            gate.hold()
            return try [before, (tx.position, Sample.labels(tx))].map { "\($0)" }
        }
        await gate.untilReached()
        try await database.write { _ = try Sample.insert($0, "two") }
        // The other reader sees the new state while the first still has the old one.
        #expect(try await database.read { try Sample.labels($0) } == ["one", "two"])
        gate.open()
        let both = try await seen
        #expect(both[0] == both[1])
        #expect(both[0].contains("one") && !both[0].contains("two"))
    }

    @Test(arguments: TestBackend.available)
    func nothingIsToldBeforeItIsDurable(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        let other = try place.open(Sample.migrations)
        defer {
            database.close()
            other.close()
        }
        let events = Record<String>()
        database.onCommit { [weak database] info in
            // Another connection sees the rows that the hook tells of.
            let found = (try? other.readNow { try Sample.positions($0).last }) ?? nil
            events.add("hook \(info.position) position \(database?.position ?? -1) found \(found ?? -1) \(info.keys.contains(.room("r")))")
        }
        for turn in 1...3 {
            try await database.write { tx throws in
                let position = try Sample.insert(tx, "\(turn)")
                tx.touch(.room("r"))
                tx.afterCommit { events.add("action \(position)") }
            }
            events.add("answer \(turn)")
        }
        #expect(events.all == (1...3).flatMap {
            ["action \($0)", "hook \($0) position \($0) found \($0) true", "answer \($0)"]
        })
    }

    @Test(arguments: TestBackend.available)
    func failedStatementFailsItsClosureEvenIfCaught(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        let duplicate: @Sendable (WriteTx) throws -> Void = {
            try $0.run("INSERT INTO entry (position, writer, label) VALUES (1, 0, 'twice')")
        }
        try await database.write { _ = try Sample.insert($0, "one") }
        for index in 0..<2 {
            let closures: [@Sendable (WriteTx) throws -> Void] = [
                { _ = try Sample.insert($0, "kept \(index)") },
                { tx in
                    try Sample.insert(tx, "lost")
                    do { try duplicate(tx) } catch {}
                },
                { tx in
                    try Sample.insert(tx, "before")
                    #expect(throws: StoreError.self) {
                        try tx.attempt { tx in
                            try Sample.insert(tx, "in the attempt")
                            tx.touch(.desk)
                            try duplicate(tx)
                        }
                    }
                    try Sample.insert(tx, "after")
                },
            ]
            let results = index == 0
                ? try await Self.behindOneAnother(database, closures)
                : await closures.asyncMap { closure in await Result.of { try await database.write(closure) } }
            #expect(results.map { (try? $0.get()) != nil } == [true, false, true])
            #expect(throws: StoreError.self) { try results[1].get() }
        }
        try await database.read { tx throws in
            #expect(try Sample.labels(tx) == ["one", "kept 0", "before", "after", "kept 1", "before", "after"])
            #expect(try Sample.positions(tx) == Array(1...7))
        }
    }

    @Test(arguments: TestBackend.available)
    func errorOfTheCallersRowClosureIsTheCallers(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        try await database.write { tx throws in
            try Sample.insert(tx, "one")
            #expect(throws: Refused.self) { try tx.each("SELECT label FROM entry") { _ in throw Refused() } }
            try Sample.insert(tx, "two")
            // One statement inside the rows of the same statement.
            let pairs = try tx.all("SELECT label FROM entry ORDER BY position") { row in
                (row.text(0), try tx.all("SELECT label FROM entry ORDER BY position") { $0.text(0) })
            }
            #expect(pairs.map(\.1) == [["one", "two"], ["one", "two"]])
        }
    }

    @Test(arguments: TestBackend.available)
    func readersCannotWrite(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        let error = await #expect(throws: StoreError.self) {
            try await database.read {
                _ = try $0.all("INSERT INTO entry (position, writer, label) VALUES (9, 9, 'x') RETURNING position") { $0.int(0) }
            }
        }
        guard case .readOnly = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(try await database.read { try Sample.positions($0) }.isEmpty)
    }

    @Test(arguments: TestBackend.available)
    func closeLetsTheWaitingEnd(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        let gate = Gate()
        async let first: Void = database.write { _ in gate.hold() }
        await gate.untilReached()
        async let waiting = database.write { try Sample.insert($0, "late") }
        while database.statistics.waitingWrites < 1 { await Task.yield() }
        async let closing: Void = Task { database.close() }.value
        gate.open()
        #expect(try await waiting == 1)
        try await first
        await closing
        await #expect(throws: StoreError.closed) { try await database.write { _ in } }
        await #expect(throws: StoreError.closed) { try await database.read { _ in } }
        let again = try place.open(Sample.migrations)
        defer { again.close() }
        #expect(again.position == 1)
    }

    @Test func tooManyWaitingClosuresAreRefused() async throws {
        let database = try Database.open(.temporary, migrations: Sample.migrations)
        defer { database.close() }
        let gate = Gate()
        async let first: Void = database.write { _ in gate.hold() }
        await gate.untilReached()
        let outcomes = await withTaskGroup(of: Result<Void, any Error>.self) { group in
            for _ in 0..<(Database.queueLimit + 25) {
                group.addTask { await Result.of { try await database.write { _ in } } }
            }
            var outcomes: [Result<Void, any Error>] = []
            // Those that are refused are answered while the others still wait.
            for _ in 0..<25 { if let next = await group.next() { outcomes.append(next) } }
            #expect(outcomes.allSatisfy { if case .failure(StoreError.overloaded) = $0 { true } else { false } })
            gate.open()
            for await outcome in group { outcomes.append(outcome) }
            return outcomes
        }
        try await first
        #expect(outcomes.count { (try? $0.get()) != nil } == Database.queueLimit)
    }
}

extension Result where Failure == any Error {
    static func of(_ body: () async throws -> Success) async -> Self {
        do { return .success(try await body()) } catch { return .failure(error) }
    }
}

extension Array {
    func asyncMap<Other>(_ body: (Element) async throws -> Other) async rethrows -> [Other] {
        var result: [Other] = []
        for element in self { result.append(try await body(element)) }
        return result
    }
}
