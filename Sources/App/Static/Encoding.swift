/// Content codings that files are kept in. https://www.rfc-editor.org/rfc/rfc9110#name-accept-encoding
package enum ContentCoding: String, Sendable, CaseIterable {
    case br, gzip, identity

    /// The coding to answer with: the one with the highest weight among those that are there; the smaller one when two are equal.
    package static func choose(_ header: String?, from available: Set<ContentCoding>) -> ContentCoding {
        guard let header else { return .identity }
        var weights: [String: Double] = [:]
        for part in header.split(separator: ",") {
            let pieces = part.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            guard let name = pieces.first else { continue }
            var weight = 1.0
            for parameter in pieces.dropFirst() where parameter.hasPrefix("q=") { weight = Double(parameter.dropFirst(2)) ?? 0 }
            weights[name == "x-gzip" ? "gzip" : name] = weight
        }
        func weight(_ coding: ContentCoding) -> Double {
            weights[coding.rawValue] ?? weights["*"] ?? (coding == .identity ? 0.001 : 0)
        }
        var best = ContentCoding.identity
        for coding in [ContentCoding.gzip, .br] where available.contains(coding) && weight(coding) > 0 && weight(coding) >= weight(best) { best = coding }
        return best
    }
}
