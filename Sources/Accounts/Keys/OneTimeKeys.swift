import MatrixCore
import ServerKit
import Store
import Synchronization

/// Keys with which others begin an encrypted session with a device that is away.
/// Spec: https://spec.matrix.org/latest/client-server-api/#one-time-and-fallback-keys
///
/// Invariants: a one-time key is handed out once, the oldest upload first and within an upload by key id; when there is none
/// left the fallback key is, again and again; an id keeps its key until it is claimed.
enum OneTimeKeyRules {
    static let mostPerDevice = 5_000
    static let maxKeyBytes = 8_192
    /// A claimed key is remembered so long.
    static let memory: Int64 = 7 * 24 * 3_600_000

    /// `algorithm:id` and the key: a string, or a signed object with `key`.
    static func parse(_ keys: JSONObject) throws(MatrixError) -> [UploadedKey] {
        var parsed: [UploadedKey] = []
        for (name, value) in keys {
            let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, name.utf8.count <= 255, !name.utf8.contains(0) else {
                throw .invalidParam("'\(name.prefix(64))' is not the name of a key: algorithm:id.")
            }
            guard value.stringValue != nil || value["key"]?.stringValue != nil else { throw .badJSON("The key '\(name)' must be a string, or an object with 'key'.") }
            let json = value.encoded()
            guard json.count <= maxKeyBytes else { throw .tooLarge("The key '\(name)' is larger than \(maxKeyBytes) bytes.") }
            parsed.append(UploadedKey(algorithm: String(parts[0]), id: String(parts[1]), json: json))
        }
        return parsed
    }
}

struct UploadedKey: Sendable {
    var algorithm: String
    var id: String
    var json: [UInt8]
    var name: String { algorithm + ":" + id }
}

enum OneTimeKeys {
    static func add(_ tx: WriteTx, _ user: UserID, _ device: DeviceID, _ keys: [UploadedKey]) throws {
        for key in keys {
            let number = tx.nextPosition()
            guard try tx.run(OneTimeKeySQL.insert, user, device, key.algorithm, key.id, number, key.json) == 0,
                  let old = try tx.first(OneTimeKeySQL.one, user, device, key.algorithm, key.id, row: { (json: $0.bytes(0), isClaimed: !$0.isNull(1)) }),
                  old.json != key.json
            else { continue }
            guard old.isClaimed else { throw MatrixError.invalidParam("There is another one-time key with the id '\(key.name)'.") }
            try tx.run(OneTimeKeySQL.renew, number, key.json, user, device, key.algorithm, key.id)
        }
        guard try count(tx, user, device).values.reduce(0, +) <= OneTimeKeyRules.mostPerDevice else {
            throw MatrixError.tooLarge("A device can have at most \(OneTimeKeyRules.mostPerDevice) one-time keys.")
        }
    }

    /// The same key again stays used.
    static func setFallback(_ tx: WriteTx, _ user: UserID, _ device: DeviceID, _ keys: [UploadedKey]) throws {
        for key in keys {
            let old = try tx.first(OneTimeKeySQL.fallback, user, device, key.algorithm) { (id: $0.text(0), json: $0.bytes(1)) }
            if let old, old.id == key.id, old.json == key.json { continue }
            try tx.run(OneTimeKeySQL.setFallback, user, device, key.algorithm, key.id, key.json)
        }
    }

    static func claim(_ c: Context, _ tx: WriteTx, _ cache: KeyCountCache, _ user: UserID, _ device: DeviceID, _ algorithm: String, now: Int64) throws -> (name: String, json: [UInt8])? {
        if let key = try tx.first(OneTimeKeySQL.claim, now, user, device, algorithm, row: { (name: algorithm + ":" + $0.text(0), json: $0.bytes(1)) }) {
            try announce(c, tx, cache, user, device)
            return key
        }
        guard let fallback = try tx.first(OneTimeKeySQL.fallback, user, device, algorithm, row: { (name: algorithm + ":" + $0.text(0), json: $0.bytes(1), isUsed: $0.bool(2)) }) else { return nil }
        if !fallback.isUsed {
            try tx.run(OneTimeKeySQL.useFallback, user, device, algorithm)
            try announce(c, tx, cache, user, device)
        }
        return (fallback.name, fallback.json)
    }

