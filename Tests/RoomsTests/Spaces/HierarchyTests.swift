import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct HierarchyTests {
    private let house: House
    init() async throws { house = try await House() }

    private func space(_ name: String, as user: TestUser? = nil, _ more: JSONObject = [:]) async throws -> Room {
        try await house.create(as: user, .object((["name": .string(name), "preset": "public_chat", "creation_content": ["type": "m.space"]] as JSONObject).merging(more)))
    }
    private func room(_ name: String, as user: TestUser? = nil, _ more: JSONObject = ["preset": "public_chat"]) async throws -> Room {
        try await house.create(as: user, .object((["name": .string(name)] as JSONObject).merging(more)))
    }
    private func put(_ child: Room, in space: Room, order: String? = nil, suggested: Bool = false) async throws {
        house.app.clock.advance(1)
        var content: JSONObject = ["via": ["test"], "suggested": .bool(suggested)]
        content["order"] = order.map(JSON.string)
        try await space.set("m.space.child", child.id.rawValue, .object(content))
    }
    private func page(_ space: Room, _ query: String = "", as user: TestUser? = nil) async throws -> JSON {
        try await house.app.call(.get, "/_matrix/client/v1\(space.path)/hierarchy\(query)", as: user ?? house.alice).expect(200)
    }
    private func names(_ page: JSON) -> [String] { (page["rooms"]?.arrayValue ?? []).map { $0["name"]?.stringValue ?? "" } }

    @Test func depthFirstByOrderThenTimeThenId() async throws {
        let root = try await space("root"), sub = try await space("sub")
        let a = try await room("a"), b = try await room("b"), c = try await room("c"), d = try await room("d"), e = try await room("e")
        try await put(a, in: root)
        try await put(b, in: root)
        try await put(sub, in: root, order: "1")
        try await put(c, in: root, order: "0")
        try await put(d, in: sub)
        try await put(e, in: root, order: "not\u{e9}")   // not a valid order: counts as none
        try await put(root, in: sub)                       // a circle
        let page = try await page(root)
        #expect(names(page) == ["root", "c", "sub", "d", "a", "b", "e"])
        #expect(page["next_batch"] == nil)
        let first = page["rooms"]?[0]
        #expect(first?["room_type"] == "m.space")
        #expect(first?["children_state"]?.arrayValue?.count == 5)
        #expect(first?["children_state"]?[0]?["state_key"] == JSON(c.id))
        #expect(first?["children_state"]?[0]?["origin_server_ts"]?.intValue != nil)
        #expect(first?["room_version"] == "12")
    }

    @Test func pagesFollowEachOther() async throws {
        let root = try await space("root")
        for n in 0..<7 { try await put(try await room("r\(n)"), in: root) }
        var found: [String] = [], from = ""
        for _ in 0..<10 {
            let page = try await page(root, "?limit=3" + from)
            found += names(page)
            guard let token = page["next_batch"]?.stringValue else { break }
            from = "&from=" + token
        }
        #expect(found == ["root"] + (0..<7).map { "r\($0)" })
        let token = try #require(try await page(root, "?limit=3")["next_batch"]?.stringValue)
        for query in ["?suggested_only=true&from=\(token)", "?max_depth=1&from=\(token)", "?from=nonsense", "?from=h0_0_1000", "?limit=0", "?max_depth=-1"] {
            try await house.app.call(.get, "/_matrix/client/v1\(root.path)/hierarchy\(query)", as: house.alice).expect(400, "M_INVALID_PARAM")
        }
    }

    @Test func depthAndSuggestionLimitTheWalk() async throws {
        let root = try await space("root"), sub = try await space("sub"), deep = try await room("deep"), shy = try await room("shy")
        try await put(sub, in: root, suggested: true)
        try await put(deep, in: sub, suggested: true)
        try await put(shy, in: root)
        #expect(names(try await page(root, "?max_depth=0")) == ["root"])
        #expect(names(try await page(root, "?max_depth=1")) == ["root", "sub", "shy"])
        #expect(names(try await page(root, "?suggested_only=true")) == ["root", "sub", "deep"])
        #expect(try await page(root, "?suggested_only=true")["rooms"]?[0]?["children_state"]?.arrayValue?.count == 1)
        try await root.set("m.space.child", sub.id.rawValue, [:])   // removed
        #expect(names(try await page(root)) == ["root", "shy"])
    }

    @Test func onlyRoomsThatOneMayKnowOfAreShown() async throws {
        let root = try await space("root"), club = try await room("club")
        let closed = try await room("closed", [:]), knock = try await room("knock", [:]), world = try await room("world", [:]), restricted = try await room("restricted", [:])
        try await knock.set("m.room.join_rules", ["join_rule": "knock"])
        try await world.set("m.room.history_visibility", ["history_visibility": "world_readable"])
        try await restricted.set("m.room.join_rules", ["join_rule": "restricted", "allow": [["type": "m.room_membership", "room_id": JSON(club.id)]]])
        for child in [closed, knock, world, restricted] { try await put(child, in: root) }
        #expect(names(try await page(root)) == ["root", "closed", "knock", "world", "restricted"])
        #expect(names(try await page(root, as: house.bob)) == ["root", "knock", "world"])
        try await club.join(house.bob)
        let page = try await page(root, as: house.bob)
        #expect(names(page) == ["root", "knock", "world", "restricted"])
        #expect(page["rooms"]?[3]?["allowed_room_ids"] == [JSON(club.id)])
        try await closed.call(.post, "/invite", ["user_id": JSON(house.bob.id)]).expect(200)
        #expect(names(try await self.page(root, as: house.bob)).contains("closed"))
        try await house.app.call(.get, "/_matrix/client/v1\(closed.path)/hierarchy", as: house.carol).expect(403, "M_FORBIDDEN")
        try await house.app.call(.get, "/_matrix/client/v1/rooms/!none/hierarchy", as: house.carol).expect(403, "M_FORBIDDEN")
    }

    // MARK: the summary of one room

    private func summary(_ name: String, as user: TestUser? = nil, at path: String = "v1/room_summary/{}") async -> TestResponse {
        await house.app.call(.get, "/_matrix/client/" + path.split(separator: "{}", omittingEmptySubsequences: false).joined(separator: Percent.encode(name)), as: user)
    }

    @Test func theSummaryOfAPublicRoomIsForEverybody() async throws {
        let open = try await room("open", ["preset": "public_chat", "room_alias_name": "open", "topic": "tea", "room_version": "11"])
        try await open.join(house.bob)
        for path in ["v1/room_summary/{}", "unstable/im.nheko.summary/summary/{}", "unstable/im.nheko.summary/rooms/{}/summary"] {
            let found = try await summary("#open:test", at: path).expect(200)
            #expect(found["room_id"] == JSON(open.id))
            #expect(found["num_joined_members"] == 2)
            #expect(found["topic"] == "tea")
            #expect(found["join_rule"] == "public")
            #expect(found["room_version"] == "11")
            #expect(found["membership"] == nil)
        }
        #expect(try await summary(open.id.rawValue, as: house.bob).expect(200)["membership"] == "join")
        #expect(try await summary(open.id.rawValue, as: house.carol).expect(200)["membership"] == "leave")
    }

    @Test func aClosedRoomLooksLikeNone() async throws {
        let closed = try await room("closed", [:])
        for name in [closed.id.rawValue, "!none:test", "#none:test"] {
            try await summary(name).expect(404, "M_NOT_FOUND")
            try await summary(name, as: house.bob).expect(404, "M_NOT_FOUND")
        }
        try await summary("none").expect(400, "M_INVALID_PARAM")
        try await closed.set("m.room.encryption", ["algorithm": "m.megolm.v1.aes-sha2"])
        #expect(try await summary(closed.id.rawValue, as: house.alice).expect(200)["encryption"] == "m.megolm.v1.aes-sha2")
        try await closed.call(.post, "/ban", ["user_id": JSON(house.bob.id)]).expect(200)
        try await closed.set("m.room.join_rules", ["join_rule": "knock"])
        try await summary(closed.id.rawValue).expect(200)
        try await summary(closed.id.rawValue, as: house.bob).expect(404)   // banned
    }
}
