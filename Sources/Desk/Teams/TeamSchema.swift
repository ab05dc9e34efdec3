import Store

extension Desk {
    /// Older binaries run on it, but give teams' conversations to everybody and know no priority but "urgent".
    static let teamMigrations: [Migration] = [
        Migration(87, "desk teams and skills", """
        CREATE TABLE desk_team(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, strategy TEXT NOT NULL, created_at INTEGER NOT NULL,
          CHECK (strategy IN ('round_robin', 'least_busy', 'sticky')));
        CREATE TABLE desk_team_member(
          team_id TEXT NOT NULL REFERENCES desk_team(id), agent_id TEXT NOT NULL REFERENCES desk_agent(id), PRIMARY KEY (team_id, agent_id));
        CREATE INDEX desk_team_member_agent ON desk_team_member(agent_id);
        ALTER TABLE desk_agent ADD COLUMN skills TEXT NOT NULL DEFAULT '[]';
        ALTER TABLE desk_agent ADD COLUMN reassigning INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE desk_inbox ADD COLUMN team_id TEXT;
        ALTER TABLE desk_inbox ADD COLUMN strategy TEXT NOT NULL DEFAULT 'round_robin';
        ALTER TABLE desk_inbox ADD COLUMN skills TEXT NOT NULL DEFAULT '[]';
        ALTER TABLE desk_conversation ADD COLUMN team_id TEXT;
        ALTER TABLE desk_conversation ADD COLUMN skills TEXT NOT NULL DEFAULT '[]';
        ALTER TABLE desk_conversation ADD COLUMN last_agent TEXT;
        CREATE INDEX desk_conversation_team ON desk_conversation(team_id, status, queue_key) WHERE team_id IS NOT NULL;
        UPDATE desk_conversation SET last_agent = assignee_id;
        UPDATE desk_conversation SET queue_key = queue_key + 4503599627370496 WHERE priority IN ('none', 'normal');
        UPDATE desk_conversation SET queue_key = queue_key + 9007199254740992 WHERE priority = 'low'
        """),
    ]
}
