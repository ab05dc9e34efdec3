import MatrixCore
import ServerKit
import Store

/// What accounts keep of rooms, and delete when a room is deleted: account data and tags of the room, backed-up keys of its messages, its place in
/// the user directory. What people have stored for themselves, such as `m.direct`, is theirs and stays.
///
/// The tables are by user: who has something is looked for in a snapshot, by reading them whole, so that no writer waits for it.
struct RoomTraces: RoomObserver {
    func appended(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {}

    func deleted(_ c: Context, room: RoomID) async throws {
        let (owners, backups) = try await c.db.read { tx in
            (try tx.all(SQL.owners, room) { UserID(trusted: $0.text(0)) }, try tx.all(SQL.backups, room) { (user: UserID(trusted: $0.text(0)), version: $0.int(1)) })
        }
        for start in stride(from: 0, to: owners.count, by: 200) {
            let some = owners[start..<min(start + 200, owners.count)]
            try await c.db.write { tx in for user in some { try tx.run(SQL.deleteData, user, room) } }
        }
        for backup in backups {
            // As if the owner had deleted the keys himself: his clients see by the etag that the backup has changed.
            _ = try await c.db.write { tx in try KeyBackup.delete(tx, backup.user, version: backup.version, room: room.rawValue, session: nil) }
        }
        try await c.db.write { tx in
            try tx.run(SQL.deleteMembers, room)
            try tx.run(SQL.deleteRoom, room)
        }
    }

    enum SQL {
        static let owners = "SELECT DISTINCT user_id FROM account_data WHERE room_id = ?"
        static let backups = "SELECT DISTINCT user_id, version FROM key_backup_session WHERE room_id = ?"
        static let deleteData = "DELETE FROM account_data WHERE user_id = ? AND room_id = ?"
        static let deleteMembers = "DELETE FROM directory_member WHERE room_id = ?"
        static let deleteRoom = "DELETE FROM directory_room WHERE room_id = ?"
        static let all = [owners, backups, deleteData, deleteMembers, deleteRoom]
    }
}
