import MatrixCore
import ServerKit
import Store

/// Encrypted copies of room keys, which a user's new devices read.
/// Spec: https://spec.matrix.org/latest/client-server-api/#server-side-key-backups
///
/// Invariants: keys are written to the newest version only; of two copies of one session the better one stays; the etag
/// changes when the keys do; the number of a version is never given again; what is in a backup the server cannot read.
struct BackedUpSession: Sendable, Hashable {
    var firstMessageIndex: Int64
    var forwardedCount: Int64
    var isVerified: Bool
    /// Encoded JSON.
    var data: [UInt8]

    /// https://spec.matrix.org/latest/client-server-api/#recovering-keys: verified, then the earlier index, then fewer hands.
    func isBetter(than old: BackedUpSession) -> Bool {
        if isVerified != old.isVerified { return isVerified }
        if firstMessageIndex != old.firstMessageIndex { return firstMessageIndex < old.firstMessageIndex }
        return forwardedCount < old.forwardedCount
    }

    var json: JSON {
        ["first_message_index": .int(firstMessageIndex), "forwarded_count": .int(forwardedCount), "is_verified": .bool(isVerified), "session_data": .raw(data)]
    }

    init(firstMessageIndex: Int64, forwardedCount: Int64, isVerified: Bool, data: [UInt8]) {
        self.firstMessageIndex = firstMessageIndex; self.forwardedCount = forwardedCount; self.isVerified = isVerified; self.data = data
    }

    /// Throws M_BAD_JSON, M_MISSING_PARAM, M_TOO_LARGE.
    init(_ json: JSONObject) throws(MatrixError) {
        func number(_ key: String) throws(MatrixError) -> Int64 {
            guard let number = try json.int(key) else { throw .missingParam("'\(key)' is required.") }
            guard number >= 0 else { throw .badJSON("'\(key)' must not be negative.") }
            return number
        }
        firstMessageIndex = try number("first_message_index")
        forwardedCount = try number("forwarded_count")
        guard let isVerified = try json.bool("is_verified") else { throw .missingParam("'is_verified' is required.") }
        self.isVerified = isVerified
        guard let data = json["session_data"], !data.isNull else { throw .missingParam("'session_data' is required.") }
        self.data = data.encoded()
        guard self.data.count <= KeyBackup.maxSessionBytes else { throw .tooLarge("'session_data' is larger than \(KeyBackup.maxSessionBytes) bytes.") }
    }
}

struct BackupVersion: Sendable {
    var version: Int64
    var algorithm: String
    var authData: [UInt8]
    var etag: Int64
    var count: Int64

    var json: JSON {
        ["version": .string(String(version)), "algorithm": .string(algorithm), "auth_data": .raw(authData), "etag": .string(String(etag)), "count": .int(count)]
    }
    /// The answer to a change of its keys.
    var state: JSON { ["etag": .string(String(etag)), "count": .int(count)] }
}

/// A session to store, with its place.
struct BackupEntry: Sendable {
    var room: String
    var session: String
    var key: BackedUpSession
}

enum KeyBackup {
    static let maxSessionBytes = 65_536
    static let mostSessions = 20_000

    static func store(_ tx: WriteTx, _ user: UserID, version: Int64, _ entries: [BackupEntry]) throws -> BackupVersion {
        guard var backup = try KeyBackupStore.newest(tx, user) else { throw MatrixError.notFound("There is no backup.") }
        guard backup.version == version else {
            throw MatrixError(403, "M_WRONG_ROOM_KEYS_VERSION", "This is not the newest backup.", extra: ["current_version": .string(String(backup.version))])
        }
        var isChanged = false
        for entry in entries {
            if let old = try KeyBackupStore.session(tx, user, version, entry.room, entry.session) {
                guard entry.key.isBetter(than: old) else { continue }
            } else {
                backup.count += 1
            }
            try KeyBackupStore.set(tx, user, version, entry)
            isChanged = true
        }
        return isChanged ? try changed(tx, user, backup) : backup
    }

    static func delete(_ tx: WriteTx, _ user: UserID, version: Int64, room: String?, session: String?) throws -> BackupVersion {
        guard var backup = try KeyBackupStore.version(tx, user, version) else { throw MatrixError.notFound("There is no such backup.") }
        let removed = try KeyBackupStore.deleteSessions(tx, user, version, room, session)
        guard removed > 0 else { return backup }
        backup.count -= Int64(removed)
        return try changed(tx, user, backup)
    }

    private static func changed(_ tx: WriteTx, _ user: UserID, _ backup: BackupVersion) throws -> BackupVersion {
        var backup = backup
        backup.etag = tx.nextPosition()
        try tx.run(KeyBackupSQL.changed, backup.etag, backup.count, user, backup.version)
        return backup
    }
}

enum KeyBackupStore {
    static func insert(_ tx: WriteTx, _ user: UserID, algorithm: String, authData: [UInt8]) throws -> Int64 {
        let version = tx.nextPosition()
        try tx.run(KeyBackupSQL.insert, user, version, algorithm, authData, version)
        return version
    }
    static func update(_ tx: WriteTx, _ user: UserID, _ version: Int64, authData: [UInt8]) throws { try tx.run(KeyBackupSQL.update, authData, user, version) }
    static func newest(_ tx: ReadTx, _ user: UserID) throws -> BackupVersion? { try tx.first(KeyBackupSQL.newest, user, row: row) }
    static func version(_ tx: ReadTx, _ user: UserID, _ version: Int64) throws -> BackupVersion? { try tx.first(KeyBackupSQL.version, user, version, row: row) }
    /// False when there is none.
    static func delete(_ tx: WriteTx, _ user: UserID, _ version: Int64) throws -> Bool {
        try tx.run(KeyBackupSQL.deleteSessions, user, version)
        return try tx.run(KeyBackupSQL.delete, user, version) == 1
    }
    static func deleteAll(_ tx: WriteTx, _ user: UserID) throws {
        try tx.run(KeyBackupSQL.deleteAllSessions, user)
        try tx.run(KeyBackupSQL.deleteAll, user)
    }

