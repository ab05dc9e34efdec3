import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct UnreadMigrationTests {
    /// Counts that were rows of numbers are the same numbers as differences, and go on from there.
    @Test(arguments: TestBackend.available) func countsSurvive(backend: TestBackend) async throws {
        let migrations = RoomService().feature.migrations, place = try backend.fresh()
        let before = try place.open(migrations.filter { $0.id != 50 })
        try before.writeNow { tx in
            for nid in [1, 2] as [Int64] {
                try tx.run("INSERT INTO room (room_nid, room_id, version, creator, created, depth, last_event, last_pos, bump_pos, auth_pos, member_pos, state_pos) VALUES (?, ?, '12', '@a:test', 0, 9, '$last', 90, 0, 0, 0, 0)", nid, "!\(nid)")
                for user in ["@a:test", "@b:test", "@c:test"] {
                    try tx.run("INSERT INTO membership (user_id, room_nid, membership, pos, event_id, sender, ts, since_pos) VALUES (?, ?, ?, 3, '$m', ?, 0, 3)", user, nid, user == "@c:test" ? "leave" : "join", user)
                }
            }
            for (pos, thread) in [(10, nil), (20, nil), (30, "$root"), (40, "$root")] as [(Int64, String?)] {
                try tx.run("INSERT INTO event (pos, room_nid, event_id, type, sender, ts, depth, content, rest, thread, notifies) VALUES (?, 1, ?, 'm.room.message', '@a:test', 0, 1, ?, ?, ?, 1)",
                           pos, "$\(pos)", Array("{}".utf8), Array("{}".utf8), thread)
            }
            let counts = "INSERT INTO unread (user_id, room_nid, thread, notifications, highlights) VALUES (?, ?, ?, ?, ?)"
            try tx.run(counts, "@a:test", 1 as Int64, "", 0 as Int64, 0 as Int64)
            try tx.run(counts, "@a:test", 1 as Int64, "$root", 0 as Int64, 0 as Int64)
            try tx.run(counts, "@b:test", 1 as Int64, "", 2 as Int64, 1 as Int64)
            try tx.run(counts, "@b:test", 1 as Int64, "$root", 2 as Int64, 0 as Int64)
            try tx.run("INSERT INTO unread_highlight (user_id, room_nid, thread, pos) VALUES ('@b:test', 1, '', 20)")
        }
        before.close()

        let after = try place.open(migrations), a = UserID(trusted: "@a:test"), b = UserID(trusted: "@b:test"), c = UserID(trusted: "@c:test")
        defer { after.close() }
        func counts(_ user: UserID, _ nid: Int64 = 1) throws -> [String: Unread.Counts] { try after.readNow { try Unread.counts($0, room: nid, user) } }
        #expect(try counts(a) == [:])
        #expect(try counts(b) == ["": .init(notifications: 2, highlights: 1), "$root": .init(notifications: 2)])
        #expect(try counts(b, 2) == [:] && counts(c) == [:])
        #expect(try after.readNow { try Unread.counts($0, of: b) } == [1: counts(b)])
        #expect(try after.readNow { try Unread.total($0, of: b) } == 4)

        // One more in each line.
        try after.writeNow { tx in
            var head = try #require(try RoomStore.head(tx, nid: 1))
            let everybody = Attention(notifies: true, highlights: .nobody)
            for (pos, thread) in [(91, nil), (92, "$root")] as [(Int64, String?)] {
                try tx.run("INSERT INTO event (pos, room_nid, event_id, type, sender, ts, depth, content, rest, thread, notifies) VALUES (?, 1, ?, 'm.room.message', '@a:test', 0, 1, ?, ?, ?, 1)",
                           pos, "$\(pos)", Array("{}".utf8), Array("{}".utf8), thread)
                try Unread.count(tx, &head, pos: pos, sender: a, thread: thread, everybody, apart: []) { _, _ in [] }
            }
            try tx.run("UPDATE room SET notices = ?, thread_pos = ?, last_pos = 92 WHERE room_nid = 1", head.notices, head.threadPos)
        }
        #expect(try counts(a) == [:])
        #expect(try counts(b) == ["": .init(notifications: 3, highlights: 1), "$root": .init(notifications: 3)])
        func read(_ pos: Int64, _ scope: Unread.Scope) throws { _ = try after.writeNow { try Unread.reset($0, room: 1, b, upTo: pos, scope) } }
        try read(10, .main)
        #expect(try counts(b)[""] == .init(notifications: 2, highlights: 1))
        try read(30, .thread(EventID(trusted: "$root")))
        #expect(try counts(b)["$root"] == .init(notifications: 2))
        try read(40, .all)
        #expect(try counts(b) == ["": .init(notifications: 1), "$root": .init(notifications: 1)])
        try read(92, .all)
        #expect(try counts(b) == [:])
    }
}
