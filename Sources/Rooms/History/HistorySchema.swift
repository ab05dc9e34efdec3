import Store

/// The tables of what came after the first rooms: search, retention, delayed events, reports. Migrations 36-44.
enum HistorySchema {
    static let migrations: [Migration] = [
        Migration(36, "events by time, threads by room", """
            CREATE INDEX event_time ON event (room_nid, ts);
            CREATE INDEX event_room_thread ON event (room_nid, thread, pos) WHERE thread IS NOT NULL;
            """),
    ]
}
