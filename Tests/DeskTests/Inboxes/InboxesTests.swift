import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct InboxesTests {
    @Test func anInboxIsMadeChangedAndDeleted() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", inboxes: [])
        let brand = try await shop.call(.get, "/brands", as: shop.owner).expect(200)["items"]?[0]?.string("id") ?? ""
        let made = try await shop.call(.post, "/inboxes", as: shop.owner, ["brand_id": .string(brand), "key": "pro", "name": "Pro", "members": [.string(anna.id.rawValue)], "languages": ["en", "de"]]).expect(201)
        #expect(made.string("default_language") == "en" && made["members"] == [.string(anna.id.rawValue)] && made.string("identity_secret") != nil)
        let path = "/inboxes/" + (made.string("id") ?? "")
        #expect(try await shop.call(.get, path, as: anna).expect(200).string("name") == "Pro")
        #expect(await shop.call(.post, "/inboxes", as: shop.owner, ["brand_id": .string(brand), "key": "pro", "name": "Again"])["errors"]?[0]?["field"] == "key")
        #expect(await shop.call(.patch, path, as: shop.owner, ["default_language": "fr"])["errors"]?[0]?["field"] == "default_language")
        #expect(await shop.call(.patch, path, as: shop.owner, ["members": ["@nobody:test"]])["code"] == "invalid")
        #expect(try await shop.call(.patch, path, as: shop.owner, ["name": "Trade", "members": []]).expect(200)["members"] == [])
        try await shop.call(.get, path, as: anna).expect(404)
        try await shop.call(.delete, path, as: shop.owner).expect(204)
    }
    @Test func anInboxWithConversationsStays() async throws {
        let shop = try await Shop()
        _ = try await shop.customer()
        #expect(await shop.call(.delete, "/inboxes/" + shop.inbox, as: shop.owner)["code"] == "conflict")
    }
    @Test func aNewMemberIsServedFromTheQueueAtOnce() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", inboxes: [])
        let (_, id, _) = try await shop.customer()
        #expect(try await shop.conversation(id).at("assignee")?.isNull == true)
        try await shop.call(.patch, "/inboxes/" + shop.inbox, as: shop.owner, ["members": [.string(anna.id.rawValue)]]).expect(200)
        #expect(try await shop.conversation(id).string("assignee.id") == anna.id.rawValue)
    }
    @Test(arguments: ["Bad Key", "default", "é", ""]) func wrongKeysAreRefused(_ key: String) async throws {
        let shop = try await Shop()
        let brand = try await shop.call(.get, "/brands", as: shop.owner).expect(200)["items"]?[0]?.string("id") ?? ""
        let answer = await shop.call(.post, "/inboxes", as: shop.owner, ["brand_id": .string(brand), "key": .string(key), "name": "x"])
        #expect(key.isEmpty ? answer.status == 201 : answer["errors"]?[0]?["field"] == "key")   // no key: one is made
    }
}
