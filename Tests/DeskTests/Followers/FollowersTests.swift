import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct FollowersTests {
    @Test func whoFollowsHasItInHisViewUntilHeDoesNot() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", capacity: 0), karim = try await shop.agent("karim", capacity: 0)
        let (_, a, _) = try await shop.customer("a"), (_, b, _) = try await shop.customer("b")
        for _ in 0..<2 { #expect(try await shop.call(.put, "/conversations/\(a)/follow", as: anna).expect(200)["followers"] == JSON([anna.id.rawValue])) }
        try await shop.call(.put, "/conversations/\(b)/follow", as: karim).expect(200)
        try await shop.call(.put, "/conversations/\(a)/follow", as: karim).expect(200)
        #expect(try await shop.list("view=followed", as: anna).map { $0.string("id") } == [a])
        #expect(Set(try await shop.list("view=followed", as: karim).compactMap { $0.string("id") }) == [a, b])
        #expect(try await shop.conversation(a)["followers"] == JSON([anna.id.rawValue, karim.id.rawValue].sorted()))
        // resolved, it is followed still
        try await shop.call(.put, "/conversations/\(a)/status", as: karim, ["status": "resolved"]).expect(200)
        #expect(try await shop.list("view=followed", as: anna).count == 1)
        #expect(try await shop.call(.delete, "/conversations/\(a)/follow", as: anna).expect(200)["followers"] == JSON([karim.id.rawValue]))
        #expect(try await shop.list("view=followed", as: anna).isEmpty)
    }
    @Test func whatOneMayNotSeeOneDoesNotFollow() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), karim = try await shop.agent("karim", inboxes: [])
        let (_, a, _) = try await shop.customer("a")
        #expect(await shop.call(.put, "/conversations/\(a)/follow", as: karim).status == 404)
        try await shop.call(.put, "/conversations/\(a)/follow", as: anna).expect(200)
        try await shop.call(.patch, "/agents/\(Percent.encode(anna.id.rawValue))", as: shop.owner, ["inboxes": []]).expect(200)
        #expect(try await shop.list("view=followed", as: anna).isEmpty)
    }
}
