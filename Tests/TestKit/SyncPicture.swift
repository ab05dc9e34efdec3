package import MatrixCore
package import ServerKit

/// A client's state, merged from answers by the client's own rules: account data by type, presence by sender, receipts by
/// user and thread, other ephemeral events by type; to-device messages are a queue; rooms that the user has left go away.
package struct SyncPicture: Sendable, Equatable {
    package struct Room: Sendable, Equatable {
        package var accountData: [String: JSON] = [:]
        package var ephemeral: [String: JSON] = [:]
        /// "type user thread" -> event and data.
        package var receipts: [String: JSON] = [:]
    }
    package var joined: Set<RoomID> = []
    package var rooms: [RoomID: Room] = [:]
    package var accountData: [String: JSON] = [:]
    package var presence: [String: JSON] = [:]
    package var toDevice: [JSON] = []
    package var extra: [String: JSON] = [:]
    package init() {}

    package mutating func apply(_ parts: SyncParts, _ scope: SyncScope) throws {
        for bytes in parts.accountData {
            let event = try Self.event(bytes)
            accountData[event.type] = event.json["content"]
        }
        for bytes in parts.presence {
            let event = try Self.event(bytes)
            guard let sender = event.json["sender"]?.stringValue else { throw TestFailure("presence without sender: \(event.json.text)") }
            presence[sender] = event.json["content"]
        }
        for bytes in parts.toDevice { toDevice.append(try Self.event(bytes).json) }
        for entry in parts.extra { extra[entry.name] = try Self.parse(entry.json) }
        joined = scope.joined
        rooms = rooms.filter { scope.joined.contains($0.key) }
        for (id, part) in parts.rooms where scope.joined.contains(id) {
            var room = scope.fresh.contains(id) ? Room() : rooms[id] ?? Room()
            for bytes in part.accountData {
                let event = try Self.event(bytes)
                room.accountData[event.type] = event.json["content"]
            }
            for bytes in part.ephemeral {
                let event = try Self.event(bytes)
                if event.type == "m.receipt" { room.merge(receipts: event.json["content"]) } else { room.ephemeral[event.type] = event.json["content"] }
            }
            rooms[id] = room
        }
    }

    /// What a fresh client (`other`) sees and this one does not, in words; empty when they agree.
    package func differences(from fresh: SyncPicture) -> [String] {
        var found: [String] = []
        func compare(_ what: String, _ a: [String: JSON], _ b: [String: JSON]) {
            for key in Set(a.keys).union(b.keys).sorted() where a[key] != b[key] {
                found.append("\(what) \(key): merged \(a[key]?.text ?? "nothing"), fresh \(b[key]?.text ?? "nothing")")
            }
        }
        compare("account data", accountData, fresh.accountData)
        compare("extra", extra, fresh.extra)
        // A client keeps the presence of people it no longer shares a room with.
        compare("presence", presence.filter { fresh.presence[$0.key] != nil }, fresh.presence)
        // Acknowledged messages are gone for a fresh client.
        if toDevice.suffix(fresh.toDevice.count) != fresh.toDevice[...] {
            found.append("to-device: merged \(toDevice.map(\.text)), fresh \(fresh.toDevice.map(\.text))")
        }
        for id in Set(rooms.keys).union(fresh.rooms.keys).sorted() {
            let a = rooms[id] ?? Room(), b = fresh.rooms[id] ?? Room()
            compare("room \(id) account data", a.accountData, b.accountData)
            compare("room \(id) ephemeral", a.ephemeral.filter { !Self.isEmptyTyping($0.key, $0.value) }, b.ephemeral.filter { !Self.isEmptyTyping($0.key, $0.value) })
            compare("room \(id) receipt", a.receipts, b.receipts)
        }
        return found
    }

    /// Nobody typing and no word about typing are the same to a client.
    private static func isEmptyTyping(_ type: String, _ content: JSON) -> Bool {
        type == "m.typing" && content["user_ids"]?.arrayValue?.isEmpty == true
    }

    private static func parse(_ bytes: [UInt8]) throws -> JSON {
        do { return try JSON.parse(bytes) } catch { throw TestFailure("a sync source gave bytes that are not JSON: \(String(decoding: bytes, as: UTF8.self))") }
    }
    private static func event(_ bytes: [UInt8]) throws -> (type: String, json: JSON) {
        let json = try parse(bytes)
        guard let type = json["type"]?.stringValue, json["content"]?.objectValue != nil else { throw TestFailure("a sync source gave no event: \(json.text)") }
        return (type, json)
    }
}

extension SyncPicture.Room {
    mutating func merge(receipts content: JSON?) {
        for (event, types) in content?.objectValue ?? [:] {
            for (type, users) in types.objectValue ?? [:] {
                for (user, data) in users.objectValue ?? [:] {
                    receipts["\(type) \(user) \(data["thread_id"]?.stringValue ?? "")"] = ["event": .string(event), "data": data]
                }
            }
        }
    }
}
