import MatrixCore
import ServerKit
package import Store

/// Who does something.
enum Actor: Sendable, Hashable {
    case agent(String)
    case contact(String)
    /// Routing, timers, the seed.
    case system

    var kind: String {
        switch self {
        case .agent: "agent"
        case .contact: "contact"
        case .system: "system"
        }
    }
    var id: String {
        switch self {
        case .agent(let id), .contact(let id): id
        case .system: ""
        }
    }
}

/// One piece of work inside one write transaction: what it changes, and what it tells the stream, become durable together.
struct Unit {
    let c: Context
    let tx: WriteTx
    let live: DeskLive
    let actor: Actor
    /// The clock's time; the seed sets it into the past.
    let now: Int64
    /// Set by the seed: events carry `now` instead of the server's time.
    let isPast: Bool

    init(_ c: Context, _ tx: WriteTx, _ live: DeskLive, actor: Actor, at time: Int64? = nil) {
        self.c = c; self.tx = tx; self.live = live; self.actor = actor
        now = time ?? live.seedTime ?? c.clock.now
        isPast = time != nil || live.seedTime != nil
    }
    func acting(as actor: Actor) -> Unit { Unit(c, tx, live, actor: actor, at: isPast ? now : nil) }
    /// Timestamp for events; nil lets the server take its clock.
    var eventTime: Int64? { isPast ? now : nil }

    /// Appends to the log that the stream reads. Returns the position.
    @discardableResult
    func tell(_ kind: ChangeKind, conversation: String? = nil, inbox: String? = nil, ref: String = "") throws -> Int64 {
        let position = tx.nextPosition()
        try log(position, kind, conversation: conversation, inbox: inbox, ref: ref)
        return position
    }
    func log(_ position: Int64, _ kind: ChangeKind, conversation: String?, inbox: String?, ref: String) throws {
        switch kind {
        case .conversationUpdated:
            // Only the newest state is ever sent: an older entry would say the same.
            try tx.run("DELETE FROM desk_change WHERE conversation_id = ? AND kind = ?", conversation, kind.rawValue)
        case .agentUpdated, .contactUpdated, .settingsUpdated:
            try tx.run("DELETE FROM desk_change WHERE conversation_id = ? AND kind = ?", ref, kind.rawValue)
            if kind == .settingsUpdated, ["sla", "hours", "teams", "inboxes"].contains(ref) { SLA.changed(self, onlyHours: ref != "sla" && live.promises.policies.isEmpty) }
        default: break
        }
        // For entries about something else than a conversation the column holds that thing's id, so that the one index finds it.
        let about = conversation ?? ref
        try tx.run("INSERT INTO desk_change(position, kind, conversation_id, inbox_id, ref, at) VALUES (?, ?, ?, ?, ?, ?)",
                   position, kind.rawValue, about, inbox, ref, now)
        tx.touch(.desk)
        let live = live
        tx.afterCommit { live.wakeAll() }
    }
    func next(_ counter: String, from start: Int64 = 0) throws -> Int64 {
        try tx.first("""
            INSERT INTO desk_counter(name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = desk_counter.value + 1 RETURNING value
            """, counter, start + 1) { $0.int(0) } ?? start + 1
    }
    func newID(_ prefix: String) -> String { prefix + "_" + c.entropy.lowerToken(16) }
}

/// What the log can hold; the raw value is the event's name on the stream.
enum ChangeKind: String, Sendable, CaseIterable {
    case conversationUpdated = "conversation.updated"
    case messageCreated = "message.created"
    case messageUpdated = "message.updated"
    case noteCreated = "note.created"
    case noteDeleted = "note.deleted"
    case systemCreated = "system.created"
    case contactUpdated = "contact.updated"
    case agentUpdated = "agent.updated"
    case settingsUpdated = "settings.updated"
}

/// A durable answer for a repeated key: the same key gives the same answer, the same key with other content is refused.
enum Idempotency {
    /// Keys are kept for so long.
    static let kept: Int64 = 7 * 86_400_000

    static func answer(_ tx: ReadTx, owner: String, key: String, digest: String) throws -> JSONObject? {
        let found = try tx.first("SELECT digest, answer FROM desk_key WHERE owner = ? AND key = ?", owner, key) { ($0.text(0), $0.text(1)) }
        guard let (old, answer) = found else { return nil }
        guard old == digest else { throw DeskError.keyReused }
        return JSONObject(column: answer)
    }
    static func keep(_ unit: Unit, owner: String, key: String, digest: String, answer: JSONObject) throws {
        try unit.tx.run("INSERT INTO desk_key(owner, key, digest, answer, at) VALUES (?, ?, ?, ?, ?)", owner, key, digest, answer.columnText, unit.c.clock.now)
    }
    static func digest(_ content: JSON) -> String { Hex.encode(SHA256.hash(content.encoded())) }
    static func forgetOld(_ unit: Unit) throws { try unit.tx.run("DELETE FROM desk_key WHERE at < ?", unit.c.clock.now - kept) }
}
