import MatrixCore

/// What a file is, by its first bytes. Only kinds that a decision depends on.
/// https://mimesniff.spec.whatwg.org/
package enum FileKind: String, Sendable, Hashable, CaseIterable {
    case png, jpeg, gif, webp, avif, heic, bmp, tiff
    case isoMedia, matroska, ogg, wave, flac, mp3, aac
    case pdf, zip, gzip, elf
    /// HTML, SVG or XML: a browser could run it.
    case markup
    case empty
    /// No NUL and nothing known.
    case text
    case binary

    /// The type to tell when the uploader gave none.
    var contentType: String? {
        switch self {
        case .png: "image/png"
        case .jpeg: "image/jpeg"
        case .gif: "image/gif"
        case .webp: "image/webp"
        case .avif: "image/avif"
        case .heic: "image/heic"
        case .bmp: "image/bmp"
        case .tiff: "image/tiff"
        case .isoMedia: "video/mp4"
        case .matroska: "video/webm"
        case .ogg: "audio/ogg"
        case .wave: "audio/wav"
        case .flac: "audio/flac"
        case .mp3: "audio/mpeg"
        case .aac: "audio/aac"
        case .pdf: "application/pdf"
        case .zip: "application/zip"
        case .gzip: "application/gzip"
        case .elf, .markup, .empty, .text, .binary: nil
        }
    }

    var isImage: Bool { contentType?.hasPrefix("image/") == true }
    /// Whether thumbnails can be made.
    var isThumbnailSource: Bool { self == .png || self == .jpeg || self == .gif || self == .webp }

    package init(of head: [UInt8]) {
        func at(_ offset: Int, _ text: StaticString) -> Bool {
            let length = text.utf8CodeUnitCount
            guard head.count >= offset + length else { return false }
            return (0..<length).allSatisfy { head[offset + $0] == text.utf8Start[$0] }
        }
        func bytes(_ pattern: [UInt8]) -> Bool { head.starts(with: pattern) }

        self = if head.isEmpty { .empty }
        else if bytes([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { .png }
        else if bytes([0xFF, 0xD8, 0xFF]) { .jpeg }
        else if at(0, "GIF87a") || at(0, "GIF89a") { .gif }
        else if at(0, "RIFF"), at(8, "WEBP") { .webp }
        else if at(0, "RIFF"), at(8, "WAVE") { .wave }
        else if at(4, "ftypavif") || at(4, "ftypavis") { .avif }
        else if at(4, "ftyphei") || at(4, "ftyphev") || at(4, "ftypmif1") || at(4, "ftypmsf1") { .heic }
        else if at(4, "ftyp") || at(4, "moov") || at(4, "mdat") || at(4, "wide") { .isoMedia }
        else if bytes([0x1A, 0x45, 0xDF, 0xA3]) { .matroska }
        else if at(0, "OggS") { .ogg }
        else if at(0, "fLaC") { .flac }
        else if at(0, "ID3") { .mp3 }
        else if head.count > 1, head[0] == 0xFF, head[1] & 0xF6 == 0xF0 { .aac }
        else if head.count > 1, head[0] == 0xFF, head[1] & 0xE0 == 0xE0, head[1] & 0x06 == 0x02 || head[1] & 0x06 == 0x04 { .mp3 }
        else if at(0, "%PDF-") { .pdf }
        else if bytes([0x50, 0x4B, 0x03, 0x04]) || bytes([0x50, 0x4B, 0x05, 0x06]) { .zip }
        else if bytes([0x1F, 0x8B]) { .gzip }
        else if bytes([0x7F, 0x45, 0x4C, 0x46]) { .elf }
        else if bytes([0x49, 0x49, 0x2A, 0x00]) || bytes([0x4D, 0x4D, 0x00, 0x2A]) { .tiff }
        else if at(0, "BM"), head.contains(0) { .bmp }
        else if Self.isMarkup(head) { .markup }
        else { head.contains(0) ? .binary : .text }
    }

    private static let openings = [
        "<!doctype", "<!--", "<?xml", "<html", "<head", "<script", "<iframe", "<svg", "<body", "<style", "<title", "<table", "<div", "<font", "<h1",
        "<link", "<meta", "<img", "<object", "<embed", "<frameset", "<a ", "<a>", "<b>", "<br", "<p>", "<p ", "<xsl", "<math",
    ].map { Array($0.utf8) }

    /// UTF-16 text is looked at too: its zero bytes are left out.
    private static func isMarkup(_ head: [UInt8]) -> Bool {
        let letters = head.prefix(512).lazy.filter { $0 != 0 && $0 != 0xEF && $0 != 0xBB && $0 != 0xBF && $0 != 0xFE && $0 != 0xFF }
        let start = Array(letters.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }.prefix(16).map { (65...90).contains($0) ? $0 | 0x20 : $0 })
        return openings.contains { start.starts(with: $0) }
    }
}

/// Which type a file is served with, and whether a browser may show it in place.
///
/// Invariants: only a type of the spec's safe list is ever shown in place, and only when the bytes are what the type says;
/// nothing that a browser could run is.
/// https://spec.matrix.org/latest/client-server-api/#serving-inline-content
package enum ContentTypes {
    package static let unknown = "application/octet-stream"

    /// Safe types whose bytes can be told, with the kinds that they may be.
    private static let checked: [String: Set<FileKind>] = [
        "image/png": [.png], "image/apng": [.png], "image/jpeg": [.jpeg], "image/gif": [.gif], "image/webp": [.webp], "image/avif": [.avif],
        "video/mp4": [.isoMedia], "video/quicktime": [.isoMedia], "audio/mp4": [.isoMedia],
        "video/webm": [.matroska], "audio/webm": [.matroska], "video/ogg": [.ogg], "audio/ogg": [.ogg],
        "audio/wave": [.wave], "audio/wav": [.wave], "audio/x-wav": [.wave], "audio/x-pn-wav": [.wave],
        "audio/flac": [.flac], "audio/x-flac": [.flac], "audio/mpeg": [.mp3], "audio/aac": [.aac],
    ]
    /// Safe types that are plain text.
    private static let textual: Set<String> = ["text/plain", "text/css", "text/csv", "application/json", "application/ld+json"]

    /// The header's value in order, nil when it is not a media type.
    static func parse(_ header: String?) -> (full: String, essence: String)? {
        guard let header, header.utf8.count <= 255, header.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else { return nil }
        let halves = header.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
        let essence = halves[0].filter { $0 != " " }.lowercased()
        let parts = essence.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isToken) }) else { return nil }
        let parameters = halves.count > 1 ? halves[1].drop { $0 == " " } : ""
        return (parameters.isEmpty ? essence : "\(essence); \(parameters)", essence)
    }

    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    /// The type to store for what the client declared and the file is, and whether it may be shown in place.
    package static func judge(declared: String?, kind: FileKind) -> (type: String, isInline: Bool) {
        guard let (full, essence) = parse(declared) else {
            let type = kind.contentType ?? unknown
            return (type, checked[type] != nil)
        }
        if let kinds = checked[essence] {
            if kinds.contains(kind) { return (full, true) }
            // A picture that is another picture is served as what it is; anything else as bytes.
            if essence.hasPrefix("image/"), kind.isImage, let type = kind.contentType { return (type, checked[type] != nil) }
            return (unknown, false)
        }
        if textual.contains(essence) { return (full, kind == .text || kind == .empty) }
        return (full, false)
    }
}

/// Names of files, as clients give them and as headers carry them.
package enum FileNames {
    /// The last part of a path, without control and direction characters, at most 200 bytes; nil when nothing is left.
    package static func clean(_ name: String?) -> String? {
        guard let name else { return nil }
        let last = name.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "\\" }.last ?? ""
        var text = ""
        for scalar in last.unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069, 0xFEFF, 0xFFF9...0xFFFD: continue
            default: text.unicodeScalars.append(scalar)
            }
        }
        while let first = text.first, first == " " || first == "." { text.removeFirst() }
        while text.utf8.count > 200 { text.removeLast() }
        while let last = text.last, last == " " || last == "." { text.removeLast() }
        return text.isEmpty ? nil : text
    }

    /// The Content-Disposition header (RFC 6266).
    package static func disposition(inline: Bool, name: String?) -> String {
        let kind = inline ? "inline" : "attachment"
        guard let name = clean(name) else { return kind }
        if name.utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "%") }) {
            return "\(kind); filename=\"\(name)\""
        }
        return "\(kind); filename*=utf-8''\(encoded(name))"
    }

    private static func encoded(_ name: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                 UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): out.append(byte)
            default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
