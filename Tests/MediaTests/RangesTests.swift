@testable import Media
import Testing

@Suite struct RangeTests {
    @Test(arguments: [
        (nil, 10, ByteRange.whole),
        ("bytes=0-", 10, .part(0..<10)),
        ("bytes=0-0", 10, .part(0..<1)),
        ("bytes=3-5", 10, .part(3..<6)),
        ("bytes=3-500", 10, .part(3..<10)),
        ("bytes=9-", 10, .part(9..<10)),
        ("bytes=10-", 10, .unsatisfiable),
        ("bytes=10-20", 10, .unsatisfiable),
        ("bytes=-3", 10, .part(7..<10)),
        ("bytes=-300", 10, .part(0..<10)),
        ("bytes=-0", 10, .unsatisfiable),
        ("bytes=0-", 0, .unsatisfiable),
        ("bytes=-1", 0, .unsatisfiable),
        ("bytes= 3 - 5 ", 10, .part(3..<6)),
        ("bytes=5-3", 10, .whole),
        ("bytes=0-1,3-4", 10, .whole),
        ("bytes=-", 10, .whole),
        ("bytes=", 10, .whole),
        ("bytes=a-b", 10, .whole),
        ("bytes=+1-2", 10, .whole),
        ("lines=0-1", 10, .whole),
        ("", 10, .whole),
        ("bytes=99999999999999999999-", 10, .unsatisfiable),
        ("bytes=0-99999999999999999999", 10, .part(0..<10)),
        ("bytes=-99999999999999999999", 10, .part(0..<10)),
    ] as [(String?, Int64, ByteRange)])
    func parses(header: String?, size: Int64, range: ByteRange) { #expect(ByteRange(header, size: size) == range) }
}
