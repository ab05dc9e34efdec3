import TestKit
import Testing
@testable import Desk

/// Moments as people write them: `2026-03-29 01:30` in UTC.
func utc(_ text: String) -> Int64 {
    let parts = text.split(separator: " "), time = parts[1].split(separator: ":").compactMap { Int64($0) }
    return ((Civil(String(parts[0]))?.number ?? 0) * 86_400 + time[0] * 3600 + time[1] * 60) * 1000
}

@Suite struct HoursRulesTests {
    static let paris = Zones.named("Europe/Paris"), lordHowe = Zones.named("Australia/Lord_Howe")
    private func span(_ from: Int64, _ to: Int64) -> HoursRules.Span { HoursRules.Span(from * 60, to * 60) }
    private func shop(_ exceptions: [Civil: [HoursRules.Span]] = [:]) throws -> HoursRules {
        let day = [span(9, 12), span(14, 18)]
        return HoursRules(zone: try #require(Self.paris), week: [day, day, day, day, day, [span(10, 12)], []], exceptions: exceptions)
    }

    @Test(arguments: [("2026-01-15 12:00", 3600), ("2026-03-29 00:59", 3600), ("2026-03-29 01:00", 7200), ("2026-10-25 00:59", 7200), ("2026-10-25 01:00", 3600), ("2045-07-01 00:00", 7200), ("2099-12-01 00:00", 3600)])
    func parisHasItsOffsets(moment: String, offset: Int64) throws { #expect(try #require(Self.paris).offset(at: utc(moment) / 1000) == offset) }

    /// Half an hour of summer time, on the other half of the earth.
    @Test func lordHoweHasItsOwn() throws {
        let zone = try #require(Self.lordHowe)
        #expect(zone.offset(at: utc("2050-01-15 12:00") / 1000) == 11 * 3600 && zone.offset(at: utc("2050-07-15 12:00") / 1000) == 10 * 3600 + 1800)
    }
    @Test(arguments: [("CET-1CEST,M3.5.0,M10.5.0/3", true), ("<+0330>-3:30", true), ("EST5EDT,M3.2.0,M11.1.0", true), ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true), ("XXX3,J60,J300", false), ("", false), ("CET", false), ("CET-1CEST,M3.5.0", false), ("CET-1CEST,M13.5.0,M10.5.0", false)])
    func rulesAreReadOrRefused(text: String, isGood: Bool) { #expect((ZoneRule(text) != nil) == isGood) }
    @Test func brokenFilesAreNoZones() throws {
        let bytes = try #require(Zones.bytes("Europe/Paris"))
        #expect(ZoneFile(bytes) != nil)
        var random = SplitMix64(seed: 9)
        for _ in 0..<300 {
            var broken = bytes
            if random.below(2) == 0 { broken.removeLast(random.below(bytes.count)) }
            for _ in 0..<random.below(6) where !broken.isEmpty { broken[random.below(broken.count)] = UInt8(random.below(256)) }
            // Whatever it is read as, it has an offset for any moment.
            if let zone = ZoneFile(broken) { _ = [Int64.min / 2, -1, 0, 1_800_000_000, 1 << 40].map { zone.offset(at: $0) } }
        }
        for name in ["Europe/Nowhere", "../../etc/passwd", "/etc/passwd", "", "Europe/", "Paris/../Europe/Paris"] { #expect(Zones.named(name) == nil, "\(name)") }
    }
    @Test func datesCountDays() {
        #expect(Civil("1970-01-01")?.number == 0 && Civil("2000-02-29")?.number == 11_016 && Civil("2026-02-29") == nil && Civil("2026-1-01") == nil)
        for number in stride(from: Int64(-800_000), to: 800_000, by: 997) { #expect(Civil(day: number).number == number) }
        #expect(Civil.mondayBased(0) == 3)   // a Thursday
    }

    @Test func openAndClosed() throws {
        let shop = try shop([Civil(year: 2026, month: 12, day: 25): [], Civil(year: 2026, month: 12, day: 24): [span(9, 12)]])
        // Monday 30 November 2026, winter time: 9:00 there is 8:00 UTC.
        #expect(!shop.isOpen(at: utc("2026-11-30 07:59")) && shop.isOpen(at: utc("2026-11-30 08:00")) && shop.isOpen(at: utc("2026-11-30 10:59")) && !shop.isOpen(at: utc("2026-11-30 11:00")))
        #expect(shop.opens(from: utc("2026-11-30 11:30")) == utc("2026-11-30 13:00"))
        #expect(shop.opens(from: utc("2026-11-30 14:00")) == utc("2026-11-30 14:00"))
        #expect(shop.closes(after: utc("2026-11-30 14:00")) == utc("2026-11-30 17:00"))
        #expect(shop.closes(after: utc("2026-11-30 12:00")) == nil)
        // Over a Sunday, over Christmas.
        #expect(shop.opens(from: utc("2026-11-28 12:00")) == utc("2026-11-30 08:00"))
        #expect(shop.opens(from: utc("2026-12-24 11:00")) == utc("2026-12-26 09:00"))
        // Summer time: an hour earlier.
        #expect(shop.opens(from: utc("2026-07-01 00:00")) == utc("2026-07-01 07:00"))
    }
    @Test func nightsGoOnOverMidnight() throws {
        let night = HoursRules(zone: try #require(Self.paris), week: Array(repeating: [span(0, 2), span(22, 24)], count: 7))
        #expect(night.closes(after: utc("2026-11-30 21:30")) == utc("2026-12-01 01:00"))
        let always = HoursRules(zone: .utc, week: Array(repeating: [span(0, 24)], count: 7))
        #expect(always.isOpen(at: 0) && always.closes(after: 0) == nil && always.opens(from: 5) == 5)
        let never = HoursRules(zone: .utc, week: Array(repeating: [], count: 7))
        #expect(never.opens(from: 0) == nil && !never.isOpen(at: 0) && never.after(1, from: 0) == nil && never.amount(from: 0, to: 1 << 40) == 0)
    }
    /// The night of 29 March has 23 hours, that of 25 October 25.
    @Test(arguments: [("2026-03-28 23:00", 3), ("2026-10-24 22:00", 5), ("2026-11-30 23:00", 4)]) func aDayOfChange(midnight: String, hours: Int64) throws {
        let early = HoursRules(zone: try #require(Self.paris), week: Array(repeating: [span(0, 4)], count: 7)), start = utc(midnight)
        #expect(early.isOpen(at: start) && !early.isOpen(at: start - 1))
        #expect(early.amount(from: start, to: start + 12 * 3_600_000) == hours * 3_600_000)
        #expect(early.closes(after: start) == start + hours * 3_600_000)
    }
    @Test func aTimeThatClocksSkipOrShowTwice() throws {
        let odd = HoursRules(zone: try #require(Self.paris), week: Array(repeating: [HoursRules.Span(150, 165)], count: 7))   // 2:30 to 2:45
        #expect(odd.amount(from: utc("2026-03-28 23:00"), to: utc("2026-03-29 12:00")) == 0)
        #expect(odd.opens(from: utc("2026-10-24 22:00")) == utc("2026-10-25 00:30") && odd.closes(after: utc("2026-10-25 00:31")) == utc("2026-10-25 01:45"))
    }
    /// `after` and `amount` are each other's opposite, wherever one begins.
    @Test func openTimeAddsUp() throws {
        let shop = try shop([Civil(year: 2026, month: 5, day: 1): []])
        var random = SplitMix64(seed: 4)
        for _ in 0..<300 {
            let from = utc("2026-01-01 00:00") + Int64(random.below(365 * 1440)) * 60_000, amount = Int64(random.below(4000) + 1) * 60_000
            let end = try #require(shop.after(amount, from: from))
            #expect(shop.amount(from: from, to: end) == amount)
            #expect(shop.isOpen(at: end - 1))
        }
    }
}
