import MatrixCore
import ServerKit
import Store

/// Reads one answer of sliding sync in one snapshot.
///
/// Invariants: of a room in sight the client gets all that came since it was told of it last, at once if that is much or in the next answers;
/// a room out of sight is told when it comes back; nothing is told of rooms in which the user has nothing to do; the rooms that have not
/// changed are not read.
struct SlidingReader {
    let c: Context
    let asked: SlidingRequest
    let session: Session
    /// nil for the first request of a connection.
    let since: SyncToken?
    let taken: Connections.Taken

    struct Result: Sendable {
        var answer: SlidingAnswer
        var state: ConnectionState
        var token: SyncToken
        var told: [ToldNow]
    }

    private var user: UserID { session.userID }

    /// One room that a request names, and how much of it.
    private struct Sight {
        /// Index into the configs of the connection's state.
        var config: Int
        var lists: [String] = []
        var isSubscribed = false
    }
    /// What the client asks for now and did not before.
    private enum Change {
        case none, state, lazy
        init(from old: RequiredState, to new: RequiredState) { self = new.lazyMembers && !old.lazyMembers ? .lazy : old.covers(new) ? .none : .state }
    }
    /// What there is to tell of a room that the user is in.
    private struct Task {
        var entry: RoomList.Entry
        var sight: Sight
        var config: RoomConfig
        var sent: ConnectionState.Room?
        var isFresh: Bool
        /// A part of what the client knows, or of what came since, was deleted: to him that is a gap like any other.
        var isPurged: Bool { !isFresh && entry.purgedPos > from }
        /// Up to where the client was told.
        var from: Int64
        var isExpanded: Bool
        /// State that only now is asked for.
        var expansion: RequiredState?
        var hasReceipt: Bool
        var room: SlidingAnswer.Room
    }

    func read(_ tx: ReadTx, _ list: inout RoomList, ephemeral: Int64) throws -> Result {
        let position = try tx.position
        if list.position > position {
            // This snapshot is older than what the list was brought up to for another request.
            var own = RoomList()
            try own.refresh(c, tx, user)
            return try answer(tx, &own, position: position, ephemeral: ephemeral)
        }
        try list.refresh(c, tx, user)
        return try answer(tx, &list, position: position, ephemeral: ephemeral)
    }

    private func answer(_ tx: ReadTx, _ list: inout RoomList, position: Int64, ephemeral: Int64) throws -> Result {
        let now = SyncToken(position: position, ephemeral: max(ephemeral, since?.ephemeral ?? 0))
        var result = Result(answer: SlidingAnswer(), state: taken.state, token: now, told: [])
        let news = since.flatMap { Touched(c, session, since: $0, covering: position) }
        let touched = news?.rooms
        let sights = try sights(tx, &list, &result)
        try forgetRooms(tx, &result, list, sights, touched)
        let parts = try rooms(tx, list, sights, touched, &result)
        try extensions(tx, list, sights, news, parts, &result)
        return result
    }

    // MARK: which rooms

    private func sights(_ tx: ReadTx, _ list: inout RoomList, _ result: inout Result) throws -> [Int64: Sight] {
        var sights: [Int64: Sight] = [:]
        var unions: [[Int]: Int] = [:]
        func see(_ nid: Int64, _ config: Int, list name: String?) {
            var sight = sights[nid] ?? Sight(config: config)
            if sight.config != config {
                let pair = [sight.config, config]
                let union = unions[pair] ?? result.state.index(of: result.state.configs[pair[0]].union(result.state.configs[pair[1]]))
                unions[pair] = union
                sight.config = union
            }
            if let name { sight.lists.append(name) } else { sight.isSubscribed = true }
            sights[nid] = sight
        }
        for (name, wanted) in asked.lists {
            let config = result.state.index(of: wanted.config)
            if wanted.filters.needsTags { try list.loadTags(c, tx, user) }
            let children = try wanted.filters.spaces.map { try rooms(tx, in: $0, list) }
            let all = wanted.filters == SlidingFilters()
            var count = 0
            for nid in list.order {
                guard let entry = list.entries[nid], try isListed(tx, entry, &list) else { continue }
                guard all || wanted.filters.matches(facts(entry, list, children)) else { continue }
                if wanted.ranges.map({ $0.contains { $0.contains(count) } }) ?? true { see(nid, config, list: name) }
                count += 1
            }
            result.answer.lists.append((name, count))
        }
        for (room, config) in asked.subscriptions {
            guard let nid = list.byRoom[room], let entry = list.entries[nid], try isListed(tx, entry, &list) else { continue }
            see(nid, result.state.index(of: config), list: nil)
        }
        return sights
    }

