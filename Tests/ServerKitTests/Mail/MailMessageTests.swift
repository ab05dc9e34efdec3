import MatrixCore
@testable import ServerKit
import TestKit
import Testing

@Suite struct MailMessageTests {
    @Test(arguments: ["a@b", "bob.smith+tag@example.org", "élise@exemple.fr", "o'brien@x.y"])
    func anAddressHasTwoSides(_ text: String) { #expect(EMail.isValid(text)) }

    @Test(arguments: ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\r\nBcc: x@y", "<a@b>", "a@b,c@d", "a@.b", "a@b.", String(repeating: "a", count: 65) + "@b", "a\u{0}@b", "a@\u{301}b@c", "a\u{301}@\u{301}@b"])
    func whatIsNoAddressIsRefused(_ text: String) { #expect(!EMail.isValid(text) && MailAddress(text) == nil) }

    @Test func addressesAreComparedWithoutCase() { #expect(EMail.canonical("Bob@Example.ORG") == "bob@example.org") }

    @Test func theSenderMayHaveAName() {
        #expect(MailAddress(header: "Le Comptoir <help@example.org>")?.name == "Le Comptoir")
        #expect(MailAddress(header: "\"Shop, Inc\" <help@example.org>") .map { [$0.name, $0.address] } == ["Shop, Inc", "help@example.org"])
        #expect(MailAddress(header: "help@example.org")?.name == "")
        #expect(MailAddress(header: "A\r\nBcc: x <help@example.org>") == nil)
    }

    @Test(arguments: [("Hello", "Hello"), ("Réponse", "=?utf-8?B?UsOpcG9uc2U=?="), ("a, b", "\"a, b\"")])
    func headerTextIsPlainOrEncoded(_ text: String, _ expected: String) { #expect(MailMessage.word(text) == expected) }

    @Test func encodedWordsAreShortAndCutNoCharacter() {
        let words = MailMessage.word(String(repeating: "é€", count: 60)).split(separator: "\r\n")
        #expect(words.count > 3)
        for word in words {
            #expect(word.utf8.count <= 76)
            let inner = word.split(separator: "?")[3]
            #expect(Base64.decode(String(inner)).flatMap { String(validating: $0, as: UTF8.self) } != nil)
        }
    }

    @Test func quotedPrintableLinesAreShort() {
        let text = String(repeating: "https://x.example/é=", count: 20) + "\n.\nend "
        let encoded = MailMessage.quotedPrintable(text)
        for line in encoded.split(separator: "\r\n", omittingEmptySubsequences: false) { #expect(line.utf8.count <= 76) }
        #expect(encoded.hasSuffix("\r\n.\r\nend=20"))
        #expect(encoded.utf8.allSatisfy { $0 < 0x7F })
    }

    @Test(arguments: [(0, "Thu, 01 Jan 1970 00:00:00 +0000"), (1_700_000_000_000, "Tue, 14 Nov 2023 22:13:20 +0000"), (1_709_164_799_999, "Wed, 28 Feb 2024 23:59:59 +0000"),
                      (1_709_164_800_000, "Thu, 29 Feb 2024 00:00:00 +0000"), (4_102_444_800_000, "Fri, 01 Jan 2100 00:00:00 +0000")] as [(Int64, String)])
    func datesAreThoseOfTheCalendar(_ time: Int64, _ expected: String) { #expect(MailMessage.date(time) == expected) }

    @Test func theQueueKeepsAMail() throws {
        let mail = MailMessage(to: "a@b", subject: "é", text: "x\ny", language: "fr")
        #expect(MailMessage(mail.json) == mail)
        let both = MailMessage(to: "a@b", subject: "é", text: "x", language: "fr", html: "<p>x", unsubscribe: "https://x/y")
        #expect(MailMessage(both.json) == both)
        #expect(MailMessage(["to": "a@b"]) == nil)
    }

    @Test func theSameStandsInPlainTextAndInHTML() throws {
        let from = try #require(MailAddress("c@example.org"))
        let mail = MailMessage(to: "a@b", subject: "s", text: "é =_one", language: "en", html: "<p>é</p>", unsubscribe: "https://x/stop?t=1")
        let wire = String(decoding: mail.wire(from: from, id: "one", time: 0), as: UTF8.self)
        #expect(wire.contains("List-Unsubscribe: <https://x/stop?t=1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"))
        let parts = wire.split(separator: "--=_one", omittingEmptySubsequences: false)
        #expect(parts.count == 4 && parts[0].hasSuffix("boundary=\"=_one\"\r\n\r\n") && parts[3] == "--\r\n")
        #expect(parts[1] == "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9 =3D_one\r\n")
        #expect(parts[2].hasPrefix("\r\nContent-Type: text/html; charset=utf-8\r\n") && parts[2].hasSuffix("<p>=C3=A9</p>\r\n"))
    }
}
