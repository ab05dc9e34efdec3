/// What a parse may cost. A document beyond a limit is refused, never truncated.
package struct JSONLimits: Sendable {
    package var depth: Int
    package var bytes: Int
    package init(depth: Int = 100, bytes: Int = 64 << 20) {
        self.depth = depth
        self.bytes = bytes
    }
    package static let `default` = JSONLimits()
}

/// Why bytes are not JSON, and where (offset of the first byte that cannot stand there).
package struct JSONError: Error, Hashable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        case syntax = "not valid JSON"
        case invalidUTF8 = "not valid UTF-8"
        case loneSurrogate = "half of a surrogate pair"
        case numberOutOfRange = "number out of range"
        case tooDeep = "nested too deep"
        case tooLarge = "too large"
        case notAnObject = "not a JSON object"
    }
    package let kind: Kind
    package let offset: Int
    package init(kind: Kind, offset: Int) {
        self.kind = kind
        self.offset = offset
    }
    package var description: String { "\(kind.rawValue) at byte \(offset)" }
}

extension JSON {
    /// Reads one JSON document (RFC 8259; surrounding white space allowed). Strict: valid UTF-8, no lone surrogates, no trailing commas,
    /// no NaN. Of members with one key the last wins. Numbers: see ``JSON``; an exponent without a fraction is an integer if it is whole.
    package static func parse(_ bytes: [UInt8], limits: JSONLimits = .default) throws(JSONError) -> JSON {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in try parse(UnsafeRawBufferPointer(buffer), limits: limits) }
    }

    package static func parse(_ bytes: ArraySlice<UInt8>, limits: JSONLimits = .default) throws(JSONError) -> JSON {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in try parse(UnsafeRawBufferPointer(buffer), limits: limits) }
    }

    package static func parse(_ text: String, limits: JSONLimits = .default) throws(JSONError) -> JSON {
        try parse(Array(text.utf8), limits: limits)
    }

    package static func parse(_ buffer: UnsafeRawBufferPointer, limits: JSONLimits = .default) throws(JSONError) -> JSON {
        guard buffer.count <= limits.bytes else { throw JSONError(kind: .tooLarge, offset: limits.bytes) }
        guard let base = buffer.baseAddress, buffer.count > 0 else { throw JSONError(kind: .syntax, offset: 0) }
        var parser = JSONParser(base: base.assumingMemoryBound(to: UInt8.self), end: buffer.count, depthLimit: limits.depth)
        return try parser.document()
    }
}

extension JSONObject {
    package static func parse(_ bytes: [UInt8], limits: JSONLimits = .default) throws(JSONError) -> JSONObject {
        guard case .object(let object) = try JSON.parse(bytes, limits: limits) else { throw JSONError(kind: .notAnObject, offset: 0) }
        return object
    }
}

/// One pass over the bytes. Strings are scanned eight bytes at a time; a string without escapes is made straight from the input.
struct JSONParser {
    private let base: UnsafePointer<UInt8>
    private let end: Int
    private let depthLimit: Int
    private var at = 0

    init(base: UnsafePointer<UInt8>, end: Int, depthLimit: Int) {
        self.base = base
        self.end = end
        self.depthLimit = depthLimit
    }

    mutating func document() throws(JSONError) -> JSON {
        skipSpace()
        let value = try value(depth: 0)
        skipSpace()
        guard at == end else { throw failure(.syntax) }
        return value
    }

    private func failure(_ kind: JSONError.Kind) -> JSONError { JSONError(kind: kind, offset: at) }

