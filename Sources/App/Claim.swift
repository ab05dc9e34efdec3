import Glibc
import Logging
import ServerKit
import Store
import Synchronization

/// The right of one server to its data directory and to its database. Two on the same would tell their clients of each other's messages
/// too late or never. Taken by what serves; other commands work beside a server.
final class Claim: Sendable {
    struct Failure: Error, CustomStringConvertible { let description: String }

    private let directory: DirectoryClaim
    private let database: PostgresClaim?
    private let loss = Loss()
    var wasReplaced: Bool { loss.isNoticed.load(ordering: .relaxed) }

    /// Throws, with what to do, when another server runs on the same.
    init(_ config: Config, _ log: Logger) throws {
        try DataDirectory.prepare(config.dataDirectory)
        directory = try DirectoryClaim(config.dataDirectory)
        guard let url = config.databaseURL else {
            database = nil
            return
        }
        let loss = loss
        do {
            database = try PostgresClaim(url: url) {
                log.critical("another comptoir server has taken the database while its connection was lost; this one ends")
                loss.isNoticed.store(true, ordering: .relaxed)
                kill(getpid(), SIGTERM)
            }
        } catch is PostgresClaim.Taken {
            throw Failure(description: "Another comptoir server runs on this PostgreSQL database. End it first, or name another database with --database.")
        }
    }

    func release() {
        database?.release()
        directory.release()
    }

    private final class Loss: Sendable { let isNoticed = Atomic(false) }
}

/// The system takes it back when the process ends, however it ends.
private final class DirectoryClaim: Sendable {
    private let file: Mutex<Int32?>

    init(_ directory: String) throws {
        let path = directory + "/server.lock"
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Claim.Failure(description: "'\(path)' cannot be made: \(String(cString: strerror(errno))).") }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            close(file)
            throw Claim.Failure(description: "Another comptoir server runs on the data directory '\(directory)'. End it first, or name another directory with --data.")
        }
        self.file = Mutex(file)
    }
    func release() { file.withLock { if let held = $0 { close(held); $0 = nil } } }
    deinit { release() }
}
