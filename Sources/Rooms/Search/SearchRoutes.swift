import MatrixCore
import ServerKit
import Store

/// POST /_matrix/client/v3/search. Spec: https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3search
///
/// Invariants: only rooms that the user is or was in, and of them only what he may see, are counted, found or shown; all words must stand
/// in the event; the order is the same on every page.
struct Search: Sendable {
    enum Order: String { case rank, recent }
    struct Context { var before: Int, after: Int, withProfiles: Bool }

    var text: String
    var types: Set<String>
    var filter: RoomEventFilter
    var order = Order.rank
    var context: Context?
    var withState = false
    var groups: [String] = []
    var offset = 0
    var limit: Int { min(max(filter.limit ?? 10, 1), 100) }

    /// No search looks at more hits than these, the best or newest of them.
    static let mostHits = 1000
    static let mostWords = 16
    private static let keys = ["content.body": EventType.message, "content.name": EventType.name, "content.topic": EventType.topic]

    init(_ body: JSONObject, nextBatch: String?) throws {
        text = try body.required(string: "search_term", max: 4096)
        types = Set(Self.keys.values)
        if let keys = try body.strings("keys", max: 16) {
            types = Set(try keys.map { key in
                guard let type = Self.keys[key] else { throw MatrixError.invalidParam("'\(key)' cannot be searched.") }
                return type
            })
        }
        do { filter = try RoomEventFilter(.object(try body.object("filter") ?? [:])) } catch let error as FilterError { throw MatrixError.badJSON("The filter is wrong: \(error).") }
        if let name = try body.string("order_by") {
            guard let order = Order(rawValue: name) else { throw MatrixError.invalidParam("'order_by' must be rank or recent.") }
            self.order = order
        }
        if let context = try body.object("event_context") {
            func limit(_ key: String) throws -> Int { Int(min(max(try context.int(key) ?? 5, 0), 20)) }
            self.context = Context(before: try limit("before_limit"), after: try limit("after_limit"), withProfiles: try context.bool("include_profile") ?? false)
        }
        withState = try body.bool("include_state") ?? false
        for group in try body.object("groupings")?.array("group_by", max: 2) ?? [] {
            guard let key = group["key"]?.stringValue, key == "room_id" || key == "sender" else { throw MatrixError.invalidParam("Results are grouped by room_id or sender.") }
            if !groups.contains(key) { groups.append(key) }
        }
        if let nextBatch {
            guard nextBatch.first == "n", let offset = Int(nextBatch.dropFirst()), (1...Self.mostHits).contains(offset) else {
                throw MatrixError.invalidParam("'next_batch' is not a token of this server.")
            }
            self.offset = offset
        }
    }

    struct Hit { let event: EventRow, room: RoomID, weight: Int64 }