    static func session(_ tx: ReadTx, _ user: UserID, _ version: Int64, _ room: String, _ session: String) throws -> BackedUpSession? {
        try tx.first(KeyBackupSQL.session, user, version, room, session) { key($0, from: 2) }
    }
    static func set(_ tx: WriteTx, _ user: UserID, _ version: Int64, _ entry: BackupEntry) throws {
        try tx.run(KeyBackupSQL.set, user, version, entry.room, entry.session, entry.key.firstMessageIndex, entry.key.forwardedCount, entry.key.isVerified, entry.key.data)
    }
    static func deleteSessions(_ tx: WriteTx, _ user: UserID, _ version: Int64, _ room: String?, _ session: String?) throws -> Int {
        switch (room, session) {
        case (let room?, let session?): try tx.run(KeyBackupSQL.deleteSession, user, version, room, session)
        case (let room?, nil): try tx.run(KeyBackupSQL.deleteRoom, user, version, room)
        default: try tx.run(KeyBackupSQL.deleteSessions, user, version)
        }
    }
    /// room -> session -> key, of one room or all.
    static func sessions(_ tx: ReadTx, _ user: UserID, _ version: Int64, room: String?) throws -> [(room: String, sessions: JSONObject)] {
        var rooms: [(room: String, sessions: [(key: String, value: JSON)])] = []
        func add(_ row: Row) {
            let room = row.text(0)
            if rooms.last?.room != room { rooms.append((room, [])) }
            rooms[rooms.count - 1].sessions.append((row.text(1), key(row, from: 2).json))
        }
        if let room { try tx.each(KeyBackupSQL.ofRoom, user, version, room) { add($0) } } else { try tx.each(KeyBackupSQL.ofVersion, user, version) { add($0) } }
        return rooms.map { ($0.room, JSONObject($0.sessions)) }
    }

    private static func row(_ row: Row) -> BackupVersion {
        BackupVersion(version: row.int(0), algorithm: row.text(1), authData: row.bytes(2), etag: row.int(3), count: row.int(4))
    }
    private static func key(_ row: Row, from column: Int) -> BackedUpSession {
        BackedUpSession(firstMessageIndex: row.int(column), forwardedCount: row.int(column + 1), isVerified: row.bool(column + 2), data: row.bytes(column + 3))
    }
}

enum KeyBackupSQL {
    private static let columns = "version, algorithm, auth_data, etag, session_count"
    private static let sessionColumns = "room_id, session_id, first_message_index, forwarded_count, is_verified, session_data"
    static let insert = "INSERT INTO key_backup (user_id, version, algorithm, auth_data, etag, session_count) VALUES (?, ?, ?, ?, ?, 0)"
    static let update = "UPDATE key_backup SET auth_data = ? WHERE user_id = ? AND version = ?"
    static let changed = "UPDATE key_backup SET etag = ?, session_count = ? WHERE user_id = ? AND version = ?"
    static let newest = "SELECT \(columns) FROM key_backup WHERE user_id = ? ORDER BY version DESC LIMIT 1"
    static let version = "SELECT \(columns) FROM key_backup WHERE user_id = ? AND version = ?"
    static let delete = "DELETE FROM key_backup WHERE user_id = ? AND version = ?"
    static let deleteAll = "DELETE FROM key_backup WHERE user_id = ?"
    static let session = "SELECT \(sessionColumns) FROM key_backup_session WHERE user_id = ? AND version = ? AND room_id = ? AND session_id = ?"
    static let ofRoom = "SELECT \(sessionColumns) FROM key_backup_session WHERE user_id = ? AND version = ? AND room_id = ? ORDER BY session_id"
    static let ofVersion = "SELECT \(sessionColumns) FROM key_backup_session WHERE user_id = ? AND version = ? ORDER BY room_id, session_id"
    static let set = """
        INSERT INTO key_backup_session (user_id, version, room_id, session_id, first_message_index, forwarded_count, is_verified, session_data)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, version, room_id, session_id) DO UPDATE SET
        first_message_index = excluded.first_message_index, forwarded_count = excluded.forwarded_count, is_verified = excluded.is_verified,
        session_data = excluded.session_data
        """
    static let deleteSession = "DELETE FROM key_backup_session WHERE user_id = ? AND version = ? AND room_id = ? AND session_id = ?"
    static let deleteRoom = "DELETE FROM key_backup_session WHERE user_id = ? AND version = ? AND room_id = ?"
    static let deleteSessions = "DELETE FROM key_backup_session WHERE user_id = ? AND version = ?"
    static let deleteAllSessions = "DELETE FROM key_backup_session WHERE user_id = ?"

    static let all = [insert, update, changed, newest, version, delete, deleteAll, session, ofRoom, ofVersion, set, deleteSession, deleteRoom,
                      deleteSessions, deleteAllSessions]
}