    /// What the user left by himself is told to those who knew of it, and never again; who was removed or banned shall hear of it.
    private func isListed(_ tx: ReadTx, _ entry: RoomList.Entry, _ list: inout RoomList) throws -> Bool {
        switch entry.member.membership {
        case "join": return true
        case "invite": return !list.ignored.hidesInvite(from: entry.member.sender)
        case "knock": return true
        default:
            if taken.state.rooms[entry.nid] != nil { return true }
            // A ban of somebody who never was there is nobody's business but the moderators'.
            return try entry.wasRemoved && list.wasJoined(tx, entry)
        }
    }

    private func facts(_ entry: RoomList.Entry, _ list: RoomList, _ children: Set<RoomID>?) -> SlidingFilters.Facts {
        SlidingFilters.Facts(isDirect: list.direct.contains(entry.room), isEncrypted: entry.isEncrypted, isInvite: entry.member.membership == "invite",
                             type: entry.type, name: entry.name, tags: list.tags(of: entry.room), isInSpaces: children?.contains(entry.room) ?? false)
    }
    private func rooms(_ tx: ReadTx, in spaces: Set<String>, _ list: RoomList) throws -> Set<RoomID> {
        var rooms: Set<RoomID> = []
        for space in spaces {
            guard let nid = list.byRoom[RoomID(trusted: space)], list.entries[nid]?.isJoined == true else { continue }
            try tx.each(SlidingSQL.spaceChildren, nid, Array("{}".utf8)) { rooms.insert(RoomID(trusted: $0.text(0))) }
        }
        return rooms
    }

    /// Rooms that are out of sight and go on keep the place up to which the client knows them; those that are no longer the user's go.
    /// Of a room that was deleted they hear that they are out.
    private func forgetRooms(_ tx: ReadTx, _ result: inout Result, _ list: RoomList, _ sights: [Int64: Sight], _ touched: Set<RoomID>?) throws {
        guard let since else { return }
        let looked = touched.map { rooms in rooms.compactMap { list.byRoom[$0] } } ?? Array(taken.state.rooms.keys)
        for nid in looked {
            guard let room = taken.state.rooms[nid] else { continue }
            guard let entry = list.entries[nid] else {
                result.state.rooms[nid] = nil
                if let farewell = try Farewells.one(tx, user, nid: nid), farewell.pos > room.upTo ?? since.position { result.answer.rooms.append((farewell.room, farewell.sliding)) }
                continue
            }
            if room.upTo == nil, sights[nid] == nil, max(entry.activity, entry.member.pos, entry.isJoined ? entry.purgedPos : 0) > since.position { result.state.rooms[nid]?.upTo = since.position }
        }
    }

    // MARK: rooms

