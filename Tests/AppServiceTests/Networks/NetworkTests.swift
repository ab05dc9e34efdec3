@testable import AppService
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

struct NetworkTests {
    private func list(_ port: Port, _ room: String, _ method: Method = .put, _ body: JSON? = ["visibility": "public"], token: String = "as-secret") async -> TestResponse {
        await port.call(method, "/directory/list/appservice/libera/" + Percent.encode(room), body, token: token)
    }
    private func rooms(_ port: Port, _ body: JSON = [:]) async throws -> [String] {
        let found = try await port.call(.post, "/publicRooms", as: port.ann, body).expect(200)
        return (found["chunk"]?.arrayValue ?? []).compactMap { $0["room_id"]?.stringValue }
    }

    @Test func aNetworksListIsApartFromTheServers() async throws {
        let port = try await Port()
        let bridged = try await port.room(), own = try await port.room(["visibility": "public"]), both = try await port.room(["visibility": "public"])
        for room in [bridged, both] { try await list(port, room).expect(200) }
        #expect(try await rooms(port) == [own, both])
        #expect(try await rooms(port, ["third_party_instance_id": "irc|libera"]) == [bridged, both])
        #expect(try await rooms(port, ["third_party_instance_id": "irc|other"]) == [])
        #expect(try await rooms(port, ["include_all_networks": true]) == [bridged, own, both])
        #expect(try await port.call(.post, "/publicRooms", as: port.ann, ["include_all_networks": true, "third_party_instance_id": "x"]).expect(400)["errcode"] == "M_INVALID_PARAM")
        try await list(port, bridged, .delete, nil).expect(200)
        try await list(port, both, .put, ["visibility": "private"]).expect(200)
        #expect(try await rooms(port, ["third_party_instance_id": "irc|libera"]) == [])
        #expect(try await rooms(port, ["include_all_networks": true]) == [own, both])
    }

    @Test func pagesGoThroughAllLists() async throws {
        let port = try await Port()
        var all: [String] = []
        for n in 0..<7 {
            all.append(try await port.room(n % 2 == 0 ? ["visibility": "public"] : [:]))
            if n % 2 == 1 { try await list(port, all[n]).expect(200) }
        }
        var seen: [String] = [], since: JSON = .null
        for _ in 0..<4 {
            let page = try await port.call(.post, "/publicRooms", as: port.ann, ["include_all_networks": true, "limit": 2, "since": since]).expect(200)
            seen += (page["chunk"]?.arrayValue ?? []).compactMap { $0["room_id"]?.stringValue }
            since = page["next_batch"] ?? .null
        }
        #expect(seen == all && since == .null)
    }

    @Test func onlyServicesHaveLists() async throws {
        let port = try await Port()
        let room = try await port.room()
        try await list(port, room, token: port.ann.token).expect(403)
        try await list(port, "!none:test").expect(404)
        #expect(try await list(port, room, .put, ["visibility": "hidden"]).expect(400)["errcode"] == "M_INVALID_PARAM")
    }
}

struct SQLTests {
    @Test(arguments: TestBackend.available) func everyStatementIsValid(backend: TestBackend) async throws {
        let port = try await Port(backend: backend)
        try port.app.context.db.prepareAll(Outbox.SQL.all + Networks.SQL.all)
    }
}
