import MatrixCore
import ServerKit
import Store

/// Filters that a client stores once and names in `/sync`.
/// Spec: https://spec.matrix.org/latest/client-server-api/#filtering
///
/// Invariants: a filter never changes; the same filter stored again has the same id.
extension Accounts {
    var filterRoutes: [Route] {
        [
            Route(.post, "/_matrix/client/v3/user/{userId}/filter", auth: .guest, storeFilter),
            Route(.get, "/_matrix/client/v3/user/{userId}/filter/{filterId}", auth: .guest, filter),
        ]
    }

    private func storeFilter(_ req: Request, _ c: Context) async throws -> Response {
        let user = try req.ownUserID(), body = try req.json()
        try FilterRules.check(body)
        let content = JSON.object(body).encoded()
        guard content.count <= FilterRules.maxBytes else { throw MatrixError.tooLarge("A filter has at most \(FilterRules.maxBytes) bytes.") }
        if let known = try await c.db.read({ tx in try FilterStore.find(tx, user, content) }) { return .json(["filter_id": .string(String(known))]) }
        let id = try await c.db.write { tx in
            if let known = try FilterStore.find(tx, user, content) { return known }
            let id = try FilterStore.nextID(tx, user)
            guard id < FilterRules.maxFilters else { throw MatrixError.badRequest("This account has stored too many filters.") }
            try FilterStore.insert(tx, user, id, content)
            return id
        }
        return .json(["filter_id": .string(String(id))])
    }

    private func filter(_ req: Request, _ c: Context) async throws -> Response {
        let user = try req.ownUserID(), id = try req.param("filterId")
        guard let filter = try await c.db.read({ tx in try FilterStore.filter(tx, user: user, id: id) }) else { throw MatrixError.notFound("There is no such filter.") }
        return .json(.object(filter))
    }
}

enum FilterRules {
    static let maxBytes = 65_536
    static let maxFilters: Int64 = 1000

    /// Types of the fields that the specification names; unknown fields are kept.
    static func check(_ filter: JSONObject) throws(MatrixError) {
        _ = try filter.strings("event_fields")
        if let format = try filter.string("event_format"), format != "client", format != "federation" { throw .badJSON("'event_format' must be client or federation.") }
        for key in ["account_data", "presence"] { try checkEvents(try filter.object(key)) }
        guard let room = try filter.object("room") else { return }
        _ = try room.bool("include_leave")
        try checkRooms(room)
        for key in ["account_data", "ephemeral", "state", "timeline"] {
            let part = try room.object(key)
            try checkEvents(part)
            if let part {
                try checkRooms(part)
                for flag in ["lazy_load_members", "include_redundant_members", "unread_thread_notifications", "contains_url"] { _ = try part.bool(flag) }
            }
        }
    }

    private static func checkEvents(_ part: JSONObject?) throws(MatrixError) {
        guard let part else { return }
        if let limit = try part.int("limit"), limit < 0 { throw .badJSON("'limit' must not be negative.") }
        for key in ["types", "not_types"] { _ = try part.strings(key) }
        for key in ["senders", "not_senders"] {
            for text in try part.strings(key) ?? [] where UserID(rawValue: text) == nil { throw .badJSON("'\(key)' has an entry that is no user id.") }
        }
    }
    private static func checkRooms(_ part: JSONObject) throws(MatrixError) {
        for key in ["rooms", "not_rooms"] {
            for text in try part.strings(key) ?? [] where RoomID(rawValue: text) == nil { throw .badJSON("'\(key)' has an entry that is no room id.") }
        }
    }
}

enum FilterStore {
    static func filter(_ tx: ReadTx, user: UserID, id: String) throws -> JSONObject? {
        guard let number = Int64(id) else { return nil }
        return try tx.first(SQL.filter, user, number) { try JSONObject.parse($0.bytes(0)) }
    }
    static func find(_ tx: ReadTx, _ user: UserID, _ content: [UInt8]) throws -> Int64? { try tx.first(SQL.find, user, content) { $0.int(0) } }
    static func nextID(_ tx: ReadTx, _ user: UserID) throws -> Int64 { try tx.first(SQL.nextID, user) { $0.int(0) } ?? 0 }
    static func insert(_ tx: WriteTx, _ user: UserID, _ id: Int64, _ content: [UInt8]) throws { try tx.run(SQL.insert, user, id, content) }
    static func deleteAll(_ tx: WriteTx, _ user: UserID) throws { try tx.run(SQL.deleteAll, user) }

    private enum SQL {
        static let filter = "SELECT content FROM filter WHERE user_id = ? AND filter_id = ?"
        static let find = "SELECT filter_id FROM filter WHERE user_id = ? AND content = ?"
        static let nextID = "SELECT COALESCE(MAX(filter_id) + 1, 0) FROM filter WHERE user_id = ?"
        static let insert = "INSERT INTO filter (user_id, filter_id, content) VALUES (?, ?, ?)"
        static let deleteAll = "DELETE FROM filter WHERE user_id = ?"
    }
}
