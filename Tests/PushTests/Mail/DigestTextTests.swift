import MatrixCore
@testable import Push
import ServerKit
import Testing

@Suite struct DigestTextTests {
    private static let bob = UserID(trusted: "@bob:test"), room = RoomID(trusted: "!room")

    private func notice(_ content: String, type: String = "m.room.message", sender: String? = "Alice", room: String? = "Shop", state: String? = nil) -> Notice {
        Notice(type: type, sender: UserID(trusted: "@alice:test"), stateKey: state, content: Array(content.utf8), senderName: sender, roomName: room, roomAlias: nil)
    }
    private func mail(_ notices: [Notice], language: String = "en", more: Int = 0) -> MailMessage {
        DigestText(user: Self.bob, language: language, server: "test", link: "https://x/?a=1&b=2", notices.map { (room: Self.room, notice: $0) }, more: more).message(to: "b@example.org")
    }

    @Test(arguments: [("en", "Unread message from Alice – test"), ("fr", "Message non lu de Alice – test"), ("FR-be", "Message non lu de Alice – test"), ("fro", "Unread message from Alice – test"),
                      ("", "Unread message from Alice – test")])
    func theLanguageIsThatOfThePusher(_ language: String, _ subject: String) { #expect(mail([notice(#"{"body":"x"}"#)], language: language).subject == subject) }

    @Test func whatPeopleWriteIsEscapedAndCut() throws {
        let mail = mail([notice(#"{"body":"<script>\u0007"}"#, sender: "A<img>", room: "R&D"), notice("{\"body\":\"" + String(repeating: "x", count: 600) + "\"}")])
        let html = try #require(mail.html)
        #expect(html.contains("R&amp;D</h2>") && html.contains("<b>A&lt;img&gt;</b>: &lt;script&gt;</p>") && !html.contains("<script") && !html.contains("<img"))
        #expect(html.contains(">" + "https") == false && html.contains("href=\"https://x/?a=1&amp;b=2\""))
        #expect(mail.text.contains(String(repeating: "x", count: 500) + "…\n") && !mail.text.contains(String(repeating: "x", count: 501)))
    }

    @Test func aNameCannotStartAHeader() {
        let mail = mail([notice(#"{"body":"x"}"#, sender: "Eve\r\nBcc: all@example.org")])
        let wire = String(decoding: mail.wire(from: MailAddress("c@example.org") ?? { preconditionFailure() }(), id: "one", time: 0), as: UTF8.self)
        #expect(!wire.contains("\nBcc:"))
    }

    @Test(arguments: [
        (#"{"msgtype":"m.emote","body":"waves"}"#, "m.room.message", "Alice waves"), (#"{"msgtype":"m.file","body":"x"}"#, "m.room.message", "Alice sent a file."),
        (#"{}"#, "m.room.message", "Alice sent a message."), (#"{"body":3}"#, "m.room.message", "Alice sent a message."), (#"{}"#, "m.sticker", "Alice sent a sticker."),
        (#"{}"#, "m.room.encrypted", "Alice sent an encrypted message."), (#"{}"#, "x.y", "Alice did something in the room."),
        (#"{"body":"> <@bob:test> fresh?\n> really?\n\nyes\n> so","m.relates_to":{"m.in_reply_to":{"event_id":"$x"}}}"#, "m.room.message", "Alice: yes\n      > so"),
        (#"{"body":"> a quotation\n\nof mine"}"#, "m.room.message", "Alice: > a quotation\n      \n      of mine"),
    ]) func eachKindOfEventHasItsWords(_ content: String, _ type: String, _ expected: String) {
        #expect(mail([notice(content, type: type)]).text.contains("\nShop\n  " + expected + "\n"))
    }

    @Test func anInvitationIsTold() {
        #expect(mail([notice(#"{"membership":"invite"}"#, type: "m.room.member", state: "@bob:test")]).text.contains("Alice invites you."))
    }

    @Test func aRoomWithoutANameIsNamedByWhoWrites() {
        let mail = mail([notice(#"{"body":"x"}"#, room: nil), notice(#"{"body":"y"}"#, room: nil)], more: 3)
        #expect(mail.subject == "5 unread messages: Conversation with Alice – test" && mail.text.contains("… and 3 more."))
    }

    @Test(arguments: [(nil, 600_000), (600_000, 3_600_000), (3_600_000, 21_600_000), (21_600_000, 86_400_000), (86_400_000, 86_400_000), (.max, 86_400_000)] as [(Int64?, Int64)])
    func silenceGrowsToADay(_ before: Int64?, _ after: Int64) { #expect(DigestRules.wait(after: before, delay: 600_000) == after) }

    @Test func aDelayOfMoreThanADayStays() { #expect(DigestRules.wait(after: 200_000_000, delay: 200_000_000) == 200_000_000) }

    @Test func theOutboxKeepsIdsAlone() {
        let json: JSON = ["pusher": 7, "more": 2, "events": [["!r:test", "$e"]]]
        #expect(Digest(json)?.json == json)
        #expect(Digest(["pusher": 7]) == nil)
    }
}
