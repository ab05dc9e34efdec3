import MatrixCore
import ServerKit
import Store

/// Two conversations of one customer are about the same: one goes on, with all that was said in both. And back.
///
/// Invariants: no event, room or membership of the customer changes: he goes on in the room that he writes in, and is answered there; nothing is deleted, each item
/// remembers whose it was (`desk_item.origin`); what is written in the room of a merged conversation stands in the one that goes on, and goes back with it.
enum ConversationMerge {
    static let migrations: [Migration] = [
        // Older binaries run on it: they show what was merged as resolved and empty.
        Migration(109, "desk merges of conversations", """
        ALTER TABLE desk_conversation ADD COLUMN merged_into TEXT;
        ALTER TABLE desk_conversation ADD COLUMN talk_room TEXT;
        CREATE INDEX desk_conversation_merged ON desk_conversation(merged_into) WHERE merged_into IS NOT NULL;
        ALTER TABLE desk_item ADD COLUMN origin TEXT;
        CREATE INDEX desk_item_origin ON desk_item(origin) WHERE origin IS NOT NULL;
        CREATE TABLE desk_conversation_merge(
          id TEXT NOT NULL PRIMARY KEY, kept TEXT NOT NULL REFERENCES desk_conversation(id), gone TEXT NOT NULL REFERENCES desk_conversation(id), at INTEGER NOT NULL,
          agent_id TEXT NOT NULL, data TEXT NOT NULL, undone_at INTEGER);
        CREATE INDEX desk_conversation_merge_kept ON desk_conversation_merge(kept)
        """),
    ]

    /// The one that goes on.
    static func followed(_ tx: ReadTx, _ found: Conversation) throws -> Conversation {
        var it = found
        while let next = it.mergedInto, let other = try Conversations.load(tx, next) { it = other }
        return it
    }
    /// The conversation and all that were merged into it.
    private static func family(_ tx: ReadTx, _ id: String) throws -> [String] {
        var all = [id], next = 0
        while next < all.count, all.count < 100 {
            all += try tx.all("SELECT id FROM desk_conversation WHERE merged_into = ? ORDER BY number", all[next]) { $0.text(0) }
            next += 1
        }
        return all
    }
    /// All rooms in which it is talked; more than one only after a merge.
    static func rooms(_ tx: ReadTx, _ it: Conversation) throws -> [RoomID] {
        guard it.talkRoom != nil else { return [RoomID(trusted: it.roomID)] }
        let ids = try family(tx, it.id), binds: [any Bindable] = ids
        return try tx.all("SELECT room_id FROM desk_conversation WHERE id IN (\(Placeholders.list(ids.count))) ORDER BY number", array: binds) { RoomID(trusted: $0.text(0)) }
    }

    private static func state(_ it: Conversation) -> JSONObject {
        ["status": .string(it.status.rawValue), "waiting_since": .of(it.state.waitingSince), "snoozed_until": .of(it.state.snoozedUntil), "resolved_at": .of(it.state.resolvedAt),
         "assignee": .of(it.assignee), "talk_room": .of(it.talkRoom)]
    }
    private static func state(_ json: JSONObject, now: Int64) -> StatusRules.State {
        let until = json["snoozed_until"]?.intValue
        var status = json["status"]?.stringValue.flatMap(ConversationStatus.init(rawValue:)) ?? .open
        if status == .snoozed, until ?? 0 <= now { status = .open }
        return StatusRules.State(status: status, waitingSince: json["waiting_since"]?.intValue, snoozedUntil: status == .snoozed ? until : nil, resolvedAt: status == .resolved ? json["resolved_at"]?.intValue ?? now : nil)
    }
    private static func tags(_ tx: ReadTx, _ id: String) throws -> [String] { try tx.all("SELECT tag FROM desk_conversation_tag WHERE conversation_id = ? ORDER BY tag", id) { $0.text(0) } }

