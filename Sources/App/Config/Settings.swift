import MatrixCore
package import ServerKit

/// One setting as it stands in the file: its key, how its value is read, and what the example file says of it.
package struct Setting: Sendable {
    package let key: String
    /// The doc comment of the field in `Config`; a test compares them.
    package let text: String
    /// The field of `Config` that carries the comment.
    package let field: String
    /// What the example file shows behind the key.
    package let example: String
    /// Whether the value must not be shown.
    package let isSecret: Bool
    /// Says what was expected when the value does not fit.
    let apply: @Sendable (inout Config, String) -> String?
    let reset: @Sendable (inout Config) -> Void

    /// `COMPTOIR_SERVER_NAME` for `server_name`.
    package var variable: String { "COMPTOIR_" + key.uppercased() }

    init<Value>(_ key: String, _ field: String, _ path: any WritableKeyPath<Config, Value> & Sendable, example: String, isSecret: Bool = false,
                        _ text: String, expected: String, read: @escaping @Sendable (String) -> Value?) {
        self.key = key; self.field = field; self.example = example; self.text = text; self.isSecret = isSecret
        apply = { config, value in
            guard let value = read(value) else { return expected }
            config[keyPath: path] = value
            return nil
        }
        reset = { $0[keyPath: path] = Config()[keyPath: path] }
    }

    static func flag(_ key: String, _ field: String, _ path: any WritableKeyPath<Config, Bool> & Sendable, _ text: String) -> Setting {
        Setting(key, field, path, example: Config()[keyPath: path] ? "true" : "false", text, expected: "true or false") {
            switch $0.lowercased() {
            case "true", "yes", "on", "1": true
            case "false", "no", "off", "0": false
            default: nil
            }
        }
    }

    /// In the order of `Config`.
    package static let all: [Setting] = [
        Setting("server_name", "serverName", \.serverName, example: "chat.example.org",
                "The Matrix server name, the part after the colon in user ids. It can never be changed later.",
                expected: "a host name, with a port if need be") { text in
            guard let first = text.utf8.first, first != UInt8(ascii: "-"), first != UInt8(ascii: ".") else { return nil }
            return ServerName(rawValue: text)?.rawValue
        },
        Setting("listen", "listenHost", \.listen, example: "127.0.0.1:8008",
                "Address and port to listen on. Port 0 takes a free one.",
                expected: "HOST:PORT, for example 127.0.0.1:8008 or [::1]:8008", read: listenAddress),
        Setting("tls_certificate", "tlsCertificate", \.tlsCertificate, example: "",
                "Certificate chain in PEM: the server speaks HTTPS itself. Read again when it changes, and on SIGHUP.", expected: "a file") { .some($0) },
        Setting("tls_key", "tlsKey", \.tlsKey, example: "", "Private key of the certificate, in PEM, without a passphrase.", expected: "a file") { .some($0) },
        Setting("redirect_listen", "redirectListen", \.redirectListen, example: "",
                "Address and port where plain HTTP is sent on to HTTPS, where the server has a certificate; empty for none.",
                expected: "HOST:PORT, for example 0.0.0.0:80") { listenAddress($0).map { .some($0) } },
        Setting("data", "dataDirectory", \.dataDirectory, example: "/var/lib/comptoir",
                "Directory of the embedded database, media and keys.", expected: "a directory") { $0 },
        Setting("database", "databaseURL", \.databaseURL, example: "", isSecret: true,
                "PostgreSQL URL; empty for the embedded SQLite.", expected: "a URL that starts with postgresql://") {
            $0.hasPrefix("postgresql://") || $0.hasPrefix("postgres://") ? .some(.some($0)) : nil
        },
        Setting("public_url", "publicURL", \.publicURL, example: "https://chat.example.org",
                "Where clients reach the server (scheme, host, port); made from the listening address when empty.",
                expected: "a URL that starts with https:// or http://, without a path", read: publicAddress),
        Setting("web", "webDirectory", \.webDirectory, example: "web/dist",
                "Directory of the built web pages (`web/dist`); pages are not served when it does not exist.", expected: "a directory") { .some($0) },
        flag("open_registration", "openRegistration", \.openRegistration, "Anyone may make an account with m.login.dummy. Off by default."),
        flag("guest_registration", "guestRegistration", \.guestRegistration, "Guests may register. Off by default."),
        Setting("registration_secret", "registrationSecret", \.registrationSecret, example: "", isSecret: true,
                "Tokens for m.login.registration_token are made by `comptoir user token`.", expected: "a text") { .some($0) },
        flag("no_rate_limits", "noRateLimits", \.noRateLimits, "No rate limits: for tests and benchmarks."),
        flag("cheap_password_hashing", "cheapPasswordHashing", \.cheapPasswordHashing, "Argon2id with the least cost: for tests and benchmarks."),
        flag("allow_loopback_egress", "allowLoopbackEgress", \.allowLoopbackEgress, "Outbound requests may go to loopback addresses: for tests."),
        Setting("appservices", "appservices", \.appservices, example: "",
                "Registration files of application services.", expected: "file names with commas between them", read: list),
        Setting("default_room_version", "defaultRoomVersion", \.defaultRoomVersion, example: "12",
                "Room version of new rooms.", expected: "one of " + roomVersions.joined(separator: ", ")) { roomVersions.contains($0) ? $0 : nil },
        Setting("max_upload", "maxUploadBytes", \.maxUploadBytes, example: "100M",
                "Largest upload, in bytes.", expected: "a number of bytes, or of K, M or G, at least 1", read: bytes),
        flag("unauthenticated_media", "unauthenticatedMedia", \.unauthenticatedMedia,
             "Media may be fetched without a token on the old paths (`/_matrix/media/v3/download`) for old clients."),
        Setting("trusted_proxies", "trustedProxies", \.trustedProxies, example: "127.0.0.1",
                "Addresses of reverse proxies whose X-Forwarded-For is believed.", expected: "IP addresses with commas between them") { text in
            let addresses = list(text) ?? []
            return addresses.allSatisfy { $0.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) || $0 == 46 || $0 == 58 } } ? addresses : nil
        },
        Setting("connections_per_address", "connectionsPerAddress", \.connectionsPerAddress, example: "1000",
                "Connections that one address (of IPv6: one network) may have at a time; this machine itself and trusted proxies may have any number.",
                expected: "a number from 10 to 50000") { text in Int(text).flatMap { (10...50_000).contains($0) ? $0 : nil } },
        flag("public_rooms_without_auth", "publicRoomsWithoutAuth", \.publicRoomsWithoutAuth, "Public rooms may be listed without signing in."),
        flag("forget_upon_leave", "forgetUponLeave", \.forgetUponLeave, "A user who leaves a room forgets it at once."),
        Setting("retention_min", "retentionMin", \.retentionMin, example: "1d",
                "The shortest time for which a room's `m.room.retention` may have its messages kept; empty for any.", expected: "a time such as 12h, 30d or 1y", read: lifetime),
        Setting("retention_max", "retentionMax", \.retentionMax, example: "5y",
                "The longest time for which messages are kept in any room; empty for ever, where the room itself says nothing else.",
                expected: "a time such as 12h, 30d or 1y", read: lifetime),
        Setting("deleted_media_grace", "deletedMediaGrace", \.deletedMediaGrace, example: "1d",
                "How long media stays after the last message that names it was deleted; `never` lets it stay for ever. Encrypted messages are not known.",
                expected: "a time such as 12h, 30d or 1y, or never") { $0 == "never" ? .some(nil) : lifetime($0) },
        Setting("audit_retention", "auditRetention", \.auditRetention, example: "1y",
                "How long the desk's audit log is kept; `never` keeps it for ever.",
                expected: "a time such as 90d or 1y, or never") { $0 == "never" ? .some(nil) : lifetime($0) },
        Setting("upgrade_backups", "upgradeBackups", \.upgradeBackups, example: "3",
                "How many copies of the database from before upgrades are kept in the data directory's `backups`, for 30 days; 0: none is made.",
                expected: "a number from 0 to 100") { Int($0).flatMap { (0...100).contains($0) ? $0 : nil } },
        Setting("shutdown_delay", "shutdownDelay", \.shutdownDelay, example: "0",
                "Seconds for which the server, told to end, answers on but says that it is not ready: time for a load balancer to notice.",
                expected: "a number of seconds from 0 to 300") { Int($0).flatMap { (0...300).contains($0) ? $0 : nil } },
        Setting("log_level", "logLevel", \.logLevel, example: "info",
                "trace, debug, info, notice, warning, error.", expected: "trace, debug, info, notice, warning or error") {
            ["trace", "debug", "info", "notice", "warning", "error"].contains($0) ? $0 : nil
        },
    ] + identity

    private static let roomVersions = RoomVersion.all.map(\.id)

    /// `HOST:PORT` or `[IPv6]:PORT`.
    @Sendable private static func listenAddress(_ text: String) -> Config.Listen? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port) else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() } else if host.contains(":") { return nil }
        guard !host.isEmpty, !host.contains(" ") else { return nil }
        return Config.Listen(host: String(host), port: port)
    }

    @Sendable private static func publicAddress(_ text: String) -> String?? {
        guard let scheme = ["https://", "http://"].first(where: { text.hasPrefix($0) }) else { return nil }
        var rest = text.dropFirst(scheme.count)
        while rest.last == "/" { rest.removeLast() }
        guard ServerName.isValid(String(rest)) else { return nil }
        return .some(scheme + rest)
    }

    @Sendable static func list(_ text: String) -> [String]? {
        text.split(separator: ",").map { String($0.filter { $0 != " " }) }.filter { !$0.isEmpty }
    }

    /// A number with a unit, as milliseconds.
    @Sendable static func lifetime(_ text: String) -> Int64?? {
        let units: [Character: Int64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000]
        guard let unit = text.last.flatMap({ units[$0] }), let number = Int64(text.dropLast()), number > 0, number <= .max / unit else { return nil }
        return .some(number * unit)
    }

    @Sendable private static func bytes(_ text: String) -> Int64? {
        let units: [Character: Int64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
        let unit = text.last.flatMap { units[Character($0.uppercased())] }
        guard let number = Int64(unit == nil ? text[...] : text.dropLast()), number > 0, number <= .max / (unit ?? 1) else { return nil }
        return number * (unit ?? 1)
    }

    // MARK: the example file

    /// What `comptoir config` prints.
    package static var exampleFile: String {
        var text = """
            # Settings of comptoir: `comptoir serve --config FILE`.
            #
            # One `key = value` a line; a line that starts with # is a comment. Every setting can be given in the environment as
            # well (COMPTOIR_SERVER_NAME, ...) and most of them as a flag (--server-name); flags win over the environment,
            # the environment over this file. A key that is not known refuses to start.
            """
        for setting in all {
            text += "\n\n# \(setting.text)\n#\(setting.key) =\(setting.example.isEmpty ? "" : " " + setting.example)"
        }
        return text + "\n"
    }
}

extension Config {
    var listen: Listen {
        get { Listen(host: listenHost, port: listenPort) }
        set { listenHost = newValue.host; listenPort = newValue.port }
    }
}
