import Logging
import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#adding-account-administrative-contact-information
extension Accounts {
    var thirdPartyRoutes: [Route] {
        let path = "/_matrix/client/v3/account/3pid", unstable = "/_matrix/client/unstable/account/3pid"
        return [
            Route(.get, path, contacts),
            Route(.post, path, limit: .login, addOld),
            Route(.post, path + "/add", limit: .login, add),
            Route(.post, path + "/delete", deleteContact),
        ] + Route.all(.post, [path + "/bind", unstable + "/bind"], bind) + Route.all(.post, [path + "/unbind", unstable + "/unbind"], unbind)
    }

    private func contacts(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID
        let contacts = try await c.db.read { tx in try ThirdPartyStore.contacts(tx, of: user) }
        return .json(["threepids": .array(contacts.map {
            ["medium": .string($0.id.medium), "address": .string($0.id.address), "validated_at": .int($0.validated), "added_at": .int($0.added)]
        })])
    }

    /// Deprecated, without further proof of who asks.
    private func addOld(_ req: Request, _ c: Context) async throws -> Response {
        try req.refuseVisitors()
        let body = try req.json()
        guard let proof = try body.object("three_pid_creds") ?? body.object("threePidCreds") else { throw MatrixError.missingParam("'three_pid_creds' is required.") }
        return try await add(c, req.user.userID, sid: try proof.required(string: "sid", max: 255), secret: try ThirdPartyRules.clientSecret(proof))
    }

    private func add(_ req: Request, _ c: Context) async throws -> Response {
        try req.refuseVisitors()
        let proof = try await authenticate(c, req, try req.json(), operation: "POST /account/3pid/add")
        return try await add(c, req.user.userID, sid: try proof.params.required(string: "sid", max: 255), secret: try ThirdPartyRules.clientSecret(proof.params))
    }

    private func add(_ c: Context, _ user: UserID, sid: String, secret: String) async throws -> Response {
        let now = c.clock.now
        try await c.db.write { tx in
            guard let proved = try ThirdPartyStore.proved(tx, sid: sid, secret: secret, .add, since: now - ThirdPartyRules.lifetime) else { throw MatrixError.thirdPartyUnproved() }
            try ThirdPartyStore.add(tx, proved.id, to: user, validated: proved.at, now: now)
            try ThirdPartyStore.deleteSession(tx, sid: sid)
        }
        return .empty
    }

    private func deleteContact(_ req: Request, _ c: Context) async throws -> Response {
        let id = try ThirdPartyID(try req.json()), user = req.user.userID
        let result = try await withdraw(req, c, id)
        try await c.db.write { tx in
            try ThirdPartyStore.delete(tx, id, of: user)
            if id.medium == "email" { try c.ports.push.addressGone(c, tx, user: user, address: id.address) }
        }
        return .json(["id_server_unbind_result": .string(result ? "success" : "no-support")])
    }

    private func bind(_ req: Request, _ c: Context) async throws -> Response {
        try req.refuseVisitors()
        let body = try req.json(), user = req.user.userID
        let server = try IdentityServer(body), sid = try body.required(string: "sid", max: 255), secret = try ThirdPartyRules.clientSecret(body)
        let answer: JSONObject
        do throws(IdentityServer.Failure) {
            answer = try await server.call(c, .post, "/_matrix/identity/v2/3pid/bind", ["sid": .string(sid), "client_secret": .string(secret), "mxid": JSON(user)])
        } catch { throw error.wire }
        guard let id = ThirdPartyID(.object(answer)) else { throw MatrixError(502, "M_UNKNOWN", "The identity server's answer names no address.") }
        try await c.db.write { tx in try ThirdPartyStore.bind(tx, id, of: user, at: server.name) }
        return .empty
    }

    private func unbind(_ req: Request, _ c: Context) async throws -> Response {
        let result = try await withdraw(req, c, try ThirdPartyID(try req.json()))
        return .json(["id_server_unbind_result": .string(result ? "success" : "no-support")])
    }

    /// Takes the address from the identity server that is named, or from all where it was published. False when one of them does not do that.
    private func withdraw(_ req: Request, _ c: Context, _ id: ThirdPartyID) async throws -> Bool {
        let user = req.user.userID
        var servers: [String]
        if let named = try req.json().string("id_server", max: 255) { servers = [named] } else {
            servers = try await c.db.read { tx in try ThirdPartyStore.servers(tx, id, of: user) }
        }
        guard !servers.isEmpty else { return false }
        var isDone = true
        for name in servers {
            let server = try IdentityServer(name, token: nil)
            do throws(IdentityServer.Failure) { try await Unbinding.call(c, server, id, user) } catch {
                if case .answered(let status, _, _) = error, [400, 404, 501].contains(status) { isDone = false } else { throw error.wire }
            }
            try await c.db.write { tx in try ThirdPartyStore.unbind(tx, id, of: user, at: name) }
        }
        return isDone
    }
}

/// Addresses of an account that has ended are taken from the identity servers: now if they answer, later if not.
enum Unbinding {
    static let kind = "unbind"
    private static let patience: Int64 = 7 * 86_400_000

    static func call(_ c: Context, _ server: IdentityServer, _ id: ThirdPartyID, _ user: UserID) async throws(IdentityServer.Failure) {
        let path = "/_matrix/identity/v2/3pid/unbind", body: JSONObject = ["mxid": JSON(user), "threepid": id.json]
        let authorization: String
        do { authorization = try server.serverAuthorization(c, .post, path, body) } catch { throw .unreachable("\(error)") }
        try await server.call(c, .post, path, body, authorization: authorization)
    }

    static func worker() -> OutboxWorker {
        OutboxWorker(kind, patience: patience) { c, item throws(OutboxWorker.Failure) in
            let json: JSON, server: IdentityServer
            do {
                json = try JSON.parse(item.payload)
                server = try IdentityServer(json["server"]?.stringValue ?? "", token: nil)
            } catch { throw .permanent("the item cannot be read: \(error)") }
            guard let id = ThirdPartyID(json), let user = UserID(json["user"]) else { throw .permanent("the item cannot be read") }
            do throws(IdentityServer.Failure) { try await call(c, server, id, user) } catch {
                if case .answered(let status, _, _) = error, status < 500, status != 429 { throw .permanent("the identity server answers \(status)") }
                throw .temporary("\(error)")
            }
        }
    }

    /// With the transaction that ends the account. Gives the keys of what is to be done.
    static func enqueueAll(_ c: Context, _ tx: WriteTx, _ worker: OutboxWorker?, of user: UserID) throws -> [(key: String, payload: JSON)] {
        var items: [(key: String, payload: JSON)] = []
        for (id, server) in try ThirdPartyStore.bindings(tx, of: user) {
            let payload: JSON = ["server": .string(server), "user": JSON(user), "medium": .string(id.medium), "address": .string(id.address)]
            let key = c.entropy.token(24)
            // The caller tries first; the worker takes what is left.
            try (worker ?? Unbinding.worker()).enqueue(c, tx, key: key, payload: payload, delay: 60_000)
            items.append((key: key, payload: payload))
        }
        try ThirdPartyStore.unbindAll(tx, of: user)
        return items
    }
}
