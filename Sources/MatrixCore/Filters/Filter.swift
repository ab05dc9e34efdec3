/// Why a filter is not one: the path of the member that is wrong, and what it should be. M_BAD_JSON on the wire.
package struct FilterError: Error, Hashable, CustomStringConvertible {
    package let path: String
    package let expected: String
    package var description: String { "\(path) must be \(expected)" }
}

/// Which events, by type and sender. https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3useruseridfilter
package struct EventFilter: Sendable, Hashable {
    /// Nil when the client asks for no particular number. At least 0.
    package var limit: Int?
    package var types: [Glob]?
    package var notTypes: [Glob] = []
    package var senders: Set<String>?
    package var notSenders: Set<String> = []

    package init() {}

    /// Lets everything through, whatever its type and sender.
    package var matchesEveryEvent: Bool { types == nil && notTypes.isEmpty && senders == nil && notSenders.isEmpty }
    /// Lets nothing through, so nobody need look.
    package var matchesNothing: Bool { types?.isEmpty == true || senders?.isEmpty == true || limit == 0 || notTypes.contains { $0.pattern == "*" } }

    package func matches(type: String, sender: String) -> Bool { matches(type: type) && matches(sender: sender) }

    package func matches(type: String) -> Bool {
        if notTypes.contains(where: { $0.matches(type) }) { return false }
        guard let types else { return true }
        return types.contains { $0.matches(type) }
    }

    package func matches(sender: String) -> Bool { !notSenders.contains(sender) && senders?.contains(sender) != false }
}

/// Which events of which rooms.
package struct RoomEventFilter: Sendable, Hashable {
    package var events = EventFilter()
    package var rooms: Set<String>?
    package var notRooms: Set<String> = []
    /// True: only events with a `url` in their content; false: only those without.
    package var containsURL: Bool?
    package var lazyLoadMembers = false
    package var includeRedundantMembers = false
    package var unreadThreadNotifications = false
    /// Only events that have an event related to them by one of these relation types.
    package var relatedByRelTypes: [String]?
    /// Only events that have an event related to them by one of these senders.
    package var relatedBySenders: [String]?

    package init() {}

    package var limit: Int? { events.limit }
    package var matchesNothing: Bool { events.matchesNothing || rooms?.isEmpty == true }

    package func matches(roomID: String) -> Bool { !notRooms.contains(roomID) && rooms?.contains(roomID) != false }

    /// All but the `related_by` conditions, which ask for other events.
    package func matches(type: String, sender: String, roomID: String, containsURL hasURL: Bool) -> Bool {
        if let containsURL, containsURL != hasURL { return false }
        return events.matches(type: type, sender: sender) && matches(roomID: roomID)
    }

    /// A filter given by itself, as the query parameter of `/messages` and `/context` has it.
    package init(_ json: JSON) throws(FilterError) {
        try self.init(FilterReader(json, path: "filter"))
    }

    fileprivate init(_ reader: FilterReader) throws(FilterError) {
        events = try EventFilter(reader)
        rooms = try reader.strings("rooms", as: RoomID.self).map(Set.init)
        notRooms = Set(try reader.strings("not_rooms", as: RoomID.self) ?? [])
        containsURL = try reader.bool("contains_url")
        lazyLoadMembers = try reader.bool("lazy_load_members") ?? false
        includeRedundantMembers = try reader.bool("include_redundant_members") ?? false
        unreadThreadNotifications = try reader.bool("unread_thread_notifications") ?? false
        relatedByRelTypes = try reader.strings("related_by_rel_types")
        relatedBySenders = try reader.strings("related_by_senders", as: UserID.self)
    }
}

