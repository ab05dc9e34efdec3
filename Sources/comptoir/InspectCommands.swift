import App
import ArgumentParser
import MatrixCore
import ServerKit

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Looks at a server, running or not, and says what is wrong and what to do.",
        discussion: "It changes nothing. The exit status is 1 when something is wrong, 0 when all is well or only worth a look.")
    @OptionGroup var place: PlaceOptions
    @Option(help: "Address that the server listens on, HOST:PORT.") var listen: String?
    @Flag(help: "Read every media file and compare it with its hash.") var deep = false
    @Flag(help: "Print the findings as JSON.") var json = false

    func run() async throws {
        let config: Config
        do { config = try place.load(further: listen.map { [("listen", $0)] } ?? []) } catch let error as ConfigError {
            report([Doctor.Finding(.fail, error.description, advice: "Correct the settings; the server does not start with them.")])
            throw ExitCode(1)
        }
        try becomeOwner(of: config.dataDirectory)    // it judges what the server may do
        var findings = Doctor.examine(config, deep: deep, now: SystemClock().now)
        if let reached = await Doctor.reach(config) { findings.append(reached) }
        report(findings)
        if findings.contains(where: { $0.verdict == .fail }) { throw ExitCode(1) }
    }

    private func report(_ findings: [Doctor.Finding]) {
        if json {
            let list = findings.map { ["verdict": .string($0.verdict.rawValue), "what": .string($0.what), "advice": .string($0.advice)] as JSON }
            Terminal.say(String(decoding: JSON.array(list).encoded(), as: UTF8.self))
            return
        }
        for finding in findings {
            Terminal.say(finding.verdict.rawValue.padded(to: 6) + finding.what)
            if !finding.advice.isEmpty { Terminal.say("      -> " + finding.advice) }
        }
    }
}

struct RoutesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "routes", abstract: "Lists every path that the server answers.")
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        let routes = Inventory.routes(try ConfigLoader.load(file: nil))
        if json {
            let list = routes.map { route in
                ["method": .string(route.method.rawValue), "path": .string(route.path), "auth": .string(route.auth.name), "limit": .string(route.limit.rawValue),
                 "streamed": .bool(route.body == .streamed)] as JSON
            }
            Terminal.say(String(decoding: JSON.array(list).encoded(), as: UTF8.self))
            return
        }
        for route in routes {
            Terminal.say(route.method.rawValue.padded(to: 8) + route.auth.name.padded(to: 9) + route.limit.rawValue.padded(to: 14) + route.path)
        }
        Terminal.say("\(routes.count) routes. Columns: method, who may ask, rate limit, path.")
    }
}

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Prints a settings file with every setting and what it does.",
        discussion: "Write it to a file, take away the # before what you change, and start with 'comptoir serve --config FILE'.")

    func run() throws { print(Setting.exampleFile, terminator: "") }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: Swift.max(1, width - count)) }
}
