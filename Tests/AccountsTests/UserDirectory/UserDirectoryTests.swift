@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct UserDirectoryTests {
    let room = RoomID(trusted: "!room:test")

    private func search(_ world: World, _ user: TestUser, _ term: String, limit: Int? = nil) async throws -> (found: [String], limited: Bool) {
        var body: JSONObject = ["search_term": .string(term)]
        if let limit { body["limit"] = .int(Int64(limit)) }
        let answer = try await world.app.call(.post, v3 + "/user_directory/search", as: user, json: .object(body)).expect(200)
        return (answer["results"]?.arrayValue?.compactMap { $0["user_id"]?.stringValue } ?? [], answer["limited"]?.boolValue ?? false)
    }
    private func name(_ world: World, _ user: TestUser, _ name: String) async throws {
        try await world.app.call(.put, v3 + "/profile/\(user.path)/displayname", as: user, json: ["displayname": .string(name)]).expect(200)
    }

    @Test func findsWhoSharesARoomOnlyWhileItIsShared() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        try await name(world, bob, "Bobby Tables")
        #expect(try await search(world, alice, "bobby").found == [])
        for user in [alice, bob] { try await world.join(user, room) }
        #expect(try await search(world, alice, "BOBBY").found == ["@bob:test"])
        #expect(try await search(world, alice, "tables bob").found == ["@bob:test"])
        #expect(try await search(world, alice, "@bob:test").found == ["@bob:test"])
        #expect(try await search(world, alice, "alice").found == [])   // oneself, in a private room
        try await name(world, bob, "Robert")
        #expect(try await search(world, alice, "bobby").found == [])
        #expect(try await search(world, alice, "robert").found == ["@bob:test"])
        try await world.leave(bob, room)
        #expect(try await search(world, alice, "robert").found == [])
    }

    @Test(arguments: [("m.room.join_rules", "join_rule", "public", "invite"), ("m.room.history_visibility", "history_visibility", "world_readable", "shared")])
    func findsWhoIsInAPublicRoom(_ type: String, _ field: String, _ open: String, _ closed: String) async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        try await world.join(bob, room)
        #expect(try await search(world, alice, "bob").found == [])
        try await world.state(room, type, by: bob, .object([field: .string(open)]))
        #expect(try await search(world, alice, "bob").found == ["@bob:test"])
        #expect(try await search(world, bob, "bob").found == ["@bob:test"])
        try await world.state(room, type, by: bob, .object([field: .string(closed)]))
        #expect(try await search(world, alice, "bob").found == [])
    }

    @Test func ignoresCaseAndAccentsAndOrdersByFit() async throws {
        let world = try await World()
        let seeker = try await world.app.register("seeker")
        try await world.join(seeker, room)
        for (id, display) in [("u1", "Bénézoé"), ("u2", "Zoé Dupont"), ("u3", "ZOÉ"), ("u4", "Anna Zoë"), ("u5", "Max")] {
            let user = try await world.app.register(id)
            try await name(world, user, display)
            try await world.join(user, room)
        }
        #expect(try await search(world, seeker, "zoe").found == ["@u3:test", "@u2:test", "@u4:test", "@u1:test"])
        let limited = try await search(world, seeker, "Zoé", limit: 2)
        #expect(limited.found == ["@u3:test", "@u2:test"] && limited.limited)
        #expect(try await search(world, seeker, "100%").found == [])
        #expect(try await search(world, seeker, "_").found == [])
        #expect(try await search(world, seeker, "  ").found == [])
    }

    @Test func refusesBadInputGuestsAndVisitors() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), path = v3 + "/user_directory/search"
        try await world.app.call(.post, path, as: alice, json: [:]).expect(400, "M_MISSING_PARAM")
        try await world.app.call(.post, path, as: alice, json: ["search_term": 5]).expect(400, "M_BAD_JSON")
        try await world.app.call(.post, path, as: alice, json: ["search_term": "x", "limit": "5"]).expect(400, "M_BAD_JSON")
        try await world.app.call(.post, path, as: alice, json: ["search_term": "x", "limit": 0]).expect(400, "M_INVALID_PARAM")
        try await world.app.call(.post, path, json: ["search_term": "x"]).expect(401, "M_MISSING_TOKEN")
        let accounts = world.accounts, c = world.c
        let token = try await c.db.write { tx in
            let user = try accounts.create(c, tx, NewAccount(localpart: "visitor", kind: .visitor), passwordHash: nil)
            return try accounts.createSession(c, tx, user: user, deviceName: nil).token
        }
        try await world.app.call(.post, path, token: token, json: ["search_term": "x"]).expect(403, "M_FORBIDDEN")
    }
}

@Suite struct TextFoldingTests {
    @Test(arguments: [
        ("ZOÉ", "zoe"), ("e\u{301}", "e"), ("Straße", "strasse"), ("Łódź", "lodz"), ("Ærø", "aero"), ("Nguyễn Thế", "nguyen the"), ("Œuvre", "oeuvre"), ("Żółć", "zolc"),
        ("ΆΝΝΑ", "αννα"), ("İzmir", "izmir"), ("日本", "日本"), ("Ёлка", "елка"), ("çà et là", "ca et la"), ("ñandú", "nandu"), ("Škoda ů", "skoda u"),
    ])
    func folds(_ text: String, _ folded: String) { #expect(TextFolding.fold(text) == folded) }
}
