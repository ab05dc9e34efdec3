@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit

extension World {
    var keys: String { v3 + "/keys" }
    func upload(_ user: TestUser, _ body: JSON) async -> TestResponse { await app.call(.post, keys + "/upload", as: user, json: body) }
    func query(_ user: TestUser, _ body: JSON) async throws -> JSON { try await app.call(.post, keys + "/query", as: user, json: ["device_keys": body]).expect(200) }
    func query(_ user: TestUser, of other: TestUser) async throws -> JSON { try await query(user, .object([other.id.rawValue: []])) }
    /// Name and key of what is claimed; nil when there is none.
    func claim(_ user: TestUser, from other: TestUser, _ algorithm: String = "signed_curve25519") async throws -> (name: String, key: JSON)? {
        let body: JSON = ["one_time_keys": .object([other.id.rawValue: .object([other.device.rawValue: .string(algorithm)])])]
        let answer = try await app.call(.post, keys + "/claim", as: user, json: body).expect(200)
        return answer["one_time_keys"]?[other.id.rawValue]?[other.device.rawValue]?.objectValue?.first.map { ($0.key, $0.value) }
    }
    /// What a sync since `token` says, through the sources.
    func lists(_ user: TestUser, since token: SyncToken) async throws -> SyncParts.DeviceLists { try await app.contributions(user, since: token).parts.deviceLists }
    func extra(_ user: TestUser) async throws -> [String: JSON] { try await app.picture(user).picture.extra }
}

extension TestUser {
    func deviceKeys(_ identity: String = "1") -> JSON {
        ["user_id": JSON(id), "device_id": JSON(device), "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
         "keys": .object(["curve25519:" + device.rawValue: .string("curve" + identity), "ed25519:" + device.rawValue: .string("ed" + identity)]),
         "signatures": .object([id.rawValue: .object(["ed25519:" + device.rawValue: "self"])])]
    }
}

func oneTimeKeys(_ ids: [String], key: String = "k") -> JSON {
    .object(JSONObject(ids.map { (key: "signed_curve25519:" + $0, value: ["key": .string(key + $0), "signatures": [:]]) }))
}
