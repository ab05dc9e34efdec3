import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#key-management-api
extension Accounts {
    private static let v3 = "/_matrix/client/v3/keys", unstable = "/_matrix/client/unstable/keys"
    private static let maxBody = 4 << 20, mostUsers = 10_000, mostClaims = 5_000

    var keyRoutes: [Route] {
        [
            Route(.post, Self.v3 + "/upload", auth: .guest, body: .collected(max: Self.maxBody), uploadKeys),
            Route(.post, Self.v3 + "/query", auth: .guest, body: .collected(max: Self.maxBody), queryKeys),
            Route(.post, Self.v3 + "/claim", auth: .guest, body: .collected(max: Self.maxBody), claimKeys),
            Route(.get, Self.v3 + "/changes", auth: .guest, keyChanges),
        ]
        + Route.all(.post, [Self.v3 + "/device_signing/upload", Self.unstable + "/device_signing/upload"], uploadCrossSigningKeys)
        + Route.all(.post, [Self.v3 + "/signatures/upload", Self.unstable + "/signatures/upload"], body: .collected(max: Self.maxBody), uploadSignatures)
    }

    private func uploadKeys(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, device = req.user.deviceID, body = try req.json()
        // An application service acts for a user without a device unless it names one: such keys would be nobody's.
        guard req.user.hasDevice else { throw MatrixError.forbidden("Keys belong to a device: name it with 'device_id'.") }
        let keys = try body.object("device_keys").map { (keys: JSONObject) throws(MatrixError) in try DeviceKeyRules.check(keys, user: user, device: device) }
        let once = try OneTimeKeyRules.parse(try body.object("one_time_keys") ?? [:])
        let fallback = try OneTimeKeyRules.parse(try body.object("fallback_keys") ?? [:])
        guard Set(fallback.map(\.algorithm)).count == fallback.count else { throw MatrixError.invalidParam("There can be one fallback key for each algorithm.") }
        let board = deviceLists, cache = keyCounts
        let counts: [String: Int64]
        if keys == nil, once.isEmpty, fallback.isEmpty {
            counts = try await c.db.read { tx in try OneTimeKeys.count(tx, user, device) }
        } else {
            counts = try await c.db.write { tx in
                if let keys, try DeviceKeys.set(tx, user, device, keys) { try DeviceLists.announce(c, tx, board, user) }
                try OneTimeKeys.add(tx, user, device, once)
                try OneTimeKeys.setFallback(tx, user, device, fallback)
                try OneTimeKeys.announce(c, tx, cache, user, device)
                return try OneTimeKeys.count(tx, user, device)
            }
        }
        return .json(["one_time_key_counts": OneTimeKeys.json(counts)])
    }

    private func queryKeys(_ req: Request, _ c: Context) async throws -> Response {
        let me = req.user.userID, body = try req.json()
        guard let asked = try body.object("device_keys") else { throw MatrixError.missingParam("'device_keys' is required.") }
        _ = try body.int("timeout")
        guard asked.count <= Self.mostUsers else { throw MatrixError.tooLarge("One request asks for at most \(Self.mostUsers) users.") }
        var wanted: [UserID: Set<DeviceID>] = [:], failures: JSONObject = [:]
        for (name, value) in asked {
            guard let user = UserID(rawValue: name) else { throw MatrixError.invalidParam("'device_keys' has a key that is no user id.") }
            // Old clients send an object or null for all devices.
            let devices = value.isNull || value.objectValue?.isEmpty == true ? [] : value.arrayValue
            guard let devices, devices.count <= 10_000 else { throw MatrixError.badJSON("Each user of 'device_keys' must have a list of devices.") }
            wanted[user] = Set(try devices.map { device in
                guard let text = device.stringValue else { throw MatrixError.badJSON("A device id must be a string.") }
                return DeviceID(trusted: text)
            })
            if user.server != c.serverName { failures[user.server] = Self.unreachable }
        }
        let (sent, failed) = (wanted, failures)
        let found = try await c.db.read { tx in try KeyQuery.read(tx, sent.filter { $0.key.server == c.serverName }, reader: me) }
        var answer = found.json
        answer["failures"] = .object(failed)
        return .json(.object(answer))
    }

    /// There is no federation: nobody of another server can be asked.
    private static let unreachable: JSON = ["errcode": "M_UNREACHABLE", "error": "This server talks to no other server.", "status": 503]

