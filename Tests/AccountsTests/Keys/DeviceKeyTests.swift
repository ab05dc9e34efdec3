@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct DeviceKeyTests {
    @Test func areShownToOthersWithTheNameOfTheDevice() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice", device: "A"), bob = try await world.app.register("bob")
        #expect(try await world.query(bob, of: alice)["device_keys"] == .object([alice.id.rawValue: [:]]))
        #expect(try await world.upload(alice, ["device_keys": alice.deviceKeys()]).expect(200) == ["one_time_key_counts": ["signed_curve25519": 0]])
        var expected = try #require(alice.deviceKeys().objectValue)
        expected["unsigned"] = [:]
        #expect(try await world.query(bob, of: alice)["device_keys"]?[alice.id.rawValue]?["A"] == .object(expected))
        try await world.app.call(.put, v3 + "/devices/A", as: alice, json: ["display_name": "Laptop"]).expect(200)
        #expect(try await world.query(bob, of: alice)["device_keys"]?[alice.id.rawValue]?["A"]?["unsigned"] == ["device_display_name": "Laptop"])
        let other = try await world.app.login(alice, device: "B")
        try await world.upload(other, ["device_keys": other.deviceKeys()]).expect(200)
        func devices(_ asked: JSON) async throws -> [String]? { try await world.query(bob, .object([alice.id.rawValue: asked]))["device_keys"]?[alice.id.rawValue]?.objectValue?.keys }
        #expect(try await devices([]) == ["A", "B"])
        #expect(try await devices(["B", "C"]) == ["B"])
        // The device goes away, and its keys with it.
        try await world.app.call(.post, v3 + "/logout", as: other, json: [:]).expect(200)
        #expect(try await devices([]) == ["A"])
        // Another server cannot be asked, which is no error of the request.
        let far = try await world.query(bob, ["@x:far.away": [], .init(stringLiteral: "@nobody:test"): []])
        #expect(far["failures"]?["far.away"]?["status"] == 503 && far["device_keys"] == ["@nobody:test": [:]])
    }

    @Test func manyUsersAreAskedForTogether() async throws {
        let world = try await World()
        let users = try await (0..<95).asyncMap { try await world.app.register("user\($0)", device: "D") }
        for user in users { try await world.upload(user, ["device_keys": user.deviceKeys()]).expect(200) }
        let reads = world.c.db.statistics.reads
        let found = try await world.query(users[0], .object(JSONObject(users.map { (key: $0.id.rawValue, value: []) })))["device_keys"]?.objectValue
        #expect(found?.count == 95 && found?.allSatisfy { $0.value["D"]?["user_id"]?.stringValue == $0.key } == true)
        #expect(world.c.db.statistics.reads == reads + 1)
    }

    @Test func mustBeOnesOwnAndComplete() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice", device: "A"), bob = try await world.app.register("bob", device: "B")
        func refused(_ errcode: String, _ change: (inout JSONObject) -> Void) async throws {
            var keys = try #require(alice.deviceKeys().objectValue)
            change(&keys)
            try await world.upload(alice, ["device_keys": .object(keys)]).expect(400, errcode)
        }
        try await refused("M_INVALID_PARAM") { $0["user_id"] = JSON(bob.id) }
        try await refused("M_INVALID_PARAM") { $0["device_id"] = "B" }
        try await refused("M_BAD_JSON") { $0["algorithms"] = nil }
        try await refused("M_BAD_JSON") { $0["keys"] = nil }
        try await refused("M_BAD_JSON") { $0["keys"] = ["ed25519:A": 1] }
        try await refused("M_BAD_JSON") { $0["signatures"] = nil }
        try await refused("M_BAD_JSON") { $0["signatures"] = ["x": "y"] }
        for body: JSON in [["device_keys": 1], ["one_time_keys": []], ["one_time_keys": ["a:b": 1]], ["fallback_keys": ["a:b": [:]]]] {
            try await world.upload(alice, body).expect(400, "M_BAD_JSON")
        }
        for body: JSON in [["one_time_keys": ["a": "x"]], ["one_time_keys": [":b": "x"]], ["fallback_keys": ["a:b": "x", "a:c": "x"]]] {
            try await world.upload(alice, body).expect(400, "M_INVALID_PARAM")
        }
        for (path, body): (String, JSON) in [
            ("query", [:]), ("query", ["device_keys": []]), ("query", ["device_keys": ["@a:test": "x"]]), ("query", ["device_keys": ["@a:test": [1]]]),
            ("claim", [:]), ("claim", ["one_time_keys": ["@a:test": []]]), ("claim", ["one_time_keys": ["@a:test": ["D": 1]]]), ("claim", ["one_time_keys": ["a": [:]]]),
        ] {
            #expect(await world.app.call(.post, world.keys + "/" + path, as: alice, json: body).status == 400, "\(path) \(body.text)")
        }
        try await world.app.call(.get, world.keys + "/changes", as: alice).expect(400, "M_MISSING_PARAM")
        try await world.app.call(.get, world.keys + "/changes?from=x", as: alice).expect(400, "M_INVALID_PARAM")
    }

    @Test func aNewIdentityTakesTheOldOneTimeKeysAway() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.upload(alice, ["device_keys": alice.deviceKeys(), "one_time_keys": oneTimeKeys(["1"])]).expect(200)
        try await world.upload(alice, ["device_keys": alice.deviceKeys(), "one_time_keys": oneTimeKeys(["2"])]).expect(200)
        #expect(try await world.extra(alice)["device_one_time_keys_count"] == ["signed_curve25519": 2])
        try await world.upload(alice, ["device_keys": alice.deviceKeys("new"), "one_time_keys": oneTimeKeys(["1"], key: "new")]).expect(200)
        #expect(try await world.claim(alice, from: alice)?.key["key"] == "new1")
        #expect(try await world.claim(alice, from: alice) == nil)
    }
}

extension Sequence {
    func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
        var result: [T] = []
        for element in self { result.append(try await transform(element)) }
        return result
    }
}
