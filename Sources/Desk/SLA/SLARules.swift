/// The clocks of a promise. Pure: what was promised, the conversation's state and the time in; when it is due and what is to be told out.
///
/// All clocks run while the conversation is open and the customer waits, and rest else: pending, snoozed, resolved, or when he has the last answer.
/// The reply's clock begins anew with each wait, the resolution's adds them up. Invariants, each a test: resting time never counts; a warning and a
/// breach are told once; a clock that goes on is not touched.
package struct SLAClock: Sendable, Hashable {
    package enum Mark: Int64, Sendable, CaseIterable { case next = 1, replyWarned = 2, replyBreached = 4, resolveWarned = 8, resolveBreached = 16, ended = 32 }

    package var policy: String
    /// What this wait, and all waits, had taken before `since`.
    package var used: Int64 = 0, total: Int64 = 0
    /// Since when it runs; nil while it rests.
    package var since: Int64?
    package var replyDue: Int64?, resolveDue: Int64?
    package var marks: Set<Mark> = []

    package init(policy: String) { self.policy = policy }

    var text: String {
        ([policy] + [used, total, since, replyDue, resolveDue, marks.reduce(0) { $0 + $1.rawValue }].map { $0.map(String.init) ?? "-" }).joined(separator: " ")
    }
    init?(text: String) {
        let parts = text.split(separator: " ").map(String.init)
        guard parts.count == 7, let used = Int64(parts[1]), let total = Int64(parts[2]), let bits = Int64(parts[6]) else { return nil }
        policy = parts[0]
        (self.used, self.total, since, replyDue, resolveDue) = (used, total, Int64(parts[3]), Int64(parts[4]), Int64(parts[5]))
        marks = Set(Mark.allCases.filter { bits & $0.rawValue != 0 })
    }
}

package enum SLARules {
    package enum Kind: String, Sendable, CaseIterable { case first = "first_response", next = "next_response", resolution }
    package enum State: String, Sendable, CaseIterable { case ok, warning, breached, paused }
    package struct Targets: Sendable, Hashable {
        /// Milliseconds; nil: nothing is promised.
        package var first: Int64?, next: Int64?, resolution: Int64?
        /// Percent of the time after which it is warned.
        package var warnAt: Int64
        package init(first: Int64? = nil, next: Int64? = nil, resolution: Int64? = nil, warnAt: Int64 = 80) {
            self.first = first; self.next = next; self.resolution = resolution; self.warnAt = warnAt
        }
    }
    package struct News: Sendable, Hashable {
        package let kind: Kind, isBreach: Bool, due: Int64
        package init(_ kind: Kind, isBreach: Bool, due: Int64) { self.kind = kind; self.isBreach = isBreach; self.due = due }
    }

    private static func amount(_ hours: HoursRules?, _ from: Int64, _ to: Int64) -> Int64 { hours.map { $0.amount(from: from, to: to) } ?? max(0, to - from) }
    private static func after(_ hours: HoursRules?, _ amount: Int64, _ from: Int64) -> Int64? { hours.map { $0.after(amount, from: from) } ?? from + amount }

    /// The clock after the conversation has come into this state. `isNew`: what was promised is not what it was.
    package static func after(_ old: SLAClock?, policy: String, _ targets: Targets, hours: HoursRules?, state: StatusRules.State, isAnswered: Bool, isNew: Bool = false, now: Int64) -> SLAClock {
        let runs = state.status == .open && state.waitingSince != nil
        var it = old ?? SLAClock(policy: policy)
        if it.marks.contains(.ended), state.status != .resolved { it = SLAClock(policy: policy) }   // another case
        if it.since != nil, runs, it.policy == policy, !isNew { return it }
        if let since = it.since {
            let passed = amount(hours, since, now)
            it.used += passed
            it.total += passed
            it.since = nil
        } else if old == nil, runs, let waiting = state.waitingSince, waiting < now {
            it.used = amount(hours, waiting, now)
            it.total = it.used
        }
        it.policy = policy
        if state.waitingSince == nil {
            it.used = 0
            it.marks.subtract([.replyWarned, .replyBreached])
        }
        if state.status == .resolved { it.marks.insert(.ended) }
        (it.replyDue, it.resolveDue) = (nil, nil)
        guard runs else { return it }
        it.since = now
        if isAnswered { it.marks.insert(.next) } else { it.marks.remove(.next) }
        it.replyDue = (isAnswered ? targets.next : targets.first).flatMap { after(hours, max(0, $0 - it.used), now) }
        it.resolveDue = targets.resolution.flatMap { after(hours, max(0, $0 - it.total), now) }
        return it
    }

    private static func warning(_ target: Int64?, _ used: Int64, _ it: SLAClock, _ targets: Targets, _ hours: HoursRules?) -> Int64? {
        guard let target, let since = it.since else { return nil }
        return after(hours, max(0, target * targets.warnAt / 100 - used), since)
    }
    /// When something is to be told next.
    package static func next(_ it: SLAClock, _ targets: Targets, hours: HoursRules?) -> Int64? {
        var moments: [Int64?] = []
        if let due = it.replyDue {
            if !it.marks.contains(.replyBreached) { moments.append(due) }
            if !it.marks.contains(.replyWarned) { moments.append(warning(it.marks.contains(.next) ? targets.next : targets.first, it.used, it, targets, hours)) }
        }
        if let due = it.resolveDue {
            if !it.marks.contains(.resolveBreached) { moments.append(due) }
            if !it.marks.contains(.resolveWarned) { moments.append(warning(targets.resolution, it.total, it, targets, hours)) }
        }
        return moments.compactMap(\.self).min()
    }
    /// What is to be told by now.
    package static func tell(_ old: SLAClock, _ targets: Targets, hours: HoursRules?, now: Int64) -> (clock: SLAClock, news: [News]) {
        var it = old, news: [News] = []
        func look(_ kind: Kind, due: Int64?, warn: Int64?, _ warned: SLAClock.Mark, _ breached: SLAClock.Mark) {
            guard let due else { return }
            if due <= now, !it.marks.contains(breached) {
                it.marks.formUnion([warned, breached])
                news.append(News(kind, isBreach: true, due: due))
            } else if let warn, warn <= now, !it.marks.contains(warned) {
                it.marks.insert(warned)
                news.append(News(kind, isBreach: false, due: due))
            }
        }
        let isNext = it.marks.contains(.next)
        look(isNext ? .next : .first, due: it.replyDue, warn: warning(isNext ? targets.next : targets.first, it.used, it, targets, hours), .replyWarned, .replyBreached)
        look(.resolution, due: it.resolveDue, warn: warning(targets.resolution, it.total, it, targets, hours), .resolveWarned, .resolveBreached)
        return (it, news)
    }
    /// What a list shows: what is due first, and how it stands.
    package static func shown(_ it: SLAClock) -> (kind: Kind, due: Int64?, state: State)? {
        if it.marks.contains(.ended) { return nil }
        let reply: Kind = it.marks.contains(.next) ? .next : .first
        guard it.since != nil else { return (reply, nil, .paused) }
        let isReply = it.replyDue != nil && it.replyDue ?? .max <= it.resolveDue ?? .max
        guard let due = isReply ? it.replyDue : it.resolveDue else { return nil }
        let breached = it.replyDue != nil && it.marks.contains(.replyBreached) || it.resolveDue != nil && it.marks.contains(.resolveBreached)
        let warned = it.replyDue != nil && it.marks.contains(.replyWarned) || it.resolveDue != nil && it.marks.contains(.resolveWarned)
        return (isReply ? reply : .resolution, due, breached ? .breached : warned ? .warning : .ok)
    }
}
