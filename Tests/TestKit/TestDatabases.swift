import Glibc
package import Store

/// The databases that the storage tests run on: SQLite always, PostgreSQL where `COMPTOIR_TEST_POSTGRES` gives a URL.
package enum TestBackend: String, Sendable, CaseIterable {
    case sqlite, postgres

    package static let available: [TestBackend] = {
        postgresURL == nil ? [.sqlite] : [.sqlite, .postgres]
    }()

    static var postgresURL: String? {
        guard let value = getenv("COMPTOIR_TEST_POSTGRES") else { return nil }
        let url = String(cString: value)
        return url.isEmpty ? nil : url
    }

    /// A place for a database that nobody else uses: it can be opened several times, and is removed at `remove()`.
    package func fresh() throws -> TestDatabase {
        switch self {
        case .sqlite: try TestDatabase.sqlite()
        case .postgres: try TestDatabase.postgres()
        }
    }
}

/// A fresh database of one test.
package final class TestDatabase: Sendable {
    package let location: Database.Location
    package let backend: TestBackend
    /// The SQLite file.
    package let path: String
    /// A directory of this test alone, removed with the database.
    package let directory: String
    private let clean: @Sendable () -> Void

    private init(
        _ backend: TestBackend, _ location: Database.Location, directory: String, path: String = "", clean: @escaping @Sendable () -> Void
    ) {
        (self.backend, self.location, self.directory, self.path, self.clean) = (backend, location, directory, path, clean)
    }

    deinit { clean() }

    package func open(_ migrations: [Migration], readers: Int = 2) throws -> Database {
        try Database.open(location, migrations: migrations, readers: readers)
    }

    static func sqlite() throws -> TestDatabase {
        let directory = try temporaryDirectory()
        let path = directory + "/test.db"
        return TestDatabase(.sqlite, .sqlite(path: path), directory: directory, path: path) { removeDirectory(directory) }
    }

    static func postgres() throws -> TestDatabase {
        guard let url = TestBackend.postgresURL else { throw StoreError.unavailable("COMPTOIR_TEST_POSTGRES is not set") }
        let name = "test_\(getpid())_\(UInt32.random(in: 0...UInt32.max))"
        let admin = try Database.open(.postgres(url: url), migrations: [], readers: 1)
        defer { admin.close() }
        _ = try admin.writeNow { try $0.run("CREATE SCHEMA \(name)") }
        let option = "options=-csearch_path%3D\(name)"
        let location = Database.Location.postgres(url: url + (url.contains("?") ? "&" : "?") + option)
        let directory = try temporaryDirectory()
        return TestDatabase(.postgres, location, directory: directory) {
            removeDirectory(directory)
            guard let admin = try? Database.open(.postgres(url: url), migrations: [], readers: 1) else { return }
            _ = try? admin.writeNow { try $0.run("DROP SCHEMA \(name) CASCADE") }
            admin.close()
        }
    }
}

/// A new directory, in memory where the system has such a file system.
package func temporaryDirectory() throws -> String {
    let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    var template = Array("\(parent)/comptoir-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw StoreError.io("no temporary directory in \(parent)") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Removes a directory and what is in it.
package func removeDirectory(_ path: String) {
    guard let directory = opendir(path) else { return }
    defer {
        closedir(directory)
        rmdir(path)
    }
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
            String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
        }
        guard name != ".", name != ".." else { continue }
        let child = path + "/" + name
        if unlink(child) != 0 { removeDirectory(child) }
    }
}
