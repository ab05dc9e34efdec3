import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct TeamsTests {
    private func team(_ shop: Shop, _ name: String, _ members: [TestUser], strategy: String = "round_robin") async throws -> String {
        let made = try await shop.call(.post, "/teams", as: shop.owner, ["name": .string(name), "strategy": .string(strategy), "members": JSON(members.map(\.id.rawValue))]).expect(201)
        return made.string("id") ?? ""
    }
    private func assignee(_ shop: Shop, _ id: String) async throws -> String? { try await shop.conversation(id).string("assignee.id") }

    @Test func anInboxThatIsRoutedToATeamIsItsMembers() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim")
        let team = try await team(shop, "Retours", [karim])
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["team": .string(team)]).expect(200)
        for number in 0..<3 {
            let (_, id, _) = try await shop.customer("question \(number)")
            #expect(try await assignee(shop, id) == karim.id.rawValue)
            #expect(try await shop.conversation(id).string("team.name") == "Retours")
        }
        #expect(try await shop.list("view=all&team=" + team).count == 3)
        #expect(try await shop.list("view=all&team=other").isEmpty)
        // Whoever joins the team serves it at once; whoever leaves it gets nothing more.
        try await shop.call(.patch, "/agents/" + karim.path, as: shop.owner, ["capacity": 3]).expect(200)
        let (_, waiting, _) = try await shop.customer("encore")
        #expect(try await assignee(shop, waiting) == nil)
        try await shop.call(.patch, "/teams/" + team, as: shop.owner, ["members": [.string(anna.id.rawValue), .string(karim.id.rawValue)]]).expect(200)
        #expect(try await assignee(shop, waiting) == anna.id.rawValue)
        #expect(try await shop.call(.get, "/agents/" + anna.path, as: shop.owner).expect(200).at("teams") == [.string(team)])
    }

    @Test func handingToATeamTakesItFromWhoIsNoMember() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim", online: false)
        let (_, id, _) = try await shop.customer()
        #expect(try await assignee(shop, id) == anna.id.rawValue)
        let team = try await team(shop, "Retours", [karim])
        try await shop.call(.put, "/conversations/\(id)/team", as: anna, ["team": .string(team)]).expect(200)
        #expect(try await assignee(shop, id) == nil)
        try await shop.available(karim, "online")
        #expect(try await assignee(shop, id) == karim.id.rawValue)
        let texts = try await shop.timeline(id).compactMap { $0.string("system.text") }
        #expect(texts.contains("Anna handed the conversation to the team Retours."))
        // Out of the team again: who has it keeps it.
        try await shop.call(.put, "/conversations/\(id)/team", as: karim, ["team": .null]).expect(200)
        #expect(try await assignee(shop, id) == karim.id.rawValue)
        #expect(try await shop.conversation(id).at("team")?.isNull == true)
    }

    @Test func aTeamThatCannotSeeTheInboxIsRefused() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), far = try await shop.agent("far", inboxes: [])
        let (_, id, _) = try await shop.customer()
        let team = try await team(shop, "Loin", [far])
        #expect(await shop.call(.put, "/conversations/\(id)/team", as: anna, ["team": .string(team)])["code"] == "invalid")
        #expect(await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["team": .string(team)])["code"] == "invalid")
        #expect(await shop.call(.put, "/conversations/\(id)/team", as: anna, ["team": "tm_none"])["code"] == "invalid")
        #expect(await shop.call(.post, "/teams", as: shop.owner, ["name": "x", "members": ["@nobody:test"]])["code"] == "invalid")
    }

    @Test func aTeamThatIsDeletedLeavesNobodyWaiting() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim", online: false)
        let team = try await team(shop, "Retours", [karim])
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["team": .string(team)]).expect(200)
        let (_, id, _) = try await shop.customer()
        #expect(try await assignee(shop, id) == nil)
        try await shop.call(.delete, "/teams/" + team, as: shop.owner).expect(204)
        #expect(try await assignee(shop, id) == anna.id.rawValue)
        #expect(try await shop.call(.get, "/inboxes/" + shop.inbox, as: shop.owner).expect(200).at("team")?.isNull == true)
        #expect(try await shop.call(.get, "/teams", as: anna).expect(200).at("items") == [])
    }

    @Test func skillsAreNeeded() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim")
        try await shop.call(.patch, "/agents/" + karim.path, as: shop.owner, ["skills": [" Retours ", "VIP"]]).expect(200)
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["skills": ["retours"]]).expect(200)
        for number in 0..<2 {
            let (_, id, _) = try await shop.customer("question \(number)")
            #expect(try await assignee(shop, id) == karim.id.rawValue)
        }
        try await shop.available(karim, "offline")
        let (_, id, _) = try await shop.customer("troisième")
        #expect(try await assignee(shop, id) == nil)
        // A person decides otherwise.
        try await shop.call(.put, "/conversations/\(id)/skills", as: anna, ["skills": []]).expect(200)
        #expect(try await assignee(shop, id) == anna.id.rawValue)
    }

    @Test func aCustomerComesBackToWhomHeKnows() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim")
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["strategy": "sticky", "reopen_days": 0]).expect(200)
        let (visitor, first, _) = try await shop.customer()
        let known = try await assignee(shop, first)
        for number in 0..<3 {
            let last = try await shop.list("view=all&contact=" + visitor.contact)[0].string("id") ?? ""
            try await shop.call(.put, "/conversations/\(last)/status", as: shop.owner, ["status": "resolved"]).expect(200)
            shop.app.clock.advance(1000)
            try await shop.write("encore \(number)", as: visitor)
            await shop.desk.live.settled()
            let next = try await shop.list("view=all&contact=" + visitor.contact)[0]
            #expect(next.string("id") != last && next.string("assignee.id") == known)
        }
        _ = (anna, karim)
    }

    @Test func theLeastBusyGetsTheNext() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 2), karim = try await shop.agent("karim", capacity: 8)
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["strategy": "least_busy"]).expect(200)
        var given: [String?] = []
        for number in 0..<5 { given.append(try await assignee(shop, try await shop.customer("question \(number)").conversation)) }
        #expect(given.filter { $0 == anna.id.rawValue }.count == 1 && given.filter { $0 == karim.id.rawValue }.count == 4)
    }

    @Test func priorityGoesAheadInTheQueue() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0)
        var ids: [String] = []
        for number in 0..<4 {
            ids.append(try await shop.customer("question \(number)").conversation)
            shop.app.clock.advance(1000)
            try await shop.call(.post, "/me/heartbeat", as: anna).expect(200)
        }
        try await shop.call(.put, "/conversations/\(ids[0])/priority", as: anna, ["priority": "low"]).expect(200)
        try await shop.call(.put, "/conversations/\(ids[3])/priority", as: anna, ["priority": "high"]).expect(200)
        #expect(try await shop.list("view=unassigned").map { $0.string("id") } == [ids[3], ids[1], ids[2], ids[0]])
        for expected in [ids[3], ids[1], ids[2], ids[0]] {
            let load = try await shop.call(.get, "/agents/" + anna.path, as: shop.owner).expect(200).int("load") ?? 0
            try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["capacity": .int(load + 1)]).expect(200)
            #expect(try await assignee(shop, expected) == anna.id.rawValue)
        }
    }

    /// online: gets new ones. away: keeps his. away and reassigning: gives back who waits, now and later; keeps who has his answer.
    @Test func awayAndReassigningGivesBackWhoWaits() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim", online: false)
        let (_, waiting, _) = try await shop.customer("en attente")
        let (served, answered, room) = try await shop.customer("servi")
        try await shop.say("Voilà", in: answered, as: anna)
        try await shop.available(anna, "away_reassigning")
        #expect(try await assignee(shop, waiting) == nil)
        #expect(try await assignee(shop, answered) == anna.id.rawValue)
        let seen = try await shop.call(.get, "/agents/" + anna.path, as: shop.owner).expect(200)
        #expect(seen.string("availability") == "away_reassigning" && seen.string("wanted_availability") == "away_reassigning")
        try await shop.available(karim, "online")
        #expect(try await assignee(shop, waiting) == karim.id.rawValue)
        try await shop.send("et encore", room: room, as: served.user)
        #expect(try await assignee(shop, answered) == karim.id.rawValue)
        // A lost heartbeat and a comeback do not change what he wants.
        shop.app.clock.advance(61_000)
        try await shop.app.run(job: "desk.timers")
        #expect(try await shop.call(.post, "/me/heartbeat", as: anna).expect(200).string("availability") == "away_reassigning")
        #expect(try await shop.call(.get, "/agents/" + anna.path, as: shop.owner).expect(200).string("availability") == "away_reassigning")
        try await shop.available(anna, "away")
        #expect(try await shop.call(.get, "/agents/" + anna.path, as: shop.owner).expect(200).string("availability") == "away")
    }

    @Test func onlyAdministratorsManageTeams() async throws {
        let shop = try await Shop(), boss = try await shop.agent("boss", role: "supervisor")
        let team = try await team(shop, "Retours", [boss])
        for (method, path) in [(Method.post, "/teams"), (.patch, "/teams/" + team), (.delete, "/teams/" + team)] {
            #expect(await shop.call(method, path, as: boss, ["name": "x"]).status == 403)
        }
        #expect(try await shop.call(.get, "/teams/" + team, as: boss).expect(200).string("name") == "Retours")
        #expect(try await shop.call(.get, "/me", as: boss).expect(200).at("teams")?.arrayValue?.count == 1)
    }
}
