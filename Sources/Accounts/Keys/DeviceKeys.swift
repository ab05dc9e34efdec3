import MatrixCore
import ServerKit
import Store

/// Identity keys of devices.
/// Spec: https://spec.matrix.org/latest/client-server-api/#device-keys
///
/// Invariants: a device has keys of its own user and id only; the server believes no signature here, clients check them; keys
/// go away with their device, and with a new identity the one-time keys of the old one.
enum DeviceKeyRules {
    static let maxBytes = 65_536

    /// Canonical JSON to store. Throws M_BAD_JSON, M_INVALID_PARAM.
    static func check(_ keys: JSONObject, user: UserID, device: DeviceID) throws(MatrixError) -> JSONObject {
        let owner = try keys.required(string: "user_id", max: 255), id = try keys.required(string: "device_id", max: 255)
        guard owner.sameBytes(as: user.rawValue), id.sameBytes(as: device.rawValue) else {
            throw .invalidParam("'device_keys' must be of the user and the device that upload them.")
        }
        guard let algorithms = try keys.strings("algorithms", max: 100) else { throw .badJSON("'device_keys' lacks 'algorithms'.") }
        guard algorithms.allSatisfy({ $0.utf8.count <= 255 }) else { throw .invalidParam("The name of an algorithm is longer than 255 bytes.") }
        guard let publicKeys = try keys.object("keys") else { throw .badJSON("'device_keys' lacks 'keys'.") }
        for (name, key) in publicKeys {
            guard name.split(separator: ":", maxSplits: 1).count == 2, key.stringValue != nil else { throw .badJSON("'keys' must map algorithm:device to keys.") }
        }
        guard let signatures = try keys.object("signatures") else { throw .badJSON("'device_keys' lacks 'signatures'.") }
        try checkSignatures(signatures)
        var kept = keys
        kept["unsigned"] = nil
        guard JSON.object(kept).encoded().count <= maxBytes else { throw .tooLarge("'device_keys' is larger than \(maxBytes) bytes.") }
        return kept
    }

    /// user -> key -> signature.
    static func checkSignatures(_ signatures: JSONObject) throws(MatrixError) {
        for (_, keys) in signatures {
            guard let keys = keys.objectValue, keys.allSatisfy({ $0.value.stringValue != nil }) else { throw .badJSON("'signatures' must map users to keys to signatures.") }
        }
    }
}

enum DeviceKeys {
    /// False when they are stored already.
    static func set(_ tx: WriteTx, _ user: UserID, _ device: DeviceID, _ keys: JSONObject) throws -> Bool {
        let json = JSON.object(keys).encoded()
        let old = try DeviceKeyStore.one(tx, user, device)
        if old == json { return false }
        if let old, try JSONObject.parse(old)["keys"] != keys["keys"] {
            try OneTimeKeys.deleteAll(tx, user, device)
            try SignatureStore.delete(tx, about: user, key: device.rawValue)
        }
        try tx.run(DeviceKeySQL.set, user, device, json)
        return true
    }

    /// The device is gone.
    static func delete(_ tx: WriteTx, _ cache: KeyCountCache, _ user: UserID, _ device: DeviceID) throws {
        try tx.run(DeviceKeySQL.delete, user, device)
        try OneTimeKeys.deleteAll(tx, user, device)
        try SignatureStore.delete(tx, about: user, key: device.rawValue)
        cache.changed(tx, user, device)
    }
}

enum DeviceKeyStore {
    static func one(_ tx: ReadTx, _ user: UserID, _ device: DeviceID) throws -> [UInt8]? { try tx.first(DeviceKeySQL.one, user, device) { $0.bytes(0) } }
}

enum DeviceKeySQL {
    /// So many users are asked for at a time; fewer fill the rest with the last one.
    static let together = 40
    static let users = Placeholders.list(together)

    static let one = "SELECT json FROM device_key WHERE user_id = ? AND device_id = ?"
    static let set = "INSERT INTO device_key (user_id, device_id, json) VALUES (?, ?, ?) ON CONFLICT (user_id, device_id) DO UPDATE SET json = excluded.json"
    static let delete = "DELETE FROM device_key WHERE user_id = ? AND device_id = ?"
    static let ofUsers = """
        SELECT k.user_id, k.device_id, k.json, d.display_name FROM device_key k
        JOIN device d ON d.user_id = k.user_id AND d.device_id = k.device_id WHERE k.user_id IN (\(users))
        """

    static let all = [one, set, delete, ofUsers]
}
