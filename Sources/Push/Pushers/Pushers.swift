import MatrixCore
import ServerKit
package import Store

/// Devices that are told of notifications, and what they are still to be told.
/// https://spec.matrix.org/latest/client-server-api/#push-notifications
///
/// Invariants: one pusher for each (app, pushkey, user); it goes with the device that made it; a notification is removed when every pusher of
/// its user stands behind it.
struct Pusher: Sendable, Hashable {
    enum Kind: String, Sendable {
        /// A device is told by its gateway (`Gateway`).
        case http
        /// An address is told by mail (`Digests`): the pushkey.
        case email
    }
    var kind = Kind.http
    var number: Int64 = 0
    var user: UserID
    var device: DeviceID
    var appID: String
    var pushkey: String
    var appName: String
    var deviceName: String
    var profileTag: String
    var language: String
    var data: JSONObject
    /// When the pushkey was given, ms.
    var created: Int64
    /// Notifications up to here are done.
    var sentPosition: Int64 = 0
    /// The number of unread notifications that it was last told, and the position at which that was true.
    var badge: Int64 = 0
    var toldPosition: Int64 = 0
    /// Position at which the number may have changed last.
    var countPosition: Int64 = 0
    /// Of the present series of failures; 0 when all is well.
    var attempts: Int64 = 0
    var retryAt: Int64 = 0

    var json: JSON {
        ["kind": .string(kind.rawValue), "app_id": .string(appID), "pushkey": .string(pushkey), "app_display_name": .string(appName), "device_display_name": .string(deviceName),
         "profile_tag": .string(profileTag), "lang": .string(language), "data": .object(data)]
    }
    var url: String { data["url"]?.stringValue ?? "" }
    var isBare: Bool { data["format"]?.stringValue == "event_id_only" }
}

/// A notification that waits.
struct Waiting: Sendable {
    let position: Int64
    let room: RoomID
    let event: EventID
    let tweaks: [UInt8]
    let created: Int64
}

enum Pushers {
    static let schema = Migration(71, "pushers and what they are still to be told", """
        CREATE TABLE pusher (
            number INTEGER PRIMARY KEY, -- change position at which it was made
            user_id TEXT NOT NULL,
            device_id TEXT NOT NULL,
            app_id TEXT NOT NULL,
            pushkey TEXT NOT NULL,
            app_name TEXT NOT NULL,
            device_name TEXT NOT NULL,
            profile_tag TEXT NOT NULL,
            lang TEXT NOT NULL,
            data BLOB NOT NULL, -- JSON object
            created INTEGER NOT NULL, -- ms
            sent_pos INTEGER NOT NULL, -- notifications up to here are done
            badge INTEGER NOT NULL, -- unread notifications, as last told
            told_pos INTEGER NOT NULL, -- when that was true
            count_pos INTEGER NOT NULL, -- when the number may have changed
            attempts INTEGER NOT NULL DEFAULT 0,
            retry_at INTEGER NOT NULL DEFAULT 0, -- ms; 0: at once
            last_error TEXT
        );
        CREATE UNIQUE INDEX pusher_key ON pusher (app_id, pushkey, user_id);
        CREATE INDEX pusher_user ON pusher (user_id);
        CREATE TABLE push_notice (
            user_id TEXT NOT NULL,
            pos INTEGER NOT NULL, -- of the event
            room_id TEXT NOT NULL,
            event_id TEXT NOT NULL,
            tweaks BLOB NOT NULL, -- JSON object
            created INTEGER NOT NULL, -- ms
            PRIMARY KEY (user_id, pos)
        );
        """)

    static func users(_ tx: ReadTx) throws -> [UserID] { try tx.all(SQL.users) { UserID(trusted: $0.text(0)) } }
    static func all(_ tx: ReadTx, of user: UserID) throws -> [Pusher] { try tx.all(SQL.ofUser, user) { try pusher($0) } }
    /// Numbers of those whose gateways are told.
    static func numbers(_ tx: ReadTx, of user: UserID) throws -> [Int64] { try tx.all(SQL.numbers, user) { $0.int(0) } }
    static func pusher(_ tx: ReadTx, _ number: Int64) throws -> Pusher? { try tx.first(SQL.one, number) { try pusher($0) } }

