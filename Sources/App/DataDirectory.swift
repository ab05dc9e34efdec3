import Glibc

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
}
