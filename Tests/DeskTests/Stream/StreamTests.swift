import MatrixCore
import ServerKit
import Store
import Synchronization
import TestKit
import Testing
@testable import Desk

/// One event as a client reads it off the wire.
struct StreamEvent: Sendable {
    var name = "", id: Int64?, data = JSON.null

    /// The whole events at the beginning of `bytes`; what is cut off stays away.
    static func parse(_ bytes: [UInt8]) -> [StreamEvent] {
        var events: [StreamEvent] = []
        let text = String(decoding: bytes, as: UTF8.self)
        var blocks = text.split(separator: "\n\n", omittingEmptySubsequences: false)
        blocks.removeLast()   // nothing, or an event without its end
        for block in blocks {
            var event = StreamEvent()
            for line in block.split(separator: "\n") {
                if line.hasPrefix("event: ") { event.name = String(line.dropFirst(7)) }
                if line.hasPrefix("id: ") { event.id = Int64(line.dropFirst(4)) }
                if line.hasPrefix("data: ") { event.data = (try? JSON.parse(Array(line.dropFirst(6).utf8))) ?? .null }
            }
            if !event.name.isEmpty { events.append(event) }
        }
        return events
    }
}

extension Shop {
    func stream(as user: TestUser, since: Int64? = nil, lang: String = "en") async throws -> AsyncStream<[UInt8]> {
        let answer = await app.call(.get, Self.base + "/stream?lang=\(lang)" + (since.map { "&since=\($0)" } ?? ""), as: user)
        guard case .stream(let stream) = answer.response.body else { throw TestFailure("no stream: \(answer.status) \(String(decoding: answer.bytes, as: UTF8.self))") }
        return stream
    }
    /// Reads until `isEnough` says so.
    func events(as user: TestUser, since: Int64? = nil, lang: String = "en", until isEnough: ([StreamEvent]) -> Bool) async throws -> [StreamEvent] {
        var bytes: [UInt8] = []
        for await chunk in try await stream(as: user, since: since, lang: lang) {
            bytes += chunk
            let events = StreamEvent.parse(bytes)
            if isEnough(events) { return events }
        }
        return StreamEvent.parse(bytes)
    }
}

