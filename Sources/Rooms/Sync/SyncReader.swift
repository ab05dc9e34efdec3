import MatrixCore
import ServerKit
import Store

/// Reads one answer to /sync in one snapshot.
///
/// Invariants: `since == nil` gives all that a fresh client needs, otherwise the difference: a client that applies the
/// differences one after the other has what a fresh one has. What did not change is not read where the hub knows it.
/// Never returns an event that the user may not see.
struct SyncReader {
    let c: Context
    let lazyMembers: LazyMembers
    let session: Session
    let since: SyncToken?
    let filter: Filter
    let fullState: Bool
    let stateSection: SyncAnswer.StateSection
    /// Rooms touched since the token; nil when not known.
    let touched: Touched?

    private var user: UserID { session.userID }
    private var isInitial: Bool { since == nil }

    func read(_ tx: ReadTx, ephemeral: Int64) throws -> SyncAnswer {
        let now = SyncToken(position: try tx.position, ephemeral: max(ephemeral, since?.ephemeral ?? 0))
        if touched != nil {
            // A commit can be in this snapshot that the hub had not told of when it was asked before.
            let touched = since.flatMap { Touched(c, session, since: $0, covering: now.position) }
            if touched != self.touched {
                return try SyncReader(c: c, lazyMembers: lazyMembers, session: session, since: since, filter: filter, fullState: fullState, stateSection: stateSection, touched: touched).read(tx, now)
            }
        }
        return try read(tx, now)
    }

    private func read(_ tx: ReadTx, _ now: SyncToken) throws -> SyncAnswer {
        var answer = SyncAnswer(next: now, stateSection: stateSection)
        let members = try memberships(tx), ignored = try Ignored(c, tx, by: user)
        var joined: [Membership] = [], fresh: Set<RoomID> = []
        for membership in members where filter.room.matches(roomID: membership.room.rawValue) {
            let member = membership.member, room = membership.room
            switch member.membership {
            case "join":
                joined.append(membership)
                if isInitial || fullState || member.sincePos > (since?.position ?? 0) { fresh.insert(room) }
            case "invite" where isNews(member) && !ignored.hidesInvite(from: member.sender): answer.invited.append((room, try MembershipStore.stripped(tx, room: member.room, user) ?? Array("[]".utf8)))
            case "knock" where isNews(member): answer.knocked.append((room, try MembershipStore.stripped(tx, room: member.room, user) ?? Array("[]".utf8)))
            case "leave", "ban":
                if let left = try leftRoom(tx, member, room, now: now, ignored) { answer.left.append((room, left)) }
            default: break
            }
        }

        // Whoever hears of his leave hears of himself: then it is not known which rooms are touched.
        if touched == nil, let since {
            for farewell in try Farewells.of(tx, user, after: since.position) where filter.room.matches(roomID: farewell.room.rawValue) {
                var left = farewell.left
                if stateSection.coversTimeline { left.state = left.timeline.events }
                answer.left.append((farewell.room, left))
            }
        }

        let scope = SyncScope(user: user, device: session.deviceID, since: since, now: now,
                              joined: Set(joined.map(\.room)), fresh: fresh, touched: touched?.rooms, receipts: touched?.read)
        for source in c.syncSources { try source.contribute(c, tx, scope, into: &answer.parts) }

        // Of many rooms some at a time: their events are written while they are in the processor's cache, and the next take the memory of the last.
        let unread = isInitial && joined.count > 8 ? try Unread.counts(tx, of: user) : nil
        answer.joined.reserveCapacity(isInitial ? joined.count : 0)
        for start in stride(from: 0, to: joined.count, by: Batch.largest) {
            let group = joined[start..<min(start + Batch.largest, joined.count)]
            let ahead = try unread.map { try Ahead(tx, self, group, now: now, ignored, unread: $0) }
            for membership in group {
                let part = answer.parts.rooms.removeValue(forKey: membership.room)
                let isFresh = fresh.contains(membership.room)
                guard isFresh || part != nil || max(membership.lastPos, membership.purgedPos) > (since?.position ?? 0) else { continue }
                if let data = try joinedRoom(tx, membership, isFresh: isFresh, now: now, part, ignored, ahead) { answer.joined.append((membership.room, data)) }
            }
        }
        answer.parts.rooms.removeAll()   // of rooms that the filter leaves out
        answer.next.toDevice = answer.parts.toDeviceThrough
        applyFilter(&answer.parts)
        return answer
    }