    // MARK: setting

    static func set(_ tx: WriteTx, _ watch: Watch, _ pusher: Pusher, append: Bool, unread: Int64) throws {
        if !append {
            for other in try tx.all(SQL.others, pusher.appID, pusher.pushkey, pusher.user, row: { UserID(trusted: $0.text(0)) }) {
                try delete(tx, user: other, app: pusher.appID, pushkey: pusher.pushkey)
                try tidy(tx, watch, user: other)
            }
        }
        watch.pusherAdded(tx, pusher.user)
        let bytes = pusher.data.encoded(), position = tx.nextPosition()
        // A pusher that is there keeps its place; its next try is now, since the new parameters may mend what failed.
        try tx.run(SQL.put, array: [position, pusher.user, pusher.device, pusher.appID, pusher.pushkey, pusher.appName, pusher.deviceName, pusher.profileTag,
                                    pusher.language, bytes, pusher.created, position, unread, position, pusher.kind.rawValue])
    }

    static func delete(_ tx: WriteTx, user: UserID, app: String, pushkey: String) throws { try tx.run(SQL.delete, user, app, pushkey) }
    static func delete(_ tx: WriteTx, _ pusher: Pusher) throws { try tx.run(SQL.deleteOne, pusher.number) }
    static func delete(_ tx: WriteTx, user: UserID, device: DeviceID) throws { try tx.run(SQL.deleteDevice, user, device) }

    /// After a pusher is gone: what nobody waits for goes as well.
    static func tidy(_ tx: WriteTx, _ watch: Watch, user: UserID) throws {
        if try tx.exists(SQL.any, user) {
            try tx.run(SQL.deleteDone, user)
        } else {
            try tx.run(SQL.deleteWaiting, user)
            watch.pushersGone(tx, user)
        }
    }

    // MARK: what they are to be told

    static func queue(_ tx: WriteTx, user: UserID, position: Int64, room: RoomID, event: EventID, tweaks: JSONObject, now: Int64) throws {
        try tx.run(SQL.queue, user, position, room, event, tweaks.encoded(), now)
    }
    static func noteCount(_ tx: WriteTx, user: UserID, position: Int64) throws { try tx.run(SQL.noteCount, position, user) }
    static func waiting(_ tx: ReadTx, user: UserID, after position: Int64, limit: Int) throws -> [Waiting] {
        try tx.all(SQL.waiting, user, position, limit) { row in
            Waiting(position: row.int(0), room: RoomID(trusted: row.text(1)), event: EventID(trusted: row.text(2)), tweaks: row.bytes(3), created: row.int(4))
        }
    }
    /// Users with something to tell, and when pushers that failed try again.
    static func unfinished(_ tx: ReadTx) throws -> (users: [UserID], retries: [(number: Int64, at: Int64)]) {
        (users: try tx.all(SQL.usersWaiting) { UserID(trusted: $0.text(0)) } + tx.all(SQL.usersCounting) { UserID(trusted: $0.text(0)) },
         retries: try tx.all(SQL.retries) { (number: $0.int(0), at: $0.int(1)) })
    }

    static func done(_ tx: WriteTx, _ pusher: Pusher, through position: Int64, badge: Int64, at snapshot: Int64) throws {
        try tx.run(SQL.done, position, badge, snapshot, pusher.number)
        try tx.run(SQL.deleteDone, pusher.user)
    }
    static func failed(_ tx: WriteTx, _ pusher: Pusher, attempts: Int64, retryAt: Int64, error: String) throws {
        try tx.run(SQL.failed, attempts, retryAt, error, pusher.number)
    }