    private func rooms(_ tx: ReadTx, _ list: RoomList, _ sights: [Int64: Sight], _ touched: Set<RoomID>?, _ result: inout Result) throws -> Set<RoomID> {
        var tasks: [Task] = [], fresh: Set<RoomID> = [], changes: [[Int]: Change] = [:]
        let own = try ownReceipts(tx, list, touched)
        let order = asked.lists.isEmpty && sights.count < 100 ? sights.keys.sorted() : list.order
        for nid in order {
            guard let sight = sights[nid], let entry = list.entries[nid] else { continue }
            let sent = taken.state.rooms[nid], isDirect = list.direct.contains(entry.room)
            let from = sent.map { $0.upTo ?? since?.position ?? 0 } ?? 0
            var room = SlidingAnswer.Room(bumpStamp: entry.bumpStamp)
            room.lists = sight.lists
            guard entry.isJoined else {
                guard sent == nil || entry.member.pos > from else { continue }
                try outside(tx, entry, sight, sent, from: from, isDirect: isDirect, &room, &result)
                result.answer.rooms.append((entry.room, room))
                continue
            }
            let isFresh = sent == nil || entry.member.sincePos > from
            let config = result.state.configs[sight.config]
            let change = isFresh ? Change.none : changes[[sent?.config ?? 0, sight.config]] ?? Change(from: result.state.configs[sent?.config ?? 0].state, to: config.state)
            if !isFresh { changes[[sent?.config ?? 0, sight.config]] = change }
            let expansion = change == .none ? nil : config.state
            let isExpanded = !isFresh && (config.limit > (sent?.limit ?? 0) || change == .lazy)
            let hasReceipt = own.contains(nid), directChanged = sent != nil && sent?.isDirect != isDirect
            if isFresh {
                fresh.insert(entry.room)
                room.isInitial = true
                if isDirect { room.isDirect = true }
            } else if directChanged { room.isDirect = isDirect }
            if isFresh || max(entry.lastPos, entry.purgedPos) > from || isExpanded || expansion != nil || hasReceipt || directChanged {
                tasks.append(Task(entry: entry, sight: sight, config: config, sent: sent, isFresh: isFresh, from: from, isExpanded: isExpanded, expansion: expansion,
                                  hasReceipt: hasReceipt, room: room))
            }
            if sent == nil || isFresh || isExpanded || sent?.upTo != nil || sent?.config != sight.config || directChanged {
                let limit = isFresh ? config.limit : max(sent?.limit ?? 0, config.limit)
                result.state.rooms[nid] = ConnectionState.Room(upTo: nil, limit: limit, config: sight.config, isDirect: isDirect)
            }
        }
        try tell(tx, tasks, &result)
        return fresh
    }

    /// Rooms in which the user himself has read on: his counts are others.
    private func ownReceipts(_ tx: ReadTx, _ list: RoomList, _ touched: Set<RoomID>?) throws -> Set<Int64> {
        guard let since, !taken.state.rooms.isEmpty else { return [] }
        guard let touched else { return Set(try tx.all(SlidingSQL.ownReceiptsSince, user, since.position) { $0.int(0) }) }
        return Set(try touched.compactMap { list.byRoom[$0] }.filter { try tx.exists(SlidingSQL.ownReceiptSince, $0, user, since.position) })
    }

    /// An invite, a knock, or a room that the user is no longer in.
    private func outside(_ tx: ReadTx, _ entry: RoomList.Entry, _ sight: Sight, _ sent: ConnectionState.Room?, from: Int64, isDirect: Bool,
                         _ room: inout SlidingAnswer.Room, _ result: inout Result) throws {
        let member = entry.member
        room.membership = member.membership
        if isDirect { room.isDirect = true }
        let config = result.state.configs[sight.config]
        result.state.rooms[entry.nid] = ConnectionState.Room(upTo: nil, limit: 0, config: sight.config, isDirect: isDirect)
        if entry.isOutside {
            room.isInitial = true
            room.stripped = try MembershipStore.stripped(tx, room: entry.nid, user) ?? Array("[]".utf8)
            return
        }
        if !entry.wasRemoved { result.state.rooms[entry.nid] = nil }   // he knows that he left: this was the last word
        guard let leave = try EventStore.event(tx, at: member.pos) else { return }
        let history = try Access.history(tx, room: entry.nid, user)
        let wasIn = sent != nil && history.membership(at: from) == "join"
        room.isInitial = !wasIn
        guard history.everJoined else {
            // An invite or knock that came to nothing: only the leave itself may be seen.
            room.requiredState = list([leave])
            room.timeline = leave.isInTimeline ? room.requiredState : EventList()
            room.live = room.timeline.count
            return
        }
        // What there is between the client's last word and the end; the leave is the last event.
        let limit = max(1, config.limit), after = wasIn ? from : 0
        let ignored = try Ignored(c, tx, by: user)
        let events = try EventStore.page(tx, room: entry.nid, after: after, before: member.pos + 1, newestFirst: true, limit: limit + 1)
            .filter { history.canSee($0) && !ignored.hides($0) }
        let page = try Erasure.apply(c, tx, room: entry.nid, Array(events.prefix(limit).reversed()), history)
        room.timeline = list(page, membership: { history.membership(at: $0.pos) })
        room.limited = events.count > limit || wasIn && entry.purgedPos > from
        room.live = since.map { since in page.count { $0.pos > since.position } } ?? 0
        if let first = page.first { room.prevBatch = PageToken(first.pos - 1).description }
        let state = wasIn ? try StateStore.changes(tx, room: entry.nid, after: from, to: member.pos) : try StateStore.all(tx, room: entry.nid, at: member.pos)
        room.requiredState = list(state.filter { $0.pos == leave.pos || config.state.matches($0.type, $0.stateKey ?? "") })
        if !wasIn { (room.name, room.avatar) = (.some(entry.name), .some(entry.avatar)) }
    }

