import MatrixCore
package import ServerKit
package import Store

/// How the desk learns what happens in its rooms, from whatever client: inside the transaction that appends the event, so that a
/// message is never without its conversation's new state.
struct DeskObserver: RoomObserver {
    let live: DeskLive

    func appended(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {
        guard live.place(ofRoom: event.room.rawValue) != nil else { return }   // nearly every event of the server: no database
        switch event.type {
        case "m.room.message", "m.sticker", "m.room.encrypted": try message(c, tx, event)
        case "m.room.redaction": try redaction(c, tx, event)
        case "m.room.encryption": try tx.run("UPDATE desk_conversation SET encrypted = 1 WHERE room_id = ?", event.room)
        default: break
        }
    }

    func willDelete(_ c: Context, _ tx: ReadTx, room: RoomID) throws {
        guard live.place(ofRoom: room.rawValue) == nil else { throw MatrixError.forbidden("The room is a conversation of the desk.") }
    }

    private func author(_ c: Context, _ tx: ReadTx, _ sender: UserID) throws -> (kind: String, id: String, isContact: Bool, isAgent: Bool) {
        if sender == Desk.bot(c) { return ("bot", sender.rawValue, false, false) }
        if try tx.exists("SELECT 1 FROM desk_agent WHERE id = ?", sender) { return ("agent", sender.rawValue, false, true) }
        if let contact = try Contacts.id(tx, ofUser: sender.rawValue) { return ("contact", contact, true, false) }
        // Somebody whom the customer's side has brought along.
        return ("contact", sender.rawValue, true, false)
    }

    private func message(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {
        guard let source = try Conversations.load(tx, room: event.room.rawValue), let content = event.content.objectValue else { return }
        var it = try ConversationMerge.followed(tx, source)
        let author = try author(c, tx, event.sender)
        let actor: Actor = author.isAgent ? .agent(author.id) : author.isContact ? .contact(author.id) : .system
        let unit = Unit(c, tx, live, actor: actor)
        let relation = content["m.relates_to"]?.objectValue
        if event.type == "m.room.message", relation?["rel_type"]?.stringValue == "m.replace", let target = relation?["event_id"]?.stringValue {
            try edit(unit, it, target: target, author: author.id, content["m.new_content"]?.objectValue ?? [:])
            return
        }
        let message = MessageContent(type: event.type, content)
        if author.isContact, it.spam != nil || live.isBlocked(it.contactID) {
            // Kept, and nobody is bothered.
            if it.spam == nil { it = try Spam.mark(unit.acting(as: .system), it, why: "blocked") }
            let item = try Items.add(unit, it, kind: .message, author: actor, authorKind: author.kind, at: event.timestamp, eventID: event.id.rawValue, body: message.body, content: message.stored)
            try belongs(tx, item, source, &it, isContact: true)
            it.lastMessage = item.id
            it.messageCount += 1
            it.activityAt = max(it.activityAt, event.timestamp)
            Spam.wrote(&it, now: unit.now)
            _ = try Conversations.save(unit, it, newVersion: false)
            return
        }
        let item = try Items.add(unit, it, kind: .message, author: actor, authorKind: author.kind, at: event.timestamp, eventID: event.id.rawValue, body: message.body, content: message.stored)
        let before = it
        try belongs(tx, item, source, &it, isContact: author.isContact)
        it.lastMessage = item.id
        it.messageCount += 1
        it.activityAt = max(it.activityAt, event.timestamp)
        if author.isContact, it.status == .resolved, try Surveys.isAnswered(unit, it, text: message.body, replyTo: message.stored["reply_to"]?.stringValue) {
            // He has rated, and wants nothing.
        } else if author.isContact {
            it.state = try StatusRules.after(.customerWrote, in: it.state, now: unit.now)
            if it.declinedBy != it.assignee { it.declinedBy = nil }
            if it.language == nil { it.language = try Contacts.load(tx, it.contactID)?.language }
            if before.status == .resolved { try Items.system(unit.acting(as: .system), it, .reopened, data: ["status": "open"]) }
            try Facts.statusChanged(unit, before: before, now: it)
            try tx.run("UPDATE desk_contact SET last_seen_at = ? WHERE id = ? AND last_seen_at < ?", unit.now, it.contactID, unit.now)
        } else if author.isAgent {
            it.state = try StatusRules.after(.agentWrote, in: it.state, now: unit.now)
            if it.declinedBy == author.id { it.declinedBy = nil }   // he is said to be gone, but goes on here
            if it.firstReplyMS == nil { it.firstReplyMS = max(0, unit.now - it.createdAt) }
            try Facts.wrote(unit, before: before, now: it, agent: author.id)
            try Conversations.markRead(unit, it.id, by: author.id, upTo: item.id)
        }
        it = try Conversations.save(unit, it, newVersion: it.status != before.status)
        if let assignee = it.assignee, it.status != before.status { try Agents.changed(unit, assignee) }
        if author.isContact { live.contactSeen(it.contactID, now: c.clock.now) }
        if it.status == .open {
            let assignee = try it.assignee.flatMap { try Agents.load(tx, $0) }
            let isServed = assignee.map { it.joinedAgent == $0.id && it.declinedBy != $0.id && !Dispatch.hasGone($0, live, now: c.clock.now) } ?? false
            if !isServed { Dispatch.soon(unit) }
        }
    }
    /// Of a conversation that was merged: the item remembers it, and the customer is answered where he writes.
    private func belongs(_ tx: WriteTx, _ item: Item, _ source: Conversation, _ it: inout Conversation, isContact: Bool) throws {
        if source.id != it.id { try tx.run("UPDATE desk_item SET origin = ? WHERE id = ?", source.id, item.id) }
        if isContact, it.talkRoom != nil { it.talkRoom = source.roomID }
    }
    private func edit(_ unit: Unit, _ it: Conversation, target: String, author: String, _ content: JSONObject) throws {
        guard var item = try Items.load(unit.tx, event: target), item.conversationID == it.id, item.authorID == author, item.kind == .message else { return }
        let message = MessageContent(type: "m.room.message", content)
        item.body = message.body
        item.content = message.stored
        item.content["edited"] = true
        try update(unit, it, item)
    }
    private func redaction(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {
        guard let it = try Conversations.load(tx, room: event.room.rawValue).map({ try ConversationMerge.followed(tx, $0) }), let target = event.content["redacts"]?.stringValue,
              var item = try Items.load(tx, event: target), item.conversationID == it.id, item.kind == .message else { return }
        item.body = ""
        item.content = ["type": item.content["type"] ?? "text", "redacted": true]
        try update(Unit(c, tx, live, actor: .system), it, item)
    }
    private func update(_ unit: Unit, _ it: Conversation, _ item: Item) throws {
        let before = try Items.load(unit.tx, item.id)?.body ?? ""
        try unit.tx.run("UPDATE desk_item SET body = ?, content = ? WHERE id = ?", item.body, item.content.columnText, item.id)
        try DeskIndex.replace(unit, item, before: before, of: it)
        try unit.tell(.messageUpdated, conversation: it.id, inbox: it.inboxID, ref: String(item.id))
        if it.lastMessage == item.id { _ = try Conversations.save(unit, it, newVersion: false) }
    }

    func receiptMoved(_ c: Context, _ tx: WriteTx, room: RoomID, user: UserID, event: EventID, timestamp: Int64) throws {
        guard live.place(ofRoom: room.rawValue) != nil, let it = try Conversations.load(tx, room: room.rawValue).map({ try ConversationMerge.followed(tx, $0) }) else { return }
        let author = try author(c, tx, user)
        guard author.isAgent || author.isContact else { return }
        if author.isContact {
            try tx.run("UPDATE desk_conversation SET contact_read_at = ?, contact_read_event = ? WHERE id = ?", timestamp, event, it.id)
        } else if let item = try Items.load(tx, event: event.rawValue) {
            try Conversations.markRead(Unit(c, tx, live, actor: .agent(author.id)), it.id, by: author.id, upTo: item.id)
        }
        let live = live
        tx.afterCommit {
            live.send(DeskLive.Volatile(event: "read", key: "r" + it.id + author.id, inboxes: [it.inboxID], data: [
                "conversation_id": .string(it.id), "by": .string(author.kind), "agent": .of(author.isAgent ? author.id : nil),
                "event_id": .string(event.rawValue), "at": .int(timestamp)]))
        }
    }

    func typingChanged(_ c: Context, room: RoomID, typing: [UserID]) {
        guard let place = live.place(ofRoom: room.rawValue) else { return }
        live.roomTypes(place.conversation, users: typing.map(\.rawValue), bot: Desk.bot(c).rawValue, now: c.clock.now)
    }
}

/// A Matrix message as the desk keeps it. Pure.
struct MessageContent: Sendable, Hashable {
    var body: String
    var stored: JSONObject

    init(type eventType: String, _ content: JSONObject) {
        let relation = content["m.relates_to"]?.objectValue
        var stored: JSONObject = [:]
        if let reply = relation?["m.in_reply_to"]?["event_id"]?.stringValue { stored["reply_to"] = .string(reply) }
        let msgtype = content["msgtype"]?.stringValue
        let type = switch (eventType, msgtype) {
        case ("m.room.encrypted", _): "encrypted"
        case ("m.sticker", _), (_, "m.image"): "image"
        case (_, "m.text"): "text"
        case (_, "m.emote"): "emote"
        case (_, "m.notice"): "notice"
        case (_, "m.file"): "file"
        case (_, "m.audio"): "audio"
        case (_, "m.video"): "video"
        case (_, "m.location"): "location"
        default: "other"
        }
        stored["type"] = .string(type)
        body = type == "encrypted" ? "" : content["body"]?.stringValue ?? ""
        if content["format"]?.stringValue == "org.matrix.custom.html", let html = content["formatted_body"]?.stringValue { stored["html"] = .string(html) }
        if ["image", "file", "audio", "video"].contains(type), let url = content["url"]?.stringValue, MXC(rawValue: url) != nil {
            let info = content["info"]?.objectValue ?? [:]
            func number(_ key: String) -> JSON { .of(info[key]?.intValue.flatMap { $0 >= 0 ? $0 : nil }) }
            stored["media"] = [
                "mxc": .string(url), "name": .string(content["filename"]?.stringValue ?? body), "mimetype": .of(info["mimetype"]?.stringValue), "size": number("size"),
                "width": number("w"), "height": number("h"), "thumbnail_mxc": .of(info["thumbnail_url"]?.stringValue.flatMap { MXC(rawValue: $0) == nil ? nil : $0 }),
            ]
        }
        self.stored = stored
    }
}
