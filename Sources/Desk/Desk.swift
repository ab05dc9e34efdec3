package import MatrixCore
package import ServerKit
package import Store

/// The desk: brands, inboxes, agents, contacts and conversations over Matrix rooms, for the console (`/_comptoir/desk/v1`) and the
/// widget (`/_comptoir/widget/v1`).
///
/// Invariants: what agents write to each other never enters a room; nothing is told to a stream before it is durable; every route
/// declares the permission it needs, and one table says which role has it; no other feature is imported, rooms and accounts are
/// reached by ports.
package struct Desk: Sendable {
    package let live: DeskLive
    package init() { live = DeskLive() }

    package var feature: Feature {
        let live = live
        return Feature(
            "desk", migrations: Self.migrations + Self.teamMigrations + Self.hoursMigrations + SLA.migrations + Views.migrations + DeskIndex.migrations + Drafts.migrations + Tokens.migrations + Webhooks.migrations + Macros.migrations + Automation.migrations + Followers.migrations + Notices.migrations + CustomerSchema.migrations + ContactMerge.migrations + Spam.migrations + ConversationMerge.migrations + Surveys.migrations + Facts.migrations + ReportMails.migrations,
            routes: Self.routes.map { $0.route(self) } + (Widget.routes + Surveys.widgetRoutes).map { $0.route(self) },
            observers: [DeskObserver(live: live)],
            jobs: [
                Job("desk.timers", every: 2_000) { c in try await Self.tick(c, live) },
                Job("desk.search", every: 2_000) { c in _ = try await live.index.catchUp(c) },
                Job("desk.reports", every: 2_000) { c in try await live.cases.catchUp(c) },
                live.reportMails.job,
                Job("desk.webhooks", every: 200) { c in try await live.webhooks.tick(c, live) },
                Job("desk.rules", every: 200) { c in try await live.automation.tick(c, live) },
                Job("desk.notices", every: 500) { c in try await live.notices.tick(c, live) }, live.notices.outbox.job,
                Job("desk.cleaning", every: 3_600_000) { c in
                    try await c.db.write { tx in
                        let unit = Unit(c, tx, live, actor: .system)
                        try DeskStream.forgetOld(unit)
                        try Idempotency.forgetOld(unit)
                        try Bulk.forgetOld(unit)
                        try Drafts.forgetOld(unit)
                        try Widget.forgetOld(unit)
                        try Audit.forgetOld(unit)
                        try Webhooks.forgetOld(unit)
                        try ContactLog.forgetOld(unit)
                        try Automation.forgetOld(unit)
                    }
                },
            ],
            errors: ErrorForm(below: "/_comptoir/") { DeskError($0) },
            start: { c in try await Self.start(c, live) })
    }

    /// All desk routes; the OpenAPI document describes each of them, and a test compares.
    static let routes: [DeskRoute] = Agents.routes + Brands.routes + Inboxes.routes + Contacts.routes + Customers.routes + Conversations.routes + ConversationMerge.routes + Notes.routes
        + Views.routes + Bulk.routes + DeskSearch.routes + Drafts.routes + Later.routes
        + Tags.routes + CannedReplies.routes + Roles.routes + Tokens.routes + Audit.routes + Webhooks.routes + Macros.routes + Automation.routes + Followers.routes + Notices.routes + Corrections.routes + Teams.routes + BusinessHours.routes + SLA.routes + Surveys.routes + Reports.routes + Wallboard.routes + ReportMails.routes + DeskStream.routes + OpenAPI.routes

    /// Creator of every conversation's room. Never writes.
    static func bot(_ c: Context) -> UserID { c.userID(localpart: "comptoir-desk") }

    static func start(_ c: Context, _ live: DeskLive) async throws {
        try await c.db.write { tx in
            if try !c.ports.users.exists(tx, bot(c)) {
                _ = try c.ports.users.create(c, tx, NewAccount(localpart: bot(c).localpart, kind: .bot, displayName: "Comptoir"), passwordHash: nil)
            }
            try Attributes.indexOld(tx)
            try tx.each("SELECT room_id, id, inbox_id, contact_id FROM desk_conversation") { row in
                live.learn(room: row.text(0), DeskLive.Place(conversation: row.text(1), inbox: row.text(2), contact: row.text(3)))
            }
            for merged in try tx.all("SELECT \(Conversations.columns) FROM desk_conversation WHERE merged_into IS NOT NULL", row: Conversations.conversation) {
                let it = try ConversationMerge.followed(tx, merged)
                live.learn(room: merged.roomID, DeskLive.Place(conversation: it.id, inbox: it.inboxID, contact: it.contactID))
            }
            try tx.each("SELECT id FROM desk_contact WHERE blocked_at IS NOT NULL") { live.setBlocked($0.text(0), true) }
            for agent in try Agents.all(tx) {
                live.learn(agent: agent.id, name: agent.publicName, picture: Pictures.path(agent.picture))
                // Whoever was there before the restart has a minute to come back.
                if agent.availability != .offline { live.beat(agent.id, now: c.clock.now) }
            }
            try Dispatch.settle(Unit(c, tx, live, actor: .system))
        }
        try await SLA.rewind(c, live, onlyNew: true)
        try await Facts.catchUp(c, live)
    }

    /// What time brings: snoozes that are over, consoles that have gone, typing that has ended. Writes only when there is something.
    static func tick(_ c: Context, _ live: DeskLive) async throws {
        let now = c.clock.now
        live.expire(now: now)
        let seen = try await live.timers.look(c) { tx in
            Timers(
                nextSnooze: try tx.first("SELECT MIN(snoozed_until) FROM desk_conversation WHERE snoozed_until IS NOT NULL") { $0.intOrNil(0) } ?? nil,
                nextLater: try Later.nextDue(tx),
                nextSurvey: try Surveys.nextDue(tx),
                nextMail: try ReportMails.nextDue(tx),
                served: try Dispatch.agentsWithWaiting(tx).map { try Agents.load(tx, $0) },
                promise: try tx.first("SELECT MIN(sla_next_at) FROM desk_conversation WHERE sla_next_at IS NOT NULL") { $0.intOrNil(0) } ?? nil,
                overflow: try Overflow.due(tx).map(\.at).min(),
                present: try tx.all("SELECT id FROM desk_agent WHERE availability <> 'offline'") { $0.text(0) })
        }
        let isOwed = live.takeOwedRouting()
        guard isOwed || seen.nextSnooze ?? .max <= now || seen.nextLater ?? .max <= now || seen.nextSurvey ?? .max <= now || seen.nextMail ?? .max <= now || seen.overflow ?? .max <= now || seen.promise ?? .max <= now || seen.served.contains(where: { $0.map { Dispatch.hasGone($0, live, now: now) } ?? true })
            || seen.present.contains(where: { !live.isAlive($0, now: now) }) else { return }
        try await c.db.write { tx in
            let unit = Unit(c, tx, live, actor: .system)
            try Conversations.wake(unit)
            try Later.sendDue(unit)
            try Surveys.sendDue(unit)
            try ReportMails.sendDue(unit)
            try Agents.timeOut(unit)
            try Overflow.carryOut(unit)
            try SLA.tell(unit)
            try Dispatch.settle(unit)
        }
    }

    /// What time can change, as the database has it.
    struct Timers: Sendable {
        let nextSnooze: Int64?, nextLater: Int64?, nextSurvey: Int64?, nextMail: Int64?
        /// Agents of customers who wait.
        let served: [Agent?]
        /// When something that was promised is due, or nearly.
        let promise: Int64?
        /// When the next one who waits goes to another team or up.
        let overflow: Int64?
        let present: [String]
    }

    /// The first person of an empty desk: owner, with a brand and an inbox to begin with.
    static func firstOwner(_ unit: Unit, user: UserID) throws -> Agent {
        let profile = try unit.c.ports.users.profile(unit.tx, user)
        let name = profile.displayName ?? user.localpart
        let agent = try Agents.add(unit, Agents.New(id: user.rawValue, name: name, publicName: name, email: nil, role: .owner, languages: ["fr", "en"], capacity: 10, inboxes: []))
        if try Inboxes.all(unit.tx).isEmpty {
            let brand = try Brands.add(unit, name: unit.c.serverName, website: nil, colours: [nil, nil, nil, nil], texts: [:])
            _ = try Inboxes.add(unit, Inbox(id: "", key: "web", brandID: brand.id, name: "Web", channel: "web", languages: ["fr", "en"], defaultLanguage: "fr", assignment: .automatic,
                                            languageRule: .prefer, identity: .optional, identitySecret: Inboxes.newSecret(unit), allowedOrigins: [], reopenDays: 30, createdAt: 0, members: [agent.id]))
        } else {
            try Agents.setInboxes(unit, agent: agent.id, to: try Inboxes.all(unit.tx).map(\.id))
        }
        return try Agents.load(unit.tx, agent.id) ?? agent
    }

    /// Makes an account the desk's owner (`comptoir user`).
    package func makeOwner(_ c: Context, user: UserID) async throws {
        let live = live
        try await c.db.write { tx in
            let unit = Unit(c, tx, live, actor: .system)
            guard var agent = try Agents.load(tx, user.rawValue) else { return _ = try Self.firstOwner(unit, user: user) }
            agent.role = .owner
            agent.isActive = true
            _ = try Agents.save(unit, agent)
        }
    }
}
