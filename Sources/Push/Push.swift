package import MatrixCore
package import ServerKit
package import Store

// Push: which events a user wants to be told of (rules), which of his devices are told (pushers), and the telling (gateway).
//
// Invariants
// - Nothing leaves before the event is durable; a notification is a row until every pusher of its user has got it or given up.
// - Memory knows who has rules or pushers, never less than the database: users are added before the commit and taken out never or after it.
// - It never imports another feature: what it says of an event it gets by `Notices`.

package final class Push: Sendable {
    let watch = Watch()
    let gateway: Gateway
    let digests: Digests

    package init() {
        gateway = Gateway(watch)
        digests = Digests()
    }

    package var feature: Feature {
        let watch = watch, gateway = gateway, digests = digests
        return Feature(
            "push", migrations: [PushRuleStore.schema, Pushers.schema, DigestStore.schema], routes: ruleRoutes + pusherRoutes + unsubscribeRoutes,
            sync: [PushRulesSync(watch: watch)], observers: [RoomTraces(watch: watch)],
            jobs: [
                Job("push.send", every: 200) { c in if gateway.hasWork(c.clock.now) { try await gateway.run(c) } },
                Job("push.mail", every: 1000) { c in if digests.hasWork(c.clock.now) { try await digests.run(c) } },
                digests.outbox.job,
            ],
            start: { c in
                try await c.db.read { tx in
                    try watch.load(tx)
                    try gateway.load(tx)
                    try digests.load(c, tx)
                }
            })
    }
}

extension Push: PushRules {
    package var generation: Int64 { watch.generation }
    package func watches(_ user: UserID) -> Bool { watch.contains(user) }

    package func judge(_ c: Context, _ tx: ReadTx, _ event: PushEvent, for user: UserID, _ around: PushSurroundings) throws -> (verdict: PushVerdict, isOwn: Bool) {
        let rules = try watch.rules(tx, of: user)
        return (rules.compiled.verdict(event, around), rules.isOwn)
    }

    package func notify(_ c: Context, _ tx: WriteTx, room: RoomID, event: EventID, position: Int64, _ verdicts: [(user: UserID, verdict: PushVerdict)]) throws {
        let now = c.clock.now, gateway = gateway, digests = digests
        for (user, verdict) in verdicts where watch.hasPusher(user) {
            try Pushers.queue(tx, user: user, position: position, room: room, event: event, tweaks: verdict.tweaks, now: now)
            tx.afterCommit {
                gateway.wake(user)
                digests.expect(user, at: now + c.config.mailNotificationDelay)
            }
        }
    }

    package func countChanged(_ c: Context, _ tx: WriteTx, user: UserID) throws {
        guard watch.hasPusher(user) else { return }
        let gateway = gateway
        try Pushers.noteCount(tx, user: user, position: try tx.position)
        tx.afterCommit { gateway.wake(user) }
    }

    package func copyRoomRules(_ c: Context, _ tx: WriteTx, user: UserID, from old: RoomID, to new: RoomID) throws {
        guard watch.hasRules(user) else { return }
        var rules = try PushRuleStore.rules(tx, of: user)
        let before = rules
        rules.copyRoom(from: old, to: new)
        if rules != before { try PushRuleStore.put(tx, watch, user, rules) }
    }

    package func sessionsEnded(_ c: Context, _ tx: WriteTx, user: UserID, devices: [DeviceID]) throws {
        guard watch.hasPusher(user) else { return }
        for device in devices { try Pushers.delete(tx, user: user, device: device) }
        try Pushers.tidy(tx, watch, user: user)
    }

    package func addressGone(_ c: Context, _ tx: WriteTx, user: UserID, address: String) throws {
        let pushers = try Pushers.all(tx, of: user).filter { $0.kind == .email && EMail.canonical($0.pushkey) == address }
        guard !pushers.isEmpty else { return }
        for pusher in pushers { try Pushers.delete(tx, pusher) }
        try Pushers.tidy(tx, watch, user: user)
    }
}
