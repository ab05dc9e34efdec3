/// A state event, as much of it as the rules look at.
package struct AuthStateEvent: Sendable {
    package let eventID: EventID
    package let type: String
    package let stateKey: String
    package let sender: UserID
    package let content: JSON

    package init(eventID: EventID, type: String, stateKey: String, sender: UserID, content: JSON) {
        self.eventID = eventID
        self.type = type
        self.stateKey = stateKey
        self.sender = sender
        self.content = content
    }
}

/// The state of a room that an event is checked against.
///
/// Only `event` must be written. Who keeps parsed values of a room at hand gives them by the other two and saves the parsing.
package protocol AuthState {
    func event(_ type: String, _ stateKey: String) -> AuthStateEvent?
    func createInfo(_ version: RoomVersion) -> CreateInfo?
    func powerLevels(_ version: RoomVersion) -> PowerLevels
}

extension AuthState {
    package func createInfo(_ version: RoomVersion) -> CreateInfo? {
        event(EventType.create, "").map { CreateInfo(eventID: $0.eventID, sender: $0.sender, content: $0.content, version: version) }
    }

    package func powerLevels(_ version: RoomVersion) -> PowerLevels {
        PowerLevels(content: event(EventType.powerLevels, "")?.content, create: createInfo(version), version: version)
    }

    package func membership(of user: UserID) -> Membership? { membership(of: user.rawValue) }
    package func membership(of user: String) -> Membership? { Membership(content: event(EventType.member, user)?.content) }
    package func joinRule() -> JoinRule? { JoinRule(content: event(EventType.joinRules, "")?.content) }
}

/// State held in a dictionary: of a room being made, or of a test.
package struct RoomStateMap: AuthState, Sendable {
    package private(set) var events: [StateKey: AuthStateEvent] = [:]
    package init(_ events: [AuthStateEvent] = []) { for event in events { set(event) } }
    package mutating func set(_ event: AuthStateEvent) { events[StateKey(event.type, event.stateKey)] = event }
    package func event(_ type: String, _ stateKey: String) -> AuthStateEvent? { events[StateKey(type, stateKey)] }
}

/// State behind a closure.
package struct RoomStateLookup: AuthState {
    private let lookup: (String, String) -> AuthStateEvent?
    package init(_ lookup: @escaping (String, String) -> AuthStateEvent?) { self.lookup = lookup }
    package func event(_ type: String, _ stateKey: String) -> AuthStateEvent? { lookup(type, stateKey) }
}

/// An event to be checked, as much of it as the rules look at.
package struct AuthCandidate: Sendable {
    package var type: String
    package var stateKey: String?
    package var sender: UserID
    package var content: JSONObject
    /// Nil for a create event without one.
    package var roomID: RoomID?
    package var prevEvents: [EventID]
    /// The event's own id and, of a redaction, the event that goes. Only ``RoomVersion/guardsRedactions`` looks at them.
    package var eventID: EventID?
    package var redacts: EventID?
    /// The servers that have validly signed the event. The caller has checked the signatures; the rules ask who signed.
    package var signers: Set<String>

    package init(
        type: String, stateKey: String?, sender: UserID, content: JSONObject, roomID: RoomID?, prevEvents: [EventID], eventID: EventID? = nil,
        redacts: EventID? = nil, signers: Set<String>? = nil
    ) {
        self.type = type
        self.stateKey = stateKey
        self.sender = sender
        self.content = content
        self.roomID = roomID
        self.prevEvents = prevEvents
        self.eventID = eventID
        self.redacts = redacts
        self.signers = signers ?? [sender.server]
    }
}

/// An event that the rules refuse; `message` may be shown to the sender with M_FORBIDDEN.
package struct AuthFailure: Error, Hashable, CustomStringConvertible {
    /// Which rule said no, for callers and tests that must know more than "no".
    package enum Rule: String, Sendable {
        case create, authEvents, room, federation, aliases, malformedMember, unsignedAuthorisation, join, banned, notInvited, restrictedJoin, invite
        case thirdPartyInvite, alreadyMember, leave, kick, unban, ban, knock, unknownMembership
        case notJoined, power, stateKeyOwner, redaction, powerLevelsFormat, powerLevelsCreator, powerLevelsChange
    }
    package let rule: Rule
    package let message: String
    package var description: String { message }
}
