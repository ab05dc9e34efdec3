package import ServerKit
package import Store

/// The rooms of the server: everything that writes or reads an event goes through here.
///
/// Absent on purpose: no federation, no state resolution (a local room's history is a line), no I/O but the database.
/// Holds no truth in memory: its caches are filled from committed rows only and are checked by position when they are used.
package final class RoomService: Sendable {
    let caches = RoomCaches()
    let typing = Typing()
    let sync = SyncEndpoint()
    let retention = Retention()
    let delayed = DelayedEvents()
    let deletions = RoomDeletions()
    private let mentions = MediaMentions.Backfill()
    let indexer = SearchIndex.Indexer()
    let sliding = SlidingSync()
    private let nextExpiry = Lookout<Int64>()
    private let purges = Lookout<[Purge.Order]>()

    package init() {}

    /// The feature as App wires it. The parts are listed slice by slice.
    package var feature: Feature {
        Feature("rooms", migrations: EventSchema.migrations + HistorySchema.migrations + [Receipts.schema] + Unread.schema + SlidingSchema.migrations + [RoomBlocks.schema, RoomDeletion.schema, MediaMentions.schema], routes: routes,
                sync: [Receipts.Source(), Typing.Source(typing: typing)],
                jobs: [Job("end typing that has timed out", every: 1000) { [typing] c in typing.expire(c) }] + historyJobs + sliding.jobs,
                start: { [delayed] c in try await c.db.read { try delayed.load($0) } })
    }

    var routes: [Route] { writing + reading }

    /// What is done by itself when its time has come.
    private var historyJobs: [Job] {
        [
            Job("empty messages that destroy themselves", every: 1000) { [nextExpiry] c in try await SelfDestruction.run(c, nextExpiry) },
            Job("send delayed events", every: 250) { [delayed] c in try await delayed.run(c, self) },
            Job("purge history", every: 500) { [purges] c in try await Purge.run(c, purges) },
            Job("find media in older events", every: 10_000) { [mentions] c in try await mentions.run(c) },
            Job("delete rooms", every: 500) { c in try await self.deletions.run(c, self) },
            Job("forget deleted rooms", every: 3_600_000) { c in try await RoomDeletion.forget(c) },
            Job("index for the search", every: 5000) { [indexer] in try await indexer.catchUp($0) },
            Job("delete what rooms no longer retain", every: 60_000) { [retention] in try await retention.run($0) },
        ]
    }

    /// What writes rooms, and what reads their present state.
    private var writing: [Route] {
        creationRoutes + upgradeRoutes + membershipRoutes + thirdPartyInviteRoutes + eventRoutes + stateRoutes + aliasRoutes + directoryRoutes
    }

    /// What reads rooms.
    private var reading: [Route] {
        sync.routes + sliding.routes + MessageRoutes().routes + EventStream().routes + InitialSync().routes
            + RelationRoutes().routes + ReceiptRoutes().routes + typing.routes + NotificationRoutes().routes
            + previewRoutes + hierarchyRoutes + purgeRoutes + searchRoutes + delayedRoutes + reportRoutes + mutualRoomRoutes + roomAdminRoutes + roomBlockRoutes + roomDeletionRoutes
    }
}
