internal import CPostgres

/// A PostgreSQL URL. Its secrets stay in here.
struct PostgresAddress: Sendable {
    private let url: String
    private let secrets: [String]

    init(url: String) throws(StoreError) {
        self.url = url
        var message: UnsafeMutablePointer<CChar>?
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://"), let options = PQconninfoParse(url, &message) else {
            // libpq's text may repeat a part of the URL, its password included.
            PQfreemem(message)
            throw .unavailable("the database URL cannot be read; it has the form postgresql://USER@HOST:PORT/DATABASE")
        }
        var secrets: [String] = []
        var option = options
        while let keyword = option.pointee.keyword {
            if ["password", "sslpassword"].contains(String(cString: keyword)), let value = option.pointee.val {
                secrets.append(String(cString: value))
            }
            option += 1
        }
        PQconninfoFree(options)
        self.secrets = secrets.filter { !$0.isEmpty }
    }

    /// What the URL says comes last and wins.
    func open() -> OpaquePointer? {
        let settings = [
            ("connect_timeout", "5"), ("application_name", "comptoir"), ("client_encoding", "UTF8"),
            ("keepalives_idle", "30"), ("keepalives_interval", "5"), ("keepalives_count", "3"), ("tcp_user_timeout", "15000"),
            ("gssencmode", "disable"), ("dbname", url),
        ]
        var texts: [[CChar]] = []
        for (keyword, value) in settings { texts += [Array(keyword.utf8CString), Array(value.utf8CString)] }
        let flat = texts.flatMap { $0 }
        return flat.withUnsafeBufferPointer { buffer in
            var keywords: [UnsafePointer<CChar>?] = [], values: [UnsafePointer<CChar>?] = []
            var offset = 0
            for (index, text) in texts.enumerated() {
                let pointer = buffer.baseAddress?.advanced(by: offset)
                if index.isMultiple(of: 2) { keywords.append(pointer) } else { values.append(pointer) }
                offset += text.count
            }
            keywords.append(nil)
            values.append(nil)
            return PQconnectdbParams(keywords, values, 1)
        }
    }

    /// A message of the server or of libpq without line ends and without the URL's secrets.
    func redacted(_ message: String) -> String {
        var bytes = Array(message.utf8).map { $0 == 10 || $0 == 13 || $0 == 9 ? 32 : $0 }
        while bytes.last == 32 { bytes.removeLast() }
        for secret in secrets {
            let needle = Array(secret.utf8)
            var index = 0
            while index + needle.count <= bytes.count {
                if Array(bytes[index..<(index + needle.count)]) == needle {
                    bytes.replaceSubrange(index..<(index + needle.count), with: Array("***".utf8))
                    index += 3
                } else {
                    index += 1
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

struct PostgresBackend: Backend {
    private let address: PostgresAddress

    init(url: String) throws(StoreError) { address = try PostgresAddress(url: url) }

    var dialect: Dialect { .postgres }

    func connect(isWriter: Bool) throws(StoreError) -> any Connection { try PostgresConnection(address) }

    func migrate(_ connection: any Connection, _ migrator: Migrator) throws(StoreError) -> Int64 {
        do throws(StoreError) {
            // The lock lets servers that start at once take turns; its number is only a name.
            try connection.execute("""
                BEGIN;
                SET LOCAL statement_timeout = 0;
                SET LOCAL lock_timeout = '60s';
                SELECT pg_advisory_xact_lock(4851231)
                """)
            _ = try migrator.run(on: connection)
            let position = try connection.firstInt(PositionSQL.read) ?? 0
            try connection.commit(position: nil)
            return position
        } catch {
            connection.rollBack()
            connection.close()
            throw error
        }
    }

    func backup(to path: String) throws(StoreError) {
        throw .unsupported("a PostgreSQL database is backed up with PostgreSQL's own tools: pg_dump --format=custom")
    }

    func problems(_ connection: any Connection) throws(StoreError) -> [String] {
        try connection.firstInt("SELECT 1") == 1 ? [] : ["the server does not answer a simple question"]
    }

    /// The schema as PostgreSQL knows it, in a form that does not depend on the order in which it was made.
    func schema(_ connection: any Connection) throws(StoreError) -> String {
        var tables: [(name: String, lines: [String])] = []
        try connection.rows("""
            SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
            ORDER BY c.relname COLLATE "C", a.attnum
            """) { row in
            let name = row.text(0)
            if tables.last?.name != name { tables.append((name, [])) }
            var line = "\(row.text(1)) \(row.text(2))"
            if row.bool(3) { line += " NOT NULL" }
            if let value = row.textOrNil(4) { line += " DEFAULT \(value)" }
            tables[tables.count - 1].lines.append(line)
        }
        var others: [String: [String]] = [:]
        try connection.rows("""
            SELECT c.relname, pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
            WHERE c.relnamespace = current_schema()::regnamespace ORDER BY c.relname COLLATE "C", k.contype, pg_get_constraintdef(k.oid) COLLATE "C"
            """) { others[$0.text(0), default: []].append($0.text(1)) }
        var indexes: [String] = []
        try connection.rows("""
            SELECT replace(pg_get_indexdef(i.indexrelid), ' ON ' || quote_ident(current_schema()) || '.', ' ON ')
            FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
            WHERE c.relnamespace = current_schema()::regnamespace
              AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)
            ORDER BY c.relname COLLATE "C", i.indexrelid::regclass::text COLLATE "C"
            """) { indexes.append($0.text(0)) }
        var output = ""
        for table in tables {
            let lines = table.lines + (others[table.name] ?? [])
            output += "CREATE TABLE \(table.name) (\n    " + lines.joined(separator: ",\n    ") + "\n);\n"
        }
        return output + indexes.map { $0 + ";\n" }.joined()
    }

    func hasTable(_ name: String, _ connection: any Connection) throws(StoreError) -> Bool {
        try connection.firstInt("SELECT COUNT(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname = ?", [name]) == 1
    }

    func size(_ connection: any Connection) throws(StoreError) -> Int64 {
        try connection.firstInt("SELECT CAST(SUM(pg_total_relation_size(oid)) AS BIGINT) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'") ?? 0
    }

    func removeTemporaryFiles() {}
}
