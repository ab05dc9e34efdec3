import MatrixCore
@testable import Push
import Rooms
import ServerKit
import Store
import TestKit
import Testing

/// Unread counts by the rules of each user.
@Suite struct CountTests {
    @Test func aMutedRoomCountsNothing() async throws {
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let carol = try await flat.app.register("carol")
        let room = try await flat.room(alice, bob, carol)
        let first = try await flat.say("one", in: room, as: alice)
        try await flat.mute(room, as: bob)
        try await flat.say("two, bob", in: room, as: alice)
        #expect(try await flat.unread(room, bob) == [1, 0])
        #expect(try await flat.unread(room, carol) == [2, 0])
        try await flat.read(first, in: room, as: bob)
        #expect(try await flat.unread(room, bob) == [0, 0])
        try await flat.call(.delete, "/pushrules/global/override/\(Percent.encode(room))", as: bob).expect(200)
        let third = try await flat.say("three", in: room, as: alice)
        #expect(try await flat.unread(room, bob) == [1, 0])
        #expect(try await flat.unread(room, carol) == [3, 0])
        try await flat.read(third, in: room, as: bob)
        #expect(try await flat.unread(room, bob) == [0, 0])
    }

    @Test func aReceiptInTheMiddleLeavesWhatTheRulesSay() async throws {
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        // Only mentions.
        try await flat.rule("room", room, ["actions": []], as: bob)
        var events: [String] = []
        for text in ["plain", "bob", "plain", "plain", "bob", "plain", "plain", "bob", "plain"] { events.append(try await flat.say(text, in: room, as: alice)) }
        #expect(try await flat.unread(room, bob) == [3, 3])
        let left: [Int64] = [3, 2, 2, 2, 1, 1, 1, 0, 0]
        for (event, count) in zip(events, left) {
            try await flat.read(event, in: room, as: bob)
            #expect(try await flat.unread(room, bob) == [count, count])
        }
        try await flat.say("bob", in: room, as: alice)
        #expect(try await flat.unread(room, bob) == [1, 1])
        try await flat.say("I see", in: room, as: bob)
        #expect(try await flat.unread(room, bob) == [0, 0])
    }

    @Test func rulesThatChangeInTheMiddleAreCountedAsTheyWere() async throws {
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        var events: [String] = [], expected: [Int64] = []
        for round in 0..<3 {
            for text in ["a", "b"] { events.append(try await flat.say(text, in: room, as: alice)); expected.append(1) }
            try await flat.mute(room, as: bob)
            for text in ["c", "d"] { events.append(try await flat.say(text, in: room, as: alice)); expected.append(0) }
            try await flat.call(.delete, "/pushrules/global/override/\(Percent.encode(room))", as: bob).expect(200)
            // Told by a rule of his own of what nobody else is told of.
            try await flat.rule("underride", "all", ["actions": ["notify"]], as: bob)
            events.append(try await flat.send("org.example.\(round)", [:], in: room, as: alice))
            expected.append(1)
            try await flat.call(.delete, "/pushrules/global/underride/all", as: bob).expect(200)
        }
        for (index, event) in events.enumerated() {
            #expect(try await flat.unread(room, bob) == [expected[index...].reduce(0, +), 0])
            try await flat.read(event, in: room, as: bob)
        }
        #expect(try await flat.unread(room, bob) == [0, 0])
    }

    @Test func highlightsAreWhatTheRulesHighlight() async throws {
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let carol = try await flat.app.register("carol")
        let room = try await flat.room(alice, bob, carol)
        try await flat.rule("content", "cake", ["pattern": "cake", "actions": ["notify", ["set_tweak": "highlight"]]], as: bob)
        try await flat.call(.put, "/pushrules/global/content/.m.rule.contains_user_name/enabled", as: carol, ["enabled": false]).expect(200)
        try await flat.call(.put, "/pushrules/global/override/.m.rule.contains_display_name/enabled", as: carol, ["enabled": false]).expect(200)
        try await flat.say("there is cake", in: room, as: alice)
        try await flat.say("carol and bob", in: room, as: alice)
        try await flat.say("all", in: room, as: alice, more: ["m.mentions": ["room": true]])
        #expect(try await flat.unread(room, bob) == [3, 3])
        #expect(try await flat.unread(room, carol) == [3, 1])
        try await flat.say("@room", in: room, as: bob)   // without the power to
        #expect(try await flat.unread(room, carol) == [4, 1])
    }

    @Test func threadsAreCountedByRulesToo() async throws {
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        try await flat.rule("room", room, ["actions": []], as: bob)
        let root = try await flat.say("root", in: room, as: alice)
        let thread: JSONObject = ["m.relates_to": ["rel_type": "m.thread", "event_id": .string(root)]]
        let inside = try await flat.say("bob", in: room, as: alice, more: thread)
        try await flat.say("plain", in: room, as: alice, more: thread)
        #expect(try await flat.unread(room, bob) == [1, 1])
        try await flat.read(inside, in: room, as: bob, thread: root)
        #expect(try await flat.unread(room, bob) == [0, 0])
    }

    @Test func aRedactedEventIsNotWaitedFor() async throws {
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        let first = try await flat.say("one", in: room, as: alice)
        try await flat.mute(room, as: bob)
        let muted = try await flat.say("muted", in: room, as: alice)
        try await flat.call(.delete, "/pushrules/global/override/\(Percent.encode(room))", as: bob).expect(200)
        try await flat.say("three", in: room, as: alice)
        try await flat.call(.put, "/rooms/\(Percent.encode(room))/redact/\(Percent.encode(muted))/1", as: alice, [:]).expect(200)
        try await flat.read(first, in: room, as: bob)
        #expect(try await flat.unread(room, bob) == [1, 0])
    }

    /// A message into a room where nobody has rules or a pusher costs the statements of before, whoever has them elsewhere; muting costs one or two.
    @Test func thoseWithDefaultRulesCostNothingMore() async throws {
        let flat = try await Flat(), alice = flat.alice, bob = flat.bob
        let room = try await flat.room(alice, bob)
        let dan = try await flat.app.register("dan")
        func statements(_ content: JSON) async throws -> Int {
            try await flat.say("warm", in: room, as: alice)
            let event = NewEvent(room: RoomID(trusted: room), sender: alice.id, type: "m.room.message", content: content)
            let (c, rooms) = (flat.app.context, flat.rooms)
            return try await c.db.write { tx in
                let before = tx.statementCount
                _ = try rooms.append(c, tx, event)
                return tx.statementCount - before
            }
        }
        let mentions: JSON = ["msgtype": "m.text", "body": "hello", "m.mentions": [:]], plain: JSON = ["msgtype": "m.text", "body": "hello"]
        let before = try await (statements(mentions), statements(plain))
        #expect(before == (4, 4))   // room and member, event, what the sender has read, room's row
        try await flat.rule("room", "!elsewhere:test", ["actions": []], as: dan)
        #expect(try await (statements(mentions), statements(plain)) == before)
        try await flat.rule("room", "!elsewhere:test", ["actions": []], as: bob)
        #expect(try await (statements(mentions), statements(plain)) == before)
        try await flat.mute(room, as: bob)
        #expect(try await (statements(mentions), statements(plain)) == (before.0 + 2, before.1 + 2))   // what bob has read, and a mark
        try await flat.read(try await flat.say("last", in: room, as: alice), in: room, as: bob)
        #expect(try await (statements(mentions), statements(plain)) == (before.0 + 1, before.1 + 1))   // with nothing unread he needs no mark
    }
}
