/// Copies a database, row by row, into an empty one of either kind.
///
/// Invariants: the source is read in one snapshot and not changed; the target is complete or not there (a PostgreSQL target is filled in one
/// transaction, an SQLite file gets its name when it is whole and flushed); each table of the target was read back and has as many rows as
/// the source, with the same contents.
package enum DatabaseCopy {
    package struct Summary: Sendable, Equatable {
        package let tables: Int
        package let rows: Int64
        /// The change position, from which the copy goes on.
        package let position: Int64
    }
    /// Told now and then how far it is.
    package typealias Progress = (_ doing: String, _ done: Int64, _ of: Int64) -> Void

    /// The source must have the schema of `migrations`, the target nothing. It blocks this thread. Nobody may write to the source meanwhile:
    /// what comes after its snapshot is not in the copy.
    package static func run(
        from source: Database.Location, to target: Database.Location, migrations: [Migration], progress: Progress = { _, _, _ in }
    ) throws -> Summary {
        let backend = try backend(of: source), reader = try backend.connect(isWriter: false)
        defer { reader.close() }
        try backend.prepareForCopy(reader)
        try reader.beginRead()
        defer { reader.rollBack() }
        progress("check", 0, 1)
        let tables = try inOrder(try check(backend, reader, try Migrator(backend.dialect, migrations)))

        let copy = try Self.target(target, migrations)
        do {
            let theirs = Dictionary(uniqueKeysWithValues: try copy.backend.tables(copy.connection).map { ($0.name, $0) })
            for table in tables where theirs[table.name]?.isLike(table) != true {
                throw StoreError.corrupt("table \(table.name) of the source is not the one that this program makes")
            }
            guard theirs.count == tables.count else { throw StoreError.corrupt("the source lacks tables that this program makes") }
            for table in tables.reversed() { try copy.connection.execute("DELETE FROM \(table.quotedName)") }   // what migrations put in

            var total: Int64 = 0, done: Int64 = 0, checked: Int64 = 0
            for table in tables { total += try reader.firstInt("SELECT COUNT(*) FROM \(table.quotedName)") ?? 0 }
            progress("rows", 0, total)
            let sums = try tables.map { try fill(copy, $0, backend, reader) { done += 1; if done % 1024 == 0 || done == total { progress("rows", done, total) } } }
            progress("compare", 0, total)
            for (table, sum) in zip(tables, sums) {
                let theirs = try Self.sum(table, copy.backend, copy.connection) { checked += 1; if checked % 1024 == 0 || checked == total { progress("compare", checked, total) } }
                guard theirs == sum else {
                    throw StoreError.io("table \(table.name) does not read back as it was copied: \(theirs.rows) rows instead of \(sum.rows), or other contents")
                }
            }
            let position = try copy.connection.firstInt(PositionSQL.read)
            guard let position, position == (try reader.firstInt(PositionSQL.read)) else { throw StoreError.corrupt("the change position is missing") }
            try copy.finish()
            return Summary(tables: tables.count, rows: done, position: position)
        } catch {
            copy.abandon()
            throw error
        }
    }

    private static func backend(of location: Database.Location) throws(StoreError) -> any Backend {
        switch location {
        case .sqlite(let path): try SQLiteBackend.existing(path)
        case .postgres(let url): try PostgresBackend(url: url)
        case .temporary: throw .unavailable("a temporary database exists only while it is open")
        }
    }

    private static func target(_ location: Database.Location, _ migrations: [Migration]) throws(StoreError) -> any CopyTarget {
        switch location {
        case .sqlite(let path): try SQLiteCopyTarget(path, try Migrator(.sqlite, migrations))
        case .postgres(let url): try PostgresCopyTarget(url, try Migrator(.postgres, migrations))
        case .temporary: throw .unavailable("a temporary database exists only while it is open")
        }
    }

    private static func check(_ backend: any Backend, _ reader: any Connection, _ migrator: Migrator) throws(StoreError) -> [TableShape] {
        let tables = try backend.tables(reader)
        guard tables.contains(where: { $0.name == "schema_migration" }) else { throw .unavailable("there is no server in this database yet") }
        let differences = try migrator.problems(reader)
        guard differences.isEmpty else {
            throw .migration("""
                the database is not of this version: \(differences.prefix(3).joined(separator: "; ")). Start this version once with the database as it \
                is, so that it is brought up to date, or copy with the version that it belongs to.
                """)
        }
        let damage = try backend.problems(reader)
        guard damage.isEmpty else { throw .corrupt(damage.prefix(3).joined(separator: "; ")) }
        return tables
    }

    /// Tables that others point to come before these.
    static func inOrder(_ tables: [TableShape]) throws(StoreError) -> [TableShape] {
        var left = tables, ordered: [TableShape] = [], placed: Set<String> = []
        while !left.isEmpty {
            let ready = left.filter { $0.parents.subtracting([$0.name]).isSubset(of: placed) }
            guard !ready.isEmpty else { throw .unsupported("tables point to each other in a circle: \(left.map(\.name).joined(separator: ", "))") }
            ordered += ready
            placed.formUnion(ready.map(\.name))
            left.removeAll { placed.contains($0.name) }
        }
        return ordered
    }

    private static func fill(
        _ copy: any CopyTarget, _ table: TableShape, _ backend: any Backend, _ reader: any Connection, each: () -> Void
    ) throws -> RowSum {
        var sum = RowSum(), encoded: [UInt8] = []
        try copy.fill(table) { put in
            try backend.stream(reader, table) { row in
                encoded.removeAll(keepingCapacity: true)
                RowCode.append(row, table, to: &encoded)
                sum.add(encoded)
                try put(row, encoded)
                each()
            }
        }
        return sum
    }

    private static func sum(_ table: TableShape, _ backend: any Backend, _ connection: any Connection, each: () -> Void) throws -> RowSum {
        var sum = RowSum(), encoded: [UInt8] = []
        try backend.stream(connection, table) { row in
            encoded.removeAll(keepingCapacity: true)
            RowCode.append(row, table, to: &encoded)
            sum.add(encoded)
            each()
        }
        return sum
    }
}

