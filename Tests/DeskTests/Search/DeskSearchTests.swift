import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct DeskSearchTests {
    private func search(_ shop: Shop, _ query: String, as user: TestUser? = nil) async throws -> JSON {
        try await shop.call(.get, "/search?" + query, as: user ?? shop.owner).expect(200)
    }
    private func found(_ shop: Shop, _ q: String, _ more: String = "", as user: TestUser? = nil) async throws -> [String] {
        try await search(shop, "q=\(Percent.encode(q))" + more, as: user)["results"]?.arrayValue?.compactMap { $0.string("conversation.id") } ?? []
    }
    private func note(_ shop: Shop, _ text: String, in id: String, as user: TestUser) async throws -> String {
        try await shop.call(.post, "/conversations/\(id)/notes", as: user, ["key": .string("k-" + text), "body": .string(text)]).expect(201).string("note.id") ?? ""
    }

    @Test func wordsAreFoundInMessagesNotesAndNamesWhateverTheirEndings() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (julie, a, room) = try await shop.customer("Mes commandes n’arrivent pas, c’est désolant")
        let (_, b, _) = try await shop.customer("Where are my orders?", lang: "en")
        _ = try await note(shop, "Rembourser la livraison", in: b, as: anna)
        try await shop.call(.patch, "/contacts/\(julie.contact)", as: anna, ["name": "Julie Lefèvre", "company": "Ateliers Roux"]).expect(200)
        try await shop.send("Et la lampe ?", room: room, as: julie.user)
        for (q, wanted) in [("commande", [a]), ("COMMANDÉ", [a]), ("order", [b]), ("remboursement", [b]), ("lefevre", [a]), ("julie lampe", [a]), ("atel", [a]), ("lampe commandes", [a]),
                            ("lampe order", []), ("désol", [a]), ("zzz", []), ("!?", [])] {
            #expect(try await found(shop, q) == wanted, "\(q)")
            #expect(try await shop.list("view=any&q=\(Percent.encode(q))").compactMap { $0.string("id") } == wanted, "\(q)")
        }
        #expect(try await found(shop, "remboursement", "&in=messages").isEmpty)
        #expect(try await found(shop, "remboursement", "&in=notes") == [b])
        #expect(try await found(shop, "julie", "&in=notes").isEmpty)
        let number = try await shop.conversation(b).int("number") ?? 0
        #expect(try await found(shop, "#\(number)") == [b])
        let hit = try await search(shop, "q=lampes")["results"]?[0]
        #expect(hit?["hits"]?[0]?["pieces"]?.arrayValue?.compactMap { $0["found"]?.boolValue == true ? $0.string("text") : nil } == ["lampe"])
        #expect(hit?["hits"]?[0]?.string("kind") == "message" && hit?["by_contact"] == false)
        let people = try await search(shop, "q=juli")
        #expect(people["contacts"]?[0]?.string("id") == julie.contact && people["results"]?[0]?["by_contact"] == true)
    }

    @Test func whatIsChangedOrDeletedIsFoundByWhatItSaysNow() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (julie, a, room) = try await shop.customer("bonjour")
        let event = try await shop.send("un parapluie", room: room, as: julie.user)
        let memo = try await note(shop, "secret tournesol", in: a, as: anna)
        for indexedBefore in [true, false] {
            if indexedBefore { #expect(try await found(shop, "parapluie") == [a]) }
        }
        try await shop.app.call(.put, "/_matrix/client/v3/rooms/\(Percent.encode(room))/send/m.room.message/e1", as: julie.user, json: [
            "msgtype": "m.text", "body": "* un imperméable", "m.new_content": ["msgtype": "m.text", "body": "un imperméable"], "m.relates_to": ["rel_type": "m.replace", "event_id": .string(event)]]).expect(200)
        #expect(try await found(shop, "parapluie").isEmpty)
        #expect(try await found(shop, "impermeable") == [a])
        try await shop.app.call(.put, "/_matrix/client/v3/rooms/\(Percent.encode(room))/redact/\(Percent.encode(event))/r1", as: julie.user, json: [:]).expect(200)
        #expect(try await found(shop, "imperméable").isEmpty)
        #expect(try await found(shop, "tournesol") == [a])
        try await shop.call(.delete, "/conversations/\(a)/notes/\(memo)", as: anna).expect(204)
        #expect(try await found(shop, "tournesol").isEmpty)
        try await shop.call(.patch, "/contacts/\(julie.contact)", as: anna, ["name": "Julie Martin"]).expect(200)
        #expect(try await found(shop, "martin") == [a])
        try await shop.call(.patch, "/contacts/\(julie.contact)", as: anna, ["name": "Julie Roux"]).expect(200)
        #expect(try await found(shop, "martin").isEmpty)
        #expect(try await found(shop, "roux") == [a])
        // No word of what is gone is left in the files of the index.
        let words = try await shop.app.context.db.read { try $0.all("SELECT DISTINCT term FROM desk_posting") { $0.text(0) } }
        let people = try await shop.app.context.db.read { try $0.all("SELECT DISTINCT term FROM desk_contact_posting") { $0.text(0) } }
        #expect(Set(words).isDisjoint(with: ["paraplui", "impermeabl", "tournesol", "martin"]) && !people.contains("martin"))
    }

    @Test func nobodyFindsWhatHeMayNotSee() async throws {
        let shop = try await Shop()
        let brand = try await shop.call(.get, "/brands", as: shop.owner).expect(200)["items"]?[0]?.string("id")
        let other = try await shop.call(.post, "/inboxes", as: shop.owner, ["name": "Other", "brand_id": .of(brand)]).expect(201)
        let inside = try await shop.agent("inside"), outside = try await shop.agent("outside", inboxes: [other.string("id") ?? ""])
        let (julie, a, _) = try await shop.customer("Une lampe")
        try await shop.call(.patch, "/contacts/\(julie.contact)", as: inside, ["name": "Julie Martin"]).expect(200)
        #expect(try await found(shop, "lampe", as: inside) == [a])
        for q in ["lampe", "julie", "%23" + String(try await shop.conversation(a).int("number") ?? 0)] {
            let answer = try await search(shop, "q=" + q, as: outside)
            #expect(answer["results"]?.arrayValue?.isEmpty == true && answer["contacts"]?.arrayValue?.isEmpty == true, "\(q)")
        }
    }

    @Test func filtersTakeAwayAndPagesGoOn() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false)
        var all: [String] = []
        for n in 0..<7 { all.append(try await shop.customer("lampe numéro \(n)").conversation) }
        try await shop.call(.post, "/conversations/\(all[1])/take", as: anna).expect(200)
        try await shop.call(.put, "/conversations/\(all[2])/status", as: anna, ["status": "resolved"]).expect(200)
        try await shop.call(.put, "/conversations/\(all[3])/tags", as: anna, ["tags": ["vip"]]).expect(200)
        for (filter, wanted) in [("&status=resolved", [all[2]]), ("&assignee=me", [all[1]]), ("&tag=vip", [all[3]]), ("&inbox=\(shop.inbox)", all.reversed()), ("&inbox=in_none", []), ("&priority=high", []),
                                 ("&to=1", []), ("&from=1", all.reversed())] {
            #expect(try await found(shop, "lampe", filter, as: anna) == wanted, "\(filter)")
        }
        var seen: [String] = [], cursor: String?
        repeat {
            let page = try await search(shop, "q=lampe&limit=3" + (cursor.map { "&cursor=" + $0 } ?? ""))
            seen += page["results"]?.arrayValue?.compactMap { $0.string("conversation.id") } ?? []
            cursor = page["next_cursor"]?.stringValue
        } while cursor != nil
        #expect(seen == all.reversed())
        let view = try await shop.call(.post, "/views", as: anna, ["name": "v", "filter": ["text": "lampes", "tags": ["vip"]]]).expect(201).string("id") ?? ""
        #expect(try await shop.call(.get, "/views/\(view)/conversations", as: anna).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } == [all[3]])
        #expect(await shop.call(.get, "/search?q=x&status=gone", as: anna).status == 400)
        #expect(await shop.call(.get, "/search?q=x&in=everywhere", as: anna).status == 400)
    }

    @Test func aDatabaseFromBeforeTheIndexIsIndexedWhole() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (julie, a, _) = try await shop.customer("Une lampe")
        try await shop.call(.patch, "/contacts/\(julie.contact)", as: anna, ["name": "Julie Martin"]).expect(200)
        try await shop.app.context.db.write { tx in
            for table in ["desk_posting", "desk_contact_posting"] { try tx.run("DELETE FROM \(table)") }
            try tx.run("UPDATE desk_search_progress SET items = 0, contacts = 0")
        }
        let indexer = DeskIndex.Indexer()
        #expect(try await indexer.catchUp(shop.app.context))
        #expect(try await found(shop, "lampe julie") == [a])
        #expect(try await search(shop, "q=martin")["contacts"]?.arrayValue?.count == 1)
    }

    @Test func piecesMarkWhatWasFoundAndStayShort() async throws {
        let shop = try await Shop()
        let finder = try await shop.app.context.db.read { try Finder($0, "lampes cassée") }
        let text = String(repeating: "avant ", count: 60) + "ma lampe\nest cassée " + String(repeating: "après ", count: 60)
        let pieces = finder.pieces(text)
        #expect(pieces.filter(\.isFound).map(\.text) == ["lampe", "cassée"])
        #expect(pieces.first?.text == "…" && pieces.last?.text == "…")
        let whole = pieces.map(\.text).joined()
        #expect(whole.count <= 203 && !whole.contains("\n") && whole.contains("ma lampe est cassée"))
        #expect(finder.pieces("rien").map(\.text) == ["rien"])
        #expect(finder.pieces("").isEmpty)
    }
}
