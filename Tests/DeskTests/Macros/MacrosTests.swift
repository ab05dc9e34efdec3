import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct MacrosTests {
    private func make(_ shop: Shop, _ user: TestUser, _ deeds: JSON, _ more: JSONObject = [:]) async throws -> String {
        var body: JSONObject = ["name": "M", "deeds": deeds]
        for (key, value) in more { body[key] = value }
        return try await shop.call(.post, "/macros", as: user, .object(body)).expect(201).string("id") ?? ""
    }
    private func run(_ shop: Shop, _ macro: String, _ ids: [String], as user: TestUser, key: String = "k") async throws -> JSON {
        try await shop.call(.post, "/macros/\(macro)/run", as: user, ["ids": JSON(ids), "key": .string(key)]).expect(200)
    }

    @Test func itDoesAllThatItSaysToEachOfMany() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0), karim = try await shop.agent("karim", capacity: 0)
        let team = try await shop.call(.post, "/teams", as: shop.owner, ["name": "Returns", "members": JSON([anna.id.rawValue, karim.id.rawValue])]).expect(201).string("id") ?? ""
        let (visitor, a, room) = try await shop.customer("a"), (_, b, _) = try await shop.customer("b")
        let contact = try await shop.conversation(a).string("contact.id") ?? ""
        try await shop.call(.patch, "/contacts/\(contact)", as: shop.owner, ["name": "Julie Martin"]).expect(200)
        let macro = try await make(shop, anna, [
            "assign": "me", "team": .string(team), "status": "snoozed", "snooze_minutes": 90, "priority": "high", "add_tags": ["Retour"], "remove_tags": ["x"],
            "reply": "Bonjour {{contact.first_name|à vous}}, dossier {{conversation.number}}.", "note": "Vu par {{agent.name}}", "mentions": JSON([karim.id.rawValue])])
        let answer = try await run(shop, macro, [a, b], as: anna)
        #expect(answer.int("done") == 2 && answer.int("failed") == 0 && answer["undo"] == nil)   // a reply is not taken back
        let now = try await shop.conversation(a, as: karim)
        #expect(now["status"] == "snoozed" && now["priority"] == "high" && now["tags"] == ["retour"] && now.string("assignee.id") == anna.id.rawValue && now.string("team.id") == team)
        #expect(now.int("snoozed_until") == shop.app.clock.now + 90 * 60_000 && now["waiting_since"]?.isNull == true && now["mentioned"] == true)
        #expect(try await shop.roomBodies(room, as: visitor.user) == ["a", "Bonjour Julie, dossier \(now.int("number") ?? 0)."])
        #expect(try await shop.timeline(b).contains { $0.string("message.body")?.hasPrefix("Bonjour à vous, dossier") == true })
        #expect(try await shop.timeline(a).contains { $0.string("note.body") == "Vu par Anna" && $0.string("author.id") == anna.id.rawValue })
    }
    @Test func theSameKeyWritesOnceAndWithoutAReplyItIsUndone() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0), (visitor, a, room) = try await shop.customer("a")
        let reply = try await make(shop, anna, ["reply": "Une seule fois"])
        for _ in 0..<3 { #expect(try await run(shop, reply, [a], as: anna).int("done") == 1) }
        #expect(try await shop.roomBodies(room, as: visitor.user) == ["a", "Une seule fois"])
        _ = try await run(shop, reply, [a], as: anna, key: "another")
        #expect(try await shop.roomBodies(room, as: visitor.user).count == 3)
        let tags = try await make(shop, anna, ["add_tags": ["vip"], "status": "resolved"])
        let undo = try await run(shop, tags, [a], as: anna, key: "tags").string("undo") ?? ""
        #expect(try await shop.conversation(a)["status"] == "resolved")
        try await shop.call(.post, "/bulk/\(undo)/undo", as: anna).expect(200)
        let now = try await shop.conversation(a)
        #expect(now["status"] == "open" && now["tags"] == [])
    }
    @Test func whatIsMissingIsToldAndNothingIsDoneByHalf() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0), (visitor, a, room) = try await shop.customer("a")
        let macro = try await make(shop, anna, ["reply": "Bonjour {{contact.first_name}}", "add_tags": ["vip"]])
        let answer = try await run(shop, macro, [a], as: anna)
        #expect(answer.int("failed") == 1 && answer["results"]?[0]?.string("error.detail")?.contains("contact.first_name") == true)
        #expect(try await shop.roomBodies(room, as: visitor.user) == ["a"])
        #expect(try await shop.conversation(a)["tags"] == [])
    }
    @Test func personalOnesAreOnesOwnTeamsTheTeamsAndEverybodysForAll() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim"), sofia = try await shop.agent("sofia", role: "supervisor")
        let team = try await shop.call(.post, "/teams", as: shop.owner, ["name": "Returns", "members": JSON([anna.id.rawValue])]).expect(201).string("id") ?? ""
        let mine = try await make(shop, anna, ["add_tags": ["a"]], ["name": "Mine"])
        #expect(await shop.call(.post, "/macros", as: anna, ["name": "T", "scope": "all", "deeds": ["priority": "low"]]).status == 403)
        _ = try await make(shop, sofia, ["add_tags": ["b"]], ["name": "Team", "scope": "team", "team_id": .string(team)])
        let all = try await make(shop, sofia, ["add_tags": ["c"]], ["name": "All", "scope": "all"])
        func names(_ user: TestUser) async throws -> [String] {
            try await shop.call(.get, "/macros", as: user).expect(200)["items"]?.arrayValue?.compactMap { $0.string("name") } ?? []
        }
        #expect(try await names(anna) == ["All", "Mine", "Team"])
        #expect(try await names(karim) == ["All"])
        #expect(try await names(sofia) == ["All", "Team"])
        let (_, a, _) = try await shop.customer("a")
        #expect(await shop.call(.post, "/macros/\(mine)/run", as: karim, ["ids": JSON([a]), "key": "k"]).status == 404)
        #expect(await shop.call(.patch, "/macros/\(mine)", as: sofia, ["name": "Hers"]).status == 404)
        #expect(await shop.call(.patch, "/macros/\(all)", as: karim, ["name": "His"]).status == 403)
        #expect(await shop.call(.delete, "/macros/\(all)", as: karim).status == 403)
        try await shop.call(.patch, "/macros/\(all)", as: sofia, ["name": "Everybody's", "deeds": ["priority": "urgent"]]).expect(200)
        _ = try await run(shop, all, [a], as: karim)
        let now = try await shop.conversation(a)
        #expect(now["priority"] == "urgent" && now["tags"] == [])   // replaced whole
        try await shop.call(.delete, "/macros/\(all)", as: sofia).expect(204)
        #expect(try await names(karim) == [])
        let log = try await shop.call(.get, "/audit?action=macros", as: shop.owner).expect(200)["items"]?.arrayValue?.compactMap { $0.string("action") } ?? []
        #expect(log == ["macros.delete", "macros.update", "macros.create", "macros.create"])
    }
    /// A macro is no way around what one may not do.
    @Test func itMayNoMoreThanWhoeverRunsIt() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false), karim = try await shop.agent("karim", online: false)
        let (_, a, _) = try await shop.customer("a")
        try await shop.call(.post, "/conversations/\(a)/take", as: karim).expect(200)
        let macro = try await make(shop, anna, ["assign": "me"])
        let answer = try await run(shop, macro, [a, "cv_none"], as: anna)
        #expect(answer.int("failed") == 2 && answer["results"]?[0]?.string("error.code") == "forbidden" && answer["results"]?[1]?.string("error.code") == "not_found")
        #expect(try await shop.conversation(a).string("assignee.id") == karim.id.rawValue)
    }
    @Test(arguments: [
        ["deeds": ["priority": "low"]], ["name": "M"], ["name": "M", "deeds": [:]], ["name": "M", "deeds": ["status": "snoozed"]], ["name": "M", "deeds": ["reply": "{{nobody}}"]],
        ["name": "M", "deeds": ["reply": "{{contact.name"]], ["name": "M", "deeds": ["assign": "@nobody:x"]], ["name": "M", "deeds": ["team": "tm_none"]], ["name": "M", "deeds": ["mentions": ["assignee"]]],
        ["name": "M", "scope": "team", "deeds": ["priority": "low"]], ["name": "M", "scope": "all", "brand_id": "br_none", "deeds": ["priority": "low"]], ["name": "M", "deeds": "x"],
    ] as [JSON])
    func whatMakesNoSenseIsRefused(_ body: JSON) async throws {
        let shop = try await Shop()
        #expect(await shop.call(.post, "/macros", as: shop.owner, body).status == 400)
    }
}