    /// All that the user may see of what was found, in order.
    func hits(_ tx: ReadTx, _ terms: [String], readers: inout [RoomID: RoomReader?], make: (RoomID) throws -> RoomReader?) throws -> [Hit] {
        guard !terms.isEmpty, !filter.matchesNothing else { return [] }
        let user = user
        var found: [(pos: Int64, weight: Int64)] = []
        let byRank = order == .rank
        if let rooms = filter.rooms {
            for room in rooms.sorted().prefix(200) where filter.matches(roomID: room) {
                guard let head = try RoomStore.head(tx, RoomID(trusted: room)) else { continue }
                found += try tx.all(SQL.inRoom(terms.count, byRank: byRank), array: [head.nid] + terms + [terms.count, Self.mostHits]) { ($0.int(0), $0.int(1)) }
            }
        } else {
            found = try tx.all(SQL.everywhere(terms.count, byRank: byRank), array: [user] + terms + [terms.count, Self.mostHits]) { ($0.int(0), $0.int(1)) }
        }
        found.sort { byRank && $0.weight != $1.weight ? $0.weight > $1.weight : $0.pos > $1.pos }
        found = Array(found.prefix(Self.mostHits))

        var events: [Int64: (event: EventRow, room: RoomID)] = [:]
        for start in stride(from: 0, to: found.count, by: SQL.page) {
            let part = found[start..<min(start + SQL.page, found.count)]
            let binds: [any Bindable] = part.map(\.pos) + Array(repeating: Int64(0), count: SQL.page - part.count)
            let rows = try EventStore.all(tx, SQL.events, array: binds)
            let names = try tx.all(SQL.rooms, array: binds) { (pos: $0.int(0), room: RoomID(trusted: $0.text(1))) }
            let rooms = Dictionary(names.map { ($0.pos, $0.room) }) { a, _ in a }
            for row in rows { if let room = rooms[row.pos] { events[row.pos] = (row, room) } }
        }
        let related = try RelatedBy.ids(tx, events.values.map(\.event), filter)
        return try found.compactMap { hit in
            guard let (event, room) = events[hit.pos], types.contains(event.type), event.redactedBy == nil, filter.allows(event, room: room),
                  related?.contains(event.id.rawValue) != false else { return nil }
            if readers[room] == nil { readers[room] = .some(try make(room)) }
            guard let reader = readers[room] ?? nil, let visible = try reader.visible([event]).first else { return nil }
            return Hit(event: visible, room: room, weight: hit.weight)
        }
    }
    var user = UserID(trusted: "")

    enum SQL {
        static let page = 50
        private static let order = [true: " ORDER BY SUM(s.weight) DESC, s.pos DESC LIMIT ?", false: " ORDER BY s.pos DESC LIMIT ?"]
        private static func words(_ count: Int) -> String { "s.term IN (" + Placeholders.list(count) + ") GROUP BY s.pos HAVING COUNT(*) = ?" }
        static func inRoom(_ count: Int, byRank: Bool) -> String {
            "SELECT s.pos, CAST(SUM(s.weight) AS INTEGER) FROM search_posting s WHERE s.room_nid = ? AND " + words(count) + (order[byRank] ?? "")
        }
        static func everywhere(_ count: Int, byRank: Bool) -> String {
            """
            SELECT s.pos, CAST(SUM(s.weight) AS INTEGER) FROM membership m JOIN search_posting s ON s.room_nid = m.room_nid \
            WHERE m.user_id = ? AND m.forgotten = 0 AND m.membership IN ('join', 'leave', 'ban') AND 
            """ + words(count) + (order[byRank] ?? "")
        }
        private static let positions = "(" + Placeholders.list(page) + ")"
        static let events = EventSQL.select + "WHERE e.pos IN " + positions
        static let rooms = "SELECT e.pos, r.room_id FROM event e JOIN room r ON r.room_nid = e.room_nid WHERE e.pos IN " + positions
        static let all = [inRoom(1, byRank: true), inRoom(3, byRank: false), everywhere(2, byRank: true), everywhere(3, byRank: false), events, rooms]
    }
}

extension RoomService {
    var searchRoutes: [Route] {
        [
            Route(.post, "/_matrix/client/v3/search", limit: .search) { request, c in
                let body = try request.json(), session = request.user
                guard let categories = try body.object("search_categories") else { throw MatrixError.missingParam("'search_categories' is required.") }
                guard let wanted = try categories.object("room_events") else { return .json(["search_categories": [:]]) }
                let token = request.query["next_batch"]
                var search = try Search(wanted, nextBatch: token?.isEmpty == true ? nil : token)
                search.user = session.userID
                let asked = search
                try await self.indexer.catchUp(c)
                let found = try await c.db.read { tx in try Self.answer(asked, c, tx, session) }
                return .json(["search_categories": ["room_events": .object(found)]])
            },
        ]
    }

