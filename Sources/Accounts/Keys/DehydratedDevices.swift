import MatrixCore
import ServerKit
import Store

/// A device that nobody is signed in on: it takes room keys while all others are away, and the next one that signs in wakes it up.
/// Spec: https://github.com/matrix-org/matrix-spec-proposals/pull/3814
///
/// Invariants: a user has at most one; it is a device like others to those who encrypt for him, but has no session; its messages
/// stay until it is deleted or replaced, so that waking it up may be begun again.
enum DehydratedDevices {
    static let path = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"
    static let maxDataBytes = 1 << 20
}

extension Accounts {
    var dehydratedDeviceRoutes: [Route] {
        [
            Route(.put, DehydratedDevices.path, body: .collected(max: 4 << 20), dehydrate),
            Route(.get, DehydratedDevices.path, dehydratedDevice),
            Route(.delete, DehydratedDevices.path, deleteDehydratedDevice),
            Route(.post, DehydratedDevices.path + "/{deviceId}/events", dehydratedEvents),
        ]
    }

    private func dehydrate(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, body = try req.json()
        guard let device: DeviceID = try body.id("device_id") else { throw MatrixError.missingParam("'device_id' is required.") }
        guard let data = try body.object("device_data") else { throw MatrixError.missingParam("'device_data' is required.") }
        _ = try data.required(string: "algorithm", max: 255)
        let bytes = JSON.object(data).encoded()
        guard bytes.count <= DehydratedDevices.maxDataBytes else { throw MatrixError.tooLarge("'device_data' is larger than \(DehydratedDevices.maxDataBytes) bytes.") }
        guard let keys = try body.object("device_keys") else { throw MatrixError.missingParam("'device_keys' is required.") }
        let checked = try DeviceKeyRules.check(keys, user: user, device: device)
        let once = try OneTimeKeyRules.parse(try body.object("one_time_keys") ?? [:])
        let fallback = try OneTimeKeyRules.parse(try body.object("fallback_keys") ?? [:])
        let name = try body.string("initial_device_display_name", max: Devices.maxNameBytes)
        let board = deviceLists, cache = keyCounts, now = c.clock.now
        try await c.db.write { tx in
            if let old = try DehydratedDeviceStore.device(tx, user) { try Devices.delete(c, tx, self, user: user, devices: [old.id]) }
            guard try !DeviceStore.exists(tx, user, device) else { throw MatrixError.invalidParam("There is a device with this id.") }
            try DeviceStore.insert(tx, user, device, name: name, now: now)
            try DehydratedDeviceStore.set(tx, user, device, data: bytes)
            _ = try DeviceKeys.set(tx, user, device, checked)
            try OneTimeKeys.add(tx, user, device, once)
            try OneTimeKeys.setFallback(tx, user, device, fallback)
            try OneTimeKeys.announce(c, tx, cache, user, device)
            try DeviceLists.announce(c, tx, board, user)
        }
        return .json(["device_id": JSON(device)])
    }

    private func dehydratedDevice(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID
        guard let device = try await c.db.read({ tx in try DehydratedDeviceStore.device(tx, user) }) else { throw Self.noDehydratedDevice }
        return .json(["device_id": JSON(device.id), "device_data": .raw(device.data)])
    }

    private func deleteDehydratedDevice(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID
        let device = try await c.db.write { tx in
            guard let device = try DehydratedDeviceStore.device(tx, user) else { throw Self.noDehydratedDevice }
            try Devices.delete(c, tx, self, user: user, devices: [device.id])
            return device.id
        }
        return .json(["device_id": JSON(device)])
    }

    private func dehydratedEvents(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, device: DeviceID = try req.id("deviceId")
        let token = try req.json().string("next_batch", max: 255)
        guard let after = token.map(Int64.init) ?? 0, after >= 0 else { throw MatrixError.invalidParam("'next_batch' is not a token of this server.") }
        let rows = try await c.db.read { tx in
            guard try DehydratedDeviceStore.device(tx, user)?.id == device else { throw Self.noDehydratedDevice }
            return try ToDeviceStore.after(tx, user, device, after, limit: ToDeviceRules.perSync)
        }
        return .json(["events": .array(rows.map { .raw($0.event) }), "next_batch": .string(String(rows.last?.position ?? after))])
    }

    private static var noDehydratedDevice: MatrixError { .notFound("There is no such dehydrated device.") }
}

enum DehydratedDeviceStore {
    static func device(_ tx: ReadTx, _ user: UserID) throws -> (id: DeviceID, data: [UInt8])? {
        try tx.first(DehydratedDeviceSQL.one, user) { (id: DeviceID(trusted: $0.text(0)), data: $0.bytes(1)) }
    }
    static func set(_ tx: WriteTx, _ user: UserID, _ device: DeviceID, data: [UInt8]) throws { try tx.run(DehydratedDeviceSQL.set, user, device, data) }
    static func delete(_ tx: WriteTx, _ user: UserID, _ device: DeviceID) throws { try tx.run(DehydratedDeviceSQL.delete, user, device) }
}

enum DehydratedDeviceSQL {
    static let one = "SELECT device_id, device_data FROM dehydrated_device WHERE user_id = ?"
    static let set = "INSERT INTO dehydrated_device (user_id, device_id, device_data) VALUES (?, ?, ?)"
    static let delete = "DELETE FROM dehydrated_device WHERE user_id = ? AND device_id = ?"

    static let all = [one, set, delete]
}
