import MatrixCore
import ServerKit
import Synchronization

/// What people may look up of networks behind bridges. Spec: https://spec.matrix.org/latest/client-server-api/#third-party-networks
extension AppService {
    var thirdPartyRoutes: [Route] {
        let path = "/_matrix/client/v3/thirdparty"
        return [
            Route(.get, path + "/protocols", limit: .search) { _, c in
                var found = JSONObject()
                for name in Set(self.registry.services.flatMap(\.protocols)).sorted() {
                    if let known = try await self.about(c, name) { found[name] = .object(known) }
                }
                return .json(.object(found))
            },
            Route(.get, path + "/protocol/{protocol}", limit: .search) { request, c in
                guard let known = try await self.about(c, try request.param("protocol")) else { throw MatrixError.notFound("This network is not known here.") }
                return .json(.object(known))
            },
            Route(.get, path + "/user/{protocol}", limit: .search) { request, c in try await self.lookUp(request, c, .user) },
            Route(.get, path + "/location/{protocol}", limit: .search) { request, c in try await self.lookUp(request, c, .location) },
            Route(.get, path + "/user", limit: .search) { request, c in
                guard let user = request.query["userid"] else { throw MatrixError.missingParam("'userid' is required.") }
                return try await self.collect(c, self.registry.services, "/_matrix/app/v1/thirdparty/user?userid=" + Percent.encode(user), .user)
            },
            Route(.get, path + "/location", limit: .search) { request, c in
                guard let alias = request.query["alias"] else { throw MatrixError.missingParam("'alias' is required.") }
                return try await self.collect(c, self.registry.services, "/_matrix/app/v1/thirdparty/location?alias=" + Percent.encode(alias), .location)
            },
        ]
    }

    private enum Kind: String, Sendable {
        case user, location
        /// What an entry must name besides its protocol and fields.
        var name: String { self == .user ? "userid" : "alias" }
    }

    /// A network's fields and instances, of all services that speak of it. The first one says what the network is like.
    private func about(_ c: Context, _ name: String) async throws -> JSONObject? {
        let services = registry.services.filter { $0.protocols.contains(name) }
        guard !services.isEmpty else { return nil }
        if let known = protocols.find(name, now: c.clock.now) { return known }
        let answers = try await askAll(c, services, "/_matrix/app/v1/thirdparty/protocol/" + Percent.encode(name))
        var merged: JSONObject?
        var instances: [JSON] = []
        for (service, answer) in answers {
            guard let object = answer.objectValue else { continue }
            if merged == nil { merged = object }
            for instance in object["instances"]?.arrayValue ?? [] {
                guard var entry = instance.objectValue else { continue }
                if let network = entry["network_id"]?.stringValue { entry["instance_id"] = .string(Networks.instance(service, network)) }
                instances.append(.object(entry))
            }
        }
        guard var known = merged else { return nil }
        known["instances"] = .array(instances)
        protocols.insert(name, known, now: c.clock.now)
        return known
    }

    /// Hands the fields of the search on as they came.
    private func lookUp(_ request: Request, _ c: Context, _ kind: Kind) async throws -> Response {
        let name = try request.param("protocol")
        let services = registry.services.filter { $0.protocols.contains(name) }
        guard !services.isEmpty else { throw MatrixError.notFound("This network is not known here.") }
        let fields = request.query.items.filter { $0.name != "access_token" && ($0.name != "user_id" || request.user.service == nil) }
        let query = fields.map { Percent.encode($0.name) + "=" + Percent.encode($0.value) }.joined(separator: "&")
        return try await collect(c, services, "/_matrix/app/v1/thirdparty/\(kind.rawValue)/" + Percent.encode(name) + (query.isEmpty ? "" : "?" + query), kind)
    }

    private func collect(_ c: Context, _ services: [Registration], _ path: String, _ kind: Kind) async throws -> Response {
        var found: [JSON] = []
        for (_, answer) in try await askAll(c, services, path) {
            found += (answer.arrayValue ?? []).filter { $0["protocol"]?.stringValue != nil && $0[kind.name]?.stringValue != nil && $0["fields"]?.objectValue != nil }
        }
        return .json(.array(found))
    }

    /// All at the same time; the answers in the order of the services.
    private func askAll(_ c: Context, _ services: [Registration], _ path: String) async throws -> [(String, JSON)] {
        try await withThrowingTaskGroup(of: (Int, JSON?).self) { group in
            for (index, service) in services.enumerated() { group.addTask { (index, try await Calls.ask(c, service, path)) } }
            var answers: [Int: JSON] = [:]
            for try await (index, answer) in group { answers[index] = answer }
            return answers.sorted { $0.key < $1.key }.map { (services[$0.key].id, $0.value) }
        }
    }
}

/// What services have said of their networks lately.
final class ProtocolCache: Sendable {
    static let lifetime: Int64 = 300_000
    private let known = Mutex<[String: (about: JSONObject, until: Int64)]>([:])
    func find(_ name: String, now: Int64) -> JSONObject? { known.withLock { known in known[name].flatMap { $0.until > now ? $0.about : nil } } }
    /// Bounded by the protocols of the registrations.
    func insert(_ name: String, _ about: JSONObject, now: Int64) { known.withLock { $0[name] = (about, now + Self.lifetime) } }
}
