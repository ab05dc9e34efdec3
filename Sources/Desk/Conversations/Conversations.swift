import Logging
import MatrixCore
import ServerKit
import Store

/// What is done with conversations.
///
/// Invariants: a contact has at most one current conversation in an inbox; a message and what it does to the conversation are one
/// transaction; of two agents who take a conversation one gets it; an agent who answers is a member of the room under his public name.
enum Conversations {
    // MARK: opening

    /// The conversation in which this contact writes now: the current one, or a new one with its room.
    static func open(_ unit: Unit, contact: Contact, inbox: Inbox, user: UserID, language: String?) throws -> (conversation: Conversation, isNew: Bool) {
        if let current = try current(unit.tx, contact: contact.id, inbox: inbox.id) {
            let isRecent = current.status != .resolved || current.activityAt + inbox.reopenDays * 86_400_000 > unit.now
            if isRecent, try unit.c.ports.timelines.membership(unit.tx, room: current.room, user: user) == "join" { return (current, false) }
            // Of a contact that several were merged into, each goes on in his own.
            if let own = try own(unit, contact: contact.id, inbox: inbox.id, user: user, besides: current.id),
               own.status != .resolved || own.activityAt + inbox.reopenDays * 86_400_000 > unit.now { return (own, false) }
            try unit.tx.run("UPDATE desk_conversation SET is_current = 0 WHERE id = ?", current.id)
        }
        let (c, rooms, bot) = (unit.c, unit.c.ports.rooms, Desk.bot(unit.c))
        guard let brand = try Brands.load(unit.tx, inbox.brandID) else { throw DeskError.notFound }
        let id = unit.newID("cv")
        // The id makes the create event, whose hash is the room's id, differ from that of another conversation of the same millisecond.
        let room = try rooms.create(c, unit.tx, RoomCreation(creator: bot, preset: "private_chat", name: brand.name, creationContent: ["comptoir.conversation": .string(id)], timestamp: unit.eventTime))
        unit.live.learn(room: room.rawValue, DeskLive.Place(conversation: id, inbox: inbox.id, contact: contact.id))
        let page = (url: contact.pageURL, title: contact.pageTitle)
        let position = unit.tx.nextPosition()
        let made = Conversation(id: id, number: try unit.next("conversation", from: 1000), version: 1, roomID: room.rawValue, brandID: inbox.brandID, inboxID: inbox.id,
                                contactID: contact.id, isCurrent: true, state: StatusRules.State(), priority: .none, language: language ?? contact.language ?? inbox.defaultLanguage,
                                isEncrypted: false, assignee: nil, joinedAgent: nil, declinedBy: nil, firstReplyMS: nil, lastMessage: nil, messageCount: 0,
                                contactReadAt: nil, contactReadEvent: nil, pageURL: page.url, pageTitle: page.title, activityAt: unit.now,
                                createdPosition: position, createdAt: unit.now, updatedAt: unit.now, team: inbox.team, skills: inbox.skills)
        try insert(unit, made)
        try Facts.add(unit, made, .opened)
        try unit.log(position, .conversationUpdated, conversation: id, inbox: inbox.id, ref: "")
        _ = try rooms.setMembership(c, unit.tx, room: room, target: user, membership: "invite", by: bot, content: [:], timestamp: unit.eventTime)
        _ = try rooms.setMembership(c, unit.tx, room: room, target: user, membership: "join", by: user, content: [:], timestamp: unit.eventTime)
        try Items.system(unit, made, .created, data: [:])
        c.metrics.add(.deskConversationsOpened)
        return (made, true)
    }
    static func current(_ tx: ReadTx, contact: String, inbox: String) throws -> Conversation? {
        try tx.first("SELECT \(columns) FROM desk_conversation WHERE contact_id = ? AND inbox_id = ? AND is_current = 1", contact, inbox, row: conversation)
    }

    /// The newest conversation in which this very user is, of a contact that others were merged into; nil for anyone else.
    static func own(_ unit: Unit, contact: String, inbox: String, user: UserID, besides: String) throws -> Conversation? {
        guard try unit.tx.exists("SELECT 1 FROM desk_contact_merge WHERE kept = ? AND undone_at IS NULL", contact) else { return nil }
        for id in try unit.tx.all("SELECT id FROM desk_conversation WHERE contact_id = ? AND inbox_id = ? AND id <> ? ORDER BY number DESC LIMIT 50", contact, inbox, besides, row: { $0.text(0) }) {
            if let it = try load(unit.tx, id), try unit.c.ports.timelines.membership(unit.tx, room: it.room, user: user) == "join" { return it }
        }
        return nil
    }

