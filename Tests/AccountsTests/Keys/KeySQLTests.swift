@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct KeySQLTests {
    static let statements = DeviceKeySQL.all + OneTimeKeySQL.all + DeviceListSQL.all + SignatureSQL.all + CrossSigningSQL.all + KeyBackupSQL.all

    @Test(arguments: TestBackend.available) func everyStatementIsValid(backend: TestBackend) async throws {
        let app = try await TestApp([Accounts().feature], backend: backend)
        try app.context.db.prepareAll(Self.statements)
    }

    @Test func noTableOfKeysIsScanned() async throws {
        let app = try await TestApp([Accounts().feature], backend: .sqlite)
        for sql in Self.statements {
            let binds = Array(repeating: DatabaseValue.null, count: sql.count { $0 == "?" })
            let numbered = sql.split(separator: "?").dropFirst().compactMap { $0.first?.wholeNumberValue }.max()
            let plan = try await app.context.db.read { tx in try tx.all("EXPLAIN QUERY PLAN " + sql, array: Array(binds.prefix(numbered ?? binds.count))) { $0.text(3) } }
            for step in plan where step.hasPrefix("SCAN") { Issue.record("\(step) in \(sql)") }
        }
    }
}
