/// Who may do what in a room, with the defaults filled in.
/// https://spec.matrix.org/latest/client-server-api/#mroompower_levels
package struct PowerLevels: Sendable, Hashable {
    /// The power of creators since room version 12: above any integer an event can hold.
    package static let infinite = Int64.max

    package let usersDefault: Int64
    package let eventsDefault: Int64
    package let stateDefault: Int64
    package let ban: Int64
    package let kick: Int64
    package let invite: Int64
    package let redact: Int64
    /// As the event has them, because Swift's dictionaries take strings that differ by normalisation for one; ask ``level(of:)`` for the level.
    package let users: JSONObject
    package let events: JSONObject
    package let notifications: JSONObject
    /// Those with infinite power.
    private let creators: [String]
    private let version: RoomVersion

    /// - Parameters:
    ///   - content: of the room's `m.room.power_levels`; nil when there is none, in which case only the creator has power.
    ///   - create: nil only while the create event itself is made.
    package init(content: JSON?, create: CreateInfo?, version: RoomVersion) {
        func level(_ key: String, _ otherwise: Int64) -> Int64 { Self.value(content?[key], version) ?? otherwise }
        usersDefault = level("users_default", 0)
        eventsDefault = level("events_default", 0)
        stateDefault = level("state_default", 50)
        ban = level("ban", 50)
        kick = level("kick", 50)
        invite = level("invite", 0)
        redact = level("redact", 50)
        events = content?["events"]?.objectValue ?? [:]
        notifications = content?["notifications"]?.objectValue ?? [:]
        self.version = version
        creators = version.creatorsOutrank ? create?.creators ?? [] : []
        if content == nil, !version.creatorsOutrank, let creator = create?.creator {
            users = [creator: 100]
        } else {
            users = content?["users"]?.objectValue ?? [:]
        }
    }

    package func level(of user: UserID) -> Int64 { level(of: user.rawValue) }

    package func level(of user: String) -> Int64 {
        if !creators.isEmpty, creators.contains(where: { $0.sameBytes(as: user) }) { return Self.infinite }
        return Self.value(users[user], version) ?? usersDefault
    }

    /// The level needed to send an event of this type.
    package func required(for type: String, isState: Bool) -> Int64 {
        Self.value(events[type], version) ?? (isState ? stateDefault : eventsDefault)
    }

    /// The level needed to notify all of the room (`room`) or another group; 50 unless the room says otherwise.
    package func requiredToNotify(_ group: String) -> Int64 { Self.value(notifications[group], version) ?? 50 }

    package func canSend(_ user: UserID, type: String, isState: Bool) -> Bool { level(of: user) >= required(for: type, isState: isState) }
    package func canInvite(_ user: UserID) -> Bool { level(of: user) >= invite }
    package func canRedact(_ user: UserID) -> Bool { level(of: user) >= redact }

    /// A level as its version reads it; nil when it is not a level there.
    package static func value(_ json: JSON?, _ version: RoomVersion) -> Int64? {
        switch (json, version.powerLevelValues) {
        case (.int(let value), _): value
        case (.double(let value), .anyNumber): Int64(exactly: value.rounded(.towardZero))
        case (.string(let text), .anyNumber), (.string(let text), .integerOrString): integer(text)
        default: nil
        }
    }

    /// Decimal digits with an optional sign, white space around.
    private static func integer(_ text: String) -> Int64? {
        let spaces: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D]
        var bytes = text.utf8[...]
        while let last = bytes.last, spaces.contains(last) { bytes.removeLast() }
        return Int64(Substring(bytes.drop { spaces.contains($0) }))
    }
}