    /// A membership that the client has not been told of.
    private func isNews(_ member: Member) -> Bool { fullState || member.pos > (since?.position ?? 0) }

    struct Membership {
        let member: Member
        let room: RoomID
        /// Of the room's last event.
        let lastPos: Int64
        /// When the room's history was last purged, as a change position.
        let purgedPos: Int64
        init(_ row: Row) {
            member = Member(row)
            room = RoomID(trusted: row.text(MembershipSQL.count))
            lastPos = row.int(MembershipSQL.count + 1)
            purgedPos = row.int(MembershipSQL.count + 2)
        }
    }

    /// The user's rooms that this answer has to look at.
    private func memberships(_ tx: ReadTx) throws -> [Membership] {
        // A room that he has left and forgotten is told of once: his other clients must hear that he has left.
        let told = since?.position ?? .max
        guard let touched else { return try tx.all(SyncSQL.membersOfUser, user, told) { Membership($0) } }
        return try touched.rooms.sorted().compactMap { room in try tx.first(SyncSQL.memberOfRoom, user, room, told) { Membership($0) } }
    }

    // MARK: joined rooms

    private func joinedRoom(_ tx: ReadTx, _ membership: Membership, isFresh: Bool, now: SyncToken, _ part: SyncParts.Room?,
                            _ ignored: Ignored, _ ahead: Ahead?) throws -> SyncAnswer.JoinedRoom? {
        let member = membership.member, room = membership.room
        var data = SyncAnswer.JoinedRoom()
        data.isFresh = isFresh
        if let part {
            data.ephemeral = filtered(part.ephemeral, filter.room.ephemeral, room)
            data.accountData = filtered(part.accountData, filter.room.accountData, room)
        }
        let from = isFresh ? 0 : since?.position ?? 0
        var page = try ahead?.pages[member.room]
            ?? timeline(tx, room, member.room, member: member, after: fullState ? since?.position ?? 0 : from, to: now.position, isFresh: isFresh, ignored)
        // A part of what the client knows, or of what came since, was deleted: to the client that is a gap like any other.
        if !isFresh, from < membership.purgedPos { page.limited = true }
        let stateEvents = try state(tx, room, member.room, page: page, isFresh: isFresh, from: from, at: statePosition(page, to: now.position), now: now,
                                    read: ahead.map { $0.states[member.room] ?? [] })
        data.timeline = try encode(tx, room, page, member, isFresh: isFresh)
        data.state = try list(tx, room, stateEvents)
        if isFresh || page.events.contains(where: { $0.type == "m.room.member" }) || stateEvents.contains(where: { $0.type == "m.room.member" }) {
            data.summary = try ahead.map { $0.summary(member.room) } ?? summary(tx, room: member.room)
        }
        // Whoever has read on another device has less unread, though the filter lets no receipt through that would say so.
        if !data.hasNews, let part, holdsOwnReceipt(part) {
            data.unread = try unread(tx, room: member.room)
            data.unread?.isNews = true
        }
        guard data.hasNews else { return nil }
        if data.unread == nil { data.unread = try ahead.map { unread($0.unread[member.room] ?? [:]) } ?? unread(tx, room: member.room) }
        return data
    }

    private func holdsOwnReceipt(_ part: SyncParts.Room) -> Bool {
        part.ephemeral.contains { bytes in
            guard let event = try? JSON.parse(bytes), event["type"] == "m.receipt" else { return false }   // made by a source of ours: it parses
            return (event["content"]?.objectValue ?? [:]).contains { _, kinds in (kinds.objectValue ?? [:]).contains { _, users in users[user.rawValue] != nil } }
        }
    }

    /// Up to where the state goes that comes with a page.
    private func statePosition(_ page: Page, to end: Int64) -> Int64 { stateSection.coversTimeline ? end : page.start }

