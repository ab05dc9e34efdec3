import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct DeviceTests {
    @Test func listsShowsAndRenames() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice", device: "A"), bob = try await world.app.register("bob", device: "B")
        _ = try await world.app.login(alice, device: "C")
        let ids = try await world.app.call(.get, v3 + "/devices", as: alice).expect(200)["devices"]?.arrayValue?.compactMap { $0["device_id"]?.stringValue }
        #expect(ids?.sorted() == ["A", "C"])
        try await world.app.call(.get, v3 + "/devices/unknown", as: alice).expect(404, "M_NOT_FOUND")
        try await world.app.call(.get, v3 + "/devices/B", as: alice).expect(404)
        try await world.app.call(.put, v3 + "/devices/unknown", as: alice, json: ["display_name": "x"]).expect(404)
        try await world.app.call(.put, v3 + "/devices/C", as: alice, json: ["display_name": "Laptop"]).expect(200)
        try await world.app.call(.put, v3 + "/devices/C", as: alice, json: [:]).expect(200)
        #expect(await world.app.call(.get, v3 + "/devices/C", as: alice)["display_name"] == "Laptop")
        try await world.app.call(.put, v3 + "/devices/C", as: alice, json: ["display_name": 5]).expect(400, "M_BAD_JSON")
        try await world.app.call(.put, v3 + "/devices/C", as: alice, json: ["display_name": .string(String(repeating: "x", count: 1025))]).expect(400, "M_INVALID_PARAM")
        #expect(await world.app.call(.get, v3 + "/devices", as: bob)["devices"]?.arrayValue?.count == 1)
    }

    @Test func notesWhereADeviceWasSeenOnceAMinute() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        let start = world.app.clock.now
        for address in ["10.0.0.1", "10.0.0.2"] { try await world.app.call(.get, v3 + "/account/whoami", as: alice, headers: ["User-Agent": "Test/1"], remote: address).expect(200) }
        let device = try await world.app.call(.get, v3 + "/devices/" + alice.device.rawValue, as: alice).expect(200)
        #expect(device["last_seen_ip"] == "10.0.0.1" && device["last_seen_ts"] == .int(start))
        try await world.app.run(job: "accounts.seen")
        world.app.clock.advance(60_000)
        #expect(await world.app.call(.get, v3 + "/devices/" + alice.device.rawValue, as: alice, remote: "10.0.0.3")["last_seen_ip"] == "10.0.0.3")
        let written = try await world.c.db.read { tx in try tx.first("SELECT last_seen_ip, last_seen_agent FROM device") { [$0.text(0), $0.text(1)] } }
        #expect(written == ["10.0.0.1", "Test/1"])

        let whois = try await world.app.call(.get, v3 + "/admin/whois/" + alice.path, as: alice).expect(200)
        #expect(whois["devices"]?[alice.device.rawValue]?["sessions"]?[0]?["connections"]?[0]?["ip"] == "10.0.0.3")
        let bob = try await world.app.register("bob")
        try await world.app.call(.get, v3 + "/admin/whois/" + alice.path, as: bob).expect(403, "M_FORBIDDEN")
    }

    @Test func deletingOneNeedsThePassword() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), other = try await world.app.login(alice, device: "OTHER")
        let path = v3 + "/devices/OTHER"
        let challenge = try await world.app.call(.delete, path, as: alice).expect(401)
        #expect(challenge["flows"] == [["stages": ["m.login.password"]]])
        let session = try #require(challenge["session"]?.stringValue)
        try await world.app.call(.delete, path, as: alice, json: ["auth": alice.auth(session: session, password: "cashewnuts")]).expect(401, "M_FORBIDDEN")
        let eve = try await world.app.register("eve")
        try await world.app.call(.delete, path, as: alice, json: ["auth": eve.auth()]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.get, v3 + "/account/whoami", as: other).expect(200)
        try await world.app.call(.delete, path, as: alice, json: ["auth": alice.auth(session: session)]).expect(200)
        try await world.app.call(.get, path, as: alice).expect(404)
        try await world.app.call(.get, v3 + "/account/whoami", as: other).expect(401, "M_UNKNOWN_TOKEN")
        // Proof serves once.
        try await world.app.call(.delete, path, as: alice, json: ["auth": ["session": .string(session)]]).expect(400)
    }

    @Test func deletingSeveralNeedsThePassword() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        let others = [try await world.app.login(alice, device: "X"), try await world.app.login(alice, device: "Y")]
        let path = v3 + "/delete_devices"
        try await world.app.call(.post, path, as: alice, json: [:]).expect(400, "M_MISSING_PARAM")
        try await world.app.call(.post, path, as: alice, json: ["devices": [1]]).expect(400, "M_BAD_JSON")
        try await world.app.call(.post, path, as: alice, json: ["devices": [""]]).expect(400, "M_INVALID_PARAM")
        let session = try await world.app.call(.post, path, as: alice, json: ["devices": ["X", "Y", "unknown"]]).expect(401)["session"]?.stringValue
        try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth(session: session)]).expect(200)
        for user in others { try await world.app.call(.get, v3 + "/account/whoami", as: user).expect(401) }
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(200)
    }
}
