import FoundationEssentials
import MatrixCore
import ServerKit
import Synchronization

/// Who vouches for users: the CAS server and the OpenID Connect providers of the settings.
final class SSOProviders: Sendable {
    enum Provider: Sendable {
        case cas(url: String)
        case oidc(OIDCProvider)

        var id: String {
            switch self {
            case .cas: "cas"
            case .oidc(let provider): provider.id
            }
        }
        var name: String {
            switch self {
            case .cas: "CAS"
            case .oidc(let provider): provider.name
            }
        }
        var json: JSON {
            var json: JSONObject = ["id": .string(id), "name": .string(name)]
            if case .oidc(let provider) = self {
                json["icon"] = provider.icon.map { .string($0) }
                json["brand"] = provider.brand.map { .string($0) }
            }
            return .object(json)
        }
    }

    private let oidc = Mutex<[OIDCProvider]>([])
    let documents = OIDCDocuments()

    /// Reads the files of the settings; throws for one that cannot be used.
    func load(_ config: Config) throws {
        var providers: [OIDCProvider] = []
        for path in config.oidcProviders {
            guard let data = FileManager.default.contents(atPath: path) else { throw Stage.Misconfigured(description: "The file \(path) of oidc_providers cannot be read.") }
            let provider: OIDCProvider
            do { provider = try OIDCProvider(try JSONObject.parse(Array(data))) } catch {
                throw Stage.Misconfigured(description: "The file \(path) of oidc_providers is not valid: \((error as? MatrixError)?.message ?? "\(error)")")
            }
            guard provider.id != "cas", !providers.contains(where: { $0.id == provider.id }) else {
                throw Stage.Misconfigured(description: "The id \(provider.id) of \(path) is taken by another provider.")
            }
            providers.append(provider)
        }
        let loaded = providers
        oidc.withLock { $0 = loaded }
    }

    func all(_ c: Context) -> [Provider] { (c.config.casURL.map { [.cas(url: $0)] } ?? []) + oidc.withLock { $0 }.map { .oidc($0) } }
    func provider(_ id: String, _ c: Context) -> Provider? { all(c).first { $0.id == id } }

    /// The provider that a token says it is of.
    func provider(issuer: String, audience: [String]) -> OIDCProvider? {
        oidc.withLock { $0 }.first { IDToken.trimmed($0.issuer) == IDToken.trimmed(issuer) && audience.contains($0.clientID) }
    }

    /// What `GET /login` says of them.
    func flows(_ c: Context) -> [JSON] {
        let all = all(c)
        guard !all.isEmpty else { return [] }
        return [["type": "m.login.sso", "identity_providers": .array(all.map(\.json))]] + (c.config.casURL == nil ? [] : [["type": "m.login.cas"]])
    }
}

/// One provider, from a file such as
/// `{"id": "work", "name": "Work", "issuer": "https://id.example.org", "client_id": "comptoir", "client_secret": "…"}`.
struct OIDCProvider: Sendable, Hashable {
    var id: String
    var name: String
    /// An mxc:// address.
    var icon: String?
    var brand: String?
    var issuer: String
    var clientID: String
    var clientSecret: String?
    var scopes: [String]
    /// Claims that name the user; the first that is there becomes his localpart.
    var localpartClaims: [String]
    var nameClaim: String
    /// Whoever the provider calls `alice` is the account `alice` that is here already. Only for providers that are the authority on these names.
    var takesExisting: Bool

    init(_ json: JSONObject) throws(MatrixError) {
        id = try json.required(string: "id", max: 64)
        guard !id.isEmpty, id.utf8.allSatisfy({ byte in (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte) || "-._~".utf8.contains(byte) }) else {
            throw .invalidParam("'id' has only letters, digits and - . _ ~")
        }
        name = try json.string("name", max: 255) ?? id
        icon = try json.string("icon", max: 1024)
        brand = try json.string("brand", max: 255)
        var issuer = try json.required(string: "issuer", max: 1024)
        if issuer.hasSuffix("/") { issuer.removeLast() }
        guard issuer.hasPrefix("https://") || issuer.hasPrefix("http://") else { throw .invalidParam("'issuer' must be a web address") }
        self.issuer = issuer
        clientID = try json.required(string: "client_id", max: 1024)
        clientSecret = try json.string("client_secret", max: 4096)
        scopes = try json.strings("scopes", max: 32) ?? ["openid", "profile", "email"]
        if !scopes.contains("openid") { scopes.insert("openid", at: 0) }
        localpartClaims = try json.strings("localpart_claims", max: 16) ?? ["preferred_username", "nickname", "email", "sub"]
        nameClaim = try json.string("display_name_claim", max: 255) ?? "name"
        takesExisting = try json.bool("takes_existing_accounts") ?? false
        let known: Set<String> = ["id", "name", "icon", "brand", "issuer", "client_id", "client_secret", "scopes", "localpart_claims", "display_name_claim", "takes_existing_accounts"]
        if let other = json.keys.first(where: { !known.contains($0) }) { throw .invalidParam("'\(other)' is not known") }
    }
}
