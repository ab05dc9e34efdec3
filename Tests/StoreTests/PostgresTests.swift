import Glibc
import Store
import TestKit
import Testing

/// What only a database at the other end of a connection can do.
@Suite(.enabled(if: TestBackend.available.contains(.postgres)))
struct PostgresTests {
    static let end = "SELECT pg_terminate_backend(?)"

    static func process(_ tx: ReadTx) throws -> Int64 {
        try tx.first("SELECT pg_backend_pid()") { $0.int(0) } ?? 0
    }

    static func wait(_ database: Database, gone process: Int64) throws {
        for _ in 0..<1_000 {
            if try database.readNow({ try !$0.exists("SELECT 1 FROM pg_stat_activity WHERE pid = ?", process) }) { return }
            usleep(5_000)
        }
        Issue.record("the connection did not end")
    }

    @Test func readIsDoneAgainOnceIfItsConnectionIsLost() async throws {
        let place = try TestBackend.postgres.fresh()
        let database = try place.open(Sample.migrations, readers: 1), other = try place.open(Sample.migrations)
        defer {
            database.close()
            other.close()
        }
        try await database.write { _ = try Sample.insert($0, "one") }
        let attempts = Record<Int64>()
        let labels = try await database.read { tx throws in
            let process = try Self.process(tx)
            attempts.add(process)
            if attempts.all.count == 1 {
                _ = try other.writeNow { try $0.all(Self.end, process) { $0.bool(0) } }
                try Self.wait(other, gone: process)
            }
            return try Sample.labels(tx)
        }
        #expect(labels == ["one"])
        #expect(Set(attempts.all).count == 2)
        // A connection that is lost between two reads is not noticed by anyone.
        let process = try await database.read { try Self.process($0) }
        _ = try other.writeNow { try $0.all(Self.end, process) { $0.bool(0) } }
        try Self.wait(other, gone: process)
        #expect(try await database.read { try Sample.labels($0) } == ["one"])
    }

    @Test func writeWhoseConnectionIsLostIsNotKept() async throws {
        let place = try TestBackend.postgres.fresh()
        let database = try place.open(Sample.migrations), other = try place.open(Sample.migrations)
        defer {
            database.close()
            other.close()
        }
        let kill: @Sendable (Int64) throws -> Void = { process in
            // The writer holds the position's lock, so the one that ends it must not need it.
            try other.readNow { _ = try $0.all(Self.end, process) { $0.bool(0) } }
            try Self.wait(other, gone: process)
        }
        let middle = await ErrorTests.storeError(database) { tx in
            try Sample.insert(tx, "lost")
            try kill(try Self.process(tx))
            try Sample.insert(tx, "lost too")
        }
        guard case .unavailable = middle else { return #expect(Bool(false), "\(String(describing: middle))") }
        let end = await ErrorTests.storeError(database) { tx in
            try Sample.insert(tx, "lost at the end")
            try kill(try Self.process(tx))
        }
        guard case .unavailable = end else { return #expect(Bool(false), "\(String(describing: end))") }
        #expect(try await database.write { try Sample.insert($0, "kept") } == 1)
        // Between two writes nobody notices.
        try kill(try await database.write { try Self.process($0) })
        #expect(try await database.write { try Sample.insert($0, "kept too") } == 2)
        #expect(try await database.read { try Sample.labels($0) } == ["kept", "kept too"])
    }

    /// Nobody is left in doubt: the server is asked what became of the transaction, and who waits for its changes is told.
    @Test func commitWhoseAnswerIsLostIsLookedUp() async throws {
        let place = try TestBackend.postgres.fresh(), relay = try Relay(place.location)
        let database = try Database.open(relay.location, migrations: Sample.migrations)
        defer { database.close() }
        let told = Record<CommitInfo>(), actions = Record<String>()
        database.onCommit { told.add($0) }
        let write: @Sendable (String) async throws -> Int64 = { label in
            try await database.write { tx in
                tx.touch(.room(label))
                tx.afterCommit { actions.add(label) }
                return try Sample.insert(tx, label)
            }
        }
        relay.cut(.afterCommit)
        #expect(try await write("kept") == 1)
        relay.cut(.beforeCommit)
        let error = await #expect(throws: StoreError.self) { try await write("lost") }
        guard case .unavailable = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(try await write("kept too") == 2)
        #expect(told.all.map(\.keys) == [[.room("kept")], [.room("kept too")]])
        #expect(told.all.map(\.position) == [1, 2] && actions.all == ["kept", "kept too"])
        #expect(try await database.read { try Sample.labels($0) } == ["kept", "kept too"])
    }

    @Test func secretsOfTheURLAreNeverTold() throws {
        for url in [
            "postgresql://someone:sw0rdf1sh@127.0.0.1:1/none",
            "postgresql://someone@127.0.0.1:1/none?password=sw0rdf1sh",
            "postgresql://someone:sw0rdf1sh@127.0.0.1:port/none",
            "postgresql://someone:sw0rdf1sh@[127.0.0.1/none?x=y",
            "sw0rdf1sh",
        ] {
            let error = #expect(throws: StoreError.self) { try Database.open(.postgres(url: url), migrations: []) }
            guard case .unavailable(let text) = error else { return #expect(Bool(false), "\(String(describing: error))") }
            #expect(!text.contains("sw0rdf1sh") && !text.isEmpty)
        }
    }

    @Test func backupNamesTheRightTool() throws {
        let place = try TestBackend.postgres.fresh()
        let database = try place.open([])
        defer { database.close() }
        let error = #expect(throws: StoreError.self) { try database.backup(to: "/dev/null/x") }
        guard case .unsupported(let text) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(text.contains("pg_dump"))
    }

    /// More statements than a connection keeps prepared.
    @Test func statementsThatAreNoLongerPreparedArePreparedAgain() async throws {
        let place = try TestBackend.postgres.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        let sums = try await database.read { tx throws in
            try (0..<900).map { index in try tx.first("SELECT CAST(? AS INTEGER) + \(index % 450)", index) { $0.int(0) } ?? -1 }
        }
        #expect(sums == (0..<900).map { Int64($0 + $0 % 450) })
    }
}
