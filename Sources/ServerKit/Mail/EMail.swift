/// E-mail addresses. Pure.
package enum EMail {
    package static let maxBytes = 254

    /// One `@`, something on both sides, nothing that could end a header line or start another address.
    package static func isValid(_ text: String) -> Bool {
        guard text.utf8.count <= maxBytes else { return false }
        // By bytes: an @ with an accent on it is another character, but the same byte to a mail server.
        let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false), dot = UInt8(ascii: ".")
        guard parts.count == 2, !parts[0].isEmpty, parts[0].count <= 64, !parts[1].isEmpty, parts[1].first != dot, parts[1].last != dot else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            switch scalar {
            case "\u{0}"..."\u{20}", "\u{7F}"..."\u{A0}", "<", ">", "(", ")", ",", ";", ":", "\\", "\"", "[", "]": false
            default: !scalar.properties.isWhitespace
            }
        }
    }

    /// The form in which addresses are compared: https://spec.matrix.org/latest/appendices/#email-addresses. nil when it is none.
    package static func canonical(_ text: String) -> String? {
        guard isValid(text) else { return nil }
        let folded = text.lowercased()
        return isValid(folded) ? folded : nil
    }
}

/// `name <address>` or an address alone.
package struct MailAddress: Sendable, Hashable {
    package var name: String
    package var address: String

    package init?(header: String) {
        let text = header.trimmed
        if text.last == ">", let open = text.lastIndex(of: "<") {
            name = String(text[..<open]).trimmed
            if name.first == "\"", name.last == "\"", name.count > 1 { name = String(name.dropFirst().dropLast()) }
            address = String(text[text.index(after: open)...].dropLast())
        } else {
            (name, address) = ("", text)
        }
        guard EMail.isValid(address), name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F && $0 != "\"" }) else { return nil }
    }
    package init?(_ address: String) {
        guard EMail.isValid(address) else { return nil }
        (name, self.address) = ("", address)
    }
}

extension String {
    var trimmed: String {
        let isSpace = { (c: Character) in c == " " || c == "\t" }
        let start = drop(while: isSpace)
        return String(start.reversed().drop(while: isSpace).reversed())
    }
}