    /// `membership`: of the user, at an event.
    private func list(_ events: [EventRow], membership: (EventRow) -> String? = { _ in nil }, relations: [Int64: [UInt8]] = [:]) -> EventList {
        var list = EventList(for: events)
        let view = EventJSON.View(user: user, device: session.deviceID, now: c.clock.now)
        for event in events {
            list.add { EventJSON.write(event, view, membership: membership(event), relations: relations.isEmpty ? nil : relations[event.pos], into: &$0) }
        }
        return list
    }

    /// Reads what is to be told of rooms that the user is in. Of many rooms some at a time: their events are written while they are in the
    /// processor's cache, and the next take the memory of the last.
    private func tell(_ tx: ReadTx, _ tasks: [Task], _ result: inout Result) throws {
        guard !tasks.isEmpty else { return }
        let reader = RoomPages(c: c, tx: tx, user: user, ignored: try Ignored(c, tx, by: user), now: result.token.position)
        let counts = tasks.count > 8 ? try Unread.counts(tx, of: user) : nil
        for start in stride(from: 0, to: tasks.count, by: Batch.largest) {
            try tell(tx, Array(tasks[start..<min(start + Batch.largest, tasks.count)]), reader, counts, &result)
        }
    }

    /// With a few statements for all of these rooms.
    /// - Parameter counts: What is unread in all rooms of the user, where that was read at once.
    private func tell(_ tx: ReadTx, _ tasks: [Task], _ reader: RoomPages, _ counts: [Int64: [String: Unread.Counts]]?, _ result: inout Result) throws {
        var pages = try reader.pages(tasks.filter { $0.isFresh || $0.isExpanded || $0.isPurged || $0.entry.lastPos > $0.from }.map {
            RoomPages.Wish(entry: $0.entry, after: $0.isFresh || $0.isExpanded || $0.isPurged ? 0 : $0.from, limit: $0.config.limit)
        })
        for task in tasks where task.isPurged { pages[task.entry.nid]?.limited = true }
        // State: all of it for rooms that are new or of which more is asked; elsewhere what has changed.
        let wide = tasks.filter { ($0.isFresh || $0.expansion != nil) && !$0.config.state.clauses.isEmpty }
        let states = try reader.states(wide.map(\.entry.nid))
        var changes: [Int64: [EventRow]] = [:]
        for task in tasks where !task.isFresh && task.entry.statePos > task.from {
            changes[task.entry.nid] = try StateStore.changes(tx, room: task.entry.nid, after: task.from, to: result.token.position)
        }
        // Members
        var wanted: [(user: String, room: Int64)] = [], told: [Int64: ToldNow] = [:]
        for task in tasks {
            let nid = task.entry.nid, config = task.config.state
            var names: Set<String> = task.isFresh || task.expansion != nil ? config.namedMembers.filter { config.matches(EventType.member, $0) } : []
            if config.lazyMembers, let page = pages[nid] {
                var speakers = Set(page.events.map(\.sender.rawValue))
                for event in page.events where event.type == EventType.member { if let key = event.stateKey { speakers.insert(key) } }
                let forgets = task.isFresh || page.limited
                if !forgets { speakers = speakers.filter { !taken.told.isKnown($0, in: nid, serial: taken.serial) } }
                names.formUnion(speakers)
                if !speakers.isEmpty || forgets { told[nid] = ToldNow(room: nid, members: speakers, forgetting: forgets) }
            }
            wanted += names.map { ($0, nid) }
        }
        let members = try reader.members(wanted)
        var everybody: [Int64: [EventRow]] = [:]
        for task in wide where task.config.state.wantsEveryMember { everybody[task.entry.nid] = try StateStore.ofType(tx, room: task.entry.nid, EventType.member) }
        // Names and counts
        let nameless = tasks.filter { task in
            task.entry.name == nil && (task.isFresh || task.entry.memberPos > task.from || changes[task.entry.nid]?.contains { $0.type == EventType.name } == true)
        }
        let heroes = try reader.heroes(nameless.map(\.entry))
        let isNameless = Set(nameless.map(\.entry.nid))

        for var task in tasks {
            let nid = task.entry.nid, changed = changes[nid] ?? []
            if task.isFresh { task.room.membership = "join" }
            if task.isFresh || changed.contains(where: { $0.type == EventType.name }) { task.room.name = .some(task.entry.name) }
            if task.isFresh || changed.contains(where: { $0.type == EventType.avatar }) { task.room.avatar = .some(task.entry.avatar) }
            if isNameless.contains(nid) { task.room.heroes = heroes[nid] ?? [] }
            if task.isFresh || task.entry.memberPos > task.from { (task.room.joinedCount, task.room.invitedCount) = (task.entry.joinedCount, task.entry.invitedCount) }
            if task.isFresh || task.hasReceipt || task.isPurged || task.entry.lastPos > task.from {
                let unread = try counts.map { $0[nid] ?? [:] } ?? Unread.counts(tx, room: nid, user)
                task.room.notifications = unread.values.reduce(0) { $0 + $1.notifications }
                task.room.highlights = unread.values.reduce(0) { $0 + $1.highlights }
            }
            if let page = pages[nid] { timeline(page, &task, &result) }
            state(task, states[nid] ?? [], changed, (members[nid] ?? []) + (everybody[nid] ?? []), limited: pages[nid]?.limited ?? false, &task.room)
            result.answer.rooms.append((task.entry.room, task.room))
        }
        result.told += told.values
    }

