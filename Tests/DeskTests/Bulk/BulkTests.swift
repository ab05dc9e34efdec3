import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct BulkTests {
    private func results(_ answer: JSON) -> [String: JSON] {
        Dictionary(uniqueKeysWithValues: (answer["results"]?.arrayValue ?? []).map { ($0.string("id") ?? "", $0) })
    }

    @Test func oneCallChangesManyAndUndoBringsEverythingBack() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0)
        var all: [String] = []
        for number in 0..<45 { all.append(try await shop.customer("message \(number)").conversation) }
        try await shop.call(.put, "/conversations/\(all[0])/tags", as: anna, ["tags": ["old", "keep"]]).expect(200)
        func states() async throws -> [[JSON?]] {
            var found: [[JSON?]] = []
            for id in all {
                let it = try await shop.conversation(id, as: anna)
                found.append(["status", "priority", "tags", "assignee", "waiting_since", "snoozed_until", "resolved_at"].map { it[$0] })
            }
            return found
        }
        let before = try await states()
        let answer = try await shop.call(.post, "/conversations/bulk", as: anna, [
            "ids": JSON(all), "assign": "me", "status": "resolved", "priority": "high", "add_tags": ["Spam"], "remove_tags": ["old"]]).expect(200)
        #expect(answer.int("done") == 45 && answer.int("failed") == 0)
        let now = try await shop.conversation(all[0], as: anna)
        #expect(now["status"] == "resolved" && now["priority"] == "high" && now["tags"] == ["keep", "spam"] && now.string("assignee.id") == anna.id.rawValue)
        #expect(results(answer)[all[0]]?["conversation"]?.int("version") == now.int("version"))
        #expect(try await shop.list("view=resolved").count == 45)
        let undo = answer.string("undo") ?? ""
        #expect(await shop.call(.post, "/bulk/\(undo)/undo", as: shop.owner).status == 404)   // another's
        let undone = try await shop.call(.post, "/bulk/\(undo)/undo", as: anna).expect(200)
        #expect(undone.int("done") == 45 && undone.int("failed") == 0)
        #expect(try await states() == before)
        // There is nothing left to be undone.
        #expect(try await shop.call(.post, "/bulk/\(undo)/undo", as: anna).expect(200).int("done") == 0)
    }

    @Test func whatFailsIsToldAndStopsNothing() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false), karim = try await shop.agent("karim", online: false)
        let (_, a, _) = try await shop.customer("a"), (_, b, _) = try await shop.customer("b")
        try await shop.call(.post, "/conversations/\(b)/take", as: karim).expect(200)
        let answer = try await shop.call(.post, "/conversations/bulk", as: anna, ["ids": JSON([a, b, "cv_none"]), "add_tags": ["x"], "assign": "me"], headers: ["Accept-Language": "fr"]).expect(200)
        #expect(answer.int("done") == 1 && answer.int("failed") == 2)
        let told = results(answer)
        #expect(told[a]?["error"]?.isNull == true)
        #expect(told[b]?.string("error.code") == "forbidden" && told[b]?.string("error.detail")?.contains("collègue") == true)
        #expect(told["cv_none"]?.string("error.code") == "not_found" && told["cv_none"]?["conversation"]?.isNull == true)
        // Not by half: the tag came before the assignment that was refused.
        #expect(try await shop.conversation(b)["tags"] == [])
        #expect(try await shop.conversation(a)["tags"] == ["x"])
    }

    @Test func undoLeavesAloneWhatACollegueHasChangedSince() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false), karim = try await shop.agent("karim", online: false)
        let (_, a, _) = try await shop.customer("a"), (_, b, _) = try await shop.customer("b")
        let undo = try await shop.call(.post, "/conversations/bulk", as: anna, ["ids": JSON([a, b]), "priority": "urgent"]).expect(200).string("undo") ?? ""
        try await shop.call(.put, "/conversations/\(b)/priority", as: karim, ["priority": "low"]).expect(200)
        let undone = try await shop.call(.post, "/bulk/\(undo)/undo", as: anna).expect(200)
        #expect(undone.int("done") == 1 && results(undone)[b]?.string("error.code") == "conflict")
        #expect(try await shop.conversation(a)["priority"] == "none")
        #expect(try await shop.conversation(b)["priority"] == "low")
    }

    @Test func undoIsForgottenAfterADay() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", online: false), (_, a, _) = try await shop.customer("a")
        let undo = try await shop.call(.post, "/conversations/bulk", as: anna, ["ids": JSON([a]), "priority": "urgent"]).expect(200).string("undo") ?? ""
        shop.app.clock.advance(Bulk.undoneFor + 1)
        try await shop.app.context.db.write { try Bulk.forgetOld(Unit(shop.app.context, $0, shop.desk.live, actor: .system)) }
        #expect(await shop.call(.post, "/bulk/\(undo)/undo", as: anna).status == 404)
    }

    @Test(arguments: [
        ["ids": []], ["status": "open"], ["ids": ["cv_1"]], ["ids": ["cv_1"], "status": "snoozed"], ["ids": ["cv_1"], "status": "gone"], ["ids": "all", "status": "open"],
        ["ids": .array((0...Bulk.most).map { .string("cv_\($0)") }), "status": "open"],
    ] as [JSON])
    func whatMakesNoSenseIsRefused(_ body: JSON) async throws {
        let shop = try await Shop()
        #expect(await shop.call(.post, "/conversations/bulk", as: shop.owner, body).status == 400)
    }
}
