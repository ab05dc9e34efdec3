/// One rule as clients write and read it.
package struct PushRule: Sendable, Hashable {
    /// In the order in which they are looked at.
    package enum Kind: String, Sendable, CaseIterable {
        case override, content, room, sender, underride
        package var hasConditions: Bool { self == .override || self == .underride }
    }

    package var id: String
    package var isDefault: Bool
    package var isEnabled: Bool
    package var actions: [JSON]
    /// Of override and underride rules.
    package var conditions: [JSON]
    /// Of content rules.
    package var pattern: String?
    /// Looks for names in the text of an event that does not say itself whom it speaks to. Clients know these rules by their ids.
    var looksForNames = false

    package init(_ id: String, isDefault: Bool = false, isEnabled: Bool = true, conditions: [JSON] = [], pattern: String? = nil, actions: [JSON]) {
        self.id = id; self.isDefault = isDefault; self.isEnabled = isEnabled; self.actions = actions; self.conditions = conditions; self.pattern = pattern
    }

    package func json(_ kind: Kind) -> JSON {
        var object: JSONObject = ["rule_id": .string(id), "default": .bool(isDefault), "enabled": .bool(isEnabled), "actions": .array(actions)]
        if kind.hasConditions { object["conditions"] = .array(conditions) }
        if let pattern { object["pattern"] = .string(pattern) }
        return .object(object)
    }
}

/// A rule that can be asked.
struct CompiledRule: Sendable {
    let conditions: [PushCondition]
    let verdict: PushVerdict

    /// nil for a rule that is switched off.
    init?(_ rule: PushRule, _ kind: PushRule.Kind) {
        guard rule.isEnabled else { return nil }
        var conditions: [PushCondition] = rule.looksForNames ? [.namesAreLookedFor] : []
        switch kind {
        case .override, .underride: conditions += rule.conditions.map(PushCondition.init)
        case .content: conditions.append(rule.pattern.map { .bodyMatches(PushWords($0)) } ?? .never)
        case .room: conditions.append(.equals(path: ["room_id"], .string(rule.id)))
        case .sender: conditions.append(.equals(path: ["sender"], .string(rule.id)))
        }
        self.conditions = conditions
        verdict = PushVerdict(rule.actions)
    }

    func matches(_ event: PushEvent, _ around: PushSurroundings) -> Bool { conditions.allSatisfy { $0.holds(event, around) } }
}