    /// What the customer has written last in it.
    private static func lastWritten(_ tx: ReadTx, _ id: String) throws -> Int64 {
        try tx.first("SELECT MAX(id) FROM desk_item WHERE conversation_id = ? AND author_kind = 'contact' AND kind = 'message'", id) { $0.intOrNil(0) ?? 0 } ?? 0
    }
    /// Its items stand in another conversation now, in search too.
    private static func move(_ unit: Unit, from old: Conversation, to new: Conversation, origins: [String]?) throws {
        let some = origins.map { " AND origin IN (\(Placeholders.list($0.count)))" } ?? "", first: [any Bindable] = [old.id]
        let binds = first + (origins ?? []).map { $0 as any Bindable }
        var postings: [DeskIndex.Posting] = [], ids: [Int64] = []
        for (id, kind, body) in try unit.tx.all("SELECT id, kind, body FROM desk_item WHERE conversation_id = ?\(some) ORDER BY id", array: binds, row: { ($0.int(0), $0.text(1), $0.text(2)) }) {
            ids.append(id)
            guard kind != "system", !body.isEmpty else { continue }
            try DeskIndex.remove(unit.tx, body, conversation: old.number, item: id)
            postings += DeskIndex.postings(body, conversation: new.number, item: id, kind == "note" ? .note : .message)
        }
        try DeskIndex.add(unit.tx, postings)
        for id in ids {
            try unit.tx.run("UPDATE desk_item SET conversation_id = ?, origin = CASE WHEN COALESCE(origin, ?) = ? THEN NULL ELSE COALESCE(origin, ?) END WHERE id = ?", new.id, old.id, new.id, old.id, id)
            try unit.tx.run("UPDATE desk_mention SET conversation_id = ? WHERE item_id = ?", new.id, id)
        }
    }
    private static func recount(_ tx: ReadTx, _ it: inout Conversation) throws {
        let (count, last) = try tx.first("SELECT COUNT(*), MAX(id) FROM desk_item WHERE conversation_id = ? AND kind = 'message'", it.id) { ($0.int(0), $0.intOrNil(1)) } ?? (0, nil)
        it.messageCount = count
        it.lastMessage = last
    }

    static func merge(_ unit: Unit, _ gone: Conversation, into kept: Conversation) throws -> Conversation {
        guard gone.contactID == kept.contactID else {
            throw DeskError(.conflict, en: "These conversations are of different customers: merge the customers first.", fr: "Ces conversations sont de clients différents : fusionnez d’abord les clients.")
        }
        try Spam.checkIsNone(gone)
        try Spam.checkIsNone(kept)
        let wroteThere = try lastWritten(unit.tx, gone.id) > lastWritten(unit.tx, kept.id)
        var old = gone, new = kept
        let before: JSONObject = ["gone": .object(state(gone).merging(["tags": .of(try tags(unit.tx, gone.id))])), "kept": .object(state(kept).merging(["tags": .of(try tags(unit.tx, kept.id))]))]
        try move(unit, from: gone, to: kept, origins: nil)
        let words = try unit.tx.first("SELECT search FROM desk_contact WHERE id = ?", gone.contactID) { $0.text(0) } ?? ""
        try DeskIndex.remove(unit.tx, words, conversation: gone.number, item: 0)
        try unit.tx.run("UPDATE desk_later SET conversation_id = ? WHERE conversation_id = ?", kept.id, gone.id)
        // The one hides.
        try Conversations.everyoneLeaves(unit, &old)
        old.assignee = nil
        old.state = StatusRules.State(status: .resolved, resolvedAt: unit.now)
        old.mergedInto = kept.id
        old.messageCount = 0
        old.lastMessage = nil
        _ = try Conversations.save(unit, old)
        try Facts.add(unit, old, .dropped)
        // The other goes on: whoever waits in either waits in it, since the earlier time.
        let waits = [gone.state.waitingSince, kept.state.waitingSince].compactMap(\.self).min()
        if gone.status == .open || kept.status == .open { new.state = StatusRules.State(status: .open, waitingSince: waits) } else { new.state.waitingSince = waits }
        new.talkRoom = wroteThere ? gone.talkRoom ?? gone.roomID : kept.talkRoom ?? kept.roomID
        new.activityAt = max(gone.activityAt, kept.activityAt)
        if new.assignee == nil, let agent = gone.assignee { new.assignee = agent; new.lastAgent = agent }
        try recount(unit.tx, &new)
        if new.status == .open, let agent = new.assignee { try Conversations.join(unit, &new, agent) }
        let id = unit.newID("cm")
        let all = Array(Set(try tags(unit.tx, gone.id) + tags(unit.tx, kept.id)).sorted().prefix(20))
        new = try Conversations.save(unit, new)
        try Facts.statusChanged(unit, before: kept, now: new)
        new = try Conversations.setTags(unit, new, all)
        let data = before.merging(["after": .object(state(new).merging(["tags": .of(all)]))])
        try unit.tx.run("INSERT INTO desk_conversation_merge(id, kept, gone, at, agent_id, data) VALUES (?, ?, ?, ?, ?, ?)", id, kept.id, gone.id, unit.now, unit.actor.id, data.columnText)
        try Items.system(unit, new, .merged, data: ["value": .string("#\(gone.number)"), "merge": .string(id)])
        for agent in Set([gone.assignee, kept.assignee, new.assignee].compactMap(\.self)).sorted() { try Agents.changed(unit, agent) }
        learn(unit, try family(unit.tx, gone.id), as: new)
        return try Conversations.load(unit.tx, new.id) ?? new
    }

