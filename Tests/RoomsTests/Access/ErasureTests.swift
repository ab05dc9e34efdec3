import MatrixCore
import ServerKit
import TestKit
import Testing

struct ErasureTests {
    /// Ben was there when it was written; Cleo came later.
    @Test func whoComesLaterSeesNothingOfAnErasedUser() async throws {
        let town = try await Town()
        let room = try await town.room(of: town.ann, with: town.ben)
        let id = try await town.say("my secret", room.path, as: town.ann)
        try await town.call(.post, room.path + "/join", as: town.cleo, [:]).expect(200)
        let event = room.path + "/event/" + Percent.encode(id)
        #expect(try await town.call(.get, event, as: town.cleo).expect(200)["content"]?["body"] == "my secret")

        let proof: JSON = ["type": "m.login.password", "identifier": ["type": "m.id.user", "user": JSON(town.ann.id)], "password": .string(town.ann.password)]
        try await town.call(.post, "/account/deactivate", as: town.ann, ["erase": true, "auth": proof]).expect(200)
        #expect(try await town.call(.get, event, as: town.ben).expect(200)["content"]?["body"] == "my secret")
        #expect(try await town.call(.get, event, as: town.cleo).expect(200)["content"] == [:])
        func bodies(_ user: TestUser) async throws -> [String] {
            Town.bodies(try await town.call(.get, room.path + "/messages?dir=b&limit=50", as: user).expect(200)["chunk"])
                + Town.bodies(try await town.sync(user)["rooms"]?["join"]?[room.id]?["timeline"]?["events"])
        }
        #expect(try await bodies(town.ben) == ["my secret", "my secret"])
        #expect(try await bodies(town.cleo).isEmpty)
    }
}
