import MatrixCore
package import ServerKit
import Store

/// Users and aliases that nobody has made yet, and that a service may make when somebody wants them.
/// Spec: https://spec.matrix.org/latest/application-service-api/#querying
extension AppService {
    package func find(_ c: Context, _ name: BridgedName) async throws -> Bool {
        switch name {
        case .user(let user): try await find(c, user: user)
        case .alias(let alias): try await find(c, alias: alias)
        }
    }

    private func find(_ c: Context, user: UserID) async throws -> Bool {
        guard user.server == c.serverName else { return false }
        if try await c.db.read({ tx in try c.ports.users.exists(tx, user) }) { return true }
        guard try await ask(c, registry.claims(on: user).all, "/_matrix/app/v1/users/" + Percent.encode(user.rawValue)) else { return false }
        return try await c.db.read { tx in try c.ports.users.exists(tx, user) }
    }

    private func find(_ c: Context, alias: RoomAlias) async throws -> Bool {
        guard alias.server == c.serverName else { return false }
        if try await c.db.read({ tx in try c.ports.lookup.room(tx, alias: alias) }) != nil { return true }
        guard try await ask(c, registry.claims(on: alias).all, "/_matrix/app/v1/rooms/" + Percent.encode(alias.rawValue)) else { return false }
        return try await c.db.read { tx in try c.ports.lookup.room(tx, alias: alias) } != nil
    }

    /// Asks one service after the other until one says yes.
    private func ask(_ c: Context, _ services: ServiceSet, _ path: String) async throws -> Bool {
        let registry = registry
        for number in services.numbers {
            if try await Calls.ask(c, registry.services[number], path) != nil { return true }
        }
        return false
    }
}
