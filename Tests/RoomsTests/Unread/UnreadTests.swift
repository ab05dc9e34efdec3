import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct UnreadTests {
    private func counts(_ room: Room, _ user: TestUser) throws -> [String: Unread.Counts] {
        let nid = try room.head().nid
        return try room.house.read { try Unread.counts($0, room: nid, user.id) }.filter { $0.value != .init() }
    }
    private func reset(_ room: Room, _ user: TestUser, _ event: EventID, _ scope: Unread.Scope = .all) throws {
        let nid = try room.head().nid
        let pos = try #require(try room.events().first { $0.id == event }?.pos)
        _ = try room.house.app.context.db.writeNow { try Unread.reset($0, room: nid, user.id, upTo: pos, scope) }
    }

    @Test func messagesOfOthersCountUntilTheyAreRead() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob, house.carol)
        let first = try await room.say("one")
        let second = try await room.say("two")
        #expect(try counts(room, house.bob) == ["": .init(notifications: 2)])
        #expect(try counts(room, house.carol) == ["": .init(notifications: 2)])
        #expect(try counts(room, house.alice) == [:])
        try reset(room, house.bob, first)
        #expect(try counts(room, house.bob) == ["": .init(notifications: 1)])
        try reset(room, house.bob, second)
        #expect(try counts(room, house.bob) == [:])
        try reset(room, house.bob, first)
        #expect(try counts(room, house.bob) == [:])
        // Who answers has read.
        try await room.say("three", as: house.carol)
        #expect(try counts(room, house.carol) == [:])
        #expect(try counts(room, house.alice) == ["": .init(notifications: 1)])
    }

    @Test func mentionsAreHighlights() async throws {
        let house = try await House()
        house.profiles.set(house.carol, Profile(displayName: "Carol Ann"))
        let room = try await house.open()
        try await room.join(house.bob, house.carol)
        try await room.send("m.room.message", ["body": "bob", "m.mentions": ["user_ids": [JSON(house.carol.id), "@stranger:test"]]])
        #expect(try counts(room, house.carol)[""] == .init(notifications: 1, highlights: 1))
        #expect(try counts(room, house.bob)[""] == .init(notifications: 1, highlights: 0))
        let named = try await room.say("I asked CAROL ANN and @bob:test")
        #expect(try counts(room, house.carol)[""] == .init(notifications: 2, highlights: 2))
        #expect(try counts(room, house.bob)[""] == .init(notifications: 2, highlights: 1))
        try await room.send("m.room.message", ["body": "all", "m.mentions": ["room": true]])
        #expect(try counts(room, house.bob)[""] == .init(notifications: 3, highlights: 2))
        try await room.send("m.room.message", ["body": "all", "m.mentions": ["room": true]], as: house.carol)   // without the power to
        #expect(try counts(room, house.bob)[""] == .init(notifications: 4, highlights: 2))
        try reset(room, house.bob, named)
        #expect(try counts(room, house.bob)[""] == .init(notifications: 2, highlights: 1))
    }

    @Test func threadsCountForThemselves() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let root = try await room.say("root")
        let inside = try await room.send("m.room.message", ["body": "bob", "m.relates_to": ["rel_type": "m.thread", "event_id": JSON(root)]])
        #expect(try counts(room, house.bob) == ["": .init(notifications: 1), root.rawValue: .init(notifications: 1, highlights: 1)])
        try reset(room, house.bob, inside, .main)
        #expect(try counts(room, house.bob) == [root.rawValue: .init(notifications: 1, highlights: 1)])
        try reset(room, house.bob, inside, .thread(root))
        #expect(try counts(room, house.bob) == [:])
    }

    @Test func redactedMessagesAreNotWaitedFor() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        let first = try await room.say("one"), second = try await room.say("bob")
        try await room.call(.put, "/redact/\(Percent.encode(second.rawValue))/1", [:]).expect(200)
        try reset(room, house.bob, first)
        #expect(try counts(room, house.bob) == [:])
    }

    @Test func leavingForgetsTheCounts() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        try await room.say("bob")
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        try await room.say("bob")
        try await room.join(house.bob)
        #expect(try counts(room, house.bob) == [:])
    }

    /// What a user has read of threads is one number as long as he has read them all.
    @Test func threadsThatAreReadNeedNoRows() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        func rows() throws -> Int64 {
            try house.read { [bob = house.bob.id] tx in try tx.first("SELECT COUNT(*) FROM reading WHERE user_id = ?", bob) { $0.int(0) } ?? 0 }
        }
        func inside(_ root: EventID, as user: TestUser? = nil) async throws -> EventID {
            try await room.send("m.room.message", ["body": "in it", "m.relates_to": ["rel_type": "m.thread", "event_id": JSON(root)]], as: user)
        }
        var roots: [EventID] = [], last: [EventID] = []
        for n in 0..<3 {
            roots.append(try await room.say("root \(n)"))
            last.append(try await inside(roots[n]))
        }
        #expect(try rows() == 1)
        try reset(room, house.bob, last[0], .thread(roots[0]))
        try reset(room, house.bob, last[1], .thread(roots[1]))
        #expect(try rows() == 3)
        #expect(try counts(room, house.bob) == ["": .init(notifications: 3), roots[2].rawValue: .init(notifications: 1)])
        try reset(room, house.bob, last[2], .thread(roots[2]))
        #expect(try rows() == 1)
        let again = try await inside(roots[0])
        #expect(try counts(room, house.bob) == ["": .init(notifications: 3), roots[0].rawValue: .init(notifications: 1)])
        _ = try await inside(roots[1], as: house.bob)
        #expect(try rows() == 2)
        try reset(room, house.bob, again)
        #expect(try rows() == 1 && counts(room, house.bob) == [:])
    }

    @Test(arguments: TestBackend.available) func aSendChangesAsManyRowsForManyMembersAsForFew(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        func statements(members: Int) async throws -> [Int] {
            let room = try await house.open()
            for n in 0..<members { try await room.join(TestUser(open: "m\(members)-\(n)")) }
            let root = try await room.say("root")
            let contents: [JSON] = [["body": "hello"], ["body": "@room"], ["body": "hello", "m.relates_to": ["rel_type": "m.thread", "event_id": JSON(root)]]]
            var counts: [Int] = []
            for content in contents {
                let event = NewEvent(room: room.id, sender: house.alice.id, type: "m.room.message", content: content)
                let (c, service) = (house.app.context, house.service)
                counts.append(try await c.db.write { tx in
                    let before = try tx.first("SELECT COUNT(*) FROM reading", row: { $0.int(0) }) ?? 0, statements = tx.statementCount
                    _ = try service.append(c, tx, event)
                    let ran = tx.statementCount - statements
                    let after = try tx.first("SELECT COUNT(*) FROM reading", row: { $0.int(0) }) ?? 0
                    return ran + Int(after - before) * 1000
                })
            }
            return counts
        }
        let few = try await statements(members: 2)
        #expect(few == [4, 4, 1007])   // in a thread: its parent, its total, the step, and a first row of the sender
        #expect(try await statements(members: 30) == few)
    }
}
