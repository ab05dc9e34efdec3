/// Reads pages of the web as they are, not as they should be: tags and text in order, no tree. Pure; any input gives an answer, in linear time.
///
/// Enough of https://html.spec.whatwg.org/multipage/parsing.html for what stands in a page's head: attributes in quotes or without, comments,
/// the content of scripts and styles, character references.
struct HTMLScanner {
    enum Piece: Equatable {
        case open(name: String, attributes: [String: String])
        case close(name: String)
        case text(String)
    }

    private let bytes: [UInt8]
    private var index = 0
    /// Inside of an element whose content is no HTML, up to its end tag.
    private var rawUntil: [UInt8]?

    /// - Parameter text: UTF-8.
    init(_ text: [UInt8]) { bytes = text }

    mutating func next() -> Piece? {
        while index < bytes.count {
            if let name = rawUntil {
                rawUntil = nil
                let start = index, end = find(Array("</".utf8) + name, from: start) ?? bytes.count
                index = end
                if end > start { return .text(name == Array("title".utf8) || name == Array("textarea".utf8) ? Self.unescape(bytes[start..<end]) : "") }
                continue
            }
            guard bytes[index] == UInt8(ascii: "<") else {
                let end = bytes[index...].firstIndex(of: UInt8(ascii: "<")) ?? bytes.count
                defer { index = end }
                return .text(Self.unescape(bytes[index..<end]))
            }
            if let piece = markup() { return piece }
        }
        return nil
    }

    /// Called at a `<`; always moves on. nil for comments and the like.
    private mutating func markup() -> Piece? {
        guard index + 1 < bytes.count else {
            index += 1
            return .text("<")
        }
        let after = bytes[index + 1]
        if after == UInt8(ascii: "!") || after == UInt8(ascii: "?") {
            let isComment = index + 3 < bytes.count && bytes[index + 2] == UInt8(ascii: "-") && bytes[index + 3] == UInt8(ascii: "-")
            let end = isComment ? find(Array("-->".utf8), from: index + 4).map { $0 + 3 } : bytes[index...].firstIndex(of: UInt8(ascii: ">")).map { $0 + 1 }
            index = end ?? bytes.count
            return nil
        }
        let isClose = after == UInt8(ascii: "/")
        let start = index + (isClose ? 2 : 1)
        guard start < bytes.count, Self.isLetter(bytes[start]) else {
            index += 1
            return .text("<")
        }
        index = start
        let name = take { !Self.isSpace($0) && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ">") }
        let attributes = attributes()
        let lower = Self.lowered(name)
        if isClose { return .close(name: lower) }
        if ["script", "style", "title", "textarea", "noscript", "iframe", "template"].contains(lower) { rawUntil = Array(lower.utf8) }
        return .open(name: lower, attributes: attributes)
    }

    /// Up to the end of the tag. Of two attributes with one name the first counts.
    private mutating func attributes() -> [String: String] {
        var found: [String: String] = [:]
        while index < bytes.count {
            _ = take { Self.isSpace($0) || $0 == UInt8(ascii: "/") }
            guard index < bytes.count, bytes[index] != UInt8(ascii: ">") else { break }
            let start = index
            let name = take { !Self.isSpace($0) && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ">") && $0 != UInt8(ascii: "=") }
            _ = take(while: Self.isSpace)
            var value: ArraySlice<UInt8> = []
            if index < bytes.count, bytes[index] == UInt8(ascii: "=") {
                index += 1
                _ = take(while: Self.isSpace)
                if index < bytes.count, bytes[index] == UInt8(ascii: "\"") || bytes[index] == UInt8(ascii: "'") {
                    let quote = bytes[index]
                    index += 1
                    value = take { $0 != quote }
                    index = min(index + 1, bytes.count)
                } else {
                    value = take { !Self.isSpace($0) && $0 != UInt8(ascii: ">") }
                }
            }
            if index == start { index += 1 }
            let key = Self.lowered(name)
            if !key.isEmpty, found.count < 64, found[key] == nil { found[key] = Self.unescape(value) }
        }
        index = min(index + 1, bytes.count)
        return found
    }

    private mutating func take(while isPart: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let start = index
        while index < bytes.count, isPart(bytes[index]) { index += 1 }
        return bytes[start..<index]
    }

    /// ASCII letters are compared without case.
    private func find(_ text: [UInt8], from start: Int) -> Int? {
        guard start <= bytes.count - text.count else { return nil }
        var at = start
        while at <= bytes.count - text.count {
            var matched = 0
            while matched < text.count, Self.lower(bytes[at + matched]) == text[matched] { matched += 1 }
            if matched == text.count { return at }
            at += 1
        }
        return nil
    }

    private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 0x20 : byte }
    private static func lowered(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes.map(lower), as: UTF8.self) }
    private static func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte | 0x20) }
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }

    /// Character references: numbers, and the names that titles have.
    static func unescape(_ bytes: ArraySlice<UInt8>) -> String {
        guard bytes.contains(UInt8(ascii: "&")) else { return String(decoding: bytes, as: UTF8.self) }
        var out: [UInt8] = [], at = bytes.startIndex
        while at < bytes.endIndex {
            guard bytes[at] == UInt8(ascii: "&"), let end = bytes[at...].prefix(12).firstIndex(of: UInt8(ascii: ";")),
                  let value = reference(String(decoding: bytes[(at + 1)..<end], as: UTF8.self)) else {
                out.append(bytes[at])
                at += 1
                continue
            }
            out += Array(value.utf8)
            at = end + 1
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static let names: [String: String] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": " ", "ndash": "–", "mdash": "—", "hellip": "…", "laquo": "«", "raquo": "»",
        "lsquo": "‘", "rsquo": "’", "ldquo": "“", "rdquo": "”", "bull": "•", "middot": "·", "copy": "©", "reg": "®", "trade": "™", "euro": "€", "eacute": "é",
        "egrave": "è", "ecirc": "ê", "agrave": "à", "acirc": "â", "ccedil": "ç", "ocirc": "ô", "icirc": "î", "ucirc": "û", "ugrave": "ù", "iuml": "ï", "euml": "ë",
        "Eacute": "É", "Agrave": "À", "oelig": "œ",
    ]
    private static func reference(_ name: String) -> String? {
        guard name.hasPrefix("#") else { return names[name] }
        let number = name.dropFirst()
        let value = number.first == "x" || number.first == "X" ? UInt32(number.dropFirst(), radix: 16) : UInt32(number)
        guard let value, value > 0, let scalar = Unicode.Scalar(value) else { return nil }
        return String(Character(scalar))
    }
}
