import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

extension Shop {
    /// Makes a token and gives who acts by it.
    func token(_ scopes: [String], as user: TestUser? = nil, days: Int64? = nil) async throws -> (user: TestUser, id: String) {
        let made = try await call(.post, "/tokens", as: user ?? owner, ["name": "Robot", "scopes": JSON(scopes), "expires_in_days": days.map { .int($0) } ?? .null]).expect(201)
        return (try TestUser(["user_id": made["agent"] ?? "", "access_token": made["token"] ?? "", "device_id": "D"], password: ""), made.string("id") ?? "")
    }
}

@Suite struct TokensTests {
    @Test func aTokenIsToldOnceAndKeptAsAHash() async throws {
        let shop = try await Shop(), (robot, id) = try await shop.token(["conversations.read"])
        #expect(robot.token.hasPrefix("ckt_") && robot.token.count == 47)
        let listed = try await shop.call(.get, "/tokens", as: shop.owner).expect(200)
        #expect(listed["items"]?[0]?.string("id") == id && !String(decoding: listed.encoded(), as: UTF8.self).contains(robot.token))
        let stored = try await shop.app.context.db.read { try $0.all("SELECT hash FROM desk_token") { $0.text(0) } }
        #expect(stored == [Tokens.hash(robot.token)] && !stored[0].contains(robot.token))
        #expect(try await shop.call(.get, "/me", as: robot).expect(200)["permissions"] == ["agents.read", "contacts.read", "conversations.read", "desk.use", "settings.read"])
        #expect(try await shop.call(.get, "/tokens", as: shop.owner).expect(200)["items"]?[0]?.int("last_used_at") == shop.app.clock.now)
        #expect(await shop.call(.get, "/me", as: TestUser(open: "ckt_" + String(repeating: "a", count: 43)))["code"] == "unauthorized")
    }
    @Test func itMayWhatItsScopesAndItsMakerMay() async throws {
        let shop = try await Shop(), admin = try await shop.agent("boss", role: "admin", online: false)
        let (robot, _) = try await shop.token(["conversations.all", "conversations.write", "settings.manage"], as: admin)
        let (_, id, _) = try await shop.customer()
        _ = try await shop.conversation(id, as: robot)
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: robot, ["name": "Site"]).expect(200)
        try await shop.call(.get, "/audit", as: robot).expect(403)
        try await shop.call(.post, "/tokens", as: robot, ["name": "x", "scopes": ["desk.use"]]).expect(403)
        try await shop.call(.patch, "/agents/" + admin.path, as: shop.owner, ["role": "supervisor"]).expect(200)
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: robot, ["name": "Mine"]).expect(403)
        try await shop.call(.patch, "/agents/" + admin.path, as: shop.owner, ["role": "agent", "inboxes": []]).expect(200)
        try await shop.call(.get, "/conversations/" + id, as: robot).expect(404)
        try await shop.call(.patch, "/agents/" + admin.path, as: shop.owner, ["active": false]).expect(200)
        try await shop.call(.get, "/me", as: robot).expect(401)
    }
    @Test func itMayNotMoreThanItsMaker() async throws {
        let shop = try await Shop()
        let role = try await shop.call(.post, "/roles", as: shop.owner, ["name": "Maker", "permissions": ["tokens.manage", "conversations.write"]]).expect(201).string("id") ?? ""
        let maker = try await shop.agent("maker", online: false)
        try await shop.call(.patch, "/agents/" + maker.path, as: shop.owner, ["role": .string(role)]).expect(200)
        try await shop.call(.post, "/tokens", as: maker, ["name": "x", "scopes": ["settings.manage"]]).expect(403)
        #expect(await shop.call(.post, "/tokens", as: maker, ["name": "x", "scopes": ["tokens.manage"]])["errors"]?[0]?["field"] == "scopes")
        let (robot, id) = try await shop.token(["conversations.write"], as: maker)
        let (_, foreign) = try await shop.token(["settings.manage"])
        try await shop.call(.delete, "/tokens/" + foreign, as: maker).expect(404)
        #expect(try await shop.call(.get, "/tokens", as: maker).expect(200)["items"]?.arrayValue?.map { $0.string("id") } == [id])
        try await shop.call(.delete, "/tokens/" + id, as: maker).expect(204)
        try await shop.call(.get, "/me", as: robot).expect(401)
    }
    @Test func itEndsWithItsTime() async throws {
        let shop = try await Shop(), (robot, _) = try await shop.token(["conversations.read"], days: 2)
        shop.app.clock.advance(2 * 86_400_000 - 1)
        try await shop.call(.get, "/me", as: robot).expect(200)
        shop.app.clock.advance(1)
        try await shop.call(.get, "/me", as: robot).expect(401)
        #expect(try await shop.call(.get, "/tokens", as: shop.owner).expect(200)["items"]?[0]?["active"] == false)
    }
    /// It answers under its own name, and the customer still waits for a person.
    @Test func itWritesAsItselfAndTakesNothing() async throws {
        let shop = try await Shop(), (robot, id) = try await shop.token(["conversations.all", "conversations.assign"])
        let (visitor, conversation, room) = try await shop.customer()
        let item = try await shop.say("Automatique", in: conversation, as: robot)
        #expect(item.string("author.name") == "Robot" && item.string("author.id") == robot.id.rawValue)
        #expect(try await shop.roomBodies(room, as: visitor.user).contains("Automatique"))
        #expect(try await shop.conversation(conversation).at("assignee")?.isNull == true)
        #expect(await shop.call(.post, "/conversations/\(conversation)/take", as: robot, [:])["code"] == "conflict")
        #expect(await shop.call(.post, "/conversations/\(conversation)/assign", as: shop.owner, ["agent": .string(robot.id.rawValue)])["code"] == "invalid")
        let agents = try await shop.call(.get, "/agents", as: shop.owner).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } ?? []
        #expect(!agents.contains(robot.id.rawValue))
        try await shop.call(.delete, "/tokens/" + id, as: shop.owner).expect(204)
        #expect(try await shop.app.context.db.read { try shop.app.context.ports.timelines.membership($0, room: RoomID(trusted: room), user: robot.id) } == "leave")
    }
    /// An open stream of a token that is revoked ends.
    @Test func itsStreamEndsWithIt() async throws {
        let shop = try await Shop(), (robot, id) = try await shop.token(["conversations.all"])
        let stream = try await shop.stream(as: robot)
        let ended = Task { for await _ in stream {} }
        while !shop.desk.live.hasStream(robot.id.rawValue) { try await Task.sleep(for: .milliseconds(1)) }
        try await shop.call(.delete, "/tokens/" + id, as: shop.owner).expect(204)
        await ended.value
    }
}