    private func filtered(_ events: [[UInt8]], _ filter: RoomEventFilter, _ room: RoomID) -> [[UInt8]] {
        if filter.events.matchesEveryEvent, !filter.matchesNothing, filter.rooms == nil, filter.notRooms.isEmpty { return events }
        return events.filter { bytes in
            guard !filter.matchesNothing, let event = try? JSON.parse(bytes) else { return false }   // made by a source of ours: it parses
            // m.receipt and m.typing have no sender: a filter on senders does not concern them.
            return filter.matches(roomID: room.rawValue) && filter.events.matches(type: event["type"]?.stringValue ?? "")
        }
    }

    /// What an initial sync reads of some rooms with a few statements.
    struct Ahead {
        var pages: [Int64: Page] = [:]
        var states: [Int64: [EventRow]] = [:]
        /// Of all rooms of the user.
        let unread: [Int64: [String: Unread.Counts]]
        private var summaries: [Int64: RoomSummary] = [:]
        private var heroes: [Int64: [JSON]] = [:]

        init(_ tx: ReadTx, _ reader: SyncReader, _ joined: ArraySlice<Membership>, now: SyncToken, _ ignored: Ignored,
             unread: [Int64: [String: Unread.Counts]]) throws {
            self.unread = unread
            let limit = reader.filter.room.timeline.limit.map { min($0, 100) } ?? 10
            let nids = joined.map(\.member.room)
            var first: [Int64: [(event: EventRow, flag: Bool)]] = [:]
            try Batch.each(nids, padding: -1) { size, group in
                let binds: [any Bindable] = [limit] + group.flatMap { [$0, 0] as [any Bindable] }
                first.merge(try EventStore.flagged(tx, SlidingBatches.timelines[size] ?? SlidingSQL.timelines(size), array: binds)) { $0 + $1 }
            }
            for membership in joined {
                let nid = membership.member.room
                pages[nid] = try reader.timeline(tx, membership.room, nid, member: membership.member, after: 0, to: now.position, isFresh: true, ignored, first: first[nid] ?? [])
            }
            try Batch.each(nids.map { (nid: $0, at: pages[$0].map { reader.statePosition($0, to: now.position) } ?? 0) }, padding: (nid: -1, at: 0)) { size, group in
                let binds = group.flatMap { [$0.nid, $0.at] as [any Bindable] }
                try EventStore.states(tx, SyncBatches.states[size] ?? SyncSQL.statesAt(size), array: binds, into: &states)
            }
            try Batch.each(nids, padding: -1) { size, group in
                try tx.each(SyncBatches.summaries[size] ?? SyncSQL.summaries(size), array: group as [any Bindable]) { summaries[$0.int(0)] = RoomSummary($0, from: 1) }
            }
            let nameless = nids.filter { summaries[$0].map { $0.name == nil && $0.canonicalAlias == nil } ?? false }
            for nid in nameless where summaries[nid]?.joinedCount ?? 0 > 100 { heroes[nid] = try tx.all(SyncSQL.heroes, nid, reader.user) { JSON.string($0.text(0)) } }
            var present: [Int64: [JSON]] = [:], former: [Int64: [JSON]] = [:]
            try Batch.each(nameless.filter { heroes[$0] == nil }, padding: -1) { size, group in
                try tx.each(SlidingBatches.heroes[size] ?? SlidingSQL.heroes(size), array: [reader.user] + group as [any Bindable]) { row in
                    let nid = row.int(0), name = JSON.string(row.text(1))
                    if row.bool(4) { present[nid, default: []].append(name) } else { former[nid, default: []].append(name) }
                }
            }
            for (nid, names) in former.merging(present, uniquingKeysWith: { $1 }) { heroes[nid] = Array(names.prefix(5)) }
        }

        func summary(_ nid: Int64) -> JSONObject? { summaries[nid].map { SyncReader.summary($0) { heroes[nid] ?? [] } } }
    }

    struct Page {
        /// Events something is related to; nil when that is not known.
        var related: [EventRow]?
        /// Oldest first, all visible to the user and let through by the filter.
        var events: [EventRow] = []
        var limited = false
        /// Position before the first event: what came before is not in the page.
        var start: Int64
    }

