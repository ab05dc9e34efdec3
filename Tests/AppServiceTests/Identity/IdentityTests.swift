import Accounts
import MatrixCore
import ServerKit
import TestKit
import Testing

/// Who an application service may be. The work is done in Accounts and Rooms; it is tested here, where there are services.
struct IdentityTests {
    @Test func theBotIsThereFromTheStart() async throws {
        let port = try await Port()
        let me = try await port.call(.get, "/account/whoami").expect(200)
        #expect(me["user_id"] == "@ircbot:test" && me["device_id"] == nil)
        #expect(try await port.call(.post, "/register", ["type": "m.login.application_service", "username": "ircbot"]).expect(400)["errcode"] == "M_USER_IN_USE")
    }

    @Test func aServiceActsForTheRegisteredUsersOfItsNamespaceOnly() async throws {
        let port = try await Port()
        #expect(try await port.call(.get, "/account/whoami", for: "irc_bob").expect(403)["errcode"] == "M_FORBIDDEN")
        try await port.ghost("irc_bob")
        #expect(try await port.call(.get, "/account/whoami", for: "irc_bob").expect(200)["user_id"] == "@irc_bob:test")
        #expect(try await port.call(.get, "/account/whoami", for: "ann").expect(403)["errcode"] == "M_FORBIDDEN")
        try await port.call(.get, "/account/whoami", for: "otherbot").expect(403)
        #expect(try await port.call(.get, "/account/whoami?user_id=%00").expect(400)["errcode"] == "M_INVALID_PARAM")
        #expect(try await port.app.call(.get, "/_matrix/client/v3/account/whoami?access_token=as-secret&user_id=@irc_bob:test").expect(200)["user_id"] == "@irc_bob:test")
        #expect(try await port.call(.get, "/account/whoami", token: "hs-secret").expect(401)["errcode"] == "M_UNKNOWN_TOKEN")
    }

    @Test func onlyTheServiceRegistersInItsNamespace() async throws {
        let port = try await Port()
        let body: JSON = ["type": "m.login.application_service", "username": "irc_bob", "device_id": "D", "initial_device_display_name": "bridge"]
        let made = try await port.call(.post, "/register", body).expect(200)
        #expect(made["user_id"] == "@irc_bob:test" && made["device_id"] == "D" && made["access_token"] != nil)
        #expect(try await port.call(.post, "/register", body).expect(400)["errcode"] == "M_USER_IN_USE")
        #expect(try await port.call(.post, "/register", ["type": "m.login.application_service", "username": "dan"]).expect(400)["errcode"] == "M_EXCLUSIVE")
        #expect(try await port.call(.post, "/register", body, token: "wrong").expect(401)["errcode"] == "M_UNKNOWN_TOKEN")
        #expect(try await port.app.call(.post, "/_matrix/client/v3/register", json: body).expect(401)["errcode"] == "M_MISSING_TOKEN")
        let own: JSON = ["auth": ["type": "m.login.dummy"], "username": "irc_eve", "password": "correct horse"]
        #expect(try await port.app.call(.post, "/_matrix/client/v3/register", json: own).expect(400)["errcode"] == "M_EXCLUSIVE")
        #expect(try await port.app.call(.get, "/_matrix/client/v3/register/available?username=irc_eve").expect(400)["errcode"] == "M_EXCLUSIVE")
        // A namespace that is not exclusive is open to all.
        try await port.app.register("other_dan")
    }

    @Test func aServiceSignsItsUsersIn() async throws {
        let port = try await Port()
        func login(_ user: String, token: String? = "as-secret") async -> TestResponse {
            await port.app.call(.post, "/_matrix/client/v3/login", token: token,
                                json: ["type": "m.login.application_service", "identifier": ["type": "m.id.user", "user": .string(user)], "device_id": "D"])
        }
        #expect(try await login("irc_bob").expect(403)["errcode"] == "M_FORBIDDEN")
        try await port.ghost("irc_bob")
        let session = try await login("irc_bob").expect(200)
        #expect(session["user_id"] == "@irc_bob:test" && session["device_id"] == "D")
        #expect(try await port.app.call(.get, "/_matrix/client/v3/account/whoami", token: session["access_token"]?.stringValue).expect(200)["device_id"] == "D")
        #expect(try await login("ann").expect(403)["errcode"] == "M_EXCLUSIVE")
        #expect(try await login("irc_bob", token: nil).expect(401)["errcode"] == "M_MISSING_TOKEN")
        #expect(try await login("irc_bob", token: port.ann.token).expect(401)["errcode"] == "M_UNKNOWN_TOKEN")
        #expect(try await port.app.call(.get, "/_matrix/client/v3/login").expect(200)["flows"]?.arrayValue?.contains(["type": "m.login.application_service"]) == true)
    }

