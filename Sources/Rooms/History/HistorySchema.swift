import Store

/// The tables of what came after the first rooms: search, retention, delayed events, reports. Migrations 36-44.
enum HistorySchema {
    static let migrations: [Migration] = [
        Migration(36, "events by time, threads by room", """
            CREATE INDEX event_time ON event (room_nid, ts);
            CREATE INDEX event_room_thread ON event (room_nid, thread, pos) WHERE thread IS NOT NULL;
            """),
        Migration(37, "the end of history", """
            ALTER TABLE room ADD COLUMN purged_pos INTEGER NOT NULL DEFAULT 0; -- what was before this position is gone
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
            CREATE TABLE search_backfill (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                before_pos INTEGER NOT NULL -- events before it are still to be indexed
            );
            INSERT INTO search_backfill (id, before_pos) SELECT 1, COALESCE(MAX(pos), 0) + 1 FROM event;
            """),
    ]
}
