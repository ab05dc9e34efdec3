import MatrixCore
@testable import Push
import ServerKit
import Store
import TestKit
import Testing

@Suite struct PusherTests {
    private static let whole: JSONObject = [
        "kind": "http", "app_id": "app", "pushkey": "key", "app_display_name": "App", "device_display_name": "Phone", "lang": "fr", "profile_tag": "tag",
        "data": ["url": "https://push.example/_matrix/push/v1/notify", "format": "event_id_only", "brand": "x"],
    ]
    private func set(_ flat: Flat, _ user: TestUser, _ change: JSONObject = [:]) async -> TestResponse { await flat.call(.post, "/pushers/set", as: user, .object(Self.whole.merging(change))) }
    private func pushers(_ flat: Flat, _ user: TestUser) async throws -> [JSON] { try await flat.call(.get, "/pushers", as: user).expect(200)["pushers"]?.arrayValue ?? [] }

    @Test func aPusherIsSetShownChangedAndDeleted() async throws {
        let flat = try await Flat(), alice = flat.alice
        try await set(flat, alice).expect(200)
        #expect(try await pushers(flat, alice) == [.object(Self.whole)])
        try await set(flat, alice, ["lang": "en"]).expect(200)
        #expect(try await pushers(flat, alice) == [.object(Self.whole.merging(["lang": "en"]))])
        try await set(flat, alice, ["pushkey": "other"]).expect(200)
        #expect(try await pushers(flat, alice).count == 2)
        try await flat.call(.post, "/pushers/set", as: alice, ["kind": .null, "app_id": "app", "pushkey": "key"]).expect(200)
        try await flat.call(.post, "/pushers/set", as: alice, ["kind": .null, "app_id": "app", "pushkey": "never"]).expect(200)
        #expect(try await pushers(flat, alice).map { $0["pushkey"] } == ["other"])
    }

    @Test func aPushkeyBelongsToOneUserUnlessAppended() async throws {
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        try await set(flat, alice).expect(200)
        try await set(flat, bob, ["append": true]).expect(200)
        #expect(try await pushers(flat, alice).count == 1)
        try await set(flat, bob).expect(200)
        #expect(try await pushers(flat, alice).isEmpty)
        #expect(try await pushers(flat, bob).count == 1)
    }

    @Test func aPusherGoesWithItsDevice() async throws {
        let flat = try await Flat(), alice = flat.alice
        let phone = try await flat.app.login(alice, device: "PHONE"), tablet = try await flat.app.login(alice, device: "TABLET")
        for (user, key) in [(alice, "a"), (phone, "p"), (tablet, "t")] { try await set(flat, user, ["pushkey": .string(key)]).expect(200) }
        try await flat.call(.post, "/logout", as: phone, [:]).expect(200)
        #expect(try await pushers(flat, alice).map { $0["pushkey"] } == ["a", "t"])
        let auth: JSON = ["type": "m.login.password", "identifier": ["type": "m.id.user", "user": JSON(alice.id)], "password": .string(alice.password)]
        try await flat.call(.post, "/account/password", as: alice, ["new_password": "another horse", "auth": auth]).expect(200)
        #expect(try await pushers(flat, alice).map { $0["pushkey"] } == ["a"])
    }

    @Test(arguments: [
        ["kind": "email"], ["kind": 3], ["app_id": .string(String(repeating: "a", count: 65))], ["pushkey": .string(String(repeating: "a", count: 513))], ["app_id": .null], ["pushkey": .null],
        ["lang": .null], ["app_display_name": .null], ["device_display_name": 3], ["data": .null], ["data": "x"], ["data": [:]], ["data": ["url": 3]], ["append": "yes"], ["pushkey": "a\u{0}"],
        ["data": ["url": "https://push.example/notify"]], ["data": ["url": "https:///_matrix/push/v1/notify"]], ["data": ["url": "ftp://push.example/_matrix/push/v1/notify"]],
        ["data": ["url": "https://user@push.example/_matrix/push/v1/notify"]],
    ] as [JSONObject]) func badPushersAreRefused(_ change: JSONObject) async throws {
        let flat = try await Flat()
        #expect(await set(flat, flat.alice, change).status == 400)
    }

    /// Nobody makes the server send requests by opening a shop's page.
    @Test func visitorsHaveNone() async throws {
        let flat = try await Flat()
        for (method, path, body) in [(.post, "/_matrix/client/v3/pushers/set", .object(Self.whole)), (.put, "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}", ["actions": []])] as [(Method, String, JSON)] {
            let route = try #require(flat.push.feature.routes.first { $0.method == method && $0.path == path })
            let session = Session(userID: flat.alice.id, deviceID: flat.alice.device, kind: .visitor)
            var request = Request(method, path, body: body.encoded(), session: session)
            request.params = ["kind": "room", "ruleId": "x"]
            await #expect(throws: MatrixError.self) { _ = try await route.handler(request, flat.app.context) }
        }
        #expect(flat.push.generation == 0)
    }

    /// In one commit, whatever the order of its closures.
    @Test func deletingAndSettingAtOnceLeavesThePusher() async throws {
        let gateway = try LocalServer(), flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        try await flat.pusher(gateway.url, as: bob)
        let (watch, user) = (flat.push.watch, bob.id)
        try await flat.app.context.db.write { tx in
            let pusher = try #require(try Pushers.all(tx, of: user).first)
            try Pushers.delete(tx, pusher)
            try Pushers.tidy(tx, watch, user: user)
            try Pushers.set(tx, watch, pusher, append: false, unread: 0)
        }
        #expect(watch.hasPusher(user))
        try await flat.say("hello", in: room, as: alice)
        try await flat.deliver()
        #expect(gateway.told == ["hello"])
    }

    @Test func gatewaysAreReachedByHTTPS() {
        #expect(!PusherRules.isGateway("http://push.example/_matrix/push/v1/notify", allowsPlain: false))
        #expect(PusherRules.isGateway("http://push.example/_matrix/push/v1/notify", allowsPlain: true))
        #expect(PusherRules.isGateway("https://push.example:8443/_matrix/push/v1/notify?x=y", allowsPlain: false))
        #expect(!PusherRules.isGateway("https://push.example/_matrix/push/v1/notify/x", allowsPlain: false))
    }
}
