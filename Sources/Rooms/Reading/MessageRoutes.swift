import MatrixCore
import ServerKit
import Store

struct MessageRoutes: Sendable {
    
    var routes: [Route] {
        [
            Route(.get, "/_matrix/client/v3/rooms/{roomId}/messages", auth: .guest) { try await messages($0, $1) },
            Route(.get, "/_matrix/client/v3/rooms/{roomId}/context/{eventId}", auth: .guest) { try await context($0, $1) },
            Route(.get, "/_matrix/client/v1/rooms/{roomId}/timestamp_to_event", auth: .guest) { try await timestamp($0, $1) },
        ]
    }

    /// GET /_matrix/client/v3/rooms/{roomId}/messages?from&to&dir&limit&filter
    /// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3roomsroomidmessages
    private func messages(_ request: Request, _ c: Context) async throws -> Response {
        let room: RoomID = try request.id("roomId"), session = request.user
        let page = try PageRequest(request)
        let filter = try Self.filter(request)
        return try await c.db.read { tx in
            let reader = try RoomReader(c: c, tx: tx, room: room, session: session)
            let start = page.isBackward ? (page.hasFrom ? page.upper : reader.head.lastPos) : page.lower
            var kept: [EventRow] = [], edge = start, ended = false, examined = 0
            // The filter and the history visibility are applied here: read on until the page is full or the room ends, or enough was read for
            // one request: then there is a token to go on from, be the page empty.
            while kept.count < page.limit, !ended, examined < Self.mostExamined {
                // Where much is left out, larger pages are read.
                let missing = page.limit - kept.count, wanted = edge == start ? missing : max(missing, 50)
                let batch = page.isBackward
                    ? try EventStore.page(tx, room: reader.head.nid, after: page.lower, before: edge + 1, newestFirst: true, limit: wanted)
                    : try EventStore.page(tx, room: reader.head.nid, after: edge, before: page.upper + 1, newestFirst: false, limit: wanted)
                ended = batch.count < wanted
                examined += batch.count
                guard let last = batch.last else { break }
                edge = page.isBackward ? last.pos - 1 : last.pos
                let passing = try filter.passing(tx, reader.visible(batch), room: room)
                kept += passing.prefix(missing)
                if passing.count > missing, let last = kept.last { edge = page.isBackward ? last.pos - 1 : last.pos }
            }
            var body = JSONBytes()
            body.raw("{\"chunk\":"); body.list(try reader.json(kept))
            body.raw(",\"start\":\""); body.raw(PageToken(start).description); body.raw("\"")
            // As long as events come there is a token, also where the room has just ended: the next page then is empty and has none. Clients
            // know it so from the reference server.
            if !kept.isEmpty || examined >= Self.mostExamined && !ended { body.raw(",\"end\":\""); body.raw(PageToken(edge).description); body.raw("\"") }
            if filter.lazyLoadMembers, let newest = kept.map(\.pos).max() { body.raw(",\"state\":"); body.list(try reader.members(of: kept, at: newest)) }
            body.raw("}")
            return .json(bytes: body.bytes)
        }
    }

