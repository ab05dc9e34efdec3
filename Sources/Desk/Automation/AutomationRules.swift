/// What a rule asks for, and whether a conversation has it. Pure.
package enum RuleEvent: String, Sendable, Hashable, CaseIterable {
    case opened = "conversation.opened", customerWrote = "message.customer", agentWrote = "message.agent", statusChanged = "status.changed"
    case assigned = "conversation.assigned", unassigned = "conversation.unassigned", tagAdded = "tag.added", priorityChanged = "priority.changed", teamChanged = "team.changed"
    case slaWarning = "sla.warning", slaBreached = "sla.breached"
    /// These come by themselves, so many minutes after the customer began to wait, or after the last that happened.
    case waiting = "customer.waiting", idle = "conversation.idle"

    package var isTimed: Bool { self == .waiting || self == .idle }
}

package enum RuleField: String, Sendable, Hashable, CaseIterable {
    case inbox, channel, language, text, tags, addedTag = "added_tag", priority, status, team, assignee, hours, staff, page, firstMessage = "first_message"
    case contactName = "contact.name", contactEmail = "contact.email", contactPhone = "contact.phone", contactCompany = "contact.company", contactLocation = "contact.location"
    case contactVerified = "contact.verified", contactAttribute = "contact.attribute"

    package enum Kind: Sendable, Hashable { case choice, set, words, text }
    package var kind: Kind {
        switch self {
        case .tags: .set
        case .text, .page: .words
        case .contactName, .contactEmail, .contactPhone, .contactCompany, .contactLocation, .contactAttribute: .text
        default: .choice
        }
    }
    package var operators: [RuleOperator] {
        switch kind {
        case .choice: [.is, .isNot]
        case .set: [.is, .isNot, .hasAll]
        case .words: [.contains, .containsNot]
        case .text: [.is, .isNot, .contains, .containsNot, .known, .unknown]
        }
    }
    /// What there is to choose from, where that is always the same.
    package var choices: [String]? {
        switch self {
        case .hours: ["open", "closed"]
        case .staff: ["present", "away"]
        case .firstMessage, .contactVerified: ["yes", "no"]
        default: nil
        }
    }
    /// A person's: not kept in the log.
    var isPersonal: Bool { [.contactName, .contactEmail, .contactPhone].contains(self) }
}

package enum RuleOperator: String, Sendable, Hashable, CaseIterable {
    case `is`, isNot = "is_not", contains, containsNot = "contains_not", hasAll = "has_all", known, unknown
    var needsValues: Bool { self != .known && self != .unknown }
}

package struct RuleCondition: Sendable, Hashable {
    package var field: RuleField
    /// The name of a contact's attribute.
    package var key: String?
    package var op: RuleOperator
    package var values: [String]
    package init(_ field: RuleField, _ op: RuleOperator, _ values: [String] = [], key: String? = nil) { self.field = field; self.op = op; self.values = values; self.key = key }

    /// Upper and lower case, and accents, are the same.
    package func holds(_ actual: [String]) -> Bool {
        let there = actual.map(Words.folded), wanted = values.map(Words.folded)
        return switch op {
        case .is: there.contains(where: wanted.contains)
        case .isNot: !there.contains(where: wanted.contains)
        case .hasAll: wanted.allSatisfy(there.contains)
        case .contains: wanted.contains { word in there.contains { Self.has($0, word) } }
        case .containsNot: !wanted.contains { word in there.contains { Self.has($0, word) } }
        case .known: there.contains { !$0.isEmpty }
        case .unknown: !there.contains { !$0.isEmpty }
        }
    }
    /// Which of the values were found.
    package func found(_ actual: [String]) -> [String] {
        let there = actual.map(Words.folded)
        return values.filter { value in there.contains { Self.has($0, Words.folded(value)) } }
    }
    /// At the beginning of a word: "remb" is in "remboursement", "art" is not in "carte".
    private static func has(_ text: String, _ word: String) -> Bool {
        let needle = Array(word.utf8), hay = Array(text.utf8)
        guard !needle.isEmpty, hay.count >= needle.count else { return false }
        func isLetter(_ byte: UInt8) -> Bool { byte >= 0x80 || (byte >= 97 && byte <= 122) || (byte >= 48 && byte <= 57) }
        for start in 0...(hay.count - needle.count) where hay[start] == needle[0] {
            if start > 0, isLetter(hay[start - 1]), isLetter(needle[0]) { continue }
            if hay[start..<(start + needle.count)].elementsEqual(needle) { return true }
        }
        return false
    }
}

package enum RuleMatch: String, Sendable, Hashable, CaseIterable {
    case all, any
    package func holds(_ each: [Bool]) -> Bool { each.isEmpty || (self == .all ? each.allSatisfy(\.self) : each.contains(true)) }
}

/// How often a rule may act on one conversation.
package enum RuleEvery: String, Sendable, Hashable, CaseIterable {
    case always, hour, day, once
    /// Whatever is set: a rule that comes back again and again, by way of the routing or of a program, ends here.
    package static let mostAnHour: Int64 = 10

    package func allows(last: Int64?, inHour: Int64, now: Int64) -> Bool {
        if inHour >= Self.mostAnHour { return false }
        guard let last else { return true }
        return switch self {
        case .always: true
        case .hour: now - last >= 3_600_000
        case .day: now - last >= 86_400_000
        case .once: false
        }
    }
}
