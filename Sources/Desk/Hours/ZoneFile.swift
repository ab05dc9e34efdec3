/// A time zone as the system's database has it (TZif, RFC 9636). Pure: bytes in, offsets out.
///
/// Invariant: for any moment there is exactly one offset; damaged bytes give no zone, never a crash.
package struct ZoneFile: Sendable, Hashable {
    /// Moments (seconds since 1970) and what holds from then on.
    private var transitions: [Int64] = []
    private var offsets: [Int64] = []
    private var first: Int64 = 0
    /// For moments after the last transition.
    private var rule: ZoneRule?

    package static let utc = ZoneFile()
    private init() {}

    package init?(_ bytes: [UInt8]) {
        guard let one = Header(bytes, at: 0), one.version >= 0x32, let two = Header(bytes, at: 44 + one.size(4)) else { return nil }
        var at = 44 + one.size(4) + 44
        guard at + two.size(8) <= bytes.count, two.types > 0 else { return nil }
        func number(_ at: Int, _ length: Int) -> Int64 {
            let raw = bytes[at..<at + length].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return length == 8 ? Int64(bitPattern: raw) : Int64(Int32(bitPattern: UInt32(raw)))
        }
        transitions = (0..<two.times).map { number(at + $0 * 8, 8) }
        at += two.times * 8
        let kinds = bytes[at..<at + two.times].map(Int.init)
        at += two.times
        let all = (0..<two.types).map { number(at + $0 * 6, 4) }
        guard kinds.allSatisfy({ $0 < all.count }), zip(transitions, transitions.dropFirst()).allSatisfy({ $0 < $1 }), all.allSatisfy({ abs($0) < 100_000 }) else { return nil }
        offsets = kinds.map { all[$0] }
        first = all[0]
        let end = 44 + one.size(4) + 44 + two.size(8)
        if end < bytes.count, bytes[end] == 0x0A, let stop = bytes[(end + 1)...].firstIndex(of: 0x0A), stop > end + 1 {
            guard let rule = ZoneRule(String(decoding: bytes[(end + 1)..<stop], as: UTF8.self)) else { return nil }
            self.rule = rule
        }
    }
    private struct Header {
        let version: UInt8, utCount: Int, stdCount: Int, leaps: Int, times: Int, types: Int, letters: Int

        init?(_ bytes: [UInt8], at: Int) {
            guard at >= 0, at + 44 <= bytes.count, bytes[at..<at + 4].elementsEqual("TZif".utf8) else { return nil }
            func count(_ index: Int) -> Int { bytes[at + 20 + index * 4..<at + 24 + index * 4].reduce(0) { $0 << 8 | Int($1) } }
            version = bytes[at + 4]
            (utCount, stdCount, leaps, times, types, letters) = (count(0), count(1), count(2), count(3), count(4), count(5))
            guard [utCount, stdCount, leaps, times, types, letters].allSatisfy({ $0 <= 100_000 }) else { return nil }
        }
        func size(_ time: Int) -> Int { times * time + times + types * 6 + letters + leaps * (time + 4) + stdCount + utCount }
    }

    /// Seconds to add to UTC at this moment (in seconds).
    package func offset(at moment: Int64) -> Int64 {
        guard let last = transitions.last else { return rule?.offset(at: moment) ?? first }
        if moment >= last { return rule?.offset(at: moment) ?? offsets[offsets.count - 1] }
        var low = 0, high = transitions.count   // the first transition after the moment
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= moment { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? first : offsets[low - 1]
    }

    /// The moment at which clocks there show this. Where they skip it, the moment of the skip; where they show it twice, the first or the last.
    package func moment(ofLocal local: Int64, last: Bool) -> Int64 {
        // No two offsets of a zone within a day differ by more than a day.
        let before = offset(at: local - 86_400), after = offset(at: local + 86_400)
        let found = Set([before, after]).map { local - $0 }.filter { $0 + offset(at: $0) == local }
        if let one = last ? found.max() : found.min() { return one }
        // Skipped: the change lies between the two readings.
        var low = local - max(before, after), high = local - min(before, after)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if offset(at: middle) == before { low = middle } else { high = middle }
        }
        return high
    }
}

/// `CET-1CEST,M3.5.0,M10.5.0/3`: how a zone goes on for ever.
struct ZoneRule: Sendable, Hashable {
    struct Change: Sendable, Hashable {
        enum Day: Sendable, Hashable { case julian(Int), zeroBased(Int), weekday(month: Int, week: Int, day: Int) }
        let day: Day
        /// Seconds after midnight, local time before the change.
        let time: Int64
    }
    let standard: Int64
    let summer: Int64
    let begins: Change?, ends: Change?

