@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct DeviceListTests {
    private struct House {
        let world: World
        let alice: TestUser, bob: TestUser, carol: TestUser
        let room = RoomID(trusted: "!r:test")
        init() async throws {
            world = try await World()
            alice = try await world.app.register("alice", device: "A")
            bob = try await world.app.register("bob", device: "B")
            carol = try await world.app.register("carol", device: "C")
            try await world.join(alice, room)
            try await world.join(bob, room)
        }
        /// What each of `users` hears of `action`, first by the board and then by the database.
        func heard(_ users: TestUser..., action: () async throws -> Void) async throws -> [SyncParts.DeviceLists] {
            let token = try await world.app.picture(alice).token
            try await action()
            let (world, now) = (world, try await world.app.picture(alice).token)
            return try await users.asyncMap { user in
                let told = try await world.lists(user, since: token)
                let forgotten = DeviceListBoard()
                let read = try await world.c.db.read { tx in try DeviceLists.changes(world.c, tx, forgotten, of: user.id, after: token.position, through: now.position) }
                #expect(told == read, "the board and the database differ for \(user.id)")
                return told
            }
        }
    }
    private func changed(_ users: TestUser...) -> SyncParts.DeviceLists { .init(changed: users.map(\.id).sorted()) }
    private func left(_ users: TestUser...) -> SyncParts.DeviceLists { .init(left: users.map(\.id).sorted()) }
    private let nothing = SyncParts.DeviceLists()

    @Test func newKeysReachThoseWhoShareARoomAndOnesOwnDevices() async throws {
        let house = try await House(), (world, alice, bob, carol) = (house.world, house.alice, house.bob, house.carol)
        func upload() async throws { try await world.upload(bob, ["device_keys": bob.deviceKeys()]).expect(200) }
        #expect(try await house.heard(alice, bob, carol) { try await upload() } == [changed(bob), changed(bob), nothing])
        #expect(try await house.heard(alice, bob, carol) { try await upload() } == [nothing, nothing, nothing])   // the same again
        #expect(try await house.heard(alice) { try await world.upload(bob, ["one_time_keys": oneTimeKeys(["1"])]).expect(200) } == [nothing])
    }

    @Test func devicesThatComeAreRenamedOrGoAreTold() async throws {
        let house = try await House(), (world, alice, bob, carol) = (house.world, house.alice, house.bob, house.carol)
        #expect(try await house.heard(alice, bob, carol) { _ = try await world.app.login(bob, device: "B2") } == [changed(bob), changed(bob), nothing])
        #expect(try await house.heard(alice) { _ = try await world.app.login(bob, device: "B2") } == [nothing])   // the same device
        #expect(try await house.heard(alice) { try await world.app.call(.put, v3 + "/devices/B2", as: bob, json: ["display_name": "x"]).expect(200) } == [changed(bob)])
        #expect(try await house.heard(alice) { try await world.app.call(.put, v3 + "/devices/B2", as: bob, json: ["display_name": "x"]).expect(200) } == [nothing])
        #expect(try await house.heard(alice) { try await world.app.call(.delete, v3 + "/devices/B2", as: bob, json: ["auth": bob.auth()]).expect(200) } == [changed(bob)])
        #expect(try await house.heard(alice) { try await world.app.call(.post, v3 + "/logout", as: bob, json: [:]).expect(200) } == [changed(bob)])
    }

    @Test func whoMeetsAndWhoPartsIsTold() async throws {
        let house = try await House(), (world, alice, bob, carol, room) = (house.world, house.alice, house.bob, house.carol, house.room)
        #expect(try await house.heard(alice, carol) { try await world.join(carol, room) } == [changed(carol), changed(alice, bob)])
        #expect(try await house.heard(alice, carol) { try await world.leave(carol, room) } == [left(carol), left(alice, bob)])
        // Who comes back has been away: his keys may have changed meanwhile.
        #expect(try await house.heard(alice) {
            try await world.leave(bob, room)
            try await world.upload(bob, ["device_keys": bob.deviceKeys("2")]).expect(200)
            try await world.join(bob, room)
        } == [changed(bob)])
        // Another common room remains.
        let second = RoomID(trusted: "!s:test")
        try await world.join(alice, second)
        try await world.join(bob, second)
        #expect(try await house.heard(alice) { try await world.leave(bob, room) } == [nothing])
        #expect(try await house.heard(alice) {
            try await world.upload(bob, ["device_keys": bob.deviceKeys("3")]).expect(200)
            try await world.leave(bob, second)
        } == [left(bob)])
        #expect(try await house.heard(alice) { try await world.upload(bob, ["device_keys": bob.deviceKeys("4")]).expect(200) } == [nothing])
    }

    @Test func keysChangesSaysWhatSyncSays() async throws {
        let house = try await House(), (world, alice, bob, carol) = (house.world, house.alice, house.bob, house.carol)
        let from = try await world.app.picture(alice).token
        try await world.upload(bob, ["device_keys": bob.deviceKeys()]).expect(200)
        try await world.upload(carol, ["device_keys": carol.deviceKeys()]).expect(200)
        try await world.app.call(.get, world.keys + "/changes?from=\(from)&to=\(from)", as: alice).expect(200)
        #expect(try await world.app.call(.get, world.keys + "/changes?from=\(from)", as: alice).expect(200) == ["changed": [JSON(bob.id)], "left": []])
    }

    @Test func anAccountThatEndsTakesItsKeysAlong() async throws {
        let house = try await House(), (world, alice, bob) = (house.world, house.alice, house.bob)
        try await world.upload(bob, ["device_keys": bob.deviceKeys(), "one_time_keys": oneTimeKeys(["1"])]).expect(200)
        #expect(try await house.heard(alice) { try await world.app.call(.post, v3 + "/account/deactivate", as: bob, json: ["auth": bob.auth()]).expect(200) } == [left(bob)])
        #expect(try await world.query(alice, of: bob)["device_keys"]?[bob.id.rawValue] == [:])
        #expect(try await world.claim(alice, from: bob) == nil)
    }

    @Test func aSyncAfterAMessageReadsNothingOfKeys() async throws {
        let house = try await House(), (world, alice, carol) = (house.world, house.alice, house.carol)
        let token = try await world.app.picture(alice).token
        try await world.upload(carol, ["device_keys": carol.deviceKeys()]).expect(200)   // a stranger
        try await world.state(house.room, "m.room.topic", by: house.bob, ["topic": "x"])
        let source = DeviceListSync(board: world.accounts.deviceLists), now = world.c.db.position
        try await world.c.db.read { tx in
            let scope = SyncScope(user: alice.id, device: alice.device, since: token, now: SyncToken(position: now, ephemeral: 0), joined: [house.room], fresh: [], touched: [house.room])
            var parts = SyncParts()
            try source.contribute(world.c, tx, scope, into: &parts)
            #expect(parts.isEmpty)
        }
        #expect(try await world.lists(alice, since: token) == nothing)
    }

    @Test func theBoardForgetsOldChangesAndUndoneOnes() {
        let board = DeviceListBoard(), user = UserID(trusted: "@a:test")
        #expect(board.changes(after: 5, through: 9) == nil)   // not begun
        board.begin(at: 5)
        #expect(board.changes(after: 5, through: 9)?.count == 0 && board.changes(after: 4, through: 9) == nil)
        board.note(.devices(of: user, audience: nil), at: 6)
        board.note(.devices(of: user, audience: nil), at: 8)
        board.note(.devices(of: user, audience: nil), at: 7)   // the transaction of 8 was undone
        #expect(board.changes(after: 5, through: 6)?.count == 1 && board.changes(after: 6, through: 9)?.count == 1)
        for position in 8..<Int64(DeviceListBoard.kept + 20) { board.note(.devices(of: user, audience: nil), at: position) }
        #expect(board.changes(after: 6, through: .max) == nil)
        let last = Int64(DeviceListBoard.kept + 19)
        #expect(board.changes(after: last - 10, through: .max)?.count == 10)
    }
}
