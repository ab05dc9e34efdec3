import Accounts
import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

/// What a client of /sync holds, merged by the rules of the spec.
private struct Client: Sendable {
    struct Room: Equatable {
        var state: [String: String] = [:]
        var events: [String] = []
        var unread = JSON.null
        var summary: [String: JSON] = [:]
        var accountData: [String: JSON] = [:]
        var receipts: [String: JSON] = [:]
    }
    var user: TestUser
    /// Asks for `use_state_after` and takes state from nowhere else.
    var usesStateAfter = false
    var token: String?
    var rooms: [String: Room] = [:]
    var invites: Set<String> = []
    var knocks: Set<String> = []
    var accountData: [String: JSON] = [:]

    mutating func apply(_ answer: JSON) throws {
        token = try #require(answer["next_batch"]?.stringValue)
        for event in answer["account_data"]?["events"]?.arrayValue ?? [] { accountData[event["type"]?.stringValue ?? ""] = event["content"] }
        let sections = answer["rooms"]
        for (id, data) in sections?["join"]?.objectValue ?? [:] {
            invites.remove(id)
            knocks.remove(id)
            var room = rooms[id] ?? Room()
            let timeline = data["timeline"]?["events"]?.arrayValue ?? []
            // A gap: what was known of the timeline is dropped, the state goes on.
            if data["timeline"]?["limited"]?.boolValue == true { room.events = [] }
            #expect((data["state_after"] != nil) == usesStateAfter && (data["state"] == nil) == usesStateAfter)
            let changes = usesStateAfter ? data["state_after"]?["events"]?.arrayValue ?? [] : (data["state"]?["events"]?.arrayValue ?? []) + timeline
            for event in changes {
                if let key = event["state_key"]?.stringValue { room.state["\(event["type"]?.stringValue ?? "") \(key)"] = event["event_id"]?.stringValue }
            }
            let ids = timeline.compactMap { $0["event_id"]?.stringValue }
            #expect(Set(ids).isDisjoint(with: room.events), "an event came twice")
            room.events += ids
            if let unread = data["unread_notifications"] { room.unread = unread }
            for (key, value) in data["summary"]?.objectValue ?? [:] { room.summary[key] = value }
            for event in data["account_data"]?["events"]?.arrayValue ?? [] { room.accountData[event["type"]?.stringValue ?? ""] = event["content"] }
            for event in data["ephemeral"]?["events"]?.arrayValue ?? [] where event["type"] == "m.receipt" {
                for (id, kinds) in event["content"]?.objectValue ?? [:] {
                    for (kind, users) in kinds.objectValue ?? [:] {
                        for (user, _) in users.objectValue ?? [:] { room.receipts["\(kind) \(user)"] = .string(id) }
                    }
                }
            }
            rooms[id] = room
        }
        for (id, _) in sections?["invite"]?.objectValue ?? [:] { invites.insert(id); rooms[id] = nil }
        for (id, _) in sections?["knock"]?.objectValue ?? [:] { knocks.insert(id); rooms[id] = nil; invites.remove(id) }
        for (id, _) in sections?["invite"]?.objectValue ?? [:] { knocks.remove(id) }
        for (id, _) in sections?["leave"]?.objectValue ?? [:] { invites.remove(id); knocks.remove(id); rooms[id] = nil }
    }

    /// What differs from a client that has just signed in.
    func differences(from fresh: Client) -> [String] {
        var found: [String] = []
        if Set(rooms.keys) != Set(fresh.rooms.keys) { found.append("rooms: \(rooms.keys.sorted()) against \(fresh.rooms.keys.sorted())") }
        if invites != fresh.invites { found.append("invites: \(invites.sorted()) against \(fresh.invites.sorted())") }
        if knocks != fresh.knocks { found.append("knocks: \(knocks.sorted()) against \(fresh.knocks.sorted())") }
        if accountData != fresh.accountData { found.append("account data") }
        for (id, mine) in rooms {
            guard let theirs = fresh.rooms[id] else { continue }
            if mine.state != theirs.state {
                let keys = Set(mine.state.keys).union(theirs.state.keys).filter { mine.state[$0] != theirs.state[$0] }
                found.append("\(id) state: \(keys.sorted())")
            }
            let common = min(mine.events.count, theirs.events.count)
            if mine.events.suffix(common) != theirs.events.suffix(common) { found.append("\(id) timeline: \(mine.events.suffix(common)) against \(theirs.events.suffix(common))") }
            if mine.unread != theirs.unread { found.append("\(id) unread: \(mine.unread.text) against \(theirs.unread.text)") }
            for key in ["m.joined_member_count", "m.invited_member_count"] where mine.summary[key] != theirs.summary[key] { found.append("\(id) \(key)") }
            if mine.accountData != theirs.accountData { found.append("\(id) account data") }
            if mine.receipts != theirs.receipts { found.append("\(id) receipts: \(mine.receipts) against \(theirs.receipts)") }
        }
        return found
    }
}

