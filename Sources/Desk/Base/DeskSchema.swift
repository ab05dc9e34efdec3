package import Store

/// The desk's tables. Numbers 80-119; append only. Oldest binary that still runs on them: the first.
extension Desk {
    package static let migrations: [Migration] = [
        Migration(80, "desk brands and inboxes", """
        CREATE TABLE desk_counter(name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL);
        CREATE TABLE desk_picture(id TEXT NOT NULL PRIMARY KEY, type TEXT NOT NULL, bytes BLOB NOT NULL, created_at INTEGER NOT NULL);
        CREATE TABLE desk_brand(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, website TEXT,
          colour TEXT NOT NULL, colour_dark TEXT NOT NULL, on_colour TEXT NOT NULL, on_colour_dark TEXT NOT NULL,
          logo TEXT, texts TEXT NOT NULL, created_at INTEGER NOT NULL);
        CREATE TABLE desk_inbox(
          id TEXT NOT NULL PRIMARY KEY, key TEXT NOT NULL UNIQUE, brand_id TEXT NOT NULL REFERENCES desk_brand(id), name TEXT NOT NULL,
          channel TEXT NOT NULL, languages TEXT NOT NULL, default_language TEXT NOT NULL, assignment TEXT NOT NULL, language_rule TEXT NOT NULL,
          identity TEXT NOT NULL, identity_secret TEXT, allowed_origins TEXT NOT NULL, reopen_days INTEGER NOT NULL, created_at INTEGER NOT NULL,
          CHECK (assignment IN ('automatic', 'manual')), CHECK (language_rule IN ('prefer', 'require')), CHECK (identity IN ('optional', 'required')))
        """),
        Migration(81, "desk agents", """
        CREATE TABLE desk_agent(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, public_name TEXT NOT NULL, email TEXT, role TEXT NOT NULL,
          picture TEXT, picture_mxc TEXT, wanted TEXT NOT NULL, availability TEXT NOT NULL, capacity INTEGER NOT NULL,
          languages TEXT NOT NULL, active INTEGER NOT NULL, last_seen_at INTEGER, last_turn INTEGER NOT NULL, created_at INTEGER NOT NULL,
          CHECK (role IN ('owner', 'admin', 'supervisor', 'agent')), CHECK (capacity >= 0),
          CHECK (wanted IN ('online', 'away', 'offline')), CHECK (availability IN ('online', 'away', 'offline')));
        CREATE TABLE desk_inbox_member(
          inbox_id TEXT NOT NULL REFERENCES desk_inbox(id), agent_id TEXT NOT NULL REFERENCES desk_agent(id), PRIMARY KEY (inbox_id, agent_id));
        CREATE INDEX desk_inbox_member_agent ON desk_inbox_member(agent_id)
        """),
        Migration(82, "desk contacts", """
        CREATE TABLE desk_contact(
          id TEXT NOT NULL PRIMARY KEY, brand_id TEXT NOT NULL REFERENCES desk_brand(id), number INTEGER NOT NULL UNIQUE,
          name TEXT, email TEXT, email_verified INTEGER NOT NULL, phone TEXT, company TEXT, location TEXT, language TEXT,
          external_id TEXT, notes TEXT NOT NULL, attributes TEXT NOT NULL, picture TEXT, page_url TEXT, page_title TEXT,
          search TEXT NOT NULL, first_seen_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL, version INTEGER NOT NULL);
        CREATE UNIQUE INDEX desk_contact_external ON desk_contact(brand_id, external_id) WHERE external_id IS NOT NULL;
        CREATE INDEX desk_contact_seen ON desk_contact(last_seen_at, number);
        CREATE TABLE desk_contact_user(
          user_id TEXT NOT NULL PRIMARY KEY, contact_id TEXT NOT NULL REFERENCES desk_contact(id));
        CREATE INDEX desk_contact_user_contact ON desk_contact_user(contact_id);
        CREATE TABLE desk_visitor_session(
          token_hash TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, device_id TEXT NOT NULL, contact_id TEXT NOT NULL REFERENCES desk_contact(id),
          inbox_id TEXT NOT NULL REFERENCES desk_inbox(id), created_at INTEGER NOT NULL, replaced_at INTEGER);
        CREATE INDEX desk_visitor_session_user ON desk_visitor_session(user_id, created_at)
        """),
        Migration(83, "desk conversations", """
        CREATE TABLE desk_conversation(
          id TEXT NOT NULL PRIMARY KEY, number INTEGER NOT NULL UNIQUE, version INTEGER NOT NULL, room_id TEXT NOT NULL UNIQUE,
          brand_id TEXT NOT NULL REFERENCES desk_brand(id), inbox_id TEXT NOT NULL REFERENCES desk_inbox(id),
          contact_id TEXT NOT NULL REFERENCES desk_contact(id), is_current INTEGER NOT NULL,
          status TEXT NOT NULL, snoozed_until INTEGER, priority TEXT NOT NULL, language TEXT, encrypted INTEGER NOT NULL,
          assignee_id TEXT REFERENCES desk_agent(id), joined_agent TEXT, declined_by TEXT, waiting_since INTEGER, first_reply_ms INTEGER,
          last_message_id INTEGER, message_count INTEGER NOT NULL, contact_read_at INTEGER, contact_read_event TEXT,
          page_url TEXT, page_title TEXT, queue_key INTEGER NOT NULL, activity_at INTEGER NOT NULL, created_position INTEGER NOT NULL,
          created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, resolved_at INTEGER,
          CHECK (status IN ('open', 'pending', 'snoozed', 'resolved')), CHECK (priority IN ('none', 'low', 'normal', 'high', 'urgent')));
        CREATE UNIQUE INDEX desk_conversation_current ON desk_conversation(contact_id, inbox_id) WHERE is_current = 1;
        CREATE INDEX desk_conversation_queue ON desk_conversation(status, queue_key, number);
        CREATE INDEX desk_conversation_activity ON desk_conversation(status, activity_at, number);
        CREATE INDEX desk_conversation_assignee ON desk_conversation(assignee_id, status, queue_key);
        CREATE INDEX desk_conversation_contact ON desk_conversation(contact_id, number);
        CREATE INDEX desk_conversation_inbox ON desk_conversation(inbox_id, status);
        CREATE INDEX desk_conversation_snooze ON desk_conversation(snoozed_until) WHERE snoozed_until IS NOT NULL;
        CREATE TABLE desk_item(
          id INTEGER NOT NULL PRIMARY KEY, conversation_id TEXT NOT NULL REFERENCES desk_conversation(id), kind TEXT NOT NULL, at INTEGER NOT NULL,
          author_kind TEXT NOT NULL, author_id TEXT NOT NULL, event_id TEXT, note_id TEXT, key TEXT, body TEXT NOT NULL, content TEXT NOT NULL,
          CHECK (kind IN ('message', 'note', 'system')), CHECK (author_kind IN ('contact', 'agent', 'bot', 'system')));
        CREATE UNIQUE INDEX desk_item_event ON desk_item(event_id) WHERE event_id IS NOT NULL;
        CREATE UNIQUE INDEX desk_item_note ON desk_item(note_id) WHERE note_id IS NOT NULL;
        CREATE INDEX desk_item_conversation ON desk_item(conversation_id, id);
        CREATE INDEX desk_item_unread ON desk_item(conversation_id, author_kind, kind, id);
        CREATE TABLE desk_read(agent_id TEXT NOT NULL, conversation_id TEXT NOT NULL REFERENCES desk_conversation(id), up_to INTEGER NOT NULL, PRIMARY KEY (agent_id, conversation_id));
        CREATE TABLE desk_word(word TEXT NOT NULL, conversation_id TEXT NOT NULL REFERENCES desk_conversation(id), PRIMARY KEY (word, conversation_id));
        CREATE INDEX desk_word_conversation ON desk_word(conversation_id);
        CREATE TABLE desk_key(owner TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, answer TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (owner, key));
        CREATE INDEX desk_key_at ON desk_key(at)
        """),
        Migration(84, "desk notes, tags and canned replies", """
        CREATE TABLE desk_mention(
          agent_id TEXT NOT NULL REFERENCES desk_agent(id), item_id INTEGER NOT NULL REFERENCES desk_item(id),
          conversation_id TEXT NOT NULL REFERENCES desk_conversation(id), is_read INTEGER NOT NULL, PRIMARY KEY (agent_id, item_id));
        CREATE INDEX desk_mention_conversation ON desk_mention(conversation_id, agent_id);
        CREATE TABLE desk_tag(name TEXT NOT NULL PRIMARY KEY, colour TEXT NOT NULL, created_at INTEGER NOT NULL);
        CREATE TABLE desk_conversation_tag(
          conversation_id TEXT NOT NULL REFERENCES desk_conversation(id), tag TEXT NOT NULL REFERENCES desk_tag(name), PRIMARY KEY (conversation_id, tag));
        CREATE INDEX desk_conversation_tag_tag ON desk_conversation_tag(tag, conversation_id);
        CREATE TABLE desk_canned(
          id TEXT NOT NULL PRIMARY KEY, shortcut TEXT NOT NULL, title TEXT NOT NULL, language TEXT, scope TEXT NOT NULL, owner_id TEXT,
          body TEXT NOT NULL, updated_at INTEGER NOT NULL, CHECK (scope IN ('personal', 'team')));
        CREATE INDEX desk_canned_owner ON desk_canned(scope, owner_id)
        """),
        Migration(85, "desk change log", """
        CREATE TABLE desk_change(
          position INTEGER NOT NULL PRIMARY KEY, kind TEXT NOT NULL, conversation_id TEXT, inbox_id TEXT, ref TEXT NOT NULL, at INTEGER NOT NULL);
        CREATE INDEX desk_change_conversation ON desk_change(conversation_id, kind);
        CREATE INDEX desk_change_at ON desk_change(at)
        """),
        Migration(86, "desk conversations that agents serve", """
        CREATE INDEX desk_conversation_served ON desk_conversation(status, assignee_id, joined_agent, waiting_since, declined_by)
          WHERE status = 'open' AND assignee_id IS NOT NULL
        """),
        Migration(97, "desk roles and brands kept apart", """
        CREATE TABLE desk_role(id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, permissions TEXT NOT NULL, created_at INTEGER NOT NULL);
        ALTER TABLE desk_agent ADD COLUMN role_id TEXT;
        ALTER TABLE desk_agent ADD COLUMN brands TEXT;
        ALTER TABLE desk_canned ADD COLUMN brand_id TEXT
        """),
        // Each page with the widget asks how fast the last were answered: an inbox in which nobody answers was read whole each time.
        Migration(103, "desk conversations that were answered", """
        CREATE INDEX desk_conversation_answered ON desk_conversation(inbox_id, number, first_reply_ms) WHERE first_reply_ms IS NOT NULL
        """),
    ]
}
