@testable import App
import ServerKit
import Testing

struct ResponseWriterTests {
    @Test(arguments: [
        ("Content-Type", "text/plain; charset=utf-8", true), ("X-Name", "caf\u{e9}\tau lait", true), ("X-Empty", "", true),
        ("Location", "/a\r\nSet-Cookie: b", false), ("Location", "/a\nb", false), ("X", "\u{0}", false), ("X", "\u{7F}", false), ("X", "\u{1B}[2J", false),
        ("", "x", false), ("Na me", "x", false), ("Name:", "x", false), ("Na\r\nme", "x", false),
    ])
    func aFieldIsNeverMoreThanAField(name: String, value: String, isSound: Bool) {
        #expect(ResponseWriter.isSound(["Content-Type": "text/plain", name: value]) == isSound)
    }
}
