import Glibc
import Store
import TestKit
import Testing

func readFile(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "r") else { throw Refused() }
    defer { fclose(file) }
    var content: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = fread(&buffer, 1, buffer.count, file)
        if count == 0 { return content }
        content += buffer[..<count]
    }
}

func writeFile(_ path: String, _ content: [UInt8]) throws {
    guard let file = fopen(path, "w") else { throw Refused() }
    defer { fclose(file) }
    guard fwrite(content, 1, content.count, file) == content.count else { throw Refused() }
}

@Suite struct DurabilityTests {
    @Test(arguments: TestBackend.available)
    func commitsAreMadeDurableByTheDatabase(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open([])
        defer { database.close() }
        try await database.write { tx throws in
            switch backend {
            case .sqlite:
                #expect(try tx.first("PRAGMA synchronous") { $0.int(0) } == 2)
                #expect(try tx.first("PRAGMA journal_mode") { $0.text(0) } == "wal")
                #expect(try tx.first("PRAGMA foreign_keys") { $0.int(0) } == 1)
            case .postgres:
                #expect(try tx.first("SELECT current_setting('synchronous_commit')") { $0.text(0) } == "on")
                #expect(try tx.first("SELECT current_setting('transaction_isolation')") { $0.text(0) } == "read committed")
            }
        }
    }

