import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct ReportMailsTests {
    private struct Post {
        let shop: Shop, smtp: MailServer, chief: TestUser
        init() async throws {
            let smtp = try MailServer()
            self.smtp = smtp
            shop = try await Shop { c in
                c.smtpURL = smtp.url
                c.smtpTLS = false
                c.publicURL = "https://desk.example"
            }
            chief = try await shop.agent("chief", role: "supervisor")
            try await shop.call(.patch, "/agents/\(Percent.encode(chief.id.rawValue))", as: shop.owner, ["email": "chief@example.org"]).expect(200)
        }
        func plan(_ more: JSONObject = [:], as user: TestUser? = nil) async throws -> JSON {
            var body: JSONObject = ["name": "Chaque jour", "cadence": "daily", "hour": 8, "time_zone": "Europe/Paris", "language": "fr", "recipients": [.string(chief.id.rawValue)]]
            for (key, value) in more { body[key] = value }
            return try await shop.call(.post, "/report-mails", as: user ?? chief, .object(body)).expect(201)
        }
        func pass(_ milliseconds: Int64) async throws {
            shop.app.clock.advance(milliseconds)
            try await shop.app.run(job: "desk.timers")
            try await shop.app.run(job: "outbox.report")
        }
    }

    @Test func aPeriodIsMailedOnceWithItsNumbers() async throws {
        let post = try await Post(), shop = post.shop
        let (_, id, _) = try await shop.customer()
        shop.app.clock.advance(65_000)
        try await shop.say("voilà", in: id, as: post.chief)
        try await shop.call(.put, "/conversations/\(id)/status", as: post.chief, ["status": "resolved"]).expect(200)
        let made = try await post.plan(), next = made.int("next_at") ?? 0
        try await post.pass(next - shop.app.clock.now - 1)
        #expect(post.smtp.mails.isEmpty)
        try await post.pass(1)
        for _ in 0..<3 { try await post.pass(1000) }
        let mail = try #require(post.smtp.mails.first)
        #expect(post.smtp.mails.count == 1 && mail.to == "chief@example.org")
        #expect(mail.body.contains("Conversations ouvertes: 1") && mail.body.contains("Première réponse (médiane): 1 min 05 s") && mail.body.contains("https://desk.example/desk#/reports/volume/"))
        // The next day tells of a day on which nothing happened.
        try await post.pass(86_400_000)
        #expect(post.smtp.mails.count == 2 && post.smtp.mails[1].body.contains("Conversations ouvertes: 0"))
    }

    @Test func whatPassedWhileTheServerWasDownIsMailedOnceEach() async throws {
        let post = try await Post()
        _ = try await post.plan()
        try await post.pass(3 * 86_400_000)
        try await post.pass(1000)
        #expect(post.smtp.mails.count == 3 && Set(post.smtp.mails.map { $0.body.split(separator: "\n").first ?? "" }).count == 3)
    }

    @Test func onlyWhoMaySeeReportsGetsThemAndSeesHisOwn() async throws {
        let post = try await Post(), shop = post.shop, anna = try await shop.agent("anna")
        try await shop.call(.get, "/report-mails", as: anna).expect(403)
        let base: JSONObject = ["name": "x"]
        for wrong: JSONObject in [["recipients": [.string(anna.id.rawValue)]], ["recipients": [.string(shop.owner.id.rawValue)]], ["recipients": ["@nobody:x"]], ["recipients": []], ["hour": 24], ["monthday": 31],
                                  ["time_zone": "Mars"], ["language": "de"], ["inbox": "in_x"], ["team": "tm_x"], ["cadence": "hourly"]] {
            var body = base
            for (key, value) in wrong { body[key] = value }
            try await shop.call(.post, "/report-mails", as: post.chief, .object(body)).expect(400)
        }
        let mine = try await post.plan().string("id") ?? "", other = try await shop.agent("other", role: "supervisor")
        #expect(try await shop.call(.get, "/report-mails", as: other).expect(200)["items"]?.arrayValue?.isEmpty == true)
        try await shop.call(.patch, "/report-mails/" + mine, as: other, ["name": "y"]).expect(404)
        try await shop.call(.delete, "/report-mails/" + mine, as: other).expect(404)
        #expect(try await shop.call(.get, "/report-mails", as: shop.owner).expect(200)["items"]?.arrayValue?.count == 1)
        // Who loses the permission gets no more.
        try await shop.call(.patch, "/agents/\(Percent.encode(post.chief.id.rawValue))", as: shop.owner, ["role": "agent"]).expect(200)
        try await post.pass(2 * 86_400_000)
        #expect(post.smtp.mails.isEmpty)
        try await shop.call(.delete, "/report-mails/" + mine, as: shop.owner).expect(204)
    }

    @Test func aTestComesAtOnceAndAPausedOneNever() async throws {
        let post = try await Post(), shop = post.shop, id = try await post.plan(["cadence": "weekly", "weekday": 2]).string("id") ?? ""
        try await shop.call(.post, "/report-mails/\(id)/test", as: post.chief).expect(204)
        try await post.pass(0)
        #expect(post.smtp.mails.count == 1)
        let paused = try await shop.call(.patch, "/report-mails/" + id, as: post.chief, ["active": false]).expect(200)
        #expect(paused.at("next_at")?.isNull == true)
        try await post.pass(15 * 86_400_000)
        #expect(post.smtp.mails.count == 1)
    }
}
