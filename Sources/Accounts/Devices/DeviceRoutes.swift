import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#device-management
extension Accounts {
    var deviceRoutes: [Route] {
        [
            Route(.get, "/_matrix/client/v3/devices", auth: .guest, devices),
            Route(.get, "/_matrix/client/v3/devices/{deviceId}", auth: .guest, device),
            Route(.put, "/_matrix/client/v3/devices/{deviceId}", auth: .guest, renameDevice),
            Route(.delete, "/_matrix/client/v3/devices/{deviceId}", deleteDevice),
            Route(.post, "/_matrix/client/v3/delete_devices", deleteDevices),
        ]
    }

    private func devices(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID
        let rows = try await c.db.read { tx in try DeviceStore.all(tx, user) }
        return .json(["devices": .array(rows.map { $0.json(self, user) })])
    }

    private func device(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, id: DeviceID = try req.id("deviceId")
        guard let row = try await c.db.read({ tx in try DeviceStore.device(tx, user, id) }) else { throw MatrixError.notFound("There is no such device.") }
        return .json(row.json(self, user))
    }

    private func renameDevice(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, id: DeviceID = try req.id("deviceId")
        let body = try req.json()
        let name = try body.string("display_name", max: Devices.maxNameBytes)
        let board = deviceLists, mayCreate = req.user.service != nil, now = c.clock.now
        let isNew = try await c.db.write { tx in
            guard let old = try DeviceStore.device(tx, user, id) else {
                // An application service makes the devices of its users here, without signing them in.
                guard mayCreate else { throw MatrixError.notFound("There is no such device.") }
                try DeviceStore.insert(tx, user, id, name: name, now: now)
                try DeviceLists.announce(c, tx, board, user)
                try OneTimeKeys.tell(c, tx, user, id)
                return true
            }
            // It does so whenever it starts, and may have forgotten what it knew.
            if mayCreate { try OneTimeKeys.tell(c, tx, user, id) }
            guard body["display_name"] != nil, old.name != name else { return false }
            try DeviceStore.rename(tx, user, id, name)
            try DeviceLists.announce(c, tx, board, user)
            return false
        }
        return .json([:], status: isNew ? 201 : 200)
    }

    private func deleteDevice(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, id: DeviceID = try req.id("deviceId")
        _ = try await authenticate(c, req, try req.json(), operation: "DELETE /devices/" + id.rawValue)
        try await c.db.write { tx in try Devices.delete(c, tx, self, user: user, devices: [id]) }
        return .empty
    }

    private func deleteDevices(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, body = try req.json()
        // Refused before the proof is asked for, so that nobody types a password in vain.
        if body["devices"] != nil || body["auth"] == nil { _ = try Self.deviceIDs(body) }
        let proof = try await authenticate(c, req, body, operation: "POST /delete_devices")
        let ids = try Self.deviceIDs(proof.params)
        try await c.db.write { tx in try Devices.delete(c, tx, self, user: user, devices: ids) }
        return .empty
    }

    private static func deviceIDs(_ body: JSONObject) throws(MatrixError) -> [DeviceID] {
        guard let texts = try body.strings("devices", max: 1000) else { throw .missingParam("'devices' is required.") }
        var ids: [DeviceID] = []
        for text in texts {
            guard let id = DeviceID(rawValue: text) else { throw .invalidParam("'devices' has an entry that is no device id.") }
            ids.append(id)
        }
        return ids
    }
}
