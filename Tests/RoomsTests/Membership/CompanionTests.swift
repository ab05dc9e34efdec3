import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

@Suite struct CompanionTests {
    /// For random histories: who came into a common room is met, who is in none any more has parted, and nobody else is
    /// called parted; looking into single rooms tells the same as looking everywhere.
    @Test(arguments: [1, 2, 3] as [UInt64]) func encountersAreWhatHasHappened(seed: UInt64) async throws {
        let house = try await House()
        let entropy = SeededEntropy(seed)
        func pick<T>(_ list: [T]) -> T { list[Int(entropy.bytes(1)[0]) % list.count] }
        let users = [house.alice, house.bob, house.carol, TestUser(open: "dave")]
        var rooms: [Room] = []
        for user in users { rooms.append(try await house.create(as: user, ["preset": "public_chat"])) }
        let ids = Set(rooms.map(\.id)), service = house.service
        func near(_ user: TestUser) throws -> Set<UserID> { Set(try house.read { try service.neighbours($0, of: user.id) }) }
        for _ in 0..<12 {
            let position = house.app.context.db.position
            let before = try users.map { try near($0) }
            for _ in 0..<(1 + Int(entropy.bytes(1)[0]) % 4) {
                let room = pick(rooms), user = pick(users)
                switch pick([0, 1, 1, 2, 2, 3, 4]) {
                case 0: await room.call(.post, "/invite", as: pick(users), ["user_id": JSON(user.id)])
                case 1: await room.call(.post, "/join", as: user, [:])
                case 2: await room.call(.post, "/leave", as: user, [:])
                case 3: await room.call(.post, "/kick", as: pick(users), ["user_id": JSON(user.id)])
                default: await room.call(.put, "/send/m.room.message/\(entropy.token(8))", as: user, ["body": "x"])
                }
            }
            for (user, old) in zip(users, before) {
                let now = try near(user)
                let (everywhere, single) = try house.read { tx in
                    (try service.encounters(tx, of: user.id, after: position, rooms: nil), try service.encounters(tx, of: user.id, after: position, rooms: ids))
                }
                #expect(everywhere == single)
                #expect(everywhere.met.isSuperset(of: now.subtracting(old)), "\(user.id) met")
                #expect(everywhere.parted.isSuperset(of: old.subtracting(now)) && everywhere.parted.isDisjoint(with: now), "\(user.id) parted")
                #expect(everywhere.met.isDisjoint(with: everywhere.parted) && !everywhere.met.contains(user.id) && !everywhere.parted.contains(user.id))
                let all = Set(users.map(\.id))
                #expect(try house.read { tx in try service.companions(tx, of: user.id, among: all) } == now)
            }
        }
    }

    @Test func whoDeclinesAnInviteLearnsNobodysName() async throws {
        let house = try await House()
        let room = try await house.create(["invite": [JSON(house.bob.id)]]), service = house.service
        let position = house.app.context.db.position
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        let (bob, alice) = try house.read { [bob = house.bob.id, alice = house.alice.id] tx in
            (try service.encounters(tx, of: bob, after: position, rooms: nil), try service.encounters(tx, of: alice, after: position, rooms: nil))
        }
        #expect(bob == Encounters() && alice == Encounters(parted: [house.bob.id]))
    }

    @Test func syncSaysWhoseDevicesToTrack() async throws {
        let town = try await Town()
        let (ann, ben, cleo) = (town.ann, town.ben, town.cleo)
        let (_, path) = try await town.room(of: ann, with: ben)
        let start = try await town.sync(ann)
        #expect(start["device_lists"] == nil && start["device_one_time_keys_count"] == ["signed_curve25519": 0])
        try await town.call(.post, path + "/join", as: cleo, [:]).expect(200)
        let joined = try await town.sync(ann, since: start)
        #expect(joined["device_lists"] == ["changed": [JSON(cleo.id)], "left": []])
        // Nothing but keys has changed: the poll ends, and its answer has no rooms.
        try await town.call(.post, "/keys/upload", as: ben, ["device_keys": [
            "user_id": JSON(ben.id), "device_id": JSON(ben.device), "algorithms": [], "keys": ["ed25519:x": "y"], "signatures": [:]]]).expect(200)
        let keys = try await town.sync(ann, since: joined)
        #expect(keys["device_lists"] == ["changed": [JSON(ben.id)], "left": []] && keys["rooms"] == nil)
        try await town.call(.post, path + "/leave", as: ben, [:]).expect(200)
        let left = try await town.sync(ann, since: keys)
        #expect(left["device_lists"] == ["changed": [], "left": [JSON(ben.id)]])
        let idle = try await town.sync(ann, since: left)
        #expect(idle["device_lists"] == nil && idle["device_one_time_keys_count"] == ["signed_curve25519": 0] && idle["device_unused_fallback_key_types"] == [])
        let changes = try await town.call(.get, "/keys/changes?from=\(start["next_batch"]?.stringValue ?? "")&to=\(idle["next_batch"]?.stringValue ?? "")", as: ann).expect(200)
        #expect(changes == ["changed": [JSON(cleo.id)], "left": [JSON(ben.id)]])
    }
}
