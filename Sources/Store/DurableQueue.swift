/// Work that outlives a crash: put in by the transaction that causes it, taken out by a worker, done at least once.
///
/// Two tables of the same form: `outbox` for what leaves the server (webhooks, pushes, mails), `job` for work inside it.
/// Invariants
/// - An item is there if and only if the transaction that put it in was committed.
/// - A key is known once per kind, also after the item is done (until `forget`): putting it in again does nothing.
/// - A claimed item is hidden until its lease ends; a worker that died loses it to the next claim, and what the late
///   worker then says about it is ignored, since the number of attempts has moved on.
package struct DurableQueue: Sendable {
    package static let outbox = DurableQueue(table: "outbox")
    package static let jobs = DurableQueue(table: "job")

    let table: String

    package struct Item: Sendable, Equatable {
        package let kind: String
        package let key: String
        package let payload: [UInt8]
        /// 1 at the first attempt.
        package let attempt: Int
        /// When it was put in, in milliseconds.
        package let created: Int64

        package init(kind: String, key: String, payload: [UInt8], attempt: Int, created: Int64) {
            (self.kind, self.key, self.payload, self.attempt, self.created) = (kind, key, payload, attempt, created)
        }
    }

    package struct Counts: Sendable, Equatable {
        package var waiting, failed, done: Int

        package init(waiting: Int = 0, failed: Int = 0, done: Int = 0) {
            (self.waiting, self.failed, self.done) = (waiting, failed, done)
        }
    }

    private enum State {
        static let waiting = 0, failed = 1, done = 2
    }

    static let migration = Migration(2, "outbox and job", ["outbox", "job"].map { table in
        """
        CREATE TABLE \(table) (
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            payload BLOB NOT NULL,
            state INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            not_before INTEGER NOT NULL,
            created INTEGER NOT NULL,
            changed INTEGER NOT NULL,
            last_error TEXT,
            PRIMARY KEY (kind, key)
        );
        CREATE INDEX \(table)_sequence ON \(table) (sequence);
        CREATE INDEX \(table)_due ON \(table) (state, kind, not_before);
        CREATE INDEX \(table)_changed ON \(table) (state, changed);

        """
    }.joined())

    /// Puts an item in, to be done at `notBefore` or later. False if the key is known already.
    @discardableResult
    package func enqueue(
        _ tx: WriteTx, kind: String, key: String, payload: [UInt8], now: Int64, notBefore: Int64? = nil
    ) throws -> Bool {
        try tx.run("""
            INSERT INTO \(table) (kind, key, sequence, payload, state, attempt, not_before, created, changed)
            VALUES (?1, ?2, (SELECT COALESCE(MAX(sequence), 0) + 1 FROM \(table)), ?3, \(State.waiting), 0, ?4, ?5, ?5)
            ON CONFLICT (kind, key) DO NOTHING
            """, kind, key, payload, notBefore ?? now, now) == 1
    }

    /// Takes up to `limit` items that are due, the oldest first, and hides them for `lease` milliseconds.
    package func claim(_ tx: WriteTx, kind: String, now: Int64, lease: Int64, limit: Int = 1) throws -> [Item] {
        let items = try tx.all("""
            SELECT key, payload, attempt, created FROM \(table)
            WHERE state = \(State.waiting) AND kind = ? AND not_before <= ? ORDER BY sequence LIMIT ?
            """, kind, now, limit) {
            Item(kind: kind, key: $0.text(0), payload: $0.bytes(1), attempt: Int($0.int(2)) + 1, created: $0.int(3))
        }
        for item in items {
            try tx.run("UPDATE \(table) SET attempt = ?, not_before = ?, changed = ? WHERE kind = ? AND key = ?",
                       item.attempt, now + lease, now, kind, item.key)
        }
        return items
    }

    /// Ends an item well. Its payload goes, its key stays known. False if this attempt is no longer the current one.
    @discardableResult
    package func done(_ tx: WriteTx, _ item: Item, now: Int64) throws -> Bool {
        try tx.run("""
            UPDATE \(table) SET state = \(State.done), payload = ?, changed = ?, last_error = NULL
            WHERE kind = ? AND key = ? AND attempt = ? AND state = \(State.waiting)
            """, [UInt8](), now, item.kind, item.key, item.attempt) == 1
    }

    /// Lets an item be tried again at `notBefore` or later.
    @discardableResult
    package func retryLater(_ tx: WriteTx, _ item: Item, now: Int64, notBefore: Int64, error: String) throws -> Bool {
        try tx.run("""
            UPDATE \(table) SET not_before = ?, changed = ?, last_error = ?
            WHERE kind = ? AND key = ? AND attempt = ? AND state = \(State.waiting)
            """, notBefore, now, error, item.kind, item.key, item.attempt) == 1
    }

    /// Ends an item badly: it is kept with its payload, to be looked at, and not tried again by itself.
    @discardableResult
    package func giveUp(_ tx: WriteTx, _ item: Item, now: Int64, error: String) throws -> Bool {
        try tx.run("""
            UPDATE \(table) SET state = \(State.failed), changed = ?, last_error = ?
            WHERE kind = ? AND key = ? AND attempt = ? AND state = \(State.waiting)
            """, now, error, item.kind, item.key, item.attempt) == 1
    }

    /// Puts the failed items of a kind back. Gives how many.
    @discardableResult
    package func retryFailed(_ tx: WriteTx, kind: String, now: Int64) throws -> Int {
        try tx.run("""
            UPDATE \(table) SET state = \(State.waiting), not_before = ?1, changed = ?1
            WHERE kind = ?2 AND state = \(State.failed)
            """, now, kind)
    }

    /// Forgets the keys of items done before a time. Gives how many.
    @discardableResult
    package func forget(_ tx: WriteTx, doneBefore time: Int64) throws -> Int {
        try tx.run("DELETE FROM \(table) WHERE state = \(State.done) AND changed < ?", time)
    }

    /// When the next item of the kind is due, claimed ones by the end of their lease.
    package func nextDue(_ tx: ReadTx, kind: String) throws -> Int64? {
        try tx.first("SELECT MIN(not_before) FROM \(table) WHERE state = \(State.waiting) AND kind = ?", kind) {
            $0.intOrNil(0)
        } ?? nil
    }

    package func lastError(_ tx: ReadTx, kind: String, key: String) throws -> String? {
        try tx.first("SELECT last_error FROM \(table) WHERE kind = ? AND key = ?", kind, key) { $0.textOrNil(0) } ?? nil
    }

    /// Those of all kinds that are not done.
    package func counts(_ tx: ReadTx) throws -> Counts {
        var counts = Counts()
        try tx.each("SELECT state, COUNT(*) FROM \(table) WHERE state IN (\(State.waiting), \(State.failed)) GROUP BY state") { row in
            if Int(row.int(0)) == State.waiting { counts.waiting = Int(row.int(1)) } else { counts.failed = Int(row.int(1)) }
        }
        return counts
    }

    package func counts(_ tx: ReadTx, kind: String) throws -> Counts {
        var counts = Counts()
        try tx.each("SELECT state, COUNT(*) FROM \(table) WHERE kind = ? GROUP BY state", kind) { row in
            switch Int(row.int(0)) {
            case State.waiting: counts.waiting = Int(row.int(1))
            case State.failed: counts.failed = Int(row.int(1))
            default: counts.done = Int(row.int(1))
            }
        }
        return counts
    }
}