/// A table as the database itself describes it.
struct TableShape: Sendable, Equatable {
    enum Kind: Sendable { case int, real, text, bytes }
    struct Column: Sendable, Equatable {
        let name: String
        let kind: Kind
    }
    let name: String
    var columns: [Column] = []
    /// Tables that its rows point to.
    var parents: Set<String> = []

    /// The same columns in whatever order.
    func isLike(_ other: TableShape) -> Bool {
        columns.sorted { $0.name < $1.name } == other.columns.sorted { $0.name < $1.name }
    }
    var quotedName: String { "\"\(name)\"" }
    var quotedColumns: String { columns.map { "\"\($0.name)\"" }.joined(separator: ", ") }
}

/// Where the rows of a copy go.
protocol CopyTarget: AnyObject {
    var backend: any Backend { get }
    var connection: any Connection { get }
    /// Calls `rows`, which calls `put` for each row, as it is and in the form of `RowCode`.
    func fill(_ table: TableShape, _ rows: (_ put: (Row, [UInt8]) throws -> Void) throws -> Void) throws
    /// Makes the copy durable and gives it its name.
    func finish() throws(StoreError)
    func abandon()
}

/// How many rows, and what is in them, in whatever order. It guards against accidents, not against intent.
struct RowSum: Equatable {
    var rows: Int64 = 0
    private var sum: UInt64 = 0

    mutating func add(_ row: [UInt8]) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        row.withUnsafeBytes { bytes in
            var rest = bytes.count
            for offset in stride(from: 0, to: bytes.count - 7, by: 8) {
                hash = (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x100_0000_01b3
                hash ^= hash >> 29
                rest -= 8
            }
            for byte in bytes[(bytes.count - rest)...] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        // Spread, so that differences in two rows do not cancel out in the sum.
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
        sum &+= hash ^ (hash >> 31)
        rows += 1
    }
}

/// A row in PostgreSQL's binary form of COPY: it is loaded so, and on either database the sums are taken of it.
/// https://www.postgresql.org/docs/current/sql-copy.html
enum RowCode {
    static let header: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 13, 10, 0] + [UInt8](repeating: 0, count: 8)
    static let trailer: [UInt8] = [0xFF, 0xFF]

    static func append(_ row: Row, _ table: TableShape, to out: inout [UInt8]) {
        number(Int16(table.columns.count), &out)
        for (index, column) in table.columns.enumerated() {
            if row.isNull(index) { number(Int32(-1), &out); continue }
            switch column.kind {
            case .int:
                number(Int32(8), &out)
                number(row.int(index), &out)
            case .real:
                number(Int32(8), &out)
                number(Int64(bitPattern: (row.real(index) + 0).bitPattern), &out)   // SQLite keeps no -0
            case .text:
                let text = row.text(index).utf8
                number(Int32(text.count), &out)
                out += text
            case .bytes:
                let bytes = row.bytes(index)
                number(Int32(bytes.count), &out)
                out += bytes
            }
        }
    }

    private static func number(_ number: some FixedWidthInteger, _ out: inout [UInt8]) {
        withUnsafeBytes(of: number.bigEndian) { out += $0 }
    }
}
