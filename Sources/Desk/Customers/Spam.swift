import MatrixCore
import ServerKit
import Store

/// Conversations that nobody should be bothered with, and contacts all of whose conversations are such.
///
/// Invariants: spam is in no queue, count, routing or promise, but in its own view; what is written there is kept and wakes nobody; taking it out
/// brings back the status and the waiting time that it would have; whoever is blocked is not told so; agents write into no spam.
enum Spam {
    static let migrations: [Migration] = [
        // Older binaries run on it: they show spam as resolved, and let who is blocked write.
        Migration(108, "desk spam, blocks and consents", """
        ALTER TABLE desk_contact ADD COLUMN blocked_at INTEGER;
        ALTER TABLE desk_contact ADD COLUMN blocked_by TEXT;
        CREATE INDEX desk_contact_blocked ON desk_contact(id) WHERE blocked_at IS NOT NULL;
        ALTER TABLE desk_conversation ADD COLUMN spam TEXT;
        CREATE INDEX desk_conversation_spam ON desk_conversation(activity_at, number) WHERE spam IS NOT NULL;
        CREATE TABLE desk_consent(
          id INTEGER NOT NULL PRIMARY KEY, contact_id TEXT NOT NULL REFERENCES desk_contact(id), channel TEXT NOT NULL, purpose TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL,
          actor_kind TEXT NOT NULL, actor_id TEXT NOT NULL, source TEXT NOT NULL, wording TEXT NOT NULL, CHECK (state IN ('given', 'withdrawn')));
        CREATE INDEX desk_consent_contact ON desk_consent(contact_id, channel, purpose, id)
        """),
    ]

    // MARK: conversations

    /// What it was like: by it a conversation comes back.
    private static func before(_ it: Conversation) -> JSONObject {
        ["status": .string(it.status.rawValue), "waiting_since": .of(it.state.waitingSince), "snoozed_until": .of(it.state.snoozedUntil), "resolved_at": .of(it.state.resolvedAt)]
    }
    /// `why`: "marked" by an agent, "blocked" with its contact.
    static func mark(_ unit: Unit, _ conversation: Conversation, why: String) throws -> Conversation {
        guard conversation.spam == nil else { return conversation }
        var it = conversation
        it.spam = before(it).merging(["why": .string(why)]).columnText
        it.state = StatusRules.State(status: .resolved, resolvedAt: unit.now)
        try Items.system(unit, it, .spam, data: ["status": "resolved"])
        try Conversations.everyoneLeaves(unit, &it)
        it = try Conversations.save(unit, it)
        try Facts.add(unit, it, .dropped)
        if let assignee = it.assignee { try Agents.changed(unit, assignee) }
        return it
    }
    static func unmark(_ unit: Unit, _ conversation: Conversation) throws -> Conversation {
        guard let spam = conversation.spam.map(JSONObject.init(column:)) else { return conversation }
        var it = conversation
        it.spam = nil
        let until = spam["snoozed_until"]?.intValue
        var status = spam["status"]?.stringValue.flatMap(ConversationStatus.init(rawValue:)) ?? .open
        if status == .snoozed, until ?? 0 <= unit.now { status = .open }   // its time has come meanwhile
        it.state = StatusRules.State(status: status, waitingSince: spam["waiting_since"]?.intValue, snoozedUntil: status == .snoozed ? until : nil, resolvedAt: status == .resolved ? spam["resolved_at"]?.intValue ?? unit.now : nil)
        try Items.system(unit, it, .notSpam, data: ["status": .string(status.rawValue)])
        it = try Conversations.save(unit, it)
        try Facts.restored(unit, it)
        if let assignee = it.assignee { try Agents.changed(unit, assignee) }
        return it
    }
    /// The customer has written into it: nobody hears of it, but who takes it out finds that he waits.
    static func wrote(_ it: inout Conversation, now: Int64) {
        guard var spam = it.spam.map(JSONObject.init(column:)) else { return }
        if spam["status"] == "resolved" || spam["waiting_since"]?.intValue == nil { spam["waiting_since"] = .int(now) }
        spam["status"] = "open"
        it.spam = spam.columnText
    }
    /// What agents may not do with spam before they have taken it out.
    static func checkIsNone(_ it: Conversation) throws(DeskError) {
        guard it.spam != nil else { return }
        throw DeskError(.conflict, en: "This conversation is spam: take it out first.", fr: "Cette conversation est indésirable : retirez-la d’abord des indésirables.")
    }

    // MARK: contacts

    static func setBlocked(_ unit: Unit, _ contact: Contact, _ isBlocked: Bool, by me: Agent) throws -> Contact {
        guard isBlocked != (contact.blockedAt != nil) else { return contact }
        var it = contact
        it.blockedAt = isBlocked ? unit.now : nil
        try unit.tx.run("UPDATE desk_contact SET blocked_at = ?, blocked_by = ? WHERE id = ?", it.blockedAt, isBlocked ? me.id : nil, it.id)
        try ContactLog.add(unit, it.id, isBlocked ? .blocked : .unblocked, [:])
        try Audit.add(unit, by: me, isBlocked ? "contacts.block.create" : "contacts.block.delete", target: it.id, name: it.name)
        let conversations = try unit.tx.all("SELECT id FROM desk_conversation WHERE contact_id = ? AND \(isBlocked ? "spam IS NULL AND status <> 'resolved'" : "spam IS NOT NULL") ORDER BY number", it.id) { $0.text(0) }
        for id in conversations {
            guard let conversation = try Conversations.load(unit.tx, id) else { continue }
            if isBlocked {
                _ = try mark(unit, conversation, why: "blocked")
            } else if conversation.spam.map(JSONObject.init(column:))?["why"] == "blocked" {
                _ = try unmark(unit, conversation)   // what an agent has marked by itself stays spam
            }
        }
        it = try Contacts.save(unit, it)
        let (live, id) = (unit.live, it.id)
        unit.tx.afterCommit { live.setBlocked(id, isBlocked) }
        try Dispatch.settle(unit)
        return it
    }

    static let routes: [DeskRoute] = [
        DeskRoute(.put, "/conversations/{id}/spam", .conversationsWrite) { call in
            var fields = try call.fields()
            let isSpam = fields.bool("spam")
            if isSpam == nil, fields.errors.isEmpty { fields.refuse("spam", en: "This field is required.", fr: "Ce champ est obligatoire.") }
            try fields.check()
            return try await Conversations.mutate(call) { unit, it, _ in
                let changed = isSpam == true ? try mark(unit, it, why: "marked") : try unmark(unit, it)
                try Dispatch.settle(unit)
                return try Conversations.load(unit.tx, changed.id) ?? changed
            }
        },
        DeskRoute(.put, "/contacts/{id}/blocked", .contactsWrite) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let isBlocked = fields.bool("blocked")
            if isBlocked == nil, fields.errors.isEmpty { fields.refuse("blocked", en: "This field is required.", fr: "Ce champ est obligatoire.") }
            try fields.check()
            return .json(try await call.write { unit in
                let contact = try Contacts.visible(try Contacts.load(unit.tx, id), call.reader(unit))
                let changed = try setBlocked(unit, contact, isBlocked == true, by: call.me)
                return try call.reader(unit).contact(changed)
            })
        },
    ]
}
