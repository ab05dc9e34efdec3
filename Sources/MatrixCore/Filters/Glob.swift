/// Patterns as Matrix writes them: `*` is any run of characters, and, where asked for, `?` any one. Everything else is itself.
/// https://spec.matrix.org/latest/appendices/#glob-style-matching
package struct Glob: Sendable, Hashable {
    private enum Piece: Sendable, Hashable { case literal(UInt8), one, run }
    private let pieces: [Piece]
    private let foldsCase: Bool
    package let pattern: String

    /// - Parameters:
    ///   - single: `?` stands for one character (push rules, server ACLs) or for itself (filters).
    ///   - foldsCase: upper and lower case of ASCII letters are the same; fold other letters before matching.
    package init(_ pattern: String, single: Bool = true, foldsCase: Bool = false) {
        self.pattern = pattern
        self.foldsCase = foldsCase
        var pieces: [Piece] = []
        for byte in pattern.utf8 {
            switch byte {
            case UInt8(ascii: "*"): if pieces.last != .run { pieces.append(.run) }
            case UInt8(ascii: "?") where single: pieces.append(.one)
            default: pieces.append(.literal(foldsCase ? Self.fold(byte) : byte))
            }
        }
        self.pieces = pieces
    }

    /// True when there is nothing to expand.
    package var isLiteral: Bool { !pieces.contains { $0 == .run || $0 == .one } }

    /// The whole text fits the pattern. Linear but for the last `*`, to which it goes back: no pattern takes exponential time.
    package func matches(_ text: String) -> Bool {
        let fast = text.utf8.withContiguousStorageIfAvailable { matches($0) }
        return fast ?? Array(text.utf8).withUnsafeBufferPointer { matches($0) }
    }

    private func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var at = 0, piece = 0
        var retryAt = 0, retryPiece = -1
        while at < text.count {
            if piece < pieces.count {
                switch pieces[piece] {
                case .run:
                    retryPiece = piece
                    retryAt = at
                    piece += 1
                    continue
                case .one:
                    at += Self.width(text[at])
                    piece += 1
                    continue
                case .literal(let byte) where byte == (foldsCase ? Self.fold(text[at]) : text[at]):
                    at += 1
                    piece += 1
                    continue
                case .literal: break
                }
            }
            guard retryPiece >= 0 else { return false }
            retryAt += Self.width(text[retryAt])
            at = retryAt
            piece = retryPiece + 1
        }
        return at == text.count && pieces[piece...].allSatisfy { $0 == .run }
    }

    /// How many bytes the character that begins with this byte has.
    private static func width(_ byte: UInt8) -> Int {
        switch byte {
        case 0xF0...: 4
        case 0xE0..<0xF0: 3
        case 0xC0..<0xE0: 2
        default: 1
        }
    }

    private static func fold(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
