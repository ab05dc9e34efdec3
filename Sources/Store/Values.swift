/// What a database column can hold.
package enum DatabaseValue: Sendable, Hashable {
    case null
    case int(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
}

/// Something that can be bound to a placeholder of a statement.
package protocol Bindable {
    var databaseValue: DatabaseValue { get }
}

extension DatabaseValue: Bindable { package var databaseValue: DatabaseValue { self } }
extension Int: Bindable { package var databaseValue: DatabaseValue { .int(Int64(self)) } }
extension Int32: Bindable { package var databaseValue: DatabaseValue { .int(Int64(self)) } }
extension Int64: Bindable { package var databaseValue: DatabaseValue { .int(self) } }
extension Bool: Bindable { package var databaseValue: DatabaseValue { .int(self ? 1 : 0) } }
extension Double: Bindable { package var databaseValue: DatabaseValue { .real(self) } }
extension String: Bindable { package var databaseValue: DatabaseValue { .text(self) } }
extension Substring: Bindable { package var databaseValue: DatabaseValue { .text(String(self)) } }
extension [UInt8]: Bindable { package var databaseValue: DatabaseValue { .bytes(self) } }
extension Optional: Bindable where Wrapped: Bindable {
    package var databaseValue: DatabaseValue { self?.databaseValue ?? .null }
}

extension DatabaseValue {
    /// Refuses what one of the two databases cannot hold, so that both behave alike.
    func checked() throws(StoreError) -> DatabaseValue {
        switch self {
        case .text(let text) where text.utf8.contains(0): throw .invalidText
        case .real(let number) where !number.isFinite: throw .invalidNumber
        default: return self
        }
    }
}

/// One row of a result; valid only inside the closure that was given it. A NULL reads as 0, "" or no bytes unless the
/// `…OrNil` variant is used. Columns count from 0.
package struct Row {
    enum Source {
        case sqlite(OpaquePointer)
        case postgres(PostgresResult, row: Int32)
    }

    let source: Source
    /// How many columns the result has: asked of the database once a query, not for each value.
    let columns: Int32

    @inline(__always)
    private func checked(_ column: Int) -> Int32 {
        precondition(column >= 0 && column < Int(columns), "the row has no column \(column)")
        return Int32(truncatingIfNeeded: column)
    }

    package func isNull(_ column: Int) -> Bool {
        switch source {
        case .sqlite(let statement): SQLiteColumn.isNull(statement, checked(column))
        case .postgres(let result, let row): result.isNull(row, checked(column))
        }
    }

    package func int(_ column: Int) -> Int64 {
        switch source {
        case .sqlite(let statement): SQLiteColumn.int(statement, checked(column))
        case .postgres(let result, let row): result.int(row, checked(column))
        }
    }

    package func real(_ column: Int) -> Double {
        switch source {
        case .sqlite(let statement): SQLiteColumn.real(statement, checked(column))
        case .postgres(let result, let row): result.real(row, checked(column))
        }
    }

    package func text(_ column: Int) -> String { textOrNil(column) ?? "" }

    package func bytes(_ column: Int) -> [UInt8] {
        switch source {
        case .sqlite(let statement): SQLiteColumn.bytes(statement, checked(column))
        case .postgres(let result, let row): result.bytes(row, checked(column))
        }
    }

    package func textOrNil(_ column: Int) -> String? {
        switch source {
        case .sqlite(let statement): SQLiteColumn.text(statement, checked(column))
        case .postgres(let result, let row): result.text(row, checked(column))
        }
    }

    /// The text of a column in which the same value stands in row after row: where it is that of the row before, that one is given, and none is made.
    package func text(_ column: Int, like last: String) -> String {
        switch source {
        case .sqlite(let statement): SQLiteColumn.text(statement, checked(column), like: last) ?? ""
        case .postgres(let result, let row): result.text(row, checked(column)) ?? ""
        }
    }

    package func bool(_ column: Int) -> Bool { int(column) != 0 }
    package func intOrNil(_ column: Int) -> Int64? { isNull(column) ? nil : int(column) }
    package func realOrNil(_ column: Int) -> Double? { isNull(column) ? nil : real(column) }
    package func bytesOrNil(_ column: Int) -> [UInt8]? { isNull(column) ? nil : bytes(column) }
    package func boolOrNil(_ column: Int) -> Bool? { isNull(column) ? nil : bool(column) }
}
