import MatrixCore
import ServerKit

/// The answer to /sync, put together from finished pieces of JSON: an event's bytes are copied, never decoded.
/// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3sync
struct SyncAnswer {
    /// Which state a room's answer carries beside the timeline, and by which name: the changes up to the start of the timeline, or up to
    /// its end (https://github.com/matrix-org/matrix-spec-proposals/blob/main/proposals/4222-sync-v2-state-after.md, Matrix 1.16), which
    /// then alone decide what the client's state is.
    enum StateSection: String, Sendable {
        case before = "state", after = "state_after", unstableAfter = "org.matrix.msc4222.state_after"
        /// State events of the timeline are in the section as well.
        var coversTimeline: Bool { self != .before }
    }
    struct Timeline {
        var events = EventList()
        var limited = false
        var prevBatch: String?
    }
    struct JoinedRoom {
        var timeline = Timeline()
        var state = EventList()
        var ephemeral: [[UInt8]] = []
        var accountData: [[UInt8]] = []
        /// `m.heroes`, `m.joined_member_count`, `m.invited_member_count`; nil when unchanged.
        var summary: JSONObject?
        var unread: UnreadCounts?
        var isFresh = false

        /// A room without news is left out of an incremental answer.
        var hasNews: Bool {
            isFresh || !timeline.events.isEmpty || timeline.limited || !state.isEmpty || !ephemeral.isEmpty || !accountData.isEmpty || summary != nil || unread?.isNews == true
        }
    }
    struct UnreadCounts {
        var notifications: Int64 = 0
        var highlights: Int64 = 0
        /// By thread root; empty unless the filter asks for them.
        var threads: [(root: String, notifications: Int64, highlights: Int64)] = []
        /// Changed since the client's token, and nothing else may say so.
        var isNews = false
    }
    struct LeftRoom {
        var timeline = Timeline()
        var state = EventList()
        var accountData: [[UInt8]] = []
    }
    var next: SyncToken
    var stateSection = StateSection.before
    var joined: [(room: RoomID, data: JoinedRoom)] = []
    var invited: [(room: RoomID, data: [UInt8])] = []
    var knocked: [(room: RoomID, data: [UInt8])] = []
    var left: [(room: RoomID, data: LeftRoom)] = []
    var parts = SyncParts()

    var hasNews: Bool { !joined.isEmpty || !invited.isEmpty || !knocked.isEmpty || !left.isEmpty || !parts.isEmpty }

