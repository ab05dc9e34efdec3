/// What a room version changes, as data: one row a version, no code that asks "is it at least 7?".
/// https://spec.matrix.org/latest/rooms/
package struct RoomVersion: Sendable, Hashable {
    /// `opaque`: an id that the sender's server made up, written in the event; events are referred to by id and reference hash. Later ids are
    /// the reference hash itself.
    package enum EventIDs: Sendable { case opaque, standardBase64, urlSafeBase64 }
    package enum StateResolution: Sendable { case v1, v2, v2_1 }
    /// Which values a power level may have. `anyNumber` takes floats (truncated) and strings, `integerOrString` no floats.
    package enum PowerLevelValues: Sendable { case anyNumber, integerOrString, integer }

    package let id: String
    package let eventIDs: EventIDs
    package let stateResolution: StateResolution
    package let powerLevelValues: PowerLevelValues
    /// Events must be canonical JSON: integers only, within ±(2^53-1).
    package let strictJSON: Bool
    /// `m.room.aliases` has an authorization rule and survives redaction.
    package let aliasesAreSpecial: Bool
    /// A redaction is refused unless its sender has the power or is of the server whose event goes. Later versions let it into the room and
    /// leave to ``Redaction/isAllowed(by:of:levels:localServer:)`` whether it has an effect.
    package let guardsRedactions: Bool
    /// Changing `notifications` in the power levels asks for power as changing `events` does.
    package let guardsNotificationLevels: Bool
    package let knocking: Bool
    package let restrictedJoins: Bool
    package let knockRestrictedJoins: Bool
    /// Redaction keeps `join_authorised_via_users_server`; the first version with restricted joins forgot to.
    package let redactionKeepsJoinAuthoriser: Bool
    /// The creator is the sender of the create event, not `content.creator`.
    package let creatorIsSender: Bool
    /// The redaction rules of version 11: `redacts` in the content, the create event whole, fewer top-level keys.
    package let modernRedaction: Bool
    /// The room id is the hash of the create event, which has no `room_id` and is in no `auth_events`.
    package let roomIDIsCreateHash: Bool
    /// Creators have infinite power and may not be named in the power levels.
    package let creatorsOutrank: Bool

    /// Every version this server can read and check.
    package static let all: [RoomVersion] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"].map(row)
    /// Versions in which rooms can be made here.
    package static var supported: [RoomVersion] { all }
    /// The version of new rooms, where neither the client nor the configuration says another.
    package static let standard = row("12")

    /// Nil for a version this server does not know.
    package static func named(_ id: String) -> RoomVersion? { byID[id] }

    private static let byID = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) })

    /// The table: each version is the one before it and these changes.
    private static func row(_ id: String) -> RoomVersion {
        let number = Int(id) ?? 1
        return RoomVersion(
            id: id,
            eventIDs: number >= 4 ? .urlSafeBase64 : number == 3 ? .standardBase64 : .opaque,
            stateResolution: number >= 12 ? .v2_1 : number >= 2 ? .v2 : .v1,
            powerLevelValues: number >= 10 ? .integer : number >= 6 ? .integerOrString : .anyNumber,
            strictJSON: number >= 6,
            aliasesAreSpecial: number < 6,
            guardsRedactions: number < 3,
            guardsNotificationLevels: number >= 6,
            knocking: number >= 7,
            restrictedJoins: number >= 8,
            knockRestrictedJoins: number >= 10,
            redactionKeepsJoinAuthoriser: number >= 9,
            creatorIsSender: number >= 11,
            modernRedaction: number >= 11,
            roomIDIsCreateHash: number >= 12,
            creatorsOutrank: number >= 12)
    }

    package static func == (a: RoomVersion, b: RoomVersion) -> Bool { a.id == b.id }
    package func hash(into hasher: inout Hasher) { hasher.combine(id) }

    /// `m.room.create` makes the room id in this version, so it neither carries nor needs one.
    func hasRoomID(_ type: String) -> Bool { !(roomIDIsCreateHash && type == EventType.create) }
}

/// The event types that mean something to the rules.
package enum EventType {
    package static let create = "m.room.create"
    package static let member = "m.room.member"
    package static let powerLevels = "m.room.power_levels"
    package static let joinRules = "m.room.join_rules"
    package static let thirdPartyInvite = "m.room.third_party_invite"
    package static let historyVisibility = "m.room.history_visibility"
    package static let guestAccess = "m.room.guest_access"
    package static let redaction = "m.room.redaction"
    package static let aliases = "m.room.aliases"
    package static let canonicalAlias = "m.room.canonical_alias"
    package static let name = "m.room.name"
    package static let topic = "m.room.topic"
    package static let avatar = "m.room.avatar"
    package static let encryption = "m.room.encryption"
    package static let encrypted = "m.room.encrypted"
    package static let tombstone = "m.room.tombstone"
    package static let message = "m.room.message"
    package static let reaction = "m.reaction"
    package static let spaceChild = "m.space.child"
    package static let spaceParent = "m.space.parent"
    package static let pinnedEvents = "m.room.pinned_events"
    package static let serverACL = "m.room.server_acl"
}
