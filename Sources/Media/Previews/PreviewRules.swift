import MatrixCore

/// What a preview takes from a page. Pure. https://ogp.me
enum PreviewRules {
    static let maxProperties = 48, maxValueBytes = 2048, maxDescription = 500

    /// The page's OpenGraph properties, with title and description of its own where it has none.
    static func properties(_ html: [UInt8], charset: String?) -> [String: String] {
        var scanner = HTMLScanner(decode(html, charset: charset))
        var found: [String: String] = [:], others: [String: String] = [:]
        var title = "", heading = "", paragraph = "", inside: String?
        while let piece = scanner.next() {
            switch piece {
            case .open("meta", let attributes):
                guard let name = attributes["property"] ?? attributes["name"] ?? attributes["itemprop"], let value = attributes["content"] else { continue }
                let key = name.lowercased(), text = tidy(value, max: maxValueBytes)
                guard !text.isEmpty else { continue }
                if key.hasPrefix("og:") {
                    if found[key] == nil, found.count < maxProperties, key.utf8.count <= 64 { found[key] = text }
                } else if ["description", "twitter:title", "twitter:description", "twitter:image", "twitter:image:src", "image"].contains(key), others[key] == nil {
                    others[key] = text
                }
            case .open("link", let attributes):
                if attributes["rel"]?.lowercased() == "image_src", let href = attributes["href"], others["image_src"] == nil { others["image_src"] = tidy(href, max: maxValueBytes) }
            case .open(let name, _): if ["title", "h1", "p"].contains(name) { inside = name }
            case .close(let name): if name == inside { inside = nil }
            case .text(let text):
                switch inside {
                case "title" where title.isEmpty: title = tidy(text, max: maxValueBytes)
                case "h1" where heading.utf8.count < maxValueBytes: heading = tidy(heading + " " + text, max: maxValueBytes)
                case "p" where paragraph.count < maxDescription: paragraph = tidy(paragraph + " " + text, max: maxValueBytes)
                default: break
                }
            }
        }
        func fill(_ key: String, _ choices: String?...) {
            if found[key] == nil, let value = choices.lazy.compactMap({ $0 }).first(where: { !$0.isEmpty }) { found[key] = value }
        }
        fill("og:title", others["twitter:title"], title, heading)
        fill("og:description", others["description"], others["twitter:description"], paragraph)
        fill("og:image", found["og:image:secure_url"], found["og:image:url"], others["twitter:image"], others["twitter:image:src"], others["image_src"], others["image"])
        if let description = found["og:description"], description.count > maxDescription { found["og:description"] = description.prefix(maxDescription - 1) + "…" }
        return found
    }

    /// Runs of white space become one blank; no control characters.
    static func tidy(_ text: String, max: Int) -> String {
        let words = text.unicodeScalars.split { $0.properties.isWhitespace || $0.value < 0x20 || $0.value == 0x7F }.map { String(String.UnicodeScalarView($0)) }
        let line = words.joined(separator: " ")
        guard line.utf8.count > max else { return line }
        return String(decoding: Array(line.utf8.prefix(max)), as: UTF8.self).filter { $0 != "\u{FFFD}" }
    }

    // MARK: encodings

