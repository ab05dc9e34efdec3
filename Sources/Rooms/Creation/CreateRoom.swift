package import MatrixCore
package import ServerKit
package import Store

/// What `createRoom` knows beyond the port's ``RoomCreation``.
struct RoomPlan: Sendable {
    var creation: RoomCreation
    var alias: RoomAlias?
    /// Listed in the directory.
    var isPublic = false
}

/// Making rooms. The order of the first events is the specification's.
/// https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3createroom
extension RoomService {
    package func create(_ c: Context, _ tx: WriteTx, _ creation: RoomCreation) throws -> RoomID {
        try create(c, tx, RoomPlan(creation: creation))
    }

    func create(_ c: Context, _ tx: WriteTx, _ plan: RoomPlan) throws -> RoomID {
        let creation = plan.creation
        let version = try Self.version(c, creation.version)
        guard let preset = Preset(rawValue: creation.preset) else { throw MatrixError.invalidParam("'preset' is not known.") }
        if let alias = plan.alias, try Aliases.room(tx, alias) != nil {
            throw MatrixError(400, "M_ROOM_IN_USE", "The room alias \(alias) is already in use.")
        }
        do {
            let work = try RoomWork.create(self, c, tx, version: version, creator: creation.creator,
                                           content: try Self.createContent(creation, preset, version), timestamp: creation.timestamp)
            try fill(work, plan, preset)
            try work.finish()
            return work.head.id
        } catch let error as MatrixError where error.errcode == "M_FORBIDDEN" {
            throw MatrixError(400, "M_INVALID_ROOM_STATE", error.message)
        }
    }

    private func fill(_ work: RoomWork, _ plan: RoomPlan, _ preset: Preset) throws {
        let creation = plan.creation, creator = creation.creator
        let overridden = Set(creation.initialState.filter { $0.stateKey.isEmpty }.map(\.type))
        func state(_ type: String, _ content: JSONObject, key: String = "") throws {
            _ = try append(work, Draft(type, stateKey: key, sender: creator, content, timestamp: creation.timestamp))
        }
        _ = try change(work, Change(target: creator, membership: "join", sender: creator, timestamp: creation.timestamp))
        try state(EventType.powerLevels, preset.powerLevels(work.version, creation))
        if let alias = plan.alias {
            try Aliases.add(work.tx, alias, room: work.head.nid, by: creator, at: work.c.clock.now)
            try work.c.ports.bridges.changed(work.c, work.tx, .aliases(of: work.head.id))
            try state(EventType.canonicalAlias, ["alias": JSON(alias)])
        }
        for (type, content) in preset.state where !overridden.contains(type) { try state(type, content) }
        for event in creation.initialState {
            guard let content = event.content.objectValue else { throw MatrixError.badJSON("The content of an event in 'initial_state' must be an object.") }
            try state(event.type, content, key: event.stateKey)
        }
        if let name = creation.name { try state(EventType.name, ["name": .string(name)]) }
        if let topic = creation.topic {
            try state(EventType.topic, ["topic": .string(topic), "m.topic": ["m.text": [["body": .string(topic)]]]])
        }
        for user in creation.invite where user != creator {
            if try work.member(user) != nil { continue }
            _ = try change(work, Change(target: user, membership: "invite", sender: creator, content: creation.isDirect ? ["is_direct": true] : [:],
                                        timestamp: creation.timestamp))
        }
        if plan.isPublic { try work.tx.run(RoomSQL.setPublic, true, work.head.nid) }
    }

    static func version(_ c: Context, _ id: String?) throws -> RoomVersion {
        guard let version = RoomVersion.named(id ?? c.config.defaultRoomVersion), RoomVersion.supported.contains(version) else {
            throw MatrixError(400, "M_UNSUPPORTED_ROOM_VERSION", "This server cannot make rooms of version \(id ?? c.config.defaultRoomVersion).")
        }
        return version
    }

    private static func createContent(_ creation: RoomCreation, _ preset: Preset, _ version: RoomVersion) throws -> JSONObject {
        var content = creation.creationContent
        guard version.creatorsOutrank else { return content }
        var more = try additionalCreators(content["additional_creators"])
        if preset == .trustedPrivateChat { more += creation.invite.map(\.rawValue) }
        var seen: Set<String> = [creation.creator.rawValue]
        more = more.filter { seen.insert($0).inserted }
        content["additional_creators"] = more.isEmpty ? nil : JSON(more)
        return content
    }

    static func additionalCreators(_ named: JSON?) throws -> [String] {
        guard let named else { return [] }
        guard let users = named.arrayValue, users.allSatisfy({ UserID($0) != nil }) else {
            throw MatrixError.invalidParam("'additional_creators' must be a list of user ids.")
        }
        return users.compactMap(\.stringValue)
    }
}

/// https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3createroom, the table of presets.
enum Preset: String, Sendable, CaseIterable {
    case privateChat = "private_chat"
    case trustedPrivateChat = "trusted_private_chat"
    case publicChat = "public_chat"

    var state: [(String, JSONObject)] {
        var state: [(String, JSONObject)] = [
            (EventType.joinRules, ["join_rule": self == .publicChat ? "public" : "invite"]),
            (EventType.historyVisibility, ["history_visibility": "shared"]),
        ]
        // A public room forbids guests: that is what no event means.
        if self != .publicChat { state.append((EventType.guestAccess, ["guest_access": "can_join"])) }
        return state
    }

    func powerLevels(_ version: RoomVersion, _ creation: RoomCreation) -> JSONObject {
        var users = JSONObject()
        if !version.creatorsOutrank {
            users[creation.creator.rawValue] = 100
            if self == .trustedPrivateChat { for user in creation.invite { users[user.rawValue] = 100 } }
        }
        let levels: JSONObject = [
            "users": .object(users), "users_default": 0, "events_default": 0, "state_default": 50,
            "ban": 50, "kick": 50, "redact": 50, "invite": self == .publicChat ? 50 : 0,
            "historical": 100,
            "events": [
                "m.room.name": 50, "m.room.avatar": 50, "m.room.canonical_alias": 50, "m.room.history_visibility": 100,
                "m.room.power_levels": 100, "m.room.encryption": 100, "m.room.server_acl": 100,
                "m.room.tombstone": version.creatorsOutrank ? 150 : 100,
                // Members join a group call by a state event of their own.
                "org.matrix.msc3401.call.member": 0,
            ],
        ]
        return levels.merging(creation.powerLevels ?? [:])
    }
}