    // MARK: assignment

    @discardableResult
    static func assign(_ unit: Unit, _ conversation: Conversation, to agent: String?, how: SystemText) throws -> Conversation {
        let old = conversation.assignee
        guard old != agent else { return conversation }
        var it = conversation
        if let old { try leave(unit, &it, old) }
        it.assignee = agent
        it.lastAgent = agent ?? it.lastAgent
        if agent != nil { it.declinedBy = nil } else { it.declinedBy = how == .requeued ? old : nil }
        if let agent, it.status != .resolved { try join(unit, &it, agent) }
        var data: JSONObject = ["from": .of(old), "to": .of(agent)]
        if case .agent(let by) = unit.actor { data["by"] = .string(by) }
        try Items.system(unit, it, how, data: data)
        try Facts.add(unit, it, .assigned, agent: agent)
        it = try save(unit, it)
        if old == nil, agent != nil, it.state.waitingSince != nil, !unit.isPast {
            let (line, live, now) = (WaitingLine.line(inbox: it.inboxID, team: it.team), unit.live, unit.now)
            unit.tx.afterCommit { live.line.served(line, at: now) }
        }
        for id in [old, agent].compactMap(\.self) { try Agents.changed(unit, id) }
        return it
    }
    /// The agent enters the room under his public name.
    static func join(_ unit: Unit, _ it: inout Conversation, _ agent: String) throws {
        it.joinedAgent = agent
        do {
            let room = it.room
            try unit.tx.attempt { _ in try ensureMember(unit, room, agent) }
        } catch let error as MatrixError {
            // His account may be gone or he may be banned: the desk's own view stays whole, and writing will tell him.
            unit.c.log.warning("agent could not join a conversation", metadata: ["error": "\(error.errcode)"])
        }
    }
    static func ensureMember(_ unit: Unit, _ room: RoomID, _ agent: String) throws {
        let (c, rooms, user) = (unit.c, unit.c.ports.rooms, UserID(trusted: agent))
        let membership = try c.ports.timelines.membership(unit.tx, room: room, user: user)
        guard membership != "join" else { return }
        if membership != "invite" {
            _ = try rooms.setMembership(c, unit.tx, room: room, target: user, membership: "invite", by: Desk.bot(c), content: try face(unit, agent), timestamp: unit.eventTime)
        }
        _ = try rooms.setMembership(c, unit.tx, room: room, target: user, membership: "join", by: user, content: try face(unit, agent), timestamp: unit.eventTime)
    }
    private static func face(_ unit: Unit, _ agent: String) throws -> JSONObject {
        guard let agent = try Agents.load(unit.tx, agent) else { return [:] }
        var content: JSONObject = ["displayname": .string(agent.publicName)]
        if let mxc = agent.pictureMXC { content["avatar_url"] = .string(mxc) }
        return content
    }
    static func leave(_ unit: Unit, _ it: inout Conversation, _ agent: String) throws {
        if it.joinedAgent == agent { it.joinedAgent = nil }
        for room in try ConversationMerge.rooms(unit.tx, it) { try leave(unit, room, agent) }
    }
    static func leave(_ unit: Unit, _ room: RoomID, _ agent: String) throws {
        let user = UserID(trusted: agent)
        guard let membership = try unit.c.ports.timelines.membership(unit.tx, room: room, user: user), membership == "join" || membership == "invite" else { return }
        do {
            try unit.tx.attempt { tx in
                _ = try unit.c.ports.rooms.setMembership(unit.c, tx, room: room, target: user, membership: "leave", by: user, content: [:], timestamp: unit.eventTime)
            }
        } catch let error as MatrixError {
            unit.c.log.warning("agent could not leave a conversation", metadata: ["error": "\(error.errcode)"])
        }
    }
    /// Public name or picture changed: in his rooms too.
    static func renamed(_ unit: Unit, _ agent: Agent) throws {
        let user = UserID(trusted: agent.id)
        for room in try unit.tx.all("SELECT room_id FROM desk_conversation WHERE assignee_id = ? AND joined_agent = ? AND status <> 'resolved'", agent.id, agent.id, row: { RoomID(trusted: $0.text(0)) }) {
            guard try unit.c.ports.timelines.membership(unit.tx, room: room, user: user) == "join" else { continue }
            var content = try face(unit, agent.id)
            content["membership"] = "join"
            _ = try unit.c.ports.rooms.append(unit.c, unit.tx, NewEvent(room: room, sender: user, type: "m.room.member", stateKey: agent.id, content: .object(content), timestamp: unit.eventTime))
        }
    }

