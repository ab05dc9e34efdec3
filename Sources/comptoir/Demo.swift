import App
import ArgumentParser
import Glibc
import ServerKit

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs a server with a demonstration shop in it: agents, customers, conversations with pictures.",
        discussion: """
            Without a data directory (--data, or 'data' in the settings) everything lies in a temporary directory that is removed at the end; otherwise it is kept, and filled only \
            the first time. It takes the same settings as 'serve'. Anyone may register, so that any Matrix app can be tried; it listens on \
            127.0.0.1 unless it is told otherwise. Not for real customers: the passwords are printed.
            """)
    @OptionGroup var options: ServerOptions

    func run() async throws {
        var config = try options.load()
        config.openRegistration = true
        let isTemporary = config.dataDirectory == Config().dataDirectory && options.data == nil
        if isTemporary { config.dataDirectory = try Self.temporaryDirectory() }
        let directory = config.dataDirectory
        defer { if isTemporary { Files.remove(directory) } }
        try await ServerProcess.run(config, start: { try await Server.startDemo($0, log: $1) }) { server in
            Self.welcome(server.context.config, scheme: server.scheme, port: server.port, kept: isTemporary ? nil : directory)
        }
    }

    private static func welcome(_ config: Config, scheme: String, port: Int, kept: String?) -> String {
        let base = "\(scheme)://\(config.listenHost):\(port)"
        func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(1, width - text.count)) }
        let people = config.demoSignIns.map { "    \(padded($0.user, 12))\(padded($0.password, 18))\($0.name), \($0.role)" }.joined(separator: "\n")
        return """
            comptoir listens on \(base) for \(config.serverName)

              Shop with the widget   \(base)/
              Desk                   \(base)/desk
              Any Matrix app         homeserver \(base) (how: \(base)/app)
              Desk API               \(base)/_comptoir/desk/v1/openapi.json

              Sign in at the desk:
            \(people)

              Data: \(kept ?? "temporary, removed at the end (keep it with --data DIR)"). End with Ctrl-C.
            """
    }

    private static func temporaryDirectory() throws -> String {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array((base + "/comptoir-demo-XXXXXX").utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let start = buffer.baseAddress, let made = mkdtemp(start) else { return nil }
            return String(cString: made)
        }
        guard let made else {
            throw ValidationError("No temporary directory can be made in \(base): \(String(cString: strerror(errno))). Name one with --data.")
        }
        return made
    }
}
