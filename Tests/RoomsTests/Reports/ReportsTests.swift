import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct ReportsTests {
    private static let admin = TestUser(open: "admin"), path = "/_synapse/admin/v1/event_reports"
    private func list(_ house: House, _ query: String = "") async throws -> JSON { try await house.app.call(.get, Self.path + query, as: Self.admin).expect(200) }

    @Test(arguments: TestBackend.available) func administratorsReadWhatWasReported(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.create(["preset": "public_chat", "name": "Shop"])
        try await room.join(house.bob)
        let id = try await room.say("rude words")
        try await room.call(.post, "/report/\(Percent.encode(id.rawValue))", as: house.bob, ["reason": "rude", "score": -100]).expect(200)
        try await room.call(.post, "/report", as: house.carol, ["reason": "spam"]).expect(200)
        try await house.call(.post, "/users/\(house.alice.path)/report", as: house.bob, [:]).expect(200)
        try await room.call(.put, "/redact/\(Percent.encode(id.rawValue))/1", [:]).expect(200)

        let all = try await list(house)
        #expect(all["total"] == 3)
        #expect((all["event_reports"]?.arrayValue ?? []).map { $0["kind"] } == ["user", "room", "event"])
        let report = all["event_reports"]?[2]
        for (key, value) in [("event_id", JSON(id)), ("room_id", JSON(room.id)), ("name", "Shop"), ("reason", "rude"), ("score", -100), ("user_id", JSON(house.bob.id)),
                             ("sender", JSON(house.alice.id))] as [(String, JSON)] { #expect(report?[key] == value, "\(key)") }
        let number = try #require(report?["id"]?.intValue)
        let whole = try await list(house, "/\(number)")
        #expect(whole["event_json"]?["content"]?["body"] == "rude words")   // though it was redacted
        #expect(try await list(house, "?user_id=\(Percent.encode(house.carol.id.rawValue))")["total"] == 1)
        let first = try await list(house, "?dir=f&limit=2")
        #expect(first["event_reports"]?[0]?["kind"] == "event")
        #expect(first["next_token"] == 2)
        #expect(try await list(house, "?dir=f&from=2")["next_token"] == nil)
        try await house.app.call(.delete, "\(Self.path)/\(number)", as: Self.admin).expect(200)
        try await house.app.call(.get, "\(Self.path)/\(number)", as: Self.admin).expect(404, "M_NOT_FOUND")
    }

    @Test func whatOneCannotSeeCannotBeReported() async throws {
        let house = try await House()
        let room = try await house.create()
        let id = try await room.say("secret")
        try await room.call(.post, "/report/\(Percent.encode(id.rawValue))", as: house.bob, [:]).expect(404, "M_NOT_FOUND")
        try await room.call(.post, "/report/%24none", [:]).expect(404, "M_NOT_FOUND")
        try await room.call(.post, "/report/\(Percent.encode(id.rawValue))", ["reason": 1]).expect(400, "M_BAD_JSON")
        try await room.call(.post, "/report/\(Percent.encode(id.rawValue))", ["score": "x"]).expect(400, "M_BAD_JSON")
        // Only members may: who has left sees what was said while he was there, and that is all.
        let open = try await house.create(["preset": "public_chat"])
        try await open.join(house.bob)
        let seen = try await open.say("seen")
        try await open.call(.post, "/leave", as: house.bob, [:]).expect(200)
        try await open.call(.get, "/event/\(Percent.encode(seen.rawValue))", as: house.bob).expect(200)
        try await open.call(.post, "/report/\(Percent.encode(seen.rawValue))", as: house.bob, [:]).expect(404, "M_NOT_FOUND")
        try await house.call(.post, "/rooms/!none/report", [:]).expect(404, "M_NOT_FOUND")
        for path in [Self.path, Self.path + "/1"] { try await house.app.call(.get, path, as: house.alice).expect(403, "M_FORBIDDEN") }
        try await house.app.call(.get, Self.path + "/x", as: Self.admin).expect(400, "M_INVALID_PARAM")
        try await house.app.call(.get, Self.path + "?dir=x", as: Self.admin).expect(400, "M_INVALID_PARAM")
    }
}