    /// The newest events after `after`, at most the filter's limit.
    private func timeline(_ tx: ReadTx, _ room: RoomID, _ nid: Int64, member: Member, after: Int64, to: Int64, isFresh: Bool, _ ignored: Ignored,
                          first: [(event: EventRow, flag: Bool)]? = nil) throws -> Page {
        let limit = filter.room.timeline.limit.map { min($0, 100) } ?? 10
        var page = Page(start: to)
        // Someone who was in the room all the time sees all that came since.
        var history: History?
        // Someone who comes back hears of the present state in the timeline even where he may not see the past.
        let comesBack = isFresh && since != nil && !fullState && member.membership == "join"
        var before = to + 1, kept: [EventRow] = [], hiddenPages = 0, examined = 0
        // Filters are applied here and not in SQL: the index is by position, and most filters let everything through.
        reading: while true {
            // Where much is left out, larger pages are read.
            let size = examined == 0 ? limit + 1 : max(limit + 1 - kept.count, 50)
            let given = examined == 0 ? first : nil
            let batch = try given?.map(\.event) ?? SharedPages.page(tx, room: nid, after: after, before: before, limit: size)
            guard let last = batch.last else { break }
            if history == nil, last.pos < member.sincePos { history = try Access.history(tx, room: nid, user) }
            if let given { page.related = given.filter(\.flag).map(\.event) }
            if given == nil { page.related = nil }
            before = last.pos
            examined += batch.count
            let related = try RelatedBy.ids(tx, batch, filter.room.timeline)
            var isHidden = true
            for event in batch {
                if history?.canSee(event) != false {
                    isHidden = false
                } else if try !(comesBack && isPresent(tx, nid, event)) {
                    continue
                }
                guard !ignored.hides(event), filter.room.timeline.allows(event, room: room), related?.contains(event.id.rawValue) != false else { continue }
                if kept.count == limit { page.limited = true; break reading }
                kept.append(event)
            }
            if batch.count < size { break }
            if isHidden { hiddenPages += 1 }
            if isFresh, hiddenPages == 3 { break }   // what is older is hidden as well
            if examined > Self.mostExamined { page.limited = true; break }
        }
        page.events = try history.map { try Erasure.apply(c, tx, room: nid, kept.reversed(), $0) } ?? kept.reversed()
        // To him who comes back everything before the page is a gap.
        if comesBack, page.events.first?.pos != nid { page.limited = true }
        if let first = page.events.first { page.start = first.pos - 1 }
        return page
    }
    /// A filter that lets next to nothing through does not make a sync read the whole room.
    private static let mostExamined = 2000

    private func isPresent(_ tx: ReadTx, _ nid: Int64, _ event: EventRow) throws -> Bool {
        guard let key = event.stateKey else { return false }
        return try StateStore.pointer(tx, room: nid, event.type, key)?.pos == event.pos
    }

    /// The state at `position` that the client does not have: all of it for a fresh room, otherwise what has changed after `from`, which
    /// up to the start of a timeline without a gap is nothing.
    private func state(_ tx: ReadTx, _ room: RoomID, _ nid: Int64, page: Page, isFresh: Bool, from: Int64, at position: Int64, now: SyncToken,
                       read: [EventRow]? = nil) throws -> [EventRow] {
        let stateFilter = filter.room.state
        var events: [EventRow]
        if isFresh {
            events = try read ?? StateStore.all(tx, room: nid, at: position)
        } else if page.limited || stateSection.coversTimeline {
            events = try StateStore.changes(tx, room: nid, after: from, to: position)
        } else {
            events = []
        }
        guard stateFilter.lazyLoadMembers else { return events.filter { stateFilter.allows($0, room: room) } }

        // Lazy loading: of the members only those that the timeline speaks of, and each only once for this device.
        let named = Set(page.events.filter { $0.type == EventType.member }.compactMap(\.stateKey))
        var wanted = Set(page.events.map(\.sender.rawValue))
        if isFresh { wanted.insert(user.rawValue) }
        if stateSection.coversTimeline {
            // The client does not take members from the timeline.
            if isFresh { wanted.formUnion(named) }
        } else if !isFresh {
            wanted.subtract(named)
        }
        let known = stateFilter.includeRedundantMembers || isFresh ? [] : lazyMembers.known(device: session, room: nid, among: wanted, at: from)
        events.removeAll { event in
            guard event.type == EventType.member, let key = event.stateKey else { return false }
            return isFresh ? !wanted.contains(key) : false
        }
        let present = Set(events.compactMap { $0.type == EventType.member ? $0.stateKey : nil })
        for key in wanted.subtracting(present).subtracting(known).sorted() where !isFresh {
            if let event = try StateStore.event(tx, room: nid, EventType.member, key, at: position) { events.append(event) }
        }
        lazyMembers.tell(device: session, room: nid, wanted.union(present).union(named), since: isFresh ? nil : from, now: now.position)
        return events.filter { stateFilter.allows($0, room: room) }
    }

