import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct CasesTests {
    private func fact(_ kind: Fact.Kind, _ at: Int64, agent: String? = nil, since: Int64? = nil, due: Int64? = nil, value: Int64? = nil, ref: String? = nil) -> Fact {
        Fact(id: at, conversation: "cv", kind: kind, at: at, inbox: "in", team: nil, agent: agent, since: since, openMS: since.map { (at - $0) / 2 }, due: due, value: value, ref: ref, scale: ref == nil ? nil : "stars")
    }

    @Test func aCaseGoesFromOpeningToResolution() {
        let cases = Case.fold([fact(.opened, 0), fact(.assigned, 5, agent: "a"), fact(.replied, 30, agent: "b", since: 10), fact(.replied, 100, agent: "a", since: 60), fact(.resolved, 200, agent: "a", since: 0)])
        #expect(cases.count == 1)
        let it = cases[0]
        #expect(it.firstAgent == "b" && it.firstMS == 20 && it.firstOpenMS == 10 && it.replies == 2 && it.waitMS == 60 && it.resolveMS == 200 && it.resolveOpenMS == 100 && it.agent == "a")
    }
    @Test func openedAgainIsAnotherCase() {
        let cases = Case.fold([fact(.opened, 0), fact(.reopened, 1), fact(.replied, 5, agent: "a", since: 0), fact(.resolved, 10, agent: "a", since: 0), fact(.reopened, 50), fact(.replied, 70, agent: "c", since: 50)])
        #expect(cases.map(\.openedAt) == [0, 50] && cases[1].number == 2 && cases[1].firstMS == 20 && cases[1].resolvedAt == nil && cases[1].agent == "a")
    }
    @Test func promisesAreDecidedOnce() {
        let kept = Case.fold([fact(.opened, 0), fact(.replied, 10, agent: "a", since: 0, due: 10), fact(.replied, 40, agent: "a", since: 20, due: 30), fact(.resolved, 50, since: 0, due: 60)])[0]
        #expect(kept.slaFirst == 1 && kept.slaNextKept == 0 && kept.slaNextBroken == 1 && kept.slaResolution == 1)
        // What was told to be broken is not broken again by the answer.
        let broken = Case.fold([fact(.opened, 0), fact(.breached, 5, ref: "first_response"), fact(.replied, 10, agent: "a", since: 0, due: 5), fact(.breached, 30, ref: "next_response"),
                                fact(.replied, 40, agent: "a", since: 20, due: 30), fact(.replied, 60, agent: "a", since: 50, due: 70), fact(.breached, 80, ref: "resolution"), fact(.resolved, 90, since: 0, due: 80)])[0]
        #expect(broken.slaFirst == 0 && broken.slaNextBroken == 1 && broken.slaNextKept == 1 && broken.slaResolution == 0)
    }
    @Test func aRatingIsOfTheCaseThatWasAskedAbout() {
        let cases = Case.fold([fact(.opened, 0), fact(.resolved, 10, since: 0), fact(.surveyed, 11, ref: "su_1"), fact(.reopened, 20), fact(.rated, 30, value: 2, ref: "su_1"), fact(.rated, 40, value: 5, ref: "su_1")])
        #expect(cases[0].score == 5 && cases[0].ratedAt == 30 && cases[0].surveyedAt == 11 && cases[1].score == nil)
    }

    @Test func spamIsNoCaseUntilItIsTakenOut() {
        let marked = [fact(.opened, 0), fact(.dropped, 10)]
        #expect(Case.fold(marked).isEmpty)
        #expect(Case.fold(marked + [fact(.restored, 20), fact(.reopened, 20)]).map(\.openedAt) == [0])
        let resolved = [fact(.opened, 0), fact(.resolved, 5, since: 0), fact(.dropped, 10), fact(.restored, 20), fact(.reopened, 20)]
        #expect(Case.fold(resolved).map(\.openedAt) == [0, 20])
    }

    /// A day at the desk through its routes; then the same told by the timelines alone, as for a database from before the log.
    @Test func theTimelineTellsTheSameAsTheLog() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), bob = try await shop.agent("bob")
        func pass(_ seconds: Int64) async throws {
            shop.app.clock.advance(seconds * 1000)
            for agent in [anna, bob] { try await shop.call(.post, "/me/heartbeat", as: agent).expect(200) }
            try await shop.app.run(job: "desk.timers")
        }
        func status(_ id: String, _ status: String) async throws { try await shop.call(.put, "/conversations/\(id)/status", as: anna, ["status": .string(status)]).expect(200) }
        let one = try await shop.customer("un"), two = try await shop.customer("deux"), three = try await shop.customer("trois")
        try await pass(40)
        try await shop.say("bonjour", in: one.conversation, as: anna)
        try await pass(5)
        try await shop.send("et puis", room: one.room, as: one.visitor.user)
        try await pass(30)
        try await shop.send("allô", room: one.room, as: one.visitor.user)
        try await pass(30)
        try await shop.say("voilà", in: one.conversation, as: bob)
        try await status(one.conversation, "resolved")
        try await pass(100)
        try await shop.send("encore", room: one.room, as: one.visitor.user)
        try await pass(7)
        try await status(one.conversation, "pending")
        try await shop.say("suite", in: one.conversation, as: anna)
        try await status(one.conversation, "resolved")
        try await status(one.conversation, "open")
        try await shop.call(.post, "/conversations/\(two.conversation)/assign", as: shop.owner, ["agent": .string(bob.id.rawValue)]).expect(200)
        try await pass(9)
        try await status(two.conversation, "resolved")
        _ = three
        try await pass(1)
        try await shop.desk.live.cases.catchUp(shop.app.context)
        let compared = try await shop.app.context.db.read { tx in
            try [one, two, three].map { talk -> ([Case], [Case], [Case]) in
                let it = try #require(try Conversations.load(tx, talk.conversation))
                return (try Cases.of(tx, it.id), Case.fold(try Facts.of(tx, it.id)), Case.fold(try Facts.fromTimeline(tx, it, hours: nil)))
            }
        }
        #expect(compared.map { $0.0.count } == [3, 1, 1])
        for (kept, folded, timeline) in compared { #expect(kept == folded && folded == timeline) }
    }

    @Test func aCustomersMessageOnAnOpenConversationAddsNoFact() async throws {
        let shop = try await Shop()
        _ = try await shop.agent("anna")
        let (visitor, id, room) = try await shop.customer()
        let before = try await shop.app.context.db.read { try Facts.of($0, id).count }
        for number in 0..<3 { try await shop.send("message \(number)", room: room, as: visitor.user) }
        #expect(try await shop.app.context.db.read { try Facts.of($0, id).count } == before)
    }

    @Test func oldDatabasesGetTheirFactsAtTheFirstStart() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (_, id, _) = try await shop.customer()
        try await shop.say("oui", in: id, as: anna)
        let before = try await shop.app.context.db.read { Case.fold(try Facts.of($0, id)) }
        try await shop.app.context.db.write { tx in
            try tx.run("DELETE FROM desk_fact")
            try tx.run("DELETE FROM desk_case")
            try tx.run("DELETE FROM desk_counter WHERE name = 'facts'")
        }
        for _ in 0..<2 { try await Facts.catchUp(shop.app.context, shop.desk.live) }
        try await shop.desk.live.cases.catchUp(shop.app.context)
        #expect(try await shop.app.context.db.read { try Cases.of($0, id) } == before)
    }
}
