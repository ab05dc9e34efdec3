/// The small language of canned replies: `{{contact.first_name}}`, with a default `{{contact.first_name|vous}}`.
/// Pure. A template is checked when it is saved, so rendering cannot fail; what is missing is told, never guessed.
package struct CannedTemplate: Sendable, Hashable {
    package enum Part: Sendable, Hashable {
        case text(String)
        case variable(Variable, fallback: String?)
    }
    package enum Variable: String, Sendable, Hashable, CaseIterable {
        case contactName = "contact.name", contactFirstName = "contact.first_name", contactEmail = "contact.email"
        case agentName = "agent.name", brandName = "brand.name", conversationNumber = "conversation.number"
    }
    package enum Refusal: Error, Hashable {
        case unknownVariable(String)
        case unclosed
    }

    package let parts: [Part]

    package init(_ source: String) throws(Refusal) {
        var parts: [Part] = []
        var rest = source[...]
        while let open = Self.range(of: "{{", in: rest) {
            if open.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<open.lowerBound]))) }
            rest = rest[open.upperBound...]
            guard let close = Self.range(of: "}}", in: rest) else { throw .unclosed }
            let inside = rest[..<close.lowerBound].split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
            let name = Self.trim(inside[0])
            guard let variable = Variable(rawValue: name) else { throw .unknownVariable(name) }
            parts.append(.variable(variable, fallback: inside.count > 1 ? Self.trim(inside[1]) : nil))
            rest = rest[close.upperBound...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
    }

    package func render(_ values: [Variable: String]) -> (text: String, missing: [Variable]) {
        var text = "", missing: [Variable] = []
        for part in parts {
            switch part {
            case .text(let literal): text += literal
            case .variable(let variable, let fallback):
                if let value = values[variable], !value.isEmpty {
                    text += value
                } else if let fallback {
                    text += fallback
                } else if !missing.contains(variable) {
                    missing.append(variable)
                }
            }
        }
        return (text, missing)
    }

    /// "Julie" of "Julie Martin"; nil when there is no name.
    package static func firstName(_ name: String?) -> String? {
        name.flatMap { $0.split(separator: " ").first.map(String.init) }
    }

    private static func range(of needle: String, in text: Substring) -> Range<Substring.Index>? {
        guard let mark = needle.first else { return nil }
        var index = text.startIndex
        while index < text.endIndex {
            let next = text.index(after: index)
            if text[index] == mark, next < text.endIndex, text[next] == mark { return index..<text.index(after: next) }
            index = next
        }
        return nil
    }
    private static func trim(_ text: Substring) -> String {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
