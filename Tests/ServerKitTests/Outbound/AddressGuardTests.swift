@testable import ServerKit
import Testing

@Suite struct AddressGuardTests {
    /// IPv4 in dotted form, IPv6 as eight groups.
    private static func bytes(_ text: String) -> [UInt8] {
        if text.contains(".") { return text.split(separator: ".").compactMap { UInt8($0) } }
        let halves = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false).map { half in
            half.split(separator: ":").compactMap { UInt16($0, radix: 16) }
        }
        let left = halves[0], right = halves.count > 1 ? halves[1] : []
        return (left + Array(repeating: 0, count: 8 - left.count - right.count) + right).flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
    }

    @Test(arguments: ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.169.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255",
                      "2606:4700::1111", "2a01:4f8::1", "::ffff:101:101", "64:ff9b::808:808", "2002:808:808::1"])
    func publicAddressesAreOpen(_ text: String) { #expect(AddressGuard.kind(Self.bytes(text)) == .open) }

    @Test(arguments: ["127.0.0.1", "127.255.255.254", "::1", "::ffff:7f00:1"])
    func loopbackIsToldApart(_ text: String) { #expect(AddressGuard.kind(Self.bytes(text)) == .loopback) }

    @Test(arguments: ["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1",
                      "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.0.1", "198.51.100.7", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
                      "::", "::2", "::a00:1", "::ffff:a00:1", "::ffff:c0a8:1", "::ffff:0:1", "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "fc00::1", "fd12:3456::1",
                      "fe80::1", "fec0::1", "ff02::1", "2001:db8::1", "2001::1", "2001:10::1", "2001:20::1", "2002:a00:1::1", "2002:7f00:1::1", "3fff::1", "4000::1"])
    func everythingElseIsClosed(_ text: String) { #expect(AddressGuard.kind(Self.bytes(text)) == .closed) }

    @Test func otherFamiliesAreClosed() {
        #expect(AddressGuard.kind([]) == .closed)
        #expect(AddressGuard.kind([1, 2, 3]) == .closed)
    }
}
