package import MatrixCore
package import ServerKit
package import Store

/// Lists of rooms that a service publishes for its networks, beside the server's own directory.
/// Spec: https://spec.matrix.org/latest/application-service-api/#put_matrixclientv3directorylistappservicenetworkidroomid
enum Networks {
    static let schema = Migration(121, "application services: rooms of networks", """
        CREATE TABLE network_room (
            instance TEXT NOT NULL, -- service and network
            room_id TEXT NOT NULL,
            PRIMARY KEY (instance, room_id)
        )
        """)

    /// What clients give as `third_party_instance_id`.
    static func instance(_ service: String, _ network: String) -> String { service + "|" + network }
    static let maxListed = 10_000

    enum SQL {
        static let add = "INSERT INTO network_room (instance, room_id) VALUES (?, ?) ON CONFLICT (instance, room_id) DO NOTHING"
        static let remove = "DELETE FROM network_room WHERE instance = ? AND room_id = ?"
        static let removeRoom = "DELETE FROM network_room WHERE room_id = ?"
        static let ofInstance = "SELECT room_id FROM network_room WHERE instance = ? ORDER BY room_id LIMIT ?"
        static let any = "SELECT DISTINCT room_id FROM network_room ORDER BY room_id LIMIT ?"
        static let all = [add, remove, removeRoom, ofInstance, any]
    }
}

extension AppService {
    package func listed(_ tx: ReadTx, network: String?) throws -> [RoomID] {
        if registry.isEmpty { return [] }
        if let network { return try tx.all(Networks.SQL.ofInstance, network, Networks.maxListed) { RoomID(trusted: $0.text(0)) } }
        return try tx.all(Networks.SQL.any, Networks.maxListed) { RoomID(trusted: $0.text(0)) }
    }

    var networkRoutes: [Route] {
        let path = "/_matrix/client/v3/directory/list/appservice/{networkId}/{roomId}"
        return [
            Route(.put, path) { request, c in
                let visibility = try request.json().string("visibility") ?? "public"
                guard visibility == "public" || visibility == "private" else { throw MatrixError.invalidParam("'visibility' must be public or private.") }
                return try await self.list(request, c, isListed: visibility == "public")
            },
            Route(.delete, path) { request, c in try await self.list(request, c, isListed: false) },
        ]
    }

    private func list(_ request: Request, _ c: Context, isListed: Bool) async throws -> Response {
        let network = try request.param("networkId"), room: RoomID = try request.id("roomId")
        guard network.utf8.count <= 255, !network.utf8.contains(0) else { throw MatrixError.invalidParam("'networkId' has at most 255 bytes.") }
        guard let service = request.user.service else { throw MatrixError.forbidden("Only application services have lists of rooms.") }
        try await c.db.write { tx in
            guard try c.ports.lookup.exists(tx, room: room) else { throw MatrixError.notFound("There is no room \(room).") }
            try tx.run(isListed ? Networks.SQL.add : Networks.SQL.remove, Networks.instance(service, network), room)
        }
        return .empty
    }
}
