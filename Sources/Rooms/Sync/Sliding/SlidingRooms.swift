import MatrixCore
import ServerKit
import Store

/// Reads timelines and state of many rooms with a few statements.
struct RoomPages {
    /// A part of a room's timeline, oldest first, as the user may see it.
    struct Page {
        var events: [EventRow] = []
        var limited = false
        /// Position before the first event.
        var start: Int64
        var relations: [Int64: [UInt8]] = [:]
        var history: History?
    }
    let c: Context
    let tx: ReadTx
    let user: UserID
    let ignored: Ignored
    let now: Int64

    struct Wish { var entry: RoomList.Entry; var after: Int64; var limit: Int }

    /// The newest events of rooms that the user is in.
    func pages(_ wishes: [Wish]) throws -> [Int64: Page] {
        var pages: [Int64: Page] = [:]
        for (limit, group) in Dictionary(grouping: wishes, by: \.limit) {
            guard limit > 0 else {
                for wish in group { pages[wish.entry.nid] = Page(limited: wish.entry.lastPos > wish.after, start: now) }
                continue
            }
            var found: [Int64: [(event: EventRow, flag: Bool)]] = [:]
            try Batch.each(group.map { (nid: $0.entry.nid, after: $0.after) }, padding: (nid: -1, after: 0)) { size, group in
                let binds: [any Bindable] = [limit] + group.flatMap { [$0.nid, $0.after] as [any Bindable] }
                found.merge(try EventStore.flagged(tx, SlidingBatches.timelines[size] ?? SlidingSQL.timelines(size), array: binds)) { $0 + $1 }
            }
            // Who was in the room at all of these events sees them all.
            let unsure = group.filter { wish in (found[wish.entry.nid]?.last?.event.pos ?? .max) < wish.entry.member.sincePos }
            let histories = try histories(unsure.map(\.entry.nid))
            for wish in group {
                let nid = wish.entry.nid
                var page = try page(wish, first: found[nid] ?? [], histories[nid])
                page.history = histories[nid]
                pages[nid] = page
            }
        }
        return pages
    }

    private func page(_ wish: Wish, first: [(event: EventRow, flag: Bool)], _ history: History?) throws -> Page {
        var page = Page(start: now), kept: [EventRow] = [], related: [EventRow] = []
        kept.reserveCapacity(min(wish.limit, first.count))
        var batch = first, size = wish.limit + 1, examined = 0
        reading: while true {
            examined += batch.count
            for (event, flag) in batch {
                guard history?.canSee(event) != false, !ignored.hides(event) else { continue }
                if kept.count == wish.limit { page.limited = true; break reading }
                kept.append(event)
                if flag { related.append(event) }
            }
            guard batch.count >= size, let last = batch.last else { break }
            if examined > Self.mostExamined { page.limited = true; break }
            // Some were hidden: there are more.
            size = 100
            batch = try EventStore.page(tx, room: wish.entry.nid, after: wish.after, before: last.event.pos, newestFirst: true, limit: size).map { (event: $0, flag: true) }
        }
        kept.reverse()
        page.events = try history.map { try Erasure.apply(c, tx, room: wish.entry.nid, kept, $0) } ?? kept
        page.relations = try related.isEmpty ? [:] : Bundles.of(tx, related, user: user)
        if let first = page.events.first { page.start = first.pos - 1 }
        return page
    }
    private static let mostExamined = 1000

    func histories(_ rooms: [Int64]) throws -> [Int64: History] {
        guard !rooms.isEmpty else { return [:] }
        var memberships: [Int64: [History.Interval]] = [:], visibilities: [Int64: [History.Interval]] = [:]
        try Batch.each(rooms, padding: -1) { size, group in
            try tx.each(SlidingBatches.histories[size] ?? SlidingSQL.histories(size), array: [user] + group as [any Bindable]) { row in
                let content = try? JSONObject.parse(row.bytes(4))   // stored content is valid
                let isMember = row.text(1) == EventType.member
                let value = content?[isMember ? "membership" : "history_visibility"]?.stringValue ?? (isMember ? "leave" : "shared")
                let interval = History.Interval(from: row.int(2), to: row.intOrNil(3) ?? .max, value: value)
                if isMember { memberships[row.int(0), default: []].append(interval) } else { visibilities[row.int(0), default: []].append(interval) }
            }
        }
        return Dictionary(uniqueKeysWithValues: Set(rooms).map { ($0, History(user: user, memberships: memberships[$0] ?? [], visibilities: visibilities[$0] ?? [])) })
    }

    /// The present state of rooms, without members.
    func states(_ rooms: [Int64]) throws -> [Int64: [EventRow]] {
        var found: [Int64: [EventRow]] = [:]
        try Batch.each(rooms, padding: -1) { size, group in
            try EventStore.states(tx, SlidingBatches.states[size] ?? SlidingSQL.states(size), array: group as [any Bindable], into: &found)
        }
        return found
    }

    /// The present member events of these people, as far as there are any.
    func members(_ wanted: [(user: String, room: Int64)]) throws -> [Int64: [EventRow]] {
        var found: [Int64: [EventRow]] = [:]
        try Batch.each(wanted, padding: (user: "", room: -1)) { size, group in
            let binds = group.flatMap { [$0.user, $0.room] as [any Bindable] }
            for event in try EventStore.all(tx, SlidingBatches.members[size] ?? SlidingSQL.members(size), array: binds) { found[event.roomNID, default: []].append(event) }
        }
        return found
    }

    /// After whom rooms without a name are called: those who are there, or were.
    func heroes(_ entries: [RoomList.Entry]) throws -> [Int64: [JSON]] {
        var found: [Int64: [JSON]] = [:], former: [Int64: [JSON]] = [:]
        func hero(_ row: Row, _ at: Int) -> JSON {
            var hero: JSONObject = ["user_id": .string(row.text(at))]
            if let name = row.textOrNil(at + 1) { hero["displayname"] = .string(name) }
            if let avatar = row.textOrNil(at + 2) { hero["avatar_url"] = .string(avatar) }
            return .object(hero)
        }
        let large = entries.filter { $0.joinedCount > 100 }
        for entry in large { found[entry.nid] = try tx.all(SlidingSQL.heroesOfLargeRoom, entry.nid, user) { hero($0, 0) } }
        try Batch.each(entries.filter { $0.joinedCount <= 100 }.map(\.nid), padding: -1) { size, group in
            try tx.each(SlidingBatches.heroes[size] ?? SlidingSQL.heroes(size), array: [user] + group as [any Bindable]) { row in
                let nid = row.int(0)
                if row.bool(4) {
                    if found[nid, default: []].count < 5 { found[nid, default: []].append(hero(row, 1)) }
                } else if former[nid, default: []].count < 5 { former[nid, default: []].append(hero(row, 1)) }
            }
        }
        return former.merging(found) { _, present in present }
    }
}
