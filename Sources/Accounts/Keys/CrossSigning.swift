import MatrixCore
import ServerKit
import Store

/// Keys by which people vouch for their own devices and for each other.
/// Spec: https://spec.matrix.org/latest/client-server-api/#cross-signing
///
/// Invariants: the self-signing and the user-signing key are signed by the master key that is stored; a new master key takes
/// those of the old one away; only their owner sees the user-signing key; replacing anything needs fresh proof of who asks.
enum CrossSigningUsage: String, CaseIterable, Sendable {
    case master, selfSigning = "self_signing", userSigning = "user_signing"
    /// In requests.
    var field: String { rawValue + "_key" }
    /// In answers to /keys/query.
    var plural: String { rawValue + "_keys" }
}

struct CrossSigningKey: Sendable {
    var usage: CrossSigningUsage
    /// Unpadded base64, as the client wrote it.
    var publicKey: String
    var json: JSONObject

    var keyID: String { "ed25519:" + publicKey }
    /// Without what may be added later.
    var bare: JSONObject { json.filter { $0.key != "signatures" } }

    /// Checks what /keys/device_signing/upload was given. Throws M_INVALID_PARAM, M_BAD_JSON.
    init(_ json: JSONObject, usage: CrossSigningUsage, owner: UserID) throws(MatrixError) {
        guard try json.required(string: "user_id", max: 255).sameBytes(as: owner.rawValue) else { throw .invalidParam("'\(usage.field)' must be your own.") }
        guard try json.strings("usage", max: 10)?.contains(usage.rawValue) == true else { throw .invalidParam("The usage of '\(usage.field)' must be \(usage.rawValue).") }
        guard let keys = try json.object("keys"), let only = keys.first, keys.count == 1, let text = only.value.stringValue else {
            throw .invalidParam("'\(usage.field)' must have one key.")
        }
        guard only.key.sameBytes(as: "ed25519:" + text), Base64.decode(text)?.count == 32 else { throw .invalidParam("'\(usage.field)' must have an Ed25519 key, named after itself.") }
        if let signatures = try json.object("signatures") { try DeviceKeyRules.checkSignatures(signatures) }
        var kept = json
        kept["unsigned"] = nil
        // What others say of a key does not come from its owner.
        if let signatures = kept["signatures"]?.objectValue {
            let own = signatures.filter { $0.key.sameBytes(as: owner.rawValue) }
            kept["signatures"] = own.isEmpty ? nil : .object(own)
        }
        guard JSON.object(kept).encoded().count <= DeviceKeyRules.maxBytes else { throw .tooLarge("'\(usage.field)' is larger than \(DeviceKeyRules.maxBytes) bytes.") }
        self.usage = usage
        publicKey = text
        self.json = kept
    }

    init(stored json: [UInt8], usage: CrossSigningUsage, publicKey: String) throws {
        self.usage = usage
        self.publicKey = publicKey
        self.json = try JSONObject.parse(json)
    }

    func hasSigned(_ object: JSONObject, owner: UserID) -> Bool {
        guard let key = Base64.decode(publicKey) else { return false }
        return SignedJSON.verify(object, entity: owner.rawValue, keyID: keyID, publicKey: key)
    }
}

/// What a user has stored, by usage.
typealias CrossSigningKeys = [CrossSigningUsage: CrossSigningKey]

enum CrossSigning {
    /// Whether these keys may be stored without fresh proof (MSC3967): there was none before, or they are what is stored.
    static func needsProof(_ new: CrossSigningKeys, stored: CrossSigningKeys) -> Bool {
        stored[.master] != nil && new.contains { usage, key in stored[usage]?.bare != key.bare }
    }