    /// `membership`: of the user, at an event.
    private func list(_ tx: ReadTx, _ room: RoomID, _ events: [EventRow], relations: [Int64: [UInt8]] = [:],
                      membership: (EventRow) -> String? = { _ in nil }) throws -> EventList {
        var list = EventList(for: events)
        let view = EventJSON.View(user: user, device: session.deviceID, now: c.clock.now)
        for event in events {
            let related = relations.isEmpty ? nil : relations[event.pos]
            guard filter.eventFormat == .federation, let rest = try tx.first(EventSQL.rest, event.pos, row: { $0.bytes(0) }) else {
                list.add { EventJSON.write(event, view, membership: membership(event), relations: related, into: &$0) }
                continue
            }
            // Rarely asked for: the event as servers exchange it, besides what clients see.
            var object = try JSONObject.parse(EventJSON.bytes(event, view, membership: membership(event), relations: related))
            for (key, value) in try JSONObject.parse(rest) { object[key] = value }
            if object["signatures"] == nil, let version = try RoomStore.head(tx, room).flatMap({ RoomVersion.named($0.version) }) {
                let stored = StoredEvent(roomID: room, type: event.type, stateKey: event.stateKey, sender: event.sender, originServerTS: event.timestamp, contentBytes: event.content, rest: rest)
                object["signatures"] = try JSONObject.parse(stored.pdu(version: version, signedBy: c.signing))["signatures"]
            }
            object["room_id"] = JSON(room)
            list.add { object.write(into: &$0) }
        }
        return list
    }

    private func encode(_ tx: ReadTx, _ room: RoomID, _ page: Page, _ member: Member, isFresh: Bool) throws -> SyncAnswer.Timeline {
        let relations = try Bundles.of(tx, page.related ?? page.events, user: user)
        let history = page.events.first.map { $0.pos < member.sincePos } == true ? try Access.history(tx, room: member.room, user) : nil
        let events = try list(tx, room, page.events, relations: relations) { history?.membership(at: $0.pos) ?? member.membership }
        return SyncAnswer.Timeline(events: events, limited: page.limited, prevBatch: events.isEmpty && !page.limited && !isFresh ? nil : PageToken(page.start).description)
    }

    private func summary(_ tx: ReadTx, room nid: Int64) throws -> JSONObject? {
        guard let summary = try RoomStore.summary(tx, nid: nid) else { return nil }
        return try Self.summary(summary) {
            let heroes = try tx.all(SyncSQL.heroes, nid, user) { JSON.string($0.text(0)) }
            return heroes.isEmpty ? try tx.all(SyncSQL.formerHeroes, nid, user) { JSON.string($0.text(0)) } : heroes
        }
    }

    private static func summary(_ summary: RoomSummary, heroes: () throws -> [JSON]) rethrows -> JSONObject {
        var object: JSONObject = ["m.joined_member_count": .int(summary.joinedCount), "m.invited_member_count": .int(summary.invitedCount)]
        if summary.name == nil, summary.canonicalAlias == nil {
            object["m.heroes"] = .array(try heroes())
        }
        return object
    }

    private func unread(_ tx: ReadTx, room nid: Int64) throws -> SyncAnswer.UnreadCounts {
        unread(try Unread.counts(tx, room: nid, user))
    }

