/// The life of a conversation. Pure: what happens to its status and to the customer's waiting time.
///
/// | from \ event | customer writes | agent writes | set by an agent | snooze is over |
/// |---|---|---|---|---|
/// | open     | open    | open    | any | open |
/// | pending  | open    | pending | any | pending |
/// | snoozed  | open    | snoozed | any | open |
/// | resolved | open    | open    | any | resolved |
package enum ConversationStatus: String, Sendable, Hashable, CaseIterable { case open, pending, snoozed, resolved }

package enum StatusRules {
    package struct State: Sendable, Hashable {
        package var status: ConversationStatus
        /// Since when the customer waits for an answer; nil when he does not.
        package var waitingSince: Int64?
        package var snoozedUntil: Int64?
        package var resolvedAt: Int64?
        package init(status: ConversationStatus = .open, waitingSince: Int64? = nil, snoozedUntil: Int64? = nil, resolvedAt: Int64? = nil) {
            self.status = status; self.waitingSince = waitingSince; self.snoozedUntil = snoozedUntil; self.resolvedAt = resolvedAt
        }
    }

    package enum Happening: Sendable, Hashable {
        case customerWrote
        case agentWrote
        case set(ConversationStatus, until: Int64?)
        case snoozeIsOver
    }

    package enum Refusal: Error, Hashable { case snoozeNeedsTime, snoozeInThePast, snoozeTooLong }

    package static let longestSnooze: Int64 = 366 * 86_400_000

    package static func after(_ happening: Happening, in old: State, now: Int64) throws(Refusal) -> State {
        var new = old
        switch happening {
        case .customerWrote:
            new.waitingSince = old.status == .resolved ? now : old.waitingSince ?? now
            new.become(.open)
        case .agentWrote:
            new.waitingSince = nil
            if old.status == .resolved { new.become(.open) }
        case .set(.snoozed, let until):
            guard let until else { throw .snoozeNeedsTime }
            guard until > now else { throw .snoozeInThePast }
            guard until - now <= longestSnooze else { throw .snoozeTooLong }
            new.become(.snoozed)
            new.snoozedUntil = until
        case .set(.resolved, _):
            new.become(.resolved)
            new.resolvedAt = old.status == .resolved ? old.resolvedAt : now
            new.waitingSince = nil
        case .set(.pending, _):
            new.become(.pending)
            new.waitingSince = nil
        case .set(.open, _):
            new.become(.open)
        case .snoozeIsOver:
            if old.status == .snoozed, let due = old.snoozedUntil, due <= now { new.become(.open) }
        }
        return new
    }
}

extension StatusRules.State {
    fileprivate mutating func become(_ next: ConversationStatus) {
        status = next
        if next != .snoozed { snoozedUntil = nil }
        if next != .resolved { resolvedAt = nil }
    }
}
