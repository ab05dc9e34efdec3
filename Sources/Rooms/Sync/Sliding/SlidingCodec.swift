import MatrixCore
import ServerKit

/// Reads the two forms of a request.
///
/// `unstable`: what the Rust SDK sends to `/unstable/org.matrix.simplified_msc3575/sync`: `pos` and `timeout` in the query, `ranges`,
/// `required_state` as pairs with `*`, `$ME` and `$LAZY`. `v4`: the accepted proposal: all in the body, `range`,
/// `required_state: {include, exclude, lazy_members}`.
enum SlidingCodec {
    static let mostLists = 100, mostSubscriptions = 100, mostRanges = 20, mostPatterns = 500, mostTimeline = 100
    static let longestName = 255

    static func read(_ request: Request, form: SlidingRequest.Form) throws -> SlidingRequest {
        let body = try request.json(), me = request.user.userID
        var asked = SlidingRequest(form: form)
        asked.connection = try name(body.string("conn_id"), "conn_id") ?? ""
        asked.transaction = try name(body.string("txn_id"), "txn_id")
        switch form {
        case .unstable:
            asked.pos = request.query["pos"].flatMap { $0.isEmpty ? nil : $0 }
            asked.timeout = try request.query.int("timeout", default: 0)
            asked.presence = request.query["set_presence"] ?? "online"
        case .v4:
            asked.pos = try body.string("pos").flatMap { $0.isEmpty ? nil : $0 }
            asked.timeout = try body.int("timeout") ?? 0
            asked.presence = try body.string("set_presence") ?? "online"
            guard asked.timeout >= 0 else { throw MatrixError.invalidParam("'timeout' must not be negative.") }
        }
        guard ["online", "offline", "unavailable"].contains(asked.presence) else {
            throw MatrixError.invalidParam("'set_presence' must be online, unavailable or offline.")
        }
        let lists = try body.object("lists") ?? [:]
        guard lists.count <= mostLists else { throw MatrixError.invalidParam("At most \(mostLists) lists.") }
        for key in lists.keys {
            guard let list = try lists.object(key) else { throw MatrixError.badJSON("The list '\(key.prefix(40))' must be an object.") }
            guard let name = try name(key, "lists") else { throw MatrixError.invalidParam("A list must have a name.") }
            asked.lists.append((name, SlidingRequest.List(ranges: try ranges(list, form), config: try config(list, form, me), filters: try filters(list.object("filters"), form))))
        }
        let rooms = try body.object("room_subscriptions") ?? [:]
        guard rooms.count <= mostSubscriptions else { throw MatrixError.invalidParam("At most \(mostSubscriptions) room subscriptions.") }
        for key in rooms.keys {
            guard let room = RoomID(rawValue: key) else { throw MatrixError.invalidParam("'room_subscriptions' has a key that is no room id.") }
            guard let wanted = try rooms.object(key) else { throw MatrixError.badJSON("A room subscription must be an object.") }
            asked.subscriptions.append((room, try config(wanted, form, me)))
        }
        try extensions(body.object("extensions") ?? [:], &asked)
        return asked
    }

    private static func name(_ text: String?, _ field: String) throws -> String? {
        guard let text else { return nil }
        guard text.utf8.count <= longestName, !text.utf8.contains(0) else { throw MatrixError.invalidParam("'\(field)' holds a name that is longer than \(longestName) bytes or has a NUL in it.") }
        return text
    }

    private static func ranges(_ list: JSONObject, _ form: SlidingRequest.Form) throws -> [ClosedRange<Int>]? {
        func range(_ json: JSON) throws -> ClosedRange<Int> {
            guard let pair = json.arrayValue, pair.count == 2, let from = pair[0].intValue, let to = pair[1].intValue else {
                throw MatrixError.badJSON("A range must be a list of two whole numbers.")
            }
            guard from >= 0, to >= from else { throw MatrixError.invalidParam("A range must not be negative nor end before it begins.") }
            return Int(from)...Int(min(to, Int64(Int32.max)))
        }
        if form == .v4 {
            guard let json = list["range"], !json.isNull else { return nil }
            return [try range(json)]
        }
        return try list.array("ranges", max: mostRanges)?.map(range)
    }