    /// One of two who take at the same time wins; the other is told who.
    static func take(_ unit: Unit, _ conversation: Conversation, by agent: Agent, force: Bool, reader: Reader) throws -> Conversation {
        if agent.isService { throw DeskError(.conflict, en: "A program takes no conversation: give it to a person.", fr: "Un programme ne prend pas de conversation : confiez-la à une personne.") }
        if conversation.assignee == agent.id { return conversation }
        if let winner = conversation.assignee, !force {
            let name = try Agents.load(unit.tx, winner)?.publicName ?? winner
            throw DeskError(.alreadyTaken, en: "\(name) has just taken this conversation.", fr: "\(name) vient de prendre cette conversation.",
                            extra: ["winner": try reader.agentRef(winner), "conversation": try reader.conversation(conversation)])
        }
        return try assign(unit, conversation, to: agent.id, how: conversation.assignee == nil ? .taken : .takenOver)
    }

    // MARK: changes by agents

    static func setStatus(_ unit: Unit, _ given: Conversation, _ status: ConversationStatus, until: Int64?) throws -> Conversation {
        // Whoever works with spam says that it is none.
        let conversation = status == .resolved ? given : try Spam.unmark(unit, given)
        let text: SystemText = switch status {
        case .open: .opened
        case .pending: .pending
        case .snoozed: .snoozed
        case .resolved: .resolved
        }
        var it = conversation
        do throws(StatusRules.Refusal) {
            it.state = try StatusRules.after(.set(status, until: until), in: it.state, now: unit.now)
        } catch {
            throw switch error {
            case .snoozeNeedsTime: DeskError.invalid("until", en: "Say until when to snooze.", fr: "Indiquez jusqu’à quand mettre en veille.")
            case .snoozeInThePast: DeskError.invalid("until", en: "This time is past.", fr: "Cette heure est déjà passée.")
            case .snoozeTooLong: DeskError.invalid("until", en: "A snooze lasts at most a year.", fr: "Une mise en veille dure au plus un an.")
            }
        }
        guard it.state != conversation.state else { return conversation }
        if conversation.status != it.status || status == .snoozed {
            try Items.system(unit, it, text, data: ["status": .string(status.rawValue), "until": .of(it.state.snoozedUntil)])
        }
        if it.status == .resolved { try everyoneLeaves(unit, &it) }
        it = try save(unit, it)
        try Facts.statusChanged(unit, before: conversation, now: it)
        if it.status == .resolved, conversation.status != .resolved {
            try Surveys.resolved(unit, it)
            it = try load(unit.tx, it.id) ?? it
        }
        if let assignee = it.assignee, (conversation.status == .open) != (it.status == .open) { try Agents.changed(unit, assignee) }
        return it
    }
    /// Agents' own Matrix apps do not fill up with finished conversations.
    static func everyoneLeaves(_ unit: Unit, _ it: inout Conversation) throws {
        for room in try ConversationMerge.rooms(unit.tx, it) {
            for user in try unit.c.ports.timelines.joinedMembers(unit.tx, room: room) where try unit.tx.exists("SELECT 1 FROM desk_agent WHERE id = ?", user) { try leave(unit, room, user.rawValue) }
        }
        it.joinedAgent = nil
    }
    static func setPriority(_ unit: Unit, _ conversation: Conversation, _ priority: Conversation.Priority) throws -> Conversation {
        guard conversation.priority != priority else { return conversation }
        var it = conversation
        it.priority = priority
        try Items.system(unit, it, .priority, data: ["value": .string(priority.rawValue)])
        return try save(unit, it)
    }
    static func setLanguage(_ unit: Unit, _ conversation: Conversation, _ language: String) throws -> Conversation {
        guard conversation.language != language else { return conversation }
        var it = conversation
        it.language = language
        try Items.system(unit, it, .language, data: ["value": .string(language)])
        return try save(unit, it)
    }
    static func setTags(_ unit: Unit, _ conversation: Conversation, _ tags: [String]) throws -> Conversation {
        let old = Set(try unit.tx.all("SELECT tag FROM desk_conversation_tag WHERE conversation_id = ?", conversation.id) { $0.text(0) })
        guard old != Set(tags) else { return conversation }
        try unit.tx.run("DELETE FROM desk_conversation_tag WHERE conversation_id = ?", conversation.id)
        for tag in tags {
            try Tags.ensure(unit, tag)
            try unit.tx.run("INSERT INTO desk_conversation_tag(conversation_id, tag) VALUES (?, ?)", conversation.id, tag)
        }
        try Items.system(unit, conversation, .tags, data: ["value": .string(tags.sorted().joined(separator: ", ")), "tags": .of(tags.sorted()), "added": .of(tags.filter { !old.contains($0) }.sorted())])
        return try save(unit, conversation)
    }
    /// Snoozes that are over.
    static func wake(_ unit: Unit) throws {
        for id in try unit.tx.all("SELECT id FROM desk_conversation WHERE snoozed_until IS NOT NULL AND snoozed_until <= ? ORDER BY snoozed_until", unit.now, row: { $0.text(0) }) {
            guard var it = try load(unit.tx, id) else { continue }
            it.state = try StatusRules.after(.snoozeIsOver, in: it.state, now: unit.now)
            it.activityAt = unit.now
            try Items.system(unit, it, .woken, data: ["status": "open"])
            _ = try save(unit, it)
            if let assignee = it.assignee { try Agents.changed(unit, assignee) }
        }
    }
    /// What the lists show of a contact is different now.
    static func contactChanged(_ unit: Unit, _ contact: String) throws {
        for (id, inbox) in try unit.tx.all("SELECT id, inbox_id FROM desk_conversation WHERE contact_id = ? AND is_current = 1 ORDER BY number", contact, row: { ($0.text(0), $0.text(1)) }) {
            try unit.tell(.conversationUpdated, conversation: id, inbox: inbox)
        }
    }