/// Which rooms, and in them which events by their place in a sync.
package struct RoomFilter: Sendable, Hashable {
    package var rooms: Set<String>?
    package var notRooms: Set<String> = []
    package var includeLeave = false
    package var timeline = RoomEventFilter()
    package var state = RoomEventFilter()
    package var ephemeral = RoomEventFilter()
    package var accountData = RoomEventFilter()

    package init() {}

    package func matches(roomID: String) -> Bool { !notRooms.contains(roomID) && rooms?.contains(roomID) != false }

    fileprivate init(_ reader: FilterReader) throws(FilterError) {
        rooms = try reader.strings("rooms", as: RoomID.self).map(Set.init)
        notRooms = Set(try reader.strings("not_rooms", as: RoomID.self) ?? [])
        includeLeave = try reader.bool("include_leave") ?? false
        timeline = try reader.child("timeline", RoomEventFilter.init) ?? RoomEventFilter()
        state = try reader.child("state", RoomEventFilter.init) ?? RoomEventFilter()
        ephemeral = try reader.child("ephemeral", RoomEventFilter.init) ?? RoomEventFilter()
        accountData = try reader.child("account_data", RoomEventFilter.init) ?? RoomEventFilter()
    }
}

/// A sync filter. https://spec.matrix.org/latest/client-server-api/#filtering
package struct Filter: Sendable, Hashable {
    package enum EventFormat: String, Sendable { case client, federation }

    /// Dot-separated paths of the event fields to send; nil for all. A server may send more.
    package var eventFields: [String]?
    package var eventFormat = EventFormat.client
    package var presence = EventFilter()
    package var accountData = EventFilter()
    package var room = RoomFilter()

    package init() {}

    /// - Throws: ``FilterError`` for a member of the wrong kind. Members this server does not know are ignored; null counts as absent.
    package init(_ json: JSON) throws(FilterError) {
        let reader = try FilterReader(json, path: "filter")
        eventFields = try reader.strings("event_fields")
        if let name = try reader.string("event_format") {
            guard let format = EventFormat(rawValue: name) else { throw reader.error("event_format", "client or federation") }
            eventFormat = format
        }
        presence = try reader.child("presence", EventFilter.init) ?? EventFilter()
        accountData = try reader.child("account_data", EventFilter.init) ?? EventFilter()
        room = try reader.child("room", RoomFilter.init) ?? RoomFilter()
    }
}

extension EventFilter {
    fileprivate init(_ reader: FilterReader) throws(FilterError) {
        limit = try reader.limit()
        types = try reader.strings("types")?.map { Glob($0, single: false) }
        notTypes = (try reader.strings("not_types") ?? []).map { Glob($0, single: false) }
        senders = try reader.strings("senders", as: UserID.self).map(Set.init)
        notSenders = Set(try reader.strings("not_senders", as: UserID.self) ?? [])
    }
}

/// Reads members of a filter and knows where it is, so that an error can say.
private struct FilterReader {
    let object: JSONObject
    let path: String

    init(_ json: JSON, path: String) throws(FilterError) {
        guard let object = json.objectValue else { throw FilterError(path: path, expected: "an object") }
        self.object = object
        self.path = path
    }

    func error(_ key: String, _ expected: String) -> FilterError { FilterError(path: "\(path).\(key)", expected: expected) }

    private func value(_ key: String) -> JSON? { object[key].flatMap { $0.isNull ? nil : $0 } }

    func bool(_ key: String) throws(FilterError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.boolValue else { throw error(key, "true or false") }
        return bool
    }

    func string(_ key: String) throws(FilterError) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.stringValue else { throw error(key, "a string") }
        return string
    }

    func limit() throws(FilterError) -> Int? {
        guard let value = value("limit") else { return nil }
        guard let number = value.intValue, number >= 0 else { throw error("limit", "an integer of at least 0") }
        return Int(number)
    }

    func strings(_ key: String) throws(FilterError) -> [String]? {
        guard let value = value(key) else { return nil }
        guard let array = value.arrayValue else { throw error(key, "a list of strings") }
        var strings: [String] = []
        for element in array {
            guard let string = element.stringValue else { throw error(key, "a list of strings") }
            strings.append(string)
        }
        return strings
    }

    func strings<ID: MatrixID>(_ key: String, as kind: ID.Type) throws(FilterError) -> [String]? {
        guard let strings = try strings(key) else { return nil }
        guard strings.allSatisfy({ ID(rawValue: $0) != nil }) else { throw error(key, kind == UserID.self ? "a list of user ids" : "a list of room ids") }
        return strings
    }

    func child<T>(_ key: String, _ make: (FilterReader) throws(FilterError) -> T) throws(FilterError) -> T? {
        guard let value = value(key) else { return nil }
        return try make(try FilterReader(value, path: "\(path).\(key)"))
    }
}
