/// What can go wrong in the world of a database. None of the texts holds a bound value or a secret of the URL.
package enum StoreError: Error, Sendable, Equatable {
    /// No room on the disk (or the size limit of the database is reached). Nothing of the closure was kept.
    case diskFull(String)
    /// Another process holds the database for too long.
    case busy(String)
    /// A constraint of the schema refused the statement.
    case constraint(ConstraintKind, String)
    /// A text with a NUL character, which PostgreSQL cannot hold.
    case invalidText
    /// A number that is not finite.
    case invalidNumber
    /// The database was closed.
    case closed
    /// Too many closures wait already.
    case overloaded
    /// A statement ran longer than the database allows.
    case timeout(String)
    /// The statement cannot be prepared, or its parameters do not fit.
    case statement(String, sql: String)
    /// The disk or the file failed.
    case io(String)
    /// The file is damaged or is no database.
    case corrupt(String)
    /// The database may not be written.
    case readOnly(String)
    /// The database server cannot be reached; nothing was done.
    case unavailable(String)
    /// The connection was lost during COMMIT: the work may have been kept or not.
    case outcomeUnknown(String)
    /// This kind of database cannot do it; the text says what to do instead.
    case unsupported(String)
    /// The schema of the database and this program do not belong together; the text says what to do.
    case migration(String)

    package enum ConstraintKind: String, Sendable {
        case unique, foreignKey, notNull, check, other
    }

    package var isUniqueViolation: Bool {
        if case .constraint(.unique, _) = self { true } else { false }
    }

    /// Whether trying the same again later can help.
    package var isTemporary: Bool {
        switch self {
        case .diskFull, .busy, .closed, .overloaded, .timeout, .io, .unavailable, .outcomeUnknown: true
        default: false
        }
    }
}

extension StoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .diskFull(let text): "the disk is full: \(text)"
        case .busy(let text): "the database is busy: \(text)"
        case .constraint(let kind, let text): "a constraint (\(kind.rawValue)) refused the statement: \(text)"
        case .invalidText: "a text holds a NUL character"
        case .invalidNumber: "a number is not finite"
        case .closed: "the database is closed"
        case .overloaded: "too many operations wait for the database"
        case .timeout(let text): "the statement took too long: \(text)"
        case .statement(let text, let sql): "the statement is not valid: \(text) in: \(sql)"
        case .io(let text): "the disk failed: \(text)"
        case .corrupt(let text): "the database is damaged: \(text)"
        case .readOnly(let text): "the database cannot be written: \(text)"
        case .unavailable(let text): "the database cannot be reached: \(text)"
        case .outcomeUnknown(let text): "the connection was lost while committing, the outcome is unknown: \(text)"
        case .unsupported(let text), .migration(let text): text
        }
    }
}
