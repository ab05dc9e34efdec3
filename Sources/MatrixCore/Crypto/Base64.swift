/// Base64 as Matrix uses it: written without padding; read with or without.
/// https://spec.matrix.org/latest/appendices/#unpadded-base64
package enum Base64 {
    /// `+` and `/`, no padding: keys, signatures, hashes, event ids of room version 3.
    package static func encode(_ bytes: [UInt8]) -> String { encode(bytes, alphabet: standard) }
    /// `-` and `_`, no padding: event ids since room version 4, tokens.
    package static func encodeURLSafe(_ bytes: [UInt8]) -> String { encode(bytes, alphabet: urlSafe) }
    /// `+` and `/`, padded to a multiple of four: what RFC 4648 and most web formats ask for.
    package static func encodePadded(_ bytes: [UInt8]) -> String {
        let text = encode(bytes)
        return text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    }

    /// Nil when a character is foreign to the alphabet, the length is impossible or the padding is wrong. Unused low bits are ignored.
    package static func decode(_ text: String) -> [UInt8]? { decode(text, c62: UInt8(ascii: "+"), c63: UInt8(ascii: "/")) }
    package static func decodeURLSafe(_ text: String) -> [UInt8]? { decode(text, c62: UInt8(ascii: "-"), c63: UInt8(ascii: "_")) }

    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private static func encode(_ bytes: [UInt8], alphabet: [UInt8]) -> String {
        let length = (bytes.count * 4 + 2) / 3
        return String(unsafeUninitializedCapacity: length) { out in
            var written = 0, held: UInt32 = 0, bits: UInt32 = 0
            for byte in bytes {
                held = held << 8 | UInt32(byte)
                bits += 8
                while bits >= 6 {
                    bits -= 6
                    out[written] = alphabet[Int(held >> bits & 63)]
                    written += 1
                }
            }
            if bits > 0 {
                out[written] = alphabet[Int(held << (6 - bits) & 63)]
                written += 1
            }
            return written
        }
    }

    private static func decode(_ text: String, c62: UInt8, c63: UInt8) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count * 3 / 4)
        var held: UInt32 = 0, bits: UInt32 = 0, symbols = 0, padding = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0 else { return nil }
            let value: UInt8
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0") + 52
            case c62: value = 62
            case c63: value = 63
            default: return nil
            }
            symbols += 1
            held = held << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: held >> bits))
            }
        }
        guard symbols % 4 != 1, padding == 0 || (symbols + padding) % 4 == 0 && padding < 3 else { return nil }
        return out
    }
}

/// Lower-case hexadecimal.
package enum Hex {
    package static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { out in
            for (index, byte) in bytes.enumerated() {
                out[index * 2] = digit(byte >> 4)
                out[index * 2 + 1] = digit(byte & 15)
            }
            return bytes.count * 2
        }
    }

    /// Either case; nil for an odd length or a foreign character.
    package static func decode(_ text: String) -> [UInt8]? {
        var out: [UInt8] = []
        var high: UInt8?
        for byte in text.utf8 {
            guard let value = value(of: byte) else { return nil }
            if let top = high {
                out.append(top << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? out : nil
    }

    @inline(__always)
    static func digit(_ value: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10 }

    @inline(__always)
    static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
