import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

struct SearchTests {
    private func search(_ house: House, _ term: String, as user: TestUser? = nil, _ more: JSONObject = [:], next: JSON? = nil) async throws -> JSON {
        let query = next?.stringValue.map { "?next_batch=" + $0 } ?? ""
        let events = (["search_term": .string(term)] as JSONObject).merging(more)
        let answer = try await house.call(.post, "/search" + query, as: user, ["search_categories": ["room_events": .object(events)]]).expect(200)
        return try #require(answer["search_categories"]?["room_events"])
    }
    private func said(_ found: JSON) -> [String] {
        (found["results"]?.arrayValue ?? []).map { result in
            let content = result["result"]?["content"]
            return content?["body"]?.stringValue ?? content?["name"]?.stringValue ?? content?["topic"]?.stringValue ?? "?"
        }
    }

    // MARK: words

    @Test(arguments: [
        ["commande", "commandes", "Commander", "commandé", "COMMANDÉES", "commandez"], ["order", "orders", "ordered", "ordering"],
        ["cheval", "chevaux"], ["bateau", "bateaux"], ["story", "stories"], ["ship", "ships", "shipped", "shipping"], ["annuler", "annulation", "annulé"],
        ["été", "ETE", "e\u{301}te\u{301}", "etes"], ["livre", "livres"], ["Straße", "strasse"], ["cœur", "coeur", "coeurs"], ["payment", "payments"],
    ])
    func wordsThatBelongTogetherHaveOneTerm(words: [String]) {
        #expect(Set(words.map { SearchText.terms($0).map(\.term) }).count == 1, "\(words.map { SearchText.terms($0).map(\.term) })")
    }

    @Test(arguments: [("chat", "chien"), ("order", "border"), ("2024", "2025"), ("prix", "prise"), ("left", "right")])
    func differentWordsStayDifferent(a: String, b: String) {
        #expect(SearchText.terms(a).map(\.term) != SearchText.terms(b).map(\.term))
    }

    @Test func wordsAreFoundInTexts() {
        #expect(SearchText.terms("L'eau, c'est l'eau! Don't x 7").map(\.term) == ["eau", "est", "don", "7"])
        #expect(SearchText.terms("eau eau").first?.count == 2)
        #expect(SearchText.terms("你好 世界").map(\.term) == ["你", "好", "世", "界"])
        #expect(SearchText.terms("Привет МИР").map(\.term) == ["привет", "мир"])
        #expect(SearchText.terms("... !!").isEmpty)
        #expect(SearchText.terms(String(repeating: "a", count: 5000)).map(\.term.count) == [32])
        #expect(SearchText.terms((0..<5000).map { "w\($0)" }.joined(separator: " ")).count == SearchText.mostTerms)
        #expect(SearchText.words("Les Commandes: 世").map(\.text) == ["les", "commandes", "世"])
    }

    // MARK: finding

    @Test(arguments: TestBackend.available) func allWordsInBothLanguages(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.create(["name": "Commandes en cours", "topic": "Orders of the shop"])
        try await room.say("J'ai commandé deux livres")
        try await room.say("The order was shipped yesterday")
        try await room.say("Nothing to see")
        #expect(Set(said(try await search(house, "commande"))) == ["Commandes en cours", "J'ai commandé deux livres"])
        #expect(said(try await search(house, "orders shipping")) == ["The order was shipped yesterday"])
        #expect(Set(said(try await search(house, "order"))) == ["Orders of the shop", "The order was shipped yesterday"])
        #expect(said(try await search(house, "order", ["keys": ["content.body"]])) == ["The order was shipped yesterday"])
        #expect(said(try await search(house, "order", ["keys": ["content.topic"]])) == ["Orders of the shop"])
        #expect(try await search(house, "elephant")["count"] == 0)
        #expect(try await search(house, "...")["count"] == 0)
        #expect(try await search(house, "SHIPPED")["highlights"] == ["shipped"])
    }

    @Test(arguments: TestBackend.available) func bestOrNewestFirst(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.create()
        try await room.say("tea tea tea")
        try await room.say("some tea between a great many other words that have nothing whatever to do with it at all")
        try await room.say("tea please")
        let ranked = try await search(house, "tea")
        #expect(said(ranked).first == "tea tea tea")
        #expect(said(ranked).last?.hasPrefix("some tea") == true)
        #expect(ranked["count"] == 3)
        let recent = try await search(house, "tea", ["order_by": "recent"])
        #expect(said(recent).map { $0.prefix(8) } == ["tea plea", "some tea", "tea tea "])
    }