    @inline(__always)
    private mutating func skipSpace() {
        while at < end {
            let byte = base[at]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            at &+= 1
        }
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard at < end else { throw failure(.syntax) }
        switch base[at] {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "t"): try word("true"); return .bool(true)
        case UInt8(ascii: "f"): try word("false"); return .bool(false)
        case UInt8(ascii: "n"): try word("null"); return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw failure(.syntax)
        }
    }

    private mutating func word(_ text: StaticString) throws(JSONError) {
        let count = text.utf8CodeUnitCount
        guard end - at >= count else { throw failure(.syntax) }
        for index in 0..<count where base[at + index] != text.utf8Start[index] { throw failure(.syntax) }
        at += count
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSON {
        guard depth <= depthLimit else { throw failure(.tooDeep) }
        at += 1
        skipSpace()
        if at < end, base[at] == UInt8(ascii: "}") { at += 1; return .object(JSONObject()) }
        var members: [JSONObject.Element] = []
        members.reserveCapacity(4)
        var ascending = true
        while true {
            guard at < end, base[at] == UInt8(ascii: "\"") else { throw failure(.syntax) }
            let key = try string()
            skipSpace()
            guard at < end, base[at] == UInt8(ascii: ":") else { throw failure(.syntax) }
            at += 1
            skipSpace()
            if ascending, let last = members.last, UTF8Bytes.compare(last.key, key) >= 0 { ascending = false }
            members.append((key: key, value: try value(depth: depth)))
            skipSpace()
            guard at < end else { throw failure(.syntax) }
            if base[at] == UInt8(ascii: "}") { at += 1; return .object(JSONObject(parsed: members, ascending: ascending)) }
            guard base[at] == UInt8(ascii: ",") else { throw failure(.syntax) }
            at += 1
            skipSpace()
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSON {
        guard depth <= depthLimit else { throw failure(.tooDeep) }
        at += 1
        skipSpace()
        if at < end, base[at] == UInt8(ascii: "]") { at += 1; return .array([]) }
        var elements: [JSON] = []
        while true {
            elements.append(try value(depth: depth))
            skipSpace()
            guard at < end else { throw failure(.syntax) }
            if base[at] == UInt8(ascii: "]") { at += 1; return .array(elements) }
            guard base[at] == UInt8(ascii: ",") else { throw failure(.syntax) }
            at += 1
            skipSpace()
        }
    }

    // MARK: numbers

    private mutating func number() throws(JSONError) -> JSON {
        let start = at
        let negative = base[at] == UInt8(ascii: "-")
        if negative { at += 1 }
        let firstDigit = at
        var magnitude: UInt64 = 0
        var overflow = false
        while at < end, let digit = decimal(base[at]) {
            let (product, high) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            overflow = overflow || high || carry
            magnitude = sum
            at += 1
        }
        guard at > firstDigit, at == firstDigit + 1 || base[firstDigit] != UInt8(ascii: "0") else { throw failure(.syntax) }
        var hasFraction = false, hasExponent = false
        if at < end, base[at] == UInt8(ascii: ".") {
            hasFraction = true
            at += 1
            try digits()
        }
        if at < end, base[at] | 0x20 == UInt8(ascii: "e") {
            hasExponent = true
            at += 1
            if at < end, base[at] == UInt8(ascii: "+") || base[at] == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        if !hasFraction && !hasExponent && !overflow {
            if !negative, magnitude <= UInt64(Int64.max) { return .int(Int64(magnitude)) }
            if negative, magnitude <= UInt64(Int64.max) + 1 { return .int(Int64(truncatingIfNeeded: 0 &- magnitude)) }
        }
        let text = String(decoding: UnsafeBufferPointer(start: base + start, count: at - start), as: UTF8.self)
        guard let value = Double(text), value.isFinite else {
            at = start
            throw failure(.numberOutOfRange)
        }
        // `1e10` is a whole number written short; canonical JSON knows it as 10000000000.
        if hasExponent, !hasFraction, abs(value) <= CanonicalLimits.largest, value == value.rounded(.towardZero) { return .int(Int64(value)) }
        return .double(value)
    }

    private mutating func digits() throws(JSONError) {
        let first = at
        while at < end, decimal(base[at]) != nil { at += 1 }
        guard at > first else { throw failure(.syntax) }
    }

    @inline(__always)
    private func decimal(_ byte: UInt8) -> UInt8? {
        let digit = byte &- UInt8(ascii: "0")
        return digit < 10 ? digit : nil
    }

    // MARK: strings

    private mutating func string() throws(JSONError) -> String {
        at += 1
        let start = at
        let plain = scanPlain()
        guard at < end else { throw failure(.syntax) }
        if base[at] == UInt8(ascii: "\"") {
            let bytes = UnsafeBufferPointer(start: base + start, count: at - start)
            at += 1
            if plain { return String(decoding: bytes, as: UTF8.self) }
            return try validated(bytes, from: start)
        }
        return try escapedString(from: start)
    }

    private func validated(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) throws(JSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw JSONError(kind: .invalidUTF8, offset: start) }
        return text
    }

    /// Moves to the next quote, backslash, control character or the end; true when all bytes passed were ASCII.
    @inline(__always)
    private mutating func scanPlain() -> Bool {
        let tops = JSONScan.tops
        var seen: UInt64 = 0
        while end &- at >= 8 {
            let word = UInt64(littleEndian: UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self))
            let stop = JSONScan.stops(word)
            seen |= word
            if stop != 0 {
                at &+= stop.trailingZeroBitCount / 8
                return seen & tops == 0
            }
            at &+= 8
        }
        while at < end {
            let byte = base[at]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
            seen |= UInt64(byte)
            at &+= 1
        }
        return seen & tops == 0
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var bytes = [UInt8](UnsafeBufferPointer(start: base + start, count: at - start))
        while true {
            guard at < end else { throw failure(.syntax) }
            switch base[at] {
            case UInt8(ascii: "\""):
                at += 1
                guard let text = String(validating: bytes, as: UTF8.self) else { throw JSONError(kind: .invalidUTF8, offset: start) }
                return text
            case UInt8(ascii: "\\"):
                at += 1
                try escape(into: &bytes)
            default:
                throw failure(.syntax)
            }
            let from = at
            _ = scanPlain()
            bytes.append(contentsOf: UnsafeBufferPointer(start: base + from, count: at - from))
        }
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(JSONError) {
        guard at < end else { throw failure(.syntax) }
        let letter = base[at]
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(letter)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"): return try unicodeEscape(into: &bytes)
        default: throw failure(.syntax)
        }
        at += 1
    }

    private mutating func unicodeEscape(into bytes: inout [UInt8]) throws(JSONError) {
        let start = at - 1
        var code = try hexUnit()
        if code & 0xFC00 == 0xD800 {
            guard end - at >= 2, base[at] == UInt8(ascii: "\\"), base[at + 1] == UInt8(ascii: "u") else {
                throw JSONError(kind: .loneSurrogate, offset: start)
            }
            at += 1
            let low = try hexUnit()
            guard low & 0xFC00 == 0xDC00 else { throw JSONError(kind: .loneSurrogate, offset: start) }
            code = 0x10000 + ((code & 0x3FF) << 10 | (low & 0x3FF))
        }
        guard let scalar = Unicode.Scalar(code) else { throw JSONError(kind: .loneSurrogate, offset: start) }
        bytes.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
    }

    /// The four hexadecimal digits after the `u` that `at` stands on.
    private mutating func hexUnit() throws(JSONError) -> UInt32 {
        at += 1
        guard end - at >= 4 else { throw failure(.syntax) }
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Hex.value(of: base[at]) else { throw failure(.syntax) }
            code = code << 4 | UInt32(digit)
            at += 1
        }
        return code
    }
}
