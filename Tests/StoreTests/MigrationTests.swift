import Store
import TestKit
import Testing

@Suite struct MigrationTests {
    static let one = Migration(1000, "one", "CREATE TABLE one (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n")
    static let two = Migration(900, "two", """
        -- A comment; with a semicolon.
        CREATE TABLE two (id INTEGER PRIMARY KEY, note TEXT NOT NULL DEFAULT 'a;b', content BLOB, ratio REAL);
        CREATE INDEX two_note ON two (note);
        INSERT INTO two (id, note) VALUES (1, 'it''s; fine');
        CREATE TABLE pair (a TEXT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID;
        """)

    static func refusal(_ place: TestDatabase, _ migrations: [Migration]) -> String {
        do {
            try place.open(migrations).close()
            return "opened"
        } catch StoreError.migration(let text) {
            return text
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: TestBackend.available)
    func pendingMigrationsAreAppliedInOrderAndOnce(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        try place.open([Self.one]).close()
        // A lower number that comes later belongs to another feature, and is applied.
        let database = try place.open([Self.one, Self.two])
        try await database.read { tx throws in
            #expect(try tx.all("SELECT note FROM two") { $0.text(0) } == ["it's; fine"])
            let ids = try tx.all("SELECT id FROM schema_migration WHERE id >= 900 ORDER BY id") { $0.int(0) }
            #expect(ids == [900, 1000])
        }
        let migrated = try database.schemaDump()
        database.close()
        let fresh = try backend.fresh()
        let other = try fresh.open([Self.two, Self.one])
        defer { other.close() }
        #expect(try other.schemaDump() == migrated)
        #expect(migrated.contains("CREATE TABLE pair") && migrated.contains("two_note"))
        #expect(migrated.contains("STRICT") == (backend == .sqlite))
    }

    @Test(arguments: TestBackend.available)
    func changedMigrationIsRefused(_ backend: TestBackend) throws {
        let place = try backend.fresh()
        try place.open([Self.one]).close()
        let text = Self.refusal(place, [Migration(1000, "one", Self.one.sql + " ")])
        #expect(text.contains("1000 \"one\"") && text.contains("never changed") && text.contains("new migration"))
        try place.open([Self.one]).close()
    }

    @Test(arguments: TestBackend.available)
    func newerDatabaseIsRefused(_ backend: TestBackend) throws {
        let place = try backend.fresh()
        try place.open([Self.one, Self.two]).close()
        let text = Self.refusal(place, [Self.two])
        #expect(text.contains("newer version") && text.contains("1000 \"one\"") && text.contains("restore the backup"))
    }

    @Test(arguments: TestBackend.available)
    func failingMigrationChangesNothing(_ backend: TestBackend) throws {
        let place = try backend.fresh()
        try place.open([Self.one]).close()
        let bad = Migration(1001, "bad", "CREATE TABLE three (id INTEGER PRIMARY KEY);\nCREATE TABLE one (id INTEGER);")
        let text = Self.refusal(place, [Self.one, Self.two, bad])
        #expect(text.contains("1001 \"bad\"") && text.contains("nothing was changed"))
        let database = try place.open([Self.one])
        defer { database.close() }
        #expect(throws: StoreError.self) { try database.prepare("SELECT * FROM three") }
        #expect(throws: StoreError.self) { try database.prepare("SELECT * FROM two") }
    }

    @Test(arguments: TestBackend.available)
    func twoMigrationsWithOneNumberAreRefused(_ backend: TestBackend) throws {
        let place = try backend.fresh()
        let text = Self.refusal(place, [Self.one, Migration(1000, "other", "CREATE TABLE other (id INTEGER);")])
        #expect(text.contains("\"one\" and \"other\""))
    }

    @Test func migrationThatBreaksReferencesIsRefused() throws {
        let place = try TestBackend.sqlite.fresh()
        let parents = Migration(1000, "family", """
            CREATE TABLE parent (id INTEGER PRIMARY KEY);
            CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parent (id));
            INSERT INTO parent (id) VALUES (1);
            INSERT INTO child (id, parent_id) VALUES (1, 1);
            """)
        try place.open([parents]).close()
        #expect(Self.refusal(place, [parents, Migration(1001, "orphans", "DELETE FROM parent;")]).contains("point to nothing"))
        let database = try place.open([parents])
        defer { database.close() }
        #expect(try database.readNow { try $0.exists("SELECT 1 FROM parent") })
        #expect(throws: StoreError.self) { try database.writeNow { try $0.run("DELETE FROM parent") } }
    }

    @Test(arguments: TestBackend.available)
    func textIsOrderedByItsBytesAndLikeMindsTheCase(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open([Self.one])
        defer { database.close() }
        let names = ["b", "B", "é", "a", "_", "Z", "a b", "10", "9"]
        try await database.write { tx throws in
            for (index, name) in names.enumerated() { try tx.run("INSERT INTO one (id, name) VALUES (?, ?)", index, name) }
        }
        try await database.read { tx throws in
            let sorted = try tx.all("SELECT name FROM one ORDER BY name") { $0.text(0) }
            #expect(sorted == names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
            #expect(try tx.all("SELECT name FROM one WHERE name LIKE ? ESCAPE '\\'", "b%") { $0.text(0) } == ["b"])
            #expect(try tx.all("SELECT name FROM one WHERE name LIKE ? ESCAPE '\\'", "\\_%") { $0.text(0) } == ["_"])
            #expect(try tx.all("SELECT lower(name) FROM one WHERE id IN (1, 2) ORDER BY id") { $0.text(0) } == ["b", "é"])
        }
    }

    @Test func readingATableFromEndToEndIsFound() throws {
        let database = try Database.open(.temporary, migrations: [Self.two])
        defer { database.close() }
        #expect(try database.fullScans("SELECT id FROM two WHERE note = ?") == [])
        #expect(try database.fullScans("SELECT id FROM two WHERE ratio = ?1 OR ratio = ?1 + ?2") == ["two"])
    }
}
