import Logging
import MatrixCore
import ServerKit
import Store
import Synchronization

/// What agents are told of: by their consoles, which know their settings, and by mail when they are not there.
///
/// Invariants: what is to be mailed is read from the desk's change log, from a cursor that moves in the transaction that writes it down, and leaves that list in the transaction that
/// puts the mail into the outbox, so nothing is told twice or lost; no mail goes to somebody who is there, has read it, may not see it or has quiet hours; as long as nobody wants
/// mails nothing is read.
final class Notices: Sendable {
    /// He may come back at once.
    static let delay: Int64 = 120_000
    /// Between two mails to the same person.
    static let pause: Int64 = 900_000
    static let batch = 50, mostInMail = 20
    static let patience: Int64 = 86_400_000

    /// Older binaries run on it: nobody is mailed.
    static let migrations: [Migration] = [
        Migration(104, "desk notices to agents", """
        CREATE TABLE desk_notify(agent_id TEXT NOT NULL PRIMARY KEY, settings TEXT NOT NULL, mailed_at INTEGER NOT NULL, since INTEGER NOT NULL);
        CREATE TABLE desk_notice(
          agent_id TEXT NOT NULL, conversation_id TEXT NOT NULL REFERENCES desk_conversation(id), event TEXT NOT NULL, item_id INTEGER NOT NULL, at INTEGER NOT NULL,
          PRIMARY KEY (agent_id, conversation_id, event));
        CREATE INDEX desk_notice_at ON desk_notice(at)
        """),
    ]

    // MARK: settings

