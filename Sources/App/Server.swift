import Desk
package import Logging
import MatrixCore
package import ServerKit
import Store

/// One running server: database, features, jobs and the socket. Booted by `comptoir serve`, by `comptoir demo` and by tests.
package final class Server: Sendable {
    package let context: Context
    package let router: Router
    private let features: Features
    private let http: HTTPServer?
    private let tls: TLSFiles?
    private let redirect: RedirectServer?
    private let claim: Claim?
    private let jobs: [Task<Void, Never>]
    package var port: Int { http?.port ?? 0 }
    /// `http` or `https`: what is spoken at `port`.
    package var scheme: String { tls == nil ? "http" : "https" }
    /// Where plain HTTP is sent on to https; nil when nowhere.
    package var redirectPort: Int? { redirect?.port }
    /// Another server has taken the database while its connection was lost: this one was told to end.
    package var wasReplaced: Bool { claim?.wasReplaced ?? false }

    /// Everything but the socket: opens the database, brings it up to date, starts the features.
    package static func open(_ config: Config, clock: any Clock = SystemClock(), entropy: any Entropy = SystemEntropy(), log: Logger) async throws -> Server {
        try await Server(config, clock: clock, entropy: entropy, log: log, claim: nil, listen: false)
    }

    /// For a command, beside a server that may run. One that is newer than the database brings it up to date only where no server runs: an older one
    /// would go on with a schema that it does not know.
    package static func openBeside(_ config: Config, log: Logger) async throws -> Server {
        let claim: Claim?
        do { claim = try UpgradeBackup.isDue(config) ? try Claim(config, log) : nil } catch is Claim.Failure {
            throw Claim.Failure(description: "The server that runs is of an older version than this program. Restart it, then try again.")
        }
        return try await Server(config, clock: SystemClock(), entropy: SystemEntropy(), log: log, claim: claim, listen: false)
    }

    /// Opens, and listens.
    package static func start(_ config: Config, clock: any Clock = SystemClock(), entropy: any Entropy = SystemEntropy(), log: Logger) async throws -> Server {
        try await Server(config, clock: clock, entropy: entropy, log: log, claim: try Claim(config, log), listen: true)
    }

    /// A server with the demo shop in it: filled when the database is empty, listening in any case.
    package static func startDemo(_ config: Config, log: Logger) async throws -> Server {
        let claim = try Claim(config, log)
        let empty = try await open(config, log: log)
        let demo: Desk.Demo
        do { demo = try await empty.features.desk.seedDemo(empty.context) } catch {
            await empty.stop()
            throw error
        }
        await empty.stop()
        var config = config
        config.demoSignIns = demo.signIns
        config.startInbox = demo.inbox
        return try await Server(config, clock: SystemClock(), entropy: SystemEntropy(), log: log, claim: claim, listen: true)
    }

    private init(_ config: Config, clock: any Clock, entropy: any Entropy, log: Logger, claim: Claim?, listen: Bool) async throws {
        let features = Features(), all = features.all
        let location = UpgradeBackup.location(config)
        try DataDirectory.prepare(config.dataDirectory)
        self.claim = claim
        // Before the database is touched: a certificate that cannot be used is no reason to migrate.
        tls = listen ? try Self.certificate(config, now: clock.now, log) : nil
        let migrations = all.flatMap(\.migrations)
        try UpgradeBackup.take(config, location, migrations: migrations, now: clock.now, log: log)
        let db = try Database.open(location, migrations: migrations)
        let context: Context
        do {
            let key = try System.identity(db, config: config, entropy: entropy)
            let hub = ChangeHub(position: db.position, ephemeral: clock.now * 1000)
            db.onCommit { hub.committed($0) }
            context = Context(config: config, db: db, clock: clock, entropy: entropy, signing: key, ports: features.ports, hub: hub, log: log, features: all)
            for feature in all { try await feature.start(context) }
        } catch {
            db.close()
            throw error
        }
        if let tls { context.metrics.set(.certificateEnds, tls.identity.ends) }
        self.context = context
        self.features = features
        router = Router(all.flatMap(\.routes) + (try Self.pages(config, log)), errors: all.compactMap(\.errors))
        http = listen ? try await HTTPServer.start(host: config.listenHost, port: config.listenPort, router: router, context: context, tls: tls, socket: SocketActivation.take()) : nil
        if let http, tls != nil, let place = config.redirectListen {
            do {
                redirect = try await RedirectServer.start(host: place.host, port: place.port, target: config.publicURL, securePort: http.port)
            } catch {
                await http.stop(within: 0)
                db.close()
                throw error
            }
        } else {
            redirect = nil
        }
        if listen { UpgradeBackup.prune(config, now: clock.now) }
        let own = [Self.housekeeping, Self.oldCopies] + (tls.map { [Self.certificateWatch($0)] } ?? [])
        jobs = listen ? (all.flatMap(\.jobs) + own).map { job in Task { await Self.repeatedly(job, context) } } : []
    }

    /// The built web pages, where they are.
    private static func pages(_ config: Config, _ log: Logger) throws -> [Route] {
        guard let directory = StaticFiles.directory(config) else {
            log.notice("the web pages are not built or not found: only the API is served", metadata: ["hint": "set 'web' to the directory web/dist"])
            return []
        }
        return try StaticFiles(directory: directory).routes { c, inbox in try await Desk.allowedOrigins(c, inboxKey: inbox) }
    }

    private static func certificate(_ config: Config, now: Int64, _ log: Logger) throws -> TLSFiles? {
        guard config.tlsCertificate != nil || config.tlsKey != nil else { return nil }
        guard let certificate = config.tlsCertificate, let key = config.tlsKey else {
            throw TLSIdentity.Failure(description: "The settings tls_certificate and tls_key belong together: one of them is missing.")
        }
        let files = try TLSFiles(certificate: certificate, key: key), left = (files.identity.ends - now / 1000) / 86_400
        if left < 14 { log.warning("the certificate ends soon or has ended", metadata: ["tls.days_left": "\(left)"]) }
        return files
    }

    /// Reads the certificate again at once, whether its files have changed or not.
    package func reload() { tls?.refresh(always: true, now: context.clock.now, context.log, metrics: context.metrics) }

    private static func certificateWatch(_ files: TLSFiles) -> Job {
        Job("look for a new certificate", every: 5_000) { c in files.refresh(always: false, now: c.clock.now, c.log, metrics: c.metrics) }
    }

    private static let oldCopies = Job("remove old copies from before upgrades", every: 86_400_000) { c in UpgradeBackup.prune(c.config, now: c.clock.now) }
    private static let housekeeping = Job("forget idle listeners", every: 60_000) { c in c.hub.forgetIdle(before: c.clock.now - 600_000) }

    private static func repeatedly(_ job: Job, _ context: Context) async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .milliseconds(job.every)) } catch { return }   // cancelled: the server ends
            do { try await job.run(context) } catch {
                context.log.error("job failed, it runs again", metadata: ["job": "\(job.name)", "error": "\(error)"])
            }
        }
    }

    /// Says that it is not ready, answers on for `shutdown_delay`, lets running requests end, then closes the database.
    package func stop(within seconds: Int = 10) async {
        context.metrics.add(.draining)
        if http != nil, context.config.shutdownDelay > 0 {
            http?.announceEnd()
            context.log.notice("answering for a while longer, as not ready", metadata: ["seconds": "\(context.config.shutdownDelay)"])
            try? await Task.sleep(for: .seconds(context.config.shutdownDelay))   // who cancels the end gets a quicker one
        }
        for job in jobs { job.cancel() }
        features.desk.live.closeAll()   // open streams would keep it waiting; their clients come back with their last id
        await redirect?.stop()
        await http?.stop(within: seconds)
        context.db.close()
        claim?.release()
    }
}
