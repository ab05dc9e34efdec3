/// A JSON value.
///
/// Invariants: the parser never makes `.raw`; an integer literal that fits 64 bits is `.int`, every other number `.double`;
/// strings are compared by their UTF-8 bytes, so two strings that differ only by Unicode normalisation are two strings.
package enum JSON: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)
    /// Already encoded JSON: the writer splices it verbatim. The accessors below do not look into it.
    case raw([UInt8])
}

extension JSON {
    package var stringValue: String? { if case .string(let value) = self { value } else { nil } }
    package var intValue: Int64? { if case .int(let value) = self { value } else { nil } }
    package var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var arrayValue: [JSON]? { if case .array(let value) = self { value } else { nil } }
    package var objectValue: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// Any number, integers included.
    package var doubleValue: Double? {
        switch self {
        case .double(let value): value
        case .int(let value): Double(value)
        default: nil
        }
    }
    package var isNull: Bool { if case .null = self { true } else { false } }

    /// The member of an object; nil when this is not an object or has no such member.
    package subscript(key: String) -> JSON? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    /// The element of an array; nil when this is not an array or is too short.
    package subscript(index: Int) -> JSON? {
        guard case .array(let array) = self, array.indices.contains(index) else { return nil }
        return array[index]
    }
}

extension JSON: Hashable {
    package static func == (a: JSON, b: JSON) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let x), .bool(let y)): x == y
        case (.int(let x), .int(let y)): x == y
        case (.double(let x), .double(let y)): x == y
        case (.string(let x), .string(let y)): x.sameBytes(as: y)
        case (.array(let x), .array(let y)): x == y
        case (.object(let x), .object(let y)): x == y
        case (.raw(let x), .raw(let y)): x == y
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(1); hasher.combine(value)
        case .int(let value): hasher.combine(2); hasher.combine(value)
        case .double(let value): hasher.combine(3); hasher.combine(value)
        case .string(let value): hasher.combine(4); hasher.combine(value)
        case .array(let value): hasher.combine(5); hasher.combine(value)
        case .object(let value): hasher.combine(6); hasher.combine(value)
        case .raw(let value): hasher.combine(7); hasher.combine(value)
        }
    }
}

// No `nil` literal: `object["key"] == nil` must ask for absence, never for null.
extension JSON: ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .int(value) }
    package init(floatLiteral value: Double) { self = .double(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements.map { (key: $0.0, value: $0.1) })) }

    package init(_ value: String) { self = .string(value) }
    package init(_ value: Int) { self = .int(Int64(value)) }
    package init(_ value: Int64) { self = .int(value) }
    package init(_ value: Bool) { self = .bool(value) }
    package init(_ value: [String]) { self = .array(value.map(JSON.string)) }
    package init(_ value: some MatrixID) { self = .string(value.rawValue) }
}

extension String {
    /// Equal byte for byte. Swift's `==` on strings is canonical equivalence, which JSON keys and Matrix ids must not use.
    package func sameBytes(as other: String) -> Bool {
        let fast = utf8.withContiguousStorageIfAvailable { x in
            other.utf8.withContiguousStorageIfAvailable { y in x.count == y.count && UTF8Bytes.compare(x, y) == 0 }
        }
        if case .some(.some(let equal)) = fast { return equal }
        return utf8.elementsEqual(other.utf8)
    }

    /// Order of the UTF-8 bytes, which is the order of the code points: what canonical JSON sorts by.
    package func precedesInBytes(_ other: String) -> Bool { UTF8Bytes.compare(self, other) < 0 }
}