    private func claimKeys(_ req: Request, _ c: Context) async throws -> Response {
        let body = try req.json()
        guard let asked = try body.object("one_time_keys") else { throw MatrixError.missingParam("'one_time_keys' is required.") }
        _ = try body.int("timeout")
        var wanted: [(user: UserID, device: DeviceID, algorithm: String)] = [], failures: JSONObject = [:]
        for (name, devices) in asked {
            guard let user = UserID(rawValue: name) else { throw MatrixError.invalidParam("'one_time_keys' has a key that is no user id.") }
            guard let devices = devices.objectValue else { throw MatrixError.badJSON("Each user of 'one_time_keys' must have an object of devices.") }
            if user.server != c.serverName { failures[user.server] = Self.unreachable; continue }
            for (device, algorithm) in devices {
                guard let algorithm = algorithm.stringValue else { throw MatrixError.badJSON("Each device must have the name of an algorithm.") }
                guard !device.utf8.contains(0), !algorithm.utf8.contains(0) else { throw MatrixError.invalidParam("A device id or algorithm has a character that is not allowed.") }
                wanted.append((user, DeviceID(trusted: device), algorithm))
            }
        }
        guard wanted.count <= Self.mostClaims else { throw MatrixError.tooLarge("One request claims at most \(Self.mostClaims) keys.") }
        let (sent, failed, now, cache) = (wanted, failures, c.clock.now, keyCounts)
        let found = try await c.db.write { tx in
            var found: [UserID: JSONObject] = [:]
            for claim in sent {
                guard let key = try OneTimeKeys.claim(c, tx, cache, claim.user, claim.device, claim.algorithm, now: now) else { continue }
                found[claim.user, default: [:]][claim.device.rawValue] = .object(JSONObject([(key: key.name, value: .raw(key.json))]))
            }
            return found
        }
        let keys = JSONObject(found.map { (key: $0.key.rawValue, value: JSON.object($0.value)) })
        return .json(["one_time_keys": .object(keys), "failures": .object(failed)])
    }

    private func keyChanges(_ req: Request, _ c: Context) async throws -> Response {
        func token(_ name: String) throws -> SyncToken? {
            guard let text = req.query[name], !text.isEmpty else { return nil }
            guard let token = SyncToken(text) else { throw MatrixError.invalidParam("'\(name)' is not a token of this server.") }
            return token
        }
        guard let from = try token("from") else { throw MatrixError.missingParam("'from' is required.") }
        _ = try token("to")   // what came later is told as well: the client hears of it in its next sync anyway
        let user = req.user.userID, board = deviceLists
        let lists = try await c.db.read { tx in try DeviceLists.changes(c, tx, board, of: user, after: from.position, through: try tx.position) }
        return .json(lists.json)
    }

    private func uploadCrossSigningKeys(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, body = try req.json()
        var keys = try Self.crossSigningKeys(body, user)
        let stored = try await c.db.read { tx in try CrossSigningStore.keys(tx, user) }
        // Refused before the proof is asked for. A request that carries nothing but `auth` means the keys of the first one.
        if !keys.isEmpty || body["auth"] == nil {
            try CrossSigning.check(keys, stored: stored, owner: user)
        }
        if keys.isEmpty || CrossSigning.needsProof(keys, stored: stored) {
            let proof = try await authenticate(c, req, body, operation: "POST /keys/device_signing/upload")
            keys = try Self.crossSigningKeys(proof.params, user)
        } else {
            let checked = keys, board = deviceLists
            // Somebody else may have stored keys since they were read.
            let isStored = try await c.db.write { tx in
                guard !CrossSigning.needsProof(checked, stored: try CrossSigningStore.keys(tx, user)) else { return false }
                try CrossSigning.store(c, tx, board, user, checked)
                return true
            }
            if isStored { return .empty }
            _ = try await authenticate(c, req, body, operation: "POST /keys/device_signing/upload")
        }
        let proved = keys, board = deviceLists
        try await c.db.write { tx in try CrossSigning.store(c, tx, board, user, proved) }
        return .empty
    }

    private static func crossSigningKeys(_ body: JSONObject, _ user: UserID) throws(MatrixError) -> CrossSigningKeys {
        var keys: CrossSigningKeys = [:]
        for usage in CrossSigningUsage.allCases {
            if let json = try body.object(usage.field) { keys[usage] = try CrossSigningKey(json, usage: usage, owner: user) }
        }
        return keys
    }