    // MARK: writing

    struct Outgoing: Sendable {
        var key: String
        var content: JSONObject
    }
    /// An agent writes to the customer.
    static func send(_ unit: Unit, _ conversation: Conversation, _ message: Outgoing, by agent: String) throws -> Item {
        try Spam.checkIsNone(conversation)
        if conversation.assignee == nil, try Agents.load(unit.tx, agent)?.isService == false { try assign(unit, conversation, to: agent, how: .taken) }
        try ensureMember(unit, conversation.room, agent)
        let event = try unit.c.ports.rooms.append(unit.c, unit.tx, NewEvent(room: conversation.room, sender: UserID(trusted: agent), type: "m.room.message",
                                                                            content: .object(message.content), timestamp: unit.eventTime))
        try unit.tx.run("UPDATE desk_item SET key = ? WHERE event_id = ?", message.key, event)
        guard let item = try Items.load(unit.tx, event: event.rawValue) else { throw DeskError.failed }
        return item
    }

    /// How far an agent has read; the customer sees it by a Matrix receipt when the agent is in the room.
    static func read(_ unit: Unit, _ conversation: Conversation, by agent: String, upTo: Int64) throws {
        try markRead(unit, conversation.id, by: agent, upTo: upTo)
        try unit.tx.run("UPDATE desk_mention SET is_read = 1 WHERE conversation_id = ? AND agent_id = ? AND item_id <= ?", conversation.id, agent, upTo)
        let user = UserID(trusted: agent)
        guard try unit.c.ports.timelines.membership(unit.tx, room: conversation.room, user: user) == "join",
              let event = try unit.tx.first("SELECT event_id FROM desk_item WHERE conversation_id = ? AND kind = 'message' AND id <= ? AND event_id IS NOT NULL ORDER BY id DESC LIMIT 1",
                                            conversation.id, upTo, row: { EventID(trusted: $0.text(0)) }) else { return }
        try unit.c.ports.rooms.setReceipt(unit.c, unit.tx, room: conversation.room, user: user, event: event, isPrivate: false)
    }
    static func markRead(_ unit: Unit, _ conversation: String, by agent: String, upTo: Int64) throws {
        try unit.tx.run("""
            INSERT INTO desk_read(agent_id, conversation_id, up_to) VALUES (?, ?, ?)
            ON CONFLICT (agent_id, conversation_id) DO UPDATE SET up_to = excluded.up_to WHERE desk_read.up_to < excluded.up_to
            """, agent, conversation, upTo)
    }
}
