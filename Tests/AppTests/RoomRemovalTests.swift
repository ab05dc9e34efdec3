import Accounts
@testable import App
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

/// A deleted room is gone from the whole server, whichever feature kept something of it.
@Suite struct RoomRemovalTests {
    /// Tables that name rooms and keep their rows, each with its reason.
    private static let keeping: Set<String> = [
        "room_block",           // it must hold against those who would make the room anew
        "report",               // evidence, for administrators alone
        "desk_conversation",    // its rooms cannot be deleted
    ]
    /// Tables that remember the deletion itself, for a while.
    private static let remembering: Set<String> = ["room_deletion", "room_farewell"]

    private struct Column: Sendable { let table, name: String, isNumber: Bool }

    /// Every column of the database that names a room.
    private static func columns(_ tx: ReadTx, _ backend: TestBackend) throws -> [Column] {
        let sql = backend == .sqlite
            ? "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p ON 1 = 1 WHERE m.type = 'table' AND p.name LIKE '%room%' ORDER BY 1, 2"
            : """
                SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns \
                WHERE table_schema = current_schema() AND column_name LIKE '%room%' ORDER BY 1, 2
                """
        return try tx.all(sql) { Column(table: $0.text(0), name: $0.text(1), isNumber: $0.text(1).hasSuffix("nid")) }.filter { $0.name != "room_type" }
    }

    private static func count(_ tx: ReadTx, _ column: Column, room: String, nid: Int64) throws -> Int64 {
        column.isNumber ? try tx.first("SELECT COUNT(*) FROM \(column.table) WHERE ABS(\(column.name)) = ?", nid) { $0.int(0) } ?? 0
            : try tx.first("SELECT COUNT(*) FROM \(column.table) WHERE \(column.name) = ?", room) { $0.int(0) } ?? 0
    }

