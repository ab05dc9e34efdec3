/// An identifier of Matrix, checked once at the edge and then carried as its own type.
///
/// `init(rawValue:)` checks the grammar; `init(trusted:)` does not, for what was checked before it was stored.
/// Equality is by bytes, not by Swift's canonical equivalence.
/// https://spec.matrix.org/latest/appendices/#identifier-grammar
package protocol MatrixID: RawRepresentable, Hashable, Sendable, Comparable, CustomStringConvertible where RawValue == String {
    var rawValue: String { get }
    init?(rawValue: String)
    init(trusted: String)
}

extension MatrixID {
    package static func == (a: Self, b: Self) -> Bool { a.rawValue.sameBytes(as: b.rawValue) }
    package static func < (a: Self, b: Self) -> Bool { a.rawValue.precedesInBytes(b.rawValue) }
    package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
    package var description: String { rawValue }

    /// The identifier in a JSON string; nil for anything else.
    package init?(_ json: JSON?) {
        guard let text = json?.stringValue else { return nil }
        self.init(rawValue: text)
    }
}

/// `@localpart:server`. Reading accepts the historical grammar: any localpart without `:` and NUL, even an empty one.
package struct UserID: MatrixID {
    package let rawValue: String
    package init(trusted: String) { rawValue = trusted }

    package init?(rawValue: String) {
        guard let parts = IDGrammar.split(rawValue, sigil: "@"), !parts.localpart.contains(0) else { return nil }
        self.rawValue = rawValue
    }

    /// Nil when the two do not make a user id.
    package init?(localpart: String, server: String) { self.init(rawValue: "@\(localpart):\(server)") }

    package var localpart: String { IDGrammar.localpart(rawValue) }
    package var server: String { IDGrammar.server(rawValue) }

    /// The grammar for new users: not empty, only `a-z 0-9 . _ = - / +`. Whether the whole id is short enough is asked by `init`.
    package static func isValidLocalpart(_ localpart: String) -> Bool {
        !localpart.isEmpty && localpart.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "._=-/+".utf8.contains(byte)
            }
        }
    }
}

/// `!opaque:server`, or since room version 12 `!` and the hash of the create event, with no server.
package struct RoomID: MatrixID {
    package let rawValue: String
    package init(trusted: String) { rawValue = trusted }

    package init?(rawValue: String) {
        guard IDGrammar.isOpaque(rawValue, sigil: "!") else { return nil }
        self.rawValue = rawValue
    }

    /// The server that made the id; nil in room versions whose ids have none. Never the server "of the room".
    package var server: String? { rawValue.utf8.contains(UInt8(ascii: ":")) ? IDGrammar.server(rawValue) : nil }
}

/// `$` and the event's reference hash (or, in the first two room versions, `$opaque:server`).
package struct EventID: MatrixID {
    package let rawValue: String
    package init(trusted: String) { rawValue = trusted }

    package init?(rawValue: String) {
        guard IDGrammar.isOpaque(rawValue, sigil: "$") else { return nil }
        self.rawValue = rawValue
    }

    /// The server in an id of the room versions 1 and 2; nil of later ones, which are hashes.
    package var server: String? { rawValue.contains(":") ? IDGrammar.server(rawValue) : nil }
}

/// `#localpart:server`.
package struct RoomAlias: MatrixID {
    package let rawValue: String
    package init(trusted: String) { rawValue = trusted }

    package init?(rawValue: String) {
        guard let parts = IDGrammar.split(rawValue, sigil: "#"), !parts.localpart.isEmpty, !parts.localpart.contains(0) else { return nil }
        self.rawValue = rawValue
    }

    package init?(localpart: String, server: String) { self.init(rawValue: "#\(localpart):\(server)") }

    package var localpart: String { IDGrammar.localpart(rawValue) }
    package var server: String { IDGrammar.server(rawValue) }
}

/// Opaque; 1 to 255 bytes.
package struct DeviceID: MatrixID {
    package let rawValue: String
    package init(trusted: String) { rawValue = trusted }

    package init?(rawValue: String) {
        guard (1...255).contains(rawValue.utf8.count), !rawValue.utf8.contains(0) else { return nil }
        self.rawValue = rawValue
    }
}

/// `mxc://server/mediaID`; the media id has only `A-Z a-z 0-9 _ -`.
package struct MXC: MatrixID {
    package let rawValue: String
    package init(trusted: String) { rawValue = trusted }

    package init?(rawValue: String) {
        let bytes = rawValue.utf8
        guard bytes.count <= 255, rawValue.hasPrefix("mxc://") else { return nil }
        let rest = bytes.dropFirst(6)
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")), let server = String(rest[..<slash]),
            let mediaID = String(rest[rest.index(after: slash)...]), ServerName.isValid(server), MXC.isValidMediaID(mediaID)
        else { return nil }
        self.rawValue = rawValue
    }

    package init?(server: String, mediaID: String) { self.init(rawValue: "mxc://\(server)/\(mediaID)") }

    package var server: String { String(rawValue.dropFirst(6).prefix { $0 != "/" }) }
    package var mediaID: String { String(rawValue.dropFirst(7 + server.count)) }

    package static func isValidMediaID(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { IDGrammar.isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }
}

/// `hostname[:port]`: a DNS name, an IPv4 literal or an IPv6 literal in brackets. Case-sensitive.
/// https://spec.matrix.org/latest/appendices/#server-name
package struct ServerName: MatrixID {
    package let rawValue: String
    package init(trusted: String) { rawValue = trusted }

    package init?(rawValue: String) {
        guard ServerName.isValid(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    package static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...255).contains(bytes.count) else { return false }
        var rest = bytes[...]
        if rest.first == UInt8(ascii: "[") {
            guard let close = rest.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let literal = rest[..<close].dropFirst()
            guard (2...45).contains(literal.count),
                literal.allSatisfy({ Hex.value(of: $0) != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else { return false }
            rest = rest[rest.index(after: close)...]
        } else {
            let host = rest.prefix { IDGrammar.isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
            guard !host.isEmpty else { return false }
            rest = rest[host.endIndex...]
        }
        guard rest.first == UInt8(ascii: ":") else { return rest.isEmpty }
        let port = rest.dropFirst()
        return (1...5).contains(port.count) && port.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

enum IDGrammar {
    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }

    /// The two parts of `sigil localpart : server`; nil when it is not that, or longer than 255 bytes. The first colon divides.
    static func split(_ text: String, sigil: Character) -> (localpart: Substring.UTF8View, server: String)? {
        let bytes = text.utf8[...]
        guard bytes.count <= 255, bytes.first == sigil.asciiValue,
            let colon = bytes.firstIndex(of: UInt8(ascii: ":")), let server = String(bytes[bytes.index(after: colon)...]), ServerName.isValid(server)
        else { return nil }
        return (bytes[..<colon].dropFirst(), server)
    }

    static func localpart(_ text: String) -> String {
        String(Substring(text.utf8.dropFirst().prefix { $0 != UInt8(ascii: ":") }))
    }

    static func server(_ text: String) -> String {
        String(Substring(text.utf8.drop { $0 != UInt8(ascii: ":") }.dropFirst()))
    }

    /// Sigil and something; a part after a colon must be a server name.
    static func isOpaque(_ text: String, sigil: Character) -> Bool {
        let bytes = text.utf8
        guard (2...255).contains(bytes.count), bytes.first == sigil.asciiValue, !bytes.contains(0) else { return false }
        return bytes.contains(UInt8(ascii: ":")) ? split(text, sigil: sigil) != nil : true
    }
}
