import MatrixCore
@testable import Rooms
import ServerKit
import TestKit
import Testing

@Suite struct MessageTests {
    /// A filter that leaves out nearly everything must not make one request read a whole room.
    @Test func oneRequestReadsOnlySoFar() async throws {
        let house = try await House()
        let room = try await house.open()
        try await room.set("org.x", ["a": 1])
        for n in 0..<(MessageRoutes.mostExamined + 60) { try await room.say("\(n)") }
        let filter = Percent.encode(#"{"types":["org.x"]}"#)
        let first = try await room.call(.get, "/messages?dir=b&limit=5&filter=\(filter)").expect(200)
        #expect(first["chunk"] == [])
        let end = try #require(first["end"]?.stringValue)
        let second = try await room.call(.get, "/messages?dir=b&limit=5&filter=\(filter)&from=\(end)").expect(200)
        #expect(second["chunk"]?.arrayValue?.count == 1)
        let last = try await room.call(.get, "/messages?dir=b&limit=5&filter=\(filter)&from=\(try #require(second["end"]?.stringValue))").expect(200)
        #expect(last["chunk"] == [] && last["end"] == nil)
    }

    @Test(arguments: ["b", "f"])
    func pagesThroughARoomWithoutLossOrRepetition(direction: String) async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        let sent = try await (0..<25).asyncMap { try await town.say("\($0)", path, as: $0 % 2 == 0 ? town.ann : town.ben) }
        var seen: [String] = [], from: String? = direction == "f" ? "t0" : nil
        for _ in 0..<20 {
            let answer = try await town.call(.get, "\(path)/messages?dir=\(direction)&limit=4" + (from.map { "&from=" + $0 } ?? ""), as: town.ben).expect(200)
            let chunk = answer["chunk"]?.arrayValue ?? []
            seen += chunk.filter { $0["type"] == "m.room.message" }.compactMap { $0["event_id"]?.stringValue }
            guard let end = answer["end"]?.stringValue, !chunk.isEmpty else { break }
            from = end
        }
        #expect(seen == (direction == "b" ? sent.reversed() : sent))
    }