    @Test(arguments: TestBackend.available) func noTableHasARowOfADeletedRoom(backend: TestBackend) async throws {
        let features = Features(), app = try await TestApp(features.all, ports: features.ports, backend: backend), v3 = "/_matrix/client/v3"
        let ann = try await app.register("ann"), ben = try await app.register("ben"), chief = try await app.register("chief")
        try await AccountAdmin.setAdmin(app.context, user: "chief", true)
        let room = try await app.call(.post, v3 + "/createRoom", as: ann, json: ["preset": "public_chat", "room_alias_name": "bad", "name": "Bad"]).expect(200)["room_id"]?.stringValue ?? ""
        let path = v3 + "/rooms/" + Percent.encode(room), one = Percent.encode(room)
        func send(_ text: String, _ more: JSONObject = [:]) async throws -> String {
            let content = JSON.object((["msgtype": "m.text", "body": .string(text)] as JSONObject).merging(more))
            return try await app.call(.put, path + "/send/m.room.message/" + app.context.entropy.token(8), as: ann, json: content).expect(200)["event_id"]?.stringValue ?? ""
        }
        try await app.call(.post, path + "/join", as: ben, json: [:]).expect(200)
        let first = try await send("words", ["org.matrix.self_destruct_after": .int(app.clock.now + 100_000)])
        _ = try await send("all", ["m.mentions": ["room": true]])
        let read = try await send("read")
        try await app.call(.post, path + "/receipt/m.read/" + Percent.encode(first), as: ben, json: [:]).expect(200)
        try await app.call(.post, path + "/read_markers", as: ann, json: ["m.fully_read": .string(read)]).expect(200)
        _ = try await send("unread", ["m.mentions": ["user_ids": [JSON(ben.id)]]])
        _ = try await send("in a thread", ["m.relates_to": ["rel_type": "m.thread", "event_id": .string(first)]])
        try await app.call(.put, path + "/send/m.room.message/later?org.matrix.msc4140.delay=50000", as: ann, json: ["body": "later"]).expect(200)
        try await app.call(.put, v3 + "/user/\(ben.path)/rooms/\(one)/tags/u.bad", as: ben, json: ["order": 0.5]).expect(200)
        try await app.call(.put, v3 + "/pushrules/global/room/\(one)", as: ben, json: ["actions": []]).expect(200)
        try await app.call(.post, path + "/report/" + Percent.encode(first), as: ben, json: ["reason": "bad"]).expect(200)
        let backup = try await app.call(.post, v3 + "/room_keys/version", as: ben, json: ["algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": ["public_key": "abc"]]).expect(200)["version"]?.stringValue ?? ""
        try await app.call(.put, v3 + "/room_keys/keys/\(one)/session?version=\(backup)", as: ben,
                           json: ["first_message_index": 0, "forwarded_count": 0, "is_verified": false, "session_data": ["a": "b"]]).expect(200)
        try await app.run(job: "index for the search")
        // The last purge of the history, long done.
        try await app.call(.post, "/_synapse/admin/v1/purge_history/" + one, as: chief, json: ["purge_up_to_ts": 1]).expect(200)
        try await app.run(job: "purge history")
        try await app.call(.post, v3 + "/pushers/set", as: ben, json: [
            "kind": "http", "app_id": "app", "pushkey": "key", "app_display_name": "App", "device_display_name": "Phone", "lang": "en",
            "data": ["url": "https://push.example/_matrix/push/v1/notify"],
        ]).expect(200)
        // What a gateway, mails and an application service would leave behind.
        try await app.context.db.write { tx in
            try tx.run("INSERT INTO push_notice (user_id, pos, room_id, event_id, tweaks, created) VALUES (?, 1, ?, ?, ?, 1)", ben.id, room, first, Array("{}".utf8))
            try tx.run("INSERT INTO push_mail (pusher, room_id, event_id, sent, wait) SELECT number, ?, ?, 1, 1 FROM pusher", room, first)
            _ = try tx.run("INSERT INTO network_room (instance, room_id) VALUES ('irc|libera', ?)", room)
        }
        let nid = try await app.context.db.read { tx in try tx.first("SELECT room_nid FROM room WHERE room_id = ?", room) { $0.int(0) } ?? 0 }
        func counts() async throws -> [(column: Column, rows: Int64)] {
            try await app.context.db.read { tx in try Self.columns(tx, backend).map { ($0, try Self.count(tx, $0, room: room, nid: nid)) } }
        }
        let before = try await counts()
        #expect(before.count > 20)
        for (column, rows) in before where !Self.remembering.contains(column.table) && !["room_block", "desk_conversation"].contains(column.table) {
            #expect(rows > 0, "the test puts nothing into \(column.table).\(column.name): it would not see what stays there")
        }

        let url = "/_synapse/admin/v2/rooms/"
        let id = try await app.call(.delete, url + one, as: chief, json: ["block": true]).expect(200)["delete_id"]?.stringValue ?? ""
        try await app.run(job: "delete rooms")
        #expect(try await app.call(.get, url + "delete_status/" + id, as: chief).expect(200)["status"] == "complete")
        for (column, rows) in try await counts() where !Self.keeping.contains(column.table) && !Self.remembering.contains(column.table) {
            #expect(rows == 0, "\(column.table).\(column.name)")
        }
        #expect(try await app.context.db.read { tx in try tx.exists("SELECT 1 FROM event_expiry") } == false)
        let stored = try await app.context.db.read { tx in try tx.all("SELECT rules FROM push_rules") { String(decoding: $0.bytes(0), as: UTF8.self) } }
        #expect(!stored.contains { $0.contains(room) })
        #expect(try await app.call(.get, v3 + "/room_keys/version", as: ben).expect(200)["count"] == 0)

        app.clock.advance(40 * 24 * 3_600_000)
        try await app.run(job: "forget deleted rooms")
        for (column, rows) in try await counts() where !Self.keeping.contains(column.table) { #expect(rows == 0, "\(column.table).\(column.name)") }
        #expect(try await app.call(.get, "/_synapse/admin/v1/rooms/\(one)/block", as: chief).expect(200)["block"] == true)
    }
}