    static func rules(_ tx: ReadTx, of agent: String) throws -> NoticeRules {
        try tx.first("SELECT settings FROM desk_notify WHERE agent_id = ?", agent) { NoticeRules(column: JSONObject(column: $0.text(0))) } ?? .standard
    }
    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/me/notifications", .deskUse) { call in .json(json(try await call.read { try rules($0.tx, of: call.me.id) }, call)) },
        DeskRoute(.put, "/me/notifications", .deskUse) { call in
            var fields = try call.fields()
            let asked = try NoticeRules(&fields, over: try await call.read { try rules($0.tx, of: call.me.id) })
            try fields.check()
            if call.me.isService { throw DeskError(.conflict, en: "A program is told by webhooks.", fr: "Un programme est prévenu par les webhooks.") }
            if asked.wantsMail, call.me.email == nil { throw DeskError.invalid("events", en: "You have no e-mail address: ask an administrator to enter it.", fr: "Vous n’avez pas d’adresse e-mail : demandez à un administrateur de la saisir.") }
            let notices = call.live.notices
            try await call.write { unit in
                try unit.tx.run("""
                    INSERT INTO desk_notify(agent_id, settings, mailed_at, since) VALUES (?, ?, 0, ?) ON CONFLICT (agent_id) DO UPDATE SET settings = excluded.settings
                    """, call.me.id, asked.json.columnText, try unit.tx.position)
                unit.tx.afterCommit { notices.changed() }
            }
            call.live.send(DeskLive.Volatile(event: "notifications", key: "n" + call.me.id, inboxes: [], only: call.me.id, data: json(asked, call)))
            return .json(json(asked, call))
        },
    ]
    private static func json(_ rules: NoticeRules, _ call: DeskCall) -> JSON {
        .object(rules.json.merging(["mail": .bool(call.c.config.smtpURL != nil && call.me.email != nil)]))
    }

    // MARK: writing down who is to be told

    private let hasNews = Atomic<Bool>(true)
    /// When the next mail may be due; 0: not known.
    private let due = Atomic<Int64>(0)
    /// Who wants mails; nil: not known.
    private let wanted = Mutex<[String: NoticeRules]?>(nil)

    func ring() { hasNews.store(true, ordering: .sequentiallyConsistent) }
    func changed() {
        wanted.withLock { $0 = nil }
        due.store(0, ordering: .sequentiallyConsistent)
        ring()
    }
    private func people(_ c: Context) async throws -> [String: NoticeRules] {
        if let known = wanted.withLock(\.self) { return known }
        let all = try await c.db.read { tx in try tx.all("SELECT agent_id, settings FROM desk_notify") { ($0.text(0), NoticeRules(column: JSONObject(column: $0.text(1)))) } }
        let found = Dictionary(uniqueKeysWithValues: all.filter { $0.1.wantsMail })
        wanted.withLock { $0 = found }
        return found
    }

    func tick(_ c: Context, _ live: DeskLive) async throws {
        if hasNews.exchange(false, ordering: .sequentiallyConsistent) {
            do { try await note(c, live) } catch {
                ring()
                throw error
            }
        }
        guard due.load(ordering: .sequentiallyConsistent) <= c.clock.now else { return }
        try await mail(c, live)
    }

    private func note(_ c: Context, _ live: DeskLive) async throws {
        let people = try await people(c)
        guard !people.isEmpty, c.config.smtpURL != nil else { return }
        while true {
            let (found, start) = try await c.db.read { tx -> ([(Int64, Int64)], Int64) in
                let from = try Self.cursor(tx)
                return (try tx.all("""
                    SELECT position, ref FROM desk_change WHERE position > ? AND kind IN ('message.created', 'note.created', 'system.created') ORDER BY position LIMIT ?
                    """, from, Self.batch) { ($0.int(0), Int64($0.text(1)) ?? 0) }, from)
            }
            guard let last = found.last else { return }
            let isNew = try await c.db.write { tx -> Bool in
                guard try Self.cursor(tx) == start else { return false }
                var isNew = false
                for (_, id) in found {
                    guard let item = try Items.load(tx, id), let it = try Conversations.load(tx, item.conversationID) else { continue }
                    for (agent, event) in try Self.told(tx, item, it) where people[agent]?.wants(event, by: .email) == true {
                        // Nothing of the time before he asked for it.
                        guard item.id > (try tx.first("SELECT since FROM desk_notify WHERE agent_id = ?", agent) { $0.int(0) } ?? 0) else { continue }
                        try tx.run("""
                            INSERT INTO desk_notice(agent_id, conversation_id, event, item_id, at) VALUES (?, ?, ?, ?, ?)
                            ON CONFLICT (agent_id, conversation_id, event) DO UPDATE SET item_id = excluded.item_id
                            """, agent, it.id, event.rawValue, item.id, c.clock.now)
                        isNew = true
                    }
                }
                try tx.run("INSERT INTO desk_counter(name, value) VALUES ('notices', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", last.0)
                return isNew
            }
            if isNew { due.store(0, ordering: .sequentiallyConsistent) }
            if found.count < Self.batch { return }
        }
    }
    private static func cursor(_ tx: ReadTx) throws -> Int64 {
        try tx.first("SELECT value FROM desk_counter WHERE name = 'notices'") { $0.int(0) } ?? (try tx.first("SELECT MIN(since) FROM desk_notify") { $0.intOrNil(0) } ?? nil) ?? 0
    }
    /// Whom it concerns, and as what; not whoever did it.
    static func told(_ tx: ReadTx, _ item: Item, _ it: Conversation) throws -> [(agent: String, event: NoticeEvent)] {
        var out: [(String, NoticeEvent)] = []
        func followers() { out += it.followers.filter { $0 != it.assignee }.map { ($0, .followed) } }
        func members(_ event: NoticeEvent) throws {
            out += try tx.all("SELECT m.agent_id FROM desk_inbox_member m JOIN desk_agent a ON a.id = m.agent_id WHERE m.inbox_id = ? AND a.active = 1", it.inboxID) { ($0.text(0), event) }
        }
        switch item.kind {
        case .message:
            if item.authorKind == "contact" { if let assignee = it.assignee { out.append((assignee, .reply)) } else { try members(.new) } }
            if item.authorKind != "bot" { followers() }
        case .note:
            out += (item.content["mentions"]?.arrayValue ?? []).compactMap(\.stringValue).map { ($0, .mention) }
            followers()
        case .system:
            switch item.content["variant"]?.stringValue.flatMap(SystemText.init(rawValue:)) {
            case .taken, .takenOver, .assigned, .assignedAutomatically: if let to = item.content["data"]?["to"]?.stringValue { out.append((to, .assigned)) }
            case .resolved: followers()
            case .slaWarning, .slaBreached:
                if let assignee = it.assignee { out.append((assignee, .sla)) } else { try members(.sla) }
                out += it.followers.filter { $0 != it.assignee }.map { ($0, .sla) }
            default: break
            }
        }
        return out.filter { $0.0 != item.authorID }
    }

    // MARK: mails

    private struct Pending { let agent: String, conversation: String, event: NoticeEvent, item: Int64, at: Int64 }
    /// One mail for all that one person has waiting, when the first of it is old enough.
    private func mail(_ c: Context, _ live: DeskLive) async throws {
        let now = c.clock.now, people = try await people(c)
        due.store(.max, ordering: .sequentiallyConsistent)
        do {
            let first = try await c.db.read { try $0.first("SELECT MIN(at) FROM desk_notice") { $0.intOrNil(0) } ?? nil }
            guard let first else { return }
            guard first + Self.delay <= now else { return remember(first + Self.delay) }
            let outbox = outbox
            let next = try await c.db.write { tx -> Int64? in
                let rows = try tx.all("SELECT agent_id, conversation_id, event, item_id, at FROM desk_notice ORDER BY agent_id, at, conversation_id, event") {
                    Pending(agent: $0.text(0), conversation: $0.text(1), event: NoticeEvent(rawValue: $0.text(2)) ?? .reply, item: $0.int(3), at: $0.int(4))
                }
                var next: Int64?
                for (agent, his) in Dictionary(grouping: rows, by: \.agent).sorted(by: { $0.key < $1.key }) {
                    func forget() throws { try tx.run("DELETE FROM desk_notice WHERE agent_id = ?", agent) }
                    func later(_ time: Int64) { next = min(next ?? .max, time) }
                    guard let rules = people[agent], let person = try Agents.load(tx, agent), person.isActive, person.email != nil else { try forget(); continue }
                    // His console tells him.
                    if live.hasStream(agent) || live.isAlive(agent, now: now) { try forget(); continue }
                    if rules.isQuiet(at: now, zone: Zones.named(rules.timeZone) ?? .utc) { later(now + 300_000); continue }
                    let mailed = try tx.first("SELECT mailed_at FROM desk_notify WHERE agent_id = ?", agent) { $0.int(0) } ?? 0
                    let ready = max(his.map(\.at).min().map { $0 + Self.delay } ?? 0, mailed + Self.pause)
                    guard ready <= now else { later(ready); continue }
                    try outbox.enqueue(c, tx, key: c.entropy.token(24), payload: ["agent": .string(agent), "told": .array(his.map { [.string($0.conversation), .string($0.event.rawValue), .int($0.item)] })])
                    try tx.run("UPDATE desk_notify SET mailed_at = ? WHERE agent_id = ?", now, agent)
                    try forget()
                }
                return next
            }
            if let next { remember(next) }
        } catch {
            due.store(0, ordering: .sequentiallyConsistent)
            throw error
        }
    }
    private func remember(_ time: Int64) {
        // Something that came in between has set it to 0: that stays.
        _ = due.compareExchange(expected: .max, desired: time, ordering: .sequentiallyConsistent)
    }

    /// The text is written when the mail leaves: what has been read or is no longer his to see meanwhile is not in it.
    let outbox = OutboxWorker("desk notice", patience: Notices.patience) { c, item throws(OutboxWorker.Failure) in
        let message: MailMessage?
        do {
            let payload = try JSON.parse(item.payload)
            message = try await c.db.read { tx in try NoticeMail.message(c, tx, payload) }
        } catch { throw .temporary("the mail cannot be written: \(error)") }
        try await message?.send(c, as: item)
    }
}

