import Logging
import MatrixCore
import ServerKit
import Store
import Synchronization

/// Tells other servers what happens at the desk, signed as Standard Webhooks has it (https://www.standardwebhooks.com).
///
/// Invariants: what is told is read from the desk's change log, from a cursor that moves in the transaction that writes the deliveries down, so nothing is lost or
/// written twice by a crash; a delivery keeps its id and its bytes over all attempts; those of one webhook go out one after the other, in the order of
/// the log; an address is reached through the outbound guard only; nothing of a brand or inbox that the webhook is not for is in it.
final class Webhooks: Sendable {
    static let firstPause: Int64 = 5_000, longestPause: Int64 = 3_600_000
    /// Failing for so long, it is switched off.
    static let patience: Int64 = 3 * 86_400_000
    /// The log of deliveries is kept for so long, and an old secret signs beside the new one for so long.
    static let kept: Int64 = 30 * 86_400_000, overlap: Int64 = 86_400_000
    static let most = 50, batch = 100

    enum Event: String, Sendable, CaseIterable {
        case conversationCreated = "conversation.created", conversationUpdated = "conversation.updated", conversationAssigned = "conversation.assigned"
        case conversationResolved = "conversation.resolved", conversationReopened = "conversation.reopened"
        case messageCreated = "message.created", messageUpdated = "message.updated", noteCreated = "note.created", noteDeleted = "note.deleted", contactUpdated = "contact.updated"
    }

    static let migrations: [Migration] = [
        Migration(99, "desk webhooks", """
        CREATE TABLE desk_webhook(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, url TEXT NOT NULL, secret TEXT NOT NULL, old_secret TEXT, old_until INTEGER, events TEXT NOT NULL,
          brands TEXT, inboxes TEXT, active INTEGER NOT NULL, notice TEXT, cursor INTEGER NOT NULL, failing_since INTEGER, failures INTEGER NOT NULL, next_at INTEGER NOT NULL,
          created_at INTEGER NOT NULL);
        CREATE TABLE desk_delivery(
          id TEXT NOT NULL PRIMARY KEY, webhook_id TEXT NOT NULL REFERENCES desk_webhook(id), position INTEGER NOT NULL, event TEXT NOT NULL, body BLOB NOT NULL, state TEXT NOT NULL,
          attempts INTEGER NOT NULL, status INTEGER, error TEXT, took_ms INTEGER, created_at INTEGER NOT NULL, done_at INTEGER, CHECK (state IN ('waiting', 'done', 'failed')));
        CREATE INDEX desk_delivery_waiting ON desk_delivery(webhook_id, state, position, id);
        CREATE INDEX desk_delivery_log ON desk_delivery(webhook_id, created_at, id);
        CREATE INDEX desk_delivery_at ON desk_delivery(created_at)
        """),
    ]

    struct Hook: Sendable {
        var id: String, name: String, url: String, secret: String, oldSecret: String?, oldUntil: Int64?, events: [String], brands: [String]?, inboxes: [String]?
        var isActive: Bool, notice: String?, cursor: Int64, failingSince: Int64?, failures: Int64, nextAt: Int64, createdAt: Int64

