import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct AccountAdminTests {
    @Test func makesListsAndEndsAccounts() async throws {
        let world = try await World { $0.cheapPasswordHashing = false }
        let id = try await AccountAdmin.create(world.c, localpart: "Alice", password: "correct horse", displayName: "Alice", isAdmin: true)
        #expect(id.rawValue == "@alice:test")
        await #expect(throws: MatrixError.self) { try await AccountAdmin.create(world.c, localpart: "alice", password: "correct horse") }
        await #expect(throws: MatrixError.self) { try await AccountAdmin.create(world.c, localpart: "bob", password: "short") }
        await #expect(throws: MatrixError.self) { try await AccountAdmin.create(world.c, localpart: "b b", password: "correct horse") }
        let alice = try await world.app.login(TestUser(id: id, token: "", device: DeviceID(trusted: "X"), password: "correct horse"))
        let summary = try #require(try await AccountAdmin.list(world.c).first)
        #expect(summary.id == id && summary.isAdmin && summary.displayName == "Alice" && summary.devices == 1 && !summary.isDeactivated && summary.kind == .person)

        try await AccountAdmin.resetPassword(world.c, user: "alice", password: "another horse")
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(401)
        let again = try await world.app.login(TestUser(id: id, token: "", device: DeviceID(trusted: "X"), password: "another horse"))
        try await AccountAdmin.resetPassword(world.c, user: "@alice:test", password: "third horse!", keepSessions: true)
        try await world.app.call(.get, v3 + "/account/whoami", as: again).expect(200)

        try await AccountAdmin.setAdmin(world.c, user: "alice", false)
        #expect(try await AccountAdmin.list(world.c).first?.isAdmin == false)
        try await AccountAdmin.deactivate(world.c, user: "alice")
        try await world.app.call(.get, v3 + "/account/whoami", as: again).expect(401)
        #expect(try await AccountAdmin.list(world.c).first?.isDeactivated == true)
        await #expect(throws: MatrixError.self) { try await AccountAdmin.resetPassword(world.c, user: "alice", password: "fourth horse") }
        await #expect(throws: MatrixError.self) { try await AccountAdmin.setAdmin(world.c, user: "nobody", true) }
    }

    @Test func anAdministratorMayEditProfilesAndAskWhois() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), admin = try await world.app.register("root")
        try await world.app.call(.get, v3 + "/account/whoami", as: admin).expect(200)
        try await AccountAdmin.setAdmin(world.c, user: "root", true)
        try await world.app.call(.put, v3 + "/profile/\(alice.path)/displayname", as: admin, json: ["displayname": "Alicia"]).expect(200)
        #expect(await world.app.call(.get, v3 + "/profile/" + alice.path)["displayname"] == "Alicia")
        try await world.app.call(.get, v3 + "/admin/whois/" + alice.path, as: admin).expect(200)
        try await world.app.call(.get, v3 + "/admin/whois/%40nobody%3Atest", as: admin).expect(404)
    }
}
