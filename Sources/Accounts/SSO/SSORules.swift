import MatrixCore
import ServerKit

/// Rules of single sign-on. Pure.
enum SSORules {
    /// How long somebody may take at the provider.
    static let lifetime: Int64 = 900_000
    static let maxURLBytes = 4096

    /// Where a client wants its token: any scheme of an app, but nothing that a browser would run or read from the disk.
    static func redirect(_ text: String?) throws(MatrixError) -> String {
        guard let text, !text.isEmpty else { throw .missingParam("'redirectUrl' is required.") }
        guard text.utf8.count <= maxURLBytes, let colon = text.firstIndex(of: ":"), text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }) else {
            throw .invalidParam("'redirectUrl' is not an address.")
        }
        let scheme = text[..<colon].lowercased()
        guard let first = scheme.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first), scheme.utf8.allSatisfy({ isScheme($0) }),
              !["javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem"].contains(scheme) else {
            throw .invalidParam("'redirectUrl' has a scheme that is not allowed.")
        }
        // A browser takes `https:evil.example` for `https://evil.example`; nobody else does, and so nobody could say where it leads.
        if scheme == "https" || scheme == "http" {
            let rest = text[text.index(after: colon)...]
            guard rest.hasPrefix("//"), let host = rest.dropFirst(2).first, !"/?#@:".contains(host) else { throw .invalidParam("'redirectUrl' is not an address.") }
        }
        return text
    }
    private static func isScheme(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "+-.".utf8.contains(byte)
        }
    }

    /// Clients of this server itself and those of the setting get their token without a question.
    static func isKnownClient(_ url: String, _ config: Config, own: String) -> Bool {
        (config.ssoClients + [own]).contains { known in
            guard url.hasPrefix(known) else { return false }
            let rest = url.dropFirst(known.count)
            return rest.isEmpty || rest.first == "/" || rest.first == "?" || rest.first == "#"
        }
    }

    /// What a person is shown of an address: scheme and host of a web address, the scheme of an app.
    static func place(_ url: String) -> String {
        let scheme = url.prefix { $0 != ":" } + ":", rest = url.dropFirst(scheme.count)
        guard rest.hasPrefix("//") else { return String(scheme) }
        let authority = rest.dropFirst(2).prefix { $0 != "/" && $0 != "?" && $0 != "#" && $0 != "\\" }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? authority
        return scheme + "//" + host
    }

    static func withToken(_ url: String, _ token: String) -> String {
        let parts = url.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let joint = parts[0].contains("?") ? (parts[0].hasSuffix("?") || parts[0].hasSuffix("&") ? "" : "&") : "?"
        return parts[0] + joint + "loginToken=" + token + (parts.count > 1 ? "#" + parts[1] : "")
    }

    /// A localpart made of what a provider calls somebody: what may not stand in one becomes `=xx`.
    /// https://spec.matrix.org/latest/appendices/#mapping-from-other-character-sets
    static func localpart(_ text: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        for byte in text.lowercased().utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): out.append(byte)
            case _ where "._-/+".utf8.contains(byte): out.append(byte)
            default: out += [UInt8(ascii: "="), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        // A name that begins with `_` would look like one of an application service.
        if out.first == UInt8(ascii: "_") { out.replaceSubrange(0..<1, with: Array("=5f".utf8)) }
        return String(decoding: out.prefix(150), as: UTF8.self)
    }
}

extension String {
    /// The first place where `text` stands.
    func range(of text: String) -> Range<String.Index>? {
        let bytes = Array(text.utf8)
        var index = utf8.startIndex
        while index != utf8.endIndex {
            if let end = utf8.index(index, offsetBy: bytes.count, limitedBy: utf8.endIndex), utf8[index..<end].elementsEqual(bytes) { return index..<end }
            index = utf8.index(after: index)
        }
        return nil
    }
}
