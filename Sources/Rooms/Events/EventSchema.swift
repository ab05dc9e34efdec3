package import Store

/// The tables of rooms, migrations 30-44. (45-59 are for reading and syncing: receipts, filters, ...)
///
/// Invariants:
/// - `event.pos` is the global change position, and the order of a room's events is the order of their positions: the history of a
///   local room is a line, so no state is ever stored per event.
/// - `room_state` holds intervals. The event that set a key at position p has `valid_from` = p; the value held until the event at
///   `valid_to` (exclusive; NULL: it holds now). State after the event at p: `valid_from <= p AND (valid_to IS NULL OR valid_to > p)`.
/// - `room`, `room_summary`, `membership`, `room_state` and `reading` change in the transaction of the event that changes them.
/// - `event.room_nid` is negative for a state event that outlived the history before it: it still is state, and in no timeline any more.
/// - `room` is narrow, because every message rewrites its row; what only state events change is in `room_summary`.
package enum EventSchema {
    package static let migrations: [Migration] = [
        Migration(30, "rooms", """
            CREATE TABLE room (
                room_nid INTEGER PRIMARY KEY, -- position of the create event
                room_id TEXT NOT NULL UNIQUE,
                version TEXT NOT NULL,
                creator TEXT NOT NULL,
                created INTEGER NOT NULL, -- ms
                depth INTEGER NOT NULL,
                last_event TEXT NOT NULL, -- the forward extremity
                last_pos INTEGER NOT NULL,
                bump_pos INTEGER NOT NULL, -- last event that moves the room up in a list
                auth_pos INTEGER NOT NULL, -- last change of create, power levels or join rules
                member_pos INTEGER NOT NULL, -- last membership event
                state_pos INTEGER NOT NULL -- last state event
            );
            CREATE TABLE room_summary (
                room_nid INTEGER PRIMARY KEY REFERENCES room (room_nid),
                name TEXT,
                topic TEXT,
                avatar_url TEXT,
                canonical_alias TEXT,
                join_rule TEXT NOT NULL DEFAULT 'invite',
                history_visibility TEXT NOT NULL DEFAULT 'shared',
                guest_access TEXT NOT NULL DEFAULT 'forbidden',
                encryption TEXT, -- algorithm
                room_type TEXT,
                successor TEXT, -- replacement room of the tombstone
                joined_count INTEGER NOT NULL DEFAULT 0,
                invited_count INTEGER NOT NULL DEFAULT 0,
                is_public INTEGER NOT NULL DEFAULT 0 -- listed in the directory
            );
            CREATE INDEX room_summary_public ON room_summary (joined_count, room_nid) WHERE is_public = 1;
            """),
        Migration(31, "events", """
            CREATE TABLE event (
                pos INTEGER PRIMARY KEY,
                room_nid INTEGER NOT NULL,
                event_id TEXT NOT NULL UNIQUE,
                type TEXT NOT NULL,
                state_key TEXT,
                sender TEXT NOT NULL,
                ts INTEGER NOT NULL,
                depth INTEGER NOT NULL,
                content BLOB NOT NULL, -- canonical JSON
                rest BLOB NOT NULL, -- JSON object of the other signed fields: auth_events, hashes, prev_events, signatures
                relates_to TEXT,
                rel_type TEXT,
                thread TEXT, -- root of the thread that the event is in
                redacts TEXT,
                redacted_by INTEGER, -- position of the redaction
                replaces INTEGER, -- position of the state event that this one replaced
                notifies INTEGER NOT NULL DEFAULT 0, -- counts as unread for those who did not send it
                txn_device TEXT,
                txn_id TEXT
            );
            CREATE INDEX event_room ON event (room_nid, pos);
            CREATE INDEX event_relation ON event (relates_to, pos) WHERE relates_to IS NOT NULL;
            CREATE INDEX event_thread ON event (thread, pos) WHERE thread IS NOT NULL;
            CREATE INDEX event_txn ON event (sender, txn_id) WHERE txn_id IS NOT NULL;
            """),
        Migration(32, "room state", """
            CREATE TABLE room_state (
                room_nid INTEGER NOT NULL,
                type TEXT NOT NULL,
                state_key TEXT NOT NULL,
                valid_from INTEGER NOT NULL, -- position of the event
                valid_to INTEGER, -- position of the event that replaced it
                event_id TEXT NOT NULL,
                PRIMARY KEY (room_nid, type, state_key, valid_from)
            );
            CREATE UNIQUE INDEX room_state_now ON room_state (room_nid, type, state_key) WHERE valid_to IS NULL;
            CREATE INDEX room_state_since ON room_state (room_nid, valid_from);
            """),
        Migration(33, "memberships", """
            CREATE TABLE membership (
                user_id TEXT NOT NULL,
                room_nid INTEGER NOT NULL,
                membership TEXT NOT NULL, -- join, invite, knock, leave, ban
                pos INTEGER NOT NULL, -- of the member event
                event_id TEXT NOT NULL,
                sender TEXT NOT NULL,
                ts INTEGER NOT NULL,
                since_pos INTEGER NOT NULL, -- of the event with which the present membership began
                joined_ts INTEGER, -- when the present stay began, ms
                display_name TEXT,
                avatar_url TEXT,
                forgotten INTEGER NOT NULL DEFAULT 0,
                stripped BLOB, -- stripped state as a JSON list, made at the time of an invite or knock
                PRIMARY KEY (user_id, room_nid)
            );
            CREATE INDEX membership_room ON membership (room_nid, membership, pos);
            """),
        Migration(34, "room aliases", """
            CREATE TABLE room_alias (
                alias TEXT NOT NULL PRIMARY KEY,
                room_nid INTEGER NOT NULL,
                creator TEXT NOT NULL,
                created INTEGER NOT NULL
            );
            CREATE INDEX room_alias_room ON room_alias (room_nid);
            """),
        Migration(35, "unread counts", """
            CREATE TABLE unread (
                user_id TEXT NOT NULL,
                room_nid INTEGER NOT NULL,
                thread TEXT NOT NULL, -- event id of the root, '' for the main timeline
                notifications INTEGER NOT NULL,
                highlights INTEGER NOT NULL,
                PRIMARY KEY (user_id, room_nid, thread)
            );
            CREATE TABLE unread_highlight (
                user_id TEXT NOT NULL,
                room_nid INTEGER NOT NULL,
                thread TEXT NOT NULL,
                pos INTEGER NOT NULL,
                PRIMARY KEY (user_id, room_nid, pos)
            );
            CREATE INDEX unread_highlight_event ON unread_highlight (room_nid, pos);
            """),
    ]
}
