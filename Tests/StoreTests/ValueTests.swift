import Store
import TestKit
import Testing

@Suite struct ValueTests {
    static let migrations = [
        Migration(1000, "values", """
            CREATE TABLE sample (
                id INTEGER PRIMARY KEY,
                whole INTEGER,
                name TEXT,
                content BLOB,
                ratio REAL
            );
            CREATE TABLE child (
                id INTEGER PRIMARY KEY,
                sample_id INTEGER NOT NULL REFERENCES sample (id),
                label TEXT NOT NULL UNIQUE,
                level INTEGER NOT NULL CHECK (level >= 0)
            );
            """),
    ]

    @Test(arguments: TestBackend.available)
    func valuesRoundTrip(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Self.migrations)
        defer { database.close() }
        let bytes = [UInt8](0...255)
        let texts = ["", "é中🙂", "a'b\"c?", String(repeating: "x", count: 100_000)]
        let numbers: [Int64] = [0, -1, .max, .min]
        try await database.write { tx throws in
            for index in 0..<4 {
                try tx.run(
                    "INSERT INTO sample (id, whole, name, content, ratio) VALUES (?, ?, ?, ?, ?)",
                    index, numbers[index], texts[index], index == 0 ? [] : bytes, Double(index) / 3)
            }
            try tx.run(
                "INSERT INTO sample (id, whole, name, content, ratio) VALUES (?, ?, ?, ?, ?)",
                9, Int?.none, String?.none, [UInt8]?.none, Double?.none)
        }
        try await database.read { tx throws in
            let rows = try tx.all("SELECT whole, name, content, ratio FROM sample WHERE id < ? ORDER BY id", 5) {
                ($0.int(0), $0.text(1), $0.bytes(2), $0.real(3))
            }
            #expect(rows.map(\.0) == numbers)
            #expect(rows.map(\.1) == texts)
            #expect(rows.map(\.2) == [[], bytes, bytes, bytes])
            #expect(rows.map(\.3) == [0, 1.0 / 3, 2.0 / 3, 1])
            let empty = try tx.first("SELECT whole, name, content, ratio FROM sample WHERE id = 9") {
                ($0.intOrNil(0), $0.textOrNil(1), $0.bytesOrNil(2), $0.realOrNil(3))
            }
            #expect(try #require(empty) == (nil, nil, nil, nil))
            #expect(try tx.first("SELECT content FROM sample WHERE id = 0") { $0.bytesOrNil(0) } == [UInt8]())
            #expect(try tx.exists("SELECT 1 FROM sample WHERE id = ?", 3))
            #expect(try !tx.exists("SELECT 1 FROM sample WHERE id = ?", 77))
            #expect(try tx.first("SELECT CAST(SUM(id) AS INTEGER), COUNT(*), MAX(name) FROM sample WHERE id < 5") { $0.int(0) } == 6)
            #expect(try tx.first("SELECT SUM(id), AVG(id) FROM sample WHERE id < 4") { [$0.int(0), Int64($0.real(1) * 10)] } == [6, 15])
            #expect(try tx.first("SELECT whole FROM sample WHERE name = 'nobody'") { $0.int(0) } == nil)
            #expect(try tx.first("SELECT EXISTS (SELECT 1 FROM sample)") { $0.bool(0) } == true)
        }
    }

    /// `?` and `?1` mean the same on both, and only outside texts and comments.
    @Test(arguments: TestBackend.available)
    func placeholdersAreFoundOnlyWhereTheyAre(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Self.migrations)
        defer { database.close() }
        try await database.read { tx throws in
            #expect(try tx.first("SELECT '? INTEGER ''?' || CAST(? AS TEXT) -- and ?", "x") { $0.text(0) } == "? INTEGER '?x")
            #expect(try tx.first("SELECT /* ? BLOB */ CAST(?2 AS TEXT) || CAST(?1 AS TEXT) || CAST(?2 AS TEXT)", "a", "b") { $0.text(0) } == "bab")
            #expect(try tx.first("SELECT CAST(? AS INTEGER) + CAST(? AS INTEGER)", Int64.max - 1, true) { $0.int(0) } == .max)
            #expect(try tx.first("SELECT CAST(? AS REAL) / 2", 1.5) { $0.real(0) } == 0.75)
            #expect(try tx.first("SELECT CAST(? AS BLOB)", [UInt8]([0, 255])) { $0.bytes(0) } == [0, 255])
        }
        await #expect(throws: StoreError.self) { try await database.read { try $0.exists("SELECT 1 WHERE 1 = ?") } }
        await #expect(throws: StoreError.self) { try await database.read { try $0.exists("SELECT 1", 1) } }
    }

    @Test func placeOfADatabaseDoesNotTellItsURL() {
        #expect("\(Database.Location.postgres(url: "postgresql://a:sw0rdf1sh@h/d"))" == "PostgreSQL")
    }
}
