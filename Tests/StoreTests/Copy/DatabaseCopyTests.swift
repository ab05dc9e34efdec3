@testable import Store
import TestKit
import Testing

@Suite struct DatabaseCopyTests {
    private static let migrations = [
        Migration(1000, "goods", """
            CREATE TABLE shelf (name TEXT NOT NULL PRIMARY KEY, room INTEGER NOT NULL);
            CREATE TABLE good (id INTEGER PRIMARY KEY, shelf TEXT NOT NULL REFERENCES shelf (name), price REAL, picture BLOB, note TEXT, "order" INTEGER);
            CREATE TABLE pair (a TEXT NOT NULL, b INTEGER NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID;
            INSERT INTO shelf (name, room) VALUES ('first', 1);
            """),
    ]

    /// Every kind of value at its limits, and many rows.
    private func fill(_ place: TestDatabase) throws {
        let db = try place.open(Self.migrations)
        defer { db.close() }
        try db.writeNow { tx in
            try tx.run("DELETE FROM shelf")   // what the migration put in was taken away: it must not come back
            for shelf in ["é\u{1F600}", "", "Z", "a"] { try tx.run("INSERT INTO shelf (name, room) VALUES (?, ?)", shelf, Int64.min) }
            let values: [(Double?, [UInt8]?, String?, Int64?)] = [
                (nil, nil, nil, nil), (-0.0, [], "", Int64.max), (1.5e300, [0, 1, 255], "line\nline\t\\N", 0), (2.3e-308, [UInt8](repeating: 7, count: 1_000_000), "x", -1),
            ]
            for (id, value) in values.enumerated() {
                try tx.run("INSERT INTO good (id, shelf, price, picture, note, \"order\") VALUES (?, ?, ?, ?, ?, ?)", id - 2, "", value.0, value.1, value.2, value.3)
            }
            for number in 0..<3000 { try tx.run("INSERT INTO pair (a, b) VALUES (?, ?)", "p\(number % 7)", number) }
            for _ in 0..<41 { _ = tx.nextPosition() }
            try DurableQueue.outbox.enqueue(tx, kind: "mail", key: "1", payload: [9], now: 5)
        }
    }

    private struct Contents: Equatable { var goods: [[DatabaseValue]], shelves: [[DatabaseValue]], pairs: Int64, outbox: Int64, ledger: [[DatabaseValue]], position: Int64 }
    private func contents(_ place: TestDatabase) throws -> Contents {
        let db = try Database.openExisting(place.location, migrations: Self.migrations)
        defer { db.close() }
        return try db.readNow { tx in
            Contents(
                goods: try tx.all("SELECT id, shelf, price, picture, note, \"order\" FROM good ORDER BY id") { row in
                    [.int(row.int(0)), .text(row.text(1)), row.realOrNil(2).databaseValue, row.bytesOrNil(3).databaseValue, row.textOrNil(4).databaseValue, row.intOrNil(5).databaseValue]
                },
                shelves: try tx.all("SELECT name, room FROM shelf ORDER BY name") { [.text($0.text(0)), .int($0.int(1))] },
                pairs: try tx.first("SELECT SUM(b) FROM pair") { $0.int(0) } ?? 0,
                outbox: try tx.first("SELECT COUNT(*) FROM outbox") { $0.int(0) } ?? 0,
                ledger: try tx.all("SELECT id, checksum, applied FROM schema_migration ORDER BY id") { [.int($0.int(0)), .text($0.text(1)), .int($0.int(2))] },
                position: try tx.position)
        }
    }

    private static let ways = TestBackend.available.flatMap { from in TestBackend.available.map { (from, $0) } }

    @Test(arguments: ways)
    func everythingGoesOverAndGoesOn(_ from: TestBackend, _ to: TestBackend) throws {
        let source = try from.fresh(), target = try to.fresh()
        try fill(source)
        var told: [String] = []
        let summary = try DatabaseCopy.run(from: source.location, to: target.location, migrations: Self.migrations) { doing, _, _ in if told.last != doing { told.append(doing) } }
        #expect(summary.position == 41 && summary.rows > 3000)
        #expect(told == ["check", "rows", "compare"])
        #expect(try contents(source) == contents(target))
        let db = try target.open(Self.migrations)
        defer { db.close() }
        #expect(try db.writeNow { $0.nextPosition() } == 42)
        #expect(throws: StoreError.self, "references are enforced again") { try db.writeNow { try $0.run("INSERT INTO good (id, shelf) VALUES (99, 'nowhere')") } }
        #expect(try db.integrityCheck().isEmpty)
    }

