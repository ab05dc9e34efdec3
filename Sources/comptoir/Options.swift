import App
import ArgumentParser
import Glibc
import MatrixCore
import ServerKit
import Store

/// Which server a command works on: what is named, or else the one that is installed on this machine.
struct PlaceOptions: ParsableArguments {
    @Option(help: "Settings file (see 'comptoir config'); \(Installed.settings) when nothing says where the server is.") var config: String?
    @Option(help: "Data directory of the server.") var data: String?
    @Option(help: "PostgreSQL URL instead of the embedded database.") var database: String?
    @Option(help: "Matrix server name; known from the database when it is left out.") var serverName: String?

    func load(further: [(key: String, value: String)] = []) throws -> Config {
        var file = config, flags = further
        let isNamed = config != nil || data != nil || database != nil || ["COMPTOIR_CONFIG", "COMPTOIR_DATA", "COMPTOIR_DATABASE"].contains { ConfigLoader.environment[$0] != nil }
        if !isNamed, Files.exists(Installed.settings) {
            file = Installed.settings
            flags = [("data", Installed.data), ("web", Installed.web)] + flags
        }
        for (key, value) in [("data", data), ("database", database), ("server_name", serverName)] {
            if let value { flags.append((key, value)) }
        }
        var settings = try ConfigLoader.load(file: file, flags: flags)
        if settings.serverName == Config().serverName, let stored = Identity.serverName(settings) { settings.serverName = stored }
        return settings
    }
}

/// Where deploy/comptoir.service has everything.
enum Installed {
    static let settings = "/etc/comptoir/comptoir.conf", data = "/var/lib/comptoir", web = "/usr/local/share/comptoir/web"
}

/// Called as root, a command goes on as the owner of the data directory: what it makes there must belong to the server.
func becomeOwner(of directory: String) throws {
    var found = stat()
    guard geteuid() == 0, stat(directory, &found) == 0, found.st_uid != 0 else { return }
    let name = getpwuid(found.st_uid).map { String(cString: $0.pointee.pw_name) }
    guard (name.map { initgroups($0, found.st_gid) } ?? setgroups(0, nil)) == 0, setgid(found.st_gid) == 0, setuid(found.st_uid) == 0 else {
        throw CommandFailure("The data directory '\(directory)' belongs to another user, and this command cannot work as that one: \(String(cString: strerror(errno))).")
    }
}

/// Why a command could not do its work; how it was called is not the matter.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

enum Terminal {
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 }
    static var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }

    static func say(_ text: String) { print(text) }
    /// Beside the result: progress and questions.
    static func note(_ text: String, end: String = "\n") {
        var line = text + end
        line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Asks twice without showing what is typed; reads one line when it comes from a file or pipe.
    static func newPassword() throws -> String {
        guard isInteractive else {
            guard let line = readLine(strippingNewline: true), !line.isEmpty else { throw CommandFailure("Standard input must give the password on its first line.") }
            return line
        }
        let first = try hidden("New password: "), second = try hidden("Again: ")
        guard first == second else { throw CommandFailure("The two passwords differ.") }
        return first
    }

    private static func hidden(_ question: String) throws -> String {
        var before = termios()
        tcgetattr(STDIN_FILENO, &before)
        var quiet = before
        quiet.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            note("")
        }
        note(question, end: "")
        guard let line = readLine(strippingNewline: true) else { throw CommandFailure("No password was given.") }
        return line
    }

    static func confirm(_ question: String) throws {
        guard isInteractive else { throw CommandFailure("Add --yes to do this without being asked.") }
        note(question + " [y/N] ", end: "")
        guard let answer = readLine()?.lowercased(), answer == "y" || answer == "yes" || answer == "o" || answer == "oui" else { throw ExitCode(1) }
    }
}

/// Says how far a long work is, once in a while.
final class ProgressLine {
    private var doing = "", told: Int64 = 0, isOpen = false

    func tell(_ doing: String, _ done: Int, _ of: Int) {
        let now = SystemClock().now
        guard doing != self.doing || now - told > 500 || (of > 0 && done == of) else { return }
        let text = of > 1 ? "\(doing): \(done) of \(of)" : doing + (done > 1 ? ": \(done)" : "")
        if Terminal.showsProgress {
            Terminal.note("\r\u{1B}[K" + text, end: "")
            isOpen = true
        } else if doing != self.doing {
            Terminal.note(text)
        }
        (self.doing, told) = (doing, now)
    }

    func end() { if isOpen { Terminal.note("\r\u{1B}[K", end: ""); isOpen = false } }
}
