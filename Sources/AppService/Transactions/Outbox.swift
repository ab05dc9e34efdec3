import MatrixCore
import ServerKit
import Store

/// What waits to be sent to each service, in the order of change positions, and the transaction that is under way.
///
/// Invariants: a row is written in the transaction of what it tells, so it is there if and only if that was committed; a transaction id is
/// given to a range of rows before it is sent, and the same id is sent with the same rows until the service has said 200; ids of a service
/// are numbers that only grow, also over a restart and over a database that is made anew.
enum Outbox {
    static let schema = Migration(120, "application services: what waits to be sent", """
        CREATE TABLE appservice (
            id TEXT PRIMARY KEY,
            next_txn INTEGER NOT NULL,
            pending_txn INTEGER, -- sent and not yet answered by 200
            pending_through INTEGER -- position of its last row
        );
        CREATE TABLE appservice_outbox (
            service TEXT NOT NULL,
            position INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            payload BLOB, -- NULL: the event at the position
            PRIMARY KEY (service, position)
        );
        """)

    enum Kind: Int64, Sendable { case event = 0, ephemeral = 1, toDevice = 2, deviceLists = 3, keyCounts = 4 }

    struct Item: Sendable {
        let position: Int64
        let kind: Kind
        let payload: [UInt8]?
    }

    /// One transaction: its number, and what it tells.
    struct Batch: Sendable {
        let txn: Int64
        let through: Int64
        let items: [Item]
        /// It was sent before a restart, and the service may have it: what it did not carry then it will not look at now.
        var isRepetition = false
    }

    /// Events of one transaction.
    static let perBatch = 100

    static func add(_ tx: WriteTx, service: String, position: Int64, kind: Kind, payload: [UInt8]? = nil) throws {
        try tx.run(SQL.add, service, position, kind.rawValue, payload)
    }

    /// Ends `done` and gives the next transaction. nil: nothing waits. `evenIfEmpty`: there is something to tell that is not in the table.
    static func next(_ c: Context, service: String, done: Batch?, evenIfEmpty: Bool) async throws -> Batch? {
        let now = c.clock.now
        return try await c.db.write { tx in
            if let done {
                try tx.run(SQL.delete, service, done.through)
                try tx.run(SQL.done, service, done.txn)
            }
            guard let row = try tx.first(SQL.service, service, row: { (next: $0.int(0), txn: $0.intOrNil(1), through: $0.intOrNil(2)) }) else {
                try tx.run(SQL.insert, service, now)
                return try begin(tx, service, txn: now, evenIfEmpty)
            }
            // A transaction that was sent before a restart is sent again as it was.
            if let txn = row.txn, let through = row.through { return Batch(txn: txn, through: through, items: try items(tx, service, through: through), isRepetition: true) }
            return try begin(tx, service, txn: row.next, evenIfEmpty)
        }
    }

    private static func begin(_ tx: WriteTx, _ service: String, txn: Int64, _ evenIfEmpty: Bool) throws -> Batch? {
        let items = try items(tx, service, through: .max)
        guard !items.isEmpty || evenIfEmpty else { return nil }
        let through = items.last?.position ?? 0
        try tx.run(SQL.begin, txn, through, txn + 1, service)
        return Batch(txn: txn, through: through, items: items)
    }

    private static func items(_ tx: ReadTx, _ service: String, through: Int64) throws -> [Item] {
        try tx.all(SQL.items, service, through, perBatch) { Item(position: $0.int(0), kind: Kind(rawValue: $0.int(1)) ?? .event, payload: $0.bytesOrNil(2)) }
    }

    /// Forgets what waits for services that are not registered any more.
    static func forgetOthers(_ tx: WriteTx, than services: [String]) throws {
        for id in try tx.all(SQL.services, row: { $0.text(0) }) where !services.contains(id) {
            try tx.run(SQL.delete, id, Int64.max)
            try tx.run(SQL.remove, id)
        }
    }

    enum SQL {
        static let add = "INSERT INTO appservice_outbox (service, position, kind, payload) VALUES (?, ?, ?, ?)"
        static let items = "SELECT position, kind, payload FROM appservice_outbox WHERE service = ? AND position <= ? ORDER BY position LIMIT ?"
        static let delete = "DELETE FROM appservice_outbox WHERE service = ? AND position <= ?"
        static let service = "SELECT next_txn, pending_txn, pending_through FROM appservice WHERE id = ?"
        static let services = "SELECT id FROM appservice"
        static let insert = "INSERT INTO appservice (id, next_txn, pending_txn, pending_through) VALUES (?, ?, NULL, NULL)"
        static let begin = "UPDATE appservice SET pending_txn = ?, pending_through = ?, next_txn = ? WHERE id = ?"
        static let done = "UPDATE appservice SET pending_txn = NULL, pending_through = NULL WHERE id = ? AND pending_txn = ?"
        static let remove = "DELETE FROM appservice WHERE id = ?"
        static let all = [add, items, delete, service, services, insert, begin, done, remove]
    }
}