    @Test func pagesFollowEachOther() async throws {
        let house = try await House()
        let room = try await house.create()
        for n in 0..<7 { try await room.say("tea \(n)") }
        var seen: [String] = [], next: JSON?
        for _ in 0..<9 {
            let page = try await search(house, "tea", ["order_by": "recent", "filter": ["limit": 3]], next: next)
            seen += said(page)
            #expect(page["count"] == 7)
            next = page["next_batch"]
            if next == nil { break }
        }
        #expect(seen == (0..<7).reversed().map { "tea \($0)" })
    }

    /// Only what the user may see, in rooms where he is or was.
    @Test(arguments: TestBackend.available) func nobodyFindsWhatHeMayNotSee(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let secret = try await house.create(), shared = try await house.create(["preset": "public_chat"]), joined = try await house.create(["preset": "public_chat"])
        try await joined.set("m.room.history_visibility", ["history_visibility": "joined"])
        try await secret.say("tea secret")
        try await shared.say("tea shared")
        try await joined.say("tea before")
        try await shared.join(house.bob)
        try await joined.join(house.bob)
        try await joined.say("tea while")
        try await joined.call(.post, "/leave", as: house.bob, [:]).expect(200)
        try await joined.say("tea after")
        let found = try await search(house, "tea", as: house.bob)
        #expect(Set(said(found)) == ["tea shared", "tea while"])
        #expect(found["count"] == 2)
        #expect(try await search(house, "tea", as: house.bob, ["filter": ["rooms": [JSON(secret.id)]]])["count"] == 0)
        #expect(said(try await search(house, "tea", as: house.bob, ["filter": ["rooms": [JSON(shared.id)]]])) == ["tea shared"])
        #expect(said(try await search(house, "tea", as: house.bob, ["filter": ["not_rooms": [JSON(shared.id)]]])) == ["tea while"])
        #expect(try await search(house, "tea", as: house.bob, ["filter": ["senders": [JSON(house.carol.id)]]])["count"] == 0)
        try await joined.call(.post, "/forget", as: house.bob, [:]).expect(200)
        #expect(said(try await search(house, "tea", as: house.bob)) == ["tea shared"])
        #expect(try await search(house, "tea", as: house.carol)["count"] == 0)
    }

    @Test(arguments: TestBackend.available) func whatIsGoneIsNotFound(backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.create()
        let redacted = try await room.say("tea redacted")
        try await room.send("m.room.message", ["msgtype": "m.text", "body": "tea ended", "org.matrix.self_destruct_after": .int(house.app.clock.now + 10)])
        try await room.say("tea purged")
        let last = try await room.say("tea stays")
        try await room.send("m.room.encrypted", ["algorithm": "x", "ciphertext": "tea", "body": "tea"])
        #expect(try await search(house, "tea")["count"] == 4)
        try await room.call(.put, "/redact/\(Percent.encode(redacted.rawValue))/1", [:]).expect(200)
        house.app.clock.advance(20)
        try await house.app.run(job: "empty messages that destroy themselves")
        #expect(Set(said(try await search(house, "tea"))) == ["tea purged", "tea stays"])
        try await house.app.call(.post, "/_synapse/admin/v1/purge_history/\(Percent.encode(room.id.rawValue))/\(Percent.encode(last.rawValue))", as: TestUser(open: "admin"), json: [:]).expect(200)
        try await house.app.run(job: "purge history")
        #expect(said(try await search(house, "tea")) == ["tea stays"])
        #expect(try house.read { tx in try tx.first("SELECT COUNT(*) FROM search_posting") { $0.int(0) } } == 2)
    }

    @Test func contextStateAndGroups() async throws {
        let house = try await House()
        let one = try await house.create(["preset": "public_chat"]), two = try await house.create()
        try await one.join(house.bob)
        try await one.say("before")
        let id = try await one.say("tea", as: house.bob)
        try await one.say("after")
        let other = try await two.say("tea")
        let found = try await search(house, "tea", [
            "event_context": ["before_limit": 1, "after_limit": 1, "include_profile": true], "include_state": true, "order_by": "recent",
            "groupings": ["group_by": [["key": "room_id"], ["key": "sender"]]],
        ])
        let context = found["results"]?[1]?["context"]
        #expect(context?["events_before"]?[0]?["content"]?["body"] == "before")
        #expect(context?["events_after"]?[0]?["content"]?["body"] == "after")
        #expect(context?["profile_info"]?.objectValue?.keys.sorted() == [house.alice.id.rawValue, house.bob.id.rawValue])
        #expect(context?["start"]?.stringValue != nil)
        #expect(found["results"]?[0]?["rank"]?.doubleValue ?? 0 > 0)
        #expect(found["state"]?[one.id.rawValue]?.arrayValue?.contains { $0["type"] == "m.room.create" } == true)
        #expect(found["groups"]?["room_id"]?[two.id.rawValue] == ["results": [JSON(other)], "order": 1])
        #expect(found["groups"]?["sender"]?[house.bob.id.rawValue] == ["results": [JSON(id)], "order": 2])
    }

