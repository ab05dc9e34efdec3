import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

/// What rooms of each version are here, whichever way they came to be.
struct RoomVersionTests {
    @Test(arguments: RoomVersion.supported.map(\.id))
    func aRoomOfEachVersionLives(version: String) async throws {
        let house = try await House()
        let room = try await house.open(version: version)
        try await room.join(house.bob)
        let id = try await room.say("hello", as: house.bob)
        #expect(id.rawValue.dropFirst().contains("/") || !id.rawValue.dropFirst().contains("+") || version == "3")   // only version 3 has ids in the standard alphabet
        try await room.call(.put, "/redact/\(Percent.encode(id.rawValue))/r", ["reason": "x"]).expect(200)
        let event = try await room.event(id)
        #expect(event["content"] == [:])
        #expect(event["unsigned"]?["redacted_because"]?["content"]?["reason"] == "x")
        try await room.call(.post, "/invite", ["user_id": JSON(house.carol.id)]).expect(200)
        #expect(try await room.state("m.room.create")["room_version"] == .string(version))
        #expect(room.id.rawValue.contains(":") == (version != "12"))
    }

    @Test func versionsOneAndTwoAreRefused() async throws {
        let house = try await House()
        for version in ["1", "2"] { try await house.call(.post, "/createRoom", ["room_version": .string(version)]).expect(400, "M_UNSUPPORTED_ROOM_VERSION") }
    }

    /// Knocking came with 7, restricted joins with 8, both in one with 10.
    @Test(arguments: [("knock", 7), ("restricted", 8), ("knock_restricted", 10)])
    func joinRulesCameOneByOne(rule: String, first: Int) async throws {
        let house = try await House()
        let club = try await house.create(["preset": "public_chat"])
        try await club.join(house.bob)
        for version in RoomVersion.supported.map(\.id) {
            let room = try await house.create(["room_version": .string(version)])
            try await room.set("m.room.join_rules", ["join_rule": .string(rule), "allow": [["type": "m.room_membership", "room_id": JSON(club.id)]]])
            let isKnown = (Int(version) ?? 0) >= first
            if rule != "knock" { #expect(await room.call(.post, "/join", as: house.bob, [:]).status == (isKnown ? 200 : 403), "join, version \(version)") }
            if rule != "restricted" {
                #expect(await house.call(.post, "/knock/\(Percent.encode(room.id.rawValue))", as: house.carol, [:]).status == (isKnown ? 200 : 403), "knock, version \(version)")
            }
        }
    }

    /// Text and floats as power levels went away step by step.
    @Test(arguments: [("7" as JSON, 9), (7.5, 5)])
    func powerLevelsBecameIntegers(level: JSON, last: Int) async throws {
        let house = try await House()
        for version in RoomVersion.supported.map(\.id) {
            let room = try await house.create(["room_version": .string(version)])
            var levels = try await room.state("m.room.power_levels").objectValue ?? [:]
            levels["ban"] = level
            let status = await room.call(.put, "/state/m.room.power_levels", .object(levels)).status
            #expect(status == ((Int(version) ?? 0) <= last ? 200 : 400), "version \(version)")
        }
    }
}
