@testable import Accounts
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

@Suite struct UIATests {
    @Test func theOperationMustStayTheSame() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        for id in ["ONE", "TWO"] { _ = try await world.app.login(alice, device: id) }
        let session = try await world.app.call(.delete, v3 + "/devices/ONE", as: alice).expect(401)["session"]?.stringValue
        try await world.app.call(.delete, v3 + "/devices/TWO", as: alice, json: ["auth": alice.auth(session: session)]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.get, v3 + "/devices/TWO", as: alice).expect(200)
    }

    @Test func aSessionBelongsToItsUser() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice"), eve = try await world.app.register("eve")
        let session = try await world.app.call(.delete, v3 + "/devices/ONE", as: alice).expect(401)["session"]?.stringValue
        try await world.app.call(.delete, v3 + "/devices/ONE", as: eve, json: ["auth": eve.auth(session: session)]).expect(403, "M_FORBIDDEN")
    }

    @Test func unknownAndOldSessionsAreRefused() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        try await world.app.call(.delete, v3 + "/devices/ONE", as: alice, json: ["auth": alice.auth(session: "nope")]).expect(400, "M_UNKNOWN")
        let session = try await world.app.call(.delete, v3 + "/devices/ONE", as: alice).expect(401)["session"]?.stringValue
        world.app.clock.advance(UIARules.lifetime + 1)
        try await world.app.run(job: "accounts.cleanup")
        try await world.app.call(.delete, v3 + "/devices/ONE", as: alice, json: ["auth": alice.auth(session: session)]).expect(400, "M_UNKNOWN")
        #expect(try await world.c.db.read { tx in try tx.exists("SELECT 1 FROM uia_session") } == false)
    }

    @Test func anUnofferedStageAndAMissingTypeAskAgain() async throws {
        let world = try await World()
        let alice = try await world.app.register("alice")
        let path = v3 + "/devices/ONE"
        try await world.app.call(.delete, path, as: alice, json: ["auth": ["type": "m.login.dummy"]]).expect(401, "M_FORBIDDEN")
        let session = try await world.app.call(.delete, path, as: alice, json: ["auth": [:]]).expect(401)["session"] ?? .null
        let again = try await world.app.call(.delete, path, as: alice, json: ["auth": ["session": session]]).expect(401)
        #expect(again["session"] == session && again["errcode"] == nil)
        try await world.app.call(.delete, path, as: alice, json: ["auth": "x"]).expect(400, "M_BAD_JSON")
        try await world.app.call(.delete, path, as: alice, json: ["auth": ["type": 1]]).expect(400, "M_BAD_JSON")
        try await world.app.call(.delete, path, as: alice, json: ["auth": ["type": "m.login.password"]]).expect(400, "M_MISSING_PARAM")
    }

    @Test func accountsWithoutAPasswordUseTheDummyStage() async throws {
        let world = try await World()
        let visitor: TestUser = try await {
            let accounts = world.accounts, c = world.c
            let session = try await c.db.write { tx in
                let user = try accounts.create(c, tx, NewAccount(localpart: "visitor", kind: .visitor), passwordHash: nil)
                return (user: user, session: try accounts.createSession(c, tx, user: user, deviceName: "Widget"))
            }
            return TestUser(id: session.user, token: session.session.token, device: session.session.device)
        }()
        let path = v3 + "/devices/ONE"
        #expect(try await world.app.call(.delete, path, as: visitor).expect(401)["flows"] == [["stages": ["m.login.dummy"]]])
        try await world.app.call(.delete, path, as: visitor, json: ["auth": ["type": "m.login.dummy"]]).expect(200)
        try await world.app.call(.post, v3 + "/account/password", as: visitor, json: ["new_password": "x"]).expect(403, "M_FORBIDDEN")
        try await world.app.call(.post, v1 + "/login/get_token", as: visitor, json: [:]).expect(403, "M_FORBIDDEN")
    }

    @Test(arguments: [
        (["a"], [["a"]], true), (["b", "a"], [["a", "b"]], true), (["a"], [["a", "b"]], false), ([], [["a"]], false), (["c"], [["a", "b"], ["c"]], true),
    ] as [([String], [[String]], Bool)])
    func completeMeansAllStagesOfOneFlow(_ completed: [String], _ flows: [[String]], _ expected: Bool) {
        #expect(UIARules.isComplete(completed, flows) == expected)
    }
}