    /// `charset` of a Content-Type.
    static func charset(_ contentType: String?) -> String? {
        guard let parts = contentType?.lowercased().split(separator: ";").dropFirst() else { return nil }
        for part in parts {
            let pair = part.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " && $0 != "\"" && $0 != "'" } }
            if pair.count == 2, pair[0] == "charset" { return pair[1] }
        }
        return nil
    }

    /// As UTF-8. The byte order mark counts before the header, and the header before what the page says of itself.
    static func decode(_ bytes: [UInt8], charset: String?) -> [UInt8] {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return Array(bytes.dropFirst(3)) }
        if bytes.starts(with: [0xFF, 0xFE]) { return utf16(bytes.dropFirst(2), isBig: false) }
        if bytes.starts(with: [0xFE, 0xFF]) { return utf16(bytes.dropFirst(2), isBig: true) }
        switch charset ?? declared(bytes) {
        case "utf-16", "utf-16le": return utf16(bytes[...], isBig: false)
        case "utf-16be": return utf16(bytes[...], isBig: true)
        case "iso-8859-1", "latin1", "latin-1", "windows-1252", "cp1252", "us-ascii", "ascii", "iso-8859-15":
            return Array(String(String.UnicodeScalarView(bytes.map { windows[$0] ?? Unicode.Scalar($0) })).utf8)
        default: return bytes
        }
    }

    /// `<meta charset=…>` in the first kilobytes.
    private static func declared(_ bytes: [UInt8]) -> String? {
        var scanner = HTMLScanner(Array(bytes.prefix(4096)))
        while let piece = scanner.next() {
            guard case .open("meta", let attributes) = piece else { continue }
            if let charset = attributes["charset"] { return charset.lowercased() }
            if attributes["http-equiv"]?.lowercased() == "content-type", let charset = charset(attributes["content"]) { return charset }
        }
        return nil
    }

    private static func utf16(_ bytes: ArraySlice<UInt8>, isBig: Bool) -> [UInt8] {
        let all = Array(bytes)
        var units: [UInt16] = []
        for at in stride(from: 0, to: all.count - 1, by: 2) {
            let first = UInt16(all[at]), second = UInt16(all[at + 1])
            units.append(isBig ? first << 8 | second : second << 8 | first)
        }
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }

    /// Where windows-1252 is not ISO 8859-1: browsers read both as the former.
    private static let windows: [UInt8: Unicode.Scalar] = [
        0x80: "€", 0x82: "‚", 0x83: "ƒ", 0x84: "„", 0x85: "…", 0x86: "†", 0x87: "‡", 0x88: "ˆ", 0x89: "‰", 0x8A: "Š", 0x8B: "‹", 0x8C: "Œ", 0x8E: "Ž", 0x91: "‘", 0x92: "’",
        0x93: "“", 0x94: "”", 0x95: "•", 0x96: "–", 0x97: "—", 0x98: "˜", 0x99: "™", 0x9A: "š", 0x9B: "›", 0x9C: "œ", 0x9E: "ž", 0x9F: "Ÿ",
    ]

    // MARK: addresses

    /// The address of a page that may be fetched, without its fragment. nil for anything that is no web address.
    static func pageURL(_ text: String) -> String? {
        guard text.utf8.count <= 2048, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }) else { return nil }
        guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }) else { return nil }
        let rest = text.dropFirst(scheme.count).prefix { $0 != "#" }
        guard let first = rest.first, first != "/", first != "?", !rest.prefix(while: { $0 != "/" && $0 != "?" }).contains("@") else { return nil }
        return scheme + rest
    }

    /// `reference` as seen from the page. https://www.rfc-editor.org/rfc/rfc3986#section-5, as far as pictures need it.
    static func resolve(_ reference: String, from page: String) -> String? {
        let reference = reference.split(separator: " ").joined(separator: "%20")
        if reference.lowercased().hasPrefix("http://") || reference.lowercased().hasPrefix("https://") { return pageURL(reference) }
        guard let schemeEnd = page.firstIndex(of: ":"), !reference.isEmpty, reference.first != "#" else { return nil }
        if reference.hasPrefix("//") { return pageURL(page[...schemeEnd] + reference) }
        if let colon = reference.firstIndex(of: ":"), !reference[..<colon].contains("/"), !reference[..<colon].contains("?") { return nil }   // data: and the like
        let hostStart = page.index(schemeEnd, offsetBy: 3, limitedBy: page.endIndex) ?? page.endIndex
        let hostEnd = page[hostStart...].firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? page.endIndex
        let origin = page[..<hostEnd]
        if reference.hasPrefix("/") { return pageURL(origin + reference) }
        let path = page[hostEnd...].prefix { $0 != "?" && $0 != "#" }
        if reference.hasPrefix("?") { return pageURL(origin + (path.isEmpty ? "/" : path) + reference) }
        var parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().dropLast().map(String.init)
        var rest = reference[...]
        while rest.hasPrefix("../") || rest.hasPrefix("./") {
            if rest.hasPrefix("../") { if !parts.isEmpty { parts.removeLast() } }
            rest = rest.drop { $0 == "." }.dropFirst()
        }
        return pageURL(origin + "/" + (parts + [String(rest)]).joined(separator: "/"))
    }
}
