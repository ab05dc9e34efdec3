import Accounts
import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

/// The law for sliding sync: what a client has put together from answers, with lost ones and replays between, is what a fresh connection gets.
struct SlidingConvergenceTests {
    @Test(arguments: TestBackend.available, [11, 12, 13, 14] as [UInt64]) func stepsLeadToTheFreshState(backend: TestBackend, seed: UInt64) async throws {
        let accounts = Accounts(), rooms = RoomService()
        let app = try await TestApp([accounts.feature, rooms.feature],
                                    ports: .testing(sessions: accounts, users: accounts, rooms: rooms, timelines: rooms, preferences: accounts, lookup: rooms), backend: backend, seed: seed)
        let chance = SeededEntropy(seed &* 7919)
        func roll(_ n: Int) -> Int { Int(chance.bytes(2).reduce(0) { $0 << 8 | UInt32($1) }) % n }
        var clients: [SlidingClient] = []
        for name in ["ann", "ben", "cleo", "dan"] { clients.append(SlidingClient(user: try await app.register(name))) }
        var known: [String] = []

        for step in 0..<140 {
            app.clock.advance(Int64(roll(5000)))
            let actor = clients[roll(clients.count)].user, other = clients[roll(clients.count)].user
            let id = known.isEmpty ? "" : known[roll(known.count)], room = Percent.encode(id)
            switch known.isEmpty ? 0 : roll(19) {
            case 0 where known.count < 5:
                let named: JSON = roll(2) == 0 ? ["preset": "public_chat", "name": "room"] : ["preset": "private_chat"]
                let made = await app.call(.post, "/_matrix/client/v3/createRoom", as: actor, json: named)
                known.append(try #require(try made.expect(200)["room_id"]?.stringValue))
            case 1, 2: await app.call(.post, "/_matrix/client/v3/rooms/\(room)/join", as: actor, json: [:])
            case 3: await app.call(.post, "/_matrix/client/v3/rooms/\(room)/leave", as: actor, json: [:])
            case 4, 16: await app.call(.post, "/_matrix/client/v3/rooms/\(room)/invite", as: actor, json: ["user_id": .string(other.id.rawValue)])
            case 5: await app.call(.post, "/_matrix/client/v3/rooms/\(room)/\(["kick", "ban", "unban"][roll(3)])", as: actor, json: ["user_id": .string(other.id.rawValue)])
            case 6: await app.call(.put, "/_matrix/client/v3/rooms/\(room)/state/m.room.name", as: actor, json: roll(2) == 0 ? ["name": .string("n\(step)")] : [:])
            case 7: await app.call(.put, "/_matrix/client/v3/user/\(actor.path)/rooms/\(room)/account_data/x.y", as: actor, json: ["n": .int(Int64(step))])
            case 8: await app.call(.put, "/_matrix/client/v3/user/\(actor.path)/account_data/x.z", as: actor, json: ["n": .int(Int64(step))])
            case 9:
                if let event = clients.first(where: { $0.user == actor })?.rooms[id]?.events.last {
                    await app.call(.post, "/_matrix/client/v3/rooms/\(room)/receipt/m.read/\(Percent.encode(event))", as: actor, json: [:])
                }
            case 10: await app.call(.put, "/_matrix/client/v3/profile/\(actor.path)/displayname", as: actor, json: ["displayname": .string("name \(step)")])
            case 17: await app.call(.put, "/_matrix/client/v3/user/\(actor.path)/account_data/m.direct", as: actor, json: [other.id.rawValue: roll(2) == 0 ? [.string(id)] : []])
            case 18: await app.call(.post, "/_matrix/client/v3/rooms/\(room)/forget", as: actor, json: [:])
            default:
                for n in 0...roll(5) {
                    await app.call(.put, "/_matrix/client/v3/rooms/\(room)/send/m.room.message/t\(step)-\(n)", as: actor,
                                   json: ["msgtype": "m.text", "body": .string(roll(6) == 0 ? "hello \(other.id.localpart)" : "hello")])
                }
            }
            if roll(3) == 0 {
                let at = roll(clients.count)
                // A narrow window now and then, and answers that never arrive.
                let range = roll(3) == 0 ? 0...1 : 0...99
                if roll(4) == 0 {
                    var lost = clients[at]
                    try await lost.sync(app, SlidingClient.everything(range, limit: 1 + roll(5)))
                }
                try await clients[at].sync(app, SlidingClient.everything(range, limit: 1 + roll(5)))
            }
        }
        for at in clients.indices {
            try await clients[at].sync(app, SlidingClient.everything(limit: 3))
            var fresh = SlidingClient(user: clients[at].user, name: "fresh")
            try await fresh.sync(app, SlidingClient.everything(limit: 20))
            // Rooms from which he was removed are told as they were at the end; forgotten ones are not told at all.
            let differences = Self.joined(clients[at]).differences(from: Self.joined(fresh))
            #expect(differences.isEmpty, "seed \(seed), \(clients[at].user.id): \(differences.joined(separator: "\n"))")
        }
    }

    private static func joined(_ client: SlidingClient) -> SlidingClient {
        var client = client
        client.rooms = client.rooms.filter { ["join", "invite"].contains($0.value.fields["membership"]?.stringValue ?? "") }
        return client
    }
}
