import MatrixCore
import ServerKit
import TestKit
import Testing

@Suite struct OpenIDTests {
    @Test func aServiceExchangesTheTokenForTheUser() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), eve = try await world.app.register("eve")
        let path = world.user("openid/request_token", alice), info = "/_matrix/federation/v1/openid/userinfo"
        let answer = try await world.app.call(.post, path, as: alice, json: [:]).expect(200)
        #expect(answer["matrix_server_name"] == "test" && answer["token_type"] == "Bearer" && answer["expires_in"] == 3600)
        let token = try #require(answer["access_token"]?.stringValue)
        #expect(try await world.app.call(.get, info + "?access_token=" + token).expect(200) == ["sub": "@alice:test"])
        try await world.app.call(.get, v3 + "/account/whoami", token: token).expect(401)
        try await world.app.call(.get, info + "?access_token=other").expect(401, "M_UNKNOWN_TOKEN")
        try await world.app.call(.get, info).expect(401, "M_MISSING_TOKEN")
        try await world.app.call(.post, path, as: eve, json: [:]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.post, path, as: alice, body: Array("no".utf8)).expect(400, "M_NOT_JSON")
        world.app.clock.advance(3_600_000)
        try await world.app.call(.get, info + "?access_token=" + token).expect(401)
    }
}
