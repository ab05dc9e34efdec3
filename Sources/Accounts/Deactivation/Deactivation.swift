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
        let published = try await c.db.write { tx in try Deactivation.deactivate(c, tx, self, user: user, erase: erase) }
        var isWithdrawn = !published.isEmpty
        for (key, payload) in published where try await !unbinding.doNow(c, key: key, payload: payload) { isWithdrawn = false }
        return .json(["id_server_unbind_result": .string(isWithdrawn ? "success" : "no-support")])
    }
}

enum Deactivation {
    /// Gives what is still to be taken from identity servers: `unbinding` does it later, if the caller does not do it now.
    @discardableResult
    static func deactivate(_ c: Context, _ tx: WriteTx, _ accounts: Accounts?, user: UserID, erase: Bool) throws -> [(key: String, payload: JSON)] {
        for room in try c.ports.timelines.joinedRooms(tx, user: user) {
            _ = try c.ports.rooms.setMembership(c, tx, room: room, target: user, membership: "leave", by: user, content: [:], timestamp: nil)
        }
        if let accounts {
            try Devices.deleteAll(c, tx, accounts, user: user, withDehydrated: true)
            tx.afterCommit { accounts.cache.forget(user) }
        }
        try ProfileStore.clear(tx, user)
        try AccountDataStore.deleteAll(tx, user)
        try FilterStore.deleteAll(tx, user)
        try CrossSigningStore.deleteAll(tx, user)
        try KeyBackupStore.deleteAll(tx, user)
        let published = try Unbinding.enqueueAll(c, tx, accounts?.unbinding, of: user)
        try ThirdPartyStore.deleteAll(tx, of: user)
        try SSOStore.forget(tx, user)
        try tx.run(SQL.deactivate, c.clock.now, erase, user)
        return published
    }

    private enum SQL {
        static let deactivate = "UPDATE account SET deactivated = ?, is_erased = ?, password_hash = NULL, is_admin = 0 WHERE user_id = ?"
    }
}
