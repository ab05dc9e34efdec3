import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct RolesTests {
    @Test func aRoleHoldsWhatFollowsFromIt() {
        #expect(Permission.whole([.conversationsAssign]) == [.conversationsAssign, .conversationsWrite, .conversationsRead, .contactsRead, .deskUse, .agentsRead, .settingsRead])
        #expect(Role.agent.permissions.isSubset(of: Role.supervisor.permissions) && !Role.supervisor.may(.rolesManage) && Role.admin.permissions == Set(Permission.allCases))
    }

    @Test func aRoleIsMadeGivenChangedAndTakenAway() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false)
        let made = try await shop.call(.post, "/roles", as: shop.owner, ["name": "Reader", "permissions": ["conversations.all"]]).expect(201)
        let id = made.string("id") ?? ""
        #expect(made["permissions"] == ["agents.read", "contacts.read", "conversations.all", "conversations.read", "desk.use", "settings.read"])
        try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["role": .string(id), "inboxes": []]).expect(200)
        let (_, conversation, _) = try await shop.customer()
        _ = try await shop.conversation(conversation, as: anna)
        try await shop.call(.post, "/conversations/\(conversation)/take", as: anna, [:]).expect(403)
        try await shop.call(.delete, "/roles/" + id, as: shop.owner).expect(409)
        try await shop.call(.patch, "/roles/" + id, as: shop.owner, ["permissions": ["conversations.write"]]).expect(200)
        try await shop.call(.get, "/conversations/" + conversation, as: anna).expect(404)
        let roles = try await shop.call(.get, "/roles", as: anna, headers: ["Accept-Language": "fr"]).expect(200)
        #expect(roles["items"]?.arrayValue?.map { $0.string("name") } == ["Propriétaire", "Administrateur", "Superviseur", "Conseiller", "Reader"] && roles["items"]?[4]?.int("agents") == 1)
        try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["role": "agent"]).expect(200)
        try await shop.call(.delete, "/roles/" + id, as: shop.owner).expect(204)
        #expect(await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["role": .string(id)])["code"] == "invalid")
        #expect(await shop.call(.patch, "/roles/admin", as: shop.owner, ["name": "x"])["code"] == "conflict")
        #expect(await shop.call(.post, "/roles", as: shop.owner, ["name": "superviseur", "permissions": []])["errors"]?[0]?["field"] == "name")
        #expect(await shop.call(.post, "/roles", as: shop.owner, ["name": "x", "permissions": ["all"]])["errors"]?[0]?["field"] == "permissions")
    }

    @Test func nobodyGivesWhatHeHasNot() async throws {
        let shop = try await Shop()
        let role = try await shop.call(.post, "/roles", as: shop.owner, ["name": "Team lead", "permissions": ["agents.manage", "roles.manage", "conversations.write"]]).expect(201).string("id") ?? ""
        let lead = try await shop.agent("lead", online: false), anna = try await shop.agent("anna", online: false), boss = try await shop.agent("boss", role: "admin", online: false)
        try await shop.call(.patch, "/agents/" + lead.path, as: shop.owner, ["role": .string(role)]).expect(200)
        // more than his own: neither made nor given, to himself or to others
        try await shop.call(.post, "/roles", as: lead, ["name": "More", "permissions": ["settings.manage"]]).expect(403)
        try await shop.call(.patch, "/roles/" + role, as: lead, ["permissions": ["settings.manage", "roles.manage"]]).expect(403)
        for wanted in ["supervisor", "admin", "owner"] {
            try await shop.call(.patch, "/agents/" + lead.path, as: lead, ["role": .string(wanted)]).expect(403)
            try await shop.call(.post, "/agents", as: lead, ["username": "new", "password": "lampe-aube-8", "name": "New", "role": .string(wanted)]).expect(403)
        }
        // and those who may more are not his to change
        for other in [boss, shop.owner] { try await shop.call(.patch, "/agents/" + other.path, as: lead, ["active": false]).expect(403) }
        let small = try await shop.call(.post, "/roles", as: lead, ["name": "Less", "permissions": ["conversations.write"]]).expect(201).string("id") ?? ""
        try await shop.call(.patch, "/agents/" + anna.path, as: lead, ["role": .string(small)]).expect(403)   // she has canned replies, which he has not
        try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["role": .string(small)]).expect(200)
        try await shop.call(.patch, "/agents/" + anna.path, as: lead, ["capacity": 2]).expect(200)
    }

    /// A server with a second brand, its inbox, and people who are limited to the first.
    struct Two: Sendable {
        let shop: Shop, brand: String, other: String, far: String
        init() async throws {
            shop = try await Shop()
            brand = try await shop.call(.get, "/brands", as: shop.owner).expect(200)["items"]?[0]?.string("id") ?? ""
            other = try await shop.call(.post, "/brands", as: shop.owner, ["name": "Zephyr"]).expect(201).string("id") ?? ""
            far = try await shop.call(.post, "/inboxes", as: shop.owner, ["name": "Zephyr mail", "key": "zephyr", "brand_id": .string(other)]).expect(201).string("id") ?? ""
        }
        func person(_ name: String, _ role: String, brands: [String], inboxes: [String]) async throws -> TestUser {
            let user = try await shop.agent(name, role: role, online: false, inboxes: [])
            try await shop.call(.patch, "/agents/" + user.path, as: shop.owner, ["brands": JSON(brands), "inboxes": JSON(inboxes)]).expect(200)
            return user
        }
    }

    @Test func brandsAreKeptApart() async throws {
        let two = try await Two(), shop = two.shop
        let chief = try await two.person("chief", "supervisor", brands: [two.brand], inboxes: []), boss = try await two.person("boss", "admin", brands: [two.brand], inboxes: [])
        let theirs = try await two.person("zoe", "agent", brands: [two.other], inboxes: [two.far])
        let visitor = try await shop.visitor(["inbox": "zephyr"])
        let written = try await shop.app.call(.post, Shop.widget + "/conversations", as: visitor.user, json: [
            "inbox": "zephyr", "txn_id": "t", "lang": "fr", "content": ["msgtype": "m.text", "body": "mistral"]]).expect(200)
        await shop.desk.live.settled()
        let far = written.string("conversation_id") ?? "", (_, near, _) = try await shop.customer("proche")
        _ = try await shop.conversation(far, as: theirs)
        for somebody in [chief, boss] {
            #expect(try await shop.list("view=any", as: somebody).map { $0.string("id") } == [near])
            #expect(try await shop.list("view=any&q=mistral", as: somebody).isEmpty)
            #expect(try await shop.call(.get, "/counts", as: somebody).expect(200).int("all") == 1)
            try await shop.call(.get, "/conversations/\(far)", as: somebody).expect(404)
            try await shop.call(.get, "/contacts/\(visitor.contact)", as: somebody).expect(404)
            #expect(try await shop.call(.get, "/contacts", as: somebody).expect(200)["items"]?.arrayValue?.count == 1)
            let me = try await shop.call(.get, "/me", as: somebody).expect(200)
            #expect(me["brands"]?.arrayValue?.map { $0.string("id") } == [two.brand] && me["inboxes"]?.arrayValue?.map { $0.string("id") } == [shop.inbox])
            let agents = try await shop.call(.get, "/agents", as: somebody).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } ?? []
            #expect(!agents.contains(theirs.id.rawValue) && agents.contains(shop.owner.id.rawValue))
            try await shop.call(.get, "/agents/" + theirs.path, as: somebody).expect(404)
            try await shop.call(.get, "/brands/" + two.other, as: somebody).expect(404)
            try await shop.call(.get, "/inboxes/" + two.far, as: somebody).expect(404)
        }
        // settings of the other brand, and what is the whole server's
        try await shop.call(.patch, "/brands/" + two.other, as: boss, ["name": "Mine"]).expect(404)
        try await shop.call(.patch, "/inboxes/" + two.far, as: boss, ["name": "Mine"]).expect(404)
        try await shop.call(.delete, "/inboxes/" + two.far, as: boss).expect(404)
        try await shop.call(.post, "/inboxes/\(two.far)/identity-secret", as: boss).expect(404)
        #expect(await shop.call(.post, "/inboxes", as: boss, ["name": "x", "brand_id": .string(two.other)])["errors"]?[0]?["field"] == "brand_id")
        #expect(await shop.call(.patch, "/inboxes/" + shop.inbox, as: boss, ["members": [.string(theirs.id.rawValue)]])["errors"]?[0]?["field"] == "members")
        for (method, path, body) in [(.post, "/brands", ["name": "Third"]), (.post, "/roles", ["name": "r", "permissions": []]), (.put, "/tags/x", ["colour": "#112233"])] as [(ServerKit.Method, String, JSON)] {
            try await shop.call(method, path, as: boss, body).expect(403)
        }
        // nor does he let anybody, himself first, into what is not his
        try await shop.call(.patch, "/agents/" + boss.path, as: boss, ["brands": .null]).expect(403)
        #expect(await shop.call(.patch, "/agents/" + boss.path, as: boss, ["brands": [.string(two.other)]])["errors"]?[0]?["field"] == "brands")
        #expect(await shop.call(.patch, "/agents/" + boss.path, as: boss, ["inboxes": [.string(two.far)]])["errors"]?[0]?["field"] == "inboxes")
        let made = try await shop.call(.post, "/agents", as: boss, ["username": "new", "password": "lampe-aube-8", "name": "New"]).expect(201)
        #expect(made["brands"] == [.string(two.brand)])
        // a reply of one brand is that brand's
        try await shop.call(.post, "/canned", as: shop.owner, ["shortcut": "vent", "body": "mistral", "scope": "team", "brand_id": .string(two.other)]).expect(201)
        let everybodys = try await shop.call(.post, "/canned", as: shop.owner, ["shortcut": "tous", "body": "Bonjour", "scope": "team"]).expect(201).string("id") ?? ""
        #expect(try await shop.call(.get, "/canned", as: chief).expect(200)["items"]?.arrayValue?.map { $0.string("shortcut") } == ["tous"])
        try await shop.call(.delete, "/canned/" + everybodys, as: chief).expect(403)
        #expect(try await shop.call(.post, "/canned", as: chief, ["shortcut": "ici", "body": "x", "scope": "team"]).expect(201).string("brand_id") == two.brand)
    }

    @Test func whatHeDoesNotKnowOfAColleagueStays() async throws {
        let two = try await Two(), shop = two.shop
        let boss = try await two.person("boss", "admin", brands: [two.brand], inboxes: [])
        let both = try await two.person("bea", "agent", brands: [two.brand, two.other], inboxes: [shop.inbox, two.far])
        let seen = try await shop.call(.get, "/agents/" + both.path, as: boss).expect(200)
        #expect(seen["brands"] == [.string(two.brand)] && seen["inboxes"] == [.string(shop.inbox)])
        try await shop.call(.patch, "/agents/" + both.path, as: boss, ["capacity": 1]).expect(403)   // it would hold for the other brand too
        try await shop.call(.patch, "/agents/" + both.path, as: boss, ["inboxes": []]).expect(200)
        #expect(try await shop.call(.get, "/agents/" + both.path, as: shop.owner).expect(200)["inboxes"] == [.string(two.far)])
        try await shop.call(.patch, "/agents/" + both.path, as: boss, ["brands": []]).expect(200)
        let left = try await shop.call(.get, "/agents/" + both.path, as: shop.owner).expect(200)
        #expect(left["brands"] == [.string(two.other)] && left["inboxes"] == [.string(two.far)])
        try await shop.call(.get, "/agents/" + both.path, as: boss).expect(404)
    }

    @Test func theStreamTellsNothingOfAnotherBrand() async throws {
        let two = try await Two(), shop = two.shop
        let chief = try await two.person("chief", "supervisor", brands: [two.brand], inboxes: []), theirs = try await two.person("zoe", "agent", brands: [two.other], inboxes: [two.far])
        let start = try await shop.call(.get, "/me", as: chief).expect(200).int("position") ?? 0
        let visitor = try await shop.visitor(["inbox": "zephyr"])
        try await shop.app.call(.post, Shop.widget + "/conversations", as: visitor.user, json: ["inbox": "zephyr", "txn_id": "t", "content": ["msgtype": "m.text", "body": "mistral"]]).expect(200)
        try await shop.call(.patch, "/agents/" + theirs.path, as: shop.owner, ["capacity": 2]).expect(200)
        await shop.desk.live.settled()
        try await shop.customer("FIN")
        func told(_ user: TestUser) async throws -> String {
            let events = try await shop.events(as: user, since: start) { $0.contains { $0.data.string("item.message.body") == "FIN" } }
            return events.map { String(decoding: $0.data.encoded(), as: UTF8.self) }.joined(separator: "\n")
        }
        let all = try await told(shop.owner), some = try await told(chief)
        for word in ["mistral", theirs.id.rawValue, visitor.contact, two.far] {
            #expect(all.contains(word), "the owner is told of \(word)")
            #expect(!some.contains(word), "somebody of another brand is told of \(word)")
        }
    }

    /// Out of the conversation means out of its room too, whatever takes the sight away; the customer is given to somebody else.
    @Test(arguments: ["inboxes", "brands", "members", "role", "active", "permissions"]) func whoLosesSightLeavesTheRoom(how: String) async throws {
        let two = try await Two(), shop = two.shop
        let role = try await shop.call(.post, "/roles", as: shop.owner, ["name": "All", "permissions": ["conversations.all", "conversations.write"]]).expect(201).string("id") ?? ""
        let isMember = !["role", "permissions"].contains(how)
        let anna = try await shop.agent("anna", role: "agent", inboxes: isMember ? [shop.inbox] : [])
        if !isMember { try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["role": .string(role)]).expect(200) }
        let (_, id, room) = try await shop.customer()
        try await shop.call(.post, "/conversations/\(id)/take", as: anna, ["force": true]).expect(200)
        _ = try await shop.roomBodies(room, as: anna)
        switch how {
        case "inboxes": try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["inboxes": []]).expect(200)
        case "brands": try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["brands": [.string(two.other)]]).expect(200)
        case "members": try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["members": []]).expect(200)
        case "role": try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["role": "agent"]).expect(200)
        case "active": try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["active": false]).expect(200)
        default: try await shop.call(.patch, "/roles/" + role, as: shop.owner, ["permissions": ["conversations.write"]]).expect(200)
        }
        #expect(try await shop.conversation(id).at("assignee")?.isNull == true)
        #expect(try await shop.app.context.db.read { try shop.app.context.ports.timelines.membership($0, room: RoomID(trusted: room), user: anna.id) } == "leave")
    }
}
