import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct CustomersTests {
    // MARK: attributes

    @Test(arguments: [
        (Attribute.Kind.number, "12", "12"), (.number, "0012,50", "12.5"), (.number, "-0.050", "-0.05"), (.number, "1e3", nil), (.number, "", nil), (.number, "1.2.3", nil), (.number, "٣", nil), (.number, "-0", "0"),
        (.date, "2026-11-30", "2026-11-30"), (.date, "2024-02-29", "2024-02-29"), (.date, "2026-02-29", nil), (.date, "2026-1-3", nil), (.date, "30/11/2026", nil),
        (.boolean, "true", "true"), (.boolean, "yes", nil), (.list, "gold", "gold"), (.list, "Gold", nil), (.link, "https://a.example/x", "https://a.example/x"), (.link, "javascript:alert(1)", nil),
        (.link, "https://a b", nil), (.text, "  x ", "x"),
    ] as [(Attribute.Kind, String, String?)]) func aValueHasOneForm(kind: Attribute.Kind, raw: String, kept: String?) {
        let attribute = Attribute(key: "k", name: "K", kind: kind, choices: ["gold", "silver"], position: 0)
        #expect((try? attribute.canonical(raw).get()) == kept)
    }
    @Test func numbersAndDaysAreInOrder() {
        #expect([("9", "10"), ("-3", "2"), ("1.5", "1,51"), ("2026-09-30", "2026-10-01")].allSatisfy { (AttributeRules.order($0.0) ?? 0) < (AttributeRules.order($0.1) ?? 0) })
        #expect(AttributeRules.order("gold") == nil)
    }
    @Test func attributesAreDefinedOnceAndHoldValuesToTheirKind() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, _, _) = try await shop.customer()
        try await shop.call(.patch, "/contacts/" + visitor.contact, as: anna, ["attributes": ["Free": "what one likes"]]).expect(200)
        #expect(await shop.call(.put, "/attributes/tier", as: anna, ["name": "Tier", "kind": "text"]).status == 403)
        #expect(await shop.call(.put, "/attributes/Tier", as: shop.owner, ["name": "Tier", "kind": "text"])["errors"]?[0]?["field"] == "id")
        #expect(await shop.call(.put, "/attributes/tier", as: shop.owner, ["name": "Tier", "kind": "list"])["errors"]?[0]?["field"] == "choices")
        try await shop.call(.put, "/attributes/tier", as: shop.owner, ["name": "Tier", "kind": "list", "choices": ["gold", "silver"]]).expect(200)
        try await shop.call(.put, "/attributes/orders", as: shop.owner, ["name": "Orders", "kind": "number"]).expect(200)
        #expect(try await shop.call(.get, "/attributes", as: anna).expect(200)["items"]?.arrayValue?.compactMap { $0.string("key") } == ["tier", "orders"])
        let path = "/contacts/\(visitor.contact)/attributes/"
        #expect(await shop.call(.put, path + "tier", as: anna, ["value": "iron"])["errors"]?[0]?["field"] == "attributes.tier")
        try await shop.call(.put, path + "tier", as: anna, ["value": "gold"]).expect(200)
        let now = try await shop.call(.put, path + "orders", as: anna, ["value": " 012,0 "]).expect(200)
        #expect(now["attributes"] == ["Free": "what one likes", "orders": "12", "tier": "gold"])
        // By the old way too; what is there already is not judged again.
        #expect(await shop.call(.patch, "/contacts/" + visitor.contact, as: anna, ["attributes": ["orders": "many"]])["errors"]?[0]?["field"] == "attributes.orders")
        #expect(await shop.call(.put, "/attributes/orders", as: shop.owner, ["name": "Orders", "kind": "date"])["errors"]?[0]?["field"] == "kind")
        try await shop.call(.put, "/attributes/tier", as: shop.owner, ["name": "Tier", "kind": "list", "choices": ["silver"]]).expect(200)
        try await shop.call(.patch, "/contacts/" + visitor.contact, as: anna, ["attributes": ["tier": "gold", "orders": "13"]]).expect(200)
        #expect(try await shop.call(.put, path + "tier", as: anna, ["value": .null]).expect(200)["attributes"] == ["orders": "13"])
        try await shop.call(.delete, "/attributes/orders", as: shop.owner).expect(204)
        #expect(try await shop.call(.get, "/contacts/" + visitor.contact, as: anna).expect(200)["attributes"] == ["orders": "13"])
    }

    // MARK: filters and segments

    @Test func filtersFindThoseWhoFitAndViewsTheirConversations() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", role: "supervisor")
        try await shop.call(.put, "/attributes/orders", as: shop.owner, ["name": "Orders", "kind": "number"]).expect(200)
        try await shop.call(.put, "/attributes/tier", as: shop.owner, ["name": "Tier", "kind": "text"]).expect(200)
        var people: [String: String] = [:], talks: [String: String] = [:]
        for (name, orders, tier, company) in [("Zoé", "9", "Premium Plus", "Lumen"), ("Paul", "10", "Basic", "LUMEN"), ("Nora", "", "", "")] {
            shop.app.clock.advance(1000)
            let (visitor, id, _) = try await shop.customer(name)
            people[name] = visitor.contact
            talks[name] = id
            var attributes: JSONObject = [:]
            if !orders.isEmpty { attributes = ["orders": .string(orders), "tier": .string(tier)] }
            try await shop.call(.patch, "/contacts/" + visitor.contact, as: anna, ["name": .string(name), "company": .string(company), "attributes": .object(attributes)]).expect(200)
        }
        func found(_ filter: JSON) async throws -> [String] {
            let answer = try await shop.call(.post, "/contacts/find", as: anna, ["filter": filter, "count": true]).expect(200)
            let ids = (answer["items"]?.arrayValue ?? []).compactMap { $0.string("id") }
            #expect(answer.int("count") == Int64(ids.count))
            return ids.compactMap { id in people.first { $0.value == id }?.key }
        }
        func test(_ key: String, _ rule: String, _ value: String? = nil) -> JSON { ["attributes": [["key": .string(key), "rule": .string(rule), "value": .of(value)]]] }
        #expect(try await found([:]) == ["Nora", "Paul", "Zoé"])
        #expect(try await found(test("orders", "more", "9")) == ["Paul"])
        #expect(try await found(test("orders", "less", "10")) == ["Zoé"])
        #expect(try await found(test("tier", "is", "premium  plus")) == [])
        #expect(try await found(test("tier", "is", "prémium plus")) == ["Zoé"])
        #expect(try await found(test("tier", "is_not", "basic")) == ["Nora", "Zoé"])
        #expect(try await found(test("tier", "contains", "PLUS")) == ["Zoé"])
        #expect(try await found(test("tier", "unset")) == ["Nora"])
        #expect(try await found(test("tier", "set")) == ["Paul", "Zoé"])
        #expect(try await found(["text": "lumen", "has_email": false, "verified": false]) == ["Paul", "Zoé"])
        #expect(try await found(["conversations": 2]) == [])
        #expect(try await found(["seen_days": 1]) == ["Nora", "Paul", "Zoé"])
        #expect(try await found(["unseen_days": 1]) == [])
        #expect(await shop.call(.post, "/contacts/find", as: anna, ["filter": test("orders", "more", "many")])["errors"]?[0]?["field"] == "filter.attributes.0.value")
        // one company, however it was written
        let companies = try await shop.call(.get, "/companies?q=lum", as: anna).expect(200)["items"]?.arrayValue ?? []
        #expect(companies.map { $0.string("name") } == ["Lumen"] && companies.first?.int("contacts") == 2)
        let company = companies.first?.string("id") ?? ""
        #expect(try await found(["companies": [.string(company)]]) == ["Paul", "Zoé"])
        // segments
        let mine = try await shop.call(.post, "/segments", as: anna, ["name": "Many orders", "filter": test("orders", "more", "9")]).expect(201)
        let team = try await shop.call(.post, "/segments", as: anna, ["name": "Lumen", "scope": "team", "filter": ["companies": [.string(company)]]]).expect(201)
        #expect(try await shop.call(.get, "/contacts?segment=" + (mine.string("id") ?? ""), as: anna).expect(200)["items"]?.arrayValue?.compactMap { $0.string("name") } == ["Paul"])
        let ben = try await shop.agent("ben")
        #expect(try await shop.call(.get, "/segments", as: ben).expect(200)["items"]?.arrayValue?.compactMap { $0.string("name") } == ["Lumen"])
        #expect(await shop.call(.patch, "/segments/" + (mine.string("id") ?? ""), as: ben, ["name": "x"]).status == 404)
        #expect(await shop.call(.delete, "/segments/" + (team.string("id") ?? ""), as: ben).status == 403)
        #expect(try await shop.call(.patch, "/segments/" + (team.string("id") ?? ""), as: anna, ["name": "House Lumen"]).expect(200).string("name") == "House Lumen")
        // views of conversations ask the same
        let view = try await shop.call(.post, "/views", as: anna, ["name": "v", "filter": ["attributes": [["key": "orders", "rule": "more", "value": "9"]]]]).expect(201).string("id") ?? ""
        #expect(try await shop.call(.get, "/views/\(view)/conversations", as: anna).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } == [talks["Paul"] ?? ""])
        #expect(try await shop.call(.post, "/views/preview", as: anna, ["filter": ["companies": [.string(company)]]]).expect(200).int("count") == 2)
    }

    // MARK: companies

    @Test func aCompanyHasItsPeopleAndTheirConversations() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, id, _) = try await shop.customer(), (other, second, _) = try await shop.customer("autre")
        let first = try await shop.call(.patch, "/contacts/" + visitor.contact, as: anna, ["company": "Société Générale d'Éclairage"]).expect(200)
        let company = first.string("company_id") ?? ""
        try await shop.call(.patch, "/contacts/" + other.contact, as: anna, ["company_id": .string(company)]).expect(200)
        #expect(try await shop.call(.get, "/companies/\(company)/contacts", as: anna).expect(200)["items"]?.arrayValue?.count == 2)
        #expect(try await shop.call(.get, "/companies/\(company)/conversations", as: anna).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } == [second, id])
        let renamed = try await shop.call(.patch, "/companies/" + company, as: anna, ["name": "SGE", "domain": "SGE.example", "website": "https://sge.example", "notes": "a\nb"], headers: ["If-Match": "\"1\""]).expect(200)
        #expect(renamed.string("domain") == "sge.example" && renamed.int("version") == 2)
        #expect(await shop.call(.patch, "/companies/" + company, as: anna, ["name": "x"], headers: ["If-Match": "\"1\""])["code"] == "conflict")
        #expect(try await shop.call(.get, "/contacts/" + other.contact, as: anna).expect(200).string("company") == "SGE")
        #expect(try await shop.call(.get, "/contacts?q=sge", as: anna).expect(200)["items"]?.arrayValue?.count == 2)
        let brand = first.string("brand_id") ?? ""
        #expect(await shop.call(.post, "/companies", as: anna, ["brand_id": .string(brand), "name": "  sge "])["errors"]?[0]?["field"] == "name")
        #expect(await shop.call(.post, "/companies", as: anna, ["brand_id": "br_x", "name": "New"])["errors"]?[0]?["field"] == "brand_id")
        #expect(await shop.call(.patch, "/companies/" + company, as: anna, ["domain": "no domain"])["errors"]?[0]?["field"] == "domain")
        try await shop.call(.post, "/companies", as: anna, ["brand_id": .string(brand), "name": "Another"]).expect(201)
        // page by page, by name
        var names: [String] = [], cursor = ""
        repeat {
            let page = try await shop.call(.get, "/companies?limit=1&cursor=" + cursor, as: shop.owner).expect(200)
            names += (page["items"]?.arrayValue ?? []).compactMap { $0.string("name") }
            cursor = page.string("next_cursor") ?? ""
        } while !cursor.isEmpty
        #expect(names == ["Another", "SGE"])
        // an agent who sees none of its people does not see it
        let far = try await shop.agent("far", inboxes: [])
        #expect(await shop.call(.get, "/companies/" + company, as: far).status == 404)
        #expect(try await shop.call(.get, "/companies", as: far).expect(200)["items"] == [])
        try await shop.call(.delete, "/companies/" + company, as: anna).expect(204)
        let after = try await shop.call(.get, "/contacts/" + other.contact, as: anna).expect(200)
        #expect(after.at("company")?.isNull == true && after.at("company_id")?.isNull == true)
    }

    // MARK: identities

    @Test func addressesAreKeptBesideTheMainOne() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, _, _) = try await shop.customer()
        let path = "/contacts/" + visitor.contact
        func kinds(_ answer: JSON) -> [String] { (answer["items"]?.arrayValue ?? []).map { ($0.string("kind") ?? "") + ($0["main"] == true ? "!" : "") + ":" + ($0.string("value") ?? "") }.filter { !$0.hasPrefix("browser") } }
        #expect(kinds(try await shop.call(.post, path + "/addresses", as: anna, ["kind": "email", "value": "zoe@example.org"]).expect(201)) == ["email!:zoe@example.org"])
        #expect(kinds(try await shop.call(.post, path + "/addresses", as: anna, ["kind": "email", "value": "zoe@work.example"]).expect(201)) == ["email!:zoe@example.org", "email:zoe@work.example"])
        #expect(await shop.call(.post, path + "/addresses", as: anna, ["kind": "email", "value": "ZOE@work.example"])["errors"]?[0]?["field"] == "value")
        #expect(await shop.call(.post, path + "/addresses", as: anna, ["kind": "phone", "value": "abc"])["errors"]?[0]?["field"] == "value")
        try await shop.call(.post, path + "/addresses", as: anna, ["kind": "phone", "value": "+33 6 01"]).expect(201)
        let all = try await shop.call(.get, path + "/identities", as: anna).expect(200)
        let work = all["items"]?.arrayValue?.first { $0.string("value") == "zoe@work.example" }?.string("id") ?? ""
        #expect(all["items"]?.arrayValue?.last?.string("kind") == "browser" && all["items"]?.arrayValue?.last?.string("place") == "Web")
        #expect(kinds(try await shop.call(.put, path + "/addresses/\(work)/main", as: anna).expect(200)) == ["email!:zoe@work.example", "phone!:+33 6 01", "email:zoe@example.org"])
        #expect(try await shop.call(.get, path, as: anna).expect(200).string("email") == "zoe@work.example")
        #expect(await shop.call(.delete, path + "/addresses/\(work)", as: anna).status == 404)
        #expect(Identities.normal(.phone, "0033 6.01") == "+33601")
    }

    // MARK: the timeline

    @Test func theTimelineHasEverythingInItsOrder() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), ben = try await shop.agent("ben")
        let visitor = try await shop.visitor(["page": ["url": "https://shop.example/lamps", "title": "Lamps", "referrer": "https://search.example/?q=lamp"]])
        try await shop.app.call(.put, Shop.widget + "/me", as: visitor.user, json: ["name": "Zoé"]).expect(200)
        let id = try await shop.write("Bonjour", as: visitor).string("conversation_id") ?? ""
        try await shop.app.call(.post, Shop.widget + "/page", as: visitor.user, json: ["url": "https://shop.example/cart", "title": "Cart", "referrer": "javascript:x"]).expect(204)
        try await shop.app.call(.post, Shop.widget + "/page", as: visitor.user, json: ["url": "https://shop.example/cart", "title": "Cart"]).expect(204)
        try await shop.call(.put, "/attributes/tier", as: shop.owner, ["name": "Tier", "kind": "text"]).expect(200)
        let path = "/contacts/" + visitor.contact
        try await shop.call(.put, path + "/attributes/tier", as: anna, ["value": "gold"]).expect(200)
        try await shop.call(.put, path + "/attributes/tier", as: anna, ["value": "gold"]).expect(200)   // nothing new
        let note = try await shop.call(.post, path + "/notes", as: anna, ["key": "n1", "body": "Calls in the morning"]).expect(201)
        #expect(try await shop.call(.post, path + "/notes", as: anna, ["key": "n1", "body": "Calls in the morning"]).expect(200)["id"] == note["id"])
        let all = try await shop.call(.get, path + "/timeline", as: anna).expect(200)["items"]?.arrayValue ?? []
        #expect(all.compactMap { $0.string("kind") } == ["note", "changed", "page", "conversation", "changed", "page"])
        #expect(all[0].string("data.body") == "Calls in the morning" && all[0].string("actor.name") == "Anna")
        #expect(all[1].string("text") == "Anna changed: Tier.")
        #expect(all[2].at("data.referrer")?.isNull == true && all[5].string("data.referrer") == "https://search.example/?q=lamp")
        #expect(all[3].string("conversation.id") == id && all[4].string("text") == "The customer gave: name.")
        #expect(try await shop.call(.get, path + "/timeline", as: anna, headers: ["Accept-Language": "fr"]).expect(200)["items"]?[1]?["text"] == "Anna a modifié : Tier.")
        for (kind, count) in [("pages", 2), ("notes", 1), ("changes", 2), ("conversations", 1)] {
            #expect(try await shop.call(.get, path + "/timeline?kind=" + kind, as: anna).expect(200)["items"]?.arrayValue?.count == count, "\(kind)")
        }
        var kinds: [String] = [], cursor = ""
        repeat {
            let page = try await shop.call(.get, path + "/timeline?limit=1&cursor=" + cursor, as: anna).expect(200)
            kinds += (page["items"]?.arrayValue ?? []).compactMap { $0.string("id") }
            cursor = page.string("next_cursor") ?? ""
        } while !cursor.isEmpty
        #expect(kinds == all.compactMap { $0.string("id") })
        #expect(await shop.call(.delete, path + "/notes/" + (note.string("id") ?? ""), as: ben).status == 403)
        #expect(await shop.call(.delete, path + "/notes/" + (all[1].string("id") ?? ""), as: anna).status == 404)
        try await shop.call(.delete, path + "/notes/" + (note.string("id") ?? ""), as: anna).expect(204)
        #expect(try await shop.call(.get, path + "/timeline?kind=notes", as: anna).expect(200)["items"] == [])
        // pages go by age
        shop.app.clock.advance(ContactLog.pagesKept + 1)
        try await shop.app.context.db.write { try ContactLog.forgetOld(Unit(shop.app.context, $0, shop.desk.live, actor: .system)) }
        #expect(try await shop.call(.get, path + "/timeline?kind=pages", as: shop.owner).expect(200)["items"] == [])
        #expect(try await shop.call(.get, path + "/timeline?kind=changes", as: shop.owner).expect(200)["items"]?.arrayValue?.count == 2)
    }
    @Test func allThatIsHeldIsInOneFile() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, id, _) = try await shop.customer("Bonjour"), (_, other, _) = try await shop.customer("autre")
        let path = "/contacts/" + visitor.contact
        try await shop.call(.patch, path, as: anna, ["name": "Zoé", "phone": "+33 6"]).expect(200)
        try await shop.call(.post, path + "/notes", as: anna, ["key": "n", "body": "calls in the morning"]).expect(201)
        try await shop.call(.post, path + "/consents", as: anna, ["channel": "email", "purpose": "news", "state": "given", "source": "chat"]).expect(201)
        try await shop.call(.post, "/conversations/\(id)/notes", as: anna, ["key": "n", "body": "a word between agents"]).expect(201)
        try await shop.say("Bonjour Zoé", in: id, as: anna)
        #expect(await shop.call(.get, path + "/export", as: anna).status == 403)
        let answer = await shop.call(.get, path + "/export", as: shop.owner), file = try answer.expect(200), text = String(decoding: answer.bytes, as: UTF8.self)
        #expect(answer.headers["Content-Disposition"]?.hasPrefix("attachment") == true && file["complete"] == true)
        #expect(file["conversations"]?.arrayValue?.compactMap { $0.string("conversation.id") } == [id])
        #expect(file["conversations"]?[0]?["items"]?.arrayValue?.compactMap { $0.string("message.body") } == ["Bonjour", "Bonjour Zoé"])
        #expect(text.contains("calls in the morning") && !text.contains("a word between agents") && !text.contains(other))
        #expect(file["consents"]?.arrayValue?.count == 1 && file["identities"]?.arrayValue?.count == 2)
        #expect(try await shop.call(.get, "/audit?action=contacts.export", as: shop.owner).expect(200)["items"]?.arrayValue?.count == 1)
    }
    @Test func conversationsOfOtherInboxesAreNotInIt() async throws {
        let shop = try await Shop(), brand = try await shop.call(.get, "/brands", as: shop.owner).expect(200)["items"]?[0]?["id"] ?? .null
        try await shop.call(.post, "/inboxes", as: shop.owner, ["name": "Second", "key": "second", "brand_id": brand]).expect(201)
        let anna = try await shop.agent("anna")
        let visitor = try await shop.visitor()
        try await shop.write("ici", as: visitor)
        try await shop.write("là", as: visitor, inbox: "second")
        #expect(try await shop.call(.get, "/contacts/\(visitor.contact)/timeline?kind=conversations", as: shop.owner).expect(200)["items"]?.arrayValue?.count == 2)
        #expect(try await shop.call(.get, "/contacts/\(visitor.contact)/timeline?kind=conversations", as: anna).expect(200)["items"]?.arrayValue?.count == 1)
    }
}