    /// Throws M_MISSING_PARAM without any master key, M_INVALID_SIGNATURE when it has not signed the others.
    static func check(_ new: CrossSigningKeys, stored: CrossSigningKeys, owner: UserID) throws(MatrixError) {
        guard let master = new[.master] ?? stored[.master] else { throw .missingParam("'master_key' is required.") }
        for usage in [CrossSigningUsage.selfSigning, .userSigning] {
            guard let key = new[usage] else { continue }
            guard master.hasSigned(key.json, owner: owner) else { throw .init(400, "M_INVALID_SIGNATURE", "The master key has not signed '\(usage.field)'.") }
        }
    }

    static func store(_ c: Context, _ tx: WriteTx, _ board: DeviceListBoard, _ user: UserID, _ new: CrossSigningKeys) throws {
        let stored = try CrossSigningStore.keys(tx, user)
        try check(new, stored: stored, owner: user)
        for key in new.values where try DeviceStore.exists(tx, user, DeviceID(trusted: key.publicKey)) {
            throw MatrixError.forbidden("A device has the name of the key '\(key.usage.field)'.")
        }
        var isPublic = false, isPrivate = false
        if let master = new[.master], let old = stored[.master], master.bare != old.bare {
            try SignatureStore.delete(tx, about: user, key: old.publicKey)
            for usage in [CrossSigningUsage.selfSigning, .userSigning] where new[usage] == nil { try CrossSigningStore.delete(tx, user, usage) }
            isPublic = true
        }
        for (usage, key) in new where stored[usage]?.json != key.json {
            // The same key again may come without the signatures that it has got.
            if stored[usage]?.bare == key.bare, key.json["signatures"] == nil { continue }
            try CrossSigningStore.set(tx, user, key)
            if usage == .userSigning { isPrivate = true } else { isPublic = true }
        }
        if isPublic { try DeviceLists.announce(c, tx, board, user) } else if isPrivate { try DeviceLists.announce(c, tx, board, to: user, about: user) }
    }
}

/// POST /keys/signatures/upload: signatures of what is stored already, each checked before it is believed.
enum SignatureUpload {
    struct Refusal: Error { var errcode: String, message: String }

    /// The signatures to store of one uploaded object.
    static func own(_ tx: ReadTx, _ user: UserID, _ keys: CrossSigningKeys, key: String, _ object: JSONObject) throws -> [KeySignature] {
        if let master = keys[.master], key.sameBytes(as: master.publicKey) {
            try same(object, master.json)
            // By the user's devices.
            return try signatures(object, user) { keyID in
                guard let device = DeviceID(rawValue: String(keyID.dropFirst("ed25519:".count))), let json = try DeviceKeyStore.one(tx, user, device) else { return nil }
                return try JSONObject.parse(json)["keys"]?[keyID]?.stringValue
            }.map { KeySignature(about: user, key: key, signer: user, keyID: $0.key, signature: $0.value) }
        }
        guard let device = DeviceID(rawValue: key), let json = try DeviceKeyStore.one(tx, user, device) else { throw Refusal(errcode: "M_NOT_FOUND", message: "There is no such key.") }
        let stored = try JSONObject.parse(json)
        try same(object, stored)
        guard let signing = keys[.selfSigning] else { throw Refusal(errcode: "M_NOT_FOUND", message: "There is no self-signing key.") }
        let itself = "ed25519:" + key
        return try signatures(object, user) { keyID in
            keyID.sameBytes(as: signing.keyID) ? signing.publicKey : keyID.sameBytes(as: itself) ? stored["keys"]?[itself]?.stringValue : nil
        }.filter { !$0.key.sameBytes(as: itself) }.map { KeySignature(about: user, key: key, signer: user, keyID: $0.key, signature: $0.value) }
    }

