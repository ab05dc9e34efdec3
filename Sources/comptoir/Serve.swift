import App
import ArgumentParser
import Glibc
import Logging
import ServerKit

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the server in the foreground.",
        discussion: """
            Settings come from the configuration file, then from the environment (COMPTOIR_SERVER_NAME, ...), then from these flags; \
            the last one wins. Without any setting the server listens on 127.0.0.1:8008 and keeps everything in ./data. \
            It logs to standard error, prints one line on standard output when it listens, and ends on SIGINT or SIGTERM. SIGHUP makes it read its certificate again.
            """)
    @OptionGroup var options: ServerOptions

    func run() async throws {
        let config = try options.load()
        try await ServerProcess.run(config) { server in
            "comptoir listens on \(server.scheme)://\(config.listenHost):\(server.port) for \(config.serverName)"
        }
    }
}

/// The flags that `serve` and `demo` share. Their names are fixed: tools rely on them.
struct ServerOptions: ParsableArguments {
    @Option(help: "Configuration file (see 'comptoir config').") var config: String?
    @Option(help: "Data directory: embedded database and media.") var data: String?
    @Option(help: "Address to listen on, HOST:PORT. Port 0 takes a free one.") var listen: String?
    @Option(help: "Matrix server name, the part after the colon in user ids. It can never be changed.") var serverName: String?
    @Option(help: "PostgreSQL URL instead of the embedded SQLite.") var database: String?
    @Option(help: "Where clients reach the server, when a proxy stands before it.") var publicURL: String?
    @Option(help: "Directory of the built web pages.") var web: String?
    @Option(help: "Largest upload: a number of bytes, or of K, M or G.") var maxUpload: String?
    @Option(help: "Room version of new rooms.") var defaultRoomVersion: String?
    @Option(help: "Secret for registration by a shared secret.") var registrationSecret: String?
    @Option(help: "Registration file of an application service; may be repeated.") var appservice: [String] = []
    @Option(help: "Least level that is logged: trace, debug, info, notice, warning, error.") var logLevel: String?
    @Flag(help: "Anyone may make an account (tests, demonstrations).") var openRegistration = false
    @Flag(help: "No rate limits (tests, benchmarks).") var noRateLimits = false
    @Flag(help: "Cheap password hashing (tests, benchmarks).") var cheapPasswordHashing = false
    @Flag(help: "Outbound requests may go to loopback addresses (tests).") var allowLoopbackEgress = false

    func load() throws -> Config {
        do { return try ConfigLoader.load(file: config, flags: given) } catch { throw ValidationError("\(error)") }
    }

    /// Settings given as flags, under their names in the configuration file.
    var given: [(key: String, value: String)] {
        var settings: [(key: String, value: String)] = []
        func add(_ key: String, _ value: String?) { if let value { settings.append((key, value)) } }
        add("data", data); add("listen", listen); add("server_name", serverName); add("database", database)
        add("public_url", publicURL); add("web", web); add("default_room_version", defaultRoomVersion)
        add("max_upload", maxUpload); add("registration_secret", registrationSecret); add("log_level", logLevel)
        if !appservice.isEmpty { add("appservices", appservice.joined(separator: ",")) }
        if openRegistration { add("open_registration", "true") }
        if noRateLimits { add("no_rate_limits", "true") }
        if cheapPasswordHashing { add("cheap_password_hashing", "true") }
        if allowLoopbackEgress { add("allow_loopback_egress", "true") }
        return settings
    }
}

/// A server that runs until a signal ends it.
enum ServerProcess {
    static func logger(_ level: String) -> Logger {
        var logger = Logger(label: "comptoir") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = Logger.Level(rawValue: level) ?? .info
        return logger
    }

    /// Starts, says `banner` on standard output, reads the certificate again on SIGHUP, waits for SIGINT or SIGTERM, and ends cleanly.
    static func run(_ config: Config, start: (Config, Logger) async throws -> Server = { try await Server.start($0, log: $1) },
                    banner: (Server) -> String) async throws {
        signal(SIGPIPE, SIG_IGN)
        raiseFileLimit()

        let signals = Signals()
        let server = try await start(config, logger(config.logLevel))
        var line = banner(server) + "\n"
        line.withUTF8 { _ = Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        ServiceManager.tell(.ready)

        while await signals.next() == SIGHUP { server.reload() }
        Signals.end()   // the second one ends it at once
        ServiceManager.tell(.ending)
        server.context.log.info("ending")
        await server.stop()
        if server.wasReplaced { throw CommandFailure("Another comptoir server has taken the database.") }
    }

    /// What signals ask for. The handler only writes a byte into a pipe: nothing else is safe in it.
    private struct Signals {
        nonisolated(unsafe) private static var writeEnd: Int32 = -1
        private let readEnd: Int32

        init() {
            var ends: [Int32] = [-1, -1]
            precondition(pipe(&ends) == 0, "no file descriptors are left")
            readEnd = ends[0]
            Self.writeEnd = ends[1]
            for number in [SIGINT, SIGTERM, SIGHUP] {
                signal(number) { number in
                    var byte = UInt8(truncatingIfNeeded: number)
                    _ = Glibc.write(Signals.writeEnd, &byte, 1)
                }
            }
        }

        static func end() { for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) } }

        /// The number of the next signal.
        func next() async -> Int32 {
            let readEnd = readEnd
            return await withCheckedContinuation { (done: CheckedContinuation<Int32, Never>) in
                let box = Unmanaged.passRetained(Waiter(readEnd, done))
                var thread = pthread_t()
                pthread_create(&thread, nil, { argument in
                    guard let argument else { return nil }
                    let waiter = Unmanaged<Waiter>.fromOpaque(argument).takeRetainedValue()
                    var byte: UInt8 = 0
                    while read(waiter.readEnd, &byte, 1) < 0, errno == EINTR {}
                    waiter.done.resume(returning: Int32(byte))
                    return nil
                }, box.toOpaque())
                pthread_detach(thread)
            }
        }

        private final class Waiter: Sendable {
            let readEnd: Int32
            let done: CheckedContinuation<Int32, Never>
            init(_ readEnd: Int32, _ done: CheckedContinuation<Int32, Never>) { self.readEnd = readEnd; self.done = done }
        }
    }

    /// Each client is an open file: take as many as the system allows.
    private static func raiseFileLimit() {
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            limit.rlim_cur = limit.rlim_max
            _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
    }
}
