/// How customers rate. Pure: scales, what a text in any Matrix app means as an answer, and until when it holds.
package enum SurveyRules {
    package enum Scale: String, Sendable, CaseIterable {
        case faces, stars, nps

        package var range: ClosedRange<Int64> { self == .nps ? 0...10 : 1...5 }
        package var isSatisfaction: Bool { self != .nps }
    }

    /// Whoever has not answered by then is not asked any more.
    package static let open: Int64 = 30 * 86_400_000

    /// Until when an answer may be given, or changed.
    package static func until(sentAt: Int64, ratedAt: Int64?, changeHours: Int64) -> Int64 { ratedAt.map { $0 + changeHours * 3_600_000 } ?? sentAt + open }

    /// A message that is nothing but a rating: `4`, `4/5`, `4 sur 5`, `4️⃣`, four stars. In a reply to the question more may follow: that is the comment.
    package static func answer(_ text: String, scale: Scale, isReply: Bool = false) -> (score: Int64, comment: String?)? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).drop { $0.hasPrefix(">") }
        var rest = Fields.trimmed(lines.joined(separator: "\n"))[...]
        let score: Int64
        let stars = rest.prefix { "⭐★🌟".contains($0.unicodeScalars.first.map(Character.init) ?? " ") }
        if !stars.isEmpty {
            score = Int64(stars.count)
            rest = rest.dropFirst(stars.count)
        } else {
            let digits = rest.prefix { $0.unicodeScalars.first?.properties.numericType == .decimal && ($0.unicodeScalars.first?.isASCII ?? false) }
            guard (1...2).contains(digits.count), let number = Int64(String(String.UnicodeScalarView(digits.unicodeScalars.filter { $0.isASCII }))) else { return nil }
            score = number
            rest = rest.dropFirst(digits.count)
            let most = String(scale.range.upperBound)
            for word in ["/", "sur", "out of", "of"] {
                let after = Fields.trimmed(String(rest))
                guard after.lowercased().hasPrefix(word) else { continue }
                let tail = Fields.trimmed(String(after.dropFirst(word.count)))
                guard tail.hasPrefix(most), tail.dropFirst(most.count).first?.isNumber != true else { continue }
                rest = Substring(tail.dropFirst(most.count))
                break
            }
        }
        guard scale.range.contains(score) else { return nil }
        let comment = Fields.trimmed(String(rest.drop { " .,;:!–—-\n".contains($0) }))
        if comment.isEmpty { return (score, nil) }
        guard isReply, rest.first?.isNumber != true, rest.first?.isLetter != true else { return nil }
        return (score, String(comment.prefix(Surveys.longestComment)))
    }
}