    private func timeline(_ page: RoomPages.Page, _ task: inout Task, _ result: inout Result) {
        let live = page.events.count { $0.pos > (task.isFresh ? since?.position ?? .max : task.from) }
        task.room.timeline = list(page.events, membership: { page.history?.membership(at: $0.pos) ?? "join" }, relations: page.relations)
        task.room.live = live
        task.room.limited = page.limited
        task.room.isExpanded = task.isExpanded
        if !page.events.isEmpty || page.limited { task.room.prevBatch = PageToken(page.start).description }
        // After a gap the client has no more than this page.
        if page.limited, !task.isFresh, !task.isExpanded, let sent = result.state.rooms[task.entry.nid], sent.limit != task.config.limit {
            result.state.rooms[task.entry.nid]?.limit = task.config.limit
        }
    }

    private func state(_ task: Task, _ whole: [EventRow], _ changed: [EventRow], _ members: [EventRow], limited: Bool, _ room: inout SlidingAnswer.Room) {
        let config = task.config.state
        var seen: Set<Int64> = [], events: [EventRow] = []
        func add(_ event: EventRow) { if seen.insert(event.pos).inserted { events.append(event) } }
        if task.isFresh || task.expansion != nil {
            let old = task.isFresh ? nil : task.sent.map { taken.state.config($0).state }
            for event in whole where config.matches(event.type, event.stateKey ?? "") && old?.matches(event.type, event.stateKey ?? "") != true { add(event) }
        }
        for event in changed {
            let key = event.stateKey ?? ""
            if config.matches(event.type, key) || event.type == EventType.member && config.lazyMembers && !limited { add(event) }
        }
        for event in members { add(event) }
        room.requiredState = list(events)
    }

    // MARK: extensions

