import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct HoursTests {
    static let week: JSON = .array((0..<7).map { $0 < 5 ? [["start": "09:00", "end": "12:30"], ["start": "14:00", "end": "18:00"]] : [] })

    private func hours(_ shop: Shop, _ more: JSONObject = [:]) async throws -> String {
        var body: JSONObject = ["name": "Boutique", "time_zone": "Europe/Paris", "week": Self.week]
        for (key, value) in more { body[key] = value }
        return try await shop.call(.post, "/hours", as: shop.owner, .object(body)).expect(201).string("id") ?? ""
    }
    private func until(_ shop: Shop, _ moment: String) { shop.app.clock.advance(utc(moment) - shop.app.clock.now) }
    private func config(_ shop: Shop) async throws -> JSON { try await shop.app.call(.get, Shop.widget + "/config?inbox=web").expect(200) }

    @Test func theWidgetSaysWhenTheShopOpens() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let id = try await hours(shop, ["exceptions": [["date": "2026-12-25", "name": "Noël", "hours": []]]])
        #expect(try await config(shop).at("hours")?.isNull == true)
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["hours": .string(id)]).expect(200)
        until(shop, "2026-12-24 16:59")
        try await shop.call(.post, "/me/heartbeat", as: anna).expect(200)
        var it = try await config(shop)
        #expect(it["online"] == true && it.at("hours.open") == true && it.int("hours.closes_at") == utc("2026-12-24 17:00"))
        until(shop, "2026-12-24 17:00")
        // Somebody is still there, but nobody is promised.
        it = try await config(shop)
        #expect(it["online"] == false && it.at("hours.open") == false && it.int("hours.opens_at") == utc("2026-12-28 08:00"))
        #expect(try await shop.call(.get, "/hours/" + id, as: anna).expect(200).at("now.open") == false)
        // The team's hours go before the inbox's.
        let always = try await hours(shop, ["name": "Toujours", "time_zone": "UTC", "week": .array(Array(repeating: [["start": "00:00", "end": "24:00"]], count: 7))])
        let team = try await shop.call(.post, "/teams", as: shop.owner, ["name": "Nuit", "members": [.string(anna.id.rawValue)], "hours": .string(always)]).expect(201).string("id") ?? ""
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["team": .string(team)]).expect(200)
        it = try await config(shop)
        #expect(it["online"] == true && it.at("hours.open") == true && it.at("hours.closes_at")?.isNull == true)
        // Without them it is always open.
        try await shop.call(.delete, "/hours/" + id, as: shop.owner).expect(204)
        try await shop.call(.delete, "/hours/" + always, as: shop.owner).expect(204)
        #expect(try await config(shop).at("hours")?.isNull == true)
        #expect(try await shop.call(.get, "/inboxes/" + shop.inbox, as: shop.owner).expect(200).at("hours")?.isNull == true)
    }

    @Test(arguments: [
        ["time_zone": "Europe/Nowhere"], ["time_zone": "../passwd"], ["week": []], ["week": .array(Array(repeating: [["start": "12:00", "end": "09:00"]], count: 7))],
        ["week": .array(Array(repeating: [["start": "09:00", "end": "12:00"], ["start": "11:00", "end": "13:00"]], count: 7))],
        ["week": .array(Array(repeating: [["start": "9:00", "end": "12:00"]], count: 7))], ["week": .array(Array(repeating: [["start": "09:00", "end": "24:01"]], count: 7))],
        ["exceptions": [["date": "2026-02-30", "hours": []]]], ["exceptions": [["date": "2026-02-03", "hours": []], ["date": "2026-02-03", "hours": []]]], ["exceptions": 3], ["name": ""],
    ] as [JSONObject]) func whatIsNoHoursIsRefused(change: JSONObject) async throws {
        let shop = try await Shop(), id = try await hours(shop)
        #expect(await shop.call(.patch, "/hours/" + id, as: shop.owner, .object(change))["code"] == "invalid")
        #expect(await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["hours": "hr_none"])["code"] == "invalid")
    }

    @Test func aCustomerSeesHisPlaceAndWhenItMayBe() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 1)
        func standing(_ visitor: Shop.Visitor) async throws -> JSON { try await shop.app.call(.get, Shop.widget + "/queue?inbox=web", as: visitor.user).expect(200) }
        let nobody = try await shop.visitor()
        #expect(try await standing(nobody)["state"] == "none")
        var all: [(visitor: Shop.Visitor, conversation: String, room: String)] = []
        for number in 0..<6 { all.append(try await shop.customer("question \(number)")) }
        #expect(try await standing(all[0].visitor)["state"] == "served")
        #expect(try await standing(all[1].visitor).int("position") == 1)
        #expect(try await standing(all[5].visitor).int("position") == 5)
        #expect(try await standing(all[5].visitor).at("wait_seconds")?.isNull == true)
        // One is served every two minutes.
        for number in 0..<3 {
            shop.app.clock.advance(120_000)
            try await shop.call(.post, "/me/heartbeat", as: anna).expect(200)
            try await shop.call(.put, "/conversations/\(all[number].conversation)/status", as: shop.owner, ["status": "resolved"]).expect(200)
        }
        let last = try await standing(all[5].visitor)
        #expect(last.int("position") == 2 && last["state"] == "waiting")
        #expect((120...300).contains(last.int("wait_seconds") ?? 0))
        // Somebody more urgent goes ahead of him, and he is told.
        let tag = last.string("tag") ?? ""
        let who = all[5].visitor.user
        async let news = shop.app.call(.get, Shop.widget + "/queue?inbox=web&seen=" + tag, as: who)
        try await Task.sleep(for: .milliseconds(50))
        try await shop.call(.put, "/conversations/\(all[4].conversation)/status", as: shop.owner, ["status": "resolved"]).expect(200)
        #expect(try await news.expect(200).int("position") == 1)
    }

    @Test func whoWaitsTooLongGoesToTheOtherTeamOnce() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0), karim = try await shop.agent("karim")
        let second = try await shop.call(.post, "/teams", as: shop.owner, ["name": "Renfort", "members": [.string(karim.id.rawValue)]]).expect(201).string("id") ?? ""
        let first = try await shop.call(.post, "/teams", as: shop.owner, ["name": "Accueil", "members": [.string(anna.id.rawValue)], "overflow_team": .string(second), "overflow_after": 300, "escalate_after": 120]).expect(201).string("id") ?? ""
        #expect(await shop.call(.patch, "/teams/" + first, as: shop.owner, ["overflow_team": .string(first)])["code"] == "invalid")
        // And back: a ring.
        try await shop.call(.patch, "/teams/" + second, as: shop.owner, ["overflow_team": .string(first), "overflow_after": 10]).expect(200)
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["team": .string(first)]).expect(200)
        try await shop.call(.patch, "/agents/" + karim.path, as: shop.owner, ["capacity": 0]).expect(200)
        let (_, id, _) = try await shop.customer()
        func pass(_ seconds: Int64) async throws {
            shop.app.clock.advance(seconds * 1000)
            for agent in [anna, karim] { try await shop.call(.post, "/me/heartbeat", as: agent).expect(200) }
            try await shop.app.run(job: "desk.timers")
        }
        try await pass(119)
        #expect(try await shop.conversation(id).string("priority") == "none")
        try await pass(2)
        #expect(try await shop.conversation(id).string("priority") == "urgent")
        try await pass(170)
        #expect(try await shop.conversation(id).string("team.name") == "Accueil")
        try await pass(10)
        #expect(try await shop.conversation(id).string("team.name") == "Renfort")
        for _ in 0..<5 { try await pass(60) }
        #expect(try await shop.conversation(id).string("team.name") == "Renfort")
        let texts = try await shop.timeline(id).compactMap { $0.string("system.text") }
        #expect(texts.filter { $0.contains("handed to the team") }.count == 1 && texts.filter { $0.contains("urgent now") }.count == 1)
        try await shop.call(.patch, "/agents/" + karim.path, as: shop.owner, ["capacity": 1]).expect(200)
        #expect(try await shop.conversation(id).string("assignee.id") == karim.id.rawValue)
    }

    /// Time in which nobody is there does not count.
    @Test func overflowCountsOpenTime() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0), karim = try await shop.agent("karim", capacity: 0), id = try await hours(shop)
        let second = try await shop.call(.post, "/teams", as: shop.owner, ["name": "Renfort", "members": [.string(karim.id.rawValue)]]).expect(201).string("id") ?? ""
        let first = try await shop.call(.post, "/teams", as: shop.owner, ["name": "Accueil", "members": [.string(anna.id.rawValue)], "overflow_team": .string(second), "overflow_after": 600, "hours": .string(id)]).expect(201).string("id") ?? ""
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["team": .string(first)]).expect(200)
        until(shop, "2026-11-27 16:55")   // Friday, five minutes before the end
        let (_, conversation, _) = try await shop.customer()
        for (moment, team) in [("2026-11-27 17:30", "Accueil"), ("2026-11-29 12:00", "Accueil"), ("2026-11-30 08:04", "Accueil"), ("2026-11-30 08:05", "Renfort")] {
            until(shop, moment)
            try await shop.app.run(job: "desk.timers")
            #expect(try await shop.conversation(conversation).string("team.name") == team, "\(moment)")
        }
    }
}
