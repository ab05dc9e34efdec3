/// When a desk is open. Pure: a week, exceptions and a zone in; moments and amounts of open time out.
///
/// Invariants, each a test: open time between two moments is what `after` adds; a day of 23 or 25 hours counts what its clocks show open;
/// whatever never opens says so instead of being searched for ever.
package struct HoursRules: Sendable, Hashable {
    /// Minutes after midnight, by the clocks there; the end is not part of it.
    package struct Span: Sendable, Hashable {
        package var start: Int64, end: Int64
        package init(_ start: Int64, _ end: Int64) { self.start = start; self.end = end }
    }
    package var zone: ZoneFile
    /// From Monday on.
    package var week: [[Span]]
    /// Days that are different: closed when there is no span.
    package var exceptions: [Civil: [Span]]

    package init(zone: ZoneFile, week: [[Span]], exceptions: [Civil: [Span]] = [:]) {
        self.zone = zone; self.week = week; self.exceptions = exceptions
    }

    /// Further ahead nothing is looked for.
    static let horizon: Int64 = 400

    /// Open periods as moments in milliseconds, those that end after `from`, in order, joined where one begins as the other ends.
    private func periods(from: Int64, _ body: (_ start: Int64, _ end: Int64) -> Bool) {
        let seconds = floorDivide(from, 1000)
        let today = floorDivide(seconds + zone.offset(at: seconds), 86_400)
        var open: (start: Int64, end: Int64)?
        for day in (today - 1)...(today + Self.horizon) {
            let spans = exceptions[Civil(day: day)] ?? week[Civil.mondayBased(day)]
            for span in spans {
                let start = zone.moment(ofLocal: day * 86_400 + span.start * 60, last: false) * 1000, end = zone.moment(ofLocal: day * 86_400 + span.end * 60, last: true) * 1000
                guard start < end, end > from else { continue }
                if let now = open, start <= now.end {
                    open = (now.start, max(now.end, end))
                } else {
                    if let now = open, !body(now.start, now.end) { return }
                    open = (start, end)
                }
            }
        }
        if let open { _ = body(open.start, open.end) }
    }

    package func isOpen(at moment: Int64) -> Bool {
        var answer = false
        periods(from: moment) { start, _ in answer = start <= moment; return false }
        return answer
    }
    /// Now, when it is open now; nil when it does not open within a year.
    package func opens(from moment: Int64) -> Int64? {
        var answer: Int64?
        periods(from: moment) { start, _ in answer = max(start, moment); return false }
        return answer
    }
    /// The end of the open period that it is in; nil when closed, or open without an end.
    package func closes(after moment: Int64) -> Int64? {
        var answer: Int64?
        periods(from: moment) { start, end in
            if start <= moment, end < moment + (Self.horizon - 2) * 86_400_000 { answer = end }
            return false
        }
        return answer
    }
    /// Open time between two moments.
    package func amount(from: Int64, to: Int64) -> Int64 {
        guard to > from else { return 0 }
        var sum: Int64 = 0
        periods(from: from) { start, end in
            sum += max(0, min(end, to) - max(start, from))
            return end < to
        }
        return sum
    }
    /// The moment at which so much open time has passed; nil when that is too far ahead.
    package func after(_ amount: Int64, from: Int64) -> Int64? {
        var left = amount, answer: Int64?
        periods(from: from) { start, end in
            let begin = max(start, from)
            if end - begin >= left { answer = begin + left; return false }
            left -= end - begin
            return true
        }
        return answer
    }
}
