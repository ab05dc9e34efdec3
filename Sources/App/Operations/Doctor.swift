import Glibc
import MatrixCore
import Media
package import ServerKit
import Store

/// Looks at a server, running or not, and says what is wrong and what to do.
///
/// Invariant: it changes nothing.
package struct Doctor {
    package enum Verdict: String, Sendable { case ok, warn, fail }
    package struct Finding: Sendable, Equatable {
        package var verdict: Verdict
        package var what: String
        /// What to do; empty when it is well.
        package var advice: String
        package init(_ verdict: Verdict, _ what: String, advice: String = "") { self.verdict = verdict; self.what = what; self.advice = advice }
    }

    private let config: Config
    private let isDeep: Bool
    private let now: Int64
    private var findings: [Finding] = []

    /// `deep`: reads every media file and compares it with its hash.
    package static func examine(_ config: Config, deep: Bool, now: Int64) -> [Finding] {
        var doctor = Doctor(config: config, isDeep: deep, now: now)
        doctor.settings()
        doctor.certificate()
        doctor.clock()
        doctor.directory()
        doctor.space()
        doctor.database()
        doctor.backups()
        doctor.port()
        doctor.pages()
        return doctor.findings
    }

    /// Asks the server by the address that its clients use; nil where none is set.
    package static func reach(_ config: Config) async -> Finding? {
        guard let url = config.publicURL else { return nil }
        do {
            let answer = try await CurlOutbound(allowsLoopback: config.allowLoopbackEgress)
                .send(OutboundRequest("GET", url + "/_matrix/client/versions", timeout: 10_000, isTrusted: true))
            if answer.status == 200, (try? JSON.parse(answer.body))?["versions"]?.arrayValue != nil { return Finding(.ok, "Clients reach a Matrix server at \(url).") }   // no JSON, no server
            return Finding(.warn, "At \(url) something else answers (status \(answer.status)).", advice: "Look at the proxy: it must pass /_matrix and /_comptoir on to \(config.listenHost):\(config.listenPort).")
        } catch {
            return Finding(.warn, "Nobody is reached at \(url): \(error).", advice: "Check the name, the proxy, its certificate and the firewall. From inside a network its outer address may not be reachable.")
        }
    }

    private init(config: Config, isDeep: Bool, now: Int64) { self.config = config; self.isDeep = isDeep; self.now = now }

    private mutating func ok(_ what: String) { findings.append(Finding(.ok, what)) }
    private mutating func warn(_ what: String, _ advice: String) { findings.append(Finding(.warn, what, advice: advice)) }
    private mutating func fail(_ what: String, _ advice: String) { findings.append(Finding(.fail, what, advice: advice)) }

    private mutating func settings() {
        if config.serverName == "localhost" {
            warn("The server name is 'localhost'.", "Set server_name before people sign up: it can never be changed.")
        } else {
            ok("The server name is '\(config.serverName)'.")
        }
        let risky = [
            (config.openRegistration, "open_registration"), (config.noRateLimits, "no_rate_limits"),
            (config.cheapPasswordHashing, "cheap_password_hashing"), (config.allowLoopbackEgress, "allow_loopback_egress"),
        ].filter(\.0).map(\.1)
        if risky.isEmpty { ok("No setting for tests is on.") } else { warn("On: \(risky.joined(separator: ", ")).", "These are for tests and demonstrations; turn them off on a server that people use.") }
        if config.smtpURL != nil, config.publicURL == nil {
            warn("Links in mails lead to the address that the server listens on.", "Set public_url to the address that people use.")
        }
        let weak = [(config.unauthenticatedMedia, "unauthenticated_media lets everybody fetch media whose address he knows"),
                    (config.smtpURL != nil && !config.smtpTLS, "smtp_tls = false sends mails and the mail server's password in the clear"),
                    (["debug", "trace"].contains(config.logLevel), "log_level = \(config.logLevel) writes down who gets which message when")].filter(\.0).map(\.1)
        if !weak.isEmpty { warn("Settings that weaken it: \(weak.joined(separator: "; ")).", "Keep them only as long as you need them.") }
        if config.publicURL?.hasPrefix("https://") == true, config.tlsCertificate == nil, config.trustedProxies.isEmpty {
            warn("No proxy is trusted, though there is one.", "Set trusted_proxies to its address: rate limits see one client only, and one who guesses passwords slows everybody down.")
        }
        if let url = config.publicURL, url.hasPrefix("http://"), !url.hasPrefix("http://127.0.0.1"), !url.hasPrefix("http://localhost") {
            warn("public_url is not encrypted (http://).", "Put a proxy with a certificate before the server (deploy/Caddyfile) and set public_url to its https:// address.")
        }
    }

    private mutating func certificate() {
        guard config.tlsCertificate != nil || config.tlsKey != nil else { return }
        guard let certificate = config.tlsCertificate, let key = config.tlsKey else {
            fail("Of tls_certificate and tls_key one is missing.", "Set both.")
            return
        }
        do {
            let identity = try TLSIdentity(certificate: certificate, key: key), days = (identity.ends - now / 1000) / 86_400
            if identity.begins > now / 1000 { fail("The certificate is not valid yet.", "Check the clock, or wait.") }
            else if identity.ends <= now / 1000 { fail("The certificate has ended.", "Renew it; the server takes a new one by itself.") }
            else if days < 14 { warn("The certificate ends in \(days) days.", "Renew it; the server takes a new one by itself.") }
            else { ok("The certificate is valid for \(days) more days, and the key is its own.") }
            let host = Self.host(config)
            if !identity.fits(host: host) { warn("The certificate is not for '\(host)'.", "Get one for the name that clients use.") }
            if (Files.info(key)?.mode ?? 0) & 0o077 != 0 { warn("Others may read the key \(key).", "chmod 600 \(key)") }
        } catch { fail("\(error)", "The server does not start with it; one that runs goes on with the certificate that it has.") }
    }

    /// The name that clients use.
    private static func host(_ config: Config) -> String {
        let address = config.publicURL.flatMap { url in url.firstRange(of: "://").map { String(url[$0.upperBound...]) } } ?? config.serverName
        let name = address.prefix { $0 != "/" }
        if name.hasPrefix("[") { return String(name.dropFirst().prefix { $0 != "]" }) }
        return String(name.prefix { $0 != ":" })
    }

    private mutating func clock() {
        if now < 1_750_000_000_000 { fail("The clock stands before this program was written.", "Set the time, and let a time service keep it (systemd-timesyncd, chrony)."); return }
        let written = ["comptoir.db-wal", "comptoir.db"].compactMap { Files.info(config.dataDirectory + "/" + $0)?.modified }.max() ?? 0
        if written * 1000 > now + 60_000 { fail("The clock stands before the last change of the database.", "Set the time: events carry it, and clients would show them in the past."); return }
        let services = ["/run/systemd/timesync/synchronized", "/run/chrony", "/run/ntpd.pid", "/run/openntpd.sock", "/var/lib/ntpsec/ntp.drift"]
        if services.contains(where: Files.exists) { ok("A time service keeps the clock.") }
        else { warn("No time service was found that keeps the clock.", "Let one keep it (systemd-timesyncd, chrony), if the machine's host does not: events carry the time.") }
    }

    private mutating func directory() {
        let path = config.dataDirectory
        guard let info = Files.info(path) else {
            if config.databaseURL == nil { fail("There is no data directory '\(path)'.", "The first `comptoir serve` makes it; or name another one with --data.") }
            else { warn("There is no data directory '\(path)'.", "The first `comptoir serve` makes it; or name another one with --data.") }
            return
        }
        guard info.kind == .directory else { fail("'\(path)' is no directory.", "Name the data directory with --data."); return }
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            fail("The data directory '\(path)' cannot be read and written by this user.", "Run this command as the user of the server, or change the owner of the directory.")
            return
        }
        if info.mode & 0o077 != 0 { warn("Others may look into the data directory '\(path)' (mode \(String(info.mode, radix: 8))).", "chmod 700 \(path)") }
        else { ok("The data directory '\(path)' belongs to this user alone.") }
        if info.owner != geteuid(), geteuid() != 0 { warn("The data directory belongs to another user.", "Run the server and this command as the same user.") }
        let wide = ["comptoir.db", "comptoir.db-wal"].filter { (Files.info(path + "/" + $0)?.mode ?? 0) & 0o077 != 0 }
        if !wide.isEmpty { warn("Others may read \(wide.joined(separator: " and ")).", "chmod 600 " + wide.map { path + "/" + $0 }.joined(separator: " ")) }
    }

    private mutating func space() {
        var info = statvfs()
        guard statvfs(Files.exists(config.dataDirectory) ? config.dataDirectory : ".", &info) == 0 else { return }
        let free = UInt64(info.f_bavail) * UInt64(info.f_frsize), text = Self.size(Int64(clamping: free))
        if free < 200 << 20 { fail("The disk has only \(text) left.", "Make room: without it nothing more can be stored.") }
        else if free < 2 << 30 { warn("The disk has only \(text) left.", "Make room before it is full.") }
        else { ok("The disk has \(text) left.") }
        if let kind = Self.fileSystem(of: config.dataDirectory), ["nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs"].contains(kind) {
            fail("The data directory lies on a network file system (\(kind)).", "Move it to a disk of this machine: locks and flushing are not to be relied on there.")
        }
        var files = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files) == 0, files.rlim_max < 4096 {
            warn("A process of this user may open only \(files.rlim_max) files.", "Each client is one: set LimitNOFILE=65536 in the unit.")
        }
        if info.f_files > 0, info.f_favail < 10_000 { warn("The file system has only \(info.f_favail) free entries for files.", "Each upload is a file: remove small files elsewhere, or use a file system with more entries.") }
    }

    /// What kind of file system a path lies on, by the table of mounts; nil when that cannot be told.
    static func fileSystem(of path: String, mounts: String = "/proc/self/mounts") -> String? {
        guard let resolved = realpath(path, nil), let bytes = try? Files.read(mounts, max: 1 << 20) else { return nil }   // no table, no answer
        defer { free(resolved) }
        let real = String(cString: resolved) + "/"
        let places = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count > 2 }
        let fitting = places.filter { real.hasPrefix($0[1] == "/" ? "/" : $0[1] + "/") }
        return fitting.max { ($0[1].utf8.count) <= ($1[1].utf8.count) }.map { String($0[2]) }   // of two on one place the later one counts
    }

    private mutating func database() {
        let location: Database.Location
        if let url = config.databaseURL { location = .postgres(url: url) }
        else {
            let path = config.dataDirectory + "/" + Backup.databaseName
            guard Files.exists(path) else { warn("There is no database yet.", "The first `comptoir serve` makes it."); return }
            location = .sqlite(path: path)
        }
        let db: Database
        do { db = try Database.openExisting(location, migrations: Inventory.migrations) } catch {
            fail("The database cannot be opened: \(error).", config.databaseURL == nil ? "Check the disk, or restore a backup (`comptoir restore`)." : "Check that PostgreSQL runs and that the URL, user and password are right.")
            return
        }
        defer { db.close() }
        do {
            let problems = try db.integrityCheck()
            let pending = problems.filter { $0.hasSuffix("is not applied") }, damage = problems.filter { !$0.hasSuffix("is not applied") }
            if damage.isEmpty { ok("The database is sound.") }
            else { fail("The database is damaged or of another version: \(damage.prefix(5).joined(separator: "; ")).", "Restore a backup (`comptoir restore`), or start the version of the program that made it.") }
            if pending.isEmpty { ok("The schema is that of this program.") }
            else { warn("\(pending.count) steps of the schema are missing.", "Back up (`comptoir backup`); the next start of this version brings the schema up to date.") }
            if config.databaseURL != nil { try postgres(db) }
            try identity(db)
            try media(db)
        } catch {
            fail("The database cannot be read: \(error).", "Check the disk, or restore a backup (`comptoir restore`).")
        }
    }

    private mutating func postgres(_ db: Database) throws {
        let (version, encoding) = try db.readNow { tx in
            (try tx.first("SHOW server_version_num") { $0.text(0) } ?? "", try tx.first("SHOW server_encoding") { $0.text(0) } ?? "")
        }
        if (Int(version) ?? 0) >= 150_000 { ok("PostgreSQL has version \((Int(version) ?? 0) / 10_000).") }
        else { fail("PostgreSQL is too old (\(version)).", "Use version 15 or later.") }
        let off = try db.readNow { tx in try ["fsync", "full_page_writes", "data_checksums"].filter { name in try tx.first("SHOW \(name)") { $0.text(0) } == "off" } }
        if off.contains("fsync") || off.contains("full_page_writes") {
            fail("PostgreSQL has \(off.filter { $0 != "data_checksums" }.joined(separator: " and ")) off.", "Turn it on in postgresql.conf: without it a power failure can destroy the database.")
        } else { ok("PostgreSQL makes durable what it says it has stored.") }
        let level = try db.readNow { try $0.first("SELECT setting FROM pg_settings WHERE name = 'synchronous_commit' AND reset_val = 'off'") { $0.text(0) } }
        if level != nil { ok("synchronous_commit is off in PostgreSQL; this program turns it on for itself.") }
        if off.contains("data_checksums") { ok("PostgreSQL keeps no checksums of its pages; `pg_checksums --enable` on a stopped database would find damage of the disk.") }
        if PostgresTools.find("pg_dump") == nil { warn("pg_dump is not installed here.", "Install postgresql-client of the database's version: backups and upgrades need it.") }
        if encoding == "UTF8" { ok("The database keeps text in UTF-8.") }
        else { fail("The database keeps text in \(encoding).", "Make a database with ENCODING 'UTF8' and move the data there.") }
    }

    private mutating func backups() {
        guard config.databaseURL != nil || Files.exists(config.dataDirectory + "/" + Backup.databaseName) else { return }
        if let last = Backup.last(config) {
            let hours = (now - last) / 3_600_000
            if hours > 48 { warn("The last backup is \(hours / 24) days old.", "Run `comptoir backup` daily by a timer.") } else { ok("The last backup is \(hours) hours old.") }
        } else {
            warn("There was no backup yet.", "Run `comptoir backup` daily by a timer, and copy it to another machine.")
        }
        if config.upgradeBackups == 0 { warn("No copy of the database is made before an upgrade (upgrade_backups = 0).", "Run `comptoir backup` before each one.") }
        let copies = UpgradeBackup.list(config)
        if let newest = copies.last { ok("\(copies.count) copies of the database from before upgrades are kept, the newest is \(newest).") }
    }

    private mutating func identity(_ db: Database) throws {
        if let stored = try Identity.serverName(db), stored != config.serverName {
            fail("The database belongs to the server name '\(stored)', the settings say '\(config.serverName)'.", "Set server_name = \(stored), or name another data directory.")
        }
    }

    private mutating func media(_ db: Database) throws {
        let named = try db.readNow { tx in
            var named: [String: Int64] = [:]
            try Media.contents(tx) { named[$0] = $1 }
            return named
        }
        let files = MediaFiles(root: config.dataDirectory + "/media")
        var missing: [String] = [], damaged: [String] = []
        for (hash, size) in named.sorted(by: { $0.key < $1.key }) {
            let path = files.path(of: hash)
            if MediaFiles.size(path) == nil { missing.append(hash) }
            else if MediaFiles.size(path) != size { damaged.append(hash) }
            else if isDeep, try Files.hash(path) != hash { damaged.append(hash) }
        }
        var unnamed = 0
        try files.eachDirectory { _, hashes in unnamed += hashes.count { named[$0] == nil } }
        if missing.isEmpty, damaged.isEmpty { ok("All \(named.count) media files are there\(isDeep ? " and unchanged" : "").") }
        if !missing.isEmpty { fail("\(missing.count) of \(named.count) media files are missing, for example \(missing[0]).", "Put them back from a backup, under \(files.filesDirectory).") }
        if !damaged.isEmpty { fail("\(damaged.count) of \(named.count) media files are damaged, for example \(damaged[0]).", "Put them back from a backup, under \(files.filesDirectory), and check the disk.") }
        if unnamed > 0 { ok("\(unnamed) media files are named by nothing; the server removes them after a day.") }
    }

    // MARK: network

    private mutating func port() {
        guard config.listenPort > 0 else { ok("The server takes a free port."); return }
        let place = "\(config.listenHost):\(config.listenPort)"
        switch Self.probe(config.listenHost, config.listenPort) {
        case .free: ok("\(place) is free; the server does not run.")
        case .comptoir: ok("The server runs on \(place)\(config.tlsCertificate == nil ? " and is well" : ", with a certificate").")
        case .unwell: fail("A server answers on \(place) but says that it is not well.", "Look at its log.")
        case .other: fail("Another program listens on \(place).", "End it, or set listen to another port.")
        case .forbidden: fail("This user may not listen on \(place).", "Use a port above 1023 behind a proxy, or give the program the right to bind low ports.")
        case .noAddress: fail("This machine has no address '\(config.listenHost)'.", "Set listen to 127.0.0.1:\(config.listenPort), or to an address of this machine.")
        }
        if config.listenHost == "0.0.0.0" || config.listenHost == "::", config.publicURL?.hasPrefix("https://") != true {
            warn("The server listens on all addresses without a proxy.", "Listen on 127.0.0.1 behind a proxy with a certificate (deploy/Caddyfile).")
        }
    }

    private enum Port { case free, comptoir, unwell, other, forbidden, noAddress }

    private static func probe(_ host: String, _ port: Int) -> Port {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let address = list else { return .noAddress }
        defer { freeaddrinfo(list) }
        let server = socket(address.pointee.ai_family, Int32(SOCK_STREAM.rawValue), 0)
        guard server >= 0 else { return .noAddress }
        var yes: Int32 = 1
        setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let bound = bind(server, address.pointee.ai_addr, address.pointee.ai_addrlen), code = errno
        close(server)
        if bound == 0 { return .free }
        switch code {
        case EACCES: return .forbidden
        case EADDRNOTAVAIL: return .noAddress
        default: return ask(address.pointee)
        }
    }

    /// GET /_comptoir/health
    private static func ask(_ address: addrinfo) -> Port {
        let client = socket(address.ai_family, Int32(SOCK_STREAM.rawValue), 0)
        guard client >= 0 else { return .other }
        defer { close(client) }
        var patience = timeval(tv_sec: 3, tv_usec: 0)
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        guard connect(client, address.ai_addr, address.ai_addrlen) == 0 else { return .other }
        let request = Array("GET /_comptoir/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
        guard send(client, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return .other }
        var answer: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 4096)
        while answer.count < 16_384 {
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        let text = String(decoding: answer, as: UTF8.self)
        if text.contains(TLSHandler.refusal) { return .comptoir }   // it has a certificate, and runs
        guard text.contains("\"status\":\"") else { return .other }
        return text.hasPrefix("HTTP/1.1 200") ? .comptoir : .unwell
    }

    private mutating func pages() {
        if let named = config.webDirectory, StaticFiles.directory(config) == nil {
            warn("There are no built web pages in '\(named)'.", "Build them (`make build`), or set web to their directory.")
        } else if let directory = StaticFiles.directory(config) {
            do { _ = try StaticFiles(directory: directory); ok("The web pages in '\(directory)' are complete.") } catch {
                fail("The web pages in '\(directory)' cannot be read: \(error).", "Build them again (`make build`).")
            }
        } else {
            warn("There are no built web pages.", "Build them (`make build`), or set web to their directory.")
        }
    }

    static func size(_ bytes: Int64) -> String {
        switch bytes {
        case (1 << 40)...: "\(bytes >> 40) TiB"
        case (10 << 30)...: "\(bytes >> 30) GiB"
        case (1 << 20)...: "\(bytes >> 20) MiB"
        default: "\(bytes >> 10) KiB"
        }
    }
}
