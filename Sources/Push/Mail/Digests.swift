import Logging
import MatrixCore
import ServerKit
import Store
import Synchronization

/// Mails what a user has not read: pushers of the kind `email`. https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3pushersset
///
/// When a notification has stayed unread for a while, one mail tells of everything that is unread (docs/decisions/0027). The room is silent after it:
/// 10 minutes, then 1, 6 and 24 hours, until he reads what was mailed.
///
/// Invariants: a mail is put into the outbox by the transaction that moves the pusher's cursor, so each notification is in one mail at most, also
/// after a crash; the outbox holds ids and no text: what is read, redacted or left meanwhile is in no mail; nothing of an encrypted room is quoted.
final class Digests: Sendable {
    private struct State {
        /// Users with a pusher that mails; perhaps some who have none any more.
        var users: Set<UserID> = []
        /// When something of a user's may be due, ms.
        var due: [UserID: Int64] = [:]
    }
    private let state = Mutex(State())
    let outbox = Digest.worker()

    /// A notification of the user's may be due at `time`. In memory: an earlier time that is known stays.
    func expect(_ user: UserID, at time: Int64) {
        state.withLock { state in if state.users.contains(user) { state.due[user] = min(state.due[user] ?? .max, time) } }
    }

    func added(_ tx: WriteTx, _ user: UserID) {
        let add: @Sendable () -> Void = { self.state.withLock { _ = $0.users.insert(user) } }
        add()
        // Once more: meanwhile somebody may have looked and found no pusher.
        tx.afterCommit(add)
    }

    func load(_ c: Context, _ tx: ReadTx) throws {
        let users = try DigestStore.users(tx), now = c.clock.now
        state.withLock { state in
            state.users.formUnion(users)
            for user in users { state.due[user] = now }
        }
    }

    func hasWork(_ now: Int64) -> Bool { state.withLock { $0.due.values.contains { $0 <= now } } }

    func run(_ c: Context) async throws {
        let now = c.clock.now
        let users = state.withLock { state in
            let users = state.due.filter { $0.value <= now }.keys.sorted()
            for user in users { state.due[user] = nil }
            return users
        }
        for (index, user) in users.enumerated() {
            do { try await look(c, user) } catch {
                state.withLock { state in for rest in users[index...] { state.due[rest] = min(state.due[rest] ?? .max, now + 5000) } }
                throw error
            }
        }
    }

    private func look(_ c: Context, _ user: UserID) async throws {
        let plans = try await c.db.read { tx in
            try Pushers.all(tx, of: user).filter { $0.kind == .email }.map { (pusher: $0, plan: try DigestPlan(c, tx, $0), snapshot: try tx.position) }
        }
        if plans.isEmpty { state.withLock { _ = $0.users.remove(user) } }
        for (pusher, plan, snapshot) in plans {
            if let next = plan.next { expect(user, at: next) }
            guard plan.isDue || plan.through > pusher.sentPosition else { continue }
            let now = c.clock.now, key = c.entropy.token(24), outbox = outbox
            try await c.db.write { tx in
                // Changed or gone meanwhile: whoever did it has said so, and it is looked at again.
                guard let current = try Pushers.pusher(tx, pusher.number), current.sentPosition == pusher.sentPosition else { return }
                if plan.isDue {
                    try outbox.enqueue(c, tx, key: key, payload: Digest(pusher: pusher.number, plan).json)
                    for (room, last) in plan.last {
                        try DigestStore.put(tx, pusher.number, room, Silence(event: last, sent: now, wait: DigestRules.wait(after: plan.waits[room], delay: c.config.mailNotificationDelay)))
                    }
                }
                try Pushers.done(tx, pusher, through: plan.through, badge: pusher.badge, at: snapshot)
            }
        }
    }
}

/// What is to be done for one pusher, as the database is now.
struct DigestPlan: Sendable {
    struct Item: Sendable, Hashable {
        var room: RoomID
        var event: EventID
    }
    /// What is unread, oldest first; at most `DigestRules.mostEvents`.
    private(set) var items: [Item] = []
    /// Notifications beyond these, read or not.
    private(set) var more = 0
    /// The last event of each room.
    private(set) var last: [RoomID: EventID] = [:]
    /// How long rooms were silent that he has not read since.
    private(set) var waits: [RoomID: Int64] = [:]
    private(set) var isDue = false
    /// The pusher's cursor after this.
    private(set) var through: Int64
    /// When to look again, ms; nil when nothing is unread, or after the mail.
    private(set) var next: Int64?

    init(_ c: Context, _ tx: ReadTx, _ pusher: Pusher) throws {
        let now = c.clock.now, delay = c.config.mailNotificationDelay, notices = c.ports.notices
        let silences = try DigestStore.silences(tx, pusher.number)
        var ready: [RoomID: Int64] = [:]
        func readyAt(_ room: RoomID) throws -> Int64 {
            if let known = ready[room] { return known }
            var time: Int64 = 0
            if let silence = silences[room], try notices.notice(c, tx, room: room, event: silence.event, for: pusher.user) != nil {
                waits[room] = silence.wait
                time = silence.sent + silence.wait
            }
            ready[room] = time
            return time
        }
        through = pusher.sentPosition
        var end = through, hasMore = true
        while hasMore {
            let batch = try Pushers.waiting(tx, user: pusher.user, after: end, limit: 500)
            hasMore = batch.count == 500
            for waiting in batch {
                end = waiting.position
                if items.count == DigestRules.mostEvents, isDue {
                    more += 1
                    continue
                }
                guard try notices.notice(c, tx, room: waiting.room, event: waiting.event, for: pusher.user) != nil else {
                    if items.isEmpty { through = end }
                    continue
                }
                let at = max(waiting.created + delay, try readyAt(waiting.room))
                if at <= now { isDue = true } else { next = min(next ?? .max, at) }
                if items.count == DigestRules.mostEvents { more += 1 } else { items.append(Item(room: waiting.room, event: waiting.event)) }
                last[waiting.room] = waiting.event
            }
        }
        if isDue {
            through = end
            next = nil
        }
    }
}
