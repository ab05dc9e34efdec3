@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

/// A user's three keys with their private parts.
private struct Identity {
    let user: UserID
    let master: Ed25519.SigningKey, selfSigning: Ed25519.SigningKey, userSigning: Ed25519.SigningKey

    init(_ user: UserID, _ seed: UInt8) throws {
        func key(_ n: UInt8) throws -> Ed25519.SigningKey { try #require(Ed25519.SigningKey(seed: Array(repeating: seed &+ n, count: 32))) }
        self.user = user
        (master, selfSigning, userSigning) = (try key(0), try key(1), try key(2))
    }
    static func name(_ key: Ed25519.SigningKey) -> String { Base64.encode(key.publicKey) }
    func sign(_ object: JSONObject, _ key: Ed25519.SigningKey, id: String? = nil) throws -> JSONObject {
        try SignedJSON.sign(object, with: ServerKey(server: user.rawValue, keyID: "ed25519:" + (id ?? Self.name(key)), key: key))
    }
    func json(_ usage: String, _ key: Ed25519.SigningKey) -> JSONObject {
        ["user_id": JSON(user), "usage": [.string(usage)], "keys": .object(["ed25519:" + Self.name(key): .string(Self.name(key))])]
    }
    var masterKey: JSONObject { json("master", master) }
    func selfSigningKey() throws -> JSONObject { try sign(json("self_signing", selfSigning), master) }
    func userSigningKey() throws -> JSONObject { try sign(json("user_signing", userSigning), master) }
    func all() throws -> JSONObject { ["master_key": .object(masterKey), "self_signing_key": .object(try selfSigningKey()), "user_signing_key": .object(try userSigningKey())] }
}

@Suite struct CrossSigningTests {
    private let path = v3 + "/keys/device_signing/upload", signatures = v3 + "/keys/signatures/upload"

    @Test func theFirstKeysNeedNoProofOthersDo() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob")
        let first = try Identity(alice.id, 1), second = try Identity(alice.id, 50)
        try await world.app.call(.post, path, as: alice, json: .object(try first.all())).expect(200)
        // The same again is what is stored, by either path.
        try await world.app.call(.post, path, as: alice, json: .object(try first.all())).expect(200)
        try await world.app.call(.post, "/_matrix/client/unstable/keys/device_signing/upload", as: alice, json: ["master_key": .object(first.masterKey)]).expect(200)
        var keys = try await world.query(alice, of: alice)
        #expect(keys["master_keys"]?[alice.id.rawValue] == .object(first.masterKey))
        #expect(keys["self_signing_keys"]?[alice.id.rawValue] == .object(try first.selfSigningKey()))
        #expect(keys["user_signing_keys"]?[alice.id.rawValue] == .object(try first.userSigningKey()))
        keys = try await world.query(bob, of: alice)
        #expect(keys["master_keys"]?[alice.id.rawValue] != nil && keys["user_signing_keys"] == [:])

        let session = try await world.app.call(.post, path, as: alice, json: .object(try second.all())).expect(401)["session"]?.stringValue
        #expect(try await world.query(bob, of: alice)["master_keys"]?[alice.id.rawValue] == .object(first.masterKey))
        try await world.app.call(.post, path, as: alice, json: ["auth": alice.auth(session: session)]).expect(200)
        #expect(try await world.query(bob, of: alice)["master_keys"]?[alice.id.rawValue] == .object(second.masterKey))
        // A new master key alone takes those that it has not signed away.
        try await world.app.call(.post, path, as: alice, json: ["master_key": .object(first.masterKey), "auth": alice.auth()]).expect(200)
        #expect(try await world.query(alice, of: alice)["self_signing_keys"] == [:])
    }

