import MatrixCore
import ServerKit
import Store

/// Tokens for registration, for administrators: the interface is Synapse's, so that its tools work here.
/// https://element-hq.github.io/synapse/latest/usage/administration/admin_api/registration_tokens.html
extension Accounts {
    var registrationTokenRoutes: [Route] {
        let path = "/_synapse/admin/v1/registration_tokens"
        return [
            Route(.get, path, auth: .admin) { request, c in
                let valid: Bool? = request.query["valid"] == nil ? nil : try request.query.bool("valid"), now = c.clock.now
                let tokens = try await c.db.read { tx in try RegistrationTokens.all(tx) }.filter { valid == nil || $0.isValid(now) == valid }
                return .json(["registration_tokens": .array(tokens.map(\.json))])
            },
            Route(.post, path + "/new", auth: .admin, makeToken),
            Route(.get, path + "/{token}", auth: .admin) { request, c in .json(try await self.token(request, c).json) },
            Route(.put, path + "/{token}", auth: .admin, changeToken),
            Route(.delete, path + "/{token}", auth: .admin) { request, c in
                let token = try await self.token(request, c).token
                try await c.db.write { tx in try RegistrationTokens.delete(tx, token) }
                return .empty
            },
        ]
    }

    private func token(_ request: Request, _ c: Context) async throws -> RegistrationTokens.Entry {
        let text = try request.param("token")
        guard RegistrationTokens.isWellFormed(text), let found = try await c.db.read({ tx in try RegistrationTokens.one(tx, text) }) else {
            throw MatrixError.notFound("No such registration token: \(text)")
        }
        return found
    }

    /// nil: not given. `.some(nil)`: without a limit.
    private static func limit(_ body: JSONObject, _ key: String, atLeast least: Int64) throws(MatrixError) -> Int64?? {
        guard let value = body[key] else { return .none }
        if value.isNull { return .some(nil) }
        guard let number = value.intValue, number >= least else { throw .invalidParam("'\(key)' must be a whole number of at least \(least), or null.") }
        return .some(number)
    }

    private func makeToken(_ request: Request, _ c: Context) async throws -> Response {
        let body = try request.json()
        let given = try body.string("token", max: 255), length = try body.int("length") ?? 16
        guard (1...64).contains(length) else { throw MatrixError.invalidParam("'length' must be from 1 to 64.") }
        let token = given ?? c.entropy.token(Int(length))
        guard RegistrationTokens.isWellFormed(token) else { throw MatrixError.invalidParam("A registration token has 1 to 64 characters of a-z, A-Z, 0-9 and . _ ~ -.") }
        let uses = try Self.limit(body, "uses_allowed", atLeast: 0) ?? nil, expires = try Self.limit(body, "expiry_time", atLeast: c.clock.now) ?? nil
        let made = try await c.db.write { tx in
            guard try RegistrationTokens.one(tx, token) == nil else { throw MatrixError.invalidParam("Token already exists: \(token)") }
            try RegistrationTokens.insert(tx, token, uses: uses, expires: expires)
            return RegistrationTokens.Entry(token: token, usesAllowed: uses, completed: 0, expires: expires)
        }
        return .json(made.json)
    }

    private func changeToken(_ request: Request, _ c: Context) async throws -> Response {
        var found = try await token(request, c)
        let body = try request.json()
        if let uses = try Self.limit(body, "uses_allowed", atLeast: 0) { found.usesAllowed = uses }
        if let expires = try Self.limit(body, "expiry_time", atLeast: c.clock.now) { found.expires = expires }
        let changed = found
        try await c.db.write { tx in try RegistrationTokens.update(tx, changed) }
        return .json(changed.json)
    }
}

extension RegistrationTokens {
    struct Entry: Sendable {
        var token: String
        var usesAllowed: Int64?
        var completed: Int64
        var expires: Int64?

        func isValid(_ now: Int64) -> Bool { usesAllowed.map { completed < $0 } ?? true && expires.map { $0 > now } ?? true }
        /// A registration uses its token up when it ends, so none is ever pending.
        var json: JSON {
            ["token": .string(token), "uses_allowed": usesAllowed.map { .int($0) } ?? .null, "pending": 0, "completed": .int(completed),
             "expiry_time": expires.map { .int($0) } ?? .null]
        }
    }

    private static func entry(_ row: Row) -> Entry { Entry(token: row.text(0), usesAllowed: row.intOrNil(1), completed: row.int(2), expires: row.intOrNil(3)) }
    static func all(_ tx: ReadTx) throws -> [Entry] { try tx.all(AdminSQL.list, row: entry) }
    static func one(_ tx: ReadTx, _ token: String) throws -> Entry? { try tx.first(AdminSQL.one, token, row: entry) }
    static func update(_ tx: WriteTx, _ entry: Entry) throws { try tx.run(AdminSQL.update, entry.usesAllowed, entry.expires, entry.token) }
    static func delete(_ tx: WriteTx, _ token: String) throws { try tx.run(AdminSQL.delete, token) }

    enum AdminSQL {
        static let list = "SELECT token, uses_allowed, completed, expires FROM registration_token ORDER BY token"
        static let one = "SELECT token, uses_allowed, completed, expires FROM registration_token WHERE token = ?"
        static let update = "UPDATE registration_token SET uses_allowed = ?, expires = ? WHERE token = ?"
        static let delete = "DELETE FROM registration_token WHERE token = ?"
        static let all = [list, one, update, delete]
    }
}
