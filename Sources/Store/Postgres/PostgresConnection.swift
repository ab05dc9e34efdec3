internal import CPostgres

/// One connection to PostgreSQL by libpq. A lost connection is made anew at the next `begin`, with back-off.
final class PostgresConnection: Connection {
    private let address: PostgresAddress
    private var connection: OpaquePointer?
    private var statements: [String: (name: String, parameters: Int)] = [:]
    private var prepared = 0
    private var nextAttempt: Int64 = 0
    private var pause: Int64 = 0
    /// Whether the savepoint of the closure before is still to be released.
    private var releasesFirst = false
    /// The server's number of the write transaction, by which it knows what became of it.
    private var transaction = ""

    private static let maximumStatements = 400
    private static let firstPause: Int64 = 100_000
    private static let longestPause: Int64 = 1_000_000

    init(_ address: PostgresAddress) throws(StoreError) {
        self.address = address
        try connect()
    }

    deinit { close() }

    // MARK: the connection

    private func connect() throws(StoreError) {
        close()
        let now = SystemClock.monotonicMicroseconds()
        guard now >= nextAttempt else { throw .unavailable("the database server did not answer; it is asked again shortly") }
        do {
            try open()
            pause = 0
        } catch {
            close()
            pause = min(max(pause * 2, Self.firstPause), Self.longestPause)
            nextAttempt = SystemClock.monotonicMicroseconds() + pause
            throw error
        }
    }

    private func open() throws(StoreError) {
        connection = address.open()
        guard let connection, PQstatus(connection) == CONNECTION_OK else {
            throw .unavailable(address.redacted(connection.map { String(cString: PQerrorMessage($0)) } ?? "no memory"))
        }
        // Notices would be printed on standard error.
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        guard PQserverVersion(connection) >= 150_000 else {
            throw .unsupported("PostgreSQL 15 or newer is needed; this server is \(PQserverVersion(connection) / 10_000)")
        }
        guard let encoding = PQparameterStatus(connection, "server_encoding"), String(cString: encoding) == "UTF8" else {
            throw .unsupported("the PostgreSQL database must have the encoding UTF8; make it with: createdb --encoding=UTF8 --template=template0 NAME")
        }
        try execute("""
            SET client_min_messages = warning;
            SET synchronous_commit = on;
            SET statement_timeout = '30s';
            SET lock_timeout = '10s';
            SET idle_in_transaction_session_timeout = '60s';
            SET standard_conforming_strings = on;
            SET default_transaction_isolation = 'read committed';
            SET TIME ZONE 'UTC'
            """)
    }

    func close() {
        if let connection { PQfinish(connection) }
        connection = nil
        statements.removeAll()
    }

    var isLost: Bool { PQstatus(connection) != CONNECTION_OK }

    /// To wait on.
    var socket: Int32? { isLost ? nil : PQsocket(connection) }

    /// Reads what has come by itself, and notices the end of the connection by it.
    func isStillThere() -> Bool { PQconsumeInput(connection) == 1 && !isLost }

    var isInTransaction: Bool {
        guard let connection, !isLost else { return false }
        switch PQtransactionStatus(connection) {
        case PQTRANS_INTRANS, PQTRANS_INERROR, PQTRANS_ACTIVE: return true
        default: return false
        }
    }

    // MARK: transactions

    /// The lock of the position's row makes writers take turns, in this process and in all others.
    func beginWrite() throws(StoreError) -> Int64 {
        let result = try begin("BEGIN; SELECT position, pg_current_xact_id() FROM change_position WHERE id = 1 FOR UPDATE")
        transaction = result.count > 0 ? PQgetvalue(result.pointer, 0, 1).map { String(cString: $0) } ?? "" : ""
        return Self.firstInt(result)
    }

    func beginRead() throws(StoreError) {
        _ = try begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    }

    /// Nothing was done yet, so a connection that turns out to be lost is simply made anew.
    private func begin(_ sql: String) throws(StoreError) -> PostgresResult {
        releasesFirst = false
        if isLost { try connect() }
        do {
            return try simple(sql)
        } catch {
            guard isLost else {
                rollBack()
                throw error
            }
            try connect()
            return try simple(sql)
        }
    }

