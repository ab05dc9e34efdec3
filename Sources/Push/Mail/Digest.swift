import MatrixCore
import ServerKit
import Store

/// One mail on its way: the ids of what it tells. The text is written when the mail leaves.
struct Digest: Sendable, Hashable {
    var pusher: Int64
    var items: [DigestPlan.Item]
    var more: Int

    init(pusher: Int64, _ plan: DigestPlan) {
        self.pusher = pusher
        items = plan.items
        more = plan.more
    }

    var json: JSON {
        ["pusher": .int(pusher), "more": .int(Int64(more)), "events": .array(items.map { [JSON($0.room), JSON($0.event)] })]
    }
    init?(_ json: JSON) {
        guard let pusher = json["pusher"]?.intValue, let more = json["more"]?.intValue, let events = json["events"]?.arrayValue else { return nil }
        self.pusher = pusher
        self.more = Int(more)
        items = events.compactMap { pair in
            guard let room = RoomID(pair[0]), let event = EventID(pair[1]) else { return nil }
            return DigestPlan.Item(room: room, event: event)
        }
    }

    /// A day of attempts: after that it is no news any more.
    static func worker() -> OutboxWorker {
        OutboxWorker("digest", patience: DigestRules.longestWait) { c, item throws(OutboxWorker.Failure) in
            let message: MailMessage?
            do {
                guard let digest = Digest(try JSON.parse(item.payload)) else { throw OutboxWorker.Failure.permanent("the mail cannot be read") }
                message = try await c.db.read { tx in try digest.message(c, tx) }
            } catch let failure as OutboxWorker.Failure {
                throw failure
            } catch { throw .temporary("the mail cannot be written: \(error)") }
            try await message?.send(c, as: item)
        }
    }

    /// nil when there is nothing to tell any more, or nobody to tell it to.
    func message(_ c: Context, _ tx: ReadTx) throws -> MailMessage? {
        guard let pusher = try Pushers.pusher(tx, pusher), pusher.kind == .email, let address = EMail.canonical(pusher.pushkey),
              try c.ports.preferences.mailAddresses(tx, user: pusher.user).contains(address) else { return nil }
        let told = try items.compactMap { item in
            try c.ports.notices.notice(c, tx, room: item.room, event: item.event, for: pusher.user).map { (room: item.room, notice: $0) }
        }
        guard !told.isEmpty else { return nil }
        return DigestText(user: pusher.user, language: pusher.language, server: c.serverName, link: Unsubscribing.link(c, pusher), told, more: more).message(to: address)
    }
}

/// When mails leave. Pure.
enum DigestRules {
    /// Of one mail.
    static let mostEvents = 50
    static let longestWait: Int64 = 24 * 3_600_000

    /// How long a room is silent after a mail: `delay` at first, six times as long each time that he has not read the one before. ms.
    static func wait(after wait: Int64?, delay: Int64) -> Int64 {
        guard let wait else { return delay }
        return max(delay, min(longestWait, wait <= longestWait ? wait * 6 : wait))
    }
}
