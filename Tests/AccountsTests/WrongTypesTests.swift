import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

/// Every endpoint that takes a body, given bodies that are not what it wants: an error with a code, never a 5xx.
@Suite struct WrongTypesTests {
    static let paths: [(Method, String)] = [
        (.post, "/_matrix/client/v3/register"), (.post, "/_matrix/client/v3/register?kind=guest"), (.post, "/_synapse/admin/v1/register"), (.post, "/_matrix/client/v3/login"),
        (.post, "/_matrix/client/v3/refresh"), (.post, "/_matrix/client/v1/login/get_token"), (.post, "/_matrix/client/v3/account/password"),
        (.post, "/_matrix/client/v3/account/deactivate"), (.put, "/_matrix/client/v3/devices/DEVICE"), (.delete, "/_matrix/client/v3/devices/DEVICE"),
        (.post, "/_matrix/client/v3/delete_devices"), (.put, "/_matrix/client/v3/profile/{me}/displayname"), (.put, "/_matrix/client/v3/profile/{me}/avatar_url"),
        (.put, "/_matrix/client/v3/user/{me}/account_data/x"), (.put, "/_matrix/client/v3/user/{me}/rooms/!r:test/account_data/x"),
        (.put, "/_matrix/client/v3/user/{me}/rooms/!r:test/tags/x"), (.post, "/_matrix/client/v3/user/{me}/filter"), (.put, "/_matrix/client/v3/sendToDevice/t/1"),
        (.put, "/_matrix/client/v3/presence/{me}/status"), (.post, "/_matrix/client/v3/user_directory/search"), (.post, "/_matrix/client/v3/user/{me}/openid/request_token"),
    ]

    @Test(arguments: paths)
    func badBodiesAreRefusedWithACode(_ method: Method, _ path: String) async throws {
        let world = try await World { $0.registrationSecret = "s" }
        let alice = try await world.app.register("alice", device: "DEVICE")
        let path = path.replacing("{me}", with: alice.path)
        for (body, code) in [("{", "M_NOT_JSON"), ("[]", "M_BAD_JSON"), ("5", "M_BAD_JSON"), ("{\"a\":1} x", "M_NOT_JSON")] {
            try await world.app.call(method, path, as: alice, body: Array(body.utf8)).expect(400, code)
        }
        try await world.app.call(method, path, as: alice, body: [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]).expect(400, "M_NOT_JSON")
        let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        try await world.app.call(method, path, as: alice, body: Array("{\"a\":\(deep)}".utf8)).expect(400, "M_NOT_JSON")
        // A wrong type in every field that any of them knows.
        let fields = ["auth", "type", "username", "password", "device_id", "initial_device_display_name", "inhibit_login", "refresh_token", "identifier", "user", "nonce", "mac", "admin",
                      "new_password", "logout_devices", "erase", "display_name", "devices", "displayname", "avatar_url", "order", "room", "event_fields", "messages", "presence",
                      "status_msg", "search_term", "limit"]
        for value in [.null, 1.5, [[:]], ["x": ["y": 1]], -1] as [JSON] {
            for field in fields {
                let answer = await world.app.call(method, path, as: alice, json: .object([field: value]))
                let isNamed = answer.status < 400 || answer.errcode != nil || answer["flows"] != nil
                #expect(answer.status < 500 && isNamed, "\(method.rawValue) \(path) with \(field) \(value.text): \(answer.status)")
            }
        }
    }

    @Test func anotherMethodIsKnownButRefused() async throws {
        let world = try await World()
        let answer = await world.app.call(.delete, v3 + "/login")
        try answer.expect(405, "M_UNRECOGNIZED")
        try await world.app.call(.get, v3 + "/nothing/here").expect(404, "M_UNRECOGNIZED")
        try await world.app.call(.get, v1 + "/auth_metadata").expect(404, "M_UNRECOGNIZED")
    }
}
