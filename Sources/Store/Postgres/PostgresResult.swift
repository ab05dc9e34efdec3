internal import CPostgres

/// A result of PostgreSQL in the binary format, decoded by the type of each column.
final class PostgresResult {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { PQclear(pointer) }

    var count: Int32 { PQntuples(pointer) }
    var columns: Int32 { PQnfields(pointer) }

    private func field(_ row: Int32, _ column: Int32) -> (type: UInt32, bytes: UnsafeRawBufferPointer)? {
        guard PQgetisnull(pointer, row, column) == 0, let start = PQgetvalue(pointer, row, column) else { return nil }
        let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(pointer, row, column)))
        return (PQftype(pointer, column), bytes)
    }

    func isNull(_ row: Int32, _ column: Int32) -> Bool { field(row, column) == nil }

    func int(_ row: Int32, _ column: Int32) -> Int64 {
        guard let (type, bytes) = field(row, column) else { return 0 }
        switch type {
        case Self.bool: return Int64(bytes[0])
        case Self.int2, Self.int4, Self.int8, Self.oid: return Self.integer(bytes)
        case Self.float4, Self.float8: return Int64(exactly: Self.double(bytes).rounded(.towardZero)) ?? 0
        case Self.numeric: return Int64(exactly: Self.decimal(bytes).rounded(.towardZero)) ?? 0
        default: return Int64(String(decoding: bytes, as: UTF8.self)) ?? 0
        }
    }

    func real(_ row: Int32, _ column: Int32) -> Double {
        guard let (type, bytes) = field(row, column) else { return 0 }
        switch type {
        case Self.float4, Self.float8: return Self.double(bytes)
        case Self.numeric: return Self.decimal(bytes)
        case Self.bool, Self.int2, Self.int4, Self.int8, Self.oid: return Double(int(row, column))
        default: return Double(String(decoding: bytes, as: UTF8.self)) ?? 0
        }
    }

    /// nil for NULL.
    func text(_ row: Int32, _ column: Int32) -> String? {
        guard let (type, bytes) = field(row, column) else { return nil }
        switch type {
        case Self.bool, Self.int2, Self.int4, Self.int8, Self.oid: return String(int(row, column))
        case Self.float4, Self.float8, Self.numeric: return String(real(row, column))
        default: return String(decoding: bytes, as: UTF8.self)
        }
    }

    func bytes(_ row: Int32, _ column: Int32) -> [UInt8] {
        guard let (type, bytes) = field(row, column) else { return [] }
        switch type {
        case Self.bool, Self.int2, Self.int4, Self.int8, Self.oid, Self.float4, Self.float8, Self.numeric:
            return Array((text(row, column) ?? "").utf8)
        default: return [UInt8](bytes)
        }
    }

    // MARK: the binary format, all of it big-endian

    private static let bool: UInt32 = 16, int8: UInt32 = 20, int2: UInt32 = 21, int4: UInt32 = 23, oid: UInt32 = 26
    private static let float4: UInt32 = 700, float8: UInt32 = 701, numeric: UInt32 = 1700

    private static func integer(_ bytes: UnsafeRawBufferPointer) -> Int64 {
        let bits = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        switch bytes.count {
        case 2: return Int64(Int16(truncatingIfNeeded: bits))
        case 4: return Int64(Int32(truncatingIfNeeded: bits))
        default: return Int64(bitPattern: bits)
        }
    }

    private static func double(_ bytes: UnsafeRawBufferPointer) -> Double {
        let bits = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return bytes.count == 4 ? Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits))) : Double(bitPattern: bits)
    }

    /// NUMERIC, which sums of integers have: digits in base 10,000, the first of them times 10,000 to the weight.
    private static func decimal(_ bytes: UnsafeRawBufferPointer) -> Double {
        guard bytes.count >= 8 else { return 0 }
        func word(_ index: Int) -> UInt16 { UInt16(bytes[index * 2]) << 8 | UInt16(bytes[index * 2 + 1]) }
        let count = Int(word(0)), weight = Int(Int16(bitPattern: word(1))), sign = word(2)
        var value = 0.0, scale = 1.0
        for index in 0..<min(count, bytes.count / 2 - 4) {
            value = value * 10_000 + Double(word(4 + index))
        }
        let exponent = weight - count + 1
        for _ in 0..<abs(exponent) { scale *= 10_000 }
        value = exponent >= 0 ? value * scale : value / scale
        return sign == 0x4000 ? -value : value
    }
}