    func encoded() -> [UInt8] {
        // Most are empty: of those who wait, many may be answered at the same moment.
        var out = JSONBytes(capacity: hasNews ? 4096 + joined.reduce(0) { $0 + 512 + $1.data.timeline.events.bytes.count + $1.data.state.bytes.count } : 512)
        let section = stateSection.rawValue
        out.raw(#"{"next_batch":""#); out.raw(next.description); out.raw("\"")
        for (name, json) in parts.extra { out.raw(",\""); out.raw(name); out.raw("\":"); out.raw(json) }
        if !parts.deviceLists.isEmpty { out.raw(",\"device_lists\":"); out.raw(parts.deviceLists.json.encoded()) }
        out.section("account_data", parts.accountData)
        out.section("presence", parts.presence)
        out.section("to_device", parts.toDevice)
        if !joined.isEmpty || !invited.isEmpty || !knocked.isEmpty || !left.isEmpty {
            out.raw(",\"rooms\":{")
            var first = true
            out.rooms("join", joined, &first) { out, room in room.write(into: &out, state: section) }
            out.rooms("invite", invited, &first) { out, state in out.raw(#"{"invite_state":{"events":"#); out.raw(state); out.raw("}}") }
            out.rooms("knock", knocked, &first) { out, state in out.raw(#"{"knock_state":{"events":"#); out.raw(state); out.raw("}}") }
            out.rooms("leave", left, &first) { out, room in
                out.raw("{")
                room.timeline.write(into: &out)
                out.section(section, room.state)
                out.section("account_data", room.accountData)
                out.raw("}")
            }
            out.raw("}")
        }
        out.raw("}")
        return out.bytes
    }
}

extension SyncAnswer.Timeline {
    func write(into out: inout JSONBytes) {
        out.raw(#""timeline":{"events":"#)
        out.list(events)
        out.raw(limited ? #","limited":true"# : #","limited":false"#)
        if let prevBatch { out.raw(#","prev_batch":""#); out.raw(prevBatch); out.raw("\"") }
        out.raw("}")
    }
}

extension SyncAnswer.JoinedRoom {
    func write(into out: inout JSONBytes, state section: String) {
        out.raw("{")
        timeline.write(into: &out)
        out.section(section, state)
        out.section("ephemeral", ephemeral, always: true)
        out.section("account_data", accountData, always: true)
        if let summary { out.raw(#","summary":"#); out.raw(summary.encoded()) }
        if let unread {
            out.raw(#","unread_notifications":{"highlight_count":"#); out.raw(String(unread.highlights))
            out.raw(#","notification_count":"#); out.raw(String(unread.notifications)); out.raw("}")
            if !unread.threads.isEmpty {
                var threads = JSONObject()
                for thread in unread.threads { threads[thread.root] = ["highlight_count": .int(thread.highlights), "notification_count": .int(thread.notifications)] }
                out.raw(#","unread_thread_notifications":"#); out.raw(threads.encoded())
            }
        }
        out.raw("}")
    }
}

/// Events as JSON, one behind the other with commas between them: a buffer for a room instead of one for each event.
struct EventList: Sendable {
    private(set) var bytes: [UInt8] = []
    private(set) var count = 0
    var isEmpty: Bool { count == 0 }

    init() {}
    /// With room for these.
    init(for events: [EventRow]) { bytes.reserveCapacity(events.reduce(0) { $0 + $1.content.count + 300 }) }

    /// Of one event that is JSON already, or of none.
    init(_ json: [UInt8]?) { if let json { add { $0 += json } } }

    /// Adds one event, which `write` appends to the buffer.
    mutating func add(_ write: (inout [UInt8]) throws -> Void) rethrows {
        if count > 0 { bytes.append(UInt8(ascii: ",")) }
        try write(&bytes)
        count += 1
    }
}

/// Grows one buffer; knows nothing of JSON but commas.
struct JSONBytes {
    var bytes: [UInt8] = []
    init(capacity: Int = 4096) { bytes.reserveCapacity(capacity) }
    mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }
    mutating func raw(_ json: [UInt8]) { bytes.append(contentsOf: json) }
    mutating func list(_ items: [[UInt8]]) {
        bytes.append(UInt8(ascii: "["))
        for (n, item) in items.enumerated() {
            if n > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: item)
        }
        bytes.append(UInt8(ascii: "]"))
    }
    mutating func list(_ events: EventList) {
        bytes.append(UInt8(ascii: "["))
        bytes.append(contentsOf: events.bytes)
        bytes.append(UInt8(ascii: "]"))
    }
    /// `,"name":{"events":[...]}`
    mutating func section(_ name: String, _ events: EventList) { raw(",\""); raw(name); raw("\":{\"events\":"); list(events); raw("}") }
    /// The same; an empty one is left out, unless it is wanted `always`.
    mutating func section(_ name: String, _ events: [[UInt8]], always: Bool = false) {
        guard always || !events.isEmpty else { return }
        raw(",\""); raw(name); raw("\":{\"events\":"); list(events); raw("}")
    }
    mutating func rooms<T>(_ name: String, _ rooms: [(room: RoomID, data: T)], _ first: inout Bool, _ write: (inout JSONBytes, T) -> Void) {
        guard !rooms.isEmpty else { return }
        if !first { raw(",") }
        first = false
        raw("\""); raw(name); raw("\":{")
        for (n, room) in rooms.enumerated() {
            if n > 0 { raw(",") }
            raw(JSON.string(room.room.rawValue).encoded()); raw(":")
            write(&self, room.data)
        }
        raw("}")
    }
}
