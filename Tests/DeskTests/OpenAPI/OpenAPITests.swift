import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct OpenAPITests {
    @Test func everyRouteIsDescribedAndNothingElse() {
        let routes = Set(Desk.routes.map { "\($0.method.rawValue) \($0.path)" }), described = OpenAPI.operations.map { "\($0.method.rawValue) \($0.path)" }
        #expect(routes.subtracting(described).sorted() == [])
        #expect(Set(described).subtracting(routes).sorted() == [])
        #expect(Set(described).count == described.count)
        #expect(Set(OpenAPI.operations.map(\.id)).count == OpenAPI.operations.count)
    }
    @Test func publicOnesAreTheOnesWithoutSignIn() {
        let open = Desk.routes.filter { $0.permission == nil }.map(\.path)
        #expect(open == OpenAPI.operations.filter(\.isPublic).map(\.path))
    }
    @Test(arguments: [
        ("{\"items\":[{\"name\":\"a\",\"colour\":\"b\",\"uses\":1}]}", 0), ("{\"items\":[{\"name\":\"a\",\"colour\":\"b\"}]}", 1), ("{\"items\":[{\"name\":1,\"colour\":\"b\",\"uses\":1}]}", 1),
        ("{\"items\":[{\"name\":\"a\",\"colour\":\"b\",\"uses\":1,\"secret\":1}]}", 1), ("{}", 1), ("[]", 1),
    ]) func answersThatDifferFromTheDocumentAreFound(body: String, count: Int) {
        let answer = TestResponse(Response(200, headers: ["Content-Type": "application/json"], body: .bytes(Array(body.utf8))))
        #expect(Described.faults(.get, "/tags?x=y", answer).count == count)
    }
    @Test func everyReferenceLeadsSomewhere() {
        var missing: [String] = []
        func walk(_ json: JSON) {
            if let object = json.objectValue {
                if let target = object["$ref"]?.stringValue {
                    let parts = target.split(separator: "/").map(String.init)
                    if parts.count != 4 || OpenAPI.document[parts[1]]?[parts[2]]?[parts[3]] == nil { missing.append(target) }
                }
                for (_, value) in object { walk(value) }
            }
            for value in json.arrayValue ?? [] { walk(value) }
        }
        walk(OpenAPI.document)
        #expect(missing == [])
    }
}
