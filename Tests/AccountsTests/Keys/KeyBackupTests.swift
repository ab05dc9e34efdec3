@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct KeyBackupTests {
    private let versions = v3 + "/room_keys/version", keys = v3 + "/room_keys/keys"
    private static func key(_ index: Int64 = 0, forwarded: Int64 = 0, verified: Bool = false, data: String = "x") -> JSON {
        ["first_message_index": .int(index), "forwarded_count": .int(forwarded), "is_verified": .bool(verified), "session_data": ["ciphertext": .string(data)]]
    }

    private struct Desk {
        let world: World
        let alice: TestUser
        init() async throws {
            world = try await World()
            alice = try await world.app.register("alice")
        }
        func make() async throws -> String {
            let body: JSON = ["algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": ["public_key": "abc"]]
            return try await world.app.call(.post, v3 + "/room_keys/version", as: alice, json: body).expect(200)["version"]?.stringValue ?? ""
        }
        func call(_ method: ServerKit.Method, _ rest: String, _ version: String, _ json: JSON? = nil, as user: TestUser? = nil) async -> TestResponse {
            await world.app.call(method, v3 + "/room_keys/keys" + rest + "?version=" + version, as: user ?? alice, json: json)
        }
    }

    @Test(arguments: [
        (BackedUpSession(firstMessageIndex: 9, forwardedCount: 9, isVerified: true, data: []), BackedUpSession(firstMessageIndex: 0, forwardedCount: 0, isVerified: false, data: []), true),
        (BackedUpSession(firstMessageIndex: 0, forwardedCount: 0, isVerified: false, data: []), BackedUpSession(firstMessageIndex: 9, forwardedCount: 9, isVerified: true, data: []), false),
        (BackedUpSession(firstMessageIndex: 1, forwardedCount: 9, isVerified: true, data: []), BackedUpSession(firstMessageIndex: 2, forwardedCount: 0, isVerified: true, data: []), true),
        (BackedUpSession(firstMessageIndex: 2, forwardedCount: 0, isVerified: false, data: []), BackedUpSession(firstMessageIndex: 1, forwardedCount: 9, isVerified: false, data: []), false),
        (BackedUpSession(firstMessageIndex: 1, forwardedCount: 0, isVerified: false, data: []), BackedUpSession(firstMessageIndex: 1, forwardedCount: 1, isVerified: false, data: []), true),
        (BackedUpSession(firstMessageIndex: 1, forwardedCount: 1, isVerified: false, data: [1]), BackedUpSession(firstMessageIndex: 1, forwardedCount: 1, isVerified: false, data: [2]), false),
    ])
    func theBetterKeyWins(new: BackedUpSession, old: BackedUpSession, isBetter: Bool) { #expect(new.isBetter(than: old) == isBetter) }

    @Test func versionsAreMadeShownChangedAndDeleted() async throws {
        let desk = try await Desk(), (world, alice) = (desk.world, desk.alice)
        try await world.app.call(.get, versions, as: alice).expect(404, "M_NOT_FOUND")
        let first = try await desk.make(), second = try await desk.make()
        #expect(first != second)
        var shown = try await world.app.call(.get, versions, as: alice).expect(200)
        #expect(shown["version"] == .string(second) && shown["count"] == 0 && shown["auth_data"] == ["public_key": "abc"] && shown["etag"]?.stringValue != nil)
        #expect(try await world.app.call(.get, versions + "/" + first, as: alice).expect(200)["version"] == .string(first))
        for unknown in ["nonsense", "999999"] {
            try await world.app.call(.get, versions + "/" + unknown, as: alice).expect(404, "M_NOT_FOUND")
            try await world.app.call(.delete, versions + "/" + unknown, as: alice).expect(404, "M_NOT_FOUND")
            try await desk.call(.get, "", unknown).expect(404, "M_NOT_FOUND")
        }
        func update(_ version: String, _ body: JSON) async -> TestResponse { await world.app.call(.put, versions + "/" + version, as: alice, json: body) }
        let algorithm: JSON = "m.megolm_backup.v1.curve25519-aes-sha2"
        try await update(second, ["algorithm": algorithm, "auth_data": ["public_key": "new"], "version": .string(second)]).expect(200)
        try await update(second, ["algorithm": algorithm, "auth_data": ["public_key": "new"], "version": .string(first)]).expect(400, "M_INVALID_PARAM")
        try await update(second, ["algorithm": "other", "auth_data": [:]]).expect(400, "M_INVALID_PARAM")
        try await update(second, ["algorithm": algorithm]).expect(400, "M_MISSING_PARAM")
        try await update("1", ["algorithm": algorithm, "auth_data": [:]]).expect(404, "M_NOT_FOUND")
        shown = try await world.app.call(.get, versions, as: alice).expect(200)
        #expect(shown["auth_data"] == ["public_key": "new"])
        try await world.app.call(.delete, versions + "/" + second, as: alice).expect(200)
        #expect(try await world.app.call(.get, versions, as: alice).expect(200)["version"] == .string(first))
        try await world.app.call(.delete, versions + "/" + second, as: alice).expect(404)
        #expect(try await desk.make() > second)
    }

    @Test func keysAreStoredReadAndDeletedByAllRoomAndSession() async throws {
        let desk = try await Desk(), version = try await desk.make()
        #expect(try await desk.call(.get, "", version).expect(200) == ["rooms": [:]])
        #expect(try await desk.call(.get, "/!r:test", version).expect(200) == ["sessions": [:]])
        try await desk.call(.get, "/!r:test/s", version).expect(404, "M_NOT_FOUND")
        let one = try await desk.call(.put, "/!r:test/s%2F1", version, Self.key(1)).expect(200)
        #expect(one["count"] == 1)
        let two = try await desk.call(.put, "/!r:test", version, ["sessions": ["s2": Self.key(2), "s3": Self.key(3)]]).expect(200)
        let three = try await desk.call(.put, "", version, ["rooms": ["!q:test": ["sessions": ["s4": Self.key(4)]], "!r:test": ["sessions": ["s2": Self.key(2)]]]]).expect(200)
        #expect(three["count"] == 4 && two["etag"] != one["etag"] && three["etag"] != two["etag"])
        // Nothing new: the etag stays.
        #expect(try await desk.call(.put, "/!q:test/s4", version, Self.key(4)).expect(200) == three)
        #expect(try await desk.call(.get, "/!r:test/s%2F1", version).expect(200) == Self.key(1))
        #expect(try await desk.call(.get, "/!r:test", version).expect(200)["sessions"]?.objectValue?.keys == ["s/1", "s2", "s3"])
        #expect(try await desk.call(.get, "", version).expect(200)["rooms"]?.objectValue?.keys == ["!q:test", "!r:test"])
        #expect(try await desk.world.app.call(.get, versions, as: desk.alice).expect(200)["etag"] == three["etag"])
        #expect(try await desk.call(.delete, "/!r:test/s2", version).expect(200)["count"] == 3)
        let rest = try await desk.call(.delete, "/!r:test", version).expect(200)
        #expect(rest["count"] == 1)
        #expect(try await desk.call(.delete, "/!r:test", version).expect(200) == rest)
        #expect(try await desk.call(.delete, "", version).expect(200)["count"] == 0)
        #expect(try await desk.call(.get, "", version).expect(200) == ["rooms": [:]])
    }

    @Test func theBetterCopyStays() async throws {
        let desk = try await Desk(), version = try await desk.make()
        func put(_ key: JSON) async throws -> JSON {
            try await desk.call(.put, "/!r:test/s", version, key).expect(200)
            return try await desk.call(.get, "/!r:test/s", version).expect(200)
        }
        #expect(try await put(Self.key(5, data: "a")) == Self.key(5, data: "a"))
        #expect(try await put(Self.key(6, data: "b")) == Self.key(5, data: "a"))
        #expect(try await put(Self.key(4, data: "c")) == Self.key(4, data: "c"))
        #expect(try await put(Self.key(9, verified: true, data: "d")) == Self.key(9, verified: true, data: "d"))
        #expect(try await put(Self.key(0, data: "e")) == Self.key(9, verified: true, data: "d"))
    }

    @Test func onlyTheNewestVersionIsWrittenTo() async throws {
        let desk = try await Desk(), old = try await desk.make()
        try await desk.call(.put, "/!r:test/s", old, Self.key()).expect(200)
        let new = try await desk.make()
        let refused = try await desk.call(.put, "/!r:test/t", old, Self.key()).expect(403, "M_WRONG_ROOM_KEYS_VERSION")
        #expect(refused["current_version"] == .string(new))
        #expect(try await desk.call(.get, "", new).expect(200) == ["rooms": [:]])
        #expect(try await desk.call(.get, "/!r:test", old).expect(200)["sessions"]?.objectValue?.keys == ["s"])
        // Somebody else has no backup of that number.
        let bob = try await desk.world.app.register("bob")
        try await desk.call(.get, "", new, as: bob).expect(404, "M_NOT_FOUND")
        try await desk.call(.put, "/!r:test/s", new, Self.key(), as: bob).expect(404, "M_NOT_FOUND")
        try await desk.call(.delete, "", new, as: bob).expect(404, "M_NOT_FOUND")
        try await desk.world.app.call(.post, v3 + "/account/deactivate", as: desk.alice, json: ["auth": desk.alice.auth()]).expect(200)
        #expect(try await desk.world.c.db.read { tx in try tx.exists("SELECT 1 FROM key_backup_session") } == false)
    }

    @Test func refusesBadInput() async throws {
        let desk = try await Desk(), version = try await desk.make()
        let app = desk.world.app
        for method in [ServerKit.Method.get, .put, .delete] { try await app.call(method, keys, as: desk.alice, json: ["rooms": [:]]).expect(400, "M_MISSING_PARAM") }
        for (body, errcode): (JSON, String) in [
            ([:], "M_MISSING_PARAM"), (["rooms": []], "M_BAD_JSON"), (["rooms": ["x": [:]]], "M_INVALID_PARAM"), (["rooms": ["!r:test": 1]], "M_BAD_JSON"),
            (["rooms": ["!r:test": ["sessions": ["s": 1]]]], "M_BAD_JSON"), (["rooms": ["!r:test": ["sessions": ["": Self.key()]]]], "M_INVALID_PARAM"),
            (["rooms": ["!r:test": ["sessions": ["s": Self.key(-1)]]]], "M_BAD_JSON"), (["rooms": ["!r:test": ["sessions": ["s": [:]]]]], "M_MISSING_PARAM"),
            (["rooms": ["!r:test": ["sessions": ["s": Self.key(data: String(repeating: "x", count: 70_000))]]]], "M_TOO_LARGE"),
        ] {
            let answer = await desk.call(.put, "", version, body)
            #expect(answer.errcode == errcode, "\(String(body.text.prefix(100)))")
        }
        try await desk.call(.put, "/nonsense/s", version, Self.key()).expect(400, "M_INVALID_PARAM")
        for body: JSON in [["algorithm": 1, "auth_data": [:]], ["algorithm": []]] { try await app.call(.post, versions, as: desk.alice, json: body).expect(400, "M_BAD_JSON") }
        try await app.call(.post, versions, as: desk.alice, json: ["algorithm": "x"]).expect(400, "M_MISSING_PARAM")
    }
}
