import MatrixCore
@testable import Rooms
import ServerKit
import TestKit
import Testing

@Suite struct ReceiptsTests {
    private func receipt(_ town: Town, _ path: String, _ kind: String, _ event: String, as user: TestUser, _ body: JSON = [:]) async -> TestResponse {
        await town.call(.post, "\(path)/receipt/\(kind)/\(Percent.encode(event))", as: user, body)
    }
    /// user -> event of the room's receipts of one kind, as `viewer` sees them on a fresh sync.
    private func seen(_ town: Town, _ room: String, _ kind: String, by viewer: TestUser) async throws -> [String: String] {
        let sync = try await town.sync(viewer)
        var found: [String: String] = [:]
        for event in sync["rooms"]?["join"]?[room]?["ephemeral"]?["events"]?.arrayValue ?? [] where event["type"] == "m.receipt" {
            for (id, kinds) in event["content"]?.objectValue ?? [:] {
                for (user, _) in kinds[kind]?.objectValue ?? [:] { found[user] = id }
            }
        }
        return found
    }

    @Test func movesForwardOnly() async throws {
        let town = try await Town()
        let (room, path) = try await town.room(of: town.ann, with: town.ben)
        let first = try await town.say("1", path, as: town.ann), second = try await town.say("2", path, as: town.ann)
        try await receipt(town, path, "m.read", second, as: town.ben).expect(200)
        try await receipt(town, path, "m.read", first, as: town.ben).expect(200)
        #expect(try await seen(town, room, "m.read", by: town.ann) == [town.ben.id.rawValue: second])
    }

    @Test func privateReceiptIsSeenByItsUserAlone() async throws {
        let town = try await Town()
        let (room, path) = try await town.room(of: town.ann, with: town.ben)
        let event = try await town.say("1", path, as: town.ann)
        try await receipt(town, path, "m.read.private", event, as: town.ben).expect(200)
        #expect(try await seen(town, room, "m.read.private", by: town.ann).isEmpty)
        #expect(try await seen(town, room, "m.read.private", by: town.ben) == [town.ben.id.rawValue: event])
    }

    @Test(arguments: ["m.read", "m.read.private"])
    func clearsTheUnreadCount(kind: String) async throws {
        let town = try await Town()
        let (room, path) = try await town.room(of: town.ann, with: town.ben)
        let before = try await town.sync(town.ben)
        let event = try await town.say("hello ben", path, as: town.ann)
        let unread = try await town.sync(town.ben, since: before)["rooms"]?["join"]?[room]?["unread_notifications"]
        #expect(unread?["notification_count"] == 1 && unread?["highlight_count"] == 1)
        try await receipt(town, path, kind, event, as: town.ben).expect(200)
        let after = try await town.sync(town.ben, since: before)["rooms"]?["join"]?[room]?["unread_notifications"]
        #expect(after?["notification_count"] == 0 && after?["highlight_count"] == 0)
    }

    @Test func threadedReceiptLeavesTheMainTimelineUnread() async throws {
        let town = try await Town()
        let (room, path) = try await town.room(of: town.ann, with: town.ben)
        let root = try await town.say("root", path, as: town.ann)
        let reply = try await town.call(.put, "\(path)/send/m.room.message/t", as: town.ann,
                                        ["msgtype": "m.text", "body": "in thread", "m.relates_to": ["rel_type": "m.thread", "event_id": .string(root)]]).expect(200)["event_id"]?.stringValue ?? ""
        try await receipt(town, path, "m.read", reply, as: town.ben, ["thread_id": .string(root)]).expect(200)
        let counts = try await town.sync(town.ben)["rooms"]?["join"]?[room]?["unread_notifications"]
        #expect(counts?["notification_count"] == 1)
        try await receipt(town, path, "m.read", reply, as: town.ben, ["thread_id": "main"]).expect(400, "M_INVALID_PARAM")
    }

    @Test func readMarkersSetAllThree() async throws {
        let town = try await Town()
        let (room, path) = try await town.room(of: town.ann, with: town.ben)
        let first = try await town.say("1", path, as: town.ann), second = try await town.say("2", path, as: town.ann)
        try await town.call(.post, "\(path)/read_markers", as: town.ben, ["m.fully_read": .string(first), "m.read": .string(second)]).expect(200)
        #expect(try await seen(town, room, "m.read", by: town.ann) == [town.ben.id.rawValue: second])
        let marker = try await town.call(.get, "/user/\(town.ben.path)\(path)/account_data/m.fully_read", as: town.ben).expect(200)
        #expect(marker["event_id"]?.stringValue == first)
        let data = try await town.sync(town.ben)["rooms"]?["join"]?[room]?["account_data"]?["events"]?.arrayValue ?? []
        #expect(data.contains { $0["type"] == "m.fully_read" && $0["content"]?["event_id"]?.stringValue == first })
    }

    @Test func refusesWhatIsWrong() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann)
        let event = try await town.say("1", path, as: town.ann)
        try await receipt(town, path, "m.unknown", event, as: town.ann).expect(400, "M_INVALID_PARAM")
        try await receipt(town, path, "m.read", "$unknown", as: town.ann).expect(404, "M_NOT_FOUND")
        try await receipt(town, path, "m.read", event, as: town.ben).expect(403, "M_FORBIDDEN")
        try await receipt(town, path, "m.read", event, as: town.ann, ["thread_id": 5]).expect(400, "M_BAD_JSON")
        try await receipt(town, path, "m.read", event, as: town.ann, ["thread_id": ""]).expect(400, "M_INVALID_PARAM")
        try await town.call(.post, "\(path)/read_markers", as: town.ann, ["m.read": []]).expect(400, "M_BAD_JSON")
    }

    @Test func typingIsToldAndEnds() async throws {
        let town = try await Town()
        let (room, path) = try await town.room(of: town.ann, with: town.ben)
        var since = try await town.sync(town.ann)
        func typing() async throws -> [String]? {
            since = try await town.sync(town.ann, since: since)
            let event = since["rooms"]?["join"]?[room]?["ephemeral"]?["events"]?.arrayValue?.last { $0["type"] == "m.typing" }
            return event?["content"]?["user_ids"]?.arrayValue?.compactMap(\.stringValue)
        }
        try await town.call(.put, "\(path)/typing/\(town.ben.path)", as: town.ben, ["typing": true, "timeout": 5000]).expect(200)
        #expect(try await typing() == [town.ben.id.rawValue])
        #expect(try await typing() == nil)
        town.app.clock.advance(6000)
        try await town.app.run(job: "end typing that has timed out")
        #expect(try await typing() == [])
        try await town.call(.put, "\(path)/typing/\(town.ben.path)", as: town.ann, ["typing": true]).expect(403, "M_FORBIDDEN")
        try await town.call(.put, "\(path)/typing/\(town.cleo.path)", as: town.cleo, ["typing": true]).expect(403, "M_FORBIDDEN")
        try await town.call(.put, "\(path)/typing/\(town.ben.path)", as: town.ben, [:]).expect(400, "M_MISSING_PARAM")
    }
}
