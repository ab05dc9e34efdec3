import MatrixCore
import ServerKit
import TestKit
import Testing

struct ThirdPartyTests {
    private static let about: JSON = ["user_fields": ["nick"], "location_fields": ["channel"], "icon": "mxc://test/x", "field_types": [:],
                                      "instances": [["desc": "Libera", "network_id": "libera", "fields": [:]], ["desc": "Here"]]]

    @Test func protocolsAreDescribedByTheirServices() async throws {
        let port = try await Port()
        port.line.answer { _ in (200, Self.about) }
        let found = try await port.call(.get, "/thirdparty/protocols", as: port.ann).expect(200)
        #expect(found["irc"]?["user_fields"] == ["nick"] && found["irc"]?["instances"]?[0]?["instance_id"] == "irc|libera" && found["irc"]?["instances"]?[1]?["instance_id"] == nil)
        #expect(try await port.call(.get, "/thirdparty/protocol/irc", as: port.ann).expect(200) == found["irc"])
        #expect(port.line.calls.map(\.path) == ["/_matrix/app/v1/thirdparty/protocol/irc"])   // the second answer was remembered
        try await port.call(.get, "/thirdparty/protocol/xmpp", as: port.ann).expect(404)
        port.app.clock.advance(301_000)
        try await port.call(.get, "/thirdparty/protocols", as: port.ann).expect(200)
        #expect(port.line.calls.count == 2)
    }

    @Test func nonsenseOfAServiceIsNoAnswer() async throws {
        let port = try await Port()
        port.line.answer { _ in (200, []) }
        #expect(try await port.call(.get, "/thirdparty/protocols", as: port.ann).expect(200) == [:])
        port.line.answer { _ in (200, ["a": 1]) }
        #expect(try await port.call(.get, "/thirdparty/user/irc?nick=bob", as: port.ann).expect(200) == [])
    }

    @Test func lookUpsAreHandedOn() async throws {
        let port = try await Port()
        let user: JSON = ["protocol": "irc", "userid": "@irc_bob:test", "fields": ["nick": "bob"]]
        let place: JSON = ["protocol": "irc", "alias": "#irc_x:test", "fields": ["channel": "#x"]]
        port.line.answer { call in (200, .array([call.path.contains("/user") ? user : place, ["broken": true]])) }
        #expect(try await port.call(.get, "/thirdparty/user/irc?nick=bob%20b", as: port.ann).expect(200) == [user])
        #expect(try await port.call(.get, "/thirdparty/location/irc?channel=%23x", as: port.ann).expect(200) == [place])
        #expect(try await port.call(.get, "/thirdparty/user?userid=@irc_bob:test", as: port.ann).expect(200) == [user])
        #expect(try await port.call(.get, "/thirdparty/location?alias=%23irc_x:test", as: port.ann).expect(200) == [place])
        #expect(port.line.calls.map(\.path) == ["/_matrix/app/v1/thirdparty/user/irc?nick=bob%20b", "/_matrix/app/v1/thirdparty/location/irc?channel=%23x",
                                               "/_matrix/app/v1/thirdparty/user?userid=%40irc_bob%3Atest", "/_matrix/app/v1/thirdparty/location?alias=%23irc_x%3Atest"])
        #expect(try await port.call(.get, "/thirdparty/user", as: port.ann).expect(400)["errcode"] == "M_MISSING_PARAM")
        try await port.call(.get, "/thirdparty/user/xmpp", as: port.ann).expect(404)
    }
}
