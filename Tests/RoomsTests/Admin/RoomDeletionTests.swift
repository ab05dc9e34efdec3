import Glibc
import MatrixCore
@testable import Rooms
import ServerKit
import Store
import Synchronization
import TestKit
import Testing

struct RoomDeletionTests {
    private let admin = TestUser(open: "admin"), v1 = "/_synapse/admin/v1/rooms/", v2 = "/_synapse/admin/v2/rooms/"

    private func order(_ room: Room, _ body: JSON = [:]) async throws -> String {
        let answer = try await room.house.app.call(.delete, v2 + Percent.encode(room.id.rawValue), as: admin, json: body).expect(200)
        return answer["delete_id"]?.stringValue ?? ""
    }
    private func status(_ house: House, _ id: String) async throws -> JSON { try await house.app.call(.get, v2 + "delete_status/" + id, as: admin).expect(200) }
    private func work(_ house: House) async throws { try await house.app.run(job: "delete rooms") }
    private func sync(_ house: House, _ query: String = "", as user: TestUser) async throws -> JSON { try await house.call(.get, "/sync?timeout=0" + query, as: user).expect(200) }

    @Test(arguments: TestBackend.available) func everybodyLeavesAndNothingOfTheRoomIsLeft(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.create(["preset": "public_chat", "name": "Bad", "room_alias_name": "bad", "visibility": "public", "invite": [JSON(house.carol.id)]])
        let other = try await house.open()
        try await room.join(house.bob)
        for n in 0..<5 { try await room.say("\(n)") }
        try await room.set("m.room.name", ["name": "Worse"])
        try await other.say("kept")
        let before = try await sync(house, as: house.bob)["next_batch"]?.stringValue ?? "", nid = try room.head().nid
        let id = try await order(room)
        #expect(try await status(house, id)["status"] == "scheduled")
        #expect(try await status(house, id)["room_id"] == JSON(room.id))
        try await work(house)
        let done = try await status(house, id)
        #expect(done["status"] == "complete" && done["error"] == nil)
        #expect(done["shutdown_room"] == ["kicked_users": [JSON(house.alice.id), JSON(house.carol.id), JSON(house.bob.id)], "failed_to_kick_users": [],
                                          "local_aliases": ["#bad:test"], "new_room_id": .null])
        #expect(try await house.app.call(.get, v2 + Percent.encode(room.id.rawValue) + "/delete_status", as: admin).expect(200)["results"]?[0] == done)
        // Nobody finds the room any more, and nothing of it is in any table.
        try await house.call(.get, "/directory/room/" + Percent.encode("#bad:test")).expect(404)
        #expect(try await house.call(.get, "/publicRooms").expect(200)["chunk"] == [])
        try await room.call(.get, "/state", as: house.alice).expect(403)
        try await room.call(.post, "/join", as: house.alice, [:]).expect(404)
        try await house.app.call(.get, v1 + Percent.encode(room.id.rawValue), as: admin).expect(404)
        for table in ["room", "room_summary", "event", "room_state", "membership", "room_alias", "reading", "thread_line", "thread_step", "unread_highlight", "receipt", "read_marker", "search_posting", "purge"] {
            #expect(try house.read { try $0.first("SELECT COUNT(*) FROM \(table) WHERE ABS(room_nid) = ?", nid) { $0.int(0) } } == 0, "\(table)")
        }
        // Who was away hears that he is out, once; the other room goes on.
        let news = try await sync(house, "&since=" + before, as: house.bob)
        let leave = news["rooms"]?["leave"]?[room.id.rawValue]?["timeline"]?["events"]?[0]
        #expect(leave?["type"] == "m.room.member" && leave?["state_key"] == JSON(house.bob.id) && leave?["content"] == ["membership": "leave"] && leave?["event_id"] != nil)
        let after = try await sync(house, "&since=" + (news["next_batch"]?.stringValue ?? ""), as: house.bob)
        #expect(after["rooms"] == nil)
        #expect(try await sync(house, as: house.bob)["rooms"] == nil)
        #expect(try other.events().contains { $0.type == "m.room.message" })
        try await other.say("goes on")
    }

    /// Whoever was at home hears of the leave as it happens, and not once more.
    @Test func whoIsThereHearsOfItOnce() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        var client = SlidingClient(user: house.alice)
        try await client.sync(house.app)
        let id = try await order(room)
        let since = try await sync(house, as: house.bob)["next_batch"]?.stringValue ?? ""
        // The members are sent away, and the rest waits: as after a restart at that moment.
        let order = try #require(try house.read { try RoomDeletion.order($0, id) })
        #expect(order.stage == .names)
        try await house.service.deletions.carryOut(house.app.context, house.service, id, through: .members)
        let first = try await sync(house, "&since=" + since, as: house.bob)
        #expect(first["rooms"]?["leave"]?[room.id.rawValue] != nil)
        try await client.sync(house.app)
        #expect(client.last["rooms"]?[room.id.rawValue]?["membership"] == "leave")
        try await work(house)
        #expect(try await status(house, id)["status"] == "complete")
        #expect(try await sync(house, "&since=" + (first["next_batch"]?.stringValue ?? ""), as: house.bob)["rooms"] == nil)
        try await client.sync(house.app)
        #expect(client.last["rooms"]?[room.id.rawValue] == nil)
    }

    @Test(arguments: TestBackend.available) func aClientOfSlidingSyncThatWasAwayHearsThatItIsOut(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.open(), other = try await house.open()
        try await room.join(house.bob)
        try await other.join(house.bob)
        var warm = SlidingClient(user: house.bob), cold = SlidingClient(user: house.bob, name: "cold")
        try await warm.sync(house.app)
        try await cold.sync(house.app)
        #expect(Set(cold.rooms.keys) == [room.id.rawValue, other.id.rawValue])
        _ = try await order(room)
        try await work(house)
        try await warm.sync(house.app)
        #expect(warm.last["rooms"]?[room.id.rawValue]?["membership"] == "leave")
        #expect(warm.last["rooms"]?[room.id.rawValue]?["timeline"]?[0]?["content"] == ["membership": "leave"])
        #expect(Set(warm.rooms.keys) == [other.id.rawValue] && warm.counts["all"] == 1)
        // Also where the server knows nothing of the client but what it has stored.
        house.app.context.hub.forgetIdle(before: .max)
        try await cold.sync(house.app)
        #expect(Set(cold.rooms.keys) == [other.id.rawValue])
        try await cold.sync(house.app)
        #expect(cold.last["rooms"] == [:])
    }

    @Test func theMembersComeIntoTheNewRoomAndItsNamesLeadThere() async throws {
        let house = try await House()
        let room = try await house.create(["preset": "public_chat", "room_alias_name": "bad", "invite": [JSON(house.carol.id)]])
        try await room.join(house.bob)
        let answer = try await house.app.call(.delete, v1 + Percent.encode(room.id.rawValue), as: admin,
                                              json: ["new_room_user_id": "@admin:test", "room_name": "Gone", "message": "It is gone.", "block": true]).expect(200)
        let new = try #require(RoomID(answer["new_room_id"]))
        #expect(answer["kicked_users"]?.arrayValue?.count == 3 && answer["local_aliases"] == ["#bad:test"] && answer["failed_to_kick_users"] == [])
        #expect(try await house.call(.get, "/directory/room/" + Percent.encode("#bad:test")).expect(200)["room_id"] == JSON(new))
        let place = Room(house: house, id: new)
        #expect(try await place.state("m.room.name", as: house.bob) == ["name": "Gone"])
        #expect(try place.events().last { $0.type == "m.room.message" }?.contentObject["body"] == "It is gone.")
        let members = try await place.call(.get, "/joined_members", as: house.bob).expect(200)["joined"]?.objectValue ?? [:]
        #expect(Set(members.map(\.key)) == ["@admin:test", house.alice.id.rawValue, house.bob.id.rawValue])   // who was only invited is not moved
        try await place.call(.put, "/send/m.room.message/1", as: house.bob, ["body": "x"]).expect(403, "M_FORBIDDEN")
        // Blocked for good.
        try await room.call(.post, "/join", as: house.bob, [:]).expect(404)
        #expect(try await house.app.call(.get, v1 + Percent.encode(room.id.rawValue) + "/block", as: admin).expect(200) == ["block": true, "user_id": "@admin:test"])
    }

    @Test func withoutAPurgeTheHistoryStays() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.say("kept")
        try await house.app.call(.delete, v1 + Percent.encode(room.id.rawValue), as: admin, json: ["purge": false]).expect(200)
        #expect(try room.events().contains { $0.type == "m.room.message" })
        #expect(try room.summary().joinedCount == 0)
    }

    @Test func roomsThatAreNotHere() async throws {
        let house = try await House(), none = "!none:test"
        try await house.app.call(.delete, v2 + none, as: admin, json: [:]).expect(404, "M_NOT_FOUND")
        try await house.app.call(.delete, v2 + none, as: admin, json: ["block": true]).expect(404, "M_NOT_FOUND")
        try await house.app.call(.delete, v1 + none, as: admin, json: [:]).expect(404, "M_NOT_FOUND")
        // The old version blocks them before they come.
        #expect(try await house.app.call(.delete, v1 + none, as: admin, json: ["block": true]).expect(200)["kicked_users"] == [])
        #expect(try await house.app.call(.get, v1 + none + "/block", as: admin).expect(200)["block"] == true)
        try await house.app.call(.get, v2 + none + "/delete_status", as: admin).expect(404, "M_NOT_FOUND")
        try await house.app.call(.get, v2 + "delete_status/none", as: admin).expect(404, "M_NOT_FOUND")
    }

    @Test func refusals() async throws {
        let house = try await House()
        let room = try await house.open(), url = v2 + Percent.encode(room.id.rawValue)
        try await house.app.call(.delete, url, as: house.alice, json: [:]).expect(403, "M_FORBIDDEN")
        for bad in [["purge": "x"], ["block": 1], ["new_room_user_id": 5], ["room_name": []]] as [JSON] { try await house.app.call(.delete, url, as: admin, json: bad).expect(400, "M_BAD_JSON") }
        try await house.app.call(.delete, url, as: admin, json: ["new_room_user_id": "nobody"]).expect(400, "M_INVALID_PARAM")
        _ = try await order(room)
        try await house.app.call(.delete, url, as: admin, json: [:]).expect(400)   // one at a time
        try await work(house)
        try await house.app.call(.delete, url, as: admin, json: [:]).expect(404)
    }

    // MARK: crashes

    /// Refuses like a full disk or a lost connection, at one place.
    private final class Saboteur: RoomObserver {
        let leavesLeft = Mutex(Int.max), isBroken = Mutex(false), deleted = Mutex<[RoomID]>([])
        func appended(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {
            guard event.content["membership"]?.stringValue == "leave" else { return }
            try leavesLeft.withLock { left in
                guard left > 0 else { throw StoreError.diskFull("test") }
                left -= 1
            }
        }
        func deleted(_ c: Context, room: RoomID) async throws {
            if isBroken.withLock(\.self) { throw StoreError.diskFull("test") }
            deleted.withLock { $0.append(room) }
        }
    }

    /// A process that starts anew finds the order where it was, whatever had been done.
    @Test(arguments: TestBackend.available) func aDeletionGoesOnAfterACrash(backend: TestBackend) async throws {
        let saboteur = Saboteur(), house = try await House(backend: backend, observers: [saboteur])
        let room = try await house.open()
        for n in 0..<250 { try await room.join(TestUser(open: "person\(n)")) }
        try await room.say("x")
        let id = try await order(room)
        saboteur.leavesLeft.withLock { $0 = 220 }
        await #expect(throws: StoreError.self) { try await work(house) }
        // The first 200 have left durably, the others not yet.
        let half = try await status(house, id)
        #expect(half["status"] == "active" && half["shutdown_room"]?["kicked_users"]?.arrayValue?.count == 200)
        #expect(try room.summary().joinedCount == 51)
        saboteur.leavesLeft.withLock { $0 = .max }
        saboteur.isBroken.withLock { $0 = true }
        let restarted = RoomService()
        await #expect(throws: StoreError.self) { try await restarted.deletions.run(house.app.context, restarted) }
        // Now the room is gone, but not yet everything that others keep of it.
        #expect(try await status(house, id)["status"] == "active")
        #expect(try house.read { try RoomStore.head($0, room.id) } == nil)
        saboteur.isBroken.withLock { $0 = false }
        let again = RoomService()
        try await again.deletions.run(house.app.context, again)
        let done = try await status(house, id)
        #expect(done["status"] == "complete" && done["shutdown_room"]?["kicked_users"]?.arrayValue?.count == 251)
        #expect(saboteur.deleted.withLock(\.self) == [room.id])
    }

    @Test func whatFailsSaysWhyAndCanBeOrderedAgain() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        try await room.say("x")
        // A room of a version that this server does not know: nobody can be made to leave.
        _ = try await house.app.context.db.write { tx in try tx.run("UPDATE room SET version = 'broken' WHERE room_id = ?", room.id) }
        let id = try await order(room)
        try await work(house)
        let failed = try await status(house, id)
        #expect(failed["status"] == "failed" && failed["error"]?.stringValue?.contains("force_purge") == true)
        #expect(failed["shutdown_room"]?["failed_to_kick_users"]?.arrayValue?.count == 2)
        try await house.app.call(.delete, v1 + Percent.encode(room.id.rawValue), as: admin, json: [:]).expect(500)
        let before = try await sync(house, as: house.bob)["next_batch"]?.stringValue ?? ""
        let forced = try await order(room, ["force_purge": true])
        try await work(house)
        #expect(try await status(house, forced)["status"] == "complete")
        let news = try await sync(house, "&since=" + before, as: house.bob)
        #expect(news["rooms"]?["leave"]?[room.id.rawValue] != nil && news["rooms"]?["join"] == nil)
        #expect(try house.read { try $0.first("SELECT COUNT(*) FROM reading") { $0.int(0) } } == 0)
    }

    @Test func deletionsAndFarewellsAreForgotten() async throws {
        let house = try await House()
        let room = try await house.open()
        let id = try await order(room)
        try await work(house)
        house.app.clock.advance(RoomDeletion.memory - 1)
        try await house.app.run(job: "forget deleted rooms")
        _ = try await status(house, id)
        house.app.clock.advance(2)
        try await house.app.run(job: "forget deleted rooms")
        try await house.app.call(.get, v2 + "delete_status/" + id, as: admin).expect(404)
        func farewells() throws -> Int64? { try house.read { try $0.first("SELECT COUNT(*) FROM room_farewell") { $0.int(0) } } }
        #expect(try farewells() == 1)
        house.app.clock.advance(Farewell.lifetime)
        try await house.app.run(job: "forget deleted rooms")
        #expect(try farewells() == 0)
    }

    /// Large enough for several steps of everything.
    @Test func aLargeRoomGoesInSteps() async throws {
        let house = try await House(backend: .sqlite)
        let room = try await house.open()
        try await room.join(house.bob)
        for n in 0..<1_200 { try await room.say("zanzibar\(n) word\(n)") }
        for n in 0..<20 { try await room.set("m.room.topic", ["topic": .string("zanzibar \(n)")]) }
        try await house.app.run(job: "index for the search")
        let last = try await room.say("last")
        // A purge before leaves state under the negative number.
        try await house.app.call(.post, "/_synapse/admin/v1/purge_history/\(Percent.encode(room.id.rawValue))/\(Percent.encode(last.rawValue))", as: admin, json: [:]).expect(200)
        try await house.app.run(job: "purge history")
        for n in 0..<600 { try await room.say("zanzibar\(n) word\(n)") }
        try await house.app.run(job: "index for the search")
        _ = try await order(room)
        try await work(house)
        for table in ["event", "room_state", "search_posting", "event_expiry"] { #expect(try house.read { try $0.first("SELECT COUNT(*) FROM \(table)") { $0.int(0) } } == 0, "\(table)") }
        #expect(!Self.bytes(house).contains("zanzibar"))
    }

    private static func bytes(_ house: House) -> String {
        var all: [UInt8] = []
        for name in ["test.db", "test.db-wal"] {
            guard let file = fopen(house.app.context.config.dataDirectory + "/" + name, "r") else { continue }
            defer { fclose(file) }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { all += buffer[..<count] }
        }
        return String(decoding: all, as: UTF8.self)
    }

    @Test func whatAnotherFeatureNeedsIsNotDeleted() async throws {
        let house = try await House(observers: [Guardian()])
        let room = try await house.create()
        try await house.app.call(.delete, v1 + Percent.encode(room.id.rawValue), as: admin, json: ["block": true]).expect(403)
        #expect(try room.summary().joinedCount == 1)
        #expect(try await house.app.call(.get, v1 + Percent.encode(room.id.rawValue) + "/block", as: admin).expect(200) == ["block": false])
        struct Guardian: RoomObserver {
            func appended(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {}
            func willDelete(_ c: Context, _ tx: ReadTx, room: RoomID) throws { throw MatrixError.forbidden("needed") }
        }
    }

    @Test(arguments: TestBackend.available) func everyStatementIsValid(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        try house.app.context.db.prepareAll(RoomDeletion.SQL.all + RoomRemoval.SQL.all + Farewells.SQL.all + RoomBlocks.SQL.all)
    }
}