    /// What is left has changed: the device's sync says so, and so do transactions to the services that act for its user.
    static func announce(_ c: Context, _ tx: WriteTx, _ cache: KeyCountCache, _ user: UserID, _ device: DeviceID) throws {
        cache.changed(tx, user, device)
        try tell(c, tx, user, device)
    }
    /// Tells the services that act for the user what is left. A bridge uploads its first keys when it hears that there are none.
    static func tell(_ c: Context, _ tx: WriteTx, _ user: UserID, _ device: DeviceID) throws {
        guard !c.ports.bridges.claims(on: user).isEmpty else { return }
        let counts = BridgedKeyCounts(user: user, device: device, oneTimeKeys: json(try count(tx, user, device)), unusedFallbacks: try unusedFallbacks(tx, user, device))
        try c.ports.bridges.changed(c, tx, .keyCounts(counts))
    }

    static func count(_ tx: ReadTx, _ user: UserID, _ device: DeviceID) throws -> [String: Int64] {
        var counts: [String: Int64] = [:]
        try tx.each(OneTimeKeySQL.count, user, device) { counts[$0.text(0)] = $0.int(1) }
        return counts
    }
    /// Clients look for `signed_curve25519`, also when there is none.
    static func json(_ counts: [String: Int64]) -> JSON {
        var object: JSONObject = ["signed_curve25519": 0]
        for (algorithm, count) in counts { object[algorithm] = .int(count) }
        return .object(object)
    }
    static func unusedFallbacks(_ tx: ReadTx, _ user: UserID, _ device: DeviceID) throws -> [String] {
        try tx.all(OneTimeKeySQL.unusedFallbacks, user, device) { $0.text(0) }
    }

    static func deleteAll(_ tx: WriteTx, _ user: UserID, _ device: DeviceID) throws {
        try tx.run(OneTimeKeySQL.delete, user, device)
        try tx.run(OneTimeKeySQL.deleteFallback, user, device)
    }
    static func forgetClaimed(_ tx: WriteTx, before: Int64) throws { try tx.run(OneTimeKeySQL.forgetClaimed, before) }
}

/// How many keys each device has left, as every sync answer says it.
///
/// Invariants: filled from snapshots only; what a snapshot from before a change would put in is refused.
final class KeyCountCache: Sendable {
    struct Counts: Sendable {
        var oneTimeKeys: [UInt8]
        var unusedFallbacks: [UInt8]
    }
    private struct Key: Hashable { var user: UserID, device: DeviceID }
    private struct State {
        var counts: [Key: Counts] = [:]
        /// Position of the last change of a device.
        var changed: [Key: Int64] = [:]
        /// Of the last change that is not in `changed`.
        var floor: Int64 = 0
    }
    static let limit = 50_000
    private let state = Mutex(State())

    func changed(_ tx: WriteTx, _ user: UserID, _ device: DeviceID) {
        let key = Key(user: user, device: device), position = tx.nextPosition()
        tx.afterCommit { [self] in
            state.withLock { state in
                if state.changed.count >= Self.limit {
                    state.floor = max(state.floor, state.changed.values.max() ?? 0)
                    state.changed.removeAll()
                }
                state.changed[key] = position
                state.counts[key] = nil
            }
        }
    }

    func counts(_ tx: ReadTx, _ user: UserID, _ device: DeviceID, at position: Int64) throws -> Counts {
        if let counts = known(user, device) { return counts }
        let counts = Counts(oneTimeKeys: OneTimeKeys.json(try OneTimeKeys.count(tx, user, device)).encoded(),
                            unusedFallbacks: JSON(try OneTimeKeys.unusedFallbacks(tx, user, device)).encoded())
        let key = Key(user: user, device: device)
        state.withLock { state in
            guard position >= state.changed[key] ?? state.floor else { return }
            if state.counts.count >= Self.limit { state.counts.removeAll() }
            state.counts[key] = counts
        }
        return counts
    }

