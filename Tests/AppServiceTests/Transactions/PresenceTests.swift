@testable import AppService
import MatrixCore
import ServerKit
import TestKit
import Testing

struct PresenceTests {
    private func port(_ registration: String = Port.irc) async throws -> (Port, String) {
        let port = try await Port([registration])
        try await port.ghost("irc_bob")
        let room = try await port.room()
        try await port.join(room, for: "irc_bob")
        try await port.settle()
        return (port, room)
    }
    private func say(_ mood: String, _ user: TestUser, _ port: Port) async throws {
        try await port.call(.put, "/presence/\(user.id.rawValue)/status", as: user, ["presence": .string(mood)]).expect(200)
    }
    /// Presence is told by a task of its own.
    private func told(_ port: Port, _ count: Int) async throws -> [JSON] {
        func events() -> [JSON] {
            port.line.transactions.flatMap { $0.body["ephemeral"]?.arrayValue ?? [] }.filter { $0["type"] == "m.presence" }
        }
        for _ in 0..<400 where events().count < count {
            try await Task.sleep(for: .milliseconds(5))
            try await port.deliver()
        }
        return events()
    }

    @Test func presenceOfThoseWhoShareARoomIsToldUnderBothNames() async throws {
        let (port, _) = try await port()
        try await say("unavailable", port.ann, port)
        let event = try #require(try await told(port, 1).first)
        #expect(event["sender"] == "@ann:test" && event["content"]?["presence"] == "unavailable" && event["content"]?["last_active_ago"]?.intValue != nil)
        let body = try #require(port.line.transactions.last?.body)
        #expect(body["de.sorunome.msc2409.ephemeral"] == body["ephemeral"] && body["events"] == [])
    }

    @Test func strangersAreNotTold() async throws {
        let (port, _) = try await port()
        try await say("online", try await port.app.register("stranger"), port)
        try await say("online", port.ann, port)
        #expect(try await told(port, 1).map { $0["sender"] } == ["@ann:test"])
    }

    @Test func whoComesIntoTheRoomIsShown() async throws {
        let (port, room) = try await port()
        let cleo = try await port.app.register("cleo")
        try await say("online", cleo, port)
        try await port.call(.post, "/rooms/\(Percent.encode(room))/join", as: cleo, [:]).expect(200)
        #expect(try await told(port, 1).map { $0["sender"] } == ["@cleo:test"])
    }

    @Test func theLastWordIsTold() async throws {
        let (port, _) = try await port()
        for mood in ["online", "unavailable", "online", "offline"] { try await say(mood, port.ann, port) }
        var last = try await told(port, 1).last
        for _ in 0..<200 where last?["content"]?["presence"] != "offline" {
            try await Task.sleep(for: .milliseconds(5))
            try await port.deliver()
            last = try await told(port, 1).last
        }
        #expect(last?["content"]?["presence"] == "offline")
    }

    /// A service that has the transaction already does not look into it again.
    @Test func aTransactionThatIsRepeatedAfterARestartCarriesNothingNew() async throws {
        let (port, room) = try await port()
        port.line.answer { _ in (500, [:]) }
        try await port.say("hello", room)
        _ = try await port.courier.step(port.app.context)
        port.line.answer { _ in (200, [:]) }
        port.line.forget()
        let reborn = Courier(try port.courier.service)
        reborn.tell(presence: JSON.object(["type": "m.presence"]).encoded(), of: port.ann.id)
        while try await reborn.step(port.app.context) == .sent {}
        #expect(port.line.transactions.map { $0.body["ephemeral"] } == [nil, [["type": "m.presence"]]])
    }

    @Test func aServiceThatDoesNotListenIsNotTold() async throws {
        let (port, room) = try await port(Port.irc.replacing("receive_ephemeral: true", with: "receive_ephemeral: false"))
        try await say("online", port.ann, port)
        try await Task.sleep(for: .milliseconds(50))
        try await port.say("hello", room)
        try await port.deliver()
        #expect(port.line.transactions.count == 1 && port.line.transactions[0].body["ephemeral"] == nil)
    }

    @Test func aQueueHasOneWorkerAndKeepsTheLastWord() throws {
        let queue = PresenceQueue(), ann = UserID(trusted: "@ann:test")
        #expect(queue.add(ann, [1]) && !queue.add(ann, [2]) && !queue.add(UserID(trusted: "@bob:test"), [3]))
        #expect(queue.next()?.count == 2 && !queue.add(ann, [4]))
        #expect(queue.next()?.map(\.event) == [[4]] && queue.next() == nil && queue.add(ann, [5]))
    }
}