    /// In steps, from where the last server stopped, each event once; a message costs its sender nothing.
    @Test func theIndexKeepsUpInTheBackground() async throws {
        let house = try await House()
        let room = try await house.create(), db = house.app.context.db
        func postings() throws -> Int64 { try house.read { try $0.first("SELECT COUNT(*) FROM search_posting WHERE term = 'tea'") { $0.int(0) } ?? 0 } }
        for n in 0..<30 { try await room.say("tea \(n)") }
        #expect(try postings() == 0)
        var reached: Int64?
        for _ in 0..<2 { reached = try await db.write { [reached] in try SearchIndex.Indexer.step($0, after: reached, limit: 12) } }
        #expect(try (1..<30).contains(postings()))
        #expect(try house.read { try $0.first(SearchIndex.SQL.progress) { $0.int(0) } } == reached)
        try await SearchIndex.Indexer().catchUp(house.app.context)   // another server: it reads how far the first one was
        #expect(try postings() == 30)
        let before = db.statistics.commits
        try await house.app.run(job: "index for the search")
        try await room.say("tea 30")
        #expect(try await search(house, "tea")["count"] == 31)
        try await house.app.run(job: "index for the search")
        #expect(db.statistics.commits <= before + 3, "what is indexed already is not looked at again")
    }

    /// The words were read before the message was deleted, and are written after it.
    @Test(arguments: TestBackend.available) func whatIsDeletedWhileItIsIndexedIsNotFound(_ backend: TestBackend) async throws {
        let house = try await House(backend: backend)
        let room = try await house.create(), db = house.app.context.db
        let secret = try await room.say("secret")
        try await room.say("tea")
        let found = try await db.read { tx in try SearchIndex.Indexer.look(tx, after: 0, limit: 5_000) }
        #expect(found.postings.count == 2)
        try await room.call(.put, "/redact/\(Percent.encode(secret.rawValue))/1", [:]).expect(200)
        #expect(try await !SearchIndex.Indexer.write(house.app.context, found))
        #expect(try house.read { try $0.first("SELECT COUNT(*) FROM search_posting") { $0.int(0) } } == 0)
        #expect(try await search(house, "tea")["count"] == 1)
        #expect(try await search(house, "secret")["count"] == 0)
        #expect(try house.read { try $0.all("SELECT term FROM search_posting") { $0.text(0) } } == ["tea"])
    }

    /// More than is written at once.
    @Test func manyWordsAreWrittenInPortions() async throws {
        let house = try await House()
        let room = try await house.create()
        for number in 0..<30 { try await room.say((0..<100).map { "w\(number)x\($0)" }.joined(separator: " ")) }
        try await house.app.run(job: "index for the search")
        #expect(try house.read { try $0.first("SELECT COUNT(*) FROM search_posting") { $0.int(0) } } == 3000)
        #expect(try await search(house, "w29x99")["count"] == 1)
    }

    @Test func wrongSearchesAreRefused() async throws {
        let house = try await House()
        func status(_ body: JSON, _ query: String = "") async -> String { await house.call(.post, "/search" + query, body).json?["errcode"]?.stringValue ?? "" }
        #expect(await status([:]) == "M_MISSING_PARAM")
        #expect(await status(["search_categories": 1]) == "M_BAD_JSON")
        #expect(await status(["search_categories": ["room_events": [:]]]) == "M_MISSING_PARAM")
        for (key, value, code) in [
            ("keys", ["content.secret"], "M_INVALID_PARAM"), ("order_by", "x", "M_INVALID_PARAM"), ("order_by", 1, "M_BAD_JSON"), ("filter", ["limit": "x"], "M_BAD_JSON"),
            ("filter", [], "M_BAD_JSON"), ("event_context", ["before_limit": "x"], "M_BAD_JSON"), ("groupings", ["group_by": [["key": "x"]]], "M_INVALID_PARAM"),
            ("include_state", 1, "M_BAD_JSON"),
        ] as [(String, JSON, String)] {
            #expect(await status(["search_categories": ["room_events": ["search_term": "x", key: value]]]) == code, "\(key)")
        }
        #expect(await status(["search_categories": ["room_events": ["search_term": "x"]]], "?next_batch=zzz") == "M_INVALID_PARAM")
        #expect(try await house.call(.post, "/search", ["search_categories": [:]]).expect(200)["search_categories"] == [:])
    }
}
