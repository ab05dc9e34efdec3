import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

@Suite struct BrandsTests {
    @Test func aBrandIsMadeChangedAndDeleted() async throws {
        let shop = try await Shop()
        let made = try await shop.call(.post, "/brands", as: shop.owner, ["name": "Maison Lumen", "colour": "#9a3d12", "website": "https://lumen.example"]).expect(201)
        let path = "/brands/" + (made.string("id") ?? "")
        #expect(made.string("colour") == "#9A3D12" && made.string("texts.fr.contact_form") == "Contactez-nous" && made.string("texts.en.title") == "Maison Lumen")
        let changed = try await shop.call(.patch, path, as: shop.owner, ["texts": ["fr": ["greeting": "Salut"]], "website": .null]).expect(200)
        #expect(changed.string("texts.fr.greeting") == "Salut" && changed.string("texts.fr.contact_form") == "Contactez-nous" && changed.at("website")?.isNull == true)
        #expect(try await shop.call(.get, path, as: shop.owner).expect(200) == changed)
        #expect(try await shop.call(.get, "/brands", as: shop.owner).expect(200)["items"]?.arrayValue?.count == 2)
        try await shop.call(.delete, path, as: shop.owner).expect(204)
        try await shop.call(.get, path, as: shop.owner).expect(404)
    }
    @Test func aBrandWithInboxesStays() async throws {
        let shop = try await Shop()
        let id = try await shop.call(.get, "/brands", as: shop.owner).expect(200)["items"]?[0]?.string("id") ?? ""
        #expect(await shop.call(.delete, "/brands/" + id, as: shop.owner)["code"] == "conflict")
    }
    @Test(arguments: [["name": "x", "colour": "red"], ["name": "x", "website": "javascript:alert(1)"], ["name": "x", "texts": ["french": [:]]], ["name": "x", "texts": ["fr": "x"]],
                      ["name": "x", "texts": ["fr": ["greeting": .string(String(repeating: "a", count: 501))]]], ["colour": "#FFFFFF"]] as [JSON])
    func wrongBrandsAreRefused(_ json: JSON) async throws {
        let shop = try await Shop()
        #expect(await shop.call(.post, "/brands", as: shop.owner, json)["code"] == "invalid")
    }
    @Test func aLogoIsServedToEveryone() async throws {
        let shop = try await Shop()
        let id = try await shop.call(.get, "/brands", as: shop.owner).expect(200)["items"]?[0]?.string("id") ?? "", logo = DemoPictures.logo(size: 16)
        let path = try await shop.app.call(.put, Shop.base + "/brands/\(id)/logo", as: shop.owner, body: logo).expect(200).string("picture") ?? ""
        #expect(await shop.app.call(.get, path).bytes == logo)
        #expect(try await shop.app.call(.get, Shop.widget + "/config?inbox=web").expect(200).string("brand.logo") == path)
        try await shop.call(.delete, "/brands/\(id)/logo", as: shop.owner).expect(204)
        #expect(await shop.app.call(.get, path).status == 404)
    }
}
