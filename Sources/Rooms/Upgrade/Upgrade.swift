import MatrixCore
import ServerKit
import Store

/// Replacing a room by one of another version.
/// Spec: https://spec.matrix.org/latest/client-server-api/#server-behaviour-18 (room upgrades)
///
/// Invariants: old and new room change in one transaction; who may not send the tombstone changes nothing; the new room has the power
/// levels of the old one, as its version writes them; the old room's other users lose nothing that they had set for it.
extension RoomService {
    var upgradeRoutes: [Route] {
        [
            Route(.post, "/_matrix/client/v3/rooms/{roomId}/upgrade", limit: .roomCreation) { request, c in
                try request.refuseVisitors()
                try request.refuseSuspended()
                let room: RoomID = try request.id("roomId"), user = request.user.userID
                let body = try request.json()
                let name = try body.required(string: "new_version", max: 255)
                let creators = try Self.additionalCreators(body["additional_creators"])
                let new = try await c.db.write { tx in
                    guard try RoomStore.head(tx, room) != nil else { throw MatrixError.notFound("There is no room \(room).") }
                    return try self.upgrade(c, tx, room: room, by: user, to: try Self.version(c, name), additionalCreators: creators)
                }
                return .json(["replacement_room": JSON(new)])
            },
        ]
    }

    func upgrade(_ c: Context, _ tx: WriteTx, room: RoomID, by user: UserID, to version: RoomVersion, additionalCreators: [String]) throws -> RoomID {
        guard let old = try RoomWork.open(self, c, tx, room, actor: user) else { throw MatrixError.notFound("There is no room \(room).") }
        guard try old.member(user)?.membership == "join" else { throw Access.refusal(room) }
        guard try old.auth().levels.canSend(user, type: EventType.tombstone, isState: true) else {
            throw MatrixError.forbidden("You don't have permission to upgrade this room.")
        }
        // A room whose id is the hash of its first event must be there before the tombstone can name it; in the others the first event
        // names the tombstone.
        let plan = UpgradePlan(from: old.version, auth: try old.auth(), to: version, by: user, additionalCreators: additionalCreators)
        let new: RoomWork
        if version.roomIDIsCreateHash {
            new = try RoomWork.create(self, c, tx, version: version, creator: user, content: plan.createContent(predecessor: ["room_id": JSON(room)]), timestamp: nil)
            try bury(old, by: user, successor: new.head.id)
        } else {
            let id = RoomWork.newID(c)
            let tombstone = try bury(old, by: user, successor: id)
            new = try RoomWork.create(self, c, tx, version: version, creator: user,
                                      content: plan.createContent(predecessor: ["room_id": JSON(room), "event_id": JSON(tombstone)]), timestamp: nil, id: id)
        }
        try furnish(new, like: old, plan, by: user)
        try moveNames(from: old, to: new, by: user)
        try close(old, by: user)
        try new.finish()
        try old.finish()
        try takeAlong(c, tx, from: old, to: new)
        return new.head.id
    }

    @discardableResult
    private func bury(_ old: RoomWork, by user: UserID, successor: RoomID) throws -> EventID {
        try old.append(Draft(EventType.tombstone, stateKey: "", sender: user, ["body": "This room has been replaced", "replacement_room": JSON(successor)]))
    }

    /// What makes the new room the same place.
    private func furnish(_ new: RoomWork, like old: RoomWork, _ plan: UpgradePlan, by user: UserID) throws {
        _ = try change(new, Change(target: user, membership: "join", sender: user))
        let levels = plan.powerLevels
        let first = plan.withPower(levels, for: user)
        try new.append(Draft(EventType.powerLevels, stateKey: "", sender: user, first))
        for type in Self.copied {
            guard var content = try StateStore.event(old.tx, room: old.head.nid, type)?.contentObject ?? Self.unsaid[type] else { continue }
            if type == EventType.joinRules, !new.version.knows(joinRule: content["join_rule"]?.stringValue) { content = ["join_rule": "invite"] }
            try new.append(Draft(type, stateKey: "", sender: user, content))
        }
        for child in try StateStore.ofType(old.tx, room: old.head.nid, EventType.spaceChild) where !child.contentObject.isEmpty {
            try new.append(Draft(EventType.spaceChild, stateKey: child.stateKey, sender: user, child.contentObject))
        }
        for member in try MembershipStore.members(old.tx, room: old.head.nid, "ban") where member.user != user {
            guard let event = try EventStore.event(old.tx, at: member.pos) else { continue }
            try new.append(Draft(EventType.member, stateKey: member.user.rawValue, sender: user, event.contentObject))
        }
        if first != levels { try new.append(Draft(EventType.powerLevels, stateKey: "", sender: user, levels)) }
    }