    private func uploadSignatures(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, body = try req.json(), board = deviceLists
        var objects: [(about: UserID, key: String, object: JSONObject)] = []
        for (name, keys) in body {
            guard let about = UserID(rawValue: name) else { throw MatrixError.invalidParam("The body has a key that is no user id.") }
            guard let keys = keys.objectValue else { throw MatrixError.badJSON("Each user must have an object of keys.") }
            for (key, object) in keys {
                guard let object = object.objectValue else { throw MatrixError.badJSON("Each key must be a signed object.") }
                guard !key.utf8.contains(0) else { throw MatrixError.invalidParam("The name of a key has a character that is not allowed.") }
                objects.append((about, key, object))
            }
        }
        guard objects.count <= Self.mostClaims else { throw MatrixError.tooLarge("One request uploads signatures of at most \(Self.mostClaims) keys.") }
        let sent = objects
        let failures = try await c.db.write { tx in
            var failures: [UserID: JSONObject] = [:], known: [UserID: CrossSigningKeys] = [:], changed: Set<UserID> = []
            func keys(_ user: UserID) throws -> CrossSigningKeys {
                if let keys = known[user] { return keys }
                let keys = try CrossSigningStore.keys(tx, user)
                known[user] = keys
                return keys
            }
            for (about, key, object) in sent {
                do {
                    let signatures = about == user
                        ? try SignatureUpload.own(tx, user, try keys(user), key: key, object)
                        : try SignatureUpload.others(user, try keys(user), about: about, try keys(about), key: key, object)
                    for signature in signatures { try SignatureStore.set(tx, signature) }
                    if !signatures.isEmpty { changed.insert(about) }
                } catch let refusal as SignatureUpload.Refusal {
                    failures[about, default: [:]][key] = ["errcode": .string(refusal.errcode), "error": .string(refusal.message)]
                }
            }
            if changed.remove(user) != nil { try DeviceLists.announce(c, tx, board, user) }
            for other in changed.sorted() { try DeviceLists.announce(c, tx, board, to: user, about: other) }
            return failures
        }
        return .json(["failures": .object(JSONObject(failures.map { (key: $0.key.rawValue, value: JSON.object($0.value)) }))])
    }
}

/// What /keys/query answers of local users.
struct KeyQuery {
    var devices: [UserID: JSONObject] = [:]
    var crossSigning: [CrossSigningUsage: JSONObject] = [:]

    var json: JSONObject {
        var answer: JSONObject = ["device_keys": .object(JSONObject(devices.map { (key: $0.key.rawValue, value: JSON.object($0.value)) }))]
        for usage in CrossSigningUsage.allCases { answer[usage.plural] = .object(crossSigning[usage] ?? [:]) }
        return answer
    }

    /// `wanted`: devices of each user, none for all.
    static func read(_ tx: ReadTx, _ wanted: [UserID: Set<DeviceID>], reader: UserID) throws -> KeyQuery {
        var query = KeyQuery()
        for user in wanted.keys { query.devices[user] = [:] }
        let users = wanted.keys.sorted()
        for start in stride(from: 0, to: users.count, by: DeviceKeySQL.together) {
            var some = Array(users[start..<min(start + DeviceKeySQL.together, users.count)])
            while some.count < DeviceKeySQL.together { some.append(some[0]) }
            try query.read(tx, some, wanted, reader)
        }
        return query
    }

    private mutating func read(_ tx: ReadTx, _ users: [UserID], _ wanted: [UserID: Set<DeviceID>], _ reader: UserID) throws {
        var signatures: [String: [KeySignature]] = [:]
        for signature in try SignatureStore.visible(tx, about: users, to: reader) { signatures[signature.about.rawValue + "\n" + signature.key, default: []].append(signature) }
        let binds = users.map(\.databaseValue)
        try tx.each(DeviceKeySQL.ofUsers, array: binds) { row in
            let user = UserID(trusted: row.text(0)), device = DeviceID(trusted: row.text(1))
            if let only = wanted[user], !only.isEmpty, !only.contains(device) { return }
            var keys = Self.signed(try JSONObject.parse(row.bytes(2)), signatures[user.rawValue + "\n" + device.rawValue])
            keys["unsigned"] = row.textOrNil(3).map { ["device_display_name": .string($0)] } ?? [:]
            devices[user, default: [:]][device.rawValue] = .object(keys)
        }
        try tx.each(CrossSigningSQL.ofUsers, array: binds) { row in
            let user = UserID(trusted: row.text(0))
            guard let usage = CrossSigningUsage(rawValue: row.text(1)), usage != .userSigning || user == reader else { return }
            var key = try JSONObject.parse(row.bytes(3))
            if usage == .master { key = Self.signed(key, signatures[user.rawValue + "\n" + row.text(2)]) }
            crossSigning[usage, default: [:]][user.rawValue] = .object(key)
        }
    }

    private static func signed(_ object: JSONObject, _ more: [KeySignature]?) -> JSONObject {
        guard let more, !more.isEmpty else { return object }
        var signatures = object["signatures"]?.objectValue ?? [:]
        for signature in more {
            var keys = signatures[signature.signer.rawValue]?.objectValue ?? [:]
            keys[signature.keyID] = .string(signature.signature)
            signatures[signature.signer.rawValue] = .object(keys)
        }
        var signed = object
        signed["signatures"] = .object(signatures)
        return signed
    }
}
