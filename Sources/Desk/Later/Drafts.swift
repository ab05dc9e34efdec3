import MatrixCore
import ServerKit
import Store

/// What an agent has begun to write, so that another device of his has it. The last one who wrote wins.
enum Drafts {
    static let migrations: [Migration] = [
        Migration(94, "desk drafts and messages for later", """
        CREATE TABLE desk_draft(
          agent_id TEXT NOT NULL, conversation_id TEXT NOT NULL, reply TEXT NOT NULL, note TEXT NOT NULL, mode TEXT NOT NULL, updated_at INTEGER NOT NULL,
          PRIMARY KEY (agent_id, conversation_id), CHECK (mode IN ('reply', 'note')));
        CREATE INDEX desk_draft_at ON desk_draft(updated_at);
        CREATE TABLE desk_later(
          id TEXT NOT NULL PRIMARY KEY, conversation_id TEXT NOT NULL, agent_id TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, reply_to TEXT, send_at INTEGER NOT NULL,
          state TEXT NOT NULL, held_why TEXT, if_written TEXT NOT NULL, after_item INTEGER NOT NULL, created_at INTEGER NOT NULL,
          CHECK (state IN ('waiting', 'held')), CHECK (if_written IN ('hold', 'send', 'cancel')));
        CREATE UNIQUE INDEX desk_later_key ON desk_later(agent_id, conversation_id, key);
        CREATE INDEX desk_later_conversation ON desk_later(conversation_id, send_at);
        CREATE INDEX desk_later_due ON desk_later(send_at) WHERE state = 'waiting'
        """),
    ]
    enum Mode: String, Sendable, CaseIterable { case reply, note }
    static let kept: Int64 = 90 * 86_400_000

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/drafts", .conversationsRead) { call in
            .json(["items": .array(try await call.read { reader in
                let mine = call.me.rows(inbox: "c.inbox_id"), first: [any Bindable] = [call.me.id]
                return try reader.tx.all("""
                    SELECT d.conversation_id, d.reply, d.note, d.mode, d.updated_at FROM desk_draft d JOIN desk_conversation c ON c.id = d.conversation_id
                    WHERE d.agent_id = ? AND \(mine.sql) ORDER BY d.updated_at DESC LIMIT 500
                    """, array: first + mine.binds, row: json)
            })])
        },
        DeskRoute(.put, "/conversations/{id}/draft", .conversationsWrite) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            // As it stands, with its blanks: it goes on being written.
            let reply = raw(&fields, "reply", max: Conversations.longestMessage), note = raw(&fields, "note", max: Notes.longest)
            let mode: Mode = fields.choice("mode", required: true) ?? .reply, device = fields.text("device", max: 40)
            try fields.check()
            let draft: JSON = try await call.write { unit in
                let inbox = try call.reader(unit).visible(id).inboxID
                if reply.isEmpty, note.isEmpty {
                    try unit.tx.run("DELETE FROM desk_draft WHERE agent_id = ? AND conversation_id = ?", call.me.id, id)
                } else {
                    try unit.tx.run("""
                        INSERT INTO desk_draft(agent_id, conversation_id, reply, note, mode, updated_at) VALUES (?, ?, ?, ?, ?, ?)
                        ON CONFLICT (agent_id, conversation_id) DO UPDATE SET reply = excluded.reply, note = excluded.note, mode = excluded.mode, updated_at = excluded.updated_at
                        """, call.me.id, id, reply, note, mode.rawValue, unit.now)
                }
                let draft: JSON = ["conversation_id": .string(id), "reply": .string(reply), "note": .string(note), "mode": .string(mode.rawValue), "updated_at": .int(unit.now)]
                let told: JSON = ["draft": draft, "device": .of(device)]
                unit.tx.afterCommit { call.live.send(DeskLive.Volatile(event: "draft", key: "d" + id, inboxes: [inbox], only: call.me.id, data: told)) }
                return draft
            }
            return .json(draft)
        },
    ]

    private static func raw(_ fields: inout Fields, _ key: String, max: Int) -> String {
        guard let value = fields.object[key], value != .null else { return "" }
        guard let text = value.stringValue, text.count <= max, !text.utf8.contains(0) else {
            fields.refuse(key, en: "This must be a text of at most \(max) characters.", fr: "Ce champ doit être un texte d’au plus \(max) caractères.")
            return ""
        }
        return text
    }
    private static func json(_ row: Row) -> JSON {
        ["conversation_id": .string(row.text(0)), "reply": .string(row.text(1)), "note": .string(row.text(2)), "mode": .string(row.text(3)), "updated_at": .int(row.int(4))]
    }
    static func forgetOld(_ unit: Unit) throws { try unit.tx.run("DELETE FROM desk_draft WHERE updated_at < ?", unit.c.clock.now - kept) }
}
