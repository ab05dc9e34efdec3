@testable import App
import ServerKit
import Testing

/// docs/spec/coverage.tsv says which endpoints of the Client-Server API and of Synapse's admin API are there; the routes say the same.
@Suite struct LedgerTests {
    private struct Row { let method: String, path: String, status: String, source: String, test: String }

    private static let root = #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }

    private static func rows() throws -> [Row] {
        let text = String(decoding: try Files.read(root + "/docs/spec/coverage.tsv", max: 1 << 20), as: UTF8.self)
        return text.split(separator: "\n").dropFirst().map { line in
            let cells = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            return Row(method: cells[1], path: cells[2], status: cells[3], source: cells[4], test: cells[5])
        }
    }
    /// Names of parameters differ between the specification and us.
    private static func shape(_ method: String, _ path: String) -> String {
        method + " " + path.split(separator: "/").map { $0.first == "{" ? "{}" : String($0) }.joined(separator: "/")
    }

    @Test func everyMatrixRouteIsInTheLedgerAsDone() throws {
        let done = Set(try Self.rows().filter { $0.status == "done" }.map { Self.shape($0.method, $0.path) })
        let routes = Features().all.flatMap(\.routes).filter { route in ["/_matrix/client/", "/_matrix/media/", "/_synapse/"].contains { route.path.hasPrefix($0) } }
        #expect(routes.count > 80)
        for route in routes { #expect(done.contains(Self.shape(route.method.rawValue, route.path)), "not in the ledger: \(route.method.rawValue) \(route.path)") }
    }

    @Test func whatTheLedgerCallsDoneHasARouteASourceAndATest() throws {
        let routes = Set(Features().all.flatMap(\.routes).map { Self.shape($0.method.rawValue, $0.path) })
        for row in try Self.rows() {
            if row.status == "done" {
                let isThere = routes.contains(Self.shape(row.method, row.path))
                #expect(isThere, "no route: \(row.method) \(row.path)")
                #expect(Files.exists(Self.root + "/" + row.source), "no source '\(row.source)' of \(row.path)")
                #expect(Files.exists(Self.root + "/" + row.test), "no test '\(row.test)' of \(row.path)")
            } else {
                #expect(row.status == "later", "unknown status '\(row.status)'")
                let isThere = routes.contains(Self.shape(row.method, row.path))
                #expect(!isThere, "it is there, but the ledger says later: \(row.method) \(row.path)")
            }
        }
    }
}
