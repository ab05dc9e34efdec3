import Testing
@testable import Desk

@Suite struct NoticeRulesTests {
    private func at(_ hour: Int64, _ minute: Int64 = 0) -> Int64 { (20_000 * 86_400 + hour * 3600 + minute * 60) * 1000 }

    @Test(arguments: [
        (22, 7, 23, 0, true), (22, 7, 6, 59, true), (22, 7, 7, 0, false), (22, 7, 21, 59, false), (22, 7, 0, 0, true), (12, 14, 13, 0, true), (12, 14, 14, 0, false), (12, 14, 11, 59, false), (9, 9, 9, 0, false),
    ] as [(Int64, Int64, Int64, Int64, Bool)])
    func quietHoursGoOverMidnight(_ from: Int64, _ to: Int64, _ hour: Int64, _ minute: Int64, _ isQuiet: Bool) {
        var rules = NoticeRules.standard
        (rules.isQuietOn, rules.quietFrom, rules.quietTo) = (true, from * 60, to * 60)
        #expect(rules.isQuiet(at: at(hour, minute), zone: .utc) == isQuiet)
        rules.isQuietOn = false
        #expect(!rules.isQuiet(at: at(hour, minute), zone: .utc))
    }
    @Test func whoeverHasChosenNothingIsNotMailed() {
        #expect(!NoticeRules.standard.wantsMail && NoticeRules.standard.wants(.mention, by: .sound) && !NoticeRules.standard.wants(.followed, by: .sound))
    }
}
