import MatrixCore
import ServerKit
import Store
import Synchronization

/// Messages from device to device, kept until the receiver acknowledges them by its next sync token.
/// Spec: https://spec.matrix.org/latest/client-server-api/#send-to-device-messaging
///
/// Invariants: each message has its own change position; a device gets its messages in that order, at most a hundred at a
/// time; one is deleted only when a token at or past it has come back; the same transaction of a device sends once.
enum ToDeviceRules {
    static let perSync = 100
    static let maxBody = 4 << 20
    static let maxMessages = 5_000
    static let transactionLifetime: Int64 = 24 * 3_600_000
}

extension Accounts {
    var toDeviceRoutes: [Route] {
        [Route(.put, "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}", auth: .guest, limit: .message, body: .collected(max: ToDeviceRules.maxBody), sendToDevice)]
    }

    private func sendToDevice(_ req: Request, _ c: Context) async throws -> Response {
        let session = req.user
        let type = try req.param("eventType"), transaction = try req.param("txnId")
        guard type.utf8.count <= 255, transaction.utf8.count <= 255 else { throw MatrixError.invalidParam("The type or the transaction id is longer than 255 bytes.") }
        guard let messages = try req.json().object("messages") else { throw MatrixError.missingParam("'messages' is required.") }
        var letters: [ToDeviceLetter] = []
        for (receiver, devices) in messages {
            guard let user = UserID(rawValue: receiver) else { throw MatrixError.invalidParam("'messages' has a key that is no user id.") }
            guard let devices = devices.objectValue else { throw MatrixError.badJSON("Each user of 'messages' must have an object of devices.") }
            for (device, content) in devices {
                guard let content = content.objectValue else { throw MatrixError.badJSON("Each message must be an object.") }
                letters.append(ToDeviceLetter(user: user, device: device == "*" ? nil : DeviceID(trusted: device), content: content))
            }
        }
        guard letters.count <= ToDeviceRules.maxMessages else { throw MatrixError.tooLarge("One request sends at most \(ToDeviceRules.maxMessages) messages.") }
        let sent = letters, now = c.clock.now, waiting = waitingDevices
        try await c.db.write { tx in
            guard try ToDeviceStore.begin(tx, session.userID, session.deviceID, type, transaction, now: now) else { return }
            for letter in sent { try ToDevice.deliver(c, tx, waiting, letter, type: type, sender: session.userID) }
        }
        return .empty
    }
}

struct ToDeviceLetter: Sendable {
    var user: UserID
    /// nil for all devices of the user.
    var device: DeviceID?
    var content: JSONObject
}

enum ToDevice {
    /// Messages to unknown users and devices are dropped: their senders cannot know better.
    static func deliver(_ c: Context, _ tx: WriteTx, _ waiting: WaitingDevices, _ letter: ToDeviceLetter, type: String, sender: UserID) throws {
        let devices: [DeviceID]
        if let device = letter.device {
            devices = try DeviceStore.exists(tx, letter.user, device) ? [device] : []
        } else {
            devices = try DeviceStore.ids(tx, letter.user)
        }
        guard !devices.isEmpty else { return }
        let message: JSONObject = ["type": .string(type), "sender": JSON(sender), "content": .object(letter.content)]
        let kept = try devices.filter { device in
            switch try c.ports.bridges.take(c, tx, toDevice: message, user: letter.user, device: device) {
            case .untaken: true
            // A device on which nobody has signed in is the service's; it would wait there for ever.
            case .copied: try SessionStore.hasToken(tx, letter.user, device) || DehydratedDeviceStore.device(tx, letter.user)?.id == device
            case .taken: false
            }
        }
        guard !kept.isEmpty else { return }
        let event = message.encoded()
        for device in kept {
            let position = tx.nextPosition()
            waiting.add(letter.user, device, position)
            try ToDeviceStore.insert(tx, letter.user, device, position: position, event)
        }
        tx.touch(.device(letter.user.rawValue))
    }
}

/// Devices for which messages may wait, with the position of the last one: others read and delete nothing at their syncs.
///
/// Invariants: filled inside the transaction that stores a message, before its commit, so it never lacks one that a snapshot
/// holds; emptied after the commit that deleted the last one, unless another came meanwhile.
final class WaitingDevices: Sendable {
    private struct Key: Hashable { var user: UserID, device: DeviceID }
    private let last = Mutex<[Key: Int64]>([:])