    func commit(position: Int64?) throws(StoreError) {
        let update = position.map { "UPDATE change_position SET position = \($0) WHERE id = 1; " } ?? ""
        let result: PostgresResult
        do {
            result = try checked(PQexec(connection, update + "COMMIT"), sql: "COMMIT")
        } catch {
            guard isLost else { throw error }
            throw .outcomeUnknown(Self.text(of: error))
        }
        // COMMIT of a transaction that has failed answers ROLLBACK and no error.
        guard let status = PQcmdStatus(result.pointer), String(cString: status) == "COMMIT" else {
            throw .io("the database rolled the transaction back")
        }
    }

    func wasKept() throws(StoreError) -> Bool {
        if isLost { try connect() }
        do throws(StoreError) {
            let status = try simple("SELECT CASE pg_xact_status('\(transaction)') WHEN 'committed' THEN 1 WHEN 'aborted' THEN 0 ELSE 2 END")
            guard Self.firstInt(status) < 2 else { throw .busy("the transaction has not ended yet") }
            return Self.firstInt(status) == 1
        } catch {
            // A number that a server no longer knows after a crash belongs to a transaction of which nothing was written.
            if case .constraint = error { return false }
            throw error
        }
    }

    func rollBack() {
        guard isInTransaction else { return }
        // If this fails the connection is lost, and the server ends the transaction itself.
        PQclear(PQexec(connection, "ROLLBACK"))
    }

    func savepoint(_ depth: Int) throws(StoreError) {
        let release = releasesFirst && depth == 0 ? "RELEASE SAVEPOINT s0; " : ""
        releasesFirst = false
        try execute(release + "SAVEPOINT s\(depth)")
    }

    /// The outermost one is released together with the next one, or by COMMIT: a round trip less for each closure.
    func release(_ depth: Int) throws(StoreError) {
        if depth == 0 { releasesFirst = true } else { try execute("RELEASE SAVEPOINT s\(depth)") }
    }

    func rollBack(to depth: Int) throws(StoreError) {
        try execute("ROLLBACK TO SAVEPOINT s\(depth); RELEASE SAVEPOINT s\(depth)")
    }

    // MARK: statements

    func execute(_ sql: String) throws(StoreError) { _ = try simple(sql) }

    /// Runs statements in one round trip; gives the last result, as text.
    private func simple(_ sql: String) throws(StoreError) -> PostgresResult {
        try checked(PQexec(connection, sql), sql: sql)
    }

    /// The number in the first field, if there is one.
    private static func firstInt(_ result: PostgresResult) -> Int64 {
        guard result.count > 0, let text = PQgetvalue(result.pointer, 0, 0) else { return 0 }
        return Int64(String(cString: text)) ?? 0
    }

    func prepare(_ sql: String) throws(StoreError) {
        _ = try checked(PQprepare(connection, "", Dialect.postgres(sql).sql, 0, nil), sql: sql)
    }

    func query(_ sql: String, _ binds: [any Bindable], _ row: (Row) throws -> Bool) throws -> Int {
        let statement = try prepared(sql)
        guard binds.count == statement.parameters else {
            throw StoreError.statement("\(binds.count) values for \(statement.parameters) placeholders", sql: sql)
        }
        let result = try checked(run(statement.name, binds), sql: sql)
        let columns = result.columns
        for index in 0..<result.count {
            if try !row(Row(source: .postgres(result, row: index), columns: columns)) { break }
        }
        guard let status = PQcmdStatus(result.pointer), !String(cString: status).hasPrefix("SELECT"),
              let changed = PQcmdTuples(result.pointer)
        else { return 0 }
        return Int(String(cString: changed)) ?? 0
    }

    private func prepared(_ sql: String) throws(StoreError) -> (name: String, parameters: Int) {
        if let known = statements[sql] { return known }
        if statements.count >= Self.maximumStatements {
            try execute("DEALLOCATE ALL")
            statements.removeAll()
        }
        let translated = Dialect.postgres(sql)
        prepared += 1
        let statement = (name: "p\(prepared)", parameters: translated.parameters)
        _ = try checked(PQprepare(connection, statement.name, translated.sql, 0, nil), sql: sql)
        statements[sql] = statement
        return statement
    }

