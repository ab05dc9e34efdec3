import Glibc
import TestKit

/// `openssl s_server` on a free loopback port, with a certificate that nobody has signed. It answers every request 200.
final class TLSServer: Sendable {
    let port: Int
    var url: String { "https://127.0.0.1:\(port)/" }
    private let process: pid_t, directory: String, output: Int32

    init() throws {
        directory = try temporaryDirectory()
        let (key, certificate) = (directory + "/key.pem", directory + "/cert.pem")
        var pipes: [Int32] = [0, 0]
        guard pipe(&pipes) == 0, pipes.allSatisfy({ fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }) else { throw TestFailure("no pipe: \(errno)") }
        output = pipes[0]
        defer { close(pipes[1]) }
        var status: Int32 = 0
        let maker = try Self.spawn(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"], to: pipes[1])
        guard waitpid(maker, &status, 0) == maker, status == 0 else { throw TestFailure("openssl made no certificate: \(status)") }
        process = try Self.spawn(["s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-www"], to: pipes[1])
        var said = ""
        while true {
            var chunk = [UInt8](repeating: 0, count: 4096)
            let count = read(output, &chunk, chunk.count)
            guard count > 0 else { throw TestFailure("openssl does not listen: \(said)") }
            said += String(decoding: chunk[..<count], as: UTF8.self)
            // ACCEPT 127.0.0.1:40713
            if let line = said.split(separator: "\n").first(where: { $0.hasPrefix("ACCEPT ") }), said.contains(line + "\n"), let port = line.split(separator: ":").last.flatMap({ Int($0) }) {
                self.port = port
                return
            }
        }
    }
    deinit {
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        close(output)
        removeDirectory(directory)
    }

    private static func spawn(_ arguments: [String], to output: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var words = (["openssl"] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, "openssl", &actions, nil, &words, environ)
        guard code == 0 else { throw TestFailure("openssl cannot be started: \(code)") }
        return process
    }
}
