import Glibc
import Synchronization

/// The one directory that holds everything of a server.
enum DataDirectory {
    struct Failure: Error, CustomStringConvertible { let description: String }

    /// Makes it (mode 0700) with its parents when it is missing; throws with what to do when it cannot be used.
    static func prepare(_ path: String) throws {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            if mkdir(made, 0o700) != 0, errno != EEXIST {
                throw Failure(description: "The data directory '\(made)' cannot be made: \(String(cString: strerror(errno))). Name another one with --data.")
            }
        }
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            throw Failure(description: "The data directory '\(path)' cannot be read and written by this user. Change its owner, or name another one with --data.")
        }
    }

    /// The right of one server to a data directory. The system takes it back when the process ends, however it ends.
    final class Claim: Sendable {
        private let file: Mutex<Int32?>

        /// Throws when another server has the directory: two would tell their clients of each other's messages too late or never.
        init(_ directory: String) throws {
            let path = directory + "/server.lock"
            let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard file >= 0 else { throw Failure(description: "'\(path)' cannot be made: \(String(cString: strerror(errno))).") }
            guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
                close(file)
                throw Failure(description: "Another comptoir server runs on the data directory '\(directory)'. End it first, or name another directory with --data.")
            }
            self.file = Mutex(file)
        }
        func release() { file.withLock { if let held = $0 { close(held); $0 = nil } } }
        deinit { release() }
    }
}
