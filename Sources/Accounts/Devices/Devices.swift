import MatrixCore
import ServerKit
import Store

/// Devices of a user. A device is made by signing in; with it end its tokens, its keys and the messages that wait for it.
/// Spec: https://spec.matrix.org/latest/client-server-api/#device-management
enum Devices {
    static let maxNameBytes = 1024

    /// Unknown devices are no error.
    static func delete(_ c: Context, _ tx: WriteTx, _ accounts: Accounts, user: UserID, devices: [DeviceID]) throws {
        let devices = try devices.filter { try DeviceStore.exists(tx, user, $0) }
        guard !devices.isEmpty else { return }
        for device in devices {
            try DeviceKeys.delete(tx, accounts.keyCounts, user, device)
            try SessionStore.deleteTokens(tx, user, device)
            try ToDeviceStore.deleteAll(tx, user, device)
            try DeviceStore.delete(tx, user, device)
        }
        try DeviceLists.announce(c, tx, accounts.deviceLists, user)
        let ended = Set(devices)
        tx.afterCommit { accounts.cache.forget(user, devices: ended) }
    }

    static func deleteAll(_ c: Context, _ tx: WriteTx, _ accounts: Accounts, user: UserID, except kept: DeviceID? = nil) throws {
        try delete(c, tx, accounts, user: user, devices: try DeviceStore.ids(tx, user).filter { $0 != kept })
    }
}

struct DeviceRow: Sendable {
    var id: DeviceID
    var name: String?
    var seen: LastSeen.Sighting?

    func json(_ accounts: Accounts, _ user: UserID) -> JSON {
        var body: JSONObject = ["device_id": JSON(id)]
        if let name { body["display_name"] = .string(name) }
        if let seen = accounts.seen.sighting(user, id) ?? seen {
            body["last_seen_ts"] = .int(seen.at)
            body["last_seen_ip"] = .string(seen.address)
        }
        return .object(body)
    }
}

enum DeviceStore {
    static func exists(_ tx: ReadTx, _ user: UserID, _ device: DeviceID) throws -> Bool { try tx.exists(SQL.exists, user, device) }
    static func ids(_ tx: ReadTx, _ user: UserID) throws -> [DeviceID] { try tx.all(SQL.ids, user) { DeviceID(trusted: $0.text(0)) } }
    static func all(_ tx: ReadTx, _ user: UserID) throws -> [DeviceRow] { try tx.all(SQL.all, user, row: row) }
    static func device(_ tx: ReadTx, _ user: UserID, _ device: DeviceID) throws -> DeviceRow? { try tx.first(SQL.device, user, device, row: row) }
    static func insert(_ tx: WriteTx, _ user: UserID, _ device: DeviceID, name: String?, now: Int64) throws { try tx.run(SQL.insert, user, device, name, now) }
    static func delete(_ tx: WriteTx, _ user: UserID, _ device: DeviceID) throws { try tx.run(SQL.delete, user, device) }
    static func rename(_ tx: WriteTx, _ user: UserID, _ device: DeviceID, _ name: String?) throws { try tx.run(SQL.rename, name, user, device) }
    static func saw(_ tx: WriteTx, _ user: UserID, _ device: DeviceID, _ seen: LastSeen.Sighting) throws {
        try tx.run(SQL.saw, seen.at, seen.address, seen.agent, user, device)
    }

    private static func row(_ row: Row) -> DeviceRow {
        DeviceRow(id: DeviceID(trusted: row.text(0)), name: row.textOrNil(1),
                  seen: row.intOrNil(2).map { LastSeen.Sighting(at: $0, address: row.text(3), agent: row.textOrNil(4)) })
    }

    private enum SQL {
        static let columns = "device_id, display_name, last_seen, last_seen_ip, last_seen_agent"
        static let exists = "SELECT 1 FROM device WHERE user_id = ? AND device_id = ?"
        static let ids = "SELECT device_id FROM device WHERE user_id = ? ORDER BY device_id"
        static let all = "SELECT \(columns) FROM device WHERE user_id = ? ORDER BY created, device_id"
        static let device = "SELECT \(columns) FROM device WHERE user_id = ? AND device_id = ?"
        static let insert = "INSERT INTO device (user_id, device_id, display_name, created, last_seen, last_seen_ip, last_seen_agent) VALUES (?, ?, ?, ?, NULL, NULL, NULL)"
        static let delete = "DELETE FROM device WHERE user_id = ? AND device_id = ?"
        static let rename = "UPDATE device SET display_name = ? WHERE user_id = ? AND device_id = ?"
        static let saw = "UPDATE device SET last_seen = ?, last_seen_ip = ?, last_seen_agent = ? WHERE user_id = ? AND device_id = ?"
    }
}
