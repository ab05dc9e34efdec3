import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct AgentsTests {
    @Test func anAgentIsMadeWithHisAccount() async throws {
        let shop = try await Shop()
        let made = try await shop.call(.post, "/agents", as: shop.owner, ["username": "lea", "password": "lampe-aube-8", "name": "Léa Roux", "public_name": "Léa", "role": "supervisor",
                                                                          "languages": ["fr"], "capacity": 3, "inboxes": [.string(shop.inbox)], "email": "lea@example.org"]).expect(201)
        #expect(made.string("id") == "@lea:test" && made.string("availability") == "offline" && made.int("load") == 0)
        let login = try await shop.app.call(.post, "/_matrix/client/v3/login", json: ["type": "m.login.password", "identifier": ["type": "m.id.user", "user": "lea"], "password": "lampe-aube-8"]).expect(200)
        let me = try await shop.call(.get, "/me", as: try TestUser(login, password: "")).expect(200)
        #expect(me.at("agent") == made && me["inboxes"]?.arrayValue?.count == 1 && me["permissions"]?.arrayValue?.contains("conversations.assign") == true)
        #expect(await shop.call(.post, "/agents", as: shop.owner, ["username": "lea", "password": "lampe-aube-8", "name": "Léa"]).status == 400)
        #expect(await shop.call(.post, "/agents", as: shop.owner, ["user_id": "@lea:test", "name": "Léa"])["code"] == "conflict")
        #expect(await shop.call(.post, "/agents", as: shop.owner, ["user_id": "@lea:elsewhere", "name": "Léa"])["errors"]?[0]?["field"] == "user_id")
        #expect(await shop.call(.post, "/agents", as: shop.owner, ["user_id": "@nobody:test", "name": "Nobody"])["code"] == "invalid")
    }
    @Test func aVisitorIsNeverMadeAnAgent() async throws {
        let shop = try await Shop(), visitor = try await shop.visitor()
        #expect(await shop.call(.post, "/agents", as: shop.owner, ["user_id": .string(visitor.user.id.rawValue), "name": "Intrus"])["code"] == "invalid")
    }
    @Test func theFirstAdministratorOwnsAnEmptyDesk() async throws {
        let app = try await TestApp([Desk().feature])
        let admin = TestUser(open: "admin"), other = TestUser(open: "other")
        #expect(await app.call(.get, Shop.base + "/me", as: other).status == 403)
        let me = try await app.call(.get, Shop.base + "/me", as: admin).expect(200)
        #expect(me.string("agent.role") == "owner" && me["brands"]?.arrayValue?.count == 1 && me["inboxes"]?[0]?.string("key") == "web")
        #expect(await app.call(.get, Shop.base + "/me", as: other).status == 403)
    }
    @Test func namesAndLanguagesAreOnesOwnToChange() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let changed = try await shop.call(.patch, "/me", as: anna, ["public_name": "Annie", "languages": ["en"]]).expect(200)
        #expect(changed.string("public_name") == "Annie" && changed["languages"] == ["en"] && changed.string("name") == "Anna")
        #expect(await shop.call(.patch, "/me", as: anna, ["public_name": " "]).status == 400)
        #expect(await shop.call(.patch, "/me", as: anna, ["languages": ["french"]]).status == 400)
    }
}
