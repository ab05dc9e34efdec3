/// What a user has changed of the default rules, and his own rules: a value that is edited, stored and asked. Pure.
///
/// Invariants: ids of own rules do not begin with a dot; a rule of the server can be switched and given other actions, never removed.
package struct PushRuleSet: Sendable, Hashable {
    package struct Change: Sendable, Hashable {
        package var isEnabled: Bool?
        package var actions: [JSON]?
    }
    /// Own rules by kind, the most important first.
    package private(set) var own: [PushRule.Kind: [PushRule]] = [:]
    /// By rule id.
    package private(set) var changes: [String: Change] = [:]

    package init() {}
    package var isDefault: Bool { own.values.allSatisfy(\.isEmpty) && changes.isEmpty }

    /// All rules of a kind as the user sees them: the one that turns everything off, his own, those of the server.
    package func rules(_ kind: PushRule.Kind, for user: UserID) -> [PushRule] {
        var server = DefaultPushRules.rules(kind, for: user)
        for index in server.indices {
            guard let change = changes[server[index].id] else { continue }
            server[index].isEnabled = change.isEnabled ?? server[index].isEnabled
            server[index].actions = change.actions ?? server[index].actions
        }
        let first = kind == .override ? 1 : 0
        return Array(server[..<first]) + (own[kind] ?? []) + Array(server[first...])
    }

    package func rule(_ kind: PushRule.Kind, _ id: String, for user: UserID) -> PushRule? { rules(kind, for: user).first { $0.id == id } }

    /// `{"global": {...}}`, the content of `m.push_rules`.
    package func json(for user: UserID) -> JSON { ["global": .object(scope(for: user))] }
    package func scope(for user: UserID) -> JSONObject {
        JSONObject(PushRule.Kind.allCases.map { kind in (key: kind.rawValue, value: .array(rules(kind, for: user).map { $0.json(kind) })) })
    }

    // MARK: editing

    package enum Place: Sendable, Hashable { case first, before(String), after(String) }

    /// Puts a rule in, or new parameters into the one of that id, which stays on or off. False when the rule that names the place is not there.
    package mutating func put(_ rule: PushRule, _ kind: PushRule.Kind, at place: Place) -> Bool {
        var rules = own[kind] ?? [], rule = rule
        let old = rules.firstIndex { $0.id == rule.id }
        if let old { rule.isEnabled = rules[old].isEnabled }
        switch place {
        case .first:
            if let old { rules[old] = rule } else { rules.insert(rule, at: 0) }
        case .before(let other), .after(let other):
            if let old { rules.remove(at: old) }
            guard let index = rules.firstIndex(where: { $0.id == other }) else { return false }
            rules.insert(rule, at: place == .before(other) ? index : index + 1)
        }
        own[kind] = rules
        return true
    }

    /// False when there is no such rule of the user's own.
    package mutating func remove(_ kind: PushRule.Kind, _ id: String) -> Bool {
        guard let index = own[kind]?.firstIndex(where: { $0.id == id }) else { return false }
        own[kind]?.remove(at: index)
        return true
    }

    /// False when there is no such rule.
    package mutating func change(_ kind: PushRule.Kind, _ id: String, for user: UserID, isEnabled: Bool? = nil, actions: [JSON]? = nil) -> Bool {
        if let index = own[kind]?.firstIndex(where: { $0.id == id }) {
            if let isEnabled { own[kind]?[index].isEnabled = isEnabled }
            if let actions { own[kind]?[index].actions = actions }
            return true
        }
        guard let server = DefaultPushRules.rules(kind, for: user).first(where: { $0.id == id }) else { return false }
        var change = changes[id] ?? Change()
        if let isEnabled { change.isEnabled = isEnabled == server.isEnabled ? nil : isEnabled }
        if let actions { change.actions = actions == server.actions ? nil : actions }
        changes[id] = change == Change() ? nil : change
        return true
    }

    /// The rules for one room hold for another as well: those of the kind `room`, and those that name it in a condition.
    package mutating func copyRoom(from old: RoomID, to new: RoomID) {
        for kind in PushRule.Kind.allCases {
            var rules = own[kind] ?? []
            guard !rules.contains(where: { $0.id == new.rawValue }), let index = rules.firstIndex(where: { $0.id == old.rawValue }) else { continue }
            var copy = rules[index]
            copy.id = new.rawValue
            copy.conditions = copy.conditions.map { condition in
                guard var object = condition.objectValue, object["key"]?.stringValue == "room_id" else { return condition }
                for name in ["pattern", "value"] where object[name]?.stringValue == old.rawValue { object[name] = JSON(new) }
                return .object(object)
            }
            rules.insert(copy, at: index)
            own[kind] = rules
        }
    }

    /// A room is gone: the rules for it, and those that name it in a condition, can never hold again.
    package mutating func removeRoom(_ room: RoomID) {
        for kind in PushRule.Kind.allCases {
            guard let rules = own[kind] else { continue }
            own[kind] = rules.filter { rule in
                rule.id != room.rawValue && !rule.conditions.contains { condition in
                    condition["key"]?.stringValue == "room_id" && (condition["pattern"]?.stringValue == room.rawValue || condition["value"]?.stringValue == room.rawValue)
                }
            }
        }
    }

    // MARK: storing

    package func encoded() -> [UInt8] {
        var object: JSONObject = [:]
        for (kind, rules) in own where !rules.isEmpty {
            object[kind.rawValue] = .array(rules.map { rule in
                var stored: JSONObject = ["rule_id": .string(rule.id), "actions": .array(rule.actions)]
                if !rule.isEnabled { stored["enabled"] = false }
                if !rule.conditions.isEmpty { stored["conditions"] = .array(rule.conditions) }
                if let pattern = rule.pattern { stored["pattern"] = .string(pattern) }
                return .object(stored)
            })
        }
        if !changes.isEmpty {
            object["changes"] = .object(JSONObject(changes.map { id, change in
                var stored: JSONObject = [:]
                if let isEnabled = change.isEnabled { stored["enabled"] = .bool(isEnabled) }
                if let actions = change.actions { stored["actions"] = .array(actions) }
                return (key: id, value: .object(stored))
            }))
        }
        return object.encoded()
    }

    package init(stored: JSONObject) {
        for kind in PushRule.Kind.allCases {
            let rules = stored[kind.rawValue]?.arrayValue?.compactMap { rule -> PushRule? in
                guard let id = rule["rule_id"]?.stringValue else { return nil }
                return PushRule(id, isEnabled: rule["enabled"]?.boolValue ?? true, conditions: rule["conditions"]?.arrayValue ?? [],
                                pattern: rule["pattern"]?.stringValue, actions: rule["actions"]?.arrayValue ?? [])
            }
            if let rules, !rules.isEmpty { own[kind] = rules }
        }
        for (id, change) in stored["changes"]?.objectValue ?? [:] {
            changes[id] = Change(isEnabled: change["enabled"]?.boolValue, actions: change["actions"]?.arrayValue)
        }
    }
}

/// A user's rules in the order in which they are asked.
package struct CompiledPushRules: Sendable {
    private let rules: [CompiledRule]

    package init(_ set: PushRuleSet, for user: UserID) {
        rules = PushRule.Kind.allCases.flatMap { kind in set.rules(kind, for: user).compactMap { CompiledRule($0, kind) } }
    }

    /// What the first rule that matches says. One's own events are nothing to be told of.
    package func verdict(_ event: PushEvent, _ around: PushSurroundings) -> PushVerdict {
        for rule in rules where rule.matches(event, around) { return rule.verdict }
        return .silent
    }
}
