import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

/// What other features use: `UserDirectory`.
@Suite struct PortTests {
    @Test func makesAccountsAndSessionsInsideATransaction() async throws {
        let world = try await World()
        let accounts = world.accounts, c = world.c
        let hash = try await accounts.hash(c, password: "correct horse")
        let (id, token, device) = try await c.db.write { tx in
            let id = try accounts.create(c, tx, NewAccount(localpart: "agent", kind: .person, displayName: "Camille"), passwordHash: hash)
            let session = try accounts.createSession(c, tx, user: id, deviceName: "Desk")
            return (id, session.token, session.device)
        }
        try await world.app.call(.get, v3 + "/account/whoami", token: token).expect(200)
        let (profile, isThere, nobody) = try await c.db.read { tx in
            (try accounts.profile(tx, id), try accounts.exists(tx, id), try accounts.exists(tx, UserID(trusted: "@nobody:test")))
        }
        #expect(profile == Profile(displayName: "Camille") && isThere && !nobody)
        try await c.db.write { tx in try accounts.setProfile(c, tx, user: id, Profile(displayName: "Camille", avatarURL: "mxc://test/x")) }
        #expect(try await c.db.read { tx in try accounts.profile(tx, id) }.avatarURL == "mxc://test/x")
        #expect(world.rooms.profileChanges == [id])
        try await c.db.write { tx in try accounts.endSession(c, tx, user: id, device: device) }
        try await world.app.call(.get, v3 + "/account/whoami", token: token).expect(401)
        try await c.db.write { tx in try accounts.endSession(c, tx, user: id, device: device) }
    }

    @Test func tellsWhatAUserPrefersAndWhatAnAccountIs() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), accounts = world.accounts, c = world.c, room = RoomID(trusted: "!r:test")
        try await world.app.call(.put, world.user("account_data/org.example", alice), as: alice, json: ["a": 1]).expect(200)
        let (global, inRoom, standing) = try await c.db.read { tx in
            (try accounts.preference(tx, user: alice.id, room: nil, type: "org.example"), try accounts.preference(tx, user: alice.id, room: room, type: "org.example"),
             try accounts.standing(tx, alice.id))
        }
        #expect(global == ["a": 1] && inRoom == nil)
        #expect(standing == Standing(kind: .person, isErased: false))
    }

    @Test func aFailedTransactionEndsNoSession() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), accounts = world.accounts, c = world.c
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(200)
        await #expect(throws: MatrixError.self) {
            try await c.db.write { tx in
                try accounts.endSession(c, tx, user: alice.id, device: alice.device)
                throw MatrixError.forbidden()
            }
        }
        try await world.app.call(.get, v3 + "/account/whoami", as: alice).expect(200)
    }
}
