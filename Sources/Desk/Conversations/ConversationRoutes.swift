import MatrixCore
import ServerKit
import Store

extension Conversations {
    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/conversations", .conversationsRead, list),
        DeskRoute(.get, "/conversations/{id}", .conversationsRead) { call in
            let id = try call.param("id")
            let (json, it) = try await call.read { reader in
                let it = try reader.visible(id)
                return (try reader.conversation(it), it)
            }
            try await Audit.read(call, it)
            return tagged(json, it.version)
        },
        DeskRoute(.get, "/conversations/{id}/timeline", .conversationsRead, timeline),
        DeskRoute(.post, "/conversations/{id}/take", .conversationsWrite) { call in
            var fields = try call.fields()
            let force = fields.bool("force") ?? false
            try fields.check()
            return try await mutate(call) { unit, it, reader in
                let taken = try take(unit, it, by: call.me, force: force, reader: reader)
                try Dispatch.settle(unit)   // a colleague may be free now
                return try load(unit.tx, taken.id) ?? taken
            }
        },
        DeskRoute(.post, "/conversations/{id}/assign", .conversationsWrite, assignRoute),
        DeskRoute(.put, "/conversations/{id}/status", .conversationsWrite) { call in
            var fields = try call.fields()
            let status: ConversationStatus? = fields.choice("status", required: true), until = fields.int("until", 0...Int64.max)
            try fields.check()
            return try await mutate(call) { unit, it, _ in
                let changed = try setStatus(unit, it, try Fields.must(status, "status"), until: until)
                try Dispatch.settle(unit)
                return try load(unit.tx, changed.id) ?? changed
            }
        },
        DeskRoute(.put, "/conversations/{id}/priority", .conversationsWrite) { call in
            var fields = try call.fields()
            let priority: Conversation.Priority? = fields.choice("priority", required: true)
            try fields.check()
            return try await mutate(call) { unit, it, _ in try setPriority(unit, it, try Fields.must(priority, "priority")) }
        },
        DeskRoute(.put, "/conversations/{id}/tags", .conversationsWrite) { call in
            var fields = try call.fields()
            let tags = fields.strings("tags", max: 20, each: Tags.longest, required: true) ?? []
            try fields.check()
            return try await mutate(call) { unit, it, _ in try setTags(unit, it, Set(tags.map(Tags.normalised)).sorted()) }
        },
        DeskRoute(.put, "/conversations/{id}/language", .conversationsWrite) { call in
            var fields = try call.fields()
            _ = fields.text("language", max: 16, required: true)
            let language = fields.language("language")
            try fields.check()
            return try await mutate(call) { unit, it, _ in
                let changed = try setLanguage(unit, it, try Fields.must(language, "language"))
                try Dispatch.settle(unit)
                return try load(unit.tx, changed.id) ?? changed
            }
        },
        DeskRoute(.post, "/conversations/{id}/messages", .conversationsWrite, limit: .message, sendRoute),
        DeskRoute(.post, "/conversations/{id}/read", .conversationsRead) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let text = fields.text("up_to", max: 20, required: true)
            if let text, Int64(text) == nil { fields.refuse("up_to", en: "This is not the id of an item.", fr: "Ce n’est pas l’identifiant d’un élément.") }
            try fields.check()
            let unread = try await call.write { unit in
                let reader = call.reader(unit), it = try reader.visible(id)
                let last = try unit.tx.first("SELECT MAX(id) FROM desk_item WHERE conversation_id = ?", id) { $0.int(0) } ?? 0
                try read(unit, it, by: call.me.id, upTo: min(last, Int64(try Fields.must(text, "up_to")) ?? 0))
                return try reader.conversation(it)["unread"] ?? 0
            }
            return .json(["unread": unread])
        },
        DeskRoute(.post, "/conversations/{id}/typing", .conversationsWrite) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let typing = fields.bool("typing") ?? true
            try fields.check()
            let user = UserID(trusted: call.me.id)
            let (it, isIn) = try await call.read { reader in
                let it = try reader.visible(id)
                return (it, try reader.c.ports.timelines.membership(reader.tx, room: it.room, user: user) == "join")
            }
            call.live.type(it.id, agent: call.me.id, typing: typing, now: call.now)
            if isIn { await call.c.ports.rooms.setTyping(call.c, room: it.room, user: user, isTyping: typing, timeout: DeskLive.typingLasts) }
            return .noContent
        },
        DeskRoute(.post, "/conversations/{id}/viewing", .conversationsRead) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let viewing = fields.bool("viewing") ?? true, composing = fields.bool("composing") ?? false
            try fields.check()
            _ = try await call.read { try $0.visible(id) }
            return .json(["viewers": call.live.view(id, agent: call.me.id, viewing: viewing, composing: composing, now: call.now)])
        },
    ]

    static func tagged(_ json: JSON, _ version: Int64, status: Int = 200) -> Response {
        var response = Response.json(json, status: status)
        response.headers.set("ETag", "\"\(version)\"")
        return response
    }

    /// Loads, checks that the caller may see it and that it is the version he means, changes, answers the new state.
    static func mutate(_ call: DeskCall, _ change: @escaping @Sendable (Unit, Conversation, Reader) throws -> Conversation) async throws -> Response {
        let id = try call.param("id"), version = try call.ifMatch()
        let (json, new) = try await call.write { unit in
            let reader = call.reader(unit), it = try reader.visible(id)
            if let version, version != it.version {
                throw DeskError(.conflict, en: "Somebody has changed this conversation meanwhile.", fr: "Quelqu’un a modifié cette conversation entre-temps.",
                                extra: ["conversation": try reader.conversation(it)])
            }
            let changed = try change(unit, it, reader)
            return (try call.reader(unit).conversation(changed), changed.version)
        }
        return tagged(json, new)
    }

    private static let assignRoute: DeskRoute.Handler = { call in
        var fields = try call.fields()
        let agent = fields.text("agent", max: 255)
        if !fields.has("agent") { fields.refuse("agent", en: "This field is required; null puts it back into the queue.", fr: "Ce champ est obligatoire ; null remet dans la file.") }
        try fields.check()
        return try await mutate(call) { unit, it, _ in
            try assign(unit, it, to: agent, by: call.me)
            try Dispatch.settle(unit)
            return try load(unit.tx, it.id) ?? it
        }
    }

    /// An agent gives it to somebody, or back to the queue: who may, and to whom.
    @discardableResult
    static func assign(_ unit: Unit, _ it: Conversation, to agent: String?, by me: Agent) throws -> Conversation {
        guard me.role.may(.conversationsAssign) || it.assignee == nil || it.assignee == me.id else {
            throw DeskError(.forbidden, en: "This conversation is a colleague’s: ask a supervisor, or take it over.", fr: "Cette conversation est à un collègue : demandez à un superviseur, ou reprenez-la.")
        }
        if let agent {
            guard let target = try Agents.load(unit.tx, agent), target.isActive, !target.isService else {
                throw DeskError.invalid("agent", en: "There is no such agent.", fr: "Cet agent n’existe pas.")
            }
            if it.status == .open, it.state.waitingSince != nil, Dispatch.hasGone(target, unit.live, now: unit.c.clock.now) {
                throw DeskError.invalid("agent", en: "\(target.publicName) is not there, and this customer is waiting.", fr: "\(target.publicName) n’est pas là, et ce client attend.")
            }
            guard target.sees(inbox: it.inboxID) else {
                throw DeskError.invalid("agent", en: "\(target.publicName) is not a member of this inbox.", fr: "\(target.publicName) n’est pas membre de cette boîte.")
            }
        }
        return try assign(unit, it, to: agent, how: agent == nil ? .requeued : agent == me.id ? (it.assignee == nil ? .taken : .takenOver) : .assigned)
    }

    // MARK: writing to the customer

    enum MessageType: String, Sendable, CaseIterable { case text, image, file, audio, video }
    static let longestMessage = 16_000

    private static let sendRoute: DeskRoute.Handler = { call in
        let id = try call.param("id")
        var fields = try call.fields()
        let key = fields.key("key"), type: MessageType = fields.choice("type") ?? .text
        let body = fields.text("body", max: longestMessage, required: type == .text, lines: true)
        let reply = fields.text("reply_to", max: 255)
        var content: JSONObject = ["msgtype": .string("m." + type.rawValue), "body": .string(body ?? "")]
        if let reply { content["m.relates_to"] = ["m.in_reply_to": ["event_id": .string(reply)]] }
        if type != .text {
            if let media = fields.object("media") {
                var inner = Fields(media, prefix: "media.")
                let mxc = inner.text("mxc", max: 300, required: true), name = inner.text("name", max: 255)
                if let mxc, MXC(rawValue: mxc) == nil { inner.refuse("mxc", en: "This is not an mxc:// address.", fr: "Ce n’est pas une adresse mxc://.") }
                var info: JSONObject = [:]
                info["mimetype"] = inner.text("mimetype", max: 100).map(JSON.string)
                info["size"] = inner.int("size", 0...(1 << 40)).map(JSON.int)
                info["w"] = inner.int("width", 0...100_000).map(JSON.int)
                info["h"] = inner.int("height", 0...100_000).map(JSON.int)
                info["thumbnail_url"] = inner.text("thumbnail_mxc", max: 300).map(JSON.string)
                fields.take(errorsOf: inner)
                content["url"] = .of(mxc)
                content["info"] = .object(info)
                if let name { content["filename"] = .string(name) }
                if body == nil { content["body"] = .string(name ?? type.rawValue) }
            } else {
                fields.refuse("media", en: "This field is required.", fr: "Ce champ est obligatoire.")
            }
        }
        try fields.check()
        let message = Outgoing(key: try Fields.must(key, "key"), content: content), owner = "m:" + call.me.id + ":" + id, digest = Idempotency.digest(.object(content))
        let (item, isNew) = try await call.write { unit in
            let reader = call.reader(unit), it = try reader.visible(id)
            if let answer = try Idempotency.answer(unit.tx, owner: owner, key: message.key, digest: digest) {
                guard let item = try answer["item"]?.intValue.flatMap({ try Items.load(unit.tx, $0) }) else { throw DeskError.keyReused }
                return (try reader.item(item), false)
            }
            if let reply, try Items.load(unit.tx, event: reply)?.conversationID != id {
                throw DeskError.invalid("reply_to", en: "There is no such message here.", fr: "Ce message n’existe pas ici.")
            }
            let item = try send(unit, it, message, by: call.me.id)
            if it.assignee == nil { try Dispatch.settle(unit) }
            try Idempotency.keep(unit, owner: owner, key: message.key, digest: digest, answer: ["item": .int(item.id)])
            return (try reader.item(item), true)
        }
        call.live.type(id, agent: call.me.id, typing: false, now: call.now)
        return .json(item, status: isNew ? 201 : 200)
    }

    // MARK: lists

    enum View: String, Sendable, CaseIterable { case mine, unassigned, all, pending, snoozed, resolved, mentions, any, followed, atRisk = "at_risk", spam }
    enum Sort: String, Sendable, CaseIterable { case waiting, newest, oldest }

    private static let list: DeskRoute.Handler = { call in
        let view = try call.choice(query: "view", default: View.all)
        let isQueue = [.mine, .unassigned, .all].contains(view)
        let byDue = view == .atRisk || call.request.query["sort"] == "due"
        let sort = byDue ? Sort.waiting : try call.choice(query: "sort", default: isQueue ? Sort.waiting : .newest)
        let limit = try call.limit(), cursor = try Cursor.of(call)
        let priority: Conversation.Priority? = try call.text(query: "priority").map { text in
            guard let priority = Conversation.Priority(rawValue: text) else { throw DeskError.invalid("priority", en: "There is no such priority.", fr: "Cette priorité n’existe pas.") }
            return priority
        }
        let q = try call.text(query: "q"), inbox = try call.text(query: "inbox"), tag = try call.text(query: "tag")
        let team = try call.text(query: "team"), contact = try call.text(query: "contact"), assignee = try call.text(query: "assignee", max: 255)

        var filter = Filter(visibleTo: call.me)
        switch view {
        case .mine: filter.add("c.status = 'open' AND c.assignee_id = ?", call.me.id)
        case .unassigned: filter.add("c.status = 'open' AND c.assignee_id IS NULL")
        case .all: filter.add("c.status = 'open'")
        case .pending, .snoozed: filter.add("c.status = ?", view.rawValue)
        case .resolved: filter.add("c.status = 'resolved' AND c.spam IS NULL")
        case .spam: filter.add("c.spam IS NOT NULL")
        case .mentions: filter.add("EXISTS (SELECT 1 FROM desk_mention m WHERE m.conversation_id = c.id AND m.agent_id = ?)", call.me.id)
        case .followed: filter.add("EXISTS (SELECT 1 FROM desk_follower f WHERE f.conversation_id = c.id AND f.agent_id = ?)", call.me.id)
        case .atRisk: filter.add("c.sla_state IN ('warning', 'breached')")
        case .any: break
        }
        if let inbox { filter.add("c.inbox_id = ?", inbox) }
        if let team { filter.add("c.team_id = ?", team) }
        if let tag { filter.add("EXISTS (SELECT 1 FROM desk_conversation_tag t WHERE t.conversation_id = c.id AND t.tag = ?)", Tags.normalised(tag)) }
        if let contact { filter.add("c.contact_id = ?", contact) }
        if let assignee { filter.add("c.assignee_id = ?", assignee) }
        if let priority { filter.add("c.priority = ?", priority.rawValue) }
        let seen = filter
        if q != nil { _ = try await call.live.index.catchUp(call.c, steps: 20) }
        return try await call.read { reader in
            var whole = seen
            // `#1042`, or words of messages and notes, of the contact's name or e-mail; of the last one the beginning is enough.
            if let q {
                var numbers = try Finder(reader.tx, q).conversations(reader.tx, seen, limit: mostFound).numbers
                if let number = DeskSearch.number(q) { numbers.append(number) }
                whole.add(numbers.isEmpty ? "1 = 0" : "c.number IN (\(numbers.map(String.init).joined(separator: ", ")))")
            }
            return try page(reader, whole, sort: sort, byDue: byDue, cursor: cursor, limit: limit)
        }
    }

    /// A list with words in it ends after so many.
    static let mostFound = 300

    static func page(_ reader: Reader, _ filter: Filter, sort: Sort, byDue: Bool = false, cursor: Cursor?, limit: Int) throws -> Response {
        // What is due first, then what is not.
        let column = byDue ? "COALESCE(c.sla_due_at, 9007199254740992)" : sort == .waiting ? "c.queue_key" : "c.activity_at", down = sort == .newest
        var whole = filter
        if let cursor {
            let op = down ? "<" : ">"
            whole.add("(\(column) \(op) ? OR (\(column) = ? AND c.number \(op) ?))", cursor.key, cursor.key, cursor.number)
        }
        let order = down ? "DESC" : "ASC"
        let rows = try reader.tx.all("""
            SELECT c.id, c.number, \(column) FROM desk_conversation c WHERE \(whole.sql) ORDER BY \(column) \(order), c.number \(order) LIMIT ?
            """, array: whole.binds + [limit + 1]) { ($0.text(0), Cursor(key: $0.int(2), number: $0.int(1))) }
        return .page(try rows.prefix(limit).compactMap { try reader.conversation($0.0) }, next: rows.count > limit ? rows[limit - 1].1.text : nil)
    }

    struct Filter: Sendable {
        var sql = "1 = 1"
        var binds: [any Bindable & Sendable] = []
        init(visibleTo agent: Agent) {
            let mine = agent.rows(inbox: "c.inbox_id")
            add(mine.sql, array: mine.binds)
            add("c.merged_into IS NULL")
        }
        mutating func add(_ condition: String, _ values: any Bindable & Sendable...) { add(condition, array: values) }
        mutating func add(_ condition: String, array values: [any Bindable & Sendable]) {
            sql += " AND " + condition
            binds += values
        }
    }

    private static let timeline: DeskRoute.Handler = { call in
        let id = try call.param("id"), limit = try call.limit(default: 50, max: 200)
        let before = try call.position(query: "before"), after = try call.position(query: "after")
        let asked = id
        let (page, it): (JSON, Conversation) = try await call.read { reader in
            let it = try reader.visible(asked), id = it.id
            let columns = Items.columns
            var items: [Item]
            if let after {
                items = try reader.tx.all("SELECT \(columns) FROM desk_item WHERE conversation_id = ? AND id > ? AND id < ? ORDER BY id ASC LIMIT ?", id, after, before ?? .max, limit, row: Items.item)
            } else {
                items = try reader.tx.all("SELECT \(columns) FROM desk_item WHERE conversation_id = ? AND id < ? ORDER BY id DESC LIMIT ?", id, before ?? .max, limit, row: Items.item)
                items.reverse()
            }
            let first = items.first?.id ?? after.map { $0 + 1 } ?? before ?? .max, last = items.last?.id ?? before.map { $0 - 1 } ?? after ?? 0
            let moreBefore = try reader.tx.exists("SELECT 1 FROM desk_item WHERE conversation_id = ? AND id < ?", id, first)
            let moreAfter = try reader.tx.exists("SELECT 1 FROM desk_item WHERE conversation_id = ? AND id > ?", id, last)
            return (["items": .array(try items.map { try reader.item($0) }), "more_before": .bool(moreBefore), "more_after": .bool(moreAfter)], it)
        }
        try await Audit.read(call, it)
        return .json(page)
    }
}
