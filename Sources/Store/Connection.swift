/// One connection to one of the two databases, used by one thread at a time. The only place where they differ.
protocol Connection: AnyObject {
    /// Begins a write transaction, alone of its kind on this database, and gives the position it starts from.
    func beginWrite() throws(StoreError) -> Int64
    /// Begins a transaction that sees one snapshot.
    func beginRead() throws(StoreError)
    /// Ends the transaction durably; where `position` is given, the change position moves there in the same transaction.
    func commit(position: Int64?) throws(StoreError)
    /// After `commit` has thrown `outcomeUnknown`: whether the transaction was kept. Throws as long as that cannot be known.
    func wasKept() throws(StoreError) -> Bool
    /// Ends the transaction without keeping anything; never fails (a lost connection has nothing to undo).
    func rollBack()
    func savepoint(_ depth: Int) throws(StoreError)
    func release(_ depth: Int) throws(StoreError)
    func rollBack(to depth: Int) throws(StoreError)
    /// False once the database itself has ended the transaction (I/O error, lost connection).
    var isInTransaction: Bool { get }
    /// Whether the connection itself is gone; it is made anew at the next `begin`.
    var isLost: Bool { get }

    /// Calls `row` for each row until it says false. Gives the number of rows changed.
    func query(_ sql: String, _ binds: [any Bindable], _ row: (Row) throws -> Bool) throws -> Int
    /// Runs statements without parameters, one after the other, without keeping them prepared.
    func execute(_ sql: String) throws(StoreError)
    /// Checks that the statement can be prepared.
    func prepare(_ sql: String) throws(StoreError)

    func close()
}

extension Connection {
    func run(_ sql: String, _ binds: [any Bindable] = []) throws(StoreError) -> Int {
        do {
            return try query(sql, binds) { _ in true }
        } catch {
            throw StoreError(error)
        }
    }

    func firstInt(_ sql: String, _ binds: [any Bindable] = []) throws(StoreError) -> Int64? {
        var value: Int64?
        do {
            _ = try query(sql, binds) { row in
                value = row.int(0)
                return false
            }
        } catch {
            throw StoreError(error)
        }
        return value
    }

    func rows(_ sql: String, _ binds: [any Bindable] = [], _ row: (Row) -> Void) throws(StoreError) {
        do {
            _ = try query(sql, binds) { each in
                row(each)
                return true
            }
        } catch {
            throw StoreError(error)
        }
    }
}

extension StoreError {
    /// An error of a statement whose row closure does not throw is always ours.
    init(_ error: any Error) {
        self = error as? StoreError ?? .io(String(describing: error))
    }
}

enum PositionSQL {
    static let read = "SELECT position FROM change_position WHERE id = 1"
    static let write = "UPDATE change_position SET position = ? WHERE id = 1"
}
