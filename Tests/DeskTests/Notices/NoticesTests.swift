import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct NoticesTests {
    /// A shop with a mail server; Anna wants mails of everything.
    private struct Post {
        let smtp: MailServer, shop: Shop, anna: TestUser
        init(_ settings: JSONObject = [:]) async throws {
            let smtp = try MailServer()
            self.smtp = smtp
            shop = try await Shop { c in
                c.smtpURL = smtp.url
                c.smtpTLS = false
                c.publicURL = "https://desk.example"
            }
            anna = try await shop.agent("anna", capacity: 0)
            try await shop.call(.patch, "/agents/\(Percent.encode(anna.id.rawValue))", as: shop.owner, ["email": "anna@example.org"]).expect(200)
            var events: JSONObject = [:]
            for event in NoticeEvent.allCases { events[event.rawValue] = ["email"] }
            var body: JSONObject = ["language": "en", "events": .object(events)]
            for (key, value) in settings { body[key] = value }
            try await shop.call(.put, "/me/notifications", as: anna, .object(body)).expect(200)
        }
        func pass(_ milliseconds: Int64) async throws {
            shop.app.clock.advance(milliseconds)
            try await shop.desk.live.notices.tick(shop.app.context, shop.desk.live)
            try await shop.desk.live.notices.outbox.work(shop.app.context)
        }
        /// Anna's console is closed.
        func leave() async throws {
            try await shop.available(anna, "offline")
            try await pass(DeskLive.heartbeatLasts + 1)
        }
    }

    @Test func settingsAreKeptAndWhatIsNotNamedStays() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let first = try await shop.call(.get, "/me/notifications", as: anna).expect(200)
        #expect(first["events"]?["mention"] == ["sound", "desktop"] && first["quiet"]?["on"] == false && first["mail"] == false)
        try await shop.call(.put, "/me/notifications", as: anna, ["events": ["mention": ["sound"], "new": []], "quiet": ["on": true, "from": "20:30", "to": "08:00", "time_zone": "America/New_York"]]).expect(200)
        let now = try await shop.call(.get, "/me/notifications", as: anna).expect(200)
        #expect(now["events"]?["mention"] == ["sound"] && now["events"]?["new"] == [] && now["events"]?["reply"] == ["sound", "desktop"])
        #expect(now["quiet"] == ["on": true, "from": "20:30", "to": "08:00", "time_zone": "America/New_York"])
        for wrong in [["events": ["mention": ["pigeon"]]], ["events": ["birthday": ["sound"]]], ["quiet": ["from": "late"]], ["quiet": ["time_zone": "Moon/Sea"]], ["events": ["mention": ["email"]]]] as [JSON] {
            #expect(await shop.call(.put, "/me/notifications", as: anna, wrong).status == 400)
        }
    }
    @Test func whoIsAwayIsMailedOnceOfAllThatConcernsHim() async throws {
        let post = try await Post(), shop = post.shop, karim = try await shop.agent("karim", capacity: 0)
        let (julie, a, room) = try await shop.customer("Bonjour"), (_, b, _) = try await shop.customer("Moi aussi")
        try await shop.call(.post, "/conversations/\(a)/take", as: post.anna).expect(200)
        try await shop.call(.put, "/conversations/\(b)/follow", as: post.anna).expect(200)
        try await post.leave()
        #expect(post.smtp.mails.isEmpty)
        try await shop.call(.post, "/conversations/\(a)/assign", as: shop.owner, ["agent": .string(karim.id.rawValue)]).expect(200)
        try await shop.call(.put, "/conversations/\(a)/status", as: karim, ["status": "pending"]).expect(200)
        try await shop.call(.post, "/conversations/\(a)/assign", as: karim, ["agent": .string(post.anna.id.rawValue)]).expect(200)
        try await shop.send("Vous êtes là ?", room: room, as: julie.user)
        try await shop.say("Voilà", in: b, as: karim)
        try await shop.call(.post, "/conversations/\(b)/notes", as: karim, ["key": "n", "body": "@Anna ?", "mentions": JSON([post.anna.id.rawValue])]).expect(201)
        try await post.pass(Notices.delay - 1)
        #expect(post.smtp.mails.isEmpty)
        try await post.pass(1)
        let mail = try #require(post.smtp.mails.first)
        #expect(post.smtp.mails.count == 1 && mail.to == "anna@example.org")
        #expect(mail.body.contains("https://desk.example/desk#/all/\(b)") && mail.body.contains("you were mentioned"))
        #expect(!mail.body.contains("Vous") && !mail.body.contains("Voilà"))   // what is written stays here
        for _ in 0..<3 { try await post.pass(Notices.pause) }
        #expect(post.smtp.mails.count == 1)
    }
    @Test func whoIsThereOrHasReadItIsNotMailed() async throws {
        let post = try await Post(), shop = post.shop
        let (julie, a, room) = try await shop.customer("Bonjour")
        try await shop.call(.put, "/conversations/\(a)/follow", as: post.anna).expect(200)
        try await post.leave()
        try await shop.send("encore", room: room, as: julie.user)
        try await post.pass(1000)
        // Back in time: her console tells her.
        try await shop.available(post.anna, "online")
        shop.app.clock.advance(Notices.delay)
        try await shop.call(.post, "/me/heartbeat", as: post.anna).expect(200)
        try await post.pass(0)
        #expect(post.smtp.mails.isEmpty)
        try await post.leave()
        try await shop.send("et encore", room: room, as: julie.user)
        try await post.pass(1000)
        let last = try await shop.timeline(a).last?.string("id") ?? ""
        try await shop.call(.post, "/conversations/\(a)/read", as: post.anna, ["up_to": .string(last)]).expect(200)
        shop.app.clock.advance(DeskLive.heartbeatLasts + Notices.delay)
        try await post.pass(Notices.pause)
        #expect(post.smtp.mails.isEmpty)
    }
    @Test func quietHoursHoldMailsUntilTheyEnd() async throws {
        let post = try await Post(["quiet": ["on": true, "from": "00:00", "to": "24:00", "time_zone": "Europe/Paris"]]), shop = post.shop
        try await post.leave()
        try await shop.customer("Bonjour")
        for _ in 0..<5 { try await post.pass(Notices.delay) }
        #expect(post.smtp.mails.isEmpty)
        var settings = NoticeRules.standard.json
        settings["events"] = ["new": ["email"]]
        let text = settings.columnText
        try await shop.app.context.db.write { tx in _ = try tx.run("UPDATE desk_notify SET settings = ?", text) }
        shop.desk.live.notices.changed()
        try await post.pass(300_000)
        #expect(post.smtp.mails.count == 1)
    }
    @Test func afterAMailThereIsSilenceForAWhile() async throws {
        let post = try await Post(), shop = post.shop
        try await post.leave()
        try await shop.customer("un")
        try await post.pass(0)
        try await post.pass(Notices.delay)
        #expect(post.smtp.mails.count == 1)
        try await shop.customer("deux")
        try await post.pass(0)
        try await post.pass(Notices.delay)
        #expect(post.smtp.mails.count == 1)
        try await post.pass(Notices.pause - Notices.delay)
        #expect(post.smtp.mails.count == 2)
    }
    /// As long as nobody wants mails nothing is read or written down.
    @Test func withoutWishesNothingIsRead() async throws {
        let shop = try await Shop()
        try await shop.customer("x")
        try await shop.desk.live.notices.tick(shop.app.context, shop.desk.live)
        #expect(try await shop.app.context.db.read { try $0.first("SELECT COUNT(*) FROM desk_counter WHERE name = 'notices'") { $0.int(0) } } == 0)
    }
}