    static func others(_ user: UserID, _ keys: CrossSigningKeys, about other: UserID, _ theirs: CrossSigningKeys, key: String, _ object: JSONObject) throws -> [KeySignature] {
        guard let master = theirs[.master], key.sameBytes(as: master.publicKey) else { throw Refusal(errcode: "M_NOT_FOUND", message: "This is not the user's master key.") }
        guard let signing = keys[.userSigning] else { throw Refusal(errcode: "M_NOT_FOUND", message: "There is no user-signing key.") }
        try same(object, master.json)
        return try signatures(object, user) { $0.sameBytes(as: signing.keyID) ? signing.publicKey : nil }
            .map { KeySignature(about: other, key: key, signer: user, keyID: $0.key, signature: $0.value) }
    }

    private static func same(_ object: JSONObject, _ stored: JSONObject) throws {
        func bare(_ object: JSONObject) -> JSONObject { object.filter { $0.key != "signatures" && $0.key != "unsigned" } }
        guard bare(object) == bare(stored) else { throw Refusal(errcode: "M_INVALID_SIGNATURE", message: "This is not the key that is stored.") }
    }

    /// All signatures of the signer, each with a key that `publicKey` knows; a wrong one refuses them all.
    private static func signatures(_ object: JSONObject, _ signer: UserID, publicKey: (String) throws -> String?) throws -> [(key: String, value: String)] {
        guard let signatures = object["signatures"]?[signer.rawValue]?.objectValue, !signatures.isEmpty else { throw Refusal(errcode: "M_INVALID_SIGNATURE", message: "There is no signature of yours.") }
        var found: [(key: String, value: String)] = [], hasStranger = false
        for (keyID, value) in signatures {
            guard let text = value.stringValue, let key = try publicKey(keyID) else { hasStranger = true; continue }
            guard let bytes = Base64.decode(key), SignedJSON.verify(object, entity: signer.rawValue, keyID: keyID, publicKey: bytes) else {
                throw Refusal(errcode: "M_INVALID_SIGNATURE", message: "The signature by \(keyID) is wrong.")
            }
            found.append((keyID, text))
        }
        if found.isEmpty, hasStranger { throw Refusal(errcode: "M_INVALID_SIGNATURE", message: "The signing key is not known.") }
        return found
    }
}

enum CrossSigningStore {
    static func keys(_ tx: ReadTx, _ user: UserID) throws -> CrossSigningKeys {
        var keys: CrossSigningKeys = [:]
        try tx.each(CrossSigningSQL.ofUser, user) { row in
            guard let usage = CrossSigningUsage(rawValue: row.text(0)) else { return }
            keys[usage] = try CrossSigningKey(stored: row.bytes(2), usage: usage, publicKey: row.text(1))
        }
        return keys
    }
    static func set(_ tx: WriteTx, _ user: UserID, _ key: CrossSigningKey) throws {
        try tx.run(CrossSigningSQL.set, user, key.usage.rawValue, key.publicKey, JSON.object(key.json).encoded())
    }
    static func delete(_ tx: WriteTx, _ user: UserID, _ usage: CrossSigningUsage) throws { try tx.run(CrossSigningSQL.delete, user, usage.rawValue) }
    /// Nothing of the user's keys is left.
    static func deleteAll(_ tx: WriteTx, _ user: UserID) throws {
        try tx.run(CrossSigningSQL.deleteAll, user)
        try SignatureStore.deleteAll(tx, user)
    }
}

enum CrossSigningSQL {
    static let ofUser = "SELECT usage, public_key, json FROM cross_signing_key WHERE user_id = ?"
    static let ofUsers = "SELECT user_id, usage, public_key, json FROM cross_signing_key WHERE user_id IN (\(DeviceKeySQL.users))"
    static let set = """
        INSERT INTO cross_signing_key (user_id, usage, public_key, json) VALUES (?, ?, ?, ?)
        ON CONFLICT (user_id, usage) DO UPDATE SET public_key = excluded.public_key, json = excluded.json
        """
    static let delete = "DELETE FROM cross_signing_key WHERE user_id = ? AND usage = ?"
    static let deleteAll = "DELETE FROM cross_signing_key WHERE user_id = ?"

    static let all = [ofUser, ofUsers, set, delete, deleteAll]
}