    private func unread(_ byThread: [String: Unread.Counts]) -> SyncAnswer.UnreadCounts {
        var counts = SyncAnswer.UnreadCounts()
        for (thread, unread) in byThread {
            if thread.isEmpty || !filter.room.timeline.unreadThreadNotifications {
                counts.notifications += unread.notifications
                counts.highlights += unread.highlights
            } else if unread.notifications > 0 || unread.highlights > 0 {
                counts.threads.append((thread, unread.notifications, unread.highlights))
            }
        }
        return counts
    }

    /// Leaves out what the filter does not want of the sources' parts.
    private func applyFilter(_ parts: inout SyncParts) {
        func keep(_ events: inout [[UInt8]], _ filter: EventFilter) {
            guard !filter.matchesEveryEvent || filter.matchesNothing else { return }
            events.removeAll { bytes in
                guard !filter.matchesNothing, let event = try? JSON.parse(bytes) else { return true }   // made by a source of ours: it parses
                return !filter.matches(type: event["type"]?.stringValue ?? "", sender: event["sender"]?.stringValue ?? user.rawValue)
            }
        }
        keep(&parts.accountData, filter.accountData)
        keep(&parts.presence, filter.presence)
    }

    // MARK: rooms that the user has left

    private func leftRoom(_ tx: ReadTx, _ member: Member, _ room: RoomID, now: SyncToken, _ ignored: Ignored) throws -> SyncAnswer.LeftRoom? {
        let before = since?.position ?? 0, wasTold = before >= member.pos
        // What the client was told of, or never knew, is told only when asked for; that the user has left since must be told in any case:
        // the next token is past it.
        if isInitial || fullState && wasTold {
            guard filter.room.includeLeave, !member.isForgotten else { return nil }
        } else if wasTold { return nil }
        let wasJoined = isInitial ? false : try joinedMembership(tx, member, at: before)
        var left = SyncAnswer.LeftRoom()
        let stays = try StateStore.history(tx, room: member.room, EventType.member, user.rawValue).filter { entry in
            (try? JSON.parse(entry.content))?["membership"]?.stringValue == "join"   // stored content is valid
        }
        guard let lastStay = stays.last else {
            // An invite or knock that came to nothing: only the leave itself may be seen.
            if let event = try EventStore.event(tx, at: member.pos) {
                left.timeline.events = try list(tx, room, [event]) { _ in member.membership }
                if stateSection.coversTimeline, filter.room.state.allows(event, room: room) { left.state = try list(tx, room, [event]) }
            }
            left.timeline.prevBatch = PageToken(member.pos - 1).description
            return left
        }
        let page = try timeline(tx, room, member.room, member: member, after: wasJoined || wasTold ? before : 0, to: member.pos, isFresh: true, ignored)
        left.timeline = try encode(tx, room, page, member, isFresh: true)
        // What was changed after he had left is not his to see, also when he was invited or banned later.
        let end = min(statePosition(page, to: member.pos), lastStay.to ?? member.pos)
        var events = try state(tx, room, member.room, page: page, isFresh: fullState || !wasJoined, from: before, at: end, now: now)
        if stateSection.coversTimeline, end < member.pos, let own = try EventStore.event(tx, at: member.pos), filter.room.state.allows(own, room: room) {
            events.removeAll { $0.type == EventType.member && $0.stateKey == user.rawValue }
            events.append(own)
        }
        left.state = try list(tx, room, events)
        return left
    }

    private func joinedMembership(_ tx: ReadTx, _ member: Member, at pos: Int64) throws -> Bool {
        guard let event = try StateStore.event(tx, room: member.room, "m.room.member", user.rawValue, at: pos) else { return false }
        return event.contentObject["membership"]?.stringValue == "join"
    }
}

/// The pages that have been read in a snapshot: the members of a room who wait for its news get the same events.
final class SharedPages {
    private struct Key: Hashable { var room: Int64, before: Int64, limit: Int }
    private struct Page {
        /// The last event that is not in the page: the page is that of every place from there on.
        var floor: Int64
        var events: [EventRow]
    }
    private var pages: [Key: Page] = [:]

