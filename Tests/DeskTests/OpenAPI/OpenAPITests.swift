import MatrixCore
import ServerKit
import Store
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
