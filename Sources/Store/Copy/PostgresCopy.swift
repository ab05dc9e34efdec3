internal import CPostgres

extension PostgresBackend {
    /// A copy takes as long as it takes.
    func prepareForCopy(_ connection: any Connection) throws(StoreError) {
        try connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
    }

    func tables(_ connection: any Connection) throws(StoreError) -> [TableShape] {
        var tables: [TableShape] = [], unknown: String?
        try connection.rows("""
            SELECT c.relname, a.attname, format_type(a.atttypid, NULL)
            FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
            ORDER BY c.relname COLLATE "C", a.attnum
            """) { row in
            let name = row.text(0)
            if tables.last?.name != name { tables.append(TableShape(name: name)) }
            let kind: TableShape.Kind? = switch row.text(2) {
            case "bigint": .int
            case "double precision": .real
            case "text": .text
            case "bytea": .bytes
            default: nil
            }
            if let kind { tables[tables.count - 1].columns.append(.init(name: row.text(1), kind: kind)) } else { unknown = "\(name).\(row.text(1)) \(row.text(2))" }
        }
        if let unknown { throw .unsupported("there is a column that cannot be copied: \(unknown)") }
        var parents: [String: Set<String>] = [:]
        try connection.rows("""
            SELECT c.relname, p.relname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
            WHERE k.contype = 'f' AND c.relnamespace = current_schema()::regnamespace
            """) { parents[$0.text(0), default: []].insert($0.text(1)) }
        for index in tables.indices { tables[index].parents = parents[tables[index].name] ?? [] }
        return tables
    }

    /// By a cursor: libpq would otherwise hold the whole table in memory.
    func stream(_ connection: any Connection, _ table: TableShape, _ row: (Row) throws -> Void) throws {
        let cursor = "copy_\(table.name)"
        try connection.execute("DECLARE \"\(cursor)\" NO SCROLL CURSOR FOR SELECT \(table.quotedColumns) FROM \(table.quotedName)")
        while true {
            var count = 0
            _ = try connection.query("FETCH 500 FROM \"\(cursor)\"", []) {
                count += 1
                try row($0)
                return true
            }
            if count == 0 { break }
        }
        try connection.execute("CLOSE \"\(cursor)\"")
    }
}

/// An empty schema that is filled in one transaction.
final class PostgresCopyTarget: CopyTarget {
    let backend: any Backend
    private let postgres: PostgresConnection
    var connection: any Connection { postgres }

    init(_ url: String, _ migrator: Migrator) throws(StoreError) {
        let address = try PostgresAddress(url: url)
        backend = try PostgresBackend(url: url)
        postgres = try PostgresConnection(address)
        do throws(StoreError) {
            try backend.prepareForCopy(postgres)
            try postgres.execute("BEGIN; SET LOCAL lock_timeout = '60s'; SELECT pg_advisory_xact_lock(4851231)")
            guard try postgres.firstInt("SELECT COUNT(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace") == 0 else {
                throw .unsupported("the PostgreSQL database is not empty: a copy never overwrites anything. Name an empty one")
            }
            _ = try migrator.run(on: postgres)
        } catch {
            postgres.rollBack()
            postgres.close()
            throw error
        }
    }

    func fill(_ table: TableShape, _ rows: (_ put: (Row, [UInt8]) throws -> Void) throws -> Void) throws {
        let load = "COPY \(table.quotedName) (\(table.quotedColumns)) FROM STDIN (FORMAT binary)"
        try postgres.beginLoad(load)
        var buffer = RowCode.header
        do {
            try rows { _, encoded in
                buffer += encoded
                guard buffer.count > 256 << 10 else { return }
                try postgres.send(buffer)
                buffer.removeAll(keepingCapacity: true)
            }
            try postgres.send(buffer + RowCode.trailer)
        } catch {
            try? postgres.endLoad(load, isWhole: false)   // the first error is what counts
            throw error
        }
        try postgres.endLoad(load, isWhole: true)
    }

    func finish() throws(StoreError) {
        try postgres.commit(position: nil)
        // Without it the first answers are planned as if the tables were empty. The copy is complete without it.
        try? postgres.execute("ANALYZE")
        postgres.close()
    }

    func abandon() {
        postgres.rollBack()
        postgres.close()
    }
}