    static func undo(_ unit: Unit, _ merge: String, of kept: Conversation) throws -> (kept: Conversation, back: Conversation) {
        guard let (goneID, data) = try unit.tx.first("SELECT gone, data FROM desk_conversation_merge WHERE id = ? AND kept = ? AND undone_at IS NULL", merge, kept.id, row: { ($0.text(0), JSONObject(column: $0.text(1))) }),
              var back = try Conversations.load(unit.tx, goneID), back.mergedInto == kept.id else { throw DeskError.notFound }
        var now = kept
        let theirs = try family(unit.tx, goneID), before = data["gone"]?.objectValue ?? [:], mine = data["kept"]?.objectValue ?? [:], after = data["after"]?.objectValue ?? [:]
        let since = try unit.tx.first("SELECT MAX(id) FROM desk_item WHERE conversation_id = ? AND kind = 'system' AND content LIKE ? ESCAPE '\\'", kept.id, "%\(Words.escaped(merge))%") { $0.intOrNil(0) ?? 0 } ?? 0
        try move(unit, from: kept, to: back, origins: theirs)
        back.mergedInto = nil
        back.state = state(before, now: unit.now)
        // What the customer has written there since is not forgotten.
        if let wrote = try unit.tx.first("SELECT MIN(at) FROM desk_item WHERE conversation_id = ? AND author_kind = 'contact' AND kind = 'message' AND id > ?", goneID, since, row: { $0.intOrNil(0) }) ?? nil {
            back.state = StatusRules.State(status: .open, waitingSince: back.state.waitingSince ?? wrote)
        }
        back.assignee = try before["assignee"]?.stringValue.flatMap { try Agents.load(unit.tx, $0)?.isActive == true ? $0 : nil }
        back.talkRoom = before["talk_room"]?.stringValue
        try recount(unit.tx, &back)
        if let agent = back.assignee, back.status == .open { try Conversations.join(unit, &back, agent) }
        let words = try unit.tx.first("SELECT search FROM desk_contact WHERE id = ?", back.contactID) { $0.text(0) } ?? ""
        try DeskIndex.add(unit.tx, DeskIndex.postings(words, conversation: back.number, item: 0, .contact))
        back = try Conversations.save(unit, back)
        try Facts.restored(unit, back)
        // The one that went on: as it was, unless somebody has gone on with it.
        let isUntouched = state(now)["status"] == after["status"] && state(now)["waiting_since"] == after["waiting_since"]
        if isUntouched { now.state = state(mine, now: unit.now) }
        try recount(unit.tx, &now)
        if try family(unit.tx, kept.id).count == 1 { now.talkRoom = nil } else if now.talkRoom == back.roomID { now.talkRoom = now.roomID }
        now = try Conversations.save(unit, now)
        try Facts.statusChanged(unit, before: kept, now: now)
        if try tags(unit.tx, kept.id) == after["tags"]?.arrayValue?.compactMap(\.stringValue) { now = try Conversations.setTags(unit, now, mine["tags"]?.arrayValue?.compactMap(\.stringValue) ?? []) }
        try unit.tx.run("UPDATE desk_conversation_merge SET undone_at = ? WHERE id = ?", unit.now, merge)
        try Items.system(unit, now, .unmerged, data: ["value": .string("#\(back.number)"), "undone": .string(merge)])
        for agent in Set([back.assignee, now.assignee].compactMap(\.self)).sorted() { try Agents.changed(unit, agent) }
        learn(unit, theirs, as: back)
        return (now, back)
    }
    /// The rooms of these are talk in this conversation, once it is durable.
    private static func learn(_ unit: Unit, _ ids: [String], as it: Conversation) {
        let (c, live) = (unit.c, unit.live)
        _ = c
        guard let rooms = try? unit.tx.all("SELECT room_id FROM desk_conversation WHERE id IN (\(Placeholders.list(ids.count)))", array: ids.map { $0 as any Bindable }, row: { $0.text(0) }) else { return }
        unit.tx.afterCommit { for room in rooms { live.learn(room: room, DeskLive.Place(conversation: it.id, inbox: it.inboxID, contact: it.contactID)) } }
    }

    static let routes: [DeskRoute] = [
        DeskRoute(.post, "/conversations/{id}/merge", .conversationsWrite) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let text = fields.text("into", max: 60, required: true)
            try fields.check()
            let into = try Fields.must(text, "into")
            return .json(try await call.write { unit in
                let reader = call.reader(unit), gone = try reader.visible(id)
                guard let kept = try? reader.visible(into), kept.id != gone.id else { throw DeskError.invalid("into", en: "There is no such conversation.", fr: "Cette conversation n’existe pas.") }
                let it = try merge(unit, gone, into: kept)
                try Dispatch.settle(unit)
                return try call.reader(unit).conversation(it.id) ?? .null
            })
        },
        DeskRoute(.post, "/conversations/{id}/merges/{merge}/undo", .conversationsWrite) { call in
            let id = try call.param("id"), which = try call.param("merge")
            return .json(try await call.write { unit in
                let (_, back) = try undo(unit, which, of: try call.reader(unit).visible(id))
                try Dispatch.settle(unit)
                let fresh = call.reader(unit)
                return ["conversation": try fresh.conversation(id) ?? .null, "other": try fresh.conversation(back.id) ?? .null]
            })
        },
    ]
}
