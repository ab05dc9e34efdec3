import MatrixCore
@testable import Rooms
import ServerKit
import TestKit
import Testing

struct AccessTests {
    /// Bob is invited, joins and leaves; before, between and after each of these a message is sent. Which does he see?
    @Test(arguments: [
        ("world_readable", [true, true, true, true], [true, true, true, true]),
        ("shared", [true, true, true, false], [true, true, true, true]),
        ("invited", [false, true, true, false], [false, true, true, false]),
        ("joined", [false, false, true, false], [false, false, true, false]),
    ]) func historyIsVisibleAsTheRoomSays(rule: String, whenLeft: [Bool], whenBack: [Bool]) async throws {
        let house = try await House()
        let room = try await house.create(["initial_state": [["type": "m.room.history_visibility", "content": ["history_visibility": .string(rule)]]]])
        var messages = [try await room.say("before")]
        try await room.call(.post, "/invite", ["user_id": JSON(house.bob.id)]).expect(200)
        messages.append(try await room.say("invited"))
        try await room.join(house.bob)
        messages.append(try await room.say("joined"))
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        messages.append(try await room.say("left"))
        func seen() async -> [Bool] {
            var seen: [Bool] = []
            for id in messages { seen.append(await room.call(.get, "/event/\(Percent.encode(id.rawValue))", as: house.bob).status == 200) }
            return seen
        }
        #expect(await seen() == whenLeft)
        try await room.call(.post, "/invite", ["user_id": JSON(house.bob.id)]).expect(200)
        try await room.join(house.bob)
        #expect(await seen() == whenBack)
    }

    @Test func eachEventIsJudgedByItsTime() async throws {
        let house = try await House()
        let room = try await house.open()
        let shared = try await room.say("shared")
        _ = try await room.set("m.room.history_visibility", ["history_visibility": "joined"])
        let hidden = try await room.say("hidden")
        try await room.join(house.bob)
        #expect(await room.call(.get, "/event/\(Percent.encode(shared.rawValue))", as: house.bob).status == 200)
        #expect(await room.call(.get, "/event/\(Percent.encode(hidden.rawValue))", as: house.bob).status == 404)
    }

    @Test func whoWasOnlyInvitedHasNotBeenThere() async throws {
        let house = try await House()
        let room = try await house.create(["invite": [JSON(house.bob.id)]])
        try await room.call(.get, "/state", as: house.bob).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        try await room.call(.get, "/state", as: house.bob).expect(403, "M_FORBIDDEN")
    }
}