    /// GET /_matrix/client/v3/rooms/{roomId}/context/{eventId}?limit&filter
    /// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3roomsroomidcontexteventid
    private func context(_ request: Request, _ c: Context) async throws -> Response {
        let room: RoomID = try request.id("roomId"), id: EventID = try request.id("eventId"), session = request.user
        let limit = Int(min(try request.query.int("limit", default: 10), 200))
        let filter = try Self.filter(request)
        return try await c.db.read { tx in
            let reader = try RoomReader(c: c, tx: tx, room: room, session: session)
            let event = try reader.event(id)
            let half = limit / 2
            let before = half == 0 ? [] : try filter.passing(tx, reader.visible(EventStore.page(tx, room: reader.head.nid, before: event.pos, newestFirst: true, limit: half)), room: room)
            let after = limit - half == 0 ? [] : try filter.passing(tx, reader.visible(EventStore.page(tx, room: reader.head.nid, after: event.pos, newestFirst: false, limit: limit - half)), room: room)
            let first = before.last?.pos ?? event.pos, last = after.last?.pos ?? event.pos
            var state = try StateStore.all(tx, room: reader.head.nid, at: last)
            if filter.lazyLoadMembers {
                let senders = Set((before + [event] + after).map(\.sender.rawValue))
                state.removeAll { $0.type == "m.room.member" && !senders.contains($0.stateKey ?? "") }
            }
            let view = reader.view
            var body = JSONBytes()
            body.raw("{\"event\":"); body.raw(try reader.json([event])[0])
            body.raw(",\"events_before\":"); body.list(try reader.json(before))
            body.raw(",\"events_after\":"); body.list(try reader.json(after))
            body.raw(",\"state\":"); body.list(state.map { EventJSON.bytes($0, view) })
            body.raw(",\"start\":\""); body.raw(PageToken(first - 1).description)
            body.raw("\",\"end\":\""); body.raw(PageToken(last).description); body.raw("\"}")
            return .json(bytes: body.bytes)
        }
    }

    /// GET /_matrix/client/v1/rooms/{roomId}/timestamp_to_event?ts&dir
    /// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event
    private func timestamp(_ request: Request, _ c: Context) async throws -> Response {
        let room: RoomID = try request.id("roomId"), session = request.user
        guard request.query["ts"] != nil else { throw MatrixError.missingParam("'ts' is required.") }
        let ts = try request.query.int("ts", default: 0)
        guard let dir = request.query["dir"], dir == "f" || dir == "b" else { throw MatrixError.invalidParam("'dir' must be b or f.") }
        return try await c.db.read { tx in
            let reader = try RoomReader(c: c, tx: tx, room: room, session: session)
            // Events that the user may not see are passed over, a page at a time.
            var mark = (ts: ts, pos: dir == "f" ? 0 : Int64.max)
            while true {
                let batch = try EventStore.all(tx, dir == "f" ? SQL.after : SQL.before, reader.head.nid, mark.ts, mark.ts, mark.pos)
                guard let last = batch.last else { throw MatrixError.notFound("There is no event in that direction.") }
                if let event = try reader.visible(batch).first {
                    return .json(["event_id": .string(event.id.rawValue), "origin_server_ts": .int(event.timestamp)])
                }
                mark = (last.timestamp, last.pos)
            }
        }
    }

    /// How many events one request looks at, where a filter leaves most of them out.
    static let mostExamined = 2000

    static func filter(_ request: Request) throws -> RoomEventFilter {
        guard let text = request.query["filter"], !text.isEmpty else { return RoomEventFilter() }
        let json: JSON
        do { json = try JSON.parse(Array(text.utf8)) } catch { throw MatrixError.notJSON("'filter' is not valid JSON.") }
        do { return try RoomEventFilter(json) } catch { throw MatrixError.badJSON("The filter is wrong: \(error).") }
    }

    enum SQL {
        static let after = EventSQL.select + "WHERE e.room_nid = ? AND e.ts >= ? AND (e.ts > ? OR e.pos > ?) ORDER BY e.ts, e.pos LIMIT 20"
        static let before = EventSQL.select + "WHERE e.room_nid = ? AND e.ts <= ? AND (e.ts < ? OR e.pos < ?) ORDER BY e.ts DESC, e.pos DESC LIMIT 20"
        static let all = [after, before]
    }
}

extension RoomEventFilter {
    /// Whether an event of the database passes, but for the conditions on what relates to it (``RelatedBy``).
    func allows(_ event: EventRow, room: RoomID) -> Bool {
        if events.matchesEveryEvent, rooms == nil, notRooms.isEmpty, containsURL == nil { return true }
        return matches(type: event.type, sender: event.sender.rawValue, roomID: room.rawValue,
                       containsURL: containsURL == nil ? false : event.contentObject["url"]?.stringValue != nil)
    }
}
