import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct BadInputTests {
    /// Every route that takes a body, with bodies that no program should send: always a 4xx with problem+json, never a 500.
    @Test func everyBodyThatIsWrongIsRefusedAsTheContractSays() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna", role: "admin")
        let (visitor, id, _) = try await shop.customer()
        let deep = Array((String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000)).utf8)
        let bodies: [(String, [UInt8])] = [
            ("no JSON", Array("{".utf8)), ("an array", Array("[]".utf8)), ("a text", Array("\"x\"".utf8)), ("deep", deep), ("no UTF-8", [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]),
            ("oversized", Array(("{\"body\":\"" + String(repeating: "a", count: 300_000) + "\"}").utf8)),
            ("wrong types", Array(#"{"key":1,"body":{},"name":[],"email":7,"status":3,"tags":"x","agent":[],"txn_id":{},"content":"x","inbox":9,"up_to":[],"colour":1,"priority":true,"language":5,"availability":9,"shortcut":{},"brand_id":1,"username":[],"password":2,"message":1,"url":4,"typing":"x","viewing":"x","force":"x","mentions":7,"capacity":"x","public_name":3,"resume_token":{},"identity":"x","until":"x","type":4,"key2":null,"title":[],"conversation":1,"id":2}"#.utf8)),
            ("control characters", Array("{\"name\":\"a\\u0000b\",\"body\":\"a\\u0000b\",\"key\":\"k\\u0001\",\"email\":\"\\u0007\",\"status\":\"\\u0000\",\"tags\":[\"\\u0000\"],\"agent\":\"\\u0000\",\"shortcut\":\"\\u0000\",\"language\":\"\\u0000\",\"message\":\"\\u0000\",\"txn_id\":\"\\u0000\",\"inbox\":\"\\u0000\",\"up_to\":\"\\u0000\",\"colour\":\"\\u0000\",\"priority\":\"\\u0000\",\"availability\":\"\\u0000\",\"brand_id\":\"\\u0000\",\"url\":\"\\u0000\",\"resume_token\":\"\\u0000\",\"conversation\":\"\\u0000\"}".utf8)),
        ]
        // Routes whose every field may be left out answer an array or a text with 400 all the same.
        let lenient: Set<String> = ["/me/heartbeat", "/conversations/{id}/take", "/conversations/{id}/follow", "/recount"]
        for route in Desk.routes where [.post, .put, .patch].contains(route.method) {
            guard !route.path.hasSuffix("/picture"), !route.path.hasSuffix("/logo"), !route.path.hasSuffix("identity-secret") else { continue }
            let path = route.path.replacing("/conversations/{id}", with: "/conversations/" + id).replacing("/inboxes/{id}", with: "/inboxes/" + shop.inbox)
                .replacing("/agents/{id}", with: "/agents/" + anna.path).replacing("/contacts/{id}", with: "/contacts/" + visitor.contact).replacing("{name}", with: "x").replacing("{id}", with: "nothing")
            for (name, body) in bodies {
                let answer = await shop.app.call(route.method, Shop.base + path, as: anna, body: body)
                let isRight = (400..<500).contains(answer.status) || lenient.contains(route.path) && [200, 202].contains(answer.status) && !["no JSON", "an array", "a text"].contains(name)
                    || route.path == "/me/heartbeat"
                    || name == "control characters" && ["/conversations/{id}/typing", "/conversations/{id}/viewing", "/conversations/{id}/take"].contains(route.path)
                #expect(isRight, "\(route.method.rawValue) \(route.path), \(name): \(answer.status) \(String(decoding: answer.bytes.prefix(200), as: UTF8.self))")
                if answer.status >= 400 {
                    #expect(answer.headers["Content-Type"] == "application/problem+json", "\(route.path), \(name)")
                    #expect(answer["detail"]?.stringValue?.isEmpty == false && answer["code"]?.stringValue.flatMap(DeskError.Code.init(rawValue:)) != nil)
                }
                if name == "oversized" { #expect(answer.status == 413 || route.path == "/me/heartbeat" && answer.status == 413, "\(route.path): \(answer.status)") }
            }
        }
        for route in Widget.routes where route.method != .get && route.path != "/end" {
            for (name, body) in bodies {
                let answer = await shop.app.call(route.method, Shop.widget + route.path, as: route.who == .visitor ? visitor.user : nil, body: body)
                #expect((400..<500).contains(answer.status), "\(route.path), \(name): \(answer.status)")
                #expect(answer.headers["Content-Type"] == "application/problem+json", "\(route.path), \(name)")
            }
        }
    }

    @Test(arguments: [
        ("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor"), ("cursor=1.2.3", "cursor"), ("view=none", "view"), ("sort=up", "sort"), ("priority=p", "priority"),
        ("q=" + String(repeating: "a", count: 300), "q"),
    ]) func aWrongQueryNamesItsField(query: String, field: String) async throws {
        let shop = try await Shop()
        let answer = await shop.call(.get, "/conversations?" + query, as: shop.owner, headers: ["Accept-Language": "fr"])
        #expect(answer.status == 400 && answer["errors"]?[0]?["field"]?.stringValue == field)
        #expect(answer.headers["Content-Language"] == "fr")
    }

    @Test func allWrongFieldsAreNamedAtOnceInTheReadersLanguage() async throws {
        let shop = try await Shop()
        let json: JSON = ["name": "", "email": "nobody", "role": "king", "capacity": 1000]
        let french = await shop.call(.post, "/agents", as: shop.owner, json, headers: ["Accept-Language": "fr"]), english = await shop.call(.post, "/agents", as: shop.owner, json)
        let fields = { (answer: TestResponse) in (answer["errors"]?.arrayValue ?? []).compactMap { $0.string("field") } }
        #expect(Set(fields(french)) == ["name", "email", "role", "capacity", "username", "password"])
        #expect(fields(french) == fields(english))
        #expect(french["title"] == "Saisie non valide" && english["title"] == "Invalid input")
    }

    @Test func picturesAreCheckedByTheirBytes() async throws {
        let shop = try await Shop()
        let answer = await shop.app.call(.put, Shop.base + "/me/picture", as: shop.owner, body: Array("<svg onload=alert(1)>".utf8), headers: ["Content-Type": "image/png"])
        #expect(answer.status == 415 && answer["code"] == "unsupported_type")
        let big = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + [UInt8](repeating: 0, count: 600 << 10)
        #expect(await shop.app.call(.put, Shop.base + "/me/picture", as: shop.owner, body: big).status == 413)
        let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3]
        let path = try await shop.app.call(.put, Shop.base + "/me/picture", as: shop.owner, body: png).expect(200).string("picture") ?? ""
        let picture = await shop.app.call(.get, path)
        #expect(picture.bytes == png && picture.headers["Content-Type"] == "image/png" && picture.headers["X-Content-Type-Options"] == "nosniff")
        try await shop.call(.delete, "/me/picture", as: shop.owner).expect(204)
        #expect(await shop.app.call(.get, path).status == 404)
    }

    /// What no route hears of is refused in the form of the desk, too.
    @Test(arguments: [("GET", "/nothing", 404, "not_found"), ("DELETE", "/me", 405, "bad_method")])
    func unknownAddressesAreProblems(method: String, path: String, status: Int, code: String) async throws {
        let shop = try await Shop()
        let answer = await shop.app.call(try #require(Method(rawValue: method)), Shop.base + path, as: shop.owner, headers: ["Accept-Language": "fr"])
        #expect(answer.status == status && answer["code"]?.stringValue == code && answer["errcode"] == nil)
        #expect(answer.headers["Content-Type"] == "application/problem+json" && answer.headers["Content-Language"] == "fr")
    }
}