        var json: JSON {
            ["id": .string(id), "name": .string(name), "url": .string(url), "secret": .string(secret), "events": .of(events), "brands": brands.map { .of($0) } ?? .null,
             "inboxes": inboxes.map { .of($0) } ?? .null, "active": .bool(isActive), "notice": .of(notice), "failing_since": .of(failingSince), "created_at": .int(createdAt)]
        }
        /// Whom it sees for.
        func viewer(_ tx: ReadTx) throws -> Agent {
            var agent = Agent.nobody
            agent.role = .supervisor
            agent.brands = brands
            if let inboxes { agent.visible = Set(inboxes) } else if let brands {
                agent.visible = Set(try tx.all("SELECT id, brand_id FROM desk_inbox") { ($0.text(0), $0.text(1)) }.filter { brands.contains($0.1) }.map(\.0))
            } else { agent.visible = nil }
            return agent
        }
    }
    private static let columns = """
        id, name, url, secret, old_secret, old_until, events, brands, inboxes, active, notice, cursor, failing_since, failures, next_at, created_at
        """
    private static func hook(_ row: Row) -> Hook {
        Hook(id: row.text(0), name: row.text(1), url: row.text(2), secret: row.text(3), oldSecret: row.textOrNil(4), oldUntil: row.intOrNil(5), events: TextList.decode(row.text(6)),
             brands: row.textOrNil(7).map(TextList.decode), inboxes: row.textOrNil(8).map(TextList.decode), isActive: row.bool(9), notice: row.textOrNil(10), cursor: row.int(11),
             failingSince: row.intOrNil(12), failures: row.int(13), nextAt: row.int(14), createdAt: row.int(15))
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> Hook? { try tx.first("SELECT \(columns) FROM desk_webhook WHERE id = ?", id, row: hook) }
    static func all(_ tx: ReadTx) throws -> [Hook] { try tx.all("SELECT \(columns) FROM desk_webhook ORDER BY created_at, id", row: hook) }

    // MARK: writing down what is to be told

    private let hasNews = Atomic<Bool>(true)
    /// When the next delivery is due; 0 before the first look.
    private let due = Atomic<Int64>(0)
    private let running = Mutex<Set<String>>([])
    /// Whether there is any webhook; nil: not known.
    private let isWanted = Mutex<Bool?>(nil)

    /// The desk's log has grown.
    func ring() { hasNews.store(true, ordering: .sequentiallyConsistent) }
    func changed() {
        isWanted.withLock { $0 = nil }
        due.store(0, ordering: .sequentiallyConsistent)
        ring()
    }

    /// Has one webhook told of something that is not in the log: what a rule has found. Nothing when the webhook is switched off or not for this inbox.
    func tell(_ unit: Unit, _ id: String, key: String, type: String, conversation: Conversation, _ more: JSONObject) throws -> Bool {
        guard let hook = try Self.load(unit.tx, id), hook.isActive else { return false }
        let viewer = try hook.viewer(unit.tx)
        guard viewer.sees(inbox: conversation.inboxID) else { return false }
        let data = (["conversation": try Reader(unit.c, unit.tx, unit.live, viewer: viewer, language: "en").conversation(conversation)] as JSONObject).merging(more)
        let message = "msg_\(id.dropFirst(3))_\(key)"
        let body: JSON = ["id": .string(message), "type": .string(type), "timestamp": .string(ISOTime.of(unit.c.clock.now)), "data": .object(data)]
        try unit.tx.run("""
            INSERT INTO desk_delivery(id, webhook_id, position, event, body, state, attempts, created_at) VALUES (?, ?, ?, ?, ?, 'waiting', 0, ?)
            """, message, id, unit.tx.nextPosition(), type, body.encoded(), unit.c.clock.now)
        unit.tx.afterCommit { [self] in due.store(0, ordering: .sequentiallyConsistent) }
        return true
    }

    /// One look; an idle server does not touch its database.
    func tick(_ c: Context, _ live: DeskLive) async throws {
        if hasNews.exchange(false, ordering: .sequentiallyConsistent) {
            do { try await note(c, live) } catch {
                ring()
                throw error
            }
        }
        guard due.load(ordering: .sequentiallyConsistent) <= c.clock.now else { return }
        due.store(.max, ordering: .sequentiallyConsistent)
        let hooks = try await c.db.read { tx in
            try Self.all(tx).filter { hook in try hook.isActive && tx.exists("SELECT 1 FROM desk_delivery WHERE webhook_id = ? AND state = 'waiting'", hook.id) }
        }
        for hook in hooks {
            guard hook.nextAt <= c.clock.now else { remember(hook.nextAt); continue }
            guard running.withLock({ $0.insert(hook.id).inserted }) else { continue }
            live.begin()
            Task {
                defer { live.end() }
                do { try await deliver(c, live, hook.id) } catch { c.log.error("webhooks cannot be delivered", metadata: ["error": "\(error)"]) }
                running.withLock { _ = $0.remove(hook.id) }
                due.store(0, ordering: .sequentiallyConsistent)   // what came or failed meanwhile is looked at
            }
        }
    }
    private func remember(_ time: Int64) {
        var known = due.load(ordering: .sequentiallyConsistent)
        while time < known {
            let (done, now) = due.compareExchange(expected: known, desired: time, ordering: .sequentiallyConsistent)
            if done { return }
            known = now
        }
    }

    /// Everything that has happened since the cursors, as deliveries.
    private func note(_ c: Context, _ live: DeskLive) async throws {
        if isWanted.withLock({ $0 }) == false { return }
        var isComplete = false
        while !isComplete {
            isComplete = try await c.db.write { [self] tx in
                let hooks = try Self.all(tx).filter(\.isActive)
                isWanted.withLock { $0 = !hooks.isEmpty }
                var isComplete = true, isNew = false
                for hook in hooks {
                    let changes = try tx.all("SELECT position, kind, conversation_id, inbox_id, ref FROM desk_change WHERE position > ? ORDER BY position LIMIT ?", hook.cursor, Self.batch) { row in
                        (row.int(0), ChangeKind(rawValue: row.text(1)), row.text(2), row.textOrNil(3), row.text(4))
                    }
                    guard let last = changes.last else { continue }
                    if changes.count == Self.batch { isComplete = false }
                    let viewer = try hook.viewer(tx), reader = Reader(c, tx, live, viewer: viewer, language: "en")
                    for (position, kind, conversation, inbox, ref) in changes {
                        guard let kind else { continue }
                        if let inbox, !viewer.sees(inbox: inbox) { continue }
                        guard let (event, data) = try Self.told(reader, kind, conversation: conversation, ref: ref), hook.events.contains(event.rawValue) else { continue }
                        let id = "msg_\(hook.id.dropFirst(3))_\(position)"
                        let body: JSON = ["id": .string(id), "type": .string(event.rawValue), "timestamp": .string(ISOTime.of(c.clock.now)), "data": data]
                        try tx.run("""
                            INSERT INTO desk_delivery(id, webhook_id, position, event, body, state, attempts, created_at) VALUES (?, ?, ?, ?, ?, 'waiting', 0, ?)
                            """, id, hook.id, position, event.rawValue, body.encoded(), c.clock.now)
                        isNew = true
                    }
                    try tx.run("UPDATE desk_webhook SET cursor = ? WHERE id = ?", last.0, hook.id)
                }
                if isNew { tx.afterCommit { self.due.store(0, ordering: .sequentiallyConsistent) } }
                return isComplete
            }
        }
    }
    /// nil: nothing that anyone is told.
    private static func told(_ reader: Reader, _ kind: ChangeKind, conversation: String, ref: String) throws -> (Event, JSON)? {
        func talk(_ event: Event, _ more: JSONObject = [:]) throws -> (Event, JSON)? {
            guard let json = try reader.conversation(conversation) else { return nil }
            return (event, .object((["conversation": json] as JSONObject).merging(more)))
        }
        func item() throws -> Item? { try Int64(ref).flatMap { try Items.load(reader.tx, $0) } }
        switch kind {
        case .conversationUpdated: return try talk(.conversationUpdated)
        case .messageCreated: return try item().flatMap { try talk(.messageCreated, ["item": try reader.item($0)]) }
        case .messageUpdated: return try item().flatMap { try talk(.messageUpdated, ["item": try reader.item($0)]) }
        case .noteCreated: return try item().flatMap { try talk(.noteCreated, ["item": try reader.item($0)]) }
        case .noteDeleted: return try talk(.noteDeleted, ["note": .string(ref)])
        case .systemCreated:
            guard let item = try item() else { return nil }
            let event: Event? = switch item.content["variant"]?.stringValue.flatMap(SystemText.init(rawValue:)) {
            case .created: .conversationCreated
            case .taken, .takenOver, .assigned, .assignedAutomatically, .requeued, .requeuedOffline: .conversationAssigned
            case .resolved: .conversationResolved
            case .opened, .reopened: .conversationReopened
            default: nil
            }
            return try event.flatMap { try talk($0, ["item": try reader.item(item)]) }
        case .contactUpdated:
            guard let contact = try Contacts.load(reader.tx, ref), try Contacts.isVisible(reader.tx, ref, to: reader.viewer) else { return nil }
            return (.contactUpdated, ["contact": try reader.contact(contact)])
        default: return nil
        }
    }

    // MARK: delivering

    struct Delivery: Sendable { let id: String, event: String, body: [UInt8], attempts: Int64 }
    /// One after the other, until one fails.
    private func deliver(_ c: Context, _ live: DeskLive, _ id: String) async throws {
        while true {
            let next = try await c.db.read { tx in
                try Self.load(tx, id).flatMap { hook in
                    try tx.first("SELECT id, event, body, attempts FROM desk_delivery WHERE webhook_id = ? AND state = 'waiting' ORDER BY position, id LIMIT 1", id) {
                        (hook, Delivery(id: $0.text(0), event: $0.text(1), body: $0.bytes(2), attempts: $0.int(3)))
                    }
                }
            }
            guard let (hook, delivery) = next, hook.isActive else { return }
            let answer = await Self.send(c, hook, delivery.id, delivery.body)
            let isDone = answer.isDone
            try await c.db.write { tx in
                let now = c.clock.now
                try tx.run("UPDATE desk_delivery SET state = ?, attempts = attempts + 1, status = ?, error = ?, took_ms = ?, done_at = ? WHERE id = ? AND state = 'waiting'",
                           isDone ? "done" : "waiting", answer.status, answer.error, answer.took, isDone ? now : nil, delivery.id)
                if isDone {
                    if hook.failures > 0 { try tx.run("UPDATE desk_webhook SET failures = 0, failing_since = NULL, next_at = 0 WHERE id = ?", id) }
                    return
                }
                let since = hook.failingSince ?? now
                if answer.status == 410 || now - since >= Self.patience {
                    try Self.switchOff(Unit(c, tx, live, actor: .system), hook, answer)
                } else {
                    let pause = min(Self.longestPause, Self.firstPause << min(hook.failures, 12))
                    try tx.run("UPDATE desk_webhook SET failures = failures + 1, failing_since = ?, next_at = ? WHERE id = ?", since, now + pause, id)
                }
            }
            guard isDone else { return }
        }
    }
    /// Told on the page of webhooks and in the audit log.
    private static func switchOff(_ unit: Unit, _ hook: Hook, _ answer: Answer) throws {
        let notice = answer.status == 410 ? "410" : answer.status.map(String.init) ?? answer.error ?? ""
        try unit.tx.run("UPDATE desk_webhook SET active = 0, notice = ? WHERE id = ?", notice, hook.id)
        try unit.tx.run("UPDATE desk_delivery SET state = 'failed' WHERE webhook_id = ? AND state = 'waiting'", hook.id)
        try unit.tell(.settingsUpdated, ref: "webhooks")
        var system = Agent.nobody
        system.name = SystemText.desk.en
        try Audit.add(unit, by: system, "webhooks.active.set", target: hook.id, name: hook.name, ["active": false, "reason": .string(notice)])
        unit.c.log.warning("a webhook is switched off after lasting failure", metadata: ["webhook": "\(hook.id)"])
    }

    struct Answer: Sendable {
        let status: Int64?, error: String?, took: Int64
        var isDone: Bool { status.map { (200..<300).contains($0) } ?? false }
        var json: JSON { ["status": .of(status), "error": .of(error), "took_ms": .int(took), "done": .bool(isDone)] }
    }
    static func send(_ c: Context, _ hook: Hook, _ id: String, _ body: [UInt8]) async -> Answer {
        let start = c.clock.now, seconds = String(start / 1000)
        var signatures = [signature(hook.secret, id, seconds, body)]
        if let old = hook.oldSecret, hook.oldUntil ?? 0 > start { signatures.append(signature(old, id, seconds, body)) }
        let request = OutboundRequest("POST", hook.url, headers: [("Content-Type", "application/json"), ("User-Agent", "Comptoir-Webhooks"), ("webhook-id", id), ("webhook-timestamp", seconds),
                                                                  ("webhook-signature", signatures.joined(separator: " "))], body: body, timeout: 15_000, maxBytes: 64 << 10)
        do {
            let answer = try await c.outbound.send(request)
            return Answer(status: Int64(answer.status), error: nil, took: c.clock.now - start)
        } catch OutboundError.tooLarge {
            return Answer(status: nil, error: "the answer is too large", took: c.clock.now - start)
        } catch {
            return Answer(status: nil, error: String("\(error)".prefix(300)), took: c.clock.now - start)
        }
    }
    /// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
    static func signature(_ secret: String, _ id: String, _ seconds: String, _ body: [UInt8]) -> String {
        let key = Base64.decode(secret.dropFirst("whsec_".count).filter { $0 != "=" }) ?? []
        return "v1," + Base64.encodePadded(HMAC.sha256(key: key, Array("\(id).\(seconds).".utf8) + body))
    }
    static func newSecret(_ c: Context) -> String { "whsec_" + Base64.encodePadded(c.entropy.bytes(32)) }

    static func forgetOld(_ unit: Unit) throws {
        try unit.tx.run("DELETE FROM desk_delivery WHERE created_at < ? AND state <> 'waiting'", unit.c.clock.now - kept)
    }
}
