import MatrixCore
import ServerKit
import Store

/// Data that clients keep for a person: global, or for one room.
/// Spec: https://spec.matrix.org/latest/client-server-api/#client-config
///
/// Invariants: `m.fully_read` and `m.push_rules` are never written here, the server keeps them itself; each change has its own
/// change position; an entry is replaced, never removed.
enum AccountDataRules {
    static let maxTypeBytes = 255
    static let maxContentBytes = 256 << 10
    static let ownedByServer: Set<String> = ["m.fully_read", "m.push_rules"]
    /// Stands in the room column for global data.
    static let global = ""

    static func checkWritable(_ type: String, _ content: [UInt8]) throws(MatrixError) {
        guard !ownedByServer.contains(type) else { throw MatrixError(405, "M_BAD_JSON", "\(type) cannot be set here.") }
        guard type.utf8.count <= maxTypeBytes else { throw .invalidParam("The type is longer than \(maxTypeBytes) bytes.") }
        guard content.count <= maxContentBytes else { throw .tooLarge("Account data has at most \(maxContentBytes) bytes.") }
    }
}

enum AccountData {
    static func set(_ tx: WriteTx, _ user: UserID, room: RoomID?, type: String, _ content: [UInt8]) throws {
        try AccountDataStore.set(tx, user, room?.rawValue ?? AccountDataRules.global, type, content, position: tx.nextPosition())
        tx.touch(.user(user.rawValue))
    }
}

struct AccountDataRow: Sendable {
    var room: String
    var type: String
    var content: [UInt8]
    var event: [UInt8] { JSON.object(["type": .string(type), "content": .raw(content)]).encoded() }
}

enum AccountDataStore {
    static func content(_ tx: ReadTx, _ user: UserID, room: RoomID?, type: String) throws -> [UInt8]? {
        try tx.first(SQL.content, user, room?.rawValue ?? AccountDataRules.global, type) { $0.bytes(0) }
    }
    static func all(_ tx: ReadTx, _ user: UserID) throws -> [AccountDataRow] { try tx.all(SQL.all, user, row: row) }
    static func changed(_ tx: ReadTx, _ user: UserID, since: Int64) throws -> [AccountDataRow] { try tx.all(SQL.changed, user, since, row: row) }
    static func inRoom(_ tx: ReadTx, _ user: UserID, _ room: RoomID) throws -> [AccountDataRow] { try tx.all(SQL.inRoom, user, room, row: row) }
    static func ofType(_ tx: ReadTx, _ user: UserID, _ type: String) throws -> [AccountDataRow] { try tx.all(SQL.ofType, user, type, row: row) }
    static func set(_ tx: WriteTx, _ user: UserID, _ room: String, _ type: String, _ content: [UInt8], position: Int64) throws {
        try tx.run(SQL.set, user, room, type, content, position)
    }
    static func deleteAll(_ tx: WriteTx, _ user: UserID) throws { try tx.run(SQL.deleteAll, user) }

    private static func row(_ row: Row) -> AccountDataRow { AccountDataRow(room: row.text(0), type: row.text(1), content: row.bytes(2)) }

    private enum SQL {
        static let content = "SELECT content FROM account_data WHERE user_id = ? AND room_id = ? AND type = ?"
        static let all = "SELECT room_id, type, content FROM account_data WHERE user_id = ? ORDER BY position"
        static let changed = "SELECT room_id, type, content FROM account_data WHERE user_id = ? AND position > ? ORDER BY position"
        static let ofType = "SELECT room_id, type, content FROM account_data WHERE user_id = ? AND type = ?"
        static let inRoom = "SELECT room_id, type, content FROM account_data WHERE user_id = ? AND room_id = ? ORDER BY position"
        static let set = """
            INSERT INTO account_data (user_id, room_id, type, content, position) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (user_id, room_id, type) DO UPDATE SET content = excluded.content, position = excluded.position
            """
        static let deleteAll = "DELETE FROM account_data WHERE user_id = ?"
    }
}

/// A fresh client gets all; later ones what has changed, and all of the rooms that are new to them.
struct AccountDataSync: SyncSource {
    func isQuiet(_ c: Context, user: UserID, device: DeviceID, presence: String, through token: SyncToken) -> Bool { true }

    func contribute(_ c: Context, _ tx: ReadTx, _ scope: SyncScope, into parts: inout SyncParts) throws {
        guard scope.wanted.contains(.accountData), scope.touched == nil || !scope.fresh.isEmpty else { return }
        func add(_ row: AccountDataRow) {
            if row.room == AccountDataRules.global { parts.accountData.append(row.event) } else { parts.rooms[RoomID(trusted: row.room), default: .init()].accountData.append(row.event) }
        }
        guard let since = scope.since else {
            for row in try AccountDataStore.all(tx, scope.user) where row.room == AccountDataRules.global || scope.joined.contains(RoomID(trusted: row.room)) { add(row) }
            return
        }
        for row in try AccountDataStore.changed(tx, scope.user, since: since.position) {
            let room = RoomID(trusted: row.room)
            if row.room == AccountDataRules.global || scope.joined.contains(room) && !scope.fresh.contains(room) { add(row) }
        }
        if scope.fresh.count > 16 {
            for row in try AccountDataStore.all(tx, scope.user) where scope.fresh.contains(RoomID(trusted: row.room)) { add(row) }
            return
        }
        for room in scope.fresh {
            for row in try AccountDataStore.inRoom(tx, scope.user, room) { add(row) }
        }
    }
}