    /// The files as a crash would leave them, at moments in and between the transactions: what was acknowledged by then is
    /// there, what was not committed is not.
    @Test func crashLosesNothingAcknowledged() async throws {
        let place = try TestBackend.sqlite.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        let copies = try temporaryDirectory()
        defer { removeDirectory(copies) }
        struct Copy: Sendable { let path: String, acknowledged: [Int64], committed: Int64 }
        let acknowledged = Record<Int64>(), taken = Record<Copy>()
        let copy: @Sendable () throws -> Void = {
            let path = copies + "/copy\(taken.all.count).db"
            let known = acknowledged.all
            for suffix in ["", "-wal"] { try writeFile(path + suffix, readFile(place.path + suffix)) }
            taken.add(Copy(path: path, acknowledged: known, committed: database.position))
        }
        let large = String(repeating: "x", count: 3_000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    var chance = SplitMix64(seed: UInt64(task))
                    for turn in 0..<40 {
                        let crashes = Int.random(in: 0..<40, using: &chance) == 0
                        let crashesAfter = Int.random(in: 0..<40, using: &chance) == 0
                        let position = try await database.write { tx throws in
                            let position = try Sample.insert(tx, "\(task)/\(turn) \(large)")
                            if crashes { try copy() }
                            if crashesAfter { tx.afterCommit { #expect(throws: Never.self) { try copy() } } }
                            return position
                        }
                        acknowledged.add(position)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(taken.all.count >= 10)
        for copy in taken.all {
            let recovered = try Database.open(.sqlite(path: copy.path), migrations: Sample.migrations)
            let positions = try recovered.readNow { try Sample.positions($0) }
            #expect(positions == (copy.committed == 0 ? [] : Array(1...copy.committed)))
            #expect(recovered.position == copy.committed)
            #expect(Set(copy.acknowledged).isSubset(of: positions))
            #expect(try recovered.integrityCheck() == [])
            recovered.close()
        }
    }

    @Test func backupIsOneStateTakenWhileWritingGoesOn() async throws {
        let place = try TestBackend.sqlite.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        let target = directory + "/backup.db"
        let stop = Record<Bool>()
        async let writing: Int = {
            var count = 0
            while stop.all.isEmpty {
                _ = try await database.write { tx throws in
                    try Sample.insert(tx, "first")
                    return try Sample.insert(tx, "second")
                }
                count += 1
            }
            return count
        }()
        try await eventually { database.position > 100 }
        let before = database.position
        try database.backup(to: target)
        let after = database.position
        stop.add(true)
        _ = try await writing
        #expect(throws: StoreError.self) { try database.backup(to: target) }
        #expect(access(target + ".part", F_OK) != 0 && access(target + "-wal", F_OK) != 0)
        var status = stat()
        #expect(stat(target, &status) == 0 && status.st_mode & 0o777 == 0o600)

        // A restored backup is a database again, and the backup file stays as it was.
        let content = try readFile(target)
        let restored = directory + "/restored.db"
        try Database.restore(from: target, toSQLite: restored)
        #expect(try readFile(target) == content)
        try Database.backup(.sqlite(path: restored), to: directory + "/again.db")
        #expect(throws: StoreError.self) { try Database.restore(from: directory + "/none.db", toSQLite: directory + "/x.db") }
        #expect(throws: StoreError.self) { try Database.restore(from: target, toSQLite: restored) }
        try writeFile(directory + "/text.txt", Array(String(repeating: "no database ", count: 900).utf8))
        #expect(throws: StoreError.self) { try Database.restore(from: directory + "/text.txt", toSQLite: directory + "/x.db") }
        try writeFile(directory + "/empty.db", [])
        #expect(throws: StoreError.self) { try Database.restore(from: directory + "/empty.db", toSQLite: directory + "/x.db") }
        #expect(access(directory + "/x.db", F_OK) != 0 && access(directory + "/none.db", F_OK) != 0)

        let copy = try Database.open(.sqlite(path: restored), migrations: Sample.migrations)
        defer { copy.close() }
        #expect(copy.position >= before && copy.position <= after && copy.position.isMultiple(of: 2))
        #expect(try copy.readNow { try Sample.positions($0) } == Array(1...copy.position))
        #expect(try copy.integrityCheck() == [])
        #expect(throws: StoreError.self) { try database.backup(to: directory + "/no/such/place.db") }
    }

    @Test(arguments: TestBackend.available)
    func integrityCheckFindsWhatIsMissing(_ backend: TestBackend) async throws {
        let place = try backend.fresh()
        let database = try place.open(Sample.migrations)
        defer { database.close() }
        #expect(try database.integrityCheck() == [])
        try await database.write { tx throws in
            try tx.run("DELETE FROM schema_migration WHERE id = 1000")
            try tx.run("INSERT INTO schema_migration (id, name, applied, checksum) VALUES (1001, 'x', 0, 'y')")
            try tx.run("DELETE FROM change_position")
        }
        #expect(try database.integrityCheck().count == 3)
    }

    @Test func damagedFileIsFound() async throws {
        let place = try TestBackend.sqlite.fresh()
        let database = try place.open(Sample.migrations)
        try await database.write { tx in for index in 0..<500 { try Sample.insert(tx, "label \(index)") } }
        database.close()
        var content = try readFile(place.path)
        for index in (content.count - 4096)..<(content.count - 2048) { content[index] = 0x5A }
        try writeFile(place.path, content)
        let damaged = try place.open(Sample.migrations)
        defer { damaged.close() }
        let problems = try? damaged.integrityCheck()
        #expect(problems != [])
    }

    @Test func temporaryDatabaseLeavesNothing() async throws {
        let database = try Database.open(.temporary, migrations: Sample.migrations)
        try await database.write { _ = try Sample.insert($0, "one") }
        let path = try await database.read { try $0.first("PRAGMA database_list") { $0.text(2) } ?? "" }
        #expect(path.hasSuffix("/store.db") && access(path, F_OK) == 0)
        database.close()
        #expect(access(String(path.dropLast("/store.db".count)), F_OK) != 0)
    }
}

@Suite struct ExistingDatabaseTests {
    @Test func isOpenedAsItIs() throws {
        let place = try TestBackend.sqlite.fresh()
        let old = Migration(100, "old", "CREATE TABLE old (id INTEGER PRIMARY KEY)"), new = Migration(101, "new", "CREATE TABLE new (id INTEGER PRIMARY KEY)")
        #expect(throws: StoreError.self) { try Database.openExisting(place.location, migrations: [old]) }
        #expect(access(place.path, F_OK) != 0)
        let running = try place.open([old])
        defer { running.close() }
        try running.writeNow { tx in _ = tx.nextPosition(); try tx.run("INSERT INTO old (id) VALUES (7)") }
        let looked = try Database.openExisting(place.location, migrations: [old, new])
        defer { looked.close() }
        #expect(looked.position == 1)
        #expect(try looked.readNow { try $0.exists("SELECT 1 FROM old WHERE id = 7") })
        #expect(try looked.integrityCheck() == ["migration 101 \"new\" is not applied"])
    }
}