    private static func pusher(_ row: Row) throws -> Pusher {
        Pusher(kind: Pusher.Kind(rawValue: row.text(17)) ?? .http, number: row.int(0), user: UserID(trusted: row.text(1)), device: DeviceID(trusted: row.text(2)), appID: row.text(3), pushkey: row.text(4),
               appName: row.text(5), deviceName: row.text(6), profileTag: row.text(7), language: row.text(8), data: try JSONObject.parse(row.bytes(9)),
               created: row.int(10), sentPosition: row.int(11), badge: row.int(12), toldPosition: row.int(13), countPosition: row.int(14),
               attempts: row.int(15), retryAt: row.int(16))
    }

    enum SQL {
        private static let columns = """
            number, user_id, device_id, app_id, pushkey, app_name, device_name, profile_tag, lang, data, created, sent_pos, badge, told_pos, count_pos, attempts, retry_at, \
            kind
            """
        /// Once, at the start.
        static let users = "SELECT DISTINCT user_id FROM pusher"
        static let usersWaiting = "SELECT DISTINCT user_id FROM push_notice"
        static let usersCounting = "SELECT DISTINCT user_id FROM pusher WHERE count_pos > told_pos AND kind = 'http'"
        static let retries = "SELECT number, retry_at FROM pusher WHERE retry_at > 0"

        static let ofUser = "SELECT \(columns) FROM pusher WHERE user_id = ? ORDER BY number"
        static let any = "SELECT 1 FROM pusher WHERE user_id = ? LIMIT 1"
        static let numbers = "SELECT number FROM pusher WHERE user_id = ? AND kind = 'http'"
        static let one = "SELECT \(columns) FROM pusher WHERE number = ?"
        static let others = "SELECT user_id FROM pusher WHERE app_id = ? AND pushkey = ? AND user_id <> ?"
        static let put = """
            INSERT INTO pusher (number, user_id, device_id, app_id, pushkey, app_name, device_name, profile_tag, lang, data, created, sent_pos, badge, told_pos, count_pos, \
            kind) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT (app_id, pushkey, user_id) DO UPDATE SET \
            device_id = excluded.device_id, app_name = excluded.app_name, device_name = excluded.device_name, profile_tag = excluded.profile_tag, \
            lang = excluded.lang, data = excluded.data, created = excluded.created, kind = excluded.kind, attempts = 0, retry_at = 0, last_error = NULL
            """
        static let delete = "DELETE FROM pusher WHERE user_id = ? AND app_id = ? AND pushkey = ?"
        static let deleteOne = "DELETE FROM pusher WHERE number = ?"
        static let deleteDevice = "DELETE FROM pusher WHERE user_id = ? AND device_id = ?"
        static let queue = "INSERT INTO push_notice (user_id, pos, room_id, event_id, tweaks, created) VALUES (?, ?, ?, ?, ?, ?)"
        static let noteCount = "UPDATE pusher SET count_pos = ? WHERE user_id = ?"
        static let waiting = "SELECT pos, room_id, event_id, tweaks, created FROM push_notice WHERE user_id = ? AND pos > ? ORDER BY pos LIMIT ?"
        static let done = """
            UPDATE pusher SET sent_pos = ?, badge = ?, told_pos = ?, attempts = 0, retry_at = 0, last_error = NULL WHERE number = ?
            """
        static let failed = "UPDATE pusher SET attempts = ?, retry_at = ?, last_error = ? WHERE number = ?"
        static let deleteDone = "DELETE FROM push_notice WHERE user_id = ?1 AND pos <= (SELECT MIN(sent_pos) FROM pusher WHERE user_id = ?1)"
        static let deleteWaiting = "DELETE FROM push_notice WHERE user_id = ?"
        static let atStart = [users, usersWaiting, usersCounting, retries]
        static let all = atStart + [ofUser, any, numbers, one, others, put, delete, deleteOne, deleteDevice, queue, noteCount, waiting, done, failed, deleteDone, deleteWaiting]
    }
}
