/// The rules for changing `m.room.power_levels`: its form, and that nobody gives or takes more power than their own.
enum PowerLevelsAuth {
    private static let single = ["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"]

    static func check(
        new: JSONObject, current: JSONObject?, sender: UserID, power: Int64, create: CreateInfo, version: RoomVersion
    ) throws(AuthFailure) {
        try checkForm(new, version)
        if version.creatorsOutrank, let users = new["users"]?.objectValue, users.contains(where: { create.isCreator($0.key) }) {
            throw AuthFailure(rule: .powerLevelsCreator, message: "The power of the room's creators cannot be set")
        }
        guard let current else { return }

        func level(_ json: JSON?) -> Int64? { PowerLevels.value(json, version) }
        func refuse() -> AuthFailure { AuthFailure(rule: .powerLevelsChange, message: "You don't have permission to change a power level above your own") }
        /// A value being changed may be, before and after, at most the sender's.
        func checkChange(_ before: Int64?, _ after: Int64?) throws(AuthFailure) {
            if before == after { return }
            if let before, before > power { throw refuse() }
            if let after, after > power { throw refuse() }
        }
        for key in single { try checkChange(level(current[key]), level(new[key])) }
        for group in version.guardsNotificationLevels ? ["events", "notifications"] : ["events"] {
            let before = current[group]?.objectValue ?? [:], after = new[group]?.objectValue ?? [:]
            for (key, value) in before { try checkChange(level(value), level(after[key])) }
            for (key, value) in after where before[key] == nil { try checkChange(nil, level(value)) }
        }
        let before = current["users"]?.objectValue ?? [:], after = new["users"]?.objectValue ?? [:]
        for (user, value) in before {
            let old = level(value), changed = level(after[user])
            if old != changed, !user.sameBytes(as: sender.rawValue), let old, old >= power {
                throw AuthFailure(rule: .powerLevelsChange, message: "You don't have permission to change the power of a user equal to or above you")
            }
            try checkChange(old, changed)
        }
        for (user, value) in after where before[user] == nil { try checkChange(nil, level(value)) }
    }

    private static func checkForm(_ content: JSONObject, _ version: RoomVersion) throws(AuthFailure) {
        func refuse(_ key: String) -> AuthFailure { AuthFailure(rule: .powerLevelsFormat, message: "\(key) in the power levels has the wrong form") }
        func isLevel(_ json: JSON) -> Bool { PowerLevels.value(json, version) != nil }
        if version.powerLevelValues == .integer {
            for key in single { if let value = content[key], !isLevel(value) { throw refuse(key) } }
            for key in ["events", "notifications"] {
                guard let value = content[key] else { continue }
                guard let object = value.objectValue, object.allSatisfy({ isLevel($0.value) }) else { throw refuse(key) }
            }
        }
        if let value = content["users"] {
            guard let users = value.objectValue, users.allSatisfy({ UserID(rawValue: $0.key) != nil && isLevel($0.value) }) else { throw refuse("users") }
        }
    }
}
