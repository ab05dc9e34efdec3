import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct ConversationTests {
    @Test func tenFirstMessagesAtOnceMakeOneConversation() async throws {
        let shop = try await Shop(), visitor = try await shop.visitor()
        let answers = try await withThrowingTaskGroup(of: JSON.self) { group in
            for number in 0..<10 { group.addTask { try await shop.write("message \(number)", as: visitor) } }
            return try await group.reduce(into: [JSON]()) { $0.append($1) }
        }
        #expect(Set(answers.compactMap { $0.string("conversation_id") }).count == 1)
        #expect(Set(answers.compactMap { $0.string("event_id") }).count == 10)
        #expect(answers.filter { $0["created"]?.boolValue == true }.count == 1)
        let list = try await shop.list("view=all")
        #expect(list.count == 1)
        #expect(list[0].int("message_count") == 10)
        #expect(list[0].int("unread") == 10)
        let bodies = try await shop.timeline(list[0].string("id") ?? "").filter { $0.string("kind") == "message" }.compactMap { $0.string("message.body") }
        #expect(Set(bodies) == Set((0..<10).map { "message \($0)" }))
        #expect(bodies.count == 10)
    }

    @Test func theSameTransactionTwiceIsOneMessage() async throws {
        let shop = try await Shop(), visitor = try await shop.visitor()
        let first = try await shop.write("Bonjour", as: visitor, txn: "t1"), again = try await shop.write("Bonjour", as: visitor, txn: "t1")
        #expect(first == again)
        #expect(try await shop.list("view=all")[0].int("message_count") == 1)
        let other = await shop.app.call(.post, Shop.widget + "/conversations", as: visitor.user, json: ["inbox": "web", "txn_id": "t1", "content": ["msgtype": "m.text", "body": "autre"]])
        #expect(other.status == 409 && other["code"] == "key_reused")
    }

    @Test func twoAgentsTakeOneAndOneWins() async throws {
        let shop = try await Shop()
        let anna = try await shop.agent("anna", online: false), karim = try await shop.agent("karim", online: false)
        let (_, id, _) = try await shop.customer()
        async let one = shop.call(.post, "/conversations/\(id)/take", as: anna, headers: ["Accept-Language": "fr"])
        async let two = shop.call(.post, "/conversations/\(id)/take", as: karim, headers: ["Accept-Language": "fr"])
        let answers = await [(anna, one), (karim, two)]
        #expect(answers.map(\.1.status).sorted() == [200, 409])
        guard let winner = answers.first(where: { $0.1.status == 200 }), let loser = answers.first(where: { $0.1.status == 409 }) else { return }
        #expect(loser.1["code"] == "already_taken")
        #expect(loser.1.json?.string("winner.id") == winner.0.id.rawValue)
        #expect(loser.1.json?.string("detail")?.hasSuffix("vient de prendre cette conversation.") == true)
        #expect(loser.1.json?.string("conversation.assignee.id") == winner.0.id.rawValue)
        #expect(winner.1.headers["ETag"] != nil)
        // The one who has it may take it again; the other one may take it over.
        try await shop.call(.post, "/conversations/\(id)/take", as: winner.0).expect(200)
        let forced = try await shop.call(.post, "/conversations/\(id)/take", as: loser.0, ["force": true]).expect(200)
        #expect(forced.string("assignee.id") == loser.0.id.rawValue)
    }

    @Test func theAgentIsInTheRoomUnderHisPublicNameAndLeavesOnTransfer() async throws {
        let shop = try await Shop()
        let anna = try await shop.agent("anna"), karim = try await shop.agent("karim")
        try await shop.available(karim, "away")
        try await shop.call(.patch, "/agents/" + anna.path, as: shop.owner, ["public_name": "Anna de Lumen"]).expect(200)
        let (visitor, id, room) = try await shop.customer()
        func members() async throws -> [String: String] {
            let chunk = try await shop.app.call(.get, "/_matrix/client/v3/rooms/\(Percent.encode(room))/members?membership=join", as: visitor.user).expect(200)["chunk"]?.arrayValue ?? []
            return Dictionary(uniqueKeysWithValues: chunk.map { ($0.string("state_key") ?? "", $0.string("content.displayname") ?? "") })
        }
        var now = try await members()
        #expect(now[anna.id.rawValue] == "Anna de Lumen")
        #expect(Set(now.keys) == [anna.id.rawValue, visitor.user.id.rawValue, "@comptoir-desk:test"])
        try await shop.call(.patch, "/me", as: anna, ["public_name": "Annie"]).expect(200)
        now = try await members()
        #expect(now[anna.id.rawValue] == "Annie")
        try await shop.call(.post, "/conversations/\(id)/assign", as: shop.owner, ["agent": .string(karim.id.rawValue)]).expect(200)
        now = try await members()
        #expect(Set(now.keys) == [karim.id.rawValue, visitor.user.id.rawValue, "@comptoir-desk:test"])
        try await shop.call(.put, "/conversations/\(id)/status", as: karim, ["status": "resolved"]).expect(200)
        now = try await members()
        #expect(Set(now.keys) == [visitor.user.id.rawValue, "@comptoir-desk:test"])
        // The customer writes again: open, and the agent is back.
        try await shop.available(karim, "online")
        try await shop.send("Encore une question", room: room, as: visitor.user)
        now = try await members()
        #expect(now.keys.contains(karim.id.rawValue))
        #expect(try await shop.conversation(id).string("status") == "open")
    }

    @Test func anAgentAnswersFromAnyMatrixApp() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (_, id, room) = try await shop.customer()
        #expect(try await shop.conversation(id).int("waiting_since") != nil)
        try await shop.send("Bonjour, ici Anna", room: room, as: anna)
        let it = try await shop.conversation(id)
        #expect(it.at("waiting_since")?.isNull == true)
        #expect(it.string("last_message.author") == "agent")
        #expect(it.string("last_message.author_name") == "Anna")
    }

    @Test func writingToAnUnassignedConversationTakesIt() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false)
        let (visitor, id, room) = try await shop.customer()
        let item = try await shop.say("J'arrive", in: id, as: anna, key: "k1")
        #expect(item.string("message.key") == "k1")
        #expect(try await shop.say("J'arrive", in: id, as: anna, key: "k1") == item)
        #expect(try await shop.conversation(id).string("assignee.id") == anna.id.rawValue)
        #expect(try await shop.roomBodies(room, as: visitor.user) == ["Bonjour", "J'arrive"])
        let reused = await shop.call(.post, "/conversations/\(id)/messages", as: anna, ["key": "k1", "body": "autre"])
        #expect(reused["code"] == "key_reused")
    }

    @Test func notesNeverReachTheRoom() async throws {
        let shop = try await Shop()
        let anna = try await shop.agent("anna"), karim = try await shop.agent("karim", online: false)
        let (visitor, id, room) = try await shop.customer()
        let note = try await shop.call(.post, "/conversations/\(id)/notes", as: anna, ["key": "n1", "body": "SECRET du fournisseur", "mentions": [.string(karim.id.rawValue)]]).expect(201)
        try await shop.call(.post, "/conversations/\(id)/notes", as: anna, ["key": "n1", "body": "SECRET du fournisseur", "mentions": [.string(karim.id.rawValue)]]).expect(200)
        #expect(try await shop.roomBodies(room, as: visitor.user) == ["Bonjour"])
        let sync = try await shop.app.call(.get, "/_matrix/client/v3/sync", as: visitor.user).expect(200)
        #expect(!sync.text.contains("SECRET"))
        // No table of rooms holds it either.
        let events = try await shop.app.context.db.read { tx in
            let columns = TestBackend.preferred == .sqlite ? "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'desk%'"
                : "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name NOT LIKE 'desk%' AND data_type IN ('text', 'bytea')"
            let search = TestBackend.preferred == .sqlite ? "CAST(%@ AS TEXT) LIKE '%SECRET%'" : "position('SECRET' IN encode(%@::text::bytea, 'escape')) > 0"
            return try tx.all(columns) { ($0.text(0), $0.text(1)) }
                .filter { table, column in try tx.exists("SELECT 1 FROM \"\(table)\" WHERE " + search.replacing("%@", with: "\"\(column)\"")) }.map { $0.0 + "." + $0.1 }
        }
        #expect(events == [])
        // But colleagues see it, in order, and the one who is meant is told.
        #expect(try await shop.timeline(id, as: karim).last?.string("note.body") == "SECRET du fournisseur")
        let mentions = try await shop.call(.get, "/mentions?unread=true", as: karim).expect(200)["items"]?.arrayValue ?? []
        #expect(mentions.count == 1 && mentions[0]["read"] == false)
        #expect(try await shop.conversation(id, as: karim)["mentioned"] == true)
        #expect(try await shop.list("q=fournisseur").count == 1)
        try await shop.call(.post, "/conversations/\(id)/read", as: karim, ["up_to": .string(note.string("id") ?? "")]).expect(200)
        #expect(try await shop.conversation(id, as: karim)["mentioned"] == false)
        // Only the author or a supervisor deletes it; then nobody finds it.
        let path = "/conversations/\(id)/notes/\(note.string("note.id") ?? "")"
        try await shop.call(.delete, path, as: karim).expect(403)
        try await shop.call(.delete, path, as: anna).expect(204)
        #expect(try await shop.list("q=fournisseur").isEmpty)
        #expect(try await shop.timeline(id).allSatisfy { $0.string("kind") != "note" })
    }

    @Test func aStaleVersionIsRefusedWithTheNewState() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (_, id, _) = try await shop.customer()
        let version = try await shop.conversation(id).int("version") ?? 0
        try await shop.call(.put, "/conversations/\(id)/priority", as: anna, ["priority": "high"], headers: ["If-Match": "\"\(version)\""]).expect(200)
        let stale = await shop.call(.put, "/conversations/\(id)/priority", as: shop.owner, ["priority": "low"], headers: ["If-Match": "\"\(version)\""])
        #expect(stale.status == 409 && stale["code"] == "conflict")
        #expect(stale.json?.string("conversation.priority") == "high")
        try await shop.call(.put, "/conversations/\(id)/priority", as: anna, ["priority": "low"], headers: ["If-Match": "nonsense"]).expect(400)
    }

    @Test func statusesSnoozeAndReopen() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, id, room) = try await shop.customer()
        let path = "/conversations/\(id)/status"
        try await shop.call(.put, path, as: anna, ["status": "snoozed"]).expect(400)
        let until = shop.app.clock.now + 60_000
        #expect(try await shop.call(.put, path, as: anna, ["status": "snoozed", "until": .int(until)]).expect(200).int("snoozed_until") == until)
        shop.app.clock.advance(59_000)
        shop.desk.live.beat(anna.id.rawValue, now: shop.app.clock.now)
        try await shop.app.run(job: "desk.timers")
        #expect(try await shop.conversation(id).string("status") == "snoozed")
        shop.app.clock.advance(1_000)
        try await shop.app.run(job: "desk.timers")
        #expect(try await shop.conversation(id).string("status") == "open")
        try await shop.call(.put, path, as: anna, ["status": "resolved"]).expect(200)
        #expect(try await shop.conversation(id).int("resolved_at") == shop.app.clock.now)
        try await shop.send("Merci", room: room, as: visitor.user)
        let reopened = try await shop.conversation(id)
        #expect(reopened.string("status") == "open" && reopened.at("resolved_at")?.isNull == true)
        let texts = try await shop.timeline(id).compactMap { $0.string("system.text") }
        #expect(texts == ["Conversation opened.", "Assigned to Anna.", "Anna snoozed the conversation.", "The snooze is over.", "Anna resolved the conversation.", "The customer wrote again: the conversation is open."])
        let french = try await shop.call(.get, "/conversations/\(id)/timeline", as: anna, headers: ["Accept-Language": "fr-FR,fr;q=0.9"]).expect(200)
        #expect(french["items"]?[2]?.string("system.text") == "Attribuée à Anna.")
    }

    @Test func theQueueServesTheLongestWaitingFirst() async throws {
        let shop = try await Shop()
        var ids: [String] = []
        for number in 0..<7 {
            shop.app.clock.advance(1000)
            ids.append(try await shop.customer("question \(number)").conversation)
        }
        try await shop.call(.put, "/conversations/\(ids[4])/priority", as: shop.owner, ["priority": "urgent"]).expect(200)
        let expected = [ids[4], ids[0], ids[1], ids[2], ids[3], ids[5], ids[6]]
        #expect(try await shop.list("view=unassigned").compactMap { $0.string("id") } == expected)
        // Page by page the same, nothing twice.
        var paged: [String] = [], cursor = ""
        repeat {
            let page = try await shop.call(.get, "/conversations?view=unassigned&limit=2&cursor=\(cursor)", as: shop.owner).expect(200)
            paged += (page["items"]?.arrayValue ?? []).compactMap { $0.string("id") }
            cursor = page.string("next_cursor") ?? ""
        } while !cursor.isEmpty
        #expect(paged == expected)
        #expect(try await shop.list("view=all&sort=newest").compactMap { $0.string("id") }.first == ids[6])
    }

    @Test func searchFindsWordsNamesAndNumbers() async throws {
        let shop = try await Shop()
        let (visitor, id, room) = try await shop.customer("Ma lampe Éclair est cassée")
        _ = try await shop.customer("Horaires du magasin ?")
        try await shop.app.call(.put, Shop.widget + "/me", as: visitor.user, json: ["name": "Zoé Lefèvre", "email": "zoe@example.org"]).expect(200)
        let number = try await shop.conversation(id).int("number") ?? 0
        for q in ["eclair", "ÉCLAIR", "lampe cass", "lefevre", "zoe@example.org", "%23\(number)", "zoe lampe"] {
            #expect(try await shop.list("view=any&q=" + Percent.encode(q.replacing("%23", with: "#"))).compactMap { $0.string("id") } == [id], "\(q)")
        }
        #expect(try await shop.list("view=any&q=absent").isEmpty)
        #expect(try await shop.list("view=any&q=%25").isEmpty)
        // A deleted message is not found any more.
        let event = try await shop.send("mot de passe hippopotame", room: room, as: visitor.user)
        #expect(try await shop.list("q=hippo").count == 1)
        try await shop.app.call(.put, "/_matrix/client/v3/rooms/\(Percent.encode(room))/redact/\(Percent.encode(event))/r1", as: visitor.user, json: [:]).expect(200)
        #expect(try await shop.list("q=hippo").isEmpty)
        let item = try await shop.timeline(id).first { $0.string("message.event_id") == event }
        #expect(item?.at("message.redacted") == true && item?.string("message.body") == "")
    }

    @Test func anEditChangesTheItemAndNotTheCount() async throws {
        let shop = try await Shop()
        let (visitor, id, room) = try await shop.customer("Bonjuor")
        let event = try await shop.timeline(id).compactMap { $0.string("message.event_id") }[0]
        try await shop.app.call(.put, "/_matrix/client/v3/rooms/\(Percent.encode(room))/send/m.room.message/e1", as: visitor.user, json: [
            "msgtype": "m.text", "body": "* Bonjour", "m.new_content": ["msgtype": "m.text", "body": "Bonjour"], "m.relates_to": ["rel_type": "m.replace", "event_id": .string(event)]]).expect(200)
        let it = try await shop.conversation(id)
        #expect(it.int("message_count") == 1 && it.string("last_message.preview") == "Bonjour")
        let item = try await shop.timeline(id).first { $0.string("message.event_id") == event }
        #expect(item?.at("message.edited") == true && item?.string("message.body") == "Bonjour")
    }

    @Test func readReceiptsGoBothWays() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, id, room) = try await shop.customer()
        let last = try await shop.timeline(id).last { $0.string("kind") == "message" }
        #expect(try await shop.conversation(id, as: anna).int("unread") == 1)
        #expect(try await shop.call(.post, "/conversations/\(id)/read", as: anna, ["up_to": .string(last?.string("id") ?? "")]).expect(200)["unread"] == 0)
        let sync = try await shop.app.call(.get, "/_matrix/client/v3/sync", as: visitor.user).expect(200)
        let receipts = sync["rooms"]?["join"]?[room]?["ephemeral"]?["events"]?.arrayValue ?? []
        #expect(receipts.contains { $0.string("type") == "m.receipt" && $0.text.contains(anna.id.rawValue) })
        let reply = try await shop.say("Oui ?", in: id, as: anna)
        shop.app.clock.advance(5)
        try await shop.app.call(.post, "/_matrix/client/v3/rooms/\(Percent.encode(room))/receipt/m.read/\(Percent.encode(reply.string("message.event_id") ?? ""))", as: visitor.user, json: [:]).expect(200)
        #expect(try await shop.conversation(id).int("contact_read_at") == shop.app.clock.now)
    }

    @Test func afterTheReopenWindowANewConversationBegins() async throws {
        let shop = try await Shop()
        let (visitor, id, _) = try await shop.customer()
        try await shop.call(.put, "/conversations/\(id)/status", as: shop.owner, ["status": "resolved"]).expect(200)
        #expect(try await shop.write("encore", as: visitor, txn: "b").string("conversation_id") == id)
        try await shop.call(.put, "/conversations/\(id)/status", as: shop.owner, ["status": "resolved"]).expect(200)
        shop.app.clock.advance(31 * 86_400_000)
        let later = try await shop.write("un mois après", as: visitor, txn: "c")
        #expect(later.string("conversation_id") != id && later["created"] == true)
        let history = try await shop.call(.get, "/contacts/\(visitor.contact)/conversations", as: shop.owner).expect(200)["items"]?.arrayValue ?? []
        #expect(history.compactMap { $0.string("id") } == [later.string("conversation_id"), id])
    }

    @Test func tagsAreMadeWhenTheyAreUsed() async throws {
        let shop = try await Shop()
        let (_, id, _) = try await shop.customer()
        #expect(try await shop.call(.put, "/conversations/\(id)/tags", as: shop.owner, ["tags": [" Livraison ", "SAV", "sav"]]).expect(200)["tags"] == ["livraison", "sav"])
        #expect(try await shop.list("tag=SAV").count == 1)
        #expect(try await shop.call(.get, "/tags", as: shop.owner).expect(200)["items"]?.arrayValue?.compactMap { $0.int("uses") } == [1, 1])
        try await shop.call(.delete, "/tags/sav", as: shop.owner).expect(204)
        #expect(try await shop.conversation(id)["tags"] == ["livraison"])
    }

    @Test func cannedRepliesAreRenderedForTheConversation() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, id, _) = try await shop.customer()
        try await shop.app.call(.put, Shop.widget + "/me", as: visitor.user, json: ["name": "Julie Martin"]).expect(200)
        let canned = try await shop.call(.post, "/canned", as: anna, ["shortcut": "merci", "body": "Merci {{contact.first_name|}} ! — {{agent.name}}, nº {{conversation.number}} {{contact.email}}"]).expect(201)
        let preview = try await shop.call(.post, "/canned/preview", as: anna, ["id": .string(canned.string("id") ?? ""), "conversation": .string(id)]).expect(200)
        #expect(preview.string("text")?.hasPrefix("Merci Julie ! — Anna, nº 10") == true)
        #expect(preview["missing"] == ["contact.email"])
        let bad = await shop.call(.post, "/canned", as: anna, ["shortcut": "x", "body": "{{contact.age}}"], headers: ["Accept-Language": "fr"])
        #expect(bad["code"] == "invalid" && bad.json?.string("detail")?.contains("contact.age") == true)
        try await shop.call(.post, "/canned", as: anna, ["shortcut": "x", "body": "x", "scope": "team"]).expect(403)
        let karim = try await shop.agent("karim")
        #expect(try await shop.call(.get, "/canned", as: karim).expect(200)["items"]?.arrayValue?.isEmpty == true)
        try await shop.call(.delete, "/canned/" + (canned.string("id") ?? ""), as: karim).expect(404)
    }
}
