package import ServerKit

/// Settings of mail, registration, single sign-on, previews and calls.
extension Setting {
    /// In the order of `Config`.
    static let identity: [Setting] = [
        Setting("smtp_url", "smtpURL", \.smtpURL, example: "smtp://mail.example.org:587",
                "Mail server for confirmations, password resets and unread messages, smtp://HOST:PORT or smtps://HOST:PORT. Empty: no mail is sent.",
                expected: "an address that starts with smtp:// or smtps://") { address($0, ["smtp://", "smtps://"]) },
        Setting("smtp_user", "smtpUser", \.smtpUser, example: "", "Name to sign in to the mail server with; empty for none.", expected: "a text") { .some($0) },
        Setting("smtp_password", "smtpPassword", \.smtpPassword, example: "", isSecret: true, "Password of the mail server.", expected: "a text") { .some($0) },
        flag("smtp_tls", "smtpTLS", \.smtpTLS, "The connection to the mail server must be encrypted (by STARTTLS where it is smtp://)."),
        Setting("mail_from", "mailFrom", \.mailFrom, example: "Support <support@example.org>",
                "Sender of mails: an address, or a name with the address in angle brackets.", expected: "an e-mail address, with a name before it if need be") {
            MailAddress(header: $0) == nil ? nil : .some($0)
        },
        Setting("mail_notification_delay", "mailNotificationDelay", \.mailNotificationDelay, example: "10m",
                "How long a notification stays unread before it is mailed to those who asked for mails of them.", expected: "a time such as 10m or 1h") {
            lifetime($0) ?? nil
        },
        Setting("registration_requires", "registrationRequires", \.registrationRequires, example: "",
                "What a registration needs besides: email, recaptcha, terms.", expected: "some of email, recaptcha, terms, with commas between them") { text in
            let names = list(text) ?? []
            return names.allSatisfy(["email", "recaptcha", "terms"].contains) && Set(names).count == names.count ? names : nil
        },
        Setting("recaptcha_public_key", "recaptchaPublicKey", \.recaptchaPublicKey, example: "",
                "Public key of reCAPTCHA or of a service that is compatible with it.", expected: "a text") { .some($0) },
        Setting("recaptcha_private_key", "recaptchaPrivateKey", \.recaptchaPrivateKey, example: "", isSecret: true, "Private key of the same.", expected: "a text") { .some($0) },
        Setting("recaptcha_url", "recaptchaURL", \.recaptchaURL, example: Config().recaptchaURL,
                "Where the answers to it are checked.", expected: "a URL") { web($0) ?? nil },
        Setting("terms_url", "termsURL", \.termsURL, example: "https://example.org/terms",
                "Page of the terms of service, for `registration_requires = terms`.", expected: "a URL", read: web),
        Setting("terms_version", "termsVersion", \.termsVersion, example: "1.0", "Version of the terms of service.", expected: "a text") { $0 },
        Setting("cas_url", "casURL", \.casURL, example: "https://cas.example.org",
                "Single sign-on: address of a CAS server.", expected: "a URL", read: web),
        Setting("oidc_providers", "oidcProviders", \.oidcProviders, example: "",
                "Single sign-on: files that each describe an OpenID Connect provider, in JSON.", expected: "file names with commas between them", read: list),
        Setting("sso_clients", "ssoClients", \.ssoClients, example: "https://app.example.org",
                "Web addresses of clients that get a login token without asking the user once more.", expected: "URLs with commas between them") { text in
            let addresses = list(text) ?? []
            return addresses.allSatisfy { web($0) != nil } ? addresses : nil
        },
        flag("url_previews", "urlPreviews", \.urlPreviews, "Pages that a message names are fetched for a preview."),
        Setting("turn_uris", "turnURIs", \.turnURIs, example: "turn:turn.example.org?transport=udp",
                "TURN servers for calls, such as turn:turn.example.org?transport=udp.", expected: "addresses that start with turn:, turns: or stun:, with commas between them") { text in
            let addresses = list(text) ?? []
            return addresses.allSatisfy { uri in ["turn:", "turns:", "stun:"].contains { uri.hasPrefix($0) } } ? addresses : nil
        },
        Setting("turn_secret", "turnSecret", \.turnSecret, example: "", isSecret: true,
                "Secret shared with the TURN servers (static-auth-secret of coturn).", expected: "a text") { .some($0) },
        Setting("turn_lifetime", "turnLifetime", \.turnLifetime, example: "86400", "Seconds for which TURN credentials are good.",
                expected: "a number of seconds from 60 to 604800") { Int($0).flatMap { (60...604_800).contains($0) ? $0 : nil } },
        Setting("livekit_url", "livekitURL", \.livekitURL, example: "https://livekit.example.org",
                "LiveKit service for calls of many (MatrixRTC).", expected: "a URL", read: web),
        Setting("support", "support", \.support, example: "admin@example.org, https://example.org/help",
                "Who helps with this server: e-mail addresses, Matrix user ids, and a page.",
                expected: "e-mail addresses, user ids and at most one URL, with commas between them") { text in
            let entries = list(text) ?? []
            let pages = entries.filter { web($0) != nil }
            return pages.count <= 1 && entries.allSatisfy { web($0) != nil || $0.hasPrefix("@") && $0.contains(":") || EMail.isValid($0) } ? entries : nil
        },
    ]

    /// A URL, without a slash at its end.
    @Sendable private static func web(_ text: String) -> String?? { address(text, ["https://", "http://"]) }

    private static func address(_ text: String, _ schemes: [String]) -> String?? {
        guard let scheme = schemes.first(where: { text.hasPrefix($0) }), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let rest = text.dropFirst(scheme.count)
        guard let first = rest.first, first != "/" else { return nil }
        return .some(text.hasSuffix("/") ? String(text.dropLast()) : text)
    }
}
