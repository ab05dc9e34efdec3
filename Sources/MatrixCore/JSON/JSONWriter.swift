/// Why a value has no canonical form.
/// https://spec.matrix.org/latest/appendices/#canonical-json
package enum CanonicalError: Error, Hashable, CustomStringConvertible {
    case float
    case integerOutOfRange(Int64)
    case badRaw(JSONError)

    package var description: String {
        switch self {
        case .float: "a number is not an integer"
        case .integerOutOfRange(let value): "the integer \(value) is beyond ±(2^53-1)"
        case .badRaw(let error): error.description
        }
    }
}

enum CanonicalLimits {
    static let integers: ClosedRange<Int64> = -9_007_199_254_740_991...9_007_199_254_740_991
    static let largest: Double = 9_007_199_254_740_991
}

extension JSON {
    /// The shortest encoding; members in the order of their keys. A number that JSON cannot write (NaN, infinity) becomes null.
    package func encoded() -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(256)
        write(into: &out)
        return out
    }

    package func write(into out: inout [UInt8]) {
        switch self {
        case .null: JSONWriter.ascii("null", &out)
        case .bool(let value): JSONWriter.ascii(value ? "true" : "false", &out)
        case .int(let value): JSONWriter.integer(value, &out)
        case .double(let value): value.isFinite ? out.append(contentsOf: value.description.utf8) : JSONWriter.ascii("null", &out)
        case .string(let value): JSONWriter.string(value, &out)
        case .array(let elements):
            out.append(UInt8(ascii: "["))
            var first = true
            for element in elements {
                if first { first = false } else { out.append(UInt8(ascii: ",")) }
                element.write(into: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let object): object.write(into: &out)
        case .raw(let bytes): out.append(contentsOf: bytes)
        }
    }

    /// Canonical JSON: keys sorted by code point, no white space, integers only and within ±(2^53-1), the shortest escapes.
    package func canonical() throws(CanonicalError) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(256)
        try writeCanonical(into: &out)
        return out
    }

    package func writeCanonical(into out: inout [UInt8]) throws(CanonicalError) {
        switch self {
        case .null, .bool, .string: write(into: &out)
        case .int(let value):
            guard CanonicalLimits.integers.contains(value) else { throw .integerOutOfRange(value) }
            JSONWriter.integer(value, &out)
        case .double: throw .float
        case .array(let elements):
            out.append(UInt8(ascii: "["))
            var first = true
            for element in elements {
                if first { first = false } else { out.append(UInt8(ascii: ",")) }
                try element.writeCanonical(into: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let object): try object.writeCanonical(into: &out)
        case .raw(let bytes):
            let value: JSON
            do throws(JSONError) { value = try JSON.parse(bytes) } catch { throw .badRaw(error) }
            try value.writeCanonical(into: &out)
        }
    }
}

extension JSONObject {
    package func encoded() -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(256)
        write(into: &out)
        return out
    }

    package func write(into out: inout [UInt8]) {
        out.append(UInt8(ascii: "{"))
        var first = true
        for entry in entries {
            if first { first = false } else { out.append(UInt8(ascii: ",")) }
            JSONWriter.string(entry.key, &out)
            out.append(UInt8(ascii: ":"))
            entry.value.write(into: &out)
        }
        out.append(UInt8(ascii: "}"))
    }

    package func canonical() throws(CanonicalError) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(256)
        try writeCanonical(into: &out)
        return out
    }

    package func writeCanonical(into out: inout [UInt8]) throws(CanonicalError) {
        out.append(UInt8(ascii: "{"))
        var first = true
        for entry in entries {
            if first { first = false } else { out.append(UInt8(ascii: ",")) }
            JSONWriter.string(entry.key, &out)
            out.append(UInt8(ascii: ":"))
            try entry.value.writeCanonical(into: &out)
        }
        out.append(UInt8(ascii: "}"))
    }
}

/// The pieces an encoder is made of, for code that writes an object around bytes it already has.
package enum JSONWriter {
    @inline(__always)
    package static func ascii(_ text: StaticString, _ out: inout [UInt8]) {
        out.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package static func integer(_ value: Int64, _ out: inout [UInt8]) {
        if value >= 0 && value < 10 { return out.append(UInt8(ascii: "0") + UInt8(value)) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
            var rest = value.magnitude, at = 20
            repeat {
                at -= 1
                buffer[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                at -= 1
                buffer[at] = UInt8(ascii: "-")
            }
            out.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[at...]))
        }
    }

    /// The string with its quotes.
    package static func string(_ text: String, _ out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        if text.utf8.withContiguousStorageIfAvailable({ escaped($0, &out) }) == nil {
            Array(text.utf8).withUnsafeBufferPointer { escaped($0, &out) }
        }
        out.append(UInt8(ascii: "\""))
    }

    private static func escaped(_ bytes: UnsafeBufferPointer<UInt8>, _ out: inout [UInt8]) {
        var from = 0, at = 0
        while true {
            at = JSONScan.plain(bytes, from: at)
            out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[from..<at]))
            guard at < bytes.count else { return }
            let byte = bytes[at]
            at += 1
            from = at
            out.append(UInt8(ascii: "\\"))
            switch byte {
            case 0x08: out.append(UInt8(ascii: "b"))
            case 0x09: out.append(UInt8(ascii: "t"))
            case 0x0A: out.append(UInt8(ascii: "n"))
            case 0x0C: out.append(UInt8(ascii: "f"))
            case 0x0D: out.append(UInt8(ascii: "r"))
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(byte)
            default:
                ascii("u00", &out)
                out.append(Hex.digit(byte >> 4))
                out.append(Hex.digit(byte & 15))
            }
        }
    }
}

/// Looks for the bytes that a string in JSON cannot hold as they are: quote, backslash, control characters. Eight at a time.
enum JSONScan {
    static let ones: UInt64 = 0x0101_0101_0101_0101, tops: UInt64 = 0x8080_8080_8080_8080

    /// The top bit of each byte of the result that must stop the scan; the lowest one set is exact.
    @inline(__always)
    static func stops(_ word: UInt64) -> UInt64 {
        let quote = word ^ (ones &* 0x22), slash = word ^ (ones &* 0x5C)
        return (((word &- ones &* 0x20) & ~word) | ((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)) & tops
    }

    @inline(__always)
    static func plain(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var at = start
        if let base = bytes.baseAddress {
            while bytes.count &- at >= 8 {
                let stop = stops(UInt64(littleEndian: UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self)))
                if stop != 0 { return at &+ stop.trailingZeroBitCount / 8 }
                at &+= 8
            }
        }
        while at < bytes.count, bytes[at] >= 0x20, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\") { at &+= 1 }
        return at
    }
}
