import MatrixCore
@testable import Push
import ServerKit
import Store
import Synchronization
import TestKit
import Testing

@Suite struct GatewayTests {
    @Test func aMessageIsToldWithAllThatTheGatewayNeeds() async throws {
        let gateway = try LocalServer(), flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob, body: ["preset": "public_chat", "name": "Shop", "room_alias_name": "shop"])
        try await flat.pusher(gateway.url, as: bob)
        let event = try await flat.say("hello", in: room, as: alice)
        try await flat.say("my own", in: room, as: bob)
        try await flat.say("again", in: room, as: alice)
        try await flat.deliver()
        // What he has answered he has read.
        #expect(gateway.told == ["again"])
        let told = try #require(gateway.notifications.first)
        #expect(told["room_id"] == .string(room) && told["sender"] == JSON(alice.id) && told["type"] == "m.room.message" && told["event_id"] != .string(event))
        #expect(told["sender_display_name"] == "alice" && told["room_name"] == "Shop" && told["room_alias"] == "#shop:test" && told["prio"] == "high" && told["counts"] == ["unread": 1])
        #expect(told["devices"] == [["app_id": "app", "pushkey": "key", "pushkey_ts": .int(flat.app.clock.now / 1000), "data": ["x": "y"], "tweaks": ["sound": "default"]]])
        #expect(gateway.calls.first?.path == "/_matrix/push/v1/notify" && gateway.calls.first?.headers["Content-Type"] == "application/json")
    }

    @Test func aBarePusherGetsOnlyIds() async throws {
        let gateway = try LocalServer(), flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        try await flat.pusher(gateway.url, as: bob, more: ["data": ["url": .string(gateway.url + "/_matrix/push/v1/notify"), "format": "event_id_only"]])
        let event = try await flat.say("secret", in: room, as: alice)
        try await flat.deliver()
        let told = try #require(gateway.notifications.first)
        #expect(Set(told.objectValue?.keys ?? []) == ["event_id", "room_id", "counts", "devices", "prio"] && told["event_id"] == .string(event))
        #expect(told["devices"]?[0]?["data"] == ["format": "event_id_only"])
    }

    @Test func anInviteIsToldToItsTarget() async throws {
        let gateway = try LocalServer(), flat = try await Flat(), alice = flat.alice, bob = flat.bob
        try await flat.pusher(gateway.url, as: bob)
        let room = try await flat.room(alice, body: ["name": "Shop", "invite": [JSON(bob.id)]])
        try await flat.deliver()
        let told = try #require(gateway.notifications.first)
        #expect(gateway.notifications.count == 1 && told["type"] == "m.room.member" && told["membership"] == "invite" && told["user_is_target"] == true)
        #expect(told["room_id"] == .string(room) && told["room_name"] == "Shop")
    }

    @Test func readingClearsTheBadge() async throws {
        let gateway = try LocalServer(), flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        try await flat.pusher(gateway.url, as: bob)
        let first = try await flat.say("one", in: room, as: alice), second = try await flat.say("two", in: room, as: alice)
        try await flat.deliver()
        #expect(gateway.told == ["one", "two"])
        try await flat.read(first, in: room, as: bob)
        try await flat.deliver()
        try await flat.read(second, in: room, as: bob)
        try await flat.deliver()
        try await flat.read(first, in: room, as: bob)
        try await flat.deliver()
        #expect(gateway.told == ["one", "two", "badge 1", "badge 0"])
        #expect(gateway.notifications.last?["event_id"] == nil && gateway.notifications.last?["devices"]?[0]?["pushkey"] == "key")
        // Read elsewhere before the gateway was asked: nothing to tell.
        try await flat.read(try await flat.say("three", in: room, as: alice), in: room, as: bob)
        try await flat.deliver()
        #expect(gateway.told.count == 4)
        try await flat.say("four", in: room, as: alice)
        try await flat.deliver()
        try await flat.say("I see", in: room, as: bob)
        try await flat.deliver()
        try await flat.say("five", in: room, as: alice)
        try await flat.call(.post, "/rooms/\(Percent.encode(room))/leave", as: bob, [:]).expect(200)
        try await flat.deliver()
        #expect(gateway.told.dropFirst(4) == ["four", "badge 0"])
    }

    @Test func rulesAndIgnoredSendersAreHeeded() async throws {
        let gateway = try LocalServer(), flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let carol = try await flat.app.register("carol")
        let room = try await flat.room(alice, bob, carol)
        try await flat.pusher(gateway.url, as: bob)
        try await flat.rule("room", room, ["actions": []], as: bob)
        try await flat.say("muted", in: room, as: alice)
        try await flat.say("bob!", in: room, as: alice)
        try await flat.call(.put, "/user/\(bob.path)/account_data/m.ignored_user_list", as: bob, ["ignored_users": [carol.id.rawValue: [:]]]).expect(200)
        try await flat.say("bob?", in: room, as: carol)
        try await flat.deliver()
        #expect(gateway.told == ["bob!"])
        #expect(gateway.notifications[0]["devices"]?[0]?["tweaks"] == ["highlight": true, "sound": "default"])
    }

    @Test func redactedMessagesAreNotToldAnyMore() async throws {
        let gateway = try LocalServer(), flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        try await flat.pusher(gateway.url, as: bob)
        let event = try await flat.say("oops", in: room, as: alice)
        try await flat.call(.put, "/rooms/\(Percent.encode(room))/redact/\(Percent.encode(event))/1", as: alice, [:]).expect(200)
        try await flat.say("better", in: room, as: alice)
        try await flat.deliver()
        #expect(gateway.told == ["better"])
    }

    /// Each failure waits twice as long; nothing is lost, doubled or out of order.
    @Test func aFailingGatewayIsAskedAgainInOrder() async throws {
        let healthy = Mutex(false)
        let gateway = try LocalServer { _ in healthy.withLock { $0 } ? .init() : .init(502) }
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        try await flat.pusher(gateway.url, as: bob)
        for text in ["one", "two", "three"] { try await flat.say(text, in: room, as: alice) }
        try await flat.deliver()
        try await flat.deliver()
        #expect(gateway.told == ["one"])
        for (wait, count) in [(999, 1), (1, 2), (1999, 2), (1, 3), (3999, 3)] as [(Int64, Int)] {
            flat.app.clock.advance(wait)
            try await flat.deliver()
            #expect(gateway.told == Array(repeating: "one", count: count))
        }
        healthy.withLock { $0 = true }
        flat.app.clock.advance(1)
        try await flat.deliver()
        #expect(gateway.told == ["one", "one", "one", "one", "two", "three"])
        try await flat.deliver()
        #expect(gateway.told.count == 6)
    }

    /// What was to be tried again in a second is not tried again three hours later.
    @Test func aClockThatIsSetBackMakesNobodyWait() async throws {
        let healthy = Mutex(false)
        let gateway = try LocalServer { _ in healthy.withLock { $0 } ? .init() : .init(502) }
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        try await flat.pusher(gateway.url, as: bob)
        for text in ["one", "two"] { try await flat.say(text, in: room, as: alice) }
        try await flat.deliver()
        #expect(gateway.told == ["one"])
        flat.app.clock.advance(-3 * 3_600_000)
        #expect(flat.push.gateway.hasWork(flat.app.clock.now))
        try await flat.deliver()
        #expect(gateway.told == ["one", "one"])
        healthy.withLock { $0 = true }
        try await flat.deliver()
        #expect(gateway.told == ["one", "one"])   // it failed again: a second from now
        flat.app.clock.advance(2_000)
        try await flat.deliver()
        #expect(gateway.told == ["one", "one", "one", "two"])
    }

    @Test func aDeadGatewayHoldsNobodyUp() async throws {
        let dead = try LocalServer { _ in .hangUp }, alive = try LocalServer(), slow = try LocalServer { _ in .init(delay: 400) }
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        for (server, key) in [(dead, "dead"), (slow, "slow"), (alive, "alive")] { try await flat.pusher(server.url, as: bob, key: key) }
        for text in ["one", "two"] { try await flat.say(text, in: room, as: alice) }
        try await flat.deliver()
        #expect(dead.told == ["one"] && alive.told == ["one", "two"] && slow.told == ["one", "two"])
        let left = try await flat.app.context.db.read { tx in try tx.first("SELECT COUNT(*) FROM push_notice") { $0.int(0) } }
        #expect(left == 2)   // the dead one still waits for both
        try await flat.call(.post, "/pushers/set", as: bob, ["kind": .null, "app_id": "app", "pushkey": "dead"]).expect(200)
        #expect(try await flat.app.context.db.read { tx in try tx.first("SELECT COUNT(*) FROM push_notice") { $0.int(0) } } == 0)
    }

    @Test func oldNotificationsAreDropped() async throws {
        let healthy = Mutex(false)
        let gateway = try LocalServer { _ in healthy.withLock { $0 } ? .init() : .init(500) }
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        try await flat.pusher(gateway.url, as: bob)
        try await flat.say("old", in: room, as: alice)
        try await flat.deliver()
        healthy.withLock { $0 = true }
        flat.app.clock.advance(GatewayRules.lifetime + 1)
        try await flat.say("new", in: room, as: alice)
        try await flat.deliver()
        #expect(gateway.told == ["old", "new"])
    }

    @Test func aRejectedPushkeyIsRemoved() async throws {
        let gateway = try LocalServer { call in .init(body: String(decoding: call.body, as: UTF8.self).contains(#""pushkey":"bad""#) ? Array(#"{"rejected":["bad","other"]}"#.utf8) : Array("{}".utf8)) }
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        for key in ["bad", "good"] { try await flat.pusher(gateway.url, as: bob, key: key) }
        for text in ["one", "two"] { try await flat.say(text, in: room, as: alice) }
        try await flat.deliver()
        #expect(gateway.told.sorted() == ["one", "one", "two"])
        #expect(try await flat.call(.get, "/pushers", as: bob).expect(200)["pushers"]?.arrayValue?.map { $0["pushkey"] } == ["good"])
    }

    /// Another process on the same database goes on where the first one stopped: what was acknowledged is not told again.
    @Test func aRestartLosesAndRepeatsNothing() async throws {
        let healthy = Mutex(2)
        let gateway = try LocalServer { _ in healthy.withLock { $0 -= 1; return $0 >= 0 } ? .init() : .init(503, headers: [("Retry-After", "60")]) }
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        try await flat.pusher(gateway.url, as: bob)
        for text in ["one", "two", "three", "four"] { try await flat.say(text, in: room, as: alice) }
        try await flat.deliver()
        #expect(gateway.told == ["one", "two", "three"])
        healthy.withLock { $0 = 100 }
        let next = Push()
        try await next.feature.start(flat.app.context)
        #expect(next.watches(bob.id) && !next.watches(alice.id) && next.generation > 0)
        try await next.gateway.run(flat.app.context)
        #expect(gateway.told.count == 3)   // it asked for a minute
        flat.app.clock.advance(60_000)
        #expect(next.gateway.hasWork(flat.app.clock.now))
        try await next.gateway.run(flat.app.context)
        #expect(gateway.told == ["one", "two", "three", "three", "four"])
    }

    @Test func aNewPusherIsNotToldOfThePast() async throws {
        let gateway = try LocalServer(), flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        try await flat.pusher(gateway.url, as: bob, key: "first")
        try await flat.say("past", in: room, as: alice)
        try await flat.pusher(gateway.url, as: bob, key: "second")
        try await flat.deliver()
        #expect(gateway.notifications.map { $0["devices"]?[0]?["pushkey"] } == ["first"])
    }

    @Test(arguments: [(1, 1000), (2, 2000), (6, 32_000), (12, 2_048_000), (13, 3_600_000), (100, 3_600_000)] as [(Int64, Int64)])
    func waitsDouble(_ attempts: Int64, _ expected: Int64) {
        #expect(GatewayRules.delay(after: attempts, asked: nil) == expected)
        #expect(GatewayRules.delay(after: attempts, asked: 5000) == max(expected, 5000))
        #expect(GatewayRules.delay(after: attempts, asked: .max) == 3_600_000)
    }
}
