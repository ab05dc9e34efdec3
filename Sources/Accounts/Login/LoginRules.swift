import MatrixCore
import ServerKit
import Store

enum LoginRules {
    /// A token of `/login/get_token` is good for two minutes.
    static let tokenLifetime: Int64 = 120_000

    enum Who: Sendable, Hashable {
        case name(String)
        case contact(ThirdPartyID)
    }

    /// Who signs in: an `identifier`, or the old fields `user`, `medium` and `address`. nil when none is there.
    static func who(_ body: JSONObject) throws(MatrixError) -> Who? {
        if let identifier = try body.object("identifier") {
            switch try identifier.required(string: "type", max: 255) {
            case "m.id.user": return .name(try identifier.required(string: "user", max: 255))
            case "m.id.thirdparty": return .contact(try ThirdPartyID(identifier))
            case "m.id.phone": throw .forbidden("Accounts are not known by phone number here.")
            default: throw .invalidParam("This type of identifier is not known.")
            }
        }
        if let user = try body.string("user", max: 255) { return .name(user) }
        if body["medium"] != nil || body["address"] != nil { return .contact(try ThirdPartyID(body)) }
        return nil
    }

    static func device(_ body: JSONObject) throws(MatrixError) -> DeviceID? { try body.id("device_id") }
    static func deviceName(_ body: JSONObject) throws(MatrixError) -> String? { try body.string("initial_device_display_name", max: Devices.maxNameBytes) }
}

/// Single-use tokens by which a signed-in device signs in another one.
enum LoginTokens {
    /// - Parameter origin: the sign-in at a provider that it came from.
    static func insert(_ tx: WriteTx, _ hash: TokenHash, _ user: UserID, expires: Int64, origin: SSOOrigin? = nil) throws {
        try tx.run(SQL.insert, hash.bytes, user, expires, origin?.provider, origin?.subject, origin?.sid)
    }
    /// The user of a valid token, which is used up, and where he signed in.
    static func take(_ tx: WriteTx, _ hash: TokenHash, now: Int64) throws -> (user: UserID, origin: SSOOrigin?)? {
        let found = try tx.first(SQL.find, hash.bytes) { row in
            (user: UserID(trusted: row.text(0)), expires: row.int(1), origin: row.textOrNil(2).map { SSOOrigin(provider: $0, subject: row.text(3), sid: row.textOrNil(4)) })
        }
        guard let found else { return nil }
        try tx.run(SQL.delete, hash.bytes)
        return found.expires > now ? (found.user, found.origin) : nil
    }
    static func deleteExpired(_ tx: WriteTx, now: Int64) throws { try tx.run(SQL.deleteExpired, now) }

    private enum SQL {
        static let insert = "INSERT INTO login_token (hash, user_id, expires, provider, subject, sid) VALUES (?, ?, ?, ?, ?, ?)"
        static let find = "SELECT user_id, expires, provider, subject, sid FROM login_token WHERE hash = ?"
        static let delete = "DELETE FROM login_token WHERE hash = ?"
        static let deleteExpired = "DELETE FROM login_token WHERE expires <= ?"
    }
}