    private static func answer(_ search: Search, _ c: Context, _ tx: ReadTx, _ session: Session) throws -> JSONObject {
        let terms = Array(SearchText.terms(search.text).map(\.term).prefix(Search.mostWords))
        var readers: [RoomID: RoomReader?] = [:]
        let hits = try search.hits(tx, terms, readers: &readers) { room in
            do { return try RoomReader(c: c, tx: tx, room: room, session: session) } catch is MatrixError { return nil }   // he may see nothing of it
        }
        let page = hits.dropFirst(search.offset).prefix(search.limit)
        var results: [JSON] = [], states = JSONObject(), highlights: Set<String> = []
        for hit in page {
            guard let reader = readers[hit.room] ?? nil else { continue }
            var result: JSONObject = ["rank": .double(Double(hit.weight) / 1000), "result": .raw(try reader.json([hit.event])[0])]
            if let context = search.context { result["context"] = .object(try surroundings(of: hit.event, context, reader)) }
            results.append(.object(result))
            if search.withState, states[hit.room.rawValue] == nil {
                let view = reader.view
                states[hit.room.rawValue] = .array(try state(reader).map { .raw(EventJSON.bytes($0, view)) })
            }
            guard let text = SearchIndex.text(type: hit.event.type, stateKey: hit.event.stateKey, hit.event.contentObject) else { continue }
            for word in SearchText.words(text) where terms.contains(word.term) { highlights.insert(word.text) }
        }
        var body: JSONObject = [
            "count": .int(Int64(hits.count)), "results": .array(results), "highlights": JSON(highlights.sorted()),
        ]
        if search.offset + page.count < hits.count { body["next_batch"] = .string("n\(search.offset + page.count)") }
        if search.withState { body["state"] = .object(states) }
        if !search.groups.isEmpty { body["groups"] = .object(groups(search.groups, Array(page))) }
        return body
    }

    private static func state(_ reader: RoomReader) throws -> [EventRow] {
        if let end = reader.access.end { return try StateStore.all(reader.tx, room: reader.head.nid, at: end) }
        return try StateStore.all(reader.tx, room: reader.head.nid)
    }

    private static func surroundings(of event: EventRow, _ wanted: Search.Context, _ reader: RoomReader) throws -> JSONObject {
        let tx = reader.tx, nid = reader.head.nid
        let before = wanted.before == 0 ? [] : try reader.visible(EventStore.page(tx, room: nid, before: event.pos, newestFirst: true, limit: wanted.before))
        let after = wanted.after == 0 ? [] : try reader.visible(EventStore.page(tx, room: nid, after: event.pos, newestFirst: false, limit: wanted.after))
        var context: JSONObject = [
            "events_before": .array(try reader.json(before).map { .raw($0) }), "events_after": .array(try reader.json(after).map { .raw($0) }),
            "start": .string(PageToken((before.last?.pos ?? event.pos) - 1).description), "end": .string(PageToken(after.last?.pos ?? event.pos).description),
        ]
        guard wanted.withProfiles else { return context }
        var profiles = JSONObject()
        for sender in Set((before + [event] + after).map(\.sender)).sorted() {
            guard let member = try StateStore.event(tx, room: nid, EventType.member, sender.rawValue, at: event.pos)?.contentObject else { continue }
            var profile = JSONObject()
            profile["displayname"] = member["displayname"]
            profile["avatar_url"] = member["avatar_url"]
            profiles[sender.rawValue] = .object(profile)
        }
        context["profile_info"] = .object(profiles)
        return context
    }

    private static func groups(_ keys: [String], _ hits: [Search.Hit]) -> JSONObject {
        var groups = JSONObject()
        for key in keys {
            var names: [String] = [], members: [String: [String]] = [:]
            for hit in hits {
                let name = key == "sender" ? hit.event.sender.rawValue : hit.room.rawValue
                if members[name] == nil { names.append(name) }
                members[name, default: []].append(hit.event.id.rawValue)
            }
            var group = JSONObject()
            for (order, name) in names.enumerated() { group[name] = ["results": JSON(members[name] ?? []), "order": .int(Int64(order + 1))] }
            groups[key] = .object(group)
        }
        return groups
    }
}