    /// What holds where the old room says nothing. The new room says it: its members need not know the defaults of two versions.
    private static let unsaid: [String: JSONObject] = [
        EventType.joinRules: ["join_rule": "invite"], EventType.historyVisibility: ["history_visibility": "shared"], EventType.guestAccess: ["guest_access": "forbidden"],
    ]
    private static let copied = [
        EventType.joinRules, EventType.historyVisibility, EventType.guestAccess, EventType.name, EventType.topic, EventType.avatar,
        EventType.encryption, EventType.serverACL, "m.room.retention", "m.room.policy",
    ]

    /// Aliases lead to the new room, and it takes the old one's place in the directory.
    private func moveNames(from old: RoomWork, to new: RoomWork, by user: UserID) throws {
        try old.tx.run(AliasSQL.move, new.head.nid, old.head.nid)
        if try RoomStore.summary(old.tx, nid: old.head.nid)?.isPublic == true {
            try old.tx.run(RoomSQL.setPublic, false, old.head.nid)
            try old.tx.run(RoomSQL.setPublic, true, new.head.nid)
        }
        guard let names = try StateStore.event(old.tx, room: old.head.nid, EventType.canonicalAlias)?.contentObject, !names.isEmpty else { return }
        // Who may not rename the old room leaves it its name.
        if try old.auth().levels.canSend(user, type: EventType.canonicalAlias, isState: true) {
            try old.append(Draft(EventType.canonicalAlias, stateKey: "", sender: user, [:]))
        }
        if try new.auth().levels.canSend(user, type: EventType.canonicalAlias, isState: true) {
            try new.append(Draft(EventType.canonicalAlias, stateKey: "", sender: user, names))
        }
    }

    /// Ordinary users can no longer write in the old room or invite to it, where the upgrading user has the power to say so.
    private func close(_ old: RoomWork, by user: UserID) throws {
        let levels = try old.auth().levels
        guard levels.canSend(user, type: EventType.powerLevels, isState: true) else { return }
        let restricted = max(levels.usersDefault + 1, 50)
        guard restricted <= levels.level(of: user) else { return }
        var content = try StateStore.event(old.tx, room: old.head.nid, EventType.powerLevels)?.contentObject ?? [:]
        content["events_default"] = .int(max(restricted, levels.eventsDefault))
        content["invite"] = .int(max(restricted, levels.invite))
        do {
            // Appending is all or nothing: the rules refuse before anything is written.
            try old.append(Draft(EventType.powerLevels, stateKey: "", sender: user, content))
        } catch let error as MatrixError where error.errcode == "M_FORBIDDEN" {
            return   // levels above his own: the room stays as it is
        }
    }

    /// What the old room's users had set for it holds for the new one too: push rules, tags, and that it is a direct chat.
    private func takeAlong(_ c: Context, _ tx: WriteTx, from old: RoomWork, to new: RoomWork) throws {
        let oldID = old.head.id, newID = new.head.id, preferences = c.ports.preferences
        for user in try tx.all(MembershipSQL.joinedUsers, old.head.nid, row: { UserID(trusted: $0.text(0)) }) where user.server == c.serverName {
            try c.ports.push.copyRoomRules(c, tx, user: user, from: oldID, to: newID)
            if let tags = try preferences.preference(tx, user: user, room: oldID, type: "m.tag") {
                try preferences.setPreference(tx, user: user, room: newID, type: "m.tag", tags)
            }
            guard var direct = try preferences.preference(tx, user: user, room: nil, type: "m.direct") else { continue }
            var isDirect = false
            for (partner, rooms) in direct {
                guard let list = rooms.arrayValue, list.contains(JSON(oldID)), !list.contains(JSON(newID)) else { continue }
                direct[partner] = .array(list + [JSON(newID)])
                isDirect = true
            }
            if isDirect { try preferences.setPreference(tx, user: user, room: nil, type: "m.direct", direct) }
        }
    }
}

