/// Which addresses the server may connect to on behalf of its users. Pure.
///
/// Only what is reachable on the public internet passes: an allow-list for IPv6 (2000::/3), and for IPv4 everything but the special-purpose
/// registry (RFC 6890). An IPv6 address that carries an IPv4 address is judged by that one.
enum AddressGuard {
    enum Kind: Equatable { case open, loopback, closed }

    /// `bytes`: 4 of IPv4 or 16 of IPv6, in network order.
    static func kind(_ bytes: [UInt8]) -> Kind {
        switch bytes.count {
        case 4: v4(bytes)
        case 16: v6(bytes)
        default: .closed
        }
    }

    private static func v4(_ a: [UInt8]) -> Kind {
        switch (a[0], a[1], a[2]) {
        case (127, _, _): .loopback
        case (0, _, _), (10, _, _), (169, 254, _), (172, 16...31, _), (192, 168, _): .closed
        case (100, 64...127, _): .closed   // carrier-grade NAT
        case (192, 0, 0), (192, 0, 2), (192, 88, 99), (198, 18...19, _), (198, 51, 100), (203, 0, 113): .closed
        case (224..., _, _): .closed   // multicast, reserved, broadcast
        default: .open
        }
    }

    private static func v6(_ a: [UInt8]) -> Kind {
        if a[0..<15].allSatisfy({ $0 == 0 }) { return a[15] == 1 ? .loopback : .closed }
        if a[0..<10].allSatisfy({ $0 == 0 }), a[10] == 0xFF, a[11] == 0xFF { return v4(Array(a[12...])) }   // IPv4-mapped
        if a[0..<12] == [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0] { return v4(Array(a[12...])) == .open ? .open : .closed }   // NAT64
        guard a[0] & 0xE0 == 0x20 else { return .closed }   // unique-local, link-local, multicast and all that is not assigned
        switch (a[0], a[1], a[2], a[3]) {
        case (0x20, 0x01, 0x0D, 0xB8): return .closed   // documentation
        case (0x20, 0x01, 0x00...0x01, _): return .closed   // protocol assignments, Teredo, ORCHID
        case (0x20, 0x02, _, _): return v4(Array(a[2..<6])) == .open ? .open : .closed   // 6to4
        case (0x3F, 0xFF, 0x00...0x0F, _): return .closed   // documentation
        default: return .open
        }
    }
}
