import MatrixCore
import ServerKit

/// The answer of sliding sync, in both forms, put together from finished pieces of JSON.
struct SlidingAnswer: Sendable {
    struct Room: Sendable {
        var isInitial = false
        var isExpanded = false
        var membership: String?
        var lists: [String] = []
        /// `.some(nil)`: it has none any more.
        var name: String??
        var avatar: String??
        var heroes: [JSON]?
        var isDirect: Bool?
        var requiredState = EventList()
        var timeline = EventList()
        var prevBatch: String?
        var limited = false
        var live: Int?
        var joinedCount: Int64?
        var invitedCount: Int64?
        var notifications: Int64?
        var highlights: Int64?
        var bumpStamp: Int64
        /// A JSON list.
        var stripped: [UInt8]?
    }
    var lists: [(name: String, count: Int)] = []
    var rooms: [(id: RoomID, room: Room)] = []
    var toDevice: (next: Int64, events: [[UInt8]])?
    /// Fields of the e2ee extension.
    var keys: [(name: String, json: [UInt8])]?
    var hasAccountData = false, hasReceipts = false, hasTyping = false
    var globalData: [[UInt8]] = []
    var roomData: [(room: RoomID, events: [[UInt8]])] = []
    var receipts: [(room: RoomID, event: [UInt8])] = []
    var typing: [(room: RoomID, event: [UInt8])] = []
    /// Device lists have changed.
    var hasKeyNews = false

    /// Something that a waiting client wants to hear at once.
    var hasNews: Bool {
        !rooms.isEmpty || toDevice?.events.isEmpty == false || hasKeyNews || !globalData.isEmpty || !roomData.isEmpty || !receipts.isEmpty || !typing.isEmpty
    }

    func encoded(_ form: SlidingRequest.Form, pos: SlidingPos, transaction: String?) -> [UInt8] {
        var out = JSONBytes()
        out.bytes.reserveCapacity(4096 + rooms.reduce(0) { $0 + 512 + $1.room.timeline.bytes.count + $1.room.requiredState.bytes.count })
        out.raw(#"{"pos":""#); out.raw(pos.description); out.raw("\"")
        if let transaction { out.raw(",\"txn_id\":"); out.raw(JSON.string(transaction).encoded()) }
        out.raw(",\"lists\":")
        out.members(lists.map { (key: $0.name, value: $0.count) }) { out, count in out.raw("{\"count\":\(count)}") }
        out.raw(",\"rooms\":")
        out.members(rooms.map { (key: $0.id.rawValue, value: $0.room) }) { out, room in room.write(form, into: &out) }
        out.raw(",\"extensions\":{")
        var isFirst = true
        func begin(_ name: String) { out.raw(isFirst ? "\"" : ",\""); out.raw(name); out.raw("\":"); isFirst = false }
        if let toDevice {
            begin("to_device")
            out.raw("{\"next_batch\":\"\(toDevice.next)\",\"events\":"); out.list(toDevice.events); out.raw("}")
        }
        if let keys {
            begin("e2ee")
            out.members(keys.map { (key: $0.name, value: $0.json) }) { out, json in out.raw(json) }
        }
        if hasAccountData {
            begin("account_data")
            out.raw("{\"global\":"); out.list(globalData); out.raw(",\"rooms\":")
            out.members(roomData.map { (key: $0.room.rawValue, value: $0.events) }) { out, events in out.list(events) }
            out.raw("}")
        }
        for (name, isThere, rooms) in [("receipts", hasReceipts, receipts), ("typing", hasTyping, typing)] where isThere {
            begin(name)
            out.raw("{\"rooms\":")
            out.members(rooms.map { (key: $0.room.rawValue, value: $0.event) }) { out, event in out.raw(event) }
            out.raw("}")
        }
        out.raw("}}")
        return out.bytes
    }
}

extension SlidingAnswer.Room {
    func write(_ form: SlidingRequest.Form, into out: inout JSONBytes) {
        func text(_ text: String?) -> [UInt8] { (text.map(JSON.string) ?? .null).encoded() }
        out.raw("{\"bump_stamp\":\(bumpStamp)")
        if isInitial { out.raw(",\"initial\":true") }
        if isExpanded { out.raw(form == .v4 ? ",\"expanded_timeline\":true" : ",\"unstable_expanded_timeline\":true") }
        if let membership { out.raw(",\"membership\":"); out.raw(text(membership)) }
        if !lists.isEmpty { out.raw(",\"lists\":"); out.raw(JSON(lists).encoded()) }
        // Nothing needs to be taken back in a room that is told anew.
        if let name, name != nil || !isInitial { out.raw(",\"name\":"); out.raw(text(name)) }
        if let avatar, avatar != nil || !isInitial { out.raw(",\"avatar\":"); out.raw(text(avatar)) }
        if let heroes { out.raw(",\"heroes\":"); out.raw(JSON.array(heroes).encoded()) }
        if let isDirect { out.raw(",\"is_dm\":\(isDirect)") }
        if let stripped { out.raw(form == .v4 ? ",\"stripped_state\":" : ",\"invite_state\":"); out.raw(stripped) }
        if !requiredState.isEmpty { out.raw(",\"required_state\":"); out.list(requiredState) }
        if !timeline.isEmpty { out.raw(",\"timeline\":"); out.list(timeline) }
        if let prevBatch { out.raw(",\"prev_batch\":"); out.raw(text(prevBatch)) }
        if limited { out.raw(",\"limited\":true") }
        if let live { out.raw(",\"num_live\":\(live)") }
        if let joinedCount { out.raw(",\"joined_count\":\(joinedCount)") }
        if let invitedCount { out.raw(",\"invited_count\":\(invitedCount)") }
        if let notifications { out.raw(",\"notification_count\":\(notifications)") }
        if let highlights { out.raw(",\"highlight_count\":\(highlights)") }
        out.raw("}")
    }
}

extension JSONBytes {
    /// `{"key":value,...}`
    mutating func members<T>(_ members: [(key: String, value: T)], _ write: (inout JSONBytes, T) -> Void) {
        raw("{")
        for (n, member) in members.enumerated() {
            if n > 0 { raw(",") }
            raw(JSON.string(member.key).encoded()); raw(":")
            write(&self, member.value)
        }
        raw("}")
    }
}
