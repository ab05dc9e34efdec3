import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct ContactsTests {
    @Test func aContactIsFoundAndChanged() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, id, _) = try await shop.customer()
        _ = try await shop.customer("autre")
        let path = "/contacts/" + visitor.contact
        let fresh = try await shop.call(.get, path, as: anna).expect(200)
        #expect(fresh.string("display_name")?.hasPrefix("Visitor 10") == true && fresh.int("conversations") == 1)
        #expect(try await shop.call(.get, path, as: anna, headers: ["Accept-Language": "fr"]).expect(200).string("display_name")?.hasPrefix("Visiteur 10") == true)
        let changed = try await shop.call(.patch, path, as: anna, ["name": "Zoé Lefèvre", "email": "zoe@example.org", "phone": "+33 6 00", "attributes": ["Taille": "40"], "notes": "a\nb"]).expect(200)
        #expect(changed.string("name") == "Zoé Lefèvre" && changed.string("attributes.Taille") == "40" && changed.string("notes") == "a\nb" && changed["email_verified"] == false)
        #expect(try await shop.conversation(id).string("contact.name") == "Zoé Lefèvre")
        for q in ["zoe", "LEFÈVRE", "zoe@example", "zoe lefevre"] {
            #expect(try await shop.call(.get, "/contacts?q=" + Percent.encode(q), as: anna).expect(200)["items"]?.arrayValue?.compactMap { $0.string("id") } == [visitor.contact], "\(q)")
        }
        #expect(try await shop.call(.get, "/contacts?q=absent", as: anna).expect(200)["items"] == [])
        #expect(try await shop.call(.get, "/contacts", as: anna).expect(200)["items"]?.arrayValue?.count == 2)
        let stale = await shop.call(.patch, path, as: anna, ["name": "x"], headers: ["If-Match": "\"1\""])
        #expect(stale["code"] == "conflict" && stale.json?.string("contact.name") == "Zoé Lefèvre")
        #expect(try await shop.call(.patch, path, as: anna, ["email": .null]).expect(200).at("email")?.isNull == true)
    }
    @Test func aNameIsShownInTheRoomToo() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna")
        let (visitor, _, room) = try await shop.customer()
        try await shop.call(.patch, "/contacts/" + visitor.contact, as: anna, ["name": "Zoé"]).expect(200)
        let member = try await shop.app.call(.get, "/_matrix/client/v3/rooms/\(Percent.encode(room))/state/m.room.member/\(visitor.user.path)", as: anna).expect(200)
        #expect(member.string("displayname") == "Zoé")
    }
    @Test func listsGoPageByPage() async throws {
        let shop = try await Shop()
        for number in 0..<7 {
            if number % 2 == 0 { shop.app.clock.advance(1000) }
            _ = try await shop.customer("n\(number)")
        }
        var seen: [String] = [], cursor = ""
        repeat {
            let page = try await shop.call(.get, "/contacts?limit=2&cursor=" + cursor, as: shop.owner).expect(200)
            seen += (page["items"]?.arrayValue ?? []).compactMap { $0.string("id") }
            cursor = page.string("next_cursor") ?? ""
        } while !cursor.isEmpty
        #expect(seen.count == 7 && Set(seen).count == 7)
    }
}
