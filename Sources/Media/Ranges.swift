/// What a `Range` header asks for. https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
package enum ByteRange: Sendable, Hashable {
    /// No range, several ranges, another unit or nonsense: the whole.
    case whole
    case part(Range<Int64>)
    /// 416: nothing of it exists.
    case unsatisfiable

    package init(_ header: String?, size: Int64) {
        guard let header, header.hasPrefix("bytes=") else { self = .whole; return }
        let halves = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
        guard halves.count == 2, halves.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }) else { self = .whole; return }
        switch (halves[0].isEmpty, halves[1].isEmpty) {
        case (true, true): self = .whole
        case (true, false):   // the last so many bytes
            let count = Self.number(halves[1])
            self = count == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - count)..<size)
        case (false, let isOpen):
            let first = Self.number(halves[0]), last = isOpen ? Int64.max - 1 : Self.number(halves[1])
            if last < first { self = .whole }
            else if first >= size { self = .unsatisfiable }
            else { self = .part(first..<min(last + 1, size)) }
        }
    }

    /// A number too large to hold counts as the largest.
    private static func number(_ text: String) -> Int64 { min(Int64(text) ?? .max, .max - 1) }
}
