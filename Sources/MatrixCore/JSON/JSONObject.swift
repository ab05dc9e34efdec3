import Glibc

/// The members of a JSON object, always sorted by the UTF-8 bytes of their keys, each key once.
///
/// Sorted storage makes canonical encoding the same walk as plain encoding, and equality independent of the order of arrival.
package struct JSONObject: Sendable {
    package typealias Element = (key: String, value: JSON)
    private(set) var entries: [Element]

    package init() { entries = [] }

    /// Members in any order; of several with one key the last wins.
    package init(_ members: [Element]) {
        entries = members
        normalise()
    }

    /// For the parser, which knows whether what it read was already in order.
    init(parsed: [Element], ascending: Bool) {
        entries = parsed
        if !ascending { normalise() }
    }

    package var count: Int { entries.count }
    package var isEmpty: Bool { entries.isEmpty }
    package var keys: [String] { entries.map(\.key) }

    package subscript(key: String) -> JSON? {
        get {
            if entries.count <= 8 {
                for entry in entries where entry.key.sameBytes(as: key) { return entry.value }
                return nil
            }
            let place = position(of: key)
            return place.found ? entries[place.index].value : nil
        }
        set {
            let place = position(of: key)
            switch (place.found, newValue) {
            case (true, .some(let value)): entries[place.index].value = value
            case (true, .none): entries.remove(at: place.index)
            case (false, .some(let value)): entries.insert((key: key, value: value), at: place.index)
            case (false, .none): break
            }
        }
    }

    package func contains(_ key: String) -> Bool { position(of: key).found }

    @discardableResult
    package mutating func removeValue(forKey key: String) -> JSON? {
        let place = position(of: key)
        return place.found ? entries.remove(at: place.index).value : nil
    }

    package func filter(_ keep: (Element) throws -> Bool) rethrows -> JSONObject {
        var copy = JSONObject()
        copy.entries = try entries.filter(keep)
        return copy
    }

    /// Members of `other` replace those of the same key.
    package func merging(_ other: JSONObject) -> JSONObject { JSONObject(entries + other.entries) }

    private func position(of key: String) -> (index: Int, found: Bool) {
        var low = 0, high = entries.count
        while low < high {
            let middle = (low + high) / 2
            let order = UTF8Bytes.compare(entries[middle].key, key)
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    private mutating func normalise() {
        guard entries.count > 1 else { return }
        let order = entries.indices.sorted { a, b in
            let byKey = UTF8Bytes.compare(entries[a].key, entries[b].key)
            return byKey != 0 ? byKey < 0 : a < b
        }
        var result: [Element] = []
        result.reserveCapacity(entries.count)
        for index in order {
            if let last = result.last, last.key.sameBytes(as: entries[index].key) { result.removeLast() }
            result.append(entries[index])
        }
        entries = result
    }
}

extension JSONObject: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { entries.count }
    package subscript(position: Int) -> Element { entries[position] }
}

extension JSONObject: Hashable {
    package static func == (a: JSONObject, b: JSONObject) -> Bool {
        a.entries.count == b.entries.count && zip(a.entries, b.entries).allSatisfy { $0.key.sameBytes(as: $1.key) && $0.value == $1.value }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(entries.count)
        for entry in entries { hasher.combine(entry.key); hasher.combine(entry.value) }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements.map { (key: $0.0, value: $0.1) }) }
}

enum UTF8Bytes {
    static func compare(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Int {
        let common = min(a.count, b.count)
        if common > 0, let x = a.baseAddress, let y = b.baseAddress {
            let order = memcmp(x, y, common)
            if order != 0 { return Int(order) }
        }
        return a.count - b.count
    }

    /// Negative, zero or positive as `a` comes before, is, or comes after `b`.
    static func compare(_ a: String, _ b: String) -> Int {
        let fast = a.utf8.withContiguousStorageIfAvailable { x in b.utf8.withContiguousStorageIfAvailable { y in compare(x, y) } }
        if case .some(.some(let order)) = fast { return order }
        return a.utf8.elementsEqual(b.utf8) ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
    }
}
