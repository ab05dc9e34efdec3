import MatrixCore
import ServerKit
import TestKit
import Testing

@Suite struct CapabilitiesTests {
    @Test func saysWhatTheServerCan() async throws {
        let world = try await World { $0.defaultRoomVersion = "10" }
        try await world.app.call(.get, v3 + "/capabilities").expect(401, "M_MISSING_TOKEN")
        let alice = try await world.app.register("alice")
        let answer = try await world.app.call(.get, v3 + "/capabilities", as: alice).expect(200)["capabilities"]
        #expect(answer?["m.room_versions"]?["default"] == "10")
        for version in ["10", "11", "12"] { #expect(answer?["m.room_versions"]?["available"]?[version] == "stable") }
        #expect(answer?["m.change_password"] == ["enabled": true])
        #expect(answer?["m.3pid_changes"] == ["enabled": false])
        #expect(answer?["m.profile_fields"] == ["enabled": true])
    }
}
