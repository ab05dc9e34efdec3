import Logging
import MatrixCore
import ServerKit
import Store

/// What belongs to no feature: the server's identity, discovery, health and metrics.
///
/// Invariants: the server name and the signing key are made once and never change; a database of another server name is refused.
package enum System {
    static let feature = Feature("system", migrations: [schema], routes: routes)

    static let schema = Migration(5, "system: server identity", """
        CREATE TABLE server_identity (
            name TEXT NOT NULL PRIMARY KEY,
            value BLOB NOT NULL
        )
        """)

    enum Failure: Error, CustomStringConvertible {
        case otherServerName(stored: String, asked: String)
        case badKey
        var description: String {
            switch self {
            case .otherServerName(let stored, let asked):
                "This database belongs to the server name '\(stored)', not '\(asked)'. A server name can never be changed: start with --server-name \(stored), or take another data directory."
            case .badKey: "The signing key in the database is damaged. Restore a backup."
            }
        }
    }

    /// Reads the identity, or makes it at the first start.
    static func identity(_ db: Database, config: Config, entropy: any Entropy) throws -> ServerKey {
        let name = config.serverName
        let fresh = (seed: entropy.bytes(32), id: "ed25519:" + entropy.lowerToken(6))
        let stored = try db.writeNow { tx -> (name: [UInt8], seed: [UInt8], id: [UInt8]) in
            func value(_ key: String, _ initial: [UInt8]) throws -> [UInt8] {
                if let old = try tx.first("SELECT value FROM server_identity WHERE name = ?", key, row: { $0.bytes(0) }) { return old }
                try tx.run("INSERT INTO server_identity(name, value) VALUES (?, ?)", key, initial)
                return initial
            }
            return (try value("server_name", Array(name.utf8)), try value("signing_seed", fresh.seed), try value("signing_key_id", Array(fresh.id.utf8)))
        }
        let storedName = String(decoding: stored.name, as: UTF8.self)
        guard storedName == name else { throw Failure.otherServerName(stored: storedName, asked: name) }
        guard let key = Ed25519.SigningKey(seed: stored.seed) else { throw Failure.badKey }
        return ServerKey(server: name, keyID: String(decoding: stored.id, as: UTF8.self), key: key)
    }

    package static let version = "0.1.0"

    static let routes: [Route] = [
        Route(.get, "/_matrix/client/versions", auth: .none, limit: .none, versions),
        Route(.get, "/.well-known/matrix/client", auth: .none, limit: .none, wellKnown),
        Route(.get, "/.well-known/matrix/support", auth: .none, limit: .none, support),
        Route(.get, "/.well-known/matrix/policy_server", auth: .none, limit: .none, policyServer),
        Route(.get, "/_matrix/client/v1/auth_metadata", auth: .none, limit: .none, authMetadata),
        Route(.get, "/_synapse/admin/v1/server_version", auth: .admin) { _, _ in .json(["server_version": .string("Comptoir " + version)]) },
        Route(.get, "/_comptoir/health", auth: .none, limit: .none, health),
        Route(.get, "/_comptoir/ready", auth: .none, limit: .none, ready),
        Route(.get, "/_comptoir/metrics", auth: .none, limit: .none, metrics),
        Route(.get, "/_comptoir/start", auth: .none, limit: .standard, start),
    ]

    /// GET /_matrix/client/versions. Spec: https://spec.matrix.org/latest/client-server-api/#get_matrixclientversions
    /// A service that names one of its users is told whether it may act for him.
    static let versions: Route.Handler = { request, c in
        if request.query["user_id"] != nil, let token = request.token, c.ports.bridges.service(token: token) != nil {
            _ = try await c.ports.sessions.session(c, token: token, request: request)
        }
        return .json([
            "versions": ["r0.5.0", "r0.6.0", "r0.6.1", "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12", "v1.13", "v1.14", "v1.15", "v1.16"],
            "unstable_features": [
                "org.matrix.e2e_cross_signing": true,
                "org.matrix.msc2285.stable": true,
                "org.matrix.msc3440.stable": true,
                "org.matrix.msc3771": true,
                "org.matrix.msc3814": true,
                "org.matrix.msc3773": true,
                "org.matrix.msc4140": true,
                "org.matrix.msc4380": true,
                "org.matrix.simplified_msc3575": true,
                "uk.half-shot.msc2666.query_mutual_rooms": true,
                "uk.half-shot.msc2666.query_mutual_rooms.stable": true,
                "uk.tcpip.msc4133.stable": true,
            ],
        ])
    }

    /// GET /.well-known/matrix/policy_server: a server that checks events for rooms. There is none: 404, as the specification says.
    /// https://spec.matrix.org/latest/client-server-api/#getwell-knownmatrixpolicy_server
    static let policyServer: Route.Handler = { _, _ in throw MatrixError.notFound("This server has no policy server.") }

    /// GET /_matrix/client/v1/auth_metadata: how clients sign in by OAuth 2.0. They cannot: 404 M_UNRECOGNIZED tells them to sign in by
    /// `/login`. https://spec.matrix.org/latest/client-server-api/#authentication-api-discovery
    static let authMetadata: Route.Handler = { _, _ in throw MatrixError(404, "M_UNRECOGNIZED", "Clients sign in by the login API here, not by OAuth 2.0.") }

    /// GET /.well-known/matrix/client: where clients reach this server.
    static let wellKnown: Route.Handler = { request, c in
        var body: JSONObject = ["m.homeserver": ["base_url": .string(publicURL(request, c))]]
        if let url = c.config.livekitURL { body["org.matrix.msc4143.rtc_foci"] = [["type": "livekit", "livekit_service_url": .string(url)]] }
        return .json(.object(body))
    }

    /// GET /.well-known/matrix/support: who helps. https://spec.matrix.org/latest/client-server-api/#getwell-knownmatrixsupport
    static let support: Route.Handler = { _, c in
        guard !c.config.support.isEmpty else { throw MatrixError.notFound("No contact is configured.") }
        var body: JSONObject = [:], contacts: [JSON] = []
        for entry in c.config.support {
            if entry.hasPrefix("https://") || entry.hasPrefix("http://") { body["support_page"] = .string(entry) } else {
                contacts.append(["role": "m.role.admin", entry.hasPrefix("@") ? "matrix_id" : "email_address": .string(entry)])
            }
        }
        if !contacts.isEmpty { body["contacts"] = .array(contacts) }
        return .json(.object(body))
    }

    /// GET /_comptoir/health: 200 when the database answers, 503 otherwise.
    static let health: Route.Handler = { _, c in
        do {
            let position = try await c.db.read { try $0.position }
            return .json(["status": "ok", "position": .int(position)])
        } catch {
            c.log.error("health check failed", metadata: ["error": "\(error)"])
            return .json(["status": "unavailable"], status: 503)
        }
    }

    /// GET /_comptoir/ready: whether requests should be sent here. As health, and 503 once the server was told to end.
    static let ready: Route.Handler = { request, c in
        guard c.metrics.value(.draining) == 0 else { return .json(["status": "ending"], status: 503) }
        return try await health(request, c)
    }

    /// GET /_comptoir/metrics: Prometheus text. Only from this machine: metrics tell how busy a business is.
    static let metrics: Route.Handler = { request, c in
        guard request.remote == "127.0.0.1" || request.remote == "::1" || c.config.trustedProxies.contains(request.remote) else {
            throw MatrixError.forbidden("Metrics are answered to this machine only.")
        }
        await Gauges.fill(c)
        let build = "# HELP comptoir_build_info The version that runs.\n# TYPE comptoir_build_info gauge\ncomptoir_build_info{version=\"\(version)\"} 1\n"
        return .text(c.metrics.prometheus + build, type: "text/plain; version=0.0.4; charset=utf-8")
    }

    /// GET /_comptoir/start: what the start page shows.
    static let start: Route.Handler = { request, c in
        let signIns: [JSON] = c.config.demoSignIns.map {
            ["name": .string($0.name), "user": .string($0.user), "password": .string($0.password), "role": .string($0.role)]
        }
        return .json([
            "server_name": .string(c.serverName),
            "base_url": .string(publicURL(request, c)),
            "demo": signIns.isEmpty ? .null : ["sign_ins": .array(signIns)],
            "inbox_key": c.config.startInbox.map { .string($0) } ?? .null,
        ])
    }

    /// Where clients reach this server, without a slash at the end: the setting, or else the address that this client used.
    private static func publicURL(_ request: Request, _ c: Context) -> String {
        c.config.publicURL ?? (c.config.tlsCertificate == nil ? "http://" : "https://") + (request.headers["Host"] ?? "\(c.config.listenHost):\(c.config.listenPort)")
    }
}
