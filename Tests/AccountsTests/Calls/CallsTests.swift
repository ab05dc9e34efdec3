@testable import Accounts
import MatrixCore
import ServerKit
import TestKit
import Testing

@Suite struct CallsTests {
    @Test func credentialsEndAndAreWhatCoturnExpects() async throws {
        let world = try await World {
            $0.turnURIs = ["turn:turn.example?transport=udp"]
            $0.turnSecret = "north"
            $0.turnLifetime = 3600
        }
        let alice = try await world.app.register("alice")
        let answer = try await world.app.call(.get, v3 + "/voip/turnServer", as: alice).expect(200)
        let name = "\(world.app.clock.now / 1000 + 3600):@alice:test"
        #expect(answer["uris"] == ["turn:turn.example?transport=udp"] && answer["ttl"] == 3600 && answer["username"] == .string(name))
        #expect(answer["password"] == .string(Base64.encodePadded(HMAC.sha1(key: Array("north".utf8), Array(name.utf8)))))
        // openssl dgst -sha1 -hmac north -binary | base64
        #expect(Turn.credentials(secret: "north", user: UserID(trusted: "@a:b"), until: 1).password == "9wqFtQUBlUnisz1FAFGvYDMptEo=")
    }

    @Test func aServerWithoutHelpSaysSo() async throws {
        let world = try await World(), alice = try await world.app.register("alice")
        #expect(try await world.app.call(.get, v3 + "/voip/turnServer", as: alice).expect(200) == [:])
        #expect(try await world.app.call(.get, "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports", as: alice).expect(200) == ["rtc_transports": []])
        try await world.app.call(.get, v3 + "/voip/turnServer").expect(401)
    }

    @Test func theCallServiceIsNamed() async throws {
        let world = try await World { $0.livekitURL = "https://livekit.example" }, alice = try await world.app.register("alice")
        let answer = try await world.app.call(.get, "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports", as: alice).expect(200)
        #expect(answer["rtc_transports"] == [["type": "livekit", "livekit_service_url": "https://livekit.example"]])
    }

    /// Clients take any other error for a server that has the OAuth API.
    @Test func thereIsNoOAuth() async throws {
        let world = try await World()
        try await world.app.call(.get, v1 + "/auth_metadata").expect(404, "M_UNRECOGNIZED")
    }
}