    private func extensions(_ tx: ReadTx, _ list: RoomList, _ sights: [Int64: Sight], _ news: Touched?, _ fresh: Set<RoomID>, _ result: inout Result) throws {
        if let wanted = asked.toDevice {
            var scope = SyncScope(user: user, device: session.deviceID, since: result.token, now: result.token, joined: [], fresh: [], touched: [])
            scope.since?.toDevice = min(wanted.since ?? 0, result.token.position)
            scope.wanted = .toDevice
            scope.toDeviceLimit = wanted.limit
            var parts = SyncParts()
            for source in c.syncSources { try source.contribute(c, tx, scope, into: &parts) }
            result.answer.toDevice = (parts.toDeviceThrough ?? result.token.position, parts.toDevice)
        }
        guard !asked.wanted.isEmpty else { return }
        let joined = Set(result.state.rooms.keys.compactMap { nid in list.entries[nid].flatMap { $0.isJoined ? $0.room : nil } })
        var scope = SyncScope(user: user, device: session.deviceID, since: since, now: result.token, joined: joined, fresh: fresh, touched: news?.rooms, receipts: news?.read)
        scope.wanted = asked.wanted
        var parts = SyncParts()
        for source in c.syncSources { try source.contribute(c, tx, scope, into: &parts) }
        if asked.wantsKeys {
            var keys = parts.extra
            if !parts.deviceLists.isEmpty { keys.append((name: "device_lists", json: parts.deviceLists.json.encoded())) }
            result.answer.keys = keys
            result.answer.hasKeyNews = !parts.deviceLists.isEmpty || parts.hasNews
        }
        let rooms = parts.rooms.filter { joined.contains($0.key) }.sorted { $0.key < $1.key }
        if let wanted = asked.accountData {
            result.answer.hasAccountData = true
            result.answer.globalData = parts.accountData
            for (room, part) in rooms where !part.accountData.isEmpty && concerns(wanted, room, list, sights) { result.answer.roomData.append((room, part.accountData)) }
        }
        if let wanted = asked.receipts {
            result.answer.hasReceipts = true
            for (room, part) in rooms where concerns(wanted, room, list, sights) {
                if let event = Self.merged(part.ephemeral.filter { !Self.isTyping($0) }) { result.answer.receipts.append((room, event)) }
            }
        }
        if let wanted = asked.typing {
            result.answer.hasTyping = true
            for (room, part) in rooms where concerns(wanted, room, list, sights) {
                if let event = part.ephemeral.last(where: Self.isTyping) { result.answer.typing.append((room, event)) }
            }
        }
    }

    private func concerns(_ wanted: SlidingRequest.Extension, _ room: RoomID, _ list: RoomList, _ sights: [Int64: Sight]) -> Bool {
        if wanted.isForAll { return true }
        if let rooms = wanted.rooms, rooms.contains(room.rawValue) { return true }
        guard let nid = list.byRoom[room], let sight = sights[nid] else { return false }
        if sight.isSubscribed, wanted.rooms == nil || wanted.rooms?.contains("*") == true { return true }
        return sight.lists.contains { wanted.lists == nil || wanted.lists?.contains("*") == true || wanted.lists?.contains($0) == true }
    }

    private static let typingEnd = Array(#""type":"m.typing"}"#.utf8)
    private static func isTyping(_ event: [UInt8]) -> Bool { event.suffix(typingEnd.count).elementsEqual(typingEnd) }

    /// There is room for one event: where a user has several receipts at one event, the first stays.
    private static func merged(_ events: [[UInt8]]) -> [UInt8]? {
        guard events.count > 1 else { return events.first }
        var all = JSONObject()
        for bytes in events {
            guard let content = (try? JSON.parse(bytes))?["content"]?.objectValue else { continue }   // made by a source of ours: it parses
            for (event, kinds) in content {
                var merged = all[event]?.objectValue ?? [:]
                for (kind, users) in kinds.objectValue ?? [:] { merged[kind] = .object((users.objectValue ?? [:]).merging(merged[kind]?.objectValue ?? [:])) }
                all[event] = .object(merged)
            }
        }
        return (["content": .object(all), "type": "m.receipt"] as JSONObject).encoded()
    }
}
