import MatrixCore
import ServerKit
import TestKit
import Testing

struct IgnoredTests {
    private func ignore(_ town: Town) async throws {
        let list: JSON = ["ignored_users": .object([town.ben.id.rawValue: [:], town.ann.id.rawValue: [:]])]
        try await town.call(.put, "/user/\(town.ann.path)/account_data/m.ignored_user_list", as: town.ann, list).expect(200)
    }

    @Test func messagesAreLeftOutAndStateIsNot() async throws {
        let town = try await Town()
        let room = try await town.room(of: town.ann, with: town.ben, town.cleo)
        let before = try await town.sync(town.ann)
        try await ignore(town)
        for user in [town.ann, town.ben, town.cleo] { try await town.say(user.id.localpart, room.path, as: user) }
        try await town.call(.put, "/profile/\(town.ben.path)/displayname", as: town.ben, ["displayname": "Benjamin"]).expect(200)

        let after = try await town.sync(town.ann, since: before)
        let timeline = after["rooms"]?["join"]?[room.id]?["timeline"]?["events"]
        #expect(Town.bodies(timeline) == ["ann", "cleo"], "he hears himself even if he ignores himself")
        #expect(timeline?.arrayValue?.contains { $0["content"]?["displayname"] == "Benjamin" } == true)
        #expect(Town.bodies(try await town.call(.get, room.path + "/messages?dir=b", as: town.ann).expect(200)["chunk"]) == ["cleo", "ann"])
        #expect(Town.bodies(try await town.call(.get, "/events?from=\(before["next_batch"]?.stringValue ?? "")", as: town.ann).expect(200)["chunk"]) == ["ann", "cleo"])

        // A message of his alone is no news.
        try await town.say("again", room.path, as: town.ben)
        #expect(try await town.sync(town.ann, since: after)["rooms"]?["join"]?[room.id] == nil)
        // Others hear him.
        #expect(Town.bodies(try await town.call(.get, room.path + "/messages?dir=b", as: town.cleo).expect(200)["chunk"]).contains("again"))
    }

    @Test func invitesAreLeftOut() async throws {
        let town = try await Town()
        try await ignore(town)
        let his = try await town.room(of: town.ben), hers = try await town.room(of: town.cleo)
        for (room, user) in [(his, town.ben), (hers, town.cleo)] { try await town.call(.post, room.path + "/invite", as: user, ["user_id": JSON(town.ann.id)]).expect(200) }
        #expect(try await town.sync(town.ann)["rooms"]?["invite"]?.objectValue?.keys.map { $0 } == [hers.id])
    }
}