    @Test(arguments: TestBackend.available)
    func nothingIsOverwritten(_ backend: TestBackend) throws {
        let source = try TestBackend.sqlite.fresh(), target = try backend.fresh()
        try fill(source)
        try target.open([]).close()
        let before = try Database.openExisting(target.location, migrations: [])
        defer { before.close() }
        let schema = try before.schemaDump()
        #expect(throws: StoreError.self) { try DatabaseCopy.run(from: source.location, to: target.location, migrations: Self.migrations) }
        #expect(try before.schemaDump() == schema)
    }

    @Test(arguments: TestBackend.available)
    func aDatabaseOfAnotherVersionIsRefusedAndNothingIsMade(_ backend: TestBackend) throws {
        let source = try backend.fresh(), target = try backend.fresh()
        try fill(source)
        let newer = Self.migrations + [Migration(1001, "more", "CREATE TABLE more (id INTEGER PRIMARY KEY)")]
        for migrations in [newer, []] {
            do {
                _ = try DatabaseCopy.run(from: source.location, to: target.location, migrations: migrations)
                Issue.record("it was copied")
            } catch StoreError.migration(let text) { #expect(text.contains("not of this version")) }
        }
        // The target is empty still.
        _ = try DatabaseCopy.run(from: source.location, to: target.location, migrations: Self.migrations)
    }

    @Test(arguments: TestBackend.available)
    func aCopyThatBreaksOffLeavesNothing(_ backend: TestBackend) throws {
        let source = try TestBackend.sqlite.fresh(), target = try backend.fresh()
        try fill(source)
        // A row that points to nothing.
        let raw = try SQLiteConnection(path: source.path, options: .init())
        try raw.execute("PRAGMA foreign_keys = OFF; INSERT INTO good (id, shelf) VALUES (500, 'nowhere')")
        #expect(throws: StoreError.self) { try DatabaseCopy.run(from: source.location, to: target.location, migrations: Self.migrations) }
        try raw.execute("DELETE FROM good WHERE id = 500")
        raw.close()
        _ = try DatabaseCopy.run(from: source.location, to: target.location, migrations: Self.migrations)
    }

    @Test func whereThereIsNoServerNothingIsCopied() throws {
        let empty = try TestBackend.sqlite.fresh(), target = try TestBackend.sqlite.fresh()
        #expect(throws: StoreError.self) { try DatabaseCopy.run(from: empty.location, to: target.location, migrations: []) }
    }

    @Test func parentsComeFirst() throws {
        let tables = [
            TableShape(name: "child", parents: ["parent", "aunt"]), TableShape(name: "aunt", parents: ["parent"]),
            TableShape(name: "parent", parents: ["parent"]),
        ]
        #expect(try DatabaseCopy.inOrder(tables).map(\.name) == ["parent", "aunt", "child"])
        #expect(throws: StoreError.self) { try DatabaseCopy.inOrder([TableShape(name: "a", parents: ["b"]), TableShape(name: "b", parents: ["a"])]) }
    }

    @Test func sumsTellRowsApart() {
        func sum(_ rows: [[UInt8]]) -> RowSum {
            var sum = RowSum()
            for row in rows { sum.add(row) }
            return sum
        }
        #expect(sum([[1, 2], [3]]) == sum([[3], [1, 2]]))
        let different: [[[UInt8]]] = [[], [[]], [[0]], [[0, 0]], [[1], [2]], [[2], [2]], [[1, 2]], [[2, 1]], [Array(0..<17)], [Array(0..<16) + [17]], [[1] + Array(1..<17)]]
        for (index, one) in different.enumerated() {
            for other in different[..<index] { #expect(sum(one) != sum(other)) }
        }
    }
}
