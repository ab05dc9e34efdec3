import MatrixCore
import ServerKit
import Store

/// Signatures that were uploaded after what they sign: of own devices and master keys, and of other people's master keys.
struct KeySignature: Sendable, Hashable {
    var about: UserID
    /// Device id, or the master key's public part.
    var key: String
    var signer: UserID
    /// `ed25519:...`
    var keyID: String
    var signature: String
}

enum SignatureStore {
    static func set(_ tx: WriteTx, _ s: KeySignature) throws { try tx.run(SignatureSQL.set, s.about, s.key, s.signer, s.keyID, s.signature) }
    static func delete(_ tx: WriteTx, about user: UserID, key: String) throws { try tx.run(SignatureSQL.deleteKey, user, key) }
    /// About him and by him.
    static func deleteAll(_ tx: WriteTx, _ user: UserID) throws {
        try tx.run(SignatureSQL.deleteAbout, user)
        try tx.run(SignatureSQL.deleteBy, user)
    }
    /// Those by the owners of the keys and those by the reader: nobody else's are shown.
    static func visible(_ tx: ReadTx, about users: [UserID], to reader: UserID) throws -> [KeySignature] {
        try tx.all(SignatureSQL.visible, array: users.map(\.databaseValue) + [reader.databaseValue]) { row in
            KeySignature(about: UserID(trusted: row.text(0)), key: row.text(1), signer: UserID(trusted: row.text(2)), keyID: row.text(3), signature: row.text(4))
        }
    }
}

enum SignatureSQL {
    static let set = """
        INSERT INTO key_signature (about, about_key, signer, key_id, signature) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (about, about_key, signer, key_id) DO UPDATE SET signature = excluded.signature
        """
    static let deleteKey = "DELETE FROM key_signature WHERE about = ? AND about_key = ?"
    static let deleteAbout = "DELETE FROM key_signature WHERE about = ?"
    static let deleteBy = "DELETE FROM key_signature WHERE signer = ?"
    static let visible = """
        SELECT about, about_key, signer, key_id, signature FROM key_signature WHERE about IN (\(DeviceKeySQL.users)) AND (signer = about OR signer = ?)
        """

    static let all = [set, deleteKey, deleteAbout, deleteBy, visible]
}
