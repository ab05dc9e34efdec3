import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct WallboardTests {
    @Test func itShowsWhoWaitsWhoIsFreeAndTheDay() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 2), bob = try await shop.agent("bob", online: false), chief = try await shop.agent("chief", role: "supervisor", online: false, inboxes: [])
        let team = try await shop.call(.post, "/teams", as: shop.owner, ["name": "Retours", "members": [.string(anna.id.rawValue)]]).expect(201).string("id") ?? ""
        func board(_ query: String = "", as user: TestUser? = nil) async throws -> JSON { try await shop.call(.get, "/wallboard?time_zone=Europe/Paris" + query, as: user ?? chief).expect(200) }
        var now = try await board()
        #expect(now.int("waiting") == 0 && now.at("since")?.isNull == true && now.int("free") == 2 && now["line"]?.arrayValue?.isEmpty == true && now.at("today.satisfied")?.isNull == true)
        #expect(now["agents"]?.arrayValue?.map { $0.string("id") } == [anna.id.rawValue])
        var talks: [String] = []
        for number in 0..<3 {
            talks.append(try await shop.customer("question \(number)").conversation)
            shop.app.clock.advance(10_000)
            try await shop.call(.post, "/me/heartbeat", as: anna).expect(200)
        }
        try await shop.call(.put, "/conversations/\(talks[2])/team", as: shop.owner, ["team": .string(team)]).expect(200)
        now = try await board()
        #expect(now.int("waiting") == 3 && now.int("unassigned") == 1 && now.int("free") == 0 && now.int("since") == shop.app.clock.now - 30_000)
        #expect(now["line"]?.arrayValue?.map { $0.string("id") } == talks && now["line"]?[0]?.string("assignee.name") == "Anna" && now["line"]?[2]?.at("assignee")?.isNull == true)
        #expect(now["inboxes"]?[0]?.int("waiting") == 3 && now["teams"]?[0]?.int("waiting") == 1 && now.int("today.opened") == 3)
        #expect(try await board("&team=" + team).int("waiting") == 1)
        #expect(try await board("&inbox=in_x").int("waiting") == 0)
        // Nobody's name and no word of a customer is on the wall.
        #expect(!String(decoding: now.encoded(), as: UTF8.self).contains("question") && now["line"]?[0]?["contact"] == nil)
        try await shop.say("voilà", in: talks[0], as: anna)
        try await shop.call(.put, "/conversations/\(talks[0])/status", as: anna, ["status": "resolved"]).expect(200)
        now = try await board()
        #expect(now.int("waiting") == 2 && now.int("today.resolved") == 1 && now.int("today.first_response_ms") == 30_000)
        try await shop.call(.get, "/wallboard", as: bob).expect(403)
        try await shop.call(.get, "/wallboard?time_zone=x", as: chief).expect(400)
    }
}