    @Test func aServiceMakesNamesAndRemovesTheDevicesOfItsUsers() async throws {
        let port = try await Port()
        try await port.ghost("irc_bob")
        #expect(try await port.call(.get, "/account/whoami?device_id=D", for: "irc_bob").expect(400)["errcode"] == "M_UNKNOWN_DEVICE")
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", ["display_name": "laptop"]).status == 201)
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", ["display_name": "desk"]).status == 200)
        #expect(try await port.call(.get, "/devices/D", for: "irc_bob").expect(200)["display_name"] == "desk")
        for name in ["device_id", "org.matrix.msc3202.device_id"] {
            #expect(try await port.call(.get, "/account/whoami?\(name)=D", for: "irc_bob").expect(200)["device_id"] == "D")
        }
        // Nobody else makes devices so, and no proof is asked of a service.
        try await port.call(.put, "/devices/D", as: port.ann, [:]).expect(404)
        try await port.call(.delete, "/devices/D", for: "irc_bob", [:]).expect(200)
        try await port.call(.get, "/account/whoami?device_id=D", for: "irc_bob").expect(400)
    }

    /// MSC4190: what asks a person for his password asks nothing of a service.
    @Test func noProofIsAskedOfAService() async throws {
        let port = try await Port()
        try await port.ghost("irc_bob")
        for device in ["D", "E", "F"] { #expect(await port.call(.put, "/devices/\(device)", for: "irc_bob", [:]).status == 201) }
        try await port.call(.post, "/delete_devices", for: "irc_bob", ["devices": ["D", "E"]]).expect(200)
        #expect(try await port.call(.get, "/devices", for: "irc_bob").expect(200)["devices"]?.arrayValue?.map { $0["device_id"] } == ["F"])
        func master(_ key: String) -> JSON {
            ["master_key": ["user_id": "@irc_bob:test", "usage": ["master"], "keys": .object(["ed25519:" + key: .string(key)])]]
        }
        // The first keys need no proof of anybody, others in their place do.
        for key in ["A", "B"].map({ String(repeating: $0, count: 42) + "A" }) { try await port.call(.post, "/keys/device_signing/upload?device_id=F", for: "irc_bob", master(key)).expect(200) }
        // A device that acts is known by its own name when it sends and syncs.
        try await port.call(.put, "/sendToDevice/m.x/1?device_id=F", for: "irc_bob", ["messages": ["@irc_bob:test": ["F": ["n": 1]]]]).expect(200)
        #expect(try await port.call(.get, "/sync?device_id=F", for: "irc_bob").expect(200)["to_device"]?["events"]?.arrayValue?.count == 1)
    }

    @Test func aDeactivatedUserIsNobodyAnyMore() async throws {
        let port = try await Port()
        try await port.ghost("irc_bob")
        try await port.call(.get, "/account/whoami", for: "irc_bob").expect(200)
        try await port.call(.post, "/account/deactivate", for: "irc_bob", [:]).expect(200)
        #expect(try await port.call(.get, "/account/whoami", for: "irc_bob").expect(403)["errcode"] == "M_USER_DEACTIVATED")
    }

    @Test func eventsBearTheTimeThatAServiceGivesThem() async throws {
        let port = try await Port()
        try await port.ghost("irc_bob")
        let room = try await port.room(), path = "/rooms/" + Percent.encode(room)
        try await port.call(.post, path + "/join", for: "irc_bob", [:]).expect(200)
        let id = try await port.call(.put, path + "/send/m.room.message/1?ts=1234", for: "irc_bob", ["body": "old"]).expect(200)["event_id"]?.stringValue ?? ""
        #expect(try await port.call(.get, path + "/event/" + Percent.encode(id), as: port.ann).expect(200)["origin_server_ts"] == 1234)
        #expect(try await port.call(.put, path + "/send/m.room.message/1?ts=1234", for: "irc_bob", ["body": "old"]).expect(200)["event_id"]?.stringValue == id)
        let mine = try await port.call(.put, path + "/state/m.room.topic?ts=99", as: port.ann, ["topic": "x"]).expect(200)["event_id"]?.stringValue ?? ""
        #expect(try await port.call(.get, path + "/event/" + Percent.encode(mine), as: port.ann).expect(200)["origin_server_ts"] != 99)
        #expect(try await port.call(.put, path + "/send/m.room.message/2?ts=-5", for: "irc_bob", [:]).expect(400)["errcode"] == "M_INVALID_PARAM")
        try await port.call(.put, path + "/state/m.room.power_levels", as: port.ann, ["users": ["@irc_bob:test": 50]]).expect(200)
        let topic = try await port.call(.put, path + "/state/m.room.topic?ts=77", for: "irc_bob", ["topic": "y"]).expect(200)["event_id"]?.stringValue ?? ""
        #expect(try await port.call(.get, path + "/event/" + Percent.encode(topic), as: port.ann).expect(200)["origin_server_ts"] == 77)
    }

    @Test func keysAreUploadedForADeviceThatTheServiceNamesOnly() async throws {
        let port = try await Port()
        try await port.ghost("irc_bob")
        let keys: JSON = ["one_time_keys": ["curve25519:AAA": "key"]]
        for user in [nil, "irc_bob"] {
            for body in [keys, [:]] {
                #expect(try await port.call(.post, "/keys/upload", for: user, body).expect(403)["errcode"] == "M_FORBIDDEN")
            }
        }
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", [:]).status == 201)
        for name in ["device_id", "org.matrix.msc3202.device_id"] {
            let counts = try await port.call(.post, "/keys/upload?\(name)=D", for: "irc_bob", keys).expect(200)["one_time_key_counts"]
            #expect(counts?["curve25519"] == 1)
        }
    }

    @Test func profilesOfItsUsersAreTheServicesToSet() async throws {
        let port = try await Port()
        try await port.ghost("irc_bob")
        try await port.call(.put, "/profile/@irc_bob:test/displayname", for: "irc_bob", ["displayname": "Bob"]).expect(200)
        #expect(try await port.call(.get, "/profile/@irc_bob:test/displayname").expect(200)["displayname"] == "Bob")
        try await port.call(.put, "/profile/@ann:test/displayname", for: "irc_bob", ["displayname": "Eve"]).expect(403)
    }

    @Test func aliasesOfANamespaceAreTheServicesAlone() async throws {
        let port = try await Port()
        let room = try await port.room()
        let alias = "/directory/room/" + Percent.encode("#irc_x:test")
        #expect(try await port.call(.put, alias, as: port.ann, ["room_id": .string(room)]).expect(400)["errcode"] == "M_EXCLUSIVE")
        #expect(try await port.call(.post, "/createRoom", as: port.ann, ["room_alias_name": "irc_x"]).expect(400)["errcode"] == "M_EXCLUSIVE")
        // The service is no member of the room.
        try await port.call(.put, alias, ["room_id": .string(room)]).expect(200)
        #expect(try await port.call(.get, alias, as: port.ann).expect(200)["room_id"]?.stringValue == room)
        try await port.call(.put, "/directory/room/" + Percent.encode("#free:test"), ["room_id": .string(room)]).expect(403)
        try await port.call(.delete, alias, as: port.ann).expect(200)   // she may name her room
    }

    @Test func limitsDoNotHoldAServiceUp() async throws {
        let port = try await Port()
        try await port.ghost("irc_bob")
        let registered = try await port.call(.post, "/register", ["type": "m.login.application_service", "username": "irc_tim"]).expect(200)
        for token in ["as-secret", registered["access_token"]?.stringValue ?? ""] {
            let session = try await port.accounts.session(port.app.context, token: token, request: Request(.get, "/"))
            #expect(!session.isRateLimited)
        }
        try await port.call(.post, "/register", ["type": "m.login.application_service", "username": "other_x"], token: "other-secret").expect(200)
        let query = Query([(name: "user_id", value: "@other_x:test")])
        #expect(try await port.accounts.session(port.app.context, token: "other-secret", request: Request(.get, "/", query: query)).isRateLimited)
        #expect(try await !port.accounts.session(port.app.context, token: "other-secret", request: Request(.get, "/")).isRateLimited)
    }
}

struct BotNameTests {
    /// mautrix makes such names.
    @Test func aBotsNameMayHaveCapitals() async throws {
        let port = try await Port([Port.irc.replacing("ircbot", with: "qUOmpZ6a")])
        #expect(try await port.call(.get, "/account/whoami").expect(200)["user_id"] == "@qUOmpZ6a:test")
    }
}
