/// Everything that can be set, whichever way (file, environment, flag). One struct; its comments make the example file.
package struct Config: Sendable {
    /// The Matrix server name, the part after the colon in user ids. It can never be changed later.
    package var serverName = "localhost"
    /// Address and port to listen on. Port 0 takes a free one.
    package var listenHost = "127.0.0.1"
    package var listenPort = 8008
    /// Certificate chain in PEM: the server speaks HTTPS itself. Read again when it changes, and on SIGHUP.
    package var tlsCertificate: String? = nil
    /// Private key of the certificate, in PEM, without a passphrase.
    package var tlsKey: String? = nil
    /// Address and port where plain HTTP is sent on to HTTPS, where the server has a certificate; empty for none.
    package var redirectListen: Listen? = nil
    /// Directory of the embedded database, media and keys.
    package var dataDirectory = "data"
    /// PostgreSQL URL; empty for the embedded SQLite.
    package var databaseURL: String? = nil
    /// Where clients reach the server (scheme, host, port); made from the listening address when empty.
    package var publicURL: String? = nil
    /// Directory of the built web pages (`web/dist`); pages are not served when it does not exist.
    package var webDirectory: String? = nil
    /// Anyone may make an account with m.login.dummy. Off by default.
    package var openRegistration = false
    /// Guests may register. Off by default.
    package var guestRegistration = false
    /// Tokens for m.login.registration_token are made by `comptoir user token`.
    package var registrationSecret: String? = nil
    /// No rate limits: for tests and benchmarks.
    package var noRateLimits = false
    /// Argon2id with the least cost: for tests and benchmarks.
    package var cheapPasswordHashing = false
    /// Outbound requests may go to loopback addresses: for tests.
    package var allowLoopbackEgress = false
    /// Registration files of application services.
    package var appservices: [String] = []
    /// Room version of new rooms.
    package var defaultRoomVersion = "12"
    /// Largest upload, in bytes.
    package var maxUploadBytes: Int64 = 100 << 20
    /// Media may be fetched without a token on the old paths (`/_matrix/media/v3/download`) for old clients.
    package var unauthenticatedMedia = false
    /// Addresses of reverse proxies whose X-Forwarded-For is believed.
    package var trustedProxies: [String] = []
    /// Connections that one address (of IPv6: one network) may have at a time; this machine itself and trusted proxies may have any number.
    package var connectionsPerAddress = 1000
    /// Public rooms may be listed without signing in.
    package var publicRoomsWithoutAuth = true
    /// A user who leaves a room forgets it at once.
    package var forgetUponLeave = false
    /// The shortest time for which a room's `m.room.retention` may have its messages kept; empty for any.
    package var retentionMin: Int64? = nil
    /// The longest time for which messages are kept in any room; empty for ever, where the room itself says nothing else.
    package var retentionMax: Int64? = nil
    /// How long media stays after the last message that names it was deleted; `never` lets it stay for ever. Encrypted messages are not known.
    package var deletedMediaGrace: Int64? = 86_400_000
    /// How long the desk's audit log is kept; `never` keeps it for ever.
    package var auditRetention: Int64? = 365 * 86_400_000
    /// How many copies of the database from before upgrades are kept in the data directory's `backups`, for 30 days; 0: none is made.
    package var upgradeBackups = 3
    /// Seconds for which the server, told to end, answers on but says that it is not ready: time for a load balancer to notice.
    package var shutdownDelay = 0
    /// trace, debug, info, notice, warning, error.
    package var logLevel = "info"
    /// Mail server for confirmations, password resets and unread messages, smtp://HOST:PORT or smtps://HOST:PORT. Empty: no mail is sent.
    package var smtpURL: String? = nil
    /// Name to sign in to the mail server with; empty for none.
    package var smtpUser: String? = nil
    /// Password of the mail server.
    package var smtpPassword: String? = nil
    /// The connection to the mail server must be encrypted (by STARTTLS where it is smtp://).
    package var smtpTLS = true
    /// Sender of mails: an address, or a name with the address in angle brackets.
    package var mailFrom: String? = nil
    /// How long a notification stays unread before it is mailed to those who asked for mails of them.
    package var mailNotificationDelay: Int64 = 600_000
    /// What a registration needs besides: email, recaptcha, terms.
    package var registrationRequires: [String] = []
    /// Public key of reCAPTCHA or of a service that is compatible with it.
    package var recaptchaPublicKey: String? = nil
    /// Private key of the same.
    package var recaptchaPrivateKey: String? = nil
    /// Where the answers to it are checked.
    package var recaptchaURL = "https://www.google.com/recaptcha/api/siteverify"
    /// Page of the terms of service, for `registration_requires = terms`.
    package var termsURL: String? = nil
    /// Version of the terms of service.
    package var termsVersion = "1.0"
    /// Single sign-on: address of a CAS server.
    package var casURL: String? = nil
    /// Single sign-on: files that each describe an OpenID Connect provider, in JSON.
    package var oidcProviders: [String] = []
    /// Web addresses of clients that get a login token without asking the user once more.
    package var ssoClients: [String] = []
    /// Pages that a message names are fetched for a preview.
    package var urlPreviews = true
    /// TURN servers for calls, such as turn:turn.example.org?transport=udp.
    package var turnURIs: [String] = []
    /// Secret shared with the TURN servers (static-auth-secret of coturn).
    package var turnSecret: String? = nil
    /// Seconds for which TURN credentials are good.
    package var turnLifetime = 86_400
    /// LiveKit service for calls of many (MatrixRTC).
    package var livekitURL: String? = nil
    /// Who helps with this server: e-mail addresses, Matrix user ids, and a page.
    package var support: [String] = []
    /// Demo: what the start page shows to sign in with. Empty outside `comptoir demo`.
    package var demoSignIns: [DemoSignIn] = []
    /// Key of the inbox whose widget the start page shows.
    package var startInbox: String? = nil

    package struct DemoSignIn: Sendable {
        package var name: String, user: String, password: String, role: String
        package init(name: String, user: String, password: String, role: String) {
            self.name = name; self.user = user; self.password = password; self.role = role
        }
    }
    /// An address and a port to listen on.
    package struct Listen: Sendable, Equatable {
        package var host: String, port: Int
        package init(host: String, port: Int) { self.host = host; self.port = port }
    }
    package init() {}
}
