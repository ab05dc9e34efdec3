import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#capabilities-negotiation
extension Accounts {
    var capabilityRoutes: [Route] { [Route(.get, "/_matrix/client/v3/capabilities", auth: .guest, capabilities)] }

    private func capabilities(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID
        let hasPassword = try await c.db.read { tx in try AccountStore.account(tx, user)?.passwordHash != nil }
        let versions = RoomVersion.supported.map { (key: $0.id, value: JSON.string("stable")) }
        var answer: JSONObject = [
            "m.change_password": ["enabled": .bool(hasPassword)],
            "m.room_versions": ["default": .string(c.config.defaultRoomVersion), "available": .object(JSONObject(versions))],
            "m.set_displayname": ["enabled": true],
            "m.set_avatar_url": ["enabled": true],
            "m.3pid_changes": ["enabled": .bool(c.config.smtpURL != nil)],
            "m.get_login_token": ["enabled": .bool(hasPassword)],
            "m.profile_fields": ["enabled": true],
            "m.forget_forced_upon_leave": ["enabled": .bool(c.config.forgetUponLeave)],
        ]
        if req.user.isAdmin { answer["m.account_moderation"] = ["lock": true, "suspend": true] }
        return .json(["capabilities": .object(answer)])
    }
}
