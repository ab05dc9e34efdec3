@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct DehydratedDeviceTests {
    private let path = DehydratedDevices.path
    private func body(_ user: TestUser, _ device: String) throws -> JSON {
        var asleep = user
        asleep.device = DeviceID(trusted: device)
        return ["device_id": .string(device), "device_data": ["algorithm": "org.matrix.msc3814.v2", "device_pickle": "p" ], "device_keys": asleep.deviceKeys(),
                "one_time_keys": oneTimeKeys(["1"]), "fallback_keys": ["signed_curve25519:f": "f"], "initial_device_display_name": "Asleep"]
    }

    @Test func takesMessagesWhileEverybodyIsAwayAndGivesThemOut() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice", device: "A"), bob = try await world.app.register("bob"), room = RoomID(trusted: "!r:test")
        for user in [alice, bob] { try await world.join(user, room) }
        try await world.app.call(.get, path, as: alice).expect(404, "M_NOT_FOUND")
        try await world.app.call(.delete, path, as: alice).expect(404, "M_NOT_FOUND")
        let token = try await world.app.picture(bob).token
        #expect(try await world.app.call(.put, path, as: alice, json: try body(alice, "D1")).expect(200) == ["device_id": "D1"])
        #expect(try await world.app.call(.get, path, as: alice).expect(200) == ["device_id": "D1", "device_data": ["algorithm": "org.matrix.msc3814.v2", "device_pickle": "p"]])
        #expect(try await world.lists(bob, since: token) == .init(changed: [alice.id]))
        #expect(try await world.query(bob, of: alice)["device_keys"]?[alice.id.rawValue]?["D1"]?["unsigned"] == ["device_display_name": "Asleep"])
        var asleep = alice
        asleep.device = DeviceID(trusted: "D1")
        #expect(try await world.claim(bob, from: asleep)?.name == "signed_curve25519:1")

        // All sessions end: it stays.
        try await world.app.call(.post, v3 + "/logout/all", as: alice, json: [:]).expect(200)
        for n in 0..<120 {
            try await world.app.call(.put, v3 + "/sendToDevice/m.room.encrypted/\(n)", as: bob, json: ["messages": .object([alice.id.rawValue: ["D1": ["n": .int(Int64(n))]]])]).expect(200)
        }
        let back = try await world.app.login(alice, device: "B")
        var got: [Int64] = [], next: JSON?
        for _ in 0..<3 {
            let page = try await world.app.call(.post, path + "/D1/events", as: back, json: next.map { ["next_batch": $0] } ?? [:]).expect(200)
            got += (page["events"]?.arrayValue ?? []).compactMap { $0["content"]?["n"]?.intValue }
            next = page["next_batch"]
        }
        #expect(got == Array(0..<120))
        #expect(try await world.app.call(.post, path + "/D1/events", as: back).expect(200)["events"]?.arrayValue?.count == 100)   // begun again
        try await world.app.call(.post, path + "/D2/events", as: back).expect(404, "M_NOT_FOUND")
        try await world.app.call(.post, path + "/D1/events", as: bob).expect(404, "M_NOT_FOUND")
        try await world.app.call(.post, path + "/D1/events", as: back, json: ["next_batch": "x"]).expect(400, "M_INVALID_PARAM")

        // The next one replaces it, with all that it had.
        try await world.app.call(.put, path, as: back, json: try body(alice, "D2")).expect(200)
        #expect(try await world.query(bob, of: alice)["device_keys"]?[alice.id.rawValue]?.objectValue?.keys == ["D2"])
        #expect(try await world.c.db.read { tx in try tx.exists("SELECT 1 FROM to_device") } == false)
        #expect(try await world.app.call(.delete, path, as: back).expect(200) == ["device_id": "D2"])
        try await world.app.call(.get, path, as: back).expect(404, "M_NOT_FOUND")
        #expect(try await world.query(bob, of: alice)["device_keys"]?[alice.id.rawValue] == [:])
    }

    @Test func refusesWhatIsNoDevice() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice", device: "A")
        for (key, value, errcode): (String, JSON, String) in [
            ("device_id", .null, "M_MISSING_PARAM"), ("device_id", 1, "M_BAD_JSON"), ("device_id", "A", "M_INVALID_PARAM"), ("device_data", .null, "M_MISSING_PARAM"),
            ("device_data", [:], "M_MISSING_PARAM"), ("device_keys", .null, "M_MISSING_PARAM"), ("device_keys", alice.deviceKeys(), "M_INVALID_PARAM"), ("one_time_keys", 1, "M_BAD_JSON"),
        ] {
            var wrong = try #require(try body(alice, "D").objectValue)
            wrong[key] = value
            if value == "A" { wrong["device_keys"] = alice.deviceKeys() }
            try await world.app.call(.put, path, as: alice, json: .object(wrong)).expect(400, errcode)
        }
        try await world.app.call(.get, path, as: alice).expect(404)
        // Deleting it as a device, or ending the account, is the end of it.
        try await world.app.call(.put, path, as: alice, json: try body(alice, "D")).expect(200)
        try await world.app.call(.delete, v3 + "/devices/D", as: alice, json: ["auth": alice.auth()]).expect(200)
        try await world.app.call(.get, path, as: alice).expect(404)
        try await world.app.call(.put, path, as: alice, json: try body(alice, "E")).expect(200)
        try await world.app.call(.post, v3 + "/account/deactivate", as: alice, json: ["auth": alice.auth()]).expect(200)
        #expect(try await world.c.db.read { tx in try tx.exists("SELECT 1 FROM dehydrated_device") } == false)
    }
}
