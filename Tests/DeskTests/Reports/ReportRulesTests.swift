import Testing
@testable import Desk

@Suite struct ReportRulesTests {
    private func period(_ first: String, _ last: String, _ zone: String = "Europe/Paris") throws -> ReportRules.Period {
        try ReportRules.Period(first: #require(Civil(first)), last: #require(Civil(last)), zone: #require(Zones.named(zone)))
    }
    @Test func aDayIsAsLongAsItsClocksSay() throws {
        let spring = try period("2026-03-29", "2026-03-29"), autumn = try period("2026-10-25", "2026-10-25")
        #expect(spring.end - spring.start == 23 * 3_600_000 && autumn.end - autumn.start == 25 * 3_600_000)
        #expect(try period("2026-01-01", "2026-01-01").start == 1_767_222_000_000)   // 31 December, 23:00 UTC
    }
    @Test func whatLiesBeforeIsAsLongInDays() throws {
        let march = try period("2026-03-01", "2026-03-31"), before = march.before
        #expect(before.days == 31 && before.end == march.start && before.first == Civil("2026-01-29"))
    }
    @Test func partsCoverThePeriodWithoutGaps() throws {
        for step in ReportRules.Step.allCases {
            let it = try period("2026-01-15", "2027-02-03"), parts = it.parts(step)
            #expect(parts.first?.start == it.start && parts.last?.end == it.end && zip(parts, parts.dropFirst()).allSatisfy { $0.end == $1.start })
        }
        let weeks = try period("2026-11-25", "2026-12-08").parts(.week)   // Wednesday to Tuesday
        #expect(weeks.map { ($0.end - $0.start) / 86_400_000 } == [5, 7, 2])
        #expect(try period("2026-01-31", "2026-03-01").parts(.month).map { ($0.end - $0.start) / 86_400_000 } == [1, 28, 1])
    }
    @Test func placesAreThoseOfRealValues() {
        #expect([1, 2, 3, 4, 10, 11].map { ReportRules.place(50, of: $0) } == [1, 1, 2, 2, 5, 6])
        #expect([1, 9, 10, 11, 100].map { ReportRules.place(90, of: $0) } == [1, 9, 9, 10, 90])
    }
    @Test func sharesAreRoundedAndEmptyOnesAreNone() {
        func value(_ metric: ReportRules.Metric, _ sums: [Int64], _ key: String, asked: Int64 = 0) -> Int64? { ReportRules.values(metric, sums, asked: asked).first { $0.key == key }?.value }
        #expect(value(.csat, [3, 2, 11, 0, 0, 1, 2, 0], "satisfied") == 667 && value(.csat, [3, 2, 11, 0, 0, 1, 2, 0], "answered", asked: 8) == 375)
        #expect(value(.csat, [0, 0, 0, 0, 0, 0, 0, 0], "satisfied") == nil)
        #expect(value(.nps, [4, 1, 3], "nps") == -500 && value(.nps, [4, 1, 3], "passives") == 0)
        #expect(value(.sla, [9, 1, 0, 0, 0, 0], "kept") == 900 && value(.sla, [0, 0, 0, 0, 0, 0], "kept") == nil)
    }
}
