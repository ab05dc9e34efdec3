import TestKit
import Testing
@testable import Desk

@Suite struct SLARulesTests {
    private static let minute: Int64 = 60_000
    private let targets = SLARules.Targets(first: 10 * minute, next: 20 * minute, resolution: 60 * minute)

    /// A conversation and its clock: the steps in minutes.
    private struct Talk {
        var targets: SLARules.Targets, hours: HoursRules? = nil, state = StatusRules.State(), clock: SLAClock? = nil, isAnswered = false, told: [String] = []
        mutating func at(_ minutes: Int64, _ what: StatusRules.Happening?) throws {
            let now = minutes * SLARulesTests.minute
            if let what { state = try StatusRules.after(what, in: state, now: now) }
            if what == .agentWrote { isAnswered = true }
            if let old = clock {
                let (clock, news) = SLARules.tell(old, targets, hours: hours, now: now)
                if what == nil { self.clock = clock; told += news.map { "\(minutes) \($0.kind.rawValue) \($0.isBreach ? "breached" : "warned")" } }
            }
            clock = SLARules.after(clock, policy: "p", targets, hours: hours, state: state, isAnswered: isAnswered, now: now)
        }
        var next: Int64? { clock.flatMap { SLARules.next($0, targets, hours: hours) }.map { $0 / SLARulesTests.minute } }
        var due: [Int64?] { [clock?.replyDue, clock?.resolveDue].map { $0.map { $0 / SLARulesTests.minute } } }
    }

    @Test func theClocksOfAConversation() throws {
        var talk = Talk(targets: targets)
        try talk.at(0, .customerWrote)
        #expect(talk.due == [10, 60] && talk.next == 8)
        try talk.at(3, .customerWrote)   // once more: the clock goes on
        #expect(talk.due == [10, 60])
        try talk.at(5, .agentWrote)
        #expect(talk.due == [nil, nil] && talk.next == nil)
        #expect(SLARules.shown(try #require(talk.clock))?.state == .paused)
        try talk.at(100, .customerWrote)   // five minutes of the hour are gone
        #expect(talk.due == [120, 155])
        try talk.at(110, .set(.snoozed, until: 200 * Self.minute))
        #expect(talk.due == [nil, nil])
        try talk.at(200, .snoozeIsOver)   // ten minutes of this wait are gone
        #expect(talk.due == [210, 245])
        try talk.at(205, .set(.pending, until: nil))
        try talk.at(300, .customerWrote)
        #expect(talk.due == [320, 340])
        try talk.at(301, .set(.resolved, until: nil))
        #expect(SLARules.shown(try #require(talk.clock)) == nil)
        try talk.at(400, .customerWrote)   // another case: all of it anew
        #expect(talk.due == [420, 460])
    }
    @Test func eachIsToldOnce() throws {
        var talk = Talk(targets: targets)
        try talk.at(0, .customerWrote)
        for minute: Int64 in [7, 8, 9, 10, 11, 30, 48, 59, 60, 90] { try talk.at(minute, nil) }
        #expect(talk.told == ["8 first_response warned", "10 first_response breached", "48 resolution warned", "60 resolution breached"])
        #expect(talk.next == nil)
        #expect(SLARules.shown(try #require(talk.clock))?.state == .breached)
        try talk.at(91, .agentWrote)
        try talk.at(95, .customerWrote)   // the next reply has a clock of its own; the resolution stays late
        #expect(talk.due == [115, 95])
        for minute: Int64 in [96, 111, 115] { try talk.at(minute, nil) }
        #expect(talk.told.suffix(2) == ["111 next_response warned", "115 next_response breached"])
    }
    /// A server that was down tells a breach, not the warning before it too.
    @Test func afterALongSleepOnlyTheBreachIsTold() throws {
        var talk = Talk(targets: targets)
        try talk.at(0, .customerWrote)
        try talk.at(500, nil)
        #expect(talk.told == ["500 first_response breached", "500 resolution breached"])
    }
    @Test func nightsDoNotCount() throws {
        let day = [HoursRules.Span(540, 1080)]   // 9:00 to 18:00 UTC
        var talk = Talk(targets: targets, hours: HoursRules(zone: .utc, week: Array(repeating: day, count: 7)))
        try talk.at(1075, .customerWrote)   // five minutes before the end
        #expect(talk.due == [1440 + 545, 1440 + 595])
        try talk.at(1440 + 300, .set(.pending, until: nil))
        #expect(talk.clock?.total == 5 * Self.minute)
    }
    @Test func whatIsPromisedNewlyCountsFromTheBeginningOfTheWait() {
        let state = StatusRules.State(status: .open, waitingSince: 0)
        let clock = SLARules.after(nil, policy: "p", targets, hours: nil, state: state, isAnswered: false, now: 4 * Self.minute)
        #expect(clock.replyDue == 10 * Self.minute)
        let stricter = SLARules.after(clock, policy: "p", SLARules.Targets(first: 6 * Self.minute), hours: nil, state: state, isAnswered: false, isNew: true, now: 5 * Self.minute)
        #expect(stricter.replyDue == 6 * Self.minute && stricter.resolveDue == nil)
    }
    @Test func aClockIsReadAsItWasWritten() {
        var clock = SLAClock(policy: "sp_1")
        clock.used = 5; clock.since = 7; clock.replyDue = 9; clock.marks = [.next, .replyWarned, .resolveBreached]
        #expect(SLAClock(text: clock.text) == clock)
        for broken in ["", "a b", "p 1 2 3 4 5 x", "p - - - - - -"] { #expect(SLAClock(text: broken) == nil) }
    }
}
