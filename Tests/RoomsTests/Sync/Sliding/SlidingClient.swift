import MatrixCore
@testable import Rooms
import ServerKit
import TestKit
import Testing

/// What a client of sliding sync holds, merged by the rules of the proposal.
struct SlidingClient: Sendable {
    struct Room: Equatable {
        var state: [String: String] = [:]
        var events: [String] = []
        var fields: [String: JSON] = [:]
        var accountData: [String: JSON] = [:]
    }
    var user: TestUser
    var name = "main"
    var pos: String?
    var rooms: [String: Room] = [:]
    var accountData: [String: JSON] = [:]
    var counts: [String: Int64] = [:]
    var toDevice: [JSON] = []
    var toDeviceSince: String?
    var last = JSON.null

    static let path = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
    static let v4 = "/_matrix/client/v4/sync"

    /// A list of all rooms with the whole state and so many events.
    static func everything(_ range: ClosedRange<Int> = 0...999, limit: Int = 5, state: JSON = [["*", "*"]]) -> JSONObject {
        ["lists": ["all": ["ranges": [[JSON(range.lowerBound), JSON(range.upperBound)]], "required_state": state, "timeline_limit": JSON(limit)]],
         "extensions": ["account_data": ["enabled": true], "receipts": ["enabled": true], "typing": ["enabled": true]]]
    }

    @discardableResult
    mutating func sync(_ app: TestApp, _ body: JSONObject = SlidingClient.everything(), timeout: Int = 0) async throws -> JSON {
        var body = body
        body["conn_id"] = .string(name)
        let query = "?timeout=\(timeout)" + (pos.map { "&pos=" + Percent.encode($0) } ?? "")
        let answer = try await app.call(.post, Self.path + query, as: user, json: .object(body)).expect(200)
        try apply(answer)
        return answer
    }

    mutating func apply(_ answer: JSON) throws {
        last = answer
        pos = try #require(answer["pos"]?.stringValue)
        for (name, list) in answer["lists"]?.objectValue ?? [:] { counts[name] = list["count"]?.intValue }
        for (id, data) in answer["rooms"]?.objectValue ?? [:] {
            var room = data["initial"] == true ? Room() : rooms[id] ?? Room()
            let timeline = (data["timeline"]?.arrayValue ?? [])
            for event in (data["required_state"]?.arrayValue ?? []) + timeline {
                if let key = event["state_key"]?.stringValue { room.state["\(event["type"]?.stringValue ?? "") \(key)"] = event["event_id"]?.stringValue }
            }
            let ids = timeline.compactMap { $0["event_id"]?.stringValue }
            if data["limited"] == true || data["unstable_expanded_timeline"] == true { room.events = [] }
            #expect(Set(ids).isDisjoint(with: room.events), "an event came twice in \(id)")
            room.events += ids
            for key in ["name", "avatar", "joined_count", "invited_count", "notification_count", "highlight_count", "is_dm", "heroes", "membership", "invite_state", "bump_stamp"] {
                if let value = data[key] { room.fields[key] = value.isNull || value == false ? nil : value }
            }
            if let name = room.fields["name"], name != .null { room.fields["heroes"] = nil }
            rooms[id] = room
            // He has left by himself: the next list does not have it.
            if data["membership"] == "leave" { rooms[id] = nil }
        }
        let extensions = answer["extensions"]
        for event in extensions?["account_data"]?["global"]?.arrayValue ?? [] { accountData[event["type"]?.stringValue ?? ""] = event["content"] }
        for (id, events) in extensions?["account_data"]?["rooms"]?.objectValue ?? [:] {
            for event in events.arrayValue ?? [] { rooms[id]?.accountData[event["type"]?.stringValue ?? ""] = event["content"] }
        }
        if let messages = extensions?["to_device"] {
            toDevice += messages["events"]?.arrayValue ?? []
            toDeviceSince = messages["next_batch"]?.stringValue
        }
    }

    /// What differs from a client that has just signed in.
    func differences(from fresh: SlidingClient) -> [String] {
        var found: [String] = []
        if Set(rooms.keys) != Set(fresh.rooms.keys) { found.append("rooms: \(rooms.keys.sorted()) against \(fresh.rooms.keys.sorted())") }
        if accountData != fresh.accountData { found.append("account data") }
        for (id, mine) in rooms {
            guard let theirs = fresh.rooms[id] else { continue }
            if mine.state != theirs.state {
                let keys = Set(mine.state.keys).union(theirs.state.keys).filter { mine.state[$0] != theirs.state[$0] }
                found.append("\(id) state: \(keys.sorted())")
            }
            let common = min(mine.events.count, theirs.events.count)
            if mine.events.suffix(common) != theirs.events.suffix(common) { found.append("\(id) timeline: \(mine.events.suffix(common)) against \(theirs.events.suffix(common))") }
            for key in Set(mine.fields.keys).union(theirs.fields.keys) where mine.fields[key] != theirs.fields[key] {
                found.append("\(id) \(key): \(mine.fields[key]?.text ?? "nothing") against \(theirs.fields[key]?.text ?? "nothing")")
            }
            if mine.accountData != theirs.accountData { found.append("\(id) account data") }
        }
        return found
    }
}
