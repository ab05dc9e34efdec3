import Testing
@testable import Desk

@Suite struct ReportMailRulesTests {
    private let paris: ZoneFile
    init() throws { paris = try #require(Zones.named("Europe/Paris")) }
    private func at(_ day: String, _ hour: Int64) throws -> Int64 { paris.moment(ofLocal: try #require(Civil(day)).number * 86_400 + hour * 3600, last: false) * 1000 }

    @Test func aDayAWeekAndAMonthBeginAtTheirHourByTheClocksThere() throws {
        let daily = ReportMailRules.Plan(cadence: .daily, hour: 8, zone: paris)
        #expect(try daily.next(after: at("2026-11-30", 7)) == at("2026-11-30", 8))
        #expect(try daily.next(after: at("2026-11-30", 8)) == at("2026-12-01", 8))
        // Over the change of the clocks: a day of 25 hours.
        #expect(try daily.next(after: at("2026-10-24", 8)) == at("2026-10-25", 8) && at("2026-10-25", 8) - at("2026-10-24", 8) == 25 * 3_600_000)
        let monday = ReportMailRules.Plan(cadence: .weekly, weekday: 0, hour: 0, zone: paris)
        #expect(try monday.next(after: at("2026-12-01", 5)) == at("2026-12-07", 0))
        let month = ReportMailRules.Plan(cadence: .monthly, monthday: 28, hour: 23, zone: paris)
        #expect(try month.next(after: at("2026-02-28", 23)) == at("2026-03-28", 23))
        // An hour that the clocks skip is the moment at which they do.
        let skipped = ReportMailRules.Plan(cadence: .daily, hour: 2, zone: paris)
        #expect(try skipped.next(after: at("2026-03-29", 0)) == at("2026-03-29", 3))
    }
    @Test func aMailTellsOfWhatLiesBeforeIt() throws {
        func days(_ cadence: ReportMailRules.Cadence, _ day: String) throws -> [Civil?] {
            let found = ReportMailRules.Plan(cadence: cadence, hour: 8, zone: paris).days(of: try at(day, 8))
            return [found.first, found.last]
        }
        #expect(try days(.daily, "2026-03-01") == [Civil("2026-02-28"), Civil("2026-02-28")])
        #expect(try days(.weekly, "2026-11-30") == [Civil("2026-11-23"), Civil("2026-11-29")])
        #expect(try days(.monthly, "2026-01-05") == [Civil("2025-12-01"), Civil("2025-12-31")])
    }
    @Test(arguments: [(876, ReportRules.Unit.permille, "87.6%", "87,6\u{A0}%"), (725_000, .ms, "12 min 05 s", "12 min 05 s"), (187_200_000, .ms, "2 d 4 h", "2 j 4 h"), (432, .hundredths, "4.32", "4,32"),
                      (-45, .tenths, "−4.5", "−4,5"), (5, .tenths, "+0.5", "+0,5"), (3, .count, "3", "3")] as [(Int64, ReportRules.Unit, String, String)])
    func figuresAreWrittenAsPeopleReadThem(value: Int64, unit: ReportRules.Unit, english: String, french: String) {
        #expect(ReportMailRules.text(value, unit, isFrench: false) == english && ReportMailRules.text(value, unit, isFrench: true) == french)
        #expect(ReportMailRules.text(nil, unit, isFrench: false) == "–")
    }
}
