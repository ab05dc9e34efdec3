import MatrixCore
import ServerKit
import Store

/// The end of an account: its sessions end, its rooms are left, its name is gone and never given again.
/// Spec: https://spec.matrix.org/latest/client-server-api/#account-deactivation
extension Accounts {
    var deactivationRoutes: [Route] {
        [Route(.post, "/_matrix/client/v3/account/deactivate", limit: .login, deactivate)]
    }

    private func deactivate(_ req: Request, _ c: Context) async throws -> Response {
        let body = try req.json()
        _ = try body.bool("erase")
        let proof = try await authenticate(c, req, body, operation: "POST /account/deactivate")
        let erase = try proof.params.bool("erase") ?? false
        let user = req.user.userID
        try await c.db.write { tx in try Deactivation.deactivate(c, tx, self, user: user, erase: erase) }
        return .json(["id_server_unbind_result": "no-support"])
    }
}

enum Deactivation {
    static func deactivate(_ c: Context, _ tx: WriteTx, _ accounts: Accounts?, user: UserID, erase: Bool) throws {
        for room in try c.ports.timelines.joinedRooms(tx, user: user) {
            _ = try c.ports.rooms.setMembership(c, tx, room: room, target: user, membership: "leave", by: user, content: [:], timestamp: nil)
        }
        if let accounts {
            try Devices.deleteAll(c, tx, accounts, user: user)
            tx.afterCommit { accounts.cache.forget(user) }
        }
        try ProfileStore.clear(tx, user)
        try AccountDataStore.deleteAll(tx, user)
        try FilterStore.deleteAll(tx, user)
        try CrossSigningStore.deleteAll(tx, user)
        try KeyBackupStore.deleteAll(tx, user)
        try tx.run(SQL.deactivate, c.clock.now, erase, user)
    }

    private enum SQL {
        static let deactivate = "UPDATE account SET deactivated = ?, is_erased = ?, password_hash = NULL, is_admin = 0 WHERE user_id = ?"
    }
}