    func known(_ user: UserID, _ device: DeviceID) -> Counts? { state.withLock { $0.counts[Key(user: user, device: device)] } }
}

struct KeyCountSync: SyncSource {
    let cache: KeyCountCache

    func isQuiet(_ c: Context, user: UserID, device: DeviceID, presence: String, through token: SyncToken) -> Bool { true }

    func contribute(_ c: Context, _ tx: ReadTx, _ scope: SyncScope, into parts: inout SyncParts) throws {
        guard scope.wanted.contains(.keys) else { return }
        Self.add(try cache.counts(tx, scope.user, scope.device, at: scope.now.position), to: &parts)
    }

    func idle(user: UserID, device: DeviceID, into parts: inout SyncParts) -> Bool {
        guard let counts = cache.known(user, device) else { return false }
        Self.add(counts, to: &parts)
        return true
    }

    func idle(_ tx: ReadTx, user: UserID, device: DeviceID, into parts: inout SyncParts) throws {
        Self.add(try cache.counts(tx, user, device, at: try tx.position), to: &parts)
    }

    private static func add(_ counts: KeyCountCache.Counts, to parts: inout SyncParts) {
        parts.extra.append((name: "device_one_time_keys_count", json: counts.oneTimeKeys))
        parts.extra.append((name: "device_unused_fallback_key_types", json: counts.unusedFallbacks))
    }
}

enum OneTimeKeySQL {
    static let insert = """
        INSERT INTO one_time_key (user_id, device_id, algorithm, key_id, number, json, claimed) VALUES (?, ?, ?, ?, ?, ?, NULL)
        ON CONFLICT (user_id, device_id, algorithm, key_id) DO NOTHING
        """
    static let one = "SELECT json, claimed FROM one_time_key WHERE user_id = ? AND device_id = ? AND algorithm = ? AND key_id = ?"
    static let renew = "UPDATE one_time_key SET number = ?, json = ?, claimed = NULL WHERE user_id = ? AND device_id = ? AND algorithm = ? AND key_id = ?"
    static let claim = """
        UPDATE one_time_key SET claimed = ?1 WHERE user_id = ?2 AND device_id = ?3 AND algorithm = ?4 AND key_id = (
            SELECT k.key_id FROM one_time_key k WHERE k.user_id = ?2 AND k.device_id = ?3 AND k.algorithm = ?4 AND k.claimed IS NULL
            ORDER BY k.number LIMIT 1)
        RETURNING key_id, json
        """
    static let count = """
        SELECT algorithm, COUNT(*) FROM one_time_key WHERE user_id = ? AND device_id = ? AND claimed IS NULL GROUP BY algorithm
        """
    static let fallback = "SELECT key_id, json, is_used FROM fallback_key WHERE user_id = ? AND device_id = ? AND algorithm = ?"
    static let setFallback = """
        INSERT INTO fallback_key (user_id, device_id, algorithm, key_id, json, is_used) VALUES (?, ?, ?, ?, ?, 0)
        ON CONFLICT (user_id, device_id, algorithm) DO UPDATE SET key_id = excluded.key_id, json = excluded.json, is_used = 0
        """
    static let useFallback = "UPDATE fallback_key SET is_used = 1 WHERE user_id = ? AND device_id = ? AND algorithm = ?"
    static let unusedFallbacks = "SELECT algorithm FROM fallback_key WHERE user_id = ? AND device_id = ? AND is_used = 0 ORDER BY algorithm"
    static let delete = "DELETE FROM one_time_key WHERE user_id = ? AND device_id = ?"
    static let deleteFallback = "DELETE FROM fallback_key WHERE user_id = ? AND device_id = ?"
    static let forgetClaimed = "DELETE FROM one_time_key WHERE claimed < ?"

    static let all = [insert, one, renew, claim, count, fallback, setFallback, useFallback, unusedFallbacks, delete, deleteFallback, forgetClaimed]
}
