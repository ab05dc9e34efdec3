import MatrixCore
import Store

/// What the authorization rules need of a room besides memberships, parsed once and kept while nothing of it changes.
struct RoomAuth: Sendable {
    /// The room's `auth_pos` when it was read.
    let pos: Int64
    let create: AuthStateEvent
    let info: CreateInfo
    let levelsEvent: AuthStateEvent?
    let levels: PowerLevels
    let joinRules: AuthStateEvent?

    init(_ tx: ReadTx, _ room: RoomHead, _ version: RoomVersion) throws {
        var events: [String: AuthStateEvent] = [:]
        try tx.each(AuthSQL.rules, room.nid) { row in
            let type = row.text(0)
            let content = try JSON.parse(row.bytes(3))
            events[type] = AuthStateEvent(eventID: EventID(trusted: row.text(1)), type: type, stateKey: "", sender: UserID(trusted: row.text(2)), content: content)
        }
        guard let create = events[EventType.create] else { throw RoomDamage(room: room.id, what: "it has no create event") }
        pos = room.authPos
        self.create = create
        info = CreateInfo(eventID: create.eventID, sender: create.sender, content: create.content, version: version)
        levelsEvent = events[EventType.powerLevels]
        levels = PowerLevels(content: levelsEvent?.content, create: info, version: version)
        joinRules = events[EventType.joinRules]
    }
}

/// A room whose rows contradict each other: never an answer to a bad request, always a 500.
struct RoomDamage: Error, CustomStringConvertible {
    let room: RoomID
    let what: String
    var description: String { "room \(room) is damaged: \(what)" }
}

/// The state that one event is checked against: the room's rules and the few other events that the rules look at for it.
struct CheckedState: AuthState {
    let auth: RoomAuth
    var others: [AuthStateEvent] = []

    func event(_ type: String, _ stateKey: String) -> AuthStateEvent? {
        if stateKey.isEmpty {
            switch type {
            case EventType.create: return auth.create
            case EventType.powerLevels: return auth.levelsEvent
            case EventType.joinRules: return auth.joinRules
            default: break
            }
        }
        return others.first { $0.type == type && $0.stateKey.sameBytes(as: stateKey) }
    }
    func createInfo(_ version: RoomVersion) -> CreateInfo? { auth.info }
    func powerLevels(_ version: RoomVersion) -> PowerLevels { auth.levels }
}

enum AuthSQL {
    static let rules = """
        SELECT e.type, e.event_id, e.sender, e.content FROM room_state s JOIN event e ON e.pos = s.valid_from \
        WHERE s.room_nid = ? AND s.type IN ('m.room.create', 'm.room.power_levels', 'm.room.join_rules') AND s.state_key = '' \
        AND s.valid_to IS NULL
        """
    static let all = [rules]
}
