// The state events that govern a room, read into types. Reading is lenient where the rules are: a value of the wrong kind counts as absent.

/// `membership` of `m.room.member`. https://spec.matrix.org/latest/client-server-api/#mroommember
package enum Membership: String, Sendable, CaseIterable {
    case invite, join, knock, leave, ban

    /// Nil for content without a known membership.
    package init?(content: JSON?) {
        guard let text = content?["membership"]?.stringValue else { return nil }
        self.init(rawValue: text)
    }
}

/// `join_rule` of `m.room.join_rules`. https://spec.matrix.org/latest/client-server-api/#mroomjoin_rules
package enum JoinRule: String, Sendable, CaseIterable {
    case `public`, invite, knock, `private`, restricted
    case knockRestricted = "knock_restricted"

    /// The rule in force: `invite` without an event; nil for a rule nobody knows, which lets nobody join.
    package init?(content: JSON?) {
        guard let content else { self = .invite; return }
        guard let text = content["join_rule"]?.stringValue else { return nil }
        self.init(rawValue: text)
    }

    package var allowsKnocking: Bool { self == .knock || self == .knockRestricted }
    package var isRestricted: Bool { self == .restricted || self == .knockRestricted }

    /// The rooms whose members may join by `restricted`: the `m.room_membership` conditions of `allow`.
    package static func allowedRooms(content: JSON?) -> [RoomID] {
        (content?["allow"]?.arrayValue ?? []).compactMap { condition in
            guard condition["type"]?.stringValue == "m.room_membership" else { return nil }
            return RoomID(condition["room_id"])
        }
    }
}

/// `history_visibility`; `shared` when the event is missing or says something unknown.
/// https://spec.matrix.org/latest/client-server-api/#room-history-visibility
package enum HistoryVisibility: String, Sendable, CaseIterable {
    case worldReadable = "world_readable"
    case shared, invited, joined

    package init(content: JSON?) {
        self = content?["history_visibility"]?.stringValue.flatMap(Self.init(rawValue:)) ?? .shared
    }
}

/// `guest_access`; `forbidden` when the event is missing or says something unknown.
/// https://spec.matrix.org/latest/client-server-api/#mroomguest_access
package enum GuestAccess: String, Sendable, CaseIterable {
    case canJoin = "can_join"
    case forbidden

    package init(content: JSON?) {
        self = content?["guest_access"]?.stringValue.flatMap(Self.init(rawValue:)) ?? .forbidden
    }
}

/// What the create event says. https://spec.matrix.org/latest/client-server-api/#mroomcreate
package struct CreateInfo: Sendable, Hashable {
    package let eventID: EventID
    package let sender: UserID
    /// The one creator of versions before 12, the first of the creators since.
    package let creator: String
    /// `creator` and, where the version knows them, `additional_creators`.
    package let creators: [String]
    /// False when users of other servers may not take part.
    package let federates: Bool
    /// `type`, such as `m.space`.
    package let roomType: String?
    package let predecessor: JSON?

    package init(eventID: EventID, sender: UserID, content: JSON, version: RoomVersion) {
        self.eventID = eventID
        self.sender = sender
        creator = version.creatorIsSender ? sender.rawValue : content["creator"]?.stringValue ?? ""
        let more = version.creatorsOutrank ? (content["additional_creators"]?.arrayValue ?? []).compactMap(\.stringValue) : []
        creators = [creator] + more.filter { [creator] in !$0.sameBytes(as: creator) }
        federates = content["m.federate"]?.boolValue != false
        roomType = content["type"]?.stringValue
        predecessor = content["predecessor"]
    }

    package func isCreator(_ user: String) -> Bool { creators.contains { $0.sameBytes(as: user) } }
}