/// The words of such a mail.
enum NoticeMail {
    static func message(_ c: Context, _ tx: ReadTx, _ payload: JSON) throws -> MailMessage? {
        guard let agent = try payload["agent"]?.stringValue.flatMap({ try Agents.load(tx, $0) }), agent.isActive, let address = agent.email.flatMap(EMail.canonical) else { return nil }
        let rules = try Notices.rules(tx, of: agent.id), language = rules.language
        var told: [(it: Conversation, events: [NoticeEvent])] = []
        for entry in payload["told"]?.arrayValue ?? [] {
            guard let id = entry[0]?.stringValue, let event = entry[1]?.stringValue.flatMap(NoticeEvent.init(rawValue:)), let item = entry[2]?.intValue, rules.wants(event, by: .email),
                  let it = try Conversations.load(tx, id), agent.sees(inbox: it.inboxID) else { continue }
            let read = try tx.first("SELECT up_to FROM desk_read WHERE agent_id = ? AND conversation_id = ?", agent.id, id) { $0.int(0) } ?? 0
            if read >= item { continue }
            if event == .new, it.assignee != nil || it.status != .open { continue }
            if event == .reply || event == .assigned, it.assignee != agent.id { continue }
            if let at = told.firstIndex(where: { $0.it.id == id }) { told[at].events.append(event) } else { told.append((it, [event])) }
        }
        guard !told.isEmpty else { return nil }
        let base = c.config.publicURL ?? "http://\(c.config.listenHost):\(c.config.listenPort)"
        var lines: [String] = []
        for (it, events) in told.prefix(Notices.mostInMail) {
            let name = try Contacts.load(tx, it.contactID)?.displayName(language) ?? ""
            let why = NoticeEvent.allCases.filter(events.contains).map { word($0).text(language) }.joined(separator: ", ")
            lines.append("\(cut(name)) (#\(it.number)) – \(why)\n\(base)/desk#/all/\(it.id)")
        }
        let rest = told.count - Notices.mostInMail
        if rest > 0 { lines.append(Phrase(en: "… and \(rest) more.", fr: "… et \(rest) de plus.").text(language)) }
        let first = try Contacts.load(tx, told[0].it.contactID)?.displayName(language) ?? ""
        let subject = told.count == 1 ? Phrase(en: "\(cut(first)): \(word(told[0].events[0]).en)", fr: "\(cut(first)) : \(word(told[0].events[0]).fr)") : Phrase(en: "\(told.count) conversations", fr: "\(told.count) conversations")
        let why = Phrase(en: "You get this mail because you have asked for it in your preferences, where you can also end it.",
                         fr: "Vous recevez ce message parce que vous l’avez demandé dans vos préférences, où vous pouvez aussi y mettre fin.")
        return MailMessage(to: address, subject: subject.text(language) + " – " + c.serverName, text: lines.joined(separator: "\n\n") + "\n\n-- \n" + why.text(language) + "\n", language: language == "fr" ? "fr" : "en")
    }
    private static func cut(_ text: String) -> String { String(text.prefix(80)) }
    private static func word(_ event: NoticeEvent) -> Phrase {
        switch event {
        case .assigned: Phrase(en: "given to you", fr: "vous est attribuée")
        case .new: Phrase(en: "nobody has it yet", fr: "personne ne l’a encore")
        case .reply: Phrase(en: "the customer has written", fr: "le client a écrit")
        case .followed: Phrase(en: "news in a conversation that you follow", fr: "du nouveau dans une conversation que vous suivez")
        case .mention: Phrase(en: "you were mentioned", fr: "vous êtes mentionné")
        case .sla: Phrase(en: "a promise is due", fr: "un engagement arrive à échéance")
        }
    }
}

