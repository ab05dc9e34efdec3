@testable import Store
import TestKit
import Testing

struct MaintenanceTests {
    private static let text = String(repeating: "zanzibar ", count: 400)

    private func fill(_ database: Database) async throws {
        try await database.write { tx in for _ in 0..<500 { try Sample.insert(tx, Self.text) } }
    }
    private func pages(_ database: Database) async throws -> Int64 { try await database.read { try $0.first("PRAGMA page_count") { $0.int(0) } ?? 0 } }

    @Test func aNewDatabaseShrinksStepByStep() async throws {
        let place = try TestBackend.sqlite.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        try await fill(database)
        let before = try await pages(database)
        try await database.write { try $0.run("DELETE FROM entry WHERE position > 5") }
        #expect(try await pages(database) == before)
        try await database.reclaim(["entry"])
        #expect(try await pages(database) < before / 4)
        #expect(try await database.read { try Sample.positions($0) } == [1, 2, 3, 4, 5])
        #expect(try database.integrityCheck() == [])
    }

    /// A file of before is rewritten once; those who write meanwhile wait, and nothing of theirs is lost.
    @Test func anOldDatabaseIsRewrittenOnce() async throws {
        let place = try TestBackend.sqlite.fresh()
        let old = try SQLiteConnection(path: place.path, options: .init())
        try old.execute("PRAGMA auto_vacuum = NONE")
        try old.execute("VACUUM")
        old.close()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        func mode() async throws -> Int64 { try await database.write { try $0.first("PRAGMA auto_vacuum") { $0.int(0) } ?? -1 } }
        #expect(try await mode() == 0)
        try await fill(database)
        try await database.reclaim(["entry"])
        #expect(try await mode() == 0)   // nothing is free: nothing to gain
        let before = try await pages(database)
        try await database.write { try $0.run("DELETE FROM entry WHERE position > 5") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await database.reclaim(["entry"]) }
            for n in 0..<20 { group.addTask { _ = try await database.write { try Sample.insert($0, "new \(n)") } } }
            try await group.waitForAll()
        }
        #expect(try await mode() == 2)
        #expect(try await pages(database) < before / 4)
        #expect(try await database.read { try Sample.positions($0) }.count == 25)
        #expect(try database.integrityCheck() == [])
    }

    @Test(arguments: TestBackend.available) func reclaimingNothingIsNoError(backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        try await database.reclaim(["entry"])
        database.close()
    }
}
