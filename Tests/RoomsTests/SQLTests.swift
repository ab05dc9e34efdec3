import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct SQLTests {
    static let writing: [String] = EventSQL.all + OpaqueIDs.SQL.all + RoomSQL.all + StateSQL.statements + MembershipSQL.all + AuthSQL.all + WorkSQL.all + RelationSQL.all
        + UnreadSQL.all + NoticeSQL.all + AliasSQL.all + DirectorySQL.all + CompanionSQL.all + Preview.SQL.all + RelationRoutes.SQL.all + Bundles.SQL.all + RelatedBy.SQL.all + SyncSQL.all
        + MessageRoutes.SQL.all + EventStream.SQL.all + Receipts.SQL.all + Purge.SQL.all + SelfDestruction.SQL.all + Retention.SQL.all + SearchIndex.SQL.all
        + Search.SQL.all + DelayedEvents.SQL.all + Reports.SQL.all + MutualSQL.all + SlidingSQL.all + RoomBlocks.SQL.all + RoomRemoval.SQL.all + Farewells.SQL.all + MediaMentions.SQL.all

    @Test(arguments: TestBackend.available) func everyStatementIsValid(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        try house.app.context.db.prepareAll(Self.writing)
    }

    /// The tables that grow with the messages are read by index only.
    @Test func noLargeTableIsScanned() async throws {
        let house = try await House(backend: .sqlite)
        for sql in Self.writing where sql.hasPrefix("SELECT") || sql.hasPrefix("UPDATE") || sql.hasPrefix("DELETE") || sql.contains(" SELECT ") {
            // Missing parameters are NULL: the plan is the same.
            let binds = Array(repeating: DatabaseValue.null, count: Self.parameters(sql))
            let plan = try house.read { tx in try tx.all("EXPLAIN QUERY PLAN " + sql, array: binds) { $0.text(3) } }
            for step in plan where step.hasPrefix("SCAN") && !step.contains("CONSTANT ROW") {
                // What a query has made itself it may read whole: its name is then `derived`.
                let isSmall = step == "SCAN derived" || step == "SCAN v" || step == "SCAN purge" || step.hasPrefix("SCAN purge USING INDEX purge_active") || step == "SCAN p" || step.hasPrefix("SCAN s USING INDEX room_summary_public") || step.hasPrefix("SCAN room_summary USING")
                #expect(isSmall, "\(step) in \(sql)")
            }
        }
    }

    /// An index that begins with the room is a scan of the room wherever nothing but the room is looked up in it.
    @Test func noRoomIsReadWholeForAFewRows() async throws {
        let house = try await House(backend: .sqlite)
        for sql in Self.writing where !sql.hasPrefix("INSERT") || sql.contains(" SELECT ") {
            let binds = Array(repeating: DatabaseValue.null, count: Self.parameters(sql))
            let plan = try house.read { tx in try tx.all("EXPLAIN QUERY PLAN " + sql, array: binds) { $0.text(3) } }
            for step in plan where step.contains("INDEX event_") && step.hasSuffix("(room_nid=?)") {
                let isMeant = Purge.SQL.all.contains(sql) || Retention.SQL.all.contains(sql)
                #expect(isMeant || sql.contains("LIMIT") && !sql.contains("relates_to = derived") && !sql.contains("relates_to = ?"), "\(step) in \(sql)")
            }
        }
    }

    private static func parameters(_ sql: String) -> Int {
        let numbered = sql.split(separator: "?").dropFirst().compactMap { Int($0.prefix { $0.isWholeNumber }) }
        return numbered.max() ?? sql.count { $0 == "?" }
    }

    /// The same life on each database gives the same rows.
    @Test(arguments: TestBackend.available) func aRoomLives(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.create(["preset": "public_chat", "name": "Shop", "room_alias_name": "shop", "visibility": "public", "invite": [JSON(house.carol.id)]])
        try await room.join(house.bob)
        let id = try await room.say("bob", txn: "1")
        #expect(try await room.say("bob", txn: "1") == id)
        try await room.send("m.room.message", ["body": "all", "m.mentions": ["room": true]])
        let nid = try room.head().nid, bob = house.bob.id
        #expect(try house.read { try Unread.counts($0, room: nid, bob) }[""] == .init(notifications: 2, highlights: 2))
        try await room.call(.post, "/receipt/m.read/\(Percent.encode(id.rawValue))", as: house.bob, [:]).expect(200)
        #expect(try house.read { try Unread.counts($0, room: nid, bob) }[""] == .init(notifications: 1, highlights: 1))
        try await room.call(.put, "/redact/\(Percent.encode(id.rawValue))/2", [:]).expect(200)
        #expect(try await room.event(id)["content"] == [:])
        #expect(try await house.call(.get, "/publicRooms").expect(200)["chunk"]?[0]?["num_joined_members"] == 2)
        #expect(try await room.call(.get, "/members?membership=invite").expect(200)["chunk"]?[0]?["state_key"] == JSON(house.carol.id))
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        #expect(try room.summary().joinedCount == 1)
        let rooms = house.service
        let timeline = try house.read { [c = house.app.context] in try rooms.timeline(c, $0, room: room.id, before: nil, limit: 2, types: ["m.room.message"]) }
        #expect(timeline.count == 2)
    }
}