    /// The newest events between two places, newest first.
    static func page(_ tx: ReadTx, room: Int64, after: Int64, before: Int64, limit: Int) throws -> [EventRow] {
        // A first look at a room is one user's.
        guard after > 0 else { return try EventStore.page(tx, room: room, after: after, before: before, newestFirst: true, limit: limit) }
        let memo = tx.shared(SharedPages.self) { SharedPages() }, key = Key(room: room, before: before, limit: limit)
        if let page = memo.pages[key], after >= page.floor {
            return page.events.last.map { $0.pos > after } != false ? page.events : page.events.filter { $0.pos > after }
        }
        let events = try EventStore.page(tx, room: room, after: after, before: before, newestFirst: true, limit: limit)
        memo.pages[key] = Page(floor: try tx.first(SyncSQL.lastEvent, room, after) { $0.intOrNil(0) ?? 0 } ?? 0, events: events)
        return events
    }
}

/// A place between two events of a room: all up to `position` are before it. On the wire `t<position>`; sync tokens are taken too.
/// https://spec.matrix.org/latest/client-server-api/#pagination
package struct PageToken: Hashable, Sendable, CustomStringConvertible {
    package let position: Int64
    package init(_ position: Int64) { self.position = position }
    package init?(_ text: String) {
        if text.first == "t", let position = Int64(text.dropFirst()), position >= 0 { self.init(position) }
        else if let token = SyncToken(text) { self.init(token.position) }
        else if let pos = SlidingPos(text) { self.init(pos.token.position) }
        else { return nil }
    }
    package var description: String { "t\(position)" }
}

package enum SyncSQL {
    static let lastEvent = "SELECT MAX(pos) FROM event WHERE room_nid = ? AND pos <= ?"
    static let memberOfRoom = """
        SELECT \(MembershipSQL.columns), r.room_id, r.last_pos, r.purged_pos FROM membership m JOIN room r ON r.room_nid = m.room_nid \
        WHERE m.user_id = ? AND r.room_id = ? AND (m.forgotten = 0 OR m.pos > ?)
        """
    static let membersOfUser = """
        SELECT \(MembershipSQL.columns), r.room_id, r.last_pos, r.purged_pos FROM membership m JOIN room r ON r.room_nid = m.room_nid \
        WHERE m.user_id = ? AND (m.forgotten = 0 OR m.pos > ?) ORDER BY m.room_nid
        """
    static let heroes = """
        SELECT user_id FROM membership WHERE room_nid = ? AND membership IN ('join', 'invite') AND user_id <> ? ORDER BY since_pos LIMIT 5
        """
    static let formerHeroes = """
        SELECT user_id FROM membership WHERE room_nid = ? AND membership IN ('leave', 'ban') AND user_id <> ? ORDER BY since_pos LIMIT 5
        """
    /// The whole state of rooms, each after its own position, in no order. Binds: (room, position) for each.
    static func statesAt(_ count: Int) -> String {
        let rooms = (0..<count).map { "(CAST(?\($0 * 2 + 1) AS INTEGER), CAST(?\($0 * 2 + 2) AS INTEGER))" }.joined(separator: ", ")
        return "SELECT " + EventSQL.columns + " FROM (VALUES " + rooms + ") v CROSS JOIN room_state s JOIN event e ON e.pos = s.valid_from" + EventSQL.replaced + """
            WHERE s.room_nid = v.column1 AND s.valid_from <= v.column2 AND (s.valid_to IS NULL OR s.valid_to > v.column2)
            """
    }
    static func summaries(_ count: Int) -> String {
        "SELECT s.room_nid, \(RoomSQL.summaryColumns) FROM room_summary s WHERE s.room_nid IN (" + Placeholders.list(count) + ")"
    }

    package static let all = [lastEvent, memberOfRoom, membersOfUser, heroes, formerHeroes] + Batch.sizes.flatMap { [statesAt($0), summaries($0)] }
}

/// The statements of ``SyncSQL`` that take many rooms, put together once.
enum SyncBatches {
    static let states = Dictionary(uniqueKeysWithValues: Batch.sizes.map { ($0, SyncSQL.statesAt($0)) })
    static let summaries = Dictionary(uniqueKeysWithValues: Batch.sizes.map { ($0, SyncSQL.summaries($0)) })
}
