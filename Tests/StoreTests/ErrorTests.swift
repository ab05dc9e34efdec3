import Store
import TestKit
import Testing

@Suite struct ErrorTests {
    static func storeError(_ database: Database, _ body: @escaping @Sendable (WriteTx) throws -> Void) async -> StoreError? {
        do {
            try await database.write(body)
            return nil
        } catch {
            return error as? StoreError
        }
    }

    @Test(arguments: TestBackend.available)
    func constraintsAreTyped(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(ValueTests.migrations)
        defer { database.close() }
        try await database.write { tx throws in
            try tx.run("INSERT INTO sample (id) VALUES (1)")
            try tx.run("INSERT INTO child (id, sample_id, label, level) VALUES (1, 1, 'taken', 0)")
        }
        let cases: [(StoreError.ConstraintKind, String)] = [
            (.unique, "INSERT INTO sample (id) VALUES (1)"),
            (.unique, "INSERT INTO child (id, sample_id, label, level) VALUES (2, 1, 'taken', 0)"),
            (.foreignKey, "INSERT INTO child (id, sample_id, label, level) VALUES (2, 77, 'b', 0)"),
            (.foreignKey, "INSERT INTO child (id, sample_id, label, level) VALUES (2, 77, 'b', 0) RETURNING id"),
            (.foreignKey, "DELETE FROM sample WHERE id = 1"),
            (.notNull, "INSERT INTO child (id, sample_id, label, level) VALUES (2, 1, NULL, 0)"),
            (.check, "INSERT INTO child (id, sample_id, label, level) VALUES (2, 1, 'b', -1)"),
        ]
        for (kind, sql) in cases {
            let error = await Self.storeError(database) { tx in
                if sql.contains("RETURNING") { _ = try tx.first(sql) { $0.int(0) } } else { try tx.run(sql) }
            }
            guard case .constraint(kind, let text) = error else {
                Issue.record("\(sql) gave \(String(describing: error))")
                continue
            }
            #expect(!text.contains("taken"))
        }
        let mismatch = await Self.storeError(database) { try $0.run("INSERT INTO sample (id, whole) VALUES (5, ?)", "secret") }
        guard case .constraint(.other, let text) = mismatch else { return #expect(Bool(false), "\(String(describing: mismatch))") }
        #expect(!text.contains("secret"))
        #expect(try await database.read { try $0.all("SELECT label FROM child") { $0.text(0) } } == ["taken"])
    }

    @Test(arguments: TestBackend.available)
    func whatOneDatabaseCannotHoldBothRefuse(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(ValueTests.migrations)
        defer { database.close() }
        let insert = "INSERT INTO sample (id, name, ratio) VALUES (?, ?, ?)"
        #expect(await Self.storeError(database) { try $0.run(insert, 1, "a\0b", 1.0) } == .invalidText)
        #expect(await Self.storeError(database) { try $0.run(insert, 1, "a", Double.nan) } == .invalidNumber)
        #expect(await Self.storeError(database) { try $0.run(insert, 1, "a", Double.infinity) } == .invalidNumber)
        #expect(try await !database.read { try $0.exists("SELECT 1 FROM sample") })
    }

    @Test(arguments: TestBackend.available)
    func statementsThatAreNotValidAreFoundByPreparing(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(ValueTests.migrations)
        defer { database.close() }
        try database.prepareAll([
            "SELECT id FROM sample WHERE id = ? AND name = ?",
            "INSERT INTO sample (id, name) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING id",
            "SELECT CAST(COUNT(*) AS INTEGER), CAST(id AS TEXT), CAST(? AS BLOB) FROM sample GROUP BY id LIMIT ?",
            "DELETE FROM sample WHERE name LIKE ? ESCAPE '\\' AND content = ?",
        ])
        for sql in [
            "SELECT nothing FROM sample", "SELECT id FROM nowhere", "SELEC id FROM sample", "SELECT \"nothing\" FROM sample",
            "INSERT INTO sample (id, id) VALUES (1",
        ] {
            let error = #expect(throws: StoreError.self) { try database.prepare(sql) }
            guard case .statement(_, sql: sql) = error else {
                Issue.record("\(sql) gave \(String(describing: error))")
                continue
            }
        }
        let error = await Self.storeError(database) { try $0.run("DELETE FROM sample WHERE id = ?") }
        guard case .statement = error else { return #expect(Bool(false), "\(String(describing: error))") }
    }

    /// A disk that is full is told, loses nothing else, and is forgotten once there is room.
    @Test func fullDiskFailsCleanlyAndPasses() async throws {
        let place = try TestBackend.sqlite.fresh()
        let database = try place.open(ValueTests.migrations + Sample.migrations.map { Migration(1001, $0.name, $0.sql) })
        defer { database.close() }
        try await database.write { tx throws in
            let pages = try tx.first("PRAGMA page_count") { $0.int(0) } ?? 0
            _ = try tx.all("PRAGMA max_page_count = \(pages + 4)") { $0.int(0) }
        }
        let large = [UInt8](repeating: 7, count: 100_000)
        let results = try await TransactionTests.behindOneAnother(database, (0..<9).map { index in
            { tx in
                try Sample.insert(tx, "w\(index)")
                if index % 3 == 1 { try tx.run("INSERT INTO sample (id, content) VALUES (?, ?)", index, large) }
            }
        })
        for (index, result) in results.enumerated() {
            guard case .failure(let error) = result else {
                #expect(index % 3 != 1)
                continue
            }
            guard case .diskFull = error as? StoreError else {
                Issue.record("\(index) gave \(error)")
                continue
            }
        }
        #expect(results.count { (try? $0.get()) != nil } <= 6)
        let acknowledged = results.indices.filter { (try? results[$0].get()) != nil }.map { "w\($0)" }
        try await database.read { tx throws in
            #expect(Set(try Sample.labels(tx)) == Set(acknowledged))
            #expect(try !tx.exists("SELECT 1 FROM sample"))
            #expect(try Sample.positions(tx) == (acknowledged.isEmpty ? [] : Array(1...Int64(acknowledged.count))))
        }
        try await database.write { _ = try $0.all("PRAGMA max_page_count = 1000000") { $0.int(0) } }
        #expect(try await database.write { try $0.run("INSERT INTO sample (id, content) VALUES (?, ?)", 1, large) } == 1)
        let next = try await database.write { try Sample.insert($0, "after") }
        #expect(next == Int64(acknowledged.count) + 1)
        #expect(try database.integrityCheck() == [])
    }

    @Test func fileThatIsNoDatabaseIsRefused() throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        let path = directory + "/file.db"
        try writeFile(path, Array(String(repeating: "this is no database. ", count: 400).utf8))
        let error = #expect(throws: StoreError.self) { try Database.open(.sqlite(path: path), migrations: []) }
        guard case .corrupt = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(throws: StoreError.self) { try Database.open(.sqlite(path: directory + "/no/such/place.db"), migrations: []) }
    }
}
