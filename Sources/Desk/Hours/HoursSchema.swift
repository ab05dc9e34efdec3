import Store

extension Desk {
    /// Older binaries run on it: nothing is ever closed, and nobody overflows.
    static let hoursMigrations: [Migration] = [
        Migration(88, "desk business hours, overflow and escalation", """
        CREATE TABLE desk_hours(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, time_zone TEXT NOT NULL, week TEXT NOT NULL, exceptions TEXT NOT NULL, created_at INTEGER NOT NULL);
        ALTER TABLE desk_inbox ADD COLUMN hours_id TEXT;
        ALTER TABLE desk_team ADD COLUMN hours_id TEXT;
        ALTER TABLE desk_team ADD COLUMN overflow_team TEXT;
        ALTER TABLE desk_team ADD COLUMN overflow_after INTEGER;
        ALTER TABLE desk_team ADD COLUMN escalate_after INTEGER;
        ALTER TABLE desk_conversation ADD COLUMN overflowed_at INTEGER;
        ALTER TABLE desk_conversation ADD COLUMN escalated_at INTEGER;
        CREATE INDEX desk_conversation_waiting ON desk_conversation(inbox_id, team_id, queue_key)
          WHERE status = 'open' AND assignee_id IS NULL AND waiting_since IS NOT NULL
        """),
    ]
}
