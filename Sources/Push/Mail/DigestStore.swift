import MatrixCore
import ServerKit
package import Store

/// What was mailed of a room last, and how long the room is silent by mail after that.
struct Silence: Sendable, Hashable {
    /// The last event that was mailed.
    var event: EventID
    /// When, ms.
    var sent: Int64
    /// ms; over when he has read that event.
    var wait: Int64
}

enum DigestStore {
    static let schema = Migration(72, "pushers that mail", """
        ALTER TABLE pusher ADD COLUMN kind TEXT NOT NULL DEFAULT 'http';
        CREATE TABLE push_mail (
            pusher INTEGER NOT NULL REFERENCES pusher (number) ON DELETE CASCADE,
            room_id TEXT NOT NULL,
            event_id TEXT NOT NULL, -- the last one that was mailed
            sent INTEGER NOT NULL, -- ms
            wait INTEGER NOT NULL, -- ms until the next one, unless he reads that event
            PRIMARY KEY (pusher, room_id)
        );
        """)

    static func users(_ tx: ReadTx) throws -> [UserID] { try tx.all(SQL.users) { UserID(trusted: $0.text(0)) } }
    static func silences(_ tx: ReadTx, _ pusher: Int64) throws -> [RoomID: Silence] {
        var found: [RoomID: Silence] = [:]
        try tx.each(SQL.silences, pusher) { found[RoomID(trusted: $0.text(0))] = Silence(event: EventID(trusted: $0.text(1)), sent: $0.int(2), wait: $0.int(3)) }
        return found
    }
    static func put(_ tx: WriteTx, _ pusher: Int64, _ room: RoomID, _ silence: Silence) throws {
        try tx.run(SQL.put, pusher, room, silence.event, silence.sent, silence.wait)
    }

    enum SQL {
        /// Once, at the start.
        static let users = "SELECT DISTINCT user_id FROM pusher WHERE kind = 'email'"
        static let silences = "SELECT room_id, event_id, sent, wait FROM push_mail WHERE pusher = ?"
        static let put = """
            INSERT INTO push_mail (pusher, room_id, event_id, sent, wait) VALUES (?, ?, ?, ?, ?) \
            ON CONFLICT (pusher, room_id) DO UPDATE SET event_id = excluded.event_id, sent = excluded.sent, wait = excluded.wait
            """
        static let atStart = [users]
        static let all = atStart + [silences, put]
    }
}
