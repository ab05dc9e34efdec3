import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct AuditTests {
    private func entries(_ shop: Shop, _ query: String = "") async throws -> [JSON] {
        try await shop.call(.get, "/audit?limit=100" + query, as: shop.owner).expect(200)["items"]?.arrayValue ?? []
    }

    @Test func actsAreNamed() {
        #expect(Audit.action(.post, "/inboxes/{id}/identity-secret") == "inboxes.identity-secret.create" && Audit.action(.patch, "/agents/{id}") == "agents.update")
        #expect(Audit.label("inboxes.identity-secret.create") == Phrase(en: "Inbox, identity secret: made", fr: "Boîte, secret d’identité : création"))
        #expect(Audit.clean(["name": "x", "password": "hunter2", "inner": ["api_token": "t"]]) == ["name": "x", "password": "…", "inner": ["api_token": "…"]])
    }
    /// Each route that changes something under an administrative permission leaves an entry, without being told to.
    @Test func everyAdministrativeActIsThere() async throws {
        let shop = try await Shop()
        let before = try await entries(shop).count
        let brand = try await shop.call(.post, "/brands", as: shop.owner, ["name": "Zephyr"]).expect(201).string("id") ?? ""
        let agent = try await shop.call(.post, "/agents", as: shop.owner, ["username": "lea", "password": "lampe-aube-8", "name": "Léa"]).expect(201).string("id") ?? ""
        try await shop.call(.patch, "/agents/" + Percent.encode(agent), as: shop.owner, ["role": "admin"]).expect(200)
        try await shop.call(.delete, "/brands/" + brand, as: shop.owner).expect(204)
        let robot = try await shop.token(["settings.manage"]).user
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: robot, ["name": "Site"]).expect(200)
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: robot, ["name": ""]).expect(400)   // nothing was done
        let found = try await entries(shop)
        #expect(found.prefix(found.count - before).map { $0.string("action") } == ["inboxes.update", "tokens.create", "brands.delete", "agents.update", "agents.create", "brands.create"])
        #expect(found[0].string("actor.name") == "Robot" && found[0]["token"]?.stringValue?.hasPrefix("tk_") == true)
        #expect(found[2].string("target") == brand && found[2].string("target_name") == "Zephyr")
        #expect(found[3].string("data.role") == "admin" && found[4].string("data.password") == "…" && found[4].string("target") == agent)
        #expect(try await entries(shop, "&action=brands").count == 2)
        #expect(try await entries(shop, "&target=" + brand).count == 2)   // made and deleted
    }
    @Test func readingWhatIsAnothersIsThereOnceAnHour() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), chief = try await shop.agent("chief", role: "supervisor", online: false, inboxes: [])
        let (_, id, _) = try await shop.customer()
        _ = try await shop.timeline(id, as: anna)
        #expect(try await entries(shop, "&action=conversations").isEmpty)
        for _ in 0..<3 { _ = try await shop.conversation(id, as: chief) }
        _ = try await shop.timeline(id, as: chief)
        let found = try await entries(shop, "&action=conversations")
        #expect(found.count == 1 && found[0].string("actor.id") == chief.id.rawValue && found[0].string("target") == id)
        shop.app.clock.advance(Audit.readEvery)
        _ = try await shop.timeline(id, as: chief)
        #expect(try await entries(shop, "&action=conversations").count == 2)
    }
    @Test func itIsReadByPagesAndTakenAwayAsCSV() async throws {
        let shop = try await Shop()
        for name in ["=1+1", "a,b", "\"c\""] { try await shop.call(.post, "/roles", as: shop.owner, ["name": .string(name), "permissions": []]).expect(201) }
        let first = try await shop.call(.get, "/audit?limit=2&action=roles", as: shop.owner).expect(200)
        let second = try await shop.call(.get, "/audit?limit=2&action=roles&cursor=" + (first.string("next_cursor") ?? ""), as: shop.owner).expect(200)
        #expect(first["items"]?.arrayValue?.count == 2 && second["items"]?.arrayValue?.map { $0.string("target_name") } == ["=1+1"] && second["next_cursor"]?.isNull == true)
        let csv = String(decoding: await shop.app.call(.get, Shop.base + "/audit/export?action=roles", as: shop.owner).bytes, as: UTF8.self).split(separator: "\r\n")
        #expect(csv.count == 4 && csv[0].hasPrefix("id,time,actor") && csv[3].contains(",'=1+1,") && csv[2].contains("\"a,b\"") && csv[1].contains("\"\"\"c\"\"\""))
        #expect(try await entries(shop).first?.string("action") == "audit.export.create")
        let admin = try await shop.agent("boss", role: "admin", online: false)
        try await shop.call(.patch, "/agents/" + admin.path, as: shop.owner, ["brands": []]).expect(200)
        try await shop.call(.get, "/audit", as: admin).expect(403)
    }
    @Test func itGoesByAge() async throws {
        let shop = try await Shop { $0.auditRetention = 10 * 86_400_000 }
        try await shop.call(.post, "/roles", as: shop.owner, ["name": "a", "permissions": []]).expect(201)
        shop.app.clock.advance(10 * 86_400_000 + 1)
        try await shop.call(.post, "/roles", as: shop.owner, ["name": "b", "permissions": []]).expect(201)
        try await shop.app.context.db.write { try Audit.forgetOld(Unit(shop.app.context, $0, shop.desk.live, actor: .system)) }
        #expect(try await entries(shop).map { $0.string("target_name") } == ["b"])
    }
    @Test(arguments: [(0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"), (1_796_069_701_007, "2026-11-30T20:15:01.007Z"), (-1, "1969-12-31T23:59:59.999Z")])
    func timesAreWrittenAsISO(ms: Int64, text: String) { #expect(ISOTime.of(ms) == text) }
}
