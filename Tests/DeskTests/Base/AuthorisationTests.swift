import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct AuthorisationTests {
    /// Every desk route, every kind of caller. What the table of roles says is what the server does: 401 without a session, 403 without
    /// the permission, and never 401 or 403 with it (owners' own rules apart).
    @Test func everyRouteAsksForItsPermission() async throws {
        let shop = try await Shop()
        let agent = try await shop.agent("plain"), supervisor = try await shop.agent("chief", role: "supervisor"), admin = try await shop.agent("boss", role: "admin")
        let person = try await shop.app.register("person"), visitor = try await shop.visitor()
        let callers: [(Role, TestUser)] = [(.agent, agent), (.supervisor, supervisor), (.admin, admin), (.owner, shop.owner)]
        for route in Desk.routes {
            let path = "/" + route.path.split(separator: "/").map { $0.first == "{" ? "nothing" : String($0) }.joined(separator: "/")
            let name = "\(route.method.rawValue) \(route.path)"
            guard let permission = route.permission else {
                #expect(await shop.call(route.method, path, as: nil).status == 200, "\(name)")
                continue
            }
            let nobody = await shop.call(route.method, path, as: nil), wrong = await shop.app.call(route.method, Shop.base + path, token: "wrong")
            #expect(nobody.status == 401 && nobody["code"] == "unauthorized", "\(name) without a token: \(nobody.status)")
            #expect(wrong.status == 401 && wrong["code"] == "unauthorized", "\(name) with a wrong token: \(wrong.status)")
            for stranger in [person, visitor.user] {
                let answer = await shop.call(route.method, path, as: stranger)
                #expect(answer.status == 403 && answer["code"] == "forbidden", "\(name) for somebody who is no agent: \(answer.status)")
            }
            for (role, user) in callers {
                if route.path == "/me/availability" { continue }   // changes who is there; tested elsewhere
                let answer = await shop.call(route.method, path, as: user, headers: ["Last-Event-ID": ""])
                if role.may(permission) {
                    #expect(answer.status != 401 && answer.status != 403 && answer.status < 500, "\(name) as \(role.rawValue): \(answer.status)")
                } else {
                    #expect(answer.status == 403 && answer["code"] == "forbidden", "\(name) as \(role.rawValue): \(answer.status)")
                }
            }
        }
    }

    @Test func anAgentDoesNotSeeOtherInboxes() async throws {
        let shop = try await Shop()
        let outsider = try await shop.agent("outsider", inboxes: [])
        let (visitor, id, _) = try await shop.customer("privé")
        for (method, path, body) in [(.get, "", nil), (.get, "/timeline", nil), (.post, "/take", [:]), (.post, "/messages", ["key": "k", "body": "x"]), (.post, "/notes", ["key": "k", "body": "x"]),
                                     (.put, "/status", ["status": "resolved"]), (.put, "/tags", ["tags": ["a"]]), (.post, "/read", ["up_to": "1"]), (.post, "/viewing", [:]), (.post, "/typing", [:]),
                                     (.post, "/assign", ["agent": .null])] as [(ServerKit.Method, String, JSON?)] {
            let answer = await shop.call(method, "/conversations/\(id)\(path)", as: outsider, body)
            #expect(answer.status == 404 && answer["code"] == "not_found", "\(path): \(answer.status)")
        }
        #expect(try await shop.list("view=any", as: outsider).isEmpty)
        #expect(try await shop.list("view=any&q=prive", as: outsider).isEmpty)
        #expect(try await shop.call(.get, "/counts", as: outsider).expect(200).int("unassigned") == 0)
        try await shop.call(.get, "/contacts/\(visitor.contact)", as: outsider).expect(404)
        #expect(try await shop.call(.get, "/contacts?q=", as: outsider).expect(200)["items"]?.arrayValue?.isEmpty == true)
        #expect(try await shop.call(.get, "/inboxes", as: outsider).expect(200)["items"]?.arrayValue?.isEmpty == true)
    }

    @Test func ownersAreMadeByOwnersAndOneAlwaysStays() async throws {
        let shop = try await Shop()
        let admin = try await shop.agent("boss", role: "admin"), anna = try await shop.agent("anna")
        try await shop.call(.patch, "/agents/" + anna.path, as: admin, ["role": "owner"]).expect(403)
        try await shop.call(.patch, "/agents/" + shop.owner.path, as: admin, ["role": "agent"]).expect(403)
        try await shop.call(.patch, "/agents/" + shop.owner.path, as: admin, ["active": false]).expect(403)
        #expect(await shop.call(.patch, "/agents/" + shop.owner.path, as: shop.owner, ["role": "admin"])["code"] == "conflict")
        try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["role": "owner"]).expect(200)
        try await shop.call(.patch, "/agents/" + shop.owner.path, as: shop.owner, ["role": "admin"]).expect(200)
        let supervisor = try await shop.agent("chief2", role: "supervisor", inboxes: [])
        try await shop.call(.patch, "/agents/" + anna.path, as: supervisor, ["availability": "away"]).expect(200)
        try await shop.call(.patch, "/agents/" + anna.path, as: supervisor, ["capacity": 1]).expect(403)
    }

    @Test func whoIsSwitchedOffIsOut() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (_, id, _) = try await shop.customer()
        try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["active": false]).expect(200)
        try await shop.call(.get, "/me", as: anna).expect(403)
        #expect(try await shop.conversation(id).at("assignee")?.isNull == true)
    }

    @Test func agentsGiveAwayOnlyWhatIsTheirs() async throws {
        let shop = try await Shop()
        let anna = try await shop.agent("anna"), karim = try await shop.agent("karim"), chief = try await shop.agent("chief", role: "supervisor")
        try await shop.available(karim, "away")
        try await shop.available(chief, "away")
        let (_, id, _) = try await shop.customer()
        #expect(try await shop.conversation(id).string("assignee.id") == anna.id.rawValue)
        try await shop.call(.post, "/conversations/\(id)/assign", as: karim, ["agent": .string(karim.id.rawValue)]).expect(403)
        try await shop.call(.post, "/conversations/\(id)/assign", as: anna, ["agent": .string(karim.id.rawValue)]).expect(200)
        try await shop.call(.post, "/conversations/\(id)/assign", as: chief, ["agent": .string(anna.id.rawValue)]).expect(200)
        try await shop.call(.post, "/conversations/\(id)/assign", as: chief, ["agent": "@nobody:test"]).expect(400)
        let outsider = try await shop.agent("outsider", inboxes: [])
        #expect(await shop.call(.post, "/conversations/\(id)/assign", as: chief, ["agent": .string(outsider.id.rawValue)])["code"] == "invalid")
    }

    @Test func theSecretOfAnInboxIsForAdminsOnly() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        #expect(try await shop.call(.get, "/inboxes/" + shop.inbox, as: anna).expect(200).at("identity_secret")?.isNull == true)
        let old = try await shop.call(.get, "/inboxes/" + shop.inbox, as: shop.owner).expect(200).string("identity_secret")
        let new = try await shop.call(.post, "/inboxes/\(shop.inbox)/identity-secret", as: shop.owner).expect(200).string("identity_secret")
        #expect(old != nil && new != nil && old != new)
    }
}
