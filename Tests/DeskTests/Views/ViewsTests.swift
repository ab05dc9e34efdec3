import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct ViewsTests {
    private func ids(_ shop: Shop, _ view: String, as user: TestUser) async throws -> [String] {
        try await shop.call(.get, "/views/\(view)/conversations?limit=100", as: user).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } ?? []
    }
    private func make(_ shop: Shop, _ filter: JSON, scope: String = "personal", sort: String = "waiting", as user: TestUser) async throws -> String {
        try await shop.call(.post, "/views", as: user, ["name": "v", "scope": .string(scope), "sort": .string(sort), "filter": filter]).expect(201).string("id") ?? ""
    }

    @Test func eachConditionTakesAwayWhatDoesNotFit() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false)
        let (one, a, _) = try await shop.customer("Ma lampe clignote", lang: "fr")
        shop.app.clock.advance(3_600_000)
        let later = shop.app.clock.now
        let (_, b, _) = try await shop.customer("Where is my order?", lang: "en"), (_, d, _) = try await shop.customer("Bonjour", lang: "fr")
        try await shop.call(.post, "/conversations/\(b)/take", as: anna).expect(200)
        try await shop.call(.put, "/conversations/\(b)/tags", as: anna, ["tags": ["order", "vip"]]).expect(200)
        try await shop.call(.put, "/conversations/\(a)/tags", as: anna, ["tags": ["order"]]).expect(200)
        try await shop.call(.put, "/conversations/\(d)/priority", as: anna, ["priority": "high"]).expect(200)
        try await shop.call(.put, "/conversations/\(d)/status", as: anna, ["status": "resolved"]).expect(200)
        _ = one
        let cases: [(JSON, Set<String>)] = [
            ([:], [a, b, d]), (["statuses": ["open"]], [a, b]), (["statuses": ["resolved", "pending"]], [d]), (["inboxes": [.string(shop.inbox)]], [a, b, d]), (["inboxes": ["in_none"]], []),
            (["assignees": ["me"]], [b]), (["assignees": ["nobody"]], [a, d]), (["assignees": ["me", "nobody"]], [a, b, d]), (["assignees": [.string(shop.owner.id.rawValue)]], []),
            (["tags": ["order", "vip"]], [a, b]), (["tags": ["Order", "vip"], "tags_rule": "all"], [b]), (["priorities": ["high", "urgent"]], [d]), (["languages": ["en"]], [b]),
            (["text": "lampe"], [a]), (["waiting_minutes": 30], [a]), (["created_from": .int(later)], [b, d]), (["created_before": .int(later)], [a]),
            (["statuses": ["open"], "languages": ["fr"], "assignees": ["nobody"], "tags": ["order"], "waiting_minutes": 59], [a]),
        ]
        for (filter, wanted) in cases {
            let view = try await make(shop, filter, as: anna)
            #expect(Set(try await ids(shop, view, as: anna)) == wanted, "\(filter)")
            #expect(try await shop.call(.post, "/views/preview", as: anna, ["filter": filter]).expect(200).int("count") == Int64(wanted.count), "\(filter)")
            #expect(try await shop.call(.get, "/views/counts", as: anna).expect(200)["counts"]?[view]?.intValue == Int64(wanted.count), "\(filter)")
            try await shop.call(.delete, "/views/\(view)", as: anna).expect(204)
        }
    }

    @Test func aViewHasAnOrderAndPages() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false)
        var all: [String] = []
        for number in 0..<5 {
            shop.app.clock.advance(60_000)
            all.append(try await shop.customer("message \(number)").conversation)
        }
        let newest = try await make(shop, [:], sort: "newest", as: anna), waiting = try await make(shop, [:], sort: "waiting", as: anna)
        #expect(try await ids(shop, newest, as: anna) == all.reversed())
        #expect(try await ids(shop, waiting, as: anna) == all)
        var seen: [String] = [], cursor: String?
        repeat {
            let page = try await shop.call(.get, "/views/\(newest)/conversations?limit=2" + (cursor.map { "&cursor=" + $0 } ?? ""), as: anna).expect(200)
            seen += page["items"]?.arrayValue?.compactMap { $0.string("id") } ?? []
            cursor = page["next_cursor"]?.stringValue
        } while cursor != nil
        #expect(seen == all.reversed())
    }

    @Test func personalViewsAreOnesOwnAndTheTeamsAreMadeBySupervisors() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim"), chief = try await shop.agent("chief", role: "supervisor")
        let mine = try await make(shop, ["assignees": ["me"]], as: anna), team = try await make(shop, ["assignees": ["me"]], scope: "team", as: chief)
        func seen(_ user: TestUser) async throws -> [String] { try await shop.call(.get, "/views", as: user).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } ?? [] }
        #expect(try await seen(anna) == [team, mine])
        #expect(try await seen(karim) == [team])
        for (method, path) in [(.get, "/views/\(mine)/conversations"), (.delete, "/views/\(mine)"), (.patch, "/views/\(mine)")] as [(ServerKit.Method, String)] {
            #expect(await shop.call(method, path, as: chief, method == .patch ? ["name": "x"] : nil).status == 404)
        }
        #expect(await shop.call(.post, "/views", as: anna, ["name": "x", "scope": "team"]).status == 403)
        #expect(await shop.call(.patch, "/views/\(team)", as: anna, ["name": "x"]).status == 403)
        #expect(await shop.call(.delete, "/views/\(team)", as: anna).status == 403)
        #expect(await shop.call(.patch, "/views/\(mine)", as: anna, ["scope": "team"]).status == 403)
        // "me" of a shared view is whoever looks.
        let (_, id, _) = try await shop.customer()
        try await shop.call(.post, "/conversations/\(id)/assign", as: shop.owner, ["agent": .string(karim.id.rawValue)]).expect(200)
        #expect(try await ids(shop, team, as: karim) == [id])
        #expect(try await ids(shop, team, as: anna).isEmpty)
    }

    @Test func aViewShowsNothingOfInboxesThatOneDoesNotSee() async throws {
        let shop = try await Shop()
        let other = try await shop.call(.post, "/inboxes", as: shop.owner, ["name": "Other", "brand_id": .of(try await shop.call(.get, "/brands", as: shop.owner).expect(200)["items"]?[0]?.string("id"))]).expect(201)
        let anna = try await shop.agent("anna"), outside = try await shop.agent("outside", inboxes: [other.string("id") ?? ""])
        let (_, id, _) = try await shop.customer()
        let view = try await make(shop, ["inboxes": [.string(shop.inbox)]], scope: "team", as: shop.owner)
        #expect(try await ids(shop, view, as: anna) == [id])
        #expect(try await ids(shop, view, as: outside).isEmpty)
        #expect(try await shop.call(.get, "/views/counts", as: outside).expect(200)["counts"]?[view] == 0)
        #expect(try await shop.call(.post, "/views/preview", as: outside, ["filter": [:]]).expect(200).int("count") == 0)
    }

    @Test(arguments: [
        ["statuses": ["lost"]], ["statuses": "open"], ["inboxes": [1]], ["tags_rule": "some"], ["priorities": ["very"]], ["languages": ["français"]], ["waiting_minutes": 0],
        ["waiting_minutes": "x"], ["created_from": -1], ["created_from": 5, "created_before": 5], ["text": .string(String(repeating: "x", count: 201))],
    ] as [JSON])
    func aFilterThatMakesNoSenseIsRefused(_ filter: JSON) async throws {
        let shop = try await Shop()
        let answer = await shop.call(.post, "/views", as: shop.owner, ["name": "v", "filter": filter])
        #expect(answer.status == 400)
        #expect(answer["errors"]?[0]?.string("field")?.hasPrefix("filter.") == true)
    }
}