    private static func config(_ object: JSONObject, _ form: SlidingRequest.Form, _ me: UserID) throws -> RoomConfig {
        guard let limit = try object.int("timeline_limit") else { throw MatrixError.missingParam("'timeline_limit' is required.") }
        guard limit >= 0 else { throw MatrixError.invalidParam("'timeline_limit' must not be negative.") }
        let state = form == .v4 ? try stateOfObject(object.object("required_state") ?? [:]) : try stateOfPairs(object, me)
        return RoomConfig(limit: Int(min(limit, Int64(mostTimeline))), state: state)
    }

    private static func stateOfPairs(_ object: JSONObject, _ me: UserID) throws -> RequiredState {
        var state = RequiredState(), patterns: Set<RequiredState.Pattern> = []
        for json in try object.array("required_state", max: mostPatterns) ?? [] {
            guard let pair = json.arrayValue, pair.count == 2, let type = pair[0].stringValue, let key = pair[1].stringValue else {
                throw MatrixError.badJSON("'required_state' must be a list of pairs of strings.")
            }
            if type == EventType.member, key == "$LAZY" { state.lazyMembers = true; continue }
            patterns.insert(.init(type: type == "*" ? nil : type, key: key == "*" ? nil : key == "$ME" ? me.rawValue : key))
        }
        if !patterns.isEmpty { state.clauses = [.init(include: patterns)] }
        return state
    }

    private static func stateOfObject(_ object: JSONObject) throws -> RequiredState {
        func patterns(_ field: String) throws -> Set<RequiredState.Pattern> {
            Set(try (object.array(field, max: mostPatterns) ?? []).map { json in
                guard let element = json.objectValue else { throw MatrixError.badJSON("'\(field)' must be a list of objects.") }
                return .init(type: try element.string("type"), key: try element.string("state_key"))
            })
        }
        let include = try patterns("include"), exclude = try patterns("exclude")
        return RequiredState(clauses: include.isEmpty ? [] : [.init(include: include, exclude: exclude)], lazyMembers: try object.bool("lazy_members") ?? false)
    }

    private static func filters(_ object: JSONObject?, _ form: SlidingRequest.Form) throws -> SlidingFilters {
        guard let object else { return SlidingFilters() }
        var filters = SlidingFilters()
        func types(_ field: String) throws -> Set<String?>? {
            guard let array = try object.array(field, max: 100) else { return nil }
            return Set(try array.map { json in
                if json.isNull { return nil }
                guard let type = json.stringValue else { throw MatrixError.badJSON("'\(field)' must be a list of strings or null.") }
                return type
            })
        }
        filters.isDirect = try object.bool("is_dm")
        filters.isEncrypted = try object.bool("is_encrypted")
        filters.isInvite = try object.bool(form == .v4 ? "is_invited" : "is_invite")
        filters.spaces = try object.strings("spaces", max: 100).map(Set.init)
        filters.types = try types("room_types")
        filters.notTypes = try types("not_room_types") ?? []
        filters.tags = try object.strings("tags", max: 100).map(Set.init)
        filters.notTags = Set(try object.strings("not_tags", max: 100) ?? [])
        filters.nameLike = try object.string("room_name_like", max: 255)
        return filters
    }

    private static func extensions(_ object: JSONObject, _ asked: inout SlidingRequest) throws {
        func enabled(_ name: String) throws -> JSONObject? {
            guard let config = try object.object(name), try config.bool("enabled") == true else { return nil }
            return config
        }
        func places(_ name: String) throws -> SlidingRequest.Extension? {
            guard let config = try enabled(name) else { return nil }
            return .init(lists: try config.strings("lists", max: mostLists).map(Set.init), rooms: try config.strings("rooms", max: 1000).map(Set.init))
        }
        if let config = try enabled("to_device") {
            var since: Int64?
            if let text = try config.string("since"), !text.isEmpty {
                guard let position = Int64(text), position >= 0 else { throw MatrixError.invalidParam("'since' of to_device is not a token of this server.") }
                since = position
            }
            let limit = try config.int("limit") ?? 100
            guard limit >= 0 else { throw MatrixError.invalidParam("'limit' must not be negative.") }
            asked.toDevice = .init(since: since, limit: Int(min(max(limit, 1), 100)))
        }
        asked.wantsKeys = try enabled("e2ee") != nil
        asked.accountData = try places("account_data")
        asked.receipts = try places("receipts")
        asked.typing = try places("typing")
    }
}
