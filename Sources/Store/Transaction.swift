/// What a commit changed, for those who wait for news.
package enum ChangeKey: Sendable, Hashable {
    case user(String)
    /// Something of a user that lies in no room of his: messages to his devices, the device lists of people he knows.
    case device(String)
    case room(String)
    /// How far somebody has read in a room; those are told who are told of the room.
    case receipts(String)
    case desk
    case custom(String)
}

/// A snapshot of the database. Valid only inside the closure that was given it.
package class ReadTx {
    let connection: any Connection
    private var isOver = false
    /// The first error of a statement: PostgreSQL refuses all later ones, so SQLite does the same here.
    fileprivate(set) var failure: StoreError?
    /// Statements run so far: what tests of hot paths count.
    package private(set) var statementCount = 0

    private var attachments: [ObjectIdentifier: AnyObject] = [:]

    init(_ connection: any Connection) { self.connection = connection }

    /// What those who read in one snapshot know in common: one object of each type, made at the first question.
    package func shared<T: AnyObject>(_ type: T.Type, _ make: () -> T) -> T {
        if let found = attachments[ObjectIdentifier(type)] { return unsafeDowncast(found, to: type) }
        let made = make()
        attachments[ObjectIdentifier(type)] = made
        return made
    }

    func end() { isOver = true }

    private var knownPosition: Int64?
    /// The change position of this snapshot.
    package var position: Int64 {
        get throws {
            if let knownPosition { return knownPosition }
            let position = try first(PositionSQL.read) { $0.int(0) } ?? 0
            knownPosition = position
            return position
        }
    }

    package func first<T>(_ sql: String, _ binds: any Bindable..., row: (Row) throws -> T) throws -> T? {
        try first(sql, array: binds, row: row)
    }

    package func first<T>(_ sql: String, array binds: [any Bindable], row: (Row) throws -> T) throws -> T? {
        var result: T?
        _ = try query(sql, binds) {
            result = try row($0)
            return false
        }
        return result
    }

    package func all<T>(_ sql: String, _ binds: any Bindable..., row: (Row) throws -> T) throws -> [T] {
        try all(sql, array: binds, row: row)
    }

    package func all<T>(_ sql: String, array binds: [any Bindable], row: (Row) throws -> T) throws -> [T] {
        var result: [T] = []
        _ = try query(sql, binds) {
            result.append(try row($0))
            return true
        }
        return result
    }

    package func each(_ sql: String, _ binds: any Bindable..., row: (Row) throws -> Void) throws {
        try each(sql, array: binds, row: row)
    }

    package func each(_ sql: String, array binds: [any Bindable], row: (Row) throws -> Void) throws {
        _ = try query(sql, binds) {
            try row($0)
            return true
        }
    }

    package func exists(_ sql: String, _ binds: any Bindable...) throws -> Bool {
        try exists(sql, array: binds)
    }

    package func exists(_ sql: String, array binds: [any Bindable]) throws -> Bool {
        var found = false
        _ = try query(sql, binds) { _ in
            found = true
            return false
        }
        return found
    }

    fileprivate func query(_ sql: String, _ binds: [any Bindable], _ row: (Row) throws -> Bool) throws -> Int {
        precondition(!isOver, "a transaction was used after its closure had returned")
        if let failure { throw failure }
        var rowError: (any Error)?
        statementCount += 1
        do {
            return try connection.query(sql, binds) { each in
                do {
                    return try row(each)
                } catch {
                    rowError = error
                    throw error
                }
            }
        } catch {
            // An error of the caller's row closure is the caller's; one of the statement ends the closure's work.
            if rowError == nil, let error = error as? StoreError, error != .invalidText, error != .invalidNumber {
                failure = error
            }
            throw error
        }
    }
}

/// The one write transaction at a time: it may read, check and write without races.
package final class WriteTx: ReadTx {
    /// The last position given out, in this closure or before it.
    private(set) var lastPosition: Int64
    private(set) var actions: [@Sendable () -> Void] = []
    private(set) var keys: Set<ChangeKey> = []
    private var depth: Int

    init(_ connection: any Connection, lastPosition: Int64, depth: Int) {
        self.lastPosition = lastPosition
        self.depth = depth
        super.init(connection)
    }

    /// Runs one statement and gives the number of rows it changed.
    @discardableResult
    package func run(_ sql: String, _ binds: any Bindable...) throws -> Int {
        try run(sql, array: binds)
    }

    @discardableResult
    package func run(_ sql: String, array binds: [any Bindable]) throws -> Int {
        try query(sql, binds) { _ in true }
    }

    /// What is read here may be changed a moment later: nothing is kept.
    package override func shared<T: AnyObject>(_ type: T.Type, _ make: () -> T) -> T { make() }

    /// The position before this closure's first `nextPosition`, or the last one it took.
    package override var position: Int64 { get throws { lastPosition } }

    /// The next change position: global, gap-free, in commit order. Given back if the closure throws.
    package func nextPosition() -> Int64 {
        lastPosition += 1
        return lastPosition
    }

    /// Runs after the commit is durable, and only if this closure's work was kept. On the writer's thread: be quick.
    package func afterCommit(_ action: @escaping @Sendable () -> Void) { actions.append(action) }

    /// Names something that this closure changed, for those who wait for it.
    package func touch(_ key: ChangeKey) { keys.insert(key) }

    /// Does something that may fail: if `body` throws, its work alone is undone, the error is thrown on, and the closure
    /// may go on. Without it, the first failed statement ends the closure.
    package func attempt<T>(_ body: (WriteTx) throws -> T) throws -> T {
        if let failure { throw failure }
        let before = (lastPosition, actions.count, keys)
        depth += 1
        defer { depth -= 1 }
        try connection.savepoint(depth)
        do {
            let result = try body(self)
            if let failure { throw failure }
            try connection.release(depth)
            return result
        } catch {
            (lastPosition, keys) = (before.0, before.2)
            actions.removeSubrange(before.1...)
            do {
                try connection.rollBack(to: depth)
                failure = nil
            } catch let lost {
                failure = lost
            }
            throw error
        }
    }
}
