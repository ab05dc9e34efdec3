@testable import App
import MatrixCore
import ServerKit
import TestKit
import Testing

@Suite struct DiscoveryTests {
    @Test func theCallServiceIsFoundByTheWellKnownFile() async throws {
        let app = try await TestApp([System.feature]) { $0.livekitURL = "https://livekit.example" }
        let answer = try await app.call(.get, "/.well-known/matrix/client").expect(200)
        #expect(answer["org.matrix.msc4143.rtc_foci"] == [["type": "livekit", "livekit_service_url": "https://livekit.example"]])
        let none = try await TestApp([System.feature])
        #expect(try await none.call(.get, "/.well-known/matrix/client").expect(200)["org.matrix.msc4143.rtc_foci"] == nil)
    }

    @Test func whoHelpsIsNamed() async throws {
        let app = try await TestApp([System.feature]) { $0.support = ["admin@example.org", "@admin:example.org", "https://example.org/help"] }
        let answer = try await app.call(.get, "/.well-known/matrix/support").expect(200)
        #expect(answer == ["contacts": [["role": "m.role.admin", "email_address": "admin@example.org"], ["role": "m.role.admin", "matrix_id": "@admin:example.org"]],
                           "support_page": "https://example.org/help"])
        try await (try await TestApp([System.feature])).call(.get, "/.well-known/matrix/support").expect(404, "M_NOT_FOUND")
    }

    /// What a client is told of what is not here, so that it goes on by the ways that are.
    @Test func thereIsNoOAuthAndNoPolicyServer() async throws {
        let app = try await TestApp([System.feature])
        try await app.call(.get, "/_matrix/client/v1/auth_metadata").expect(404, "M_UNRECOGNIZED")
        try await app.call(.get, "/.well-known/matrix/policy_server").expect(404, "M_NOT_FOUND")
    }
}