/// A stream that never brings what a test waits for fails that test by name. The limit is long: all tests of a target run side by side, and each waits for the others.
@Suite(.timeLimit(.minutes(15))) struct StreamTests {
    /// Streams that look at the same moment share what they see, but for what is each one's own: unread, mentions, language, inboxes.
    @Test func whatStreamsShareIsEachOnesOwn() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim"), outside = try await shop.agent("outside", inboxes: [])
        let (visitor, id, room) = try await shop.customer("un")
        let start = try await shop.call(.get, "/me", as: anna).expect(200).int("position") ?? 0
        try await shop.send("deux", room: room, as: visitor.user)
        try await shop.call(.post, "/conversations/\(id)/notes", as: anna, ["key": "n", "body": .string("@karim"), "mentions": .array([.string(karim.id.rawValue)])]).expect(201)
        try await shop.send("FIN", room: room, as: visitor.user)
        let last = try await shop.timeline(id, as: anna).last?.string("id") ?? ""
        try await shop.call(.post, "/conversations/\(id)/read", as: anna, ["up_to": .string(last)]).expect(200)

        func news(_ user: TestUser, _ lang: String) async throws -> [StreamEvent] {
            try await shop.events(as: user, since: start, lang: lang) { $0.contains { $0.data.string("item.message.body") == "FIN" } && $0.contains { $0.name == "conversation.updated" } }
        }
        for _ in 0..<2 {   // built, and found
            for (user, lang, preview, unread, mentioned) in [(anna, "en", "FIN", 0, false), (karim, "fr", "FIN", 3, true), (karim, "en", "FIN", 3, true)] as [(TestUser, String, String, Int64, Bool)] {
                let events = try await news(user, lang)
                #expect(events.compactMap { $0.data.string("item.message.body") } == ["deux", "FIN"])
                let conversation = events.last { $0.name == "conversation.updated" }?.data
                #expect(conversation?.int("conversation.unread") == unread && conversation?.at("conversation.mentioned") == .bool(mentioned))
                #expect(conversation?.string("conversation.last_message.preview") == preview)
                let alone = try await shop.call(.get, "/conversations/\(id)?lang=\(lang)", as: user).expect(200)
                #expect(conversation?.at("conversation") == alone)
            }
        }
        // A later moment is another one.
        let before = try await shop.call(.get, "/me", as: anna).expect(200).int("position") ?? 0
        try await shop.call(.put, "/conversations/\(id)/priority", as: anna, ["priority": "urgent"]).expect(200)
        for user in [anna, karim] {
            let events = try await shop.events(as: user, since: before) { $0.contains { $0.name == "conversation.updated" } }
            #expect(events.last { $0.name == "conversation.updated" }?.data.string("conversation.priority") == "urgent")
        }
        // Whoever is outside of the inbox sees himself come, and nothing of it.
        try await shop.call(.patch, "/me", as: outside, ["name": "Out"]).expect(200)
        let seen = try await shop.events(as: outside, since: before) { $0.contains { $0.name == "agent.updated" } }
        #expect(!seen.contains { $0.name == "conversation.updated" || $0.name == "system.created" })
    }

    private final class Cuts: Sendable { let count = Atomic<Int>(0) }

    /// The client's connection is cut 50 times, at any byte, while customers and agents write. In the end it has everything once.
    @Test func cutFiftyTimesItLosesNothingAndDoublesNothing() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 50)
        let (visitor, first, room) = try await shop.customer("premier")
        let start = try await shop.call(.get, "/me", as: anna).expect(200).int("position") ?? 0

        let cut = Cuts()
        async let writing: Void = {
            var random = SplitMix64(seed: 5)
            var other: (visitor: Shop.Visitor, conversation: String, room: String)?
            var number = 0
            // Until the last cut: on a quick database all would be said before, and each further cut would wait for a ping.
            while number < 120 || cut.count.load(ordering: .relaxed) < 50 {
                switch random.below(6) {
                case 0: try await shop.say("réponse \(number)", in: first, as: anna)
                case 1: try await shop.call(.post, "/conversations/\(first)/notes", as: anna, ["key": .string("n\(number)"), "body": .string("note \(number)")]).expect(201)
                case 2: try await shop.call(.put, "/conversations/\(first)/priority", as: anna, ["priority": .string(["low", "high", "urgent", "none"][random.below(4)])]).expect(200)
                case 3 where other == nil: other = try await shop.customer("autre client")
                case 3: try await shop.send("autre \(number)", room: other?.room ?? "", as: other?.visitor.user ?? anna)
                default: try await shop.send("message \(number)", room: room, as: visitor.user, txn: "m\(number)")
                }
                if number >= 120 { try await Task.sleep(for: .milliseconds(50)) } else if number % 3 == 0 { try await Task.sleep(for: .milliseconds(1)) }
                number += 1
            }
            try await shop.send("FIN", room: room, as: visitor.user)
        }()

        var random = SplitMix64(seed: 77), since = start, cuts = 0, seen: [StreamEvent] = [], isOver = false
        while !isOver {
            var bytes: [UInt8] = []
            let limit = cuts < 50 ? random.below(3) + 1 : Int.max
            var chunks = 0
            for await chunk in try await shop.stream(as: anna, since: since) {
                bytes += chunk
                chunks += 1
                if chunks > limit { break }
                if StreamEvent.parse(bytes).contains(where: { $0.data.string("item.message.body") == "FIN" }), cuts >= 50 { break }
            }
            if cuts < 50 { bytes = Array(bytes.prefix(random.below(bytes.count + 1))) }
            cuts += 1
            cut.count.store(cuts, ordering: .relaxed)
            for event in StreamEvent.parse(bytes) {
                #expect(event.name != "reset")
                guard let id = event.id else { continue }
                #expect(id > since, "\(event.name) came twice")
                since = id
                seen.append(event)
            }
            isOver = cuts > 50 && seen.contains { $0.data.string("item.message.body") == "FIN" }
            if cuts > 5000 { Issue.record("no end"); break }
        }
        try await writing
        #expect(cuts > 50)

        // What a client has that applied the events is what a fresh one gets.
        let conversations = try await shop.list("view=any", as: anna)
        for conversation in conversations {
            let id = conversation.string("id") ?? ""
            let expected = try await shop.timeline(id, as: anna).filter { (Int64($0.string("id") ?? "") ?? 0) > start }
            let got = seen.filter { $0.data.string("conversation_id") == id && $0.data["item"] != nil }.compactMap { $0.data["item"] }
            #expect(got.compactMap { $0.string("id") } == expected.compactMap { $0.string("id") })
            #expect(got == expected)
            if let newest = seen.last(where: { $0.name == "conversation.updated" && $0.data.string("conversation.id") == id })?.data["conversation"], id != first {
                #expect(newest.int("message_count") == conversation.int("message_count"))
            }
        }
        #expect(conversations.contains { $0.string("id") == first })
        let newest = try await shop.events(as: anna, since: since - 1) { $0.count > 0 }
        #expect(newest.first?.name == "hello")
    }

    @Test func aMessageArrivesWithItsConversation() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        // From a position: a stream that begins anew may begin only after what happens below, and would wait for ever.
        let start = try await shop.call(.get, "/me", as: anna).expect(200).int("position")
        async let events = shop.events(as: anna, since: start) { $0.contains { $0.name == "message.created" } && $0.contains { $0.data.string("conversation.assignee.id") == anna.id.rawValue } }
        while shop.desk.live.openStreams == 0 { try await Task.sleep(for: .milliseconds(1)) }
        _ = try await shop.customer("Bonjour")
        let got = try await events
        #expect(got.first?.name == "hello")
        #expect(got.contains { $0.name == "conversation.updated" && $0.data["created"] == true })
        #expect(got.contains { $0.name == "system.created" && $0.data.string("item.system.text") == "Assigned to Anna." })
        #expect(got.contains { $0.name == "agent.updated" && $0.data.int("agent.load") == 1 })
    }

    @Test func aPositionThatIsTooOldOrUnknownResets() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        _ = try await shop.customer()
        let future = try await shop.events(as: anna, since: 1 << 40) { $0.contains { $0.name == "reset" } }
        let position = try await shop.call(.get, "/me", as: anna).expect(200).int("position") ?? 0
        #expect(future.last?.data.int("position") == position)
        shop.app.clock.advance(8 * 86_400_000)
        shop.desk.live.beat(anna.id.rawValue, now: shop.app.clock.now)
        try await shop.app.run(job: "desk.cleaning")
        let old = try await shop.events(as: anna, since: 1) { $0.contains { $0.name == "reset" } }
        #expect(old.map(\.name) == ["hello", "reset"])
    }

    @Test func anAgentIsSentOnlyWhatHeMaySee() async throws {
        let shop = try await Shop()
        let outsider = try await shop.agent("outsider", inboxes: []), anna = try await shop.agent("anna")
        let start = try await shop.call(.get, "/me", as: outsider).expect(200).int("position") ?? 0
        let (visitor, id, _) = try await shop.customer("privé")
        try await shop.app.call(.put, Shop.widget + "/me", as: visitor.user, json: ["name": "Julie"]).expect(200)
        try await shop.call(.patch, "/me", as: shop.owner, ["name": "Chef"]).expect(200)
        let got = try await shop.events(as: outsider, since: start) { $0.contains { $0.data.string("agent.name") == "Chef" } }
        #expect(!got.contains { $0.data.text.contains(id) || $0.data.text.contains("privé") || $0.data.text.contains("Julie") })
        #expect(try await shop.events(as: anna, since: start) { $0.contains { $0.data.string("agent.name") == "Chef" } }.contains { $0.data.text.contains(id) })
    }

    @Test func typingViewingAndReadingAreTold() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim", online: false)
        let (visitor, id, room) = try await shop.customer()
        let start = try await shop.call(.get, "/me", as: anna).expect(200).int("position")
        async let events = shop.events(as: anna, since: start, lang: "fr") { got in
            got.contains { $0.name == "typing" && $0.data["contact"] == true } && got.contains { $0.name == "viewing" && $0.data["viewers"]?.arrayValue?.count == 1 } && got.contains { $0.name == "read" }
        }
        while shop.desk.live.openStreams == 0 { try await Task.sleep(for: .milliseconds(1)) }
        try await shop.app.call(.put, "/_matrix/client/v3/rooms/\(Percent.encode(room))/typing/\(visitor.user.path)", as: visitor.user, json: ["typing": true, "timeout": 30_000]).expect(200)
        #expect(try await shop.call(.post, "/conversations/\(id)/viewing", as: karim, ["viewing": true, "composing": true]).expect(200)["viewers"] == [])
        let event = try await shop.say("Bonjour", in: id, as: anna).string("message.event_id") ?? ""
        try await shop.app.call(.post, "/_matrix/client/v3/rooms/\(Percent.encode(room))/receipt/m.read/\(Percent.encode(event))", as: visitor.user, json: [:]).expect(200)
        let got = try await events
        #expect(got.first { $0.name == "read" }?.data.string("by") == "contact")
        #expect(got.allSatisfy { $0.id == nil || !["typing", "viewing", "read", "hello"].contains($0.name) })
        let viewers = try await shop.call(.post, "/conversations/\(id)/viewing", as: anna, ["viewing": true]).expect(200)["viewers"]
        #expect(viewers?[0]?.string("agent.name") == "Karim" && viewers?[0]?["composing"] == true)
        shop.app.clock.advance(46_000)
        shop.desk.live.expire(now: shop.app.clock.now)
        #expect(try await shop.call(.post, "/conversations/\(id)/viewing", as: anna, ["viewing": true]).expect(200)["viewers"] == [])
    }
}