    @Test func keysMustBeWellMadeAndSignedByTheMaster() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), me = try Identity(alice.id, 1), stranger = try Identity(alice.id, 99)
        func refused(_ status: Int, _ errcode: String, _ body: JSONObject) async throws { try await world.app.call(.post, path, as: alice, json: .object(body)).expect(status, errcode) }
        try await refused(400, "M_MISSING_PARAM", [:])
        try await refused(400, "M_MISSING_PARAM", ["self_signing_key": .object(try me.selfSigningKey())])
        try await refused(400, "M_INVALID_SIGNATURE", ["master_key": .object(me.masterKey), "self_signing_key": .object(try stranger.selfSigningKey())])
        try await refused(400, "M_INVALID_SIGNATURE", ["master_key": .object(me.masterKey), "user_signing_key": .object(me.json("user_signing", me.userSigning))])
        try await refused(400, "M_BAD_JSON", ["master_key": "x"])
        func master(_ change: (inout JSONObject) -> Void) -> JSONObject {
            var key = me.masterKey
            change(&key)
            return ["master_key": .object(key)]
        }
        try await refused(400, "M_INVALID_PARAM", master { $0["user_id"] = "@bob:test" })
        try await refused(400, "M_INVALID_PARAM", master { $0["usage"] = ["self_signing"] })
        try await refused(400, "M_INVALID_PARAM", master { $0["keys"] = [:] })
        try await refused(400, "M_INVALID_PARAM", master { $0["keys"] = ["ed25519:a": "b"] })
        try await refused(400, "M_BAD_JSON", master { $0["signatures"] = 1 })
        // The name of a key must not be the name of a device.
        let device = try await world.app.login(alice, device: Identity.name(me.master))
        try await world.app.call(.post, path, as: device, json: ["master_key": .object(me.masterKey)]).expect(403, "M_FORBIDDEN")
    }

    @Test func signaturesOfOwnDevicesAreSeenByAll() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice", device: "A"), bob = try await world.app.register("bob")
        let room = RoomID(trusted: "!r:test"), me = try Identity(alice.id, 1)
        try await world.join(alice, room)
        try await world.join(bob, room)
        let deviceKey = try #require(Ed25519.SigningKey(seed: Array(repeating: 77, count: 32)))
        var device = try #require(alice.deviceKeys().objectValue)
        device["keys"] = ["curve25519:A": "x", "ed25519:A": .string(Identity.name(deviceKey))]
        device["signatures"] = nil
        let signed = try me.sign(device, deviceKey, id: "A")
        try await world.upload(alice, ["device_keys": .object(signed)]).expect(200)
        try await world.app.call(.post, path, as: alice, json: .object(try me.all())).expect(200)
        let token = try await world.app.picture(bob).token

        let wrong: JSON = .object([alice.id.rawValue: ["A": .object(try me.sign(device, me.userSigning)), "unknown": .object(device)]])
        let failures = try await world.app.call(.post, signatures, as: alice, json: wrong).expect(200)["failures"]?[alice.id.rawValue]
        #expect(failures?["A"]?["errcode"] == "M_INVALID_SIGNATURE" && failures?["unknown"]?["errcode"] == "M_NOT_FOUND")
        var other = device
        other["algorithms"] = ["other"]
        let changed: JSON = .object([alice.id.rawValue: ["A": .object(try me.sign(other, me.selfSigning))]])
        #expect(await world.app.call(.post, signatures, as: alice, json: changed)["failures"]?[alice.id.rawValue]?["A"] != nil)
        #expect(try await world.lists(bob, since: token).isEmpty)

        let cross: JSON = .object([alice.id.rawValue: ["A": .object(try me.sign(device, me.selfSigning)), Identity.name(me.master): .object(try me.sign(me.masterKey, deviceKey, id: "A"))]])
        try await world.app.call(.post, "/_matrix/client/unstable/keys/signatures/upload", as: alice, json: cross).expect(200)
        #expect(try await world.lists(bob, since: token) == .init(changed: [alice.id]))
        let seen = try await world.query(bob, of: alice)
        #expect(seen["device_keys"]?[alice.id.rawValue]?["A"]?["signatures"]?[alice.id.rawValue]?.objectValue?.keys.sorted() == ["ed25519:A", "ed25519:" + Identity.name(me.selfSigning)].sorted())
        #expect(seen["master_keys"]?[alice.id.rawValue]?["signatures"]?[alice.id.rawValue]?["ed25519:A"] != nil)
        // A signature belongs to the device that was signed, not to a later one of the same name.
        try await world.upload(alice, ["device_keys": alice.deviceKeys("new")]).expect(200)
        #expect(try await world.query(bob, of: alice)["device_keys"]?[alice.id.rawValue]?["A"]?["signatures"]?[alice.id.rawValue]?.objectValue?.keys == ["ed25519:A"])
    }

    @Test func signaturesOfOthersAreSeenByTheirSignerOnly() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob"), carol = try await world.app.register("carol")
        let room = RoomID(trusted: "!r:test"), me = try Identity(alice.id, 1), they = try Identity(bob.id, 50)
        for user in [alice, bob, carol] { try await world.join(user, room) }
        try await world.app.call(.post, path, as: alice, json: .object(try me.all())).expect(200)
        let before = try await world.app.picture(alice).token
        try await world.app.call(.post, path, as: bob, json: ["master_key": .object(they.masterKey)]).expect(200)
        #expect(try await world.lists(carol, since: before) == .init(changed: [bob.id]))
        let token = try await world.app.picture(alice).token
        let key = Identity.name(they.master)
        func upload(_ object: JSONObject) async throws -> JSON? {
            try await world.app.call(.post, signatures, as: alice, json: .object([bob.id.rawValue: .object([key: .object(object)])])).expect(200)["failures"]
        }
        #expect(try await upload(try me.sign(they.masterKey, me.selfSigning)) != [:])
        #expect(try await upload(try me.sign(they.masterKey, me.userSigning)) == [:])
        #expect(try await world.lists(alice, since: token) == .init(changed: [bob.id]))
        for user in [bob, carol] { #expect(try await world.lists(user, since: token).isEmpty) }
        func signers(_ reader: TestUser) async throws -> [String]? { try await world.query(reader, of: bob)["master_keys"]?[bob.id.rawValue]?["signatures"]?.objectValue?.keys }
        #expect(try await signers(alice) == [alice.id.rawValue])
        #expect(try await signers(bob) == nil)
        #expect(try await signers(carol) == nil)
    }

    @Test func theUserSigningKeyConcernsItsOwnerAlone() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), bob = try await world.app.register("bob"), me = try Identity(alice.id, 1), room = RoomID(trusted: "!r:test")
        for user in [alice, bob] { try await world.join(user, room) }
        try await world.app.call(.post, path, as: alice, json: ["master_key": .object(me.masterKey)]).expect(200)
        let token = try await world.app.picture(alice).token
        try await world.app.call(.post, path, as: alice, json: ["user_signing_key": .object(try me.userSigningKey()), "auth": alice.auth()]).expect(200)
        #expect(try await world.lists(alice, since: token) == .init(changed: [alice.id]))
        #expect(try await world.lists(bob, since: token).isEmpty)
    }
}