    func contains(_ user: UserID, _ device: DeviceID) -> Bool { last.withLock { $0[Key(user: user, device: device)] != nil } }
    func add(_ user: UserID, _ device: DeviceID, _ position: Int64) { last.withLock { $0[Key(user: user, device: device)] = position } }
    /// Nothing waited at `position`.
    func remove(_ user: UserID, _ device: DeviceID, at position: Int64) {
        last.withLock { last in
            let key = Key(user: user, device: device)
            if let newest = last[key], newest <= position { last[key] = nil }
        }
    }

    func load(_ c: Context) async throws {
        let position = c.db.position
        for (user, device) in try await c.db.read({ tx in try ToDeviceStore.devices(tx) }) { add(user, device, position) }
    }
}

enum ToDeviceStore {
    /// False when this transaction was sent already.
    static func begin(_ tx: WriteTx, _ user: UserID, _ device: DeviceID, _ type: String, _ transaction: String, now: Int64) throws -> Bool {
        try tx.run(SQL.begin, user, device, type, transaction, now) == 1
    }
    static func insert(_ tx: WriteTx, _ user: UserID, _ device: DeviceID, position: Int64, _ event: [UInt8]) throws {
        try tx.run(SQL.insert, user, device, position, event)
    }
    static func after(_ tx: ReadTx, _ user: UserID, _ device: DeviceID, _ position: Int64, limit: Int) throws -> [(position: Int64, event: [UInt8])] {
        try tx.all(SQL.after, user, device, position, limit) { (position: $0.int(0), event: $0.bytes(1)) }
    }
    static func hasAny(_ tx: ReadTx, _ user: UserID, _ device: DeviceID) throws -> Bool { try tx.exists(SQL.hasAny, user, device) }
    static func devices(_ tx: ReadTx) throws -> [(UserID, DeviceID)] {
        try tx.all(SQL.devices) { (UserID(trusted: $0.text(0)), DeviceID(trusted: $0.text(1))) }
    }
    static func delete(_ tx: WriteTx, _ user: UserID, _ device: DeviceID, through position: Int64) throws { try tx.run(SQL.delete, user, device, position) }
    static func deleteAll(_ tx: WriteTx, _ user: UserID, _ device: DeviceID) throws {
        try tx.run(SQL.delete, user, device, Int64.max)
        try tx.run(SQL.deleteTransactions, user, device)
    }
    static func deleteOldTransactions(_ tx: WriteTx, before: Int64) throws { try tx.run(SQL.deleteOldTransactions, before) }

    private enum SQL {
        static let begin = """
            INSERT INTO to_device_transaction (user_id, device_id, type, transaction_id, at) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (user_id, device_id, type, transaction_id) DO NOTHING
            """
        static let insert = "INSERT INTO to_device (user_id, device_id, position, event) VALUES (?, ?, ?, ?)"
        static let after = "SELECT position, event FROM to_device WHERE user_id = ? AND device_id = ? AND position > ? ORDER BY position LIMIT ?"
        static let hasAny = "SELECT 1 FROM to_device WHERE user_id = ? AND device_id = ? LIMIT 1"
        static let devices = "SELECT DISTINCT user_id, device_id FROM to_device"
        static let delete = "DELETE FROM to_device WHERE user_id = ? AND device_id = ? AND position <= ?"
        static let deleteTransactions = "DELETE FROM to_device_transaction WHERE user_id = ? AND device_id = ?"
        static let deleteOldTransactions = "DELETE FROM to_device_transaction WHERE at < ?"
    }
}

struct ToDeviceSync: SyncSource {
    let waiting: WaitingDevices

    func isQuiet(_ c: Context, user: UserID, device: DeviceID, presence: String, through token: SyncToken) -> Bool { !waiting.contains(user, device) }

    func contribute(_ c: Context, _ tx: ReadTx, _ scope: SyncScope, into parts: inout SyncParts) throws {
        guard scope.wanted.contains(.toDevice), waiting.contains(scope.user, scope.device) else { return }
        let since = scope.since?.toDevicePosition ?? 0, limit = min(ToDeviceRules.perSync, scope.toDeviceLimit)
        let rows = try ToDeviceStore.after(tx, scope.user, scope.device, since, limit: limit + 1)
        let sent = rows.prefix(limit)
        parts.toDevice += sent.map(\.event)
        if rows.count > sent.count { parts.toDeviceThrough = sent.last?.position }
    }

    func acknowledged(_ c: Context, user: UserID, device: DeviceID, through token: SyncToken) async throws {
        guard waiting.contains(user, device) else { return }
        let position = token.toDevicePosition, waiting = waiting
        try await c.db.write { tx in
            try ToDeviceStore.delete(tx, user, device, through: position)
            guard try !ToDeviceStore.hasAny(tx, user, device) else { return }
            let now = try tx.position
            tx.afterCommit { waiting.remove(user, device, at: now) }
        }
    }
}
