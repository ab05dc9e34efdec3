import Accounts
import MatrixCore
import ServerKit
import TestKit
import Testing

struct ModerationTests {
    private let path = "/_matrix/client/v1/admin/"

    private func world() async throws -> (World, admin: TestUser, bob: TestUser) {
        let world = try await World()
        let admin = try await world.app.register("admin"), bob = try await world.app.register("bob")
        try await AccountAdmin.setAdmin(world.c, user: "admin", true)
        return (world, admin, bob)
    }

    @Test func aLockedUserCanOnlySignOutUntilHeIsUnlocked() async throws {
        let (world, admin, bob) = try await world()
        let app = world.app, whoami = "/_matrix/client/v3/account/whoami"
        let other = try await app.login(bob)
        try await app.call(.get, whoami, as: bob).expect(200)
        #expect(try await app.call(.get, path + "lock/" + bob.path, as: admin).expect(200) == ["locked": false])
        for _ in 0..<2 { #expect(try await app.call(.put, path + "lock/" + bob.path, as: admin, json: ["locked": true]).expect(200) == ["locked": true]) }
        let refused = try await app.call(.get, whoami, as: bob).expect(401)
        #expect(refused["errcode"] == "M_USER_LOCKED" && refused["soft_logout"] == true)
        let login: JSON = ["type": "m.login.password", "identifier": ["type": "m.id.user", "user": "bob"], "password": .string(bob.password)]
        try await app.call(.post, "/_matrix/client/v3/login", json: login).expect(401, "M_USER_LOCKED")
        try await app.call(.post, "/_matrix/client/v3/logout", as: other, json: [:]).expect(200)
        #expect(try await app.call(.get, path + "lock/" + bob.path, as: admin).expect(200) == ["locked": true])
        try await app.call(.put, path + "lock/" + bob.path, as: admin, json: ["locked": false]).expect(200)
        try await app.call(.get, whoami, as: bob).expect(200)
        try await app.call(.get, whoami, as: other).expect(401, "M_UNKNOWN_TOKEN")
    }

    @Test func aSuspendedUserChangesNothingThatOthersSee() async throws {
        let (world, admin, bob) = try await world()
        let app = world.app, name = "/_matrix/client/v3/profile/\(bob.path)/displayname"
        try await app.call(.get, "/_matrix/client/v3/account/whoami", as: bob).expect(200)
        try await app.call(.put, path + "suspend/" + bob.path, as: admin, json: ["suspended": true]).expect(200)
        #expect(try await app.call(.get, path + "suspend/" + bob.path, as: admin).expect(200) == ["suspended": true])
        try await app.call(.put, name, as: bob, json: ["displayname": "x"]).expect(403, "M_USER_SUSPENDED")
        try await app.call(.delete, name, as: bob).expect(403, "M_USER_SUSPENDED")
        try await app.call(.get, "/_matrix/client/v3/account/whoami", as: bob).expect(200)
        _ = try await app.login(bob)
        #expect(try await app.call(.put, "/_synapse/admin/v1/suspend/" + bob.path, as: admin, json: ["suspend": false]).expect(200)["user_@bob:test_suspended"] == false)
        try await app.call(.put, name, as: bob, json: ["displayname": "x"]).expect(200)
    }

    @Test func onlyAdministratorsAndOnlyLocalUsers() async throws {
        let (world, admin, bob) = try await world()
        let app = world.app
        for kind in ["lock", "suspend"] {
            try await app.call(.get, path + kind + "/" + admin.path, as: bob).expect(403, "M_FORBIDDEN")
            try await app.call(.put, path + kind + "/" + admin.path, as: bob, json: ["locked": true, "suspended": true]).expect(403, "M_FORBIDDEN")
            try await app.call(.get, path + kind + "/@nobody:test", as: admin).expect(404, "M_NOT_FOUND")
            try await app.call(.get, path + kind + "/@bob:elsewhere", as: admin).expect(400, "M_INVALID_PARAM")
            try await app.call(.put, path + kind + "/" + bob.path, as: admin, json: [:]).expect(400, "M_MISSING_PARAM")
            try await app.call(.put, path + kind + "/" + admin.path, as: admin, json: ["locked": true, "suspended": true]).expect(403, "M_FORBIDDEN")
        }
        try await AccountAdmin.deactivate(world.c, user: "bob")
        try await app.call(.get, path + "lock/" + bob.path, as: admin).expect(404)
        let capabilities = "/_matrix/client/v3/capabilities"
        #expect(try await app.call(.get, capabilities, as: admin).expect(200)["capabilities"]?["m.account_moderation"] == ["lock": true, "suspend": true])
        let carol = try await app.register("carol")
        #expect(try await app.call(.get, capabilities, as: carol).expect(200)["capabilities"]?["m.account_moderation"] == nil)
    }
}
