import MatrixCore
import ServerKit
import Store

/// From where a user is connected: for administrators, and for oneself.
/// Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3adminwhoisuserid
extension Accounts {
    var whoisRoutes: [Route] { Route.all(.get, ["/_matrix/client/v3/admin/whois/{userId}", "/_synapse/admin/v1/whois/{userId}"], whois) }

    private func whois(_ req: Request, _ c: Context) async throws -> Response {
        let user: UserID = try req.id("userId")
        guard user == req.user.userID || req.user.isAdmin else { throw MatrixError.forbidden("Only a server administrator can ask about others.") }
        let rows = try await c.db.read { tx -> [DeviceRow]? in try AccountStore.exists(tx, user) ? try DeviceStore.all(tx, user) : nil }
        guard let rows else { throw MatrixError.notFound("There is no such user.") }
        let devices = rows.map { row -> (key: String, value: JSON) in
            var connections: [JSON] = []
            if let seen = seen.sighting(user, row.id) ?? row.seen {
                connections = [["ip": .string(seen.address), "last_seen": .int(seen.at), "user_agent": .string(seen.agent ?? "")]]
            }
            return (key: row.id.rawValue, value: ["sessions": [["connections": .array(connections)]]])
        }
        return .json(["user_id": JSON(user), "devices": .object(JSONObject(devices))])
    }
}
