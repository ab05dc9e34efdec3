import Glibc

/// One database: a writer thread with group commit and a pool of readers.
package final class Database: Sendable {
    package enum Location: Sendable, CustomStringConvertible {
        case sqlite(path: String)
        case postgres(url: String)
        /// A new SQLite file in a directory of its own, removed at `close`. For tests and demonstrations.
        case temporary

        /// Without the URL, which may hold a password.
        package var description: String {
            switch self {
            case .sqlite(let path): "SQLite \(path)"
            case .postgres: "PostgreSQL"
            case .temporary: "SQLite, temporary"
            }
        }
    }

    /// How many closures may wait before further ones are refused with `.overloaded`.
    package static let queueLimit = 20_000

    let backend: any Backend
    let migrator: Migrator
    let positionCell: PositionCell
    let writer: Writer
    let readers: ReaderPool

    /// Opens the database and brings its schema up to date.
    package static func open(_ location: Location, migrations: [Migration], readers: Int = 4) throws(StoreError) -> Database {
        let backend: any Backend = switch location {
        case .sqlite(let path): SQLiteBackend(path: path, temporaryDirectory: nil)
        case .postgres(let url): try PostgresBackend(url: url)
        case .temporary: try SQLiteBackend.temporary()
        }
        do {
            let connection = try backend.connect(isWriter: true)
            let migrator = try Migrator(backend.dialect, migrations)
            let position = try backend.migrate(connection, migrator)
            return Database(backend, migrator, connection, position: position, readers: max(1, readers))
        } catch {
            backend.removeTemporaryFiles()
            throw error
        }
    }

    /// Opens a database as it is: nothing is made, nothing is migrated, even while another program works with it. For backups
    /// and checks; `integrityCheck` tells where its schema and this program differ.
    package static func openExisting(_ location: Location, migrations: [Migration], readers: Int = 1) throws(StoreError) -> Database {
        let backend: any Backend
        switch location {
        case .sqlite(let path):
            guard access(path, F_OK) == 0 else { throw .unavailable("there is no database at \(path)") }
            backend = SQLiteBackend(path: path, temporaryDirectory: nil)
        case .postgres(let url): backend = try PostgresBackend(url: url)
        case .temporary: throw .unavailable("a temporary database exists only while it is open")
        }
        let connection = try backend.connect(isWriter: true)
        do throws(StoreError) {
            let migrator = try Migrator(backend.dialect, migrations)
            let position = try connection.firstInt(PositionSQL.read) ?? 0
            return Database(backend, migrator, connection, position: position, readers: max(1, readers))
        } catch {
            connection.close()
            throw error
        }
    }

    private init(_ backend: any Backend, _ migrator: Migrator, _ connection: any Connection, position: Int64, readers: Int) {
        self.backend = backend
        self.migrator = migrator
        positionCell = PositionCell(position)
        writer = Writer(connection, position: positionCell, limit: Self.queueLimit)
        self.readers = ReaderPool(count: readers, limit: Self.queueLimit) { () throws(StoreError) in
            try backend.connect(isWriter: false)
        }
        writer.start()
    }

    deinit {
        guard writer.isCurrentThread || readers.isCurrentThread else { return close() }
        // The last reference was held by a closure that ran on one of our threads, which cannot wait for itself.
        _ = WorkerThread { [writer, readers, backend] in
            readers.close()
            writer.close()
            backend.removeTemporaryFiles()
        }
    }

    /// The last committed position that this process knows of.
    package var position: Int64 { positionCell.value }

    /// Calls `hook` after each durable commit, in commit order, before the writers are answered. On the writer's thread:
    /// it must be quick and must not wait for the database.
    package func onCommit(_ hook: @escaping @Sendable (CommitInfo) -> Void) { writer.addHook(hook) }

    package var statistics: StoreStatistics {
        var statistics = writer.statistics
        (statistics.reads, statistics.waitingReads) = readers.counts
        return statistics
    }

    /// Runs `body` in one consistent snapshot.
    package func read<T: Sendable>(_ body: @escaping @Sendable (ReadTx) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            submit(read: body) { continuation.resume(with: $0) }
        }
    }

    /// `read` for those who wait in no task: `finish` is called on the reader's thread.
    package func read<T: Sendable>(_ body: @escaping @Sendable (ReadTx) throws -> T, then finish: @escaping @Sendable (Result<T, any Error>) -> Void) {
        submit(read: body, finish)
    }
    /// The database is in this process: reads cost CPU and no waiting.
    package var isEmbedded: Bool { backend.dialect == .sqlite }

    /// `read` for what takes microseconds (a few rows by key): on the embedded database it runs on this thread, if a connection is
    /// free, because handing over to a reader and back costs more than such a read.
    package func quickRead<T: Sendable>(_ body: @escaping @Sendable (ReadTx) throws -> T) async throws -> T {
        if backend.dialect == .sqlite, let result = try readers.runInline(body) { return result }
        return try await read(body)
    }

    /// Runs `body` in the write transaction and returns when its work is durable.
    package func write<T: Sendable>(_ body: @escaping @Sendable (WriteTx) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            submit(write: body) { continuation.resume(with: $0) }
        }
    }

    /// `write` for those who wait in no task: `finish` is called on the writer's thread, which it must not hold up.
    package func write<T: Sendable>(_ body: @escaping @Sendable (WriteTx) throws -> T, then finish: @escaping @Sendable (Result<T, any Error>) -> Void) {
        submit(write: body, finish)
    }

    /// `read` for the command line, the start and tests: it blocks this thread.
    package func readNow<T: Sendable>(_ body: @escaping @Sendable (ReadTx) throws -> T) throws -> T {
        let result = Monitor<Result<T, any Error>?>(nil)
        submit(read: body) { outcome in
            result.with { $0 = outcome }
            result.signal()
        }
        return try result.wait { $0 }.get()
    }

    /// `write` for the command line, the start and tests: it blocks this thread.
    package func writeNow<T: Sendable>(_ body: @escaping @Sendable (WriteTx) throws -> T) throws -> T {
        precondition(!writer.isCurrentThread, "a commit hook waits for a write, which waits for the hook")
        let result = Monitor<Result<T, any Error>?>(nil)
        submit(write: body) { outcome in
            result.with { $0 = outcome }
            result.signal()
        }
        return try result.wait { $0 }.get()
    }

    /// Throws if the statement is not valid on this database.
    package func prepare(_ sql: String) throws {
        try readNow { try $0.connection.prepare(sql) }
    }

    /// Throws the first error of the statements that are not valid on this database.
    package func prepareAll(_ statements: [String]) throws {
        for sql in statements { try prepare(sql) }
    }

    /// Lets the closures that wait end, refuses new ones with `.closed`, and closes the files or connections.
    package func close() {
        precondition(!writer.isCurrentThread, "a commit hook cannot close the database")
        readers.close()
        writer.close()
        backend.removeTemporaryFiles()
    }

    private final class Holder<T>: @unchecked Sendable { var value: T? }

    private func submit<T: Sendable>(
        read body: @escaping @Sendable (ReadTx) throws -> T, _ finish: @escaping @Sendable (Result<T, any Error>) -> Void
    ) {
        let holder = Holder<T>()
        readers.submit(ReadJob(run: { holder.value = try body($0) }, finish: { finish(Self.outcome(holder, $0)) }))
    }

    private func submit<T: Sendable>(
        write body: @escaping @Sendable (WriteTx) throws -> T, _ finish: @escaping @Sendable (Result<T, any Error>) -> Void
    ) {
        let holder = Holder<T>()
        if let trace = Trace.id {
            let run: (WriteTx) throws -> Void = { tx in try Trace.$id.withValue(trace) { holder.value = try body(tx) } }
            return writer.submit(WriteJob(run: run, finish: { finish(Self.outcome(holder, $0)) }))
        }
        writer.submit(WriteJob(run: { holder.value = try body($0) }, finish: { finish(Self.outcome(holder, $0)) }))
    }

    private static func outcome<T>(_ holder: Holder<T>, _ error: (any Error)?) -> Result<T, any Error> {
        if let error { return .failure(error) }
        guard let value = holder.value else { preconditionFailure("a closure that did not run was answered") }
        return .success(value)
    }
}

/// Where a database is and how to reach it.
protocol Backend: Sendable {
    var dialect: Dialect { get }
    func connect(isWriter: Bool) throws(StoreError) -> any Connection
    /// Brings the schema up to date in one transaction and gives the position.
    func migrate(_ connection: any Connection, _ migrator: Migrator) throws(StoreError) -> Int64
    func backup(to path: String) throws(StoreError)
    func problems(_ connection: any Connection) throws(StoreError) -> [String]
    func schema(_ connection: any Connection) throws(StoreError) -> String
    func hasTable(_ name: String, _ connection: any Connection) throws(StoreError) -> Bool
    /// Bytes on the disk.
    func size(_ connection: any Connection) throws(StoreError) -> Int64
    /// All tables of the schema.
    func tables(_ connection: any Connection) throws(StoreError) -> [TableShape]
    /// Lifts time limits that a long copy would run into.
    func prepareForCopy(_ connection: any Connection) throws(StoreError)
    /// Calls `row` for each row, without holding all of them in memory.
    func stream(_ connection: any Connection, _ table: TableShape, _ row: (Row) throws -> Void) throws
    func removeTemporaryFiles()
}