    init?(_ text: String) {
        var rest = Substring(text)
        func name() -> Bool {
            if rest.first == "<" {
                guard let end = rest.firstIndex(of: ">") else { return false }
                rest = rest[rest.index(after: end)...]
                return true
            }
            let letters = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(letters.count)
            return letters.count >= 3
        }
        func time() -> Int64? {
            var sign: Int64 = 1
            if rest.first == "-" || rest.first == "+" { sign = rest.removeFirst() == "-" ? -1 : 1 }
            let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == ":" }
            rest = rest.dropFirst(digits.count)
            let parts = digits.split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) }
            guard (1...3).contains(parts.count), let hours = parts[0], hours <= 167, !parts.contains(nil) else { return nil }
            return sign * (hours * 3600 + (parts.count > 1 ? parts[1] ?? 0 : 0) * 60 + (parts.count > 2 ? parts[2] ?? 0 : 0))
        }
        func change() -> Change? {
            guard rest.first == "," else { return nil }
            rest.removeFirst()
            let spec = rest.prefix { $0 != "," && $0 != "/" }
            rest = rest.dropFirst(spec.count)
            let day: Change.Day
            if spec.first == "M" {
                let parts = spec.dropFirst().split(separator: ".").compactMap { Int($0) }
                guard parts.count == 3, (1...12).contains(parts[0]), (1...5).contains(parts[1]), (0...6).contains(parts[2]) else { return nil }
                day = .weekday(month: parts[0], week: parts[1], day: parts[2])
            } else if spec.first == "J" {
                guard let number = Int(spec.dropFirst()), (1...365).contains(number) else { return nil }
                day = .julian(number)
            } else {
                guard let number = Int(spec), (0...365).contains(number) else { return nil }
                day = .zeroBased(number)
            }
            guard rest.first == "/" else { return Change(day: day, time: 7200) }
            rest.removeFirst()
            return time().map { Change(day: day, time: $0) }
        }
        guard name(), let west = time() else { return nil }
        standard = -west
        guard !rest.isEmpty else {
            (summer, begins, ends) = (standard, nil, nil)
            return
        }
        guard name() else { return nil }
        if rest.first == "," { summer = standard + 3600 } else {
            guard let west = time() else { return nil }
            summer = -west
        }
        guard let first = change(), let second = change(), rest.isEmpty else { return nil }
        (begins, ends) = (first, second)
    }

    func offset(at moment: Int64) -> Int64 {
        guard let begins, let ends else { return standard }
        let year = Civil(day: floorDivide(moment + standard, 86_400)).year
        let start = Self.day(begins.day, of: year) * 86_400 + begins.time - standard, stop = Self.day(ends.day, of: year) * 86_400 + ends.time - summer
        let isSummer = start < stop ? moment >= start && moment < stop : !(moment >= stop && moment < start)
        return isSummer ? summer : standard
    }
    private static func day(_ day: Change.Day, of year: Int) -> Int64 {
        let first = Civil(year: year, month: 1, day: 1).number
        switch day {
        case .zeroBased(let number): return first + Int64(number)
        case .julian(let number):   // 29 February is not counted
            return first + Int64(number - 1) + (Civil.isLeap(year) && number >= 60 ? 1 : 0)
        case .weekday(let month, let week, let day):
            let start = Civil(year: year, month: month, day: 1).number
            let length = Int64(Civil.days(in: month, of: year))
            var found = start + Int64((day - Civil.sundayBased(start) + 7) % 7) + Int64(week - 1) * 7
            while found >= start + length { found -= 7 }
            return found
        }
    }
}

func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : -((b - 1 - a) / b) }

/// A date of the Gregorian calendar and its number of days since 1970.
package struct Civil: Sendable, Hashable {
    package var year: Int, month: Int, day: Int
    package init(year: Int, month: Int, day: Int) { self.year = year; self.month = month; self.day = day }

    /// The era-based count: years begin in March, so that the leap day is the last.
    package init(day number: Int64) {
        let shifted = number + 719_468, era = floorDivide(shifted, 146_097), ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100), shiftedMonth = (5 * ofYear + 2) / 153
        day = Int(ofYear - (153 * shiftedMonth + 2) / 5 + 1)
        month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    }
    package var number: Int64 {
        let year = Int64(month <= 2 ? self.year - 1 : self.year), era = floorDivide(year, 400), ofEra = year - era * 400
        let ofYear = (153 * Int64(month > 2 ? month - 3 : month + 9) + 2) / 5 + Int64(day) - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }
    static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
    static func days(in month: Int, of year: Int) -> Int { month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31 }
    /// 0 is Sunday, as in rules of zones.
    static func sundayBased(_ number: Int64) -> Int { Int((number + 4) - floorDivide(number + 4, 7) * 7) }
    /// 0 is Monday, as in opening hours.
    static func mondayBased(_ number: Int64) -> Int { (sundayBased(number) + 6) % 7 }

    /// `2026-12-25`
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.map(\.utf8.count) == [4, 2, 2], parts.allSatisfy({ $0.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } }), let year = Int(parts[0]), let month = Int(parts[1]),
              let day = Int(parts[2]), (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day) else { return nil }
        self.init(year: year, month: month, day: day)
    }
}
