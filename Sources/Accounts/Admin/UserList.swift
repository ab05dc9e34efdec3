import MatrixCore
import Store

/// The list of accounts that administrators see: filters, an order, pages.
struct UserList: Sendable {
    /// Folded; found in ids and display names.
    var term: String?
    var guests = true
    var deactivated = false
    var admins: Bool?
    var locked: Bool?

    enum Order: String, Sendable, CaseIterable {
        case name, displayname, admin, deactivated, creation_ts, is_guest, last_seen_ts
        var column: String {
            switch self {
            case .name: "a.user_id"
            case .displayname: "p.displayname"
            case .admin: "a.is_admin"
            case .deactivated: "a.deactivated"
            case .creation_ts: "a.created"
            case .is_guest: "a.kind"
            case .last_seen_ts: "7"   // the seventh column
            }
        }
    }

    struct Entry: Sendable {
        let id: UserID
        let kind: String
        let displayName: String?
        let avatarURL: String?
        let created: Int64
        let lastSeen: Int64?
        let isAdmin, isDeactivated, isErased, isLocked, isSuspended: Bool

        init(_ row: Row) {
            id = UserID(trusted: row.text(0)); kind = row.text(1); displayName = row.textOrNil(2); avatarURL = row.textOrNil(3); isAdmin = row.bool(4)
            created = row.int(5); lastSeen = row.intOrNil(6); isDeactivated = !row.isNull(7); isErased = row.bool(8)
            isLocked = row.bool(9); isSuspended = row.bool(10)
        }

        var listed: JSONObject {
            [
                "name": JSON(id), "displayname": displayName.map { .string($0) } ?? .null, "avatar_url": avatarURL.map { .string($0) } ?? .null,
                "is_guest": .bool(kind == "guest"), "user_type": kind == "bot" ? "bot" : .null, "admin": .bool(isAdmin), "deactivated": .bool(isDeactivated),
                "erased": .bool(isErased), "locked": .bool(isLocked), "suspended": .bool(isSuspended), "shadow_banned": false, "creation_ts": .int(created),
                "last_seen_ts": lastSeen.map { .int($0) } ?? .null,
            ]
        }
    }

    private var binds: [any Bindable] {
        [term == nil, "%" + SQL.escape(term ?? "") + "%", guests, deactivated, admins == nil, admins ?? false, locked == nil, locked ?? false]
    }

    static func page(_ tx: ReadTx, _ list: UserList, _ order: Order, isDescending: Bool, from: Int64, limit: Int64) throws -> [Entry] {
        try tx.all(SQL.page(order, isDescending), array: list.binds + [limit, from]) { Entry($0) }
    }
    static func count(_ tx: ReadTx, _ list: UserList) throws -> Int64 { try tx.first(SQL.count, array: list.binds) { $0.int(0) } ?? 0 }
    static func one(_ tx: ReadTx, _ user: UserID) throws -> Entry? { try tx.first(SQL.one, user) { Entry($0) } }
    static func reactivate(_ tx: WriteTx, _ user: UserID) throws { try tx.run(SQL.reactivate, user) }

    /// Read by administrators only: a scan of the accounts is what they ask for.
    enum SQL {
        static func escape(_ text: String) -> String { text.reduce(into: "") { $0 += $1 == "%" || $1 == "_" || $1 == "\\" ? "\\\($1)" : String($1) } }
        private static let columns = """
            SELECT a.user_id, a.kind, p.displayname, p.avatar_url, a.is_admin, a.created, \
            (SELECT MAX(d.last_seen) FROM device d WHERE d.user_id = a.user_id) AS seen, a.deactivated, a.is_erased, a.is_locked, a.is_suspended \
            FROM account a LEFT JOIN profile p ON p.user_id = a.user_id
            """
        private static let filter = """
             WHERE (?1 = 1 OR p.search_text LIKE ?2 ESCAPE '\\') AND (?3 = 1 OR a.kind <> 'guest') AND (?4 = 1 OR a.deactivated IS NULL) \
            AND (?5 = 1 OR a.is_admin = ?6) AND (?7 = 1 OR a.is_locked = ?8)
            """
        static func page(_ order: Order, _ isDescending: Bool) -> String {
            columns + filter + " ORDER BY \(order.column)\(isDescending ? " DESC" : ""), a.user_id LIMIT ?9 OFFSET ?10"
        }
        static let count = "SELECT COUNT(*) FROM account a LEFT JOIN profile p ON p.user_id = a.user_id" + filter
        static let one = columns + " WHERE a.user_id = ?"
        static let reactivate = "UPDATE account SET deactivated = NULL, is_erased = 0 WHERE user_id = ?"
        static let all = Order.allCases.flatMap { [page($0, false), page($0, true)] } + [count, one, reactivate]
    }
}
