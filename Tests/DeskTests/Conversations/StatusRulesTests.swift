import Testing
@testable import Desk

@Suite struct StatusRulesTests {
    typealias State = StatusRules.State

    @Test(arguments: ConversationStatus.allCases) func aCustomersMessageAlwaysOpens(_ status: ConversationStatus) throws {
        let old = State(status: status, snoozedUntil: status == .snoozed ? 900 : nil, resolvedAt: status == .resolved ? 50 : nil)
        let new = try StatusRules.after(.customerWrote, in: old, now: 100)
        #expect(new == State(status: .open, waitingSince: 100))
    }
    @Test func waitingCountsFromTheFirstUnansweredMessage() throws {
        let once = try StatusRules.after(.customerWrote, in: State(), now: 100)
        let twice = try StatusRules.after(.customerWrote, in: once, now: 200)
        #expect(twice.waitingSince == 100)
        let answered = try StatusRules.after(.agentWrote, in: twice, now: 300)
        #expect(answered.waitingSince == nil)
        #expect(answered.status == .open)
    }
    @Test(arguments: zip([ConversationStatus.open, .pending, .snoozed, .resolved], [ConversationStatus.open, .pending, .snoozed, .open]))
    func anAgentsMessage(from: ConversationStatus, to: ConversationStatus) throws {
        #expect(try StatusRules.after(.agentWrote, in: State(status: from, waitingSince: 1, snoozedUntil: from == .snoozed ? 9 : nil), now: 5).status == to)
    }
    @Test func resolvingEndsTheWaitAndKeepsItsTime() throws {
        let resolved = try StatusRules.after(.set(.resolved, until: nil), in: State(waitingSince: 1), now: 7)
        #expect(resolved == State(status: .resolved, resolvedAt: 7))
        #expect(try StatusRules.after(.set(.resolved, until: nil), in: resolved, now: 9).resolvedAt == 7)
        #expect(try StatusRules.after(.set(.open, until: nil), in: resolved, now: 9) == State(status: .open))
    }
    @Test(arguments: [(Int64?.none, StatusRules.Refusal.snoozeNeedsTime), (99, .snoozeInThePast), (100, .snoozeInThePast), (100 + StatusRules.longestSnooze + 1, .snoozeTooLong)])
    func aSnoozeNeedsATimeAhead(until: Int64?, refusal: StatusRules.Refusal) {
        #expect(throws: refusal) { try StatusRules.after(.set(.snoozed, until: until), in: State(), now: 100) }
    }
    @Test func aSnoozeEndsWhenItIsOverAndNotBefore() throws {
        let snoozed = try StatusRules.after(.set(.snoozed, until: 200), in: State(waitingSince: 5), now: 100)
        #expect(snoozed == State(status: .snoozed, waitingSince: 5, snoozedUntil: 200))
        #expect(try StatusRules.after(.snoozeIsOver, in: snoozed, now: 199) == snoozed)
        #expect(try StatusRules.after(.snoozeIsOver, in: snoozed, now: 200) == State(status: .open, waitingSince: 5))
        #expect(try StatusRules.after(.snoozeIsOver, in: State(status: .resolved), now: 200).status == .resolved)
    }
    @Test func theQueueIsSortedByPriorityThenWaitThenActivity() {
        func conversation(_ priority: Conversation.Priority, waiting: Int64?, activity: Int64) -> Int64 {
            Conversation(id: "", number: 1, version: 1, roomID: "", brandID: "", inboxID: "", contactID: "", isCurrent: true, state: State(waitingSince: waiting), priority: priority,
                         language: nil, isEncrypted: false, messageCount: 0, activityAt: activity, createdPosition: 0, createdAt: 0, updatedAt: 0).queueKey
        }
        let now: Int64 = 1_800_000_000_000
        let order = [
            conversation(.urgent, waiting: now, activity: now), conversation(.urgent, waiting: nil, activity: now), conversation(.high, waiting: now, activity: now),
            conversation(.normal, waiting: now - 9, activity: now),
            conversation(.none, waiting: now - 1, activity: now), conversation(.none, waiting: nil, activity: now), conversation(.none, waiting: nil, activity: now - 1),
            conversation(.low, waiting: now - 10, activity: now),
        ]
        #expect(order == order.sorted())
        #expect(Set(order).count == order.count)
    }
}
