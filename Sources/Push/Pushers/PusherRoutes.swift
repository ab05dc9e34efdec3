import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3pushers
extension Push {
    var pusherRoutes: [Route] {
        [Route(.get, "/_matrix/client/v3/pushers", pushers), Route(.post, "/_matrix/client/v3/pushers/set", setPusher)]
    }

    private func pushers(_ request: Request, _ c: Context) async throws -> Response {
        let user = request.user.userID
        guard watch.hasPusher(user) else { return .json(["pushers": []]) }
        return .json(["pushers": .array(try await c.db.read { tx in try Pushers.all(tx, of: user).map(\.json) })])
    }

    private func setPusher(_ request: Request, _ c: Context) async throws -> Response {
        try request.refuseVisitors()
        let body = try request.json(), user = request.user.userID, watch = watch, gateway = gateway
        let appID = try PusherRules.text(body, "app_id", max: PusherRules.appIDCharacters, isCharacters: true)
        let pushkey = try PusherRules.text(body, "pushkey", max: PusherRules.pushkeyBytes)
        guard let kind = body["kind"] else { throw MatrixError.missingParam("'kind' is required.") }
        if kind.isNull {
            try await c.db.write { tx in
                try Pushers.delete(tx, user: user, app: appID, pushkey: pushkey)
                try Pushers.tidy(tx, watch, user: user)
            }
            return .empty
        }
        guard let kind = kind.stringValue else { throw MatrixError.badJSON("'kind' must be a string or null.") }
        guard let kind = Pusher.Kind(rawValue: kind) else { throw MatrixError.invalidParam("'kind' must be \"http\" or \"email\".") }
        let append = try body.bool("append") ?? false, data = try PusherRules.data(body, kind, c.config)
        if kind == .email { try PusherRules.checkMail(appID: appID, c.config) }
        let pusher = Pusher(
            kind: kind, user: user, device: request.user.deviceID, appID: appID, pushkey: pushkey, appName: try PusherRules.text(body, "app_display_name"),
            deviceName: try PusherRules.text(body, "device_display_name"), profileTag: try body.string("profile_tag", max: PusherRules.textBytes) ?? "",
            language: try PusherRules.text(body, "lang"), data: data, created: c.clock.now)
        let digests = digests
        try await c.db.write { tx in
            guard try Pushers.all(tx, of: user).count < PusherRules.most else { throw MatrixError.invalidParam("There can be \(PusherRules.most) pushers.") }
            if kind == .email {
                guard let address = EMail.canonical(pushkey), try c.ports.preferences.mailAddresses(tx, user: user).contains(address) else { throw PusherRules.addressNotFound }
                digests.added(tx, user)
            }
            try Pushers.set(tx, watch, pusher, append: append, unread: try c.ports.notices.unread(tx, user: user))
            tx.afterCommit { gateway.wake(user) }
        }
        return .empty
    }
}

/// What a pusher may be. Pure.
enum PusherRules {
    static let appIDCharacters = 64
    static let pushkeyBytes = 512
    static let textBytes = 512
    static let dataBytes = 8 << 10
    static let most = 100
    static let path = "/_matrix/push/v1/notify"

    static func text(_ body: JSONObject, _ key: String, max: Int = textBytes, isCharacters: Bool = false) throws(MatrixError) -> String {
        let text = try body.required(string: key)
        guard (isCharacters ? text.unicodeScalars.count : text.utf8.count) <= max else { throw .invalidParam("'\(key)' is longer than \(max).") }
        guard !text.utf8.contains(0) else { throw .invalidParam("'\(key)' cannot hold the NUL character.") }
        return text
    }

    /// What the clients say an address is told by: https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3pushersset
    static let mailAppID = "m.email"
    static let addressNotFound = MatrixError(400, "M_THREEPID_NOT_FOUND", "This is none of the confirmed e-mail addresses of your account.")

    static func checkMail(appID: String, _ config: Config) throws(MatrixError) {
        guard config.smtpURL != nil else { throw .invalidParam("This server sends no mail: it has only pushers of the kind \"http\".") }
        guard appID == mailAppID else { throw .invalidParam("The 'app_id' of a pusher of the kind \"email\" is \"\(mailAppID)\".") }
    }

    /// The `data`, which a gateway must have and a mail need not.
    static func data(_ body: JSONObject, _ kind: Pusher.Kind, _ config: Config) throws(MatrixError) -> JSONObject {
        switch kind {
        case .http:
            guard let data = try body.object("data") else { throw .missingParam("'data' is required.") }
            try check(data, allowsPlain: config.allowLoopbackEgress)
            return data
        case .email:
            let data = try body.object("data") ?? [:]
            guard data.encoded().count <= dataBytes else { throw .tooLarge("'data' has at most \(dataBytes) bytes.") }
            return data
        }
    }

    /// - Parameter allowsPlain: addresses may begin with http://, for tests.
    static func check(_ data: JSONObject, allowsPlain: Bool) throws(MatrixError) {
        guard data.encoded().count <= dataBytes else { throw .tooLarge("'data' has at most \(dataBytes) bytes.") }
        guard let url = try data.string("url", max: 2048) else { throw .missingParam("'data.url' is required.") }
        guard isGateway(url, allowsPlain: allowsPlain) else { throw .invalidParam("'data.url' must be an https address with the path \(path).") }
    }

    static func isGateway(_ url: String, allowsPlain: Bool) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: { url.lowercased().hasPrefix($0) }), scheme == "https://" || allowsPlain else { return false }
        let rest = url.dropFirst(scheme.count)
        guard let slash = rest.firstIndex(of: "/"), slash > rest.startIndex, !rest[..<slash].contains("@"),
              rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else { return false }
        return rest[slash...].prefix { $0 != "?" && $0 != "#" } == path
    }
}
