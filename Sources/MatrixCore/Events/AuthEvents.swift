/// The place of a state event in a room: its type and state key.
package struct StateKey: Sendable, Hashable, CustomStringConvertible {
    package let type: String
    package let key: String
    package init(_ type: String, _ key: String = "") {
        self.type = type
        self.key = key
    }
    package var description: String { "(\(type), \(key))" }
    /// By bytes: two keys that differ only by Unicode normalisation are two places.
    package static func == (a: StateKey, b: StateKey) -> Bool { a.type.sameBytes(as: b.type) && a.key.sameBytes(as: b.key) }
}

/// https://spec.matrix.org/latest/server-server-api/#auth-events-selection
package enum AuthEvents {
    /// Which of the room's state an event must name in `auth_events`; where the room has no such event, it is left out. Each once.
    package static func selection(type: String, stateKey: String?, sender: UserID, content: JSONObject, version: RoomVersion) -> [StateKey] {
        if type == EventType.create { return [] }
        var keys: [StateKey] = []
        if !version.roomIDIsCreateHash { keys.append(StateKey(EventType.create)) }
        keys.append(StateKey(EventType.powerLevels))
        keys.append(StateKey(EventType.member, sender.rawValue))
        guard type == EventType.member, let target = stateKey else { return keys }

        func add(_ key: StateKey) { if !keys.contains(key) { keys.append(key) } }
        add(StateKey(EventType.member, target))
        let membership = content["membership"]?.stringValue
        if membership == "join" || membership == "invite" || membership == "knock" { add(StateKey(EventType.joinRules)) }
        if membership == "invite", let token = content["third_party_invite"]?["signed"]?["token"]?.stringValue {
            add(StateKey(EventType.thirdPartyInvite, token))
        }
        if membership == "join", version.restrictedJoins, let authoriser = content["join_authorised_via_users_server"]?.stringValue {
            add(StateKey(EventType.member, authoriser))
        }
        return keys
    }
}
