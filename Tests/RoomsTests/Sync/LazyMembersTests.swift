import MatrixCore
@testable import Rooms
import ServerKit
import TestKit
import Testing

struct LazyMembersTests {
    private static let lazy = #"{"room":{"timeline":{"limit":2},"state":{"lazy_load_members":true}}}"#

    private func sync(_ house: House, _ user: TestUser? = nil, _ filter: String = lazy, since: JSON? = nil) async throws -> JSON {
        try await house.call(.get, "/sync?timeout=0&filter=" + Percent.encode(filter) + (since?["next_batch"]?.stringValue.map { "&since=" + $0 } ?? ""), as: user).expect(200)
    }
    private func members(_ answer: JSON, _ room: Room, _ section: String = "join") -> Set<String> {
        let events = answer["rooms"]?[section]?[room.id.rawValue]?["state"]?["events"]?.arrayValue ?? []
        return Set(events.filter { $0["type"] == "m.room.member" }.compactMap { $0["state_key"]?.stringValue })
    }

    @Test func aMemberIsToldOnce() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        try await room.say("one"); try await room.say("two")
        let start = try await sync(house)
        #expect(members(start, room) == [house.alice.id.rawValue])
        try await room.say("hello", as: house.bob)
        let first = try await sync(house, since: start)
        #expect(members(first, room) == [house.bob.id.rawValue])
        try await room.say("again", as: house.bob)
        #expect(members(try await sync(house, since: first), room).isEmpty)
    }

    @Test func whatOnlyALostAnswerToldIsToldAgain() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.join(house.bob)
        try await room.say("one"); try await room.say("two")
        let start = try await sync(house)
        try await room.say("hello", as: house.bob)
        for _ in 0..<2 { #expect(members(try await sync(house, since: start), room) == [house.bob.id.rawValue]) }
        // The answer that arrives instead has a gap where bob was: he is unknown still when he speaks next.
        for n in 0..<3 { try await room.say("\(n)") }
        let gap = try await sync(house, since: start)
        #expect(members(gap, room).isEmpty)
        try await room.say("me again", as: house.bob)
        #expect(members(try await sync(house, since: gap), room) == [house.bob.id.rawValue])
    }

    @Test func roomsThatWereLeftAreLazyToo() async throws {
        let house = try await House()
        let room = try await house.open()
        let others = (0..<4).map { TestUser(open: "member\($0)") }
        try await room.join(house.bob, house.carol)
        for user in others { try await room.join(user) }
        try await room.say("hello"); try await room.say("hi", as: house.carol)
        let start = try await sync(house, house.bob)
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        let filter = #"{"room":{"include_leave":true,"timeline":{"limit":3},"state":{"lazy_load_members":true}}}"#
        #expect(members(try await sync(house, house.bob, filter), room, "leave") == [house.alice.id.rawValue, house.bob.id.rawValue, house.carol.id.rawValue])
        #expect(members(try await sync(house, house.bob, filter, since: start), room, "leave").isEmpty)
    }

    @Test func whatIsKeptIsBoundedByTheNumberOfNames() {
        let lazy = LazyMembers(limit: 100)
        let session = Session(userID: UserID(trusted: "@a:test"), deviceID: DeviceID(trusted: "D"))
        for room in 1...200 as ClosedRange<Int64> {
            lazy.tell(device: session, room: room, Set((0..<9).map { "@\($0):test" }), since: nil, now: room)
            #expect(lazy.count <= 100)
            #expect(lazy.known(device: session, room: room, among: ["@1:test"], at: room) == ["@1:test"], "the newest is kept")
        }
        lazy.tell(device: session, room: 201, Set((0..<500).map { "@\($0):test" }), since: nil, now: 300)
        #expect(lazy.count <= 100 && lazy.known(device: session, room: 201, among: ["@1:test"], at: 300).isEmpty)
        for _ in 0..<3 { lazy.tell(device: session, room: 202, ["@1:test", "@2:test"], since: nil, now: 301) }
        #expect(lazy.count <= 100)
    }

    @Test func aNameCountsFromTheAnswerThatToldIt() {
        let lazy = LazyMembers()
        let session = Session(userID: UserID(trusted: "@a:test"), deviceID: DeviceID(trusted: "D"))
        lazy.tell(device: session, room: 1, ["@b:test"], since: nil, now: 5)
        lazy.tell(device: session, room: 1, ["@b:test", "@c:test"], since: 5, now: 8)
        #expect(lazy.known(device: session, room: 1, among: ["@b:test", "@c:test", "@d:test"], at: 5) == ["@b:test"])
        #expect(lazy.known(device: session, room: 1, among: ["@b:test", "@c:test", "@d:test"], at: 8) == ["@b:test", "@c:test"])
        #expect(lazy.known(device: session, room: 2, among: ["@b:test"], at: 8).isEmpty)
        // The client still is at 5: what was told between does not count.
        lazy.tell(device: session, room: 1, ["@d:test"], since: 5, now: 9)
        #expect(lazy.known(device: session, room: 1, among: ["@b:test", "@c:test", "@d:test"], at: 9) == ["@b:test", "@d:test"])
        lazy.tell(device: session, room: 1, ["@e:test"], since: nil, now: 10)
        #expect(lazy.known(device: session, room: 1, among: ["@b:test", "@e:test"], at: 10) == ["@e:test"])
    }
}