extension NoticeRules {
    init(column: JSONObject) {
        var fields = Fields(column)
        self = (try? NoticeRules(&fields, over: .standard)) ?? .standard
    }
    /// Events that are not named stay as they were.
    init(_ fields: inout Fields, over old: NoticeRules) throws {
        self = old
        if let object = fields.object("events") {
            var inner = Fields(object, prefix: "events.")
            for (name, _) in object {
                guard let event = NoticeEvent(rawValue: name) else {
                    inner.refuse(name, en: "There is no such event.", fr: "Cet événement n’existe pas.")
                    continue
                }
                let chosen: [NoticeWay] = inner.choices(name)
                ways[event] = Set(chosen)
            }
            fields.take(errorsOf: inner)
        }
        if let object = fields.object("quiet") {
            var inner = Fields(object, prefix: "quiet.")
            isQuietOn = inner.bool("on") ?? isQuietOn
            for (key, path) in [("from", \NoticeRules.quietFrom), ("to", \NoticeRules.quietTo)] as [(String, WritableKeyPath<NoticeRules, Int64>)] where inner.has(key) {
                guard let minutes = Hours.minutes(inner.text(key, max: 5, required: true)) else {
                    inner.refuse(key, en: "This is no time such as 22:00.", fr: "Ce n’est pas une heure telle que 22:00.")
                    continue
                }
                self[keyPath: path] = minutes
            }
            if let zone = inner.text("time_zone", max: 60) {
                if Zones.named(zone) == nil { inner.refuse("time_zone", en: "There is no such time zone.", fr: "Ce fuseau horaire n’existe pas.") }
                timeZone = zone
            }
            fields.take(errorsOf: inner)
        }
        if let language = fields.language("language") { self.language = language == "fr" ? "fr" : "en" }
    }
    var json: JSONObject {
        var events: JSONObject = [:]
        for event in NoticeEvent.allCases { events[event.rawValue] = .of(NoticeWay.allCases.filter { wants(event, by: $0) }.map(\.rawValue)) }
        return ["events": .object(events), "quiet": ["on": .bool(isQuietOn), "from": .string(Hours.clock(quietFrom)), "to": .string(Hours.clock(quietTo)), "time_zone": .string(timeZone)], "language": .string(language)]
    }
}

extension OpenAPI {
    private static let events: JSON = object(NoticeEvent.allCases.reduce(into: [:] as JSONObject) { $0[$1.rawValue] = ["type": "array", "items": oneOf(NoticeWay.self)] })
    private static let quiet: JSON = object(["on": boolean, "from": ["type": "string", "description": "`22:00`; to an earlier time: over midnight."], "to": string, "time_zone": string])
    static let noticeOperations: [Operation] = [
        Operation(method: .get, path: "/me/notifications", id: "getNotifications", tag: "Me", summary: "What I am told of, and how.", answer: .json(200, ref("Notifications"))),
        Operation(method: .put, path: "/me/notifications", id: "setNotifications", tag: "Me", summary: "Choose what I am told of; events that are not named stay.",
                  body: .json(object(["events": events, "quiet": quiet, "language": string])), answer: .json(200, ref("Notifications"))),
    ]
    static let noticeSchemas: JSONObject = ["Notifications": whole(["events": events, "quiet": quiet, "language": string, "mail": ["type": "boolean", "description": "Whether mails can reach me."]])]
}
