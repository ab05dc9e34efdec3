import MatrixCore
import ServerKit
import Store

/// Tokens that let somebody register while registration is closed. Made by an administrator, with a number of uses and an end.
/// Spec: https://spec.matrix.org/latest/client-server-api/#token-authenticated-registration
enum RegistrationTokens {
    static let maxCharacters = 64

    static func isWellFormed(_ token: String) -> Bool {
        (1...maxCharacters).contains(token.utf8.count) && token.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "._~-".utf8.contains(byte)
            }
        }
    }
    static func exist(_ tx: ReadTx, now: Int64) throws -> Bool { try tx.exists(SQL.any, now) }
    static func isValid(_ tx: ReadTx, _ token: String, now: Int64) throws -> Bool { try tx.exists(SQL.valid, token, now) }
    /// Uses the token once; false when it has expired or is used up.
    static func use(_ tx: WriteTx, _ token: String, now: Int64) throws -> Bool { try tx.run(SQL.use, token, now) == 1 }
    static func insert(_ tx: WriteTx, _ token: String, uses: Int64?, expires: Int64?) throws { try tx.run(SQL.insert, token, uses, expires) }

    private enum SQL {
        static let conditions = "(uses_allowed IS NULL OR completed < uses_allowed) AND (expires IS NULL OR expires > ?)"
        static let any = "SELECT 1 FROM registration_token WHERE \(conditions) LIMIT 1"
        static let valid = "SELECT 1 FROM registration_token WHERE token = ? AND \(conditions)"
        static let use = "UPDATE registration_token SET completed = completed + 1 WHERE token = ? AND \(conditions)"
        static let insert = "INSERT INTO registration_token (token, uses_allowed, completed, expires) VALUES (?, ?, 0, ?)"
    }
}