    /// Numbers and texts go as text, so that the server chooses their type by the place they stand in; bytes go as they are.
    private func run(_ name: String, _ binds: [any Bindable]) throws(StoreError) -> OpaquePointer? {
        var buffer: [UInt8] = []
        var offsets: [Int?] = [], lengths: [Int32] = [], formats: [Int32] = []
        for bind in binds {
            let start = buffer.count
            switch try bind.databaseValue.checked() {
            case .null:
                offsets.append(nil)
                lengths.append(0)
                formats.append(0)
                continue
            case .int(let number): buffer += String(number).utf8
            case .real(let number): buffer += number.description.utf8
            case .text(let text): buffer += text.utf8
            case .bytes(let bytes):
                buffer += bytes
                formats.append(1)
            }
            offsets.append(start)
            lengths.append(Int32(buffer.count - start))
            if formats.count < offsets.count { formats.append(0) }
            buffer.append(0)
        }
        return buffer.withUnsafeBytes { raw in
            let values = offsets.map { offset -> UnsafePointer<CChar>? in
                offset.flatMap { raw.baseAddress?.advanced(by: $0).assumingMemoryBound(to: CChar.self) }
            }
            return PQexecPrepared(connection, name, Int32(binds.count), values, lengths, formats, 1)
        }
    }

    /// Begins to load rows by COPY; then come `send` and `endLoad`.
    func beginLoad(_ sql: String) throws(StoreError) {
        guard let pointer = PQexec(connection, sql) else { throw .unavailable(lastMessage) }
        let started = PostgresResult(pointer)
        guard PQresultStatus(pointer) == PGRES_COPY_IN else { throw error(of: started, sql: sql) }
    }

    func send(_ piece: [UInt8]) throws(StoreError) {
        let status = piece.withUnsafeBytes { PQputCopyData(connection, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count)) }
        guard status == 1 else { throw .unavailable(lastMessage) }
    }

    /// `isWhole`: false throws away what was loaded.
    func endLoad(_ sql: String, isWhole: Bool) throws(StoreError) {
        let status = PQputCopyEnd(connection, isWhole ? nil : "given up")
        var refusal: StoreError?
        while let next = PQgetResult(connection) {
            do { _ = try checked(next, sql: sql) } catch { refusal = refusal ?? error }
        }
        if let refusal { throw refusal }
        guard status == 1 else { throw .unavailable(lastMessage) }
    }

    private var lastMessage: String { address.redacted(connection.map { String(cString: PQerrorMessage($0)) } ?? "not connected") }

    private func checked(_ pointer: OpaquePointer?, sql: String) throws(StoreError) -> PostgresResult {
        guard let pointer else { throw .unavailable(lastMessage) }
        let result = PostgresResult(pointer)
        switch PQresultStatus(pointer) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return result
        default: throw error(of: result, sql: sql)
        }
    }

    // MARK: errors

    /// Only the primary message and the code are used: the details hold values.
    private func error(of result: PostgresResult, sql: String) -> StoreError {
        func field(_ code: Character) -> String? {
            PQresultErrorField(result.pointer, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
        }
        let state = field("C") ?? ""
        let message = address.redacted(field("M") ?? String(cString: PQresultErrorMessage(result.pointer)))
        if isLost { return .unavailable(message) }
        switch state {
        case "23505": return .constraint(.unique, message)
        case "23503": return .constraint(.foreignKey, message)
        case "23502": return .constraint(.notNull, message)
        case "23514": return .constraint(.check, message)
        case "53100": return .diskFull(message)
        case "57014": return .timeout(message)
        case "55P03", "40001", "40P01": return .busy(message)
        case "25006": return .readOnly(message)
        case "XX001", "XX002": return .corrupt(message)
        case "25P03": return .timeout(message)
        default: break
        }
        switch state.prefix(2) {
        // The messages of these two hold the value.
        case "22": return .constraint(.other, "a value does not fit its place (\(state))")
        case "23": return .constraint(.other, message)
        case "08", "57", "53": return .unavailable(message)
        case "42", "26", "34", "0A": return .statement(message, sql: sql)
        default: return .io("\(message) (\(state))")
        }
    }

    private static func text(of error: StoreError) -> String {
        if case .unavailable(let text) = error { text } else { String(describing: error) }
    }
}