@Suite struct SyncConvergenceTests {
    /// For random histories of actions, a client that follows by incremental syncs knows what a fresh client knows.
    @Test(arguments: TestBackend.available, [1, 2, 3, 4, 5, 6, 7, 179] as [UInt64])
    func incrementalEqualsFresh(backend: TestBackend, seed: UInt64) async throws {
        let accounts = Accounts(), rooms = RoomService()
        let app = try await TestApp([accounts.feature, rooms.feature], ports: .testing(sessions: accounts, users: accounts, rooms: rooms, timelines: rooms, preferences: accounts), backend: backend, seed: seed)
        let chance = SeededEntropy(seed &* 977)
        func roll(_ n: Int) -> Int { Int(chance.bytes(2).reduce(0) { $0 << 8 | UInt32($1) }) % n }
        var clients: [Client] = []
        for name in ["ann", "ben", "cleo", "dan"] { clients.append(Client(user: try await app.register(name), usesStateAfter: name == "ben" || name == "dan")) }
        var known: [String] = []

        for step in 0..<160 {
            app.clock.advance(Int64(roll(5000)))
            let actor = clients[roll(clients.count)].user, other = clients[roll(clients.count)].user
            let room = known.isEmpty ? "" : Percent.encode(known[roll(known.count)])
            func call(_ method: Method, _ rest: String, _ json: JSON = [:]) async { await app.call(method, "/_matrix/client/v3/rooms/\(room)" + rest, as: actor, json: json) }
            func seen() -> String? { clients.first { $0.user == actor }?.rooms[Percent.decode(room) ?? ""]?.events.randomElement(roll).map { Percent.encode($0) } }
            switch known.isEmpty ? 0 : roll(26) {
            case 0 where known.count < 4:
                let made = await app.call(.post, "/_matrix/client/v3/createRoom", as: actor, json: ["preset": roll(2) == 0 ? "public_chat" : "private_chat", "name": "room"])
                known.append(try #require(try made.expect(200)["room_id"]?.stringValue))
            case 1, 2: await app.call(.post, "/_matrix/client/v3/rooms/\(room)/join", as: actor, json: [:])
            case 3: await app.call(.post, "/_matrix/client/v3/rooms/\(room)/leave", as: actor, json: [:])
            case 4: await app.call(.post, "/_matrix/client/v3/rooms/\(room)/invite", as: actor, json: ["user_id": .string(other.id.rawValue)])
            case 5: await app.call(.post, "/_matrix/client/v3/rooms/\(room)/kick", as: actor, json: ["user_id": .string(other.id.rawValue)])
            case 6: await app.call(.put, "/_matrix/client/v3/rooms/\(room)/state/m.room.topic", as: actor, json: ["topic": .string("t\(step)")])
            case 7: await app.call(.put, "/_matrix/client/v3/user/\(actor.path)/rooms/\(room)/account_data/x.y", as: actor, json: ["n": .int(Int64(step))])
            case 8: await app.call(.put, "/_matrix/client/v3/user/\(actor.path)/account_data/x.z", as: actor, json: ["n": .int(Int64(step))])
            case 9:
                if let last = clients.first(where: { $0.user == actor })?.rooms[Percent.decode(room) ?? ""]?.events.last {
                    await app.call(.post, "/_matrix/client/v3/rooms/\(room)/receipt/\(roll(3) == 0 ? "m.read.private" : "m.read")/\(Percent.encode(last))", as: actor, json: [:])
                }
            case 10: await app.call(.put, "/_matrix/client/v3/profile/\(actor.path)/displayname", as: actor, json: ["displayname": .string("name \(step)")])
            case 11: await call(.post, "/ban", ["user_id": .string(other.id.rawValue)])
            case 12: await call(.post, "/unban", ["user_id": .string(other.id.rawValue)])
            case 13: await call(.put, "/state/m.room.join_rules", ["join_rule": .string(["public", "invite", "knock"][roll(3)])])
            case 14: await app.call(.post, "/_matrix/client/v3/knock/\(room)", as: actor, json: [:])
            case 15: if let event = seen() { await call(.put, "/redact/\(event)/r\(step)", [:]) }
            case 16: await call(.post, "/forget")
            case 17: await app.call(.put, "/_matrix/client/v3/user/\(actor.path)/rooms/\(room)/tags/m.favourite", as: actor, json: ["order": .int(Int64(step))])
            case 18: if let event = seen() { await call(.post, "/read_markers", ["m.fully_read": .string(Percent.decode(event) ?? ""), "m.read": .string(Percent.decode(event) ?? "")]) }
            case 19 where roll(3) == 0 && known.count < 6:
                let made = await app.call(.post, "/_matrix/client/v3/rooms/\(room)/upgrade", as: actor, json: ["new_version": "11"])
                if let new = made.json?["replacement_room"]?.stringValue { known.append(new) }
            case 20 where roll(3) == 0: try await purge(app, Percent.decode(room) ?? "")
            case 21:
                if let event = seen() {
                    let relation: JSON = ["rel_type": .string(["m.thread", "m.replace"][roll(2)]), "event_id": .string(Percent.decode(event) ?? "")]
                    await call(.put, "/send/m.room.message/x\(step)", ["body": "related", "msgtype": "m.text", "m.new_content": ["body": "b"], "m.relates_to": relation])
                }
            default:
                for n in 0...roll(5) {
                    await app.call(.put, "/_matrix/client/v3/rooms/\(room)/send/m.room.message/t\(step)-\(n)", as: actor,
                                   json: ["msgtype": "m.text", "body": .string(roll(6) == 0 ? "hello \(other.id.localpart)" : "hello")])
                }
            }
            if roll(3) == 0 {
                let at = roll(clients.count)
                try await sync(&clients[at], app, limit: 1 + roll(6))
            }
        }
        for at in clients.indices {
            try await sync(&clients[at], app, limit: 3)
            for usesStateAfter in [false, true] {
                var fresh = Client(user: clients[at].user, usesStateAfter: usesStateAfter)
                try await sync(&fresh, app, limit: 20)
                let differences = clients[at].differences(from: fresh)
                #expect(differences.isEmpty, "seed \(seed), \(clients[at].user.id): \(differences.joined(separator: "\n"))")
            }
        }
    }

    /// Deletes what is old in a room, as an administrator's purge does.
    private func purge(_ app: TestApp, _ room: String) async throws {
        let c = app.context
        try await c.db.write { tx in
            guard let head = try RoomStore.head(tx, RoomID(trusted: room)) else { return }
            let events = try EventStore.page(tx, room: head.nid, newestFirst: true, limit: 6)
            guard let end = events.last?.pos else { return }
            try tx.run(Purge.SQL.order, c.entropy.token(12), head.nid, min(end, head.lastPos), c.clock.now)
        }
        try await app.run(job: "purge history")
    }

    private func sync(_ client: inout Client, _ app: TestApp, limit: Int) async throws {
        let filter = Percent.encode(#"{"room":{"timeline":{"limit":\#(limit)}}}"#)
        let since = client.token.map { "&since=\($0)" } ?? ""
        let answer = await app.call(.get, "/_matrix/client/v3/sync?timeout=0&filter=\(filter)\(since)" + (client.usesStateAfter ? "&use_state_after=true" : ""), as: client.user)
        try client.apply(try answer.expect(200))
    }
}

extension Array {
    fileprivate func randomElement(_ roll: (Int) -> Int) -> Element? { isEmpty ? nil : self[roll(count)] }
}