    /// A client that pages to the start of a room meets an empty page without a token.
    @Test func theStartOfARoomHasNoToken() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann)
        try await town.say("tea", path, as: town.ann)
        let whole = try await town.sync(town.ann)["rooms"]?["join"]?[id]?["timeline"]
        #expect(whole?["events"]?[0]?["type"] == "m.room.create")
        let before = try await town.call(.get, "\(path)/messages?dir=b&from=\(try #require(whole?["prev_batch"]?.stringValue))", as: town.ann).expect(200)
        #expect(before["chunk"] == [])
        #expect(before["end"] == nil)
        let first = try await town.call(.get, "\(path)/messages?dir=b&from", as: town.ann).expect(200)
        #expect(Town.bodies(first["chunk"]) == ["tea"])
        let second = try await town.call(.get, "\(path)/messages?dir=b&from=\(try #require(first["end"]?.stringValue))", as: town.ann).expect(200)
        #expect(second["chunk"] == [])
        #expect(second["end"] == nil)
    }

    @Test func filterGoesOnUntilThePageIsFull() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        for n in 0..<30 { _ = try await town.say("\(n)", path, as: n % 10 == 0 ? town.ben : town.ann) }
        let filter = Percent.encode(#"{"types":["m.room.message"],"senders":["\#(town.ben.id.rawValue)"]}"#)
        let answer = try await town.call(.get, "\(path)/messages?dir=b&limit=3&filter=\(filter)", as: town.ann).expect(200)
        #expect(Town.bodies(answer["chunk"]) == ["20", "10", "0"])
    }

    /// Pages are full and come one after the other, also where a filter leaves nearly everything out.
    @Test(arguments: TestBackend.available, ["b", "f"]) func filterAsksForWhatRelatesToAnEvent(backend: TestBackend, direction: String) async throws {
        let town = try await Town(backend: backend)
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        let sent = try await (0..<70).asyncMap { try await town.say("\($0)", path, as: town.ann) }
        func relate(_ type: String, _ n: Int, as user: TestUser) async throws -> String {
            let content: JSON = ["body": "re", "msgtype": "m.text", "m.relates_to": ["rel_type": .string(type), "event_id": .string(sent[n]), "key": "x"]]
            let answer = try await town.call(.put, path + "/send/m.room.message/\(type)\(n)\(user.id.localpart)", as: user, content).expect(200)
            return try #require(answer["event_id"]?.stringValue)
        }
        for n in [3, 10, 20, 40, 60] { _ = try await relate("m.thread", n, as: n == 20 ? town.ben : town.ann) }
        _ = try await relate("m.reference", 30, as: town.ben)
        _ = try await relate("m.reference", 10, as: town.ben)
        let gone = try await relate("m.thread", 50, as: town.ben)
        try await town.call(.put, path + "/redact/\(Percent.encode(gone))/r", as: town.ben, [:]).expect(200)
        func found(_ filter: String) async throws -> [String] {
            var bodies: [String] = [], from = direction == "f" ? "&from=t0" : ""
            while true {
                let answer = try await town.call(.get, "\(path)/messages?dir=\(direction)&limit=2&filter=\(Percent.encode(filter))\(from)", as: town.ben).expect(200)
                bodies += Town.bodies(answer["chunk"])
                #expect(answer["chunk"]?.arrayValue?.count ?? 0 <= 2)
                guard let end = answer["end"]?.stringValue else { return direction == "f" ? bodies : bodies.reversed() }
                from = "&from=" + end
            }
        }
        #expect(try await found(#"{"related_by_rel_types":["m.thread"]}"#) == ["3", "10", "20", "40", "60"])
        #expect(try await found(#"{"related_by_rel_types":["m.thread","m.reference"]}"#) == ["3", "10", "20", "30", "40", "60"])
        #expect(try await found(#"{"related_by_senders":["\#(town.ben.id)"]}"#) == ["10", "20", "30"])
        #expect(try await found(#"{"related_by_rel_types":["m.thread"],"related_by_senders":["\#(town.ben.id)"]}"#) == ["20"], "one event has both")
        #expect(try await found(#"{"related_by_rel_types":[]}"#) == [])
        let context = try await town.call(.get, "\(path)/context/\(Percent.encode(sent[12]))?limit=20&filter=\(Percent.encode(#"{"related_by_rel_types":["m.thread"]}"#))", as: town.ann).expect(200)
        #expect(Town.bodies(context["events_before"]) == ["10", "3"] && Town.bodies(context["events_after"]) == ["20"])
    }

    @Test func contextGivesBothSidesAndTheState() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        let sent = try await (0..<9).asyncMap { try await town.say("\($0)", path, as: town.ann) }
        let answer = try await town.call(.get, "\(path)/context/\(Percent.encode(sent[4]))?limit=4", as: town.ben).expect(200)
        #expect(answer["event"]?["event_id"]?.stringValue == sent[4])
        #expect(Town.bodies(answer["events_before"]) == ["3", "2"])
        #expect(Town.bodies(answer["events_after"]) == ["5", "6"])
        #expect(answer["state"]?.arrayValue?.contains { $0["type"] == "m.room.create" } == true)
        let older = try await town.call(.get, "\(path)/messages?dir=b&limit=2&from=\(try #require(answer["start"]?.stringValue))", as: town.ben).expect(200)
        #expect(Town.bodies(older["chunk"]) == ["1", "0"])
        let newer = try await town.call(.get, "\(path)/messages?dir=f&limit=2&from=\(try #require(answer["end"]?.stringValue))", as: town.ben).expect(200)
        #expect(Town.bodies(newer["chunk"]) == ["7", "8"])
    }

    @Test func findsTheEventNearestToATime() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann)
        var times: [Int64] = [], ids: [String] = []
        for n in 0..<3 {
            town.app.clock.advance(60_000)
            times.append(town.app.clock.now)
            ids.append(try await town.say("\(n)", path, as: town.ann))
        }
        func find(_ ts: Int64, _ dir: String) async -> TestResponse {
            await town.app.call(.get, "/_matrix/client/v1\(path)/timestamp_to_event?ts=\(ts)&dir=\(dir)", as: town.ann)
        }
        #expect(try await find(times[1] - 1, "f").expect(200)["event_id"]?.stringValue == ids[1])
        #expect(try await find(times[1] + 1, "b").expect(200)["event_id"]?.stringValue == ids[1])
        try await find(times[2] + 1, "f").expect(404, "M_NOT_FOUND")
        try await find(times[2], "x").expect(400, "M_INVALID_PARAM")
    }

    @Test func refusesWhatIsWrong() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann)
        try await town.call(.get, "\(path)/messages", as: town.ann).expect(400, "M_MISSING_PARAM")
        try await town.call(.get, "\(path)/messages?dir=up", as: town.ann).expect(400, "M_INVALID_PARAM")
        try await town.call(.get, "\(path)/messages?dir=b&from=x", as: town.ann).expect(400, "M_INVALID_PARAM")
        try await town.call(.get, "\(path)/messages?dir=b&filter=%7B", as: town.ann).expect(400, "M_NOT_JSON")
        try await town.call(.get, "\(path)/messages?dir=b&filter=%7B%22types%22%3A5%7D", as: town.ann).expect(400, "M_BAD_JSON")
        try await town.call(.get, "/rooms/!nowhere:test/messages?dir=b", as: town.ann).expect(403, "M_FORBIDDEN")
        try await town.call(.get, "/sync?since=garbage", as: town.ann).expect(400, "M_INVALID_PARAM")
        try await town.call(.get, "/sync?timeout=-1", as: town.ann).expect(400, "M_INVALID_PARAM")
        try await town.call(.get, "/sync?filter=77", as: town.ann).expect(400, "M_INVALID_PARAM")
        try await town.call(.get, "/sync?set_presence=asleep", as: town.ann).expect(400, "M_INVALID_PARAM")
    }
}

extension Range where Bound == Int {
    fileprivate func asyncMap<T>(_ body: (Int) async throws -> T) async throws -> [T] {
        var out: [T] = []
        for n in self { out.append(try await body(n)) }
        return out
    }
}
