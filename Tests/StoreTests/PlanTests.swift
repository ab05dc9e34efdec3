import Store
import TestKit
import Testing

/// What the databases make of statements.
@Suite struct PlanTests {
    private static let migrations = [
        Migration(1000, "pieces", """
            CREATE TABLE piece (room INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, ended INTEGER, PRIMARY KEY (room, kind, name));
            CREATE INDEX piece_of_one_kind ON piece (room) WHERE kind = 'rare' AND ended IS NULL;
            """),
    ]

    /// An index of certain rows made SQLite plan each statement that asks for other rows anew with every value: fifty times the cost of running it.
    @Test func statementsArePlannedOnceWhateverTheirValues() async throws {
        let place = try TestBackend.sqlite.fresh()
        let database = try place.open(Self.migrations)
        defer { database.close() }
        try await database.write { tx in
            for number in 0..<50 { try tx.run("INSERT INTO piece (room, kind, name) VALUES (?, ?, ?)", number, number % 2 == 0 ? "rare" : "common", "n\(number)") }
        }
        try await database.read { tx in
            var found = 0
            for number in 0..<50 {
                found += try tx.all("SELECT name FROM piece WHERE room = ? AND kind = ? AND ended IS NULL", number, number % 3 == 0 ? "rare" : "common") { $0.text(0) }.count
            }
            #expect(found > 10)
            #expect(try tx.first("SELECT SUM(reprep) FROM sqlite_stmt WHERE sql LIKE 'SELECT name FROM piece%'") { $0.int(0) } == 0)
            #expect(try tx.first("SELECT run FROM sqlite_stmt WHERE sql LIKE 'SELECT name FROM piece%'") { $0.int(0) } == 50)
        }
    }

    @Test(arguments: TestBackend.available)
    func aTextThatStandsInRowAfterRowIsReadRightly(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        let labels = ["", "", "a", "a", "é, longer than fifteen bytes", "é, longer than fifteen bytes", "e, longer than fifteen bytes!", "", "a\u{301}", "á"]
        try await database.write { tx in for label in labels { try Sample.insert(tx, label) } }
        let read = try await database.read { tx in
            var last = "é, longer than fifteen bytes"
            return try tx.all("SELECT label FROM entry ORDER BY position") { row in
                last = row.text(0, like: last)
                return last
            }
        }
        #expect(read.map { Array($0.utf8) } == labels.map { Array($0.utf8) })
    }
}
