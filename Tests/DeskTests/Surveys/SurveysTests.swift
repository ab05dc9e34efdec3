import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct SurveysTests {
    private func ask(_ shop: Shop, _ settings: JSONObject = [:]) async throws {
        var all = settings
        all["active"] = true
        try await shop.call(.put, "/inboxes/\(shop.inbox)/survey", as: shop.owner, .object(all)).expect(200)
    }
    /// Written to, answered and resolved.
    private func done(_ shop: Shop, _ agent: TestUser, lang: String = "fr") async throws -> (visitor: Shop.Visitor, conversation: String, room: String) {
        let it = try await shop.customer(lang: lang)
        try await shop.say("Voilà", in: it.conversation, as: agent)
        try await resolve(shop, it.conversation, agent)
        return it
    }
    private func resolve(_ shop: Shop, _ id: String, _ agent: TestUser) async throws {
        try await shop.call(.put, "/conversations/\(id)/status", as: agent, ["status": "resolved"]).expect(200)
    }
    private func questions(_ shop: Shop, _ room: String, as user: TestUser) async throws -> [JSON] {
        let chunk = try await shop.app.call(.get, "/_matrix/client/v3/rooms/\(Percent.encode(room))/messages?dir=f&limit=500", as: user).expect(200)["chunk"]?.arrayValue ?? []
        return chunk.compactMap { $0["content"] }.filter { $0["comptoir.survey"] != nil }
    }
    private func current(_ shop: Shop, _ user: TestUser) async throws -> JSON? { try await shop.app.call(.get, Shop.widget + "/rating", as: user).expect(200)["survey"] }
    private func rate(_ shop: Shop, _ user: TestUser, _ survey: String, _ score: Int64, _ comment: String? = nil) async -> TestResponse {
        await shop.app.call(.put, Shop.widget + "/rating", as: user, json: ["survey": .string(survey), "score": .int(score), "comment": .of(comment)])
    }
    private func told(_ shop: Shop, _ id: String) async throws -> [String] {
        try await shop.timeline(id).filter { $0.string("system.type") == "rating" }.compactMap { $0.string("system.text") }
    }

    @Test func aResolvedConversationIsAskedAboutOnceAndRated() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        try await ask(shop)
        let (visitor, id, room) = try await done(shop, anna)
        var asked = try await questions(shop, room, as: visitor.user)
        #expect(asked.count == 1 && asked[0].string("body") == "Comment s’est passé cet échange pour vous ?\nRépondez par un chiffre de 1 (mauvais) à 5 (excellent).")
        #expect(asked[0].string("comptoir.text") == nil && asked[0]["comptoir.text"]?.stringValue == "Comment s’est passé cet échange pour vous ?" && asked[0]["msgtype"] == "m.text")
        #expect(try await shop.conversation(id).string("status") == "resolved")
        // Resolving again what is resolved asks nobody again, nor does time.
        try await resolve(shop, id, anna)
        shop.app.clock.advance(60_000)
        try await shop.app.run(job: "desk.timers")
        asked = try await questions(shop, room, as: visitor.user)
        #expect(asked.count == 1)
        let survey = try await current(shop, visitor.user), name = survey?.string("id") ?? ""
        #expect(survey?.at("score")?.isNull == true && survey?["open"] == true && survey?.int("max") == 5)
        try await rate(shop, visitor.user, name, 4, "Rapide").expect(200)
        let it = try await shop.conversation(id, as: anna)
        #expect(it.int("rating.score") == 4 && it.int("rating.max") == 5 && it.string("rating.comment") == "Rapide" && it.string("status") == "resolved")
        #expect(try await told(shop, id).map { $0.hasSuffix("rated the conversation: 4/5.") } == [true])
        // A new case, a new question.
        try await shop.send("encore une chose", room: room, as: visitor.user)
        #expect(try await shop.conversation(id).string("status") == "open")
        try await shop.say("Bien sûr", in: id, as: anna)
        try await resolve(shop, id, anna)
        asked = try await questions(shop, room, as: visitor.user)
        #expect(asked.count == 2)
    }

    @Test func onlyTheCustomerItAsksAnswersAndOnlyOnTheScale() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        try await ask(shop)
        let (visitor, _, _) = try await done(shop, anna), other = try await shop.customer("autre")
        let name = try await current(shop, visitor.user)?.string("id") ?? ""
        #expect(await rate(shop, other.visitor.user, name, 1).status == 404)
        #expect(await rate(shop, anna, name, 5).status == 403)
        #expect(await rate(shop, visitor.user, name, 0).status == 400)
        #expect(await rate(shop, visitor.user, name, 6).status == 400)
        #expect(await rate(shop, visitor.user, "su_x", 3).status == 404)
        #expect(try await current(shop, other.visitor.user)?.isNull == true)
    }

    @Test func aMindMayBeChangedWithinTheTime() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        try await ask(shop, ["change_hours": 2])
        let (visitor, id, _) = try await done(shop, anna), name = try await current(shop, visitor.user)?.string("id") ?? ""
        shop.app.clock.advance(86_400_000)
        try await rate(shop, visitor.user, name, 2).expect(200)
        try await rate(shop, visitor.user, name, 2).expect(200)
        shop.app.clock.advance(3_600_000)
        try await rate(shop, visitor.user, name, 5, "Réglé").expect(200)
        shop.app.clock.advance(3_600_001)
        #expect(await rate(shop, visitor.user, name, 1).status == 409)
        #expect(try await current(shop, visitor.user)?["open"] == false)
        #expect(try await shop.conversation(id).int("rating.score") == 5)
        #expect(try await told(shop, id).count == 2)
        let late = try await done(shop, anna), other = try await current(shop, late.visitor.user)?.string("id") ?? ""
        shop.app.clock.advance(31 * 86_400_000)
        #expect(await rate(shop, late.visitor.user, other, 4).status == 409)
    }

    @Test func anyMatrixAppAnswersWithANumberWithoutOpeningAnythingAgain() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        try await ask(shop, ["scale": "nps", "questions": ["en": "Would you come back?"]])
        let (visitor, id, room) = try await done(shop, anna, lang: "en")
        let asked = try await questions(shop, room, as: visitor.user)
        #expect(asked[0].string("body") == "Would you come back?\nAnswer with a number from 0 (not at all) to 10 (certainly).")
        try await shop.send("9", room: room, as: visitor.user)
        var it = try await shop.conversation(id)
        #expect(it.string("status") == "resolved" && it.int("rating.score") == 9 && it.at("waiting_since")?.isNull == true)
        try await shop.send("9 lampes, svp", room: room, as: visitor.user)
        it = try await shop.conversation(id)
        #expect(it.string("status") == "open" && it.int("rating.score") == 9)
        // While he talks with somebody, a number is a number.
        try await shop.send("3", room: room, as: visitor.user)
        #expect(try await shop.conversation(id).int("rating.score") == 9)
    }

    @Test func theInboxSaysWhenAndHowOften() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (silent, _, quietRoom) = try await done(shop, anna)
        #expect(try await questions(shop, quietRoom, as: silent.user).isEmpty)
        try await ask(shop, ["delay": 600, "every_days": 30])
        let (visitor, id, room) = try await done(shop, anna)
        #expect(try await questions(shop, room, as: visitor.user).isEmpty)
        shop.app.clock.advance(599_000)
        try await shop.app.run(job: "desk.timers")
        #expect(try await questions(shop, room, as: visitor.user).isEmpty)
        shop.app.clock.advance(1000)
        try await shop.app.run(job: "desk.timers")
        #expect(try await questions(shop, room, as: visitor.user).count == 1)
        try await shop.send("et aussi", room: room, as: visitor.user)
        try await shop.say("oui", in: id, as: anna)
        try await resolve(shop, id, anna)
        shop.app.clock.advance(700_000)
        try await shop.app.run(job: "desk.timers")
        #expect(try await questions(shop, room, as: visitor.user).count == 1)
        // Who writes again before he is asked is not asked; nor is anybody whom nobody has answered.
        let second = try await done(shop, anna)
        try await shop.send("attendez", room: second.room, as: second.visitor.user)
        let third = try await shop.customer("spam")
        try await resolve(shop, third.conversation, anna)
        shop.app.clock.advance(700_000)
        try await shop.app.run(job: "desk.timers")
        for one in [second, third] { #expect(try await questions(shop, one.room, as: one.visitor.user).isEmpty) }
    }

    @Test func settingsAreCheckedAndKept() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), path = "/inboxes/\(shop.inbox)/survey"
        #expect(try await shop.call(.get, path, as: anna).expect(200)["active"] == false)
        try await shop.call(.put, path, as: anna, ["active": true]).expect(403)
        for wrong: JSON in [["scale": "stars"], ["active": "yes"], ["active": true, "scale": "hearts"], ["active": true, "delay": -1], ["active": true, "every_days": 400], ["active": true, "change_hours": "x"], ["active": true, "questions": ["de": "Wie war es?"]], ["active": true, "questions": ["fr": 4]]] { try await shop.call(.put, path, as: shop.owner, wrong).expect(400) }
        try await shop.call(.put, path, as: shop.owner, ["active": true, "scale": "stars", "questions": ["fr": "Alors ?"], "delay": 5]).expect(200)
        let kept = try await shop.call(.put, path, as: shop.owner, ["active": true, "every_days": 3]).expect(200)
        #expect(kept.string("scale") == "stars" && kept.string("questions.fr") == "Alors ?" && kept.int("delay") == 5 && kept.int("every_days") == 3 && kept["active"] == true)
        try await shop.call(.get, "/inboxes/in_x/survey", as: shop.owner).expect(404)
    }
}
