import MatrixCore
@testable import Rooms
import ServerKit
import TestKit
import Testing

@Suite struct RelationTests {
    private func relations(_ town: Town, _ path: String, _ event: String, _ rest: String = "", as user: TestUser) async -> TestResponse {
        await town.app.call(.get, "/_matrix/client/v1\(path)/relations/\(Percent.encode(event))\(rest)", as: user)
    }
    private func send(_ town: Town, _ path: String, _ type: String, _ content: JSON, as user: TestUser) async throws -> String {
        let answer = try await town.call(.put, "\(path)/send/\(type)/\(town.app.context.entropy.token(8))", as: user, content).expect(200)
        return try #require(answer["event_id"]?.stringValue)
    }
    private func edit(_ event: String, _ text: String) -> JSON {
        ["msgtype": "m.text", "body": .string("* " + text), "m.new_content": ["msgtype": "m.text", "body": .string(text)],
         "m.relates_to": ["rel_type": "m.replace", "event_id": .string(event)]]
    }
    private func event(_ town: Town, _ path: String, _ id: String, as user: TestUser) async throws -> JSON {
        try await town.call(.get, "\(path)/event/\(Percent.encode(id))", as: user).expect(200)
    }

    @Test func newestEditOfTheSenderIsBundled() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        let id = try await town.say("helo", path, as: town.ann)
        _ = try await send(town, path, "m.room.message", edit(id, "hello"), as: town.ann)
        town.app.clock.advance(10)
        let last = try await send(town, path, "m.room.message", edit(id, "hello!"), as: town.ann)
        town.app.clock.advance(10)
        _ = try await send(town, path, "m.room.message", edit(id, "stolen"), as: town.ben)
        let bundled = try await event(town, path, id, as: town.ben)["unsigned"]?["m.relations"]?["m.replace"]
        #expect(bundled?["event_id"]?.stringValue == last)
        #expect(bundled?["content"]?["m.new_content"]?["body"] == "hello!")
    }

    @Test func reactionsAreCountedAndARedactedOneIsNot() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben, town.cleo)
        let id = try await town.say("cake?", path, as: town.ann)
        func react(_ key: String, _ user: TestUser) async throws -> String {
            try await send(town, path, "m.reaction", ["m.relates_to": ["rel_type": "m.annotation", "event_id": .string(id), "key": .string(key)]], as: user)
        }
        _ = try await react("👍", town.ann)
        _ = try await react("👍", town.ben)
        let third = try await react("🎂", town.cleo)
        var chunk = try await event(town, path, id, as: town.ben)["unsigned"]?["m.relations"]?["m.annotation"]?["chunk"]
        #expect(chunk?.arrayValue?.map { "\($0["key"]?.stringValue ?? "") \($0["count"]?.intValue ?? 0)" } == ["👍 2", "🎂 1"])
        try await town.call(.put, "\(path)/redact/\(Percent.encode(third))/r1", as: town.cleo, [:]).expect(200)
        chunk = try await event(town, path, id, as: town.ben)["unsigned"]?["m.relations"]?["m.annotation"]?["chunk"]
        #expect(chunk?.arrayValue?.count == 1)
    }

    @Test func threadTellsItsLatestEventCountAndWhoTookPart() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben, town.cleo)
        let root = try await town.say("topic", path, as: town.ann)
        func reply(_ text: String, _ user: TestUser) async throws -> String {
            try await send(town, path, "m.room.message", ["msgtype": "m.text", "body": .string(text), "m.relates_to": ["rel_type": "m.thread", "event_id": .string(root)]], as: user)
        }
        _ = try await reply("one", town.ben)
        let last = try await reply("two", town.ben)
        for (user, took) in [(town.ann, true), (town.ben, true), (town.cleo, false)] {
            let thread = try await event(town, path, root, as: user)["unsigned"]?["m.relations"]?["m.thread"]
            #expect(thread?["latest_event"]?["event_id"]?.stringValue == last)
            #expect(thread?["count"] == 2)
            #expect(thread?["current_user_participated"]?.boolValue == took)
        }
        let other = try await town.say("another", path, as: town.ann)
        _ = try await send(town, path, "m.room.message", ["msgtype": "m.text", "body": "x", "m.relates_to": ["rel_type": "m.thread", "event_id": .string(other)]], as: town.cleo)
        func threads(_ query: String, _ user: TestUser) async throws -> (ids: [String], next: String?) {
            let answer = try await town.app.call(.get, "/_matrix/client/v1\(path)/threads\(query)", as: user).expect(200)
            return ((answer["chunk"]?.arrayValue ?? []).compactMap { $0["event_id"]?.stringValue }, answer["next_batch"]?.stringValue)
        }
        #expect(try await threads("", town.ben).ids == [other, root])
        #expect(try await threads("?include=participated", town.cleo).ids == [other])
        let first = try await threads("?limit=1", town.ben)
        #expect(first.ids == [other])
        #expect(try await threads("?limit=1&from=\(try #require(first.next))", town.ben).ids == [root])
    }

    @Test func pagesThroughRelationsWithoutLossOrRepetition() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        let root = try await town.say("root", path, as: town.ann)
        var all: [String] = []
        for n in 0..<7 {
            all.append(try await send(town, path, n % 2 == 0 ? "m.room.message" : "x.other",
                                      ["msgtype": "m.text", "body": "r", "m.relates_to": ["rel_type": "m.reference", "event_id": .string(root)]], as: town.ben))
        }
        var seen: [String] = [], from = ""
        for _ in 0..<10 {
            let answer = try await relations(town, path, root, "?limit=3" + (from.isEmpty ? "" : "&from=\(from)"), as: town.ann).expect(200)
            seen += (answer["chunk"]?.arrayValue ?? []).compactMap { $0["event_id"]?.stringValue }
            guard let next = answer["next_batch"]?.stringValue else { break }
            from = next
        }
        #expect(seen == all.reversed())
        let typed = try await relations(town, path, root, "/m.reference/x.other?limit=50", as: town.ann).expect(200)
        #expect(typed["chunk"]?.arrayValue?.count == 3)
        let none = try await relations(town, path, root, "/m.thread", as: town.ann).expect(200)
        #expect(none["chunk"]?.arrayValue?.isEmpty == true)
    }

    @Test func recursionFindsReactionsToReplies() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        let root = try await town.say("root", path, as: town.ann)
        let reply = try await send(town, path, "m.room.message", ["msgtype": "m.text", "body": "r", "m.relates_to": ["rel_type": "m.thread", "event_id": .string(root)]], as: town.ben)
        let reaction = try await send(town, path, "m.reaction", ["m.relates_to": ["rel_type": "m.annotation", "event_id": .string(reply), "key": "x"]], as: town.ann)
        let answer = try await relations(town, path, root, "?recurse=true&limit=50", as: town.ann).expect(200)
        #expect((answer["chunk"]?.arrayValue ?? []).compactMap { $0["event_id"]?.stringValue } == [reaction, reply])
        #expect(answer["recursion_depth"] == 2)
        // by its older names, and only so deep as asked
        for version in ["v1", "v3", "unstable"] {
            let old = try await town.app.call(.get, "/_matrix/client/\(version)\(path)/relations/\(Percent.encode(root))?org.matrix.msc3981.recurse=true", as: town.ann).expect(200)
            #expect(old["chunk"]?.arrayValue?.count == 2)
        }
        let flat = try await relations(town, path, root, as: town.ann).expect(200)
        #expect(flat["chunk"]?.arrayValue?.count == 1)
        #expect(flat["recursion_depth"] == nil)
        let typed = try await relations(town, path, root, "/m.annotation/m.reaction?recurse=true", as: town.ann).expect(200)
        #expect(typed["chunk"]?[0]?["event_id"] == .string(reaction))
        // four steps away is too far
        var last = reaction
        for n in 0..<2 { last = try await send(town, path, "x.y", ["m.relates_to": ["rel_type": "m.reference", "event_id": .string(last)], "n": .int(Int64(n))], as: town.ann) }
        #expect(try await relations(town, path, root, "?recurse=true&limit=50", as: town.ann).expect(200)["chunk"]?.arrayValue?.count == 3)
    }

    @Test func pagesOfThreadsInWhichOneTookPartAreFull() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        var mine: [String] = []
        for n in 0..<9 {
            let root = try await town.say("root", path, as: town.ann)
            _ = try await send(town, path, "m.room.message", ["msgtype": "m.text", "body": "r", "m.relates_to": ["rel_type": "m.thread", "event_id": .string(root)]], as: n % 3 == 0 ? town.ben : town.ann)
            if n % 3 == 0 { mine.append(root) }
        }
        let page = try await town.app.call(.get, "/_matrix/client/v1\(path)/threads?include=participated&limit=2", as: town.ben).expect(200)
        #expect((page["chunk"]?.arrayValue ?? []).compactMap { $0["event_id"]?.stringValue } == [mine[2], mine[1]])
        let rest = try await town.app.call(.get, "/_matrix/client/v1\(path)/threads?include=participated&limit=2&from=\(page["next_batch"]?.stringValue ?? "")", as: town.ben).expect(200)
        #expect((rest["chunk"]?.arrayValue ?? []).compactMap { $0["event_id"]?.stringValue } == [mine[0]])
        #expect(rest["next_batch"] == nil)
    }

    @Test func strangersAndUnknownEventsAreRefused() async throws {
        let town = try await Town()
        let made = try await town.call(.post, "/createRoom", as: town.ann, ["preset": "private_chat"]).expect(200)
        let path = "/rooms/" + Percent.encode(try #require(made["room_id"]?.stringValue))
        let id = try await town.say("secret", path, as: town.ann)
        try await relations(town, path, id, as: town.ben).expect(403, "M_FORBIDDEN")
        try await relations(town, path, "$unknown", as: town.ann).expect(404, "M_NOT_FOUND")
        try await relations(town, path, id, "?dir=x", as: town.ann).expect(400, "M_INVALID_PARAM")
        try await relations(town, path, id, "?from=nonsense", as: town.ann).expect(400, "M_INVALID_PARAM")
    }
}
