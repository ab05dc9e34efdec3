import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct AutomationTests {
    @discardableResult
    private func rule(_ shop: Shop, _ event: String, _ more: JSONObject) async throws -> String {
        var body: JSONObject = ["name": .string("On " + event), "event": .string(event)]
        for (key, value) in more { body[key] = value }
        return try await shop.call(.post, "/rules", as: shop.owner, .object(body)).expect(201).string("id") ?? ""
    }
    private func tick(_ shop: Shop) async throws {
        for _ in 0..<3 {
            try await shop.desk.live.automation.tick(shop.app.context, shop.desk.live)
            await shop.desk.live.settled()
        }
    }
    private func log(_ shop: Shop, _ query: String = "") async throws -> [JSON] {
        try await shop.call(.get, "/rules/log?limit=100&" + query, as: shop.owner).expect(200)["items"]?.arrayValue ?? []
    }
    private func condition(_ field: String, _ op: String, _ values: [String] = [], key: String? = nil) -> JSON {
        ["field": .string(field), "op": .string(op), "values": JSON(values), "key": key.map { .string($0) } ?? .null]
    }

    @Test func itActsOnceInOrderAndSaysWhy() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0)
        let team = try await shop.call(.post, "/teams", as: shop.owner, ["name": "Returns", "members": JSON([anna.id.rawValue])]).expect(201).string("id") ?? ""
        let first = try await rule(shop, "message.customer", ["name": "Refunds", "conditions": [condition("text", "contains", ["remboursement"]), condition("language", "is", ["fr"])],
            "deeds": ["add_tags": ["remboursement"], "priority": "high", "team": .string(team), "note": "À voir, {{contact.name|client}}", "mentions": JSON([anna.id.rawValue])]])
        // Sees what the one before it has done.
        let second = try await rule(shop, "message.customer", ["name": "Tagged", "conditions": [condition("tags", "is", ["remboursement"])], "deeds": ["add_tags": ["suite"]]])
        let (visitor, a, room) = try await shop.customer("Je veux un remboursement"), (_, b, _) = try await shop.customer("Bonjour")
        try await tick(shop)
        let now = try await shop.conversation(a, as: anna)
        #expect(now["tags"] == ["remboursement", "suite"] && now["priority"] == "high" && now.string("team.id") == team && now["mentioned"] == true)
        #expect(try await shop.conversation(b)["tags"] == [])
        let said = try await shop.timeline(a).compactMap { $0.string("system.type") == "rule" ? $0.string("system.text") : nil }
        #expect(said == ["Rule “Refunds”.", "Rule “Tagged”."])
        #expect(try await shop.timeline(a).contains { $0.string("note.body") == "À voir, client" && $0.string("author.kind") == "system" })
        let entries = try await log(shop)
        #expect(entries.map { $0.string("outcome") } == ["not", "not", "fired", "fired"] && entries.map { $0.string("rule.id") } == [second, first, second, first])
        #expect(entries[3]["conditions"]?[0]?["holds"] == true && entries[3]["conditions"]?[1]?["actual"] == ["fr"] && entries[3]["actions"]?.arrayValue?.isEmpty == false)
        #expect(entries[1]["conditions"]?[0]?["holds"] == false && entries[1]["conditions"]?[1]?["holds"] == true)
        // What the customer has written is not in the log.
        #expect(entries.allSatisfy { !String(decoding: $0.encoded(), as: UTF8.self).contains("Je veux") && !String(decoding: $0.encoded(), as: UTF8.self).contains("Bonjour") })
        // Nothing more by itself, also when everything is forgotten that was in memory.
        let again = Automation()
        for _ in 0..<3 { try await again.tick(shop.app.context, shop.desk.live) }
        #expect(try await log(shop).count == 4)
        try await shop.send("Un remboursement !", room: room, as: visitor.user)
        try await tick(shop)
        #expect(try await log(shop, "rule=\(first)&outcome=fired&conversation=\(a)").count == 2)
    }
    /// The end of the process between any two steps: what was committed is done once, what was not is done then.
    @Test func aNewProcessGoesOnWhereTheOldOneEnded() async throws {
        let shop = try await Shop()
        try await rule(shop, "message.customer", ["answer": ["fr": "Bien reçu"], "answer_hours": 1])
        var rooms: [(Shop.Visitor, String)] = []
        for number in 0..<45 {
            let (visitor, _, room) = try await shop.customer("m\(number)")
            rooms.append((visitor, room))
        }
        // Three couriers at the same time, as no server has them.
        let couriers = (0..<3).map { _ in Automation() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for courier in couriers { group.addTask { for _ in 0..<5 { try await courier.tick(shop.app.context, shop.desk.live); courier.ring() } } }
            try await group.waitForAll()
        }
        for (visitor, room) in rooms { #expect(try await shop.roomBodies(room, as: visitor.user).count { $0 == "Bien reçu" } == 1) }
        #expect(try await log(shop, "outcome=fired").count == 45)
    }
    @Test func whatARuleDoesSetsOffNoRule() async throws {
        let shop = try await Shop()
        try await rule(shop, "tag.added", ["conditions": [condition("added_tag", "is", ["a"])], "deeds": ["remove_tags": ["a"], "add_tags": ["b"]]])
        try await rule(shop, "tag.added", ["conditions": [condition("added_tag", "is", ["b"])], "deeds": ["remove_tags": ["b"], "add_tags": ["a"]]])
        let (_, a, _) = try await shop.customer("x")
        try await shop.call(.put, "/conversations/\(a)/tags", as: shop.owner, ["tags": ["a"]]).expect(200)
        try await tick(shop)
        #expect(try await shop.conversation(a)["tags"] == ["b"])
        #expect(try await log(shop, "outcome=fired").count == 1)
        try await shop.call(.put, "/conversations/\(a)/tags", as: shop.owner, ["tags": ["b", "c"]]).expect(200)
        try await tick(shop)
        #expect(try await shop.conversation(a)["tags"] == ["b", "c"])   // b was there before: c alone is new
    }
    /// By way of the routing a rule could go round for ever.
    @Test func aCircleByWayOfTheRoutingEnds() async throws {
        let shop = try await Shop()
        // Whoever has given it back is not given it again at once: it takes two to go round.
        for name in ["anna", "karim"] { try await shop.agent(name, capacity: 5) }
        try await rule(shop, "conversation.assigned", ["deeds": ["assign": .null, "priority": "high"]])
        let (_, a, _) = try await shop.customer("x")
        for _ in 0..<30 { try await tick(shop) }
        #expect(try await log(shop, "outcome=fired").count == Int(RuleEvery.mostAnHour))
        #expect(try await log(shop, "outcome=limited").count == 1)
        #expect(try await shop.conversation(a).string("assignee.id") != nil)
    }
    @Test func answersAreInTheCustomersLanguageOncePerWindowAndNeverToAMachine() async throws {
        let shop = try await Shop()
        try await rule(shop, "message.customer", ["name": "A", "answer": ["fr": "Bonjour {{contact.first_name|et merci}}", "en": "Hello from {{brand.name}}"], "answer_hours": 2])
        try await rule(shop, "message.customer", ["name": "B", "answer": ["fr": "Deuxième"]])
        let (julie, a, room) = try await shop.customer("un"), (paul, _, other) = try await shop.customer("one", lang: "en")
        try await tick(shop)
        #expect(try await shop.roomBodies(room, as: julie.user) == ["un", "Bonjour et merci"])
        #expect(try await shop.roomBodies(other, as: paul.user).last?.hasPrefix("Hello from") == true)
        let item = try await shop.timeline(a).last { $0["kind"] == "message" }
        #expect(item?.string("author.kind") == "bot" && item?.string("message.type") == "notice")
        #expect(try await shop.conversation(a)["waiting_since"]?.isNull == false)   // nobody has answered him yet
        #expect(try await log(shop, "conversation=\(a)")[0]["actions"]?[0]?.stringValue?.contains("another rule") == true)
        shop.app.clock.advance(3_600_000)
        try await shop.send("deux", room: room, as: julie.user)
        try await tick(shop)
        #expect(try await shop.roomBodies(room, as: julie.user) == ["un", "Bonjour et merci", "deux", "Deuxième"])   // the first one not yet again
        shop.app.clock.advance(2 * 3_600_000)
        let path = "/_matrix/client/v3/rooms/\(Percent.encode(room))/send/m.room.message/auto"
        try await shop.app.call(.put, path, as: julie.user, json: ["msgtype": "m.notice", "body": "I am away"]).expect(200)
        await shop.desk.live.settled()
        try await tick(shop)
        #expect(try await shop.roomBodies(room, as: julie.user).last == "I am away")
        try await shop.send("trois", room: room, as: julie.user)
        try await tick(shop)
        #expect(try await shop.roomBodies(room, as: julie.user).last == "Bonjour et merci")
    }
    @Test func answersOutsideOfHoursAndWhenEverybodyIsAway() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0)
        let closed = try await shop.call(.post, "/hours", as: shop.owner, ["name": "Never", "time_zone": "Europe/Paris", "week": [[], [], [], [], [], [], []]]).expect(201).string("id") ?? ""
        try await rule(shop, "message.customer", ["name": "Closed", "conditions": [condition("hours", "is", ["closed"])], "answer": ["fr": "Fermé"]])
        try await rule(shop, "message.customer", ["name": "Away", "conditions": [condition("staff", "is", ["away"]), condition("first_message", "is", ["yes"])], "answer": ["fr": "Absents"]])
        let (one, _, a) = try await shop.customer("1")
        try await tick(shop)
        #expect(try await shop.roomBodies(a, as: one.user) == ["1"])
        try await shop.available(anna, "away")
        let (two, _, b) = try await shop.customer("2")
        try await tick(shop)
        #expect(try await shop.roomBodies(b, as: two.user) == ["2", "Absents"])
        try await shop.call(.patch, "/inboxes/\(shop.inbox)", as: shop.owner, ["hours": .string(closed)]).expect(200)
        try await shop.send("encore", room: a, as: one.user)
        try await tick(shop)
        #expect(try await shop.roomBodies(a, as: one.user) == ["1", "encore", "Fermé"])
    }
    @Test func whoWaitsTooLongAndWhatIsIdleIsFoundOnce() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0)
        try await rule(shop, "customer.waiting", ["minutes": 30, "deeds": ["priority": "urgent"]])
        try await rule(shop, "conversation.idle", ["minutes": 1440, "conditions": [condition("status", "is", ["pending"])], "deeds": ["status": "resolved"]])
        let (visitor, a, room) = try await shop.customer("x")
        func wait(_ minutes: Int64) async throws {
            shop.app.clock.advance(minutes * 60_000)
            try await tick(shop)
        }
        try await wait(29)
        #expect(try await shop.conversation(a)["priority"] == "none")
        try await wait(1)
        #expect(try await shop.conversation(a)["priority"] == "urgent")
        try await shop.call(.put, "/conversations/\(a)/priority", as: anna, ["priority": "low"]).expect(200)
        try await wait(60)
        #expect(try await shop.conversation(a)["priority"] == "low")   // the same wait
        try await shop.say("Voilà", in: a, as: anna)
        try await shop.send("Merci, et aussi", room: room, as: visitor.user)
        try await wait(31)
        #expect(try await shop.conversation(a)["priority"] == "urgent")   // another one
        try await shop.say("Oui", in: a, as: anna)
        // Not pending yet: looked at again later, and said once.
        try await wait(1441)
        #expect(try await shop.conversation(a)["status"] == "open")
        try await shop.call(.put, "/conversations/\(a)/status", as: anna, ["status": "pending"]).expect(200)
        try await wait(5)
        #expect(try await shop.conversation(a)["status"] == "pending")
        try await wait(6)
        #expect(try await shop.conversation(a)["status"] == "resolved")
        let idle = try await log(shop).filter { $0.string("event") == "conversation.idle" }
        #expect(idle.map { $0.string("outcome") } == ["fired", "not"])
    }
    @Test func aWebhookIsToldOfWhatARuleFound() async throws {
        let receiver = Receiver(), shop = try await Shop(outbound: receiver)
        let hook = try await shop.call(.post, "/webhooks", as: shop.owner, ["name": "CRM", "url": "https://crm.example/hook", "events": ["note.deleted"]]).expect(201).string("id") ?? ""
        let id = try await rule(shop, "sla.breached", ["webhook": .string(hook)])
        try await shop.call(.post, "/sla-policies", as: shop.owner, ["name": "Fast", "first_response": 60, "business_hours": false]).expect(201)
        await shop.desk.live.settled()
        let (_, a, _) = try await shop.customer("x")
        shop.app.clock.advance(61_000)
        try await Desk.tick(shop.app.context, shop.desk.live)
        try await tick(shop)
        for _ in 0..<3 {
            try await shop.desk.live.webhooks.tick(shop.app.context, shop.desk.live)
            await shop.desk.live.settled()
        }
        #expect(receiver.got.map { $0.json.string("type") } == ["rule.fired"])
        #expect(receiver.got.first?.json.string("data.conversation.id") == a && receiver.got.first?.json.string("data.rule.id") == id)
    }
    @Test func onlyFromNowOnAndNotWhenSwitchedOff() async throws {
        let shop = try await Shop(), (visitor, a, room) = try await shop.customer("before")
        let id = try await rule(shop, "message.customer", ["deeds": ["add_tags": ["seen"]]])
        try await tick(shop)
        #expect(try await shop.conversation(a)["tags"] == [])
        try await shop.call(.patch, "/rules/\(id)", as: shop.owner, ["active": false]).expect(200)
        try await shop.send("while off", room: room, as: visitor.user)
        try await tick(shop)
        try await shop.call(.patch, "/rules/\(id)", as: shop.owner, ["active": true]).expect(200)
        try await tick(shop)
        #expect(try await shop.conversation(a)["tags"] == [])
        try await shop.send("after", room: room, as: visitor.user)
        try await tick(shop)
        #expect(try await shop.conversation(a)["tags"] == ["seen"])
        try await shop.call(.delete, "/rules/\(id)", as: shop.owner).expect(204)
        #expect(try await log(shop).isEmpty)
    }
    @Test func whatFailsIsToldAndNothingIsDoneByHalf() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", inboxes: [])
        try await rule(shop, "message.customer", ["name": "Bad", "deeds": ["add_tags": ["half"], "assign": .string(anna.id.rawValue)]])
        try await rule(shop, "message.customer", ["name": "Good", "deeds": ["add_tags": ["whole"]]])
        let (_, a, _) = try await shop.customer("x")
        try await tick(shop)
        #expect(try await shop.conversation(a)["tags"] == ["whole"])
        let entries = try await log(shop)
        #expect(entries.map { $0.string("outcome") } == ["fired", "failed"] && entries[1].string("error")?.contains("not a member") == true)
    }
    @Test func theOrderIsSetAndOneThatStopsEndsIt() async throws {
        let shop = try await Shop()
        let a = try await rule(shop, "message.customer", ["name": "a", "deeds": ["add_tags": ["a"]]]), b = try await rule(shop, "message.customer", ["name": "b", "stops": true, "deeds": ["add_tags": ["b"]]])
        let c = try await rule(shop, "message.customer", ["name": "c", "deeds": ["add_tags": ["c"]]])
        let (_, one, _) = try await shop.customer("x")
        try await tick(shop)
        #expect(try await shop.conversation(one)["tags"] == ["a", "b"])
        try await shop.call(.post, "/rules/order", as: shop.owner, ["ids": JSON([c, b, a])]).expect(204)
        #expect(try await shop.call(.get, "/rules", as: shop.owner).expect(200)["items"]?.arrayValue?.map { $0.string("id") } == [c, b, a])
        let (_, two, _) = try await shop.customer("y")
        try await tick(shop)
        #expect(try await shop.conversation(two)["tags"] == ["b", "c"])
        #expect(await shop.call(.post, "/rules/order", as: shop.owner, ["ids": JSON([c, b])]).status == 409)
    }
    @Test func aDryRunSaysWhatWouldHappenAndDoesNothing() async throws {
        let shop = try await Shop(), (julie, a, room) = try await shop.customer("Ma lampe clignote"), (_, b, _) = try await shop.customer("Bonjour")
        try await shop.call(.put, "/conversations/\(a)/tags", as: shop.owner, ["tags": ["lampe"]]).expect(200)
        let before = try await shop.conversation(a).int("version")
        let tried = try await shop.call(.post, "/rules/dry-run", as: shop.owner, [
            "event": "message.customer", "conditions": [condition("text", "contains", ["lampe"])], "deeds": ["add_tags": ["lampe"], "priority": "high"], "answer": ["fr": "Bonjour {{contact.name|vous}}"]]).expect(200)
        #expect(tried.int("examined") == 2 && tried.int("matched") == 1)
        let results = tried["results"]?.arrayValue ?? []
        #expect(results.map { $0.string("conversation.id") } == [b, a] && results.map { $0["matches"] } == [false, true])
        #expect(results[1]["conditions"]?[0]?["actual"] == ["Ma lampe clignote"])
        #expect(results[1]["actions"] == ["Add the tags: lampe (is so already)", "Set the priority to high", "Answer: Bonjour vous"])
        try await tick(shop)
        #expect(try await shop.conversation(a).int("version") == before)
        #expect(try await shop.roomBodies(room, as: julie.user) == ["Ma lampe clignote"])
        shop.app.clock.advance(600_000)
        let waiting = try await shop.call(.post, "/rules/dry-run", as: shop.owner, ["event": "customer.waiting", "minutes": 10, "deeds": ["priority": "high"]]).expect(200)
        #expect(waiting.int("matched") == 2)
        let one = try await shop.call(.post, "/rules/dry-run", as: shop.owner, ["event": "conversation.opened", "deeds": ["priority": "high"], "conversation": .string(b)]).expect(200)
        #expect(one["results"]?.arrayValue?.map { $0.string("conversation.id") } == [b])
    }
    /// Whoever writes pays nothing for rules; without any the log is not even read.
    @Test func withoutRulesNothingIsRead() async throws {
        let shop = try await Shop(), (visitor, _, room) = try await shop.customer("x")
        try await tick(shop)
        let before = try await shop.app.context.db.read { try $0.first("SELECT COUNT(*) FROM desk_counter WHERE name = 'rules'") { $0.int(0) } }
        try await shop.send("y", room: room, as: visitor.user)
        try await tick(shop)
        #expect(before == 0)
        #expect(try await shop.app.context.db.read { try $0.first("SELECT COUNT(*) FROM desk_counter WHERE name = 'rules'") { $0.int(0) } } == 0)
    }
    @Test func theLogIsForgotten() async throws {
        let shop = try await Shop()
        try await rule(shop, "message.customer", ["conditions": [condition("text", "contains", ["a"])], "deeds": ["priority": "high"]])
        try await shop.customer("a")
        try await shop.customer("b")
        try await tick(shop)
        func clean() async throws { try await shop.app.context.db.write { try Automation.forgetOld(Unit(shop.app.context, $0, shop.desk.live, actor: .system)) } }
        #expect(try await log(shop).count == 2)
        shop.app.clock.advance(Automation.keptRefusals + 1)
        try await clean()
        #expect(try await log(shop).map { $0.string("outcome") } == ["fired"])
        shop.app.clock.advance(Automation.kept)
        try await clean()
        #expect(try await log(shop).isEmpty)
    }
    @Test(arguments: [
        ["event": "message.customer", "deeds": ["priority": "high"]], ["name": "R", "deeds": ["priority": "high"]], ["name": "R", "event": "nothing", "deeds": ["priority": "high"]],
        ["name": "R", "event": "message.customer"], ["name": "R", "event": "customer.waiting", "deeds": ["priority": "high"]], ["name": "R", "event": "message.customer", "deeds": ["reply": "x"]],
        ["name": "R", "event": "message.customer", "deeds": ["assign": "me"]], ["name": "R", "event": "message.customer", "answer": ["fr": "{{contact.name}}"]],
        ["name": "R", "event": "message.customer", "answer": ["français": "x"]], ["name": "R", "event": "message.customer", "webhook": "wh_none"],
        ["name": "R", "event": "message.customer", "deeds": ["priority": "high"], "conditions": [["field": "hours", "op": "is", "values": ["later"]]]],
        ["name": "R", "event": "message.customer", "deeds": ["priority": "high"], "conditions": [["field": "text", "op": "is", "values": ["x"]]]],
        ["name": "R", "event": "message.customer", "deeds": ["priority": "high"], "conditions": [["field": "text", "op": "contains", "values": []]]],
        ["name": "R", "event": "message.customer", "deeds": ["priority": "high"], "conditions": [["field": "inbox", "op": "is", "values": ["in_none"]]]],
        ["name": "R", "event": "message.customer", "deeds": ["priority": "high"], "conditions": [["field": "contact.attribute", "op": "known"]]],
        ["name": "R", "event": "message.customer", "deeds": ["priority": "high"], "conditions": ["x"]], ["name": "R", "event": "message.customer", "deeds": ["priority": "high"], "brand_id": "br_none"],
    ] as [JSON])
    func whatMakesNoSenseIsRefused(_ body: JSON) async throws {
        let shop = try await Shop()
        #expect(await shop.call(.post, "/rules", as: shop.owner, body).status == 400)
    }
}
