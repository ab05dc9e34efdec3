import MatrixCore
@testable import Rooms
import ServerKit
import TestKit
import Testing

struct AudienceTests {
    private static let names: [Character] = ["a", "B", " ", "-", "é", "_", "1", "😀"]

    /// The index is a short cut: it finds whom a look at each member finds.
    @Test(arguments: 0..<4) func findsWhomEachLookFinds(part: Int) {
        var fuzz = Fuzz(seed: UInt64(part)), audience = Audience(pos: 1), members: [UserID: String?] = [:], found = 0
        for round in 0..<600 {
            let user = UserID(trusted: "@\(fuzz.text(of: ["a", "b", "-", ".", "1", "*", "?", "_"], max: 4)):test")
            if fuzz.below(4) == 0 {
                audience.apply(.absent(user))
                members.removeValue(forKey: user)
            } else {
                let name: String? = fuzz.below(4) == 0 ? nil : fuzz.text(of: Self.names, max: 5)
                audience.apply(.present(user, displayName: name))
                members.updateValue(name, forKey: user)
            }
            #expect(audience.count == members.count)
            let text = PushText(fuzz.text(of: Self.names + ["*", ".", "b"], max: 12)), byLocalpart = round % 3 > 0
            let expected = members.filter { NameWords(user: $0.key, displayName: $0.value).areIn(text, byLocalpart: byLocalpart) }.map(\.key.rawValue).sorted()
            #expect(audience.named(in: text, byLocalpart: byLocalpart).map(\.rawValue) == expected, "\(text)")
            found += expected.count
        }
        #expect(found > 500)
    }

    /// What is remembered of a room follows those who come, go and change their names.
    @Test func theRememberedAudienceFollowsTheMembers() async throws {
        let house = try await House()
        let room = try await house.open()
        func remembered() throws -> Audience? { house.service.caches.audience(try room.head()) }
        try await room.join(house.bob)
        #expect(try remembered() == nil)
        try await room.say("hello")
        #expect(try remembered()?.count == 2)
        try await room.join(house.carol)
        #expect(try remembered()?.count == 3)
        try await room.set("m.room.member", house.carol.id.rawValue, ["membership": "join", "displayname": "Queen of Hearts"], as: house.carol)
        #expect(try remembered()?.named(in: PushText("the queen of hearts"), byLocalpart: true) == [house.carol.id])
        try await room.call(.post, "/leave", as: house.bob, [:]).expect(200)
        #expect(try remembered()?.named(in: PushText("bob and carol"), byLocalpart: true) == [house.carol.id])
    }
}
