import MatrixCore
import ServerKit
import TestKit
import Testing

struct QueryTests {
    @Test func anInviteMakesTheServiceRegisterItsUser() async throws {
        let port = try await Port()
        port.line.answer { call in
            if call.path == "/_matrix/app/v1/users/%40irc_bob%3Atest" { try await port.ghost("irc_bob") }
            return (200, [:])
        }
        let room = try await port.room()
        try await port.call(.post, "/rooms/\(Percent.encode(room))/invite", as: port.ann, ["user_id": "@irc_bob:test"]).expect(200)
        #expect(port.line.calls.map(\.path) == ["/_matrix/app/v1/users/%40irc_bob%3Atest"] && port.line.calls[0].token == "Bearer hs-secret")
        try await port.call(.get, "/account/whoami", for: "irc_bob").expect(200)
        // Who exists is not asked for again.
        try await port.call(.get, "/profile/@irc_bob:test", as: port.ann).expect(200)
        #expect(port.line.calls.count == 1)
    }

    @Test func aProfileNobodyKnowsIsAskedFor() async throws {
        let port = try await Port()
        port.line.answer { _ in (404, [:]) }
        try await port.call(.get, "/profile/@irc_nobody:test", as: port.ann).expect(404)
        #expect(port.line.calls.count == 1)
        try await port.call(.get, "/profile/@nobody:test", as: port.ann).expect(404)
        #expect(port.line.calls.count == 1)
    }

    @Test func anAliasIsMadeWhenSomebodyWantsIt() async throws {
        let port = try await Port()
        let room = try await port.room(), alias = Percent.encode("#irc_new:test")
        port.line.answer { call in
            if call.path.hasPrefix("/_matrix/app/v1/rooms/") { try await port.call(.put, "/directory/room/" + alias, ["room_id": .string(room)]).expect(200) }
            return (200, [:])
        }
        let ben = try await port.app.register("ben")
        #expect(try await port.call(.post, "/join/" + alias, as: ben, [:]).expect(200)["room_id"]?.stringValue == room)
        #expect(try await port.call(.get, "/directory/room/" + alias, as: ben).expect(200)["room_id"]?.stringValue == room)
        #expect(port.line.calls.map(\.path) == ["/_matrix/app/v1/rooms/%23irc_new%3Atest"])
    }

    @Test func aServiceThatIsAwayMakesNothing() async throws {
        let port = try await Port()
        port.line.answer { _ in throw OutboundError.timeout }
        try await port.call(.post, "/join/" + Percent.encode("#irc_new:test"), as: port.ann, [:]).expect(404)
        let room = try await port.room()
        try await port.call(.post, "/rooms/\(Percent.encode(room))/invite", as: port.ann, ["user_id": "@irc_bob:test"]).expect(200)
    }
}
