@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

struct UserAdminTests {
    private let v1 = "/_synapse/admin/v1", v2 = "/_synapse/admin/v2"

    private func world() async throws -> (World, admin: TestUser, bob: TestUser) {
        let world = try await World()
        let admin = try await world.app.register("admin"), bob = try await world.app.register("bob")
        try await AccountAdmin.setAdmin(world.c, user: "admin", true)
        return (world, admin, bob)
    }
    private func names(_ answer: JSON) -> [String] { (answer["users"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue } }

    @Test func accountsAreListedInPagesAndFiltered() async throws {
        let (world, admin, _) = try await world()
        for name in ["carol", "dan"] { try await world.app.register(name) }
        try await AccountAdmin.deactivate(world.c, user: "dan")
        try await world.app.call(.post, "/_matrix/client/v3/register?kind=guest", json: [:]).expect(200)
        func list(_ query: String) async throws -> JSON { try await world.app.call(.get, v2 + "/users?" + query, as: admin).expect(200) }
        let page = try await list("limit=2&guests=false")
        #expect(names(page) == ["@admin:test", "@bob:test"] && page["total"] == 3 && page["next_token"] == "2")
        let rest = try await list("limit=2&from=2&guests=false")
        #expect(names(rest) == ["@carol:test"] && rest["next_token"] == nil)
        #expect(names(try await list("user_id=CAR")) == ["@carol:test"])
        #expect(names(try await list("name=%25")) == [])
        #expect(names(try await list("deactivated=true&guests=false&dir=b")) == ["@dan:test", "@carol:test", "@bob:test", "@admin:test"])
        #expect(names(try await list("admins=true")) == ["@admin:test"])
        #expect(try await list("")["total"] == 4)
        for order in UserList.Order.allCases { _ = try await list("order_by=\(order.rawValue)&dir=b") }
        for bad in ["limit=x", "from=-1", "guests=1", "order_by=password", "dir=x"] {
            try await world.app.call(.get, v2 + "/users?" + bad, as: admin).expect(400, "M_INVALID_PARAM")
        }
    }

    @Test func anAccountIsMadeAndChangedByPut() async throws {
        let (world, admin, bob) = try await world()
        let app = world.app
        let made = try await app.call(.put, v2 + "/users/@new:test", as: admin, json: ["password": "long enough", "displayname": "New", "admin": true]).expect(201)
        #expect(made["name"] == "@new:test" && made["displayname"] == "New" && made["admin"] == true && made["deactivated"] == false)
        let new = try await app.login(TestUser(id: UserID(trusted: "@new:test"), token: "", device: DeviceID(trusted: ""), password: "long enough"))
        try await app.call(.put, v2 + "/users/@new:test", as: admin, json: ["admin": false, "avatar_url": "mxc://test/x"]).expect(200)
        try await app.call(.get, v2 + "/users", as: new).expect(403)
        #expect(try await app.call(.get, v2 + "/users/@new:test", as: admin).expect(200)["avatar_url"] == "mxc://test/x")
        // A new password ends the sessions, unless it is not to.
        try await app.call(.put, v2 + "/users/" + bob.path, as: admin, json: ["password": "another one", "logout_devices": false]).expect(200)
        try await app.call(.get, "/_matrix/client/v3/account/whoami", as: bob).expect(200)
        try await app.call(.post, v1 + "/reset_password/" + bob.path, as: admin, json: ["new_password": "a third one"]).expect(200)
        try await app.call(.get, "/_matrix/client/v3/account/whoami", as: bob).expect(401)
        // Deactivated and back.
        try await app.call(.post, v1 + "/deactivate/" + bob.path, as: admin, json: ["erase": true]).expect(200)
        #expect(try await app.call(.get, v2 + "/users/" + bob.path, as: admin).expect(200)["erased"] == true)
        try await app.call(.put, v2 + "/users/" + bob.path, as: admin, json: ["displayname": "x"]).expect(400)
        try await app.call(.put, v2 + "/users/" + bob.path, as: admin, json: ["deactivated": false, "password": "here again"]).expect(200)
        #expect(try await app.call(.get, v2 + "/users/" + bob.path, as: admin).expect(200)["deactivated"] == false)
        try await app.call(.put, v2 + "/users/@far:elsewhere", as: admin, json: [:]).expect(400)
        try await app.call(.put, v2 + "/users/@Caps:test", as: admin, json: [:]).expect(400, "M_INVALID_USERNAME")
        try await app.call(.put, v2 + "/users/" + admin.path, as: admin, json: ["admin": false]).expect(403)
        try await app.call(.get, v2 + "/users/@none:test", as: admin).expect(404)
    }

    @Test func rightsDevicesAndRoomsOfAnAccount() async throws {
        let (world, admin, bob) = try await world()
        let app = world.app
        #expect(try await app.call(.get, v1 + "/users/\(bob.path)/admin", as: admin).expect(200) == ["admin": false])
        try await app.call(.put, v1 + "/users/\(bob.path)/admin", as: admin, json: ["admin": true]).expect(200)
        try await app.call(.get, v1 + "/users/\(bob.path)/admin", as: bob).expect(200)
        try await app.call(.put, v1 + "/users/\(admin.path)/admin", as: admin, json: ["admin": false]).expect(400)
        let devices = v2 + "/users/\(bob.path)/devices"
        _ = try await app.login(bob, device: "SECOND")
        #expect(try await app.call(.get, devices, as: admin).expect(200)["total"] == 2)
        try await app.call(.put, devices + "/SECOND", as: admin, json: ["display_name": "phone"]).expect(200)
        #expect(try await app.call(.get, devices + "/SECOND", as: admin).expect(200)["display_name"] == "phone")
        try await app.call(.delete, devices + "/SECOND", as: admin).expect(200)
        try await app.call(.get, devices + "/SECOND", as: admin).expect(404)
        try await app.call(.post, v2 + "/users/\(bob.path)/delete_devices", as: admin, json: ["devices": [JSON(bob.device)]]).expect(200)
        try await app.call(.get, "/_matrix/client/v3/account/whoami", as: bob).expect(401)
        try await world.join(bob, RoomID(trusted: "!a:test"))
        #expect(try await app.call(.get, v1 + "/users/\(bob.path)/joined_rooms", as: admin).expect(200) == ["joined_rooms": ["!a:test"], "total": 1])
        #expect(try await app.call(.get, v1 + "/whois/\(bob.path)", as: admin).expect(200)["user_id"] == JSON(bob.id))
        #expect(try await app.call(.get, v1 + "/username_available?username=free", as: admin).expect(200) == ["available": true])
        try await app.call(.get, v1 + "/username_available?username=bob", as: admin).expect(400, "M_USER_IN_USE")
    }

    @Test func registrationTokensAreMadeChangedAndRemoved() async throws {
        let (world, admin, bob) = try await world()
        let app = world.app, path = v1 + "/registration_tokens"
        #expect(try await app.call(.post, path + "/new", as: admin, json: ["token": "abcd", "uses_allowed": 0]).expect(200)
            == ["token": "abcd", "uses_allowed": 0, "pending": 0, "completed": 0, "expiry_time": .null])
        try await app.call(.post, path + "/new", as: admin, json: ["token": "abcd"]).expect(400, "M_INVALID_PARAM")
        let random = try await app.call(.post, path + "/new", as: admin, json: ["length": 7]).expect(200)
        #expect(random["token"]?.stringValue?.count == 7)
        func valid(_ query: String) async throws -> Int? { try await app.call(.get, path + query, as: admin).expect(200)["registration_tokens"]?.arrayValue?.count }
        #expect(try await valid("") == 2)
        #expect(try await valid("?valid=true") == 1)
        #expect(try await valid("?valid=false") == 1)
        #expect(try await app.call(.put, path + "/abcd", as: admin, json: ["uses_allowed": 3]).expect(200)["uses_allowed"] == 3)
        #expect(try await app.call(.get, path + "/abcd", as: admin).expect(200)["uses_allowed"] == 3)
        try await app.call(.put, path + "/abcd", as: admin, json: ["expiry_time": 5]).expect(400, "M_INVALID_PARAM")
        try await app.call(.delete, path + "/abcd", as: admin).expect(200)
        try await app.call(.get, path + "/abcd", as: admin).expect(404, "M_NOT_FOUND")
        try await app.call(.post, path + "/new", as: admin, json: ["token": "ä"]).expect(400, "M_INVALID_PARAM")
        try await app.call(.get, path, as: bob).expect(403)
    }

    @Test(arguments: TestBackend.available) func everyStatementIsValid(backend: TestBackend) async throws {
        let accounts = Accounts()
        let app = try await TestApp([accounts.feature], ports: .testing(sessions: accounts, users: accounts), backend: backend)
        try app.context.db.prepareAll(UserList.SQL.all + RegistrationTokens.AdminSQL.all + Moderation.SQL.all)
    }
}
