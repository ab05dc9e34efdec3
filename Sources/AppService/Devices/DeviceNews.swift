import MatrixCore
import ServerKit
import Store

/// What a service that encrypts is told of devices and keys: whose devices have changed, whom it has met or lost sight of, and what is left of
/// the keys of its own users. Only services with `org.matrix.msc3202` in their registration are told (docs/decisions/0023).
/// Spec: https://github.com/matrix-org/matrix-spec-proposals/pull/3202
///
/// Invariants: written down in the transaction that makes the change, for those who are interested at that moment, between the events that came
/// before and after it; whoever begins to see people is told that their devices have changed, because nobody told it what they did before;
/// people are told too much rather than too little.
package enum DeviceNews {
    /// A room that a service leaves with more members than this is left without `left`: to find out who is met nowhere else means to look at all
    /// rooms of all of them, and a service that is not told goes on to keep a list that nobody needs.
    package static let largestFarewell = 200

    // MARK: What happens

    static func devicesChanged(_ c: Context, _ tx: WriteTx, _ app: AppService, _ user: UserID) throws {
        let wanted = app.deviceServices
        guard !wanted.isEmpty else { return }
        try write(tx, app, try app.interest.services(c, tx, app.registry, user: user, wanted: wanted), changed: [user])
    }

    static func signaturesChanged(_ tx: WriteTx, _ app: AppService, _ user: UserID, seenBy reader: UserID) throws {
        try write(tx, app, app.registry.claims(on: reader).all.intersection(app.deviceServices), changed: [user])
    }

    static func keysChanged(_ tx: WriteTx, _ app: AppService, _ counts: BridgedKeyCounts) throws {
        let services = app.registry.claims(on: counts.user).all.intersection(app.deviceServices)
        guard !services.isEmpty else { return }
        let payload: JSONObject = ["user_id": JSON(counts.user), "device_id": JSON(counts.device), "one_time_keys": counts.oneTimeKeys,
                                   "unused_fallbacks": JSON(counts.unusedFallbacks)]
        try app.enqueue(tx, services, position: tx.nextPosition(), kind: .keyCounts, payload: payload.encoded())
    }

    /// Somebody came into a room or went. Called after `Interest.drop`, so that interest is that of the room as it is now.
    static func membershipChanged(_ c: Context, _ tx: WriteTx, _ app: AppService, _ event: AppendedEvent, of user: UserID) throws {
        let wanted = app.deviceServices
        guard !wanted.isEmpty else { return }
        let isIn = event.content["membership"]?.stringValue == "join", wasIn = event.formerMembership == "join"
        guard isIn != wasIn else { return }
        let registry = app.registry, own = registry.claims(on: user).all.intersection(wanted)
        let now = try app.interest.services(c, tx, registry, room: event.room).intersection(wanted)
        if isIn {
            try write(tx, app, now.subtracting(own), changed: [user])
            guard !own.isEmpty else { return }
            // The first user of a service meets all who are there.
            let began = own.subtracting(try app.interest.present(c, tx, registry, room: event.room, besides: user))
            if !began.isEmpty { try write(tx, app, began, changed: try c.ports.timelines.joinedMembers(tx, room: event.room)) }
        } else {
            try write(tx, app, try lost(c, tx, app, user, by: now.subtracting(own)), left: [user])
            let ended = own.subtracting(now)
            guard !ended.isEmpty else { return }
            let members = try c.ports.timelines.joinedMembers(tx, room: event.room)
            guard members.count <= app.largestFarewell else { return }
            var left: [ServiceSet: [UserID]] = [:]
            for member in members { left[try lost(c, tx, app, member, by: ended), default: []].append(member) }
            for (services, members) in left.sorted(by: { $0.key.rawValue < $1.key.rawValue }) { try write(tx, app, services, left: members) }
        }
    }

    /// Of these services, those who are not interested in the user at all any more.
    private static func lost(_ c: Context, _ tx: WriteTx, _ app: AppService, _ user: UserID, by services: ServiceSet) throws -> ServiceSet {
        guard !services.isEmpty else { return services }
        return services.subtracting(try app.interest.services(c, tx, app.registry, user: user, wanted: services))
    }

    private static func write(_ tx: WriteTx, _ app: AppService, _ services: ServiceSet, changed: [UserID] = [], left: [UserID] = []) throws {
        guard !services.isEmpty else { return }
        let lists = SyncParts.DeviceLists(changed: changed.sorted(), left: left.sorted())
        try app.enqueue(tx, services, position: tx.nextPosition(), kind: .deviceLists, payload: lists.json.encoded())
    }

    // MARK: What is sent

    /// The fields of a transaction, those with news only. The last word on a user or a device counts.
    static func fields(_ items: [Outbox.Item]) throws -> [(name: String, value: JSON)] {
        var isChanged: [UserID: Bool] = [:]
        var counts: [String: JSONObject] = [:], fallbacks: [String: JSONObject] = [:]
        for item in items {
            guard item.kind == .deviceLists || item.kind == .keyCounts, let payload = item.payload else { continue }
            let news = try JSONObject.parse(payload)
            if item.kind == .deviceLists {
                for user in news["changed"]?.arrayValue ?? [] { isChanged[UserID(trusted: user.stringValue ?? "")] = true }
                for user in news["left"]?.arrayValue ?? [] { isChanged[UserID(trusted: user.stringValue ?? "")] = false }
            } else if let user = news["user_id"]?.stringValue, let device = news["device_id"]?.stringValue {
                counts[user, default: [:]][device] = news["one_time_keys"] ?? [:]
                fallbacks[user, default: [:]][device] = news["unused_fallbacks"] ?? []
            }
        }
        var fields: [(name: String, value: JSON)] = []
        if !isChanged.isEmpty {
            let lists = SyncParts.DeviceLists(changed: isChanged.filter(\.value).keys.sorted(), left: isChanged.filter { !$0.value }.keys.sorted())
            fields.append((name: "device_lists", value: lists.json))
        }
        if !counts.isEmpty {
            fields.append((name: "device_one_time_keys_count", value: byUser(counts)))
            fields.append((name: "device_unused_fallback_key_types", value: byUser(fallbacks)))
        }
        return fields
    }

    private static func byUser(_ users: [String: JSONObject]) -> JSON {
        .object(JSONObject(users.sorted { $0.key < $1.key }.map { (key: $0.key, value: JSON.object($0.value)) }))
    }
}
