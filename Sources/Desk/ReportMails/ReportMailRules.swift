/// When a report leaves, and of which days it tells. Pure.
package enum ReportMailRules {
    package enum Cadence: String, Sendable, CaseIterable { case daily, weekly, monthly }

    /// At an hour of a zone: every day, on a weekday (0 is Monday) or on a day of the month.
    package struct Plan: Sendable, Hashable {
        package var cadence: Cadence, weekday: Int64, monthday: Int64, hour: Int64, zone: ZoneFile
        package init(cadence: Cadence, weekday: Int64 = 0, monthday: Int64 = 1, hour: Int64, zone: ZoneFile) {
            self.cadence = cadence; self.weekday = weekday; self.monthday = monthday; self.hour = hour; self.zone = zone
        }

        private func day(_ moment: Int64) -> Int64 { floorDivide(floorDivide(moment, 1000) + zone.offset(at: floorDivide(moment, 1000)), 86_400) }
        private func fits(_ day: Int64) -> Bool {
            switch cadence {
            case .daily: true
            case .weekly: Int64(Civil.mondayBased(day)) == weekday
            case .monthly: Int64(Civil(day: day).day) == monthday
            }
        }
        /// The first time after this moment.
        package func next(after moment: Int64) -> Int64 {
            var day = day(moment) - 1
            while true {
                if fits(day) {
                    let time = zone.moment(ofLocal: day * 86_400 + hour * 3600, last: false) * 1000
                    if time > moment { return time }
                }
                day += 1
            }
        }
        /// What a mail of that time tells of: the day, the seven days or the month before.
        package func days(of moment: Int64) -> (first: Civil, last: Civil) {
            let today = day(moment)
            switch cadence {
            case .daily: return (Civil(day: today - 1), Civil(day: today - 1))
            case .weekly: return (Civil(day: today - 7), Civil(day: today - 1))
            case .monthly:
                let it = Civil(day: today), last = Civil(year: it.year, month: it.month, day: 1).number - 1, month = Civil(day: last)
                return (Civil(year: month.year, month: month.month, day: 1), month)
            }
        }
    }

    /// `12 min 05 s`, `87.6 %`, `4.32`, `+34.5`, `–`.
    package static func text(_ value: Int64?, _ unit: ReportRules.Unit, isFrench: Bool) -> String {
        guard let value else { return "–" }
        func two(_ n: Int64) -> String { n < 10 ? "0\(n)" : "\(n)" }
        func decimal(_ n: Int64, _ digits: Int) -> String {
            let scale: Int64 = digits == 1 ? 10 : 100, size = abs(n)
            let rest = digits == 1 ? "\(size % scale)" : two(size % scale)
            return (n < 0 ? "−" : "") + "\(size / scale)" + (isFrench ? "," : ".") + rest
        }
        switch unit {
        case .count: return "\(value)"
        case .permille: return decimal(value, 1) + (isFrench ? "\u{A0}%" : "%")
        case .hundredths: return decimal(value, 2)
        case .tenths: return (value > 0 ? "+" : "") + decimal(value, 1)
        case .ms:
            let seconds = (value + 500) / 1000
            if seconds < 60 { return "\(seconds) s" }
            if seconds < 3600 { return "\(seconds / 60) min \(two(seconds % 60)) s" }
            let minutes = (seconds + 30) / 60
            if minutes < 48 * 60 { return "\(minutes / 60) h \(two(minutes % 60)) min" }
            let hours = (minutes + 30) / 60
            return "\(hours / 24) \(isFrench ? "j" : "d") \(hours % 24) h"
        }
    }
}