/// What an upgrade makes of create event and power levels. Pure.
struct UpgradePlan {
    private let old: RoomVersion, new: RoomVersion
    private let create: JSONObject
    private let levels: JSONObject?
    private let oldCreators: [String]
    private let creators: [String]

    init(from old: RoomVersion, auth: RoomAuth, to new: RoomVersion, by user: UserID, additionalCreators: [String]) {
        self.old = old; self.new = new
        create = auth.create.content.objectValue ?? [:]
        levels = auth.levelsEvent?.content.objectValue
        oldCreators = auth.info.creators
        var seen: Set<String> = [user.rawValue]
        creators = [user.rawValue] + (new.creatorsOutrank ? additionalCreators.filter { seen.insert($0).inserted } : [])
    }

    func createContent(predecessor: JSONObject) -> JSONObject {
        var content = create.filter { !["creator", "room_version", "predecessor", "additional_creators"].contains($0.key) }
        content["predecessor"] = .object(predecessor)
        if creators.count > 1 { content["additional_creators"] = JSON(Array(creators.dropFirst())) }
        return content
    }

    /// The old room's levels in the words of the new version: integers where it wants them, creators only where it lets them be named.
    var powerLevels: JSONObject {
        var content = levels ?? [:]
        if new.powerLevelValues == .integer, old.powerLevelValues != .integer {
            func integers(_ object: JSONObject) -> JSONObject {
                JSONObject(object.compactMap { member in PowerLevels.value(member.value, old).map { (key: member.key, value: JSON.int($0)) } })
            }
            for key in ["ban", "kick", "invite", "redact", "events_default", "state_default", "users_default"] {
                if let value = content[key] { content[key] = PowerLevels.value(value, old).map(JSON.int) }
            }
            for key in ["events", "users", "notifications"] {
                if let value = content[key]?.objectValue { content[key] = .object(integers(value)) }
            }
        }
        var users = (content["users"]?.objectValue ?? [:]).filter { UserID(rawValue: $0.key) != nil }
        if levels == nil { for creator in oldCreators { users[creator] = 100 } }
        if old.creatorsOutrank, !new.creatorsOutrank { for creator in oldCreators { users[creator] = .int(max(100, highest(content))) } }
        if new.creatorsOutrank {
            users = users.filter { member in !creators.contains { $0.sameBytes(as: member.key) } }
            // Replacing a room is for its creators, as in every new room of this version.
            var events = content["events"]?.objectValue ?? [:]
            if (PowerLevels.value(events[EventType.tombstone], new) ?? 0) < 150, !old.creatorsOutrank {
                events[EventType.tombstone] = 150
                content["events"] = .object(events)
            }
        }
        if !users.isEmpty || content["users"] != nil { content["users"] = .object(users) }
        return content
    }

    /// The same, with as much power for `user` as furnishing the room takes.
    func withPower(_ levels: JSONObject, for user: UserID) -> JSONObject {
        if new.creatorsOutrank { return levels }
        let needed = highest(levels)
        var users = levels["users"]?.objectValue ?? [:]
        guard (PowerLevels.value(users[user.rawValue] ?? levels["users_default"], new) ?? 0) < needed else { return levels }
        users[user.rawValue] = .int(needed)
        var levels = levels
        levels["users"] = .object(users)
        return levels
    }

    private func highest(_ levels: JSONObject) -> Int64 {
        func level(_ json: JSON?) -> Int64 { PowerLevels.value(json, new) ?? 0 }
        let single = ["ban", "kick", "invite", "redact", "events_default", "users_default"].map { level(levels[$0]) }
        let events = (levels["events"]?.objectValue ?? [:]).map { level($0.value) }
        let users = (levels["users"]?.objectValue ?? [:]).map { level($0.value) }
        return max((single + events + users).max() ?? 0, PowerLevels.value(levels["state_default"], new) ?? 50, PowerLevels.value(levels["ban"], new) ?? 50)
    }
}

extension RoomVersion {
    /// False for a join rule that a room of this version would let nobody in by.
    func knows(joinRule: String?) -> Bool {
        switch joinRule.flatMap(JoinRule.init(rawValue:)) {
        case .public, .invite, .private: true
        case .knock: knocking
        case .restricted: restrictedJoins
        case .knockRestricted: knockRestrictedJoins
        case nil: false
        }
    }
}
