import Store

/// The tables of what came after the first rooms: search, retention, delayed events, reports. Migrations 36-44.
enum HistorySchema {
    static let migrations: [Migration] = [
        Migration(36, "events by time, threads by room", """
            CREATE INDEX event_time ON event (room_nid, ts);
            CREATE INDEX event_room_thread ON event (room_nid, thread, pos) WHERE thread IS NOT NULL;
            """),
        Migration(37, "the end of history", """
            ALTER TABLE room ADD COLUMN purged_pos INTEGER NOT NULL DEFAULT 0; -- change position of the last purge
            CREATE TABLE purge (
                id TEXT NOT NULL PRIMARY KEY,
                room_nid INTEGER NOT NULL,
                before_pos INTEGER NOT NULL,
                status TEXT NOT NULL, -- active, complete, failed
                error TEXT,
                created INTEGER NOT NULL -- ms
            );
            CREATE INDEX purge_active ON purge (created) WHERE status = 'active';
            CREATE TABLE event_expiry (
                pos INTEGER PRIMARY KEY,
                at INTEGER NOT NULL -- ms
            );
            CREATE INDEX event_expiry_due ON event_expiry (at);
            CREATE INDEX room_state_retention ON room_state (room_nid) WHERE type = 'm.room.retention' AND valid_to IS NULL;
            """),
        Migration(38, "search", """
            CREATE TABLE search_posting (
                room_nid INTEGER NOT NULL,
                term TEXT NOT NULL,
                pos INTEGER NOT NULL, -- of the event
                weight INTEGER NOT NULL, -- thousandths
                PRIMARY KEY (room_nid, term, pos)
            ) WITHOUT ROWID;
            CREATE TABLE search_progress (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                through_pos INTEGER NOT NULL -- events after it are still to be indexed
            );
            INSERT INTO search_progress (id, through_pos) VALUES (1, 0);
            """),
        Migration(39, "delayed events", """
            CREATE TABLE delayed_event (
                id TEXT NOT NULL PRIMARY KEY,
                user_id TEXT NOT NULL,
                device_id TEXT NOT NULL,
                room_id TEXT NOT NULL,
                type TEXT NOT NULL,
                state_key TEXT,
                content BLOB NOT NULL,
                txn_id TEXT,
                delay INTEGER NOT NULL, -- ms
                running_since INTEGER NOT NULL, -- ms
                due INTEGER NOT NULL -- ms
            );
            CREATE INDEX delayed_event_due ON delayed_event (due);
            CREATE INDEX delayed_event_user ON delayed_event (user_id, due);
            CREATE INDEX delayed_event_state ON delayed_event (room_id, type, state_key) WHERE state_key IS NOT NULL;
            """),
        Migration(40, "reports", """
            CREATE TABLE report (
                id INTEGER PRIMARY KEY,
                kind TEXT NOT NULL, -- event, room, user
                reporter TEXT NOT NULL,
                room_id TEXT,
                event_id TEXT,
                subject TEXT, -- the user whom it is about
                reason TEXT,
                score INTEGER,
                event_json BLOB, -- as it was
                received INTEGER NOT NULL -- ms
            );
            """),
        Migration(57, "deletions beside the search", """
            ALTER TABLE search_progress ADD COLUMN removals INTEGER NOT NULL DEFAULT 0; -- how often something was deleted that may be in the index
            """),
    ]
}
